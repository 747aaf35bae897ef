"""What Jira says of our issues, noted in the ledger: after each story, and before each night."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from Modules.fieldwork.sync import Tarea as Seen
from Modules.store.tareas import Libro, Tarea

CREADA: Final = "recién creada"  # until Jira is asked what it calls that
AUSENTE: Final = "ya no está en Jira"  # deleted there, or without the label of its lot
MARCADOR: Final = "marcador/"  # of a clave
MARCADORES: Final = "lindero-marcadores-"  # of a lot: 25-26
_PLAN: Final = re.compile(r"plan/(\d\d/\d\d)/(\d{4}-\d\d)/(.*)/[^/]*")


def journal_of(root: Path, grupo: str) -> Path:
    """What was created, or may have been, of a lot: see ``sync``."""
    return root / "jira" / f"{grupo}.jsonl"


def lots(root: Path) -> set[str]:
    """Every lot that was ever made here: of these Jira is asked, whatever became of the ledger."""
    return {path.stem for path in journal_of(root, "*").parent.glob("*.jsonl")}


def noted(
    libro: Libro,
    grupo: str,
    seen: Mapping[str, Seen],
    wanted: Iterable[Tarea],
    *,
    site: str,
    now: datetime,
) -> Libro:
    """The ledger with a whole lot as Jira has it now.

    ``wanted`` say of whom an issue is; of one that nobody asks for any more the ledger knows it, or
    its clave tells. ``site`` is Jira's address.
    """
    before, told = libro.tareas, {one.clave: one for one in wanted}
    gone = {clave for clave, one in before.items() if one.grupo == grupo} - seen.keys()
    tareas = before | {
        clave: replace(before[clave], estado=AUSENTE, cerrada=before[clave].cerrada or now)
        for clave in gone
    }
    for clave, one in seen.items():
        known = before.get(clave) or tarea_of(clave, grupo)
        tareas[clave] = replace(
            told.get(clave, known),
            tarea=one.key,
            url=f"{site}/browse/{one.key}",
            estado=one.estado or known.estado or CREADA,
            cerrada=(known.cerrada or now) if one.cerrada else None,
        )
    return replace(libro, tareas=tareas)


def tarea_of(clave: str, grupo: str) -> Tarea:
    """What a clave and its lot tell of an issue."""
    if plan := _PLAN.fullmatch(clave):
        campania, mes, lote_id = plan.groups()
        one = Tarea(clave=clave, grupo=grupo, campania=campania, origen=f"plan {mes}")
        return replace(one, lote_id=lote_id)
    mark, campania = clave.removeprefix(MARCADOR), grupo.removeprefix(MARCADORES).replace("-", "/")
    one = Tarea(clave=clave, grupo=grupo, campania=campania, origen=f"marcador {mark}")
    return replace(one, marcador_id=mark)
