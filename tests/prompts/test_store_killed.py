"""Processes that use the store killed with -9 at random moments: nothing that was done is lost.

Each writes down what the store answered; after its end all of that must stand, and all of it whole.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from Modules.prompts.store import PromptStore
from tests.prompts.conftest import sqlite_url
from tests.prompts.forked import begun, killed_after
from tests.prompts.made_up import NOW, bundle, call

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
COST = Decimal("0.00000000000000000001")  # no float could hold the sum of many and 1


def churn(url: str, log: Path, seed: int) -> None:
    """Deploy, roll back, accept, claim, record and finish without end; each line is one done."""
    rng, store = random.Random(seed), PromptStore(url)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def done(*words: object) -> None:
        os.write(out, (" ".join(map(str, words)) + "\n").encode())

    worker = f"w{seed}"
    while True:
        env = rng.choice(("dev", "prod"))
        now = datetime.now(UTC)
        told = {"who": worker, "why": str(seed), "now": now}
        done("version", store.deploy(bundle(f"Contar {rng.randrange(5)}"), env, **told).version)
        done("moves", len(store.history()))
        if (moves := store.history("contar", env)) and rng.random() < 0.5:
            store.rollback("contar", env, moves[0].to, **told)
        one, _ = store.accept("contar", env, {}, client="c", key=str(rng.random()), now=now)
        done("accepted", one.id)
        for got in store.claim(worker, now=now, most=3, lease_s=0.0):
            journal = store.journal(got)
            journal.record(call(cost_usd=COST, started_at=now))
            done("call")
            kept = journal.keep("unico", {"n": rng.random()}, "")
            if store.finish(got.id, worker, got.attempt, output=kept, now=now):
                done("finished", got.id, kept["n"])


def whole(store: PromptStore, log: Path) -> None:
    """All that was told as done is there, and nothing is half."""
    told = defaultdict[str, list[list[str]]](list)
    for line in log.read_text().splitlines() if log.exists() else ():
        what, *rest = line.split()
        told[what].append(rest)
    moves, last = store.history(), dict[tuple[str, str], int]()
    assert len(moves) >= max((int(one) for (one,) in told["moves"]), default=0)
    for one in moves:
        assert one.from_ == last.get((one.name, one.env))
        assert one.from_ != one.to
        last[one.name, one.env] = one.to
    for (name, env), version in last.items():
        current = store.current(name, env)
        assert current is not None
        assert current.version == version
    for number in range(1, max((one.to for one in moves), default=0) + 1):
        store.version("contar", number)  # as it was written, and none left out
    assert {int(one) for (one,) in told["version"]} <= {one.to for one in moves}
    for (one,) in told["accepted"]:
        assert store.execution(one, "c") is not None
    for one, number in told["finished"]:
        ended = store.execution(one)
        assert ended is not None
        assert (ended.state, ended.output) == ("completed", {"n": float(number)})
    for row in store.costs(NOW, by="flow"):
        assert row.calls >= len(told["call"])
        assert row.cost_usd == COST * row.calls
        assert row.prompt_tokens == 10 * row.calls


def round_s(url: str, log: Path, work: Callable[[], None]) -> float:
    """How long one round takes on this machine now, from the birth of its process."""
    start, (pid, out) = time.monotonic(), begun(work)
    while not (log.exists() and "finished" in log.read_text()):
        time.sleep(0.002)
    took = time.monotonic() - start
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(out)
    return took


def play(url: str, log: Path, kills: int) -> None:
    rng, most_s = random.Random(kills), 2 * round_s(url, log, lambda: churn(url, log, 0))
    for seed in range(kills):
        killed_after(rng.uniform(0.0, most_s), lambda seed=seed: churn(url, log, seed))
        if seed % 20 == 19:
            whole(PromptStore(url), log)
    whole(PromptStore(url), log)
    said = Counter(line.split()[0] for line in log.read_text().splitlines())
    assert said["finished"] > kills // 4, said  # they had time to do something


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_kills_leave_history_versions_and_costs_whole(
    made: Path, tmp_path: Path, kills: int
) -> None:
    play(sqlite_url(made, tmp_path), tmp_path / "log", kills)


def test_kills_leave_a_postgresql_whole(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    play(request.getfixturevalue("postgres").database(), tmp_path / "log", 20)


def test_a_kill_while_the_database_is_made_leaves_none_or_all(tmp_path: Path) -> None:
    rng = random.Random(15)
    for number in range(10):
        url = f"sqlite:///{tmp_path}/{number}.sqlite3"
        killed_after(rng.uniform(0.0, 0.25), lambda url=url: PromptStore(url).history())
        assert PromptStore(url).history() == []
