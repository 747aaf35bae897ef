"""Late nights on a real server: a scheduled run that begins after the limit runs, or is skipped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prefect.settings import PREFECT_HOME, temporary_settings

from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration.deployments import HELLO_WORLD
from tests.scripts.conftest import ask, python_in

pytestmark = pytest.mark.integration

ZONE = ZoneInfo("America/Argentina/Buenos_Aires")
EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Due:
    """A run that the schedule made, whose moment has passed and which nobody began."""

    id: str
    at: datetime

    def limit(self, seconds: float) -> str:
        """Local time of day some seconds after it was due, as LINDERO_LATE_AFTER takes it."""
        return f"{(self.at + timedelta(seconds=seconds)).astimezone(ZONE):%H:%M:%S}"


@pytest.fixture
def deployment(prefect_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Id of a deployment of the smallest flow, which is removed with its runs."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    with temporary_settings({PREFECT_HOME: tmp_path}):
        prefect_deploy.deploy_all([HELLO_WORLD])
    found = ask("GET", f"{prefect_api}/deployments/name/{HELLO_WORLD.full_name}")["id"]
    yield found
    for run in _runs(prefect_api, found):
        ask("DELETE", f"{prefect_api}/flow_runs/{run['id']}")
    ask("DELETE", f"{prefect_api}/deployments/{found}")


def _runs(api: str, deployment: str) -> list[dict[str, Any]]:
    body = {"deployments": {"id": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_ASC"}
    return ask("POST", f"{api}/flow_runs/filter", body)


def _two_due_runs(api: str, deployment: str) -> tuple[Due, Due]:
    """Let the scheduler make runs, and wait until the moments of two have passed."""
    schedule = {"interval": EVERY_S, "timezone": str(ZONE)}
    ask(
        "POST",
        f"{api}/deployments/{deployment}/schedules",
        [{"schedule": schedule, "active": True}],
    )
    deadline = time.monotonic() + 120
    while True:
        due = [
            Due(run["id"], datetime.fromisoformat(run["expected_start_time"]))
            for run in _runs(api, deployment)
        ]
        if len(due) >= 2 and due[1].at + timedelta(seconds=3) < datetime.now(ZONE):
            return due[0], due[1]
        assert time.monotonic() < deadline, f"the scheduler made {len(due)} runs"
        time.sleep(0.5)  # polling the server's scheduler, bounded by the deadline above


def _execute(api: str, folder: Path, run: str, **settings: str) -> dict[str, Any]:
    """Do what a worker's process does with a run; returns it as the server has it in the end."""
    ask("POST", f"{api}/flow_runs/{run}/set_state", {"state": {"type": "PENDING"}})
    told = {"PREFECT_API_URL": api, "PREFECT__FLOW_RUN_ID": run}
    done = python_in(folder, "-m", "prefect.engine", **told, **settings)
    ended = ask("GET", f"{api}/flow_runs/{run}")
    assert ended["state_type"] not in ("RUNNING", "PENDING", "SCHEDULED"), done.out + done.err
    return ended


def _summary(api: str, run: str) -> str:
    body = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": ["resumen-corrida"]}}}
    (artifact,) = ask("POST", f"{api}/artifacts/filter", body)
    return str(artifact["data"])


def test_a_late_run_is_skipped_or_runs_as_the_settings_say(
    prefect_api: str, deployment: str, tmp_path: Path
) -> None:
    first, second = _two_due_runs(prefect_api, deployment)

    skipped = _execute(
        *(prefect_api, tmp_path, first.id),
        LINDERO_LATE_AFTER=first.limit(1),
        LINDERO_LATE_RUNS="skip",
    )
    assert (skipped["state_type"], skipped["state_name"]) == ("CANCELLED", "Cancelled")
    message = skipped["state"]["message"]
    assert message.startswith("No corrió: llegó tarde.")
    assert "LINDERO_LATE_RUNS=run" in message
    assert f"{first.at.astimezone(ZONE):%H:%M}" in message
    assert "llegó tarde" in _summary(prefect_api, first.id)

    ran = _execute(*(prefect_api, tmp_path, second.id), LINDERO_LATE_AFTER=second.limit(1))
    assert ran["state_type"] == "COMPLETED"
    assert "**Corrió tarde.**" in _summary(prefect_api, second.id)
    assert "Hola, mundo" in _summary(prefect_api, second.id)

    _a_person_who_asks_again_is_not_turned_away(prefect_api, tmp_path, first)
    _a_run_within_the_limit_says_nothing(prefect_api, deployment, tmp_path)


def _a_person_who_asks_again_is_not_turned_away(api: str, folder: Path, skipped: Due) -> None:
    """ "Retry" in the UI: the same run, scheduled again."""
    state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
    ask("POST", f"{api}/flow_runs/{skipped.id}/set_state", {"state": state, "force": False})
    again = _execute(
        *(api, folder, skipped.id), LINDERO_LATE_AFTER=skipped.limit(1), LINDERO_LATE_RUNS="skip"
    )
    assert again["state_type"] == "COMPLETED", again["state"]


def _a_run_within_the_limit_says_nothing(api: str, deployment: str, folder: Path) -> None:
    run = ask("POST", f"{api}/deployments/{deployment}/create_flow_run", {})
    by_hand = _execute(
        api, folder, run["id"], LINDERO_LATE_AFTER="00:00:00", LINDERO_LATE_RUNS="skip"
    )
    assert by_hand["state_type"] == "COMPLETED"
    assert "tarde" not in _summary(api, run["id"])
