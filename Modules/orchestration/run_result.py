"""What every run returns, with Prefect around it or without."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypedDict

from Modules.jobs.code_version import check_packages
from Modules.jobs.outcome import Outcome
from Modules.orchestration.failure import mensaje_de_falla
from Modules.settings import Settings, load_settings
from Modules.words.errors import PipelineError
from Modules.words.spanish import corrida, number

UTC_Z = "%Y-%m-%dT%H:%M:%SZ"


class RunResult(TypedDict):
    """What every flow returns: small and JSON-able; times are RFC 3339 in UTC, with Z."""

    start_time: str
    end_time: str
    status: str  # "ok", "partial" where a part was done, or "error"
    data: dict[str, Any]
    summary: str
    error: dict[str, Any] | None  # kind, exit_code, detail (English) and mensaje (Spanish)


def begin() -> Settings:
    """The settings of a run that begins; our loggers say as much as they ask for.

    Raises:
        SettingsError: a value is wrong, or the packages are not those of the code.
    """
    check_packages()
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
    """The result of a run that ends now; its log says how it went."""
    error, falla, end = outcome.error, None, max(start, datetime.now(UTC))
    seconds = number((end - start).total_seconds(), 1)
    if error is not None:
        falla = {
            "kind": type(error).__name__,
            "exit_code": error.exit_code,
            "detail": str(error),
            "mensaje": mensaje_de_falla(error),
        }
        corrida.error("La corrida falló a los %s s. %s", seconds, falla["mensaje"])
    elif outcome.aviso:
        corrida.warning("La corrida terminó con un aviso, en %s s: %s", seconds, outcome.aviso)
    else:
        corrida.info("La corrida terminó bien, en %s s.", seconds)
    return RunResult(
        start_time=f"{start:{UTC_Z}}",
        end_time=f"{end:{UTC_Z}}",
        status="partial" if outcome.parcial else "ok" if error is None else "error",
        data=dict(outcome.data),
        summary=outcome.markdown,
        error=falla,
    )
