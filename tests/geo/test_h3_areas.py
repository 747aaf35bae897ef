"""Areas of straight-edged polygons on the ellipsoid, against pyproj on much shorter edges."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from shapely.affinity import rotate

from Modules.geo.arrays import M2_PER_HA
from Modules.geo.geometry import geodesic_area_ha
from Modules.geo.h3_areas import bulges_m2, lengths_m, straight_areas_m2


def field(lon: float, lat: float, size: float, turn: float) -> shapely.Polygon:
    """A holed quadrilateral of about ``size`` degrees."""
    ring = [(0, 0), (1, 0.1), (0.9, 0.8), (0.1, 1)]
    hole = [(0.3, 0.3), (0.5, 0.3), (0.4, 0.6)]
    place = np.array([lon, lat])
    shape = shapely.Polygon(np.array(ring) * size + place, [np.array(hole) * size + place])
    return rotate(shape, turn, origin=(lon, lat))


@example(lon=0.0, lat=80.0, size=0.5, turn=263.0)  # where the two readings of an edge differ most
@given(st.floats(-170, 170), st.floats(-80, 80), st.floats(0.003, 0.5), st.floats(0, 360))
def test_areas_are_those_of_pyproj_along_straight_edges(
    lon: float, lat: float, size: float, turn: float
) -> None:
    shape = field(lon, lat, size, turn)
    fine = shapely.segmentize(shape, size / 600)  # so short that both readings of an edge agree
    ours = straight_areas_m2(np.array([shape], dtype=object))[0]
    theirs = geodesic_area_ha([fine])[0] * M2_PER_HA
    assert ours == pytest.approx(theirs, rel=3e-8, abs=0.02)


def test_parts_are_added_holes_taken_off_and_direction_does_not_matter() -> None:
    one, two = field(-60, -35, 0.01, 10), field(-59, -34, 0.02, 50)
    shapes = np.array([one, two, shapely.MultiPolygon([one, two.reverse()])], dtype=object)
    areas = straight_areas_m2(shapes)
    assert areas[2] == pytest.approx(areas[0] + areas[1], rel=1e-14)
    whole = straight_areas_m2(np.array([shapely.Polygon(one.exterior)], dtype=object))[0]
    hole = straight_areas_m2(np.array([shapely.Polygon(one.interiors[0])], dtype=object))[0]
    assert areas[0] == pytest.approx(whole - hole, rel=1e-14)


def test_what_is_no_polygon_has_no_area() -> None:
    shapes = np.array([shapely.Point(1, 2), shapely.LineString([(0, 0), (1, 1)])], dtype=object)
    assert straight_areas_m2(shapes).tolist() == [0.0, 0.0]
    assert len(straight_areas_m2(np.array([], dtype=object))) == 0


@pytest.mark.parametrize("lat", [-78.0, -35.0, -12.0, 0.5, 48.0, 80.0])
@pytest.mark.parametrize("turn", [0.0, 33.0, 90.0, 200.0])
def test_a_bulge_is_what_geodesic_and_straight_areas_differ_by(lat: float, turn: float) -> None:
    shape = rotate(shapely.Polygon([(0, 0), (0.02, 0), (0, 0.01)]), turn, origin=(0, 0))
    shape = shapely.transform(
        shapely.orient_polygons(shape), lambda xy: xy + np.array([-60.0, lat])
    )
    xy = shapely.get_coordinates(shape)
    bulges = bulges_m2(*xy[:-1].T, *xy[1:].T)
    straight = straight_areas_m2(np.array([shape], dtype=object))[0]
    geodesic = geodesic_area_ha([shape])[0] * M2_PER_HA
    assert straight + bulges.sum() == pytest.approx(
        geodesic, abs=2e-3 + 0.01 * np.abs(bulges).sum()
    )
    if abs(lat) > 30:
        assert abs(geodesic - straight) > 0.02  # there is something to tell


def test_lengths_are_metres() -> None:
    length = lengths_m(*(np.array([v]) for v in (-60.0, -35.0, -60.0, -34.99)))[0]
    assert length == pytest.approx(1109.5, rel=0.01)
