"""Tables to files and back: equal values, equal types, equal bytes, and what the standards ask."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import geopandas as gpd
import geoparquet_validator
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from Modules.disk.safe_files import fingerprint, write_new
from Modules.formats import geofiles as table_files
from Modules.formats.geofiles import geojson_bytes, table_bytes, table_from_bytes, write_gpkg
from Modules.words.columns import CAMPOS, CULTIVOS, LOTES, MARCADORES, TABLES, ZONAS, Table
from Modules.words.domain import SnapshotId
from Modules.words.errors import DataError, PublishError
from tests.sample_tables import frame, tables

ROOT = Path(__file__).resolve().parent.parent.parent
ALL = pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
SPATIAL = pytest.mark.parametrize(
    "table", [table for table in TABLES.values() if table.spatial], ids=lambda table: table.name
)


def _columns_of_type(data: bytes) -> dict[str, pa.DataType]:
    schema = pq.read_schema(pa.BufferReader(data))
    return {field.name: field.type for field in schema}


def read_table(path: Path, table: Table) -> pd.DataFrame:
    return table_from_bytes(path.read_bytes(), table, source=str(path))


# --- GeoParquet ----------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("rows", [0, 1, 8])
def test_a_table_comes_back_equal(tmp_path: Path, table: Table, rows: int) -> None:
    before = frame(table, rows)
    fact = write_new(tmp_path / "t.parquet", table_bytes(before, table))
    assert fact == fingerprint(tmp_path / "t.parquet")
    after = read_table(tmp_path / "t.parquet", table)
    assert_frame_equal(after, before)
    if isinstance(before, gpd.GeoDataFrame):
        assert_geodataframe_equal(after, before)
        assert list(after.geometry.to_wkb()) == list(before.geometry.to_wkb())


@ALL
@pytest.mark.parametrize("rows", [0, 8])
def test_geopandas_and_pandas_read_it_with_equal_dtypes(
    tmp_path: Path, table: Table, rows: int
) -> None:
    before = frame(table, rows)
    write_new(tmp_path / "t.parquet", table_bytes(before, table))
    if table.spatial:
        after = gpd.read_parquet(tmp_path / "t.parquet")
        assert after.crs == before.crs
    else:
        after = pd.read_parquet(tmp_path / "t.parquet")
    assert_frame_equal(after, before)


@ALL
def test_types_do_not_depend_on_the_values(table: Table) -> None:
    schemas = [_columns_of_type(table_bytes(frame(table, rows), table)) for rows in (0, 1, 8)]
    assert schemas[0] == schemas[1] == schemas[2]
    assert schemas[0][table.key] == pa.string()
    dates = {c.name for c in table.columns if c.dtype == "date"}
    assert {name for name, kind in schemas[0].items() if kind == pa.date32()} == dates
    stamps = {c.name for c in table.columns if c.dtype == "timestamp"}
    utc = pa.timestamp("us", tz="UTC")
    assert {name for name, kind in schemas[0].items() if kind == utc} == stamps


@SPATIAL
@pytest.mark.parametrize("rows", [0, 8])
def test_metadata_is_geoparquet_1_1_with_a_covering(table: Table, rows: int) -> None:
    df = frame(table, rows)
    file = pq.ParquetFile(pa.BufferReader(table_bytes(df, table)))
    geo = json.loads(file.schema_arrow.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometry"
    assert set(geo["columns"]) == {"geometry"}
    column = geo["columns"]["geometry"]
    assert column["encoding"] == "WKB"
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 4326}
    kinds = {shape.geom_type for shape in df.geometry if shape is not None}
    assert column["geometry_types"] == sorted(kinds)
    assert column["covering"]["bbox"] == {c: ["bbox", c] for c in ("xmin", "ymin", "xmax", "ymax")}
    assert column.get("bbox") == (list(df.total_bounds) if rows else None)
    bbox = file.schema_arrow.field("bbox").type
    assert [(field.name, field.type) for field in bbox] == [
        (name, pa.float64()) for name in ("xmin", "ymin", "xmax", "ymax")
    ]


@ALL
def test_every_column_is_compressed_with_zstd(table: Table) -> None:
    metadata = pq.ParquetFile(pa.BufferReader(table_bytes(frame(table, 8), table))).metadata
    group = metadata.row_group(0)
    assert {group.column(i).compression for i in range(group.num_columns)} == {"ZSTD"}


def test_the_covering_serves_a_search_by_box(tmp_path: Path) -> None:
    df = frame(LOTES, 20)
    write_new(tmp_path / "t.parquet", table_bytes(df, LOTES))
    box = df.geometry.iloc[4].bounds
    found = gpd.read_parquet(tmp_path / "t.parquet", bbox=box)
    bounds = df.geometry.bounds
    expected = df[
        (bounds.minx <= box[2])
        & (bounds.maxx >= box[0])
        & (bounds.miny <= box[3])
        & (bounds.maxy >= box[1])
    ]
    assert 0 < len(found) < len(df)
    assert set(found["lote_id"]) == set(expected["lote_id"])


def test_a_row_without_geometry_has_no_box_and_comes_back(tmp_path: Path) -> None:
    df = frame(ZONAS, 10)
    assert df.geometry.isna().any()
    data = table_bytes(df, ZONAS)
    boxes = pq.read_table(pa.BufferReader(data))["bbox"].to_pylist()
    assert [box is None for box in boxes] == df.geometry.isna().tolist()


@SPATIAL
@pytest.mark.parametrize("rows", [0, 8])
def test_the_validator_of_the_standards_authors_finds_no_fault(table: Table, rows: int) -> None:
    data = table_bytes(frame(table, rows), table)
    report = geoparquet_validator.check_bytes(table.name, data)
    for part in ("core", "covering"):  # "distribution" is advice, and of rows
        assert geoparquet_validator.failed(report, part) == []
    passed = [one["id"] for one in report["outcomes"] if one["status"] == "pass"]
    assert "/conf/covering/bbox-column-repetition" in passed


def test_a_table_whose_every_geometry_is_missing(tmp_path: Path) -> None:
    df = frame(ZONAS, 3).assign(geometry=None).set_geometry("geometry", crs="EPSG:4326")
    write_new(tmp_path / "t.parquet", table_bytes(df, ZONAS))
    assert_frame_equal(read_table(tmp_path / "t.parquet", ZONAS), df)
    assert gpd.read_parquet(tmp_path / "t.parquet").geometry.isna().all()


def test_a_frame_that_is_not_of_the_contract_is_refused() -> None:
    df = frame(LOTES, 3)
    with pytest.raises(DataError, match="tabla lotes tiene las columnas"):
        table_bytes(df.drop(columns="campo"), LOTES)
    with pytest.raises(DataError, match="tabla lotes tiene las columnas"):
        table_bytes(df.assign(extra=1), LOTES)
    with pytest.raises(DataError, match="tabla lotes tiene las columnas"):
        table_bytes(df[[*reversed(LOTES.names)]], LOTES)
    with pytest.raises(DataError, match="columna lote_id: falta un valor"):
        table_bytes(df.assign(lote_id=pd.array(["a", None, "c"], dtype="string")), LOTES)
    with pytest.raises(DataError, match="columna geometry: falta un valor"):
        table_bytes(df.assign(geometry=[None, *df.geometry.iloc[1:]]), LOTES)
    with pytest.raises(DataError, match="tabla lotes"):
        table_bytes(df.assign(superficie_ha="mucho"), LOTES)
    with pytest.raises(
        DataError, match="una tabla con geometría llegó sin ella; hace falta un GeoDataFrame"
    ):
        table_bytes(pd.DataFrame(df), LOTES)


def test_a_file_of_another_table_is_refused(tmp_path: Path) -> None:
    write_new(tmp_path / "t.parquet", table_bytes(frame(CULTIVOS, 2), CULTIVOS))
    with pytest.raises(DataError, match=r"t\.parquet tiene las columnas"):
        read_table(tmp_path / "t.parquet", LOTES)


def test_a_file_with_another_type_is_refused(tmp_path: Path) -> None:
    df = pd.DataFrame(frame(CULTIVOS, 2)).assign(orden=1.5)
    df.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column"):
        read_table(tmp_path / "t.parquet", CULTIVOS)


SAMPLE = table_bytes(frame(LOTES, 5), LOTES)


@given(st.integers(0, len(SAMPLE) - 1))
def test_a_cut_file_is_refused(length: int) -> None:
    with pytest.raises(DataError):
        table_from_bytes(SAMPLE[:length], LOTES, source="cut")


@given(st.integers(0, len(SAMPLE) * 8 - 1))
def test_a_flipped_bit_is_read_or_refused_and_nothing_else(bit: int) -> None:
    data = bytearray(SAMPLE)
    data[bit // 8] ^= 1 << bit % 8
    with suppress(DataError):
        table_from_bytes(bytes(data), LOTES, source="flipped")


# --- equal bytes ---------------------------------------------------------------------------------

BUILD = """
import sys
from pathlib import Path
from Modules.words.columns import TABLES
from Modules.disk.safe_files import write_new
from Modules.formats.geofiles import geojson_bytes, table_bytes, write_gpkg
from tests.sample_tables import tables
folder = Path(sys.argv[1])
folder.mkdir()
content = tables(9)
for name, df in content.as_dict().items():
    write_new(folder / f"{name}.parquet", table_bytes(df, TABLES[name]))
