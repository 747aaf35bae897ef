"""The tables of a backup in another format, into a file or a folder that a person names.

* ``gpkg``: one file, a layer a table; ``xlsx``: one file, a sheet a table
* ``parquet`` (GeoParquet, the very bytes of the snapshot), ``geojson``, ``csv``: one file a table

CSV and XLSX hold no shapes: a point inside each stands for it, as ``lon`` and ``lat`` (EPSG:4326).
The whole snapshot is verified first. A file that exists is replaced only when told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import geopandas as gpd
import pandas as pd
import shapely

from Modules.backups.restore import sound
from Modules.disk.delivery import Fill, Target, deliver, look_at
from Modules.disk.safe_files import FileFact, copy_new, is_link, write_new, writing
from Modules.formats.geofiles import geojson_bytes, write_gpkg
from Modules.formats.sheets import Sheet, csv_bytes, xlsx_bytes
from Modules.night.tables import Tables
from Modules.store.snapshot import Snapshot, read_tables, table_path
from Modules.store.snapshots import SnapshotStore
from Modules.words.columns import TABLES
from Modules.words.errors import SettingsError


class ExportFormat(StrEnum):
    GPKG = "gpkg"
    GEOJSON = "geojson"
    PARQUET = "parquet"
    CSV = "csv"
    XLSX = "xlsx"


_IN_ONE: Final = (ExportFormat.GPKG, ExportFormat.XLSX)


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What an export will write; nothing was written yet."""

    snapshot: Snapshot
    target: Target
    fill: Fill = field(repr=False)

    @property
    def files(self) -> list[Path]:
        return [self.target.folder / name for name in sorted(self.target.actions)]


def plan_export(
    store: SnapshotStore,
    snapshot_id: str,
    to: Path,
    formato: ExportFormat,
    *,
    zone: ZoneInfo,
    tabla: str | None = None,
    overwrite: bool = False,
    keep_out: Iterable[Path] = (),
) -> ExportPlan:
    """Verify the snapshot, look at the target, and say what would be written. Writes nothing.

    ``to`` is a file if it ends like the format, else a folder. A file of a format that takes one
    table needs ``tabla``.

    Raises:
        SnapshotDamaged: names the damaged file.
        SettingsError: no such snapshot or table, a file that is there, a target of ours.
    """
    snapshot = sound(store, snapshot_id)
    with writing(to):
        single = to.suffix.casefold() == f".{formato.value}" and not to.is_dir()
    folder = to.parent if single else to
    names = _names(snapshot, formato, tabla, to.name if single else None)
    target = look_at(folder, names, overwrite=True, keep_out=keep_out)
    with writing(to):
        there = [name for name in names if (folder / name).exists() or is_link(folder / name)]
    if there and not overwrite:
        raise SettingsError(
            f"{folder / there[0]} ya existe: nombrar otro archivo, o agregar --overwrite"
        )
    return ExportPlan(
        snapshot, target, _fill(snapshot, read_tables(snapshot), formato, names, zone)
    )


def export(plan: ExportPlan) -> None:
    """Write what was planned, and read it back.

    Raises:
        PublishError: the disk refused; a file that was there before is intact.
        DataError: the format cannot hold the tables.
    """
    deliver(plan.target, plan.fill, need_bytes=4 * plan.snapshot.size_bytes)


def _names(
    snapshot: Snapshot, formato: ExportFormat, tabla: str | None, single: str | None
) -> dict[str, tuple[str, ...]]:
    """The tables of each file, by the file's name."""
    if tabla is not None and tabla not in TABLES:
        raise SettingsError(f"no hay una tabla {tabla!r}; son {', '.join(TABLES)}")
    tables = tuple(TABLES) if tabla is None else (tabla,)
    if formato is ExportFormat.GEOJSON:
        tables = tuple(name for name in tables if TABLES[name].spatial)
        if not tables:
            raise SettingsError(f"{tabla} no tiene geometrías; usar --format csv, xlsx o parquet")
    stem = f"{snapshot.campania.slug}_{snapshot.id}.{formato.value}"
    if formato in _IN_ONE:
        return {single or f"backup_{stem}": tables}
    if single is not None and tabla is None:
        raise SettingsError(
            f"en {single} entra una tabla de {len(tables)}: agregar --tabla lotes, nombrar una "
            "carpeta, o usar --format gpkg o xlsx"
        )
    if single is not None:
        return {single: tables}
    return {f"{name}_{stem}": (name,) for name in tables}


def _fill(
    snapshot: Snapshot,
    tables: Tables,
    formato: ExportFormat,
    names: dict[str, tuple[str, ...]],
    zone: ZoneInfo,
) -> Fill:
    frames = tables.as_dict()

    def write(path: Path, wanted: tuple[str, ...]) -> FileFact:
        chosen = {name: frames[name] for name in wanted}
        (first, *_) = wanted
        match formato:
            case ExportFormat.GPKG:
                return write_gpkg(chosen, path, snapshot.id)
            case ExportFormat.GEOJSON:
                return write_new(path, geojson_bytes(gpd.GeoDataFrame(frames[first])))
            case ExportFormat.PARQUET:
                return copy_new(snapshot.path / table_path(first), path)
            case ExportFormat.CSV:
                return write_new(path, csv_bytes(_flat(frames[first])))
            case ExportFormat.XLSX:
                sheets = [Sheet(name, _flat(df)) for name, df in chosen.items()]
                return write_new(path, xlsx_bytes(sheets, snapshot.id.utc.astimezone(zone)))

    def fill(folder: Path) -> dict[str, FileFact]:
        return {name: write(folder / name, wanted) for name, wanted in names.items()}

    return fill


def _flat(df: pd.DataFrame) -> pd.DataFrame:
    """A table without shapes: a point inside each instead."""
    if not isinstance(df, gpd.GeoDataFrame):
        return df
    inside = shapely.point_on_surface(df.geometry.to_numpy())
    plain = pd.DataFrame(df.drop(columns=df.geometry.name))
    return plain.assign(lon=shapely.get_x(inside), lat=shapely.get_y(inside))
