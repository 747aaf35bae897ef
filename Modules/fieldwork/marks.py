"""Marks of scouting made into issues, one a mark, and what became of them.

The portal gives no severity: which marks ask for an issue is said by their tipo, and by words of
their subtipo, name or observación (``config.Marks``). One that is "anulado" asks for none, nor does
one that was done since it asked. Their issues are left as they are, and told.

``marcadores_a_jira`` runs before each night too, to validate only: what Jira says of every open
issue is noted in the ledger, which is all that the night and its products know of Jira.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely

from Modules.fieldwork.issues import Issue, description, label, summary
from Modules.fieldwork.notes import MARCADOR, grupo_marcadores, journal_of, noted, pending
from Modules.fieldwork.sync import Synced, sync
from Modules.formats.cells import cells
from Modules.formats.legends import ETIQUETAS, TIPOS
from Modules.integrations.access import JiraAccess
from Modules.integrations.config import EXAMPLE, JiraNames, Marks, found, read_integrations
from Modules.integrations.jira import Jira
from Modules.integrations.tasks import Run, call
from Modules.jobs import products as productos
from Modules.jobs.outcome import Outcome
from Modules.jobs.tareas import MAX_LINES, listed, pide_no_mas, sin_marcador
from Modules.products.source import Fuente
from Modules.settings import Settings, load_settings
from Modules.store.tareas import NAME, Libro, Tarea, read_tareas, write_tareas, writing_lock
from Modules.words.domain import Modo
from Modules.words.errors import DataError, TareasFailed
from Modules.words.names import look
from Modules.words.spanish import count, day, markdown, markdown_table, number, short

SIN_JIRA: Final = (
    "# Marcadores a Jira\n\nJira no está configurado, y no se miró nada. Para empezar: copiar "
    f"`{EXAMPLE}` a `integrations.toml`, completarlo y ver docs/jira_y_planillas.md."
)
_ANULADO: Final = "anulado"
_SAID: Final = ("subtipo", "marcador", "observacion")  # where people write how bad it is
_FACTS: Final = (  # of the table in an issue
    *("campo", "lote", "ambiente", "cultivos", "tipo", "subtipo", "estado", "fecha"),
    "observacion",
)
_COLUMNS: Final = ("marcador_id", "lote_id", "campo_id", "marcador", "lon", "lat", *_FACTS)
_MAPA: Final = "https://www.google.com/maps/search/?api=1&query={},{}"  # lat, lon

Marca = Mapping[str, Any]  # a row of the marks of a night by ``_COLUMNS``; missing is None


def graves(fuente: Fuente, which: Marks, libro: Libro) -> list[Marca]:
    """The marks that ask for an issue, by their ids."""
    tipos, words = {look(one) for one in which.tipos}, [_words(one) for one in which.severidades]

    def asks(mark: Marca) -> bool:
        known, estado = libro.tareas.get(clave(mark)), mark["estado"] or ""
        if look(mark["tipo"]) not in tipos or estado == _ANULADO:
            return False
        said = _words(" ".join(mark[name] or "" for name in _SAID))
        return not (known and pide_no_mas(known, estado)) and (
            not words or any(word in said for word in words)
        )

    return [mark for mark in _marks(fuente) if asks(mark)]


def clave(mark: Marca) -> str:
    """What the issue of a mark is for."""
    return f"{MARCADOR}{mark['marcador_id']}"


def _words(text: str) -> str:
    """A text as whole words, so that "alta" is none of "falta"."""
    words = re.findall(r"\w+", look(text))
    return f" {' '.join(words)} "


def _marks(fuente: Fuente) -> Iterator[Marca]:
    tables = fuente.tables
    frame = tables.marcadores.sort_values("marcador_id", ignore_index=True)
    lotes = tables.lotes.set_index("lote_id")
    spots = shapely.point_on_surface(frame.geometry.to_numpy())
    lon, lat = np.round(shapely.get_coordinates(spots), 6).T
    frame = frame.assign(
        **{name: frame["lote_id"].map(lotes[name]) for name in ("campo", "lote", "cultivos")},
        ambiente=frame["ambiente_id"].map(tables.ambientes.set_index("ambiente_id")["ambiente"]),
        lon=lon,
        lat=lat,
    )
    columns = [cells(frame[name]).tolist() for name in _COLUMNS]
    for values in zip(*columns, strict=True):
        yield dict(zip(_COLUMNS, values, strict=True))


def issue_of_mark(mark: Marca, names: JiraNames, grupo: str) -> Issue:
    """The issue of a mark: nothing in it changes while the mark does not."""
    tipo, component = mark["tipo"], found(names.componentes, mark["campo"])
    kind = TIPOS.get(look(tipo), (tipo, ""))[0]
    facts = [(ETIQUETAS[name], _text(mark[name])) for name in _FACTS]
    place = f"{mark['lat']}, {mark['lon']}"
    links = [("Ver en el mapa", _MAPA.format(mark["lat"], mark["lon"]))]
    intro = f"Del marcador {mark['marcador_id']}, que se cargó en la recorrida."
    title = f"{kind}: {mark['marcador']} · {mark['campo']}, lote {mark['lote']}"
    fields = {
        "project": {"key": names.proyecto},
        "issuetype": {"name": found(names.tipos, tipo) or names.tipo},
        "summary": summary(title),
        "description": description(intro, [*facts, ("Latitud, longitud", place)], links),
        "labels": [grupo, label(clave(mark))],
        **({"components": [{"name": component}]} if component else {}),
    }
    return Issue(clave(mark), f"marcador {mark['marcador_id']}", grupo, fields)


def _text(value: Any) -> str:
    return day(value) if isinstance(value, date) else str(value or "")


def tarea_of_mark(mark: Marca, known: Tarea | None, fuente: Fuente) -> Tarea:
    """What the ledger says of whom an issue is; ``known`` is what it says now."""
    return Tarea(
        clave=clave(mark),
        tarea="",
        origen=f"marcador {mark['marcador_id']}",
        campania=str(fuente.campania),
        grupo=grupo_marcadores(fuente.campania),
        lote_id=mark["lote_id"],
        marcador_id=mark["marcador_id"],
        marca=known.marca if known else mark["estado"] or "",
    )


async def marcadores_a_jira(
    campania: str | None = None,
    *,
    solo_validar: bool = True,
    max_tareas: int | None = None,
    credentials_block_name: str = "",
    test: bool = False,
    run: Run = call,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Outcome:
    """One issue for each mark that asks for it, and the ledger as Jira has it all.

    Raises:
        SettingsError: Jira is not set up; no such campaña or block.
        DataError: no accepted backup yet.
        RunLocked: another story with Jira is on.
        ApiUnavailable, ApiAuth, ApiRejected, ApiContractChanged: Jira cannot be asked.
    """
    settings, modo = load_settings(), Modo.of(test=test)
    if solo_validar and not settings.lindero_integrations.is_file():
        return Outcome({}, SIN_JIRA)
    names, _ = read_integrations(settings)
    access = _access(settings, credentials_block_name)
    seasons, root = productos.asked(settings, campania, modo), settings.store_dir(modo)
    jira = Jira(access)
    with writing_lock(root):
        libro, parts = _ledger(root)
        how = partial(sync, jira=jira, run=run, now=now, sleep=sleep, most=max_tareas,
                      pause=lambda: names.jira.pausa_s, settle_s=names.jira.asienta_s,
                      batch=names.jira.por_pedido)  # fmt: skip
        note = partial(noted, site=access.url, now=now())
        every: dict[str, Synced] = {}
        for season in seasons:
            store, snapshot = productos.last_accepted(settings, str(season), modo)
            fuente = productos.order(settings, modo, store, snapshot, now()).fuente
            grupo, marks = grupo_marcadores(season), graves(fuente, names.marcadores, libro)
            issues = [issue_of_mark(one, names.jira, grupo) for one in marks]
            done = await how(
                issues, grupo=grupo, journal=journal_of(root, grupo), solo_validar=solo_validar
            )
            wanted = [tarea_of_mark(one, libro.tareas.get(clave(one)), fuente) for one in marks]
            libro = note(libro, grupo, done.tareas, wanted)
            write_tareas(root, libro)
            parts.append(_resumen(fuente, libro, done, issues, solo_validar=solo_validar))
            every[grupo] = done
        for grupo in sorted(pending(libro, root) - every.keys()):
            other = await how(
                (), grupo=grupo, journal=journal_of(root, grupo), solo_validar=solo_validar
            )
            libro = note(libro, grupo, other.tareas, ())
        write_tareas(root, replace(libro, visto=now()))
    return _outcome(every, parts)


def _access(settings: Settings, block: str) -> JiraAccess:
    if not block:
        return JiraAccess.of(settings)
    from Modules.integrations.blocks import JiraCredentials, settled  # late: it loads Prefect

    access: JiraAccess = settled(settings, block, JiraCredentials)[0]
    return access


def _ledger(root: Path) -> tuple[Libro, list[str]]:
    """The ledger, an empty one where it is damaged; and what is said of that."""
    try:
        libro = read_tareas(root)
    except DataError as err:
        return Libro(), [f"**Aviso:** {markdown(str(err))}. Se volvió a armar."]
    lost = (
        not libro.tareas
        and libro.visto is None
        and any(journal_of(root, "*").parent.glob("*.jsonl"))
    )
    return libro, [f"**Aviso:** faltaba {NAME}; se volvió a armar con lo que hay en Jira."] * lost


def _resumen(
    fuente: Fuente, libro: Libro, done: Synced, issues: Sequence[Issue], *, solo_validar: bool
) -> str:
    named = {one.clave: one.origen for one in issues}
    counted = {
        "Por crear" if solo_validar else "Creadas": done.created,
        "Por cambiar" if solo_validar else "Cambiadas": done.updated,
        "Sin cambios": done.unchanged,
        "Cerradas por una persona: quedan así": done.closed,
        "Borradas en Jira: no se hacen otra vez": done.gone,
        "Para la próxima corrida (max_tareas)": done.waiting,
        "No salieron": done.failed,
    }
    rows = [(name, number(len(each))) for name, each in counted.items() if each]
    failed = [f"- {markdown(named[one])}: {markdown(why)}" for one, why in done.failed.items()]
    abiertas = [one for one in libro.de(fuente.campania) if one.cerrada is None]
    idle = sin_marcador(abiertas, fuente.tables)
    said = " (solo validar: en Jira no se escribió nada)" if solo_validar else ""
    asked = count(len(issues), "marcador pide tarea", "marcadores piden tarea")
    parts = (
        f"# Marcadores a Jira {fuente.campania}{said}",
        f"Del snapshot `{fuente.snapshot_id}`: {asked}.",
        markdown_table(("Tareas", ""), rows),
        "\n".join(failed[:MAX_LINES]),
        listed("Abiertas, pero su marcador ya no las pide", idle, fuente.tables),
    )
    return "\n\n".join(part for part in parts if part)


def _outcome(every: Mapping[str, Synced], parts: Sequence[str]) -> Outcome:
    counted = ("created", "updated", "unchanged", "closed", "gone", "waiting", "failed")
    data = {
        grupo: {name: len(getattr(done, name)) for name in counted} for grupo, done in every.items()
    }
    failed = [why for done in every.values() for why in done.failed.values()]
    some = any(done.created or done.updated or done.unchanged for done in every.values())
    said = f"{count(len(failed), 'marcador', 'marcadores')} sin su tarea: {short(failed, 3)}"
    return Outcome(
        data={"grupos": data},
        markdown="\n\n".join(parts),
        error=TareasFailed(said) if failed else None,
        parcial=bool(failed) and some,
    )
