"""Two kept snapshots compared: found by id or by word, read, told, and written as files.

``ultimo`` is the newest accepted snapshot of the campaña, ``anterior`` the accepted one of the same
portal before it. Snapshots of two portals or campañas, or from quarantine, may be compared; the
answer says so. Nothing in the store is written.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd

from Modules.diff.change import Clase, Diferencias
from Modules.diff.differences import diferencias
from Modules.diff.kml import document
from Modules.diff.layers import frames, styles, titulos
from Modules.disk.delivery import refuse_ours
from Modules.disk.destinations import check_path
from Modules.disk.safe_files import is_link, make_folder, move, sync_file, sync_folder, writing
from Modules.formats.geofiles import write_gpkg
from Modules.formats.kml_document import MAX_BYTES, MAX_PLACEMARKS
from Modules.formats.kmz import KmzWriter, Mapa, write_below
from Modules.formats.qgis import add_styles
from Modules.night.tables import Tables
from Modules.store.numeros import TABLES, Numeros, path_of, read_numeros
from Modules.store.snapshot import Snapshot, read_tables
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Campania
from Modules.words.errors import PublishError, SettingsError
from Modules.words.spanish import moment, number

FORMATO: Final = 1  # of the JSON


@dataclass(frozen=True, slots=True)
class Comparacion:
    """What differs between two snapshots, and what to know about the two."""

    a: Snapshot
    b: Snapshot
    zone: ZoneInfo
    diferencias: Diferencias = field(repr=False)

    @property
    def avisos(self) -> tuple[str, ...]:
        """What makes the comparison less plain than it looks (Spanish)."""
        a, b = self.a, self.b
        found = []
        if a.portal != b.portal:
            found.append(
                f"Son de portales o perfiles distintos ({a.portal.origin} y {b.portal.origin}): "
                "un mismo id puede no ser lo mismo."
            )
        if a.campania != b.campania:
            found.append(
                f"Son de campañas distintas ({a.campania} y {b.campania}): "
                "es de esperar que cambien las siembras."
            )
        found += [f"{one.id} está en cuarentena." for one in (a, b) if not one.accepted]
        if b.id < a.id:
            late = f"{b.id} es anterior a {a.id}: lo que figura como nuevo es lo que se quitó."
            found.append(late)
        return tuple(found)

    @property
    def titulo(self) -> str:
        """Which snapshots, and of when."""
        a, b = (f"{one.id} ({moment(one.id.utc, self.zone)})" for one in (self.a, self.b))
        return f"Cambios de {a} a {b}"

    @property
    def resumen(self) -> str:
        """One line: how many of each kind, and the hectares behind them."""
        totals = self.diferencias.resumen()
        counts: Mapping[str, int] = totals["por_clase"]
        if not totals["cambios"]:
            if self.a.id == self.b.id:
                return "Es el mismo backup: no hay diferencias."
            if any(self.diferencias.reescritas.values()):
                return "No hay diferencias: sólo se reescribieron datos que dicen lo mismo."
            return "No hay diferencias: los datos son los mismos."
        areas = {
            "lote_nuevo": f" ({number(totals['lotes_nuevos_ha'], 2)} ha)",
            "lote_eliminado": f" ({number(totals['lotes_eliminados_ha'], 2)} ha)",
            "borde_movido": f" (ganan {number(totals['bordes_ganan_ha'], 2)} ha, "
            f"pierden {number(totals['bordes_pierden_ha'], 2)} ha)",
        }
        return " · ".join(
            f"{clase.texto}: {number(counts[clase])}{areas.get(clase, '')}"
            for clase in Clase
            if counts[clase]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; see docs/diferencias.md."""
        return {
            "formato": FORMATO,
            "a": _side(self.a),
            "b": _side(self.b),
            "avisos": list(self.avisos),
            **self.diferencias.to_dict(),
        }


def comparar(
    store: SnapshotStore,
    a: str,
    b: str,
    *,
    campania: Campania | None,
    zone: ZoneInfo,
    tolerancia_m: float,
) -> Comparacion:
    """What changed from snapshot ``a`` to ``b``: as ``SnapshotStore.folder`` takes them.

    ``zone`` is the time of the people who read it; ``tolerancia_m``: see ``diff.differences``.

    Raises:
        SettingsError: no such snapshot.
        DataError: no snapshot was accepted yet, or only one.
        SnapshotDamaged: a table is missing or not what the manifest says.
    """
    before, after = (store.find(name, campania) for name in (a, b))
    tables = read_tables(before)
    now = tables if after.id == before.id else read_tables(after)
    return Comparacion(before, after, zone, diferencias(tables, now, tolerancia_m=tolerancia_m))


def _side(one: Snapshot) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "campania": str(one.campania),
        "portal": one.portal.origin,
        "perfil": one.portal.profile,
        "aceptado": one.accepted,
    }


