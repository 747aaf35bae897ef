"""strict_json takes what RFC 8259 has, and refuses the rest by name."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.words.strict_json import JsonRefused, Reason, parse_json, without_lone_surrogates

_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(_JSON, st.booleans())
def test_what_json_writes_comes_back_equal(value: object, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(_JSON, st.integers(0, 6))
def test_depth_counts_levels_and_nothing_inside_strings(value: object, limit: int) -> None:
    body = json.dumps(value).encode()
    if _depth(value) <= limit:
        assert parse_json(body, limit) == value
    else:
        with pytest.raises(JsonRefused, match=f"más de {limit} niveles"):
            parse_json(body, limit)


@given(_JSON, st.lists(_TEXT, min_size=1, max_size=4))
def test_a_twin_key_is_found_wherever_it_is(value: object, around: list[str]) -> None:
    body = json.dumps({"a:b": value, "twin": 1, ":": [value]})[:-1] + ', "twin": 1}'
    for name in around:
        body = f"[{json.dumps(value)}, {{{json.dumps(name)}: {body}}}]"
    with pytest.raises(JsonRefused, match="'twin' está dos veces"):
        parse_json(body.encode())


@given(st.lists(_JSON, min_size=1), st.data())
def test_a_text_cut_anywhere_is_refused(value: object, data: st.DataObject) -> None:
    body = json.dumps(value).encode()
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(JsonRefused):
        parse_json(body[:cut])


@given(st.dictionaries(st.text(string.ascii_letters), st.integers(), min_size=1), st.data())
def test_a_cut_object_is_known_as_cut(value: object, data: st.DataObject) -> None:
    body = json.dumps({"items": [value]}).encode()
    with pytest.raises(JsonRefused) as caught:
        parse_json(body[: data.draw(st.integers(1, len(body) - 1))])
    assert caught.value.reason is Reason.CUT


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": NaN}', "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e400]", "demasiado grande"),
        (b"[-1E+999]", "demasiado grande"),
        (b"[" + b"9" * 400 + b"]", "demasiado grande"),
        (b"[" + b"9" * 5000 + b"]", "demasiado grande"),
        (b"[" + b"9" * 250 + b"e99]", "demasiado grande"),
        (b'{"a": 1, "b": 2, "a": 1}', "'a' está dos veces"),
        (b'[{"x": {"y": 1, "y": 2}}]', "'y' está dos veces"),
        (b'["\xff"]', "el byte 2 no es UTF-8"),
        (b'["\xc3"]', "no es UTF-8"),
        ('["ñ"]'.encode("latin-1"), "no es UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "no es UTF-8"),
        (b'["\\ud800"]', "medio carácter"),
        (b"[" * 65 + b"]" * 65, "más de 64 niveles"),
        (b"[" * 100_000, "más de 64 niveles"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "más de 64 niveles"),
        (b"<html>", "no es JSON"),
        (b"", "no es JSON"),
        (b"[1] [2]", "no es JSON"),
        (b"{'a': 1}", "no es JSON"),
        (b'["a\nb"]', "no es JSON"),
        (b"[1,]", "no es JSON"),
    ],
)
def test_refused_by_name(body: bytes, reason: str) -> None:
    with pytest.raises(JsonRefused, match=reason) as caught:
        parse_json(body)
    assert caught.value.reason is not Reason.CUT


def test_taken_though_it_looks_odd() -> None:
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]
    assert parse_json(b'["\\ud83c\\udf3e"]') == ["🌾"]
    assert parse_json(b"[" * 64 + b"]" * 64) is not None
    assert parse_json(('["' + "[" * 500 + '\\""]').encode()) == ["[" * 500 + '"']
    assert parse_json(b"[1e300, 1e-400]") == [1e300, 0.0]


@pytest.mark.parametrize(
    ("body", "text", "gone"),
    [
        (rb'["La Paz \ud83d"]', "La Paz ", 1),
        (rb'["\uDE00 La \ud83c\ud83c\udf3e Paz"]', " La 🌾 Paz", 2),
        (b'["La \xed\xa0\xbd Paz"]', "La  Paz", 1),
        (rb'["\\ud83d \\\ud83d"]', "\\ud83d \\", 1),  # a backslash, and letters after it
        (rb'["\ud83c\udf3e \u00f1 \""]', '🌾 ñ "', 0),
        ('["ñandú 한국"]'.encode(), "ñandú 한국", 0),
    ],
)
def test_halves_of_characters_are_taken_out_and_counted(body: bytes, text: str, gone: int) -> None:
    cleaned, count = without_lone_surrogates(body)
    assert count == gone
    assert parse_json(cleaned) == [text]


def test_hostile_strings_cost_no_more_than_their_length() -> None:
    # Each of these once took quadratic time in a naive pattern; they end, and are refused.
    for body in (b'"' + b'\\"' * 200_000, b'[""' * 100_000, b'"\\' * 100_000):
        with pytest.raises(JsonRefused):
            parse_json(body)


@pytest.mark.parametrize(
    ("body", "reason", "where"),
    [
        (b'["\xff"]', Reason.UTF8, (2,)),
        (b"[" * 65 + b"]" * 65, Reason.DEPTH, ()),
        (b'{"a":\n [1', Reason.CUT, (2, 4)),
        (b"[1,\n x]", Reason.SYNTAX, (2, 2)),
        (b"[-Infinity]", Reason.CONSTANT, ("-Infinity",)),
        (b"[1e400]", Reason.NUMBER, ()),
        ('{"ñ": 1, "ñ": 2}'.encode(), Reason.TWIN, ("ñ",)),
        (b'["\\ud800"]', Reason.SURROGATE, ()),
    ],
)
def test_a_refusal_says_why_and_where(
    body: bytes, reason: Reason, where: tuple[object, ...]
) -> None:
    with pytest.raises(JsonRefused) as caught:
        parse_json(body)
    assert (caught.value.reason, caught.value.where) == (reason, where)


def test_numbers_can_stay_as_they_are_written() -> None:
    body = b'{"a": [1.50, -0, 1e400, ' + b"9" * 400 + b"]}"
    assert parse_json(body, number=str) == {"a": ["1.50", "-0", "1e400", "9" * 400]}
    with pytest.raises(JsonRefused, match="NaN"):
        parse_json(b"[NaN]", number=str)
