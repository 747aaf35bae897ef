"""The story of plan-muestreo-a-jira: the sheets of a month, their rows, maps, issues; and back.

Sheets are called "Plan de muestreo - <campo o empresa> - Noviembre 2026". The key of a row's issue
is written into the row, which is found by what it says, in the sheet as it is at that moment: a row
or a column may have moved since it was read. With ``solo_validar`` neither Jira nor a sheet is
written to; the maps, which are ours, are made either way.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence, Set
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os.path import commonpath
from typing import Any, Final

from Modules.fieldwork.fechas import Mes, mes_in, read_mes
from Modules.fieldwork.issues import Issue, issues_of
from Modules.fieldwork.join import Trabajo, join
from Modules.fieldwork.notes import journal_of, noted
from Modules.fieldwork.pack import publish_pack
from Modules.fieldwork.rows import Planilla, read_planilla
from Modules.fieldwork.sync import Synced, sync
from Modules.fieldwork.traces import Traces
from Modules.integrations.access import GoogleAccess, JiraAccess
from Modules.integrations.calls import FAILURES, locked_out
from Modules.integrations.config import Integrations, read_integrations
from Modules.integrations.google import SPREADSHEET, DriveFile, Google, cell_name
from Modules.integrations.jira import Jira
from Modules.integrations.jira_check import check_jira
from Modules.integrations.tasks import Run, call
from Modules.jobs import products as productos
from Modules.jobs.outcome import Outcome
from Modules.jobs.products import Encargo
from Modules.jobs.report import aviso_pendiente
from Modules.night.tables import Tables
from Modules.settings import Settings, load_settings
from Modules.store.tareas import Libro, read_tareas, write_tareas, writing_lock
from Modules.words.domain import Campania, Modo
from Modules.words.errors import DataError, PipelineError, SettingsError, TareasFailed
from Modules.words.finding import Finding, Report, Severity
from Modules.words.names import look
from Modules.words.spanish import count, in_lote, markdown, markdown_table, number, short

FLUJO: Final = "plan-muestreo-a-jira"
TITULO: Final = "Plan de muestreo"
CELDAS: Final = 500  # that one request writes
MAX_LINES: Final = 10  # of each list of the summary; the whole is in the files of the run
MAX_FINDINGS: Final = 50  # of a sheet
_VARIES: Final = re.compile(r"«[^»]*»|\d+")
_LIKE: Final = f"«{TITULO} - <campo o empresa> -"
_EXACT: Final = re.compile(rf"{TITULO} +[-–—] +\S.* +[-–—] +\S.*", re.IGNORECASE)
_AGAIN: Final = "volver a correr: sigue desde ahí"
_PAGE: Final = "https://docs.google.com/spreadsheets/d/{}"
WHAT: Final = {  # what becomes of a row, by the part of ``Synced``
    "created": "nueva",
    "updated": "cambiada",
    "unchanged": "sin cambios",
    "closed": "cerrada en Jira: queda así",
    "gone": "borrada en Jira: no se hace otra vez",
    "waiting": "para la próxima corrida",
    "failed": "NO SALIÓ",
}

FILES: Final = "google.drive.search-files"
SHEETS: Final = "google.sheets.read-info"
READ: Final = "google.sheets.read-data"
WRITE: Final = "google.sheets.write-data"
PROJECT: Final = "jira.project.get"
CHECK: Final = "jira.issue-types.get-fields"


async def plan_muestreo_a_jira(
    mes: str | None = None,
    campania: str | None = None,
    *,
    solo_validar: bool = True,
    campos: Sequence[str] = (),
    max_tareas: int | None = None,
    credentials_block_name: str = "",
    test: bool = False,
    run: Run = call,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Outcome:
    """One issue for each row of the month's plans, its key in the row, and maps for the phone.

    ``mes``: "Noviembre 2026" or "2026-11", none is the month that is on; ``campos``: names, codes
    or ids, none is all.

    Raises:
        SettingsError: Google or Jira is not set up; no such month, campaña, campo or block.
        DataError: no accepted backup yet.
        RunLocked: another story with Jira is on, or a night.
        TareasFailed: there is no sheet, or a neighbour does not answer or refuses us.
        PublishError: the disk refused.
    """
    settings, modo = load_settings(), Modo.of(test=test)
    names, text = read_integrations(settings)
    google_access, jira_access = accesses(settings, credentials_block_name)
    month = read_mes(mes) if mes else Mes(*now().astimezone(settings.zone).timetuple()[:2])
    season = _season(productos.asked(settings, campania, modo), month)
    root, outputs = settings.store_dir(modo), settings.outputs_dir(modo)
    with writing_lock(settings.lindero_state_dir), closing(Google(google_access)) as google:
        night = productos.last_accepted(settings, str(season), modo)
        encargo = await asyncio.to_thread(productos.order, settings, modo, *night, now())
        jira, traces = Jira(jira_access), Traces.begin(outputs, FLUJO, now())
        story = _Story(encargo, month, names, google, jira, run, now, traces, solo_validar)
        try:
            if solo_validar:
                report = await run(CHECK, check_jira, jira, names, text, "integrations.toml")
                story.findings += [one for one in report.findings if not one.fine]
            trabajos = await story.rows(campos)
            issues, grupo = await story.issues(trabajos), f"lindero-plan-{month}"
            how = names.jira
            libro: Libro | None = None
            with suppress(DataError):  # damaged: the story of the marks tells, and mends it
                libro = read_tareas(root)
            tareas = (libro or Libro()).tareas.items()
            ours = {one.tarea: clave for clave, one in tareas if clave.startswith("plan/")}
            done = await sync(
                issues, grupo=grupo, jira=jira, run=run, journal=journal_of(root, grupo),
                solo_validar=solo_validar, now=now, sleep=sleep, pause=how.pausa,
                most=max_tareas, batch=how.por_pedido, settle_s=how.asienta_s,
                told=_of_rows(trabajos, ours),
                alike=lambda clave: clave.split("/", 3)[-1],  # of whatever campaña
            )  # fmt: skip
            if not solo_validar:
                await story.write_back(trabajos, done.keys, ours.keys())
        except FAILURES as err:
            raise TareasFailed(str(err), err) from err
        if libro is not None:
            libro = noted(libro, grupo, done.tareas, (), site=jira_access.url, now=now())
            write_tareas(root, libro)
        return story.outcome(trabajos, done, jira_access.url)


def accesses(settings: Settings, block: str) -> tuple[GoogleAccess, JiraAccess]:
    """What it takes to get in at both: of the blocks of that name, else of the settings."""
    if not block:
        return GoogleAccess.of(settings), JiraAccess.of(settings)
    from Modules.integrations.blocks import GoogleCredentials, JiraCredentials, settled  # Prefect's

    google, jira = settled(settings, block, GoogleCredentials, JiraCredentials)
    return google, jira


def _of_rows(trabajos: Sequence[Trabajo], ours: Mapping[str, str]) -> dict[str, str]:
    """The keys that rows have, by clave, but for those that are known to be another row's."""
    said = ((one.clave, one.fila.tarea) for one in trabajos if one.fila.anotada)
    return {clave: key for clave, key in said if ours.get(key, clave) == clave}


