"""A real Prefect server and the real command line, for whole runs."""

from __future__ import annotations

import atexit
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 120
DATABASE = "prefect.db"
_migrated: list[Path] = []  # where Prefect's database is made once, for all of a test run


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The result that ``--json`` prints."""
        return json.loads(self.out)


Command = Callable[..., Answer]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session", autouse=True)
def _one_migration(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> None:
    base = tmp_path_factory.getbasetemp()
    _migrated[:] = [(base if worker_id == "master" else base.parent) / "migrated"]


def migrated(home: Path) -> Path:
    """Put a new database into this home of Prefect, as Prefect's own migrations leave it.

    They take longer than all the rest of a server's start, so one run of the tests does them once.
    """
    (template,) = _migrated
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{template}.lock"):
        if not template.is_dir():
            making = template.with_name("migrating")
            subprocess.run(
                [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"],
                env={**os.environ, "PREFECT_HOME": str(making)},
                check=True,
                capture_output=True,
                timeout=START_S,
            )
            making.rename(template)
        with (
            closing(sqlite3.connect(template / DATABASE)) as source,
            closing(sqlite3.connect(home / DATABASE)) as copy,
        ):
            source.backup(copy)
    return home


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real Prefect server of its own, on SQLite."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as api:
        yield api


@contextmanager
def prefect_server(home: Path, **more: str) -> Iterator[str]:
    """A real Prefect server on a free port of loopback; yields its address."""
    port = _free_port()
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_UI_ENABLED": "false",
        **more,
    }
    migrated(home)
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    api = f"http://127.0.0.1:{port}/api"
    try:
        _wait_until_ready(api, server, home / "server.log")
        yield api
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_ready(api: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            if requests.get(f"{api}/ready", timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.2)  # polling a process, bounded by the deadline above
    pytest.fail(f"the Prefect server did not start: {log.read_text(errors='replace')[-2000:]}")


def ask(
    method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Any:
    """An answer of a Prefect server; on SQLite a busy one says 503 for a moment."""
    deadline = time.monotonic() + 60
    while True:
        answer = requests.request(method, url, json=body, headers=headers, timeout=30)
        if answer.status_code != 503 or time.monotonic() > deadline:
            break
        time.sleep(0.5)  # asking again, bounded by the deadline above
    answer.raise_for_status()
    return answer.json() if answer.content else None


def environment_below(folder: Path) -> dict[str, str]:
    """An environment in which everything is written below ``folder``."""
    kept = ("PATH", "LANG", "SYSTEMROOT", "TEMP", "TMP", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(folder / "home"),
        "TZ": "America/Argentina/Buenos_Aires",
        "LINDERO_OUTPUTS_DIR": str(folder / "outputs"),
        "LINDERO_TEST_OUTPUTS_DIR": str(folder / "test_outputs"),
        "LINDERO_STATE_DIR": str(folder / "state"),
        "LINDERO_SYMLINK_CONFIG": str(folder / "symlink_config.json"),
        "LINDERO_PORTAL_REQUESTS_PER_SECOND": "1000",
    }


class _Warm:
    """The process that forks for each command of this test process (``warm.py``), once started."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, asked: dict[str, object]) -> int:
        """The exit code of a command; one at a time.

        Raises:
            AssertionError: the warm process ended.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.scripts.warm"],
                cwd=ROOT,
                env=environment_below(ROOT) | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            atexit.register(self._end)
            assert self._said() == "ready"
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._said())

    def _said(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the warm process ended"
        return line.strip()

    def _end(self) -> None:
        assert self._process is not None
        self._process.communicate(timeout=30)


_warm = _Warm()


def command_in(folder: Path, **fixed: str) -> Command:
    """``lindero …`` as a process of its own, working in a folder that is not the project's."""

    def call(*arguments: str, **more: str) -> Answer:
        environment = {**environment_below(folder), "PYTHONPATH": str(ROOT), **fixed, **more}
        if not hasattr(os, "fork"):
            done = subprocess.run(
                [sys.executable, "-m", "Modules.cli.main", *arguments],
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
            return Answer(done.returncode, done.stdout, done.stderr)
        with tempfile.TemporaryDirectory() as said:
            out, err = Path(said, "out"), Path(said, "err")
            code = _warm.run(
                {
                    "argv": arguments,
                    "env": environment,
                    "cwd": str(folder),
                    "out": str(out),
                    "err": str(err),
                }
            )
            return Answer(code, *(path.read_text(encoding="utf-8") for path in (out, err)))

    return call


@pytest.fixture
def lindero(tmp_path: Path) -> Command:
    """The command line with nothing configured."""
    return command_in(tmp_path)
