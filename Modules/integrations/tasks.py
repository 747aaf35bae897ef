"""One operation on a neighbour, run as a Prefect task or as a plain call.

An operation is a function that raises our errors, and has a name: ``api-group.resource.action``, of
which the first word, ``google`` or ``jira``, says whose budget it spends. Whoever tells a story is
given a ``Run`` and calls every operation by it, so a story with a server and one without are the
same story.

All runs of a Prefect server share one budget a neighbour: its global limits ``lindero-google`` and
``lindero-jira``, which ``lindero deploy`` makes. Whatever the server has, a process paces itself.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar

from Modules.portal.pace import Pace
from Modules.words.errors import ApiUnavailable, OutcomeUnknown

if TYPE_CHECKING:  # a run without a server does not load it
    from prefect import Task
    from prefect.client.schemas.objects import State

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

RETRIES: Final = 2
RETRY_DELAY_S: Final = 30
PER_SECOND: Final = {"google": 4, "jira": 8}  # requests of all runs together
_PACES: Final = {api: Pace(most, math.inf) for api, most in PER_SECOND.items()}  # of this process


def limit_name(api: str) -> str:
    """Prefect's global limit of a neighbour."""
    return f"lindero-{api}"


class Run(Protocol):
    """Who runs an operation: ``work`` with its arguments, in a thread of its own."""

    async def __call__(
        self, operation: str, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """What ``work`` returns or raises."""
        ...


async def call(operation: str, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run an operation as a plain call, once."""

    def in_turn() -> R:
        _PACES[operation.partition(".")[0]].wait_turn(operation)
        return work(*args, **kwargs)

    return await asyncio.to_thread(in_turn)


async def as_task(operation: str, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run an operation as a Prefect task; what it is given is neither looked through nor kept."""
    from prefect import Task
    from prefect.cache_policies import NO_CACHE
    from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError, rate_limit
    from prefect.utilities.annotations import quote

    async def once(*given: Any, **named: Any) -> R:
        return await call(operation, work, *given, **named)

    task: Callable[..., Any] = Task(
        once,
        name=operation,
        retries=RETRIES,
        retry_delay_seconds=RETRY_DELAY_S,
        retry_condition_fn=worth_another_try,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    try:  # not in the task: there Prefect takes two seconds more; of no such limit it warns
        await rate_limit(limit_name(operation.partition(".")[0]))
    except ConcurrencySlotAcquisitionError as err:
        log.warning("%s goes at the pace of this process: %s", operation, err)
    result: R = await task(*map(quote, args), **{name: quote(one) for name, one in kwargs.items()})
    return result


async def worth_another_try(_task: Task[..., Any], _run: object, state: State[Any]) -> bool:
    """Whether time can mend it: never a refusal, never a write that may have been done."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, ApiUnavailable) and not isinstance(error, OutcomeUnknown)
