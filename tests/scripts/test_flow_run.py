"""How a run under Prefect ends: what the state says, and what whoever started it is given."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect import flow, tags
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from Modules.jobs.outcome import Outcome
from Modules.orchestration import flow_run
from Modules.orchestration.deployments import BACKUP
from Modules.orchestration.run_result import result_of
from Modules.orchestration.stages import StageInfo
from Modules.words.errors import ApiUnavailable
from Modules.words.spanish import corrida
from tests.scripts.conftest import ask

pytestmark = pytest.mark.integration


@flow(name="Con aviso", persist_result=False, flow_run_name="con-aviso")
def warned() -> flow_run.Ended:
    """A night that did its job, of a campaña that ended."""
    return flow_run.conclude(lambda: Outcome({"x": 1}, "# Bien", aviso="la 25/26 terminó"))


@flow(name="Intentos", persist_result=False)
def tried() -> int:
    """A flow with a stage that fails once for want of a portal."""
    tries: list[int] = []

    def work() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ApiUnavailable("el portal no contesta")
        return len(tries)

    return flow_run.as_task(StageInfo("Traer", retries=2), work)


def test_a_stage_of_a_deployment_is_tried_again_and_says_so_and_one_by_hand_is_not(
    prefect_api: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with temporary_settings({PREFECT_API_URL: prefect_api, PREFECT_HOME: tmp_path}):
        with pytest.raises(ApiUnavailable):
            tried()
        assert "otra vez" not in caplog.text
        monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "of-a-deployment")
        assert tried() == 2
    said = "Traer: no salió, y se intenta otra vez dentro de 0 min. el portal no contesta"
    assert said in caplog.messages


def test_the_log_of_a_run_says_how_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    start = datetime.now(UTC)
    with caplog.at_level("INFO", corrida.name):
        for outcome in (
            Outcome({}, ""),
            Outcome({}, "", aviso="la 25/26 terminó"),
            Outcome(error=ApiUnavailable("no contesta")),
        ):
            result_of(start, outcome)
    good, warned_of, bad = caplog.records
    assert good.getMessage() == "La corrida terminó bien, en 0,0 s."
    assert warned_of.getMessage().endswith("terminó con un aviso, en 0,0 s: la 25/26 terminó")
    assert bad.getMessage().startswith("La corrida falló a los 0,0 s. No se pudo llegar al portal")
    assert [one.levelname for one in caplog.records] == ["INFO", "WARNING", "ERROR"]


def test_a_run_that_has_to_be_told_of_is_completed_under_a_name_of_its_own(
    prefect_api: str, tmp_path: Path
) -> None:
    with temporary_settings({PREFECT_API_URL: prefect_api, PREFECT_HOME: tmp_path}):
        result = flow_run.run_here(warned, {})
    assert (result["status"], result["data"], result["error"]) == ("ok", {"x": 1}, None)
    body = {"flow_runs": {"name": {"any_": ["con-aviso"]}}}
    (run,) = ask("POST", f"{prefect_api}/flow_runs/filter", body)
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", flow_run.CON_AVISO)
    assert run["state"]["message"] == "la 25/26 terminó"


def test_a_run_through_the_deployment_of_the_other_mode_ends_cancelled_and_names_the_right_one(
    prefect_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where `prefect deploy` made the deployment, which cannot fix its parameter."""

    @flow(name=BACKUP.flow, persist_result=False, flow_run_name="del-otro-modo")
    def night(test: bool = False) -> flow_run.Ended:
        return flow_run.conclude(lambda: Outcome({}, f"# test={test}"))

    settings = temporary_settings({PREFECT_API_URL: prefect_api, PREFECT_HOME: tmp_path})
    with settings, tags(*BACKUP.tags):
        by_hand = night(test=True, return_state=True)
        monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "of-a-deployment")
        of_the_night = night(test=False, return_state=True)
        trial = night(test=True, return_state=True)
    assert [one.type.value for one in (by_hand, of_the_night)] == ["COMPLETED"] * 2
    assert trial.type.value == "CANCELLED"
    assert "backup-lotes-prueba" in str(trial.message)
