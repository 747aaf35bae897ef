"""A small HTTP/1.1 server that can lie: it asks the app for the good answer and spoils it.

It owns the socket, so a fault may reset a connection, cut a body or drip it. Without faults it is
a plain server with keep-alive. One request at a time on a connection, as HTTP/1.1 clients send.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from starlette.types import Message

from Modules.demo.contract import BASE_PATH, Item, World
from Modules.demo.server import DemoPortal, create_app
from Modules.words.domain import Recurso
from tests.faults.base import REASONS, Drip, Exchange, Hang, Reset, Script, Send
from tests.faults.named import Fault, apply_nights

MAX_HEAD_BYTES = 65_536
MAX_BODY_BYTES = 1 << 20
WAKE_S = 0.1


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    headers: dict[str, str] = field(repr=False)  # lower case
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def recurso(self) -> Recurso | None:
        name = self.path.removeprefix(f"{BASE_PATH}/")
        return Recurso(name) if name in tuple(Recurso) else None

    @property
    def page(self) -> int:
        text = dict(parse_qsl(self.query)).get("page", "1")
        return int(text) if text.isdigit() else 1


@dataclass(slots=True)
class _Answer:
    status: int = 500
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


@dataclass(slots=True)
class _Aimed:
    """A fault and how often it may still strike; None is without end."""

    fault: Fault
    left: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came in, and the status of the good answer to it."""

    method: str
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)  # names in lower case; holds the token
    status: int


