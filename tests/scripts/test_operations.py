"""An operation as a Prefect task: what is tried again, at which pace; on a real server."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from Modules.integrations.tasks import PER_SECOND, call, limit_name
from Modules.orchestration import deploy
from Modules.orchestration.flow_run import CON_AVISO, RESUMEN_KEY
from tests.scripts.conftest import ask, python_in


@pytest.fixture(scope="module")
def ran(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What ``operations.py`` saw, a line each."""
    folder = tmp_path_factory.mktemp("operations")
    done = python_in(folder, "-m", "tests.scripts.operations", PREFECT_API_URL=prefect_api)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines() if line.startswith("{")]


@pytest.mark.integration
def test_what_time_mends_is_tried_twice_more_a_refusal_never_and_two_runs_share_one_budget(
    ran: list[dict[str, Any]],
) -> None:
    """Four operations of two runs, at one a second on the server: the last begins 3 s on."""
    assert ran[2]["tried"] == {
        "twice": [3, "done"],
        "ApiUnavailable": [3, "ApiUnavailable"],
        "ApiAuth": [1, "ApiAuth"],
        "ApiRejected": [1, "ApiRejected"],
        "OutcomeUnknown": [1, "OutcomeUnknown"],
    }
    assert ran[2]["took"] >= 2.5


@pytest.mark.integration
@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("parte-con-aviso", ("COMPLETED", CON_AVISO), "2 filas no"),
        ("parte-con-error", ("FAILED", "Failed"), "Jira no tomó 2 filas"),
    ],
)
def test_a_story_that_did_a_part_never_ends_as_one_that_did_all(
    ran: list[dict[str, Any]], prefect_api: str, name: str, state: tuple[str, str], said: str
) -> None:
    result = ran[("parte-con-aviso", "parte-con-error").index(name)]
    assert (result["status"], result["data"]) == ("partial", {"x": 1})
    assert bool(result["error"]) is (name == "parte-con-error")
    assert result["end_time"] >= result["start_time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", result["end_time"])
    runs = {"flow_runs": {"name": {"any_": [name]}}}
    (run,) = ask("POST", f"{prefect_api}/flow_runs/filter", runs)
    assert (run["state_type"], run["state_name"]) == state
    assert run["state"]["message"].endswith(said)
    its = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    (shown,) = ask("POST", f"{prefect_api}/artifacts/filter", its)
    assert shown["key"] == RESUMEN_KEY


@pytest.mark.integration
def test_deploying_makes_the_limits_and_leaves_what_the_operator_set(
    prefect_api: str, tmp_path: Path
) -> None:
    ours = temporary_settings({PREFECT_API_URL: prefect_api, PREFECT_HOME: tmp_path})
    with ours, get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(limit_name("google"), 1, 0.5)
        deploy.ensure_limits()
        held = {
            api: client.read_global_concurrency_limit_by_name(limit_name(api)) for api in PER_SECOND
        }
        for one in held.values():
            client.delete_global_concurrency_limit_by_name(one.name)
    assert {api: (one.limit, one.slot_decay_per_second) for api, one in held.items()} == {
        "google": (1, 0.5),
        "jira": (8, 8.0),
    }


def test_without_a_server_a_process_paces_itself() -> None:
    async def one_more_than_a_second_holds() -> float:
        start, read = time.monotonic(), "jira.issues.search"
        await asyncio.gather(*(call(read, str, "x") for _ in range(PER_SECOND["jira"] + 1)))
        return time.monotonic() - start

    assert asyncio.run(one_more_than_a_second_holds()) >= 0.99
