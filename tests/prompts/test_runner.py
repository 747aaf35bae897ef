"""The runner over a real store: what it does, what it leaves to others, and what ends it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from Modules.prompts.calls.asking import Ask, CallRecord, Reply
from Modules.prompts.serve.runner import Runner
from Modules.prompts.store import Execution, PromptStore
from Modules.words.errors import PromptFailed, StoreUnavailable
from tests.prompts.conftest import sqlite_url
from tests.prompts.made_up import call
from tests.prompts.serving import bundle, deploy

Answer = Callable[[Ask], Awaitable[Any]]


class Model:
    """A caller that answers as the test says; ``asked`` are the prompts."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.asked = answer, list[Ask]()

    async def __call__(
        self, ask: Ask, *, record: Callable[[CallRecord], None], allow: Callable[[], None]
    ) -> Reply:
        await asyncio.to_thread(allow)
        self.asked.append(ask)
        return Reply(output=await self.answer(ask), raw="")


async def counted(ask: Ask) -> Any:
    return {"n": f"{ask.step} de {ask.prompt.split(':')[0]}"}


@pytest.fixture
def store(made: Path, tmp_path: Path) -> PromptStore:
    one = PromptStore(sqlite_url(made, tmp_path))
    deploy(one, bundle(tmp_path / "prompts"))
    return one


def accepted(store: PromptStore, text: str = "hola") -> Execution:
    one, created = store.accept(
        "cuenta", "prod", {"texto": text}, client="c", key=None, now=datetime.now(UTC)
    )
    assert created
    return one


def found(store: PromptStore, one: Execution) -> Execution:
    now = store.execution(one.id, "c")
    assert now is not None
    return now


def run(store: PromptStore, model: Any, **more: Any) -> Any:
    told = {"worker": "w", "idle_s": 0.1, "poll_s": 0.02, "lease_s": 5.0, **more}
    return asyncio.run(Runner(store, model, **told).drain())


def test_what_waits_is_done_and_the_runner_ends(store: PromptStore) -> None:
    ones = [accepted(store) for _ in range(3)]

    assert run(store, Model(counted)) == {"completed": 3}

    for one in ones:
        done = found(store, one)
        assert (done.state, done.attempt) == ("completed", 1)
        assert done.output == {"uno": "uno de Contar", "dos": "dos de Contar"}
    assert store.waiting(datetime.now(UTC)) == 0


def test_an_execution_keeps_the_version_it_was_accepted_with(
    store: PromptStore, tmp_path: Path
) -> None:
    before = accepted(store)
    deploy(store, bundle(tmp_path / "otra", prompt="Sumar"))
    after = accepted(store)

    run(store, Model(counted))

    done = [found(store, one) for one in (before, after)]
    assert [(one.version, one.output["uno"]) for one in done] == [
        (1, "uno de Contar"),
        (2, "uno de Sumar"),
    ]


def test_many_are_done_at_a_time_and_no_more_than_told(store: PromptStore) -> None:
    most, now = 0, 0

    async def slow(ask: Ask) -> Any:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.1)
        now -= 1
        return {"n": "1"}

    for _ in range(12):
        accepted(store)
    begun = time.monotonic()
    assert run(store, Model(slow), most=6) == {"completed": 12}
    assert most == 6
    assert time.monotonic() - begun < 12 * 0.2  # one after another it would be more


def test_a_failure_is_told_with_its_cause_and_text(store: PromptStore) -> None:
    async def bad(ask: Ask) -> Any:
        raise PromptFailed("no cumple el esquema", cause="schema", step=ask.step, raw="hola")

    one = accepted(store)
    assert run(store, Model(bad)) == {"failed": 1}
    failure = found(store, one).failure
    assert failure is not None
    assert (failure.cause, failure.step, failure.raw) == ("schema", "uno", "hola")


def test_a_fault_of_ours_fails_one_and_not_the_others(store: PromptStore) -> None:
    async def faulty(ask: Ask) -> Any:
        if "canario" in ask.prompt:
            raise ZeroDivisionError("canario")
        return {"n": "1"}

    bad, good = accepted(store, "canario"), accepted(store)
    assert run(store, Model(faulty)) == {"failed": 1, "completed": 1}
    failure = found(store, bad).failure
    assert failure is not None
    assert failure.cause == "fault"
    assert "ZeroDivisionError" in str(failure.message)
    assert "canario" not in str(failure.message)
    assert found(store, good).state == "completed"


def test_what_is_cancelled_while_it_runs_ends_soon_and_stays_cancelled(store: PromptStore) -> None:
    one = accepted(store)

    async def endless(ask: Ask) -> Any:
        await asyncio.to_thread(store.cancel, one.id, "c", datetime.now(UTC))
        await asyncio.sleep(60)

    begun = time.monotonic()
    assert run(store, Model(endless), lease_s=0.3) == {"gone": 1}
    assert time.monotonic() - begun < 5
    assert found(store, one).state == "cancelled"


