"""A database of prompts for each test: SQLite, and the same on a real PostgreSQL of our own."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from Modules.prompts.store import PromptStore
from Modules.stack import databases
from Modules.stack.plan import Database
from Modules.words.errors import StackError


class Server:
    """A PostgreSQL that can be killed and started again; ``database`` makes one of the prompts."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.at = Database("lindero", "clave de prueba", "127.0.0.1", port, "postgres")
        self._names = itertools.count()
        self.postgres = databases.find_postgres(self.data)
        self._account = databases.account_for(self.postgres, self.data)
        databases.make_database_folder(self.postgres, self.data, self.at, self._account)
        self.start()
        self._made = self.empty()
        PromptStore(self._made)._engine.dispose()

    def start(self) -> None:
        command = self.postgres.command(self.data, self.at.port, "UTC")
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen((*command, "-c", "fsync=off"), **quiet, **self._account)
        for _ in range(600):
            try:
                databases.ask(self.at)
            except StackError:
                time.sleep(0.02)
            else:
                return
        pytest.fail("PostgreSQL does not start")

    def kill(self) -> None:
        """As when the machine is cut off: the server and all that it started."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        databases.await_reaped(self.data)

    def database(self) -> str:
        """A new database in its newest form."""
        return self._create(self._made.rpartition("/")[2])

    def empty(self) -> str:
        """A new database with nothing in it."""
        return self._create("template0")

    def _create(self, template: str) -> str:
        name = f"prompts_{next(self._names)}"
        databases.ask(self.at, f"create database {name} template {template}")
        return f"postgresql://lindero:clave%20de%20prueba@127.0.0.1:{self.at.port}/{name}"


@contextmanager
def server() -> Iterator[Server]:
    if os.name == "nt":
        pytest.skip("no PostgreSQL out of a wheel on Windows")
    with tempfile.TemporaryDirectory(prefix="lindero-prompts-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)  # started by root, it runs as another
        one = Server(Path(name))
        try:
            yield one
        finally:
            one.kill()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as one:
        yield one


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that was made and closed: a copy is a new database at once."""
    path = tmp_path_factory.mktemp("made") / "prompts.sqlite3"
    PromptStore(f"sqlite:///{path}")._engine.dispose()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, made: Path, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres").database())
    return sqlite_url(made, tmp_path)


@pytest.fixture
def store(store_url: str) -> PromptStore:
    return PromptStore(store_url)


def sqlite_url(made: Path, folder: Path) -> str:
    return f"sqlite:///{shutil.copy(made, folder / 'prompts.sqlite3')}"
