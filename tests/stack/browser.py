"""A real browser without a window, driven over its DevTools socket."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from tests.processes import ended, patience

START_S = 60
PAGE_S = 60
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--no-proxy-server", "--window-size=1400,1300", "--remote-debugging-port=0"),
)


@dataclass(slots=True)
class Browser:
    """One page; every command waits for its answer. ``events`` are what it told meanwhile."""

    socket: ClientConnection
    events: list[dict[str, Any]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol."""
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=PAGE_S))
            if "method" in answer:
                self.events.append(answer)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])

    def before_each_page(self, script: str) -> None:
        """Run a script in every page before its own."""
        self.command("Page.addScriptToEvaluateOnNewDocument", source=script)

    def text_of(self, url: str, *wanted: str) -> str:
        """Open a page and wait until it shows these words; all of its text."""
        self.command("Page.navigate", url=url)
        return self.await_words(*wanted)

    def await_words(self, *wanted: str) -> str:
        """Wait until the page that is open shows these words; all of its text."""
        deadline = time.monotonic() + PAGE_S
        while any(word not in self._text() for word in wanted):
            assert time.monotonic() < deadline, f"no {wanted} in: {self._text()[:2000]}"
            time.sleep(0.2)  # a page that draws itself, bounded by the deadline above
        return self._text()

    def evaluate(self, script: str) -> Any:
        """What a script in the page comes to."""
        return self.command("Runtime.evaluate", expression=script)["result"].get("value")

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self.command("Page.captureScreenshot")["data"])

    def _text(self) -> str:
        return str(self.evaluate("document.body?.innerText ?? ''") or "")


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium with a profile of its own; skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no chromium on this machine (apt-get install chromium)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            address = _page(_port(Path(profile), process))
            with connect(address, max_size=None, proxy=None) as socket:
                page = Browser(socket)
                page.command("Page.enable")
                yield page
        finally:
            ended(process)


def _port(profile: Path, process: subprocess.Popen[bytes]) -> int:
    """Where it listens: it writes that into its profile."""
    note, deadline = profile / "DevToolsActivePort", time.monotonic() + patience(START_S)
    while not (note.is_file() and note.read_text().count("\n")):
        assert process.poll() is None, f"chromium ended with {process.returncode}"
        assert time.monotonic() < deadline, f"chromium is not there after {START_S} s"
        time.sleep(0.1)  # a program that starts, bounded by the deadline above
    return int(note.read_text().splitlines()[0])


def _page(port: int) -> str:
    with requests.Session() as session:
        session.trust_env = False
        pages = session.get(f"http://127.0.0.1:{port}/json/list", timeout=30).json()
    return next(str(one["webSocketDebuggerUrl"]) for one in pages if one["type"] == "page")
