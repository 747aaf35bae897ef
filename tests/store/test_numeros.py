"""Numbers that stay: given once, kept, copied into snapshots, and missed where they are wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.store.numeros import (
    MUESTRA,
    NAME,
    Numeros,
    check_numeros,
    path_of,
    read_numeros,
    write_numeros,
)
from Modules.words.domain import Campania
from Modules.words.errors import DataError

SEASON = Campania(25, 26)
_IDS = st.text(min_size=1, max_size=6)


def night(folder: Path, numeros: Numeros | None) -> Any:
    """What is read of a snapshot: its folder and its campaña."""
    folder.mkdir(parents=True)
    if numeros is not None:
        (folder / NAME).write_bytes(numeros.to_copy())
    return SimpleNamespace(path=folder, campania=SEASON, id=folder.name)


@given(st.lists(st.tuples(st.sampled_from(["lote", "marcador"]), st.lists(_IDS, unique=True))))
def test_a_number_is_given_once_and_stays(nights: list[tuple[str, list[str]]]) -> None:
    numeros = Numeros()
    first: dict[tuple[str, str], int] = {}
    for kind, ids in nights:
        for one, number in zip(ids, numeros.of(kind, ids).tolist(), strict=True):
            assert first.setdefault((kind, one), number) == number
        numeros = Numeros.from_bytes(numeros.to_bytes(), "x")  # as the next process reads it
    for kind in ("lote", "marcador"):
        mine = [number for (of, _), number in first.items() if of == kind]
        assert sorted(mine) == list(range(1, len(mine) + 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"formato": 1, "numeros": [], "vueltas": 0}',
        '{"formato": 1, "numeros": {"lote": {"a": 1, "b": 1}}, "vueltas": 0}',
        '{"formato": 1, "numeros": {"lote": {"a": 2}}, "vueltas": 0}',
        '{"formato": 1, "numeros": {"lote": {"a": "1"}}, "vueltas": 0}',
        '{"formato": 2, "numeros": {}, "vueltas": 0}',
        '{"formato": 1, "numeros": {}, "vueltas": "0"}',
        '{"formato": 1, "numeros": {"lote": {"a": 1}}, "vuel',
    ],
)
def test_what_is_damaged_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = path_of(tmp_path, SEASON)
    path.write_text(text)
    with pytest.raises(DataError, match=r"numeros_25-26\.json.*borrarlo numera todo de nuevo"):
        read_numeros(path)


@pytest.mark.parametrize("lost", ["gone", "damaged"])
def test_the_newest_sound_copy_goes_on_and_that_is_said(
    tmp_path: Path, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = Numeros(), Numeros()
    old.of("lote", ["a"])
    new.of("lote", ["a", "b"])
    nights = [night(tmp_path / "1", old), night(tmp_path / "2", new), night(tmp_path / "3", None)]
    nights.append(night(tmp_path / "4", None))
    (tmp_path / "4" / NAME).write_text("{")
    path = path_of(tmp_path, SEASON)
    if lost == "damaged":
        path.write_text("{")
    found = read_numeros(path, lambda: nights)
    assert found.of("lote", ["c", "b", "a"]).tolist() == [3, 2, 1]
    (said,) = [one.getMessage() for one in caplog.records]
    assert "numeros_25-26.json" in said
    assert "sigue la copia de 2" in said
    write_numeros(path, found)
    assert read_numeros(path).of("lote", ["c"]).tolist() == [3]


def test_a_file_is_written_only_when_a_number_was_given(tmp_path: Path) -> None:
    path = path_of(tmp_path, SEASON)
    write_numeros(path, Numeros())
    assert not path.exists()
    numeros = Numeros()
    numeros.of("lote", ["a"])
    write_numeros(path, numeros)
    before = path.stat().st_mtime_ns, path.read_bytes()
    again = read_numeros(path)
    again.of("lote", ["a"])
    write_numeros(path, again)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_only_samples_are_numbered_anew_and_that_is_no_fault(tmp_path: Path) -> None:
    numeros = Numeros()
    numeros.of("marcador", ["m-1", "m-2"])
    numeros.of(f"{MUESTRA}c-1", ["m-1", "m-2"])
    numeros.of(f"{MUESTRA}c-2", ["m-3"])
    copy = Numeros.from_bytes(numeros.to_bytes(), "x")
    assert numeros.renumber(["c-1"]) == 2
    assert numeros.of(f"{MUESTRA}c-1", ["m-2", "m-1"]).tolist() == [1, 2]
    assert numeros.of(f"{MUESTRA}c-2", ["m-4", "m-3"]).tolist() == [2, 1]
    assert numeros.of("marcador", ["m-2"]).tolist() == [2]
    write_numeros(path_of(tmp_path, SEASON), numeros)
    assert check_numeros(tmp_path, night(tmp_path / "1", copy)) is None


def test_numbers_that_moved_or_went_are_found(tmp_path: Path) -> None:
    copy = Numeros()
    copy.of("lote", ["a", "b", "c"])
    last = night(tmp_path / "1", copy)
    path = path_of(tmp_path, SEASON)
    assert check_numeros(tmp_path, last) is None  # gone: the next night takes the copy
    moved = Numeros()
    moved.of("lote", ["b", "a"])
    write_numeros(path, moved)
    found = check_numeros(tmp_path, last)
    assert found is not None
    assert found.is_error
    assert found.notes == ("lote a: 2, era 1", "lote b: 1, era 2", "lote c: sin número, era 3")
    path.write_text("{")
    found = check_numeros(tmp_path, last)
    assert found is not None
    assert "numeros_25-26.json" in found.what
    assert check_numeros(tmp_path, night(tmp_path / "2", None)) is None
