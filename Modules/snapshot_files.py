"""One snapshot on disk: what it says of itself, proof that it is whole, and its tables.

Nothing here writes. Reading a table checks its hash on the very bytes that are parsed.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from Modules.columns import TABLES, Table
from Modules.domain import Campania, Portal, Recurso, SnapshotId
from Modules.errors import DataError, SettingsError, SnapshotDamaged
from Modules.manifest import FORMAT, JSON_NAME, SUMS_NAME, from_json, from_sums
from Modules.safe_files import fact_of, fingerprint
from Modules.table_files import table_from_bytes
from Modules.tables import Tables

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
        """The campaña of the night."""
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
    def table_hashes(self) -> dict[str, str]:
        """Path → SHA-256 of the tables."""
        return {
            file["path"]: file["sha256"]
            for file in self.manifest["files"]
            if file["path"].startswith("tables/")
        }

    @property
    def size_bytes(self) -> int:
        """Size of all files that the manifest lists."""
        return sum(int(file["size"]) for file in self.manifest["files"])

    @property
    def files(self) -> dict[str, Path]:
        """Path below the folder → file: everything, the manifest too, as ``publish`` takes it."""
        names = [file["path"] for file in self.manifest["files"]]
        return {name: self.path / name for name in (*names, JSON_NAME, SUMS_NAME)}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that verify found; ``file`` is a path below the snapshot's folder."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def load(folder: Path, *, accepted: bool, acceptance: Mapping[str, Any] | None) -> Snapshot:
    """Read a snapshot's manifest and prove it against ``manifest.sha256``.

    Raises:
        SnapshotDamaged: a manifest is missing, unreadable, or they do not agree; named.
    """
    try:
        sums = (folder / SUMS_NAME).read_bytes()
        data = (folder / JSON_NAME).read_bytes()
        expected = from_sums(sums)
        if fact_of(data).sha256 != expected.get(JSON_NAME):
            raise DataError(f"{JSON_NAME}: does not match {SUMS_NAME}")  # noqa: TRY301
        manifest = from_json(data, source=JSON_NAME)
        _check_manifest(manifest, folder)
    except OSError as err:
        name = Path(err.filename or "").name
        raise SnapshotDamaged(f"{folder.name}: {name}: {err.strerror or err}") from err
    except DataError as err:
        raise SnapshotDamaged(f"{folder.name}: {err}") from err
    return Snapshot(
        id=SnapshotId.parse(manifest["id"]),
        path=folder,
        manifest=manifest,
        manifest_sha256=fact_of(sums).sha256,
        accepted=accepted,
        acceptance=acceptance,
    )


def verify_folder(folder: Path) -> list[Problem]:
    """Everything that is wrong with a snapshot, each with its file; empty: nothing.

    In stages: the manifests themselves; missing and extra files; sizes and hashes; tables
    readable and equal to the manifest's counts, ids and areas.
    """
    try:
        snapshot = load(folder, accepted=False, acceptance=None)
    except SnapshotDamaged as err:
        file, _, what = str(err).removeprefix(f"{folder.name}: ").partition(": ")
        return [Problem(file, what)]
    sums = from_sums((folder / SUMS_NAME).read_bytes())
    listed = {file["path"]: file for file in snapshot.manifest["files"]}
    problems = [
        Problem(SUMS_NAME, f"does not list the same files as {JSON_NAME}: {path}")
        for path in sorted(set(listed) ^ (set(sums) - {JSON_NAME}))
    ]
    found = dict(_walk(folder))
    problems += [Problem(path, "missing") for path in sorted(set(listed) - set(found))]
    for path, problem in sorted(found.items()):
        problems += _check_file(folder, path, problem, listed, sums)
    problems += [
        Problem(JSON_NAME, f"does not list {table_path(name)}")
        for name in TABLES
        if table_path(name) not in listed
    ]
    damaged = {problem.file for problem in problems}
    problems += [
        problem
        for name, table in TABLES.items()
        if (path := table_path(name)) in listed and path not in damaged
        for problem in _check_table(snapshot, table)
    ]
    return problems


def read_tables(snapshot: Snapshot) -> Tables:
    """All tables of a snapshot, each proved against the manifest.

    Raises:
        SnapshotDamaged: a table is missing or not what the manifest says; names the file.
    """
    return Tables(**{name: read_table(snapshot, table) for name, table in TABLES.items()})


def read_table(snapshot: Snapshot, table: Table) -> pd.DataFrame:
    """One table of a snapshot, proved against the manifest.

    Raises:
        SnapshotDamaged: it is missing or not what the manifest says; names the file.
    """
    path = table_path(table.name)
    try:
        return table_from_bytes(_read_proved(snapshot, path), table, source=path)
    except SnapshotDamaged:
        raise
    except DataError as err:
        raise SnapshotDamaged(f"{snapshot.id}: {err}") from err


def read_page(snapshot: Snapshot, recurso: Recurso, number: int) -> bytes:
    """One raw page as received, proved against the manifest.

    Raises:
        SnapshotDamaged: the page is missing or not what the manifest says; names the file.
    """
    data = _read_proved(snapshot, page_path(recurso, number))
    try:
        with pa.input_stream(pa.BufferReader(data), compression="zstd") as stream:
            return bytes(stream.read())
    except (pa.ArrowException, OSError) as err:
        raise SnapshotDamaged(f"{snapshot.id}: {page_path(recurso, number)}: {err}") from err


def page_path(recurso: Recurso, number: int) -> str:
    """Where a raw page lies below the snapshot's folder."""
    return f"raw/{recurso.value}-{number:04d}.json.zst"


