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
from Modules.fieldwork.notes import MARCADOR, MARCADORES, journal_of, lots, noted, tarea_of
from Modules.fieldwork.plan import WHAT, open_project
from Modules.fieldwork.sync import Synced, sync
from Modules.fieldwork.traces import Traces
from Modules.formats.cells import cells
from Modules.formats.legends import ETIQUETAS, TIPOS
from Modules.integrations.access import JiraAccess
from Modules.integrations.calls import FAILURES
from Modules.integrations.config import EXAMPLE, JiraNames, Marks, found, read_integrations
from Modules.integrations.jira import Jira
from Modules.integrations.tasks import Run, call
from Modules.jobs import products as productos
from Modules.jobs.outcome import Outcome
from Modules.jobs.tareas import MAX_LINES, pide, sin_marcador
from Modules.products.muestreos.plan import with_names
from Modules.products.source import Fuente
from Modules.settings import Settings, load_settings
from Modules.store.clasificadas import NO_SE_SABE, TEXTOS, Clasificada
from Modules.store.tareas import Libro, Tarea, read_tareas, write_tareas, writing_lock
from Modules.words.domain import Modo
from Modules.words.errors import DataError, TareasFailed
from Modules.words.names import look
from Modules.words.spanish import count, day, in_lote, markdown, markdown_table, number, short

SIN_JIRA: Final = (
    "# Marcadores a Jira\n\nJira no está configurado, y no se miró nada. Para empezar: copiar "
    f"`{EXAMPLE}` a `integrations.toml`, completarlo y ver docs/jira_y_planillas.md."
)
_FACTS: Final = (  # of the table in an issue
    *("campo", "lote", "ambiente", "cultivos", "tipo", "subtipo", "estado", "fecha"),
    "observacion",
)
_GRADES: Final = frozenset(("baja", "media", "alta"))  # as ``look`` has them
_COLUMNS: Final = ("marcador_id", "lote_id", "marcador", "lon", "lat", *_FACTS)
_MAPA: Final = "https://www.google.com/maps/search/?api=1&query={},{}"  # lat, lon
FLUJO: Final = "marcadores-a-jira"

Marca = Mapping[str, Any]  # a row of the marks of a night by ``_COLUMNS``; missing is None


def graves(
    fuente: Fuente, which: Marks, libro: Libro, leidas: Mapping[str, Clasificada] | None = None
) -> list[Marca]:
    """The marks that ask for an issue, by their ids; ``leidas``: what their words were read as."""
    tipos, words = {look(one) for one in which.tipos}, [_words(one) for one in which.severidades]

    def asks(mark: Marca) -> bool:
        known, estado = libro.tareas.get(clave(mark)), mark["estado"] or ""
        said = _words(" ".join(mark[name] or "" for name in TEXTOS))
        read = (leidas or {}).get(mark["marcador_id"])
        if read is not None and read.severidad != NO_SE_SABE:
            if which.leida == "primero":
                said = _words(read.severidad)
            elif which.leida == "si falta" and _GRADES.isdisjoint(said.split()):
                said += _words(read.severidad)
        grave = look(mark["tipo"]) in tipos and (not words or any(one in said for one in words))
        return grave and pide(estado, known.marca if known else "")

    return [mark for mark in _marks(fuente) if asks(mark)]


def clave(mark: Marca) -> str:
    """What the issue of a mark is for."""
    return f"{MARCADOR}{mark['marcador_id']}"


def _words(text: str) -> str:
    """A text as whole words, so that "alta" is none of "falta"."""
    words = re.findall(r"\w+", look(text))
    return f" {' '.join(words)} "


def _marks(fuente: Fuente) -> Iterator[Marca]:
    frame = fuente.tables.marcadores.sort_values("marcador_id", ignore_index=True)
    spots = shapely.point_on_surface(frame.geometry.to_numpy())
    lon, lat = np.round(shapely.get_coordinates(spots), 6).T
    frame = with_names(frame, fuente.tables).assign(lon=lon, lat=lat)
    columns = [cells(frame[name]).tolist() for name in _COLUMNS]
    for values in zip(*columns, strict=True):
        yield dict(zip(_COLUMNS, values, strict=True))


def issue_of_mark(mark: Marca, names: JiraNames, grupo: str) -> Issue:
    """The issue of a mark: nothing in it changes while the mark does not."""
    tipo, component = mark["tipo"], found(names.componentes, mark["campo"])
    kind = TIPOS.get(look(tipo), (tipo, ""))[0]
    spot = (mark["lat"], mark["lon"])
    facts = {ETIQUETAS[name]: _text(mark[name]) for name in _FACTS}
    facts["Latitud, longitud"] = f"{spot[0]}, {spot[1]}"
    links = [("Ver en el mapa", _MAPA.format(*spot))]
    origen = f"marcador {mark['marcador_id']}"
    title = f"{kind}: {mark['marcador']} · {in_lote(mark['campo'], mark['lote'])}"
    fields = {
        "project": {"key": names.proyecto},
        "issuetype": {"name": found(names.tipos, tipo) or names.tipo},
        "summary": summary(title),
        "description": description(f"Del {origen}.", [*facts.items()], links),
        "labels": [grupo, label(clave(mark))],
        **({"components": [{"name": component}]} if component else {}),
    }
    return Issue(clave(mark), origen, grupo, fields)


