"""What a call of ours costs beside the bare SDK, and 200 executions at once in one process.

Both ask the same server over loopback, one after the other and in turns, so the difference is our
layer and pydantic-ai: reading, checking against the schema, pricing, the record. Executions are
accepted, claimed, run and ended in a SQLite store, each with its output and its call kept. Memory
is that of this process after each round of 200; of the first one it is warming up.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
CALLS, AT_ONCE, ROUNDS = 200, 200, 6
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
AIM_MS, MOST_GROWTH = 15.0, 1.1  # memory of the last round beside that of the second


def serve(pipe: Any) -> None:
    from tests.prompts.openai_server import Fake, Say

    with Fake([Say('{"a": 1}')]) as fake:
        pipe.send(fake.url)
        pipe.recv()


async def timed(once: Callable[[], Awaitable[object]]) -> float:
    start = time.perf_counter()
    await once()
    return (time.perf_counter() - start) * 1000


async def measure(url: str) -> None:
    import psutil
    from openai import AsyncOpenAI

    from Modules.prompts.calls.asking import Ask, ModelRef
    from Modules.prompts.calls.engine import Budgets, MemoryJournal
    from Modules.prompts.calls.model_caller import ModelCaller

    ref = ModelRef("r", "casa", "local", url, "m-1")
    ask = Ask("uno", "tarea", ref, "system", "prompt", SCHEMA)
    said = [{"role": "system", "content": "system"}, {"role": "user", "content": "prompt"}]
    shape = {"type": "json_schema", "json_schema": {"name": "tarea", "schema": SCHEMA}}
    async with ModelCaller() as caller, AsyncOpenAI(api_key="x", base_url=url) as sdk:

        async def bare() -> object:
            return await sdk.chat.completions.create(
                model="m-1", messages=said, response_format=shape
            )

        async def ours() -> object:
            journal, limits = MemoryJournal(), Budgets()
            reply = await caller(ask, record=journal.record, allow=lambda: limits.check(journal))
            assert len(journal.calls) == 1, journal.calls
            return reply

        for warm in (bare, ours):
            await warm()
        pairs = [(await timed(bare), await timed(ours)) for _ in range(CALLS)]
        sdk_ms, ours_ms = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(
            f"  a call: {sdk_ms:.1f} ms bare SDK, {ours_ms:.1f} ms ours: "
            f"{ours_ms - sdk_ms:.1f} ms on top (aim {AIM_MS:.0f}), {ours_ms / sdk_ms:.2f} x, "
            f"median of {CALLS}"
        )

        async def plain() -> object:
            return await asyncio.gather(*(bare() for _ in range(AT_ONCE)))

        with tempfile.TemporaryDirectory() as folder:
            executions = worker(f"sqlite:///{folder}/prompts.sqlite3", url, caller)
            process, seen, took = psutil.Process(), [], []
            for _ in range(ROUNDS):
                took.append((await timed(plain), await timed(executions)))
                seen.append(process.memory_info().rss / 1e6)
    sdk_s, ours_s = (statistics.median(side) / 1000 for side in zip(*took, strict=True))
    told = " ".join(f"{one:.0f}" for one in seen)
    print(
        f"  {AT_ONCE} executions at once: {ours_s:.2f} s a round / as many bare calls "
        f"{sdk_s:.2f} s = {ours_s / sdk_s:.2f} x\n  MB after each round: {told}; last / second "
        f"{seen[-1] / seen[1]:.3f} x (at most {MOST_GROWTH})"
    )


def worker(address: str, url: str, caller: Any) -> Callable[[], Awaitable[object]]:
    """A round: as many executions accepted, claimed, run side by side and ended."""
    from Modules.prompts.calls.engine import run_bundle
    from Modules.prompts.files.bundle import Bundle
    from Modules.prompts.store import PromptStore
    from tests.prompts.made_up import bundle

    content = bundle().content
    content["models"]["providers"]["aqui"]["base_url"] = url
    content["tasks"]["contar"]["output"] = SCHEMA
    store, one = PromptStore(address), Bundle.of_content(content)
    store.deploy(one, "prod", who="bench", why="", now=datetime.now(UTC))

    def taken() -> Any:
        now = datetime.now(UTC)
        for _ in range(AT_ONCE):
            store.accept("contar", "prod", {}, client="bench", key=None, now=now)
        return store.claim("w", now=now, most=AT_ONCE, lease_s=600)

    async def done(execution: Any) -> None:
        journal = store.journal(execution)
        made = await run_bundle(execution.bundle, {}, env="prod", caller=caller, journal=journal)
        told = (execution.id, "w", execution.attempt)
        ended = await asyncio.to_thread(store.finish, *told, now=datetime.now(UTC), output=made)
        assert ended

    async def round_of() -> object:
        return await asyncio.gather(*(done(one) for one in await asyncio.to_thread(taken)))

    return round_of


def main() -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        asyncio.run(measure(here.recv()))
    finally:
        here.send(None)
        server.join(5)


if __name__ == "__main__":
    main()
