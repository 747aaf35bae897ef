"""A backup, or one campo or lote of it, into a folder that a person names.

Whole as it was kept (``RestoreFormat.SNAPSHOT``: pages, tables, verdict and manifests, proved by
``sha256sum -c manifest.sha256``), whole as one GeoPackage, or a campo or lote as GeoPackage and
GeoJSON. The snapshot is verified before, what was written after. Planning writes nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from Modules.backups.selection import Seleccion, choose, only
from Modules.disk.delivery import Fill, Target, deliver, look_at
from Modules.disk.problems import in_full
from Modules.disk.safe_files import FileFact, copy_new, make_folder, write_new
from Modules.formats.geofiles import geojson_bytes, write_gpkg
from Modules.night.tables import Tables
from Modules.store.integrity import verify_folder
from Modules.store.manifest import SUMS_NAME
from Modules.store.snapshot import Snapshot, read_tables
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.errors import SettingsError, SnapshotDamaged
from Modules.words.names import safe_name
from Modules.words.spanish import why


class RestoreFormat(StrEnum):
    SNAPSHOT = "snapshot"
    GPKG = "gpkg"


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What a restore will do; nothing was written yet."""

    snapshot: Snapshot
    formato: RestoreFormat
    target: Target
    seleccion: Seleccion | None
    filas: Mapping[str, int]  # rows of each table that is restored
    bytes_: Mapping[str, int] = field(repr=False)  # of each file, where that is known before
    fill: Fill = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        return {
            "snapshot": str(self.snapshot.id),
            "campania": str(self.snapshot.campania),
            "format": self.formato.value,
            "que": "todo" if self.seleccion is None else self.seleccion.nombre,
            "to": str(self.target.folder),
            "archivos": [
                {"archivo": name, "accion": action, "bytes": self.bytes_.get(name)}
                for name, action in sorted(self.target.actions.items())
            ],
            "se_dejan": list(self.target.others),
            "filas": dict(self.filas),
        }


def plan_restore(
    store: SnapshotStore,
    snapshot_id: str,
    to: Path,
    *,
    formato: RestoreFormat | None = None,
    campo: str | None = None,
    lote: str | None = None,
    overwrite: bool = False,
    keep_out: Iterable[Path] = (),
) -> RestorePlan:
    """Verify the snapshot, look at the target, and list what would be written. Writes nothing.

    ``formato`` None: the snapshot as it is; of a campo or lote a GeoPackage. ``keep_out`` are
    folders of ours below which nothing may be restored: the store itself.

    Raises:
        SnapshotDamaged: names the damaged file.
        SettingsError: no such snapshot, campo or lote; twins; a target that is not empty or ours.
        PublishError: a path that may not be written.
    """
    snapshot = sound(store, snapshot_id)
    tables = read_tables(snapshot)
    chosen = choose(tables, campo=campo, lote=lote)
    if chosen is not None and formato is RestoreFormat.SNAPSHOT:
        raise SettingsError("un campo o un lote se restaura como GeoPackage; sacar --format")
    if formato is RestoreFormat.GPKG or chosen is not None:
        part = tables if chosen is None else only(tables, chosen)
        names, fill = _as_geopackage(snapshot, chosen, part)
        formato, sizes = RestoreFormat.GPKG, {}
    else:
        part, formato = tables, RestoreFormat.SNAPSHOT
        try:
            sizes = {name: path.stat().st_size for name, path in snapshot.files.items()}
        except OSError as err:
            raise SnapshotDamaged(f"{snapshot.id}: {err.filename}: {why(err)}") from err
        names, fill = tuple(sizes), _as_it_is(snapshot)
    target = look_at(to, names, overwrite=overwrite, keep_out=keep_out)
    rows = {name: len(df) for name, df in part.as_dict().items()}
    return RestorePlan(snapshot, formato, target, chosen, rows, sizes, fill)


def restore(plan: RestorePlan) -> None:
    """Do what was planned, and read it back.

    Raises:
        PublishError: the disk refused, or a file is not as written.
        SnapshotDamaged: the snapshot changed since it was verified; names the file.
    """
    need = 2 * plan.snapshot.size_bytes
    last = SUMS_NAME if plan.formato is RestoreFormat.SNAPSHOT else None
    deliver(plan.target, plan.fill, last=last, need_bytes=need)


def drill(store: SnapshotStore, snapshot_id: str) -> int:
    """Restore a snapshot for the exercise, both ways, and prove what came out; how many files.

    It is done in a temporary folder of the system, which is gone afterwards.

    Raises:
        SnapshotDamaged, PublishError: it could not be restored; names the file.
    """
    with tempfile.TemporaryDirectory(prefix="lindero-") as name:
        snapshot = store.find(snapshot_id)
        whole = Path(name, snapshot.campania.slug, str(snapshot.id))
        plan = plan_restore(store, snapshot_id, whole)
        restore(plan)
        if problems := verify_folder(whole):
            raise SnapshotDamaged(f"{snapshot.id}: se restauró, pero {in_full(problems[0])}")
        restore(plan_restore(store, snapshot_id, Path(name, "gpkg"), formato=RestoreFormat.GPKG))
        return len(plan.target.actions)


def sound(store: SnapshotStore, snapshot_id: str) -> Snapshot:
    """A snapshot by its id, verified in full.

    Raises:
        SettingsError: no such snapshot.
        SnapshotDamaged: names the damaged file.
    """
    folder = store.folder(snapshot_id)
    if problems := verify_folder(folder):
        more = f" (y {len(problems) - 1} más)" if len(problems) > 1 else ""
        trial = Modo.TEST.flag if store.root.name == Modo.TEST else ""
        see = f"ver lindero backups verify {folder.name}{trial}"
        raise SnapshotDamaged(f"{folder.name}: {in_full(problems[0])}{more}; {see}")
    return store.find(snapshot_id)


def _as_it_is(snapshot: Snapshot) -> Fill:
    """Copy every file that the manifest lists, each proved while it is copied."""

    def fill(folder: Path) -> dict[str, FileFact]:
        expected = snapshot.facts
        written = {}
        for name, path in snapshot.files.items():
            make_folder((folder / name).parent)
            written[name] = copy_new(path, folder / name)
            if name in expected and written[name] != expected[name]:
                raise SnapshotDamaged(f"{snapshot.id}: {name}: cambió mientras se restauraba")
        if written[SUMS_NAME].sha256 != snapshot.manifest_sha256:
            raise SnapshotDamaged(f"{snapshot.id}: {SUMS_NAME}: cambió mientras se restauraba")
        return written

    return fill


def _as_geopackage(
    snapshot: Snapshot, chosen: Seleccion | None, tables: Tables
) -> tuple[tuple[str, ...], Fill]:
    """One GeoPackage with a layer a table; of a campo or lote also its lotes as GeoJSON."""
    season = snapshot.campania.slug
    base = f"backup_{season}" if chosen is None else safe_name(f"{chosen.nombre}_{season}")
    gpkg, geojson = f"{base}_{snapshot.id}.gpkg", f"{base}_{snapshot.id}_lotes.geojson"

    def fill(folder: Path) -> dict[str, FileFact]:
        layers = dict(tables.as_dict())
        if chosen is not None:
            del layers["rechazados"]  # of the whole night
        facts = {gpkg: write_gpkg(layers, folder / gpkg, snapshot.id)}
        if chosen is not None:
            facts[geojson] = write_new(folder / geojson, geojson_bytes(tables.lotes))
        return facts

    return ((gpkg,) if chosen is None else (gpkg, geojson)), fill