def test_what_a_dead_runner_held_is_done_by_the_next_with_the_outputs_it_left(
    store: PromptStore,
) -> None:
    """The second step of the first runner never ends: it is killed, as its event loop is here."""
    one = accepted(store)

    async def half(ask: Ask) -> Any:
        if ask.step == "dos":
            await asyncio.sleep(60)
        return {"n": "del primero"}

    async def killed() -> None:
        task = asyncio.create_task(
            Runner(store, Model(half), "muerto", lease_s=0.4, poll_s=0.02).drain()
        )
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(killed())
    assert found(store, one).state == "running"
    model = Model(counted)
    assert run(store, model, idle_s=1.0) == {"completed": 1}
    done = found(store, one)
    assert done.output == {"uno": "del primero", "dos": "dos de Contar"}
    assert done.attempt == 2
    assert [ask.step for ask in model.asked] == ["dos"]


def test_a_runner_that_was_thought_dead_changes_nothing_when_it_comes_back(
    store: PromptStore,
) -> None:
    one = accepted(store)
    (held,) = store.claim("lento", now=datetime.now(UTC), most=1, lease_s=0.0)
    assert run(store, Model(counted)) == {"completed": 1}
    late = {"uno": "tarde", "dos": "tarde"}
    assert not store.finish(held.id, "lento", held.attempt, output=late, now=datetime.now(UTC))
    assert found(store, one).output["uno"] == "uno de Contar"


def test_a_store_that_is_away_is_waited_for(
    store: PromptStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = accepted(store)
    away = threading.Event()

    def sometimes(name: str) -> None:
        real = getattr(store, name)

        def asked(*args: Any, **kwargs: Any) -> Any:
            if away.is_set():
                raise StoreUnavailable("la base no contesta")
            return real(*args, **kwargs)

        monkeypatch.setattr(store, name, asked)

    for name in ("claim", "beat", "finish"):
        sometimes(name)

    async def slow(ask: Ask) -> Any:
        if ask.step == "dos":
            away.set()
            threading.Timer(0.4, away.clear).start()
        return {"n": "1"}

    assert run(store, Model(slow), idle_s=0.6) == {"completed": 1}
    assert found(store, one).state == "completed"


def test_what_a_model_was_paid_for_is_kept_when_the_store_comes_back(
    store: PromptStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost and the output of a call that was answered while the store was away."""
    away = {"record": 3, "keep": 3}
    real = store.journal

    class Away:
        def __init__(self, one: Execution) -> None:
            self.journal = real(one)

        def __getattr__(self, name: str) -> Callable[..., Any]:
            def ask(*told: Any) -> Any:
                away[name] = away.get(name, 0) - 1
                if away[name] >= 0:
                    raise StoreUnavailable("la base no contesta")
                return getattr(self.journal, name)(*told)

            return ask

    class Paid(Model):
        async def __call__(self, ask: Ask, *, record: Any, allow: Any) -> Reply:
            reply = await super().__call__(ask, record=record, allow=allow)
            await asyncio.to_thread(record, call(step=ask.step, started_at=datetime.now(UTC)))
            return reply

    monkeypatch.setattr(store, "journal", Away)
    accepted(store)
    model = Paid(counted)
    assert run(store, model) == {"completed": 1}
    assert [ask.step for ask in model.asked] == ["uno", "dos"]
    (row,) = store.costs(datetime(2026, 1, 1, tzinfo=UTC), by="flow")
    assert (row.calls, str(row.cost_usd)) == (2, "0.002")


def test_a_store_that_stays_away_ends_the_runner(
    store: PromptStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("la base no contesta")

    monkeypatch.setattr(store, "claim", away)
    monkeypatch.setattr("Modules.prompts.serve.runner.PATIENCE_S", 0.2)
    with pytest.raises(StoreUnavailable):
        run(store, Model(counted), idle_s=60)


def test_whoever_watches_sees_each_execution_and_how_it_ended(store: PromptStore) -> None:
    seen = []

    async def around(one: Execution, work: Callable[[], Awaitable[str]]) -> str:
        ended = await work()
        seen.append((one.id, ended))
        return ended

    one = accepted(store)
    run(store, Model(counted), around=around)
    assert seen == [(one.id, "completed")]


def test_a_fault_around_one_leaves_it_for_another(store: PromptStore) -> None:
    async def broken(_one: Execution, _work: Callable[[], Awaitable[str]]) -> str:
        raise RuntimeError("Prefect")

    one = accepted(store)
    assert run(store, Model(counted), around=broken, lease_s=0.2, idle_s=0.05) == {"fault": 1}
    assert found(store, one).state == "running"
    assert run(store, Model(counted), idle_s=0.5) == {"completed": 1}
