"""A value is read as the rule says, or stays as it came: nothing is lost, nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.portal.coercion import MISSING, coerce, dig, split_path
from Modules.portal.sections import FieldRule
from Modules.words.text import Numeral

ZONE = "America/Argentina/Buenos_Aires"


@pytest.mark.parametrize(
    ("kind", "layout", "value", "wanted"),
    [
        ("id", "", 7, "7"),
        ("id", "", 7.0, "7"),
        ("id", "", True, True),
        ("id", "", None, None),
        ("number", "", "52.00", 52.0),
        ("number", "", "-1e3", -1000.0),
        ("number", "", "52,00", "52,00"),
        ("number", "", "1e999", "1e999"),
        ("number", "", "nan", "nan"),
        ("number", "", "٣", "٣"),
        ("number", "", "", ""),
        ("decimal_comma", "", "1.480,50", 1480.5),
        ("decimal_comma", "", "61,25", 61.25),
        ("decimal_comma", "", "61", 61.0),
        ("decimal_comma", "", "61.25", "61.25"),  # thousands? a decimal point? not guessed
        ("decimal_comma", "", "1.480", 1480.0),
        ("integer", "", "20", 20),
        ("integer", "", 20.0, 20),
        ("integer", "", 20.5, 20.5),
        ("boolean", "", "TRUE", True),
        ("boolean", "", "si", "si"),
        ("date", "", "2025-11-19", "2025-11-19"),
        ("date", "%d/%m/%Y", "19/11/2025", "2025-11-19"),
        ("date", "%d/%m/%Y", "2025-11-19", "2025-11-19"),
        ("date", "%d/%m/%Y", "31/02/2025", "31/02/2025"),
        ("datetime", "", "2025-11-19T17:20:05", "2025-11-19T17:20:05-03:00"),
        ("datetime", "", "2025-11-19T17:20:05Z", "2025-11-19T17:20:05+00:00"),
        ("datetime", "", "2025-11-19T17:20:05+02:00", "2025-11-19T17:20:05+02:00"),
        ("datetime", "epoch_ms", 1763582400000, "2025-11-19T17:00:00-03:00"),
        ("datetime", "epoch_s", "1763582400", "2025-11-19T17:00:00-03:00"),
        ("datetime", "epoch_s", 1e30, 1e30),
        ("datetime", "", 5, 5),
        ("text", "", 7, "7"),
    ],
)
def test_values(kind: Any, layout: str, value: object, wanted: object) -> None:
    found = coerce(value, kind, FieldRule(path="x", type=kind, format=layout), ZONE)
    assert found == wanted
    assert type(found) is type(wanted)


def test_value_maps_come_first_and_know_numbers_and_booleans() -> None:
    rule = FieldRule(path="x", values={"1": "alto", "true": "bajo", "": "medio"})
    assert coerce(1, "raw", rule, ZONE) == "alto"
    yes: object = True
    assert coerce(yes, "raw", rule, ZONE) == "bajo"
    assert coerce(None, "raw", rule, ZONE) == "medio"
    assert coerce("otro", "raw", rule, ZONE) == "otro"
    assert coerce([1], "raw", rule, ZONE) == [1]


@given(
    st.sampled_from(["id", "number", "decimal_comma", "integer", "boolean", "date", "datetime"]),
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.lists(st.integers()),
    st.sampled_from(["", "%d/%m/%Y", "epoch_s", "epoch_ms", "%Q"]),
)
def test_no_value_of_a_portal_raises(kind: Any, value: object, layout: str) -> None:
    coerce(value, kind, FieldRule(path="x", type=kind, format=layout), ZONE)


def test_paths() -> None:
    row = {"a": {"b": [{"c": 1}]}, "n": None}
    assert dig(row, split_path("a.b.0.c")) == 1
    assert dig(row, split_path("")) is row
    assert dig(row, split_path("n")) is None
    for path in ("x", "a.x", "a.b.1", "a.b.-1", "n.x", "a.b.c"):
        assert dig(row, split_path(path)) is MISSING


@pytest.mark.parametrize(
    "written",
    ["2025-11-20T01:30:00Z", "2025-11-19T22:30:00-03:00", "2025-11-20T03:30:00+02:00",
     "2025-11-19T22:30:00", "2025-11-19", "2025-11-19T00:00:00Z", "2025-11-18T21:00:00-03:00"],
)  # fmt: skip
def test_an_instant_has_one_day_however_it_is_written(written: str) -> None:
    assert coerce(written, "date", None, ZONE) == "2025-11-19"


@pytest.mark.parametrize(
    "layout",
    ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S %Z", "%d/%m/%Y %H:%M UTC",
     "%d/%m/%Y %H:%M GMT", "%Y-%m-%dT%H:%M:%S-03:00", "%Y-%m-%dT%H:%M:%S+0000"],
)  # fmt: skip
def test_a_zone_written_out_in_a_format_is_refused(layout: str) -> None:
    with pytest.raises(
        ValueError, match="una zona escrita con letras no se lee; escribir %z para Z, UTC o -03:00"
    ):
        FieldRule(path="x", type="datetime", format=layout)


def test_a_zone_that_is_read_is_read() -> None:
    rule = FieldRule(path="x", type="datetime", format="%Y-%m-%dT%H:%M:%S%z")
    for written in ("2025-11-20T03:00:00Z", "2025-11-20T00:00:00-03:00"):
        found = coerce(written, "datetime", rule, ZONE)
        assert datetime.fromisoformat(found) == datetime(2025, 11, 20, 3, tzinfo=UTC)
    FieldRule(path="x", type="date", format="%d-%m-%Y Zona Sur")


def test_an_id_that_came_as_a_number_is_known_unless_the_profile_speaks_of_it() -> None:
    assert isinstance(coerce(1, "id", None, ZONE), Numeral)
    assert coerce(1, "id", FieldRule(path="x"), ZONE) == Numeral("1")
    assert not isinstance(coerce("000001", "id", None, ZONE), Numeral)
    padded = FieldRule(path="x", pad=6)
    found = [coerce(value, "id", padded, ZONE) for value in (1, "1", "000001", 1.0, "a-1")]
    assert found == ["000001", "000001", "000001", "000001", "a-1"]
    assert not any(isinstance(one, Numeral) for one in found)
