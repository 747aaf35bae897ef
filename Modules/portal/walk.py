"""One list whole: its pages in order, proven to be all there; one repeated walk, then refusal.

Where the first page tells how many there are, the others are fetched at the same time; their
order in the result is that of the list, whatever the order of the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from itertools import repeat

from Modules.portal.answers import Answer, Conflict
from Modules.portal.asking import Ask, Frozen, LeftOrigin, Step, WalkBroken
from Modules.portal.attempts import Attempts
from Modules.portal.mapping import Mapper
from Modules.portal.paging import (
    MAX_PAGES,
    Page,
    PageView,
    as_served,
    check_walk,
    first_step,
    next_step,
    read_page,
    steps_after_first,
)
from Modules.portal.sections import CursorPaging, Envelope, NextLinkPaging, Paging, TokenPaging
from Modules.words.domain import Record, Records
from Modules.words.errors import ApiContractChanged, ApiIncomplete
from Modules.words.spanish import corrida

Told = Callable[[int, int | None], None]  # pages done, and pages in all if known


@dataclass(frozen=True, slots=True)
class Walked:
    """A walk that adds up."""

    pages: tuple[Page, ...]
    declared_total: int | None
    walks: int


@dataclass(frozen=True, slots=True)
class Walk:
    frozen: Frozen
    paging: Paging
    envelope: Envelope
    mapper: Mapper
    parent: str | None
    request_id_header: str


@dataclass(frozen=True, slots=True)
class Look:
    """A good first answer, not yet read: its shape may be another than the profile says."""

    walk: Walk
    ask: Ask
    headers: Mapping[str, str] = field(repr=False)
    document: object = field(repr=False)

    def view(self) -> PageView:
        """The page, read as the profile says; ApiContractChanged if it is of another shape."""
        walk = self.walk
        return read_page(self.document, self.headers, walk.envelope, walk.paging, self.ask.what)

    def records(self, view: PageView) -> list[Record]:
        return self.walk.mapper.records(view.rows, 1, self.ask.what, self.walk.parent)


class Walker:
    """Walks the lists of a fetch; ``pool`` bounds how many pages are under way."""

    def __init__(self, attempts: Attempts, pool: Executor) -> None:
        self._attempts, self._pool = attempts, pool

    def walk(self, walk: Walk, told: Told) -> Walked:
        """The whole list; ``told`` is called after each page.

        Raises:
            ApiIncomplete: two walks in a row did not add up.
            ApiContractChanged: their ``next`` links lead to another origin.
        """
        for number in (1, 2):
            try:
                pages = self._once(walk, told)
                total = check_walk(walk.frozen.label, pages, walk.paging, walk.envelope)
                return Walked(tuple(pages), total, number)
            except WalkBroken as err:
                if number == 2:
                    kind = ApiContractChanged if isinstance(err, LeftOrigin) else ApiIncomplete
                    raise kind(f"{err}; dos veces seguidas, así que no se toma nada") from err
                corrida.warning("%s; se recorre otra vez: %s", err, walk.frozen.label)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def look(self, walk: Walk) -> Look:
        """The first answer alone, unread: for ``api check``."""
        ask = walk.frozen.ask(1, first_step(walk.paging))
        return self._attempts.page(ask, lambda answer, doc: Look(walk, ask, answer.headers, doc))

    def _once(self, walk: Walk, told: Told) -> list[Page]:
        first = self._submit(walk, 1, first_step(walk.paging), None).result()
        walk = replace(walk, paging=as_served(walk.paging, first.view, first.ask.url))
        rest = steps_after_first(walk.paging, first.view)
        told(1, None if rest is None else 1 + len(rest))
        if rest is None:
            return self._one_by_one(walk, first, told)
        return [first, *self._all_at_once(walk, rest, told)]

    def _all_at_once(self, walk: Walk, steps: Sequence[Step], told: Told) -> list[Page]:
        futures = [self._submit(walk, number, step, None) for number, step in enumerate(steps, 2)]
        pages = []
        try:
            for future in futures:
                pages.append(future.result())
                told(1 + len(pages), 1 + len(steps))
        finally:
            for future in futures:
                future.cancel()
            for future in futures:
                if not future.cancelled():
                    future.exception()  # wait: a walk begins only when the one before it is over
        return pages

    def _one_by_one(self, walk: Walk, first: Page, told: Told) -> list[Page]:
        pages, seen_steps = [first], {first_step(walk.paging)}
        while True:
            last = pages[-1]
            views = [page.view for page in pages]
            step = next_step(walk.paging, walk.envelope, views, last.ask.what)
            if step is None:
                return pages
            number = len(pages) + 1
            if step in seen_steps or number > MAX_PAGES:
                raise WalkBroken(f"{last.ask.what}: lleva otra vez a una página ya leída")
            seen_steps.add(step)
            try:
                page = self._submit(walk, number, step, last.ask.url).result()
            except Conflict as err:
                if isinstance(walk.paging, TokenPaging | CursorPaging | NextLinkPaging):
                    raise WalkBroken(f"{err}; el cursor murió") from err
                raise
            pages.append(page)
            told(number, None)

    def _submit(self, walk: Walk, number: int, step: Step, previous: str | None) -> Future[Page]:
        here = copy_context()  # a log line in a thread belongs to the run that asked for it
        return self._pool.submit(here.run, self._fetch, walk, number, step, previous)

    def _fetch(self, walk: Walk, number: int, step: Step, previous: str | None) -> Page:
        ask = walk.frozen.ask(number, step, previous)

        def read(answer: Answer, document: object) -> Page:
            view = read_page(document, answer.headers, walk.envelope, walk.paging, ask.what)
            records = walk.mapper.records(view.rows, number, ask.what, walk.parent)
            # of the rows only how many they are, and the last, is asked for from here on
            view = replace(view, rows=[*repeat(None, len(view.rows) - 1), *view.rows[-1:]])
            request_id = answer.request_id(walk.request_id_header)
            return Page(ask, answer.body, request_id, view, Records(records))

        return self._attempts.page(ask, read)
