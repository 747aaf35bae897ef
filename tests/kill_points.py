"""A process that is killed on purpose: at the n-th file event, or when a file grows past a size.

``python -m tests.kill_points`` reads one JSON order a line, forks a child that does the job, and
answers with one line when that child is gone: "killed" or "done". The child kills itself with
SIGKILL from an audit hook (opening to write, renaming, removing, making a folder, below the
watched path), or the kernel kills it in the middle of a write (RLIMIT_FSIZE, SIGXFSZ). Nothing
cleans up.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


class Killer:
    """The test's end of the process: one order, one answer."""

    def __init__(self, process: subprocess.Popen[str]):
        self._process = process

    def run(self, **order: Any) -> str:
        """Do a job in a child that may be killed; how it ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer in ("killed", "done"), answer
        return answer


@contextmanager
def killer() -> Iterator[Killer]:
    """Start the process that forks; it ends when its input does."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here: kills are tried on POSIX only")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.kill_points"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Killer(process)
        assert process.stdin is not None
        process.stdin.close()


def _publish(order: dict[str, Any]) -> None:
    from Modules.disk.publish import publish_files

    built = {name: Path(path) for name, path in order["built"].items()}
    publish_files(built, Path(order["watch"]), snapshot_id="new", now=datetime.now(UTC))


def _night(order: dict[str, Any]) -> None:
    from Modules.store.snapshots import SnapshotStore
    from tests.sample_tables import NOW, SEASON, fetched, tables

    store = SnapshotStore(Path(order["watch"]))
    draft = store.draft(SEASON, NOW)
    draft.write_pages(fetched())
    draft.write_tables(tables(order["rows"]))
    facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}}
    store.keep(draft, verdict={}, accepted=order["accepted"], facts=facts)


def _accept(order: dict[str, Any]) -> None:
    from Modules.store.snapshots import SnapshotStore
    from tests.sample_tables import NOW

    store = SnapshotStore(Path(order["watch"]))
    store.accept(order["id"], reason="prueba", who="tests", now=NOW)


def _prune(order: dict[str, Any]) -> None:
    from Modules.store.prune import fichas, prune
    from Modules.store.retention import Linea, PrunePlan
    from Modules.store.snapshots import SnapshotStore
    from tests.sample_tables import NOW

    store = SnapshotStore(Path(order["watch"]) / "store")
    there = {str(one.id): one for one in fichas(store, lambda _: True)}
    gone = tuple(Linea(there[name], "prueba") for name in order["ids"] if name in there)
    prune(store, PrunePlan(gone), Path(order["watch"]) / "copies", NOW)


JOBS = {"publish": _publish, "night": _night, "accept": _accept, "prune": _prune}


def _arm(order: dict[str, Any]) -> None:
    watch = os.fspath(order["watch"])
    left = [order.get("event", -1)]

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event not in EVENTS or not args or not str(args[0]).startswith(watch):
            return
        if event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR):
            return
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    if "bytes" in order:
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["bytes"], order["bytes"]))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def main() -> None:
    import Modules.disk.publish
    import Modules.store.snapshots  # noqa: F401
    import tests.sample_tables  # noqa: F401  everything is imported before the first fork

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _arm(order)
            JOBS[order["job"]](order)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXFSZ)
        print("killed" if killed else "done" if status == 0 else f"status {status}", flush=True)


if __name__ == "__main__":
    main()
