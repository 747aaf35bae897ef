"""Damage of every kind, in every kind of file: is all of it found, and the right file named?

``python -m tests.robustness.damage`` (``--short``: a tenth of it) makes a store of three accepted
nights and a refused one with their published copies, damages one thing at a time, verifies, and
puts it back. Each time exactly the damaged file has to be named, in the right place, and no other;
of an edited manifest at least the manifest. Between them sound stores are verified: no alarm.

A manifest edited together with its sums is found by what the data, its published copy, or the night
after it say. A *refused* night that is edited like that has nobody to witness: only edits that
contradict its own data are found, so those are not counted here.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from Modules.backups.verify import Scope, Verification, verify_backups
from Modules.disk.json_files import to_json
from Modules.disk.publish_record import MANIFEST as RECORD
from Modules.disk.safe_files import fact_of
from Modules.jobs.backup import prepare, publish
from Modules.night.figures import resumen
from Modules.settings import Settings
from Modules.store.manifest import JSON_NAME, SUMS_NAME, to_sums
from Modules.store.snapshots import Snapshot, SnapshotStore
from Modules.words.domain import Modo, Recurso
from tests.sample_tables import NOW, SEASON, fetched, tables

SEED = 20261121
FULL = {
    "flipped bit": 1000,
    "cut": 100,
    "missing": 50,
    "extra": 50,
    "swapped": 50,
    "manifest edit": 50,
    "clean": 100,
}
SHORT = {kind: max(5, count // 20) for kind, count in FULL.items()}

Named = set[tuple[str, str]]  # place and file


@dataclass(frozen=True, slots=True)
class Case:
    """One damage: what was done, and what a verification has to name."""

    kind: str
    where: Path
    named: Named
    exactly: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one case."""

    case: Case
    wrong: str | None


@dataclass(frozen=True, slots=True)
class World:
    """A store and its copies; ``snapshots`` are oldest first, the refused one last."""

    settings: Settings
    snapshots: Sequence[Snapshot]
    rng: random.Random

    def verify(self, snapshot: Snapshot) -> Verification:
        return verify_backups(self.settings, Modo.TEST, ids=[str(snapshot.id)], now=NOW)

    def copy(self, snapshot: Snapshot) -> Path:
        outputs = self.settings.outputs_dir(Modo.TEST) / "Backup_Databaler"
        return outputs / snapshot.campania.slug / str(snapshot.id)

    def place(self, folder: Path) -> str:
        """How a verification calls a folder."""
        outputs = self.settings.outputs_dir(Modo.TEST)
        if folder.is_relative_to(outputs):
            return folder.relative_to(outputs.parent).as_posix()
        return folder.name


