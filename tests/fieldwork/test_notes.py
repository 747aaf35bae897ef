"""The ledger after Jira was asked of a lot: what is closed, reopened, gone, and made again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from Modules.fieldwork.notes import AUSENTE, CREADA, MARCADORES, journal_of, lots, noted
from Modules.fieldwork.sync import Tarea as Seen
from Modules.store.tareas import Libro, Tarea

SITE = "https://x.example"
NOW = datetime(2026, 11, 29, 5, 30, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
MARKS = f"{MARCADORES}25-26"
PLAN = "lindero-plan-2026-11"
ONE = Tarea(
    **{"clave": "marcador/m-1", "tarea": "", "origen": "marcador m-1", "campania": "25/26"},
    **{"grupo": MARKS, "lote_id": "l-1", "marcador_id": "m-1"},
)


def after(libro: Libro, now: datetime, *wanted: Tarea, grupo: str = MARKS, **seen: Seen) -> Libro:
    claves = {f"marcador/{name.replace('_', '-')}": one for name, one in seen.items()}
    return noted(libro, grupo, claves, wanted, site=SITE, now=now)


def test_an_issue_is_noted_when_it_is_made_closed_since_it_was_first_seen_so_and_open_again() -> (
    None
):
    libro = after(Libro(), NOW, ONE, m_1=Seen("CAMPO-1"))
    made = replace(ONE, tarea="CAMPO-1", url=f"{SITE}/browse/CAMPO-1", estado=CREADA)
    assert libro.tareas == {"marcador/m-1": made}
    done = Seen("CAMPO-1", "Listo", cerrada=True)
    closed = replace(made, estado="Listo", cerrada=LATER)
    libro = after(libro, LATER, m_1=done)
    assert libro.tareas == {"marcador/m-1": closed}, "whom it is of stays, though nobody asks"
    libro = after(libro, LATER + timedelta(days=9), m_1=done)
    assert libro.tareas == {"marcador/m-1": closed}
    libro = after(libro, LATER, m_1=Seen("CAMPO-1", "En curso"))
    assert libro.tareas == {"marcador/m-1": replace(made, estado="En curso")}


def test_one_that_jira_does_not_show_any_more_is_not_open_and_other_lots_stay() -> None:
    other = replace(ONE, clave="plan/25/26/2026-11/l-1/0-20", grupo=PLAN)
    libro = Libro({one.clave: one for one in (ONE, other)})
    left = after(libro, NOW)
    assert left.tareas["marcador/m-1"] == replace(ONE, estado=AUSENTE, cerrada=NOW)
    assert left.tareas[other.clave] == other


def test_a_lost_ledger_is_made_again_from_what_jira_has() -> None:
    libro = after(Libro(), NOW, m_1=Seen("CAMPO-1", "En curso"))
    again = replace(ONE, tarea="CAMPO-1", url=f"{SITE}/browse/CAMPO-1", estado="En curso")
    assert libro.tareas == {"marcador/m-1": replace(again, lote_id="")}
    clave = "plan/25/26/2026-11/l-1/b/0-20"
    libro = noted(
        Libro(), PLAN, {clave: Seen("CAMPO-2", "Listo", cerrada=True)}, (), site=SITE, now=NOW
    )
    (row,) = libro.tareas.values()
    assert (row.campania, row.lote_id, row.marcador_id) == ("25/26", "l-1/b", "")
    assert (row.origen, row.cerrada) == ("plan 2026-11", NOW)


def test_jira_is_asked_of_every_lot_that_was_made_here(tmp_path: Path) -> None:
    assert lots(tmp_path) == set()
    for grupo in (MARKS, PLAN):
        journal_of(tmp_path, grupo).parent.mkdir(exist_ok=True)
        journal_of(tmp_path, grupo).touch()
    assert lots(tmp_path) == {MARKS, PLAN}
