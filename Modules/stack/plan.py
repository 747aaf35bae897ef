"""What each process of the stack is told: environments, addresses and which secrets will do.

Five processes: PostgreSQL, Redis, and Prefect's ``server``, ``services`` and ``worker``. Here are
plain values in and out; who starts the processes reads the settings and hands the results on.

Server and services are told the same. Redis holds messages, their order, the leases of concurrency
limits and Docket's queue: with leases in memory, a run that dies keeps its slot for good. The
worker is told no secret of the database or of Redis, only the one of the API.

An environment has three parts: what always holds, what holds unless the environment says
otherwise (figures that a person may tune), and what must not be there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final
from urllib.parse import quote

from Modules.words.errors import SettingsError
from Modules.words.secret import FILE

PREFECT_PROCESSES: Final = ("server", "services", "worker")
PROCESSES: Final = ("postgres", "redis", *PREFECT_PROCESSES)
API_PORT: Final = 4200  # inside a container
WORKER_HEALTH_PORT: Final = 8080  # inside a container
MIN_SECRET_LENGTH: Final = 12

DATABASE_PASSWORD: Final = "PREFECT_POSTGRES_PASSWORD"  # noqa: S105 - names of variables
REDIS_PASSWORD: Final = "PREFECT_REDIS_MESSAGING_PASSWORD"  # noqa: S105
AUTH_STRING: Final = "PREFECT_SERVER_API_AUTH_STRING"
CLIENT_AUTH: Final = "PREFECT_API_AUTH_STRING"  # the same under the name that `prefect …` reads
SECRETS: Final = (DATABASE_PASSWORD, REDIS_PASSWORD, AUTH_STRING)

DOCKET_DB = 1  # of our own Redis; its messages are in 0
# the scheduler's rounds by the names that Docket knows, and every how many seconds: by them health
# sees that it works
RECENT: Final = "schedule_recent_deployments"
ROUNDS: Final = {"schedule_deployments": 60, RECENT: 5}
# what Prefect and Docket do there, seen in ACL LOG: of a client only to say its name
REDIS_RIGHTS: Final = "+@all -@admin -@dangerous +client|setinfo +client|setname"
_WELL_KNOWN_WORDS: Final = (
    *("contrasena", "contraseña", "cambiame", "changeme", "default", "password", "postgresql"),
    *("postgres", "prefect", "lindero", "usuario", "secreto", "secret", "example", "ejemplo"),
    *("qwerty", "admin", "redis", "clave", "local", "test", "prueba", "root", "user", "pass"),
)
_WELL_KNOWN_DIGITS: Final = "01234567890123456789098765432109876543210"
_encoded: Final = partial(quote, safe="")  # a part of an address

# what no process but the one that needs it may inherit
_OF_THE_STORES: Final = (
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DATABASE_PASSWORD",
    "PREFECT_API_DATABASE_PASSWORD",
    "PREFECT_SERVER_DOCKET_URL",
    "PREFECT_REDIS_MESSAGING_URL",
    "PREFECT_REDIS_MESSAGING_USERNAME",
    REDIS_PASSWORD,
    DATABASE_PASSWORD,
)
_OF_THE_PORTAL: Final = (
    *("DATABALER_CLIENT_ID", "DATABALER_CLIENT_SECRET", "DATABALER_SECOND_SECRET"),
    "LINDERO_WATCH_URL",
)
# of the watch, which stands beside Prefect's processes
_OF_ALERTS: Final = ("LINDERO_ALERT_WEBHOOK_URL", "LINDERO_ALERT_SMTP_URL")


@dataclass(frozen=True, slots=True)
class Database:
    """Where Prefect's database is; every part may hold any character."""

    user: str
    password: str = field(repr=False)
    host: str
    port: int
    name: str


@dataclass(frozen=True, slots=True)
class Redis:
    host: str
    port: int
    password: str = field(repr=False)
    db: int = 0  # of Prefect's messages, and of all where others use 0

    @property
    def docket_db(self) -> int:
        return self.db or DOCKET_DB


