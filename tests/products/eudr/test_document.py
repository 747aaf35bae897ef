"""Numbers as they are written: decimals survive, nonsense is refused by name."""

from __future__ import annotations

import pytest

from Modules.products.eudr.document import Refused, decimals_of, quoted, read_geometry, read_json


@pytest.mark.parametrize(
    ("text", "decimals"),
    [("1", 0), ("-34.120", 3), ("-61.123456", 6), ("1e-6", 6), ("1.25E-4", 6), ("1.5e3", 0)],
)
def test_decimals_are_counted_as_written(text: str, decimals: int) -> None:
    assert decimals_of(text) == decimals


def test_trailing_zeros_survive_reading() -> None:
    value = read_json(b'{"type":"Point","coordinates":[-61.100000,-34.1]}')
    points = read_geometry(value).points
    assert points is not None
    assert (points.fewest_decimals, points.most_decimals) == (1, 6)
    assert points.xy.tolist() == [[-61.1, -34.1]]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":1,"a":' + b"2" * 5000 + b"}",
        b"[NaN]",
        b"[-Infinity]",
        b'"\xff"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[1] [2]",
    ],
    ids=[
        "empty",
        "cut",
        "twins",
        "huge twins",
        "nan",
        "infinity",
        "utf-8",
        "deep",
        "deep objects",
        "two",
    ],
)
def test_what_is_no_strict_json_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        read_json(data)


@pytest.mark.parametrize(
    "coordinates",
    ["null", "[]", "7", '[["a","b"]]', "[[1]]", "[[1,2],[true,3]]", "[[1,2],null]", "[[1e999,2]]"],
)
def test_coordinates_of_another_shape_are_refused(coordinates: str) -> None:
    text = f'{{"type":"MultiPoint","coordinates":{coordinates}}}'
    with pytest.raises(Refused):
        read_geometry(read_json(text.encode()))


def test_what_is_shown_is_short_and_clean() -> None:
    assert quoted("a\x1b[31mb\n\u202ec") == "«a[31mb c»"
    assert len(quoted("x" * 10_000)) < 70
    assert quoted(None) == "null"
