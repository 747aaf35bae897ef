"""Verification of backups and of their published copies, and what to do about what was found.

Of the newest accepted backup of each campaña, or of more, every file is read. Whatever is asked
for, the manifests of all backups are proved, and the chain that they make: each states the hash of
the one it was compared with. Nothing is written and no lock is taken: a backup is never written in
place, and a folder that is being published is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from Modules.disk import journal
from Modules.disk.problems import Kind, Problem
from Modules.disk.publish import MANIFEST
from Modules.disk.published import Copy, check_copy, published_sha256
from Modules.disk.safe_files import fingerprint
from Modules.products import registry
from Modules.products.entry import Producto
from Modules.settings import Settings
from Modules.store.chain import sample
from Modules.store.integrity import check_manifests, expected_files, verify_manifests
from Modules.store.manifest import JSON_NAME, SUMS_NAME
from Modules.store.prune import LOG_NAME
from Modules.store.snapshot import Snapshot
from Modules.store.snapshots import SNAPSHOTS, SnapshotStore
from Modules.words.domain import Modo, SnapshotId
from Modules.words.errors import DataError, PipelineError, PublishError
from Modules.words.folders import BACKUP


class Alcance(StrEnum):
    """Which backups are read in full."""

    NEWEST = "newest"
    SAMPLE = "sample"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Hallazgo:
    """One damaged file, as people are told."""

    lugar: str  # the backup's id, or the published folder
    archivo: str  # below it
    problema: str
    que_hacer: str
    codigo: str
    detalle: str  # English, as in logs


@dataclass(frozen=True, slots=True)
class Informe:
    """What a verification read and found."""

    leidos: tuple[str, ...]  # backups of which every file was read
    manifiestos: int  # backups whose manifests were proved
    carpetas: tuple[str, ...]  # published folders that were read
    hallazgos: tuple[Hallazgo, ...]
    ajenos: tuple[str, ...]  # files in published folders that are not ours; no damage

    @property
    def sano(self) -> bool:
        """Whether nothing is damaged."""
        return not self.hallazgos

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"sano": self.sano, **asdict(self)}


@dataclass(frozen=True, slots=True)
class _Bench:
    """What all checks of a verification need."""

    store: SnapshotStore
    outputs: Path
    suffix: str  # of a command to be typed, as ``Modo.flag``

    def copy_of(self, folder: Path) -> Path:
        """Where the published copy of a snapshot is."""
        return self.outputs / BACKUP / folder.parent.name / folder.name


def verify_backups(
    settings: Settings,
    modo: Modo,
    *,
    ids: Sequence[str] = (),
    alcance: Alcance = Alcance.NEWEST,
    now: datetime,
) -> Informe:
    """Verify backups and published folders of one mode.

    Args:
        ids: backups to read in full; then only these and their copies are looked at.
        alcance: which ones if none is named.
        now: timezone-aware; its local date chooses the sample.

    Raises:
        SettingsError: no such backup.
        DataError: there is none at all, so nothing could be verified.
    """
    store = SnapshotStore(settings.store_dir(modo))
    bench = _Bench(store, settings.outputs_dir(modo), modo.flag)
    if not store.folders():
        raise DataError(f"there is no backup below {store.root}; run lindero run backup first")
    every, today = store.folders(), now.astimezone(settings.zone).date()
    full = [store.folder(one) for one in ids] or _chosen(bench, every, alcance, today)
    found = [hallazgo for folder in full for hallazgo in _check_snapshot(bench, folder)]
    proved = full if ids else every
    found += [
        _of_snapshot(bench, folder, problem)
        for folder in proved
        if folder not in full
        for problem in verify_manifests(folder)
    ]
    found += _check_chain(bench, set(proved))
    found += _check_places(bench, set(proved))
    if not ids:
        found += [_stranger(path) for path in store.strangers()]
        found += _check_lost(bench)
        found += _check_published(bench, every=alcance is Alcance.ALL)
    copies = [
        (place, check_copy(folder)) for place, folder in _published(bench, full if ids else None)
    ]
    found += [
        _of_copy(bench, place, copy, problem) for place, copy in copies for problem in copy.problems
    ]
    found += [one for place, copy in copies for one in _against_store(bench, copy)]
    return Informe(
        leidos=tuple(folder.name for folder in full),
        manifiestos=len(proved),
        carpetas=tuple(place for place, _ in copies),
        hallazgos=tuple(_distinct(found)),
        ajenos=tuple(f"{place}/{name}" for place, copy in copies for name in copy.foreign),
    )


# --- which ---------------------------------------------------------------------------------------


def _chosen(bench: _Bench, every: Sequence[Path], alcance: Alcance, today: date) -> list[Path]:
    """The backups to read in full, damaged ones too: the choice is by folder, not by manifest."""
    by_id = {SnapshotId.parse(folder.name): folder for folder in every}
    newest = _newest(bench.store, every)
    if alcance is Alcance.NEWEST:
        return [by_id[one] for one in sorted(newest)]
    if alcance is Alcance.ALL:
        return [by_id[one] for one in sorted(by_id)]
    return [by_id[one] for one in sample(list(by_id), newest, today)]


def _newest(store: SnapshotStore, every: Sequence[Path]) -> set[SnapshotId]:
    """The newest accepted one of each campaña, sound or not, and of each portal."""
    placed = [folder for folder in every if folder.parent.parent.name == SNAPSHOTS]
    by_number = sorted(placed, key=lambda folder: SnapshotId.parse(folder.name).number)
    newest = {folder.parent.name: SnapshotId.parse(folder.name) for folder in by_number}
    of_portals = {(one.campania, one.portal): one.id for one in store.accepted()}
    return {*newest.values(), *of_portals.values()}


def _published(bench: _Bench, only: Sequence[Path] | None) -> Iterator[tuple[str, Path]]:
    """Published folders that are there, with the name that people know them by."""
    base = bench.outputs.name
    if only is None:
        for producto, carpeta in _product_folders():
            folder = bench.outputs / carpeta
            ours = (folder / MANIFEST).exists() or _made_before(bench, producto)
            if ours and _holds_something(folder):
                yield f"{base}/{carpeta}", folder
    for copy in _copies(bench):
        if only is None or copy in {bench.copy_of(folder) for folder in only}:
            yield f"{base}/{BACKUP}/{copy.parent.name}/{copy.name}", copy


def _copies(bench: _Bench) -> list[Path]:
    """Folders of published copies: of ours by their record, or of a backup that the store has."""
    mine = {bench.copy_of(folder) for folder in bench.store.folders()}
    return [
        copy
        for season in _folders(bench.outputs / BACKUP)
        for copy in _folders(season)
        if _holds_something(copy) and ((copy / MANIFEST).exists() or copy in mine)
    ]


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


# --- the store -----------------------------------------------------------------------------------


def _check_snapshot(bench: _Bench, folder: Path) -> Iterator[Hallazgo]:
    problems = bench.store.verify(folder)
    if folder.is_dir():  # else it was pruned while it was read
        yield from (_of_snapshot(bench, folder, problem) for problem in problems)


def _check_chain(bench: _Bench, proved: set[Path]) -> Iterator[Hallazgo]:
    as_published = [
        snapshot
        for snapshot in bench.store.accepted()
        if published_sha256(bench.copy_of(snapshot.path), SUMS_NAME) == snapshot.manifest_sha256
    ]
    for folder, other in bench.store.rewritten([str(one.id) for one in as_published]):
        if folder in proved:
            what = f"not the manifest that {other} was made with or names"
            problem = Problem(JSON_NAME, what, Kind.CHAIN, f"con {other}")
            yield _of_snapshot(bench, folder, problem)


def _check_places(bench: _Bench, proved: set[Path]) -> Iterator[Hallazgo]:
    """Sound snapshots among the accepted ones that nobody accepted."""
    for folder, said in bench.store.damaged():
        if folder in proved and not verify_manifests(folder):
            what = said.removeprefix(f"{folder.name}: ")
            detalle = "está entre los aceptados y nadie lo aceptó"
            yield _of_snapshot(bench, folder, Problem(JSON_NAME, what, Kind.PLACE, detalle))


def _of_snapshot(bench: _Bench, folder: Path, problem: Problem) -> Hallazgo:
    return Hallazgo(
        lugar=folder.name,
        archivo=problem.file,
        problema=problem.problema,
        que_hacer=_mend_snapshot(bench, folder, problem),
        codigo=problem.kind.value,
        detalle=problem.what,
    )


def _mend_snapshot(bench: _Bench, folder: Path, problem: Problem) -> str:
    """What to do about a file of a snapshot."""
    if problem.kind is Kind.EXTRA or (
        problem.kind is Kind.NOT_A_FILE and not _listed(folder, problem.file)
    ):
        return "sáquelo de la carpeta del backup"
    if problem.kind is Kind.PLACE:
        return f"muévalo de vuelta a quarantine/{folder.parent.name}"
    if problem.kind in (Kind.CHAIN, Kind.CONTRADICTION):
        return "averigüe quién lo cambió; compárelo con su copia publicada"
    sound = _sound_copy(bench, folder, problem.file)
    if sound is not None:
        return f"copie el mismo archivo, que allí está sano, de {sound}"
    return "no hay copia sana: use otro backup (lindero backups list)"


def _sound_copy(bench: _Bench, folder: Path, file: str) -> Path | None:
    """A folder in which this file has the very bytes that it should have."""
    copied = bench.copy_of(folder)
    manifest = file in (JSON_NAME, SUMS_NAME)
    expected = published_sha256(copied, file) if manifest else _listed(folder, file)
    places = [copied]
    with suppress(PipelineError):  # the tables of equal nights are the same
        first = bench.store.first_equal(bench.store.find(folder.name)).path
        places += [first, bench.copy_of(first)]
    for place in places if expected else ():
        with suppress(OSError):
            if fingerprint(place / file).sha256 == expected:
                return place
    return None


def _listed(folder: Path, file: str) -> str | None:
    """The hash that a file of a snapshot should have, as far as its manifests can be read."""
    known = expected_files(folder).get(file)
    return None if known is None else known.sha256


def _check_lost(bench: _Bench) -> Iterator[Hallazgo]:
    """Backups that others name, or that were published, and that are gone without a prune."""
    there = {folder.name for folder in bench.store.folders()}
    named: dict[str, str] = {}  # id → campaña in paths
    for snapshot in (*bench.store.accepted(), *bench.store.quarantined()):
        for other in (snapshot.parent, snapshot.first_equal):
            if other is not None:
                named[str(other)] = snapshot.campania.slug
    named |= {copy.name: copy.parent.name for copy in _copies(bench)}
    for name in sorted(set(named) - there - _pruned(bench.store)):
        copy = bench.outputs / BACKUP / named[name] / name
        place = bench.store.root / SNAPSHOTS / named[name] / name
        hacer = (
            f"copie los archivos de {copy} que nombra su {SUMS_NAME} a {place}"
            if published_sha256(copy, SUMS_NAME)
            else f'no hay copia; si se borró a propósito, agregue {{"id": "{name}"}} a {LOG_NAME}'
        )
        problem = Problem(name, "gone, and no prune took it out", Kind.MISSING)
        yield Hallazgo(
            f"{SNAPSHOTS}/{named[name]}",
            name,
            problem.problema,
            hacer,
            problem.kind.value,
            problem.what,
        )


def _pruned(store: SnapshotStore) -> set[str]:
    """Ids that were taken out on purpose; a torn line is none."""
    with suppress(PublishError):
        return {str(entry.get("id")) for entry in journal.entries(store.root / LOG_NAME)}
    return set()


def _stranger(path: Path) -> Hallazgo:
    what = "lies where only snapshots belong, under a name that is none"
    problem = Problem(path.name, what, Kind.PLACE, "no es un backup")
    hacer = "si es un backup con otro nombre, devuélvale el suyo; si no, sáquelo"
    place = path.parent.name
    return Hallazgo(place, path.name, problem.problema, hacer, problem.kind.value, what)


# --- the copies ----------------------------------------------------------------------------------


def _check_published(bench: _Bench, *, every: bool) -> Iterator[Hallazgo]:
    """What must be published and is not there at all: the last night of each campaña, products.

    ``every``: the copies of all accepted nights, not of the last one only.
    """
    nights = bench.store.accepted() if every else _latest(bench)
    firsts = {str(first.id): first for first in map(bench.store.first_equal, nights)}
    for first in firsts.values():
        if not _holds_something(bench.copy_of(first.path)):
            place = f"{BACKUP}/{first.campania.slug}/{first.id}"
            yield _not_there(bench, place, f"lindero backups publish {first.id}{bench.suffix}")
    for producto, carpeta in _product_folders():
        never_empty = carpeta not in producto.pueden_faltar
        gone = not _holds_something(bench.outputs / carpeta)
        if never_empty and gone and _made_before(bench, producto):
            yield _not_there(bench, carpeta, f"lindero run {producto.comando}{bench.suffix}")


def _not_there(bench: _Bench, place: str, command: str) -> Hallazgo:
    folder = Path(place)
    problem = Problem(folder.name, "the published folder is missing or empty", Kind.MISSING)
    lugar = f"{bench.outputs.name}/{folder.parent.as_posix()}".removesuffix("/.")
    hacer = f"corra {command}"
    return Hallazgo(lugar, folder.name, problem.problema, hacer, problem.kind.value, problem.what)


def _product_folders() -> Iterator[tuple[Producto, str]]:
    return ((one, carpeta) for one in registry.PRODUCTOS for carpeta in one.carpetas)


def _made_before(bench: _Bench, producto: Producto) -> bool:
    """Whether this store's nights were ever made into this product: there is a receipt."""
    return any((bench.store.root / "products").glob(f"{producto.nombre}-*.json"))


