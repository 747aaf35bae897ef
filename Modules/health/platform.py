"""Whether what a night needs is at work: stores, server, scheduler, worker, pool.

Each part is looked at by doing something with it. Where Redis cannot be reached from (the worker's
container, a machine around containers), what the watch noted is taken: it looks every 30 s from
where they can be, and writes ``<state>/watch/platform.json``. Times are timezone-aware.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from Modules.disk.safe_files import make_folder, write_beside
from Modules.orchestration.deployments import WORK_POOL
from Modules.orchestration.prefect_api import (
    NOT_PREFECT,
    OTRA_COSA,
    PrefectServer,
    ServerSilent,
    open_server,
    read_moment,
)
from Modules.settings import Settings
from Modules.stack import checks
from Modules.stack import entry as stack_entry
from Modules.stack.local import find
from Modules.stack.pings import ask_postgres

NOTE_NAME: Final = "platform.json"
LEDGER_NAME: Final = "told.json"  # whoever watches writes it in each round
NOTE_HOLDS: Final = timedelta(seconds=90)  # three rounds of the watch
SILENT_AFTER: Final = timedelta(seconds=60)  # the worker beats every ten seconds
POSTGRES, REDIS, SERVER, SERVICES = "postgres", "redis", "server", "services"
WORKER, POOL = "worker", "pool"
STORES: Final = (POSTGRES, REDIS)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the platform; ``mal`` says in Spanish what is wrong with it."""

    nombre: str
    mal: str | None = None
    senal: datetime | None = None  # its last sign of life, where it gives any
    desde: datetime | None = None  # since when it is as it is, where somebody watched


@dataclass(frozen=True, slots=True)
class Platform:
    """The parts that could be looked at, now or by the watch."""

    cuando: datetime
    partes: tuple[Part, ...] = ()
    nota: datetime | None = None  # when the stores were looked at for those who cannot
    ronda: datetime | None = None  # when whoever watches ended a round; None: nobody ever did

    def part(self, nombre: str) -> Part | None:
        """A part by its name; None where it cannot be seen."""
        return next((one for one in self.partes if one.nombre == nombre), None)

    def ill(self, *nombres: str) -> bool:
        """Whether one of these parts is known not to work."""
        return any(one.mal is not None for one in self.partes if one.nombre in nombres)


def look(settings: Settings, now: datetime) -> Platform | None:
    """The platform at this moment; None where no Prefect server is configured. Reads only."""
    server = open_server(settings)
    if server is None:
        return None
    when, noted = _read_note(note_file(settings))
    fresh = when is not None and now - when <= NOTE_HOLDS
    found = {one.nombre: one for one in _parts(settings, server, now)}
    before = noted if fresh else {}
    seen = before | {name: _since(one, before, now) for name, one in found.items()}
    return Platform(now, tuple(seen.values()), when, last_round(settings))


def last_round(settings: Settings) -> datetime | None:
    """When whoever watches ended a round last; None where nobody ever did."""
    try:
        written = note_file(settings).with_name(LEDGER_NAME).stat().st_mtime
    except OSError:
        return None
    return datetime.fromtimestamp(written, UTC)


def note(settings: Settings, platform: Platform) -> None:
    """Write down what was seen, for those who cannot look themselves.

    Raises:
        PublishError: the state folder cannot be written.
    """
    path = note_file(settings)
    make_folder(path.parent)
    since = platform.cuando
    partes = [asdict(replace(one, desde=one.desde or since)) for one in platform.partes]
    facts = {"cuando": platform.cuando, "partes": partes}
    write_beside(path, json.dumps(facts, default=datetime.isoformat).encode())


def noted(settings: Settings) -> datetime | None:
    """When the watch of services noted last; None where it never did."""
    return _read_note(note_file(settings))[0]


def note_file(settings: Settings) -> Path:
    return settings.lindero_state_dir / "watch" / NOTE_NAME


def _since(part: Part, before: Mapping[str, Part], now: datetime) -> Part:
    earlier = before.get(part.nombre)
    if earlier is None:
        return part
    same = (earlier.mal is None) is (part.mal is None)
    return replace(part, desde=earlier.desde if same else now)


def _parts(settings: Settings, server: PrefectServer, now: datetime) -> Iterator[Part]:
    ready = checks.server(server.url)
    stores = _reachable_stores(settings)
    if stores is not None:
        yield from _of_the_stores(stores, ready, now)
    elif ready.text == "contesta 503":  # it is at work, and its database is not
        yield Part(POSTGRES, "no le contesta al servidor de Prefect")
    if not ready.ok:
        yield Part(SERVER, ready.text)
        return
    try:
        yield from _of_the_server(server, now)
        yield Part(SERVER)
    except ServerSilent as err:
        yield Part(SERVER, str(err))
    except NOT_PREFECT:
        yield Part(SERVER, OTRA_COSA)


def _reachable_stores(settings: Settings) -> Settings | None:
    """The settings that say where the stores are; None where they are nobody's business here."""
    stack = find(settings)
    if stack is not None:
        known = settings.prefect_redis_messaging_password is not None  # the worker is not told it
        return stack.settings if known and not stack.single else None
    default = Settings()
    named = settings.prefect_redis_messaging_host != default.prefect_redis_messaging_host
    known = settings.prefect_redis_messaging_password is not None
    return settings if named and known else None


def _of_the_stores(stores: Settings, ready: checks.Health, now: datetime) -> Iterator[Part]:
    listens = ask_postgres(stack_entry.database_of(stores))
    refuses = "está, y no le contesta al servidor de Prefect"
    fault = refuses if ready.text == "contesta 503" else None
    yield Part(POSTGRES, fault if listens else "no responde")
    address = stack_entry.redis_of(stores)
    redis = checks.redis(address)
    yield Part(REDIS, None if redis.ok else redis.text)
    if redis.ok:
        services = checks.services(address, None, now)  # of runs to come the rules tell
        yield Part(SERVICES, None if services.ok else services.text)


def _of_the_server(server: PrefectServer, now: datetime) -> Iterator[Part]:
    """Worker and pool. The server marks a worker as gone by itself only while services works."""
    pool = server.ask(f"/work_pools/{WORK_POOL}")
    if pool is None:
        yield Part(POOL, "no está")
        return
    paused = "está en pausa" if pool["is_paused"] else None
    other = f"es de tipo {pool['type']}, y hace falta process"
    yield Part(POOL, paused if pool["type"] == "process" else other)
    workers = server.ask(f"/work_pools/{WORK_POOL}/workers/filter", {})
    beats = (one["last_heartbeat_time"] for one in workers)
    last = max((read_moment(beat) for beat in beats if beat), default=None)
    gone = last is None or now - last > SILENT_AFTER
    yield Part(WORKER, "no da señales" if gone else None, last)


def _read_note(path: Path) -> tuple[datetime | None, dict[str, Part]]:
    """When the watch noted last, and what; what cannot be read is as if it were not there."""
    try:
        facts = json.loads(path.read_bytes())
        parts = {}
        for row in facts["partes"]:
            signs = (row["senal"], row["desde"])
            moments = (None if sign is None else read_moment(sign) for sign in signs)
            parts[str(row["nombre"])] = Part(str(row["nombre"]), row["mal"], *moments)
        return read_moment(facts["cuando"]), parts
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, {}
