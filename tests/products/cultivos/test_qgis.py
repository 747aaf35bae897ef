"""The layers as a real QGIS draws them: every label that people look for is on the map."""

from __future__ import annotations

import re
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pyogrio
import pytest
from defusedxml import ElementTree

from Modules.products.cultivos.product import build_cultivos
from Modules.products.kmz import POR_CAMPO
from Modules.products.kmz.product import build_mapas_kmz
from Modules.products.muestreos.product import build_muestreos
from Modules.products.source import Fuente
from Modules.words.domain import Recurso
from tests.fuentes import campo, fuente_of, lote
from tests.qgis_asked import ask

KML = "{http://www.opengis.net/kml/2.2}"


def test_every_lote_and_every_mark_of_a_campo_has_its_label(
    qgis: Path, demo_fuente: Fuente, tmp_path: Path
) -> None:
    for name in ("cultivos", "muestreos"):
        (tmp_path / name).mkdir()
    crops = build_cultivos(demo_fuente, tmp_path / "cultivos")["cultivos_25-26.gpkg"]
    marks = build_muestreos(demo_fuente, tmp_path / "muestreos")["muestreos_25-26.gpkg"]
    lotes = demo_fuente.tables.lotes
    campos = sorted(lotes["campo_id"].unique())
    mapas = []
    for campo_id in campos:
        own = f"campo_id = '{campo_id}'"
        layers = ("cultivos_25-26", "sin_cultivo")
        mapas.append({"capas": [[str(crops), layer, own] for layer in layers]})
        layers = ("muestreos", "puntos_propuestos", "ambientes")
        mapas.append({"capas": [[str(marks), layer, own] for layer in layers[:2]]})
    with closing(sqlite3.connect(crops)) as db:
        (sld,) = db.execute(
            "SELECT styleSLD FROM layer_styles WHERE f_table_name LIKE 'cult%'"
            " AND f_table_name LIKE '%25-26'"
        ).fetchone()
    (tmp_path / "a.sld").write_text(sld, encoding="utf-8")
    answer = ask(
        qgis,
        {"mapas": mapas, "sld": {str(tmp_path / "a.sld"): [str(crops), "cultivos_25-26"]}},
        tmp_path,
    )
    doubles = 0
    for campo_id, (of_lotes, of_marks) in zip(
        campos, zip(answer["mapas"][::2], answer["mapas"][1::2], strict=True), strict=True
    ):
        sown, bare = of_lotes["capas"]
        own = lotes[lotes["campo_id"] == campo_id]
        shown = [text.split("\n")[0] for text in (*sown["textos"], *bare["textos"])]
        assert sorted(shown) == sorted(own["lote"]), campo_id
        doubles += int((own["n_siembras"] > 1).sum())
        for layer in of_marks["capas"]:
            assert layer["rotuladas"] == layer["filas"], (campo_id, of_marks["escala"])
    assert doubles > 10
    rules = answer["sld"][str(tmp_path / "a.sld")]
    siembras = demo_fuente.tables.siembras
    assert {name: n for name, n in rules.items() if n} == dict(siembras["cultivo"].value_counts())
    assert "ElseFilter" not in sld


@pytest.mark.parametrize("orders", [(1, 2), (10, 20), (1, 1)])
def test_a_lote_has_one_colour_in_the_layer_and_in_the_kmz(
    tmp_path: Path, orders: tuple[int, int]
) -> None:
    item = lote(1, "1", campo_at=1, cultivos=("Trigo", "Soja 2da"))
    for siembra, order in zip(item["siembras"], orders, strict=True):
        siembra["orden"] = order
    fuente = fuente_of({Recurso.CAMPOS: [campo(1, "La Paz")], Recurso.LOTES: [item]})
    rows = pyogrio.read_dataframe(
        build_cultivos(fuente, tmp_path)["cultivos_25-26.gpkg"], layer="cultivos_25-26"
    )
    (shown,) = rows.loc[rows["ultima"], "cultivo"]
    built = build_mapas_kmz(fuente, tmp_path, familias=[POR_CAMPO]).carpetas[POR_CAMPO]
    (path,) = built.values()
    with zipfile.ZipFile(path) as archive:
        document = ElementTree.fromstring(archive.read("doc.kml"))
    (mark,) = [one for one in document.iter(f"{KML}Placemark") if one.get("id") == "lote-L1"]
    style = (mark.findtext(f"{KML}styleUrl") or "").removeprefix("#")
    (drawn,) = re.findall(r"cultivo-(\w+)", style)
    (code,) = rows.loc[rows["ultima"], "cultivo_codigo"]
    assert (shown, drawn) == ("Soja 2da", code)
