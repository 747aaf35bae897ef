"""Names that any file system takes, and that never fall together."""

from __future__ import annotations

import csv
import json
import random
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from Modules.words.names import (
    MAX_BYTES,
    MAX_SLUG,
    SIN_NOMBRE,
    check_names,
    layer_names,
    look,
    name_key,
    name_problem,
    names_with_ids,
    safe_name,
    slug,
    unique_names,
)

ANY_TEXT = st.text(st.characters(), max_size=300)
IDS = st.text(st.characters(min_codepoint=33), min_size=1, max_size=60)
NEAR = st.text(st.sampled_from("aAáÁñnN/:*. \x00_-~()7\u0301\u200b"), max_size=6)


def flat(name: str) -> str:
    """Another road to what a case- and accent-insensitive file system compares."""
    letters = unicodedata.normalize("NFD", name)
    return "".join(c for c in letters if unicodedata.category(c) != "Mn").casefold()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("La Paz - Ñandú", "La Paz - Ñandú"),
        ("Lote 3/4", "Lote 3-4"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("COM¹", "_COM¹"),
        ("desktop.ini", "_desktop.ini"),
        (".lock", "_.lock"),
        (".oculto", "_.oculto"),
        ("~$planilla", "_~$planilla"),
        ("a_vti_b", "a-vti_b"),
        ("viejo.tmp", "viejo-tmp"),
        ("El Ombú...", "El Ombú"),
        ("  dos   blancos ", "dos blancos"),
        ("con\x00trol\u202e", "control"),
        ("..", SIN_NOMBRE),
        ("\ud800\u200b", SIN_NOMBRE),
        ("../../etc/passwd", "_..-..-etc-passwd"),
        ("C:\\Windows", "C--Windows"),
        ("Pen\u0303a", "Peña"),
    ],
)
def test_a_name_is_what_a_person_would_write(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(ANY_TEXT, st.integers(8, 120))
@example("~" * 8, 8)
@example("COM1" + " " * 80 + ".x", 8)
@example("x.tmp", 8)
@example("_vti__vti_", 12)
def test_any_text_gives_a_name_that_may_be_published(text: str, length: int) -> None:
    name = safe_name(text, length)
    assert name
    assert len(name) <= length
    assert len(name.encode()) <= MAX_BYTES
    assert unicodedata.is_normalized("NFC", name)
    assert "/" not in name
    for path in (name, f"{name}/{name}.kmz", f"{name}.x"):
        assert name_problem(path) is None
    assert safe_name(name, length) == name


@given(st.from_regex(r"\A[A-Za-z0-9]+([ -][A-Za-z0-9]+)*\Z"), st.integers(8, 40))
@example("CON", 8)
@example("lpt1", 8)
def test_a_plain_name_is_the_one_that_is_found_the_long_way(text: str, length: int) -> None:
    unseen = f"{text}\u200b"  # goes the long way, where it is taken out
    assert safe_name(text, length) == safe_name(unseen, length)


@given(st.dictionaries(IDS, ANY_TEXT | NEAR, max_size=10), st.integers(24, 80))
def test_names_are_distinct_whatever_the_file_system_ignores(
    texts: dict[str, str], length: int
) -> None:
    names = unique_names(texts, length)
    assert list(names) == list(texts)
    assert len({flat(name) for name in names.values()}) == len(texts)
    assert all(len(n) <= length and len(n.encode()) <= MAX_BYTES for n in names.values())
    check_names(f"{name}/{name}.kmz" for name in names.values())


@given(st.dictionaries(IDS, NEAR, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(texts: dict[str, str], rng: random.Random) -> None:
    rows = list(texts.items())
    rng.shuffle(rows)
    assert unique_names(dict(rows)) == unique_names(texts)
    assert layer_names(dict(rows)) == layer_names(texts)


def test_all_of_a_collision_carry_their_id() -> None:
    names = unique_names({"l-1": "7", "l-2": "7", "l-3": "8", "l-4": "PEÑA", "l-5": "pena"})
    assert names == {
        "l-1": "7 (l-1)",
        "l-2": "7 (l-2)",
        "l-3": "8",
        "l-4": "PEÑA (l-4)",
        "l-5": "pena (l-5)",
    }


def test_a_name_that_looks_like_one_with_an_id_is_told_apart() -> None:
    names = unique_names({"a": "7", "b": "7", "c": "7 (a)"})
    assert len({flat(name) for name in names.values()}) == 3


def test_there_is_room_for_the_id_in_bytes_as_well() -> None:
    names = unique_names({"l-1": "😀" * 100, "l-2": "😀" * 100})
    assert all(len(name.encode()) <= MAX_BYTES for name in names.values())
    assert [name[-6:] for name in names.values()] == [" (l-1)", " (l-2)"]


def test_ids_that_differ_in_case_only_are_told_apart() -> None:
    names = unique_names({"a1": "7", "A1": "7"})
    assert len({flat(name) for name in names.values()}) == 2


def test_a_taken_name_is_not_given_again() -> None:
    assert unique_names({"x": "Leyenda"}, taken=["LEYENDA"]) == {"x": "Leyenda (x)"}


def test_too_short_a_limit_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="8 at least"):
        safe_name("x", 7)
    with pytest.raises(ValueError, match="do not hold"):
        unique_names({}, 23)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("Maíz tardío", "maiz_tardio"),
        ("Soja 2.ª", "soja_2_a"),
        ("=1+1", "1_1"),
        ("gpkg_contents", "c_gpkg_contents"),
        ("layer_styles", "c_layer_styles"),
        ("大豆", "大豆"),
        ("'; DROP TABLE x --", "drop_table_x"),
        ("***", "cultivo"),
    ],
)
def test_a_layer_is_called_like_its_crop(text: str, layer: str) -> None:
    assert layer_names({"1": text}, otherwise="cultivo") == {"1": layer}


