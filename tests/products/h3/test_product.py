"""The files of ``H3/``: each opens, all say the same, and two builds are equal."""

from __future__ import annotations

import gzip
import io
import re
import sqlite3
import zipfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import geopandas as gpd
import h3
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from lxml import etree
from pyarrow import csv

from Modules.products.cultivos.sown import crop_keys, sown
from Modules.products.entry import Hecho
from Modules.products.h3.product import build_hexagonos
from Modules.products.h3.tables import H3_AMBIENTES, H3_LOTES
from Modules.products.runner import in_processes, in_threads, serial
from Modules.products.source import Fuente
from Modules.words.columns import TABLES
from Modules.words.domain import Recurso
from Modules.words.errors import DataError
from Modules.words.names import check_names
from Modules.words.spanish import hectares
from tests.fuentes import campo, fuente_of, lote
from tests.h3_brute import hexagon

RESOLUTIONS = (8, 9, 10)
STEM = "25-26/h3_25-26"


def slice_of(fuente: Fuente, lotes: int) -> Fuente:
    """The same night with fewer lotes."""
    t = fuente.tables
    kept = t.lotes["lote_id"].iloc[:lotes]

    def of(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame["lote_id"].isin(kept)].reset_index(drop=True)

    tables = replace(t, lotes=of(t.lotes), siembras=of(t.siembras), ambientes=of(t.ambientes))
    return replace(fuente, tables=tables)


@pytest.fixture(scope="module")
def fuente(demo_fuente: Fuente) -> Fuente:
    return slice_of(demo_fuente, 60)


@pytest.fixture(scope="module")
def built(fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Hecho:
    return build_hexagonos(fuente, tmp_path_factory.mktemp("h3"), resolutions=RESOLUTIONS)


def table(built: Hecho, ending: str) -> pd.DataFrame:
    return pq.read_table(built.carpetas["H3"][f"{STEM}{ending}.parquet"]).to_pandas()


def contents(built: Hecho) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in built.carpetas["H3"].items()}


def test_the_files_are_those_promised(built: Hecho) -> None:
    tables = [
        f"{STEM}_r{r:02d}{kind}.{form}"
        for r in RESOLUTIONS
        for kind in ("", "_lotes", "_ambientes")
        for form in ("parquet", "csv.gz")
    ]
    assert sorted(built.carpetas["H3"]) == sorted([*tables, f"{STEM}_r09.gpkg", f"{STEM}_r09.kmz"])
    check_names(list(built.carpetas["H3"]))
    assert built.avisos == ()


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_parts_of_each_lote_and_ambiente_add_up_to_its_table(
    built: Hecho, fuente: Fuente, resolution: int
) -> None:
    for kind, frame in (("lote", fuente.tables.lotes), ("ambiente", fuente.tables.ambientes)):
        rows = table(built, f"_r{resolution:02d}_{kind}s")
        sums = rows.groupby(f"{kind}_id")["superficie_ha"].sum()
        area = frame.set_index(f"{kind}_id")["superficie_ha"]
        assert set(sums.index) == set(area.index)
        assert np.allclose(sums, area.reindex(sums.index), rtol=1e-9)
        assert rows["h3"].map(h3.get_resolution).eq(resolution).all()
        assert not rows.duplicated(["h3", f"{kind}_id"]).any()


def test_columns_are_those_of_the_contract(built: Hecho) -> None:
    assert tuple(table(built, "_r09_lotes").columns) == H3_LOTES.names
    assert tuple(table(built, "_r09_ambientes").columns) == H3_AMBIENTES.names
    schema = pq.read_schema(built.carpetas["H3"][f"{STEM}_r09.parquet"])
    assert schema.field("h3").type == "string"
    assert not any(field.nullable for field in schema if field.name.startswith("ha_"))


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_cells_say_what_the_lotes_in_them_say(built: Hecho, resolution: int) -> None:
    cells, rows = (
        built.carpetas["H3"][f"{STEM}_r{resolution:02d}{kind}.parquet"] for kind in ("", "_lotes")
    )
    off = duckdb.sql(
        f"""
        with sums as (
            select h3, count(*) n, sum(superficie_ha) ha, sum(fraccion) share
            from '{rows}' group by h3)
        select count(*), count(s.h3), max(abs(ha - superficie_ha)), max(abs(share - fraccion)),
            sum((n <> n_lotes)::int)
        from '{cells}' c full join sums s using (h3)
        """
    ).fetchall()[0]
    assert off[0] == off[1] == len(table(built, f"_r{resolution:02d}"))
    assert max(off[2:4]) < 1e-9
    assert off[4] == 0


