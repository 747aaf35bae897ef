"""Processes that go on by themselves, and the note that remembers them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from Modules.stack.processes import (
    FOLDER_VARIABLE,
    Running,
    Spec,
    last_line,
    recall,
    remember,
    start,
    stop,
    stop_strays,
    tail,
    wait_until,
)
from Modules.words.errors import StackError

pytestmark = pytest.mark.integration
WAITS = "import time; print('ready', flush=True); time.sleep(300)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WAITS!r}]); {WAITS}"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def _spec(folder: Path, code: str, typed: str = "") -> Spec:
    return Spec(
        name="probe",
        command=(sys.executable, "-c", code),
        environment={**os.environ, FOLDER_VARIABLE: str(folder)},
        folder=folder,
        log=folder / "logs" / "probe.log",
        typed=typed,
    )


def _await_line(folder: Path, times: int = 1) -> None:
    deadline = time.monotonic() + 30
    log = folder / "logs" / "probe.log"
    while log.read_text(encoding="utf-8").count("ready") < times:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _ended(process: psutil.Process) -> bool:
    """Whether it runs no more; who inherited it may not have buried it yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    stop_strays(tmp_path)


def test_a_process_is_alive_until_it_is_stopped(folder: Path) -> None:
    running = start(_spec(folder, WAITS))
    assert running.alive()

    stop(running, patience_s=10)

    assert not running.alive()
    assert not psutil.pid_exists(running.pid)  # waited for, no zombie


@POSIX
def test_one_that_does_not_listen_is_ended_all_the_same(folder: Path) -> None:
    running = start(_spec(folder, DEAF))
    _await_line(folder)

    stop(running, patience_s=0.3)

    assert not running.alive()


def test_a_pid_that_another_process_got_is_never_signalled(folder: Path) -> None:
    running = start(_spec(folder, WAITS))
    before = replace(running, started=running.started - 3600)

    assert not before.alive()
    stop(before, patience_s=0)

    assert running.alive()


def test_children_that_outlive_their_parent_are_found_and_ended(folder: Path) -> None:
    running = start(_spec(folder, PARENT))
    _await_line(folder, times=2)
    children = psutil.Process(running.pid).children()
    assert len(children) == 1

    parent = psutil.Process(running.pid)
    parent.kill()
    parent.wait()
    assert children[0].is_running()
    stop_strays(folder)

    assert _ended(children[0])


def test_children_of_what_is_spared_are_spared(folder: Path) -> None:
    running = start(_spec(folder, PARENT))
    _await_line(folder, times=2)

    stop_strays(folder, spare=[running])

    assert running.alive()
    assert len(psutil.Process(running.pid).children()) == 1


def test_stopping_a_process_ends_its_children(folder: Path) -> None:
    running = start(_spec(folder, PARENT))
    _await_line(folder, times=2)
    (child,) = psutil.Process(running.pid).children()

    stop(running, patience_s=10)

    assert _ended(child)


def test_what_is_typed_is_read_and_nowhere_else(folder: Path) -> None:
    code = f"import sys; print(len(sys.stdin.read())); {WAITS}"
    running = start(_spec(folder, code, typed="a secret"))
    _await_line(folder)

    assert tail(folder / "logs" / "probe.log", 5)[0] == "8"
    assert "a secret" not in " ".join(psutil.Process(running.pid).cmdline())


def test_waiting_ends_when_there_is_no_fault_left(folder: Path) -> None:
    running, faults = start(_spec(folder, WAITS)), iter(["not yet", "soon", None])

    wait_until(lambda: next(faults), running, folder / "logs" / "probe.log", 20)

    assert next(faults, "no more") == "no more"


def test_a_process_that_ends_is_told_from_one_that_is_slow(folder: Path) -> None:
    log = folder / "logs" / "probe.log"
    ends = start(_spec(folder, "print('no disk left')"))
    with pytest.raises(StackError, match="probe terminó: no disk left"):
        wait_until(lambda: "not ready", ends, log, 20)

    slow = start(_spec(folder, WAITS))
    with pytest.raises(StackError, match=r"no está listo después de 0 s: it says nothing"):
        wait_until(lambda: "it says nothing", slow, log, 0.2)


def test_a_program_that_is_not_there_is_an_error_of_ours(folder: Path) -> None:
    spec = replace(_spec(folder, WAITS), command=("/no/such/program",))

    with pytest.raises(StackError, match="probe no se puede empezar"):
        start(spec)


def test_the_note_gives_back_what_was_remembered(tmp_path: Path) -> None:
    note = tmp_path / "run.json"
    processes = (Running("redis", 11, 1.5), Running("postgres", 12, 2.5, signal.SIGINT))

    facts = {"single": False, "ports": {"redis": 6390}}

    remember(note, processes, facts)

    assert recall(note) == (facts, processes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"processes": [{"pid": 1}]}',
        '{"processes": [], "ports": {"redis": "x"}}',
        "null",
    ],
)
def test_a_note_that_cannot_be_read_is_as_none(tmp_path: Path, text: str) -> None:
    note = tmp_path / "run.json"
    note.write_text(text, encoding="utf-8")

    assert recall(note) == ({}, ())


def test_a_log_has_a_last_line_even_when_empty(tmp_path: Path) -> None:
    assert last_line(tmp_path / "none.log") == "no dijo nada"
    log = tmp_path / "a.log"
    log.write_text("one\ntwo\n\n", encoding="utf-8")
    assert last_line(log) == "two"
    assert tail(log, 2) == ["two", ""]


@POSIX
def test_processes_go_on_after_the_one_that_started_them(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from Modules.stack.processes import Spec, start\n"
        "folder = Path(sys.argv[1])\n"
        f"environment = {{**os.environ, {FOLDER_VARIABLE!r}: str(folder)}}\n"
        f"command = (sys.executable, '-c', {WAITS!r})\n"
        "spec = Spec('probe', command, environment, folder, folder / 'logs' / 'probe.log')\n"
        "running = start(spec); print(running.pid, running.started)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    pid, started = done.stdout.split()
    running = Running("probe", int(pid), float(started))
    assert running.alive()
    assert os.getsid(running.pid) == running.pid  # a terminal that closes does not end it
    stop(running, patience_s=10)
    assert not running.alive()


def test_who_waits_is_told_what_for_and_how_long_still(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, said = start(_spec(folder, WAITS)), []
    clock = iter(
        [0.0, 0.0, *(moment for second in (1.0, 3.0, 9.0, 19.0) for moment in [second] * 2)]
    )
    faults = iter(["it loads"] * 4 + [None])
    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: next(clock))
        patched.setattr(time, "sleep", lambda _: None)
        wait_until(lambda: next(faults), running, folder / "log", 100, said.append)

    assert said == [
        "Esperando a probe, hasta 97 s más: it loads",
        "Esperando a probe, hasta 81 s más: it loads",
    ]
