"""Journals: appended to, never rewritten; a torn line counts as none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.disk.json_files import append_line, read_lines
from Modules.words.errors import PublishError

VALUES = st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3)


@given(entries=st.lists(VALUES, max_size=5), torn_at=st.integers(min_value=0))
def test_what_was_written_before_a_torn_line_is_read_and_the_next_line_is_whole(
    tmp_path_factory: pytest.TempPathFactory, entries: list[dict[str, object]], torn_at: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "x.jsonl"
    for entry in entries:
        append_line(path, entry)
    last = json.dumps({"torn": "ñ" * 20}).encode()
    with path.open("ab") as file:
        file.write(last[: 1 + torn_at % (len(last) - 1)])
    assert list(read_lines(path)) == entries
    append_line(path, {"next": 1})
    assert list(read_lines(path)) == [*entries, {"next": 1}]


def test_no_journal_holds_no_entries_and_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert list(read_lines(path)) == []
    path.mkdir()
    with pytest.raises(PublishError, match=r"^x\.jsonl no se puede leer: es una carpeta$"):
        list(read_lines(path))
    with pytest.raises(PublishError, match=r"no se pudo escribir .*/x\.jsonl: es una carpeta"):
        append_line(path, {})


def test_lines_that_are_no_object_count_as_none(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'[1]\n"a"\n\xff\n{"id": 1}\n' + b"[" * 100_000 + b"\n")
    assert list(read_lines(path)) == [{"id": 1}]
