"""Cases run and judged, by the answers that are written in them or by the models themselves.

``judge_all`` takes the written answers: no network, no key, no cost. ``answered`` runs any trials
through pydantic-evals, so many at a time, begun in their order. What is not as it should be is told
in Spanish, a part for each thing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final

from pydantic_evals import Case as EvalsCase
from pydantic_evals import Dataset
from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext

from Modules.prompts.calls.asking import JSON, MISSING, Ask, Caller, CallRecord, Reply, Tool
from Modules.prompts.calls.engine import Budgets, Journal, MemoryJournal, run_bundle
from Modules.prompts.calls.reply import read, refused
from Modules.prompts.files.bundle import Bundle, bundle_of
from Modules.prompts.files.models import Case, Check, Eval
from Modules.prompts.files.reading import Library
from Modules.words.errors import PipelineError, PromptFailed, SettingsError
from Modules.words.spanish import cut

_ENV: Final = "dev"
_STOPS: Final = frozenset({"auth", "budget", "cancelled"})  # the next case would end in the same
_SHOWN: Final = 80  # characters of a value
_WANTED: Final[Mapping[str, str]] = {
    "equals": "se esperaba",
    "one_of": "se esperaba uno de",
    "contains": "tenía que contener",
    "not_contains": "no tenía que contener",
    "matches": "tenía que cumplir",
    "number_within": "se esperaba un número en",
    "max_words": "las palabras tenían que ser a lo sumo",
    "schema_": "tenía que ser de la forma",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A case of an eval; ``wrong`` says what is not as expected, empty where it passed."""

    eval: str
    case: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One case, once, by one version. ``checks`` are those of every case of its eval."""

    case: Case
    bundle: Bundle
    checks: tuple[Check, ...] = ()
    books: Journal | None = None  # where its calls are kept beside


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a trial; ``wrong`` is empty where it passed, ``latency_s`` that of the run."""

    output: JSON
    failed: PipelineError | None
    calls: tuple[CallRecord, ...]
    latency_s: float
    wrong: str = ""

    @property
    def cause(self) -> str:
        return self.failed.cause if isinstance(self.failed, PromptFailed) else ""


@dataclass(repr=False)
class _AsExpected(Evaluator[Trial, Ran, None]):
    def evaluate(self, ctx: EvaluatorContext[Trial, Ran, None]) -> EvaluationReason:
        trial, ran, wanted = ctx.inputs, ctx.output, ctx.inputs.case.fails
        if ran.failed is None and not wanted:
            wrong = wrong_with(ran.output, _checks_of(trial))
        elif ran.failed is None:
            wrong = f"terminó bien, y tenía que terminar en {wanted}"
        elif wanted and wanted == ran.cause:
            wrong = ""
        else:
            wrong = f"terminó en {ran.cause}: {ran.failed}" if ran.cause else str(ran.failed)
        return EvaluationReason(value=not wrong, reason=wrong)


def evals_of(library: Library, name: str | None) -> list[Eval]:
    """The evals of a name, or of the prompt of that name, or all.

    Raises:
        SettingsError: there is none.
    """
    chosen = [one for one in library.evals.values() if name in (None, one.name, one.of)]
    if not chosen:
        there = ", ".join(sorted(library.evals)) or "ninguno"
        raise SettingsError(f"no hay casos de {name or 'ningún prompt'}; hay: {there}")
    return chosen


def judge_all(library: Library, name: str | None = None) -> list[Judged]:
    """Every case of an eval, or of all; of a library that passed ``validate``."""
    named = [(one, case) for one in evals_of(library, name) for case in one.cases]
    trials = [Trial(case, bundle_of(library, one.of), one.checks) for one, case in named]
    free = Budgets()  # a written answer costs nothing
    run = answered(trials, lambda trial: Recorded(trial.case.answers), env=_ENV, budgets=free)
    return [
        Judged(one.name, case.name, ran.wrong)
        for (one, case), ran in zip(named, asyncio.run(run), strict=True)
    ]


