"""A real Prefect server and the real command line, for whole runs."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from filelock import FileLock

from tests.processes import ended, patience

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


def _shared_folder() -> Path:
    """A folder of all processes of this test run."""
    (folder,) = _migrated
    return folder.parent


def migrated(home: Path) -> Path:
    """Put a new database into this home of Prefect, as Prefect's own migrations leave it.

    They take longer than all the rest of a server's start, so one run of the tests does them once.
    """
    (template,) = _migrated
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{template}.lock"):
        if not template.is_dir():
            making = template.with_name("migrating")
            upgrade = ("-m", "prefect", "server", "database", "upgrade", "--yes")
            done = python_in(template.parent, *upgrade, PREFECT_HOME=str(making))
            assert done.code == 0, done.err
            making.rename(template)
        with (
            closing(sqlite3.connect(template / DATABASE)) as source,
            closing(sqlite3.connect(home / DATABASE)) as copy,
        ):
            source.backup(copy)
    return home


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of ``prefect_api`` keeps its database and its log."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def prefect_api(prefect_home: Path) -> Iterator[str]:
    """Address of a real Prefect server of its own, on SQLite."""
    with prefect_server(prefect_home) as api:
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
    start = ("-m", "prefect", "server", "start", "--port", str(port))
    log, api = home / "server.log", f"http://127.0.0.1:{port}/api"
    with _serving(start, environment, home, log) as number:
        _wait_until_ready(api, number, log)
        yield api


@contextmanager
def _serving(
    argv: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[int]:
    """``python …`` until the block ends; its process id."""
    if hasattr(os, "fork"):
        told = {"env": environment, "cwd": folder, "log": log}
        with _warm_prefect.serving("python", *argv, **told) as number:
            yield number
        return
    with log.open("wb") as said:
        server = subprocess.Popen(
            [sys.executable, *argv], env=environment, stdout=said, stderr=said
        )
    try:
        yield server.pid
    finally:
        ended(server)


def _wait_until_ready(api: str, server: int, log: Path) -> None:
    deadline = time.monotonic() + patience(START_S)
    while time.monotonic() < deadline:
        assert psutil.Process(server).status() != psutil.STATUS_ZOMBIE, _end_of(log)
        try:
            if requests.get(f"{api}/ready", timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.2)  # polling a process, bounded by the deadline above
    pytest.fail(f"the Prefect server did not start: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def ask(
    method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Any:
    """An answer of a Prefect server; on SQLite a busy one says 503 for a moment."""
    deadline = time.monotonic() + patience(60)
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
        "LINDERO_DEMO_SIZE": "mini",
        "LINDERO_PORTAL_REQUESTS_PER_SECOND": "1000",
    }


class Warm:
    """The process that forks for each command of this test process (``warm.py``), once started."""

    def __init__(self, *loaded: str) -> None:
        self._loaded = loaded
        self._process: subprocess.Popen[str] | None = None
        self._ready = False
        self._serving: set[int] = set()

    def run(self, *argv: str, env: Mapping[str, str], cwd: Path) -> Answer:
        """A command, to its end; one at a time. ``argv`` as in ``warm.py``."""
        with tempfile.TemporaryDirectory() as said:
            out, err = Path(said, "out"), Path(said, "err")
            code = self._asked(_command(argv, env, cwd, out, err))
            return Answer(code, *(path.read_text(encoding="utf-8") for path in (out, err)))

    @contextmanager
    def serving(self, *argv: str, env: Mapping[str, str], cwd: Path, log: Path) -> Iterator[int]:
        """A command that goes on until the block ends; its process id."""
        number = self._asked({**_command(argv, env, cwd, log, log), "serve": True})
        self._serving.add(number)
        try:
            yield number
        finally:
            if number in self._serving:
                self._asked({"end": number})
                self._serving.discard(number)

    def _asked(self, request: dict[str, object]) -> int:
        """The answer to a request.

        Raises:
            AssertionError: the warm process ended.
        """
        if self._process is None:
            self._home = tempfile.TemporaryDirectory(
                prefix="lindero-warm-", ignore_cleanup_errors=True
            )
            told = {"PYTHONPATH": str(ROOT), "PREFECT_HOME": self._home.name}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.scripts.warm", *self._loaded],
                cwd=ROOT,
                env=environment_below(Path(self._home.name)) | told,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            atexit.register(self._end)
        try:
            if not self._ready:
                assert self._said() == "ready"
                self._ready = True
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return int(self._said())
        except BaseException:  # out of time: what it says next answers nobody's question
            self._end()
            raise

    def _said(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the warm process ended"
        return line.strip()

    def _end(self) -> None:
        process, self._process, self._ready = self._process, None, False
        while self._serving:  # each leads a group of its own
            with suppress(ProcessLookupError):
                os.killpg(self._serving.pop(), signal.SIGKILL)
        if process is not None:
            ended(process)
            self._home.cleanup()


def _command(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path, out: Path, err: Path
) -> dict[str, object]:
    told: dict[str, object] = {"argv": list(argv), "env": dict(env)}
    return told | {"cwd": str(cwd), "out": str(out), "err": str(err)}


_warm, _warm_prefect = Warm(), Warm("prefect")


def python_in(
    folder: Path, *argv: str, cwd: Path | None = None, prefect: bool = True, **more: str
) -> Answer:
    """``python …`` with what it writes below a folder: a script, ``-m`` and a module, ``-c`` and
    code. Prefect is loaded already, or surely not.
    """
    environment = {**environment_below(folder), **more}
    if hasattr(os, "fork"):
        warm = _warm_prefect if prefect else _warm
        return warm.run("python", *argv, env=environment, cwd=cwd or folder)
    return _cold(argv, environment, cwd or folder)


def command_in(folder: Path, **fixed: str) -> Command:
    """``lindero …`` as a process of its own, working in a folder that is not the project's."""

    def call(*arguments: str, **more: str) -> Answer:
        environment = {**environment_below(folder), "PYTHONPATH": str(ROOT), **fixed, **more}
        if not hasattr(os, "fork"):
            return _cold(("-m", "Modules.cli.main", *arguments), environment, folder)
        under_prefect = "PREFECT_API_URL" in environment and arguments[0] in ("run", "deploy")
        warm = _warm_prefect if under_prefect else _warm
        return warm.run(*arguments, env=environment, cwd=folder)

    return call


