"""``muestreos/`` as people and programs open it."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
from lxml import etree

from Modules.disk.publish import publish_files
from Modules.products.muestreos.plan import PlanMuestreo, plan_muestreo
from Modules.products.muestreos.product import CSV_HEADERS, build_muestreos
from Modules.products.source import Fuente
from Modules.store.tareas import Tarea
from Modules.words.domain import SnapshotId

NAMES = {f"muestreos_25-26.{end}" for end in ("gpkg", "csv", "xlsx", "modus.json")}
LAYERS = {"muestreos": "Point", "puntos_propuestos": "Point", "ambientes": "MultiPolygon"}


@pytest.fixture(scope="module")
def built(demo_fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_muestreos(demo_fuente, tmp_path_factory.mktemp("muestreos"))


@pytest.fixture(scope="module")
def few(two_campos: Fuente, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build_muestreos(two_campos, tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="module")
def plan(demo_fuente: Fuente) -> PlanMuestreo:
    return plan_muestreo(demo_fuente)


def read_csv(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def empty(fuente: Fuente, *names: str) -> Fuente:
    frames = {name: fuente.tables.as_dict()[name].iloc[:0] for name in names}
    return replace(fuente, tables=replace(fuente.tables, **frames))


def without_kmz(built: dict[str, Path]) -> set[str]:
    return {name for name in built if not name.endswith(".kmz")}


def test_the_files_are_those_of_the_design_and_nothing_else(built: dict[str, Path]) -> None:
    assert without_kmz(built) == NAMES
    folder = built["muestreos_25-26.csv"].parent
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert files == NAMES  # no -wal, -journal, .tmp


def test_the_map_for_phones_shows_every_point_and_every_ambiente(
    built: dict[str, Path], plan: PlanMuestreo
) -> None:
    maps = [path for name, path in built.items() if name.endswith(".kmz")]
    found = sum(
        len(pyogrio.read_dataframe(path, layer=layer))
        for path in maps
        for layer, _ in pyogrio.list_layers(path)
        if layer in ("Muestreo", "Ambientes")
    )
    assert found == len(plan.puntos) + len(plan.ambientes)


def test_gdal_reads_every_layer_with_its_type_and_crs(
    built: dict[str, Path], plan: PlanMuestreo
) -> None:
    path = built["muestreos_25-26.gpkg"]
    found = dict(pyogrio.list_layers(path))
    assert {name: kind for name, kind in found.items() if kind is not None} == LAYERS
    expected = zip(LAYERS, (plan.reales, plan.propuestos, plan.ambientes), strict=True)
    for layer, frame in expected:
        read = gpd.read_file(path, layer=layer)
        assert read.crs.to_epsg() == 4326
        assert len(read) == len(frame) > 0
        shapes = zip(read.geometry, frame.geometry, strict=True)
        assert all(shapely.equals(a, b) for a, b in shapes)
        assert read["campo"].tolist() == frame["campo"].tolist()
    info = pyogrio.read_info(path, layer="muestreos")
    types = dict(zip(info["fields"], info["dtypes"], strict=True))
    assert types["orden"].startswith("int")
    assert types["fecha"] == "datetime64[D]"
    assert types["lon"] == "float64"


def test_real_and_proposed_points_never_share_a_layer(built: dict[str, Path]) -> None:
    path = built["muestreos_25-26.gpkg"]
    real, made = (gpd.read_file(path, layer=name) for name in ("muestreos", "puntos_propuestos"))
    assert set(real["origen"]) == {"real"}
    assert set(made["origen"]) == {"propuesto"}
    assert not set(real["punto_id"]) & set(made["punto_id"])


def test_qgis_finds_a_default_style_for_each_layer(built: dict[str, Path]) -> None:
    with closing(sqlite3.connect(built["muestreos_25-26.gpkg"])) as db:
        rows = db.execute(
            "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ).fetchall()
        columns = dict(
            db.execute("SELECT table_name, column_name FROM gpkg_geometry_columns").fetchall()
        )
        (journal,) = db.execute("PRAGMA journal_mode").fetchone()
    assert journal == "delete"
    assert {name for name, *_ in rows} == set(LAYERS)
    for name, column, default, qml in rows:
        assert (column, default) == (columns[name], 1)
        renderer = etree.fromstring(qml.encode()).find("renderer-v2")
        values = {line.get("value") for line in renderer.iter("category")}
        present = gpd.read_file(built["muestreos_25-26.gpkg"], layer=name)[renderer.get("attr")]
        assert set(present.dropna()) <= values


def test_the_csv_walks_each_campo_in_visiting_order(
    built: dict[str, Path], plan: PlanMuestreo
) -> None:
    rows = read_csv(built["muestreos_25-26.csv"])
    assert tuple(rows[0]) == tuple(CSV_HEADERS.values())
    assert [row["Id del punto"] for row in rows] == plan.puntos["punto_id"].tolist()
    assert {row["Origen"] for row in rows} == {"real", "propuesto"}
    for row, point in zip(rows, plan.puntos.itertuples(), strict=True):
        assert (float(row["Longitud"]), float(row["Latitud"])) == (point.lon, point.lat)
        assert row["Orden de visita"] == ("" if pd.isna(point.orden) else str(point.orden))
        assert shapely.distance(point.geometry, shapely.Point(point.lon, point.lat)) < 1e-7


def test_the_modus_plan_holds_every_point_but_annulled_ones(
    two_campos: Fuente, tmp_path: Path
) -> None:
    marks = two_campos.tables.marcadores
    off = marks.index[marks["tipo"] == "muestreo"][[2, 30]]
    changed = marks.assign(estado=marks["estado"].mask(marks.index.isin(off), "anulado"))
    fuente = replace(two_campos, tables=replace(two_campos.tables, marcadores=changed))
    made = build_muestreos(fuente, tmp_path)["muestreos_25-26.modus.json"]
    document = json.loads(made.read_bytes())
    assert document["type"] == "soil"
    told = {
        key.rpartition("#")[0]: sample["lindero"]["origen"]
        for key, sample in document["samples"].items()
    }
    points = plan_muestreo(fuente).puntos
    valid = points[~points["punto_id"].isin(marks.loc[off, "marcador_id"])]
    assert len(valid) == len(points) - 2
    assert told == dict(zip(valid["punto_id"], valid["origen"], strict=True))
    text = made.read_text("utf-8")
    personal = two_campos.tables.campos[["cuit", "renspa"]].stack().dropna()
    assert len(personal) > 0
    assert not any(value in text for value in personal)


def test_the_same_night_gives_the_same_bytes(
    two_campos: Fuente, few: dict[str, Path], tmp_path: Path
) -> None:
    again = build_muestreos(two_campos, tmp_path)
    assert {name: path.read_bytes() for name, path in again.items()} == {
        name: path.read_bytes() for name, path in few.items()
    }


def test_a_later_night_without_a_change_in_marks_changes_no_file(
    two_campos: Fuente, few: dict[str, Path], tmp_path: Path
) -> None:
    utc = two_campos.snapshot_id.utc + timedelta(days=3)
    later = replace(two_campos, snapshot_id=SnapshotId(4, utc))
    (tmp_path / "work").mkdir()
    again = build_muestreos(later, tmp_path / "work")
    assert set(again) == set(few)
    for files, night in ((few, two_campos), (again, later)):
        now = night.snapshot_id.utc
        done = publish_files(files, tmp_path / "out", snapshot_id=str(night.snapshot_id), now=now)
    assert set(done.unchanged) == without_kmz(few)  # a map says of which night it is
    with closing(sqlite3.connect(tmp_path / "out/muestreos_25-26.gpkg")) as db:
        since = db.execute("SELECT DISTINCT last_change FROM gpkg_contents").fetchall()
    assert since == [("2025-11-20T06:00:02.000Z",)]  # since when they hold


def test_no_two_samples_share_an_id_and_composite_ones_say_so(
    demo_fuente: Fuente, built: dict[str, Path], plan: PlanMuestreo
) -> None:
    rows = read_csv(built["muestreos_25-26.csv"])
    ids = [row["Id de la muestra"] for row in rows]
    assert len(set(ids)) == len(ids) == len(plan.puntos)
    codes = [row["Código"] for row in rows if row["Origen"] == "real"]
    assert len(set(codes)) < len(codes) / 2, "the world must hold codes of several marks"
    assert {row["Compuesta"] for row in rows} == {"sí", ""}  # of a proposed one nobody said
    document = json.loads(built["muestreos_25-26.modus.json"].read_text(encoding="utf-8"))
    samples = document["samples"].values()
    bags = [sample["source"]["sampleid"] for sample in samples]
    assert len(set(bags)) == len(bags) > 2_000
    composite = sum(sample["lindero"].get("compuesta") is True for sample in samples)
    assert 0 < composite < len(bags)
    book = openpyxl.load_workbook(built["muestreos_25-26.xlsx"])["Muestreos"]
    header, *cells = book.iter_rows(values_only=True)
    assert list(header) == list(rows[0])
    assert [row[2] for row in cells] == ids
    # annulling a mark, or another order of visit, renames no bag
    marks = demo_fuente.tables.marcadores.copy()
    marks.loc[marks["tipo"] == "muestreo", "estado"] = "anulado"
    other = plan_muestreo(
        replace(demo_fuente, tables=replace(demo_fuente.tables, marcadores=marks))
    )
    before = dict(zip(plan.puntos["punto_id"], plan.puntos["muestra_id"], strict=True))
    after = dict(zip(other.puntos["punto_id"], other.puntos["muestra_id"], strict=True))
    real = set(plan.reales["punto_id"])
    assert {key: after[key] for key in real} == {key: before[key] for key in real}


@pytest.mark.parametrize(
    "names",
    [
        ("marcadores",),
        ("ambientes",),
        ("marcadores", "ambientes"),
        ("marcadores", "ambientes", "siembras", "lotes", "campos", "zonas"),
    ],
)
def test_empty_tables_give_files_that_open(
    two_campos: Fuente, tmp_path: Path, names: tuple[str, ...]
) -> None:
    made = build_muestreos(empty(two_campos, *names), tmp_path)
    assert without_kmz(made) == NAMES
    frames = {layer: gpd.read_file(made["muestreos_25-26.gpkg"], layer=layer) for layer in LAYERS}
    document = json.loads(made["muestreos_25-26.modus.json"].read_bytes())
    header = made["muestreos_25-26.csv"].read_bytes().decode("utf-8-sig").split("\r\n")[0]
    assert header.startswith("Orden de visita,Número,Id de la muestra,Código,")
    assert (len(frames["muestreos"]) == 0) == ("marcadores" in names)
    assert (len(frames["ambientes"]) == 0) == ("ambientes" in names)
    if "ambientes" in names and "marcadores" in names:
        assert document["samples"] == {}
    if names == ("marcadores",):
        assert len(frames["puntos_propuestos"]) > len(frames["ambientes"])


def test_text_that_looks_like_a_formula_stays_text(two_campos: Fuente, tmp_path: Path) -> None:
    marks = two_campos.tables.marcadores
    evil = '=HYPERLINK("http://x","y")'
    changed = marks.assign(marcador=evil, observacion="@SUM(1)\ta", muestra_codigo="-2+3")
    tables = replace(two_campos.tables, marcadores=changed)
    made = build_muestreos(replace(two_campos, tables=tables), tmp_path)
    real = [row for row in read_csv(made["muestreos_25-26.csv"]) if row["Origen"] == "real"]
    assert {row["Punto"] for row in real} == {f"'{evil}"}
    assert {row["Código"] for row in real} == {"'-2+3"}
    assert all(row["Observación"].startswith("'@") for row in real)
    assert all(float(row["Longitud"]) < 0 for row in real)  # a negative number is a number


def test_options_reach_the_points(two_campos: Fuente, tmp_path: Path) -> None:
    made = build_muestreos(two_campos, tmp_path, puntos_por_ambiente=5, margen_m=35)
    points = gpd.read_file(made["muestreos_25-26.gpkg"], layer="puntos_propuestos")
    within = points[points["metodo"] != "punto más interior"]
    assert set(within.groupby("ambiente_id").size()) == {5}
    assert within["distancia_borde_m"].min() >= 35


def test_samples_of_water_get_a_file_of_their_own(two_campos: Fuente, tmp_path: Path) -> None:
    marks = two_campos.tables.marcadores
    first = marks.index[(marks["tipo"] == "muestreo") & (marks["estado"] != "anulado")][0]
    changed = marks.assign(subtipo=marks["subtipo"].where(marks.index != first, "agua"))
    tables = replace(two_campos.tables, marcadores=changed)
    made = build_muestreos(replace(two_campos, tables=tables), tmp_path)
    assert without_kmz(made) == NAMES | {"muestreos_25-26_agua.modus.json"}
    document = json.loads(made["muestreos_25-26_agua.modus.json"].read_bytes())
    assert document["type"] == "water"
    assert {key.rpartition("#")[0] for key in document["samples"]} == {
        marks.loc[first, "marcador_id"]
    }


def test_points_show_the_tasks_of_their_mark_or_of_their_lote_in_every_file(
    two_campos: Fuente, few: dict[str, Path], tmp_path: Path
) -> None:
    plan = plan_muestreo(two_campos)
    mark, other = plan.reales.iloc[0], plan.reales.iloc[1]
    lote = next(one for one in plan.propuestos["lote_id"] if one != mark["lote_id"])
    a = Tarea(
        clave="a",
        tarea="CAMPO-9",
        origen="",
        campania="25/26",
        grupo="g",
        lote_id=lote,
        estado="Listo",
    )
    b = replace(a, clave="b", tarea="CAMPO-10", estado="En curso", marcador_id="a-weed")
    own = replace(
        a, clave="c", tarea="CAMPO-11", marcador_id=mark["punto_id"], lote_id=mark["lote_id"]
    )
    made = build_muestreos(two_campos, tmp_path, tareas=[a, b, own])
    of_lote = ("CAMPO-9; CAMPO-10", "Listo; En curso")
    assert other["lote_id"] == mark["lote_id"], "the task of a mark is not of its neighbours"

    def told(row: dict[str, str]) -> tuple[str, str]:
        if row["Id del punto"] == mark["punto_id"]:
            return ("CAMPO-11", "Listo")
        return of_lote if row["Id del lote"] == lote else ("", "")

    rows = read_csv(made["muestreos_25-26.csv"])
    columns = ("Tarea", "Estado de la tarea")
    assert [tuple(row[name] for name in columns) for row in rows] == [told(row) for row in rows]
    assert {told(row) for row in rows} == {("CAMPO-11", "Listo"), of_lote, ("", "")}
    page = openpyxl.load_workbook(made["muestreos_25-26.xlsx"])["Muestreos"]
    header, *cells = page.iter_rows(values_only=True)
    at = header.index("Tarea")
    assert header[at - 1 : at + 2] == ("Estado", *columns)
    assert [tuple(text or "" for text in row[at : at + 2]) for row in cells] == list(
        map(told, rows)
    )
    for layer in ("muestreos", "puntos_propuestos"):
        frame = gpd.read_file(made["muestreos_25-26.gpkg"], layer=layer)
        shown = frame[["tarea", "estado_tarea"]].fillna("").itertuples(index=False, name=None)
        by_id = {row["Id del punto"]: told(row) for row in rows}
        assert list(shown) == [by_id[one] for one in frame["punto_id"]]
    alike = {name for name, path in few.items() if path.read_bytes() == made[name].read_bytes()}
    assert alike == set(few) - {f"muestreos_25-26.{end}" for end in ("gpkg", "csv", "xlsx")}
