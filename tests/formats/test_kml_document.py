from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.formats.kml_document import (
    Document,
    Entry,
    Folder,
    Kind,
    labels,
    placemarks,
    split_folders,
)
from Modules.formats.kml_geometry import LookAt
from Modules.formats.kml_styles import ETIQUETA, cultivo_style
from Modules.formats.kml_text import plain, xml_texts
from Modules.products.kmz.kinds import AMBIENTE, LOTE, MARCADOR, PUNTO, SIEMBRA
from tests.kml_reading import KML, data, folders, parse

POINT = "<Point><coordinates>-62.0000000,-35.0000000</coordinates></Point>"
KIND = Kind("cosa", {"uno": "Uno", "dos": "Dos & más"}, hidden=("dos",))
STYLE = cultivo_style("TRI", "#A1661A")


def document(names: list[str]) -> Document:
    texts = placemarks(
        KIND,
        keys=[str(i) for i in range(len(names))],
        names=xml_texts(names),
        snippets=xml_texts(names),
        styles=[STYLE.id] * len(names),
        values={"uno": xml_texts(names), "dos": [""] * len(names)},
        geometries=[POINT] * len(names),
    )
    keys = [str(i) for i in range(len(names))]
    title = names[0] if names else "nada"
    return Document(
        name=title,
        lines=(title, "línea"),
        look_at=LookAt(-62, -35, 900),
        styles=(STYLE, ETIQUETA),
        legend=(Entry(STYLE, title, 2, ("lote", "lotes"), 10.0, POINT),),
        folders=(
            Folder("Cosas", texts, keys),
            Folder("Etiquetas", labels(KIND, keys, xml_texts(names), [POINT] * len(names)), keys),
        ),
    )


@given(st.lists(st.text(st.characters(codec=None, categories=None), max_size=40), max_size=5))
def test_any_text_anywhere_gives_a_valid_document_that_says_it(names: list[str]) -> None:
    root = parse(document(names).render())
    found = folders(root)
    shown = [plain(name) for name in names]
    assert [mark.findtext(f"{KML}name") for mark in found.get("Cosas", [])] == shown
    assert [data(mark) for mark in found.get("Cosas", [])] == [
        {"uno": name, "dos": ""} for name in shown
    ]
    assert len(found["Leyenda"]) == 1


@pytest.mark.shared
def test_a_document_is_valid_by_the_schema_of_the_ogc(shared_data: Path) -> None:
    parse(document(["Ñandú"]).render(), xsd=shared_data / "kml-schema/ogckml22.xsd")


def test_the_file_begins_as_earth_wants_it() -> None:
    lines = document(["a"]).render().decode("utf-8").splitlines()
    assert lines[:2] == [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<kml xmlns="http://www.opengis.net/kml/2.2">',
    ]


def test_a_hostile_name_is_text_in_the_description() -> None:
    root = parse(document(["<script>alert(1)</script> & $[name]"]).render())
    description = root.findtext(f"{KML}Document/{KML}description")
    assert "<script" not in description
    assert "$[" not in description
    assert "#A1661A" in description
    assert "2 lotes · 10,00 ha" in description


@pytest.mark.parametrize("kind", [LOTE, SIEMBRA, AMBIENTE, MARCADOR, PUNTO], ids=lambda k: k.prefix)
def test_a_balloon_names_only_what_is_in_the_data(kind: Kind) -> None:
    assert set(kind.balloon) < set(kind.fields)
    assert "campo" in kind.balloon
    assert all(name.isidentifier() and name.isascii() for name in kind.fields)


THINGS = st.lists(st.tuples(st.integers(0, 12), st.text("añ<", max_size=30)), max_size=40)


@given(THINGS, st.lists(st.integers(0, 14), max_size=20), st.integers(1, 20), st.integers(20, 400))
def test_parts_hold_everything_once_and_keep_company(
    things: list[tuple[int, str]], marks: list[int], most: int, largest: int
) -> None:
    whole = [
        Folder("A", [text for _, text in things], [str(key) for key, _ in things]),
        Folder("B", [f"<{key}>" for key in marks], [str(key) for key in marks]),
    ]
    parts = split_folders(whole, max_placemarks=most, max_bytes=largest)
    for i, folder in enumerate(whole):
        together = [
            item for part in parts for item in zip(part[i].keys, part[i].placemarks, strict=True)
        ]
        assert sorted(together) == sorted(zip(folder.keys, folder.placemarks, strict=True))
        assert {part[i].name for part in parts} == {folder.name}
    homes = [{key for folder in part for key in folder.keys} for part in parts]
    assert sum(map(len, homes)) == len(set().union(*homes))
    for part, keys in zip(parts, homes, strict=True):
        size = sum(len(text.encode()) for folder in part for text in folder.placemarks)
        fits = sum(len(folder.placemarks) for folder in part) <= most and size <= largest
        assert fits or len(keys) == 1
    assert len(parts) == 1 or all(homes)
