"""The page as a file: what is packed comes back, nothing in a name is markup, nobody is in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from Modules.diff.changes import diff_tables
from Modules.geo.arrays import WGS84
from Modules.night.tables import Tables
from Modules.products.mapa.packing import Paquete
from Modules.products.mapa.product import HEAVY_BYTES, build_mapa, page
from Modules.products.source import Fuente
from Modules.words.domain import Recurso
from Modules.words.names import check_names
from Modules.words.spanish import day, in_lote
from tests import sample_tables
from tests.fuentes import campo, fuente_of, lote, night_of
from tests.products.mapa.leido import Page, column, night, packed, rings

HOSTILE = (
    "<script>document.title='no'</script>",
    "</script><img src=x onerror=alert(1)>",
    "\"'&lt;${datos}$datos",
    "مزرعة الأمل",
    "Ñ" * 200,
)


def text_of(fuente: Fuente, work: Path, name: str = "mapa_25-26.html") -> str:
    return build_mapa(fuente, work).carpetas["mapa"][name].read_text("utf-8")


@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(-180, 180), st.floats(-85, 85)), min_size=1, max_size=6, unique=True
        ),
        max_size=8,
    )
)
def test_geometry_comes_back_within_a_centimetre(lines: list[list[tuple[float, float]]]) -> None:
    shapes = [shapely.LineString(one) if len(one) > 1 else shapely.Point(*one[0]) for one in lines]
    pack = Paquete()
    spec = pack.formas(np.array(shapes, dtype=object))
    document, sections = night(pack.cerrado({"formas": spec}))
    read = rings(document["formas"], sections)
    assert len(read) == len(shapes)
    for shape, (ring,) in zip(shapes, read, strict=True):
        there, here = np.array(shape.coords), ring
        lon, lat = there[:, 0], there[:, 1]
        assert max(WGS84.inv(lon, lat, here[:, 0], here[:, 1])[2]) < 0.01


@given(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5), max_size=5))
def test_whole_numbers_come_back_however_far_apart(lists: list[list[int]]) -> None:
    pack = Paquete()
    for one in lists:
        pack.enteros(one)
    _, sections = night(pack.cerrado({}))
    assert [section.tolist() for section in sections] == lists


def test_holes_parts_and_points_keep_their_place() -> None:
    square, hole = shapely.box(0, 0, 4, 4), shapely.box(1, 1, 2, 2)
    shapes = [shapely.Point(9, 9), shapely.MultiPolygon([square - hole, shapely.box(5, 5, 6, 6)]),
              shapely.MultiPoint([(1, 2), (3, 4)])]  # fmt: skip
    pack = Paquete()
    spec = pack.formas(shapes)
    _, sections = night(pack.cerrado({}))
    lengths = [[len(ring) for ring in one] for one in rings(spec, sections)]
    assert lengths == [[1], [5, 5, 5], [1, 1]]


def test_the_same_night_gives_the_same_bytes_whatever_the_order_of_rows(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    turned = Tables(
        **{name: frame.iloc[::-1] for name, frame in demo_fuente.tables.as_dict().items()}
    )
    whole = build_mapa(demo_fuente, tmp_path / "1", heavy_bytes=0).carpetas["mapa"]
    again = build_mapa(replace(demo_fuente, tables=turned), tmp_path / "2", heavy_bytes=0)
    assert list(whole) == list(again.carpetas["mapa"])
    assert all(
        file.read_bytes() == again.carpetas["mapa"][name].read_bytes()
        for name, file in whole.items()
    )


def test_a_heavy_company_has_a_page_for_each_campo_with_its_own_rows(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    built = build_mapa(demo_fuente, tmp_path, heavy_bytes=0).carpetas["mapa"]
    lotes = demo_fuente.tables.lotes
    assert len(built) == 1 + lotes["campo_id"].nunique()
    assert "mapa_25-26 - Doña Ángela.html" in built
    check_names(built)
    found: list[str | None] = []
    marks = 0
    for name, file in built.items():
        if name != "mapa_25-26.html":
            document, sections = night(packed(file.read_text("utf-8")))
            assert len(document["campos"]) == 1
            found += column(document["lotes"]["id"], sections)
            marks += len(sections[document["marcadores"]["lote"]])
            assert sections[document["ambientes"]["lote"]].max(initial=0) < len(
                sections[document["lotes"]["campo"]]
            )
    assert sorted(map(str, found)) == sorted(lotes["lote_id"])
    assert marks == len(demo_fuente.tables.marcadores)
    assert list(build_mapa(demo_fuente, tmp_path / "light").carpetas["mapa"]) == ["mapa_25-26.html"]


def test_marks_that_are_counted_and_not_named_are_told_of_each_page(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    marks = demo_fuente.tables.marcadores
    before = replace(demo_fuente.tables, marcadores=marks.iloc[:0])
    changes = diff_tables(before, demo_fuente.tables)
    some = replace(changes, marcas=changes.marcas[:10])
    built = build_mapa(replace(demo_fuente, changes=some), tmp_path, heavy_bytes=0)
    found = {}
    for name, file in built.carpetas["mapa"].items():
        document, sections = night(packed(file.read_text("utf-8")))
        news = column(document["marcadores"]["novedad"], sections)
        found[name] = (sum(one is not None for one in news), document["sin_senalar"])
    whole = found.pop("mapa_25-26.html")
    assert whole == (10, len(marks) - 10)
    assert tuple(map(sum, zip(*found.values(), strict=True))) == whole


def test_a_mark_that_comes_from_another_lote_is_new_in_its_lote_and_says_whence(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    marks, lotes = demo_fuente.tables.marcadores, demo_fuente.tables.lotes
    whence = lotes[lotes["lote_id"] != marks["lote_id"].iloc[0]].iloc[0]
    before = marks.copy()
    before.loc[marks.index[0], ["lote_id", "campo_id"]] = whence["lote_id"], whence["campo_id"]
    changes = diff_tables(replace(demo_fuente.tables, marcadores=before), demo_fuente.tables)
    document, sections = night(packed(text_of(replace(demo_fuente, changes=changes), tmp_path)))
    (said,) = filter(None, column(document["marcadores"]["novedad"], sections))
    dia = day(demo_fuente.hora_local.date())
    assert said == f"Nuevo en el lote la noche del {dia}: antes en " + in_lote(
        whence["campo"], whence["lote"]
    )
    assert document["sin_senalar"] == 0


def test_hectares_are_those_of_the_tables_to_the_square_metre(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    document, sections = night(packed(text_of(demo_fuente, tmp_path)))
    ids = column(document["lotes"]["id"], sections)
    mine = pd.Series(document["lotes"]["ha"], index=ids).sort_index()
    theirs = demo_fuente.tables.lotes.set_index("lote_id")["superficie_ha"].sort_index()
    assert abs(mine.to_numpy() - theirs.to_numpy()).max() < 1e-6
    zones = sum(document["ambientes"]["ha"])
    assert zones == pytest.approx(demo_fuente.tables.ambientes["superficie_ha"].sum(), abs=1e-4)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_is_markup_nor_part_of_the_template(name: str, tmp_path: Path) -> None:
    fuente = fuente_of(
        {Recurso.CAMPOS: [campo(1, name), campo(2, "b")],
         Recurso.LOTES: [lote(1, name, campo_at=1, cultivos=[name]), lote(2, "x", campo_at=2)]}
    )  # fmt: skip
    plain = Page(page("Mapa", ""))
    for file in build_mapa(fuente, tmp_path, heavy_bytes=0).carpetas["mapa"].values():
        read = Page(file.read_text("utf-8"))
        assert read.tags == plain.tags
        assert name in night(packed(file.read_text("utf-8")))[0]["lotes"]["nombre"]["t"] or (
            len(night(packed(file.read_text("utf-8")))[0]["campos"]) == 1
        )


def test_a_title_is_text_and_keeps_its_letters() -> None:
    for name in HOSTILE:
        read = Page(page(name, ""))
        assert "".join(read.texts["title"]).strip() == name
        assert read.tags == Page(page("Mapa", "")).tags


def test_the_policy_allows_this_script_and_style_and_nothing_else(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    read = Page(text_of(demo_fuente, tmp_path))
    _, leaflet, own = read.texts["script"]
    (style,) = read.texts["style"]

    def sha(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    rules = dict(rule.strip().split(" ", 1) for rule in read.policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "script-src": f"{sha(leaflet)} {sha(own)}",
        "style-src": sha(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not {"img", "link", "iframe", "object"} & set(read.tags)
    for word in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "src="):
        assert word not in own, word


def test_the_page_of_the_docs_says_when_there_is_one_for_each_campo(project_root: Path) -> None:
    said = " ".join((project_root / "docs/productos.md").read_text("utf-8").split())
    assert f"pasa los {HEAVY_BYTES / 1e6:.0f} MB" in said
    assert "`mapa_25-26 - <campo>.html`" in said


def test_the_licence_of_leaflet_is_in_the_page() -> None:
    text = page("Mapa", "")
    assert "BSD 2-Clause License" in text
    assert "Volodymyr Agafonkin" in text
    assert "THE IMPLIED WARRANTIES OF MERCHANTABILITY" in " ".join(text.split())


def test_nobody_is_in_it(tmp_path: Path) -> None:
    fuente = fuente_of(
        {Recurso.CAMPOS: [campo(1, "Uno", empresa="Dueña S.A.", cuit="30-71234567-1",
                                renspa="01.002.3.04567/08")],
         Recurso.LOTES: [lote(1, "1", campo_at=1)]}
    )  # fmt: skip
    assert (fuente.tables.campos["cuit"] == "30-71234567-1").all()
    said = json.dumps(night(packed(text_of(fuente, tmp_path)))[0], ensure_ascii=False)
    assert not re.search("Dueña|71234567|04567", said)


def test_pages_of_odd_nights_are_made(tmp_path: Path) -> None:
    empty = night_of(sample_tables.tables(0))
    assert night(packed(text_of(empty, tmp_path / "0")))[0]["campos"] == []
    bare = fuente_of({Recurso.CAMPOS: [campo(1, "Sin lotes")], Recurso.LOTES: []})
    assert night(packed(text_of(bare, tmp_path / "1")))[0]["campos"] == [["C1", "Sin lotes", 0.0]]
    tiny, huge = shapely.box(-60, -35, -59.99998, -34.99998), shapely.box(-61, -35, -60.8, -34.85)
    odd = fuente_of(
        {Recurso.CAMPOS: [campo(1, "Raro")],
         Recurso.LOTES: [lote(1, "3 m²", campo_at=1, shape=tiny),
                         lote(2, "300 km²", campo_at=1, shape=huge, cultivos=["Cannabis"])]}
    )  # fmt: skip
    document, _ = night(packed(text_of(odd, tmp_path / "2")))
    assert document["siembras"]["grupos"] == [["Cannabis", "#9E9E9E"], ["Sin cultivo", "#E0E0E0"]]
