"""How a run under Prefect ends: what the state says, and what whoever started it is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from Modules.jobs.outcome import Outcome
from Modules.orchestration import flow_run
from Modules.orchestration.alerts import CON_AVISO
from tests.scripts.conftest import ask

pytestmark = pytest.mark.integration


@flow(name="Con aviso", persist_result=False, flow_run_name="con-aviso")
def warned() -> flow_run.Ended:
    """A night that did its job, of a campaña that ended."""
    return flow_run.conclude(lambda: Outcome({"x": 1}, "# Bien", aviso="la 25/26 terminó"))


def test_a_run_that_has_to_be_told_of_is_completed_under_a_name_of_its_own(
    prefect_api: str, tmp_path: Path
) -> None:
    with temporary_settings({PREFECT_API_URL: prefect_api, PREFECT_HOME: tmp_path}):
        result = flow_run.run_here(warned, {})
    assert (result["status"], result["data"], result["error"]) == ("ok", {"x": 1}, None)
    body = {"flow_runs": {"name": {"any_": ["con-aviso"]}}}
    (run,) = ask("POST", f"{prefect_api}/flow_runs/filter", body)
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", CON_AVISO)
    assert run["state"]["message"] == "la 25/26 terminó"
