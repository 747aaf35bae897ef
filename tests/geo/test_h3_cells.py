"""Cells in bulk, against h3-py one by one."""

from __future__ import annotations

import h3
import numpy as np
import pytest
import shapely

from Modules.geo.h3_cells import (
    boundary_areas_m2,
    cell_areas_m2,
    cell_polygons,
    cells_at,
    centres,
    check_resolution,
    disks,
    filled,
    hex_text,
    hexagons,
    map_polygons,
    parents,
)
from Modules.words.errors import DataError
from tests.h3_brute import hexagon

RNG = np.random.default_rng(7)
LON, LAT = RNG.uniform(-180, 180, 400), np.degrees(np.arcsin(RNG.uniform(-1, 1, 400)))


@pytest.mark.parametrize("resolution", range(16))
def test_cells_text_centres_and_parents_are_those_of_h3(resolution: int) -> None:
    cells = cells_at(LON, LAT, resolution)
    texts = hex_text(cells).to_pylist()
    assert texts == [h3.latlng_to_cell(y, x, resolution) for x, y in zip(LON, LAT, strict=True)]
    assert [int(text, 16) for text in texts] == cells.tolist()
    lon, lat = centres(cells)
    expected = np.array([h3.cell_to_latlng(text) for text in texts])
    assert np.allclose(np.column_stack((lat, lon)), expected, rtol=0, atol=1e-9)
    if resolution:
        up = hex_text(parents(cells, resolution - 1)).to_pylist()
        assert up == [h3.cell_to_parent(text) for text in texts]


@pytest.mark.parametrize("resolution", [3, 8, 9, 11, 15])
def test_plain_hexagons_have_the_corners_of_h3(resolution: int) -> None:
    cells = np.unique(cells_at(LON, LAT, resolution))
    shape = hexagons(cells)
    assert shape.plain.mean() > 0.9
    for i in np.flatnonzero(shape.plain)[:100]:
        ring = shape.origin[i] + shape.corners[i]
        expected = shapely.get_coordinates(hexagon(h3.int_to_str(int(cells[i])), ring[0, 0]))[:-1]
        assert np.abs(ring - expected).max() < 1e-11


def test_pentagons_bent_and_polar_cells_are_not_plain() -> None:
    odd = [h3.str_to_int(cell) for cell in h3.get_pentagons(9)]
    odd += [h3.str_to_int(h3.latlng_to_cell(lat, 0, 6)) for lat in (90, -90)]
    assert not hexagons(np.array(odd, dtype=np.uint64)).plain.any()


@pytest.mark.parametrize("resolution", [0, 1, 2])
def test_polygons_of_all_cells_tile_the_globe(resolution: int) -> None:
    cells = [
        h3.str_to_int(c) for r in h3.get_res0_cells() for c in h3.cell_to_children(r, resolution)
    ]
    area = boundary_areas_m2(np.array(sorted(cells), dtype=np.uint64)).sum()
    assert area == pytest.approx(510_065_621.724e6, rel=1e-9)  # of the WGS 84 ellipsoid


@pytest.mark.parametrize("resolution", [0, 5, 8, 9, 10, 11, 13, 15])
def test_areas_in_closed_form_are_those_of_the_boundaries(resolution: int) -> None:
    cells = np.unique(cells_at(LON, LAT, resolution))
    areas = cell_areas_m2(cells, resolution)
    assert np.allclose(areas, boundary_areas_m2(cells), rtol=3e-8, atol=0)
    assert len(cell_areas_m2(cells[:0], resolution)) == 0


def test_areas_beside_an_edge_of_the_icosahedron_are_exact_too() -> None:
    bent = []
    for lon in np.arange(-180, 180, 0.5):
        cells = cells_at(np.full(400, lon), np.linspace(-80, 80, 400), 9)
        bent.append(cells[~hexagons(cells).plain])
    around = np.unique(disks(np.concatenate(bent), 2)[0])
    assert len(around) > 100
    assert np.allclose(cell_areas_m2(around, 9), boundary_areas_m2(around), rtol=1e-8, atol=0)


def test_a_cell_beyond_180_is_drawn_where_it_is_asked_for() -> None:
    cell = np.array([h3.str_to_int(h3.latlng_to_cell(-17.5, 180.0, 5))], dtype=np.uint64)
    east, west = cell_polygons(cell, 179.0)[0], cell_polygons(cell, -179.0)[0]
    assert east.bounds[0] < 180 < east.bounds[2]
    assert west.bounds[0] < -180 < west.bounds[2]
    drawn = map_polygons(cell)[0]
    assert drawn.is_valid
    assert shapely.box(-180, -90, 180, 90).covers(drawn)
    assert drawn.area == pytest.approx(east.area, rel=1e-9)


def test_filled_and_disks_say_whose_they_are() -> None:
    shapes = np.array([shapely.box(-60, -35, -59.9, -34.9), shapely.box(0, 0, 1e-7, 1e-7)])
    cells, owner = filled(shapes, 7)
    assert set(owner.tolist()) == {0}
    assert set(hex_text(cells).to_pylist()) == set(h3.geo_to_cells(shapes[0], 7))
    around, whose = disks(cells[:2])
    assert np.bincount(whose).tolist() == [7, 7]
    assert set(around[whose == 1].tolist()) == {
        h3.str_to_int(c) for c in h3.grid_disk(h3.int_to_str(int(cells[1])), 1)
    }


@pytest.mark.parametrize("resolution", [-1, 16, 9.0, "9"])
def test_a_resolution_that_does_not_exist_is_refused(resolution: object) -> None:
    with pytest.raises(DataError, match="0 a 15"):
        check_resolution(resolution)  # type: ignore[arg-type]
