"""``lindero prompts deploy``, ``rollback``, ``history``, ``costs``, as a person runs them."""

from __future__ import annotations

import getpass
import json
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

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
        (0, "informe: en prod corre la versión 1, nueva.\n"),
        (0, "informe: en prod ya corría la versión 1; no cambió nada.\n"),
        (0, "informe: en prod corre la versión 2, nueva.\n"),
        (0, "informe: en prod corre la versión 1, que ya estaba.\n"),
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
