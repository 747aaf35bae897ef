"""Proposed points: inside, off the edge, spread, and the same whenever the polygon is."""

from __future__ import annotations

import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from Modules.geo.sampling import (
    METODO,
    METODO_INTERIOR,
    PuntoPropuesto,
    propose_points,
    radical_inverse,
)
from Modules.words.errors import SettingsError

GEOD = Geod(ellps="WGS84")
M_PER_DEGREE = 111_320.0


def around(lon: float, lat: float, xy_m: np.ndarray) -> np.ndarray:
    """Metres east and north of a place as degrees, near enough to draw test shapes."""
    scale = np.array([M_PER_DEGREE * math.cos(math.radians(lat)), M_PER_DEGREE])
    return np.array([lon, lat]) + np.asarray(xy_m, dtype=float) / scale


def star(
    lon: float, lat: float, radii_m: list[float], hole: float = 0.0, turn: float = 0.0
) -> BaseGeometry:
    """A star-shaped polygon, with a hole in its middle if ``hole`` (share of the radii) says so."""
    angles = np.linspace(0, 2 * math.pi, len(radii_m), endpoint=False) + turn
    unit = np.column_stack((np.cos(angles), np.sin(angles)))
    rings = [around(lon, lat, unit * np.array(radii_m)[:, None] * share) for share in (1.0, hole)]
    return shapely.Polygon(rings[0], [rings[1]] if hole else None)


@st.composite
def stars(draw: st.DrawFn) -> BaseGeometry:
    lon = draw(st.floats(-70, -54))
    lat = draw(st.floats(-45, -22))
    size = draw(st.sampled_from([15.0, 40.0, 120.0, 500.0, 2500.0]))
    radii = draw(st.lists(st.floats(0.15, 1.0), min_size=3, max_size=14))
    hole = draw(st.sampled_from([0.0, 0.0, 0.3, 0.7]))
    one = star(lon, lat, [r * size for r in radii], hole, draw(st.floats(0, 6)))
    if not draw(st.booleans()):
        return one
    east, north = draw(st.sampled_from([(3, 0), (0, 2.5), (30, 40)]))
    there = around(lon, lat, np.array([east, north]) * size)
    return shapely.MultiPolygon([one, star(*there, [r * size / 2 for r in radii])])


def distance_to_edge_m(shape: BaseGeometry, point: PuntoPropuesto) -> float:
    """By another road: geodesics to many places of the edge. Never less than the true distance."""
    step = max(shapely.length(shape) / 8_000, 1e-7)
    edge = shapely.get_coordinates(shapely.segmentize(shape, step))
    east, north = ((edge - [point.lon, point.lat]) * [math.cos(math.radians(point.lat)), 1]).T
    edge = edge[np.argsort(np.hypot(east, north))[:400]]  # the nearest are among these
    n = len(edge)
    _, _, metres = GEOD.inv([point.lon] * n, [point.lat] * n, edge[:, 0], edge[:, 1])
    return float(np.min(metres))


@given(shape=stars(), cantidad=st.integers(1, 8), margen_m=st.sampled_from([0.0, 5.0, 20.0, 60.0]))
def test_points_lie_inside_and_off_the_edge_and_are_as_many_as_asked(
    shape: BaseGeometry, cantidad: int, margen_m: float
) -> None:
    points = propose_points(shape, cantidad=cantidad, margen_m=margen_m)
    for point in points:
        assert shapely.contains_xy(shape, point.lon, point.lat)
        assert point.distancia_borde_m == pytest.approx(
            distance_to_edge_m(shape, point), rel=1e-3, abs=0.3
        )
    if all(point.en_margen for point in points):
        assert len({(point.lon, point.lat) for point in points}) == cantidad
        assert all(distance_to_edge_m(shape, point) >= margen_m for point in points)
        assert {point.metodo for point in points} == {METODO}
    else:  # the margin left nothing: one point, said to be another kind
        assert len(points) == 1
        assert distance_to_edge_m(shape, points[0]) < margen_m + 0.5
        assert points[0].metodo == METODO_INTERIOR


