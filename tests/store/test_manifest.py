"""The text of the two manifests."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.disk.json_files import from_json, to_json
from Modules.store.manifest import disagreement, from_sums, to_sums
from Modules.words.errors import DataError

HASH = "0123456789abcdef" * 4
NAMES = st.from_regex(r"[a-z0-9_-]{1,8}(/[a-z0-9_.-]{1,8}\.json)?", fullmatch=True)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.dictionaries(NAMES, HASHES, min_size=1))
def test_sums_come_back_whatever_the_order(hashes: dict[str, str]) -> None:
    data = to_sums(hashes)
    assert from_sums(data) == hashes
    assert to_sums(dict(reversed(hashes.items()))) == data


def test_sums_have_the_form_of_sha256sum() -> None:
    assert to_sums({"b/c": HASH, "a": HASH}) == f"{HASH}  a\n{HASH}  b/c\n".encode()


@pytest.mark.parametrize(
    "path", ["", "/a", "../a", "a/../b", "a//b", "a\\b", "a\nb", "ñ", "a b", "a/", "..", "a/.."]
)
def test_a_path_that_needs_quoting_or_leaves_is_refused(path: str) -> None:
    said = re.escape(f"manifest.sha256: no se puede listar la ruta {path!r}")
    with pytest.raises(DataError, match=f"^{said}$"):
        to_sums({path: HASH})
    with pytest.raises(DataError, match=r"^manifest\.sha256: "):
        from_sums(f"{HASH}  {path}\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        HASH,
        f"{HASH}  a",
        f"{HASH} *a\n",
        f"{HASH} a\n",
        f"{HASH.upper()}  a\n",
        f"{HASH[1:]}  a\n",
        f"{HASH}  a\n\n",
        f"{HASH}  a\r\n",
        f"{HASH}  b\n{HASH}  a\n",
        f"{HASH}  a\n{HASH}  a\n",
        f"\ufeff{HASH}  a\n",
    ],
)
def test_sums_of_another_form_are_refused(text: str) -> None:
    said = "no está como se escribió" if text.isascii() else "no es texto ASCII"
    with pytest.raises(DataError, match=rf"^manifest\.sha256: {said}$"):
        from_sums(text.encode("utf-8"))


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_json_comes_back_whatever_the_order(value: dict[str, object]) -> None:
    try:
        data = to_json(value)
    except DataError:
        assert any("\ud800" <= c <= "\udfff" for c in repr(value))
        return
    assert from_json(data, source="x") == value
    assert to_json(dict(reversed(value.items()))) == data


@pytest.mark.parametrize("value", [{"a": float("inf")}, {"a": object()}, {"a": "\ud800"}])
def test_what_is_not_json_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(DataError, match="no se puede escribir como JSON"):
        to_json(value)


@pytest.mark.parametrize("data", [b"", b"[]", b"3", b"{", b"\xff", b'{"a":' * 100_000])
def test_what_cannot_be_read_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(DataError, match=r"^x:"):
        from_json(data, source="x")


def test_the_damaged_one_of_two_hashes_is_named() -> None:
    assert disagreement(HASH, HASH) is None
    assert disagreement(None, HASH) == "manifest.sha256: no lista manifest.json"
    listed_wrongly = "manifest.sha256: el SHA-256 de manifest.json está dañado ahí"
    file_changed = "manifest.json: no coincide con manifest.sha256"
    assert disagreement("f" + HASH[1:], HASH) == listed_wrongly
    for alike, problem in ((33, listed_wrongly), (32, file_changed), (4, file_changed)):
        other = HASH[:alike] + "".join("1" if digit == "0" else "0" for digit in HASH[alike:])
        assert disagreement(other, HASH) == problem


def test_json_is_written_for_people_too() -> None:
    assert to_json({"b": [1], "a": "ñ"}) == '{\n  "a": "ñ",\n  "b": [\n    1\n  ]\n}\n'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1}, object()])
def test_what_cannot_be_json_is_refused_with_the_reason(value: object) -> None:
    with pytest.raises(DataError, match=r"no se puede escribir como JSON: .*(JSON|serializable)"):
        to_json({"a": value})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", r"^x: no se puede leer como JSON \(JSONDecodeError\)$"),
        (b"\xff", r"^x: no se puede leer como JSON \(UnicodeDecodeError\)$"),
        (b"[]", "^x: se espera un objeto JSON$"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        from_json(data, source="x")
