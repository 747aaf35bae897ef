"""What the health checks of the stack make of what they find."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from Modules.stack import checks as stack_health
from Modules.stack.checks import OVERDUE_S, fault_of_rounds, scheduled
from Modules.stack.plan import RECENT, ROUNDS, Api, Database, Redis

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG_AGO = (NOW - timedelta(days=1)).isoformat()
MAIN = "schedule_deployments"
CRON = {"cron": "0 3 * * *", "timezone": "America/Argentina/Buenos_Aires"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _deployment(**more: Any) -> dict[str, Any]:
    schedule = {"active": True, "schedule": CRON, "created": LONG_AGO, "updated": LONG_AGO}
    schedule |= {key: more.pop(key) for key in list(more) if key in schedule}
    return {"id": "1", "name": "backup", "paused": False, "schedules": [schedule], **more}


def test_rounds_that_are_due_soon_or_a_moment_ago_are_well() -> None:
    due = {MAIN: NOW.timestamp() + 40, RECENT: NOW.timestamp() - 5}

    assert fault_of_rounds(due, NOW) is None


def test_rounds_long_past_are_a_scheduler_that_stopped() -> None:
    due = {MAIN: NOW.timestamp() + 40, RECENT: NOW.timestamp() - OVERDUE_S - 30}

    assert fault_of_rounds(due, NOW) == "el planificador lleva 120 s sin pasar"


def test_rounds_that_redis_does_not_know_are_a_fault() -> None:
    assert "no tiene turno" in (fault_of_rounds(dict.fromkeys(ROUNDS), NOW) or "")


def test_rounds_that_the_process_before_left_are_not_those_of_a_new_one() -> None:
    """``up`` said after two seconds that services worked, by what stood in Redis."""
    since = NOW.timestamp()
    for left_s in (-30, 0, ROUNDS[RECENT]):  # it died long ago, or the moment that it had planned
        due = {MAIN: since + 40, RECENT: since + left_s}
        assert fault_of_rounds(due, NOW, since) == "el planificador no hizo todavía ninguna ronda"
    made = {MAIN: since + 40, RECENT: since + 3 + ROUNDS[RECENT]}
    assert fault_of_rounds(made, NOW + timedelta(seconds=3), since) is None


def test_a_schedule_must_have_runs_ahead_once_it_is_not_new() -> None:
    just_now = (NOW - timedelta(seconds=20)).isoformat()

    assert list(scheduled([_deployment()], NOW)) == [("backup", "1")]
    assert list(scheduled([_deployment(updated=just_now)], NOW)) == []


@pytest.mark.parametrize(
    ("schedule", "must"),
    [
        ({"cron": "0 3 1 * *"}, True),
        ({"interval": 86400.0}, True),
        ({"cron": "0 3 1 7 *"}, False),
        ({"cron": "@yearly"}, False),
        ({"interval": 365 * 86400.0}, False),
    ],
)
def test_a_run_farther_off_than_the_scheduler_looks_is_not_missed(
    schedule: dict[str, Any], must: bool
) -> None:
    """A yearly flow of the users made services unhealthy, and with it the worker never started."""
    assert bool(list(scheduled([_deployment(schedule=schedule)], NOW))) is must


def test_what_is_paused_or_has_no_endless_schedule_need_have_no_runs() -> None:
    rrule = {"rrule": "FREQ=DAILY;COUNT=3"}

    for deployment in (
        _deployment(paused=True),
        _deployment(active=False),
        _deployment(schedule=rrule),
        _deployment(schedules=[]),
    ):
        assert list(scheduled([deployment], NOW)) == []


def test_nobody_at_the_other_end_is_ill_and_no_secret_is_shown() -> None:
    port = _free_port()
    database = Database("prefect", "p@ss/w:rd-long", "127.0.0.1", port, "prefect")
    redis = Redis("127.0.0.1", port, "p@ss/w:rd-long")
    api = Api(f"http://127.0.0.1:{port}/api", "admin:p@ss/w:rd-long")

    found = [
        stack_health.server(api.url),
        stack_health.worker(port),
        stack_health.postgres(database),
        stack_health.redis(redis),
        stack_health.services(redis, api, NOW),
    ]

    assert found[-1].text.startswith("Redis no responde (")
    assert not any(health.ok for health in found)
    assert "p@ss" not in " ".join(health.text for health in found)
