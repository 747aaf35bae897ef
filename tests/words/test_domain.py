"""Whose answers are compared: one portal under all its spellings, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from Modules.words.domain import Portal, Record, Records, normal_origin

ONE = "https://portal.example"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (f"{ONE}/base-portal/api/v1", ONE),  # as manifests of older versions have it
        (f"{ONE}/v2/", ONE),
        ("https://PORTAL.Example:443/v1", ONE),
        ("HTTPS://portal.example.", ONE),
        (" https://portal.example/ ", ONE),
        ("https://portal.example:8443/x", f"{ONE}:8443"),
        ("http://portal.example:443", "http://portal.example:443"),
        ("http://127.0.0.1:80/api", "http://127.0.0.1"),
        ("https://ñandú.example/", "https://xn--and-6ma2c.example"),
        ("https://XN--and-6ma2c.example", "https://xn--and-6ma2c.example"),
        ("https://[2001:DB8:0::1]:443/", "https://[2001:db8::1]"),
        ("https://a..b/", "https://a..b"),
        ("demo:small", "demo:small"),
        ("https://portal.example:port", "https://portal.example:port"),
        ("", ""),
    ],
)
def test_an_origin_has_one_spelling(url: str, origin: str) -> None:
    assert normal_origin(url) == origin
    assert normal_origin(origin) == origin
    assert Portal(url, "p") == Portal(origin, "p")


def test_only_the_made_up_companies_are_a_line_of_their_own() -> None:
    portals = [Portal(url, "p") for url in (ONE, "https://other.example", "demo:small", "demo:big")]
    assert [one.line for one in portals] == ["", "", "demo:small", "demo:big"]


def test_packed_records_are_what_they_were_page_by_page() -> None:
    values: list[dict[str, Any]] = [{"id": str(n), "geometry": {"lat": [n]}} for n in range(5)]
    parts = values[:3], values[3:]
    pages = [[Record(one, 1, at) for at, one in enumerate(part)] for part in parts]
    packed = Records(*map(Records, pages))
    assert len(packed) == 5
    assert packed == tuple(Record(one, 1 + at // 3, at % 3) for at, one in enumerate(values))
    assert packed != Records(pages[0])
    assert (Records() == (), packed[4].values) == (True, values[4])
    next(iter(packed)).values["geometry"].clear()
    assert packed[0].values == values[0], "each walk makes them anew"