def test_crops_of_a_cell_are_those_sown_on_its_lotes(built: Hecho, fuente: Fuente) -> None:
    cells, rows = table(built, "_r09").set_index("h3"), table(built, "_r09_lotes")
    siembras = fuente.tables.siembras.assign(clave=crop_keys(fuente.tables.siembras))
    sown = siembras.drop_duplicates(["lote_id", "clave"])[["lote_id", "cultivo", "orden"]]
    joined = rows.merge(pd.DataFrame(sown), on="lote_id", how="left")
    joined["cultivo"] = joined["cultivo"].fillna("Sin cultivo")
    by_crop = joined.groupby(["h3", "cultivo"])["superficie_ha"].sum()
    names = [name for name in cells.columns if name.startswith("ha_")]
    assert cells[names].to_numpy().sum() == pytest.approx(by_crop.sum(), rel=1e-9)
    largest = by_crop.groupby("h3").max()
    for cell, crop in cells["cultivo"].items():
        assert by_crop[cell, crop] == pytest.approx(largest[cell], rel=1e-9)
        assert cells.loc[cell, names].max() == pytest.approx(largest[cell], rel=1e-9)
    twice = siembras.groupby("lote_id")["clave"].nunique()
    assert (twice > 1).any()  # trigo and then soja: the later one shows
    alone = joined[joined.groupby("h3")["lote_id"].transform("nunique") == 1]
    last = alone[alone["orden"] == alone.groupby("h3")["orden"].transform("max")]
    assert (cells.loc[last["h3"], "cultivo"].to_numpy() == last["cultivo"].to_numpy()).all()


def test_whole_cells_are_marked_and_make_the_grid(built: Hecho, fuente: Fuente) -> None:
    rows = table(built, "_r10_ambientes")
    assert rows["entera"].equals(rows["fraccion"] >= 1 - 1e-9)
    gpkg = built.carpetas["H3"][f"{STEM}_r09.gpkg"]
    grid = gpd.read_file(gpkg, layer="grilla_muestreo_r10")
    assert sorted(grid["h3"]) == sorted(rows.loc[rows["entera"], "h3"])
    shapes = fuente.tables.ambientes.set_index("ambiente_id").geometry
    for cell, ambiente_id, point in zip(
        grid["h3"], grid["ambiente_id"], grid.geometry, strict=True
    ):
        ambiente = shapes[ambiente_id]
        assert ambiente.contains(point)
        assert ambiente.buffer(1e-9).contains(hexagon(cell, -61.0))
    assert len(grid) > 20


def test_csv_says_what_parquet_says(built: Hecho) -> None:
    for kind in ("", "_lotes", "_ambientes"):
        packed = built.carpetas["H3"][f"{STEM}_r09{kind}.csv.gz"].read_bytes()
        assert packed[4:8] == bytes(4)  # no time
        assert packed[3] == 0  # no name
        text = gzip.decompress(packed)
        assert text.startswith(b"\xef\xbb\xbf")
        same = csv.read_csv(io.BytesIO(text.removeprefix(b"\xef\xbb\xbf"))).to_pandas()
        parquet = table(built, f"_r09{kind}")
        assert list(same.columns) == list(parquet.columns)
        for name in ("fraccion", "superficie_ha"):
            assert np.array_equal(same[name], parquet[name])
        assert same["h3"].tolist() == parquet["h3"].tolist()


def test_a_name_that_excel_would_compute_is_harmless_in_csv(fuente: Fuente, tmp_path: Path) -> None:
    few = slice_of(fuente, 2)
    lotes = few.tables.lotes.copy()
    lotes["lote"] = pd.array(["=1+1", 'a,"b"\nñ'], dtype="string")
    lotes["campo"] = pd.array(["@x", "-y"], dtype="string")
    night = replace(few, tables=replace(few.tables, lotes=lotes))
    made = build_hexagonos(night, tmp_path, resolutions=(8,))
    text = gzip.decompress(made.carpetas["H3"][f"{STEM}_r08_lotes.csv.gz"].read_bytes()).decode()
    assert '"\'=1+1"' in text
    assert '"=1+1"' not in text
    assert '"\'@x"' in text
    assert table(made, "_r08_lotes")["lote"].iloc[0] == "=1+1"