@contextmanager
def world(seed: int = SEED) -> Iterator[World]:
    """A store with four nights below a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        settings = _settings(Path(name))
        store = SnapshotStore(settings.store_dir(Modo.TEST))
        job = prepare(settings, str(SEASON), modo=Modo.TEST)
        nights: list[Snapshot] = []
        for day in range(4):
            accepted = day < 3
            nights.append(_night(store, nights[-1] if nights else None, day, accepted=accepted))
            if accepted:
                publish(job, nights[-1], NOW)
        yield World(settings, nights, random.Random(seed))


def moved(made: World, base: Path) -> World:
    """A copy of a world elsewhere."""
    shutil.copytree(made.settings.lindero_state_dir.parent, base)
    settings = _settings(base)
    store = SnapshotStore(settings.store_dir(Modo.TEST))
    nights = [store.find(str(one.id)) for one in made.snapshots]
    return World(settings, nights, made.rng)


def _settings(base: Path) -> Settings:
    return Settings(
        lindero_state_dir=base / "state",
        lindero_test_outputs_dir=base / "test_outputs",
        lindero_symlink_config=base / "none.json",
    )


def _night(store: SnapshotStore, parent: Snapshot | None, day: int, *, accepted: bool) -> Snapshot:
    content = tables(12 + day, seed=day)
    draft = store.draft(SEASON, NOW + timedelta(days=day))
    for recurso in Recurso:
        draft.write_pages(fetched(recurso, pages=2, salt=str(day)))
    draft.write_tables(content)
    facts = {
        "portal": {"origin": "demo:small", "profile": "contract@0"},
        "parent": None if parent is None else str(parent.id),
        "resumen": resumen(content).to_dict(),
        "versions": {"lindero": "0.1.0", "python": "3.11.7"},
    }
    verdict = {"accepted": accepted, "checks": [], "changes": {}}
    return store.keep(draft, verdict=verdict, accepted=accepted, facts=facts)


# --- damages: each changes something, yields its case, and puts it back --------------------------


def _files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORD
    )


def _victim(made: World) -> tuple[Snapshot, Path]:
    """A night, and its folder in the store or, one time in five, its published copy."""
    night = made.rng.choice(made.snapshots)
    copied = night.accepted and made.rng.random() < 0.2
    return night, made.copy(night) if copied else night.path


@contextmanager
def _edited(path: Path, data: bytes) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(before)


@contextmanager
def flipped(made: World) -> Iterator[tuple[Snapshot, Case]]:
    night, folder = _victim(made)
    name = made.rng.choice(_files(folder))
    data = bytearray((folder / name).read_bytes())
    data[made.rng.randrange(len(data))] ^= 1 << made.rng.randrange(8)
    with _edited(folder / name, bytes(data)):
        yield night, Case("flipped bit", folder / name, {(made.place(folder), name)})


@contextmanager
def cut(made: World) -> Iterator[tuple[Snapshot, Case]]:
    night, folder = _victim(made)
    name = made.rng.choice(_files(folder))
    data = (folder / name).read_bytes()
    with _edited(folder / name, data[: made.rng.randrange(len(data))]):
        yield night, Case("cut", folder / name, {(made.place(folder), name)})


@contextmanager
def missing(made: World) -> Iterator[tuple[Snapshot, Case]]:
    night, folder = _victim(made)
    name = made.rng.choice(_files(folder))
    data = (folder / name).read_bytes()
    (folder / name).unlink()
    try:
        yield night, Case("missing", folder / name, {(made.place(folder), name)})
    finally:
        (folder / name).write_bytes(data)


@contextmanager
def extra(made: World) -> Iterator[tuple[Snapshot, Case]]:
    """A file that does not belong, in the store: beside the others, in a folder, hidden, a link."""
    night = made.rng.choice(made.snapshots)
    name = made.rng.choice(
        ("x.txt", "raw/lotes-0003.json.zst", "tables/otra.parquet", ".oculto", "nueva/x", "enlace")
    )
    path = night.path / name
    new = not path.parent.exists()
    path.parent.mkdir(exist_ok=True)
    if name == "enlace" and hasattr(os, "symlink"):
        path.symlink_to(night.path / JSON_NAME)
    else:
        path.write_bytes(made.rng.randbytes(9))
    try:
        yield night, Case("extra", path, {(made.place(night.path), name)})
    finally:
        path.unlink()
        if new:
            path.parent.rmdir()


@contextmanager
def swapped(made: World) -> Iterator[tuple[Snapshot, Case]]:
    """Two files of a folder under each other's names, or a file of another night."""
    night, folder = _victim(made)
    place = made.place(folder)
    names = [name for name in _files(folder) if name != "verdict.json"]
    if made.rng.random() < 0.5:
        one, two = made.rng.sample(names, 2)
        first, second = (folder / one).read_bytes(), (folder / two).read_bytes()
        with _edited(folder / one, second), _edited(folder / two, first):
            # of two manifests under each other's names neither can be read: the first one is named
            exactly = not {one, two} & {JSON_NAME, SUMS_NAME}
            named = {(place, name) for name in ((one, two) if exactly else (one,))}
            if not exactly:
                named = {(place, SUMS_NAME if SUMS_NAME in (one, two) else JSON_NAME)}
            yield night, Case("swapped", folder / one, named, exactly=exactly)
        return
    other = made.rng.choice([one for one in made.snapshots if one is not night])
    name = made.rng.choice([one for one in names if (other.path / one).is_file()])
    with _edited(folder / name, (other.path / name).read_bytes()):
        yield night, Case("swapped", folder / name, {(place, name)})


