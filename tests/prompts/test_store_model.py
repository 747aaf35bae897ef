"""Any order of deploys, executions, claims and clocks, held against a model of a few lines."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from Modules.prompts.store import Execution, ExecutionFinished, PromptStore
from Modules.words.errors import PromptFailed, PromptInvalid
from tests.prompts.made_up import bundle, later

ENVS, WORKERS = st.sampled_from(("dev", "prod")), st.sampled_from(("uno", "dos"))
LEASE_S = 10


class Store(RuleBasedStateMachine):
    made: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        path = shutil.copy(self.made, self.folder.name)
        self.store = PromptStore(f"sqlite:///{path}")
        self.at_s = 0
        self.contents: list[int] = []  # by version
        self.moves: list[tuple[str, int | None, int, str]] = []
        self.states: dict[str, tuple[str, int, Any]] = {}  # state, attempt, output
        self.claims: dict[str, tuple[str, float]] = {}  # who holds it, and until when
        self.held: list[tuple[str, Execution]] = []  # every claim that was ever made
        self.keys: dict[int, tuple[str, str, int]] = {}

    def teardown(self) -> None:
        self.store._engine.dispose()
        self.folder.cleanup()

    def current(self, env: str) -> int | None:
        return next((to for of, _, to, _ in reversed(self.moves) if of == env), None)

    def told(self) -> dict[str, Any]:
        return {"who": "w", "why": "", "now": later(self.at_s)}

    def moved(self, env: str, to: int, action: str) -> bool:
        if (before := self.current(env)) == to:
            return False
        self.moves.append((env, before, to, action))
        return True

    @rule(content=st.integers(0, 3), env=ENVS)
    def deploy(self, content: int, env: str) -> None:
        done = self.store.deploy(bundle(f"Contar {content}"), env, **self.told())
        assert done.new == (content not in self.contents)
        if done.new:
            self.contents.append(content)
        assert done.version == self.contents.index(content) + 1
        assert done.moved == self.moved(env, done.version, "deploy")

    @rule(to=st.integers(0, 4), env=ENVS)
    def rollback(self, to: int, env: str) -> None:
        if to in {one for of, _, one, _ in self.moves if of == env}:
            done = self.store.rollback("contar", env, to, **self.told())
            assert done.moved == self.moved(env, to, "rollback")
        else:
            with pytest.raises(PromptInvalid):
                self.store.rollback("contar", env, to, **self.told())

    @rule(key=st.integers(0, 20))
    def accept(self, key: int) -> None:
        if self.current("prod") is None:
            return
        one, created = self.store.accept(
            "contar", "prod", {}, client="c", key=str(key), now=later(self.at_s)
        )
        assert created == (key not in self.keys)
        if created:
            version = self.current("prod")
            assert version is not None
            self.keys[key] = (one.id, one.name, version)
            self.states[one.id] = ("pending", 0, None)
        assert (one.id, one.name, one.version) == self.keys[key]

    @rule(seconds=st.sampled_from((1, 5, 11)))
    def wait(self, seconds: int) -> None:
        self.at_s += seconds

    @rule(worker=WORKERS, most=st.integers(1, 3))
    def claim(self, worker: str, most: int) -> None:
        free = [one for one in self.states if self.free(one)]
        for one in [one for one in free if self.states[one][1] == 5]:
            self.states[one] = ("failed", 5, None)
            free.remove(one)
        got = self.store.claim(worker, now=later(self.at_s), most=most, lease_s=LEASE_S)
        assert [one.id for one in got] == free[:most]
        for one in got:
            self.states[one.id] = ("running", self.states[one.id][1] + 1, None)
            assert one.attempt == self.states[one.id][1]
            self.claims[one.id] = (worker, self.at_s + LEASE_S)
            self.held.append((worker, one))

    def free(self, one: str) -> bool:
        state = self.states[one][0]
        return state == "pending" or (state == "running" and self.claims[one][1] <= self.at_s)

    def holds(self, worker: str, one: str) -> bool:
        return self.states[one][0] == "running" and self.claims[one][0] == worker

    @rule(worker=WORKERS)
    def beat(self, worker: str) -> None:
        lost = self.store.beat(worker, list(self.states), later(self.at_s))
        assert lost == {one for one in self.states if not self.holds(worker, one)}
        for one in self.states.keys() - lost:
            self.claims[one] = (worker, self.at_s + LEASE_S)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), fails=st.booleans())
    def finish(self, data: st.DataObject, fails: bool) -> None:
        worker, one = data.draw(st.sampled_from(self.held))
        kept = self.store.journal(one).keep("unico", len(self.held), "")
        ended = {"failure": PromptFailed("no", "timeout")} if fails else {"output": kept}
        ours = self.store.finish(one.id, worker, one.attempt, now=later(self.at_s), **ended)
        assert ours == (self.holds(worker, one.id) and self.states[one.id][1] == one.attempt)
        if ours:
            state = ("failed", one.attempt, None) if fails else ("completed", one.attempt, kept)
            self.states[one.id] = state

    @precondition(lambda self: self.states)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(list(self.states)))
        state, attempt, _ = self.states[one]
        if state in ("completed", "failed"):
            with pytest.raises(ExecutionFinished):
                self.store.cancel(one, "c", later(self.at_s))
        else:
            self.store.cancel(one, "c", later(self.at_s))
            self.states[one] = ("cancelled", attempt, None)

    @invariant()
    def as_the_model_says(self) -> None:
        history = self.store.history()
        assert [(one.env, one.from_, one.to, one.action) for one in history] == self.moves
        rows, _ = self.store.executions("c", cursor=None, limit=100, state=None)
        assert {one.id: (one.state, one.attempt, one.output) for one in rows} == self.states
        free = sum(self.free(one) for one in self.states)
        assert self.store.waiting(later(self.at_s)) == free


def test_any_order_comes_to_what_the_model_says(made: Path) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    machine = type("Here", (Store,), {"made": made})
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=30))