def test_the_geopackage_has_styled_hexagons(built: Hecho) -> None:
    gpkg = built.carpetas["H3"][f"{STEM}_r09.gpkg"]
    assert [name for name, _ in pyogrio.list_layers(gpkg)][:2] == [
        "hexagonos_r09",
        "grilla_muestreo_r10",
    ]
    frame, cells = gpd.read_file(gpkg, layer="hexagonos_r09"), table(built, "_r09")
    assert frame.crs.to_epsg() == 4326
    assert frame["h3"].tolist() == cells["h3"].tolist()
    for cell, shape in zip(frame["h3"], frame.geometry, strict=True):
        assert shape.symmetric_difference(hexagon(cell, -61.0)).area < 1e-12
    with closing(sqlite3.connect(gpkg)) as db:
        styles = dict(db.execute("select f_table_name, styleQML from layer_styles"))
    for crop in cells["cultivo"].unique():
        assert crop in styles["hexagonos_r09"]


def placemarks(kmz: Path) -> list[Mapping[str, str]]:
    with zipfile.ZipFile(kmz) as archive:
        assert archive.namelist()[0] == "doc.kml"
        root = etree.fromstring(archive.read("doc.kml"))
    space = {"k": "http://www.opengis.net/kml/2.2"}
    return [
        {d.get("name"): d.findtext("k:value", "", space) for d in p.iterfind(".//k:Data", space)}
        | {"style": p.findtext("k:styleUrl", "", space)}
        for p in root.iterfind("k:Document/k:Folder/k:Placemark", space)
    ]


def test_the_kmz_has_each_cell_in_the_colour_of_its_crop(built: Hecho) -> None:
    marks = placemarks(built.carpetas["H3"][f"{STEM}_r09.kmz"])
    cells = table(built, "_r09").set_index("h3")
    shown = {mark["h3"]: mark for mark in marks if "h3" in mark}
    assert set(shown) == set(cells.index)
    assert len(marks) == len(cells) + cells["cultivo"].nunique()  # and the legend
    styles = {mark["cultivo"]: mark["style"] for mark in shown.values()}
    assert len(set(styles.values())) == cells["cultivo"].nunique()
    for cell, mark in shown.items():
        assert mark["cultivo"] == cells.loc[cell, "cultivo"]
        assert float(mark["superficie_ha"]) == pytest.approx(
            cells.loc[cell, "superficie_ha"], abs=1e-6
        )


@pytest.mark.shared
def test_the_kml_is_valid_by_the_schema(built: Hecho, shared_data: Path) -> None:
    schema = etree.XMLSchema(file=str(shared_data / "kml-schema/ogckml22.xsd"))
    with zipfile.ZipFile(built.carpetas["H3"][f"{STEM}_r09.kmz"]) as archive:
        schema.assertValid(etree.fromstring(archive.read("doc.kml")))


def test_the_legend_says_of_what_its_hexagons_and_its_hectares_are(
    built: Hecho, fuente: Fuente
) -> None:
    """Wheat has many hectares, and few hexagons in which nothing else has more."""
    with zipfile.ZipFile(built.carpetas["H3"][f"{STEM}_r09.kmz"]) as archive:
        text = archive.read("doc.kml").decode()
    rows = sown(fuente.tables)
    wheat = hectares(rows.loc[rows["cultivo"] == "Trigo", "superficie_ha"].sum())
    assert re.search(rf"Trigo.{{1,40}}hexágonos? de este color · {wheat}", text)
    assert "también las que están en hexágonos de otro color" in text


def test_a_map_too_large_for_a_phone_comes_in_parts_by_campo(
    fuente: Fuente, tmp_path: Path
) -> None:
    made = build_hexagonos(fuente, tmp_path, resolutions=(9,), max_placemarks=120)
    parts = sorted(name for name in made.carpetas["H3"] if name.endswith(".kmz"))
    assert len(parts) > 1
    assert f"{STEM}_r09 - parte 1.kmz" in parts
    assert f"está en {len(parts)} partes" in made.avisos[0]
    check_names(list(made.carpetas["H3"]))
    shown = [m["h3"] for name in parts for m in placemarks(made.carpetas["H3"][name]) if "h3" in m]
    assert sorted(shown) == table(made, "_r09")["h3"].tolist()


def test_the_same_night_gives_the_same_bytes_whatever_the_order_of_rows(
    built: Hecho, fuente: Fuente, tmp_path: Path
) -> None:
    t = fuente.tables
    shuffled = replace(
        fuente,
        tables=replace(
            t,
            lotes=t.lotes.sample(frac=1, random_state=3).reset_index(drop=True),
            siembras=t.siembras.sample(frac=1, random_state=4).reset_index(drop=True),
            ambientes=t.ambientes.sample(frac=1, random_state=5).reset_index(drop=True),
        ),
    )
    again = build_hexagonos(shuffled, tmp_path, resolutions=tuple(reversed(RESOLUTIONS)))
    assert contents(again) == contents(built)


