"""The atlas as paper: read back with PDFium, measured, and its figures against the tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
import shapely
from PIL import Image

from Modules.diff.changes import diff_tables
from Modules.geo.arrays import WGS84
from Modules.night.tables import Tables
from Modules.products.atlas.hojas import LOTE_MM, Atlas
from Modules.products.atlas.plano import Marco, plane, projected, scale_bar, spread, tick
from Modules.products.atlas.product import PIXELS, build_atlas
from Modules.products.muestreos.plan import plan_muestreo
from Modules.products.source import Fuente
from Modules.words.domain import Recurso
from Modules.words.names import check_names
from Modules.words.spanish import day, hectares
from tests.fuentes import campo, fuente_of, lote

CAMPO = "Las Acacias - Este"  # as files call it
ODD = ("Ñ" * 200, "مزرعة الأمل", "משק השלום", "<b>#let x = 1</b> $x$ \\ @a *b* _c_", "Vacío")
STAMP = "2025-11-19T12:00:00-03:00"
TICK = tick(0, 0).partition("l")[2].partition('"')[0]  # its strokes, wherever it stands


def pages(path: Path) -> list[str]:
    with closing(pdfium.PdfDocument(path)) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def only(fuente: Fuente, campo_id: str) -> Fuente:
    """The night with the lotes and all else of one campo."""
    frames = {
        name: frame[frame["campo_id"] == campo_id].reset_index(drop=True)
        if "campo_id" in frame and len(frame)
        else frame
        for name, frame in fuente.tables.as_dict().items()
    }
    return replace(fuente, tables=Tables(**frames))


@pytest.fixture(scope="module")
def one(demo_fuente: Fuente) -> Fuente:
    """A campo of the made-up company."""
    lotes = demo_fuente.tables.lotes
    key = lotes.loc[lotes["campo"] == "Las Acacias / Este", "campo_id"].iloc[0]
    return only(demo_fuente, key)


@pytest.fixture(scope="module")
def made(one: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return build_atlas(one, tmp_path_factory.mktemp("atlas") / "made").carpetas["atlas"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fuente, Mapping[str, Path]]:
    """Long, foreign and hostile names, 3 m² and 300 km², 500 marks in one lote, no lotes."""
    side = {0: 0.0000175, 1: 0.17}
    shapes = {
        at: shapely.box(-62, -35 - at, -62 + wide, -35 - at + wide * 0.9)
        for at, wide in side.items()
    }
    lotes = [
        lote(at, name, campo_at=at, cultivos=["Yuyo raro"] * (at % 2), shape=shapes.get(at))
        for at, name in enumerate(ODD[:4])
    ]
    west, south, east, north = shapely.geometry.shape(lotes[2]["geometry"]).bounds
    marks = [
        {
            "id": f"M{at}", "lote_id": "L2", "nombre": f"P{at}", "campania": "25/26",
            "tipo": "muestreo", "estado": "planificado", "updated_at": STAMP,
            "geometry": {"type": "Point", "coordinates": [
                west + (east - west) * (at % 25 + 0.5) / 25,
                south + (north - south) * (at // 25 + 0.5) / 20]},
        }
        for at in range(500)
    ]  # fmt: skip
    fuente = fuente_of(
        {
            Recurso.CAMPOS: [campo(at, name) for at, name in enumerate(ODD)],
            Recurso.LOTES: lotes,
            Recurso.MARCADORES: marks,
        }
    )
    folder = tmp_path_factory.mktemp("hostile")
    return fuente, build_atlas(fuente, folder / "made").carpetas["atlas"]


def test_each_campo_has_its_pages_and_its_card(one: Fuente, made: Mapping[str, Path]) -> None:
    check_names(made)
    sheet, card = (made[f"{name} - {CAMPO}.{end}"] for name, end in
                   (("atlas_25-26", "pdf"), ("tarjeta_25-26", "png")))  # fmt: skip
    first, *rest = pages(sheet)
    land = hectares(float(one.tables.lotes["superficie_ha"].sum()))
    assert "Las Acacias / Este" in first
    assert land in first
    for row in one.tables.lotes.itertuples():
        named = [text for text in rest if f"Id {row.lote_id}" in text]
        assert len(named) == 1, row.lote
        assert hectares(row.superficie_ha) in named[0]
    assert "Orden de trabajo" in rest[-1]
    assert "Firma del contratista" in rest[-1]
    assert all("Vigente desde el 20/11/2025 03:00" in text for text in (first, *rest))
    assert f"hoja {len(rest) + 1} de {len(rest) + 1}" in rest[-1]
    with Image.open(card) as image:
        assert image.width == PIXELS


def test_a_campo_without_lotes_has_its_page_and_no_work_order(
    hostile: tuple[Fuente, Mapping[str, Path]],
) -> None:
    _, made = hostile
    sheets = pages(made["atlas_25-26 - Vacío.pdf"])
    assert "Vacío" in sheets[0]
    assert "Orden de trabajo" not in "".join(sheets)
    ordered = [
        name
        for name, path in made.items()
        if name.endswith(".pdf") and "Orden de trabajo" in "".join(pages(path))
    ]
    assert len(ordered) == len(ODD) - 1


def test_crops_add_up_as_they_are_sown(one: Fuente, made: Mapping[str, Path]) -> None:
    first = " ".join(pages(made[f"atlas_25-26 - {CAMPO}.pdf"])[0].split())
    areas = one.tables.lotes.set_index("lote_id")["superficie_ha"]
    sown = one.tables.siembras.assign(ha=one.tables.siembras["lote_id"].map(areas))
    for crop, ha in sown.groupby("cultivo")["ha"].sum().items():
        assert f"{crop} {hectares(ha)}" in first


def test_points_have_the_numbers_of_the_plan_in_its_order(
    one: Fuente, made: Mapping[str, Path]
) -> None:
    plan = plan_muestreo(one).puntos
    lines = "\n".join(pages(made[f"atlas_25-26 - {CAMPO}.pdf"])).splitlines()
    for _, rows in plan.groupby("lote_id"):
        in_order = rows.sort_values(["orden", "punto_id"])["muestra_id"]
        codes = [code for code in in_order if len(code) <= 18]
        places = [lines.index(code) for code in codes]
        assert places == sorted(places)
    page = next(
        each
        for each in Atlas(one, plan).hojas(one.tables.lotes["campo_id"].iloc[0])[0]["lotes"]
        if each["puntos"]
    )
    shown = {number for _, _, number, _ in page["mapa"]["numeros"]}
    own = plan.loc[plan["lote_id"] == page["id"], "numero"]
    assert shown <= {str(number) for number in own}
    assert len(shown) + page["visita"]["sin"] == len(own)


def test_what_is_sampled_already_is_ticked_so_that_nobody_goes_there_again(one: Fuente) -> None:
    plan = plan_muestreo(one).puntos
    done = plan[plan["estado"] == "hecho"].groupby("lote_id").size().to_dict()
    pages = Atlas(one, plan).hojas(one.tables.lotes["campo_id"].iloc[0])[0]["lotes"]
    ticks = {
        page["id"]: sum(block["svg"].count(TICK) for block in page["visita"]["lista"])
        for page in pages
    }
    assert sum(ticks.values()) > 0
    for page in pages:
        if page["id"] in done:
            assert "ya está hecho" in page["visita"]["nota"]
    assert {key: many for key, many in ticks.items() if many} == done


def test_a_lote_says_what_happened_to_it_and_when_as_its_card_in_the_map(
    one: Fuente, tmp_path: Path
) -> None:
    marks = one.tables.marcadores
    before = replace(one.tables, marcadores=marks.iloc[1:].reset_index(drop=True))
    told = replace(one, changes=diff_tables(before, one.tables))
    texts = pages(
        build_atlas(told, tmp_path / "told").carpetas["atlas"][f"atlas_25-26 - {CAMPO}.pdf"]
    )
    lotes = one.tables.lotes.set_index("lote_id")
    for lote_id, changed in lotes["updated_at"].items():
        page = next(" ".join(text.split()) for text in texts if f"Id {lote_id}" in text)
        own = lote_id == marks["lote_id"].iloc[0]
        now = "Cambió la noche del 20/11/2025: marcadores: 1 nuevo. " if own else ""
        then = day(changed.astimezone(one.zone))
        assert f"{now}Lote modificado por última vez en el portal el {then}." in page
        assert ("Cambió la noche" in page) == own


def test_the_same_night_gives_the_same_bytes_whatever_the_order_of_rows(
    one: Fuente, made: Mapping[str, Path], tmp_path: Path
) -> None:
    turned = Tables(**{name: frame.iloc[::-1] for name, frame in one.tables.as_dict().items()})
    again = build_atlas(replace(one, tables=turned), tmp_path / "again").carpetas["atlas"]
    assert list(again) == list(made)
    assert all(file.read_bytes() == made[name].read_bytes() for name, file in again.items())


def test_a_map_is_true_to_the_scale_that_it_names(one: Fuente, made: Mapping[str, Path]) -> None:
    """Metres between two corners over the ellipsoid, against millimetres of ink on the page."""
    row = one.tables.lotes.iloc[0]
    with closing(pdfium.PdfDocument(made[f"atlas_25-26 - {CAMPO}.pdf"])) as document:
        at = next(
            at for at, page in enumerate(document)
            if f"Id {row.lote_id}" in page.get_textpage().get_text_bounded()
        )  # fmt: skip
        text = document[at].get_textpage().get_text_bounded()
        image = document[at].render(scale=300 / 72).to_numpy()[:, :, :3].astype(int)
    scale = int(re.search(r"Escala 1:([\d.]+)", text)[1].replace(".", ""))  # type: ignore[index]
    west, south, east, north = row.geometry.bounds
    middle = (south + north) / 2
    wide_m = WGS84.inv(west, middle, east, middle)[2]
    high_m = WGS84.inv(west, south, west, north)[2]
    dark = np.abs(image - (0x1B, 0x2A, 0x33)).max(axis=2) < 40
    pixel_mm = 25.4 / 300
    thick = int(0.5 / pixel_mm)  # the outline, and nothing as thick in the map but the north arrow
    frame = dark[int(28 / pixel_mm) : int(155 / pixel_mm), int(14 / pixel_mm) : int(182 / pixel_mm)]
    high, wide = (side - thick for side in frame.shape)
    shifts = [(i, j) for i in range(thick) for j in range(thick)]
    line = np.logical_and.reduce([frame[i : i + high, j : j + wide] for i, j in shifts])
    down, across = np.nonzero(line)
    found_mm = [(np.ptp(axis) + thick) * pixel_mm - 0.6 for axis in (across, down)]
    assert found_mm == pytest.approx([wide_m / scale * 1000, high_m / scale * 1000], abs=0.4)


@pytest.mark.parametrize("metres", [1.7, 40, 900, 2_500, 17_000, 120_000])
def test_a_scale_is_round_holds_its_lote_and_has_a_bar_as_long_as_it_says(metres: float) -> None:
    marco = Marco.around((0, 0, metres, metres / 2), *LOTE_MM)
    on_paper = marco.paper(np.array([(0, 0), (metres, metres / 2)]))
    assert on_paper.min() >= 6.9
    assert on_paper[:, 0].max() <= LOTE_MM[0] - 6.9
    assert np.ptp(on_paper[:, 0]) == pytest.approx(metres * 1_000 / marco.escala)
    long_mm, (begin, _, end) = scale_bar(marco.escala)
    value, unit = end.split()
    says_m = float(value.replace(",", ".")) * (1_000 if unit == "km" else 1)
    assert begin == "0"
    assert long_mm == pytest.approx(says_m * 1_000 / marco.escala)
    assert 20 <= long_mm <= 60


def test_the_plane_keeps_lengths() -> None:
    here = shapely.LineString([(-62.3, -35.2), (-61.9, -34.9)])
    flat = projected(np.array([here], dtype=object), plane(here.bounds))[0]
    assert flat.length == pytest.approx(WGS84.geometry_length(here), rel=1e-5)


def test_labels_never_cover_one_another_and_one_without_room_is_none() -> None:
    marco = Marco(100, 100, 1_000, 0, 0)
    spots = [(50.0, 50.0)] * 40
    places = spread(spots, [4.0] * 40, 3.0, marco, [])
    shown = [shapely.box(x - 2, y - 1.5, x + 2, y + 1.5) for x, y in filter(None, places)]
    assert 9 <= len(shown) < 40
    assert all(
        one.intersection(two).area < 1e-6 for one in shown for two in shown if one is not two
    )


def test_odd_names_are_text_that_is_found_and_not_markup(
    hostile: tuple[Fuente, Mapping[str, Path]],
) -> None:
    _, made = hostile
    texts = ["\n".join(pages(path)) for name, path in made.items() if name.endswith(".pdf")]
    assert len(texts) == len(ODD)
    whole = "\n".join(texts)
    for word in ("<b>#let x = 1</b> $x$ \\ @a *b* _c_", "Vacío", "Ñ" * 24):
        assert word in whole
    for foreign in ("مزرعة", "השלום"):
        assert foreign in whole or foreign[::-1] in whole
    assert "Este campo no tiene lotes en la campaña 25/26." in whole


def test_500_points_are_all_listed_and_the_map_says_how_many_have_no_number(
    hostile: tuple[Fuente, Mapping[str, Path]],
) -> None:
    fuente, made = hostile
    plan = plan_muestreo(fuente).puntos
    page = Atlas(fuente, plan).hojas("C2")[0]["lotes"][0]
    listed = [
        code for block in page["visita"]["lista"] for code in block["columnas"][1].split("\n")
    ]
    assert sorted(listed) == sorted(plan["muestra_id"])
    assert len(page["mapa"]["numeros"]) + page["visita"]["sin"] == 500
    name = next(name for name in made if name.startswith("atlas_25-26 - משק"))
    assert "P499" in "\n".join(pages(made[name]))


@pytest.mark.parametrize("letters", ["Ñ" * 200, "Loma del bajo " * 14, "مزرعة الأمل الكبيرة " * 10])
def test_long_names_stay_in_their_columns_and_take_few_sheets(letters: str, tmp_path: Path) -> None:
    name = letters[:200].strip()
    place = lote(1, "8B", campo_at=1, cultivos=["Soja 1ra"])
    west, south, *_ = shapely.geometry.shape(place["geometry"]).bounds
    zone = {"id": "A1", "lote_id": "L1", "nombre": name, "potencial": "alto", "campania": "25/26",
            "updated_at": STAMP, "geometry": place["geometry"]}  # fmt: skip
    marks = [
        {"id": f"M{at}", "lote_id": "L1", "nombre": f"{at}{name}"[:200], "updated_at": STAMP,
         "tipo": "muestreo" if at else "maleza", "observacion": name, "campania": "25/26",
         "ambiente_id": "A1",
         "geometry": {"type": "Point", "coordinates": [west + 1e-4 * (at + 1), south + 1e-3]}}
        for at in range(60)
    ]  # fmt: skip
    items = {Recurso.CAMPOS: [campo(1, name)], Recurso.LOTES: [place], Recurso.AMBIENTES: [zone]}
    full = fuente_of({**items, Recurso.MARCADORES: marks})
    changes = diff_tables(fuente_of(items).tables, full.tables)
    built = build_atlas(replace(full, changes=changes), tmp_path / "made").carpetas["atlas"]
    (path,) = (path for path in built.values() if path.suffix == ".pdf")
    assert "Lote 8B" in pages(path)[1], "as it is written"
    mm = 72 / 25.4
    with closing(pdfium.PdfDocument(path)) as document:
        assert len(document) <= 9
        for page in list(document)[1:-1]:
            text = page.get_textpage()
            boxes = [text.get_charbox(at) for at in range(text.count_chars())]
            between = [b for b in boxes if b[1] < 13.8 * mm and b[3] > 12 * mm]
            assert not between, "a line that runs down into the foot of the sheet"
            low = [box for box in boxes if 14 * mm < box[1] < 110 * mm and box[2] - box[0] > 0.1]
            for edge_mm in (119.7, 141.7, 165):  # where ambiente, cm and latitude begin
                assert not [b for b in low if b[0] < edge_mm * mm - 1 and b[2] > edge_mm * mm + 1]


@pytest.mark.parametrize(("at", "scale"), [(0, 100), (1, 150_000)])
def test_tiny_and_huge_lotes_have_a_map(
    hostile: tuple[Fuente, Mapping[str, Path]], at: int, scale: int
) -> None:
    fuente, _ = hostile
    page = Atlas(fuente, plan_muestreo(fuente).puntos).hojas(f"C{at}")[0]["lotes"][0]
    assert page["mapa"]["escala"] == f"1:{scale:,}".replace(",", ".")


def test_no_letters_of_the_system_are_used(made: Mapping[str, Path]) -> None:
    data = made[f"atlas_25-26 - {CAMPO}.pdf"].read_bytes()
    assert set(re.findall(rb"/FontName ?/[A-Z]{6}\+([A-Za-z]+)", data)) <= {
        b"SourceSansPro", b"LibertinusSerif", b"DejaVuSansMono"
    }  # fmt: skip