class FaultyServer:
    """Serves a portal; ``inject`` and ``serve`` may be called from another thread."""

    def __init__(self, portal: DemoPortal, faults: Iterable[Fault] = ()) -> None:
        self._app = create_app(portal)
        self._portal = portal
        self.asked: list[Asked] = []
        self._world = portal.world
        self._nights: tuple[Fault, ...] = ()
        self._aimed: list[_Aimed] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self.inject(faults)

    def serve(self, world: World) -> None:
        """Hold another world; the faults of the night apply to it too."""
        self._world = world
        self._portal.serve(apply_nights(world, self._nights))

    def inject(self, faults: Iterable[Fault]) -> None:
        """These faults in place of those before."""
        given = tuple(faults)
        nights = tuple(fault for fault in given if fault.kind.night is not None)
        self._aimed = [_Aimed(fault, fault.times) for fault in given if fault not in nights]
        if nights != self._nights:
            self._nights = nights
            self.serve(self._world)

    def run(self, listener: socket.socket) -> None:
        """Serve on a socket that listens, until ``stop`` or an interrupt."""
        with contextlib.closing(self._loop) as loop:
            loop.run_until_complete(self._run(listener))

    def stop(self) -> None:
        """Close the door, and every connection."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _run(self, listener: socket.socket) -> None:
        door = await asyncio.start_server(self._connected, sock=listener, limit=MAX_HEAD_BYTES)
        while not self._ended.is_set():  # by naps, so that an interrupt is noticed on Windows too
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), WAKE_S)
        door.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            while (request := await _read(reader)) is not None and await self._serve_one(
                request, writer
            ):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away, or does not speak HTTP
        except asyncio.CancelledError:
            writer.transport.abort()  # we are being stopped: what is not sent yet stays unsent
        finally:
            writer.close()

    async def _serve_one(self, request: _Request, writer: asyncio.StreamWriter) -> bool:
        """Answer; True if the connection may carry another request."""
        fault = self._striking(request)
        if fault is not None and fault.kind.kills_tokens:
            self._portal.tokens.clear()
            fault = None
        if fault is None or fault.kind.spoil is None:
            answer = await self._good(request)
            writer.write(_bytes(request, answer))
            await writer.drain()
            return request.headers.get("connection", "").lower() != "close"
        exchange = await self._exchange(request, fault)
        if fault.kind.lists_only and not exchange.is_page:
            script: Script = (Send(_bytes(request, await self._good(request), close=True)),)
        else:
            script = fault.kind.spoil(exchange)
        await _play(script, writer)
        return False

    def _striking(self, request: _Request) -> Fault | None:
        """The first fault aimed at this request that may still strike; counts it."""
        if request.recurso is None and not request.path.endswith("/auth/token"):
            return None
        for aimed in self._aimed:
            if aimed.left != 0 and aimed.fault.hits(request.recurso, request.page):
                aimed.left = None if aimed.left is None else aimed.left - 1
                return aimed.fault
        return None

    async def _exchange(self, request: _Request, fault: Fault) -> Exchange:
        plain = {**request.headers, "accept-encoding": "identity"}
        good = await self._good(_Request(request.method, request.target, plain, request.body))
        pages = {} if request.recurso is None else await self._neighbours(request)
        return Exchange(
            recurso=request.recurso,
            page=request.page,
            path=request.target,
            status=good.status,
            headers={name.lower(): text for name, text in good.headers},
            body=good.body,
            accepts_gzip="gzip" in request.headers.get("accept-encoding", ""),
            other_page=pages.__getitem__,
            rows=fault.rows,
            bomb_mib=fault.bomb_mib,
        )

    async def _neighbours(self, request: _Request) -> dict[int, Item]:
        """The pages round the one asked for, as documents."""
        found: dict[int, Item] = {}
        for page in {max(1, request.page - 1), request.page, request.page + 1}:
            parameters = [pair for pair in parse_qsl(request.query) if pair[0] != "page"]
            target = f"{request.path}?{urlencode([*parameters, ('page', str(page))])}"
            found[page] = await self._document(target, request)
        return found

    async def _document(self, target: str, request: _Request) -> Item:
        plain = {**request.headers, "accept-encoding": "identity"}
        answer = await self._good(_Request("GET", target, plain, b""), note=False)
        document: Item = json.loads(answer.body)
        return document

    async def _good(self, request: _Request, *, note: bool = True) -> _Answer:
        """What the app answers."""
        answer = _Answer()

        async def receive() -> Message:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [
                    (name.decode("latin-1"), text.decode("latin-1"))
                    for name, text in message["headers"]
                ]
            else:
                answer.body += message.get("body", b"")

        await self._app(_scope(request), receive, send)
        if note:
            self.asked.append(
                Asked(request.method, request.path, request.query, request.headers, answer.status)
            )
        return answer


def _scope(request: _Request) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode("latin-1"),
        "query_string": request.query.encode("latin-1"),
        "root_path": "",
        "headers": [
            (name.encode("latin-1"), text.encode("latin-1"))
            for name, text in request.headers.items()
        ],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }


async def _read(reader: asyncio.StreamReader) -> _Request | None:
    """The next request of a connection; None when there is none, or it is not HTTP."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[1].startswith("/"):
        return None
    headers: dict[str, str] = {}
    for line in lines:
        name, _, text = line.partition(":")
        headers[name.strip().lower()] = text.strip()
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        return None
    return _Request(words[0], words[1], headers, await reader.readexactly(int(length)))


def _bytes(request: _Request, answer: _Answer, *, close: bool = False) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Status')}"]
    lines += [f"{name}: {text}" for name, text in answer.headers]
    if answer.status != 304 and not any(name == "content-length" for name, _ in answer.headers):
        lines.append(f"content-length: {len(answer.body)}")
    if close:
        lines.append("connection: close")
    body = b"" if request.method == "HEAD" else answer.body
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


async def _play(script: Script, writer: asyncio.StreamWriter) -> None:
    for step in script:
        match step:
            case Send(data):
                writer.write(data)
                await writer.drain()
            case Drip():
                await _drip(step, writer)
            case Hang():
                await _until_gone(writer)
            case Reset():
                _reset(writer)


async def _drip(step: Drip, writer: asyncio.StreamWriter) -> None:
    while True:
        if step.pause_s:
            for byte in step.data:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(step.pause_s)
        else:
            writer.write(step.data)
            await writer.drain()
            await asyncio.sleep(0)
        if not step.forever:
            return


async def _until_gone(writer: asyncio.StreamWriter) -> None:
    while not writer.transport.is_closing():
        await asyncio.sleep(0.05)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the kernel sends RST: linger on, zero seconds."""
    connection = writer.get_extra_info("socket")
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
