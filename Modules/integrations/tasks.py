"""One operation on a neighbour, run as a Prefect task or as a plain call.

An operation is a function that raises our errors. Whoever tells a story is given a ``Run`` and
calls every operation by it, so a story with a server and one without are the same story.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.utilities.annotations import quote

from Modules.words.errors import ApiUnavailable, OutcomeUnknown

P = ParamSpec("P")
R = TypeVar("R")

RETRIES: Final = 2
RETRY_DELAY_S: Final = 30


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked of whom: ``name`` is ``api-group.resource.action``."""

    name: str

    @property
    def api(self) -> str:
        """Whose budget it spends: ``google`` or ``jira``."""
        return self.name.partition(".")[0]


class Run(Protocol):
    """Who runs an operation: ``work`` with its arguments, in a thread of its own."""

    async def __call__(
        self, operation: Operation, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """What ``work`` returns or raises."""
        ...


async def call(
    _operation: Operation, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run an operation as a plain call, once."""
    return await asyncio.to_thread(work, *args, **kwargs)


async def as_task(
    operation: Operation, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Run an operation as a Prefect task; what it is given is neither looked through nor kept."""

    async def once(*given: Any, **named: Any) -> R:
        return await asyncio.to_thread(work, *given, **named)

    task: Callable[..., Any] = Task(
        once,
        name=operation.name,
        retries=RETRIES,
        retry_delay_seconds=RETRY_DELAY_S,
        retry_condition_fn=worth_another_try,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    result: R = await task(*map(quote, args), **{name: quote(one) for name, one in kwargs.items()})
    return result


async def worth_another_try(_task: Task[..., Any], _run: object, state: State[Any]) -> bool:
    """Whether time can mend it: never a refusal, never a write that may have been done."""
    error = await state.result(raise_on_failure=False)  # type: ignore[misc]
    return isinstance(error, ApiUnavailable) and not isinstance(error, OutcomeUnknown)
