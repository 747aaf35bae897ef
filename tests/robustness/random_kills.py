"""``kill -9`` at random moments of a night: no torn file, no mixed set, the next night heals.

    python -m tests.robustness.random_kills [--short] [--kills N] [--runs N] [--seed N]

The kills fall on the stages of a night in turn, each at a random moment of its stage. The nights
are the plain functions of the flow in a process of their own; ``--runs`` more go through the
command line, ``lindero run backup --test``, Prefect and all.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.robustness.crash_bench import Bench, bench, torn
from tests.robustness.crash_process import KILLED
from tests.robustness.started import start_backup

STAGES = ("fetch", "judge", "keep", "publish", "productos", "keep", "publish", "productos")
KILLS, RUNS = 300, 10
SHORT_KILLS, SHORT_RUNS = 8, 0
DEADLINE_S = 300.0


def kill_nights(place: Bench, count: int, rng: random.Random) -> tuple[Counter[str], list[str]]:
    """Kill so many nights; at which stage each died, and everything that was wrong after it."""
    took = place.second(place.copy(place.root / "measured")).times
    died: Counter[str] = Counter()
    wrong = []
    for number in range(count * 3):
        if died.total() == count:
            break
        stage = STAGES[number % len(STAGES)]
        folder = place.copy(place.root / "killed")
        after_s = rng.uniform(0, 1.2 * took[stage])
        end = place.second(folder, kill=[stage, after_s])
        found = [] if end.how in (KILLED, "0") else [f"ended {end.how}: {end.said[-300:]}"]
        found += torn(folder, place.base)
        found += place.next(folder)
        if end.how == KILLED:
            died[end.stage] += 1
        wrong += [f"kill {number} at {stage} + {after_s:.3f} s: {what}" for what in found]
        shutil.rmtree(folder)
    return died, wrong


def kill_runs(count: int, rng: random.Random) -> tuple[int, list[str]]:
    """Kill so many runs of the command line at a random moment after they hold the lock."""
    folder = Path(tempfile.mkdtemp(prefix="lindero-kills-"))
    killed, wrong = 0, []
    try:
        took = _run(folder, None)[1]
        for number in range(count):
            after_s = rng.uniform(0, took)
            code, _ = _run(folder, after_s)
            killed += code == -signal.SIGKILL
            found = torn(folder, folder / "nothing before")
            if (ended := _run(folder, None)[0]) != 0:
                found.append(f"the next run ended {ended}")
            found += torn(folder, folder / "nothing before")
            wrong += [f"run {number} after {after_s:.1f} s: {what}" for what in found]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return killed, wrong


def _run(folder: Path, kill_after_s: float | None) -> tuple[int, float]:
    """One run of the command line; its exit code, and the seconds since it held the lock."""
    process = start_backup(folder)
    deadline = time.monotonic() + DEADLINE_S
    held = folder / "state" / "test" / "run.json"
    held.unlink(missing_ok=True)  # a killed one's note
    try:
        while not held.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)  # polling a file, bounded by the deadline
        begin = time.monotonic()
        if kill_after_s is not None:
            try:
                process.wait(kill_after_s)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait(DEADLINE_S), time.monotonic() - begin
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever it had started
        process.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was wrong and the figure; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--kills", type=int)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seed", type=int, default=20251120)
    asked = parser.parse_args(argv)
    kills = asked.kills or (SHORT_KILLS if asked.short else KILLS)
    runs = asked.runs if asked.runs is not None else (SHORT_RUNS if asked.short else RUNS)
    rng = random.Random(asked.seed)
    with bench() as place:
        died, wrong = kill_nights(place, kills, rng)
    killed_runs, wrong_runs = kill_runs(runs, rng) if runs else (0, [])
    print(*wrong, *wrong_runs, sep="\n", end="\n" if wrong or wrong_runs else "")
    stages = ", ".join(f"{stage} {count}" for stage, count in sorted(died.items()))
    print(
        f"figure: random_kills {died.total()} nights killed ({stages}) and {killed_runs} of {runs} "
        f"runs of the command line, {len(wrong) + len(wrong_runs)} torn files, mixed sets or "
        f"nights that did not heal (seed {asked.seed})"
    )
    return 1 if wrong or wrong_runs or died.total() < kills else 0


if __name__ == "__main__":
    sys.exit(main())
