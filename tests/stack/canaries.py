"""Where a secret could have been left: files, tables, Redis, command lines.

A secret is looked for as it is and as addresses, JSON and HTTP headers would write it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil
import redis

from Modules.settings import Settings
from Modules.stack.entry import database_of, redis_of

Place = tuple[str, bytes]
SAMPLE_S = 0.1
TABLES = "select table_name from information_schema.tables where table_schema = 'public'"


def leaks(secrets: Mapping[str, str], places: Iterable[Place]) -> list[str]:
    """Name of each secret with the place that holds it."""
    forms = {name: tuple(_forms(secret)) for name, secret in secrets.items()}
    return sorted(
        {
            f"{name} in {place}"
            for place, content in places
            for name, looks in forms.items()
            if any(look in content for look in looks)
        }
    )


def files_below(folder: Path) -> Iterator[Place]:
    """Every file: logs, databases, snapshots, what was published."""
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(folder)), path.read_bytes()


def tables_of(settings: Settings) -> list[Place]:
    """Every row of Prefect's database, as text."""
    return asyncio.run(_tables_of(settings))


async def _tables_of(settings: Settings) -> list[Place]:
    database = database_of(settings)
    connection = await asyncpg.connect(
        host=database.host,
        port=database.port,
        user=database.user,
        password=database.password,
        database=database.name,
        ssl=False,
    )
    try:
        found = []
        for (name,) in await connection.fetch(TABLES):
            rows = await connection.fetch(f'select one::text from "{name}" one')
            found.append((f"table {name}", "\n".join(row[0] for row in rows).encode()))
        return found
    finally:
        await connection.close()


def keys_of(settings: Settings) -> Iterator[Place]:
    """Every key of Redis with what it holds."""
    address = redis_of(settings)
    for db in (0, 1):
        with redis.Redis(address.host, address.port, db, address.password) as client:
            for key in client.scan_iter():
                yield f"Redis {db} {key!r}", key + repr(_content(client, key)).encode()


def _content(client: redis.Redis, key: bytes) -> object:
    readers = {
        b"string": lambda: client.get(key),
        b"hash": lambda: client.hgetall(key),
        b"list": lambda: client.lrange(key, 0, -1),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1, withscores=True),
        b"stream": lambda: client.xrange(key),
        b"none": lambda: None,  # gone since it was listed
    }
    return readers[client.type(key)]()


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """What every process of the machine was started with, while the block runs."""
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    seen.add("\0".join(process.cmdline()))
            done.wait(SAMPLE_S)

    watcher = threading.Thread(target=watch, name="command-lines")
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _forms(secret: str) -> Iterator[bytes]:
    text = secret.encode()
    yield text
    yield quote(secret, safe="").encode()
    yield quote(secret).encode()
    yield json.dumps(secret)[1:-1].encode()
    yield repr(text)[2:-1].encode()
    yield base64.b64encode(text)
