"""Ten starts of the same run at once: one runs, nine end with exit code 3 within two seconds.

    python -m tests.robustness.ten_starts [--short] [--rounds N] [--limit S]

Real ``lindero run backup --test`` processes, started together. Of a round there must be one that
runs, and holds the lock while the nine end. How long the nine took is counted from the moment when
the one held the lock; the whole time from their start, most of which Python spends on loading ten
times the same on the processors that there are, is printed beside it. The first round of the full
form is left to run to its end; in the others the one is killed by SIGKILL when the nine are gone,
so that every round also shows that the lock of a killed run is free.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.robustness.started import start_backup

STARTS = 10
ROUNDS = 50
LIMIT_S = 2.0
LOCKED = 3
DEADLINE_S = 300
RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Round:
    """One round: what became of each start, and how long the refused ones took."""

    ends: tuple[str, ...]  # "3", "running", or whatever else came out
    after_lock_s: tuple[float, ...]
    from_start_s: tuple[float, ...]
    holder_runs: bool
    finished: int | None = None  # exit code of the one, if it was left to run

    def right(self, limit_s: float) -> bool:
        """Whether it was as it must be."""
        expected = [str(LOCKED)] * (STARTS - 1) + [RUNNING]
        return (
            sorted(self.ends) == expected
            and self.holder_runs
            and max(self.after_lock_s) <= limit_s
            and self.finished in (None, 0)
        )


def play(folder: Path, *, to_the_end: bool) -> Round:
    """Start ten, wait until nine are gone, and end the tenth."""
    lock = folder / "state" / "test" / "run.json"
    begun = time.time()
    processes = [start_backup(folder) for _ in range(STARTS)]
    ended: dict[int, float] = {}
    held: float | None = None
    deadline = time.monotonic() + DEADLINE_S
    try:
        while len(ended) < STARTS - 1 and time.monotonic() < deadline:
            held = held or _since(lock)
            for at, process in enumerate(processes):
                if at not in ended and process.poll() is not None:
                    ended[at] = time.time()
            time.sleep(0.005)  # polling processes, bounded by the deadline above
        held = held or _since(lock) or begun
        running = [process for process in processes if process.poll() is None]
        ends = tuple(
            RUNNING if process.poll() is None else str(process.returncode) for process in processes
        )
        holder_runs = _holder(lock) in {process.pid for process in running}
        finished = running[0].wait(DEADLINE_S) if to_the_end and running else None
        return Round(
            ends=ends,
            after_lock_s=tuple(at - held for at in ended.values()) or (DEADLINE_S,),
            from_start_s=tuple(at - begun for at in ended.values()) or (DEADLINE_S,),
            holder_runs=holder_runs,
            finished=finished,
        )
    finally:
        for process in processes:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the process and to whatever it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _since(lock: Path) -> float | None:
    try:
        return lock.stat().st_mtime
    except OSError:
        return None


def _holder(lock: Path) -> int | None:
    try:
        return int(json.loads(lock.read_bytes())["pid"])
    except (OSError, ValueError, KeyError):
        return None


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figure; 0 if it was reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--limit", type=float, default=LIMIT_S)
    asked = parser.parse_args(argv)
    count = asked.rounds or (2 if asked.short else ROUNDS)
    folder = Path(tempfile.mkdtemp(prefix="lindero-starts-"))
    rounds = []
    try:
        for number in range(count):
            one = play(folder, to_the_end=number == 0 and not asked.short)
            rounds.append(one)
            (folder / "state" / "test" / "run.json").unlink(missing_ok=True)  # a killed one's note
            if not one.right(asked.limit):
                print(f"round {number + 1}: {one}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    wrong = sum(not one.right(asked.limit) for one in rounds)
    after = [seconds for one in rounds for seconds in one.after_lock_s]
    start = [seconds for one in rounds for seconds in one.from_start_s]
    print(
        f"figure: ten starts: {count} rounds, {wrong} wrong; the nine ended after the one held the "
        f"lock: {_spread(after)}; from their start: {_spread(start)} ({os.cpu_count()} processors)"
    )
    return 1 if wrong else 0


def _spread(seconds: Sequence[float]) -> str:
    ranked = sorted(seconds)
    high = ranked[int(0.95 * (len(ranked) - 1))]
    return f"median {statistics.median(ranked):.2f} s, 95 % {high:.2f} s, most {ranked[-1]:.2f} s"


if __name__ == "__main__":
    sys.exit(main())