def redrawn(shape: BaseGeometry, rng: np.random.Generator) -> BaseGeometry:
    """The same ground: other first vertices and directions, parts and holes in another order."""

    def ring(line: BaseGeometry) -> np.ndarray:
        xy = np.roll(shapely.get_coordinates(line)[:-1], rng.integers(100), axis=0)
        return xy[::-1] if rng.random() < 0.5 else xy

    parts = []
    for part in rng.permutation(shapely.get_parts(shape)):
        holes = [ring(hole) for hole in rng.permutation(np.array(part.interiors, dtype=object))]
        parts.append(shapely.Polygon(ring(part.exterior), holes))
    return parts[0] if shape.geom_type == "Polygon" else shapely.MultiPolygon(parts)


@given(shape=stars(), seed=st.integers(0, 2**32))
def test_the_first_vertex_and_the_order_of_parts_do_not_matter(
    shape: BaseGeometry, seed: int
) -> None:
    again = redrawn(shape, np.random.default_rng(seed))
    assert again.equals(shape)
    ask = {"cantidad": 4, "margen_m": 10.0}
    assert propose_points(again, **ask) == propose_points(shape, **ask)


@pytest.mark.parametrize("seed", range(12))
def test_nor_do_they_for_slivers_and_far_patches(seed: int) -> None:
    far = shapely.MultiPolygon([star(-61, -34, [60] * 8), star(-60.3, -33.4, [60] * 8, 0.2)])
    sliver = star(-61, -34, [300, 9, 300, 8, 200, 9], turn=0.4)
    rng = np.random.default_rng(seed)
    for shape in (far, sliver):
        again = redrawn(shape, rng)
        ask = {"cantidad": 4, "margen_m": 20.0}
        assert propose_points(again, **ask) == propose_points(shape, **ask)


def many_fields() -> list[BaseGeometry]:
    rng = np.random.default_rng(20251120)
    return [
        star(
            float(rng.uniform(-64, -58)),
            float(rng.uniform(-38, -31)),
            list(rng.uniform(150, 600, rng.integers(4, 12))),
            float(rng.choice([0.0, 0.0, 0.4])),
            float(rng.uniform(0, 6)),
        )
        for _ in range(60)
    ]


def least_gap_m(lonlat: np.ndarray) -> float:
    first, second = np.triu_indices(len(lonlat), 1)
    _, _, metres = GEOD.inv(*lonlat[first].T, *lonlat[second].T)
    return float(np.min(metres))


def random_gap_m(shape: BaseGeometry, cantidad: int, rng: np.random.Generator) -> float:
    """Median of the least gap of uniformly random points of a shape."""
    west, south, east, north = shape.bounds
    pool = rng.uniform((west, south), (east, north), (4000, 2))
    pool = pool[shapely.contains_xy(shape, pool[:, 0], pool[:, 1])]
    picks = [rng.choice(len(pool), cantidad, replace=False) for _ in range(60)]
    return float(np.median([least_gap_m(pool[pick]) for pick in picks]))


@pytest.mark.parametrize(("cantidad", "better"), [(3, 1.3), (5, 1.6), (9, 2.0)])
def test_points_are_spread_better_than_at_random(cantidad: int, better: float) -> None:
    rng = np.random.default_rng(7)
    ratios = []
    for shape in many_fields():
        # random points may use the ground along the edge as well, which makes it harder for ours
        points = propose_points(shape, cantidad=cantidad, margen_m=10)
        ours = least_gap_m(np.array([(point.lon, point.lat) for point in points]))
        ratios.append(ours / random_gap_m(shape, cantidad, rng))
    assert np.median(ratios) > better
    assert np.mean(np.array(ratios) > 1) > 0.95


def test_points_share_the_ground_fairly() -> None:
    """Each point stands for a like share of the ambiente: none has a corner all to itself."""
    shape = star(-61.0, -34.0, [400] * 12)
    points = propose_points(shape, cantidad=6, margen_m=0)
    rng = np.random.default_rng(3)
    pool = rng.uniform(shape.bounds[:2], shape.bounds[2:], (6000, 2))
    pool = pool[shapely.contains_xy(shape, pool[:, 0], pool[:, 1])]
    spots = np.array([(point.lon, point.lat) for point in points])
    flat = np.array([math.cos(math.radians(34)), 1.0])
    owner = (((pool[:, None] - spots) * flat) ** 2).sum(axis=2).argmin(axis=1)
    shares = np.bincount(owner, minlength=6) / len(pool)
    assert shares.min() > 0.6 / 6
    assert shares.max() < 1.6 / 6


