"""The logs of the stack: every line dated, tracebacks once, files put aside as they grow."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from Modules.stack import logs
from Modules.stack.logs import KEPT, MAX_AGE_S, Dated, rotate

NOON = datetime(2025, 11, 20, 12, 0, 0, 7000).astimezone()  # of this machine
STAMP = NOON.isoformat(timespec="milliseconds")
TRACE = (
    "ERROR | x - it broke {n}\nTraceback (most recent call last):\n"
    '  File "a.py", line 1, in a\n    b()\n  File "b.py", line 2, in b\n    c()\nOSError: no, {n}\n'
)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "services.log"


@pytest.fixture
def stream(log: Path, clock: Clock) -> Iterator[Dated]:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    yield Dated(handle, clock)
    os.close(handle)


def test_every_line_has_its_moment_and_a_line_that_comes_in_pieces_one(
    stream: Dated, log: Path
) -> None:
    stream.write("uno\n\n18:30:00.123 | dos\ntr")
    assert log.read_text(encoding="utf-8") == f"{STAMP} uno\n{STAMP} dos\n"
    print("es: ñandú 🌾 \udcff", file=stream)
    assert log.read_text(encoding="utf-8").splitlines()[2] == f"{STAMP} tres: ñandú 🌾 \\udcff"
    assert not stream.isatty()


def test_the_same_traceback_again_is_its_error_and_since_when(
    stream: Dated, log: Path, clock: Clock
) -> None:
    for number in range(50):
        stream.write(TRACE.format(n=number))
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 7 + 49 * 2, "whole once, then what was said and the error"
    assert lines[-1] == f"{STAMP} OSError: no, 49 (same traceback as at 12:00:00)"
    stream.write(TRACE.replace("line 2", "line 3").format(n=1))
    clock.now += timedelta(minutes=61)
    stream.write(TRACE.format(n=50))
    assert len(log.read_text(encoding="utf-8").splitlines()) == len(lines) + 7 + 7


def test_a_group_of_errors_is_short_too(stream: Dated, log: Path) -> None:
    group = (
        "boom\n  + Exception Group Traceback (most recent call last):\n"
        '  |   File "a.py", line 1, in a\n  | ExceptionGroup: one (1 sub-exception)\n'
        "  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n"
        '    |   File "b.py", line 2, in b\n    | KeyError: 7\n'
        "    +------------------------------------\n"
    )
    stream.write(group)
    stream.write(group)
    assert log.read_text(encoding="utf-8").endswith(
        "| KeyError: 7 (same traceback as at 12:00:00)\n"
    )


def test_a_log_is_put_aside_by_size_while_somebody_writes_and_nothing_is_lost(log: Path) -> None:
    writer = (
        "import os, sys\n"
        "handle = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)\n"
        "for number in range(9):\n"
        "    os.write(handle, f'{number}'.encode() + b'x' * 1_000_000 + b'\\n'); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", writer, str(log)], stdin=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        for number in range(1, 10):
            wanted = number * 1_000_002
            deadline = time.monotonic() + 20
            while sum(one.stat().st_size for one in log.parent.glob("services*")) < wanted:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.005)
            rotate(log.parent)
            process.stdin.write("\n")
            process.stdin.flush()
    assert process.returncode == 0
    aside = log.with_name("services.log.1")
    assert [line[0] for line in aside.read_text().splitlines()] == list("01234")
    assert [line[0] for line in log.read_text().splitlines()] == list("5678")
    assert aside.stat().st_mode & 0o077 == 0, "nobody else reads it"


def test_a_log_is_put_aside_by_age_and_few_are_kept(log: Path) -> None:
    for week in range(KEPT + 3):
        log.write_text(f"week {week}\n")
        rotate(log.parent)
        assert log.read_text() == f"week {week}\n", "not old yet"
        begun = time.time() - MAX_AGE_S
        os.utime(log.with_name("services.log.1"), (begun, begun))
        rotate(log.parent)
        assert log.read_text() == ""
    os.utime(log.with_name("services.log.1"), (0, 0))
    rotate(log.parent)  # an empty one is left alone
    kept = [log.with_name(f"services.log.{number}") for number in range(1, KEPT + 1)]
    assert [one.read_text() for one in kept] == [f"week {KEPT + 2 - n}\n" for n in range(KEPT)]
    assert len(list(log.parent.glob("services.log*"))) == 1 + KEPT


def test_what_the_worker_says_of_a_run_is_in_its_log_and_not_on_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker, above = logging.getLogger("prefect.flow_runs.worker"), logging.getLogger("prefect")
    page, console = _Kept(), _Kept()
    runs = logging.getLogger("prefect.flow_runs")
    monkeypatch.setattr(runs, "handlers", [page])
    above.addHandler(console)
    worker.addFilter(logs._off_the_page)
    try:
        worker.error("Worker submitting")
        runs.error("of somebody's flow")
    finally:
        worker.removeFilter(logs._off_the_page)
        above.removeHandler(console)
    assert page.said == ["of somebody's flow"]
    assert console.said == ["Worker submitting", "of somebody's flow"]


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
