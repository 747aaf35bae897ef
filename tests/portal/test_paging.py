"""check_walk takes a whole list and nothing else; the Link header is read as RFC 8288 has it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.portal.asking import Ask, WalkBroken
from Modules.portal.paging import Page, check_walk, next_of_link_header, read_page
from Modules.portal.profile import DEFAULT_PROFILE
from Modules.words.domain import Record, Records
from Modules.words.errors import ApiContractChanged

PAGING, ENVELOPE = DEFAULT_PROFILE.paging, DEFAULT_PROFILE.envelope
URL = "https://portal.example/lotes"


def _walk(rows: int, size: int) -> list[Page]:
    count = -(-rows // size)
    pages = []
    for number in range(1, max(count, 1) + 1):
        items = [{"id": str(n)} for n in range(rows)[(number - 1) * size : number * size]]
        document = {
            "items": items,
            "page": number,
            "total_items": rows,
            "total_pages": count,
            "next": f"?page={number + 1}&size={size}" if number < count else None,
        }
        what, url = f"lotes página {number}", f"{URL}?page={number}&size={size}"
        view = read_page(document, {}, ENVELOPE, PAGING, what)
        found = Records([Record(item, number, index) for index, item in enumerate(items)])
        body = json.dumps(document).encode()
        pages.append(Page(Ask(what, "GET", url), body, None, view, found))
    return pages


_SIZES = st.tuples(st.integers(0, 40), st.integers(1, 9))


@given(_SIZES)
def test_a_whole_list_adds_up(sizes: tuple[int, int]) -> None:
    assert check_walk("lotes", _walk(*sizes), PAGING, ENVELOPE) == sizes[0]


@given(_SIZES.filter(lambda s: s[0] > s[1]), st.data())
def test_a_page_left_out_doubled_or_swapped_never_adds_up(
    sizes: tuple[int, int], data: st.DataObject
) -> None:
    pages = _walk(*sizes)
    index = data.draw(st.integers(0, len(pages) - 1))
    other = data.draw(st.integers(0, len(pages) - 1).filter(lambda n: n != index))
    swapped = list(pages)
    swapped[index], swapped[other] = pages[other], pages[index]
    doubled = [*pages[: index + 1], *pages[index:]]
    replaced = [*pages[:index], pages[other], *pages[index + 1 :]]
    for walk in (pages[:index] + pages[index + 1 :], doubled, replaced, swapped):
        with pytest.raises(WalkBroken, match="lotes"):
            check_walk("lotes", walk, PAGING, ENVELOPE)


@pytest.mark.parametrize(("apart", "whole"), [(0, True), (3_000, True), (86_400, False)])
def test_pages_of_two_nights_are_no_list(apart: int, whole: bool) -> None:
    first = datetime(2026, 3, 2, 6, tzinfo=UTC)
    said = [first + timedelta(seconds=apart), first]
    pages = [
        replace(page, view=replace(page.view, moments={"snapshot_at": moment}))
        for page, moment in zip(_walk(10, 5), said, strict=True)
    ]
    if whole:
        assert check_walk("lotes", pages, PAGING, ENVELOPE) == 10
        return
    with pytest.raises(WalkBroken, match=r"lotes página 2 es de .*; una es de otra foto"):
        check_walk("lotes", pages, PAGING, ENVELOPE)


@pytest.mark.parametrize(
    ("member", "value", "good"),
    [
        ("errors", [{"message": "shard 3"}], False),
        ("error", "timeout", False),
        ("partial", True, False),
        ("success", False, False),
        ("status", "error", False),
        ("estado", "Parcial", False),
        ("code", 500, False),
        ("result", "incomplete", False),
        ("errors", [], True),
        ("status", "ok", True),
        ("status", 200, True),
        ("code", 0, True),
        ("estado", "activo", True),
        ("result", None, True),
        ("error", None, True),
        ("error", "OK", True),
        ("errors", 0, True),
        ("partial", False, True),
        ("success", True, True),
    ],
)
def test_rows_beside_a_word_that_they_are_not_all_are_no_page(
    member: str, value: Any, good: bool
) -> None:
    whole = {"items": [{"id": "1"}], "page": 1, "total_items": 1, "total_pages": 1, "next": None}
    both = whole | {member: None, "meta": {}, "metadata": {member: value}}  # neither speaks for all
    for document in (whole | {member: value}, whole | {"meta": {member: value}}, both):
        if good:
            assert len(read_page(document, {}, ENVELOPE, PAGING, "lotes página 1").rows) == 1
            continue
        told = f"lotes página 1: trae filas y dice '{member}'"
        with pytest.raises(ApiContractChanged, match=told):
            read_page(document, {}, ENVELOPE, PAGING, "lotes página 1")


@pytest.mark.parametrize(
    ("header", "link"),
    [
        ("", None),
        ('</a?x=1>; rel="next"', "/a?x=1"),
        ("</a>; rel=next", "/a"),
        ('</a>; rel="prev", </b,c>; rel="next"', "/b,c"),
        ('</a>; title="rel=next"; rel="last"', None),
        ('</a>; rel="first next"', "/a"),
        ('</a>; REL="NEXT"', "/a"),
        ('</a>; title="x, y"; rel="prev", </b>; title="z"; rel="next"', "/b"),
        ("nonsense; rel=next", None),
    ],
)
def test_next_of_a_link_header(header: str, link: str | None) -> None:
    assert next_of_link_header(header) == link
