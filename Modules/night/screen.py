"""The screen every record of the portal passes, and the ledger of what did not.

A record cannot be used without an id, twice under one id (the newest ``updated_at`` stays, then
the first by page), when deleted, or of another campaña. A value that is not what it should be
becomes empty and is counted; it does not cost the row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple, TypeAlias, TypeGuard, TypeVar

from Modules.words import text as clean
from Modules.words.domain import Campania, Motivo, Record, Records, Recurso

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]

TOGETHER = 20_000  # records
_OLDEST = datetime.min.replace(tzinfo=UTC)
_SEASON = re.compile(r"(?:20)?(\d\d)\s*[/-]\s*(?:20)?(\d\d)")
_YEAR = re.compile(r"20(\d\d)")


@dataclass(slots=True)
class Ledger:
    """What was refused, and how many values could not be read, while tables are built."""

    refused: list[Row] = field(default_factory=list)
    reasons: dict[tuple[str, str], Motivo] = field(default_factory=dict)
    illegible: Counter[str] = field(default_factory=Counter)

    def refuse(
        self, recurso: str, row: Item | Record, motivo: Motivo, detalle: str, *, siembra: Any = None
    ) -> None:
        """Note one refusal; ``siembra`` is the nested value where it is one."""
        record = row.record if isinstance(row, Item) else row
        values = record.values if siembra is None else siembra
        values = values if isinstance(values, Mapping) else {}
        found = clean.identifier(values.get("id"))
        crop = values.get("cultivo") if siembra is not None else None
        name = crop.get("nombre") if isinstance(crop, Mapping) else values.get("nombre")
        said = clean.text(name), motivo.value, clean.clean_text(detalle)
        self.refused.append((recurso, found, *said, record.page, record.index))
        if found is not None:
            self.reasons.setdefault((recurso, found), motivo)

    def orphan(self, parent: Recurso, parent_id: str | None) -> str:
        """Why there is no such parent, for users."""
        noun = parent.value.removesuffix("s")
        if parent_id is None:
            return f"no dice de qué {noun} es"
        motivo = self.reasons.get((parent.value, parent_id))
        if motivo is None:
            bare = parent_id.lstrip("0")
            as_number = self.reasons.get((parent.value, bare)) is Motivo.TIPO_INVALIDO
            hint = f"; vino el número {bare}, que se rechazó" if as_number else ""
            return f"el {noun} {parent_id} no está en la lista{hint}"
        return f"el {noun} {parent_id} fue rechazado ({motivo.value})"


class Item(NamedTuple):
    """A record that passed the screen: it has an id, and reads its values by name.

    A named tuple, for a night makes a hundred thousand: a frozen dataclass takes thrice the time.
    """

    id: str
    record: Record
    values: Mapping[str, Any]
    recurso: str
    illegible: Counter[str]
    at: int = 0  # place of the record in its list

    def get(self, key: str, read: Callable[[object], T | None]) -> T | None:
        """A value through its reader; one that is there but illegible is counted."""
        value = self.values.get(key)
        if value is None:
            return None
        found = read(value)
        if found is None and not clean.is_absent(value):
            self.illegible[f"{self.recurso}.{key}"] += 1
        return found

    def text(self, key: str) -> str | None:
        return self.get(key, clean.text)

    def nested(self, key: str) -> Item:
        """An object inside; empty if there is none."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, Mapping):
            self.illegible[f"{self.recurso}.{key}"] += 1
        inner = value if isinstance(value, Mapping) else {}
        return Item(self.id, self.record, inner, f"{self.recurso}.{key}", self.illegible)


@dataclass(frozen=True, slots=True)
class Bunch:
    """The values of many items of one list, read by name for all of them at once."""

    rows: Sequence[Mapping[str, Any]]
    recurso: str
    illegible: Counter[str]

    @classmethod
    def of(cls, items: Sequence[Item], recurso: str, ledger: Ledger) -> Bunch:
        return cls([item.values for item in items], recurso, ledger.illegible)

    def get(self, key: str, read: Callable[[object], T | None]) -> list[T | None]:
        """``Item.get`` of each; a text that comes again is read once."""
        values = [row.get(key) for row in self.rows]
        texts = {value: read(value) for value in {value for value in values if type(value) is str}}
        found = [
            None if value is None else texts[value] if type(value) is str else read(value)
            for value in values
        ]
        if values.count(None) != found.count(None):
            pairs = zip(values, found, strict=True)
            lost = sum(one is None and not clean.is_absent(value) for value, one in pairs)
            self._count(key, lost)
        return found

    def text(self, key: str) -> list[str | None]:
        return self.get(key, clean.text)

    def nested(self, key: str) -> Bunch:
        """The objects inside; empty where there is none."""
        values = [row.get(key) for row in self.rows]
        inner: list[Mapping[str, Any]] = [v if _is_object(v) else {} for v in values]
        self._count(key, sum(value is not None and not _is_object(value) for value in values))
        return Bunch(inner, f"{self.recurso}.{key}", self.illegible)

    def _count(self, key: str, lost: int) -> None:
        if lost:
            self.illegible[f"{self.recurso}.{key}"] += lost


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return type(value) is dict or isinstance(value, Mapping)


