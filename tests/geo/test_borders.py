"""A border that moved, and the many ways of writing one that did not."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from Modules.geo.borders import TOLERANCIA_M, bordes, distances_m, moved
from Modules.geo.geometry import geodesic_area_ha

LON, LAT = -63.0, -35.0
M_LAT = 110_940.0  # metres in a degree at 35 S, both to 1 in 1,000
M_LON = 91_290.0
SQUARE = shapely.box(0, 0, 1_000, 1_000)
LINE = shapely.LineString([(0, 0), (100, 0)])


def on_earth(shape: shapely.Geometry) -> shapely.Geometry:
    """Metres east and north of a point in La Pampa as degrees."""
    return shapely.transform(shape, lambda xy: xy / (M_LON, M_LAT) + (LON, LAT))


def array(*shapes: shapely.Geometry | None) -> np.ndarray:
    found = np.empty(len(shapes), dtype=object)
    found[:] = shapes
    return found


def has_moved(one: shapely.Geometry, other: shapely.Geometry, tolerancia_m: float = 1.0) -> bool:
    found = moved(array(on_earth(one)), array(on_earth(other)), tolerancia_m)
    mirrored = moved(array(on_earth(other)), array(on_earth(one)), tolerancia_m)
    assert found.tolist() == mirrored.tolist()
    return bool(found[0])


@st.composite
def fields(draw: st.DrawFn) -> shapely.Polygon:
    """A star-shaped field of 100 m to 2 km in metres, some with a hole."""
    amount = draw(st.integers(3, 40))
    radii = draw(st.lists(st.floats(150, 1_000), min_size=amount, max_size=amount))
    turns = np.linspace(0, 2 * math.pi, amount, endpoint=False)
    ring = np.column_stack((np.cos(turns), np.sin(turns))) * np.array(radii)[:, None]
    hole = shapely.Point(0, 0).buffer(20, quad_segs=3).exterior if draw(st.booleans()) else None
    field = shapely.Polygon(ring, [hole] if hole is not None else [])
    return field if field.is_valid else shapely.Polygon(ring).buffer(0)


def displaced(shape: shapely.Polygon, by_m: float, seed: int) -> shapely.Polygon:
    """Every vertex moved by so much, in a direction of its own."""
    rng = np.random.default_rng(seed)

    def ring(points: shapely.LinearRing) -> np.ndarray:
        xy = shapely.get_coordinates(points)[:-1]
        turns = rng.random(len(xy)) * 2 * math.pi
        return xy + by_m * np.column_stack((np.cos(turns), np.sin(turns)))

    return shapely.Polygon(ring(shape.exterior), [ring(hole) for hole in shape.interiors])


def restarted(ring: shapely.LinearRing, at: int) -> np.ndarray:
    xy = shapely.get_coordinates(ring)[:-1]
    return np.roll(xy, at % len(xy), axis=0)


REWRITTEN: dict[str, Callable[[shapely.Polygon], shapely.Geometry]] = {
    "the same": lambda shape: shape,
    "another first vertex": lambda shape: shapely.Polygon(
        restarted(shape.exterior, 2), [restarted(hole, 1) for hole in shape.interiors]
    ),
    "the other direction": shapely.reverse,
    "densified": lambda shape: shapely.segmentize(shape, 7.3),
    "densified and restarted": lambda shape: shapely.Polygon(
        restarted(shapely.segmentize(shape, 50).exterior, 5),
        [hole.coords for hole in shape.interiors],
    ),
    "a multipolygon of one": lambda shape: shapely.MultiPolygon([shape]),
    "simplified": lambda shape: shapely.simplify(shape, 0.4),
}


@given(shape=fields(), name=st.sampled_from(sorted(REWRITTEN)))
def test_a_border_written_anew_did_not_move(shape: shapely.Polygon, name: str) -> None:
    assert not has_moved(shape, REWRITTEN[name](shape))


@given(
    shape=fields(),
    by=st.floats(0, 0.99),
    seed=st.integers(0, 99),
    dense=st.booleans(),
    tolerancia_m=st.sampled_from([0.2, 1.0, 10.0]),
)
def test_vertices_that_are_off_by_less_than_the_tolerance_are_no_news(
    shape: shapely.Polygon, by: float, seed: int, dense: bool, tolerancia_m: float
) -> None:
    noisy = displaced(shape, by * tolerancia_m * 0.99, seed)
    if noisy.is_valid:
        other = shapely.segmentize(noisy, 33) if dense else noisy
        assert not has_moved(shape, other, tolerancia_m)


@given(shape=fields(), by=st.floats(1.1, 50), tolerancia_m=st.sampled_from([0.2, 1.0, 10.0]))
def test_a_border_pushed_out_by_more_than_the_tolerance_is_news(
    shape: shapely.Polygon, by: float, tolerancia_m: float
) -> None:
    assert has_moved(shape, shape.buffer(by * tolerancia_m), tolerancia_m)


@given(one=fields(), other=fields(), east=st.floats(-1_500, 1_500))
def test_what_is_gained_less_what_is_lost_is_the_change_of_area(
    one: shapely.Polygon, other: shapely.Polygon, east: float
) -> None:
    before, now = (
        on_earth(one),
        on_earth(shapely.transform(other, lambda xy: xy + np.array((east, 0)))),
    )
    found = bordes(array(before), array(now))
    areas = geodesic_area_ha([before, now])
    if found.movido[0]:
        difference = found.gana_ha[0] - found.pierde_ha[0]
        assert difference == pytest.approx(areas[1] - areas[0], abs=1e-4 * areas.max() + 1e-4)
    mirrored = bordes(array(now), array(before))
    assert mirrored.movido.tolist() == found.movido.tolist()
    assert mirrored.gana_ha[0] == pytest.approx(found.pierde_ha[0], abs=1e-9)
    assert mirrored.pierde_ha[0] == pytest.approx(found.gana_ha[0], abs=1e-9)


def test_the_pieces_gained_and_lost_lie_where_they_should() -> None:
    before, now = on_earth(SQUARE), on_earth(shapely.box(100, 0, 1_200, 1_000))
    found = bordes(array(before), array(now))
    assert found.gana_ha[0] == pytest.approx(20, rel=2e-3)
    assert found.pierde_ha[0] == pytest.approx(10, rel=2e-3)
    exact = now.difference(before)
    assert found.gana[0].symmetric_difference(exact).area < 1e-9 * exact.area


CUTS = {
    "a road across it": SQUARE.difference(shapely.box(480, -1, 500, 1_001)),
    "a track of 1.5 m across it": SQUARE.difference(shapely.box(480, -1, 481.5, 1_001)),
    "a well of 3 m": SQUARE.difference(shapely.Point(500, 500).buffer(1.5)),
    "a corner of 3 m": shapely.Polygon([(0, 0), (1_000, 0), (1_000, 1_000), (3, 1_000), (0, 997)]),
    "a part far away": shapely.MultiPolygon([SQUARE, shapely.box(5_000, 0, 5_002, 2)]),
    "elsewhere": shapely.box(3_000, 0, 4_000, 1_000),
}


@pytest.mark.parametrize("name", CUTS)
def test_what_is_wider_than_the_tolerance_is_news(name: str) -> None:
    assert has_moved(SQUARE, CUTS[name])


def test_a_spike_that_is_thinner_than_the_tolerance_is_no_news() -> None:
    spike = shapely.box(1_000, 500, 1_300, 500.2)
    assert not has_moved(SQUARE, SQUARE.union(spike))


def test_the_tolerance_decides() -> None:
    wider = shapely.box(0, 0, 1_003, 1_000)
    assert [has_moved(SQUARE, wider, m) for m in (1.0, 2.9, 3.1, 50.0)] == [
        True,
        True,
        False,
        False,
    ]


def test_parts_in_another_order_did_not_move() -> None:
    parts = [SQUARE, shapely.box(2_000, 0, 2_500, 900), shapely.box(4_000, 0, 4_100, 100)]
    assert not has_moved(shapely.MultiPolygon(parts), shapely.MultiPolygon(parts[::-1]))


def test_a_strip_narrower_than_the_tolerance_moves_when_it_lies_elsewhere() -> None:
    strip = shapely.box(0, 0, 1_000, 0.5)
    assert has_moved(strip, shapely.box(0, 300, 1_000, 300.5))
    assert not has_moved(strip, shapely.box(0, 0.4, 1_000, 0.9))
    assert not has_moved(strip, shapely.box(0, 0, 1_000, 0.9))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (shapely.Point(0, 0), shapely.Point(0.6, 0.6), False),
        (shapely.Point(0, 0), shapely.Point(0.8, 0.8), True),
        (shapely.Point(0, 0), None, True),
        (None, shapely.Point(0, 0), True),
        (None, None, False),
        (None, shapely.Point(), False),
        (shapely.Point(0, 0), SQUARE, True),
        (SQUARE, shapely.MultiPolygon([SQUARE]), False),
        (LINE, shapely.LineString([(100, 0), (50, 0.3), (0, 0)]), False),
        (LINE, shapely.LineString([(0, 0), (50, 3), (100, 0)]), True),
        (shapely.MultiPoint([(0, 0), (9, 9)]), shapely.MultiPoint([(9, 9), (0, 0)]), False),
        (shapely.MultiPoint([(0, 0), (9, 9)]), shapely.MultiPoint([(0, 0)]), True),
    ],
)  # fmt: skip
def test_geometry_of_any_kind(
    one: shapely.Geometry | None, other: shapely.Geometry | None, expected: bool
) -> None:
    pair = [None if shape is None else on_earth(shape) for shape in (one, other)]
    assert bool(moved(array(pair[0]), array(pair[1]))[0]) is expected
    assert bool(moved(array(pair[1]), array(pair[0]))[0]) is expected


def test_distances_are_those_of_the_ellipsoid() -> None:
    there = on_earth(shapely.Point(300, 400))
    (metres, nothing) = distances_m(array(on_earth(shapely.Point(0, 0)), None), array(there, there))
    assert metres == pytest.approx(500, rel=1e-3)
    assert math.isnan(nothing)


def test_nothing_to_compare() -> None:
    found = bordes(array(), array())
    assert len(found.movido) == len(found.gana_ha) == 0
    assert moved(array(), array()).tolist() == []
    assert distances_m(array(), array()).tolist() == []


@pytest.mark.parametrize("lat", [-55.0, 0.0, 6.0, 89.9])
def test_the_tolerance_is_metres_at_any_latitude(lat: float) -> None:
    from pyproj import Geod

    geod = Geod(ellps="WGS84")

    def rectangle(wide_m: float) -> shapely.Polygon:
        east, _, _ = geod.fwd(-60, lat, 90, wide_m)
        return shapely.box(-60, lat, east, lat + 0.005)

    for metres, expected in ((500.9, False), (501.1, True)):
        pair = array(rectangle(500)), array(rectangle(metres))
        assert bool(moved(*pair, TOLERANCIA_M)[0]) is expected


def test_a_ring_of_many_vertices_takes_no_quadratic_time() -> None:
    turns = np.linspace(0, 2 * math.pi, 100_000, endpoint=False)
    ring = np.column_stack((np.cos(turns), np.sin(turns))) * 1_000
    one = shapely.Polygon(ring)
    other = shapely.Polygon(np.vstack((ring[:50_000], ring[50_001:])))  # as many corners less one
    assert not has_moved(one, other)
