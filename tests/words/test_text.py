"""Single values: whatever comes, a clean value or None."""

from __future__ import annotations

import csv
import json
import unicodedata
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.words import text as clean

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
ANYTHING = st.recursive(
    SCALARS | st.characters(codec=None),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


def fit_for_products(text: str) -> bool:
    bad = {"Cc", "Cs", "Zl", "Zp"}
    return (
        text == text.strip()
        and unicodedata.is_normalized("NFC", text)
        and not any(unicodedata.category(letter) in bad for letter in text)
    )


@given(ANY_TEXT)
def test_clean_text_is_fit_for_every_product_and_cleaning_it_again_changes_nothing(text):
    once = clean.clean_text(text)
    assert fit_for_products(once)
    assert len(once) <= clean.MAX_NAME
    once.encode("utf-8")
    assert clean.clean_text(once) == once


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("  La Paz \n", "La Paz"),
        ("La\tPaz\r\nNorte", "La Paz Norte"),
        ("Nandu\u0303", "Nandũ"),
        ("N\u0303andu\u0301", "Ñandú"),
        ("a\x00b\x07c\x9f", "abc"),
        ("x\ud800y\udfff", "xy"),
        ("\u202eLote\u2066 7\ufeff", "Lote 7"),
        ("\ufffe\U0001ffffz", "z"),
        ("👩‍🌾 7 A/B", "👩‍🌾 7 A/B"),
        ("N\x00\u0303", "Ñ"),
        ("  doble  espacio", "doble  espacio"),
    ],
)
def test_clean_text_keeps_what_people_wrote(given_text, expected):
    assert clean.clean_text(given_text) == expected


@given(ANYTHING)
def test_no_reader_raises_whatever_the_value(value):
    numbers = (clean.number, clean.area_ha, clean.integer, clean.boolean)
    texts = (clean.text, clean.identifier, clean.colour, clean.is_absent)
    for read in (*numbers, *texts, clean.day, clean.timestamp):
        read(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(12, 12), ("12", 12), (2.0, 2), ("2.0", 2), (2.5, None), (True, None), (2**63, None),
     (-(2**63), -(2**63)), ("1_000", None), (float("nan"), None), ("1e400", None), ([1], None)],
)  # fmt: skip
def test_integers(value, expected):
    assert clean.integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1480.50", 1480.5), (61.25, 61.25), (0, 0.0), (-1, None), ("-0.1", None), ("", None),
     ("61,25", None), (float("inf"), None), ("Infinity", None), (10**400, None), (True, None)],
)  # fmt: skip
def test_declared_areas(value, expected):
    assert clean.area_ha(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2025-11-19T17:20:05-03:00", datetime(2025, 11, 19, 20, 20, 5, tzinfo=UTC)),
     ("2025-11-19T20:20:05Z", datetime(2025, 11, 19, 20, 20, 5, tzinfo=UTC)),
     ("2025-11-19T20:20:05", datetime(2025, 11, 19, 20, 20, 5, tzinfo=UTC)),
     ("0001-01-01T00:00:00+05:00", None), ("ayer", None), (1763583605, None), ("", None)],
)  # fmt: skip
def test_timestamps_come_out_in_utc(value, expected):
    assert clean.timestamp(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2025-06-18", date(2025, 6, 18)), ("2025-06-18T00:00:00-03:00", date(2025, 6, 18)),
     ("2025-02-30", None), ("18/06/2025", None), (20250618, None), (None, None)],
)  # fmt: skip
def test_days(value, expected):
    assert clean.day(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("8841", "8841"), (8841, "8841"), (8841.0, "8841"), (" a-55 ", "a-55"), ("", None),
     (True, None), ({}, None), ("x" * 200, "x" * 200), ("x" * 201, None), ("\x00", None)],
)  # fmt: skip
def test_an_id_is_whole_or_none(value, expected):
    assert clean.identifier(value) == expected


@pytest.mark.shared
def test_naughty_strings_come_out_fit_and_real_labels_lose_nothing_but_blanks(shared_data: Path):
    for text in json.loads((shared_data / "dirty/names/blns.json").read_text("utf-8")):
        assert fit_for_products(clean.clean_text(text))
    with (shared_data / "dirty/names/ar_names_pampas.csv").open(encoding="utf-8", newline="") as f:
        labels = [cell for row in csv.reader(f) for cell in row]
    assert len(labels) > 5000
    for label in labels:
        assert (
            clean.clean_text(label, 10_000).split() == unicodedata.normalize("NFC", label).split()
        )


@pytest.mark.parametrize(
    ("value", "gone"),
    [
        ("2025-11-10T09:00:00-03:00", True), ("2025-11-10", True), ("10/11/2025", True),
        ("20251110", True), ("1762776000", True), (1762776000, True), (True, True), ("sí", True),
        (None, False), ("", False), (" ", False), (False, False), (0, False), ("0", False),
        ("no", False), ("null", False), ("0000-00-00 00:00:00", False), ("0000-00-00", False),
        ("0001-01-01T00:00:00", False), ("0001-01-01T00:00:00-0300", False),
        ("1900-01-01", False), ("1970-01-01T00:00:00Z", False), ("30/12/1899", False),
        ("2999-01-01T00:00:00Z", False), ("9999-12-31", False), ("00010101", False),
    ],
)  # fmt: skip
def test_what_says_that_a_row_is_deleted(value, gone):
    assert clean.deleted(value) is gone


@pytest.mark.parametrize("year", ["0001", "1753", "1900", "1970", "2071", "2999", "9999"])
def test_dates_that_stand_for_none_are_none(year):
    assert clean.day(f"{year}-01-01") is None
    assert clean.timestamp(f"{year}-06-01T00:00:00Z") is None
    assert not clean.is_absent(f"{year}-01-01"), "so that it is counted"
