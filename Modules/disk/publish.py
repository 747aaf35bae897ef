"""Copy products into a folder that other programs watch: changed files only, never half of one.

Each folder holds ``.lindero.json``: what was published, sizes, hashes, snapshot id and time. It is
also how the next run knows which files are ours. The order of writing:

1. every changed file as ``.lindero-*.tmp`` beside its target, flushed (OneDrive leaves .tmp alone);
2. ``.lindero.json`` with state "publicando", which lists old and new names together;
3. the renames, then the folders flushed;
4. ``.lindero.json`` with state "publicado", which lists exactly what is there;
5. files of ours that are no longer made are removed.

A run killed before 2 changed nothing. Killed later, the manifest says so, and the next run does
the rest. Nothing published is read back as long as size and time of change are as we left them.

A file that another program holds open, as Windows says or the files that SQLite keeps beside it,
stays as it was; the new one is left beside it as "name (pendiente) 2025-11-20.ext". The manifest
lists that copy among what is to go, so the next run, changes or none, puts the file in its place
and removes the copy. What somebody wrote into a GeoPackage or a workbook of ours is kept as
"name (editado 2025-11-20).ext", a file of theirs, before ours is replaced.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from stat import S_ISREG
from typing import Final

from Modules.disk.destinations import check_path
from Modules.disk.edits import beside, is_edited, keep_edit, same_but_night, side_files
from Modules.disk.publish_record import (
    MANIFEST,
    PUBLISHED,
    PUBLISHING,
    OurFile,
    PublishRecord,
    read_record,
    write_record,
)
from Modules.disk.safe_files import (
    FileFact,
    copy_new,
    fingerprint,
    is_link,
    is_sharing_violation,
    make_folder,
    move,
    moved_here,
    remove_file,
    sync_folder,
    writing,
)
from Modules.words.errors import PublishError
from Modules.words.names import check_names
from Modules.words.spanish import why

_TEMP_PATTERN: Final = ".lindero-*.tmp"


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did, as paths below its folder; each tuple is sorted."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    left: tuple[str, ...] = ()  # ours once, edited by somebody since: not removed, no longer ours
    pending: tuple[str, ...] = ()  # copies beside files that another program holds open
    held: tuple[str, ...] = ()  # to be removed, but open in another program
    edited: tuple[str, ...] = ()  # copies of what somebody wrote into files that were replaced

    @property
    def changed(self) -> bool:
        """Whether anything in the folder changed."""
        return bool(self.written or self.removed or self.pending)


def _everything(_name: str) -> bool:
    return True


def publish_files(
    built: Mapping[str, Path],
    folder: Path,
    *,
    snapshot_id: str,
    now: datetime,
    scope: Callable[[str], bool] = _everything,
    scratch: Path | None = None,
) -> Published:
    """Make ``folder`` hold exactly the files of ``built`` (path below it → source), of ours.

    ``scratch``: sources below it are moved, not written once more, where they are on the same disk.

    A second call with the same input writes nothing. Files that are not ours are not touched.
    Where several publications share a folder (a campaña each), ``scope`` tells by its name
    whether a file of ours is of this one; those of the others stay as they are.

    Raises:
        PublishError: a bad or foreign name, a link in the way, or the disk refused. Before the
            first rename nothing has changed; after it the next call does the rest.
    """
    check_names(built)
    if beyond := sorted(name for name in built if not scope(name)):
        raise PublishError(f"{beyond[0]} es de otra publicación de {folder}; ponerle otro nombre")
    check_path(folder)
    for temp in sorted(folder.rglob(_TEMP_PATTERN)):  # of a killed run
        remove_file(temp)
        _prune(temp.parent, folder)
    recorded, lost = read_record(folder)
    before, others = _apart(recorded, scope)
    planned = {name: _source_fact(name, path) for name, path in sorted(built.items())}
    kept = {
        name: entry
        for name, fact in planned.items()
        if (entry := _unchanged(folder, name, fact, before.entry(name), adopt=lost)) is not None
        or (entry := _of_before(folder, name, built[name], before.entry(name))) is not None
    }
    changed = {name: fact for name, fact in planned.items() if name not in kept}
    stale = {
        name: _present(folder, name, before)
        for name in sorted({*before.obsolete, *before.files} - set(planned))
    }
    if not changed and not stale and before.state == PUBLISHED:
        return Published((), tuple(kept), ())
    plan = _Publication(folder, built, changed, kept, stale, before, others, scratch)
    return _apply(plan, snapshot_id, now)


def published(folder: Path) -> Mapping[str, FileFact]:
    """What ``.lindero.json`` says lies in a folder; empty if it says nothing, or not yet.

    Raises:
        PublishError: the manifest cannot be read, or a publication was cut short.
    """
    record, _ = read_record(folder)
    if record.state != PUBLISHED:
        raise PublishError(
            f"{folder / MANIFEST}: una publicación quedó a medias; volver a correrla"
        )
    return {name: entry.fact for name, entry in record.files.items()}


def intact(folder: Path, *, scope: Callable[[str], bool] = _everything) -> bool:
    """Whether a publication is whole and as it was left, by size and time; nothing is read.

    False also where there is none, or where it cannot be told.
    """
    try:
        recorded, lost = read_record(folder)
    except PublishError:
        return False
    mine, _ = _apart(recorded, scope)
    if lost or mine.state != PUBLISHED or not mine.files or mine.obsolete:
        return False
    return all(_as_left(folder / name, entry) for name, entry in mine.files.items())


def _as_left(target: Path, entry: OurFile) -> bool:
    try:
        status = target.lstat()
    except OSError:
        return False
    known = (entry.fact.size, entry.mtime_ns)
    return S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == known


@dataclass(frozen=True, slots=True)
class _Publication:
    folder: Path
    built: Mapping[str, Path]
    changed: Mapping[str, FileFact]
    kept: Mapping[str, OurFile]
    stale: Mapping[str, OurFile]
    before: PublishRecord
    others: PublishRecord  # of ours too, but of another publication in the same folder
    scratch: Path | None  # see ``publish_files``

    def record(self, record: PublishRecord) -> PublishRecord:
        """What ``.lindero.json`` is to say: a record of ours with those of the others."""
        return replace(
            record,
            state=PUBLISHED if self.others.state == record.state == PUBLISHED else PUBLISHING,
            files={**self.others.files, **record.files},
            obsolete={**self.others.obsolete, **record.obsolete},
        )


def _apart(
    recorded: PublishRecord, scope: Callable[[str], bool]
) -> tuple[PublishRecord, PublishRecord]:
    """A folder's record as that of this publication and that of all others.

    A publication that was cut short left something to do: entries that nobody has proved, or
    files to remove. Whoever has neither was not the one.
    """

    def part(*, mine: bool) -> PublishRecord:
        files = {name: one for name, one in recorded.files.items() if scope(name) is mine}
        obsolete = {name: one for name, one in recorded.obsolete.items() if scope(name) is mine}
        settled = not obsolete and all(one.mtime_ns is not None for one in files.values())
        state = PUBLISHED if settled else recorded.state
        return PublishRecord(state, recorded.snapshot_id, files, obsolete)

    if not recorded.files and not recorded.obsolete:
        return recorded, replace(recorded, state=PUBLISHED)
    return part(mine=True), part(mine=False)


def _apply(plan: _Publication, snapshot_id: str, now: datetime) -> Published:
    _refuse_foreign(plan)
    for name in plan.changed:
        make_folder((plan.folder / name).parent)
    make_folder(plan.folder)
    with _temps(plan) as temps:
        if temps:
            write_record(plan.folder, plan.record(_intent(plan)), now)
        pending, edited = _put_in_place(plan, temps, now)
    for parent in sorted({(plan.folder / name).parent for name in plan.changed}):
        sync_folder(parent)
    done = {}
    for name, fact in plan.changed.items():
        if name in pending and plan.before.entry(name) is not None:  # what could not be replaced
            done[name] = _present(plan.folder, name, plan.before)
        else:
            lies = _source_fact(name, plan.folder / name) if name in pending else fact
            done[name] = _on_disk(plan.folder, name, lies)
    copies = {
        copy: _on_disk(plan.folder, copy, plan.changed[name]) for name, copy in pending.items()
    }
    obsolete = {**plan.stale, **copies}
    final = PublishRecord(PUBLISHED, snapshot_id, {**plan.kept, **done}, obsolete)
    write_record(plan.folder, plan.record(final), now)
    stale = {name: entry for name, entry in plan.stale.items() if name not in copies}
    removed, left, held = _remove_stale(plan.folder, stale)
    if stale:
        rest = {name: entry for name, entry in obsolete.items() if name in copies or name in held}
        write_record(plan.folder, plan.record(replace(final, obsolete=rest)), now)
    return Published(
        tuple(name for name in plan.changed if name not in pending),
        tuple(plan.kept),
        tuple(removed),
        tuple(left),
        tuple(sorted(copies)),
        tuple(held),
        tuple(edited),
    )


def _put_in_place(
    plan: _Publication, temps: Mapping[str, Path], now: datetime
) -> tuple[dict[str, str], list[str]]:
    """Rename every temp to its target, or beside it where another program holds that open.

    The copies beside come last, when the manifest names them: so a kill leaves none unknown.

    Returns:
        For what is held the name of its copy; and the names of what people wrote.
    """
    pending, edited = {}, []
    for name, temp in temps.items():
        target = _target(plan.folder, name)
        if side_files(target):
            pending[name] = pending_name(name, now)
            continue
        ours = {one[name].fact for one in (plan.before.files, plan.before.obsolete) if name in one}
        with writing(target):
            theirs = ours and is_edited(target, {*ours, plan.changed[name]})
        if theirs:
            edited.append(keep_edit(plan.folder, name, now))
        try:
            move(temp, target)
        except PublishError as err:
            if not is_sharing_violation(err.__cause__):
                raise
            pending[name] = pending_name(name, now)
    if not pending:
        return {}, edited
    check_names(pending.values())
    copies = {copy: plan.changed[name] for name, copy in pending.items()}
    there = {
        copy: _unchanged(plan.folder, copy, fact, plan.before.entry(copy))
        for copy, fact in copies.items()
    }
    intent = _intent(plan)
    unproved = {copy: OurFile(fact, None) for copy, fact in copies.items()}
    known = replace(intent, files={**intent.files, **unproved})
    write_record(plan.folder, plan.record(known), now)
    for name, copy in pending.items():
        if there[copy] is None and not side_files(plan.folder / copy):
            move(temps[name], _target(plan.folder, copy))
    return pending, edited


def pending_name(name: str, now: datetime) -> str:
    """Where a file is left whose own place is held by another program: dated, same ending."""
    return beside(name, "pendiente", f" {now:%Y-%m-%d}")


def _on_disk(folder: Path, name: str, fact: FileFact) -> OurFile:
    with writing(folder / name):
        return OurFile(fact, (folder / name).stat().st_mtime_ns)


def _refuse_foreign(plan: _Publication) -> None:
    """Nothing is written over a link, a folder, or a file that we did not make."""
    for name in plan.changed:
        target = _target(plan.folder, name)
        if target.is_dir():
            raise PublishError(f"{target} es una carpeta, y ahí va un archivo de ese nombre")
    root = plan.folder.resolve()
    for parent in sorted({(plan.folder / name).parent for name in plan.changed}):
        if not parent.resolve().is_relative_to(root):
            raise PublishError(f"{parent} lleva afuera de {plan.folder}; sacar ese enlace")


@contextmanager
def _temps(plan: _Publication) -> Iterator[dict[str, Path]]:
    """Every changed file whole beside its target; none is left after the block."""
    temps = {
        name: (plan.folder / name).with_name(f".lindero-{number:06d}.tmp")
        for number, name in enumerate(plan.changed)
    }
    try:
        for name, temp in temps.items():
            source = plan.built[name]
            ours = plan.scratch is not None and source.is_relative_to(plan.scratch)
            if ours and moved_here(source, temp):
                continue
            if copy_new(source, temp) != plan.changed[name]:
                raise PublishError(f"{source} cambió mientras se publicaba")
        yield temps
    finally:
        for temp in temps.values():
            with suppress(PublishError):
                remove_file(temp)


def _intent(plan: _Publication) -> PublishRecord:
    """What is about to be there, and everything that may be there if we are killed now."""
    new = {name: OurFile(fact, None) for name, fact in plan.changed.items()}
    old = {
        name: _present(plan.folder, name, plan.before)
        for name in plan.changed
        if plan.before.entry(name) is not None
    }
    return PublishRecord(
        PUBLISHING, plan.before.snapshot_id, {**plan.kept, **new}, {**plan.stale, **old}
    )


def _present(folder: Path, name: str, before: PublishRecord) -> OurFile:
    """Which of our entries of a file lies there; any of them if somebody edited it."""
    entries = [found[name] for found in (before.files, before.obsolete) if name in found]
    lying = (_unchanged(folder, name, entry.fact, entry) for entry in entries)
    return next((match for match in lying if match is not None), entries[0])


def _remove_stale(
    folder: Path, stale: Mapping[str, OurFile]
) -> tuple[list[str], list[str], list[str]]:
    """Remove ours that are no longer made; leave those edited since, and those held open."""
    removed, left, held = [], [], []
    for name, entry in sorted(stale.items()):
        target = folder / name
        if not os.path.lexists(target):
            continue
        if _unchanged(folder, name, entry.fact, entry) is None:
            left.append(name)
            continue
        if side_files(target):
            held.append(name)
            continue
        try:
            remove_file(target)
        except PublishError as err:
            if not is_sharing_violation(err.__cause__):
                raise
            held.append(name)
            continue
        removed.append(name)
        _prune(target.parent, folder)
    return removed, left, held


def _prune(folder: Path, root: Path) -> None:
    """Remove folders that became empty, up to but not including the root."""
    while folder != root and folder.is_relative_to(root):
        try:
            folder.rmdir()
        except OSError:
            return  # not empty, or in use: both are fine
        folder = folder.parent


def _source_fact(name: str, path: Path) -> FileFact:
    try:
        return fingerprint(path)
    except OSError as err:
        raise PublishError(f"{name}: no se puede leer su origen {path}: {why(err)}") from err


def _unchanged(
    folder: Path, name: str, fact: FileFact, entry: OurFile | None, *, adopt: bool = False
) -> OurFile | None:
    """The entry of a target that holds these bytes already; None if it has to be written.

    A target that we know by size and time of change is not read. Others are read and hashed.

    Raises:
        PublishError: a file that we did not make has the name (unless ``adopt``).
    """
    target = folder / name
    if is_link(target) or not target.is_file():
        return None
    status = target.stat()
    if entry is not None and entry == OurFile(fact, status.st_mtime_ns):
        return entry if status.st_size == fact.size else None
    if status.st_size == fact.size and _source_fact(name, target) == fact:
        return OurFile(fact, status.st_mtime_ns)
    if entry is None and not adopt:
        raise PublishError(f"{target} está ahí y no es de Lindero; moverlo y volver a correr")
    return None


def _of_before(folder: Path, name: str, source: Path, entry: OurFile | None) -> OurFile | None:
    """The entry of a layer as we left it that only names another night: it says since when."""
    target = folder / name
    if entry is None or not _as_left(target, entry):
        return None
    with writing(target):
        return entry if same_but_night(source, target) else None


def _target(folder: Path, name: str) -> Path:
    """The target, which is no link; looked at once more just before it is replaced."""
    target = folder / name
    if is_link(target):
        raise PublishError(f"{target} es un enlace; reemplazarlo lo cortaría. Sacarlo")
    return target
