"""One snapshot on disk: what it says of itself, its tables and its pages.

Nothing here writes. Reading checks the hash on the very bytes that are parsed: a file that is
missing, or not what the manifest says, raises a ``SnapshotDamaged`` that names it. Proof that a
whole snapshot is sound is in ``integrity``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from Modules.disk.json_files import from_json
from Modules.disk.safe_files import FileFact, fact_of, fingerprint
from Modules.store.manifest import (
    FORMAT,
    JSON_NAME,
    SUMS_NAME,
    VERDICT_NAME,
    disagreement,
    from_sums,
)
from Modules.words.columns import LOTES, TABLES, Table
from Modules.words.domain import Campania, Portal, Recurso, SnapshotId
from Modules.words.errors import DataError, SettingsError, SnapshotDamaged
from Modules.words.spanish import why

if TYPE_CHECKING:
    import pandas as pd

    from Modules.night.tables import Tables

_AREA: Final = "superficie_ha"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A kept night. ``manifest`` was proved against ``manifest.sha256`` when this was made."""

    id: SnapshotId
    path: Path
    manifest: Mapping[str, Any] = field(repr=False)
    manifest_sha256: str  # of the file manifest.sha256: it stands for every byte of the snapshot
    accepted: bool
    acceptance: Mapping[str, Any] | None = None  # who accepted it by hand, when and why

    @property
    def campania(self) -> Campania:
        return Campania.parse(self.manifest["campania"])

    @property
    def portal(self) -> Portal:
        """Who answered."""
        return Portal(**self.manifest["portal"])

    @property
    def parent(self) -> SnapshotId | None:
        """The last accepted snapshot when this one was taken."""
        return _optional_id(self.manifest["parent"])

    @property
    def equal_to(self) -> SnapshotId | None:
        """The parent, if every table has the same bytes; otherwise None."""
        return _optional_id(self.manifest["equal_to"])

    @property
    def first_equal(self) -> SnapshotId:
        """The first of the row of equal snapshots that ends here; this one's own id if alone.

        The published copy has this id: equal nights are published once.
        """
        return SnapshotId.parse(self.manifest["first_equal"])

    @property
    def facts(self) -> dict[str, FileFact]:
        """Path below the folder → size and hash of every file that the manifest lists."""
        return {
            file["path"]: FileFact(file["size"], file["sha256"]) for file in self.manifest["files"]
        }

    @property
    def table_hashes(self) -> dict[str, str]:
        """Path → SHA-256 of the tables."""
        return {
            path: fact.sha256 for path, fact in self.facts.items() if path.startswith("tables/")
        }

    @property
    def size_bytes(self) -> int:
        """Size of all files that the manifest lists."""
        return sum(fact.size for fact in self.facts.values())

    @property
    def files(self) -> dict[str, Path]:
        """Path below the folder → file: everything, the manifest too, as ``publish`` takes it."""
        return {name: self.path / name for name in (*self.facts, JSON_NAME, SUMS_NAME)}


def load(folder: Path) -> Snapshot:
    """Read a snapshot's manifest and prove it against ``manifest.sha256``.

    Whether it counts as accepted is the store's to say: here it does not.
    """
    return load_with_sums(folder)[0]


def load_with_sums(folder: Path) -> tuple[Snapshot, dict[str, str]]:
    """As ``load``, and the hashes that ``manifest.sha256`` lists, by path; each is read once."""
    try:
        sums = (folder / SUMS_NAME).read_bytes()
        data = (folder / JSON_NAME).read_bytes()
        expected = from_sums(sums)
        if problem := disagreement(expected.get(JSON_NAME), fact_of(data).sha256):
            foreign = _of_another_snapshot(expected, data, folder)
            raise DataError(foreign or problem)  # noqa: TRY301
        manifest = from_json(data, source=JSON_NAME)
        _check_manifest(manifest, folder)
    except OSError as err:
        name = Path(err.filename or "").name
        raise SnapshotDamaged(f"{folder.name}: {name}: {why(err)}") from err
    except DataError as err:
        raise SnapshotDamaged(f"{folder.name}: {err}") from err
    own_id, sha256 = SnapshotId.parse(manifest["id"]), fact_of(sums).sha256
    return Snapshot(own_id, folder, manifest, sha256, accepted=False), expected


def read_tables(snapshot: Snapshot) -> Tables:
    """All tables of a snapshot, each proved against the manifest."""
    from Modules.night.tables import Tables

    return Tables(**{name: read_table(snapshot, table) for name, table in TABLES.items()})


def read_table(snapshot: Snapshot, table: Table) -> pd.DataFrame:
    """One table of a snapshot, proved against the manifest."""
    from Modules.formats.geofiles import table_from_bytes

    path = table_path(table.name)
    data = _read_proved(snapshot, path)
    try:
        return table_from_bytes(data, table, source=path)
    except DataError as err:
        raise SnapshotDamaged(f"{snapshot.id}: {err}") from err