def _text(value: Any) -> str:
    return day(value) if isinstance(value, date) else str(value or "")


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
        TareasFailed: Jira does not answer or refuses us, or the project is archived.
    """
    settings, modo = load_settings(), Modo.of(test=test)
    if solo_validar and not settings.lindero_integrations.is_file():
        return Outcome({}, SIN_JIRA)
    names, _ = read_integrations(settings)
    access = _access(settings, credentials_block_name)
    seasons, root = productos.asked(settings, campania, modo), settings.store_dir(modo)
    jira, trace = Jira(access), Traces.begin(settings.outputs_dir(modo), FLUJO, now())
    asked = partial(sync, jira=jira, run=run, now=now, sleep=sleep, most=max_tareas,
                    pause=names.jira.pausa, settle_s=names.jira.asienta_s,
                    batch=names.jira.por_pedido, solo_validar=solo_validar)  # fmt: skip
    every: dict[str, Synced] = {}
    with writing_lock(settings.lindero_state_dir):
        try:
            await open_project(jira, names.jira.proyecto, run)
            libro, parts = _ledger(root)
            for season in seasons:
                store, snapshot = productos.last_accepted(settings, str(season), modo)
                encargo = productos.order(settings, modo, store, snapshot, now())
                grupo, fuente = f"{MARCADORES}{season.slug}", encargo.fuente
                marks = graves(fuente, names.marcadores, libro, encargo.clasificadas)
                issues = [issue_of_mark(one, names.jira, grupo) for one in marks]
                done = await asked(issues, grupo=grupo, journal=journal_of(root, grupo))
                wanted = [_tarea(one, libro, grupo) for one in marks]
                libro = noted(libro, grupo, done.tareas, wanted, site=access.url, now=now())
                write_tareas(root, libro)
                rows = _rows(marks, done)
                trace.step(f"marcadores_{season.slug}", f"backup {snapshot.id}", rows, now())
                parts.append(_resumen(fuente, libro, done, issues))
                every[grupo] = done
            for grupo in sorted(lots(root) - every.keys()):
                done = await asked((), grupo=grupo, journal=journal_of(root, grupo))
                libro = noted(libro, grupo, done.tareas, (), site=access.url, now=now())
            write_tareas(root, replace(libro, visto=now()))
        except FAILURES as err:
            raise TareasFailed(str(err), err) from err
    only = "**Solo validar: en Jira no se escribió nada.**" if solo_validar else ""
    parts.append(f"Paso a paso: `{trace.folder}`.")
    return _outcome(every, ["# Marcadores a Jira", only, *parts])


def _access(settings: Settings, block: str) -> JiraAccess:
    if not block:
        return JiraAccess.of(settings)
    from Modules.integrations.blocks import JiraCredentials, settled  # late: it loads Prefect

    access: JiraAccess = settled(settings, block, JiraCredentials)[0]
    return access


def _ledger(root: Path) -> tuple[Libro, list[str]]:
    """The ledger, an empty one where it is damaged; and what is said of one that is made again."""
    try:
        libro = read_tareas(root)
    except DataError as err:
        return Libro(), [f"**Aviso:** {markdown(str(err))}: se volvió a armar."]
    lost = libro == Libro() and lots(root)
    return libro, ["**Aviso:** faltaba el registro de tareas: se volvió a armar."] if lost else []


def _tarea(mark: Marca, libro: Libro, grupo: str) -> Tarea:
    known = libro.tareas.get(clave(mark)) or tarea_of(clave(mark), grupo)
    return replace(known, lote_id=mark["lote_id"], marca=known.marca or mark["estado"] or "")


def _rows(marks: Sequence[Marca], done: Synced) -> list[dict[str, Any]]:
    """What became of each mark, for whoever looks at a run."""
    return [
        {**mark, "tarea": done.keys.get(clave(mark), ""), "resultado": what}
        | {"detalle": done.failed.get(clave(mark), "")}
        for mark in marks
        for part, what in WHAT.items()
        if clave(mark) in getattr(done, part)
    ]


def _resumen(fuente: Fuente, libro: Libro, done: Synced, issues: Sequence[Issue]) -> str:
    named = {one.clave: one.origen for one in issues}
    counted = [(what, len(getattr(done, part))) for part, what in WHAT.items()]
    failed = [f"- {markdown(named[one])}: {markdown(why)}" for one, why in done.failed.items()]
    lines = failed[:MAX_LINES]
    abiertas = (one for one in libro.de(fuente.campania) if one.cerrada is None)
    asked = count(len(issues), "marcador pide tarea", "marcadores piden tarea")
    bare = sum("components" not in one.fields for one in issues)
    if 0 < bare < len(issues):
        lines.append(
            f"- aviso: {number(bare)} sin componente: su campo no está en integrations.toml"
        )
    parts = (
        f"## {fuente.campania}\n\nDel backup `{fuente.snapshot_id}`: {asked}.",
        markdown_table(("Tareas", ""), [(what, number(n)) for what, n in counted if n]),
        "\n".join(lines),
        sin_marcador(abiertas, fuente.tables),
    )
    return "\n\n".join(part for part in parts if part)


def _outcome(every: Mapping[str, Synced], parts: Sequence[str]) -> Outcome:
    data = {lot: {part: len(getattr(done, part)) for part in WHAT} for lot, done in every.items()}
    failed = [why for done in every.values() for why in done.failed.values()]
    some = any(done.created or done.updated or done.unchanged for done in every.values())
    said = f"{count(len(failed), 'marcador', 'marcadores')} sin su tarea: {short(failed, 3)}"
    return Outcome(
        data={"grupos": data},
        markdown="\n\n".join(part for part in parts if part),
        error=TareasFailed(said) if failed else None,
        parcial=bool(failed) and some,
    )
