"""What this process asks itself (run, evaluate, a report) is priced, and counts for the month."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from Modules.prompts.calls.engine import MemoryJournal, run_bundle
from Modules.prompts.calls.model_caller import ModelCaller
from Modules.prompts.files.bundle import Bundle
from Modules.prompts.judging.evaluate import evaluate
from Modules.prompts.store import ExecutionFinished, PromptStore
from Modules.words.errors import BudgetSpent, PromptFailed
from tests.prompts.made_up import bundle, call
from tests.prompts.openai_server import Fake, Say
from tests.prompts.test_judging import COST, Chance, cases_of


def test_it_is_an_execution_of_its_version_that_nobody_else_does(store: PromptStore) -> None:
    now = datetime.now(UTC)
    with store.here(bundle(), "dev", {"a": 1}, client="(run)") as here:
        here.journal.record(call(started_at=now))
        assert store.claim("w", now=now, most=9, lease_s=1) == []
        assert (store.waiting(now), here.execution.state) == (0, "running")
        here.output = {"b": None}
    one = store.execution(here.execution.id)
    assert one is not None
    assert (one.state, one.version, one.input, one.output) == (
        "completed",
        1,
        {"a": 1},
        here.output,
    )
    assert (store.current("contar", "dev"), store.history()) == (None, [])
    done = store.deploy(bundle(), "prod", who="ana", why="", now=now)
    assert (done.version, done.new, done.moved) == (1, False, True)
    (row,) = store.costs(now - timedelta(seconds=1), by="client")
    assert (row.key, row.executions, row.cost_usd) == ("(run)", 1, Decimal("0.001"))


def test_however_it_ends_it_says_so(store: PromptStore) -> None:
    for error, state in ((PromptFailed("no", "schema", "unico", "x"), "failed"),
                         (KeyboardInterrupt(), "cancelled")):  # fmt: skip
        with pytest.raises(type(error)), store.here(bundle(), "dev", {}, client="(run)") as here:
            raise error
        one = store.execution(here.execution.id)
        assert one is not None
        assert (one.state, one.failure and one.failure.cause) == (
            (state, "schema") if state == "failed" else (state, None)
        )
    block = store.here(bundle(), "dev", {}, client="(run)")
    killed = block.__enter__()
    later = datetime.now(UTC) + timedelta(days=1, seconds=1)
    assert store.claim("w", now=later, most=9, lease_s=1) == []
    one = store.execution(killed.execution.id)
    assert one is not None
    assert one.failure is not None
    assert (one.state, one.failure.cause) == ("failed", "worker_lost")
    with pytest.raises(ExecutionFinished):  # it was not killed after all: what has ended stays
        block.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)


def limited(month: str) -> Bundle:
    found = bundle().content
    found["models"]["budget_month_usd"] = month
    found["tasks"]["contar"]["output"] = {"type": "object"}
    return Bundle.of_content(found)


def test_a_month_is_spent_by_all_that_ask(made: Path, tmp_path: Path) -> None:
    store = PromptStore(f"sqlite:///{tmp_path / 'prompts.sqlite3'}")
    with store.here(bundle(), "prod", {}, client="(informe)") as here:
        here.journal.record(call(started_at=datetime.now(UTC), cost_usd=100 * COST))
    rng, evals = random.Random(1), cases_of(2)
    evals = [evals[0].model_copy(update={"of": "contar"})]

    def held(month: Decimal) -> tuple[Decimal, Any]:
        """What an evaluation of 2 × 2 × 10 runs spends under a budget, and how it ends."""
        one, failed = limited(str(month)), None
        with store.here(one, "dev", {}, client="(evaluate)") as here:
            books = (here.journal, here.journal)
            try:
                asyncio.run(
                    evaluate(one, one, evals, lambda _: Chance(rng, 1.0), env="dev", repeat=10,
                             books=books)
                )  # fmt: skip
            except BudgetSpent as err:
                failed = err
        return here.journal.spent_run(), failed

    spent, failed = held(105 * COST)
    assert spent == 5 * COST, "the sixth is not asked"
    assert failed is not None
    assert "del mes" in str(failed)
    assert held(1000 * COST) == (40 * COST, None)


def test_twenty_calls_are_told_as_a_hand_calculates_them(made: Path, tmp_path: Path) -> None:
    """Over HTTP, through the engine, the database and the sum: 12 as told, 8 by a price."""
    store = PromptStore(f"sqlite:///{tmp_path / 'prompts.sqlite3'}")
    told = [
        Say("{}", usage={"prompt_tokens": 1000 * n, "completion_tokens": 10, "cost": 0.00012})
        for n in range(12)
    ]
    told += [Say("{}", usage={"prompt_tokens": 333 * n, "completion_tokens": 7}) for n in range(8)]
    with Fake(told) as model:
        content = limited("5").content
        content["models"]["providers"]["aqui"]["base_url"] = model.url
        content["models"]["models"]["chico"]["price"] = {"input": "0.15", "output": "0.60"}
        one = Bundle.of_content(content)

        async def go() -> None:
            async with ModelCaller() as caller:
                for _ in range(20):
                    with store.here(one, "prod", {}, client="(run)") as here:
                        await run_bundle(
                            one, {}, env="prod", caller=caller,
                            journal=MemoryJournal(here.journal),
                        )  # fmt: skip

        asyncio.run(go())
    (row,) = store.costs(datetime.now(UTC) - timedelta(minutes=5), by="model")
    # 12 × 0,00012; 333 × 28 × 0,15 and 56 × 0,60 by the million
    assert row.cost_usd == Decimal("0.00144") + Decimal("0.0013986") + Decimal("0.0000336")
    assert (row.calls, row.unknown_costs, row.prompt_tokens) == (20, 0, 66_000 + 9_324)
