"""Whether a published folder still holds what was published: missing, changed, foreign files.

Every file is read and hashed, so this is for once a week: a folder of OneDrive fetches what it
keeps in the cloud only. Foreign files are people's own business (a QGIS project beside the layers)
and are named, not counted as damage.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from Modules.disk.json_text import from_json
from Modules.disk.problems import Kind, Problem
from Modules.disk.publish import FORMAT, MANIFEST, PUBLISHED
from Modules.disk.safe_files import FileFact, fingerprint, is_link
from Modules.words.errors import DataError, PublishError
from Modules.words.publish_names import check_names

_TRIES: Final = 3  # while a run is publishing into the folder
_OF_THE_SYSTEM: Final = frozenset({"desktop.ini", "thumbs.db", ".ds_store"})


@dataclass(frozen=True, slots=True)
class Copy:
    """What was found in a published folder."""

    folder: Path
    files: Mapping[str, FileFact] = field(repr=False)  # as its record has them
    problems: tuple[Problem, ...]
    foreign: tuple[str, ...]


def check_copy(folder: Path) -> Copy:
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
        _, files, _ = _read((folder / MANIFEST).read_bytes())
        return files[name].sha256
    except (OSError, DataError, PublishError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _record_bytes(folder: Path) -> bytes | None:
    try:
        return (folder / MANIFEST).read_bytes()
    except OSError:
        return None


def _check(folder: Path, data: bytes | None) -> Copy:
    if data is None:
        what = "missing or not readable, and files are there"
        return Copy(folder, {}, (Problem(MANIFEST, what, Kind.UNRECORDED),), ())
    try:
        state, files, obsolete = _read(data)
    except (DataError, PublishError, KeyError, TypeError, ValueError, AttributeError) as err:
        what = f"not the record of a publication ({type(err).__name__})"
        return Copy(folder, {}, (Problem(MANIFEST, what, Kind.MANIFEST),), ())
    problems = [
        problem for name, fact in sorted(files.items()) for problem in _file(folder, name, fact)
    ]
    if state != PUBLISHED:
        problems.insert(0, Problem(MANIFEST, "a publication was cut short", Kind.UNFINISHED))
    known = {*files, *obsolete}
    return Copy(folder, files, tuple(problems), tuple(sorted(set(_walk(folder)) - known)))


def _read(data: bytes) -> tuple[str, dict[str, FileFact], set[str]]:
    raw = from_json(data, source=MANIFEST)
    if raw["format"] != FORMAT:
        raise DataError(f"{MANIFEST}: another format")
    files = {str(name): _fact(value) for name, value in raw["files"].items()}
    check_names(files)
    return str(raw["estado"]), files, set(raw["obsolete"])


def _fact(value: Mapping[str, Any]) -> FileFact:
    return FileFact(int(value["size"]), str(value["sha256"]))


def _file(folder: Path, name: str, expected: FileFact) -> Iterator[Problem]:
    path = folder / name
    if not os.path.lexists(path):
        yield Problem(name, "missing", Kind.MISSING)
        return
    if is_link(path) or not path.is_file():
        yield Problem(name, "a link or a folder, not the file that was published", Kind.NOT_A_FILE)
        return
    try:
        fact = fingerprint(path)
    except OSError as err:
        yield Problem(name, f"cannot be read: {err.strerror or err}", Kind.UNREADABLE)
        return
    if fact.size != expected.size:
        detalle = f"{fact.size} bytes en lugar de {expected.size}"
        yield Problem(name, f"{fact.size} bytes, {expected.size} expected", Kind.SIZE, detalle)
    elif fact != expected:
        yield Problem(name, "SHA-256 differs from what was published", Kind.CONTENT)


def _walk(folder: Path) -> Iterator[str]:
    """Every file below the folder but the record, temps, and what the system puts there."""
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in files:
            low = name.casefold()
            ours = name == MANIFEST or (name.startswith(".lindero-") and low.endswith(".tmp"))
            if not ours and low not in _OF_THE_SYSTEM and not name.startswith("~$"):
                yield Path(root, name).relative_to(folder).as_posix()
