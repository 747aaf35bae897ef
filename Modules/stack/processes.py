"""Processes that go on after the command that started them, and the note that remembers them.

A process is known by its pid and the moment it began, so that a pid the system has given to
another is never signalled. Each has a session of its own, a log file, and the folder of its stack
in its environment: that is how children that outlived their parent are found. PostgreSQL and Redis,
which hide their environment, are known by where they work. The note is kept twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from Modules.disk.run_lock import is_held, life_lock
from Modules.disk.safe_files import make_folder, write_beside, writing
from Modules.words.errors import StackError
from Modules.words.spanish import why

FOLDER_VARIABLE: Final = "STACK_FOLDER"
_SAME_START_S: Final = 1.0
_POLL_S: Final = 0.1
_ON_WINDOWS: Final = sum(  # an invisible console of its own, which closes with no other
    getattr(subprocess, flag, 0) for flag in ("CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW")
)
_KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)
_TELL_EVERY_S: Final = 15.0
_STORES: Final = {"postgres": "postgres", "redis-server": "redis"}  # and the folders they work in
Tell = Callable[[str], None]
_children: list[subprocess.Popen[bytes]] = []  # of this process, to be waited for


def silently(_: str) -> None:
    """Who does not want to know what is waited for."""


@dataclass(frozen=True, slots=True)
class Spec:
    """How a process is started. ``typed`` goes to its standard input."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    typed: str = field(default="", repr=False)
    account: Mapping[str, Any] = field(default_factory=dict)  # of Popen: user, group, extra_groups


@dataclass(frozen=True, slots=True)
class Running:
    """A process that was started; ``started`` is when it began, in seconds since 1970."""

    name: str
    pid: int
    started: float
    stop_signal: int = signal.SIGTERM

    def alive(self) -> bool:
        """Whether it still runs; another process under the same pid does not count."""
        return self.process() is not None

    def process(self) -> psutil.Process | None:
        """The process that was started, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START_S
        except psutil.NoSuchProcess:
            return None
        return process if same and _runs(process) else None


def start(spec: Spec) -> Running:
    """Start a process that goes on by itself.

    Raises:
        StackError: the program cannot be started.
        PublishError: the log cannot be written.
    """
    make_folder(spec.log.parent)
    with writing(spec.log):
        log = os.open(spec.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 - commands of ours
            tuple(spec.command),
            env=dict(spec.environment),
            cwd=spec.folder,
            stdin=subprocess.PIPE if spec.typed else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=_ON_WINDOWS,
            **spec.account,
        )
    except OSError as err:
        raise StackError(f"{spec.name} no se puede empezar: {why(err)}") from err
    finally:
        os.close(log)
    if child.stdin is not None:
        with suppress(OSError), child.stdin:  # one that ends at once is found out by its health
            child.stdin.write(spec.typed.encode())
    _children.append(child)
    try:
        started = psutil.Process(child.pid).create_time()
    except psutil.NoSuchProcess:
        started = time.time()
    return Running(spec.name, child.pid, started, spec.stop_signal)


def stop(running: Running, patience_s: float) -> None:
    """Ask a process to end, and end it and its children when it does not."""
    process = running.process()
    if process is not None:
        children = _children_of(process)
        _end([process], running.stop_signal, patience_s)
        _end(children, signal.SIGTERM, patience_s=2)


def stop_strays(folder: Path, spare: Sequence[Running] = ()) -> None:
    """End what a stack left behind: what carries its folder and belongs to none of ``spare``.

    Such are the flow runs of a worker that was killed; a run that nobody watches would hold the
    lock of the next one.
    """
    spared = {os.getpid()}
    for process in filter(None, (running.process() for running in spare)):
        spared |= {process.pid, *(child.pid for child in _children_of(process))}
    _end([one for one in of_stack(folder) if one.pid not in spared], signal.SIGTERM, patience_s=5)


def of_stack(folder: Path, word: str = "") -> list[psutil.Process]:
    """Every process of a stack and what those started, or those with ``word`` in their command."""
    return [process for process in psutil.process_iter() if _carries(process, folder, word)]


def living_runs(folder: Path, state_dir: Path) -> tuple[Running, ...]:
    """The flow runs of a stack that hold their lock: they go on without their worker."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            told = process.environ()
            run_id = told.get("PREFECT__FLOW_RUN_ID")
            ours = told.get(FOLDER_VARIABLE) == str(folder) and run_id is not None
            if ours and is_held(life_lock(state_dir, str(run_id))):
                found.append(Running(str(run_id), process.pid, process.create_time()))
    return tuple(found)


def wait_until(
    check: Callable[[], str | None],
    running: Running,
    log: Path,
    patience_s: float,
    tell: Tell = silently,
) -> None:
    """Wait until ``check`` finds no fault, and ``tell`` what is waited for, and how long still.

    Raises:
        StackError: the process ended, or the deadline passed; the message holds the last fault
            and names the log.
    """
    deadline, tell_at = time.monotonic() + patience_s, time.monotonic() + 2
    while (fault := check()) is not None:
        if not running.alive():
            raise StackError(f"{running.name} terminó: {last_line(log)} (ver {log})")
        if time.monotonic() > deadline:
            raise StackError(
                f"{running.name} no está listo después de {patience_s:.0f} s: {fault} (ver {log})"
            )
        if (now := time.monotonic()) > tell_at:
            tell_at = now + _TELL_EVERY_S
            tell(f"Esperando a {running.name}, hasta {deadline - now:.0f} s más: {fault}")
        time.sleep(_POLL_S)


def last_line(log: Path) -> str:
    """The last line of a log that says anything."""
    lines = [line.strip() for line in tail(log, 40) if line.strip()]
    return lines[-1][:300] if lines else "no dijo nada"


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log; none where there is no log yet."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 400 * lines))
            return file.read().decode("utf-8", errors="replace").splitlines()[-lines:]
    except OSError:
        return []


def remember(path: Path, processes: Sequence[Running], facts: Mapping[str, Any]) -> None:
    """Write the note of what runs, and its copy.

    Raises:
        PublishError: the disk refused.
    """
    note = {**facts, "processes": [asdict(running) for running in processes]}
    for copy in (path, path.with_name(f"copia-{path.name}")):
        write_beside(copy, json.dumps(note, indent=2).encode())


def recall(path: Path) -> tuple[dict[str, Any], tuple[Running, ...]]:
    """Read the note or its copy; what cannot be read is as if it were not there."""
    for copy in (path, path.with_name(f"copia-{path.name}")):
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            note = json.loads(copy.read_text(encoding="utf-8"))
            processes = tuple(Running(**one) for one in note.pop("processes"))
            note["ports"] = {name: int(port) for name, port in note["ports"].items()}
            return note, processes
    return {}, ()


def _carries(process: psutil.Process, folder: Path, word: str) -> bool:
    with suppress(psutil.Error, OSError):
        if word and word not in process.cmdline():
            return False
        if process.name() in _STORES:
            return Path(process.cwd()) == folder / _STORES[process.name()]
        return process.environ().get(FOLDER_VARIABLE) == str(folder)
    return False


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _children_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _end(processes: Sequence[psutil.Process], first: int, patience_s: float) -> None:
    """Signal processes with ``first``, and kill those that still run after ``patience_s``."""
    for number, wait_s in ((first, patience_s), (_KILL, 10)):
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(number)
        deadline = time.monotonic() + wait_s
        while (processes := [one for one in processes if _runs(one)]) and (
            time.monotonic() < deadline
        ):
            time.sleep(_POLL_S)
    _children[:] = [child for child in _children if child.poll() is None]
