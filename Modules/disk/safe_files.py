"""Files that are either whole or not there: write, fsync, rename, fsync the folder.

No library writes to a final name. A new file is written where nobody looks yet (a staging folder,
or a ``.tmp`` beside the target, which OneDrive leaves alone), flushed to the disk, and renamed.
Whatever writes, moves or removes here raises a ``PublishError`` that names the file, the cause and
what to do, whenever the operating system refuses.

Windows refuses a rename while somebody holds the target open (codes 5, 32, 33): those three are
tried again for about 2.5 s and then raised.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from Modules.words.errors import PublishError
from Modules.words.spanish import why

CHUNK_BYTES: Final = 1 << 20
_OF_THE_SYSTEM: Final = frozenset({"desktop.ini", "thumbs.db", ".ds_store"})
SHARING_CODES: Final = frozenset({5, 32, 33})  # access denied, sharing and lock violation
SHARING_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)  # about 2.5 s in all

_HINTS: Final = {
    errno.ENOSPC: "liberar espacio y volver a correr",
    errno.EDQUOT: "liberar espacio y volver a correr",
    errno.EROFS: "montarlo de modo que se pueda escribir",
    errno.EACCES: "revisar los permisos de la carpeta",
    errno.EPERM: "revisar los permisos de la carpeta",
    errno.EIO: "revisarlo antes de la próxima corrida",
}


@dataclass(frozen=True, slots=True)
class FileFact:
    """What a manifest says of a file: size in bytes and SHA-256 in lowercase hexadecimal."""

    size: int
    sha256: str


@contextmanager
def writing(what: str | Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a ``PublishError`` that names ``what`` and why."""
    try:
        yield
    except OSError as err:
        code = errno.errorcode.get(err.errno or 0, "")
        hint = _HINTS.get(err.errno or 0, "")
        cause = " ".join(part for part in (why(err), f"({code})" if code else ""))
        raise PublishError(
            f"no se pudo escribir {what}: {cause.strip()}{'; ' if hint else ''}{hint}"
        ) from err


def fact_of(data: bytes) -> FileFact:
    """Size and hash of bytes in memory."""
    return FileFact(len(data), hashlib.sha256(data).hexdigest())


def fingerprint(path: Path) -> FileFact:
    """Size and hash of a file on disk; callers name it in their own error for an OSError."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return FileFact(file.tell(), sha256)


def write_new(path: Path, data: bytes, mode: int | None = None) -> FileFact:
    """Write a file that must not exist yet, and flush it to the disk.

    The name in its folder is durable only after ``sync_folder``. ``mode``: as in ``pour_new``.
    """
    return pour_new(io.BytesIO(data), path, mode)


def copy_new(source: Path, target: Path) -> FileFact:
    """Copy to a file that must not exist yet, flush it, and return what was written."""
    with writing(target), source.open("rb") as reader:
        return pour_new(reader, target)


def pour_new(reader: IO[bytes], target: Path, mode: int | None = None) -> FileFact:
    """The same of an open file; ``mode``: who may read it, from its first byte."""
    digest = hashlib.sha256()
    size = 0
    with writing(target), target.open("xb") as writer:
        if mode is not None:
            target.chmod(mode)
        while piece := reader.read(CHUNK_BYTES):
            writer.write(piece)
            digest.update(piece)
            size += len(piece)
        writer.flush()
        os.fsync(writer.fileno())
    return FileFact(size, digest.hexdigest())


def sync_file(path: Path) -> None:
    """Flush a file that a library wrote and closed."""
    with writing(path), path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Windows has no such call; there it does nothing."""
    if os.name == "nt":  # pragma: no cover - Windows only
        return
    with writing(folder):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, each durable in its own parent."""
    missing: list[Path] = []
    current = folder
    while not current.is_dir():
        missing.append(current)
        if current == current.parent:  # pragma: no cover - a Windows drive that is not there
            break
        current = current.parent
    for path in reversed(missing):
        with writing(path):
            path.mkdir(exist_ok=True)  # another run may be first
        sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Rename within a disk, replacing a file at the target; the caller syncs the folder."""
    with writing(target):
        retry_sharing(lambda: source.replace(target))


def moved_here(source: Path, target: Path) -> bool:
    """Whether a file could be renamed, and is flushed; one of another disk has to be copied."""
    try:
        source.rename(target)
    except OSError:
        return False
    sync_file(target)
    return True


def retry_sharing(
    action: Callable[[], object],
    *,
    pauses_s: Sequence[float] = SHARING_PAUSES_S,
    sleep: Callable[[float], None] = time.sleep,
) -> object:
    """Do ``action``, again after each pause while Windows says that somebody holds the file.

    Raises:
        OSError: of the last try, or at once for any other code (a true denial must surface).
    """
    for pause_s in pauses_s:
        try:
            return action()
        except OSError as err:
            if not is_sharing_violation(err):
                raise
        sleep(pause_s)
    return action()


def is_sharing_violation(err: BaseException | None) -> bool:
    """Whether Windows refused because another program holds the file open."""
    return getattr(err, "winerror", None) in SHARING_CODES


def write_beside(path: Path, data: bytes, mode: int | None = None) -> FileFact:
    """Replace a file by a whole new one: temp beside it, fsync, rename, fsync the folder.

    Where that is refused, the earlier file is intact.
    """
    temp = path.with_name(f".lindero-{fact_of(data).sha256[:16]}.tmp")
    remove_file(temp)
    try:
        fact = write_new(temp, data, mode)
        move(temp, path)
    except PublishError:
        with suppress(PublishError):
            remove_file(temp)
        raise
    sync_folder(path.parent)
    return fact


def remove_file(path: Path) -> None:
    """Remove a file; one that is not there is fine."""
    with writing(path):
        retry_sharing(lambda: path.unlink(missing_ok=True))


def remove_tree(path: Path) -> None:
    """Remove a folder and all in it, or whatever else has its name; of a link only the link."""
    with writing(path):
        if is_link(path) or path.is_file():
            path.unlink()
        elif path.is_dir():
            retry_sharing(lambda: shutil.rmtree(path))


def entries(folder: Path) -> list[Path]:
    """Everything in a folder, sorted; nothing if it is not there."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


def folders(parent: Path, *, links: bool = False) -> list[Path]:
    """The folders in a folder, sorted; links to folders only if asked for."""
    return [path for path in entries(parent) if path.is_dir() and (links or not is_link(path))]


def of_the_system(name: str) -> bool:
    """Whether Windows, macOS or an open Office file put this beside ours: foreign, no damage."""
    return name.casefold() in _OF_THE_SYSTEM or name.startswith("~$")


def is_link(path: Path) -> bool:
    """Whether a path is itself a link: a symbolic link, or a junction on Windows."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return False
    if stat.S_ISLNK(status.st_mode):
        return True
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    return junction is not None and getattr(status, "st_reparse_tag", 0) == junction