@given(st.dictionaries(IDS, ANY_TEXT | NEAR, max_size=10))
def test_layer_names_are_distinct_and_need_no_quotes(texts: dict[str, str]) -> None:
    names = layer_names(texts, taken=["cultivos_25-26"])
    assert len({flat(name) for name in names.values()}) == len(texts)
    for name in names.values():
        assert re.fullmatch(r"\w+", name)
        assert len(name) <= MAX_SLUG + 2
        assert not name.startswith(("gpkg_", "sqlite_", "rtree_"))


def test_a_layer_that_is_there_already_is_not_taken() -> None:
    assert layer_names({"TRI": "Sin cultivo"}, taken=["sin_cultivo"]) == {"TRI": "sin_cultivo_tri"}
    assert slug("¡!") == ""


@given(ANY_TEXT)
def test_the_key_ignores_case_accents_and_composition(text: str) -> None:
    for other in (unicodedata.normalize("NFD", text), unicodedata.normalize("NFC", text)):
        assert name_key(other) == name_key(text)
    assert name_key("PEÑA\u0301") == name_key("pena")


@pytest.mark.shared
def test_hostile_and_real_names_all_find_a_place(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "dirty" / "names"
    hostile = json.loads((folder / "blns.json").read_text(encoding="utf-8"))
    with (folder / "ar_names_pampas.csv").open(encoding="utf-8", newline="") as file:
        real = [row["name"] for row in csv.DictReader(file)]
    names = unique_names({f"l-{at}": text for at, text in enumerate([*hostile, *real])})
    assert len({flat(name) for name in names.values()}) == len(hostile) + len(real)
    for name in list(names.values())[: len(hostile)]:
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.kmz").touch()
    assert sum(1 for path in tmp_path.rglob("*.kmz")) == len(hostile)


def test_people_read_an_id_only_where_two_of_one_place_have_the_same_name() -> None:
    names = {"l1": "7", "l2": "7", "l3": "8"}
    assert names_with_ids(names) == {"l1": "7 (l1)", "l2": "7 (l2)", "l3": "8"}
    assert names_with_ids(names, within={"l1": "a", "l2": "b", "l3": "a"}) == names


def test_what_people_cannot_tell_apart_is_one_look():
    twins = ["La Paz", "La Paz\u200b", "La\u00a0Paz", "La  Paz", "LA PAZ", "La\u3164 Paz", "Lá Paz"]
    assert {look(name) for name in twins} == {"la paz"}
    shown = names_with_ids({str(at): name for at, name in enumerate([*twins, "La Pampa"])})
    assert shown["7"] == "La Pampa"
    assert all(shown[str(at)] == f"{name} ({at})" for at, name in enumerate(twins))
