"""Outages of the five processes of ``lindero stack``, and what ``lindero stack up`` makes of them.

    python -m tests.robustness.stack_outages [--short] [--rounds N] [--only WORD]

Real processes, ten rounds of each outage (``--short``: one). In every round the platform is well,
something happens to it, and ``up`` is typed. Then all five must do their work, what the outage left
well must be the process it was before, nothing may run twice, and where Redis was away the rounds
of the scheduler must be back within a minute. Printed: how long ``up`` took, and which processes
are other ones than before.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import psutil

from Modules.stack.local import FULL, RUN_NAME
from tests.stack.plataforma import Plataforma, new_plataforma
from tests.stack.rounds import rounds_late_s

AWAY_S = 30
ROUNDS_BACK_S = 60  # a round that was under way: 30 s, a sweep each 9 s, and its own interval
LIMIT_S = 200


@dataclass(frozen=True, slots=True)
class Outage:
    """What happens, and which processes it may cost."""

    name: str
    happens: Callable[[Plataforma], None]
    costs: tuple[str, ...] = ()


def kill(name: str, plataforma: Plataforma) -> None:
    """End a process as a lack of memory would."""
    plataforma.kill(name)


def stop(name: str, plataforma: Plataforma) -> None:
    """End a process cleanly."""
    plataforma.stack.stop(name)


def freeze(name: str, plataforma: Plataforma) -> None:
    """Stop a process where it stands, and let it go on."""
    process = psutil.Process(plataforma.process(name).pid)
    process.suspend()
    time.sleep(10)
    process.resume()


def away(name: str, plataforma: Plataforma) -> None:
    """Take a store away for a while; it comes back by itself."""
    plataforma.stack.stop(name)
    time.sleep(AWAY_S)
    plataforma.stack.start(name)


def kill_all(plataforma: Plataforma) -> None:
    """A machine that loses its power, but for the files."""
    for name in FULL:
        plataforma.kill(name)


def lose_note(plataforma: Plataforma) -> None:
    """The note of what runs is gone."""
    (plataforma.stack.folder / RUN_NAME).unlink()


def garble_note(plataforma: Plataforma) -> None:
    """The note of what runs is half of one."""
    note = plataforma.stack.folder / RUN_NAME
    note.write_bytes(note.read_bytes()[: note.stat().st_size // 2])


OUTAGES = (
    *(Outage(f"kill -9 {name}", partial(kill, name), (name,)) for name in FULL),
    *(Outage(f"SIGSTOP {name} 10 s", partial(freeze, name)) for name in FULL),
    *(Outage(f"stop {name}", partial(stop, name), (name,)) for name in FULL),
    *(Outage(f"{name} away {AWAY_S} s", partial(away, name), (name,)) for name in FULL[:2]),
    Outage("kill -9 all", kill_all, FULL),
    Outage("run.json lost", lose_note),
    Outage("run.json garbled", garble_note),
)


def faults(
    plataforma: Plataforma, outage: Outage, before: dict[str, int], took_s: float
) -> list[str]:
    """What is not as it must be after ``up``."""
    after = {running.name: running.pid for running in plataforma.stack.alive()}
    found = [
        f"{name} is ill: {health.text}"
        for name in FULL
        if not (health := plataforma.stack.health(name)).ok
    ]
    found += [
        f"{name} was replaced"
        for name in FULL
        if name not in outage.costs and after.get(name) != before[name]
    ]
    twice = [line for line, times in Counter(plataforma.strays()).items() if times > 1]
    found += [f"runs twice: {line}" for line in twice]
    if took_s > LIMIT_S:
        found.append(f"up took {took_s:.0f} s")
    return found


def rounds_back_s(plataforma: Plataforma) -> float:
    """How long until the rounds of the scheduler come again: none is more than ten seconds late.

    The shorter of them comes every five seconds, so that one look at once would see nothing.
    """
    begun = time.monotonic()
    time.sleep(12)
    while time.monotonic() - begun < 330 and max(rounds_late_s(plataforma.stack.settings)) > 10:
        time.sleep(0.5)
    return time.monotonic() - begun - 12


def play(plataforma: Plataforma, outage: Outage) -> tuple[float, float, list[str]]:
    """One round: seconds of ``up``, seconds until the scheduler's rounds, and what was wrong."""
    before = {running.name: running.pid for running in plataforma.stack.alive()}
    outage.happens(plataforma)
    begun = time.monotonic()
    done = plataforma.lindero("stack", "up")
    took_s = time.monotonic() - begun
    wrong = faults(plataforma, outage, before, took_s)
    if done.returncode:
        wrong.append(f"up: {done.returncode} {done.stderr[-300:]}")
    back_s = rounds_back_s(plataforma)
    if back_s > ROUNDS_BACK_S:
        wrong.append(f"the rounds came back after {back_s:.0f} s")
    return took_s, back_s, wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    options = argparse.ArgumentParser(prog="stack_outages")
    options.add_argument("--short", action="store_true")
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--only", default="")
    told = options.parse_args(argv)
    missed = 0
    with new_plataforma() as plataforma:
        plataforma.up()
        for outage in OUTAGES:
            if told.only not in outage.name:
                continue
            played = [play(plataforma, outage) for _ in range(1 if told.short else told.rounds)]
            wrong = [line for _, _, lines in played for line in lines]
            missed += bool(wrong)
            ups, backs = ([one[k] for one in played] for k in (0, 1))
            print(
                f"{outage.name}: {len(played)} rounds, up {statistics.median(ups):.0f} s "
                f"(at most {max(ups):.0f}), rounds back {max(backs):.0f} s, "
                f"wrong: {wrong or 'none'}",
                flush=True,
            )
    print(f"figure: {len(OUTAGES)} outages, {missed} went wrong")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
