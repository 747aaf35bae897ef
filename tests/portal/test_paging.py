"""check_walk takes a whole list and nothing else; the Link header is read as RFC 8288 has it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.portal.asking import Ask, WalkBroken
from Modules.portal.paging import Page, check_walk, next_of_link_header, read_page
from Modules.portal.profile import DEFAULT_PROFILE
from Modules.words.domain import Record, Records

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
