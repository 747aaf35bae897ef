"""``lindero run plan-muestreo``: what it takes, what it prints, and how it ends."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from Modules.cli.main import app
from Modules.fieldwork import plan
from Modules.store.tareas import read_tareas
from tests.faults.neighbours import Strike
from tests.fieldwork.conftest import Farm
from tests.fieldwork.test_plan import created, written


def lindero(*words: str) -> int:
    return app(["run", "plan-muestreo", *words], exit_on_error=False, print_error=False)


def test_the_demo_shows_the_whole_story_without_an_account(
    night_state: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On the demo's own night, which is there; twice: its Jira is new each time.

    What it prints fits a screen or two: of 100 rows ten are listed, and then what changed.
    """
    shutil.copytree(night_state, tmp_path / "state" / "demo")
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LINDERO_TEST_OUTPUTS_DIR", str(tmp_path / "out"))
    monkeypatch.setenv("LINDERO_JIRA_URL", "https://nobody.example")  # is not asked
    for _ in range(2):
        assert lindero("--demo", "--mes", "dic-26") == 0
        out = capsys.readouterr().out
        assert re.search(r"nueva +100", out)
        assert re.search(r"http://127\.0\.0\.1:\d+/browse/CAMPO-1 ", out)
        assert "Demostración - Diciembre 2026, como quedó en Drive" in out
        assert re.search(r"CAMPO-5 +│", out)
        assert out.count("/browse/") == 10 + 4
        assert len(out.splitlines()) < 100
        assert "│ 01/12/2026 │" in out
        assert re.search(r"CAMPO-1 · Por hacer · Muestreo: .*, lote 1 \(0-20\)\n", out)
        again = out.split("se corre de nuevo:")[1]
        for times in (r"cambiada +3", r"sin cambios +96", r"cerrada en Jira: queda así +1"):
            assert re.search(times, again)
    assert len([*(tmp_path / "out" / "demo").glob("plan_muestreo/**/*.kmz")]) > 5
    assert not (tmp_path / "state" / "test").exists()


def test_a_person_validates_first_and_then_creates(
    farm: Farm, capsys: pytest.CaptureFixture[str]
) -> None:
    farm.plan(farm.rows(3))
    asked = ("--mes", "2026-11", "--test", "--json")
    assert lindero(*asked) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["status"], told["data"]["totales"]["nueva"]) == ("ok", 3)
    assert (created(farm), written(farm)) == ([], [])
    assert lindero(*asked, "--crear", "--max-tareas", "2") == 0
    assert (created(farm), written(farm)) == ([2], [2])
    assert re.fullmatch(r"[\d-]+T[\d:]+Z", told["end_time"])
    assert told["end_time"] >= told["start_time"]


def test_before_the_night_the_command_of_the_marks_asks_of_the_rows_too_and_writes_nothing(
    farm: Farm, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person closed one; the summary of the night is made of the ledger. Then ``--crear``."""
    farm.plan(farm.rows(3))
    assert lindero("--mes", "2026-11", "--test", "--crear") == 0
    farm.site.move("CAMPO-2")
    writes = sum(one.writes for one in farm.site.asked)
    marks = ("run", "marcadores-a-jira", "--test")
    assert app(marks, exit_on_error=False) == 0
    assert "Solo validar" in capsys.readouterr().out
    assert sum(one.writes for one in farm.site.asked) == writes
    libro = read_tareas(farm.folder / "state" / "test")
    closed = {one.tarea: (one.estado, bool(one.cerrada)) for one in libro.de("25/26")}
    assert closed == {
        **{"CAMPO-1": ("Por hacer", False), "CAMPO-2": ("Listo", True)},
        "CAMPO-3": ("Por hacer", False),
    }
    with (farm.folder / "integrations.toml").open("a") as config:
        config.write("[marcadores]\nseveridades = []\n")
    assert app((*marks, "--crear", "--max-tareas", "1", "--json"), exit_on_error=False) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "ok"
    assert len(farm.site.issues) == 4


def test_the_exit_code_tells_what_failed(
    farm: Farm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is wrong, a neighbour that is away, credentials that are not taken, no sheet."""
    rows = farm.rows(3)
    rows[1][2] = "31/02/2026"
    farm.plan(rows)
    asked = ("--mes", "2026-11", "--test", "--crear", "--json")
    for code, status, strike in (
        (1, "partial", None),
        (4, "error", Strike("neighbour_429_hour", "project")),
        (2, "error", Strike("jira_expired", "project")),
    ):
        if strike:
            farm.jira.server.strike(strike)
        assert lindero(*asked) == code
        told = json.loads(capsys.readouterr().out)
        assert told["status"] == status, told["error"]
        assert told["end_time"] >= told["start_time"]
        assert bool(told["error"]) is (status == "error")
    farm.jira.site.reset()
    with monkeypatch.context() as patch:
        patch.setattr(plan, "issues_of", None)
        assert lindero(*asked) == 70
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["error"]["kind"]) == ("error", "TypeError")
    assert told["end_time"] >= told["start_time"]
    assert lindero("--mes", "2026-10", "--test", "--crear", "--json") == 1
    assert "Octubre 2026" in json.loads(capsys.readouterr().out)["error"]["mensaje"]
