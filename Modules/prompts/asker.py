"""A prompt that Lindero asks itself: for the report of a season, for the words of marks.

Of a name that is deployed it is the version of ``prod``, and an equal question has the answer that
it had; else it is what the files say. Executions and costs are in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from Modules.prompts.calls.asking import JSON, Caller, Tool
from Modules.prompts.ready import needed, sound_bundle
from Modules.settings import Settings
from Modules.words.errors import PipelineError, PromptFailed

if TYPE_CHECKING:
    from Modules.prompts.files.bundle import Bundle
    from Modules.prompts.store import Execution, PromptStore

ENV: Final = "prod"
CLIENT: Final = "(lindero)"  # whose executions these are: no client of the API is called so
_LEASE_S: Final = 60.0
_POLL_S: Final = 1.0


class Asker:
    """A task or flow by its name; raises what ``sound_bundle`` and ``open_store`` do."""

    bundle: Bundle

    def __init__(self, settings: Settings, name: str) -> None:
        needed()
        from Modules.prompts.store import open_store

        self._store, self._worker = open_store(settings), f"{CLIENT}:{uuid4().hex}"
        found = self._store.current(name, ENV)
        self._deployed = found is not None
        files = settings.lindero_prompts_dir
        self.bundle = sound_bundle(files, name) if found is None else found.bundle

    async def ask(self, given: JSON, key: str, caller: Caller, tools: Sequence[Tool] = ()) -> JSON:
        """The output for what is given; ``key``: what equal questions have in common.

        Raises what ``run_bundle``, the caller and the store raise: PipelineErrors, all of them.
        """
        from Modules.prompts.calls.engine import MemoryJournal, run_bundle

        run, store = partial(run_bundle, env=ENV, caller=caller, tools=tools), self._store
        if not self._deployed:
            with store.here(self.bundle, ENV, given, client=CLIENT) as here:
                journal = MemoryJournal(here.journal)
                here.output = await run(self.bundle, given, journal=journal)
            return here.output
        one = await asyncio.to_thread(_accepted, store, self.bundle.name, given, key)
        claim = partial(store.claim, self._worker, most=1, lease_s=_LEASE_S, only=one.id)
        while one.state in ("pending", "running"):
            if claimed := await asyncio.to_thread(claim, now=datetime.now(UTC)):
                await self._run(store, claimed[0], run)
            else:
                await asyncio.sleep(_POLL_S)  # whoever has it may be dead: its claim runs out
            found = await asyncio.to_thread(store.execution, one.id)
            one = found or one
        if one.state == "completed":
            return one.output
        if (failure := one.failure) is None:
            raise PromptFailed(f"la ejecución {one.id} se canceló", "cancelled")
        raise PromptFailed(failure.message, failure.cause, failure.step or "", failure.raw or "")

    async def _run(self, store: PromptStore, one: Execution, run: Callable[..., Any]) -> None:
        """Do an execution that is ours, and end it, whatever comes."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(_LEASE_S / 3)
                with suppress(PipelineError):  # it is asked again in time, or the claim runs out
                    await asyncio.to_thread(store.beat, self._worker, [one.id], datetime.now(UTC))

        beating = asyncio.create_task(beat())
        ended: dict[str, Any] = {"failure": PromptFailed("se cortó", "cancelled")}
        try:
            ended = {"output": await run(one.bundle, one.input, journal=store.journal(one))}
        except PipelineError as err:
            known = isinstance(err, PromptFailed)
            ended = {"failure": err if known else PromptFailed(str(err), "settings")}
        finally:
            beating.cancel()
            store.finish(one.id, self._worker, one.attempt, now=datetime.now(UTC), **ended)


def _accepted(store: PromptStore, name: str, given: JSON, key: str) -> Execution:
    """The execution of a question; one more where the last one came to nothing."""
    while True:
        now = datetime.now(UTC)
        one, _ = store.accept(name, ENV, given, client=CLIENT, key=f"{name}:{key}", now=now)
        if one.state not in ("failed", "cancelled"):
            return one
        key = f"{key.partition(':')[0]}:{one.id}"
