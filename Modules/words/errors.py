"""Every error we raise on purpose, named by what the caller does next.

* PipelineError              base; its ``exit_code`` is the one of the command line
  - SettingsError            2  fix the environment or the command; the run does not start
    - CampaniaUnknown        2  the portal has no such campaña
    - ApiAuth                2  the portal refuses the credentials
    - PromptInvalid          2  a prompt's file, or what it was given, is not what it declares
  - RunLocked                3  another run is on; wait for it
  - ApiUnavailable           4  timeout, 429, 5xx, broken connection: worth another try later
    - OutcomeUnknown         4  a write was sent and no answer came: look before it is sent again
    - StoreUnavailable       4  the database of the prompts does not answer
  - ApiRejected              1  any other 4xx, a redirect: a retry would repeat the answer
  - ApiContractChanged       1  not the shape we know: a person has to look
  - ApiIncomplete            1  the pages do not add up to what the portal declares
  - DataError                1  it arrived, but must not be published
    - NightRefused           1  the checks refused the night; the snapshot is in quarantine
    - SnapshotDamaged        1  a kept snapshot is not what its manifest says
    - AcceptancesUnreadable  1  who accepted a kept night cannot be read
  - PublishError             5  a destination could not be written
  - ProductError             1  a product could not be made; the others were
  - CampaniasFailed          *  of several campañas one or more failed; the others were done
  - EmpresasFailed           *  of the companies one or more failed; each of the others was done
  - TareasFailed             *  Google, Jira or a sheet kept issues from being made; run again
  - StackError               1  a process of the local stack does not start or does not answer
  - PromptFailed             1  a step of a prompt came to no output; ``cause`` is one word
    - BudgetSpent            1  the money of a run or a month is spent; nothing more is asked
  - TellingFailed            1  an alert or the outside watch could not be told; worth another try

Messages are Spanish, one line, and say what was wrong, where, and what to do; nouns are as in the
glossary, names of settings and keys as they are written. What only a programmer meets
(``ValueError``, logs) is English. They quote ids, resources and pages, never a body, a header or a
token.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

UNEXPECTED: Final = 70  # exit code of a fault of ours, that no error here foresees; the log has it


class PipelineError(Exception):
    exit_code: int = 1


class SettingsError(PipelineError):
    exit_code: int = 2


class CampaniaUnknown(SettingsError):
    """The portal has no such campaña."""


class ApiAuth(SettingsError):
    """The portal refuses the credentials, also after one renewal."""


class RunLocked(PipelineError):
    exit_code: int = 3


class ApiUnavailable(PipelineError):
    exit_code: int = 4


class OutcomeUnknown(ApiUnavailable):
    """A write was sent and its answer did not come: it may have been done."""


class StoreUnavailable(ApiUnavailable):
    """The database of the prompts does not answer, or is busy."""


class ApiRejected(PipelineError):
    """The portal refuses the request; the same request would be refused again."""


class ApiContractChanged(PipelineError):
    """The answer is not of the shape that the profile describes."""


class ApiIncomplete(PipelineError):
    """A walk has a gap, a twin, a loop or another total than declared, twice in a row."""


class DataError(PipelineError):
    """The data arrived, but must not be published."""


class NightRefused(DataError):
    """The checks refused the night; the snapshot is kept in quarantine.

    ``command`` is what accepts it, ready to be typed.
    """

    def __init__(self, message: str, command: str = "") -> None:
        super().__init__(message)
        self.command = command


class SnapshotDamaged(DataError):
    """A kept snapshot is not what its manifest says."""


class AcceptancesUnreadable(DataError):
    """``acceptances.jsonl`` cannot be read, and a kept night is accepted by nothing else."""


class PublishError(PipelineError):
    exit_code: int = 5


class ProductError(PipelineError):
    """One product or more could not be made; the others were made and published."""


class CampaniasFailed(PipelineError):
    """Of several campañas one or more failed; each of the others was done.

    Ends with the code that all ``errors`` (by campaña) have in common, else with 1.
    """

    def __init__(self, message: str, errors: Mapping[str, PipelineError] | None = None) -> None:
        super().__init__(message)
        self.errors = dict(errors or {})
        codes = {error.exit_code for error in self.errors.values()}
        self.exit_code = codes.pop() if len(codes) == 1 else 1


class EmpresasFailed(PipelineError):
    """Of the companies of an installation one or more failed; each of the others was done.

    Ends with the exit code that all of them have in common, else with 1.
    """

    def __init__(self, message: str, codes: Collection[int] = ()) -> None:
        super().__init__(message)
        self.exit_code = next(iter(codes)) if len(set(codes)) == 1 else 1


class TareasFailed(PipelineError):
    """Issues could not be made or told, all or some; a next run goes on and repeats none.

    Ends with the code of what kept them from it, if that is one error.
    """

    def __init__(self, message: str, cause: PipelineError | None = None) -> None:
        super().__init__(message)
        self.exit_code = 1 if cause is None else cause.exit_code


class StackError(PipelineError):
    """A process of the local stack does not start, or does not answer; its log says more."""


class TellingFailed(PipelineError):
    """Who should be told was not; ``told`` are the ways that did work."""

    told: tuple[str, ...] = ()


class PromptInvalid(SettingsError):
    """A prompt's file, or the input that it was given, is not what it declares."""


class PromptFailed(PipelineError):
    """A step came to no output.

    ``cause`` is one of rate_limited, timeout, unavailable, rejected, auth, truncated, not_json,
    schema, budget, tool_steps, cancelled; ``raw`` is what the model wrote last, as it came.
    """

    def __init__(self, message: str, cause: str = "", step: str = "", raw: str = "") -> None:
        super().__init__(message)
        self.cause, self.step, self.raw = cause, step, raw


class BudgetSpent(PromptFailed):
    """The money of a run or of a month is spent, or what was spent is not known."""

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(message, "budget", step)
