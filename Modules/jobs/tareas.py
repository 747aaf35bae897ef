"""What the summary of a night says of our issues in Jira. Spanish; out of the ledger alone.

The night never asks Jira: *marcadores-a-jira* does, before it, and notes what it was told and when.
So a Jira that does not answer costs no night, and the summary says how old its words are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from Modules.store.tareas import Tarea, read_tareas
from Modules.words.domain import Recurso
from Modules.words.errors import DataError
from Modules.words.spanish import count, duration, in_lote, markdown, moment, number

if TYPE_CHECKING:
    from Modules.jobs.backup import Job, Night
    from Modules.night.tables import Tables

MAX_LINES: Final = 20  # of each list
MUDO: Final = timedelta(hours=20)  # so old, Jira was not asked before this night


def tareas_markdown(job: Job, night: Night, now: datetime) -> str:
    """How many are open, what was closed since the last night, marks that went; or nothing.

    Of a refused night nobody knows which marks are gone.
    """
    try:
        libro = read_tareas(job.store.root)
    except DataError as err:
        return f"## Tareas\n\n**Aviso:** {markdown(str(err))}."
    ours, visto = libro.de(job.campania), libro.visto
    if not ours:
        return ""
    since = now if night.parent is None else night.parent.id.utc
    abiertas = [one for one in ours if one.cerrada is None]
    cerradas = [(one, one.estado) for one in ours if one.cerrada and one.cerrada > since]
    figures = f"{count(len(abiertas), 'abierta', 'abiertas')} de {number(len(ours))}"
    when = f"según Jira el {moment(visto, job.settings.zone)}" if visto else "sin mirar Jira aún"
    parts = [f"## Tareas\n\n{figures}, {when}."]
    if visto and now - visto > MUDO:
        ago = f"lo último que se sabe de Jira es de hace {duration(now - visto)}"
        parts.append(f"**Aviso:** {ago}; ver la última corrida de marcadores-a-jira.")
    parts.append(listed("Cerradas desde la última noche", cerradas, night.tables))
    if night.verdict.accepted:
        parts.append(sin_marcador(abiertas, night.tables))
    return "\n\n".join(part for part in parts if part)


def pide(estado: str, marca: str) -> bool:
    """Whether a mark in this state asks for its issue, that was ``marca`` when it first did.

    What was seen on a scouting is "hecho" from the first; what was done since asks no more.
    """
    return estado != "anulado" and (marca, estado) != ("planificado", "hecho")


def sin_marcador(abiertas: Iterable[Tarea], tables: Tables) -> str:
    """The open issues whose mark is gone, or asks no more."""
    marks, out = tables.marcadores, tables.rechazados
    estados = dict.fromkeys(out["id"][out["recurso"] == Recurso.MARCADORES], "")  # they are there
    estados |= dict(zip(marks["marcador_id"], marks["estado"].fillna(""), strict=True))
    found = [
        (one, f"está {estados[one.marcador_id]}" if there else "el marcador ya no está")
        for one in abiertas
        if one.marcador_id
        if not (there := one.marcador_id in estados)
        or not pide(estados[one.marcador_id], one.marca)
    ]
    return listed("Abiertas, pero su marcador ya no las pide", found, tables)


def listed(title: str, each: Sequence[tuple[Tarea, str]], tables: Tables) -> str:
    """Issues with their lotes and what is said of each; nothing for none."""
    lotes = tables.lotes[["lote_id", "campo", "lote"]].itertuples(index=False, name=None)
    named = {key: in_lote(campo, lote) for key, campo, lote in lotes}
    lines = [
        f"- [{one.tarea}]({one.url}) · {markdown(named.get(one.lote_id, one.lote_id))} · "
        f"{markdown(one.origen)}: {markdown(said)}"
        for one, said in each[:MAX_LINES]
    ]
    more = [f"- y {number(len(each) - MAX_LINES)} más"] if len(each) > MAX_LINES else []
    return "\n".join((f"{title}:\n", *lines, *more)) if each else ""
