"""What people do with published files: hold them open, and write into them.

SQLite, so QGIS in a GeoPackage, keeps ``-wal`` and ``-shm``, or ``-journal``, beside a file that it
has open. One that is not empty belongs to the bytes that lie there: under another file of the name
they would be read as its own, and what they hold would be lost. They stay where a program died.
"""

from __future__ import annotations

import os
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Collection
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from Modules.disk.safe_files import FileFact, copy_new, fact_of, fingerprint, is_link, writing

_SIDES: Final = ("-wal", "-shm", "-journal")
_MAGIC: Final = b"SQLite format 3\x00"
_COUNTER: Final = slice(24, 28)  # of transactions
_ONE: Final = b"\x00\x00\x00\x01"
_SETTLED: Final = (  # what SQLite (file format, 1.3) writes when it only opens a file in WAL mode:
    (slice(18, 20), b"\x01\x01"),  # the mode, 1: no WAL
    (_COUNTER, _ONE),
    (slice(92, 96), _ONE),  # for which count the number of pages holds
    (slice(96, 100), b"\x00\x2d\xe2\x18"),  # which SQLite wrote last: 3.7
)
_SNAPSHOT: Final = re.compile('<MDI key="snapshot">([^<]+)<')
_PROPERTIES: Final = "docProps/core.xml"
_SAVED: Final = re.compile(rb'<qgis [^>]*version="[\d.]+-')
_TIMES: Final = re.compile(rb"<dcterms:(created|modified)[^>]*>([^<]*)<")


def side_files(path: Path) -> list[Path]:
    """The files beside a GeoPackage by which somebody holds it; none beside anything else."""
    sides = (path.with_name(path.name + end) for end in _SIDES if path.suffix == ".gpkg")
    return [side for side in sides if side.is_file() and side.stat().st_size]


def is_edited(path: Path, ours: Collection[FileFact]) -> bool:
    """Whether somebody wrote into a GeoPackage, a workbook or a QGIS project: none that we made,
    and not damage.

    Whoever writes says so: SQLite counts its transactions, office programs note the time. A file
    that is cut or has bytes turned over says what we wrote.

    Raises:
        OSError: it is there and cannot be read.
    """
    if path.suffix not in _SAID or is_link(path) or not path.is_file():
        return False
    as_it_lies = fingerprint(path)  # older versions noted that
    return {as_it_lies, settled_fact(path)}.isdisjoint(ours) and _SAID[path.suffix](path)


def settled_fact(path: Path) -> FileFact:
    """Size and hash of a file; of a GeoPackage as if nobody had opened it since it was written.

    Raises:
        OSError: it cannot be read.
    """
    return fact_of(_settled(path.read_bytes())) if path.suffix == ".gpkg" else fingerprint(path)


def settle(path: Path) -> None:
    """Give a new GeoPackage the head of one that nobody opened; OSError where that is refused."""
    with path.open("rb+") as file:
        head = _settled(file.read(100))
        file.seek(0)
        file.write(head)


def _settled(data: bytes) -> bytes:
    if not data.startswith(_MAGIC):
        return data
    head = bytearray(data[:100])
    for where, what in _SETTLED:
        head[where] = what
    return bytes(head) + data[100:]


def same_but_night(source: Path, target: Path) -> bool:
    """Whether two GeoPackages differ in the night that they name, and in nothing else."""
    return source.suffix == ".gpkg" and _without_night(source) == _without_night(target)


def _without_night(path: Path) -> bytes:
    """The bytes, with the time and the snapshot of the night (``formats.geofiles``) blotted out."""
    data = path.read_bytes()
    try:
        with _as_it_lies(path) as db:
            said = db.execute("SELECT last_change FROM gpkg_contents LIMIT 1").fetchall()
            about = db.execute("SELECT metadata FROM gpkg_metadata LIMIT 1").fetchone()
    except sqlite3.Error:
        return data
    found = [text for (text,) in said] + _SNAPSHOT.findall(about[0] if about else "")
    for text in found:
        data = data.replace(text.encode(), b"-" * len(text.encode()))
    return data


def _as_it_lies(path: Path) -> closing[sqlite3.Connection]:
    """A database read as the bytes it is: no file is made beside it, and none there is heeded."""
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    return closing(sqlite3.connect(address, uri=True))


def _written_database(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_COUNTER.stop)
    if not head.startswith(_MAGIC) or head[_COUNTER] == _ONE:
        return False
    try:
        with _as_it_lies(path) as db:
            pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
            (size,) = db.execute(pages).fetchone()
            sound = db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            return sound and bool(size == path.stat().st_size)
    except sqlite3.Error:
        return False


def _written_book(path: Path) -> bool:
    texts = _archived(path, _PROPERTIES)
    times = dict(_TIMES.findall(b"".join(texts or ())))
    return texts is not None and (times.get(b"created") != times.get(b"modified") or not times)


def _written_project(path: Path) -> bool:
    """QGIS writes its version with its name behind it: "3.22.16-Białowieża"; ours is bare."""
    return any(_SAVED.search(text) is not None for text in _archived(path, ".qgs") or ())


def _archived(path: Path, ending: str) -> list[bytes] | None:
    """What an archive has under names that end so; None if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(ending)]
            return [archive.read(name) for name in names] if archive.testzip() is None else None
    except (zipfile.BadZipFile, zlib.error):
        return None


_SAID: Final = {".qgz": _written_project, ".gpkg": _written_database, ".xlsx": _written_book}


def beside(name: str, mark: str, after: str = "") -> str:
    """The name of a copy: "cultivos (editado 2025-11-20).gpkg"; same folder, same ending."""
    folder, slash, file = name.rpartition("/")
    stem, dot, ending = file.rpartition(".")
    copy = f"{stem if dot else ending} ({mark}){after}{dot}{ending if dot else ''}"
    return f"{folder}{slash}{copy}"


def keep_edit(folder: Path, name: str, now: datetime) -> str:
    """Copy an edited file to a name that is free, or has these very bytes; that name.

    Raises:
        PublishError: the disk refused.
    """
    number, copy = 1, beside(name, f"editado {now:%Y-%m-%d}")
    with writing(folder / name):
        lying = fingerprint(folder / name)
        while os.path.lexists(folder / copy):
            if not is_link(folder / copy) and fingerprint(folder / copy) == lying:
                return copy
            number += 1
            copy = beside(name, f"editado {now:%Y-%m-%d}, {number}")
        copy_new(folder / name, folder / copy)
    return copy