def _of_copy(bench: _Bench, place: str, copy: Copy, problem: Problem) -> Hallazgo:
    return Hallazgo(
        lugar=place,
        archivo=problem.file,
        problema=problem.problema,
        que_hacer=_mend_copy(bench, copy.folder, problem),
        codigo=problem.kind.value,
        detalle=problem.what,
    )


def _mend_copy(bench: _Bench, folder: Path, problem: Problem) -> str:
    """What to do about a file of a published folder. What is missing is written again."""
    carpeta = folder.relative_to(bench.outputs).as_posix()
    stays = problem.kind is Kind.MISSING or problem.file == MANIFEST
    first = "" if stays else "borre ese archivo y "
    if producto := registry.of_folder(carpeta):
        return f"{first}corra lindero run {producto.comando}{bench.suffix}"
    return f"{first}corra lindero backups publish {folder.name}{bench.suffix}"


def _latest(bench: _Bench) -> list[Snapshot]:
    return list({s.campania.slug: s for s in bench.store.accepted()}.values())


def _against_store(bench: _Bench, copy: Copy) -> Iterator[Hallazgo]:
    """A snapshot in the store that is not the one that was published under its id."""
    entry = copy.files.get(SUMS_NAME)
    if entry is None or any(problem.file == SUMS_NAME for problem in copy.problems):
        return
    for snapshot in bench.store.accepted():
        mine = bench.copy_of(snapshot.path) == copy.folder
        if mine and snapshot.manifest_sha256 != entry.sha256 and not check_manifests(snapshot):
            what = "not the manifest that was published"
            problem = Problem(JSON_NAME, what, Kind.CHAIN, "con su copia publicada")
            yield _of_snapshot(bench, snapshot.path, problem)


def _distinct(found: Sequence[Hallazgo]) -> list[Hallazgo]:
    """Each file and kind of problem once, in the order found."""
    seen = {(one.lugar, one.archivo, one.codigo): one for one in reversed(found)}
    return list(reversed(seen.values()))
