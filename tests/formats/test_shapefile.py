"""A zipped Shapefile: short names with a dictionary, UTF-8, the same bytes every night."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from Modules.disk.safe_files import write_new
from Modules.formats.geofiles import table_bytes
from Modules.formats.shapefile import write_shp_zip
from Modules.words.columns import Column, Table
from Modules.words.errors import DataError, PublishError

TABLE = Table(
    "prueba",
    (
        Column("lote_id", "string", "Identificador", nullable=False),
        Column("nombre_completo", "string", "Nombre"),
        Column("superficie_ha", "float64", "Superficie", unit="ha"),
        Column("orden", "Int64", "Orden"),
        Column("fecha", "date", "Fecha"),
        Column("geometry", "geometry", "Geometría", nullable=False),
    ),
    ("Polygon", "MultiPolygon"),
)
FIELDS = {
    "lote_id": "lote_id",
    "nombre_completo": "nombre",
    "superficie_ha": "sup_ha",
    "orden": "orden",
    "fecha": "fecha",
}
SQUARE = shapely.box(-62, -35, -61.9, -34.9)
HOLED = shapely.orient_polygons(SQUARE.difference(SQUARE.centroid.buffer(0.01)))
TWO = shapely.MultiPolygon([SQUARE, shapely.box(-61, -35, -60.9, -34.9)])


def frame(names: list[str | None]) -> gpd.GeoDataFrame:
    count = len(names)
    columns = {
        "lote_id": [str(at) for at in range(count)],
        "nombre_completo": names,
        "superficie_ha": [1234.567891] * count,
        "orden": [None] * count,
        "fecha": [None] * count,
    }
    types = {"lote_id": "string", "nombre_completo": "string", "orden": "Int64"}
    shapes = [(HOLED, TWO)[at % 2] for at in range(count)]
    df = gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")
    return df.astype({**types, "superficie_ha": "float64", "fecha": "object"})


def write(names: list[str | None], folder: Path) -> Path:
    folder.mkdir()
    write_new(folder / "a.parquet", table_bytes(frame(names), TABLE))
    write_shp_zip(folder / "a.parquet", TABLE, FIELDS, folder / "a.zip", layer="cultivos_25-26")
    assert {path.name for path in folder.iterdir()} == {"a.parquet", "a.zip"}
    return folder / "a.zip"


def test_it_opens_with_its_accents_and_shapes(tmp_path: Path) -> None:
    back = gpd.read_file(write(["Ñandú & Cía", None], tmp_path / "a"))
    assert list(back.columns) == [*FIELDS.values(), "geometry"]
    assert back["nombre"][0] == "Ñandú & Cía"
    assert back["sup_ha"][0] == 1234.567891
    assert back.crs.to_epsg() == 4326
    for mine, theirs in zip((HOLED, TWO), back.geometry, strict=True):
        assert shapely.equals(mine, theirs)


def test_members_lie_at_the_root_and_say_utf_8(tmp_path: Path) -> None:
    with zipfile.ZipFile(write(["a"], tmp_path / "a")) as archive:
        assert archive.testzip() is None
        ends = (".shp", ".shx", ".dbf", ".prj", ".cpg")
        expected = [*(f"cultivos_25-26{end}" for end in ends), "diccionario.csv"]
        assert archive.namelist() == expected
        assert archive.read("cultivos_25-26.cpg").strip() == b"UTF-8"
        assert archive.read("cultivos_25-26.dbf")[1:4] == bytes([100, 1, 1])  # 1 January 2000
        assert b"WGS_1984" in archive.read("cultivos_25-26.prj")
        text = archive.read("diccionario.csv").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert {row[0]: row[1] for row in rows} == {short: full for full, short in FIELDS.items()}
    assert ["sup_ha", "superficie_ha", "Superficie", "ha"] in rows


def test_long_text_is_cut_at_a_whole_letter(tmp_path: Path) -> None:
    names = ["ñ" * 200, "😀" * 200, "x" * 300, "n" + "ñ" * 200]
    back = gpd.read_file(write(names, tmp_path / "a"))
    for name, found in zip(names, back["nombre"], strict=True):
        assert name.startswith(found)
        assert 250 < len(found.encode()) <= 254


def test_no_rows_is_a_valid_file(tmp_path: Path) -> None:
    back = gpd.read_file(write([], tmp_path / "a"))
    assert len(back) == 0
    assert list(back.columns) == [*FIELDS.values(), "geometry"]


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    first = write(["a", "b"], tmp_path / "a").read_bytes()
    assert first == write(["a", "b"], tmp_path / "b").read_bytes()
    assert first != write(["a", "c"], tmp_path / "c").read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"nombre_completo": "LOTE_ID"},
        {"nombre_completo": "once_letras"},
        {"nombre_completo": "año"},
        {"nombre_completo": ""},
        {"otra": "otra"},
    ],
)
def test_field_names_that_dbf_does_not_take_are_refused(
    change: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="nombres de campos"):
        write_shp_zip(tmp_path / "a", TABLE, FIELDS | change, tmp_path / "b", layer="x")


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = write(["a"], tmp_path / "a")
    before = path.read_bytes()
    with pytest.raises(PublishError, match="exists"):
        write_shp_zip(path.with_name("a.parquet"), TABLE, FIELDS, path, layer="x")
    assert path.read_bytes() == before
