from __future__ import annotations

import math
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pyproj import Geod
from shapely.geometry import (
    GeometryCollection,
    LineString,
    MultiLineString,
    MultiPoint,
    MultiPolygon,
    Point,
    Polygon,
    box,
)

from Modules.formats.kml_geometry import (
    MAX_VERTICES,
    LookAt,
    geometry_texts,
    label_points,
    simplified,
)
from Modules.words.errors import DataError
from tests.kml_reading import KML, geometry

CENTIMETRE = 0.5000001e-7  # half of the last decimal
HOLED = Polygon(box(0, 0, 4, 4).exterior, [box(1, 1, 2, 2).exterior, box(2.5, 2.5, 3, 3).exterior])
LON = st.floats(-180, 180)
LAT = st.floats(-90, 90)


def read(text: str) -> shapely.Geometry:
    return geometry(etree.fromstring(f'<k xmlns="{KML[1:-1]}">{text}</k>')[0])


def texts(*shapes: shapely.Geometry) -> list[str]:
    return geometry_texts(np.array(shapes, dtype=object))


@given(st.lists(st.tuples(LON, LAT), min_size=1, max_size=20))
def test_positions_have_seven_decimals_and_are_the_nearest(positions: list[tuple]) -> None:
    texts = geometry_texts(shapely.points(np.array(positions)))
    found = [text.split("<coordinates>")[1].split("</")[0] for text in texts]
    for item, position in zip(found, positions, strict=True):
        assert re.fullmatch(r"-?\d{1,3}\.\d{7},-?\d{1,2}\.\d{7}", item)
        assert not re.search(r"-0\.0000000(,|$)", item)
        for number, value in zip(item.split(","), position, strict=True):
            assert abs(float(number) - value) <= CENTIMETRE


@pytest.mark.parametrize(
    "shape",
    [
        Point(-62.5, -35.25),
        LineString([(0, 0), (1, 1), (-0.5, 1e-7)]),
        box(-62.1, -35.2, -62, -35),
        HOLED,
        HOLED.reverse(),
        MultiPolygon([HOLED, box(10, 10, 11, 11)]),
        MultiPolygon([box(10, 10, 11, 11)]),
        MultiPoint([(0, 1), (2, 3)]),
        MultiLineString([[(0, 0), (1, 1)], [(5, 5), (6, 6)]]),
        shapely.force_3d(HOLED, 9.5),
    ],
    ids=lambda shape: shape.geom_type,
)
def test_geometry_reads_back_the_same(shape: shapely.Geometry) -> None:
    (text,) = texts(shape)
    assert read(text).equals(shapely.force_2d(shape))
    assert "9.5" not in text


def test_one_call_keeps_every_geometry_in_its_place() -> None:
    shapes = [Point(1, 2), MultiPolygon([HOLED, box(9, 9, 10, 10)]), LineString([(0, 0), (1, 0)]),
              HOLED, MultiPoint([(0, 1), (2, 3)])]  # fmt: skip
    together = texts(*shapes)
    assert together == [texts(shape)[0] for shape in shapes]
    assert geometry_texts(np.array([], dtype=object)) == []


@pytest.mark.parametrize("shape", [HOLED, HOLED.reverse()], ids=["ccw", "cw"])
def test_shells_turn_left_and_holes_right_and_all_are_closed(shape: Polygon) -> None:
    polygon = read(texts(shape)[0])
    assert polygon.exterior.is_ccw
    assert [hole.is_ccw for hole in polygon.interiors] == [False, False]
    rings = re.findall(r"<coordinates>(.*?)</coordinates>", texts(shape)[0])
    assert all(ring.split(" ")[0] == ring.split(" ")[-1] for ring in rings)


@pytest.mark.parametrize(
    "shape",
    [
        Polygon(),
        MultiPolygon(),
        Point(),
        shapely.from_wkt("MULTIPOINT ((0 0), EMPTY)"),
        GeometryCollection([HOLED]),
    ],
    ids=str,
)
def test_what_kml_cannot_hold_is_refused(shape: shapely.Geometry) -> None:
    with pytest.raises(
        DataError, match="una geometría vacía o una colección no se puede escribir como KML"
    ):
        texts(HOLED, shape)


def test_a_label_is_inside_a_horseshoe() -> None:
    horseshoe = box(0, 0, 3, 3).difference(box(1, 1, 2, 3))
    assert not horseshoe.contains(box(1, 1, 2, 3).centroid)
    assert horseshoe.contains(label_points(np.array([horseshoe], dtype=object))[0])


def _rough_circle(vertices: int) -> Polygon:
    angle = np.linspace(0, 2 * math.pi, vertices, endpoint=False)
    radius = 0.05 + 2e-6 * np.sin(angle * 997)
    return Polygon(np.column_stack((-62 + radius * np.cos(angle), -35 + radius * np.sin(angle))))


def _shift_m(before: Polygon, after: Polygon) -> float:
    """How far a vertex of the one is from the border of the other: at most, in metres."""
    geod = Geod(ellps="WGS84")
    vertices = shapely.points(shapely.get_coordinates(before))
    nearest = shapely.get_coordinates(shapely.shortest_line(vertices, after.boundary))
    ends = nearest.reshape(-1, 4)
    _, _, metres = geod.inv(ends[:, 0], ends[:, 1], ends[:, 2], ends[:, 3])
    return float(np.max(metres))


def test_a_polygon_of_too_many_vertices_moves_a_metre_at_most() -> None:
    large, small = _rough_circle(MAX_VERTICES + 1), _rough_circle(MAX_VERTICES - 1)
    found = simplified(np.array([small, large], dtype=object))
    assert found[0] is small
    assert shapely.get_num_coordinates(found[1]) < MAX_VERTICES / 4
    assert found[1].is_valid
    assert 0 < _shift_m(large, found[1]) <= 1.0


@pytest.mark.shared
def test_real_large_polygons_move_a_metre_at_most(shared_data: Path) -> None:
    real = gpd.read_parquet(shared_data / "dirty/rings/ro_danube_landcover.parquet")
    shapes = np.asarray(real.to_crs("EPSG:4326").geometry.array, dtype=object)
    large = np.flatnonzero(shapely.get_num_coordinates(shapes) > MAX_VERTICES)
    assert len(large)
    large = large[:1]  # to find how far each vertex went takes seconds
    shapes = shapes[: large[0] + 1]
    found = simplified(shapes)
    for i in large:
        assert shapely.get_num_coordinates(found[i]) < shapely.get_num_coordinates(shapes[i])
        assert _shift_m(shapes[i], found[i]) <= 1.0
    untouched = np.setdiff1d(np.arange(len(shapes)), large)
    assert all(found[i] is shapes[i] for i in untouched)


@given(LON, st.floats(-80, 80), st.floats(0, 0.5), st.floats(0, 0.5))
def test_the_eye_is_over_the_middle_and_far_enough(
    lon: float, lat: float, wide: float, high: float
) -> None:
    look = LookAt.framing(np.array([[lon, lat, lon + wide, lat + high]]))
    assert look.lon == pytest.approx(lon + wide / 2)
    _, _, side = Geod(ellps="WGS84").inv(lon, look.lat, lon + wide, look.lat)
    assert look.range_m >= max(side, 400)
