"""Take backups out of the store, and their published copies with them, as a plan says.

```text
podados.jsonl          every backup that was taken out: id, hash, why and when; written first
staging/poda-<id>/     one that is out of its place and not deleted yet; swept by the next run
```

The order for each: its line in ``podados.jsonl``, flushed; one rename out of its place; its copy
below ``Backup_Databaler``; then its files. A kill at any moment leaves it whole in its place or
out of it. A copy is removed only if ``podados.jsonl`` has its id and the store no longer holds it:
a store that was lost or emptied never takes the copies along.

Callers hold ``run_lock``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from Modules.disk.destinations import check_path
from Modules.disk.json_files import append_line, from_json, read_lines
from Modules.disk.publish import publish_files
from Modules.disk.publish_record import MANIFEST
from Modules.disk.safe_files import (
    entries,
    folders,
    is_link,
    make_folder,
    move,
    remove_file,
    sync_folder,
)
from Modules.store.retention import Ficha, PrunePlan
from Modules.store.snapshot import Snapshot
from Modules.store.snapshots import STAGING, SnapshotStore
from Modules.words.domain import Campania, SnapshotId
from Modules.words.errors import DataError, SettingsError

LOG_NAME: Final = "podados.jsonl"
_AWAY: Final = "poda-"


def fichas(store: SnapshotStore, verified: Callable[[Snapshot], bool]) -> list[Ficha]:
    """What retention has to know of each backup whose manifest is sound; others are never touched.

    ``verified`` is asked of accepted ones.
    """
    return [
        Ficha(
            id=snapshot.id,
            campania=snapshot.campania,
            portal=snapshot.portal,
            accepted=snapshot.accepted,
            verified=snapshot.accepted and verified(snapshot),
            first_equal=snapshot.first_equal,
            size_bytes=snapshot.size_bytes,
        )
        for snapshot in (*store.accepted(), *store.quarantined())
    ]


def in_use(outputs: Path) -> set[SnapshotId]:
    """Backups that the product folders below ``outputs`` say they were made from."""
    found: set[SnapshotId] = set()
    for folder in folders(outputs, links=True):
        with suppress(OSError, DataError, SettingsError, KeyError):
            record = from_json((folder / MANIFEST).read_bytes(), source=MANIFEST)
            found.add(SnapshotId.parse(str(record["snapshot"])))
    return found


def prune(store: SnapshotStore, plan: PrunePlan, copies: Path, now: datetime) -> None:
    """Do what the plan says of this store, and finish what a killed prune began.

    Only ``plan.salen`` is removed. ``copies`` is ``<outputs>/Backup_Databaler``, which need not be
    there; ``now`` is for ``podados.jsonl``.

    Raises:
        SettingsError, SnapshotDamaged: a backup of the plan is not there any more.
        PublishError: the disk refused; what is left is done by the next prune.
    """
    store.sweep()
    for linea in plan.salen:
        snapshot = store.find(str(linea.ficha.id))
        staging = store.root / STAGING
        make_folder(staging)
        entry = {
            "id": str(snapshot.id),
            "campania": str(snapshot.campania),
            "accepted": snapshot.accepted,
            "manifest_sha256": snapshot.manifest_sha256,
            "motivo": linea.motivo,
            "utc": now.astimezone(UTC).isoformat(timespec="seconds"),
        }
        append_line(store.root / LOG_NAME, entry)
        move(snapshot.path, staging / f"{_AWAY}{snapshot.id}")
        sync_folder(snapshot.path.parent)
        sync_folder(staging)
    for copy in obsolete_copies(store, copies):
        _withdraw(copy, now)
    store.sweep()


def obsolete_copies(store: SnapshotStore, copies: Path) -> list[Path]:
    """Folders of published copies of backups that were taken out; by the number of the id."""
    found = {}
    there = {folder.name for folder in store.folders()}
    for entry in read_lines(store.root / LOG_NAME):
        with suppress(SettingsError, KeyError, TypeError):
            snapshot_id = SnapshotId.parse(entry["id"])
            folder = copies / Campania.parse(entry["campania"]).slug / str(snapshot_id)
            if folder.is_dir() and not is_link(folder) and str(snapshot_id) not in there:
                found[folder] = snapshot_id.number
    return sorted(found, key=found.__getitem__)


def _withdraw(copy: Path, now: datetime) -> None:
    """Remove our files of a published copy, and its folder if nothing else is in it."""
    check_path(copy)
    if (copy / MANIFEST).is_file():
        publish_files({}, copy, snapshot_id=copy.name, now=now)
        for path in sorted(copy.rglob("*"), reverse=True):
            if path.is_dir() and not is_link(path):  # a kill between two files may leave some
                with suppress(OSError):  # it holds something, which stays
                    path.rmdir()
        if [path.name for path in entries(copy)] != [MANIFEST]:
            return  # somebody's own files: they stay, and so does what says what was here
        remove_file(copy / MANIFEST)
    with suppress(OSError):  # not empty, or open in another program: the next prune tries again
        copy.rmdir()
