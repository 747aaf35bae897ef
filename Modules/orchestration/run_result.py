"""What every run returns, with Prefect around it or without."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict

from Modules.jobs.outcome import Outcome
from Modules.orchestration.failure import mensaje_de_falla
from Modules.settings import Settings, load_settings
from Modules.words.errors import PipelineError

logger = logging.getLogger(__name__)


class RunResult(TypedDict):
    """What every flow returns: small and JSON-able; times are RFC 3339 in UTC."""

    start_time: str
    end_time: str
    status: str  # "ok" or "error"
    data: dict[str, Any]
    summary: str
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Falla:
    """An error as the result carries it."""

    kind: str
    exit_code: int
    detail: str  # English, one line
    mensaje: str = field(repr=False)  # Spanish: what happened, what is intact, what to do


def begin() -> Settings:
    """The settings of a run that begins; our loggers say as much as they ask for.

    Raises:
        SettingsError: a value is wrong.
    """
    settings = load_settings()
    logging.getLogger("Modules").setLevel(settings.lindero_log_level)
    return settings


def run_plain(story: Callable[[], Outcome]) -> RunResult:
    """Run a story here and now; an error of ours is part of the result, any other goes up."""
    start = datetime.now(UTC)
    try:
        begin()
        outcome = story()
    except PipelineError as err:
        outcome = failed(err)
    return result_of(start, outcome)


def failed(error: PipelineError) -> Outcome:
    """The outcome of a run that an error ended."""
    return Outcome(data={}, markdown="", error=error)


def result_of(start: datetime, outcome: Outcome) -> RunResult:
    """The result of a run that ends now; an error is told in the log too."""
    falla = None if outcome.error is None else _falla(outcome.error)
    if falla is not None:
        logger.error("%s: %s", falla.kind, falla.detail)
    return RunResult(
        start_time=start.isoformat(timespec="seconds"),
        end_time=datetime.now(UTC).isoformat(timespec="seconds"),
        status="ok" if falla is None else "error",
        data=dict(outcome.data),
        summary=outcome.markdown,
        error=None if falla is None else asdict(falla),
    )


def _falla(error: PipelineError) -> Falla:
    return Falla(
        kind=type(error).__name__,
        exit_code=error.exit_code,
        detail=str(error),
        mensaje=mensaje_de_falla(error),
    )
