"""The weekly verification: read, rehearse a restore, and prune if all is well.

What is read is ``verify``'s: every file of the newest backup, each week a quarter of the others so
that each is read in full once a month, and the published folders. Nothing is pruned while anything
is damaged. Callers hold ``run_lock`` where something is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from Modules.backups.restore import drill
from Modules.backups.verify import Scope, Verification, as_dicts, verify_backups
from Modules.jobs.outcome import Outcome
from Modules.settings import Settings
from Modules.store.integrity import verify_folder
from Modules.store.prune import fichas, in_use, obsolete_copies, prune
from Modules.store.readings import Lecturas
from Modules.store.retention import Linea, PrunePlan, Reglas, plan
from Modules.store.snapshot import Snapshot
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.errors import DataError, PipelineError, SnapshotDamaged
from Modules.words.finding import Finding, Report
from Modules.words.folders import BACKUP
from Modules.words.spanish import corrida, markdown, markdown_table, number, short

MAX_PROBLEMS = 5  # in the message of a failure; the table has them all
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Week:
    settings: Settings
    modo: Modo
    store: SnapshotStore
    now: datetime

    @property
    def outputs(self) -> Path:
        return self.settings.outputs_dir(self.modo)

    @property
    def copies(self) -> Path:
        return self.outputs / BACKUP


@dataclass(frozen=True, slots=True)
class Simulacro:
    id: str
    archivos: int
    size_bytes: int
    fallo: Finding | None = None


@dataclass(frozen=True, slots=True)
class Poda:
    """A plan, and what stands in its way or was left over."""

    plan: PrunePlan
    danados: tuple[str, ...] = ()  # accepted backups that take no place: not sound
    copias: tuple[str, ...] = ()  # published copies of backups that went earlier


@dataclass(frozen=True, slots=True)
class WeekReport:
    lectura: Verification
    simulacros: tuple[Simulacro, ...] = ()
    poda: Poda | None = None
    fallo_poda: PipelineError | None = field(default=None, repr=False)

    @property
    def report(self) -> Report:
        failed = (one.fallo for one in self.simulacros if one.fallo is not None)
        return Report((*self.lectura.report.findings, *failed))


def prepare(settings: Settings, modo: Modo, now: datetime) -> Week:
    """The store of a mode, ready to be verified. ``now`` is timezone-aware."""
    return Week(settings, modo, SnapshotStore(settings.store_dir(modo)), now)


def read(week: Week) -> Verification:
    """Read the newest, this week's part of the others and the copies; note what was sound.

    Raises:
        DataError: there is no backup, so nothing could be verified.
        PublishError: the note could not be written.
    """
    week.store.sweep()
    lectura = verify_backups(week.settings, week.modo, scope=Scope.SAMPLE, now=week.now)
    lecturas = Lecturas(week.store.root)
    damaged = {one.where for one in lectura.report.errors}
    for snapshot in lectura.sanos:
        if str(snapshot.id) not in damaged:
            lecturas.note(snapshot, week.now, sound=True)
    for name in lectura.leidos:
        corrida.info("Backup %s: %s", name, "dañado" if name in damaged else "sano")
    lecturas.save(_ids(week.store))
    return lectura


def rehearse(week: Week) -> tuple[Simulacro, ...]:
    """Restore the newest backup of each campaña into a scratch folder, and verify it there."""
    done = []
    newest = {snapshot.campania: snapshot for snapshot in week.store.accepted()}
    for snapshot in newest.values():
        name, size = str(snapshot.id), snapshot.size_bytes
        try:
            done.append(Simulacro(name, drill(week.store, name), size))
        except PipelineError as err:
            found = Finding(
                "la restauración no salió bien",
                where=f"simulacro de {name}",
                item=snapshot.path.name,
                todo=f"mire lindero backups verify {name}{week.modo.flag}",
                code="simulacro",
                notes=(str(err),),
            )
            done.append(Simulacro(name, 0, size, found))
    return tuple(done)


def plan_prune(week: Week, *, full: bool = True) -> tuple[Poda, Lecturas]:
    """What a prune would do. Writes nothing; a dry run and a real one both begin here.

    Backups that were not read in the last month are read now, if anything may go at all. Unless
    ``full``, they are not: then they take no place, and stay.
    """
    store, now = week.store, week.now
    lecturas = Lecturas(store.root)
    used = in_use(week.outputs)
    reglas = Reglas(zone=week.settings.zone, **week.settings.below("lindero_retention_"))

    def made_of(verified: Callable[[Snapshot], bool]) -> PrunePlan:
        return plan(fichas(store, verified), reglas, now, in_use=used)

    leftover = tuple(copy.name for copy in obsolete_copies(store, week.copies))
    supposed = made_of(lambda _: True)
    if not supposed.salen:
        return Poda(supposed, (), leftover), lecturas
    unsound = []

    def verified(snapshot: Snapshot) -> bool:
        if lecturas.fresh(snapshot, now) or not full:
            return lecturas.fresh(snapshot, now)
        problems = verify_folder(snapshot.path)
        lecturas.note(snapshot, now, sound=not problems)
        if problems:
            unsound.append(f"{snapshot.id}: {problems[0].item}: {problems[0].what}")
        return not problems

    return Poda(made_of(verified), tuple(unsound), leftover), lecturas


def do_prune(week: Week, *, full: bool = True) -> Poda:
    """Plan and prune; ``full`` as for ``plan_prune``.

    Raises:
        PublishError: the disk refused; the next prune does the rest.
    """
    poda, lecturas = plan_prune(week, full=full)
    prune(week.store, poda.plan, week.copies, week.now)
    if week.store.root.is_dir():
        lecturas.save(_ids(week.store))
    return poda


def after_night(settings: Settings, modo: Modo, now: datetime) -> str:
    """Prune after a good night, resting on the readings of the last month; a line of Spanish.

    A night adds one backup and a prune takes three at most, so the store keeps its size. Whatever
    goes wrong is said, and left to the weekly verification: the night itself was good.
    """
    try:
        poda = do_prune(prepare(settings, modo, now), full=False)
    except PipelineError as err:
        corrida.warning("Retención: no se pudo completar (%s)", err)
        return f"Retención: no se pudo completar ({markdown(str(err))})."
    if poda.plan.negado:
        return f"Retención: no se quita nada, {markdown(poda.plan.negado)}."
    if not poda.plan.salen:
        return ""
    gone = ", ".join(f"`{linea.ficha.id}`" for linea in poda.plan.salen)
    corrida.info("Retención: salieron %s", gone.replace("`", ""))
    return f"Retención: salieron {gone}."


def with_poda(informe: WeekReport, podar: Callable[[], Poda]) -> WeekReport:
    """Prune if nothing is damaged; a prune that fails leaves the rest of the report as it is."""
    if not informe.report.passed:
        return informe
    try:
        poda = podar()
    except PipelineError as err:
        return replace(informe, fallo_poda=err)
    fallo: PipelineError | None = None
    if poda.plan.negado:
        fallo = DataError(poda.plan.negado)
    elif poda.danados:
        fallo = SnapshotDamaged(short(poda.danados, MAX_PROBLEMS))
    return replace(informe, poda=poda, fallo_poda=fallo)


def outcome(week: Week, informe: WeekReport) -> Outcome:
    found = informe.report.findings
    said = [f"{one.where}: {one.item}: {one.what}" for one in informe.report.errors]
    error = informe.fallo_poda
    if said:
        error = SnapshotDamaged(f"{len(said)} dañados: {short(said, MAX_PROBLEMS)}")
    return Outcome(
        data={
            "modo": week.modo.value,
            **informe.lectura.to_dict(),
            "hallazgos": as_dicts(informe.report),
            "sano": informe.report.passed,
            "simulacros": [one.id for one in informe.simulacros],
            "poda": None if informe.poda is None else poda_data(informe.poda),
        },
        markdown=_markdown(week, informe),
        calidad=[
            {
                "gravedad": "dañado" if one.is_error else "aviso",
                "qué": one.what,
                "dónde": f"{one.where}: {one.item}",
                "detalle": f"{one.notes[0]}. Qué hacer: {one.todo}",
            }
            for one in found
        ],
        error=error,
    )


def _ids(store: SnapshotStore) -> set[str]:
    return {path.name for path in store.folders()}


def poda_data(poda: Poda) -> dict[str, Any]:
    def plain(linea: Linea) -> dict[str, Any]:
        ficha = linea.ficha
        told = {"id": str(ficha.id), "campania": str(ficha.campania)}
        return {**told, "motivo": linea.motivo, "bytes": ficha.size_bytes}

    return {
        "salen": list(map(plain, poda.plan.salen)),
        "esperan": list(map(plain, poda.plan.esperan)),
        "quedan": list(map(plain, poda.plan.quedan)),
        "tope": poda.plan.tope,
        "copias_por_quitar": list(poda.copias),
        "danados": list(poda.danados),
        "motivo_de_no_quitar": poda.plan.negado,
    }


def poda_texto(poda: Poda) -> str:
    """A prune in a few lines of Spanish: the same for a dry run and for a real one."""
    lines = [f"{one.ficha.id}  {one.ficha.campania}  {one.motivo}" for one in poda.plan.salen]
    lines += [f"{copia}  copia publicada de un backup que ya salió" for copia in poda.copias]
    there = len(poda.plan.quedan) + len(poda.plan.esperan) + len(poda.plan.salen)
    verb = "Sale" if len(poda.plan.salen) == 1 else "Salen"
    lines.append(
        f"{verb} {number(len(poda.plan.salen))} de {number(there)} backups "
        f"({number(poda.plan.size_bytes / MIB, 1)} MiB)."
    )
    if poda.plan.negado:
        lines.append(f"No se quita nada: {poda.plan.negado}.")
    elif poda.plan.esperan:
        lines.append(
            f"Otros {number(len(poda.plan.esperan))} esperan: de {number(there)} salen como mucho "
            f"{number(poda.plan.tope)} por vez."
        )
    lines += [f"Dañado, no cuenta y no se toca: {one}" for one in poda.danados]
    return "\n".join(lines)


def _markdown(week: Week, informe: WeekReport) -> str:
    modo = "prueba" if week.modo is Modo.TEST else "producción"
    state, titulo = ("todo sano", "Avisos") if informe.report.passed else ("**hay daños**", "Daños")
    lectura = informe.lectura
    header = ("Dónde", "Archivo", "Problema", "Qué hacer")
    damages = [
        [markdown(text) for text in (one.where, one.item, one.what, one.todo)]
        for one in informe.report.findings
    ]
    parts = [
        f"# Verificación de backups ({modo})\n\n"
        f"{number(len(lectura.leidos))} backups leídos por completo de "
        f"{number(lectura.manifiestos)}, y {number(len(lectura.carpetas))} carpetas publicadas: "
        f"{state}.",
        f"## {titulo}\n\n{markdown_table(header, damages)}" if damages else "",
        _lista("Backups leídos por completo", (f"`{one}`" for one in lectura.leidos)),
        _lista("Simulacro de restauración", map(_simulacro, informe.simulacros)),
        _retencion(informe),
    ]
    return "\n\n".join(part for part in parts if part)


def _simulacro(simulacro: Simulacro) -> str:
    state = "idéntico al manifiesto" if simulacro.fallo is None else "**no salió bien**"
    size = f"{number(simulacro.size_bytes / MIB, 1)} MiB"
    return f"`{simulacro.id}`: {number(simulacro.archivos)} archivos, {size}: {state}"


def _retencion(informe: WeekReport) -> str:
    if informe.poda is not None:
        return _lista("Retención", map(markdown, poda_texto(informe.poda).split("\n")))
    if not informe.report.passed:
        return "## Retención\n\nNo se quitó nada: primero hay que ver lo dañado."
    return f"## Retención\n\nNo se pudo completar: {markdown(str(informe.fallo_poda))}"


def _lista(titulo: str, items: Iterable[str]) -> str:
    lines = "\n".join(f"- {item}" for item in items)
    return f"## {titulo}\n\n{lines}" if lines else ""
