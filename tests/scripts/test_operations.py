"""An operation as a Prefect task: what is tried again, at which pace; on a real server."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from Modules.integrations.tasks import PER_SECOND, Operation, call, limit_name
from Modules.orchestration import deploy
from tests.scripts.conftest import python_in


@pytest.mark.integration
def test_what_time_mends_is_tried_twice_more_a_refusal_never_and_two_runs_share_one_budget(
    prefect_api: str, tmp_path: Path
) -> None:
    """Four operations of two runs, at one a second on the server: the last begins 3 s on."""
    done = python_in(tmp_path, "-m", "tests.scripts.operations", PREFECT_API_URL=prefect_api)
    assert done.code == 0, done.err
    seen = json.loads(done.out.splitlines()[-1])
    assert seen["tried"] == {
        "twice": [3, "done"],
        "ApiUnavailable": [3, "ApiUnavailable"],
        "ApiAuth": [1, "ApiAuth"],
        "ApiRejected": [1, "ApiRejected"],
        "OutcomeUnknown": [1, "OutcomeUnknown"],
    }
    assert seen["took"] >= 2.5


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
        start, read = time.monotonic(), Operation("jira.issues.search")
        await asyncio.gather(*(call(read, str, "x") for _ in range(PER_SECOND["jira"] + 1)))
        return time.monotonic() - start

    assert asyncio.run(one_more_than_a_second_holds()) >= 0.99
