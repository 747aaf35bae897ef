"""``lindero stack`` as a person types it, where nothing is started."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from Modules.cli.main import main
from Modules.settings import PROJECT_ROOT
from Modules.stack.local import FULL
from Modules.words.secret import Secret

Type = Callable[..., tuple[int, str, str]]
NO_SECRETS = pytest.mark.skipif(
    (PROJECT_ROOT / ".env").exists(), reason="the .env of this checkout has secrets"
)


@pytest.fixture
def lindero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Type:
    """Type a command on a machine where no stack was ever started: code, output, errors."""
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "state"))
    for name in ("PREFECT_POSTGRES_PASSWORD", "PREFECT_REDIS_MESSAGING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)

    def typed(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return typed


def test_status_of_nothing_is_1_and_names_all_five(lindero: Type) -> None:
    code, out, _ = lindero("stack", "status", "--json")

    assert code == 1
    assert [row["proceso"] for row in json.loads(out)] == list(FULL)
    assert {row["detalle"] for row in json.loads(out)} == {"no corre"}


def test_status_in_a_container_says_where_to_look(
    lindero: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Read:
        prefect_server_api_auth_string = Secret(
            "admin:canary-canary", Path("/run/secrets/prefect_server_api_auth_string")
        )

    monkeypatch.setattr("Modules.cli.stack.load_settings", Read)
    code, out, _ = lindero("stack", "status")
    assert code == 1
    assert out.splitlines() == ["Acá son contenedores: docker compose ps, afuera, o lindero status"]


@NO_SECRETS
def test_up_without_secrets_starts_nothing_and_says_how_to_get_them(
    lindero: Type, tmp_path: Path
) -> None:
    code, _, err = lindero("stack", "up")

    assert code == 2
    assert "PREFECT_POSTGRES_PASSWORD: falta" in err
    assert "lindero stack init escribe lo que falta" in err
    assert not (tmp_path / "state").exists()


@NO_SECRETS
def test_a_single_server_needs_the_auth_string_only(lindero: Type) -> None:
    code, _, err = lindero("stack", "up", "--single")

    assert code == 2
    assert "PREFECT_SERVER_API_AUTH_STRING: falta" in err
    assert "PREFECT_POSTGRES_PASSWORD" not in err


def test_a_port_that_is_taken_is_said_before_anything_starts(
    lindero: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "admin:Zk3-Pq9_Lw7xT")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("LINDERO_PORT", str(other.getsockname()[1]))

        code, _, err = lindero("stack", "up", "--single")

    assert code == 2
    assert "LINDERO_PORT: otro programa usa el puerto" in err
    assert not (tmp_path / "state" / "stack" / "run.json").exists()


def test_two_commands_at_once_are_refused(
    lindero: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "admin:Zk3-Pq9_Lw7xT")
    folder = tmp_path / "state" / "stack"
    folder.mkdir(parents=True)
    with FileLock(folder / "stack.lock"):
        for command in (("up", "--single"), ("down",)):
            code, _, err = lindero("stack", *command)
            assert code == 1
            assert (
                "otro comando está levantando o apagando esta plataforma; esperar a que termine"
                in err
            )


def test_down_of_nothing_is_no_error(lindero: Type, tmp_path: Path) -> None:
    code, out, _ = lindero("stack", "down")

    assert code == 0
    assert "No estaba corriendo" in out
    assert not (tmp_path / "state").exists()


def test_logs_show_the_end_of_one_process(lindero: Type, tmp_path: Path) -> None:
    logs = tmp_path / "state" / "stack" / "logs"
    logs.mkdir(parents=True)
    (logs / "worker.log").write_text("uno\ndos\ntres\n", encoding="utf-8")

    assert lindero("stack", "logs", "worker", "--lines", "2")[:2] == (0, "dos\ntres\n")
    _, all_of_them, _ = lindero("stack", "logs")
    assert all(f"== {name} " in all_of_them for name in FULL)
    assert lindero("stack", "logs", "otro")[0] == 2


def test_help_is_spanish_and_names_every_command(lindero: Type) -> None:
    code, out, _ = lindero("stack", "--help")

    assert code == 0
    for name in ("init", "up", "status", "logs", "down"):
        assert name in out
    assert "sin Docker" in out