def test_a_border_that_moves_a_metre_does_not_send_the_crew_elsewhere() -> None:
    moved = []
    for shape in many_fields():
        xy = shapely.get_coordinates(shape.exterior)[:-1].copy()
        xy[1] = around(*xy[1], np.array([0.7, 0.7]))
        edited = shapely.Polygon(xy, [ring.coords for ring in shape.interiors])
        before, after = (propose_points(s, cantidad=3, margen_m=10) for s in (shape, edited))
        gaps = [
            min(GEOD.inv(a.lon, a.lat, b.lon, b.lat)[2] for b in after if b.en_margen)
            for a in before
        ]
        moved.append(max(gaps))
    assert np.median(moved) < 25
    assert np.mean(np.array(moved) < 80) > 0.9


def test_the_same_on_another_call_and_rounded_to_a_centimetre() -> None:
    shape = star(-61.0, -34.0, [400, 300, 350, 500, 200])
    points = propose_points(shape, cantidad=5, margen_m=20)
    assert points == propose_points(shape, cantidad=5, margen_m=20)
    assert all(round(value, 7) == value for point in points for value in (point.lon, point.lat))
    assert [point.lon for point in points] == sorted(point.lon for point in points)


def test_a_sliver_gets_its_most_interior_point() -> None:
    sliver = shapely.Polygon(around(-60, -35, np.array([(0, 0), (900, 0), (900, -12), (700, -30)])))
    (point,) = propose_points(sliver, cantidad=3, margen_m=20)
    assert point.en_margen is False
    grid = np.stack(
        np.meshgrid(
            *(np.linspace(*b, 300) for b in zip(*np.split(np.array(sliver.bounds), 2), strict=True))
        ),
        axis=-1,
    ).reshape(-1, 2)
    scale = np.array([math.cos(math.radians(35)), 1.0]) * M_PER_DEGREE
    flat = shapely.transform(sliver, lambda xy: xy * scale)
    there = shapely.points(grid * scale)
    best = shapely.distance(flat.boundary, there)[shapely.contains(flat, there)].max()
    assert point.distancia_borde_m == pytest.approx(best, rel=0.05)


