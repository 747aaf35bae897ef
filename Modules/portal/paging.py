"""Which page comes next, and whether the pages of a walk add up. Pure.

A page with a declared count of pages or rows lets the others be asked for at the same time;
without one each page tells where the next is. Nothing is taken on trust: the number a page says
it is, where its ``next`` leads, the total on each page, twins, gaps and loops.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from Modules.portal.answers import NOTHING, http_date
from Modules.portal.asking import Ask, Params, Step, WalkBroken, link_target
from Modules.portal.coercion import MISSING, dig, split_path
from Modules.portal.sections import (
    CursorPaging,
    Envelope,
    NextLinkPaging,
    NoPaging,
    OffsetPaging,
    PagePaging,
    Paging,
    Sized,
    TokenPaging,
)
from Modules.words.domain import Records
from Modules.words.errors import ApiContractChanged
from Modules.words.spanish import moment
from Modules.words.text import timestamp

ONE_FETCH = timedelta(hours=1)  # between the pages of a list, as they say themselves
MAX_PAGES = 20_000  # of one walk: a portal that never ends
_ERROR_MARKS = {"error", "errors", "title", "message", "mensaje", "detail", "fault", "code"}
_FAILED = ("error", "errors", "partial", "parcial", "truncated", "truncado", "incomplete")
_SAYS_NO = ("", "0", "no", "none", "null", "false", "ok", "n")  # of a failure, as text
_WENT_WELL = ("success", "ok", "exito")
_STATUS = ("status", "estado", "state", "code", "codigo", "result", "resultado")
_ILL = re.compile(
    r"[45]\d\d|206|errors?|fail(ed|ure)?|fall[oó]|fallid[oa]|ko|partial|parcial|"
    r"(trunc|incomplet)\w*|time[d _-]*out|degraded"
)
_DIGITS = re.compile(r"\d{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageView:
    rows: Sequence[Any] = field(repr=False)
    total: int | None = None  # rows of the whole list, as declared
    pages: int | None = None
    number: int | None = None  # as the page itself says
    next: str | None = None
    token: str | None = None
    link_header: str | None = None
    moments: Mapping[str, datetime] = field(default_factory=dict)  # see ``domain.MOMENTS``
    served: int | None = None  # rows a page, as the portal says
    empty_answer: bool = False  # a status or body that the profile counts as "nothing"


def read_page(
    document: Any, headers: Mapping[str, str], envelope: Envelope, paging: Paging, what: str
) -> PageView:
    """The page in a document; names of ``headers`` are in lower case.

    Raises:
        ApiContractChanged: not the shape that the envelope describes.
    """
    if document is NOTHING:
        return PageView((), empty_answer=True)
    rows = _rows(document, envelope, what)
    _refuse_half(document, envelope, what)
    total = _count(document, envelope.total, "total", what)
    if name := envelope.total_header:
        text = headers.get(name.lower(), "").strip()
        if not _DIGITS.fullmatch(text):
            raise ApiContractChanged(
                f"{what}: no hay un número en el encabezado {name} (envelope.total_header)"
            )
        total = int(text)
    token, link = None, envelope.next
    if isinstance(paging, TokenPaging):
        in_header = headers.get(paging.token_header.lower()) or None
        token = in_header if paging.token_header else _text(document, paging.token, what)
    if isinstance(paging, NextLinkPaging):
        link = paging.next if paging.source == "body" else ""
    served = dig(document, split_path(paging.served)) if isinstance(paging, Sized) else None
    return PageView(
        rows,
        total,
        _count(document, envelope.pages, "pages", what),
        _count(document, envelope.page, "page", what),
        _text(document, link, what),
        token,
        next_of_link_header(headers.get("link", "")),
        _moments(document, headers, envelope),
        served if type(served) is int else None,
    )


def _moments(document: Any, headers: Mapping[str, str], envelope: Envelope) -> dict[str, datetime]:
    """Of when the answer says it is; what it does not say, or not legibly, is left out."""
    path = split_path(envelope.snapshot_at)
    said = timestamp(dig(document, path)) if path else None
    found = {"snapshot_at": said} | {
        name: http_date(headers.get(name.lower(), "")) for name in ("Date", "Last-Modified")
    }
    return {name: moment for name, moment in found.items() if moment is not None}


def _rows(document: Any, envelope: Envelope, what: str) -> Sequence[Any]:
    rows = dig(document, split_path(envelope.rows))
    if isinstance(rows, list):
        return rows
    where = f"una lista en {envelope.rows!r}" if envelope.rows else "una lista en la raíz"
    if rows is MISSING and isinstance(document, dict) and _ERROR_MARKS & document.keys():
        raise ApiContractChanged(f"{what}: un objeto de error con un estado bueno; no hay {where}")
    raise ApiContractChanged(f"{what}: no hay {where}; revisar envelope.rows en el perfil")


def _refuse_half(document: Any, envelope: Envelope, what: str) -> None:
    """Raise ApiContractChanged for rows beside a word that they are not all, or not good."""
    if not isinstance(document, dict):
        return
    parts = (document, *map(document.get, ("meta", "metadata", "_meta")))
    about = [part for part in parts if isinstance(part, dict)]
    for name, said in product((*_FAILED, *_WENT_WELL, *_STATUS), about):
        value = None if name == envelope.rows else said.get(name)
        text = value.strip().casefold() if isinstance(value, str) else None
        if name in _STATUS:
            bad = _ILL.fullmatch(str(value) if text is None else text) is not None
        else:
            bad = value is False if name in _WENT_WELL else bool(value) and text not in _SAYS_NO
        if bad:
            raise ApiContractChanged(
                f"{what}: trae filas y dice {name!r}: no es una respuesta entera; no se toma nada, "
                "preguntar al portal"
            )


def _count(document: Any, path: str, name: str, what: str) -> int | None:
    if not path:
        return None
    value = dig(document, split_path(path))
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ApiContractChanged(f"{what}: no hay un número en {path!r} (envelope.{name})")
    return value


def _text(document: Any, path: str, what: str) -> str | None:
    value = dig(document, split_path(path)) if path else None
    if value is MISSING or value is None or value == "":
        return None
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise ApiContractChanged(f"{what}: no hay un texto en {path!r}")


def next_of_link_header(header: str) -> str | None:
    """The target of ``rel="next"`` in a ``Link`` header (RFC 8288 §3), or None."""
    for target, params in re.findall(r"<([^<>]*)>((?:\s*;[^,<\"]*(?:\"[^\"]*\")?)*)", header):
        rel = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", params, re.IGNORECASE)
        if rel and "next" in (rel[1] or rel[2] or "").lower().split():
            return str(target)
    return None


def first_step(paging: Paging) -> Step:
    match paging:
        case PagePaging():
            return Step(((paging.param, paging.first), *_size(paging)))
        case OffsetPaging():
            return Step(((paging.param, 0), *_size(paging)))
        case NoPaging():
            return Step()
    return Step(_size(paging))


def _size(paging: Sized) -> Params:
    return ((paging.size_param, paging.size),) if paging.size_param else ()


def as_served(paging: Paging, first: PageView, url: str) -> Paging:
    """The paging with the size that the portal takes instead of the one it was asked for.

    It says so beside the rows (``served``) or in its ``next``, and the first page is as high: a
    page that is short of what was asked is then no end, and all others are asked for by its size.
    """
    if isinstance(paging, NoPaging) or not 0 < len(first.rows) < paging.size:
        return paging
    said = {first.served}
    if paging.size_param and (link := first.next or first.link_header):
        with suppress(ValueError):
            query = dict(parse_qsl(urlsplit(urljoin(url, link)).query))
            said.add(int(query.get(paging.size_param, "")))
    served = len(first.rows)
    return paging.model_copy(update={"size": served}) if served in said else paging


def steps_after_first(paging: Paging, first: PageView) -> list[Step] | None:
    """All other pages, where the first one tells how many there are; None where it does not."""
    if not isinstance(paging, PagePaging | OffsetPaging):
        return None
    count, height = first.pages, len(first.rows)
    if count is None and first.total is not None:
        count = 0 if height == 0 else -(-first.total // height)
    if count is None or (isinstance(paging, OffsetPaging) and height == 0 and count > 1):
        return None if count is None else []
    first_at, stride = (paging.first, 1) if isinstance(paging, PagePaging) else (0, height)
    places = [first_at + index * stride for index in range(1, min(count, MAX_PAGES))]
    return [Step(((paging.param, place), *_size(paging))) for place in places]


def next_step(
    paging: Paging, envelope: Envelope, views: Sequence[PageView], what: str
) -> Step | None:
    """Where the page after these is; None at the end.

    Raises:
        ApiContractChanged: the last row has no id to go on from.
    """
    last, rows_before = views[-1], sum(len(view.rows) for view in views)
    if isinstance(paging, NextLinkPaging):
        link = last.next if paging.source == "body" else last.link_header
        return Step(link=link) if link else None
    if isinstance(paging, TokenPaging):
        if not last.token:
            return None
        if paging.place == "header":
            return Step(_size(paging), ((paging.param, last.token),))
        return Step(((paging.param, last.token), *_size(paging)))
    if isinstance(paging, NoPaging) or not last.rows:
        return None
    if last.total is not None and rows_before >= last.total:
        return None
    if paging.stop == "short" and len(last.rows) < paging.size:
        return None
    if isinstance(paging, CursorPaging):
        return _after_last_id(paging, last, what)
    if envelope.next and last.next is None:
        return None
    where = paging.first + len(views) if isinstance(paging, PagePaging) else rows_before
    return Step(((paging.param, where), *_size(paging)))


def _after_last_id(paging: CursorPaging, last: PageView, what: str) -> Step:
    found = dig(last.rows[-1], split_path(paging.id))
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise ApiContractChanged(
            f"{what}: la última fila no tiene id en {paging.id!r} desde donde seguir"
        )
    if paging.plus:
        if not re.fullmatch(r"-?\d{1,18}", str(found), re.ASCII):
            raise ApiContractChanged(
                f"{what}: el último id no es un número, y no se le puede sumar plus"
            )
        found = int(found) + paging.plus
    return Step(((paging.param, found), *_size(paging)))


@dataclass(frozen=True, slots=True)
class Page:
    ask: Ask
    body: bytes = field(repr=False)
    request_id: str | None
    view: PageView
    records: Records = field(repr=False)

    @property
    def ids(self) -> list[str | None]:
        """Of its rows, in order; None where a row has none."""
        return [one if isinstance(one, str) and one else None for one in self.records.ids]


def check_walk(label: str, seen: Sequence[Page], paging: Paging, envelope: Envelope) -> int | None:
    """The declared total, if the pages are all there, once, and add up to it.

    Rows without an id count as rows of their own: the tables reject them by name.

    Raises:
        WalkBroken: a gap, a twin, a loop, a drift, a ``next`` that leads elsewhere, or another
            number of distinct ids than declared.
    """
    _no_page_twice(seen)
    _one_photo(label, seen)
    for index, page in enumerate(seen):
        if isinstance(paging, PagePaging) and page.view.number not in (None, paging.first + index):
            said = f"se pidió la página {paging.first + index}, y la respuesta dice que es la"
            raise WalkBroken(f"{page.ask.what}: {said} {page.view.number}")
        _next_leads_on(page, index, seen, paging, envelope)
    total = _one_total(label, [page.view for page in seen])
    _no_twin_across_pages(seen)
    if total is not None:
        ids = [item for page in seen for item in page.ids]
        distinct = len({item for item in ids if item is not None}) + ids.count(None)
        if distinct != total:
            raise WalkBroken(
                f"{label}: hay {distinct} ids distintos, pero el portal declara {total}"
            )
    return total


def _no_page_twice(seen: Sequence[Page]) -> None:
    first: dict[bytes, str] = {}
    for page in (one for one in seen if one.view.rows):
        digest = hashlib.sha256(page.body).digest()
        if digest in first:
            raise WalkBroken(f"{page.ask.what}: es la misma página que {first[digest]}")
        first[digest] = page.ask.what


def _one_photo(label: str, seen: Sequence[Page]) -> None:
    """Pages of one list are of one moment; a cache may answer some of them with those of a day ago.

    A whole fetch ends within half an hour, so what is farther apart was not made for it.
    """
    said = {
        page.view.moments["snapshot_at"]: page
        for page in seen
        if "snapshot_at" in page.view.moments
    }
    if said and max(said) - min(said) > ONE_FETCH:
        old, new = said[min(said)], said[max(said)]
        raise WalkBroken(
            f"{label}: {old.ask.what} es de {moment(min(said))} UTC y {new.ask.what} de "
            f"{moment(max(said))} UTC; una es de otra foto del portal"
        )


def _next_leads_on(
    page: Page, index: int, seen: Sequence[Page], paging: Paging, envelope: Envelope
) -> None:
    """In numbered paging ``next`` is a witness: null on the last page, the next one before."""
    if not isinstance(paging, PagePaging | OffsetPaging) or not envelope.next:
        return
    what, link, is_last = page.ask.what, page.view.next, index == len(seen) - 1
    if link is None:
        if not is_last and any(later.view.rows for later in seen[index + 1 :]):
            raise WalkBroken(f"{what}: dice que es la última página, y no lo es")
        return
    target = link_target(what, page.ask.url, link, page.ask.url, paging.keep)
    if target.path != urlsplit(page.ask.url).path:
        raise WalkBroken(f"{what}: su enlace next lleva a otra parte")
    if is_last and page.view.rows:
        raise WalkBroken(f"{what}: su enlace next sigue, pero la lista termina acá")
    if is_last:
        return
    said = dict(parse_qsl(target.query, keep_blank_values=True))
    following = urlsplit(seen[index + 1].ask.url).query
    asked = dict(parse_qsl(following, keep_blank_values=True))
    if any(asked.get(name, value) != value for name, value in said.items()):
        raise WalkBroken(f"{what}: su enlace next no lleva a la página siguiente")


def _one_total(label: str, views: Sequence[PageView]) -> int | None:
    totals = {view.total for view in views if not view.empty_answer}
    counts = {view.pages for view in views if not view.empty_answer}
    if len(totals) > 1 or len(counts) > 1:
        raise WalkBroken(f"{label}: el total declarado cambia de una página a otra")
    count = next(iter(counts), None)
    with_rows = sum(1 for view in views if view.rows)
    if count is not None and with_rows != count and not (count <= 1 and with_rows == 0):
        raise WalkBroken(
            f"{label}: hay {with_rows} páginas con filas, pero el portal declara {count}"
        )
    return next(iter(totals), None)


def _no_twin_across_pages(seen: Sequence[Page]) -> None:
    first: dict[str, str] = {}
    for page in seen:
        what = page.ask.what
        for name in page.ids:
            if name is not None and first.setdefault(name, what) != what:
                came = f"el id {name[:60]!r} ya vino en {first[name]}"
                raise WalkBroken(f"{what}: {came}; la lista se movió")
