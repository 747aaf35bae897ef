"""Who runs the pieces of a product: here, in threads, in processes, or where the flows send them.

Results come in the order of the pieces, whoever made them, so bytes do not change; a few pieces
are under way at a time, so neither they nor their results are all in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import Any, TypeAlias

# Runs a function, whose only argument is called ``chunk``, on each piece.
Runner: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

AHEAD = 2  # pieces for each worker: none waits for the next


def serial(work: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterable[Any]:
    """Run the pieces here, one after the other."""
    return map(work, pieces)


def in_threads(workers: int) -> Runner:
    """Run the pieces in threads of this process."""
    return _in_pool(lambda: ThreadPoolExecutor(workers), AHEAD * workers)


def in_processes(workers: int) -> Runner:
    """Run the pieces in new processes, started the same way on every system."""
    return _in_pool(lambda: ProcessPoolExecutor(workers, get_context("spawn")), AHEAD * workers)


def _in_pool(pool: Callable[[], Executor], ahead: int) -> Runner:
    def run(work: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
        with pool() as executor:
            yield from in_order(lambda one: executor.submit(work, one), pieces, ahead)

    return run


def in_order(submit: Callable[[Any], Any], pieces: Iterable[Any], ahead: int) -> Iterator[Any]:
    """The results of the pieces whose futures ``submit`` gives, so many of them under way."""
    left = iter(pieces)
    sent = deque(map(submit, islice(left, ahead)))
    while sent:
        yield sent.popleft().result()
        sent.extend(map(submit, islice(left, 1)))
