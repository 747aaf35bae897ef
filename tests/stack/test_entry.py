"""The entry of Prefect's processes: what it refuses, and what it becomes."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from Modules.settings import PROJECT_ROOT, Settings, read_settings
from Modules.stack import local
from Modules.stack.entry import (
    become,
    become_client,
    check,
    command_of,
    environment_of,
    watch_command,
)
from Modules.stack.plan import SECRETS
from Modules.words.errors import SettingsError

CANARY = "canary-of-the-secrets-7731"
GOOD = {
    "PREFECT_POSTGRES_PASSWORD": f"{CANARY}-db",
    "PREFECT_REDIS_MESSAGING_PASSWORD": f"{CANARY}-redis",
    "PREFECT_SERVER_API_AUTH_STRING": f"admin:{CANARY}-api",
}


def _settings(**more: object) -> Settings:
    good = {name.lower(): value for name, value in GOOD.items()}
    return replace(read_settings(good), **more)


def _entry(*arguments: str, **told: str) -> subprocess.CompletedProcess[str]:
    """The entry as a container runs it, with nothing in the environment but ``told``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, "-m", "Modules.stack.entry", *arguments],
        env={**kept, **told},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.integration
@pytest.mark.skipif((PROJECT_ROOT / ".env").exists(), reason="the .env of this checkout has some")
@pytest.mark.parametrize("process", ["server", "services", "worker"])
def test_a_start_without_secrets_is_refused_in_one_line(process: str) -> None:
    done = _entry(process)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "PREFECT_SERVER_API_AUTH_STRING: falta" in done.stderr
    assert ("PREFECT_POSTGRES_PASSWORD" in done.stderr) == (process != "worker")


