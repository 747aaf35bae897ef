"""The morning's report: what it says is so, on a phone and on paper, whatever names hold."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shapely
from pypdfium2 import PdfDocument

from Modules.diff.changes import diff_tables
from Modules.formats.report_page import Seccion, text_of
from Modules.night.tables import Tables
from Modules.products.cultivos.sown import progress, sown, sown_crops
from Modules.products.informe.headlines import MAX_LINEAS, mirar, muestreos
from Modules.products.informe.product import build_informe, paper_of
from Modules.products.informe.sections import MAX_ARCHIVOS, estado_of, morning_of
from Modules.products.registry import product_folders
from Modules.products.source import Fuente
from Modules.words.domain import Recurso
from Modules.words.folders import QUE_ABRIR
from Modules.words.spanish import number
from tests.fuentes import campo, lote, night_of, tables_of

LONG, RTL = ("Potrero largo " * 20)[:200], "שדה הזית"
GOOD = {"name": "lotes: filas", "passed": True, "blocking": True, "notes": []}
WARNS = {"name": "lotes por campo", "passed": False, "blocking": False, "notes": ["w" * 400]}


def tables(*lotes: dict[str, Any], marks: int = 0) -> Tables:
    base = {"lote_id": "L1", "tipo": "muestreo", "campania": "25/26"}
    each = [
        base
        | {"id": f"M{at}", "nombre": f"m{at}", "updated_at": "2025-11-19T12:00:00-03:00"}
        | {"estado": ("planificado", "hecho", "anulado")[at % 3]}
        | {"geometry": {"type": "Point", "coordinates": [-65.945, -37.995]}}
        for at in range(marks)
    ]
    campos = [campo(1, LONG), campo(2, RTL), campo(3, "Vacío <b>&")]
    return tables_of({Recurso.CAMPOS: campos, Recurso.LOTES: lotes, Recurso.MARCADORES: each})


@pytest.fixture(scope="module")
def fuente() -> Fuente:
    """A night that changed much, of lotes of 3 m² and 300 km² with names of any kind."""
    square = shapely.box(-61, -34, -60.99, -33.99)
    tiny = shapely.box(-62, -34, -62 + 1.9e-5, -34 + 1.6e-5)
    big = shapely.box(-63, -35, -62.81, -34.84)
    before = tables(
        lote(1, LONG, campo_at=1, cultivos=["Cosa sin color " + "z" * 100]),
        lote(2, RTL, campo_at=1, cultivos=["Soja 1ra"], shape=tiny),
        lote(3, "300", campo_at=2, cultivos=["Soja 1ra"], shape=big),
        lote(4, "5", campo_at=2, shape=square),
        lote(5, "x" * 200, campo_at=2, cultivos=["Maíz"]),
    )
    wider = shapely.box(-61, -34, -60.99, -33.989)
    now = tables(
        lote(1, LONG, campo_at=1, cultivos=["Cosa sin color " + "z" * 100]),
        lote(2, RTL, campo_at=1, cultivos=["Soja 1ra"], shape=tiny),
        lote(3, "300", campo_at=2, cultivos=["Maíz"], shape=big),
        lote(4, "5", campo_at=2, shape=wider),
        lote(6, "Nuevo", campo_at=1, cultivos=["Trigo"]),
        marks=500,
    )
    return replace(
        night_of(now),
        changes=diff_tables(before, now),
        controles=(GOOD, WARNS),
        antes=lambda: before.lotes,
    )


@pytest.fixture(scope="module")
def folder(fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("informe")
    build_informe(fuente, folder)
    return folder


def section(fuente: Fuente, name: str) -> Seccion:
    return next(one for one in morning_of(fuente) if one.id == name)


def test_what_to_look_at_is_five_lines_by_weight(fuente: Fuente) -> None:
    lines = mirar(fuente)
    starts = (
        "1 lote ya no está",
        "1 control avisa",
        "1 borde se movió",
        "1 lote cambió de cultivo",
    )
    assert len(lines) == MAX_LINEAS
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=False)] == [
        True
    ] * 4
    assert lines[4].startswith("1 lote nuevo: ")
    assert mirar(replace(night_of(tables()), controles=(GOOD,))) == ()
    quiet = replace(fuente, changes=diff_tables(fuente.tables, fuente.tables), controles=())
    samples, bare = mirar(quiet)
    assert samples.startswith("167 muestreos por hacer: Potrero largo")  # every third is annulled
    assert bare.startswith("1 lote sin cultivo, ")


def test_the_hectares_are_those_of_the_night(fuente: Fuente) -> None:
    moved = next(one for one in fuente.changes.lotes if one.que == "borde movido")
    said = " ".join(section(fuente, "cambios").frases)
    assert f"ganan {number(moved.gana_ha, 2)} ha y pierden 0,00 ha" in said
    assert "borde movido (1), cambio de cultivo (1), lote eliminado (1), lote nuevo (1)" in said
    assert moved.gana_ha == pytest.approx(10.26, rel=0.02)  # 0.001° by 0.01° at 34° S
    frame = progress(sown(fuente.tables), sown_crops(fuente.tables), fuente.hora_local.date())
    (table,) = section(fuente, "avance").tablas
    assert [row[:2] for row in table.filas] == [
        (one.cultivo, number(one.sembrada_ha, 1)) for one in frame.itertuples()
    ]
    counts = muestreos(fuente.tables)
    assert (counts["abiertos"].sum(), counts["hechos"].sum()) == (167, 167)  # annulled: neither


def test_new_marks_are_named_by_place_and_counted_whole(fuente: Fuente, folder: Path) -> None:
    told = section(fuente, "cambios")
    assert "Marcadores: 500 nuevos, en 1 lote." in told.frases
    (row,) = (row for row in told.tablas[0].filas if "500 nuevos" in row[1])
    assert "marcadores: 500 nuevos (m0, muestreo; m1, muestreo; " in row[1]
    assert "; y 492 más)" in row[1]
    said = "500 nuevos (m0, muestreo; m1, muestreo; "
    assert said in (folder / "informe_25-26.html").read_text("utf-8")
    with closing(PdfDocument(folder / "informe_25-26.pdf")) as paper:
        text = " ".join("".join(one.get_textpage().get_text_bounded() for one in paper).split())
    assert "y 492 más)" in text


def test_a_state_is_said_as_it_is(fuente: Fuente) -> None:
    assert estado_of(replace(fuente, controles=(GOOD,))).bien
    assert estado_of(fuente).texto.startswith("Noche buena, y 1 control avisa")
    forced = replace(fuente, controles=(GOOD, {**WARNS, "blocking": True}))
    assert estado_of(forced).texto.startswith("Noche aceptada a mano: 1 control la rechazaba")


def test_the_same_night_gives_the_same_bytes_and_paper_says_what_the_page_says(
    fuente: Fuente, folder: Path, tmp_path: Path
) -> None:
    build_informe(fuente, tmp_path)
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["informe_25-26.html", "informe_25-26.pdf"]
    assert all((folder / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)
    with closing(PdfDocument(folder / "informe_25-26.pdf")) as paper:
        text = " ".join("".join(one.get_textpage().get_text_bounded() for one in paper).split())
    for words in ("Qué mirar hoy", "Informe de la mañana", "1 lote nuevo", "otro cultivo"):
        assert words in text


def test_no_line_ends_between_a_number_and_its_sign_or_unit(fuente: Fuente, folder: Path) -> None:
    apart = re.compile(r"\d[ \n\r]+(?:%|ha\b)")
    page = (folder / "informe_25-26.html").read_text("utf-8")
    assert "\N{NO-BREAK SPACE}%" in page
    assert "\N{NO-BREAK SPACE}ha" in page
    assert not apart.findall(re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL))
    frases = tuple(f"{'x ' * at}12.345,7 ha, o 3,7 % de todo." for at in range(60))
    lines = [Seccion("uno", "Uno", frases)]
    good = estado_of(fuente)
    assert "12.345,7\N{NO-BREAK SPACE}ha" in text_of("Informe", lines, good)
    assert not apart.findall(text_of("Informe", lines, good))
    with closing(PdfDocument(paper_of(fuente, "Informe", lines, good))) as paper:
        text = "".join(one.get_textpage().get_text_bounded() for one in paper)
    assert not re.findall(r"\d[\s\N{NO-BREAK SPACE}]*[\n\r]+(?:%|ha\b)", text)
    assert text.count("3,7") == len(frases)


def test_every_folder_has_its_link_and_each_leads_from_the_report(folder: Path) -> None:
    page = (folder / "informe_25-26.html").read_text("utf-8")
    links = set(re.findall(r'href="\.\./([^"]+?)/', page))
    assert {one.replace(" ", "%20") for one in QUE_ABRIR} == links
    assert set(QUE_ABRIR) <= set(product_folders())


def test_what_is_there_has_its_files_and_what_is_not_is_no_link(
    fuente: Fuente, tmp_path: Path
) -> None:
    many = tuple(f"25-26/C/C - {at:03}.kmz" for at in range(MAX_ARCHIVOS + 7))
    beside = {
        "mapa": ("25-26/fotos/1.jpg", "fondo_25-26_ab12.js", "mapa_25-26.html"),
        "atlas": ("atlas_25-26 - Ñandú & <Hnos>.pdf",),
        "proyecto": ("lindero_25-26.gpkg", "lindero_25-26.qgz"),
        "sustentabilidad": ("establecimientos_25-26.xlsx",),
        "KMZ POR LOTE": many,
        "H3": (),
    }
    build_informe(fuente, tmp_path, beside)
    page = (tmp_path / "informe_25-26.html").read_text("utf-8")
    links = re.findall(r'href="\.\./([^"]+)"', page)
    assert "mapa/mapa_25-26.html" in links
    assert not [one for one in links if one.endswith((".jpg", ".js"))], "the map opens them"
    assert "atlas/atlas_25-26%20-%20%C3%91and%C3%BA%20%26%20%3CHnos%3E.pdf" in links
    assert "<summary>1 archivo</summary>" in page
    assert "<summary>1 archivo más</summary>" in page  # beside the project
    assert [one for one in links if one.startswith("proyecto")] == [
        *("proyecto/lindero_25-26.qgz", "proyecto/lindero_25-26.gpkg")
    ]
    assert [one for one in links if one.startswith("sustentabilidad")] == ["sustentabilidad/"]
    assert sum(one.startswith("KMZ%20POR%20LOTE/25-26/") for one in links) == MAX_ARCHIVOS
    assert f"<summary>{MAX_ARCHIVOS} archivos; 7 más en la carpeta</summary>" in page
    assert not [one for one in links if one.startswith("H3")]
    assert "Hexágonos: todavía no hay" in page
    assert {"qfield/", "KMZ%20POR%20CAMPO/"} <= set(links)  # of those nobody said


def test_without_the_night_before_nothing_of_it_is_drawn(fuente: Fuente) -> None:
    bare = section(replace(fuente, antes=lambda: None), "cambios")
    drawn = section(fuente, "cambios")
    assert "como era la noche anterior" in "".join(one.svg for one in drawn.figuras)
    assert "como era la noche anterior" not in "".join(one.svg for one in bare.figuras)
    assert len(drawn.figuras) == len(bare.figuras) == 2
