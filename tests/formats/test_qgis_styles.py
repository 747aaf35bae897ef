"""The layer_styles table as QGIS makes and reads it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely

from Modules.formats.geofiles import write_gpkg
from Modules.formats.qgis import Category, add_styles, fill_style
from Modules.words.errors import PublishError

STYLE = fill_style("cultivo", [Category("Maíz 'x'", "Maíz", "#FDD835")])
LAYERS = {
    "siembras": gpd.GeoDataFrame(
        {"cultivo": ["Maíz 'x'"]}, geometry=[shapely.box(-62, -35, -61.9, -34.9)], crs="EPSG:4326"
    ),
    'lotes "sin"': gpd.GeoDataFrame({"cultivo": []}, geometry=[], crs="EPSG:4326"),
}
TITLES = {name: name for name in LAYERS}
# how QGIS asks for the style of a layer that is opened
DEFAULT_STYLE = """
SELECT styleName, styleQML, styleSLD FROM layer_styles
WHERE f_table_schema = '' AND f_table_name = ? AND f_geometry_column = ?
ORDER BY CASE WHEN useAsDefault THEN 1 ELSE 2 END, update_time DESC LIMIT 1
"""


@pytest.fixture
def gpkg(tmp_path: Path) -> Path:
    path = tmp_path / "a.gpkg"
    write_gpkg(LAYERS, path)
    return path


def test_qgis_finds_the_style_of_every_layer(gpkg: Path) -> None:
    add_styles(
        gpkg, dict.fromkeys(LAYERS, STYLE), TITLES | {"siembras": "Siembras 25/26" + "." * 40}
    )
    with closing(sqlite3.connect(gpkg)) as db:
        found = [db.execute(DEFAULT_STYLE, (name, "geom")).fetchone() for name in LAYERS]
    assert [(name, sld) for name, _, sld in found] == [
        (("Siembras 25/26" + "." * 40)[:30], STYLE.sld),
        ('lotes "sin"', STYLE.sld),
    ]
    for _, qml, _ in found:  # with the alias of the one column that is known
        begin, end = qml.split('<aliases>\n <alias field="cultivo" name="Cultivo"/>\n</aliases>\n')
        assert begin + end == STYLE.qml
    info = pyogrio.read_info(gpkg, layer="siembras")
    assert info["layer_metadata"]["DESCRIPTION"].startswith("Siembras 25/26")


def test_other_readers_see_a_table_without_geometry(gpkg: Path) -> None:
    add_styles(gpkg, dict.fromkeys(LAYERS, STYLE), TITLES)
    kinds = {str(name): kind for name, kind in pyogrio.list_layers(gpkg)}
    assert list(kinds) == [*LAYERS, "layer_styles"]
    assert kinds["layer_styles"] is None
    styles = pyogrio.read_dataframe(gpkg, layer="layer_styles")
    assert list(styles["f_table_name"]) == list(LAYERS)
    assert list(styles["useAsDefault"]) == [True, True]
    assert len(pyogrio.read_dataframe(gpkg, layer="siembras")) == 1


def test_the_file_is_whole_and_alone(gpkg: Path, tmp_path: Path) -> None:
    add_styles(gpkg, {"siembras": STYLE}, TITLES)
    with closing(sqlite3.connect(gpkg)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        kind = db.execute(
            "SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'"
        ).fetchone()
    assert kind == ("attributes",)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gpkg"]


def test_equal_styles_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.gpkg", "b.gpkg"):
        write_gpkg(LAYERS, tmp_path / name)
        add_styles(tmp_path / name, dict.fromkeys(LAYERS, STYLE), TITLES)
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()


def test_a_layer_that_is_not_there_is_named(gpkg: Path) -> None:
    with pytest.raises(PublishError, match="no tiene la capa 'otra'"):
        add_styles(gpkg, {"otra": STYLE}, {"otra": "Otra"})


def test_a_file_that_is_no_geopackage_is_refused_and_none_is_made(tmp_path: Path) -> None:
    (tmp_path / "x.gpkg").write_bytes(b"not a database" * 100)
    with pytest.raises(PublishError, match="los estilos"):
        add_styles(tmp_path / "x.gpkg", {}, {})
    with pytest.raises(PublishError, match="los estilos"):
        add_styles(tmp_path / "none.gpkg", {}, {})
    assert not (tmp_path / "none.gpkg").exists()
