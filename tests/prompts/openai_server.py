"""A server of OpenAI's protocol over real HTTP that does what it is told: answers and faults.

``Fake(script)``: each request takes the next of the script, the last one for ever after. A text is
what the model writes; a ``Say`` says more; a callable is given the request's JSON and returns
either. Keys, bodies and how many were in flight are kept to be looked at.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


@dataclass(frozen=True)
class Say:
    """One answer. ``body`` is sent as it is, in place of what the protocol would have."""

    text: str | None = "{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    usage: Mapping[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    finish: str = "stop"
    delay_s: float = 0.0
    cut: bool = False  # half of the body, then the connection is gone
    choices: bool = True
    tools: Sequence[tuple[str, Any]] = ()  # name, and arguments as JSON or as a text
    before: Callable[[], object] | None = None  # a barrier


def error(status: int, message: str = "no", **headers: str) -> Say:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"error": {"message": message, "code": status}}).encode()
    return Say(status=status, body=body, headers=named)


FAULTS: dict[str, Say] = {
    "429": error(429),
    "429-seconds": error(429, Retry_After="3"),
    "429-date": error(
        429, Retry_After="Mon, 30 Nov 2026 00:00:05 GMT", Date="Mon, 30 Nov 2026 00:00:00 GMT"
    ),
    "429-hour": error(429, Retry_After="3600"),
    "500": error(500),
    "502": Say(status=502, body=b"<html>bad gateway</html>", headers={"Content-Type": "text/html"}),
    "503": error(503),
    "400": error(400),
    "401": error(401),
    "403": error(403),
    "timeout": Say(delay_s=5.0),
    "cut": Say('{"a": 1}', cut=True),
    "truncated-json": Say('{"a": '),
    "malformed-json": Say("a: 1, en palabras"),
    "wrong-schema": Say('{"b": 2}'),
    "length": Say('{"a": 1', finish="length"),
    "no-usage": Say('{"a": 1}', usage=None),
    "cost": Say('{"a": 1}', usage={**USAGE, "cost": 0.0001234567890123}),
    "empty-choices": Say(choices=False),
    "html": Say(body=b"<html><body>login</body></html>", headers={"Content-Type": "text/html"}),
    "cut-document": Say(body=b'{"id": "x", "choices": [{"mess'),
    "odd-shape": Say(body=b'{"choices": [{"message": 7, "finish_reason": []}], "usage": "x"}'),
    "error-under-200": Say(body=b'{"error": {"code": 502, "message": "upstream"}}'),
}


class Fake:
    """``with Fake(...) as fake``; ``fake.url`` is a base_url."""

    def __init__(self, script: Sequence[Any] = (), *, key: str | None = None) -> None:
        self.script, self.key = list(script), key
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.wrong: list[str] = []  # faults of this server's own
        self._lock, self._released = threading.Lock(), threading.Event()

    def __enter__(self) -> Fake:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                fake._answer(self)

            def do_GET(self) -> None:  # only where a redirect was followed
                fake._answer(self)

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads, request_queue_size, block_on_close = True, 512, False

            def handle_error(self, *_: object) -> None:
                if not isinstance(err := sys.exception(), OSError):
                    fake.wrong.append(repr(err))

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        assert not self.wrong, self.wrong

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        sent = json.loads(
            handler.rfile.read(int(handler.headers.get("Content-Length") or 0)) or "{}"
        )
        with self._lock:
            self.bodies.append(sent)
            self.headers.append({k.lower(): v for k, v in handler.headers.items()})
            self.paths.append(handler.path)
            step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        said = step(sent) if callable(step) else step
        if not isinstance(said, Say):
            said = FAULTS.get(said) or Say(said)
        if self.key and handler.headers.get("Authorization") != f"Bearer {self.key}":
            said = replace(FAULTS["401"], delay_s=0)
        if said.before:
            said.before()
        if said.delay_s:
            self._released.wait(said.delay_s)
        body = _document(said, sent) if said.body is None else said.body
        handler.send_response_only(said.status)
        for name, value in {"Content-Type": "application/json", **said.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if said.cut:
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        try:
            handler.wfile.write(body)
        except OSError:  # who asked is gone
            handler.close_connection = True


def _document(said: Say, sent: Mapping[str, Any]) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.tools:
        message["tool_calls"] = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": args if isinstance(args, str) else json.dumps(args),
                },
            }
            for number, (name, args) in enumerate(said.tools)
        ]
    finish = "tool_calls" if said.tools else said.finish
    choice = {"index": 0, "message": message, "finish_reason": finish}
    found: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": sent.get("model", "?"),
        "choices": [choice] if said.choices else [],
    }
    if said.usage is not None:
        found["usage"] = said.usage
    return json.dumps(found).encode()


def refused_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"
