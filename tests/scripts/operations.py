"""Flows of operations, run by ``test_operations.py`` in a process of its own; prints what it saw.

What fails is counted here by name: Prefect's async engine decides which of it is tried again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

from Modules.integrations import tasks
from Modules.integrations.tasks import as_task, limit_name
from Modules.jobs.outcome import Outcome
from Modules.orchestration import flow_run
from Modules.words.errors import (
    ApiAuth,
    ApiRejected,
    ApiUnavailable,
    OutcomeUnknown,
    PipelineError,
    TareasFailed,
)

READ = "jira.issues.search"


def failing(errors: list[PipelineError]) -> tuple[Callable[[], str], list[float]]:
    asked: list[float] = []

    def work() -> str:
        asked.append(time.monotonic())
        if errors:
            raise errors.pop(0)
        return "done"

    return work, asked


@flow(name="Operaciones", persist_result=False)
async def tried() -> dict[str, list[object]]:
    """How often each was asked, and what it came to."""
    kinds = (ApiUnavailable, ApiAuth, ApiRejected, OutcomeUnknown)
    stories = {"twice": [ApiUnavailable("429"), ApiUnavailable("503")]}
    stories |= {kind.__name__: [kind("no")] * 9 for kind in kinds}
    seen: dict[str, list[object]] = {}
    for name, errors in stories.items():
        work, asked = failing(list(errors))
        try:
            came = await as_task(READ, work)
        except PipelineError as err:
            came = type(err).__name__
        seen[name] = [len(asked), came]
    return seen


@flow(name="Presupuesto", persist_result=False)
async def spends() -> list[float]:
    work, asked = failing([])
    for _ in range(2):
        await as_task(READ, work)
    return asked


@flow(name="A medias", persist_result=False)
async def half(error: bool) -> flow_run.Ended:
    """A story that waits, and did a part."""

    async def story() -> Outcome:
        refused = TareasFailed("Jira no tomó 2 filas") if error else None
        return Outcome({"x": 1}, "# Parte", error=refused, aviso="2 filas no", parcial=True)

    return await flow_run.conclude_async(story)


async def main() -> None:
    tasks.RETRY_DELAY_S = 0
    seen = await tried()
    async with get_client() as client:
        slow = GlobalConcurrencyLimitCreate(
            name=limit_name("jira"), limit=1, slot_decay_per_second=1
        )
        await client.create_global_concurrency_limit(slow)
        asked = sorted(one for run in await asyncio.gather(spends(), spends()) for one in run)
        await client.delete_global_concurrency_limit_by_name(limit_name("jira"))
    print(json.dumps({"tried": seen, "took": asked[-1] - asked[0]}))


if __name__ == "__main__":
    for name in ("parte-con-aviso", "parte-con-error"):
        named = half.with_options(flow_run_name=name)
        print(json.dumps(flow_run.run_here(named, {"error": name == "parte-con-error"})))
    asyncio.run(main())
