"""``lindero backups diff``: what changed from one backup to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from Modules.cli.backups import backups
from Modules.cli.options import Campania, Json, OfTrials, complain, say, say_json, say_table
from Modules.settings import load_settings
from Modules.words.domain import Modo

if TYPE_CHECKING:
    from Modules.diff.compare import Comparacion

MAX_ROWS = 500  # of the table for people; --json, --gpkg and --kmz have them all
HEADER = ("Campo", "Lote", "Cambio", "Detalle")


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
    tolerancia_m: Annotated[float, Parameter(validator=Number(gte=0.01, lte=1000))] = 1.0,
) -> int:
    """Qué cambió de un backup a otro; sin argumentos, qué cambió en la última noche.

    Parameters
    ----------
    a
        El de antes: un id de `lindero backups list`, `ultimo` o `anterior`.
    b
        El de después.
    gpkg
        Escribe además un GeoPackage nuevo con lo que cambió, con estilos.
    kmz
        Escribe además un KMZ nuevo con lo que cambió.
    tolerancia_m
        Metros que un borde puede correrse sin que sea un cambio.
    """
    from Modules.diff import compare as comparar
    from Modules.store.snapshots import SnapshotStore
    from Modules.words.domain import Campania as Season

    settings = load_settings()
    for path, suffix in ((gpkg, ".gpkg"), (kmz, ".kmz")):
        if path is not None:
            comparar.check_new(path, suffix, keep_out=(settings.lindero_state_dir,))
    found = comparar.comparar(
        SnapshotStore(settings.store_dir(Modo.TEST if test else Modo.PROD)),
        a,
        b,
        campania=Season.parse(campania) if campania else settings.lindero_campania,
        zone=settings.zone,
        tolerancia_m=tolerancia_m,
    )
    if json_:
        say_json(found.to_dict())
    else:
        _show(found)
    _write(found, gpkg, kmz, quiet=json_)
    return 0


def _show(found: Comparacion) -> None:
    from rich.markup import escape

    from Modules.diff.changes import changes_of
    from Modules.diff.lines import cambios
    from Modules.words.spanish import number

    say(f"{found.titulo}.")
    for aviso in found.avisos:
        say(f"Aviso: {aviso}")
    say(f"{found.resumen}\n" if found.diferencias.cambios else found.resumen)
    rows = cambios(changes_of(found.diferencias))
    shown = [dict(zip(HEADER, map(escape, row), strict=True)) for row in rows[:MAX_ROWS]]
    if shown:
        say_table(HEADER, shown)
    if len(rows) > MAX_ROWS:
        say(f"Y {number(len(rows) - MAX_ROWS)} renglones más: --json, --gpkg o --kmz los tienen.")


def _write(found: Comparacion, gpkg: Path | None, kmz: Path | None, *, quiet: bool) -> None:
    from Modules.diff import compare as comparar

    files, avisos = [], []
    if gpkg is not None:
        files += comparar.write_gpkg_of(found, gpkg)
    if kmz is not None:
        made, notes = comparar.write_kmz_of(found, kmz)
        files, avisos = files + made, list(notes)
    for aviso in avisos:
        complain(aviso)
    for file in files if not quiet else ():
        say(f"Escrito: {file}")