def read_raw(snapshot: Snapshot, path: str) -> bytes:
    """A page as received, in one file below ``raw/``, proved against the manifest."""
    import pyarrow as pa

    data = _read_proved(snapshot, path)
    try:
        with pa.input_stream(pa.BufferReader(data), compression="zstd") as stream:
            return bytes(stream.read())
    except (pa.ArrowException, OSError) as err:
        raise SnapshotDamaged(f"{snapshot.id}: {path}: {err}") from err


def read_verdict(snapshot: Snapshot) -> dict[str, Any]:
    """``verdict.json``, proved against the manifest."""
    data = _read_proved(snapshot, VERDICT_NAME)
    try:
        return from_json(data, source=VERDICT_NAME)
    except DataError as err:
        raise SnapshotDamaged(f"{snapshot.id}: {err}") from err


def proved_files(snapshot: Snapshot) -> dict[str, Path]:
    """``Snapshot.files``, each read and proved: a copy must never be made of a damaged file."""
    for path, expected in snapshot.facts.items():
        try:
            found = fingerprint(snapshot.path / path)
        except OSError as err:
            raise SnapshotDamaged(f"{snapshot.id}: {path}: {why(err)}") from err
        if found != expected:
            raise SnapshotDamaged(f"{snapshot.id}: {path}: el SHA-256 no es el del manifiesto")
    return snapshot.files


def page_path(recurso: Recurso, number: int) -> str:
    """Where a raw page lies below the snapshot's folder."""
    return f"raw/{recurso.value}-{number:04d}.json.zst"


def table_path(name: str) -> str:
    """Where a table lies below the snapshot's folder."""
    return f"tables/{name}.parquet"


def table_facts(df: pd.DataFrame, table: Table) -> dict[str, Any]:
    """What the manifest says of a table: rows, a hash of its sorted ids, its area in ha."""
    import pandas as pd

    column = "id" if table.name == "rechazados" else table.key
    ids = sorted("" if pd.isna(value) else str(value) for value in df[column].tolist())
    facts: dict[str, Any] = {
        "rows": len(df),
        "ids_sha256": hashlib.sha256("\n".join(ids).encode("utf-8")).hexdigest(),
    }
    if _AREA in table.names:
        facts[_AREA] = math.fsum(df[_AREA].tolist())
    return facts


def _optional_id(text: str | None) -> SnapshotId | None:
    return None if text is None else SnapshotId.parse(text)


def _of_another_snapshot(sums: Mapping[str, str], data: bytes, folder: Path) -> str | None:
    """Said of the sums if most of them are other than this folder's own manifest has them."""
    try:
        manifest = from_json(data, source=JSON_NAME)
        listed = {str(file["path"]): str(file["sha256"]) for file in manifest["files"]}
    except (DataError, KeyError, TypeError):
        return None
    both = set(listed) & set(sums)
    differ = sum(listed[path] != sums[path] for path in both)
    foreign = manifest.get("id") == folder.name and 2 * differ > len(both)
    return f"{SUMS_NAME}: es de otro snapshot" if foreign else None


def _check_manifest(manifest: Mapping[str, Any], folder: Path) -> None:
    """The few facts that everything else rests on."""
    try:
        sound = (
            manifest["format"] == FORMAT
            and manifest["id"] == folder.name
            and Campania.parse(manifest["campania"]).slug == folder.parent.name
            and isinstance(manifest["portal"]["origin"], str)
            and set(manifest["portal"]) == {"origin", "profile"}
            and isinstance(manifest["accepted"], bool)
            and all(manifest["tables"][name]["rows"] >= 0 for name in TABLES)
            and manifest["tables"][LOTES.name][_AREA] >= 0
            and all(
                isinstance(file["path"], str) and len(file["sha256"]) == 64 and file["size"] >= 0
                for file in manifest["files"]
            )
        )
        for key in ("id", "first_equal"):
            SnapshotId.parse(manifest[key])
        for key in ("parent", "equal_to"):
            _optional_id(manifest[key])
    except (KeyError, TypeError, AttributeError, SettingsError) as err:
        raise DataError(f"{JSON_NAME}: no es el manifiesto de un backup ({err})") from err
    if not sound:
        raise DataError(f"{JSON_NAME}: no es el manifiesto de este backup")


def _read_proved(snapshot: Snapshot, path: str) -> bytes:
    expected = snapshot.facts.get(path)
    if expected is None:
        raise SnapshotDamaged(f"{snapshot.id}: {path}: no está en el manifiesto")
    try:
        data = (snapshot.path / path).read_bytes()
    except OSError as err:
        raise SnapshotDamaged(f"{snapshot.id}: {path}: {why(err)}") from err
    if fact_of(data).sha256 != expected.sha256:
        raise SnapshotDamaged(f"{snapshot.id}: {path}: el SHA-256 no es el del manifiesto")
    return data
