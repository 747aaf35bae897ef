"""``kill -9`` before every system call on snapshot and output paths, by ``strace -e inject``.

    python -m tests.robustness.every_syscall [--short] [--most N]

Every call that can change something below the state and the outputs of a night: opening to write,
writing, flushing, renaming, making and removing. After each kill there is no torn file and no
mixed set, and the next night, alone, ends with the very files of a night without a kill.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence

from tests.robustness.crash_bench import Bench, bench, torn
from tests.robustness.crash_process import KILLED
from tests.robustness.syscalls import calls_below, spread, traced, why_not

SHORT = 1  # kills a name of call in the short form


def kill_at(place: Bench, name: str, number: int) -> tuple[bool, list[str]]:
    """Kill a night before this call; whether it was killed, and what was wrong."""
    folder = place.copy(place.root / "killed")
    trace = place.root / "kill.trace"
    end = traced(place, folder, trace, f"trace={name}", f"inject={name}:signal=KILL:when={number}")
    wrong = [] if end.how in (KILLED, "0") else [f"ended {end.how}: {end.said[-300:]}"]
    wrong += torn(folder, place.base)
    wrong += place.next(folder)
    shutil.rmtree(folder)
    return end.how == KILLED, [f"{name} {number} in {end.stage}: {what}" for what in wrong]


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was wrong and the figure; 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--most", type=int, help="kills a name of call; without it: all")
    asked = parser.parse_args(argv)
    if reason := why_not():
        print(f"skipped: every_syscall: {reason}")
        return 0
    killed, wrong = 0, []
    with bench() as place:
        there = calls_below(place)
        chosen = spread(there, asked.most or (SHORT if asked.short else None))
        for name, numbers in chosen.items():
            for number in numbers:
                one, found = kill_at(place, name, number)
                killed += one
                wrong += found
                print(*found, sep="\n", end="\n" if found else "", flush=True)
    of = ", ".join(f"{name} {len(chosen[name])} of {len(there[name])}" for name in sorted(there))
    due = sum(map(len, chosen.values()))
    print(
        f"figure: every_syscall {killed} of {due} calls killed at ({of}), "
        f"{len(wrong)} torn files, mixed sets or nights that did not heal"
    )
    return 1 if wrong or killed < due else 0


if __name__ == "__main__":
    sys.exit(main())
