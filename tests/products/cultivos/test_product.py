"""The files of ``cultivos/``: each opens, all say the same, and two builds are equal."""

from __future__ import annotations

import csv
import json
import random
import re
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import geopandas as gpd
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from defusedxml import ElementTree

from Modules.diff.changes import diff_tables
from Modules.formats.geofiles import table_from_bytes
from Modules.formats.sheets import guarded
from Modules.night.tables import build_tables
from Modules.products.cultivos.product import build_cultivos
from Modules.products.cultivos.sown import (
    MAX_DESCONOCIDOS,
    OTROS,
    SIEMBRAS_EN_LOTES,
    sown,
    without_crop,
)
from Modules.products.source import Fuente
from Modules.words.columns import TABLES
from Modules.words.domain import BoundingBox, Campania, Record, Recurso
from Modules.words.names import check_names, names_with_ids
from Modules.words.text import clean_text

NAMES = [
    "cultivos_25-26.gpkg",
    "cultivos_25-26.geojson",
    "cultivos_25-26.parquet",
    "cultivos_25-26_shp.zip",
    "resumen_25-26.xlsx",
]
GPKG, GEOJSON, PARQUET, SHP, XLSX = NAMES


def read_sown(path: Path) -> pd.DataFrame:
    return table_from_bytes(path.read_bytes(), SIEMBRAS_EN_LOTES, source=path.name)


@pytest.fixture(scope="module")
def built(demo_fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_cultivos(demo_fuente, tmp_path_factory.mktemp("cultivos"))


def night_of(fuente: Fuente, campos: Sequence[str], crops: Sequence[str]) -> Fuente:
    """A night with a campo and a lote of each name, each lote with the crop of its turn."""
    stamp = "2025-11-19T12:00:00-03:00"
    lotes = []
    for at, name in enumerate(campos):
        crop = clean_text(crops[at % len(crops)]) or "Trigo"  # a siembra without one is rejected
        lon, lat = -66 + at % 100 * 0.05, -38 + at // 100 * 0.05
        lotes.append(
            {
                "id": f"L{at}",
                "campo_id": f"C{at}",
                "nombre": name,
                "campania": "25/26",
                "superficie_ha": 100.0,
                "updated_at": stamp,
                "siembras": [{"id": f"S{at}", "orden": 1, "cultivo": crop}],
                "geometry": shapely.geometry.mapping(shapely.box(lon, lat, lon + 0.01, lat + 0.01)),
            }
        )
    items = {
        Recurso.CAMPOS: [
            {"id": f"C{at}", "nombre": n, "updated_at": stamp} for at, n in enumerate(campos)
        ],
        Recurso.LOTES: lotes,
    }
    records = {
        recurso: [Record(item, 1, at) for at, item in enumerate(items.get(recurso, []))]
        for recurso in Recurso
    }
    built = build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox())
    assert len(built.tables.rechazados) == 0
    return replace(fuente, tables=built.tables, changes=diff_tables(None, built.tables))


def empty_night(fuente: Fuente) -> Fuente:
    tables = replace(
        fuente.tables, **{name: frame.iloc[:0] for name, frame in fuente.tables.as_dict().items()}
    )
    return replace(fuente, tables=tables, changes=diff_tables(None, tables))


def test_the_product_is_these_files(built: dict[str, Path]) -> None:
    assert list(built) == NAMES
    check_names(built)
    assert all(path.name == name and path.stat().st_size for name, path in built.items())


def test_nothing_else_is_left_behind(built: dict[str, Path]) -> None:
    folder = built[GPKG].parent
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)


def test_twice_the_same_night_gives_the_same_bytes(
    demo_fuente: Fuente, built: dict[str, Path], tmp_path: Path
) -> None:
    again = build_cultivos(demo_fuente, tmp_path)
    assert {n: p.read_bytes() for n, p in again.items()} == {
        n: p.read_bytes() for n, p in built.items()
    }


