"""Who runs the pieces of a product: here, in threads, in processes, or where the flows send them.

Results come in the order of the pieces, whoever made them, so bytes do not change; a few pieces
are under way at a time, so neither they nor their results are all in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any, TypeAlias

# Runs a function, whose only argument is called ``chunk``, on each piece.
Runner: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
Submit: TypeAlias = Callable[[Any], Any]  # a piece; gives a future

AHEAD = 4  # pieces for each worker: none waits for the next, whatever the one before takes


def serial(work: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterable[Any]:
    """Run the pieces here, one after the other."""
    return map(work, pieces)


def in_threads(workers: int) -> Runner:
    """Run the pieces in threads of this process."""
    return _in_pool(lambda: ThreadPoolExecutor(workers), workers)


def in_processes(workers: int) -> Runner:
    """Run the pieces in new processes, started the same way on every system."""
    return _in_pool(lambda: ProcessPoolExecutor(workers, get_context("spawn")), workers)


def _in_pool(pool: Callable[[], Executor], workers: int) -> Runner:
    @contextmanager
    def started(work: Callable[[Any], Any]) -> Iterator[Submit]:
        with pool() as executor:
            yield lambda one: executor.submit(work, one)

    return in_order(started, AHEAD * workers)


def in_order(
    started: Callable[[Callable[[Any], Any]], AbstractContextManager[Submit]], ahead: int
) -> Runner:
    """Run the pieces with whoever ``started`` starts for a function, ``ahead`` of them under way.

    For a single piece nobody is started.
    """

    def run(work: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
        left = iter(pieces)
        first = list(islice(left, 2))
        if len(first) < 2:
            yield from map(work, first)
            return
        left = chain(first, left)
        with started(work) as submit:
            sent = deque(map(submit, islice(left, ahead)))
            while sent:
                yield sent.popleft().result()
                sent.extend(map(submit, islice(left, 1)))

    return run
