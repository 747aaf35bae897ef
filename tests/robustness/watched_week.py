"""A week of nights on the real five processes, an outage in each, and who was told what, and when.

    python -m tests.robustness.watched_week [--nights N] [--seed S] [--only KIND]

Shortened: a night is not at 03:00 but due eight seconds after a schedule of its own is made, so a
week takes half an hour; the demo portal is small, and falls silent while the outage is made. All
else is real: the scheduler makes the run, the worker takes it, the watch beside both judges it each
thirty seconds, and people are a webhook that writes down when it was posted to. A person is played
where one is needed: five minutes after an outage that nobody mends it is ``lindero stack up``.

A night that died, failed or was late must be told within five minutes of the outage; a good one, of
which nobody was told before, must not be told of. Each run must come to one final state. Ends with
1 where that is not so.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from tests.stack.plataforma import FINAL, Plataforma, new_plataforma, scheduled_night
from tests.stack.silence import Silenced, silent_portal

TOLD_WITHIN_S = 300
REDIS_AWAY_S = 100


@dataclass
class Night:
    """What was done to a night, and what came of it."""

    kind: str
    outage: float = 0.0
    ends: list[str] = field(default_factory=list)
    told: list[tuple[float, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One line for the table."""
        said = "; ".join(f"{at:.0f} s: {text}" for at, text in self.told) or "nobody"
        return f"{self.kind}: runs {', '.join(self.ends)}; told {said}; {self.wrong or 'right'}"


def flow_of(stack: Plataforma) -> Iterator[psutil.Process]:
    """The processes of runs below the worker."""
    for process in psutil.Process(stack.process("worker").pid).children(recursive=True):
        if "prefect.engine" in " ".join(process.cmdline()):
            yield process


def nothing(_stack: Plataforma) -> None:
    """A good night."""


def flow_killed(stack: Plataforma) -> None:
    """The run alone, as a lack of memory does."""
    for process in flow_of(stack):
        process.kill()


def worker_killed(stack: Plataforma) -> None:
    """The worker alone: the night must go on."""
    stack.kill("worker")


def both_killed(stack: Plataforma) -> None:
    """Worker and run."""
    flows = list(flow_of(stack))
    stack.kill("worker")
    for process in flows:
        process.kill()


def redis_away(stack: Plataforma) -> None:
    """Redis, for longer than three of Prefect's heartbeats."""
    _away(stack, "redis", REDIS_AWAY_S)


def postgres_away(stack: Plataforma) -> None:
    """PostgreSQL, for a minute."""
    _away(stack, "postgres", 60)


def services_killed(stack: Plataforma) -> None:
    """The scheduler; its night is under way."""
    stack.kill("services")


def _away(stack: Plataforma, name: str, seconds: float) -> None:
    stack.stack.stop(name)
    time.sleep(seconds)
    stack.stack.start(name)


OUTAGES: dict[str, Callable[[Plataforma], None]] = {
    one.__name__: one
    for one in (
        *(nothing, flow_killed, worker_killed, both_killed),
        *(redis_away, postgres_away, services_killed),
    )
}
DIES = ("flow_killed", "both_killed")  # of them the first run
TOLD = (*DIES, "worker_killed", "services_killed")  # of what nobody mends, or what died


@contextmanager
def _living(stack: Plataforma, portal: Silenced) -> Iterator[Callable[[], list[str]]]:
    """A night that asks a portal which does not answer yet."""
    portal.fall_silent()
    with scheduled_night(stack, {}) as runs:
        stack.await_that(lambda: any(map(stack.fetches, runs())), "the night begins", 180)
        yield runs


def play(stack: Plataforma, portal: Silenced, kind: str) -> Night:
    """One night with its outage, and five minutes after it, or as soon as all is said."""
    night = Night(kind)
    seen = len(stack.hook.bodies)
    with _living(stack, portal) as runs:
        night.outage = begun = time.monotonic()
        OUTAGES[kind](stack)
        portal.speak()
        mended = not (kind in TOLD and kind != "flow_killed")
        while True:
            for body in stack.hook.bodies[seen + len(night.told) :]:
                text = " ".join(body["text"].split())
                night.told.append((time.monotonic() - begun, text[:160]))
            states = _states(stack, runs)
            over = states and all(one in FINAL for one in states) and states[-1] == "COMPLETED"
            alarms = [one for one in night.told if "Ya está bien" not in one[1]]
            if alarms and not mended:
                stack.up()
                mended = True
            late = time.monotonic() - begun > TOLD_WITHIN_S
            if late and not mended:
                stack.up()
                mended = True
            if (
                over and mended and (bool(alarms) or kind not in TOLD) and _quiet(night, begun)
            ) or (time.monotonic() - begun > 3 * TOLD_WITHIN_S):
                break
            time.sleep(1)
        night.ends = _states(stack, runs)
        _judge(stack, night, runs())
    return night


def _quiet(night: Night, begun: float) -> bool:
    """Whether two minutes and a half passed in which a good end could be told."""
    return time.monotonic() - begun > 60 + (120 if night.told else 30)


def _states(stack: Plataforma, runs: Callable[[], Sequence[str]]) -> list[str]:
    try:
        found = [stack.get(f"flow_runs/{one}") for one in runs()]
    except (AssertionError, OSError):  # the server is away with its database
        return []
    return [one["state"]["type"] for one in sorted(found, key=lambda one: one["created"])]


def _judge(stack: Plataforma, night: Night, runs: Sequence[str]) -> None:
    alarms = [at for at, text in night.told if "Ya está bien" not in text]
    expected = ["CRASHED", "COMPLETED"] if night.kind in DIES else ["COMPLETED"]
    if night.ends != expected:
        night.wrong.append(f"runs must be {expected}")
    if night.kind in TOLD and (not alarms or alarms[0] > TOLD_WITHIN_S):
        night.wrong.append("not told in time")
    if night.kind == "nothing" and night.told:
        night.wrong.append("an alarm on a good night")
    for run in runs:
        history = stack.get(f"flow_run_states/?flow_run_id={run}")
        if sum(one["type"] in FINAL for one in history) != 1:
            night.wrong.append(f"final states of {run}: {[one['type'] for one in history]}")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the week; 0 if every night was right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=7)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--only", choices=sorted(OUTAGES))
    asked = parser.parse_args(argv)
    rng = random.Random(asked.seed)
    kinds = rng.sample(sorted(OUTAGES), len(OUTAGES))
    wrong = 0
    # the portal is the stack's own: what a schedule alone is told, ``stack up`` takes back
    with silent_portal() as portal, new_plataforma(portal.env) as stack:
        stack.up()
        for number in range(asked.nights):
            kind = asked.only or kinds[number % len(kinds)]
            night = play(stack, portal, kind)
            wrong += bool(night.wrong)
            print(f"night {number + 1}: {night.line()}", flush=True)
            stack.up()
    print(f"figure: a watched week: {asked.nights} nights, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
