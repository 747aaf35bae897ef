"""A webhook and a mail server on loopback: real conversations, kept for the test to read."""

from __future__ import annotations

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """What was posted to an address; it answers ``status``."""

    url: str
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)


@dataclass
class Mailbox:
    """What a mail server was handed; ``logins`` are user and password of AUTH PLAIN or LOGIN."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def webhook(path: str = "/hook") -> Iterator[Webhook]:
    """An HTTP server of its own for the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.types.append(self.headers["Content-Type"])
            seen.bodies.append(json.loads(body))
            self.send_response(seen.status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen = Webhook(f"http://127.0.0.1:{server.server_port}{path}")
        with _serving(server):
            yield seen


@contextmanager
def mailbox(tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """An SMTP server of its own for the block; with ``tls`` encrypted from the first byte."""

    class Handler(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            if tls is not None:
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()  # the encrypted one; the server closes the other

        def handle(self) -> None:
            self.say("220 loopback")
            while line := self.rfile.readline():
                if not self.answer(line.decode().strip()):
                    return

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def answer(self, line: str) -> bool:
            verb = line.split(" ", 1)[0].upper()
            if verb == "EHLO":
                self.say("250-loopback")
                self.say("250 AUTH PLAIN")
            elif verb == "AUTH":
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                box.logins.append((user, password))
                self.say("235 welcome")
            elif verb == "RCPT":
                box.recipients.append(line.split(":", 1)[1].strip("<> "))
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                box.messages.append(message_from_bytes(self.body(), policy=policy.default))
                self.say("250 kept")
            elif verb == "QUIT":
                self.say("221 bye")
                return False
            else:
                self.say("250 ok")
            return True

        def body(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return b"".join(lines)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        box = Mailbox(int(server.server_address[1]))
        with _serving(server):
            yield box


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)