@pytest.mark.integration
@pytest.mark.parametrize("run", [in_threads(2), in_processes(2)], ids=["threads", "processes"])
def test_who_runs_the_chunks_does_not_change_a_byte(
    run: object, built: Hecho, fuente: Fuente, tmp_path: Path
) -> None:
    again = build_hexagonos(fuente, tmp_path, resolutions=RESOLUTIONS, run=run)  # type: ignore[arg-type]
    assert contents(again) == contents(built)


def test_a_night_without_anything_makes_valid_files(fuente: Fuente, tmp_path: Path) -> None:
    empty = {name: getattr(fuente.tables, name).iloc[:0] for name in TABLES}
    night = replace(fuente, tables=replace(fuente.tables, **empty))
    made = build_hexagonos(night, tmp_path, resolutions=(9, 10))
    for kind in ("", "_lotes", "_ambientes"):
        assert len(table(made, f"_r09{kind}")) == 0
        text = gzip.decompress(made.carpetas["H3"][f"{STEM}_r09{kind}.csv.gz"].read_bytes())
        assert text.count(b"\n") == 1
    assert len(gpd.read_file(made.carpetas["H3"][f"{STEM}_r09.gpkg"], layer="hexagonos_r09")) == 0
    assert placemarks(made.carpetas["H3"][f"{STEM}_r09.kmz"]) == []


def test_ground_that_two_lotes_share_is_land_once_and_a_part_of_each(tmp_path: Path) -> None:
    lotes = [lote(at, name, campo_at=1) for at, name in ((1, "Uno"), (2, "Dos"))]
    lotes[1]["geometry"] = lotes[0]["geometry"]
    both = fuente_of({Recurso.CAMPOS: [campo(1, "Norte")], Recurso.LOTES: lotes})
    made = build_hexagonos(both, tmp_path, resolutions=(9,))
    one_ha = float(both.tables.lotes["superficie_ha"].iloc[0])
    cells, parts = table(made, "_r09"), table(made, "_r09_lotes")
    assert parts.groupby("lote_id")["superficie_ha"].sum().to_numpy() == pytest.approx(one_ha)
    assert cells["superficie_ha"].sum() == pytest.approx(2 * one_ha)
    with zipfile.ZipFile(made.carpetas["H3"][f"{STEM}_r09.kmz"]) as packed:
        text = packed.read("doc.kml").decode()
    assert f"{hectares(one_ha)} de tierra" in text
    assert cells["fraccion"].max() > 1.9
    assert "<value>100,0 %</value>" in text
    assert not re.search(r"<value>1\d[1-9],\d %", text)


def test_lotes_without_siembras_are_without_cultivo(fuente: Fuente, tmp_path: Path) -> None:
    few = slice_of(fuente, 4)
    bare = replace(few.tables, siembras=few.tables.siembras.iloc[:0])
    made = build_hexagonos(replace(few, tables=bare), tmp_path, resolutions=(9,))
    cells = table(made, "_r09")
    assert set(cells["cultivo"]) == {"Sin cultivo"}
    assert cells["ha_sin_cultivo"].equals(cells["superficie_ha"])
    assert set(cells["cultivo_codigo"]) == {""}


def test_without_a_coarse_resolution_there_is_no_map(fuente: Fuente, tmp_path: Path) -> None:
    made = build_hexagonos(slice_of(fuente, 2), tmp_path, resolutions=(10, 11))
    assert not [name for name in made.carpetas["H3"] if name.endswith((".gpkg", ".kmz"))]
    assert "no hay mapa" in made.avisos[0]


def test_too_many_cells_are_refused_before_a_file_is_made(fuente: Fuente, tmp_path: Path) -> None:
    few = slice_of(fuente, 1)
    large = few.tables.lotes.assign(geometry=[shapely.box(-70, -40, -55, -25)])
    night = replace(few, tables=replace(few.tables, lotes=gpd.GeoDataFrame(large, crs=4326)))
    with pytest.raises(DataError, match=f"polígono {large['lote_id'].iloc[0]} tendría cerca de"):
        build_hexagonos(night, tmp_path, resolutions=(9, 11))
    assert list(tmp_path.iterdir()) == []


def test_a_siembra_without_its_lote_is_refused(fuente: Fuente, tmp_path: Path) -> None:
    few = slice_of(fuente, 2)
    night = replace(few, tables=replace(few.tables, siembras=fuente.tables.siembras))
    with pytest.raises(
        DataError, match="una siembra no tiene lote; las tablas del backup no concuerdan"
    ):
        build_hexagonos(night, tmp_path, resolutions=(8,))


def test_serial_runs_in_order() -> None:
    assert list(serial(lambda chunk: chunk, [1, 2, 3])) == [1, 2, 3]  # type: ignore[arg-type, return-value, list-item]
