"""Asking Prefect's server, Redis and PostgreSQL from outside, by the standard library alone.

What answers to people and to health checks is asked often and must be light: the clients that
Prefect uses cost more processor than all of ``lindero status``. Nothing here waits longer than
``TIMEOUT_S`` for an answer, follows a redirect or asks a proxy, and no text holds a secret.
"""

from __future__ import annotations

import json
import socket
import struct
from base64 import b64encode
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from Modules.settings import Settings
from Modules.stack.plan import Database, Redis

TIMEOUT_S: Final = 10.0
CALLADO: Final = "no responde: ¿está levantado?"
NOT_PREFECT: Final = (KeyError, TypeError, ValueError, AttributeError)  # of an answer's shape
OTRA_COSA: Final = "contesta algo que no es de Prefect: ¿termina en /api?"
_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)  # PostgreSQL's protocol, 55.2.10


class ServerSilent(Exception):
    """The server does not say what was asked; the text is Spanish and follows its name."""


class RedisRefused(Exception):
    """Redis answers with an error; the text is its own, and holds no password."""


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """A Prefect server at an address such as ``http://127.0.0.1:4200/api``."""

    url: str
    auth: str | None = field(default=None, repr=False)  # user:password

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What lies at a path, None where there is nothing; what a POST of ``body`` answers.

        Raises:
            ServerSilent: it does not answer, refuses the password, or answers something else.
        """
        parts = urlsplit(self.url)
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        headers = {"Content-Type": "application/json"}
        if self.auth is not None:  # as Prefect's own client: UTF-8, not HTTP's Latin-1
            word = b64encode(self.auth.encode("utf-8")).decode("ascii")
            headers["Authorization"] = f"Basic {word}"
        method, data = ("GET", None) if body is None else ("POST", json.dumps(body))
        try:
            with closing(connect(parts.hostname or "", parts.port, timeout=TIMEOUT_S)) as line:
                line.request(method, f"{parts.path}{path}", data, headers)
                answer = line.getresponse()
                said = answer.read()
        except TimeoutError:
            raise ServerSilent(f"no contesta en {TIMEOUT_S:.0f} segundos") from None
        except (OSError, HTTPException):
            raise ServerSilent(CALLADO) from None
        if answer.status in (401, 403):
            raise ServerSilent("rechaza la clave: revisar PREFECT_SERVER_API_AUTH_STRING")
        if answer.status == 404 and body is None:
            return None
        if answer.status not in (200, 201):
            raise ServerSilent(f"contesta {answer.status}")
        try:
            return json.loads(said)
        except ValueError:
            raise ServerSilent(OTRA_COSA) from None


def open_server(settings: Settings) -> PrefectServer | None:
    """The server of the settings; None if there is none."""
    if settings.prefect_api_url is None:
        return None
    secret = settings.prefect_server_api_auth_string
    auth = None if secret is None else secret.get_secret_value()
    return PrefectServer(settings.prefect_api_url, auth)


def read_moment(text: str) -> datetime:
    """A moment as the server writes it, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def ask_redis(redis: Redis, *commands: tuple[str, ...], db: int = 0) -> list[str | None]:
    """What Redis answers to commands, in their order.

    Raises:
        RedisRefused: it refuses the password or a command.
        OSError: it does not answer.
    """
    login = (("AUTH", redis.password),) if redis.password else ()
    said = (*login, ("SELECT", str(db)), *commands)
    where = (redis.host, redis.port)
    with socket.create_connection(where, TIMEOUT_S) as line, line.makefile("rb") as answers:
        line.sendall(b"".join(map(_as_resp, said)))
        return [_reply(answers) for _ in said][len(said) - len(commands) :]


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
