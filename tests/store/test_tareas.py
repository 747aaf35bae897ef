"""The ledger of issues: what is written is read, and what is damaged is named."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from Modules.store.tareas import NAME, Libro, Tarea, read_tareas, write_tareas, writing_lock
from Modules.words.errors import DataError, RunLocked

SEEN = datetime(2026, 11, 29, 5, 30, tzinfo=UTC)
ONE = Tarea(
    clave="marcador/m-1", tarea="CAMPO-10", origen="marcador m-1", campania="25/26", grupo="g"
)
TWO = replace(
    ONE, clave="plan/25-26/2026-11/l-1/0-20", tarea="CAMPO-9", cerrada=SEEN, lote_id="l-ñ"
)
LIBRO = Libro({one.clave: one for one in (ONE, TWO)}, SEEN)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    root = tmp_path / "prod"
    assert read_tareas(root) == Libro()
    write_tareas(root, LIBRO)
    assert read_tareas(root) == LIBRO
    assert [path.name for path in root.iterdir()] == [NAME]


def test_those_of_a_campania_come_by_the_number_of_the_issue() -> None:
    other = replace(ONE, clave="marcador/m-2", campania="26/27")
    libro = replace(LIBRO, tareas={**LIBRO.tareas, other.clave: other})
    assert [one.tarea for one in libro.de("25/26")] == ["CAMPO-9", "CAMPO-10"]


@pytest.mark.parametrize(
    "change",
    [
        {"formato": 2},
        {"tareas": None},
        {"tareas": [{"clave": "x"}]},
        {"tareas": [{**json.loads('{"cerrada": null}'), "clave": 1}]},
        {"visto": "ayer"},
        {"visto": "2026-11-29T05:30:00"},
    ],
    ids=["formato", "no rows", "short row", "other type", "no moment", "no zone"],
)
def test_a_damaged_ledger_is_named_with_what_makes_it_again(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    write_tareas(tmp_path, LIBRO)
    told = json.loads((tmp_path / NAME).read_bytes())
    (tmp_path / NAME).write_text(json.dumps({**told, **change}))
    with pytest.raises(DataError, match=f"{NAME} está dañado; lindero run marcadores-a-jira"):
        read_tareas(tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_cut_ledger_is_named_too(tmp_path: Path, cut: int) -> None:
    write_tareas(tmp_path, LIBRO)
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data[:cut])
    with pytest.raises(DataError, match=f"{NAME} está dañado; lindero run marcadores-a-jira"):
        read_tareas(tmp_path)


def test_two_stories_with_jira_are_never_on_at_once(tmp_path: Path) -> None:
    with writing_lock(tmp_path), pytest.raises(RunLocked, match="Jira"), writing_lock(tmp_path):
        pass