def check_new(path: Path, suffix: str, *, keep_out: Iterable[Path] = ()) -> None:
    """Refuse to write over a file or among the backups, before anything is computed.

    Raises:
        SettingsError: the file is there, its name ends otherwise, or its folder is one of ours.
        PublishError: its folder cannot be looked at.
    """
    if path.suffix.lower() != suffix:
        raise SettingsError(f"{path}: escribir un nombre que termine en {suffix}")
    with writing(path):
        check_path(path.parent)
        refuse_ours(path.parent, keep_out)
        there = path.exists() or is_link(path)
    if there:
        raise SettingsError(f"{path} ya existe; elegir otro nombre o borrarlo")


def write_gpkg_of(found: Comparacion, path: Path) -> list[Path]:
    """Write the layers of what changed, styled, as a new GeoPackage, whole or not at all.

    Raises:
        PublishError: the disk refused, or the file is there.
    """

    def build(work: Path) -> None:
        target = work / path.name
        write_gpkg(frames(found.diferencias), target, found.b.id)
        add_styles(target, styles(), titulos())

    return _in_place(path.parent, build)


def write_kmz_of(found: Comparacion, path: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Write the map of what changed as a new KMZ: in parts if it is too large for a phone.

    The files, and notes (Spanish).

    Raises:
        PublishError: the disk refused, or a file is there.
    """
    avisos: list[str] = []

    def build(work: Path) -> None:
        lines = (found.titulo, found.resumen, *found.avisos)
        doc = document(found.diferencias, nombre="Cambios entre dos backups", lineas=lines)
        writer = KmzWriter(MAX_PLACEMARKS, MAX_BYTES)
        write_below(work, writer.packed([Mapa(path.stem, doc)]))
        avisos.extend(writer.avisos)

    return _in_place(path.parent, build), tuple(avisos)


def write_geodiff_of(found: Comparacion, store: SnapshotStore, path: Path) -> list[Path]:
    """Write what changed as a new changeset of geodiff, whole or not at all.

    Raises:
        DataError: the numbers of the features cannot be read.
        PublishError: the disk refused, or the file is there.
    """
    numbers = path_of(store.root, found.b.campania)
    numeros = read_numeros(numbers, lambda: store.accepted(found.b.campania))

    def build(work: Path) -> None:
        write_changeset(read_tables(found.a), read_tables(found.b), numeros, work / path.name)

    return _in_place(path.parent, build)


def write_changeset(before: Tables, after: Tables, numeros: Numeros, path: Path) -> dict[str, int]:
    """Write a new changeset of geodiff from one night to the next; rows that changed, by table.

    Both nights are written as GeoPackages of the same layers, whose ``fid`` are the numbers of the
    store; so the rows of the changeset are exactly the rows that changed. Mergin Maps and QField
    take it. Format: github.com/MerginMaps/geodiff, docs/changeset-format.md.

    Raises:
        PublishError: the disk refused, or the library did.
    """
    from pygeodiff import GeoDiff
    from pygeodiff.geodifflib import GeoDiffLibError

    with writing(path), tempfile.TemporaryDirectory(prefix=".lindero-", dir=path.parent) as temp:
        sides = [Path(temp, name) for name in ("antes.gpkg", "despues.gpkg")]
        summary = Path(temp, "resumen.json")
        for tables, side in zip((before, after), sides, strict=True):
            write_gpkg(layers_of(tables, numeros), side)
        try:
            geodiff = GeoDiff()
            geodiff.create_changeset(*map(str, sides), str(path))
            geodiff.list_changes_summary(str(path), str(summary))
        except GeoDiffLibError as err:
            raise PublishError(f"no se pudo escribir {path}: {err}") from err
        found = json.loads(summary.read_bytes())["geodiff_summary"]
    sync_file(path)
    return {one["table"]: one["insert"] + one["update"] + one["delete"] for one in found}


def layers_of(tables: Tables, numeros: Numeros) -> dict[str, pd.DataFrame]:
    """The tables of things with an id, each row under its number."""
    frames = {name: (kind, getattr(tables, name)) for kind, name in TABLES.items()}
    return {
        name: frame.assign(fid=numeros.of(kind, frame[f"{kind}_id"]))
        for name, (kind, frame) in frames.items()
    }


def _in_place(folder: Path, build: Callable[[Path], None]) -> list[Path]:
    """What ``build`` makes in a scratch folder, moved beside it: never half a file."""
    make_folder(folder)
    with writing(folder):
        work = Path(tempfile.mkdtemp(prefix=".lindero-", dir=folder))
    try:
        build(work)
        made = sorted(work.iterdir())
        for file in made:
            if (folder / file.name).exists():
                raise PublishError(f"{folder / file.name} está en el lugar; no se reemplazó nada")
        for file in made:
            move(file, folder / file.name)
        sync_folder(folder)
        return [folder / file.name for file in made]
    finally:
        shutil.rmtree(work, ignore_errors=True)
