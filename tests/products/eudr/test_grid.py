"""Six decimals and no holes: nothing moves, nothing is added, nothing is lost unsaid."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from Modules.products.eudr.grid import cut_holes, inner_point, to_degrees, to_grid

LON, LAT = -61.0, -34.0


def _vertices(*shapes: shapely.Geometry) -> set[tuple[float, float]]:
    return set(map(tuple, shapely.get_coordinates(list(shapes)).tolist()))


def _assert_cut(polygon: shapely.Polygon, pieces: list[shapely.Polygon]) -> None:
    """Hole-free, valid, exactly as large, no vertex added, none lying on another."""
    assert all(piece.is_valid and not piece.interiors for piece in pieces)
    assert all(piece.exterior.is_ccw for piece in pieces)
    assert _vertices(*pieces) <= _vertices(polygon)
    assert sum(piece.area for piece in pieces) == pytest.approx(polygon.area, rel=1e-12)
    assert shapely.union_all(pieces).symmetric_difference(polygon).area == 0


def test_a_doughnut_becomes_two_half_moons() -> None:
    ring = shapely.Point(0, 0).buffer(1000).difference(shapely.Point(100, 50).buffer(300))
    ring = shapely.set_precision(ring, 1.0)
    pieces = cut_holes(ring)
    _assert_cut(ring, pieces)
    assert len(pieces) == 2
    assert min(piece.area for piece in pieces) > 0.3 * ring.area


def test_a_polygon_without_holes_is_given_back_as_it_is() -> None:
    square = shapely.box(0, 0, 10, 10)
    assert cut_holes(square) == [square]


@pytest.mark.parametrize(
    "wkt",
    [
        # a hole that touches the shell, two that touch each other, one in a C of another
        "POLYGON ((0 0, 20 0, 20 20, 0 20, 0 0), (0 0, 10 4, 4 10, 0 0))",
        "POLYGON ((0 0, 20 0, 20 20, 0 20, 0 0), (2 2, 8 2, 8 8, 2 2), (8 8, 14 8, 14 14, 8 8))",
        "POLYGON ((0 0, 30 0, 30 30, 0 30, 0 0), (5 5, 25 5, 25 10, 10 10, 10 20, 25 20, 25 25, "
        "5 25, 5 5), (15 13, 20 13, 20 17, 15 17, 15 13))",
        # all ends of the holes on one line
        "POLYGON ((0 0, 40 0, 40 10, 0 10, 0 0), (5 5, 10 5, 8 7, 5 5), (15 5, 20 5, 18 7, 15 5), "
        "(25 5, 30 5, 28 7, 25 5))",
    ],
)
def test_awkward_holes_are_cut_exactly(wkt: str) -> None:
    polygon = shapely.from_wkt(wkt)
    assert polygon.is_valid
    _assert_cut(polygon, cut_holes(polygon))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([15, 60, 2000]))
def test_any_polygon_with_holes_is_cut_exactly(seed: int, holes: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    shape: shapely.Geometry = shapely.set_precision(
        shapely.convex_hull(shapely.multipoints(rng.integers(0, size, (8, 2)))), 1.0
    )
    for _ in range(holes):
        hole = shapely.convex_hull(
            shapely.multipoints(
                rng.integers(0, size, 2) * 0.7 + rng.integers(0, size, (4, 2)) * 0.3
            )
        )
        if hole.geom_type == "Polygon" and shape.geom_type in ("Polygon", "MultiPolygon"):
            shape = shapely.difference(shape, hole, grid_size=1.0)
    polygons = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    pierced = [part for part in polygons if part.interiors]
    assume(pierced)
    for polygon in pierced:
        _assert_cut(polygon, cut_holes(polygon))


def test_a_sliver_between_two_holes_is_joined_to_a_neighbour() -> None:
    holes = [shapely.box(100 * i + 1, 40, 100 * i + 99, 60) for i in range(1, 9)]
    field = shapely.box(0, 0, 1000, 100).difference(shapely.union_all(holes))
    pieces = cut_holes(field)
    _assert_cut(field, pieces)
    assert min(piece.area for piece in pieces) > 0.02 * field.area


def test_rounding_is_to_six_decimals_and_repeated_vertices_go() -> None:
    step = 1e-6
    ring = [(LON, LAT), (LON + 0.01, LAT), (LON + 0.01 + step / 9, LAT + step / 9)]
    ring += [(LON + 0.0100004, LAT + 0.01), (LON, LAT + 0.01), (LON, LAT)]
    (grid,) = to_grid([shapely.Polygon(ring)])
    (piece,) = grid.pieces
    assert grid.vertices_joined == 1
    assert np.array_equal(shapely.get_coordinates(piece), np.rint(shapely.get_coordinates(piece)))
    assert shapely.get_num_coordinates(piece) == 5
    degrees = shapely.get_coordinates(to_degrees([piece]))
    assert np.array_equal(degrees, np.round(degrees, 6))


def test_what_rounding_makes_cross_itself_is_repaired_and_said() -> None:
    """A spike thinner than the grid: rounded vertex by vertex its sides would cross."""
    spike = [(LON, LAT), (LON + 0.01, LAT), (LON + 0.01, LAT + 0.01)]
    spike += [(LON + 0.0050004, LAT + 0.0000006), (LON + 0.005, LAT + 0.0000003)]
    spike += [(LON + 0.0049996, LAT + 0.0000006), (LON, LAT + 0.01), (LON, LAT)]
    shape = shapely.Polygon(spike)
    if not shape.is_valid:
        pytest.fail("the test's own polygon is not valid")
    (grid,) = to_grid([shape])
    assert grid.pieces
    assert all(piece.is_valid for piece in grid.pieces)
    total = sum(piece.area for piece in grid.pieces) / 1e12
    assert total == pytest.approx(shape.area, rel=1e-3)


def test_what_collapses_is_counted() -> None:
    dust = shapely.box(LON + 1, LAT, LON + 1 + 1e-7, LAT + 1e-7)
    field = shapely.box(LON, LAT, LON + 0.01, LAT + 0.01)
    both, alone = to_grid([shapely.MultiPolygon([field, dust]), dust])
    assert len(both.pieces) == 1
    assert both.parts_lost == 1
    assert alone.pieces == ()
    assert alone.parts_lost == 1


def test_an_inner_point_lies_inside_and_on_the_grid() -> None:
    rng = np.random.default_rng(7)
    for _ in range(50):
        hull = shapely.convex_hull(shapely.multipoints(rng.integers(0, 12, (7, 2))))
        if hull.geom_type != "Polygon":
            continue
        point = inner_point(hull)
        assert hull.covers(point)
        assert (point.x, point.y) == (round(point.x), round(point.y))


@pytest.mark.shared
def test_real_rings_with_hundreds_of_holes(shared_data: Path) -> None:
    """Land cover along the Danube: up to 20 341 vertices and 83 holes in one polygon."""
    frame = gpd.read_parquet(shared_data / "dirty/rings/ro_danube_landcover.parquet")
    shapes = shapely.make_valid(frame.to_crs("EPSG:4326").geometry.to_numpy())
    grids = to_grid(shapes)
    assert sum(grid.holes_cut for grid in grids) > 400
    for shape, grid in zip(shapes, grids, strict=True):
        assert all(piece.is_valid and not piece.interiors for piece in grid.pieces)
        area = sum(piece.area for piece in grid.pieces) / 1e12
        assert area == pytest.approx(shape.area, abs=1e-6 * shape.length)
    pierced = next(i for i, grid in enumerate(grids) if grid.holes_cut == 36)
    _assert_cut_grid(shapes[pierced], list(grids[pierced].pieces))


def _assert_cut_grid(shape: shapely.Geometry, pieces: list[shapely.Polygon]) -> None:
    rounded = shapely.transform(shape, lambda xy: np.rint(xy * 1e6))
    assert _vertices(*pieces) <= _vertices(rounded)


@pytest.mark.shared
def test_real_fields_keep_their_area(shared_data: Path) -> None:
    frame = gpd.read_parquet(shared_data / "fields/br_lem_fields.parquet")
    grids = to_grid(frame.geometry.to_numpy())
    assert sum(grid.holes_cut for grid in grids) == 56
    assert not any(grid.parts_lost for grid in grids)
    for shape, grid in zip(frame.geometry, grids, strict=True):
        area = sum(piece.area for piece in grid.pieces) / 1e12
        assert area == pytest.approx(shape.area, abs=5e-7 * shape.length)
