"""What people ask in the morning, asked of several products: all say the same, and it is true.

The truth is worked out here, from the borders and marks that the portal gave, by pyproj alone. Two
campos are called San José; in the first two lotes share ground, and a border moved last night.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pypdfium2 as pdfium
import pytest
import shapely
from pyproj import Geod

from Modules.diff.changes import diff_tables
from Modules.formats.report_page import Tabla
from Modules.night.tables import Tables
from Modules.products.atlas.product import build_atlas
from Modules.products.cultivos.product import build_cultivos
from Modules.products.informe.facts import facts_of
from Modules.products.informe.sections import estado_of, morning_of
from Modules.products.kmz.product import POR_CAMPO, POR_CULTIVO_CAMPO, build_mapas_kmz
from Modules.products.mapa.product import build_mapa
from Modules.products.maquinas.product import build_maquinas
from Modules.products.muestreos import build as muestreos
from Modules.products.proyecto.product import build_proyecto
from Modules.products.source import Fuente
from Modules.prompts.calls.tools import answer_of, tools_of
from Modules.words.domain import Recurso
from tests.fuentes import campo, lote, night_of, tables_of
from tests.kml_reading import data, geometry, read_kmz
from tests.productos_hechos import sheet
from tests.products.mapa.leido import column, night, packed, rings

STAMP = "2025-11-19T12:00:00-03:00"
HOME = "San José (C1)"
CUATRO = shapely.box(-62, -34, -61.99, -33.99)
CINCO = shapely.box(-61.993, -34, -61.983, -33.99)  # three tenths of it are in the one before
BEFORE = shapely.box(-62, -34, -61.99, -33.9905)
LOMA, BAJO = shapely.box(-62, -34, -61.995, -33.99), shapely.box(-61.995, -34, -61.99, -33.99)
MARKS = {  # of lote 4: where, type, state
    "S-01": ((-61.9981, -33.9982), "muestreo", "hecho"),
    "S-02": ((-61.9962, -33.9921), "muestreo", "planificado"),
    "S-03": ((-61.9913, -33.9944), "muestreo", "planificado"),
    "S-04": ((-61.9924, -33.9975), "muestreo", "anulado"),
    "Rama negra": ((-61.9945, -33.9956), "maleza", "hecho"),
}


def tables(cuatro: Any) -> Tables:
    zones = [
        {"id": f"A{at}", "lote_id": "L1", "nombre": name, "campania": "25/26", "potencial": power,
         "orden": at, "updated_at": STAMP, "geometry": shapely.geometry.mapping(shape)}
        for at, (name, power, shape) in enumerate([("Loma", "alto", LOMA), ("Bajo", "bajo", BAJO)])
    ]  # fmt: skip
    marks = [
        {"id": f"M{at}", "lote_id": "L1", "nombre": name, "campania": "25/26", "tipo": what,
         "estado": state, "orden": at, "updated_at": STAMP,
         "geometry": {"type": "Point", "coordinates": where}}
        for at, (name, (where, what, state)) in enumerate(MARKS.items())
    ]  # fmt: skip
    return tables_of(
        {
            Recurso.CAMPOS: [campo(1, "San José", empresa="La Demo"),
                             campo(2, "San José", empresa="Otra"), campo(3, "El Ombú")],
            Recurso.LOTES: [
                lote(1, "4", campo_at=1, cultivos=["Trigo", "Soja 2da"], shape=cuatro),
                lote(2, "5", campo_at=1, cultivos=["Soja 2da"], shape=CINCO),
                lote(3, "1", campo_at=2, cultivos=["Soja 1ra"]),
                lote(4, "7", campo_at=3),
            ],
            Recurso.AMBIENTES: zones,
            Recurso.MARCADORES: marks,
        }
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Morning:
    """The products of one night, read as their readers do."""

    fuente: Fuente
    resumen: Path
    mapa: dict[str, Any]
    sections: Any
    atlas: list[str]
    kmz: Mapping[str, Mapping[str, Path]]
    puntos: Mapping[str, Path]
    proyecto: Path
    qgs: str
    maquinas: Mapping[str, Path]

    def layer(self, name: str) -> Any:
        return pyogrio.read_dataframe(self.proyecto, layer=name)

    def columns(self, layer: str) -> dict[str, list[str | None]]:
        """The columns of a layer of the map by what the card calls them."""
        known = {one["etiqueta"]: column(one, self.sections)
                 for one in self.mapa[layer].get("columnas", ())}  # fmt: skip
        return known | {"nombre": column(self.mapa[layer]["nombre"], self.sections)}

    def informe(self) -> str:
        """All that the report says, a line for each row."""
        found = list(estado_of(self.fuente).lineas)
        for section in morning_of(self.fuente):
            found += [*section.frases, *section.puntos]
            for one in section.tablas:
                assert isinstance(one, Tabla)
                found += [" | ".join(row) for row in one.filas]
        return "\n".join(found)


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Morning:
    work = tmp_path_factory.mktemp("preguntas")
    for name in ("cultivos", "muestreos", "maquinas"):  # those that the nightly job makes
        (work / name).mkdir()
    before, now = tables(BEFORE), tables(CUATRO)
    fuente = replace(night_of(now), changes=diff_tables(before, now), antes=lambda: before.lotes)
    atlas = build_atlas(fuente, work / "atlas").carpetas["atlas"]
    mapa = build_mapa(fuente, work / "mapa").carpetas["mapa"]["mapa_25-26.html"]
    document, sections = night(packed(mapa.read_text("utf-8")))
    with closing(pdfium.PdfDocument(atlas["atlas_25-26 - San José (C1).pdf"])) as paper:
        pages = [page.get_textpage().get_text_bounded() for page in paper]
    kmz = build_mapas_kmz(fuente, work / "kmz", familias=(POR_CAMPO, POR_CULTIVO_CAMPO))
    puntos = muestreos(fuente, work / "muestreos", lindero_muestreo_puntos=3,
                       lindero_muestreo_margen_m=20.0, tareas=(), clasificadas={})  # fmt: skip
    proyecto = build_proyecto(fuente, work / "proyecto", {"muestreos": ["muestreos_25-26.gpkg"]})
    files = proyecto.carpetas["proyecto"]
    with zipfile.ZipFile(files["lindero_25-26.qgz"]) as archive:
        qgs = archive.read("lindero_25-26.qgs").decode()
    return Morning(
        fuente, build_cultivos(fuente, work / "cultivos")["resumen_25-26.xlsx"], document, sections,
        pages, kmz.carpetas, puntos.carpetas["muestreos"], files["lindero_25-26.gpkg"], qgs,
        build_maquinas(fuente, work / "maquinas"),
    )  # fmt: skip


def ha(*shapes: Any) -> float:
    """Hectares of the ground that these cover, whatever covers it twice."""
    area, _ = Geod(ellps="WGS84").geometry_area_perimeter(shapely.union_all(shapes).normalize())
    return abs(area) / 10_000


def said(value: float, decimals: int) -> str:
    """As it is written in Argentina."""
    return f"{value:,.{decimals}f}".translate(str.maketrans(",.", ".,"))


def row_of(morning: Morning, name: str, campo: str = HOME) -> dict[str, Any]:
    rows = sheet(morning.resumen, name)
    return dict(rows[rows["Campo"] == campo].iloc[0])


def test_how_many_hectares_san_jose_has(morning: Morning) -> None:
    truth = ha(CUATRO, CINCO)
    assert ha(CUATRO) + ha(CINCO) > truth + 25, "two lotes share ground, which counts once"
    assert row_of(morning, "Campo por cultivo")["Superficie de tierra (ha)"] == pytest.approx(truth)
    campos = morning.layer("campos").set_index("campo")
    assert campos.loc[HOME, "superficie_ha"] == pytest.approx(truth)
    assert {name: land for _, name, land in morning.mapa["campos"]}[HOME] == pytest.approx(
        truth, abs=1e-5
    )
    assert f"{said(truth, 2)} ha" in morning.atlas[0]
    snippet = read_kmz(morning.kmz[POR_CAMPO]["25-26/San José (C1).kmz"]).find(".//{*}Snippet")
    assert snippet is not None
    assert snippet.text == f"Campaña 25/26 · 2 lotes · {said(truth, 2)} ha"
    season = {one["campo"]: one for one in facts_of(morning.fuente)["superficie"]["por_campo"]}
    assert season[HOME]["superficie_ha"] == round(truth, 1)
    answer = answer_of(tools_of(morning.fuente), "resumen", "{}")
    assert f'"superficie_ha": {round(truth, 1)}' in answer
    whole = truth + sum(map(ha, morning.fuente.tables.lotes.geometry.iloc[2:]))
    assert f"4 lotes, {said(whole, 1)} ha de tierra" in morning.informe()


def test_how_many_hectares_of_soja_2da_it_has(morning: Morning) -> None:
    truth = ha(CUATRO) + ha(CINCO)  # sown: each siembra counts
    assert row_of(morning, "Campo por cultivo")["Soja 2da (ha)"] == pytest.approx(truth)
    campos = morning.layer("campos").set_index("campo")
    assert f"Soja 2da: {said(truth, 1)} ha" in campos.loc[HOME, "sembrado"]
    assert re.search(rf"Soja 2da\s+{said(truth, 2)} ha\s+2 lotes", morning.atlas[0])
    sown, lotes = morning.mapa["siembras"], morning.mapa["lotes"]
    crops = [sown["grupos"][at][0] for at in morning.sections[sown["grupo"]]]
    owners = morning.sections[sown["lote"]]
    mine = [lotes["ha"][own] for own, crop in zip(owners, crops, strict=True) if crop == "Soja 2da"]
    assert sum(mine) == pytest.approx(truth, abs=1e-5)
    root = read_kmz(morning.kmz[POR_CULTIVO_CAMPO]["25-26/Soja 2da/Soja 2da - San José (C1).kmz"])
    snippet = root.find(".//{*}Snippet")
    assert snippet is not None
    assert f"{said(truth, 2)} ha" in str(snippet.text)


def test_which_border_moved_and_by_how_much(morning: Morning) -> None:
    detail = f"gana {said(ha(CUATRO) - ha(BEFORE), 2)} ha, pierde 0,00 ha"
    rows = sheet(morning.resumen, "Cambios")
    moved = rows[rows["Cambio"] == "borde movido"]
    assert moved[["Campo", "Lote", "Detalle"]].to_numpy().tolist() == [[HOME, "4", detail]]
    assert f"1 borde se movió: {HOME}, lote 4 ({detail})." in morning.informe()
    told = [one for one in morning.mapa["cambios"] if one[3] == "borde movido"]
    assert [one[4] for one in told] == [detail]
    assert column(morning.mapa["lotes"]["nombre"], morning.sections)[told[0][0]] == "4"
    changes = morning.layer("cambios")
    assert changes.loc[changes["que"] == "borde movido", "detalle"].tolist() == [detail]


def test_how_many_samples_are_missing(morning: Morning) -> None:
    assert f"{HOME} | 2 | 1" in morning.informe(), "two to take, one taken; the annulled is neither"
    rows = pd.read_csv(morning.puntos["muestreos_25-26.csv"])
    assert (rows["Estado"] == "planificado").sum() == 2
    document = read_kmz(morning.puntos["muestreos_25-26.kmz"]).find(".//{*}description")
    assert document is not None
    assert "<td>Planificado</td><td>2 puntos</td>" in str(document.text)
    cells = morning.columns("marcadores")
    assert [*zip(cells["Tipo"], cells["Estado"], strict=True)].count(
        ("muestreo", "planificado")
    ) == 2
    marks = morning.layer("marcadores")
    assert ((marks["tipo"] == "muestreo") & (marks["estado"] == "planificado")).sum() == 2


def test_where_the_next_sample_is(morning: Morning) -> None:
    lon, lat = MARKS["S-02"][0]
    rows = pd.read_csv(morning.puntos["muestreos_25-26.csv"]).set_index("Punto")
    numero = str(rows.loc["S-02", "Número"])
    assert tuple(rows.loc["S-02", ["Longitud", "Latitud"]]) == (lon, lat)
    page = next(text for text in morning.atlas if "Puntos de muestreo" in text)
    degrees = [said(one, 6).replace("-", "−") for one in (lat, lon)]
    lines = page.splitlines()
    assert all(one in lines for one in degrees), lines
    place = {
        data(one)["punto_id"]: one
        for one in read_kmz(morning.puntos["muestreos_25-26.kmz"]).iter("{*}Placemark")
        if str(one.get("id")).startswith("punto-")
    }[rows.loc["S-02", "Id del punto"]]
    assert str(place.findtext("{*}name")).split()[-1] == numero
    assert geometry(place).equals(shapely.Point(lon, lat))
    at = morning.columns("marcadores")["nombre"].index("S-02")
    ((spot,),) = (ring.tolist() for ring in rings(morning.mapa["marcadores"]["formas"],
                                                   morning.sections)[at])  # fmt: skip
    assert spot == pytest.approx([lon, lat], abs=1e-7)
    points = pyogrio.read_dataframe(morning.puntos["muestreos_25-26.gpkg"], layer="muestreos")
    own = points.set_index("punto").loc["S-02"]
    assert (str(own["numero"]), own["geometry"].x, own["geometry"].y) == (numero, lon, lat)
    labels = re.findall(r'fieldName="(?:&quot;)?(\w+)', morning.qgs)
    assert "numero" in labels, "QGIS writes the number that is on paper, in the KMZ and on the bag"


def test_which_ambiente_is_the_poorest(morning: Morning) -> None:
    area = said(ha(BAJO), 2)
    page = next(text for text in morning.atlas if "Ambientes" in text and "Lote 4" in text)
    assert {"Bajo", "Potencial bajo", f"{area} ha"} <= set(page.splitlines())
    zones = morning.mapa["ambientes"]
    powers = [zones["grupos"][at][0] for at in morning.sections[zones["grupo"]]]
    at = powers.index("Potencial bajo")
    assert column(zones["nombre"], morning.sections)[at] == "Bajo"
    assert said(zones["ha"][at], 2) == area
    rows = morning.layer("ambientes").set_index("potencial")
    assert (rows.loc["bajo", "ambiente"], said(rows.loc["bajo", "superficie_ha"], 2)) == (
        "Bajo", area)  # fmt: skip
    name = next(one for one in morning.maquinas if "La Demo" in one and "ambientes" in one)
    shp = gpd.read_file(f"zip://{morning.maquinas[name]}").set_index("Potencial")
    assert (shp.loc["bajo", "Zona"], said(shp.loc["bajo", "Area_ha"], 2)) == ("Bajo - bajo", area)


def test_of_when_the_data_are(morning: Morning) -> None:
    moment, other = "20/11/2025 03:00", "20/11/2025 a las 03:00"
    assert morning.mapa["datos"] == moment
    assert all(f"Vigente desde el {moment}" in page for page in morning.atlas)
    assert f"Datos del portal del {moment}" in morning.informe()
    assert facts_of(morning.fuente)["datos_del"] == moment
    kmz = read_kmz(morning.kmz[POR_CAMPO]["25-26/San José (C1).kmz"]).find(".//{*}description")
    assert kmz is not None
    assert f"Datos del {moment}" in str(kmz.text)
    assert f"datos del {moment}" in morning.qgs
    with closing(openpyxl.load_workbook(morning.resumen, read_only=True)) as book:
        assert any(other in str(row[0]) for row in book["Resumen"].values)


def test_which_file_the_contractor_of_a_lote_takes(morning: Morning) -> None:
    taken = [name for name in morning.maquinas if name.endswith("lotes_shp.zip")]
    owners = {
        name: set(gpd.read_file(f"zip://{morning.maquinas[name]}")["lote_id"]) for name in taken
    }
    assert [name for name, ids in owners.items() if "L1" in ids] == [
        "maquinas_25-26 - La Demo - lotes_shp.zip"
    ]
    assert sorted(one for ids in owners.values() for one in ids) == ["L1", "L2", "L3", "L4"]
    assert re.search(rf"Total\s+{said(ha(CUATRO, CINCO), 2)} ha", morning.atlas[-1]) or re.search(
        rf"Total\s+{said(ha(CUATRO, CINCO), 2)} ha", morning.atlas[-2]
    )
