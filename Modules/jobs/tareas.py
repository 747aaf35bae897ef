"""What the summary of a night says of our issues in Jira. Spanish; out of the ledger alone.

The night never asks Jira: *Marcadores a Jira* does, before it, and writes down what it was told and
when. So a Jira that does not answer costs no night, and the summary says how old its words are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from Modules.store.tareas import Tarea, read_tareas
from Modules.words.domain import Recurso
from Modules.words.errors import DataError
from Modules.words.spanish import count, duration, markdown, moment, number

if TYPE_CHECKING:
    from Modules.jobs.backup import Job, Night
    from Modules.night.tables import Tables

MAX_LINES: Final = 20  # of each list
MUDO: Final = timedelta(hours=20)  # so old, Jira was not asked before this night
TERMINADOS: Final = ("hecho", "anulado")  # states of marks that need nobody any more


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
    idle = sin_marcador(abiertas, night.tables) if night.verdict.accepted else []
    figures = f"{count(len(abiertas), 'abierta', 'abiertas')} de {number(len(ours))}"
    when = f", según Jira el {moment(visto, job.settings.zone)}" if visto else ""
    last = (
        f"lo último que se sabe es de hace {duration(now - visto)}" if visto else "no se sabe nada"
    )
    parts = (
        f"## Tareas\n\n{figures}{when}.",
        ""
        if visto and now - visto <= MUDO
        else f"**Aviso:** de Jira {last}; ver la última corrida de Marcadores a Jira.",
        listed("Cerradas desde la última noche", cerradas, night.tables),
        listed("Abiertas, pero su marcador ya no las pide", idle, night.tables),
    )
    return "\n\n".join(part for part in parts if part)


def sin_marcador(abiertas: Sequence[Tarea], tables: Tables) -> list[tuple[Tarea, str]]:
    """The open issues whose mark is gone, or was done or annulled since; and which of them it is.

    A mark of scouting may be "hecho" from the first: what was seen there asks for an issue.
    """
    marks, out = tables.marcadores, tables.rechazados
    estados = dict.fromkeys(out["id"][out["recurso"] == Recurso.MARCADORES], "")  # it is there
    estados |= dict(zip(marks["marcador_id"], marks["estado"].fillna(""), strict=True))
    found = []
    for one in abiertas:
        estado = estados.get(one.marcador_id)
        if one.marcador_id and (estado is None or pide_no_mas(one, estado)):
            found.append((one, "el marcador ya no está" if estado is None else f"está {estado}"))
    return found


def pide_no_mas(one: Tarea, estado: str) -> bool:
    """Whether a mark in this state needs its issue no more."""
    return estado in TERMINADOS and estado != one.marca


def listed(title: str, each: Sequence[tuple[Tarea, str]], tables: Tables) -> str:
    """Issues with their lotes and what is said of each; nothing for none."""
    if not each:
        return ""
    lotes = tables.lotes[["lote_id", "campo", "lote"]].itertuples(index=False, name=None)
    named: Mapping[str, str] = {key: f"{campo}, lote {lote}" for key, campo, lote in lotes}
    lines = [
        f"- [{one.tarea}]({one.url}) · {markdown(named.get(one.lote_id, one.lote_id))} · "
        f"{markdown(one.origen)}: {markdown(said)}"
        for one, said in each[:MAX_LINES]
    ]
    more = [f"- y {number(len(each) - MAX_LINES)} más"] if len(each) > MAX_LINES else []
    return "\n".join((f"{title}:\n", *lines, *more))
