"""A good night, copies of it to spoil, and what must hold after a night that did not end well.

``torn`` looks at what a crash left: every kept snapshot whole, every published file one that its
record names, every record that says "publicado" true to the last byte. ``unhealed`` looks at what
the next night, left alone, made of it: all of that, nothing left over, and the very tables and
products that a night without a crash makes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from Modules.demo.plan import Size
from Modules.demo.world import world_of
from Modules.disk.publish_record import MANIFEST, PUBLISHED
from Modules.disk.safe_files import fingerprint
from Modules.store.integrity import verify_folder
from Modules.store.snapshots import STAGING, SnapshotStore
from Modules.words.domain import Campania
from tests.faults.running import FaultyPortal, faulty_portal
from tests.robustness.crash_process import End, Nights, nights

SEASON = Campania.parse("25/26")
SIZE = Size(campos=3, lotes=20, ambientes=30, marcadores=20)
FIRST, SECOND, NEXT = 0, 1, 2  # nights; the portal serves the second's world to the next one too
TEMPS = ".lindero-*.tmp"


@dataclass(frozen=True, slots=True)
class Bench:
    """Where nights are tried."""

    root: Path
    base: Path  # a good first night
    good: Path  # the same with a good second night: what there should be in the end
    nights: Nights
    portal: FaultyPortal

    def copy(self, to: Path) -> Path:
        """The good first night once more, times and all."""
        shutil.copytree(self.base, to, dirs_exist_ok=True)
        return to

    def second(self, folder: Path, **order: Any) -> End:
        """The night that something happens to."""
        return self.nights.run(folder, day=SECOND, **order)

    def next(self, folder: Path) -> list[str]:
        """The night after, alone; what it left undone."""
        end = self.nights.run(folder, day=NEXT)
        if not end.done:
            return [f"the next night ended {end.how} at {end.stage}: {end.said.strip()[-300:]}"]
        return unhealed(folder, self.good)


@contextmanager
def bench() -> Iterator[Bench]:
    """A portal, a process for nights, and a good night; gone after the block."""
    first, second = (
        world_of("crash", SIZE, seed=3, day=day, campania=str(SEASON)) for day in (FIRST, SECOND)
    )
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(
            prefix="lindero-crash-", dir=memory if memory.is_dir() else None
        ) as name,
        faulty_portal(first) as portal,
        nights(portal) as process,
    ):
        root = Path(name).resolve()
        one = Bench(root, root / "base", root / "good", process, portal)
        one.base.mkdir()
        _must_be_good(process.run(one.base, day=FIRST))
        portal.serve(second)
        _must_be_good(one.second(one.copy(one.good)))
        yield one


def _must_be_good(end: End) -> None:
    if not end.done:
        raise RuntimeError(f"a night without any fault ended {end.how}: {end.said}")


# --- what must hold ------------------------------------------------------------------------------


def torn(folder: Path, base: Path) -> list[str]:
    """What a crash must not leave behind; ``base`` is how things lay before that night."""
    store = _store(folder)
    wrong = [
        f"snapshot {path.name}: {problem}"
        for path in store.folders()
        for problem in verify_folder(path)
    ]
    wrong += [f"not a snapshot: {path}" for path in store.strangers()]
    wrong += _lost(folder, base)
    return wrong + _torn_copies(folder / "outputs")


def unhealed(folder: Path, good: Path) -> list[str]:
    """What the next night must have put right; ``good`` is a night without a crash."""
    wrong = torn(folder, good_before(good))
    rests = [*(folder / "outputs").rglob(TEMPS), *(folder / "state").rglob(TEMPS)]
    rests += [*(_store(folder).root / STAGING).glob("*"), *_store(folder).root.glob("run.json")]
    wrong += [f"left over: {path.relative_to(folder)}" for path in rests]
    for path, record in _records(folder / "outputs").items():
        if record is None or record["estado"] != PUBLISHED or record["obsolete"]:
            wrong.append(f"not finished: {path.relative_to(folder)}")
    return wrong + not_there(folder, good)


def not_there(folder: Path, good: Path) -> list[str]:
    """What of a good second night is missing: its tables as the newest backup, its copies."""
    store, expected = _store(folder), _store(good).latest_accepted(SEASON)
    newest = store.latest_accepted(SEASON)
    assert expected is not None
    if newest is None or newest.table_hashes != expected.table_hashes:
        return [f"the newest accepted backup is {newest and newest.id}, with other tables"]
    copies = folder / "outputs" / "Backup_Databaler" / SEASON.slug
    wrong = [
        f"published nothing of {newest.first_equal}"
        for record in [copies / str(newest.first_equal) / MANIFEST]
        if not record.is_file() or json.loads(record.read_bytes())["estado"] != PUBLISHED
    ]
    made, due = (_hashes(place / "outputs" / "Tablas") for place in (folder, good))
    return wrong + [
        f"product {name} is not as it should be"
        for name in sorted({*made, *due})
        if name != MANIFEST and made.get(name) != due.get(name)
    ]


def good_before(good: Path) -> Path:
    """The night before a good second one."""
    return good.parent / "base"


def _store(folder: Path) -> SnapshotStore:
    """The store of a night; of one that is run as a trial if that is what lies there."""
    trial = folder / "state" / "test"
    return SnapshotStore(trial if trial.is_dir() else folder / "state" / "prod")


def _lost(folder: Path, base: Path) -> list[str]:
    """Earlier backups and their copies that are no longer as they were."""
    roots = ("state/prod/snapshots", "outputs/Backup_Databaler")
    return [
        f"lost or changed: {root}/{name}"
        for root in roots
        for name, before in _hashes(base / root).items()
        if not (folder / root / name).is_file()
        or fingerprint(folder / root / name).sha256 != before
    ]


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): fingerprint(path).sha256
        for path in folder.rglob("*")
        if path.is_file()
    }


def _records(outputs: Path) -> dict[Path, Mapping[str, Any] | None]:
    """Every record below the outputs; None for one that cannot be read."""
    found: dict[Path, Mapping[str, Any] | None] = {}
    for path in outputs.rglob(MANIFEST):
        try:
            found[path] = json.loads(path.read_bytes())
        except ValueError:
            found[path] = None
    return found


def _torn_copies(outputs: Path) -> list[str]:
    records = _records(outputs)
    wrong = [f"torn record {path}" for path, record in records.items() if record is None]
    for path in outputs.rglob("*"):
        if path.is_file() and path.name != MANIFEST and not path.match(TEMPS):
            wrong += _torn_file(path, records)
    for path, record in records.items():
        if record is not None and record["estado"] == PUBLISHED:
            wrong += [
                f"mixed set: {path.parent / name} is missing"
                for name in record["files"]
                if not (path.parent / name).is_file()
            ]
    return wrong


def _torn_file(path: Path, records: Mapping[Path, Mapping[str, Any] | None]) -> list[str]:
    """A published file must be one that its record names: while publishing the old or the new."""
    for parent in path.parents:
        record = records.get(parent / MANIFEST)
        if record is not None:
            name = path.relative_to(parent).as_posix()
            entries = [record["files"].get(name), record["obsolete"].get(name)]
            if record["estado"] == PUBLISHED and entries[0] is not None:
                entries = entries[:1]
            allowed = {entry["sha256"] for entry in entries if entry is not None}
            if fingerprint(path).sha256 in allowed:
                return []
            return [f"{'torn' if allowed else 'unrecorded'} file {path} ({record['estado']})"]
    return [f"file without a record: {path}"]
