"""PostgreSQL and Redis that others keep: what they must be for us, before ours starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from Modules.orchestration.prefect_api import ServerSilent
from Modules.settings import Settings
from Modules.stack import checks as stack_health
from Modules.stack import databases
from Modules.stack import entry as stack_entry
from Modules.stack.pings import RedisRefused, ask_redis
from Modules.stack.plan import DATABASE_PASSWORD, REDIS_PASSWORD, check_secrets
from Modules.words.errors import PipelineError, SettingsError

CLOCK_S: Final = 60.0  # more apart, and leases and schedules are off


def prepare(store: str, settings: Settings) -> str:
    """Make ``postgres`` or ``redis`` ready: the database is made once; what was found, in Spanish.

    Raises:
        SettingsError: what it lacks, all of it, one thing after the other.
    """
    missing = list(_of_postgres(settings) if store == "postgres" else _of_redis(settings))
    if missing:
        raise SettingsError("; ".join(missing))
    return "listo"


def _of_postgres(settings: Settings) -> Iterator[str]:
    if settings.prefect_postgres_host is None:
        yield "PREFECT_POSTGRES_HOST: falta la máquina del PostgreSQL que se comparte"
    yield from _of_secret(DATABASE_PASSWORD, settings)
    database = stack_entry.database_of(settings)
    if settings.prefect_postgres_host is None or not database.password:
        return
    try:
        databases.make_database(database)
        version = int(str(databases.ask(database, "show server_version_num"))) // 10_000
        there = databases.ask(database, "select clock_timestamp()")
    except PipelineError as err:
        yield str(err)
        return
    if version < databases.OLDEST_POSTGRES:
        oldest = databases.OLDEST_POSTGRES
        yield f"PREFECT_POSTGRES_HOST: es PostgreSQL {version}, y hace falta {oldest} o más"
    if isinstance(there, datetime):
        apart_s = abs((there - datetime.now(UTC)).total_seconds())
        if apart_s > CLOCK_S:
            yield f"el reloj de PREFECT_POSTGRES_HOST y el de acá difieren en {apart_s:.0f} s"


def _of_redis(settings: Settings) -> Iterator[str]:
    if settings.prefect_redis_messaging_host is None:
        yield "PREFECT_REDIS_MESSAGING_HOST: falta la máquina del Redis que se comparte"
    if settings.prefect_redis_messaging_db == 0:
        yield "PREFECT_REDIS_MESSAGING_DB: la 0 es de los demás; por ejemplo 1"
    yield from _of_secret(REDIS_PASSWORD, settings)
    redis = stack_entry.redis_of(settings)
    if settings.prefect_redis_messaging_host is None or not redis.db or not redis.password:
        return
    where = f"Redis en {redis.host}:{redis.port}, base {redis.db}"
    health = stack_health.redis(redis)
    if not health.ok:
        yield f"{where}: {health.text}"
        return
    try:
        (told,) = ask_redis(redis, ("INFO", "memory"))
    except RedisRefused:  # a user of a platform may not ask; then nobody can tell
        return
    except ServerSilent as err:
        yield f"{where}: {err}"
        return
    facts = dict(line.split(":", 1) for line in (told or "").splitlines() if ":" in line)
    policy = facts.get("maxmemory_policy", "noeviction")
    if facts.get("maxmemory", "0") != "0" and policy != "noeviction":
        yield f"{where}: con maxmemory-policy {policy} tira lo que Prefect guarda; poner noeviction"


def _of_secret(name: str, settings: Settings) -> Iterator[str]:
    """``check_secrets`` of one, without its advice."""
    try:
        check_secrets({name: settings.secret_text(name)})
    except SettingsError as err:
        yield str(err).partition(";")[0]
