from __future__ import annotations

import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from Modules.formats import kml_text

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)
HOSTILE = st.lists(
    st.sampled_from(
        ["<b>", "</name>", "<![CDATA[", "]]>", "&amp;", "&copy", "&#60;", "&", "$[name]", "$", "[",
         "ñ", "n\u0303", "\x00", "\x1b", "\x85", "\ud800", "\u202e", "\ufffe", "'", '"', " ", "x"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


class _Reader(HTMLParser):
    """What a browser shows of HTML that has no markup."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.markup: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.markup.append(tag)

    handle_endtag = handle_comment = handle_decl = handle_pi = unknown_decl = (  # type: ignore[assignment]
        lambda self, what, *_: self.markup.append(what)
    )


def _as_html(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader


def check(value: str) -> None:
    """One value: harmless in XML, the same text in a balloon, nothing expanded."""
    shown = kml_text.plain(value)
    document = f"<?xml version='1.0' encoding='UTF-8'?><a>{kml_text.xml(shown)}</a>".encode()
    assert (etree.fromstring(document).text or "") == shown
    html = _as_html(shown)
    assert html.text == shown
    assert html.markup == []
    assert "$[" not in shown
    assert len(shown) <= 200
    assert unicodedata.is_normalized("NFC", shown)
    assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in shown)
    assert kml_text.plain(shown) == shown


@given(ANY_TEXT | HOSTILE)
def test_a_value_is_harmless_and_reads_the_same_as_text_and_as_html(value: str) -> None:
    check(value)


@pytest.mark.shared
def test_the_naughty_strings_are_harmless(shared_data: Path) -> None:
    names = json.loads((shared_data / "dirty/names/blns.json").read_text(encoding="utf-8"))
    assert len(names) > 400
    for name in names:
        check(name)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Peña & Hijos", "Peña & Hijos"),
        ("P&G", "P&G"),
        ("Lote <3", "Lote ‹3"),
        ("Médano <chico>", "Médano ‹chico›"),
        (">= 3", ">= 3"),
        ("&copy; 25", "＆copy; 25"),
        ("$[name]", "$(name]"),
        ("U$S 100", "U$S 100"),
        ("n\u0303andu\x00\u202e", "ñandu"),
    ],
)
def test_plain_text_stays_and_markup_becomes_look_alikes(value: str, shown: str) -> None:
    assert kml_text.plain(value) == shown


def test_a_column_keeps_its_order_and_missing_is_empty() -> None:
    assert kml_text.xml_texts(["a & b", None, "a & b", ""]) == ["a &amp; b", "", "a &amp; b", ""]


@given(st.lists(ANY_TEXT | st.sampled_from(["a_1", "a_5f_1", "a.1", "á", "1"]), unique=True))
def test_ids_are_legal_and_distinct(keys: list[str]) -> None:
    ids = [kml_text.xml_id("lote", key) for key in keys]
    assert len(set(ids)) == len(keys)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9._-]*", item) for item in ids)
    assert kml_text.xml_id("lote", "8841") == "lote-8841"
