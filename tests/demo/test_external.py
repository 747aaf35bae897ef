"""Real and odd files served as lotes: nothing lost, nothing mended, nothing guessed."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from Modules.demo.contract import World
from Modules.demo.external import nearest_lotes, world_from_file
from Modules.words.domain import Recurso
from Modules.words.errors import SettingsError

LPIS = ["nl_brp_2023", "us_ca_dwr2023", "de_sh_feldbloecke", "jp_fude_2024", "it_tuscany_2023"]


def served(world: World, recurso: Recurso = Recurso.LOTES) -> np.ndarray:
    texts = [json.dumps(item["geometry"]) for item in world.items(recurso)]
    return np.array([None if text == "null" else shapely.from_geojson(text) for text in texts])


def write(
    path: Path, shapes: list[object], crs: str | None = "EPSG:4326", **columns: object
) -> Path:
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    return path


def squares(count: int) -> list[object]:
    return [shapely.box(-62 + n, -35, -61.5 + n, -34.5) for n in range(count)]


@pytest.mark.shared
def test_brazilian_fields_come_through_to_the_last_digit(shared_data: Path) -> None:
    path = shared_data / "fields" / "br_lem_fields.parquet"
    source = gpd.read_parquet(path)
    world = world_from_file(path, cultivo="Oct_2019,Jan_2020,Jun_2020")
    assert len(world.items(Recurso.LOTES)) == len(source) == 1_854
    assert (
        shapely.get_coordinates(served(world)) == shapely.get_coordinates(source.geometry)
    ).all()
    crops = [[s["cultivo"]["nombre"] for s in i["siembras"]] for i in world.items(Recurso.LOTES)]
    expected = source[["Oct_2019", "Jan_2020", "Jun_2020"]].to_numpy()
    for found, row in zip(crops, expected, strict=True):
        assert set(found) == {str(crop) for crop in row if crop is not None}
        assert all(a != b for a, b in itertools.pairwise(found))


@pytest.mark.shared
def test_invalid_fields_are_served_as_they_are(shared_data: Path) -> None:
    path = shared_data / "fields" / "ml_segou_fields.geojson"
    world = world_from_file(path, cultivo="2018_main_")
    shapes = served(world)
    assert (len(shapes), int((~shapely.is_valid(shapes)).sum())) == (74, 14)
    assert (
        shapely.get_coordinates(shapes) == shapely.get_coordinates(gpd.read_file(path).geometry)
    ).all()


@pytest.mark.shared
@pytest.mark.parametrize("name", LPIS)
def test_each_layer_is_moved_out_of_its_own_crs_with_full_precision(
    shared_data: Path, name: str
) -> None:
    path = shared_data / "fields" / "lpis" / f"{name}.parquet"
    moved = gpd.read_parquet(path).to_crs("EPSG:4326")
    found = shapely.get_coordinates(served(world_from_file(path)))
    assert (found == shapely.get_coordinates(moved.geometry)).all()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("pt_Continente.gpkg", 100),
        ("i15_crop_mapping_2023_provisional_20241127.gdb.zip", 100),
        ("ie_GSAA_2024.zip", 100),
    ],
)
def test_packed_and_layered_files_are_read(shared_data: Path, name: str, count: int) -> None:
    shapes = served(world_from_file(shared_data / "fields" / "raw" / name))
    assert len(shapes) == count
    assert not shapely.has_z(shapes).any()


@pytest.mark.shared
def test_real_markers_are_dealt_out(shared_data: Path) -> None:
    markers = shared_data / "markers" / "ar_sisinta_profiles_400.geojson"
    world = world_from_file(shared_data / "fields" / "br_lem_fields_300.geojson", markers=markers)
    marks = world.items(Recurso.MARCADORES)
    lotes = {item["id"] for item in world.items(Recurso.LOTES)}
    assert len(marks) == 400
    assert {mark["lote_id"] for mark in marks} <= lotes
    source = gpd.read_file(markers)
    assert (
        shapely.get_coordinates(served(world, Recurso.MARCADORES))
        == shapely.get_coordinates(source.geometry)
    ).all()


@pytest.mark.parametrize("suffix", [".parquet", ".geojson", ".gpkg", ".shp"])
def test_named_columns_become_lote_campo_and_cultivo(tmp_path: Path, suffix: str) -> None:
    path = write(
        tmp_path / f"campos ñ{suffix}",
        squares(3),
        nombre=["7 A/B", "7 A/B", None],
        finca=["Ñandú", "El Ombú", "Ñandú"],
        cult=["Soja", None, "Trigo"],
    )
    world = world_from_file(path, lote="nombre", campo="finca", cultivo="cult")
    lotes = world.items(Recurso.LOTES)
    assert [item["nombre"] for item in lotes] == ["7 A/B", "7 A/B", "Lote 003"]
    assert [item["campo_nombre"] for item in lotes] == ["Ñandú", "El Ombú", "Ñandú"]
    assert [c["nombre"] for c in world.items(Recurso.CAMPOS)] == ["Ñandú", "El Ombú"]
    crops = [[s["cultivo"]["nombre"] for s in item["siembras"]] for item in lotes]
    assert crops == [["Soja"], [], ["Trigo"]]


def test_without_columns_names_are_sensible(tmp_path: Path) -> None:
    world = world_from_file(write(tmp_path / "mis_campos.geojson", squares(2)))
    assert [item["nombre"] for item in world.items(Recurso.LOTES)] == ["Lote 001", "Lote 002"]
    assert [item["nombre"] for item in world.items(Recurso.CAMPOS)] == ["mis campos"]
    assert all(item["siembras"] == [] for item in world.items(Recurso.LOTES))


def test_heights_go_and_holes_parts_and_crossings_stay(tmp_path: Path) -> None:
    bow_tie = shapely.Polygon([(-62, -35), (-61, -34), (-61, -35), (-62, -34)])
    holed = shapely.box(-60, -35, -58, -33).difference(shapely.box(-59.5, -34.5, -59, -34))
    high = shapely.Polygon([(-57, -35, 100.5), (-56, -35, 101), (-56, -34, 99)])
    path = write(tmp_path / "x.parquet", [bow_tie, holed, high, None, shapely.Polygon()])
    shapes = served(world_from_file(path))
    assert shapely.equals_exact(shapes[:3], shapely.force_2d([bow_tie, holed, high])).all()
    assert shapes[3] is None
    assert shapes[4].is_empty


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"lote": "nada"}, "no hay una columna 'nada'; hay: nombre"),
        ({"campo": "geometry"}, "no hay una columna 'geometry'"),
        ({"cultivo": "nombre,otra"}, "no hay una columna 'otra'"),
    ],
)
def test_a_column_that_is_not_there_is_named(
    tmp_path: Path, arguments: dict[str, str], said: str
) -> None:
    path = write(tmp_path / "x.geojson", squares(1), nombre=["a"])
    with pytest.raises(SettingsError, match=said):
        world_from_file(path, **arguments)  # type: ignore[arg-type]


def test_what_cannot_be_served_is_a_settings_error(tmp_path: Path) -> None:
    text = tmp_path / "notas.txt"
    text.write_text("no es un mapa", encoding="utf-8")
    empty = write(tmp_path / "vacio.parquet", [])
    no_crs = write(tmp_path / "sin_crs.parquet", squares(1), crs=None)
    broken = tmp_path / "roto.parquet"
    broken.write_bytes(b"PAR1 no")
    for path, said in (
        (text, "GeoPandas no lo puede leer"),
        (empty, "el archivo no tiene entidades"),
        (no_crs, "el archivo no dice su CRS; no se adivina"),
        (broken, "GeoPandas no lo puede leer"),
        (tmp_path / "nada.gpkg", "no existe ese archivo"),
    ):
        with pytest.raises(SettingsError, match=said):
            world_from_file(path)


@given(st.lists(st.tuples(st.floats(-63, -57), st.floats(-36, -33)), min_size=1, max_size=20))
def test_a_mark_belongs_to_the_lote_round_it_or_the_nearest(
    places: list[tuple[float, float]],
) -> None:
    lotes = np.array(squares(4))
    points = shapely.points(places)
    shrink = np.cos(np.radians(np.mean([lat for _, lat in places])))
    flat = shapely.transform(lotes, lambda at: at * [shrink, 1.0])
    for (lon, lat), home in zip(places, nearest_lotes(points, lotes), strict=True):
        distances = shapely.distance(flat, shapely.Point(lon * shrink, lat))
        assert distances[home] == pytest.approx(distances.min(), abs=1e-12)


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "x.geojson", squares(3), nombre=["a", "b", "c"])
    rows = [world_from_file(path, lote="nombre").rows for _ in range(2)]
    assert rows[0] == rows[1]
