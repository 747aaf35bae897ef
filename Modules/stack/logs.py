"""The logs of the five processes: every line dated, repeats short, files that cannot grow for ever.

```text
python -m Modules.stack.logs server start …      Prefect, in this process, its output dated
```

No writer stands between a process and its log, so none can be killed: Prefect's own streams are
dated inside its process, PostgreSQL and Redis date theirs, and all append to a file by themselves.
A log that is big or old is copied beside itself and emptied: whoever appends to it goes on at its
new end. Each of Prefect's processes looks after all the logs of its stack, so that two may die.
In a container there is no such folder: the engine rotates what it is told.
"""

from __future__ import annotations

import logging
import os
import runpy
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from Modules.disk.run_lock import only_one
from Modules.stack.processes import FOLDER_VARIABLE, tail
from Modules.words.errors import PipelineError, StackError

MAX_BYTES: Final = 5_000_000
MAX_AGE_S: Final = 7 * 86_400
KEPT: Final = 4  # beside each log, as .1 (the newest) to .4
LOOK_EVERY_S: Final = 20.0
SAME_AGAIN_S: Final = 3600.0  # then a traceback is written out once more
_MOST_KNOWN: Final = 500
_TRACEBACK: Final = "Traceback (most recent call last):\n"


class Dated(TextIOWrapper):
    """A stream whose lines begin with their moment: local, ISO 8601, with the offset from UTC.

    A traceback that was written within the hour is one line: its error, and since when.
    """

    def __init__(self, handle: int, clock: Callable[[], datetime] | None = None) -> None:
        whole = open(handle, "wb", buffering=1 << 20, closefd=False)  # noqa: SIM115
        super().__init__(whole, "utf-8", "backslashreplace", newline="\n", line_buffering=True)
        self._clock = clock or (lambda: datetime.now().astimezone())
        self._turn, self._part = threading.RLock(), ""
        self._known: dict[tuple[str, ...], datetime] = {}

    def write(self, text: str) -> int:
        """Write the lines that are whole; the rest waits for its end."""
        with self._turn:
            now = self._clock()
            *lines, self._part = (self._part + self._short(text, now)).split("\n")
            moment = now.isoformat(timespec="milliseconds")
            super().write("".join(f"{moment} {line}\n" for line in lines if line.strip()))
        return len(text)

    def _short(self, text: str, now: datetime) -> str:
        head, found, trace = text.partition(_TRACEBACK)
        if not found:
            return text
        lines = [line for line in trace.splitlines() if line.strip(" +-|")]
        frames = tuple(line for line in lines if 'File "' in line)
        since = self._known.get(frames)
        if since is None or (now - since).total_seconds() > SAME_AGAIN_S:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known[frames] = now
            return text
        return f"{head}{lines[-1].strip()} (same traceback as at {since:%H:%M:%S})\n"


def date_streams() -> None:
    """From now on what this process prints is dated."""
    sys.stdout.flush()
    sys.stderr.flush()
    sys.stdout, sys.stderr = Dated(1), Dated(2)


def rotate(folder: Path, now: float | None = None) -> None:
    """Put aside each log of a folder that is big or old; nothing if another process is at it.

    ``now``: seconds since 1970. What the disk refuses is left for the next time.
    """
    with suppress(PipelineError), only_one(folder / "rotate.lock", _at_it):
        for log in folder.glob("*.log"):
            with suppress(OSError):
                if _is_due(log, time.time() if now is None else now):
                    _put_aside(log)


def last_lines(log: Path, lines: int) -> list[str]:
    """The last lines of a log, those put aside last included."""
    now = tail(log, lines)
    return now if len(now) >= lines else [*tail(_aside(log, 1), lines), *now][-lines:]


def follow(
    logs: Mapping[str, Path], wait: Callable[[float], None] = time.sleep
) -> Iterator[tuple[str, str]]:
    """Lines as they are written, each with the name of its log; it never ends by itself."""
    places = {name: log.stat().st_size if log.exists() else 0 for name, log in logs.items()}
    while True:
        for name, log in logs.items():
            with suppress(FileNotFoundError), log.open("rb") as file:
                begun = places[name] if places[name] <= file.seek(0, os.SEEK_END) else 0
                file.seek(begun)
                whole, _, _ = (read := file.read()).rpartition(b"\n")
                places[name] = begun + (len(whole) + 1 if b"\n" in read else 0)
                yield from ((name, line) for line in whole.decode(errors="replace").splitlines())
        wait(0.5)


def main() -> None:
    """Become Prefect with dated output; see the top of this module."""
    date_streams()
    if folder := os.environ.get(FOLDER_VARIABLE):
        where = (Path(folder) / "logs",)
        threading.Thread(target=_look_after, args=where, name="logs", daemon=True).start()
    for name in ("worker", "runner"):
        logging.getLogger(f"prefect.flow_runs.{name}").addFilter(_off_the_page)
    sys.argv[0] = "prefect"
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def _look_after(folder: Path) -> None:
    while True:
        rotate(folder)
        time.sleep(LOOK_EVERY_S)


def _off_the_page(record: logging.LogRecord) -> bool:
    """What the worker says of a run goes to its own log, past the handler of the run's page."""
    logging.getLogger("prefect").callHandlers(record)
    return False


def _is_due(log: Path, now: float) -> bool:
    size, before = log.stat().st_size, _aside(log, 1)
    if not before.exists():
        before.touch(0o600)  # empty: the age counts from the first look
    return size > MAX_BYTES or (size > 0 and now - before.stat().st_mtime > MAX_AGE_S)


def _put_aside(log: Path) -> None:
    for number in range(KEPT, 1, -1):
        with suppress(FileNotFoundError):
            if _aside(log, number - 1).stat().st_size:
                _aside(log, number - 1).replace(_aside(log, number))
    copy = os.open(_aside(log, 1), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(copy, "wb") as aside, log.open("r+b") as file:
        shutil.copyfileobj(file, aside)
        file.truncate(0)


def _aside(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


def _at_it() -> StackError:
    return StackError("otro proceso está rotando los registros")


if __name__ == "__main__":
    main()
