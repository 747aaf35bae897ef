"""The walk along borders: pieces tile every edge, and what cannot be walked is given up by part."""

from __future__ import annotations

import h3
import numpy as np
import pytest
import shapely

from Modules.geo.h3_areas import straight_areas_m2
from Modules.geo.h3_border import border, cut_slowly, edges_of, sample_points
from Modules.geo.h3_cells import cell_areas_m2, cell_polygons
from Modules.geo.h3_cover import cover_polygon
from tests.h3_brute import brute_cover, hexagon

SIDE_M = h3.average_hexagon_edge_length(9, unit="m")
LOTE = shapely.Polygon(
    [(-61.5, -33.2), (-61.49, -33.202), (-61.488, -33.19), (-61.501, -33.191)],
    [[(-61.497, -33.195), (-61.495, -33.195), (-61.496, -33.197)]],
)


def parts(*shapes: shapely.Polygon) -> np.ndarray:
    return shapely.orient_polygons(np.array(shapes, dtype=object), exterior_cw=False)


def test_edges_go_round_with_the_inside_on_the_left() -> None:
    edges = edges_of(parts(LOTE, LOTE))
    assert len(edges) == 14
    assert edges.part.tolist() == [0] * 7 + [1] * 7
    area = (edges.x1 * edges.y2 - edges.x2 * edges.y1)[:7].sum() / 2
    assert area == pytest.approx(LOTE.area, rel=1e-6)
    assert edges.middle_lon[0] == pytest.approx((-61.501 - 61.488) / 2)


def test_an_edge_without_length_is_none() -> None:
    twice = shapely.Polygon([(0, 0), (1, 0), (1, 0), (1, 1), (0, 0)])
    assert len(edges_of(parts(twice))) == 3


def test_samples_are_no_farther_apart_than_asked() -> None:
    edges = edges_of(parts(LOTE))
    edge, t = sample_points(edges, 25.0)
    assert set(edge.tolist()) == set(range(7))
    for i in range(7):
        own = np.sort(t[edge == i])
        length = 111_320 * np.hypot(
            (edges.x2[i] - edges.x1[i]) * np.cos(np.radians(-33.2)), edges.y2[i] - edges.y1[i]
        )
        assert np.diff(np.r_[-own[0], own, 2 - own[-1]]).max() * length < 26


def test_the_border_is_all_cells_that_are_neither_inside_nor_outside() -> None:
    found, doubtful = border(parts(LOTE), 10, SIDE_M)
    touched = brute_cover(LOTE, 10)
    crossed = {cell for cell in touched if LOTE.boundary.intersects(hexagon(cell, -61.5))}
    assert not doubtful.any()
    assert {h3.int_to_str(int(cell)) for cell in found.cell} == crossed
    assert (found.area_m2 <= found.cell_m2).all()
    assert (np.abs(found.bulge_m2) < 5).all()


def test_the_length_in_all_cells_is_that_of_the_border() -> None:
    found, _ = border(parts(LOTE), 11, SIDE_M / 7)
    metres = shapely.transform(
        LOTE, lambda xy: xy * (111_320 * np.cos(np.radians(-33.195)), 111_320)
    )
    assert found.length_m.sum() == pytest.approx(metres.length, rel=0.01)


@pytest.mark.parametrize("step", [1e-3, 1.0, 1e4])
def test_how_far_apart_samples_are_changes_nothing(step: float) -> None:
    if step < 1:
        step = SIDE_M / 50
    usual, other = border(parts(LOTE), 10, SIDE_M)[0], border(parts(LOTE), 10, step)[0]
    assert np.array_equal(usual.cell, other.cell)
    assert np.allclose(usual.area_m2, other.area_m2, rtol=1e-12, atol=1e-9)


def test_a_pentagon_or_a_border_along_cells_is_doubtful_and_the_others_are_not() -> None:
    pentagon = sorted(h3.get_pentagons(9))[3]
    lat, lon = h3.cell_to_latlng(pentagon)
    at_pentagon = shapely.box(lon - 1e-3, lat - 1e-3, lon + 1e-3, lat + 1e-3)
    cell = h3.str_to_int(h3.latlng_to_cell(-33.2, -61.5, 9))
    same = cell_polygons(np.array([cell], dtype=np.uint64), -61.5)[0]
    found, doubtful = border(parts(at_pentagon, LOTE, same), 9, SIDE_M)
    assert doubtful[0]
    assert not doubtful[1]
    assert set(found.part.tolist()) <= {1, 2}


# --- the slow way gives what the fast one does, where both can ------------------------------------

HOLED = shapely.Polygon(
    [(-61.5, -33.2), (-61.48, -33.202), (-61.488, -33.18), (-61.501, -33.181)],
    [[(-61.497, -33.195), (-61.492, -33.195), (-61.494, -33.199)]],
)


@pytest.mark.parametrize("resolution", [5, 8, 9, 10, 11])
def test_fast_and_slow_agree(resolution: int) -> None:
    side = h3.average_hexagon_edge_length(resolution, unit="m")
    rim, inside = cut_slowly(shapely.orient_polygons(HOLED), resolution, side)
    fast = cover_polygon(HOLED, resolution)
    slow = dict(zip(rim.cell.tolist(), (rim.area_m2 / rim.cell_m2).tolist(), strict=True))
    slow = {cell: share for cell, share in slow.items() if share > 1e-9}
    slow |= dict.fromkeys(inside.tolist(), 1.0)
    ours = dict(zip(fast.cell.tolist(), fast.fraccion.tolist(), strict=True))
    assert set(ours) == set(slow)
    for cell, share in ours.items():
        assert share == pytest.approx(slow[cell], abs=1e-8)


def test_the_parts_of_the_slow_way_add_up() -> None:
    rim, inside = cut_slowly(shapely.orient_polygons(HOLED), 10, 65.0)
    total = rim.area_m2.sum() + cell_areas_m2(inside, 10).sum()
    assert len(inside) > 50
    assert not set(inside.tolist()) & set(rim.cell.tolist())
    assert total == pytest.approx(straight_areas_m2(np.array([HOLED], dtype=object))[0], rel=1e-8)
