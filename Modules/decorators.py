"""For the users' own flows: a task that is logged, timed and retried as ours are.

>>> from Modules.decorators import carpeta, logged_task
>>> @logged_task("Bajar lluvias", retries=2, delay_s=60)  # doctest: +SKIP
... def bajar(test: bool) -> str:
...     return (carpeta("lluvias", test=test) / "lluvias.csv").as_posix()

What is repeated is what time can mend: ``ApiUnavailable`` (the portal is out of reach) and
``PublishError`` (a destination could not be written). Any other error goes up at once.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from Modules.outputs import carpeta, publicar, ultimas_tablas
from Modules.words.errors import ApiUnavailable, PublishError
from Modules.words.spanish import number

if TYPE_CHECKING:
    from prefect import Task

__all__ = [
    "TRANSIENT",
    "carpeta",
    "logged_task",
    "publicar",
    "retry_transient",
    "timed",
    "ultimas_tablas",
]

P = ParamSpec("P")
R = TypeVar("R")

TRANSIENT: Final = (ApiUnavailable, PublishError)
DELAY_S: Final = 60.0


def logged_task(
    name: str, *, retries: int = 0, delay_s: float = DELAY_S
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A Prefect task under a name of its own: measured, and repeated on transient errors only.

    Args:
        name: as the UI shows it.
        retries: how often it is tried again.
        delay_s: seconds between two tries.
    """
    from prefect import task  # late: who only measures or retries loads no Prefect

    def transient(_task: object, _run: object, state: Any) -> bool:
        return isinstance(state.result(raise_on_failure=False), TRANSIENT)

    def decorate(work: Callable[P, R]) -> Task[P, R]:
        return task(
            name=name, retries=retries, retry_delay_seconds=delay_s, retry_condition_fn=transient
        )(timed(work))

    return decorate


def timed(work: Callable[P, R]) -> Callable[P, R]:
    """Log how long a function took, or after how long it failed, where the run's log is."""

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        start, said = time.monotonic(), "falló a los"
        try:
            result = work(*args, **kwargs)
            said = "tardó"
        finally:
            seconds = number(time.monotonic() - start, 1)
            _logger().info("%s %s %s s", work.__name__, said, seconds)
        return result

    return run


def retry_transient(
    times: int = 2, *, delay_s: float = DELAY_S
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Repeat a plain function on transient errors: up to ``times`` more, ``delay_s`` apart."""
    from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

    return retry(
        retry=retry_if_exception_type(TRANSIENT),
        stop=stop_after_attempt(times + 1),
        wait=wait_fixed(delay_s),
        reraise=True,
    )


def _logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    """The log of the run, where there is one."""
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger(__name__)
