"""Whether the processes of the stack do their work, asked from outside.

The scheduler of ``services`` is seen at work in two places. Docket keeps in Redis when the two
rounds that make scheduled runs are due next: a process that is gone, stopped or hung leaves them in
the past, and one that has just begun finds there what the one before it left: its own is a round
that is due later than any that was left can be. And the API says whether every schedule has runs
ahead of it: rounds that come and fail leave it without any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from Modules.orchestration.prefect_api import NOT_PREFECT, OTRA_COSA, PrefectServer, ServerSilent
from Modules.stack.pings import RedisRefused, ask_redis
from Modules.stack.plan import RECENT, ROUNDS, Api, Database, Redis
from Modules.words.errors import SettingsError, StackError

OVERDUE_S: Final = 90.0
_START_S: Final = 1.0  # so far apart two clocks may put one start
NEW_SCHEDULE_S: Final = 180.0  # the scheduler comes by within seconds; a busy machine takes longer
_SOON_S: Final = 30 * 86_400.0
_DOCKET: Final = "prefect"  # the name that Prefect's services give to theirs
_PAGE: Final = 200
_KEY: Final = "lindero:vigia"  # written to see that Redis still writes; it goes by itself
_KEPT_S: Final = "300"


@dataclass(frozen=True, slots=True)
class Health:
    """What was found, in a few Spanish words."""

    ok: bool
    text: str


WELL: Final = Health(ok=True, text="responde")


def ill(text: str) -> Health:
    return Health(ok=False, text=text)


def server(api_url: str, redis_too: Redis | None = None) -> Health:
    """The server answers, and so does its database; and Redis, without which no run ends well."""
    health = _get(PrefectServer(api_url), "/ready")
    if not health.ok or redis_too is None:
        return health
    below = redis(redis_too)
    return health if below.ok else ill(f"responde, pero Redis {below.text}")


def worker(port: int) -> Health:
    """The worker has asked for work lately."""
    return _get(PrefectServer(f"http://127.0.0.1:{port}"), "/health")


def postgres(database: Database) -> Health:
    """PostgreSQL lets us in and answers."""
    from Modules.stack.databases import ask  # late: it brings asyncio

    try:
        ask(database)
    except SettingsError:
        return ill("no acepta PREFECT_POSTGRES_PASSWORD")
    except StackError:
        return ill("no responde")
    return WELL


def redis(address: Redis) -> Health:
    """Redis lets us in, writes and reads; where a key is not allowed to us, it answers."""
    mark = datetime.now(UTC).isoformat()
    try:
        try:
            _, found = ask_redis(address, ("SET", _KEY, mark, "EX", _KEPT_S), ("GET", _KEY))
        except RedisRefused as err:
            if not str(err).startswith("NOPERM"):
                raise
            ask_redis(address, ("PING",))
            return WELL
    except ServerSilent as err:
        return ill(_fault_of_redis(err))
    return WELL if found == mark else ill("no guarda lo que se le escribe")


def services(address: Redis, api: Api | None, now: datetime, since: float | None = None) -> Health:
    """The scheduler's rounds come, and every schedule has runs ahead of it, where ``api`` tells.

    ``since``: when the process began, in seconds since 1970; a round must have been made by it.
    """
    try:
        asked = (("HGET", f"{_DOCKET}:runs:{name}", "when") for name in ROUNDS)
        said = dict(zip(ROUNDS, ask_redis(address, *asked, db=address.docket_db), strict=True))
    except ServerSilent as err:
        return ill(f"Redis {_fault_of_redis(err)}")
    due = {name: None if when is None else float(when) for name, when in said.items()}
    fault = fault_of_rounds(due, now, since)
    if fault or api is None:
        return ill(fault) if fault else WELL
    return schedules(api, now)


def schedules(api: Api, now: datetime) -> Health:
    """Every schedule has runs ahead of it; where the API is silent, that is another's fault."""
    server = PrefectServer(api.url, api.auth or None)
    try:
        bare = [
            name
            for name, deployment_id in scheduled(_deployments(server), now)
            if not _runs_ahead(server, deployment_id, now)
        ]
    except ServerSilent as err:
        return Health(ok=True, text=f"planifica (la API {err})")
    except NOT_PREFECT:
        return Health(ok=True, text=f"planifica (la API {OTRA_COSA})")
    if bare:
        return ill(f"el planificador no agenda corridas de {', '.join(sorted(bare))}")
    return Health(ok=True, text="planifica")


def fault_of_rounds(
    due: Mapping[str, float | None], now: datetime, since: float | None = None
) -> str | None:
    """What is wrong with rounds that are due at these moments (seconds since 1970).

    The process before may have left one due ``ROUNDS[RECENT]`` seconds after ``since``, no later.
    """
    missing = [name for name, when in due.items() if when is None]
    if missing:
        return f"el planificador no tiene turno ({missing[0]}); reiniciar services"
    if since is not None and (due[RECENT] or 0) <= since + ROUNDS[RECENT] + _START_S:
        return "el planificador no hizo todavía ninguna ronda"
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


def _deployments(server: PrefectServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = server.ask("/deployments/filter", {"limit": _PAGE, "offset": len(found)})
        found += page
        if len(page) < _PAGE:
            return found


def _runs_ahead(server: PrefectServer, deployment_id: str, now: datetime) -> int:
    question = {
        "deployments": {"id": {"any_": [deployment_id]}},
        "flow_runs": {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "next_scheduled_start_time": {"after_": now.isoformat()},
        },
    }
    return int(server.ask("/flow_runs/count", question))


def _get(server: PrefectServer, path: str) -> Health:
    try:
        found = server.ask(path)
    except ServerSilent as err:
        return ill(str(err))
    return WELL if found is not None else ill(OTRA_COSA)


def _fault_of_redis(err: ServerSilent) -> str:
    if not isinstance(err, RedisRefused):
        return str(err)
    if str(err).startswith(("WRONGPASS", "NOAUTH", "ERR AUTH")):
        return "no acepta PREFECT_REDIS_MESSAGING_PASSWORD"
    return f"no escribe ({str(err)[:80]})"
