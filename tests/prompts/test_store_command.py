"""What ``lindero prompts`` does over the store, as a person runs it."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from Modules.orchestration import prompts_run
from Modules.prompts.serve import app as serving
from Modules.prompts.store import PromptStore
from tests.prompts.made_up import call
from tests.prompts.test_command import lindero
from tests.prompts.test_files import GOOD, folder_of

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def files(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of prompts, whose store is empty."""
    monkeypatch.setenv("LINDERO_PROMPTS_DIR", str(tmp_path / "prompts"))
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path))
    shutil.copy(made, tmp_path)
    (tmp_path / "prompts").mkdir()
    return folder_of(tmp_path / "prompts", GOOD)


def test_what_is_deployed_is_told_and_rolled_back(
    files: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = files / "resumir.task.yaml"
    why = "piden más corto"
    said = [lindero(capsys, "deploy", "informe", "--env", "prod", "--why", "primera")[:2]]
    task.write_text(f"# otro comentario, el mismo contenido\n{task.read_text()}")
    said.append(lindero(capsys, "deploy", "informe", "--env", "prod")[:2])
    task.write_text(task.read_text().replace("Resumí", "Resumí en breve"))
    monkeypatch.setenv("LINDERO_PROMPTS_WHO", "Ana Gómez")
    said.append(lindero(capsys, "deploy", "informe", "--env", "prod", "--why", why)[:2])
    said.append(lindero(capsys, "rollback", "informe", "--env", "prod", "--to", "1")[:2])
    assert said == [
        (0, "informe: en prod pasa a correr la versión 1, nueva.\n"),
        (0, "informe: en prod ya corría la versión 1; no cambió nada.\n"),
        (0, "informe: en prod pasa a correr la versión 2, nueva.\n"),
        (0, "informe: en prod pasa a correr la versión 1.\n"),
    ]
    code, out, _ = lindero(capsys, "history", "informe", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [(one["from"], one["to"], one["action"], one["who"], one["why"]) for one in rows] == [
        (None, 1, "deploy", getpass.getuser(), "primera"),
        (1, 2, "deploy", "Ana Gómez", why),
        (2, 1, "rollback", "Ana Gómez", ""),
    ]
    assert datetime.fromisoformat(rows[0]["at"]).tzinfo is not None
    code, out, _ = lindero(capsys, "history")
    assert code == 0
    for word in ("cuándo", "por qué", "despliegue", "vuelta atrás", "Ana Gómez", why):
        assert word in out


def test_what_cannot_be_done_is_refused_and_leaves_no_trace(files: Path, capsys: Capsys) -> None:
    for words, told in (
        (("deploy", "nadie", "--env", "prod"), "no hay un prompt nadie; hay: informe, resumir"),
        (("rollback", "informe", "--env", "prod", "--to", "3"), "nunca corrió en prod"),
        (("deploy", "informe", "--env", "produccion"), "Hay: dev, prod"),
        (("costs", "--since", "ayer"), "--since: 'ayer' no es un día como 2026-11-01"),
    ):
        code, _, err = lindero(capsys, *words)
        assert code == 2
        assert told in err.replace('"', "").replace("'dev', 'prod'", "dev, prod")
    (files / "resumir.task.yaml").write_text("version: 1\n")
    assert lindero(capsys, "deploy", "informe", "--env", "prod")[0] == 2
    assert json.loads(lindero(capsys, "history", "--json")[1]) == []


def test_costs_are_told_as_people_read_them(files: Path, tmp_path: Path, capsys: Capsys) -> None:
    assert lindero(capsys, "deploy", "informe", "--env", "prod")[0] == 0
    store, now = PromptStore(f"sqlite:///{tmp_path / 'prompts.sqlite3'}"), datetime.now(UTC)
    one, _ = store.accept("informe", "prod", {}, client="tablero", key=None, now=now)
    for cost, model in ((Decimal("1234.5"), "grande"), (Decimal("0.000001"), "grande")):
        store.journal(one).record(call(started_at=now, cost_usd=cost, model=model))
    code, out, _ = lindero(capsys, "costs")
    assert code == 0
    assert "1.234,500001" in out
    assert "En total: 1.234,500001 USD." in out
    store.journal(one).record(call(started_at=now, cost_usd=None, model="propio", outcome="schema"))
    code, out, _ = lindero(capsys, "costs", "--by", "model")
    assert "desconocido" in out
    assert "schema: 1" in out
    assert "En total: 1.234,500001 y lo que no se sabe USD." in out
    since = f"{now - timedelta(days=1):%Y-%m-%d}"
    code, out, _ = lindero(capsys, "costs", "--since", since, "--by", "client", "--json")
    (row,) = json.loads(out)
    assert (row["key"], row["executions"], row["calls"]) == ("tablero", 1, 3)
    assert (row["cost_usd"], row["unknown_costs"]) == ("1234.500001", 1)
    tomorrow = f"{now + timedelta(days=1):%Y-%m-%d}"
    assert json.loads(lindero(capsys, "costs", "--since", tomorrow, "--json")[1]) == []


def test_a_client_is_made_with_a_token_that_is_shown_once_and_taken_away(
    files: Path, tmp_path: Path, capsys: Capsys
) -> None:
    code, token, _ = lindero(capsys, "clients", "create", "tablero")
    assert (code, token.startswith("lindero_")) == (0, True)
    store = PromptStore(f"sqlite:///{tmp_path / 'prompts.sqlite3'}")
    assert store.by_token(token.strip()) is not None
    assert lindero(capsys, "clients", "create", "tablero")[0] == 2
    code, out, _ = lindero(capsys, "clients")
    assert (code, "tablero" in out, token.strip() in out) == (0, True, False)
    said = lindero(capsys, "clients", "revoke", "tablero")
    assert said[:2] == (0, "tablero: su token ya no vale.\n")
    assert store.by_token(token.strip()) is None
    (row,) = json.loads(lindero(capsys, "clients", "list", "--json")[1])
    assert (row["name"], row["revoked_at"] is None) == ("tablero", False)
    for words in (("clients", "create"), ("clients", "list", "tablero")):
        code, _, err = lindero(capsys, *words)
        assert (code, "clients create NOMBRE" in err) == (2, True)


def test_the_api_says_where_it_answers_and_a_taken_port_is_refused(
    files: Path, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[socket.socket] = []
    monkeypatch.setattr(serving, "serve", lambda _app, line: lines.append(line))
    monkeypatch.setattr(prompts_run, "dispatching", lambda *_: lambda: None)
    code, out, _ = lindero(capsys, "serve", "--port", "0")
    with lines[0] as line:
        host, port = line.getsockname()
        assert (code, host) == (0, "127.0.0.1")
        assert out == f"La API de prompts contesta en http://127.0.0.1:{port}/docs\n"
        with socket.create_connection((host, port), 5):
            pass
        code, _, err = lindero(capsys, "serve", "--port", str(port))
    assert (code, f"127.0.0.1:{port}" in err, "--port" in err) == (2, True, True)