def table_path(name: str) -> str:
    """Where a table lies below the snapshot's folder."""
    return f"tables/{name}.parquet"


def table_facts(df: pd.DataFrame, table: Table) -> dict[str, Any]:
    """What the manifest says of a table: rows, a hash of its sorted ids, its area in ha."""
    column = "id" if table.name == "rechazados" else table.key
    ids = sorted("" if pd.isna(value) else str(value) for value in df[column].tolist())
    facts: dict[str, Any] = {
        "rows": len(df),
        "ids_sha256": hashlib.sha256("\n".join(ids).encode("utf-8")).hexdigest(),
    }
    if _AREA in table.names:
        facts[_AREA] = math.fsum(df[_AREA].tolist())
    return facts


# --- helpers -------------------------------------------------------------------------------------


def _optional_id(text: str | None) -> SnapshotId | None:
    return None if text is None else SnapshotId.parse(text)


def _check_manifest(manifest: Mapping[str, Any], folder: Path) -> None:
    """The few facts that everything else rests on."""
    try:
        sound = (
            manifest["format"] == FORMAT
            and manifest["id"] == folder.name
            and Campania.parse(manifest["campania"]).slug == folder.parent.name
            and isinstance(Portal(**manifest["portal"]).origin, str)
            and isinstance(manifest["accepted"], bool)
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
        raise DataError(f"{JSON_NAME}: not the manifest of a snapshot ({err})") from err
    if not sound:
        raise DataError(f"{JSON_NAME}: not the manifest of this snapshot")


def _walk(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Every entry below the folder but the manifests: its path, and why it may not be there."""
    for root, folders, files in os.walk(folder):
        for name in sorted((*folders, *files)):
            path = Path(root, name)
            relative = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and relative not in (JSON_NAME, SUMS_NAME):
                yield relative, None
            elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                yield relative, "a link or special file; only plain files belong here"
            elif stat.S_ISDIR(mode) and not any(path.iterdir()):
                yield relative, "an empty folder that the manifest does not know"


def _check_file(
    folder: Path,
    path: str,
    problem: str | None,
    listed: Mapping[str, Mapping[str, Any]],
    sums: Mapping[str, str],
) -> list[Problem]:
    if problem is not None:
        return [Problem(path, problem)]
    if path not in listed:
        return [Problem(path, "extra: the manifest does not know it")]
    try:
        fact = fingerprint(folder / path)
    except OSError as err:
        return [Problem(path, f"cannot be read: {err.strerror or err}")]
    expected = listed[path]
    if fact.size != expected["size"]:
        return [Problem(path, f"{fact.size} bytes, {expected['size']} expected")]
    if fact.sha256 != expected["sha256"]:
        return [Problem(path, "SHA-256 differs from the manifest")]
    if path in sums and sums[path] != fact.sha256:
        return [Problem(SUMS_NAME, f"SHA-256 of {path} differs from {JSON_NAME} and from the file")]
    return []


def _check_table(snapshot: Snapshot, table: Table) -> list[Problem]:
    try:
        facts = table_facts(read_table(snapshot, table), table)
    except SnapshotDamaged as err:
        return [Problem(table_path(table.name), str(err))]
    stated = snapshot.manifest["tables"].get(table.name)
    if facts != stated:
        return [Problem(table_path(table.name), f"holds {facts}, the manifest says {stated}")]
    return []


def _read_proved(snapshot: Snapshot, path: str) -> bytes:
    expected = {file["path"]: file["sha256"] for file in snapshot.manifest["files"]}.get(path)
    if expected is None:
        raise SnapshotDamaged(f"{snapshot.id}: {path}: not in the manifest")
    try:
        data = (snapshot.path / path).read_bytes()
    except OSError as err:
        raise SnapshotDamaged(f"{snapshot.id}: {path}: {err.strerror or err}") from err
    if fact_of(data).sha256 != expected:
        raise SnapshotDamaged(f"{snapshot.id}: {path}: SHA-256 differs from the manifest")
    return data