def test_gdal_reads_every_layer_with_its_type_and_crs(
    demo_fuente: Fuente, built: dict[str, Path]
) -> None:
    layers = [str(name) for name, _ in pyogrio.list_layers(built[GPKG])]
    assert layers[0] == "cultivos_25-26"
    assert layers[-2:] == ["sin_cultivo", "layer_styles"]
    assert "maiz_tardio" in layers
    rows = {name: pyogrio.read_dataframe(built[GPKG], layer=name) for name in layers}
    for name in layers[:-1]:
        info = pyogrio.read_info(built[GPKG], layer=name)
        assert (info["crs"], info["geometry_type"]) == ("EPSG:4326", "MultiPolygon")
        assert shapely.is_valid(rows[name].geometry).all()
    assert len(rows["cultivos_25-26"]) == len(demo_fuente.tables.siembras)
    assert len(rows["sin_cultivo"]) == len(without_crop(demo_fuente.tables))
    by_crop = pd.concat([rows[name] for name in layers[1:-2]])
    assert sorted(by_crop["siembra_id"]) == sorted(rows["cultivos_25-26"]["siembra_id"])
    assert all(rows[name]["cultivo"].nunique() == 1 for name in layers[1:-2])


def test_the_geopackage_is_one_piece_with_a_style_for_each_layer(built: dict[str, Path]) -> None:
    with closing(sqlite3.connect(f"{built[GPKG].as_uri()}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        styles = dict(db.execute("SELECT f_table_name, styleQML FROM layer_styles"))
        spatial = {name for (name,) in db.execute("SELECT table_name FROM gpkg_geometry_columns")}
        values = {v for (v,) in db.execute('SELECT DISTINCT cultivo FROM "cultivos_25-26"')}
    assert set(styles) == spatial
    roots = {n: ElementTree.fromstring(qml.partition("\n")[2]) for n, qml in styles.items()}
    assert all(root.get("labelsEnabled") == "1" for root in roots.values())
    legend = {line.get("value") for line in roots["cultivos_25-26"].iter("category")}
    assert legend == {*values, ""}
    for name, root in roots.items():  # whatever the language of who opens it
        (text,) = root.iter("text-style")
        figure = "format_number(\"superficie_ha\", 1, 'es_AR')"
        assert figure in text.get("fieldName", ""), name
    (bare,) = roots["sin_cultivo"].iter("category")
    assert bare.get("label") == "Sin cultivo"
    (fill, *_) = (o for o in roots["sin_cultivo"].iter("Option") if o.get("name") == "color")
    assert fill.get("value") == "224,224,224,191"  # E0E0E0, as in KMZ and H3


def test_colours_are_those_of_the_crop_table(demo_fuente: Fuente, built: dict[str, Path]) -> None:
    with closing(sqlite3.connect(built[GPKG])) as db:
        (sld,) = db.execute(
            "SELECT styleSLD FROM layer_styles WHERE f_table_name = 'cultivos_25-26'"
        ).fetchone()
    crops = demo_fuente.tables.cultivos
    drawn = set(demo_fuente.tables.siembras["cultivo"])
    for name, colour in zip(crops["cultivo"], crops["color"], strict=True):
        assert (colour in sld) or name not in drawn


def test_geojson_is_what_rfc_7946_asks(demo_fuente: Fuente, built: dict[str, Path]) -> None:
    data = json.loads(built[GEOJSON].read_text(encoding="utf-8"))
    assert "crs" not in data
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in data["features"]]
    assert all(part.exterior.is_ccw for s in shapes for part in getattr(s, "geoms", [s]))
    rows = sown(demo_fuente.tables)
    assert [f["properties"]["siembra_id"] for f in data["features"]] == list(rows["siembra_id"])
    assert shapely.equals_exact(shapely.orient_polygons(rows.geometry), shapes).all()


def test_geoparquet_opens_in_three_readers(demo_fuente: Fuente, built: dict[str, Path]) -> None:
    rows = sown(demo_fuente.tables)
    pd.testing.assert_frame_equal(read_sown(built[PARQUET]), rows)
    by_geopandas = gpd.read_parquet(built[PARQUET])
    assert by_geopandas.crs.to_epsg() == 4326
    assert list(by_geopandas["siembra_id"]) == list(rows["siembra_id"])
    bounds = rows.total_bounds
    some = gpd.read_parquet(built[PARQUET], bbox=tuple(rows.geometry.iloc[0].bounds))
    assert 0 < len(some) < len(rows)
    file = pq.ParquetFile(built[PARQUET])
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert json.loads(file.schema_arrow.metadata[b"geo"])["version"] == "1.1.0"
    with duckdb.connect() as db:
        total = db.execute(
            "SELECT sum(superficie_ha), min(bbox.xmin) FROM read_parquet(?)", [str(built[PARQUET])]
        ).fetchone()
    assert total == pytest.approx((rows["superficie_ha"].sum(), bounds[0]))


def test_the_shapefile_holds_the_same_rows(demo_fuente: Fuente, built: dict[str, Path]) -> None:
    back, rows = gpd.read_file(built[SHP]), sown(demo_fuente.tables)
    assert list(back["siembra_id"]) == list(rows["siembra_id"])
    assert list(back["campo"]) == list(rows["campo"])
    assert back["sup_ha"].to_numpy() == pytest.approx(rows["superficie_ha"].to_numpy(), rel=1e-9)


def sheets_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    book = openpyxl.load_workbook(path)
    cells = [cell for page in book for row in page.iter_rows() for cell in row]
    assert "e" not in {cell.data_type for cell in cells}
    formulas = [str(cell.value) for cell in cells if cell.data_type == "f"]
    assert all(re.fullmatch(r"=SUBTOTAL\(109,[A-Z0-9:]+\)", one) for one in formulas)
    book = openpyxl.load_workbook(path, data_only=True)
    assert all(page.freeze_panes for page in book)
    return {page.title: list(page.iter_rows(values_only=True)) for page in book}


def test_the_workbook_says_which_area_is_which(demo_fuente: Fuente, built: dict[str, Path]) -> None:
    sheets = sheets_of(built[XLSX])
    assert list(sheets) == [
        "Resumen",
        "Campo por cultivo",
        "Por cultivo",
        "Avance",
        "Lotes",
        "Lotes sin cultivo",
        "Cambios",
        "Diferencias de superficie",
    ]
    header, *rows = sheets["Resumen"]
    assert header[2:] == ("Superficie de tierra (ha)", "Superficie sembrada (ha)")
    figures = {row[0]: row for row in rows}
    tables = demo_fuente.tables
    land = tables.lotes["superficie_ha"].sum()
    assert figures["Lotes"][1:3] == (len(tables.lotes), pytest.approx(land))
    with_crop, bare = figures["Lotes con cultivo"], figures["Lotes sin cultivo"]
    assert with_crop[1] + bare[1] == len(tables.lotes)
    assert with_crop[2] + bare[2] == pytest.approx(land)
    assert figures["Siembras"][1] == len(tables.siembras)
    sown_ha = sown(tables)["superficie_ha"].sum()
    assert figures["Siembras"][3] == pytest.approx(sown_ha)
    notes = " ".join(str(row[0]) for row in rows)
    assert "una sola vez" in notes
    assert "cada siembra" in notes
    header, *rows = sheets["Campo por cultivo"]
    (total,) = (row for row in rows if row[0] == "Total")
    assert total[header.index("Superficie de tierra (ha)")] == pytest.approx(land)
    assert total[header.index("Superficie sembrada (ha)")] == pytest.approx(sown_ha)
    chart_sheet = openpyxl.load_workbook(built[XLSX])["Por cultivo"]
    assert len(chart_sheet._charts) == 1
    assert "Primera noche" in str(sheets["Cambios"])


def test_changes_of_the_night_are_listed(two_campos: Fuente, tmp_path: Path) -> None:
    before = two_campos.tables
    lotes = before.lotes.copy()
    lotes.loc[0, "lote"] = "=Lote nuevo"
    now = replace(before, lotes=lotes)
    fuente = replace(two_campos, tables=now, changes=diff_tables(before, now))
    rows = sheets_of(build_cultivos(fuente, tmp_path)[XLSX])["Cambios"]
    expected = (
        lotes["campo"][0],
        "=Lote nuevo",
        "lote renombrado",
        f"antes {before.lotes['lote'][0]}",
    )
    assert rows == [("Campo", "Lote", "Cambio", "Detalle"), expected]


def test_a_quiet_night_says_so(two_campos: Fuente, tmp_path: Path) -> None:
    same = diff_tables(two_campos.tables, two_campos.tables)
    built = build_cultivos(replace(two_campos, changes=same), tmp_path)
    assert "Sin cambios" in str(sheets_of(built[XLSX])["Cambios"])


def test_a_night_that_only_rewrote_borders_says_so(two_campos: Fuente, tmp_path: Path) -> None:
    before = two_campos.tables
    lotes = before.lotes.set_geometry(shapely.segmentize(before.lotes.geometry, 0.001))
    now = replace(before, lotes=lotes)
    fuente = replace(two_campos, tables=now, changes=diff_tables(before, now))
    sheet = sheets_of(build_cultivos(fuente, tmp_path)[XLSX])["Cambios"]
    assert "dicen lo mismo" in str(sheet)


def test_campos_of_one_name_are_told_apart_in_every_sheet(
    two_campos: Fuente, tmp_path: Path
) -> None:
    before = two_campos.tables
    ids = before.lotes["campo_id"].unique()[:2].tolist()
    labels = {f"Mellizo ({one})" for one in ids}
    lotes, campos = before.lotes.copy(), before.campos.copy()
    for frame in (lotes, campos):
        frame.loc[frame["campo_id"].isin(ids), "campo"] = "Mellizo"
    firsts = [lotes.index[lotes["campo_id"] == one][0] for one in ids]
    lotes.loc[firsts, "superficie_declarada_ha"] = 1.0
    siembras = before.siembras[~before.siembras["lote_id"].isin(lotes["lote_id"][firsts])]
    then = replace(before, lotes=lotes, campos=campos, siembras=siembras)
    renamed = lotes.copy()
    renamed.loc[firsts, "lote"] = "Nuevo"
    now = replace(then, lotes=renamed)
    fuente = replace(two_campos, tables=now, changes=diff_tables(then, now))
    sheets = sheets_of(build_cultivos(fuente, tmp_path)[XLSX])
    for name in ("Cambios", "Lotes sin cultivo", "Diferencias de superficie", "Campo por cultivo"):
        shown = {row[0] for row in sheets[name]}
        assert labels <= shown, name
        assert "Mellizo" not in shown, name


def opens(built: dict[str, Path]) -> gpd.GeoDataFrame:
    """Open every file in full; the rows of the layer of all."""
    layers = [str(name) for name, _ in pyogrio.list_layers(built[GPKG])]
    frames = {name: pyogrio.read_dataframe(built[GPKG], layer=name) for name in layers}
    everything = frames["cultivos_25-26"]
    for frame in (gpd.read_parquet(built[PARQUET]), gpd.read_file(built[SHP])):
        assert len(frame) == len(everything)
    assert len(json.loads(built[GEOJSON].read_bytes())["features"]) == len(everything)
    with closing(sqlite3.connect(built[GPKG])) as db:
        for qml, sld in db.execute("SELECT styleQML, styleSLD FROM layer_styles"):
            ElementTree.fromstring(qml.partition("\n")[2])
            ElementTree.fromstring(sld)
    sheets_of(built[XLSX])
    return everything


def test_a_season_without_siembras_gives_valid_files(two_campos: Fuente, tmp_path: Path) -> None:
    for name, night in {
        "nada": empty_night(two_campos),
        "sin": replace(
            two_campos,
            tables=replace(two_campos.tables, siembras=two_campos.tables.siembras.iloc[:0]),
        ),
    }.items():
        (tmp_path / name).mkdir()
        built = build_cultivos(night, tmp_path / name)
        assert list(built) == NAMES
        assert len(opens(built)) == 0
        bare = pyogrio.read_dataframe(built[GPKG], layer="sin_cultivo")
        assert len(bare) == len(night.tables.lotes)
        assert len(read_sown(built[PARQUET])) == 0
        assert set(night.tables.as_dict()) == set(TABLES)


HOSTILE = [
    *("=1+1", "+1", "-1", "@x", "\t=1", "\x00=cmd", "CON", "nul", "../../x", "C:\\x", "a/b", "a:b"),
    *(
        "'; DROP TABLE lotes; --",
        '"',
        "<![CDATA[",
        "]]>",
        "<b>&amp;",
        "$[name]",
        "%s{0}",
        "\u202ex",
    ),
    *(
        "Ñandú",
        "ÑANDÚ",
        "Nandu",
        "nandu\u0301",
        "😀" * 40,
        "x" * 200,
        ".",
        "~$a",
        "gpkg_x",
        "sin cultivo",
    ),
    *(
        "layer_styles",
        "cultivos 25-26",
        "cultivos_25-26",
        "大豆",
        "العربية",
        "\ufeffx",
        "_x0041_",
        "1e5",
    ),
]


def generated(count: int) -> list[str]:
    """Names out of pieces that hurt, the same every time."""
    rng = random.Random(7)
    letters = "aAáñÑ0 ./\\:*?\"<>|=+-@'\t\x00\x07\u200b\u202e\u0301%$&;😀大\ue000"
    return [
        "".join(rng.choice([*letters, *HOSTILE[:20]]) for _ in range(rng.randint(1, 9)))
        for _ in range(count)
    ]


def test_hostile_names_as_campo_lote_and_crop(demo_fuente: Fuente, tmp_path: Path) -> None:
    night = night_of(demo_fuente, HOSTILE, HOSTILE)
    built = build_cultivos(night, tmp_path)
    rows = opens(built)
    assert sorted(rows["lote"]) == sorted(night.tables.lotes["lote"])
    names = {f"C{at}": clean_text(name) or f"C{at}" for at, name in enumerate(HOSTILE)}
    assert set(rows["campo"]) == set(names_with_ids(names).values())
    layers = [str(name) for name, _ in pyogrio.list_layers(built[GPKG])]
    assert len({name.casefold() for name in layers}) == len(layers)
    crops = night.tables.siembras.drop_duplicates(["cultivo_codigo", "cultivo"])
    assert len(layers) == len(crops) + 3
    assert {p.name for p in tmp_path.iterdir()} == set(NAMES)
    with zipfile.ZipFile(built[SHP]) as archive:
        assert all("/" not in name and ".." not in name for name in archive.namelist())


@pytest.mark.slow
def test_ten_thousand_generated_names(demo_fuente: Fuente, tmp_path: Path) -> None:
    names = generated(10_000)
    night = night_of(demo_fuente, names, names)
    built = build_cultivos(night, tmp_path)
    assert len(opens(built)) == len(names)
    unknown = set(night.tables.siembras["cultivo"])
    assert len(unknown) > MAX_DESCONOCIDOS
    assert OTROS in [row[0] for row in sheets_of(built[XLSX])["Por cultivo"]]
    assert {p.name for p in tmp_path.iterdir()} == set(NAMES)


@pytest.mark.shared
def test_naughty_and_real_names(demo_fuente: Fuente, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "dirty" / "names"
    names = json.loads((folder / "blns.json").read_text(encoding="utf-8"))
    with (folder / "ar_names_pampas.csv").open(encoding="utf-8", newline="") as file:
        names += [row["name"] for row in csv.DictReader(file)][::40]
    night = night_of(demo_fuente, names, names[:MAX_DESCONOCIDOS])
    built = build_cultivos(night, tmp_path)
    assert len(opens(built)) == len(names)
    cells = sheets_of(built[XLSX])["Campo por cultivo"]
    assert all(isinstance(row[0], str) and guarded(row[0]) for row in cells[1 : len(names)])


@pytest.mark.shared
def test_real_fields_with_their_crop_of_a_month(
    demo_fuente: Fuente, shared_data: Path, tmp_path: Path
) -> None:
    fields = gpd.read_file(shared_data / "fields" / "br_lem_fields_300.geojson")
    night = night_of(demo_fuente, ["LEM"] * len(fields), list(fields["Jan_2020"].fillna("nada")))
    lotes = night.tables.lotes.sort_values("lote_id", key=lambda ids: ids.str[1:].astype(int))
    shapes = fields.geometry.set_axis(lotes.index)
    tables = replace(night.tables, lotes=night.tables.lotes.set_geometry(shapes, crs="EPSG:4326"))
    built = build_cultivos(replace(night, tables=tables), tmp_path)
    rows = opens(built)
    assert rows.total_bounds == pytest.approx(fields.total_bounds)
    layers = {str(name) for name, _ in pyogrio.list_layers(built[GPKG])}
    assert {"soja", "algodon", "cotton"} & layers
