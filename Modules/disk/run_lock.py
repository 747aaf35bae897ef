"""One run at a time in each mode, by a lock of the kernel.

The lock is on ``<state>/<modo>/run.lock``; the kernel frees it when the process ends, also by
``kill -9``. ``run.json`` beside it says who holds it. It is for people to read: the lock
alone decides.

A run that Prefect knows holds a second one, ``<state>/watch/runs/<id of the run>.lock``, from its
beginning until its process is gone. So whoever watches asks the kernel whether a run lives, and no
clock: no lost heartbeat makes a living run a dead one.
"""

from __future__ import annotations

import atexit
import getpass
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from Modules.disk.safe_files import make_folder, remove_file, write_beside, writing
from Modules.words.domain import Modo
from Modules.words.errors import PipelineError, PublishError, RunLocked
from Modules.words.spanish import why

if TYPE_CHECKING:
    from filelock import FileLock

LOCK_NAME: Final = "run.lock"
HOLDER_NAME: Final = "run.json"
_MAX_HOLDER_BYTES: Final = 4096
_ASKED_S: Final = 0.5  # who asks whether a lock is held has it for an instant
_PATIENCE_S: Final = 10
_HANDED_OVER: set[Path] = set()  # locks that this process holds for the run it is about to begin


@contextmanager
def run_lock(state_dir: Path, modo: Modo) -> Iterator[None]:
    """Hold the lock of one mode for the block; who holds it is not waited for.

    Raises:
        RunLocked: another run holds it; the message says which process, whose, and since when.
        PublishError: the state folder cannot be written, or its file system has no locks.
    """
    folder = state_dir / modo.value
    if folder in _HANDED_OVER:
        _HANDED_OVER.remove(folder)  # for one at a time
        try:
            yield
        finally:
            _HANDED_OVER.add(folder)
        return

    def refusal() -> RunLocked:
        return RunLocked(
            f"hay otra corrida de {modo.value} en curso ({holder(folder)}); esperar a que "
            "termine, o cortar ese proceso"
        )

    make_folder(folder)
    with only_one(folder / LOCK_NAME, refusal):
        try:
            write_beside(folder / HOLDER_NAME, _whoami(modo))
            yield
        finally:
            with suppress(PublishError):  # a note that stays is no obstacle to the next run
                remove_file(folder / HOLDER_NAME)


@contextmanager
def only_one(
    path: Path, refusal: Callable[[], PipelineError], patience_s: float = _ASKED_S
) -> Iterator[None]:
    """Hold the kernel's lock on a file for the block.

    It waits, half a second if not told: who asks ``is_held`` has it for an instant.

    Raises:
        PipelineError: somebody holds it; the one that ``refusal`` makes.
        PublishError: the file cannot be written, or its file system has no locks.
    """
    lock = _acquired(path, patience_s, refusal)
    try:
        yield
    finally:
        lock.release()


def _acquired(path: Path, patience_s: float, refusal: Callable[[], PipelineError]) -> FileLock:
    # late: it brings asyncio, and most commands lock nothing
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=patience_s, fallback_to_soft=False)
    with writing(path):
        try:
            lock.acquire()
        except Timeout as err:
            raise refusal() from err
    return lock


def life_lock(state_dir: Path, run_id: str) -> Path:
    """The file that a run holds locked for as long as its process lives."""
    return state_dir / "watch" / "runs" / f"{run_id}.lock"


def hold_for_life(path: Path) -> None:
    """Hold the kernel's lock on a file until this process ends, however it ends.

    At an orderly end the file goes too; of a process that was killed it stays, and is free.

    Raises:
        PublishError: the file cannot be written or locked.
    """
    make_folder(path.parent)
    held = PublishError(f"{path.name}: otro proceso lo tiene")
    lock = _acquired(path, _PATIENCE_S, lambda: held)

    def let_go() -> None:
        with suppress(OSError):
            path.unlink()  # while it is still ours
        lock.release()

    atexit.register(let_go)


def is_held(path: Path) -> bool | None:
    """Whether a living process holds the lock on a file; None where there is no such file.

    Raises:
        PublishError: it cannot be told.
    """
    from filelock import FileLock, Timeout

    try:
        if not path.is_file():
            return None
        with FileLock(path, timeout=0, fallback_to_soft=False):
            return False
    except Timeout:
        return True
    except OSError as err:
        raise PublishError(f"{path.name}: no se sabe si un proceso lo tiene ({why(err)})") from err


@contextmanager
def early_lock(state_dir: Path, modo: Modo) -> Iterator[None]:
    """Hold the lock for the run that this process begins in the block, and hand it to that run.

    A command takes seconds to load everything before its run asks for the lock. So the command
    asks first, and whoever comes second is told at once. The first ``run_lock`` of the block takes
    the lock over; a second one inside it is refused as ever. It raises what ``run_lock`` raises.
    """
    folder = state_dir / modo.value
    with run_lock(state_dir, modo):
        _HANDED_OVER.add(folder)
        try:
            yield
        finally:
            _HANDED_OVER.discard(folder)


def holder(folder: Path) -> str:
    """Who holds the lock in ``folder``, as far as known, in one line."""
    try:
        with (folder / HOLDER_NAME).open("rb") as file:
            facts = json.loads(file.read(_MAX_HOLDER_BYTES))
        return f"pid {facts['pid']} de {facts['user']} en {facts['host']}, desde {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "todavía no dijo quién es"


def user_name() -> str:
    """Who runs this process: by name, or by number where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may run under a number without a name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _whoami(modo: Modo) -> bytes:
    """The holder's own facts as JSON."""
    facts = {
        "pid": os.getpid(),
        "user": user_name(),
        "host": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "modo": modo.value,
    }
    return json.dumps(facts, ensure_ascii=False).encode("utf-8")