async def answered(
    trials: Sequence[Trial],
    caller_for: Callable[[Trial], Caller],
    *,
    env: str,
    tools: Sequence[Tool] = (),
    budgets: Budgets | None = None,
    at_once: int = 1,
    stop: bool = False,
) -> list[Ran]:
    """What became of each trial, in their order.

    Raises:
        PipelineError: where ``stop`` is asked for: the first error that is no verdict on a prompt
            (a key, a budget, an input that a version does not take); no further trial begins.
    """
    ended: list[PipelineError] = []

    async def run(trial: Trial) -> Ran:
        journal, begun = MemoryJournal(trial.books), perf_counter()
        failed, output = (ended[0] if ended else None), None
        if failed is None:
            try:
                output = await run_bundle(
                    trial.bundle, trial.case.input, env=env, caller=caller_for(trial),
                    journal=journal, tools=tools, budgets=budgets,
                )  # fmt: skip
            except PipelineError as err:
                failed = err
                if stop and (not isinstance(err, PromptFailed) or err.cause in _STOPS):
                    ended.append(err)
        return Ran(output, failed, tuple(journal.calls), perf_counter() - begun)

    cases = [EvalsCase(name=str(at), inputs=one) for at, one in enumerate(trials)]
    dataset = Dataset[Trial, Ran, None](name="casos", cases=cases, evaluators=[_AsExpected()])
    report = await dataset.evaluate(run, max_concurrency=at_once, progress=False)
    if ended:
        raise ended[0]
    broken = [one.error_stacktrace for one in report.failures]
    broken += [one.error_stacktrace for case in report.cases for one in case.evaluator_failures]
    if broken:  # a fault of ours: errors that are foreseen came back in a Ran
        raise RuntimeError(broken[0])
    by_name = {one.name: one for one in report.cases}
    return [
        replace(one.output, wrong=one.assertions[_AsExpected.__name__].reason or "")
        for one in (by_name[case.name] for case in cases if case.name is not None)
    ]


class Recorded:
    """Of each step its answers in order: a text as a model writes it, or ``{"fault": cause}``."""

    def __init__(self, answers: Mapping[str, Sequence[Any]]) -> None:
        self._left = {step: list(said) for step, said in answers.items()}

    async def __call__(
        self, ask: Ask, *, record: Callable[[CallRecord], None], allow: Callable[[], None]
    ) -> Reply:
        attempt, repairing = 0, False
        while True:
            await asyncio.to_thread(allow)
            left, attempt = self._left.get(ask.step) or [{"fault": "unavailable"}], attempt + 1
            said = left.pop(0)
            found = None if isinstance(said, Mapping) else read(ask, said)
            outcome, model = said["fault"] if found is None else found.outcome, ask.model
            one = CallRecord(
                ask.step, attempt, model.alias, model.model, model.provider, None, None, None, None,
                0.0, outcome, datetime.now(UTC),
            )  # fmt: skip
            await asyncio.to_thread(record, one)
            if found is None:
                told = f"{ask.step}: falla escrita en el caso, o falta su respuesta {attempt}"
                raise PromptFailed(told, outcome, ask.step)
            if found.outcome == "ok":
                return Reply(found.output, said)
            if repairing:
                raise found.failure(ask.step)
            repairing = True


def _checks_of(trial: Trial) -> list[Check]:
    """All checks of a case; ``expect`` is short for ``equals``."""
    expected = trial.case.expect.items()
    equal = [Check.model_validate({"at": key, "equals": value}) for key, value in expected]
    return [*equal, *trial.case.checks, *trial.checks]


def wrong_with(output: JSON, checks: Iterable[Check]) -> str:
    """What of an output is not as its checks say; empty if it is."""
    said = []
    for check in checks:
        found = output
        for part in check.at.split(".") if check.at else ():
            found = found.get(part, MISSING) if isinstance(found, Mapping) else MISSING
        if found is MISSING:
            said.append(f"falta {check.at}")
        elif not _holds(found, check):
            wanted = getattr(check, check.way)
            shown = repr(dict(wanted) if check.way == "number_within" else wanted)
            what = f"{check.at or 'la salida'} es {cut(repr(found), _SHOWN)}"
            said.append(f"{what}, {_WANTED[check.way]} {cut(shown, _SHOWN)}")
    return "; ".join(said)


def _holds(found: JSON, check: Check) -> bool:
    """Equality is that of JSON Schema: 1 is 1.0 and is not true."""
    match check.way:
        case "equals":
            return not refused(found, {"const": check.equals})
        case "one_of":
            return not refused(found, {"enum": list(check.one_of)})
        case "contains":
            return isinstance(found, str | list) and check.contains in found
        case "not_contains":
            return isinstance(found, str | list) and check.not_contains not in found
        case "matches":
            return isinstance(found, str) and check.finds(found)
        case "max_words":
            return isinstance(found, str) and len(found.split()) <= check.max_words
        case "number_within" if (span := check.number_within) is not None:
            limits = {"type": "number", "minimum": span.min, "maximum": span.max}
            return not refused(found, limits)
    return not refused(found, check.schema_)