def lindero_as(environment: Mapping[str, str], cwd: Path, *arguments: str) -> tuple[int, str, str]:
    """``lindero …`` with just this environment: its exit code, what it said, what it complained."""
    if hasattr(os, "fork"):
        said = _warm.run(*arguments, env=environment, cwd=cwd)
    else:
        said = _cold(("-m", "Modules.cli.main", *arguments), dict(environment), cwd)
    return said.code, said.out, said.err


def _cold(argv: Sequence[str], environment: Mapping[str, str], folder: Path) -> Answer:
    done = subprocess.run(
        [sys.executable, *argv],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=patience(240),
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def lindero(tmp_path: Path) -> Command:
    """The command line with nothing configured."""
    return command_in(tmp_path)


def night_in(folder: Path, *days: int, size: str = "mini") -> Path:
    """Put there what trial nights of the demo on these days leave; every test run makes them once.

    In order: the nights of ``(0, 1)`` begin with that of ``(0,)``.
    """
    made = _shared_folder() / f"nights-{size}-{'-'.join(map(str, days))}"
    with FileLock(f"{made}.lock"):
        if not made.is_dir():
            making = made.with_name(f"{made.name}-making")
            making.mkdir()
            if days[1:]:
                night_in(making, *days[:-1], size=size)
            world = {"LINDERO_DEMO_SIZE": size, "LINDERO_DEMO_DAY": str(days[-1])}
            done = command_in(making)("run", "backup", "--test", **world)
            assert done.code == 0, done.err
            making.rename(made)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder


def companies_in(folder: Path, *names: str, size: str = "mini") -> Path:
    """Companies with the demo's trial night each, and secrets that nobody knows; their list."""
    state = night_in(folder, 0, size=size) / "state"
    entries = []
    for name in names:
        shutil.copytree(state / "test", state / "empresas" / name.lower() / "test")
        entries.append(
            f"[[empresas]]\nnombre = '{name}'\nportal = 'https://{name.lower()}.example'\n"
            f"secreto = '{name.upper()}_SECRETO'\n"
        )
    (file := state / "empresas.toml").write_text("\n".join(entries), encoding="utf-8")
    return file
