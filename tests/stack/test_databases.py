"""PostgreSQL and Redis of this machine."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from Modules.stack import databases
from Modules.stack.checks import redis as redis_health
from Modules.stack.databases import account_for, find_postgres, find_redis, redis_configuration
from Modules.stack.plan import Redis
from Modules.stack.processes import Spec, start, stop, wait_until
from Modules.words.errors import SettingsError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no embedded servers on Windows")
PASSWORD = 'r@d/i:s "%ñ" ?#22'


def test_redis_is_told_a_hash_and_no_password() -> None:
    text = redis_configuration(Redis("127.0.0.1", 6390, PASSWORD), Path("/data"))

    assert PASSWORD not in text
    assert hashlib.sha256(PASSWORD.encode()).hexdigest() in text
    assert "bind 127.0.0.1\n" in text
    assert "appendonly yes\n" in text


def test_the_command_of_postgres_holds_no_secret_and_listens_on_loopback() -> None:
    command = find_postgres(Path("/none")).command(Path("/data"), 5433, "America/Cordoba")

    assert "listen_addresses=127.0.0.1" in command
    assert "unix_socket_directories=" in command
    assert {"log_timezone=America/Cordoba", "log_line_prefix=%m [%p] "} <= {*command}


@pytest.mark.integration
def test_redis_lets_in_who_knows_the_password_only(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" ñ folder'
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free_port = int(probe.getsockname()[1])
    known = Redis("127.0.0.1", free_port, PASSWORD)
    spec = Spec(
        name="redis",
        command=(str(find_redis()), "-"),
        environment={"PATH": os.environ["PATH"]},
        folder=folder,
        log=tmp_path / "redis.log",
        typed=redis_configuration(known, folder),
    )
    running = start(spec)
    try:
        wait_until(lambda: None if redis_health(known).ok else "silent", running, spec.log, 30)
        stranger = redis_health(Redis("127.0.0.1", free_port, "another password"))
        assert not stranger.ok
        assert "PREFECT_REDIS_MESSAGING_PASSWORD" in stranger.text
        assert not redis_health(Redis("127.0.0.1", free_port, "")).ok
    finally:
        stop(running, patience_s=10)
    assert (folder / "appendonly.aof").exists() or (folder / "appendonlydir").exists()


def test_data_of_another_version_is_not_touched(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("9\n", encoding="ascii")

    with pytest.raises(SettingsError, match="lo hizo PostgreSQL 9"):
        find_postgres(data)


def test_a_machine_without_the_servers_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no hay PostgreSQL .* lindero stack up --single"):
        find_postgres(tmp_path / "data", folders=[tmp_path])
    with pytest.raises(SettingsError, match=r"no hay Redis .* lindero stack up --single"):
        find_redis([tmp_path / "redis-server"])


def test_a_postgres_that_cannot_hold_prefects_tables_is_passed_over(tmp_path: Path) -> None:
    """Some wheels leave the contrib extensions out, and Prefect's migrations fail."""
    real = find_postgres(tmp_path / "none")
    bare = tmp_path / "bare" / "bin"
    bare.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (bare / name).symlink_to(real.programs / name)
    if real.programs.is_relative_to("/usr/lib/postgresql"):
        pytest.skip("the extensions of Debian's PostgreSQL are where every copy of it finds them")

    assert find_postgres(tmp_path / "none", folders=[bare, real.programs]) == real


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root starts it as another user"
)
def test_a_folder_that_only_root_may_enter_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "closed" / "stack"
    inside.mkdir(parents=True)
    inside.parent.chmod(0o700)

    with pytest.raises(SettingsError, match="LINDERO_STATE_DIR"):
        account_for(find_postgres(tmp_path / "none"), inside / "postgres")


def test_a_postmaster_that_was_killed_is_awaited_until_its_parent_has_seen_it(
    tmp_path: Path,
) -> None:
    """PostgreSQL takes one that is dead and not reaped for one that runs, and would not start."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as dead:
        while psutil.Process(dead.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        (tmp_path / "postmaster.pid").write_text(f"{dead.pid}\nother lines\n")
        reaper = threading.Timer(0.5, dead.wait)
        reaper.start()
        databases.await_reaped(tmp_path)
        assert not psutil.pid_exists(dead.pid)
        reaper.join()
    databases.await_reaped(tmp_path)  # nobody has that number now
    databases.await_reaped(tmp_path / "nowhere")
