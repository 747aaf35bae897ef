"""What a fault is made of: steps on the wire, an exchange to spoil, a named kind.

Pure: a fault takes the good answer and gives the bytes, and the pauses, that go out instead.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from Modules.demo.contract import Item, World
from Modules.words.domain import Recurso

REASONS = {
    200: "OK",
    201: "Created",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    304: "Not Modified",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    409: "Conflict",
    418: "I'm a teapot",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
JSON = "application/json"
PROBLEM = "application/problem+json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Drip:
    """Write bytes one at a time, so many seconds apart; without end if ``forever``."""

    data: bytes = field(repr=False)
    pause_s: float
    forever: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """Write nothing more and keep the connection open until the client goes."""


@dataclass(frozen=True, slots=True)
class Reset:
    """End the connection with a TCP reset."""


Step = Send | Drip | Hang | Reset
Script = tuple[Step, ...]  # after the last step the connection is closed


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the good answer to it, before a fault spoils it."""

    recurso: Recurso | None  # None: the token endpoint
    page: int
    path: str
    status: int
    headers: Mapping[str, str]  # names in lower case, of the good answer
    body: bytes = field(repr=False)  # plain
    accepts_gzip: bool
    other_page: Callable[[int], Item] = field(repr=False)  # document of another page of the walk
    rows: int = 1  # how many items of the page a row fault touches
    bomb_mib: int | None = None  # what a bomb unpacks to

    def document(self) -> Item:
        """The good answer, parsed anew."""
        parsed: Item = json.loads(self.body)
        return parsed

    @property
    def is_page(self) -> bool:
        """Whether the good answer is a page of a list."""
        return self.recurso is not None and self.status == 200


@dataclass(frozen=True, slots=True)
class Kind:
    """A named fault. ``spoil`` for one answer; ``night`` for a world that differs as a whole."""

    name: str
    level: str  # wire, status, auth, page, body, row, night
    description: str
    spoil: Callable[[Exchange], Script] | None = None
    night: Callable[[World, Recurso], World] | None = None
    kills_tokens: bool = False
    lists_only: bool = True  # whether it needs a page to spoil


class Registry(dict[str, Kind]):
    """Kinds by name, filled by the decorators of the modules that hold them."""

    def put(self, kind: Kind) -> None:
        """Add a kind; a name can be given once."""
        if kind.name in self:
            raise ValueError(f"two faults called {kind.name}")
        self[kind.name] = kind


def message(
    status: int, body: bytes = b"", headers: Sequence[tuple[str, str]] = (), *, length: bool = True
) -> bytes:
    """An HTTP/1.1 answer that closes the connection, in bytes."""
    lines = [f"HTTP/1.1 {status} {REASONS[status]}"]
    lines += [f"{name}: {text}" for name, text in headers]
    lines.append("X-Request-Id: demo-fault")
    if length:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def reply(
    status: int, body: bytes = b"", media_type: str = JSON, headers: Sequence[tuple[str, str]] = ()
) -> Script:
    """A whole answer in one step."""
    typed = [("Content-Type", media_type)] if body else []
    return (Send(message(status, body, [*typed, *headers])),)


def as_page(exchange: Exchange, body: bytes) -> Script:
    """The same 200 with another body, compressed where the client takes that."""
    if exchange.accepts_gzip:
        return reply(200, gzip.compress(body, 4, mtime=0), headers=[("Content-Encoding", "gzip")])
    return reply(200, body)


def as_document(exchange: Exchange, document: object) -> Script:
    """The same 200 with another document; NaN and Infinity go out as Python writes them."""
    return as_page(
        exchange, json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    )


def edited(exchange: Exchange, change: Callable[[Item], Any]) -> Script:
    """The same page after ``change`` has edited the document in place."""
    document = exchange.document()
    change(document)
    return as_document(exchange, document)