write_gpkg(content.as_dict(), folder / "all.gpkg")
write_new(folder / "lotes.geojson", geojson_bytes(content.lotes))
"""


@pytest.mark.integration
def test_two_builds_in_two_processes_give_equal_bytes(tmp_path: Path) -> None:
    for name, zone, seed in (("a", "UTC", "1"), ("b", "America/Argentina/Buenos_Aires", "2")):
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", BUILD, str(tmp_path / name)],
            cwd=ROOT,
            env={**os.environ, "TZ": zone, "PYTHONHASHSEED": seed},
            check=True,
        )
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 10
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


# --- GeoPackage ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1, 8])
def test_every_table_is_a_layer_and_comes_back(tmp_path: Path, rows: int) -> None:
    content = tables(rows).as_dict()
    fact = write_gpkg(content, tmp_path / "all.gpkg")
    assert fact == fingerprint(tmp_path / "all.gpkg")
    assert [path.name for path in tmp_path.iterdir()] == ["all.gpkg"]
    layers = pyogrio.list_layers(tmp_path / "all.gpkg")
    assert set(layers[:, 0]) == set(content)  # GDAL lists those with geometry first
    for name, before in content.items():
        after = pyogrio.read_dataframe(tmp_path / "all.gpkg", layer=name)
        assert len(after) == rows
        assert after[TABLES[name].key].tolist() == before[TABLES[name].key].tolist()


def test_a_geopackage_says_of_which_night_it_is_and_what_its_columns_are_called(
    tmp_path: Path,
) -> None:
    path, night = tmp_path / "l.gpkg", SnapshotId.parse("2025-11-20T060002Z-000042")
    write_gpkg({"lotes": frame(LOTES, 3), "campos": frame(CAMPOS, 3)}, path, night)
    with closing(sqlite3.connect(path)) as db:
        times = set(db.execute("SELECT last_change FROM gpkg_contents"))
        times |= set(db.execute("SELECT timestamp FROM gpkg_metadata_reference"))
        names = dict(db.execute("SELECT column_name, name FROM gpkg_data_columns"))
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert times == {("2025-11-20T06:00:02.000Z",)}
    assert names["superficie_declarada_ha"] == "Superficie declarada (ha)"
    for layer in ("lotes", "campos"):
        info = pyogrio.read_info(path, layer=layer)
        assert info["layer_metadata"]["snapshot"] == str(night)
        assert info["layer_metadata"]["noche"] == "2025-11-20T06:00:02.000Z"
    assert [one.name for one in tmp_path.iterdir()] == ["l.gpkg"]


def test_values_of_every_type_survive_a_geopackage(tmp_path: Path) -> None:
    before = frame(MARCADORES, 30)
    write_gpkg({"marcadores": before}, tmp_path / "m.gpkg")
    with closing(sqlite3.connect(tmp_path / "m.gpkg")) as db:
        types = {row[1]: row[2] for row in db.execute("PRAGMA table_info(marcadores)")}
        rows = db.execute(
            "SELECT marcador, orden, muestra_compuesta, fecha FROM marcadores ORDER BY fid"
        ).fetchall()
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert types["fecha"] == "DATE"
    assert types["updated_at"] == "DATETIME"
    assert types["muestra_compuesta"] == "BOOLEAN"
    assert types["orden"] == "INTEGER"
    expected = [
        (
            name,
            None if pd.isna(order) else int(order),
            None if pd.isna(composite) else int(composite),
            None if day is None else day.isoformat(),
        )
        for name, order, composite, day in zip(
            before["marcador"],
            before["orden"],
            before["muestra_compuesta"],
            before["fecha"],
            strict=True,
        )
    ]
    assert rows == expected
    shapes = gpd.read_file(tmp_path / "m.gpkg").geometry
    assert list(shapes.type) == list(before.geometry.type) or set(shapes.type) <= {
        "Point",
        "LineString",
        "Polygon",
        "MultiPolygon",
    }
    assert shapely.equals_exact(shapes.to_numpy(), before.geometry.to_numpy(), 0).all()


def test_polygon_layers_have_one_type_and_the_same_land(tmp_path: Path) -> None:
    before = frame(LOTES, 6)
    write_gpkg({"lotes_25-26": before}, tmp_path / "l.gpkg")
    after = gpd.read_file(tmp_path / "l.gpkg")
    assert pyogrio.read_info(tmp_path / "l.gpkg")["geometry_type"] == "MultiPolygon"
    assert after.crs == before.crs
    assert shapely.area(after.geometry).tolist() == shapely.area(before.geometry).tolist()


def test_a_frame_of_any_columns_is_a_layer_too(tmp_path: Path) -> None:
    df = gpd.GeoDataFrame(
        {"n": np.array([1, 2], dtype="int32"), "vacío": [None, None], "x": ["a", None]},
        geometry=gpd.points_from_xy([0, 1], [0, 1]),
        crs="EPSG:4326",
    ).rename_geometry("punto")
    write_gpkg({'capa "rara"': df}, tmp_path / "x.gpkg")
    after = gpd.read_file(tmp_path / "x.gpkg", layer='capa "rara"')
    assert after["n"].tolist() == [1, 2]
    assert after["vacío"].isna().all()


def test_a_layer_in_another_crs_is_refused(tmp_path: Path) -> None:
    for gdf in (
        frame(LOTES, 2).to_crs("EPSG:3857"),
        frame(LOTES, 2).set_crs(None, allow_override=True),
    ):
        with pytest.raises(DataError, match="no EPSG:4326; no se adivina"):
            write_gpkg({"lotes": gdf}, tmp_path / "x.gpkg")
        with pytest.raises(DataError, match="no EPSG:4326; no se adivina"):
            geojson_bytes(gdf)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over_a_file_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    with pytest.raises(
        PublishError, match="está en el lugar; un GeoPackage se escribe sólo con un nombre nuevo"
    ):
        write_gpkg({"lotes": frame(LOTES, 1)}, path)
    assert path.read_text() == "x"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="nowhere"):
        write_gpkg({"lotes": frame(LOTES, 1)}, tmp_path / "nowhere" / "x.gpkg")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DROP TRIGGER trigger_delete_feature_count_lotes", "trigger_delete_feature_count_lotes"),
        ("DROP TABLE rtree_lotes_geom", "rtree_lotes_geom"),
        ("DELETE FROM gpkg_extensions", "índice de lotes"),
        ("DELETE FROM gpkg_ogr_contents", "cantidad de filas de lotes"),
        ("UPDATE gpkg_contents SET min_x = NULL", "extensión de lotes"),
        ("DELETE FROM lotes WHERE fid = 1", "filas de lotes"),
    ],
)
def test_what_gdal_leaves_out_on_a_failing_disk_is_seen(
    tmp_path: Path, damage: str, said: str
) -> None:
    path, layer = tmp_path / "x.gpkg", table_files._layer(frame(LOTES, 3), "lotes")
    write_gpkg({"lotes": frame(LOTES, 3)}, path)
    with closing(sqlite3.connect(path)) as db:
        for (trigger,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'rtree%'"
        ).fetchall():
            db.execute(f'DROP TRIGGER "{trigger}"')
        db.execute(damage)
        db.commit()
    with pytest.raises(PublishError, match=f"no está entero.*{said}"):
        table_files._check_gpkg(path, {"lotes": layer})


def test_gdal_options_are_put_back(tmp_path: Path) -> None:
    write_gpkg({"lotes": frame(LOTES, 1)}, tmp_path / "x.gpkg")
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


# --- GeoJSON -------------------------------------------------------------------------------------


@SPATIAL
@pytest.mark.parametrize("rows", [0, 1, 12])
def test_geojson_is_as_rfc_7946_asks(tmp_path: Path, table: Table, rows: int) -> None:
    before = frame(table, rows)
    fact = write_new(tmp_path / "t.geojson", geojson_bytes(before))
    assert fact == fingerprint(tmp_path / "t.geojson")
    whole: dict[str, Any] = json.loads((tmp_path / "t.geojson").read_text("utf-8"))
    assert set(whole) == {"type", "features"}
    assert whole["type"] == "FeatureCollection"
    assert len(whole["features"]) == rows
    for feature, shape in zip(whole["features"], before.geometry, strict=True):
        assert set(feature) == {"type", "properties", "geometry"}
        assert list(feature["properties"]) == [name for name in table.names if name != "geometry"]
        if shape is None:
            assert feature["geometry"] is None
            continue
        back = shapely.geometry.shape(feature["geometry"])
        assert shapely.equals_exact(back, shape, 0)
        for polygon in getattr(back, "geoms", [back]):
            if polygon.geom_type == "Polygon":
                assert polygon.exterior.is_ccw
                assert not any(hole.is_ccw for hole in polygon.interiors)


def test_geojson_values_are_plain_json(tmp_path: Path) -> None:
    before = frame(MARCADORES, 40)
    features = json.loads(geojson_bytes(before))["features"]
    for row, feature in zip(before.to_dict("records"), features, strict=True):
        found = feature["properties"]
        assert found["marcador"] == row["marcador"]
        assert found["orden"] == (None if pd.isna(row["orden"]) else row["orden"])
        day = row["fecha"]
        assert found["fecha"] == (None if day is None else day.isoformat())
        stamp = row["updated_at"]
        if pd.isna(stamp):
            assert found["updated_at"] is None
        else:
            assert found["updated_at"].endswith("Z")
            assert pd.Timestamp(found["updated_at"]) == stamp


def test_shells_that_go_the_wrong_way_are_turned() -> None:
    df = frame(LOTES, 4)
    turned = df.set_geometry(shapely.orient_polygons(df.geometry.to_numpy(), exterior_cw=True))
    turned = turned.set_crs("EPSG:4326", allow_override=True)
    for feature in json.loads(geojson_bytes(turned))["features"]:
        back = shapely.geometry.shape(feature["geometry"])
        assert all(polygon.exterior.is_ccw for polygon in getattr(back, "geoms", [back]))


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_coordinates_read_back_to_the_same_double(lon: float, lat: float) -> None:
    gdf = gpd.GeoDataFrame(geometry=[shapely.Point(lon, lat)], crs="EPSG:4326")
    (feature,) = json.loads(geojson_bytes(gdf))["features"]
    assert feature["geometry"]["coordinates"] == [lon, lat]
