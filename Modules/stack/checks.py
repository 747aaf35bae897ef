"""Whether the processes of the stack do their work, asked from outside.

The scheduler of ``services`` is seen at work in two places. Docket keeps in Redis when the two
rounds that make scheduled runs are due next: a process that is gone, stopped or hung leaves them in
the past. And the API says whether every schedule has runs ahead of it: rounds that come and fail
leave it without any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import redis as redis_client
import requests

from Modules.stack.databases import ask
from Modules.stack.plan import DOCKET_DB, Api, Database, Redis
from Modules.words.errors import SettingsError, StackError

ROUNDS: Final = ("schedule_deployments", "schedule_recent_deployments")  # every 60 s and every 5 s
OVERDUE_S: Final = 90.0
NEW_SCHEDULE_S: Final = 180.0  # the scheduler comes by within seconds; a busy machine takes longer
_SOON_S: Final = 30 * 86_400.0
_DOCKET: Final = "prefect"  # the name that Prefect's services give to theirs
_TIMEOUT_S: Final = 5.0
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Health:
    """What was found, in a few Spanish words."""

    ok: bool
    text: str


WELL: Final = Health(ok=True, text="responde")


def ill(text: str) -> Health:
    """It does not do its work, and why."""
    return Health(ok=False, text=text)


def server(api_url: str) -> Health:
    """The server answers, and so does its database."""
    return _get(f"{api_url}/ready")


def worker(port: int) -> Health:
    """The worker has asked for work lately."""
    return _get(f"http://127.0.0.1:{port}/health")


def postgres(database: Database) -> Health:
    """PostgreSQL lets us in and answers."""
    try:
        ask(database)
    except SettingsError:
        return ill("no acepta PREFECT_POSTGRES_PASSWORD")
    except StackError:
        return ill("no responde")
    return WELL


def redis(address: Redis) -> Health:
    """Redis lets us in and answers."""
    try:
        with _redis(address, 0) as client:
            client.ping()
    except redis_client.AuthenticationError:
        return ill("no acepta PREFECT_REDIS_MESSAGING_PASSWORD")
    except redis_client.RedisError as err:
        return _silent(err)
    return WELL


def services(address: Redis, api: Api, now: datetime) -> Health:
    """The scheduler's rounds come, and every schedule has runs ahead of it."""
    try:
        with _redis(address, DOCKET_DB) as client:
            said = {name: client.hget(f"{_DOCKET}:runs:{name}", "when") for name in ROUNDS}
    except redis_client.RedisError as err:
        return ill(f"Redis no responde ({type(err).__name__})")
    due = {name: None if when is None else float(when) for name, when in said.items()}
    fault = fault_of_rounds(due, now)
    return ill(fault) if fault else schedules(api, now)


def schedules(api: Api, now: datetime) -> Health:
    """Every schedule has runs ahead of it; where the API is silent, that is another's fault."""
    try:
        with _session(api) as session:
            bare = [
                name
                for name, deployment_id in scheduled(_deployments(session, api), now)
                if not _runs_ahead(session, api, deployment_id, now)
            ]
    except (requests.RequestException, ValueError) as err:
        return Health(ok=True, text=f"planifica (la API no responde: {type(err).__name__})")
    if bare:
        return ill(f"el planificador no agenda corridas de {', '.join(sorted(bare))}")
    return Health(ok=True, text="planifica")


def fault_of_rounds(due: Mapping[str, float | None], now: datetime) -> str | None:
    """What is wrong with rounds that are due at these moments (seconds since 1970)."""
    missing = [name for name, when in due.items() if when is None]
    if missing:
        return f"el planificador no tiene turno ({missing[0]}); reiniciar services"
    late_s = max(now.timestamp() - when for when in due.values() if when is not None)
    return f"el planificador lleva {late_s:.0f} s sin pasar" if late_s > OVERDUE_S else None


def scheduled(deployments: list[dict[str, Any]], now: datetime) -> Iterator[tuple[str, str]]:
    """Name and id of the deployments that must have runs ahead of them by now."""
    for deployment in deployments:
        if not deployment.get("paused") and any(
            _must_run(schedule, now) for schedule in deployment.get("schedules") or ()
        ):
            yield str(deployment["name"]), str(deployment["id"])


def _must_run(schedule: Mapping[str, Any], now: datetime) -> bool:
    """Whether it is on, not new, and has a run within 100 days, as far ahead as any is made.

    One that names a month has not always, and an rrule may be over.
    """
    since = max(_moment(schedule.get("created")), _moment(schedule.get("updated")))
    if not schedule.get("active") or (now - since).total_seconds() <= NEW_SCHEDULE_S:
        return False
    times = schedule.get("schedule") or {}
    cron, interval = times.get("cron"), times.get("interval")
    if isinstance(cron, str):
        return cron.split()[3:4] == ["*"]
    return interval is not None and float(interval) <= _SOON_S


def _moment(text: object) -> datetime:
    return datetime.fromisoformat(text) if isinstance(text, str) else datetime.fromtimestamp(0, UTC)


def _deployments(session: requests.Session, api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = _post(session, api, "deployments/filter", {"limit": _PAGE, "offset": len(found)})
        found += page
        if len(page) < _PAGE:
            return found


def _runs_ahead(session: requests.Session, api: Api, deployment_id: str, now: datetime) -> int:
    question = {
        "deployments": {"id": {"any_": [deployment_id]}},
        "flow_runs": {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "next_scheduled_start_time": {"after_": now.isoformat()},
        },
    }
    return int(_post(session, api, "flow_runs/count", question))


def _post(session: requests.Session, api: Api, path: str, question: Mapping[str, Any]) -> Any:
    answer = session.post(f"{api.url}/{path}", json=question, timeout=_TIMEOUT_S)
    answer.raise_for_status()
    return answer.json()


def _get(url: str) -> Health:
    try:
        with _session() as session:
            answer = session.get(url, timeout=_TIMEOUT_S)
    except requests.RequestException as err:
        return _silent(err)
    return WELL if answer.ok else ill(f"responde {answer.status_code}")


@contextmanager
def _session(api: Api | None = None) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between the processes of one machine
        if api is not None:
            user, _, password = api.auth.partition(":")
            session.auth = (user, password)
        yield session


@contextmanager
def _redis(address: Redis, db: int) -> Iterator[redis_client.Redis]:
    client = redis_client.Redis(
        host=address.host,
        port=address.port,
        password=address.password,
        db=db,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
    )
    try:
        yield client
    finally:
        client.close()


def _silent(err: Exception) -> Health:
    return ill(f"no responde ({type(err).__name__})")
