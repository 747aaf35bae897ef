"""What a call of ours costs beside the bare SDK, and 200 executions at once in one process.

Both ask the same server over loopback, one after the other and in turns, so the difference is our
layer and pydantic-ai: reading, checking against the schema, pricing, the record. Memory is that of
this process after each round of 200.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
CALLS, AT_ONCE, ROUNDS = 200, 200, 6
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
AIM_MS = 15.0


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
            f"{ours_ms - sdk_ms:.1f} ms on top (aim {AIM_MS:.0f}), median of {CALLS}"
        )
        process, seen = psutil.Process(), []
        start = time.perf_counter()
        for _ in range(ROUNDS):
            await asyncio.gather(*(ours() for _ in range(AT_ONCE)))
            seen.append(process.memory_info().rss / 1e6)
        each = (time.perf_counter() - start) / ROUNDS
        told = " ".join(f"{one:.0f}" for one in seen)
        print(f"  {AT_ONCE} at once: {each:.2f} s a round; MB after each round: {told}")


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
