"""What a portal holds and how its answers are written: rows, pages, problems.

Pure: values in, bytes out. The contract is the assumed one (OpenAPI document of the project):
times RFC 3339 with offset, dates YYYY-MM-DD, areas in ha, geometry GeoJSON lon-lat EPSG:4326, ids
opaque text, lists sorted by id (code point order). An item is serialised once, when the world is
built; a page is a join of ready bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from Modules.words.domain import Campania, Recurso

BASE_PATH = "/base-portal/api/v1"
DEFAULT_SIZE = 200
MAX_SIZE = 1000
DEMO_CLIENT_ID = "lindero-demo"
DEMO_CLIENT_SECRET = "demo-publico-no-es-un-secreto"  # noqa: S105 - a public constant, on purpose
ARGENTINA = timezone(timedelta(hours=-3))  # no daylight saving since 2009
HAS_CAMPANIA = (Recurso.LOTES, Recurso.AMBIENTES, Recurso.MARCADORES)

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One item, serialised; beside it what the common filters ask for."""

    id: str
    body: bytes = field(repr=False)  # the item as JSON, UTF-8
    updated: float  # updated_at as seconds since 1970, for updated_since
    campania: str | None = None
    deleted: bool = False

    def item(self) -> Item:
        """The item, parsed anew: callers may change it."""
        parsed: Item = json.loads(self.body)
        return parsed


@dataclass(frozen=True)
class World:
    """All that a portal holds on one day; rows are sorted by id."""

    name: str
    campania: str
    snapshot_at: str
    rows: Mapping[Recurso, tuple[Row, ...]] = field(repr=False)

    def items(self, recurso: Recurso, *, include_deleted: bool = False) -> list[Item]:
        """The items of a list, sorted by id, parsed anew on each call."""
        return [row.item() for row in self.rows[recurso] if include_deleted or not row.deleted]


def dump(value: object) -> bytes:
    """Compact JSON in UTF-8; NaN and Infinity raise ValueError, as JSON has none."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()


def make_row(item: Mapping[str, Any], geometry: str | None = None) -> Row:
    """Serialise one item.

    ``geometry`` is GeoJSON text as shapely writes it, every digit kept; it becomes
    the last member, and spares a parse where there are many coordinates.
    """
    body = dump(item)
    if geometry is not None:
        body = body[:-1] + b',"geometry":' + geometry.encode() + b"}"
    said = item.get("updated_at")
    updated = 0.0 if said is None else datetime.fromisoformat(said).timestamp()
    deleted = item.get("deleted_at") is not None
    return Row(item["id"], body, updated, item.get("campania"), deleted)


def by_id(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: row.id))


def make_rows(items: Iterable[Mapping[str, Any]]) -> tuple[Row, ...]:
    return by_id(make_row(item) for item in items)


def campania_items(campania: str) -> list[Item]:
    """The campaña asked for and the two before it, as the contract lists them."""
    asked = Campania.parse(campania)
    years = [(asked.desde - back) % 100 for back in (2, 1, 0)]
    return [
        {
            "id": f"{(year + 1) % 100:02d}",
            "codigo": str(Campania(year, (year + 1) % 100)),
            "desde": f"20{year:02d}-06-01",
            "hasta": f"20{(year + 1) % 100:02d}-05-31",
            "activa": year == asked.desde,
        }
        for year in years
    ]


def day_time(campania: str, day: int) -> datetime:
    """When the portal of that day is looked at: 3 a.m. on 20 November of the sowing year."""
    first = datetime(2000 + Campania.parse(campania).desde, 11, 20, 3, 0, 2, tzinfo=ARGENTINA)
    return first + timedelta(days=day)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What a list request asks for, already checked."""

    recurso: Recurso
    page: int = 1
    size: int = DEFAULT_SIZE
    campania: str | None = None
    updated_since: datetime | None = None
    include_deleted: bool = False
    filters: tuple[tuple[str, frozenset[str]], ...] = ()  # own filters: name, texts that do
    asked: tuple[tuple[str, str], ...] = ()  # the parameters as they came, for ``next``


def select(rows: Sequence[Row], query: PageQuery) -> list[Row]:
    since = None if query.updated_since is None else query.updated_since.timestamp()
    by_campania = query.campania is not None and query.recurso in HAS_CAMPANIA
    return [
        row
        for row in rows
        if (query.include_deleted or not row.deleted)
        and (not by_campania or row.campania == query.campania)
        and (since is None or row.updated >= since)
        and all(_filter_values(row.item(), name) & texts for name, texts in query.filters)
    ]


def _filter_values(item: Item, name: str) -> set[str]:
    if name == "cultivo":
        crops = [siembra["cultivo"] for siembra in item["siembras"]]
        return {str(crop[key]) for crop in crops for key in ("codigo", "nombre") if key in crop}
    value = item.get(name)
    return {str(value).lower() if isinstance(value, bool) else str(value)}


def next_link(query: PageQuery) -> str:
    """Relative URL of the page after this one, with the same parameters."""
    kept = [(name, text) for name, text in query.asked if name not in ("page", "size")]
    parameters = [*kept, ("page", str(query.page + 1)), ("size", str(query.size))]
    return f"{BASE_PATH}/{query.recurso}?{urlencode(parameters)}"


def page_bytes(rows: Sequence[Row], query: PageQuery, snapshot_at: str) -> bytes:
    """One page of the contract: the rows already selected, cut, and the envelope round them."""
    start = (query.page - 1) * query.size
    items = b",".join(row.body for row in rows[start : start + query.size])
    pages = -(-len(rows) // query.size)  # an empty list has none
    envelope = dump(
        {
            "page": query.page,
            "size": query.size,
            "total_items": len(rows),
            "total_pages": pages,
            "next": next_link(query) if query.page < pages else None,
            "snapshot_at": snapshot_at,
        }
    )
    return b'{"items":[' + items + b"]," + envelope[1:]


def etag(body: bytes) -> str:
    """Weak tag: the same rows may travel compressed or plain."""
    return f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'


def problem(
    status: int, title: str, *, code: str, detail: str = "", field_name: str | None = None
) -> Item:
    """An RFC 9457 problem; the server adds ``request_id``."""
    item: Item = {"type": "about:blank", "title": title, "status": status, "code": code}
    if detail:
        item["detail"] = detail
    if field_name is not None:
        item["errors"] = [{"field": field_name, "message": detail or title}]
    return item
