"""The logs of the five processes: every line dated, repeats short, files that cannot grow for ever.

``python -m Modules.stack.logs MODULE …`` is that module in this process, its output dated.

No writer that could die stands between a process and its log: Prefect's streams are dated inside
its process, PostgreSQL and Redis date theirs, all append to files. A log that is big or old is
copied beside itself and emptied; who appends goes on at its new end. Each of Prefect's processes
looks after all the logs of its stack. In a container there are none: the engine rotates.
"""

from __future__ import annotations

import logging
import os
import re
import runpy
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from Modules.disk.run_lock import only_one
from Modules.stack.processes import FOLDER_VARIABLE
from Modules.words.errors import PipelineError, StackError

MAX_BYTES: Final = 5_000_000
MAX_AGE_S: Final = 7 * 86_400
KEPT: Final = 4  # beside each log, as .1 (the newest) to .4
SAME_AGAIN_S: Final = 3600.0  # then a traceback is written out once more
_HOUR: Final = re.compile(r"^\d\d:\d\d:\d\d\.\d{3} \| ")  # as Prefect begins a line
_TRACEBACK: Final = "Traceback (most recent call last):\n"


class Dated(TextIOWrapper):
    """A stream whose lines begin with their moment: local, ISO 8601, with the offset from UTC.

    A traceback that was written within the hour is one line: its error, and since when.
    """

    def __init__(self, handle: int, clock: Callable[[], datetime] = datetime.now) -> None:
        whole = open(handle, "wb", buffering=1 << 20, closefd=False)  # noqa: SIM115
        super().__init__(whole, "utf-8", "backslashreplace", newline="\n", line_buffering=True)
        self._clock, self._turn, self._part = clock, threading.RLock(), ""
        self._known: dict[tuple[str, ...], datetime] = {}

    def write(self, text: str) -> int:
        """Write the lines that are whole; the rest waits for its end."""
        with self._turn:
            now = self._clock().astimezone()
            *lines, self._part = (self._part + self._short(text, now)).split("\n")
            moment = now.isoformat(timespec="milliseconds")
            lines = [_HOUR.sub("", line) for line in lines if line.strip()]
            super().write("".join(f"{moment} {line}\n" for line in lines))
        return len(text)

    def _short(self, text: str, now: datetime) -> str:
        head, found, trace = text.partition(_TRACEBACK)
        lines = [line for line in trace.splitlines() if line.strip(" +-|")]
        frames = tuple(line for line in lines if 'File "' in line)
        since = self._known.get(frames)
        if not found or since is None or (now - since).total_seconds() > SAME_AGAIN_S:
            self._known[frames] = now
            return text
        return f"{head}{lines[-1].strip()} (same traceback as at {since:%H:%M:%S})\n"


def date_streams() -> None:
    """From now on what this process prints is dated."""
    sys.stdout, sys.stderr = Dated(1), Dated(2)


def rotate(folder: Path) -> None:
    """Put aside each log of a folder that is big or old, unless another process is at it."""
    with suppress(PipelineError), only_one(folder / "rotate.lock", lambda: StackError("ocupado")):
        for log in folder.glob("*.log"):
            aside = [log.with_name(f"{log.name}.{number}") for number in range(1, KEPT + 1)]
            with suppress(OSError):
                if not aside[0].exists():
                    aside[0].touch(0o600)  # empty: the age counts from the first look
                size, age_s = log.stat().st_size, time.time() - aside[0].stat().st_mtime
                if size > MAX_BYTES or (size and age_s > MAX_AGE_S):
                    for older, newer in zip(aside[:0:-1], aside[-2::-1], strict=True):
                        newer.replace(older) if newer.exists() else None
                    shutil.copy(log, aside[0])
                    os.truncate(log, 0)


def main() -> None:
    """Become another module, its output dated; see the top of this one."""
    date_streams()
    if folder := os.environ.get(FOLDER_VARIABLE):
        where = (Path(folder) / "logs",)
        threading.Thread(target=_look_after, args=where, name="logs", daemon=True).start()
    for name in ("worker", "runner"):
        logging.getLogger(f"prefect.flow_runs.{name}").addFilter(_off_the_page)
    del sys.argv[0]  # its own name goes in front
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _look_after(folder: Path) -> None:
    while True:
        rotate(folder)
        time.sleep(20)


def _off_the_page(record: logging.LogRecord) -> bool:
    """What the worker says of a run goes to its own log, past the handler of the run's page."""
    logging.getLogger("prefect").callHandlers(record)
    return False


if __name__ == "__main__":
    main()
