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
from Modules.words.domain import Campania

MARCADOR: Final = "marcador/"
CREADA: Final = "recién creada"  # until Jira is asked what it calls that
AUSENTE: Final = "ya no está en Jira"  # deleted there, or without the label of its lot
_PLAN: Final = re.compile(r"plan/(\d\d/\d\d)/(\d{4}-\d\d)/(.*)/[^/]*")
_MARCAS: Final = "lindero-marcadores-"


def grupo_marcadores(campania: Campania) -> str:
    """The label in Jira of the issues of a campaña's marks."""
    return f"{_MARCAS}{campania.slug}"


def journal_of(root: Path, grupo: str) -> Path:
    """What was created, or may have been, of a lot: see ``sync``."""
    return root / "jira" / f"{grupo}.jsonl"


def pending(libro: Libro, root: Path) -> set[str]:
    """The lots that may have news: those with an open issue, and those the ledger does not know.

    So a lost ledger is made again of every lot that this machine ever made.
    """
    known = {one.grupo for one in libro.tareas.values()}
    made = {path.stem for path in journal_of(root, "*").parent.glob("*.jsonl")}
    return {one.grupo for one in libro.tareas.values() if one.cerrada is None} | (made - known)


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
    told = {one.clave: one for one in wanted}
    tareas = dict(libro.tareas)
    for clave, one in seen.items():
        before = libro.tareas.get(clave)
        since = (before.cerrada if before else None) or now
        tareas[clave] = replace(
            told.get(clave) or before or _of_clave(clave, grupo),
            tarea=one.key,
            url=f"{site}/browse/{one.key}",
            estado=one.estado or (before.estado if before else CREADA),
            cerrada=since if one.cerrada else None,
        )
    for clave, known in libro.tareas.items():
        if known.grupo == grupo and clave not in seen:
            tareas[clave] = replace(known, estado=AUSENTE, cerrada=known.cerrada or now)
    return replace(libro, tareas=tareas)


def _of_clave(clave: str, grupo: str) -> Tarea:
    if plan := _PLAN.fullmatch(clave):
        campania, mes, lote_id = plan.groups()
        origen, marcador_id = f"plan {mes}", ""
    else:
        marcador_id = clave.removeprefix(MARCADOR)
        campania, lote_id = grupo.removeprefix(_MARCAS).replace("-", "/"), ""
        origen = f"marcador {marcador_id}"
    return Tarea(
        clave=clave,
        tarea="",
        origen=origen,
        campania=campania,
        grupo=grupo,
        lote_id=lote_id,
        marcador_id=marcador_id,
    )