def apart(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Records that can be screened some at a time; all at once where one's id says of another's."""
    ids = records.ids if isinstance(records, Records) else ()
    if set(map(type, ids)) != {str} or len(set(map(clean.identifier, ids))) < len(ids):
        yield records
        return
    left = iter(records)
    while some := tuple(islice(left, TOGETHER)):  # all of a large company are a gigabyte
        yield some


def screen(
    recurso: Recurso, records: Sequence[Record], campania: Campania | None, ledger: Ledger
) -> list[Item]:
    """The records that can be used so far, by id; the others go to the ledger."""
    kept: list[Item] = []
    season = None if campania is None else (campania, str(campania))
    for item in _newest_by_id(recurso, records, ledger):
        problem = _problem(item, season)
        if problem is None:
            kept.append(item)
        else:
            ledger.refuse(recurso, item, *problem)
    return kept


def _newest_by_id(recurso: Recurso, records: Sequence[Record], ledger: Ledger) -> Iterable[Item]:
    items = _with_id(recurso, records, ledger)
    if len({item.id for item in items}) == len(items):  # nearly always
        return items
    by_id: dict[str, list[Item]] = {}
    for item in items:
        by_id.setdefault(item.id, []).append(item)
    kept = []
    for twins in by_id.values():
        first, *others = sorted(twins, key=_rank)
        for other in others:
            text = f"el id {first.id} está repetido; queda el más nuevo"
            ledger.refuse(recurso, other, Motivo.ID_REPETIDO, text)
        kept.append(first)
    return kept


def _with_id(recurso: Recurso, records: Sequence[Record], ledger: Ledger) -> list[Item]:
    items: list[Item] = []
    name, illegible = recurso.value, ledger.illegible
    for at, record in enumerate(records):
        values = record.values
        if not _is_object(values):
            ledger.refuse(recurso, record, Motivo.TIPO_INVALIDO, "no es un objeto")
            continue
        value = values.get("id")
        found = clean.identifier(value)
        if found is not None:
            items.append(Item(found, record, values, name, illegible, at))
        elif clean.is_absent(value):
            ledger.refuse(recurso, record, Motivo.SIN_ID, "no tiene id")
        else:
            ledger.refuse(recurso, record, Motivo.TIPO_INVALIDO, "el id no es un texto usable")
    return _of_one_type(recurso, items, ledger)


def _of_one_type(recurso: Recurso, items: list[Item], ledger: Ledger) -> list[Item]:
    """The items whose id is of the type of most: 1 is not known to be "000001", nor another."""
    numbers = sum(_is_number(item) for item in items)
    if numbers in (0, len(items)):  # nearly always
        return items
    odd = 2 * numbers <= len(items)  # numbers are: the contract writes ids as text
    came = ("número", "texto") if odd else ("texto", "número")
    kept = []
    for item in items:
        if _is_number(item) is odd:
            text = f"el id {item.id} vino como {came[0]} y los demás como {came[1]}"
            ledger.refuse(recurso, item, Motivo.TIPO_INVALIDO, text)
        else:
            kept.append(item)
    return kept


def _is_number(item: Item) -> bool:
    value = item.values["id"]
    return type(value) is not str and isinstance(value, int | float | clean.Numeral)


def _rank(item: Item) -> tuple[float, int, int, str]:
    when = clean.timestamp(item.values.get("updated_at")) or _OLDEST
    age = -(when - _OLDEST).total_seconds()
    return age, item.record.page, item.record.index, ascii(item.record)


def _problem(item: Item, season: tuple[Campania, str] | None) -> tuple[Motivo, str] | None:
    if clean.deleted(item.values.get("deleted_at")):
        when = clean.text(item.values["deleted_at"]) or "sin fecha"
        return Motivo.BORRADO, f"borrado en el portal: {when}"
    said = item.values.get("campania")
    if season is None or said is None or said == season[1] or clean.is_absent(said):
        return None
    if same_campania(said, season[0]):
        return None
    return Motivo.OTRA_CAMPANIA, f"campaña {clean.text(said) or 'ilegible'}, se pidió {season[1]}"


def same_campania(said: object, campania: Campania) -> bool:
    """Whether a portal's season is the one asked for: 25/26, 2025/26, 2025-2026 or 2025."""
    text = clean.text(said) or ""
    pair = _SEASON.fullmatch(text)
    if pair is not None:
        return (int(pair[1]), int(pair[2])) == (campania.desde, campania.hasta)
    year = _YEAR.fullmatch(text)
    return year is not None and int(year[1]) == campania.desde
