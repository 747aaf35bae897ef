"""Doing what was accepted: claim, run by the engine, finish; many at a time in one process.

Exactness is the store's: a claim holds for ``lease_s`` and is renewed three times in that time, the
first output of a step is the one that counts, and only who holds the claim ends an execution. So a
runner may die at any moment, and two at once do no harm. Prefect is not known here: ``around`` may
wrap an execution for whoever watches.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from Modules.prompts.calls.asking import Caller, Tool
from Modules.prompts.calls.engine import run_bundle
from Modules.prompts.files.bundle import Bundle
from Modules.prompts.store import Execution, PromptStore
from Modules.words.errors import PipelineError, PromptFailed, StoreUnavailable

logger = logging.getLogger(__name__)
R = TypeVar("R")

PATIENCE_S: Final = 300.0  # without the store; then whoever started us starts us again
FAULT: Final = "fault"  # cause of an execution that a fault of ours ended
GONE: Final = "gone"  # no longer ours: cancelled, or another runner has it

Work = Callable[[], Awaitable[str]]  # an execution, done: the state it came to, or ``GONE``
Around = Callable[[Execution, Work], Awaitable[str]]


def _patiently(work: Callable[[], R], poll_s: float) -> R:
    """What comes of asking the store, again while it is away; StoreUnavailable after too long."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except StoreUnavailable as err:
            if time.monotonic() > until:
                raise
            logger.warning("the store is asked again: %s", err)
            time.sleep(poll_s)


@dataclass(frozen=True)
class _Patient:
    """A journal that waits for its store: what a model was paid for is kept."""

    journal: Any
    poll_s: float

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *told: _patiently(partial(getattr(self.journal, name), *told), self.poll_s)


@dataclass
class Runner:
    """A runner by the name ``worker``, which no other has; ``caller`` is who asks the models.

    It does at most ``most`` at a time, and ends after ``idle_s`` with nothing to do.
    """

    store: PromptStore
    caller: Caller
    worker: str
    tools: Callable[[Bundle], Sequence[Tool]] = lambda _bundle: ()
    most: int = 200
    lease_s: float = 30.0
    idle_s: float = 20.0
    poll_s: float = 0.5  # between two looks for more
    around: Around = lambda _one, work: work()
    _held: dict[str, asyncio.Task[str]] = field(default_factory=dict)
    _engines: dict[str, asyncio.Task[str]] = field(default_factory=dict)  # cancelled alone
    _claims: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    async def drain(self) -> Mapping[str, int]:
        """Do what waits until nothing does; how many came to which state.

        Raises:
            StoreUnavailable: the store did not answer for ``PATIENCE_S``.
        """
        told: Counter[str] = Counter()
        busy = beaten = time.monotonic()
        try:
            while self._held or time.monotonic() - busy <= self.idle_s:
                if self.most > len(self._held):
                    for one in await self._ask(self._claim):
                        self._held[one.id] = asyncio.create_task(self._guarded(one))
                if time.monotonic() - beaten > self.lease_s / 3:
                    await self._beat()
                    beaten = time.monotonic()
                if self._held:
                    await asyncio.wait(
                        self._held.values(), timeout=self.poll_s, return_when="FIRST_COMPLETED"
                    )
                    busy = time.monotonic()
                else:
                    await asyncio.sleep(min(self.poll_s, self.idle_s / 4))
                for key in [key for key, task in self._held.items() if task.done()]:
                    told[self._held.pop(key).result()] += 1
        finally:
            for task in (*self._engines.values(), *self._held.values()):
                task.cancel()
            self._claims.shutdown(wait=False)
        return told

    def _claim(self) -> Sequence[Execution]:
        room, now = self.most - len(self._held), datetime.now(UTC)
        return self.store.claim(self.worker, now=now, most=room, lease_s=self.lease_s)

    async def _beat(self) -> None:
        """Renew the claims; those that are ours no more end here, and are finished by nobody."""
        ids = list(self._held)
        gone = await self._ask(lambda: self.store.beat(self.worker, ids, datetime.now(UTC)))
        for key in gone & self._engines.keys():
            self._engines[key].cancel()

    async def _ask(self, work: Callable[[], R]) -> R:
        """Ask the store, in a thread that no journal waits in."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._claims, _patiently, work, self.poll_s)

    async def _guarded(self, one: Execution) -> str:
        """One execution; after a fault around it its claim runs out, and another takes it."""
        try:
            return await self.around(one, lambda: self._work(one))
        except Exception:
            logger.exception("execution %s: a fault of ours around it", one.id)
            return FAULT

    async def _work(self, one: Execution) -> str:
        """Run it until it ends or is ours no more."""
        task = self._engines[one.id] = asyncio.create_task(self._engine(one))
        await asyncio.wait({task})
        del self._engines[one.id]
        return GONE if task.cancelled() else task.result()

    async def _engine(self, one: Execution) -> str:
        journal = _Patient(self.store.journal(one), self.poll_s)
        told: Any = {"env": one.env, "caller": self.caller, "journal": journal}
        try:
            tools = await asyncio.to_thread(self.tools, one.bundle)
            output = await run_bundle(one.bundle, one.input, **told, tools=tools)
            ended: dict[str, Any] = {"output": output}
        except PromptFailed as err:
            ended = {"failure": err}
        except StoreUnavailable:
            raise
        except PipelineError as err:
            ended = {"failure": PromptFailed(str(err), "settings")}
        except Exception as err:
            logger.exception("execution %s: a fault of ours", one.id)
            said = f"falla de Lindero ({type(err).__name__}); el registro dice más"
            ended = {"failure": PromptFailed(said, FAULT)}
        ended |= {"now": datetime.now(UTC)}
        end = partial(self.store.finish, one.id, self.worker, one.attempt, **ended)
        ours = await asyncio.to_thread(_patiently, end, self.poll_s)
        return ("completed" if "output" in ended else "failed") if ours else GONE
