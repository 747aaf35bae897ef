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
from Modules.words.errors import UNEXPECTED, PipelineError
from Modules.words.spanish import corrida, inesperada, number

logger = logging.getLogger(__name__)
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
    """Run a story here and now; whatever ends it is part of the result."""
    start = datetime.now(UTC)
    try:
        begin()
        outcome = story()
    except PipelineError as err:
        outcome = Outcome(error=err)
    except Exception as err:  # noqa: BLE001 - told by its class, and logged in full
        return cut_short(start, err)
    return result_of(start, outcome)


def cut_short(start: datetime, fault: Exception) -> RunResult:
    """The result of a run that a fault of ours ends now: people read its class, the log has all."""
    mensaje = f"La corrida se cortó por una {inesperada(type(fault).__name__)}."
    logger.error("a fault of ours", exc_info=fault)
    corrida.error(mensaje)
    return _ended(start, Outcome(), _falla(fault, UNEXPECTED, mensaje))


def result_of(start: datetime, outcome: Outcome) -> RunResult:
    """The result of a run that ends now; its log says how it went."""
    error, falla = outcome.error, None
    seconds = number((max(start, datetime.now(UTC)) - start).total_seconds(), 1)
    if error is not None:
        falla = _falla(error, error.exit_code, mensaje_de_falla(error))
        corrida.error("La corrida falló a los %s s. %s", seconds, falla["mensaje"])
    elif outcome.aviso:
        corrida.warning("La corrida terminó con un aviso, en %s s: %s", seconds, outcome.aviso)
    else:
        corrida.info("La corrida terminó bien, en %s s.", seconds)
    return _ended(start, outcome, falla)


def _falla(error: Exception, exit_code: int, mensaje: str) -> dict[str, Any]:
    kind = type(error).__name__
    return {"kind": kind, "exit_code": exit_code, "detail": str(error), "mensaje": mensaje}


def _ended(start: datetime, outcome: Outcome, falla: dict[str, Any] | None) -> RunResult:
    return RunResult(
        start_time=f"{start:{UTC_Z}}",
        end_time=f"{max(start, datetime.now(UTC)):{UTC_Z}}",
        status="partial" if outcome.parcial else "ok" if falla is None else "error",
        data=dict(outcome.data),
        summary=outcome.markdown,
        error=falla,
    )
