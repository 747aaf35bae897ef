"""Asking Redis and PostgreSQL by the standard library alone; Prefect's server: ``prefect_api``.

Nothing here waits longer than ``TIMEOUT_S`` for an answer, and no text holds a secret.
"""

from __future__ import annotations

import socket
import struct
from typing import BinaryIO, Final

from Modules.orchestration.prefect_api import TIMEOUT_S, TOO_LONG, ServerSilent
from Modules.stack.plan import Database, Redis
from Modules.words.spanish import why

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)  # PostgreSQL's protocol, 55.2.10


class RedisRefused(ServerSilent):
    """Redis answers with an error; the text is its own, and holds no password."""


def ask_redis(redis: Redis, *commands: tuple[str, ...], db: int | None = None) -> list[str | None]:
    """What Redis answers to commands, in their order, in its database or ``db``.

    Raises:
        RedisRefused: it refuses the password or a command.
        ServerSilent: it does not answer.
    """
    login = (("AUTH", redis.password),) if redis.password else ()
    entry = (*login, ("SELECT", str(redis.db if db is None else db)))
    where = (redis.host, redis.port)
    try:
        with socket.create_connection(where, TIMEOUT_S) as line, line.makefile("rb") as answers:
            for said in (entry, commands):  # refused at the door, nothing is written in another's 0
                line.sendall(b"".join(map(_as_resp, said)))
                told = [_reply(answers) for _ in said]
            return told
    except TimeoutError:
        raise ServerSilent(TOO_LONG) from None
    except (OSError, ValueError) as err:
        cause = f" ({why(err)})" if isinstance(err, OSError) and err.errno else ""
        raise ServerSilent(f"no responde{cause}") from None


def ask_postgres(database: Database) -> bool:
    """Whether a PostgreSQL greets who comes; what it does with queries its clients know."""
    try:
        with socket.create_connection((database.host, database.port), TIMEOUT_S) as line:
            line.sendall(_SSL_REQUEST)
            return line.recv(1) in (b"N", b"S")
    except OSError:
        return False


def _as_resp(command: tuple[str, ...]) -> bytes:
    """A command as Redis reads it: RESP2, an array of bulk strings."""
    words = [word.encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def _reply(answers: BinaryIO) -> str | None:
    line = answers.readline()
    kind, rest = line[:1], line[1:].strip().decode(errors="replace")
    if kind == b"-":
        raise RedisRefused(rest)
    if kind == b"$":
        size = int(rest)
        return None if size < 0 else answers.read(size + 2)[:-2].decode(errors="replace")
    if kind not in (b"+", b":"):
        raise ConnectionError("no es Redis")
    return rest
