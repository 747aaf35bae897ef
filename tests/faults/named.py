"""Faults by name: what a portal can do wrong, on demand.

``FAULTS`` is the table (name to kind, each with one line); ``Fault`` aims one at a list, a page
and a number of times. Levels: wire, status, auth, page, body, row (one answer each) and night
(the whole world is another one, and every page agrees with it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from Modules.demo.contract import World
from Modules.words.domain import Recurso
from Modules.words.errors import SettingsError
from tests.faults.base import Kind
from tests.faults.bytes import WIRE
from tests.faults.content import CONTENT
from tests.faults.pages import PAGES
from tests.faults.rows import ROWS

TOKEN = "token"
FAULTS: Mapping[str, Kind] = {**WIRE, **PAGES, **ROWS, **CONTENT}

_TEXT = re.compile(r"(?P<name>\w+)(@(?P<recurso>\w+)(/(?P<page>\d+))?)?(\*(?P<times>\d+))?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, aimed.

    ``recurso``: a list, or ``"token"``; None is any list (for a night: lotes). ``page`` None is
    any page. ``times`` None is every time. ``rows``: how many items of a page a row fault spoils;
    ``bomb_mib``: what a bomb unpacks to, None for its usual size.
    """

    name: str
    recurso: Recurso | str | None = None
    page: int | None = None
    times: int | None = None
    rows: int = 1
    bomb_mib: int | None = None

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise SettingsError(f"no fault called {self.name!r}; see tests.faults.named.FAULTS")
        if self.recurso is not None and str(self.recurso) not in (TOKEN, *Recurso):
            raise SettingsError(f"no list called {self.recurso!r} to aim {self.name} at")

    @property
    def kind(self) -> Kind:
        """The entry of the table."""
        return FAULTS[self.name]

    def hits(self, recurso: Recurso | None, page: int) -> bool:
        """Whether it is aimed at this request; None is the token endpoint."""
        if recurso is None:
            return self.recurso == TOKEN
        return self.recurso in (None, recurso) and self.page in (None, page)


def apply_nights(world: World, faults: tuple[Fault, ...]) -> World:
    """The world as the night faults among these leave it."""
    for fault in faults:
        if fault.kind.night is not None:
            aim = Recurso.LOTES if fault.recurso is None else Recurso(fault.recurso)
            world = fault.kind.night(world, aim)
    return world


def parse_fault(text: str) -> Fault:
    """Read ``name[@recurso[/page]][*times]``, as the command line has it.

    Raises:
        SettingsError: not of that form, or no such fault or list.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise SettingsError(f"{text!r} is not a fault; write for instance status_503@lotes/2*1")
    page, times = match["page"], match["times"]
    return Fault(
        match["name"],
        match["recurso"],
        None if page is None else int(page),
        None if times is None else int(times),
    )
