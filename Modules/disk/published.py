"""Whether a published folder still holds what was published: missing, changed, foreign files.

Every file is read and hashed, so this is for once a week: a folder of OneDrive fetches what it
keeps in the cloud only. Foreign files are people's own business (a QGIS project beside the layers)
and are named, not counted as damage. Nor is what somebody wrote into a layer or a workbook, and
what a program keeps beside one that it has open: those are warnings. Among the foreign may be
copies that OneDrive makes when two computers changed the same file, ``name-COMPUTER.ext``: those
are found by name alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from Modules.disk.edits import is_edited, settled_fact, side_files
from Modules.disk.problems import Damage, problem_of
from Modules.disk.publish import published
from Modules.disk.publish_record import MANIFEST, NO_RECORD, PUBLISHED, parse_record, records_below
from Modules.disk.safe_files import FileFact, fingerprint, is_link, of_the_system
from Modules.words.errors import PublishError
from Modules.words.finding import Finding
from Modules.words.spanish import why

_TRIES: Final = 3  # while a run is publishing into the folder
# Windows names computers with up to 15 letters, digits and hyphens, most often in capitals; a
# word in small letters after a hyphen is what people write ("cultivos_25-26-revisado.gpkg").
_COMPUTER: Final = re.compile(r"(?=.*[A-Z])[A-Za-z0-9][A-Za-z0-9-]{1,14}( \(\d+\)| \d+)?")


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    """What was found in a published folder."""

    folder: Path
    files: Mapping[str, FileFact] = field(repr=False)  # as its record has them
    problems: tuple[Finding, ...]
    foreign: tuple[str, ...]


def check_folder(folder: Path) -> CheckedFolder:
    """Read a published folder and compare it with its ``.lindero.json``.

    A record that changes meanwhile means that a run publishes: then it is read again.
    """
    for _ in range(_TRIES - 1):
        before = _record_bytes(folder)
        copy = _check(folder, before)
        if not copy.problems or _record_bytes(folder) == before:
            return copy
    return _check(folder, _record_bytes(folder))


def published_sha256(folder: Path, name: str) -> str | None:
    """The hash under which a file was published; no other file than the record is read."""
    try:
        return parse_record((folder / MANIFEST).read_bytes()).files[name].fact.sha256
    except (OSError, *NO_RECORD):
        return None


def conflict_copies(outputs: Path) -> Iterator[Path]:
    """Files beside ours that are named as OneDrive names a conflict: ``name-COMPUTER.ext``."""
    for manifest in records_below(outputs):
        try:
            ours = {manifest.parent / name for name in published(manifest.parent)}
        except (PublishError, OSError):
            continue  # cut short: `lindero status` says so
        ours.add(manifest)
        for folder in sorted({path.parent for path in ours}):
            try:
                others = [path for path in folder.iterdir() if path not in ours]
            except OSError:
                continue
            for path in others:
                if any(
                    path.suffix == one.suffix
                    and path.stem.startswith(f"{one.stem}-")
                    and _COMPUTER.fullmatch(path.stem[len(one.stem) + 1 :])
                    for one in ours
                    if one.parent == folder
                ):
                    yield path


def held_files(outputs: Path) -> Iterator[Path]:
    """What programs keep beside GeoPackages of ours that they have open; see ``edits``."""
    for manifest in records_below(outputs):
        try:
            names = parse_record(manifest.read_bytes()).files
        except (OSError, *NO_RECORD):
            continue
        for name in sorted(names):
            yield from side_files(manifest.parent / name)


def _record_bytes(folder: Path) -> bytes | None:
    try:
        return (folder / MANIFEST).read_bytes()
    except OSError:
        return None


def _check(folder: Path, data: bytes | None) -> CheckedFolder:
    if data is None:
        what = "falta o no se puede leer, y hay archivos"
        return CheckedFolder(folder, {}, (problem_of(MANIFEST, what, Damage.UNRECORDED),), ())
    try:
        record = parse_record(data)
    except NO_RECORD as err:
        what = f"no es el registro de una publicación ({type(err).__name__})"
        return CheckedFolder(folder, {}, (problem_of(MANIFEST, what, Damage.MANIFEST),), ())
    files = {name: entry.fact for name, entry in record.files.items()}
    problems = [one for name, fact in sorted(files.items()) for one in _file(folder, name, fact)]
    if record.state != PUBLISHED:
        what = "una publicación quedó a medias"
        problems.insert(0, problem_of(MANIFEST, what, Damage.UNFINISHED))
    sides = {side: name for name in files for side in side_files(folder / name)}
    beside = {side.relative_to(folder).as_posix(): name for side, name in sides.items()}
    problems += [
        problem_of(side, f"al lado de {name}: no está vacío", Damage.HELD)
        for side, name in sorted(beside.items())
    ]
    foreign = set(_walk(folder)) - {*files, *record.obsolete, *beside}
    return CheckedFolder(folder, files, tuple(problems), tuple(sorted(foreign)))


def _file(folder: Path, name: str, expected: FileFact) -> Iterator[Finding]:
    path = folder / name
    if not os.path.lexists(path):
        yield problem_of(name, "falta", Damage.MISSING)
        return
    if is_link(path) or not path.is_file():
        what = "es un enlace o una carpeta, no el archivo que se publicó"
        yield problem_of(name, what, Damage.NOT_A_FILE)
        return
    try:
        fact = fingerprint(path)
        if fact != expected:
            fact = settled_fact(path)  # who only opened it changed nothing
        if side_files(path):  # in use; the caller says so
            return
        if is_edited(path, {expected}):
            yield problem_of(name, "se editó después de publicado", Damage.EDITED)
            return
    except OSError as err:
        yield problem_of(name, f"no se puede leer: {why(err)}", Damage.UNREADABLE)
        return
    if fact.size != expected.size:
        what = f"{fact.size} bytes en lugar de {expected.size}"
        yield problem_of(name, what, Damage.SIZE, what)
    elif fact != expected:
        yield problem_of(name, "el SHA-256 no es el de lo publicado", Damage.CONTENT)


def _walk(folder: Path) -> Iterator[str]:
    """Every file below the folder but the record, temps, and what the system puts there."""
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in files:
            low = name.casefold()
            ours = name == MANIFEST or (name.startswith(".lindero-") and low.endswith(".tmp"))
            if not ours and not of_the_system(name):
                yield Path(root, name).relative_to(folder).as_posix()