@dataclass(frozen=True, slots=True)
class Api:
    """Where the Prefect server answers, and to whom (``user:password``)."""

    url: str
    auth: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Environment:
    """What a process is told; see the three parts above."""

    always: Mapping[str, str] = field(repr=False)
    defaults: Mapping[str, str]
    removed: tuple[str, ...]

    def over(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of a process that inherits ``inherited``."""
        told = {*self.removed, *self.always}  # with each goes the name of a file that holds it
        kept = {key: text for key, text in inherited.items() if key.removesuffix(FILE) not in told}
        tuned = {name: value for name, value in kept.items() if value}
        return {**kept, **self.defaults, **tuned, **self.always}


def database_url(database: Database) -> str:
    """The address of the database as SQLAlchemy reads it, each part percent-encoded.

    Raises:
        SettingsError: the name of the database holds a character that such an address cannot.
    """
    if re.search(r"[/?#%\s]", database.name):
        raise SettingsError(
            "PREFECT_POSTGRES_DB: no puede llevar espacios ni / ? # %; por ejemplo prefect"
        )
    user, password = _encoded(database.user), _encoded(database.password)
    host = _host(database.host)
    return f"postgresql+asyncpg://{user}:{password}@{host}:{database.port}/{database.name}"


def redis_url(redis: Redis, db: int) -> str:
    """The address of one database of Redis, the password percent-encoded."""
    return f"redis://:{_encoded(redis.password)}@{_host(redis.host)}:{redis.port}/{db}"


def server_environment(
    database: Database, redis: Redis, api: Api, *, ui_api_url: str, tz: str
) -> Environment:
    """What ``server`` and ``services`` are told, both the same.

    ``ui_api_url``: the address of the API as the browser sees it.

    Raises:
        SettingsError: the name of the database cannot stand in an address.
    """
    stores = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database_url(database),
        "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_SERVER_DOCKET_URL": redis_url(redis, redis.docket_db),
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": str(ROUNDS["schedule_deployments"]),
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": str(ROUNDS[RECENT]),
        "PREFECT_REDIS_MESSAGING_HOST": redis.host,
        "PREFECT_REDIS_MESSAGING_PORT": str(redis.port),
        "PREFECT_REDIS_MESSAGING_DB": str(redis.db),
        "PREFECT_REDIS_MESSAGING_PASSWORD": redis.password,
    }
    alone = single_environment(api, ui_api_url=ui_api_url, tz=tz)
    return replace(alone, always={**stores, **alone.always})


def single_environment(api: Api, *, ui_api_url: str, tz: str) -> Environment:
    """What a server that is all in one process is told: SQLite, and no Redis."""
    here = ui_api_url.removesuffix("/api")
    by_name = here.replace("127.0.0.1", "localhost")
    return Environment(
        always={
            "PREFECT_API_URL": api.url,
            CLIENT_AUTH: api.auth,  # services act through the API too
            AUTH_STRING: api.auth,
            **_for_all(tz),
        },
        defaults={
            # the page as a person of this machine may write its address, and no other page
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"{here},{by_name}",
            "PREFECT_SERVER_UI_API_URL": ui_api_url,
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            # old runs, their logs and artifacts go after 90 days; by default they stay for ever
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        },
        removed=(*_OF_THE_STORES, *_OF_THE_PORTAL, *_OF_ALERTS),
    )


def worker_environment(api: Api, *, ui_url: str, tz: str) -> Environment:
    """What the worker is told, and each flow run inherits; ``ui_url`` begins its links."""
    return Environment(
        always={
            "PREFECT_API_URL": api.url,
            CLIENT_AUTH: api.auth,
            "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
            **_for_all(tz),
        },
        defaults={
            "PREFECT_UI_URL": ui_url,
            # a database or Redis that is away for a minute costs no result
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500,502,504",
            "PREFECT_CLIENT_MAX_RETRIES": "10",
            # reconcile waits for two of the dead worker's to stay out
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
            "PREFECT_WORKER_WEBSERVER_PORT": str(WORKER_HEALTH_PORT),
            "PREFECT_LOGGING_EXTRA_LOGGERS": "Modules.corrida",
        },
        removed=(*_OF_THE_STORES, *_OF_ALERTS, AUTH_STRING),
    )


def check_secrets(secrets: Mapping[str, str | None]) -> None:
    """Refuse secrets that are missing, short or known to everybody; ``secrets`` is by variable.

    Raises:
        SettingsError: one line that names the variables and what is wrong, never a value.
    """
    found = {name: _fault(name, value or "") for name, value in secrets.items()}
    faults = [f"{name}: {fault}" for name, fault in found.items() if fault]
    if faults:
        raise SettingsError("; ".join([*faults, "lindero stack init escribe lo que falta"]))


def _fault(name: str, value: str) -> str:
    if not value:
        return "falta"
    if any(ord(char) < ord(" ") for char in value):
        return "tiene un salto de línea u otro carácter de control"
    secret = value
    if name == AUTH_STRING:
        user, colon, secret = value.partition(":")
        if not (user and colon):
            return "no es usuario:contraseña"
        if not value.isascii():
            return "tiene una letra que no es ASCII; Prefect contesta 500"
    if len(secret) < MIN_SECRET_LENGTH:
        part = "su contraseña " if name == AUTH_STRING else ""
        return f"{part}necesita {MIN_SECRET_LENGTH} caracteres o más"
    return "es una que todo el mundo conoce" if _well_known(secret) else ""


def _well_known(secret: str) -> bool:
    """Whether nothing is left of a secret without words and rows of digits that all know."""
    if len(set(secret)) < len("abcd"):
        return True
    left = secret.casefold()
    for word in _WELL_KNOWN_WORDS:
        left = left.replace(word, " ")
    rows = re.findall(r"\d+", left)
    known = left != secret.casefold() or bool(rows)
    return (
        known
        and not re.search(r"[^\W\d_]", left)
        and all(len(row) < len("12345") or row in _WELL_KNOWN_DIGITS for row in rows)
    )


def _for_all(tz: str) -> dict[str, str]:
    return {
        "TZ": tz,
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PYTHONUTF8": "1",  # also where Windows has another page of codes
        "PYTHONUNBUFFERED": "1",  # a log that is read while it is written
    }


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
