"""``lindero backups``: what a person needs on the day something went wrong."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from Modules.cli.options import (
    Campania,
    Campanias,
    Json,
    OfTrials,
    Snapshot,
    complain,
    console,
    log_to_stderr,
    say,
    say_json,
    say_markdown,
    say_table,
    switch,
)
from Modules.disk.run_lock import run_lock, user_name
from Modules.products.entry import CADA_NOCHE
from Modules.settings import Settings, load_settings
from Modules.words import domain
from Modules.words.domain import Modo
from Modules.words.errors import SettingsError
from Modules.words.finding import Finding
from Modules.words.spanish import count, number
from Modules.words.temporada import read_campanias

if TYPE_CHECKING:
    from Modules.backups.restore import RestorePlan
    from Modules.backups.verify import Verification
    from Modules.diff.compare import Comparacion
    from Modules.store.snapshots import SnapshotStore

MAX_CELL = 40  # characters of what to do that a table has room for
MAX_ROWS = 500  # of a diff for people; --json, --gpkg and --kmz have them all
HEADER = ("Campo", "Lote", "Cambio", "Detalle")
MAX_FOREIGN = 10  # files that are not ours, named one by one

backups = App(name="backups", help="Los backups guardados.")

Overwrite = Annotated[bool, switch("Reemplaza lo que ya esté; lo demás queda como está.")]


@backups.command(name="list")
def backups_list(*, campania: Campanias = None, test: OfTrials = False, json_: Json = False) -> int:
    """Los backups de una campaña, del más viejo al más nuevo, también los de la cuarentena."""
    from Modules.backups.describe import list_snapshots

    settings = load_settings()
    seasons = read_campanias(campania) if campania else settings.lindero_campania
    rows = list_snapshots(settings, seasons, modo=Modo.of(test=test))
    if json_:
        say_json(rows)
    elif rows:
        names = ("id", "hora_local", "campania", "estado", "lotes", "ha", "igual_a")
        told = ({**row, "ha": row["ha"] and number(row["ha"], 1)} for row in rows)
        header = ("id", "hora local", "campaña", "estado", "lotes", "ha", "igual a")
        say_table(header, ([row[name] for name in names] for row in told))
    else:
        say("No hay backups de esa campaña.")
    return 0


@backups.command(name="show")
def backups_show(snapshot: Snapshot, *, test: OfTrials = False, json_: Json = False) -> int:
    """Qué es un backup: cuándo y de dónde vino, qué dijeron los controles, cuánto tiene."""
    from Modules.backups.describe import as_markdown, describe

    settings = load_settings()
    facts = describe(_store(settings, test=test).find(snapshot), settings.zone)
    if json_:
        say_json(facts)
    else:
        say_markdown(as_markdown(facts))
    return 0


@backups.command(name="verify")
def backups_verify(
    *snapshots: str,
    all_: Annotated[bool, switch("Todos, también la cuarentena.", "--all")] = False,
    sample: Annotated[
        bool, switch("El más nuevo y una parte de los demás: todos en un mes.")
    ] = False,
    test: OfTrials = False,
    json_: Json = False,
) -> int:
    """Lee los backups y sus copias publicadas, y nombra cada archivo dañado. Sale con 1 si hay.

    Sin más, lee entero el más nuevo de cada campaña; de los demás, los manifiestos.

    Args:
        snapshots: Los ids a leer, como los muestra `lindero backups list`.
    """
    from Modules.backups.verify import Scope, verify_backups

    if bool(snapshots) + all_ + sample > 1:
        raise SettingsError("nombrar backups, o --all, o --sample: uno de los tres")
    scope = Scope.ALL if all_ else Scope.SAMPLE if sample else Scope.NEWEST
    modo, now = Modo.of(test=test), datetime.now(UTC)
    found = verify_backups(load_settings(), modo, ids=snapshots, scope=scope, now=now)
    if json_:
        say_json(found.to_dict())
    else:
        _say_verification(found)
    return found.report.exit_code


@backups.command(name="accept")
def backups_accept(
    snapshot: Snapshot,
    *,
    reason: str,
    test: OfTrials = False,
    although_empty: Annotated[
        bool, switch("Aunque una lista quedó vacía.", "--aunque-vacio")
    ] = False,
    json_: Json = False,
) -> int:
    """Acepta un backup en cuarentena, una sola vez, lo publica y hace sus productos.

    Sale con el código del producto que falló, si falla alguno; lo aceptado queda aceptado.

    Args:
        reason: Por qué los datos están bien; queda registrado.
    """
    from Modules.jobs import backup
    from Modules.orchestration.run_result import run_plain
    from Modules.orchestration.stages import hacer

    accepted = backup.accept_snapshot(
        load_settings(),
        snapshot,
        reason=reason,
        who=user_name(),
        now=datetime.now(UTC),
        modo=Modo.of(test=test),
        although_empty=although_empty,
    )
    done = {"id": str(accepted.id), "estado": "aceptado", "publicado": True}
    if not json_:
        say(f"{accepted.id}: aceptado y publicado. Ahora, los productos…")
    log_to_stderr(verbose=False)
    made = run_plain(lambda: hacer(CADA_NOCHE, str(accepted.campania), test=test))
    error = made["error"]
    if json_:
        say_json({**done, "productos": made["data"].get("productos", {}), "error": error})
    else:
        say_markdown(made["summary"])
    if error:
        again = f"lindero run productos --campania {accepted.campania}{Modo.of(test=test).flag}"
        complain(f"{accepted.id} quedó aceptado. {error['mensaje']} Para repetirlos: {again}")
    return int(error["exit_code"]) if error else 0


@backups.command(name="publish")
def backups_publish(snapshot: Snapshot, *, test: OfTrials = False, json_: Json = False) -> int:
    """Vuelve a publicar la copia de un backup aceptado: escribe allí lo que falte."""
    from Modules.jobs import backup
    from Modules.jobs.report import aviso_pendiente

    modo, now = Modo.of(test=test), datetime.now(UTC)
    done = backup.publish_again(load_settings(), snapshot, modo=modo, now=now)
    if json_:
        names = {"escritos": done.written, "ya_estaban": done.unchanged, "pendientes": done.pending}
        say_json({"id": snapshot, **names})
        return 0
    say(f"{snapshot}: {len(done.written)} archivos escritos, {len(done.unchanged)} ya estaban.")
    for name in done.pending:
        say(f"Aviso: {aviso_pendiente(name)}")
    return 0


@backups.command(name="restore")
def backups_restore(
    snapshot: Snapshot,
    *,
    to: Path,
    campo: str | None = None,
    lote: str | None = None,
    format_: Annotated[Literal["snapshot", "gpkg"] | None, Parameter("--format")] = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[bool, switch("Sólo muestra qué escribiría.")] = False,
    test: OfTrials = False,
    json_: Json = False,
) -> int:
    """Devuelve un backup, o un campo o lote, a una carpeta. Antes de escribir muestra qué.

    Args:
        to: La carpeta: una que no exista, o vacía.
        campo: Sólo este campo, por nombre o id, como GeoPackage y GeoJSON.
        lote: Sólo este lote, por nombre o id; con --campo si el nombre se repite.
        format_: snapshot (tal como se guardó) o gpkg (un GeoPackage con todas las tablas).
    """
    from Modules.backups.restore import RestoreFormat, plan_restore, restore

    settings = load_settings()
    plan = plan_restore(
        _store(settings, test=test),
        snapshot,
        to,
        formato=None if format_ is None else RestoreFormat(format_),
        campo=campo,
        lote=lote,
        overwrite=overwrite,
        keep_out=(settings.lindero_state_dir,),
    )
    if not json_:
        _say_plan(plan)
    if not dry_run:
        restore(plan)
    if json_:
        say_json({**plan.to_dict(), "restaurado": not dry_run})
    else:
        place = plan.target.folder
        say("No se escribió nada." if dry_run else f"Restaurado y verificado en {place}")
    return 0


@backups.command(name="export")
def backups_export(
    snapshot: Snapshot,
    *,
    to: Path,
    format_: Annotated[Literal["gpkg", "geojson", "parquet", "csv", "xlsx"], Parameter("--format")],
    tabla: str | None = None,
    overwrite: Overwrite = False,
    test: OfTrials = False,
    json_: Json = False,
) -> int:
    """Escribe las tablas de un backup en otro formato.

    CSV y XLSX no llevan geometría: llevan un punto interior (lon, lat).

    Args:
        to: El archivo, si termina como el formato; si no, la carpeta. Un archivo csv, geojson o
            parquet lleva una sola tabla: la de --tabla.
        format_: gpkg, geojson, parquet, csv o xlsx.
        tabla: Sólo esta tabla (campos, lotes, siembras …).
    """
    from Modules.backups.export import ExportFormat, export, plan_export

    settings = load_settings()
    plan = plan_export(
        _store(settings, test=test),
        snapshot,
        to,
        ExportFormat(format_),
        zone=settings.zone,
        tabla=tabla,
        overwrite=overwrite,
        keep_out=(settings.lindero_state_dir,),
    )
    export(plan)
    files = [str(path) for path in plan.files]
    if json_:
        say_json({"snapshot": str(plan.snapshot.id), "archivos": files})
    else:
        say("\n".join(files))
    return 0


@backups.command(name="diff")
def backups_diff(
    a: str = "anterior",
    b: str = "ultimo",
    *,
    campania: Campania = None,
    test: OfTrials = False,
    json_: Json = False,
    gpkg: Path | None = None,
    kmz: Path | None = None,
    format_: Annotated[Literal["geodiff"] | None, Parameter("--format")] = None,
    to: Path | None = None,
    tolerancia_m: Annotated[float, Parameter(validator=Number(gte=0.01, lte=1000))] = 1.0,
) -> int:
    """Qué cambió de un backup a otro; sin argumentos, qué cambió en la última noche.

    Args:
        a: El de antes: un id de `lindero backups list`, `ultimo` o `anterior`.
        b: El de después.
        gpkg: Escribe además un GeoPackage nuevo con lo que cambió, con estilos.
        kmz: Escribe además un KMZ nuevo con lo que cambió.
        format_: geodiff escribe además, en --to, las filas que cambiaron para Mergin Maps o QField.
        to: El archivo nuevo de --format, que termina en .diff.
        tolerancia_m: Metros que un borde puede correrse sin que sea un cambio.
    """
    from Modules.diff import compare as comparar

    settings = load_settings()
    named = domain.Campania.parse(campania) if campania else None
    if (format_ is None) is not (to is None):
        raise SettingsError("--format geodiff y su archivo van juntos: lindero backups diff --help")
    for path, suffix in ((gpkg, ".gpkg"), (kmz, ".kmz"), (to, ".diff")):
        if path is not None:
            comparar.check_new(path, suffix, keep_out=(settings.lindero_state_dir,))
    store = _store(settings, test=test)
    found = comparar.comparar(
        store, a, b, campania=named, zone=settings.zone, tolerancia_m=tolerancia_m
    )
    if json_:
        say_json(found.to_dict())
    else:
        _say_diff(found)
    _write_diff(found, gpkg, kmz, quiet=json_)
    if to is not None:
        comparar.write_geodiff_of(found, store, to)
        if not json_:
            say(f"Escrito: {to}")
    return 0


@backups.command(name="prune")
def backups_prune(
    *,
    dry_run: Annotated[bool, switch("Dice qué quitaría y no quita nada.")] = False,
    test: OfTrials = False,
    json_: Json = False,
) -> int:
    """Quita los backups viejos que ya no ocupan ningún lugar diario, semanal, mensual o anual.

    Como mucho 3 por vez, y nunca más de 1 de cada 10. El último sano de cada campaña no se quita
    nunca. Termina en 1 si el reloj, o un backup dañado, pide que lo mire una persona.
    """
    settings = load_settings()
    modo = Modo.of(test=test)
    with nullcontext() if dry_run else run_lock(settings.lindero_state_dir, modo):
        from Modules.jobs import weekly as verificacion

        encargo = verificacion.prepare(settings, modo, datetime.now(UTC))
        if dry_run:
            poda, _ = verificacion.plan_prune(encargo)
        else:
            poda = verificacion.do_prune(encargo)
    if json_:
        say_json({"dry_run": dry_run, **verificacion.poda_data(poda)})
    else:
        say(verificacion.poda_texto(poda))
        if dry_run:
            say("Fue un ensayo: no se quitó nada.")
    return 1 if poda.plan.negado or poda.danados else 0


@backups.command(name="renumerar")
def backups_renumerar(
    *,
    campo: str | None = None,
    campania: Campania = None,
    test: OfTrials = False,
    json_: Json = False,
) -> int:
    """Vuelve a numerar las muestras por orden de visita; sin esto, una muestra no cambia de número.

    Lo que ya se imprimió o se escribió en una bolsa deja de coincidir. Los mapas cambian la próxima
    noche, o ya con `lindero run productos`.

    Args:
        campo: Sólo las de un campo, por nombre o id.
    """
    from Modules.backups.selection import choose
    from Modules.jobs.products import last_accepted
    from Modules.store.numeros import path_of, read_numeros, write_numeros
    from Modules.store.snapshot import read_tables

    settings, modo = load_settings(), Modo.of(test=test)
    season = campania or next(map(str, settings.lindero_campania), None)
    with run_lock(settings.lindero_state_dir, modo):
        store = _store(settings, test=test)
        snapshot = last_accepted(settings, season, modo)[1] if season else store.find("ultimo")
        chosen = choose(read_tables(snapshot), campo=campo, lote=None)
        path = path_of(store.root, snapshot.campania)
        numeros = read_numeros(path, lambda: store.accepted(snapshot.campania))
        forgotten = numeros.renumber(None if chosen is None else [chosen.campo_id])
        write_numeros(path, numeros)
    if json_:
        say_json({"campania": str(snapshot.campania), "muestras": forgotten})
    else:
        told = count(forgotten, "muestra se numera", "muestras se numeran")
        say(f"{told} de nuevo; para publicarlo ya: lindero run productos")
    return 0


def _store(settings: Settings, *, test: bool) -> SnapshotStore:
    from Modules.store.snapshots import SnapshotStore

    return SnapshotStore(settings.store_dir(Modo.of(test=test)))


def _say_verification(done: Verification) -> None:
    found = done.report.findings
    for place in dict.fromkeys(one.where for one in found):
        own = [one for one in found if one.where == place]
        say(f"\n{place}: {'DAÑADO' if any(one.is_error for one in own) else 'aviso'}")
        _say_findings(own)
    for name in done.ajenos[:MAX_FOREIGN]:
        say(f"ajeno, no se toca: {name}")
    if len(done.ajenos) > MAX_FOREIGN:
        say(f"… y {len(done.ajenos) - MAX_FOREIGN} archivos ajenos más")
    say(
        f"\nLeídos enteros: {len(done.leidos)} de {done.manifiestos} backups "
        f"y {len(done.carpetas)} carpetas publicadas. "
        + (f"Dañados: {len(damaged)}." if (damaged := done.report.errors) else "Todo está sano.")
    )


def _say_findings(found: list[Finding]) -> None:
    """A table in which no name is cut or taken for markup.

    What is too long for a cell is said below it in one piece: people copy it.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table("archivo", "problema", "qué hacer")
    for column in table.columns:
        column.overflow = "fold"
    notes = [text for text in dict.fromkeys(one.todo for one in found) if len(text) > MAX_CELL]
    for one in found:
        short = f"ver {notes.index(one.todo) + 1}" if one.todo in notes else one.todo
        table.add_row(Text(one.item), Text(one.what), Text(short))
    console().print(table)
    for at, text in enumerate(notes, start=1):
        say(f"{at}: {text}")