@contextmanager
def edited_manifest(made: World) -> Iterator[tuple[Snapshot, Case]]:
    """One value of manifest.json; every other time the sums are made to agree, as a cheat would."""
    cheat = made.rng.random() < 0.5
    night = made.rng.choice(made.snapshots[:3] if cheat else made.snapshots)
    path = night.path / JSON_NAME
    manifest = json.loads(path.read_bytes())
    _edit_a_value(manifest, made.rng)
    data = to_json(manifest)
    case = Case("manifest edit", path, {(night.path.name, JSON_NAME)}, exactly=not cheat)
    if not cheat:
        with _edited(path, data):
            yield night, case
        return
    hashes = {file["path"]: file["sha256"] for file in manifest["files"]}
    sums = to_sums({**hashes, JSON_NAME: fact_of(data).sha256})
    with _edited(path, data), _edited(night.path / SUMS_NAME, sums):
        yield night, case


def _edit_a_value(manifest: Any, rng: random.Random) -> None:
    """Change one leaf of a JSON value, anywhere in it."""
    holder, key = rng.choice(list(_leaves(manifest)))
    value = holder[key]
    match value:
        case bool():
            holder[key] = not value
        case int() | float():
            holder[key] = value + 1
        case str() if value:
            at = rng.randrange(len(value))
            new = "1" if value[at] != "1" else "2"
            holder[key] = value[:at] + new + value[at + 1 :]
        case _:
            holder[key] = "x"


def _leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list) and inner:
            yield from _leaves(inner)
        elif not isinstance(inner, dict | list):
            yield value, key


DAMAGES: dict[str, Callable[[World], Any]] = {
    "flipped bit": flipped,
    "cut": cut,
    "missing": missing,
    "extra": extra,
    "swapped": swapped,
    "manifest edit": edited_manifest,
}


# --- all of them ---------------------------------------------------------------------------------


def try_one(made: World, kind: str) -> Found:
    """One damage, found or not."""
    with DAMAGES[kind](made) as (night, case):
        informe = made.verify(night)
    named = {(one.where, one.item) for one in informe.report.findings}
    if named == case.named or (not case.exactly and case.named <= named):
        return Found(case, None)
    return Found(case, f"named {sorted(named)}, expected {sorted(case.named)}")


def try_clean(made: World, at: int) -> Found:
    """A sound store, looked at in several ways: a finding is a false alarm."""
    night = made.snapshots[at % len(made.snapshots)]
    folder = made.copy(night) if night.accepted and at % 2 else night.path
    foreign = made.copy(made.snapshots[0]) / "mi proyecto.qgz"
    foreign.write_text("of a person")
    for name in _files(folder):
        os.utime(folder / name, (at, at))
    if at % 5 == 0:  # written anew, elsewhere on the disk
        shutil.copytree(folder, folder.with_name("moved"))
        shutil.rmtree(folder)
        folder.with_name("moved").rename(folder)
    if at % 2:
        informe = made.verify(night)
    else:
        scope = tuple(Scope)[at % 3]
        now = NOW + timedelta(days=at)
        informe = verify_backups(made.settings, Modo.TEST, scope=scope, now=now)
    foreign.unlink()
    said = "; ".join(f"{one.where}/{one.item}: {one.notes[0]}" for one in informe.report.findings)
    return Found(Case("clean", folder, set()), said or None)


def run(counts: dict[str, int], seed: int = SEED) -> list[Found]:
    """So many of each kind, the sound ones in between."""
    with world(seed) as made:
        order = [kind for kind, count in counts.items() for _ in range(count)]
        made.rng.shuffle(order)
        return [
            try_clean(made, at) if kind == "clean" else try_one(made, kind)
            for at, kind in enumerate(order)
        ]


def figure(found: Sequence[Found]) -> str:
    """The line of the table."""
    done = Counter(one.case.kind for one in found)
    right = Counter(one.case.kind for one in found if one.wrong is None)
    parts = [f"{kind} {right[kind]}/{done[kind]}" for kind in DAMAGES]
    alarms = done["clean"] - right["clean"]
    return (
        f"figure: damage found with the right file named: {', '.join(parts)}; "
        f"{alarms} false alarms in {done['clean']} clean verifies (seed {SEED})"
    )


def main(arguments: Sequence[str]) -> int:
    """Print what went wrong and the figure; 1 if anything did."""
    found = run(SHORT if "--short" in arguments else FULL)
    wrong = [one for one in found if one.wrong]
    for one in wrong:
        print(f"{one.case.kind} {one.case.where}: {one.wrong}")
    print(figure(found))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
