"""The door of ``deploy/Caddyfile``, as a real Caddy reads it, with what stands behind it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.processes import ended, patience

ROOT = Path(__file__).resolve().parent.parent.parent
CADDYFILE = ROOT / "deploy" / "Caddyfile"
START_S = 20
_GLOBAL = "{\n\tadmin off\n\tauto_https off\n}\nimport %s\n"


@dataclass(frozen=True, slots=True)
class Door:
    """Where it is for a browser, and for who knows no name but loopback."""

    origin: str
    port: int

    def ask(
        self,
        path: str,
        cookies: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> requests.Response:
        """An answer, whose redirects are not followed."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method,
                f"http://127.0.0.1:{self.port}{path}",
                headers={"Host": self.origin.removeprefix("http://"), **(headers or {})},
                cookies=dict(cookies or {}),
                allow_redirects=False,
                timeout=30,
            )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def door(folder: Path, outpost: str, port: int, **behind: int) -> Iterator[Door]:
    """A Caddy with our file; ``behind`` are the ports, by variable, of what stands behind it."""
    if (program := shutil.which("caddy")) is None:
        pytest.skip("caddy is not on this machine (apt-get install caddy)")
    ours = folder / "Caddyfile"
    ours.write_text(_GLOBAL % CADDYFILE)
    origin = f"http://lindero.localhost:{port}"
    told = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LINDERO_SSO_HOST": origin,
        "PLATFORM_OUTPOST": outpost,
        **{name: str(number) for name, number in behind.items()},
    }
    command = [program, "run", "--config", str(ours), "--adapter", "caddyfile"]
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(command, env=told, cwd=folder, stdout=log, stderr=log)
    made = Door(origin, port)
    try:
        deadline = time.monotonic() + patience(START_S)
        while not _answers(port):
            assert process.poll() is None, (folder / "caddy.log").read_text()
            assert time.monotonic() < deadline, (folder / "caddy.log").read_text()
            time.sleep(0.05)  # a program that starts, bounded by the deadline above
        yield made
    finally:
        ended(process)


@dataclass(slots=True)
class Backend:
    """What came through the door: path and headers of each request."""

    name: str
    port: int
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def backend(name: str) -> Iterator[Backend]:
    """A server that says its name and writes down what it is asked."""

    class Writes(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {key.lower(): text for key, text in self.headers.items()}
            made.seen.append((self.path, told))
            self.send_response(200)
            self.send_header("Content-Length", str(len(made.name)))
            self.end_headers()
            self.wfile.write(made.name.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Writes) as server:
        made = Backend(name, server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield made
        finally:
            server.shutdown()


def _answers(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0
