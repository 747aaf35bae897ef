"""A webhook and a mail server on loopback: real conversations, kept for the test to read."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Webhook:
    """What was posted to an address; it answers ``status``."""

    url: str
    status: int = 200
    bodies: list[dict[str, Any]] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)  # paths that were asked for
    types: list[str] = field(default_factory=list)


@dataclass
class Mailbox:
    """What a mail server was handed; ``logins`` are user and password of AUTH PLAIN or LOGIN."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)  # what is answered to a verb


@contextmanager
def webhook(path: str = "/hook") -> Iterator[Webhook]:
    """An HTTP server of its own for the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.types.append(self.headers["Content-Type"])
            seen.bodies.append(json.loads(body))
            self.reply()

        def do_GET(self) -> None:
            seen.gets.append(self.path)
            self.reply()

        def reply(self) -> None:
            self.send_response(seen.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        seen = Webhook(f"http://127.0.0.1:{server.server_port}{path}")
        with _serving(server):
            yield seen


@contextmanager
def mailbox(
    tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> Iterator[Mailbox]:
    """An SMTP server of its own for the block; with ``tls`` encrypted from the first byte, with
    ``starttls`` when it is asked to.
    """

    class Handler(socketserver.StreamRequestHandler):
        def setup(self) -> None:
            if tls is not None:
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            with suppress(OSError):  # whoever refuses our certificate hangs up
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
            box.verbs.append(verb)
            if verb in box.refusals:
                self.say(box.refusals[verb])
            elif verb == "STARTTLS" and starttls is not None:
                self.say("220 go on")
                self.request = starttls.wrap_socket(self.request, server_side=True)
                super().setup()
            elif verb == "EHLO":
                self.say("250-loopback")
                if starttls is not None:
                    self.say("250-STARTTLS")
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


def certificate(folder: Path) -> Path:
    """A certificate of its own for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "loopback.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