async def open_project(jira: Jira, key: str, run: Run) -> None:
    """Refuse a project of which a search would show nothing, as if its issues were gone.

    Raises:
        TareasFailed: it is archived.
        NotThere: it is not there, or this account does not see it.
    """
    if (await run(PROJECT, jira.project, key)).get("archived"):
        raise TareasFailed(f"el proyecto {key} de Jira está archivado: no se hizo nada")


def _season(asked: Sequence[Campania], mes: Mes) -> Campania:
    """Of several campañas that of the month, from July on; else the first."""
    first = (mes.year if mes.month >= 7 else mes.year - 1) % 100
    return next((one for one in asked if one.desde == first), asked[0])


@dataclass(slots=True)
class _Story:
    encargo: Encargo
    mes: Mes
    names: Integrations
    google: Google
    jira: Jira
    run: Run
    now: Callable[[], datetime]
    traces: Traces
    solo_validar: bool
    files: dict[str, DriveFile] = field(default_factory=dict)  # by ``Planilla.where``
    planillas: list[Planilla] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unwritten: list[Finding] = field(default_factory=list)  # keys that are not in their rows
    mapas: dict[str, str] = field(default_factory=dict)  # of each campo, below the outputs
    rechazadas: int = 0
    pedidas: set[str] = field(default_factory=set)  # claves of every row that has its lote

    @property
    def _night(self) -> tuple[Tables, Campania, Mes]:
        return self.encargo.fuente.tables, self.encargo.fuente.campania, self.mes

    def _step(self, name: str, source: str, data: Sequence[Any]) -> None:
        self.traces.step(name, source, data, self.now())

    async def rows(self, campos: Sequence[str]) -> tuple[Trabajo, ...]:
        """The rows of all sheets of the month with their lotes; what is wrong is a finding."""
        ids = _campos(self._night[0], campos)
        files = await self._chosen()
        read = await asyncio.gather(*map(self._read, files), return_exceptions=True)
        for file, found in zip(files, read, strict=True):
            if isinstance(found, Planilla):
                self.planillas.append(found)
                self.files[found.where] = file
            elif isinstance(found, PipelineError) and not locked_out(found):
                self.findings.append(Finding(str(found), where=file.name, todo=_AGAIN))
            else:
                raise found
        self._step("paso1_planillas", "Google Sheets", self.planillas)
        trabajos, findings = join(self.planillas, *self._night)
        self.findings += [one for sheet in self.planillas for one in sheet.findings] + [*findings]
        self.rechazadas = sum(one.is_error for one in findings)
        self.rechazadas += sum(len(one.rechazadas) for one in self.planillas)
        self.pedidas = {one.clave for one in trabajos}
        trabajos = tuple(one for one in trabajos if not ids or one.campo_id in ids)
        snapshot = f"backup {self.encargo.fuente.snapshot_id}"
        self._step("paso2_filas", snapshot, trabajos)
        return trabajos

    async def _chosen(self) -> list[DriveFile]:
        """The sheets of the month: those of the exact name, else those that say it.

        One that may be of the month, as it names it without a year, is not read, and named.

        Raises:
            TareasFailed: there is none.
        """
        folder, month = self.names.planillas.carpeta or None, self.mes.texto
        found = await self.run(FILES, self.google.search_files, TITULO, folder, recursive=True)
        mes = {one.name: mes_in(one.name) for one in found}
        said = [one for one in found if look(month) in look(one.name) or mes[one.name] == self.mes]
        if not said:
            there = short(sorted(one.name for one in found), 5) or "ninguna"
            what = f"no hay ninguna planilla {_LIKE} {month}» entre las que esta cuenta ve"
            raise TareasFailed(f"{what}: {there}")
        exact = [one for one in said if _EXACT.fullmatch(one.name) and mes[one.name] == self.mes]
        times, chosen = Counter(one.name for one in exact or said), []
        said += [
            one for one in found if not mes[one.name] and one not in said and self._may_be(one)
        ]
        for one in said:
            what, how = "", Severity.ERROR
            if one.name not in times:
                what, how = f"no se lee: no se llama {_LIKE} {month}»", Severity.WARNING
            elif times[one.name] > 1:
                what = "hay más de una planilla con este nombre, y no se lee ninguna: dejar una"
            elif one.mime_type != SPREADSHEET:
                what = "no es una hoja de cálculo de Google: abrirla ahí y guardarla como tal"
            self.findings += [Finding(what, how, one.name)] if what else []
            chosen += [] if what else [one]
        return chosen

    def _may_be(self, file: DriveFile) -> bool:
        words, year = re.findall(r"[a-z]+", look(file.name)), str(self.mes.year)
        said = any(mes_in(f"{word} {year}") == self.mes for word in words)
        return said and {*re.findall(r"\b20\d\d\b", file.name)} <= {year}

    async def _read(self, file: DriveFile, hoja: str = "") -> Planilla:
        """A sheet as it is now: ``hoja``, else the one that is called a plan, else the first.

        The others are named, unless it is the only plan among them.
        """
        if not hoja:
            sheets = await self.run(SHEETS, self.google.sheets, file.id)
            plans = [one for one in sheets if look(one).startswith("plan")] or [*sheets]
            hoja, *others = plans or [""]
            if others:
                what = f"se lee la hoja {hoja}, y no se leen las otras: {short(others, 5)}"
                todo = "pasar sus filas a esa, o llamar Plan sólo a la del plan"
                self.findings.append(Finding(what, Severity.WARNING, file.name, todo=todo))
        cells = await self.run(READ, self.google.read, file.id, hoja)
        first = self.names.planillas.dia_primero
        return read_planilla(cells, archivo=file.name, hoja=hoja, dia_primero=first, mes=self.mes)

    async def issues(self, trabajos: Sequence[Trabajo]) -> tuple[Issue, ...]:
        """What is asked of Jira, and the maps that it leads to.

        Raises:
            TareasFailed: the project is archived.
            RunLocked: a night is on, which publishes too.
        """
        await open_project(self.jira, self.names.jira.proyecto, self.run)
        if trabajos:
            done, self.mapas = await asyncio.to_thread(
                publish_pack, self.encargo, trabajos, self.mes
            )
            for one in done.pending:
                self.findings.append(Finding(aviso_pendiente(one), Severity.WARNING))
        names = self.names.jira
        enlaces = {campo: names.enlace(path) for campo, path in self.mapas.items()}
        made, findings = issues_of(trabajos, self.mes, self._night[1], names, enlaces=enlaces)
        self.findings += findings
        self.rechazadas += len(trabajos) - len(made)
        self._step("paso3_tareas", "Google Sheets", made)
        return made

    async def write_back(
        self, trabajos: Sequence[Trabajo], keys: Mapping[str, str], ours: Collection[str]
    ) -> None:
        """Write each key into its row, as the sheets are now; what is not is in ``unwritten``.

        ``ours`` are all keys that we ever wrote: a row copied from another month has its key.
        """
        pending = [one for one in trabajos if keys.get(one.clave) not in (None, one.fila.tarea)]
        wheres = {one.donde for one in pending}
        for before in (one for one in self.planillas if one.where in wheres):
            file = self.files[before.where]
            try:
                now = await self._read(file, before.hoja)
                rows = {one.clave: one for one in join([now], *self._night)[0]}
                cells = _cells(now, [*rows.values()], keys, {*ours, *keys.values()})
                parts = [*cells.items()]
                for at in range(0, len(parts), CELDAS):
                    part = dict(parts[at : at + CELDAS])
                    await self.run(WRITE, self.google.write, file.id, part)
            except PipelineError as err:
                if locked_out(err):
                    raise
                what = f"no se pudieron anotar las claves: {err}"
                room = "" if "tarea" in before.titulos else "agregar una columna Tarea; "
                self.unwritten.append(Finding(what, where=before.where, todo=f"{room}{_AGAIN}"))
                continue
            for one in (one for one in pending if one.donde == before.where):
                row, key = rows.get(one.clave), keys[one.clave]
                if key not in cells.values() and (row is None or row.fila.tarea != key):
                    what = f"dice {row.fila.tarea}" if row else "cambió mientras se hacía la tarea"
                    todo = "poner esa, o vaciar la celda" if row else _AGAIN
                    what, level = f"{what}; su tarea es {key}, y no se anotó", Severity.WARNING
                    self.findings.append(
                        before.finding(one.fila.numero, "tarea", what, todo, level)
                    )

    def outcome(self, trabajos: Sequence[Trabajo], done: Synced, site: str) -> Outcome:
        """What the run came to, and its last file: what became of every row."""
        rows = [
            {"planilla": one.donde, "fila": one.fila.numero, "campo": one.campo, "lote": one.lote}
            | {"clave": one.clave, "tarea": (key := done.keys.get(one.clave, ""))}
            | {"url": f"{site}/browse/{key}" if key else "", "resultado": what}
            | {"detalle": done.failed.get(one.clave, "")}
            for one in trabajos
            for part, what in WHAT.items()
            if one.clave in getattr(done, part)
        ]
        self._step("paso4_resultado", "Jira", rows)
        totals = Counter(str(row["resultado"]) for row in rows)
        totals["rechazadas"] = self.rechazadas
        findings = Report.worst_first((*self.unwritten, *self.findings)).findings
        calidad = [
            {"gravedad": "rechaza" if one.is_error else "aviso", "qué": one.line}
            | {"dónde": " · ".join((one.item, one.where)).strip(" ·"), "detalle": one.todo}
            for one in findings
        ]
        self._step("paso5_hallazgos", "Google Sheets", calidad)
        wrong = [f"fila {row['fila']}: {row['detalle']}" for row in rows if row["detalle"]]
        broken = bool(wrong or self.unwritten)
        wrong += [f"{_place(one)}: {one.line}" for one in findings if one.is_error]
        some = len(rows) > len(done.failed) + len(done.waiting)
        said = [f"no todo salió: {short(wrong, 1)}"] if wrong else []
        if done.waiting:
            left = count(len(done.waiting), "fila queda", "filas quedan")
            said.append(f"{left} para la próxima corrida, por max_tareas")
        aviso = "; ".join(said)
        return Outcome(
            data={
                **{"mes": str(self.mes), "campania": str(self._night[1]), "filas": rows},
                **{"snapshot": str(self.encargo.fuente.snapshot_id), "mapas": self.mapas},
                **{"solo_validar": self.solo_validar, "totales": dict(totals)},
                **{"planillas": [*self.files], "carpeta": str(self.traces.folder)},
            },
            markdown=self._summary(rows, totals, findings, done),
            calidad=calidad,
            error=TareasFailed(aviso) if broken or (wrong and not some) else None,
            aviso=aviso,
            parcial=bool(wrong) and some,
        )

    def _summary(
        self,
        rows: Sequence[Mapping[str, Any]],
        totals: Mapping[str, int],
        findings: Sequence[Finding],
        done: Synced,
    ) -> str:
        no_more = "ya no la pide ninguna fila"
        if any(one.is_error for one in findings):
            no_more = "no la pide ninguna de las filas que se leyeron bien"
        only = "\n\n**Solo validar: no se escribió nada en Jira ni en la planilla.**"
        maps = [str(self.encargo.outputs / one) for one in self.mapas.values()]
        parts = {
            "Planillas": [f"{where}: {_PAGE.format(one.id)}" for where, one in self.files.items()],
            **_told(findings, {*self.files}),
            "Tareas": [
                f"{row['resultado']} {row['url']} · fila {row['fila']}: "
                f"{in_lote(row['campo'], row['lote'])}{row['detalle'] and ': '}{row['detalle']}"
                for row in sorted(rows, key=lambda row: -[*WHAT.values()].index(row["resultado"]))
                if row["resultado"] != WHAT["unchanged"]
            ],
            "Quedan en Jira como están": [
                *(
                    f"{key}: {no_more}"
                    for clave, key in done.left.items()
                    if clave not in self.pedidas
                ),
                *(f"{', '.join(keys)}: copia hecha a mano" for keys in done.twins.values()),
            ],
            "Mapas": [f"{number(len(maps))} KMZ: {commonpath(maps or ['-'])}"] * bool(maps),
            "Paso a paso": [str(self.traces.folder)],
        }
        counted = [(what, number(times)) for what, times in totals.items() if times]
        listed = (
            f"## {markdown(title)}\n\n" + "\n".join(f"- {markdown(line)}" for line in lines[:most])
            + f"\n- y {number(len(lines) - most)} más, en Paso a paso" * (len(lines) > most)
            for title, lines in parts.items()
            if lines and (most := MAX_FINDINGS if title.startswith("Para") else MAX_LINES)
        )  # fmt: skip
        head = f"# {TITULO} a Jira · {self.mes.texto}{only * self.solo_validar}"
        return "\n\n".join((head, markdown_table(("Filas", ""), counted), *listed))