def _say_plan(plan: RestorePlan) -> None:
    facts: dict[str, Any] = plan.to_dict()
    say(f"Backup {facts['snapshot']} ({facts['campania']}), {facts['que']}, a {facts['to']}:")
    for row in facts["archivos"]:
        size = "" if row["bytes"] is None else f"  {row['bytes']} bytes"
        say(f"  {row['accion']:<9}  {row['archivo']}{size}")
    if facts["se_dejan"]:
        say(f"  se dejan   {len(facts['se_dejan'])} que ya están: {', '.join(facts['se_dejan'])}")
    rows = ", ".join(f"{name} {many}" for name, many in facts["filas"].items() if many)
    say(f"  filas: {rows or 'ninguna'}")


def _say_diff(found: Comparacion) -> None:
    from rich.markup import escape

    from Modules.diff.changes import cambios, changes_of

    say(f"{found.titulo}.")
    for aviso in found.avisos:
        say(f"Aviso: {aviso}")
    say(f"{found.resumen}\n" if found.diferencias.cambios else found.resumen)
    rows = cambios(changes_of(found.diferencias))
    if rows:
        say_table(HEADER, (map(escape, row) for row in rows[:MAX_ROWS]))
    if len(rows) > MAX_ROWS:
        say(f"Y {number(len(rows) - MAX_ROWS)} renglones más: --json, --gpkg o --kmz los tienen.")


def _write_diff(found: Comparacion, gpkg: Path | None, kmz: Path | None, *, quiet: bool) -> None:
    from Modules.diff import compare as comparar

    files = [] if gpkg is None else list(comparar.write_gpkg_of(found, gpkg))
    if kmz is not None:
        made, avisos = comparar.write_kmz_of(found, kmz)
        files += made
        for aviso in avisos:
            complain(aviso)
    for file in files if not quiet else ():
        say(f"Escrito: {file}")
