"""Nights as a portal answered them: the made-up company's items, changed, paged and mapped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any

from Modules.api_check.moved import moved_line
from Modules.demo.plan import Size
from Modules.demo.world import world_of
from Modules.night.checks import judge
from Modules.night.figures import Nights, best_of, resumen
from Modules.night.ground import moves_of
from Modules.night.survey import Survey, survey
from Modules.night.tables import Built, build_tables
from Modules.night.verdict import Verdict
from Modules.portal.mapping import Mapper
from Modules.portal.profile import DEFAULT_PROFILE, Profile
from Modules.words.domain import BoundingBox, Campania, Fetched, RawPage, Recurso

SEASON = Campania(25, 26)
SIZE = Size(campos=8, lotes=48, ambientes=70, marcadores=160)
Item = dict[str, Any]
Items = Mapping[Recurso, list[Item]]
Change = Callable[[Item], Item]


@cache
def _world(day: int) -> str:
    world = world_of("answered", SIZE, seed=7, day=day, campania="25/26")
    return json.dumps({recurso.value: list(world.items(recurso)) for recurso in Recurso})


def items(day: int = 0) -> dict[Recurso, list[Item]]:
    """What the portal of a small company lists on a day; the caller's own."""
    return {Recurso(name): found for name, found in json.loads(_world(day)).items()}


def changed(night: Items, recurso: Recurso, change: Change) -> dict[Recurso, list[Item]]:
    """The night with every item of a list changed."""
    return {**night, recurso: [change(item) for item in night[recurso]]}


@dataclass(frozen=True)
class Answered:
    """One night: what came, and the tables made of it."""

    profile: Profile
    fetched: dict[Recurso, Fetched]
    built: Built


@cache
def company(day: int = 0) -> Answered:
    """The company of a day as it is."""
    return answered(items(day))


def dated(night: Answered, recurso: Recurso, **moments: datetime) -> Answered:
    """The night with what the answers of a list say of their age; ``_`` for ``-`` in a header."""
    said = {one.replace("_M", "-M"): moment for one, moment in moments.items()}
    return replace(
        night, fetched=night.fetched | {recurso: replace(night.fetched[recurso], moments=said)}
    )


def answered(night: Items, profile: Profile = DEFAULT_PROFILE) -> Answered:
    """The items as one page a list, read with a profile."""
    fetched = {}
    for recurso, rows in night.items():
        body = json.dumps({"items": rows}).encode()
        records = Mapper(profile, recurso, SEASON, str(SEASON)).records(rows, 1, recurso.value)
        page = RawPage(recurso, 1, body, None, f"/{recurso}")
        fetched[recurso] = Fetched(recurso, (page,), tuple(records), len(rows))
    built = build_tables(
        {recurso: one.records for recurso, one in fetched.items()},
        campania=SEASON,
        encodings=profile.encodings(),
        bbox=BoundingBox(),
    )
    return Answered(profile, fetched, built)


def judged(now: Answered, before: Answered | None = None, *, unseen: bool = False) -> Verdict:
    """The verdict; ``unseen``: the manifest of the night before is of an older version."""
    built, figures = now.built, resumen(now.built.tables, repairs=now.built.repairs)
    nights = Nights(built.tables, figures)
    if before is not None:
        tables = before.built.tables
        was, moves = resumen(tables), moves_of(tables, built.tables)
        nights = Nights(built.tables, figures, tables, was, best_of([was]), moves=moves)
    seen_before = Survey() if before is None or unseen else survey(before.fetched)
    lines = partial(moved_line, now.profile, now.fetched)
    return judge(nights, built, survey(now.fetched), seen_before, lines=lines)


def refusals(verdict: Verdict) -> list[str]:
    """Each reason of a refusal, whole."""
    return [f"{one.what}: {'; '.join(one.notes)}" for one in verdict.checks if one.is_error]


def warnings(verdict: Verdict) -> list[str]:
    """Each warning, whole."""
    return [f"{one.what}: {'; '.join(one.notes)}" for one in verdict.checks if one.is_warning]