@pytest.mark.integration
def test_a_short_secret_is_refused_and_not_shown() -> None:
    done = _entry("server", **{**GOOD, "PREFECT_POSTGRES_PASSWORD": "sh0rt-77"})

    assert done.returncode == 2
    assert "PREFECT_POSTGRES_PASSWORD: necesita 12 caracteres" in done.stderr
    assert "sh0rt-77" not in done.stdout + done.stderr
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.integration
@pytest.mark.parametrize("process", ["server", "services", "worker"])
def test_a_process_that_is_not_there_is_ill_in_one_line(process: str) -> None:
    done = _entry(
        "healthy",
        process,
        **GOOD,
        PREFECT_API_URL="http://127.0.0.1:9/api",
        PREFECT_REDIS_MESSAGING_PORT="9",
        PREFECT_WORKER_WEBSERVER_PORT="9",
    )

    assert done.returncode == 1
    assert done.stdout.startswith(f"{process}: ")
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_a_process_leaves_a_profile_for_prefects_own_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container: its environment has no secret, only the names of files."""
    auth = 'admin:it\'s "a" \\ $ecret'
    files = {}
    for name, secret in {**GOOD, "PREFECT_SERVER_API_AUTH_STRING": auth}.items():
        (tmp_path / name).write_text(secret)
        files[f"{name}_FILE"] = str(tmp_path / name)
    home = {"PREFECT_HOME": str(tmp_path / "home")}
    settings = read_settings({name.lower(): value for name, value in files.items()})
    became = []
    monkeypatch.setattr("Modules.stack.entry._exec", lambda *told: became.append(told))
    for name, value in {**files, **home}.items():
        monkeypatch.setenv(name, value)

    become("server", settings, host="127.0.0.1", port=9)

    [(_, told)] = became
    assert told["PREFECT_SERVER_API_AUTH_STRING"] == auth
    assert not set(files) & set(told)
    profile = tmp_path / "home" / "profiles.toml"
    assert profile.stat().st_mode & 0o777 == 0o600
    found = tomllib.loads(profile.read_text(encoding="utf-8"))
    assert found["profiles"][found["active"]] == {
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_UI_URL": "http://127.0.0.1:4200",  # of the links that it prints
    }


def test_what_is_told_by_the_environment_leaves_no_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("Modules.stack.entry._exec", lambda *told: None)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))

    become("server", _settings(), host="127.0.0.1", port=9)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("single", [False, True])
def test_prefects_own_command_is_told_the_database_of_the_stack_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, single: bool
) -> None:
    settings, ports = _settings(lindero_state_dir=tmp_path), {"server": 4, "postgres": 5}
    stack = local.stack_at(settings, ports, {}, single=single)
    became = []
    monkeypatch.setattr("Modules.stack.entry._exec", lambda *told: became.append(told))
    monkeypatch.setattr(local, "find", lambda _: stack)

    become_client(settings, ["server", "database", "downgrade", "-y"])

    [(command, told)] = became
    assert command[1:] == ("-m", "prefect", "server", "database", "downgrade", "-y")
    url = told.get("PREFECT_SERVER_DATABASE_CONNECTION_URL", "")
    assert ("@127.0.0.1:5/" in url) is not single  # a single server has its file at home
    assert told["PREFECT_HOME"] == str(stack.folder / "prefect")


def test_the_worker_needs_no_secret_of_the_stores() -> None:
    settings = _settings(prefect_postgres_password=None, prefect_redis_messaging_password=None)

    told = environment_of("worker", settings).over({})

    assert told["PREFECT_API_AUTH_STRING"] == GOOD["PREFECT_SERVER_API_AUTH_STRING"]
    assert not set(SECRETS) & set(told)
    with pytest.raises(SettingsError, match="PREFECT_POSTGRES_PASSWORD: falta"):
        environment_of("services", settings)


def test_server_and_services_are_told_the_same() -> None:
    settings = _settings()

    assert environment_of("server", settings) == environment_of("services", settings)


def test_the_address_of_the_database_comes_from_the_settings() -> None:
    settings = _settings(
        prefect_postgres_host="postgres",
        prefect_postgres_port=5544,
        prefect_postgres_user="a b",
        prefect_postgres_db="corridas",
    )

    url = environment_of("server", settings).over({})["PREFECT_SERVER_DATABASE_CONNECTION_URL"]

    assert url == f"postgresql+asyncpg://a%20b:{CANARY}-db@postgres:5544/corridas"


def test_no_command_holds_a_secret() -> None:
    for process in ("server", "services", "worker", "single"):
        command = " ".join(command_of(process, host="0.0.0.0", port=4200))
        assert CANARY not in command
    assert "--no-services" in command_of("server", host="0.0.0.0", port=4200)
    assert "--no-services" not in command_of("single", host="127.0.0.1", port=4200)
    assert "--with-healthcheck" in command_of("worker", host="", port=0)


def test_the_lines_of_every_process_and_of_its_companion_are_dated() -> None:
    commands = [
        command_of(process, host="", port=0) for process in ("server", "services", "worker")
    ]
    for command in (*commands, watch_command("worker")):
        assert command[1:3] == ("-m", "Modules.stack.logs"), command


def test_the_browser_is_sent_to_the_port_of_this_machine() -> None:
    told = environment_of("server", _settings(lindero_port=4300)).over({})

    assert told["PREFECT_SERVER_UI_API_URL"] == "http://127.0.0.1:4300/api"


def test_behind_a_proxy_the_browser_is_sent_there() -> None:
    told = environment_of("server", _settings(lindero_page_url="https://prefect.x.example")).over(
        {}
    )

    assert told["PREFECT_SERVER_UI_API_URL"] == "https://prefect.x.example/api"
    allowed = told["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"]
    assert set(allowed.split(",")) == {"https://prefect.x.example"}


def test_a_single_server_that_is_not_there_is_ill() -> None:
    settings = _settings(prefect_api_url="http://127.0.0.1:9/api")

    assert not check("single", settings, worker_port=9).ok


def test_the_entry_runs_from_a_folder_that_is_not_the_project(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "Modules.stack.entry", "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0
    assert "worker" in done.stdout