@pytest.mark.parametrize("width_m", [1.0, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_the_point_of_a_sliver_of_any_width_is_inside_it(width_m: float, turn: float) -> None:
    spin = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    corners = np.array([(0, 0), (800, 0), (800, width_m), (0, width_m)]) @ spin
    sliver = shapely.Polygon(around(-60, -35, corners))
    for margen_m in (0.0, 20.0):
        for point in propose_points(sliver, cantidad=3, margen_m=margen_m):
            assert shapely.contains_xy(sliver, point.lon, point.lat)


def test_points_keep_out_of_holes_and_reach_every_large_part() -> None:
    ring = star(-61.0, -34.0, [500] * 40, hole=0.8)
    points = propose_points(ring, cantidad=6, margen_m=20)
    angles = np.sort([math.atan2(point.lat + 34, point.lon + 61) for point in points])
    turns = np.diff(np.append(angles, angles[0] + 2 * math.pi))
    assert len(points) == 6
    assert turns.max() < 2 * math.pi / 6 * 1.6  # all round the ring

    parts = [star(-61.0 + east, -34.0, [300] * 8) for east in (0, 0.05, 0.1)]
    points = propose_points(shapely.MultiPolygon(parts), cantidad=3, margen_m=20)
    found = [shapely.contains_xy(part, point.lon, point.lat) for part in parts for point in points]
    assert sum(found) == 3
    assert np.array(found).reshape(3, 3).any(axis=1).all()


@pytest.mark.parametrize("cantidad", [1, 3, 7])
def test_ground_that_fills_next_to_nothing_of_its_box_still_gets_its_points(cantidad: int) -> None:
    """Two patches 90 km apart, and a strip on the diagonal of which a metre is left."""
    patches = shapely.MultiPolygon([star(-61, -34, [60] * 8), star(-60.3, -33.4, [60] * 8)])
    strip = shapely.Polygon(
        around(-61, -34, np.array([(0, 0), (4000, 4000), (3970, 4030), (-30, 30)]))
    )
    for shape in (patches, strip):
        points = propose_points(shape, cantidad=cantidad, margen_m=20)
        assert len({(point.lon, point.lat) for point in points}) == cantidad
        assert all(point.en_margen for point in points)
        assert all(shapely.contains_xy(shape, point.lon, point.lat) for point in points)
        assert all(distance_to_edge_m(shape, point) >= 20 for point in points)


def test_the_margin_is_in_metres_east_as_well_as_north() -> None:
    """A degree of longitude is short at 50° south: a margin in degrees would show."""
    square = shapely.Polygon(around(-70, -50, np.array([(0, 0), (100, 0), (100, 100), (0, 100)])))
    (point,) = propose_points(square, cantidad=1, margen_m=49)
    assert point.en_margen
    assert distance_to_edge_m(square, point) >= 49
    assert not propose_points(square, cantidad=1, margen_m=50.5)[0].en_margen


@pytest.mark.parametrize(
    ("cantidad", "margen_m"), [(0, 20.0), (-1, 20.0), (3, -0.1), (3, math.nan), (3, math.inf)]
)
def test_an_ask_that_makes_no_sense_is_refused(cantidad: int, margen_m: float) -> None:
    with pytest.raises(SettingsError):
        propose_points(star(-60, -35, [100] * 5), cantidad=cantidad, margen_m=margen_m)


def test_radical_inverse_mirrors_the_digits() -> None:
    assert radical_inverse(np.arange(1, 8), 2).tolist() == [
        *(0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875)
    ]
    assert radical_inverse(np.arange(1, 6), 3) == pytest.approx([1 / 3, 2 / 3, 1 / 9, 4 / 9, 7 / 9])


@pytest.mark.shared
def test_real_wheat_zones_of_argentina(shared_data: Path) -> None:
    zones = gpd.read_file(shared_data / "zones" / "ar_wheat_zones_derived.geojson")
    for shape in zones.geometry:
        points = propose_points(shape, cantidad=5, margen_m=20)
        assert len(points) == 5
        assert all(point.en_margen for point in points)
        assert all(shapely.contains_xy(shape, point.lon, point.lat) for point in points)
        assert all(distance_to_edge_m(shape, point) >= 20 for point in points)


@pytest.mark.shared
def test_real_shapes_with_hundreds_of_holes_and_thousands_of_vertices(shared_data: Path) -> None:
    source = gpd.read_parquet(shared_data / "dirty" / "rings" / "ro_danube_landcover.parquet")
    shapes = source.geometry.to_crs("EPSG:4326")
    biggest = shapely.get_num_coordinates(shapes.to_numpy()).argsort()[::-1][:12]
    fields = gpd.read_file(shared_data / "fields" / "br_lem_fields_300.geojson").geometry
    for shape in [*shapes.iloc[biggest], *fields.iloc[:60]]:
        valid = shapely.make_valid(shape, method="structure")
        points = propose_points(valid, cantidad=3, margen_m=20)
        assert len(points) == (3 if points[0].en_margen else 1)
        for point in points:
            assert shapely.contains_xy(valid, point.lon, point.lat)


@pytest.mark.parametrize("side_m", [0.02, 0.05, 0.08, 0.2, 1.0])
def test_on_ground_of_centimetres_rounding_puts_no_point_outside_or_on_another(
    side_m: float,
) -> None:
    corners = np.array([(0, 0), (side_m, 0), (side_m, side_m * 0.8), (0, side_m)])
    shape = shapely.Polygon(around(-60.1234567, -35.7654321, corners))
    for cantidad in (1, 3, 8):
        points = propose_points(shape, cantidad=cantidad, margen_m=0)
        assert all(shapely.contains_xy(shape, point.lon, point.lat) for point in points)
        assert len({(point.lon, point.lat) for point in points}) == len(points)
        assert len(points) == (cantidad if points[0].en_margen else 1)
    assert len(points) == (8 if side_m > 0.1 else len(points))
