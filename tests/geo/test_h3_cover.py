"""Cover of polygons by cells: exact sums, nothing missed, whatever the polygon and the place."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import geopandas as gpd
import h3
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import scale, translate
from shapely.geometry.base import BaseGeometry

from Modules.geo.geometry import geodesic_area_ha
from Modules.geo.h3_cells import cell_areas_m2, cell_polygons, hexagons, parents
from Modules.geo.h3_cover import (
    MAX_CELLS_RUN,
    WHOLE,
    Cover,
    check_polygons,
    chunks,
    cover,
    cover_chunk,
    cover_polygon,
    estimate_cells,
    merge,
    sum_to_parents,
    whole_cells,
)
from Modules.words.errors import DataError
from tests.h3_brute import brute_cover, hexagon

M_PER_DEGREE = 111_320.0
WORLD = shapely.box(-180, -90, 180, 90)
NOISE_HA = 1e-7  # a square millimetre of pyproj: tiny polygons only


def star(
    lon: float, lat: float, radius_m: float, radii: list[float], *, hole: bool = False
) -> shapely.Polygon:
    """A star-shaped polygon, perhaps with a smaller one cut out."""
    angle = np.arange(len(radii)) * (2 * math.pi / len(radii))
    reach = np.array(radii) * radius_m / M_PER_DEGREE
    x = lon + reach * np.cos(angle) / max(math.cos(math.radians(lat)), 0.01)
    shape = shapely.Polygon(np.column_stack((x, lat + reach * np.sin(angle))))
    if hole:
        shape = shapely.Polygon(
            shape.exterior, [scale(shape, 0.3, 0.3, origin=(lon, lat)).exterior]
        )
    return shape


def split_at_180(shape: BaseGeometry) -> BaseGeometry:
    """As GeoJSON wants it."""
    if WORLD.covers(shape):
        return shape
    turned = [translate(shape, turn, 0) for turn in (-360, 0, 360)]
    return shapely.union_all(shapely.intersection(turned, WORLD))


def assert_exact(found: Cover, shapes: list[BaseGeometry]) -> None:
    """Parts add up, shares are shares, no cell twice, at least one each."""
    sums = np.bincount(found.polygon, weights=found.superficie_ha, minlength=len(shapes))
    area = geodesic_area_ha(shapes)
    assert (np.abs(sums - area) <= 1e-9 * area + NOISE_HA).all()
    assert (found.fraccion > 0).all()
    assert (found.fraccion <= 1).all()
    assert (found.superficie_ha > 0).all()
    assert set(found.polygon.tolist()) == set(range(len(shapes)))
    pairs = list(zip(found.polygon.tolist(), found.cell.tolist(), strict=True))
    assert pairs == sorted(set(pairs))


def assert_as_brute(found: Cover, shape: BaseGeometry, resolution: int) -> None:
    """The same cells with the same shares as by walking from neighbour to neighbour."""
    ours = dict(zip((h3.int_to_str(int(c)) for c in found.cell), found.fraccion, strict=True))
    theirs = brute_cover(shape, resolution)
    thin = 1e-8  # contacts that rounding may make or unmake
    assert {c for c, share in theirs.items() if share > thin} <= set(ours)
    assert {c for c, share in ours.items() if share > thin} <= set(theirs)
    widest = max(hexagon(c, shape.centroid.x).bounds[3] for c in ours)
    lowest = min(hexagon(c, shape.centroid.x).bounds[1] for c in ours)
    # shares in square degrees and on the ellipsoid differ by how cos(lat) changes over a cell
    side = math.radians(h3.average_hexagon_edge_length(resolution, unit="m") / M_PER_DEGREE)
    slope = math.tan(math.radians(min(max(abs(widest), abs(lowest)), 89.0)))
    for cell, share in ours.items():
        assert share == pytest.approx(theirs.get(cell, 0.0), abs=1e-8 + side * slope + side)


# --- properties -----------------------------------------------------------------------------


@st.composite
def polygons(draw: st.DrawFn) -> tuple[BaseGeometry, int]:
    resolution = draw(st.integers(4, 14))
    side = h3.average_hexagon_edge_length(resolution, unit="m")
    lon, lat = draw(st.floats(-180, 180)), draw(st.floats(-75, 75))
    radius = side * draw(st.sampled_from([0.01, 0.3, 1.0, 3.0, 6.0]))
    radii = draw(st.lists(st.floats(0.2, 1), min_size=3, max_size=24))
    shape: BaseGeometry = star(lon, lat, radius, radii, hole=draw(st.booleans()))
    if draw(st.booleans()):
        away = translate(shape, 2.5 * radius / M_PER_DEGREE / math.cos(math.radians(lat)), 0)
        shape = shapely.MultiPolygon([shape, away])
    shape = split_at_180(shape)
    return shape, resolution


@given(polygons())
def test_any_polygon_is_covered_exactly_and_nothing_is_missed(
    case: tuple[BaseGeometry, int],
) -> None:
    shape, resolution = case
    if not shape.is_valid or shape.geom_type not in ("Polygon", "MultiPolygon"):
        return
    try:
        found = cover_polygon(shape, resolution)
    except DataError as err:
        assert "tiene lados tan largos que su superficie depende de cómo se dibujan" in str(err)  # noqa: PT017 (only a star over hundreds of km)
        assert resolution < 6
        return
    assert_exact(found, [shape])
    assert_as_brute(found, shape, resolution)


def many(amount: int, seed: int) -> Iterator[tuple[BaseGeometry, int]]:
    """Polygons everywhere: odd places, odd sizes, holes, islands."""
    rng = np.random.default_rng(seed)
    pentagons = [h3.cell_to_latlng(cell) for cell in sorted(h3.get_pentagons(8))]
    for i in range(amount):
        resolution = int(rng.integers(6, 15))
        side = h3.average_hexagon_edge_length(resolution, unit="m")
        lat = math.degrees(math.asin(rng.uniform(-0.97, 0.97)))
        lon = float(rng.uniform(-180, 180))
        if i % 10 == 0:
            lon = 180.0 - 2e-6 * side * float(rng.uniform(0, 1))
        elif i % 10 == 1:
            lat, lon = pentagons[i % 12]
            lat += float(rng.normal()) * side / M_PER_DEGREE
        radii = rng.uniform(0.2, 1, int(rng.integers(3, 30))).tolist()
        radius = side * 10 ** float(rng.uniform(-2, 0.9))
        shape = split_at_180(star(lon, lat, radius, radii, hole=i % 3 == 0))
        if shape.is_valid and shape.geom_type in ("Polygon", "MultiPolygon"):
            yield shape, resolution


def test_five_thousand_generated_polygons_add_up() -> None:
    by_resolution: dict[int, list[BaseGeometry]] = {}
    for shape, resolution in many(5_000, seed=4):
        by_resolution.setdefault(resolution, []).append(shape)
    assert sum(map(len, by_resolution.values())) > 4_500
    for resolution, shapes in by_resolution.items():
        assert_exact(cover(shapes, resolution), shapes)


@pytest.mark.parametrize(
    ("lon", "lat", "resolution"),
    [
        pytest.param(-61.5, -33.2, 9, id="pampa"),
        pytest.param(-63.5, 9.75, 9, id="bent-over-an-icosahedron-edge"),
        pytest.param(179.999, -16.8, 9, id="antimeridian"),
        pytest.param(-180.0, 66.0, 7, id="antimeridian-north"),
        pytest.param(20.0, 82.0, 9, id="far-north"),
        pytest.param(20.0, -82.0, 7, id="far-south"),
        pytest.param(0.0, 0.0, 10, id="null-island"),
    ],
)
def test_places(lon: float, lat: float, resolution: int) -> None:
    side = h3.average_hexagon_edge_length(resolution, unit="m")
    shape = split_at_180(star(lon, lat, 5 * side, [1, 0.4, 0.9, 0.7, 1, 0.5, 0.8], hole=True))
    found = cover_polygon(shape, resolution)
    assert_exact(found, [shape])
    assert_as_brute(found, shape, resolution)


@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize("resolution", [5, 8])
def test_pentagons(number: int, resolution: int) -> None:
    lat, lon = h3.cell_to_latlng(sorted(h3.get_pentagons(resolution))[number])
    side = h3.average_hexagon_edge_length(resolution, unit="m")
    shape = split_at_180(star(lon, lat, 4 * side, [1, 0.6, 0.9, 0.5, 0.8, 0.7, 1, 0.6] * 4))
    found = cover_polygon(shape, resolution)
    assert_exact(found, [shape])
    assert_as_brute(found, shape, resolution)


@pytest.mark.parametrize("pole", [90.0, -90.0])
def test_a_cell_with_a_pole_in_it(pole: float) -> None:
    inner = pole - math.copysign(0.3, pole)
    lon = np.linspace(-30, 30, 61)
    ring = [*zip(lon, np.full(61, inner), strict=True), (30, pole), (-30, pole)]
    shape = shapely.Polygon(ring)
    found = cover_polygon(shape, 3)
    assert h3.str_to_int(h3.latlng_to_cell(pole, 0.0, 3)) in found.cell.tolist()
    assert found.superficie_ha.sum() == pytest.approx(geodesic_area_ha([shape])[0], rel=1e-9)


# --- small, degenerate ----------------------------------------------------------------------


def test_a_lote_smaller_than_a_cell_has_its_cell() -> None:
    lote = star(-61.5, -33.2, 20, [1, 0.8, 1, 0.9])
    found = cover_polygon(lote, 9)
    assert [h3.int_to_str(int(c)) for c in found.cell] == [h3.latlng_to_cell(-33.2, -61.5, 9)]
    whole = cell_areas_m2(found.cell, 9)[0] / 1e4
    assert found.superficie_ha[0] == pytest.approx(geodesic_area_ha([lote])[0], rel=1e-9)
    assert found.fraccion[0] == pytest.approx(found.superficie_ha[0] / whole, rel=1e-6)


@pytest.mark.parametrize("rings", [0, 1, 3])
def test_a_lote_made_of_whole_cells_has_those_and_no_others(rings: int) -> None:
    cells = sorted(h3.grid_disk(h3.latlng_to_cell(-33.2, -61.5, 9), rings))
    shapes = cell_polygons(np.array([h3.str_to_int(c) for c in cells], dtype=np.uint64), -61.5)
    lote = shapely.union_all(shapely.set_precision(shapes, 1e-12))
    found = cover_polygon(lote, 9)
    whole = whole_cells(found)
    assert set(cells) == {h3.int_to_str(int(c)) for c in found.cell[found.fraccion > 1e-6]}
    assert len(whole) <= len(cells)
    assert_exact(found, [lote])


def test_a_hole_inside_a_cell_and_an_island_in_the_hole() -> None:
    cell = h3.latlng_to_cell(-33.2, -61.5, 9)
    lat, lon = h3.cell_to_latlng(cell)
    around = star(lon, lat, 1500, [1] * 12)
    hole = star(lon, lat, 60, [1] * 8)
    island = star(lon, lat, 20, [1] * 8)
    lote = shapely.MultiPolygon([shapely.Polygon(around.exterior, [hole.exterior]), island])
    found = cover_polygon(lote, 9)
    at = found.cell.tolist().index(h3.str_to_int(cell))
    whole = cell_areas_m2(found.cell[at : at + 1], 9)[0] / 1e4
    gone = geodesic_area_ha([hole])[0] - geodesic_area_ha([island])[0]
    assert found.superficie_ha[at] == pytest.approx(whole - gone, rel=1e-7)
    assert_exact(found, [lote])


def test_cells_inside_have_their_whole_area() -> None:
    lote = star(-61.5, -33.2, 800, [1] * 9)
    found = whole_cells(cover_polygon(lote, 11))
    assert (found.fraccion == 1).all()
    areas = geodesic_area_ha([hexagon(h3.int_to_str(int(c)), -61.5) for c in found.cell])
    assert np.allclose(found.superficie_ha, areas, rtol=1e-6)
    assert len(found) > 500


def test_parents_add_up_at_every_resolution() -> None:
    lotes = [star(-61.5, -33.2, 700, [1, 0.7, 0.9]), star(-61.4, -33.2, 400, [1] * 6)]
    area = geodesic_area_ha(lotes)
    for resolution in range(1, 13):
        found = cover(lotes, resolution)
        polygon, ancestor, total = sum_to_parents(found, resolution - 1)
        pairs = list(zip(polygon.tolist(), ancestor.tolist(), strict=True))
        assert pairs == sorted(set(pairs))
        assert set(ancestor.tolist()) == set(parents(found.cell, resolution - 1).tolist())
        assert np.allclose(np.bincount(polygon, weights=total), area, rtol=1e-9)


# --- chunks -----------------------------------------------------------------------------------


def equal(one: Cover, two: Cover) -> bool:
    return all(
        getattr(one, name).tobytes() == getattr(two, name).tobytes() for name in Cover.__slots__
    )


LOTES = [shape for shape, _ in many(300, seed=11)]


def test_chunks_of_any_size_give_the_same_bytes() -> None:
    whole = cover(LOTES, 8)
    for size in (1, 50, 1_000, 10**9):
        pieces = chunks(LOTES, 8, max_cells=size)
        assert [piece.first for piece in pieces] == sorted({piece.first for piece in pieces})
        assert equal(merge([cover_chunk(piece) for piece in pieces]), whole)
    assert len(chunks(LOTES, 8, max_cells=1)) == len(LOTES)


def test_order_of_the_rows_does_not_matter() -> None:
    whole = cover(LOTES, 8)
    order = np.random.default_rng(0).permutation(len(LOTES))
    turned = cover([LOTES[i] for i in order], 8)
    back = np.lexsort((turned.cell, order[turned.polygon]))
    again = Cover(
        order[turned.polygon][back],
        turned.cell[back],
        turned.fraccion[back],
        turned.superficie_ha[back],
    )
    assert equal(again, whole)


@pytest.mark.integration
def test_two_processes_give_the_bytes_of_one() -> None:
    pieces = chunks(LOTES, 9, max_cells=2_000)
    assert pickle.loads(pickle.dumps(pieces[0])) == pieces[0]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert equal(merge(list(pool.map(cover_chunk, pieces))), cover(LOTES, 9))


def test_an_empty_part_of_a_multipolygon_is_nothing() -> None:
    triangle = "((-61 -34, -60.99 -34, -61 -33.99, -61 -34))"
    lote = shapely.from_wkt(f"MULTIPOLYGON (EMPTY, {triangle})")
    assert equal(cover_polygon(lote, 9), cover_polygon(shapely.from_wkt(f"POLYGON {triangle}"), 9))


def test_nothing_is_covered_by_nothing() -> None:
    assert chunks([], 9) == []
    assert len(cover([], 9)) == 0
    assert len(merge([])) == 0
    assert len(estimate_cells([], 9)) == 0


# --- refused ------------------------------------------------------------------------------------

SQUARE = shapely.box(-61, -34, -60.99, -33.99)


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (None, "no es una geometría"),
        (shapely.Point(0, 0), "no es Polygon ni MultiPolygon"),
        (shapely.GeometryCollection([SQUARE]), "no es Polygon ni MultiPolygon"),
        (shapely.Polygon(), "está vacío"),
        (shapely.Polygon([(0, 0), (1, 0), (1, 1), (math.inf, 0)]), "tiene NaN o infinito"),
        (shapely.box(179, 0, 181, 1), "se sale de"),
        (shapely.box(0, 89, 1, 91), "se sale de"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "no es válido; repararlo primero"),
        (shapely.box(-100, 0, 100, 1), "tiene 180° de ancho o más; cortarlo en 180° si los cruza"),
        (
            shapely.box(-80, 40, 80, 60),
            "tiene lados tan largos que su superficie depende de cómo se dibujan",
        ),
    ],
)
def test_what_cannot_be_cut_exactly_is_refused_by_name(shape: object, why: str) -> None:
    with pytest.raises(DataError, match=f"polígono l-7 .*{why}"):
        cover([SQUARE, shape], 3, ["l-6", "l-7"])  # type: ignore[list-item]


def test_too_many_cells_are_refused_before_they_are_made() -> None:
    country = shapely.box(-73, -55, -53, -22)
    with pytest.raises(DataError, match=r"polígono arg tendría cerca de .* el límite es 2,000,000"):
        cover([country], 15, ["arg"])
    with pytest.raises(DataError, match="resolución 9; el límite es"):
        cover([country], 9)


def test_too_many_cells_of_a_run_are_refused() -> None:
    lote = shapely.box(-60.5, -34.5, -60, -34)
    amount = int(MAX_CELLS_RUN / estimate_cells([lote], 10)[0]) + 1
    with pytest.raises(DataError, match="límite de una corrida es 20,000,000"):
        cover([lote] * amount, 10)


def test_estimates_are_near() -> None:
    shapes = [star(-61.5, -33.2, 900, [1] * 7), star(10, 60, 3000, [1, 0.6, 1, 0.7])]
    for resolution in (8, 9, 10, 11):
        counts = np.bincount(cover(shapes, resolution).polygon)
        assert estimate_cells(shapes, resolution) == pytest.approx(counts, rel=0.15, abs=2)


# --- real fields, hostile shapes ----------------------------------------------------------------


@pytest.fixture(scope="module")
def lem(shared_data: Path) -> np.ndarray:
    return gpd.read_parquet(shared_data / "fields/br_lem_fields.parquet").geometry.to_numpy()


@pytest.mark.shared
def test_every_field_of_lem_adds_up(lem: np.ndarray) -> None:
    for shapes, resolution in ((lem, 9), (lem[::10], 11)):
        found = cover(shapes, resolution)
        sums = np.bincount(found.polygon, weights=found.superficie_ha, minlength=len(shapes))
        assert np.abs(sums / geodesic_area_ha(shapes) - 1).max() < 1e-6
        assert len(set(found.polygon.tolist())) == len(shapes)


@pytest.mark.shared
def test_no_cell_of_a_real_field_is_missed(lem: np.ndarray) -> None:
    for shape in lem[::90]:
        assert_as_brute(cover_polygon(shape, 9), shape, 9)


@pytest.mark.shared
def test_h3_py_finds_no_cell_that_we_miss(lem: np.ndarray) -> None:
    found = cover(lem[:400], 9)
    missed_by_h3 = 0
    for i, shape in enumerate(lem[:400]):
        ours = {h3.int_to_str(int(c)) for c in found.cell[found.polygon == i]}
        theirs = h3.h3shape_to_cells_experimental(h3.geo_to_h3shape(shape), 9, contain="overlap")
        extra = set(theirs) - ours
        assert all(shape.intersection(hexagon(c, -45.0)).area < 1e-14 for c in extra)
        missed_by_h3 += len(ours - set(theirs))
    assert missed_by_h3 >= 0


def _shapes_in(path: Path) -> list[BaseGeometry]:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return []
    found: list[BaseGeometry] = []
    todo = [data]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            if item.get("type") in ("Polygon", "MultiPolygon"):
                try:
                    found.append(shapely.force_2d(shapely.geometry.shape(item)))
                except (ValueError, TypeError, IndexError, shapely.errors.ShapelyError):
                    continue
            todo.extend(v for v in item.values() if isinstance(v, (dict, list)))
    return found


def covered_or_refused(shapes: list[BaseGeometry]) -> tuple[int, int]:
    """How many were covered exactly, and how many refused; anything else fails."""
    done = refused = 0
    for i, shape in enumerate(shapes):
        for resolution in (1, 4, 7, 10):
            try:
                check_polygons(np.array([shape]), [f"d-{i}"])
                if estimate_cells([shape], resolution)[0] > 5_000:
                    break
                found = cover([shape], resolution, [f"d-{i}"])
            except DataError as err:
                refused += f"polígono d-{i} " in str(err)
                continue
            assert found.superficie_ha.sum() == pytest.approx(
                geodesic_area_ha([shape])[0], rel=1e-6, abs=NOISE_HA
            )
            done += 1
    return done, refused


@pytest.mark.shared
def test_antimeridian_inputs_add_up_or_are_refused_by_name(shared_data: Path) -> None:
    folder = shared_data / "dirty/antimeridian"
    shapes = [s for path in sorted((folder / "input").glob("*.json")) for s in _shapes_in(path)]
    assert len(shapes) == 20  # the other two are lines
    done, refused = covered_or_refused(shapes)
    assert done >= 3
    assert refused >= 15


@pytest.mark.shared
def test_split_at_180_they_are_covered(shared_data: Path) -> None:
    paths = sorted((shared_data / "dirty/antimeridian/expected").glob("*.json"))
    split = [s for path in paths for s in _shapes_in(path) if s.is_valid]
    narrow = [s for s in split if (lambda b: b[:, 2] - b[:, 0])(parts_bounds(s)).max() < 180]
    fine = [shapely.segmentize(s, 0.05) for s in narrow]  # over 1,000 km: how to draw an edge?
    assert len(fine) > 8
    assert sum(s.bounds[0] == -180 for s in fine) > 5
    for resolution in (1, 3):
        assert_exact(cover(fine, resolution), fine)


def parts_bounds(shape: BaseGeometry) -> np.ndarray:
    """Bounds of each part."""
    return shapely.bounds(shapely.get_parts(shape))


@pytest.mark.shared
def test_hostile_geometries_add_up_or_are_refused_by_name(shared_data: Path) -> None:
    paths = sorted((shared_data / "dirty/geojson").rglob("*.*json"))
    shapes = [shape for path in paths for shape in _shapes_in(path)]
    cases = pd.read_csv(shared_data / "dirty/jts_valid_simple_cases.csv")["wkt"]
    with np.errstate(invalid="ignore"):  # some have NaN
        read = shapely.from_wkt(cases.to_list(), on_invalid="ignore")
    shapes += [s for s in read if s is not None and s.geom_type in ("Polygon", "MultiPolygon")]
    done, refused = covered_or_refused(shapes)
    assert done > 20
    assert refused > 20


@pytest.mark.shared
def test_land_cover_with_thousands_of_vertices_and_holes(shared_data: Path) -> None:
    frame = gpd.read_parquet(shared_data / "dirty/rings/ro_danube_landcover.parquet")
    shapes = [s for s in frame.to_crs(4326).geometry if s.is_valid]
    assert max(map(shapely.get_num_coordinates, shapes)) > 10_000
    assert_exact(cover(shapes, 8), shapes)


def test_whole_means_whole() -> None:
    assert 0.999_999 < WHOLE < 1
    assert hexagons(np.zeros(0, dtype=np.uint64)).plain.shape == (0,)
