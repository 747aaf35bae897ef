"""A real Firefox without a window, driven by WebDriver BiDi: Debian's needs no other driver."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
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
from websockets.sync.client import ClientConnection, connect

from tests.processes import ended, patience

START_S = 60
ANSWER_S = 60
_LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_PREFERENCES = {  # no page of its own, nothing fetched
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.disabledForTesting": True,
}


@dataclass(slots=True)
class Firefox:
    """One page; every command waits for its answer. ``events`` are what it told meanwhile."""

    socket: ClientConnection
    context: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of WebDriver BiDi."""
        number = next(self._numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=patience(ANSWER_S)))
            if answer.get("type") == "event":
                self.events.append(answer)
            if answer.get("id") == number:
                assert answer["type"] == "success", (method, answer)
                return dict(answer["result"])

    def open(self, url: str, width: int, height: int) -> None:
        """Load a page anew, in a window of this size."""
        size = {"width": width, "height": height}
        self.command("browsingContext.setViewport", context=self.context, viewport=size)
        for one in ("about:blank", url):
            self.command("browsingContext.navigate", context=self.context, url=one, wait="complete")

    def evaluate(self, script: str) -> Any:
        """What a script in the page comes to: text, a number, a truth or nothing."""
        done = self.command(
            "script.evaluate",
            expression=script,
            target={"context": self.context},
            awaitPromise=True,
            userActivation=True,
        )
        assert done["type"] == "success", (script, done)
        return done["result"].get("value")

    def before_each_page(self, script: str) -> None:
        """Run a script in every page before its own."""
        self.command("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    def tap(self, x: int, y: int) -> None:
        """A press of the mouse at a place of the window."""
        moves = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": moves}
        self.command("input.performActions", context=self.context, actions=[mouse])

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        taken = self.command("browsingContext.captureScreenshot", context=self.context)
        return base64.b64decode(taken["data"])

    def paper(self) -> bytes:
        """The page as it is printed, as PDF."""
        return base64.b64decode(
            self.command("browsingContext.print", context=self.context, background=True)["data"]
        )


@contextmanager
def firefox() -> Iterator[Firefox]:
    """Firefox with a profile of its own; skips the test where there is none."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("there is no firefox on this machine (apt-get install firefox-esr)")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        said = Path(profile) / "said.txt"
        with said.open("wb") as log:
            process = subprocess.Popen(
                [program, "--headless", "--no-remote", "--profile", profile,
                 "--remote-debugging-port", "0", "about:blank"],
                stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "HOME": profile, "MOZ_REMOTE_SETTINGS_DEVTOOLS": "1"},
            )  # fmt: skip
        try:
            with connect(f"{_address(said, process)}/session", max_size=None, proxy=None) as socket:
                page = Firefox(socket)
                page.command("session.new", capabilities={})
                page.context = page.command("browsingContext.getTree")["contexts"][0]["context"]
                yield page
        finally:
            ended(process)


def _address(said: Path, process: subprocess.Popen[bytes]) -> str:
    """Where it listens, as it says."""
    deadline = time.monotonic() + patience(START_S)
    while not (found := _LISTENS.search(said.read_text(errors="replace"))):
        assert process.poll() is None, f"firefox ended with {process.returncode}"
        assert time.monotonic() < deadline, f"firefox is not there after {START_S} s"
        time.sleep(0.1)  # a program that starts, bounded by the deadline above
    return found[1]
