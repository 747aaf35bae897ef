"""Where a member of the contract seems to have gone: the line of the profile that mends a night.

Only ever a proposal, in the refusal of a night whose column came empty. What a row had last night
is the surest sign: the path that says the same now. Then the names, as ``api check`` guesses them,
what others call a name, and the one path that no member comes from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from Modules.api_check.comparison import compare_rows
from Modules.api_check.findings import Que, rule_text
from Modules.api_check.guessing import last_name, leaves
from Modules.night.checks_columns import place, todo
from Modules.portal.coercion import dig, split_path
from Modules.portal.profile import Profile
from Modules.words import text as clean
from Modules.words.domain import Fetched, Recurso
from Modules.words.strict_json import JsonRefused, parse_json

_CALLED = {"nombre": ("name", "nome", "denominacion", "titulo", "title", "label", "descripcion")}


def moved_line(
    profile: Profile,
    fetched: Mapping[Recurso, Fetched],
    table: str,
    member: str,
    known: Mapping[str, str],
) -> str:
    """What to write in the profile, in Spanish; ``known``: what some ids had last night."""
    recurso = Recurso.LOTES if table == "siembras" else Recurso(table)
    resource, rows = profile.resources[recurso], list(_rows(profile, fetched, recurso))
    section, key = place(table, member)
    nested = table == "siembras" and not resource.siembras.flat
    rules = resource.siembras.fields if table == "siembras" else resource.fields
    lists = [dig(row, split_path(resource.siembras.path)) for row in rows] if nested else [rows]
    items = [item for one in lists if isinstance(one, list) for item in one]
    own_key = "codigo" if table == "cultivos" else "id"
    below = "" if nested or not resource.root else f"{resource.root}."
    own = rules[own_key].path if own_key in rules else f"{below}{own_key}"
    path = _by_value(items, own, known)
    if path is None:
        called = f"siembras.{member}" if table == "siembras" else member
        path = _by_name(profile, recurso, called, rows, section)
    if path is None:
        return todo(table, member, known)
    line = path if "=" in path else f"{key} = {rule_text(path, rules.get(member))}"
    return f"en el perfil, bajo {section}: {line}"


def _rows(profile: Profile, fetched: Mapping[Recurso, Fetched], recurso: Recurso) -> Iterator[Any]:
    path = split_path(profile.envelope_of(recurso).rows)
    for page in fetched[recurso].pages if recurso in fetched else ():
        with suppress(JsonRefused):  # an answer that the profile counts as empty
            rows = dig(parse_json(page.body), path)
            yield from rows if isinstance(rows, list) else ()


def _by_name(
    profile: Profile, recurso: Recurso, member: str, rows: Sequence[Any], section: str
) -> str | None:
    """The line that ``api check`` has for it, or the one free path that is called like it."""
    every = compare_rows(recurso, profile, rows)
    for one in every:
        where, _, lines = one.todo.partition("\n")
        if one.item == member and where == section and "…" not in lines and lines:
            return lines.replace("\n", "; ")
    free = [one.item for one in every if one.what is Que.SOBRA]
    called = [path for path in free if last_name(path) in _CALLED.get(member, ())]
    return next((one[0] for one in (called, free) if len(one) == 1), None)


def _by_value(items: Sequence[Any], own_id: str, known: Mapping[str, str]) -> str | None:
    """The path that says in most items what they had last night."""
    said: Counter[str] = Counter()
    asked = 0
    for item in items:
        was = known.get(clean.identifier(dig(item, split_path(own_id))) or "")
        if was is not None:
            asked += 1
            said.update(path for path, value in leaves(item) if _same(value, was))
    path, times = said.most_common(1)[0] if said else ("", 0)
    return path if 2 * times > asked else None


def _same(value: object, was: str) -> bool:
    """Whether a value is what a table's column had, as text, for it may be written otherwise."""
    if clean.text(value) == was or (isinstance(value, bool) and str(value) == was):
        return True
    readers = (clean.number, clean.timestamp)
    return any((found := read(value)) is not None and found == read(was) for read in readers)