def _place(one: Finding) -> str:
    return ", ".join(filter(None, (one.where, one.item)))


def _told(findings: Iterable[Finding], sheets: Set[str]) -> dict[str, list[str]]:
    """What to correct, by sheet; of one kind three in full, and the rows of the others."""
    kinds: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for one in findings:
        kind = _VARIES.sub("", f"{_place(one)} {one.severity} {one.line}")
        kinds["Para corregir" + f" · {one.where}" * (one.where in sheets), kind].append(one)
    told: dict[str, list[str]] = defaultdict(list)
    for (title, _), same in kinds.items():
        told[title] += dict.fromkeys(
            f"{'NO SALE' if one.is_error else 'aviso'} · {one.item or one.where}: {one.line}"
            f"{one.todo and '. '}{one.todo[:1].upper()}{one.todo[1:]}"
            for one in same[:3]
        )
        if rest := [one.item.partition(",")[0] or one.where for one in same[3:]]:
            told[title].append(f"lo mismo en {short(rest, MAX_LINES)}")
    return told


def _campos(tables: Tables, asked: Sequence[str]) -> set[str]:
    """The ids of campos that somebody names by name, code or id.

    Raises:
        SettingsError: there is none of that name; lists those there are.
    """
    frame = tables.campos[["campo_id", "campo", "codigo"]].astype("string").fillna("")
    rows = [*frame.itertuples(index=False, name=None)]
    known = {look(name): row[0] for row in rows for name in row if name}
    if unknown := [one for one in asked if look(one) not in known]:
        names = short(sorted(row[1] for row in rows), 8)
        raise SettingsError(f"no hay ningún campo {unknown[0]!r}; hay: {names}")
    return {known[look(one)] for one in asked}


def _cells(
    planilla: Planilla, trabajos: Sequence[Trabajo], keys: Mapping[str, str], ours: Collection[str]
) -> dict[str, str]:
    """The cells to write. What a person wrote in one, and is not just a key of ours, stays."""
    column, cells = planilla.columnas.get("tarea"), dict[str, str]()
    if column is None and "tarea" in planilla.titulos:  # twice: which one is not ours to say
        raise DataError("hay más de una columna para la tarea; dejar una sola")
    at = planilla.ancho if column is None else column
    for one in trabajos:
        key, said = keys.get(one.clave), one.fila.tarea
        if key and key != said and (not said or (one.fila.anotada and said in ours)):
            cells[cell_name(planilla.hoja, one.fila.numero, at)] = key
    if cells and column is None:  # first, so that no part of them is without it
        return {cell_name(planilla.hoja, planilla.encabezado, at): "Tarea", **cells}
    return cells
