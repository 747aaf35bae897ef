"""Geometry: six encodings, CRS and axis order, areas, repair, limits."""

from __future__ import annotations

import json
import math
import struct
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from Modules.geo.encodings import ANILLO_ABIERTO, PARTES_VACIAS
from Modules.geo.geometry import (
    Mended,
    Repaired,
    Unreadable,
    decode,
    geodesic_area_ha,
    repair,
    usable,
)
from Modules.words.domain import BoundingBox, GeometryEncoding, Motivo
from Modules.words.errors import SettingsError

WORLD = BoundingBox(-180, -90, 180, 90)
LPIS = [
    "nl_brp_2023",
    "pt_aveiro_culturas",
    "es_cat_dun2023",
    "be_vlg_2023",
    "dk_2026",
    "at_2025",
    "ie_gsaa_2024",
    "us_ca_dwr2023",
    "it_tuscany_2023",
    "bf_jecam",
    "jp_fude_2024",
    "de_sh_feldbloecke",
]
POLYGONS = ("Polygon", "MultiPolygon")
SQUARE = shapely.box(-63.1, -35.51, -63.09, -35.5)
RING = [[0, 0], [1, 0], [1, 1], [0, 0]]
OTHER = [[5, 5], [6, 5], [6, 6], [5, 5]]
POLYGON = {"type": "Polygon", "coordinates": [RING]}
LINE = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
OPEN_WKB = (
    "010300000001000000" + struct.pack("<I8d", 4, *np.ravel(SQUARE.exterior.coords[:4])).hex()
)
WKB_OF_NESTED_COLLECTIONS = "010700000001000000" * 40 + "0101000000" + "00" * 16
SHAPES = [
    SQUARE,
    shapely.box(-62, -34, -61, -33) - shapely.box(-61.6, -33.6, -61.4, -33.4),
    shapely.MultiPolygon([shapely.box(-62, -34, -61.9, -33.9), shapely.box(-61, -34, -60.9, -33)]),
]
MARKS = [
    shapely.from_wkt("POINT (-63.095 -35.505)"),
    shapely.from_wkt("MULTIPOINT (-63 -35, -62 -34.25)"),
    shapely.from_wkt("LINESTRING (-63 -35, -62 -34, -61.5 -34.5)"),
    shapely.from_wkt("MULTILINESTRING ((-63 -35, -62 -34), (-61 -34, -60 -33))"),
]


def one(value: object, kind: str = "geojson", **more: str) -> BaseGeometry | Unreadable:
    found = decode([value], GeometryEncoding(kind, **more))[0]
    return found.geometry if isinstance(found, Mended) else found


def mends(value: object, kind: str = "geojson") -> frozenset[str]:
    found = decode([value], GeometryEncoding(kind))[0]
    return found.mends if isinstance(found, Mended) else frozenset()


def motivo(value: object, kind: str = "geojson", **more: str) -> Motivo:
    found = one(value, kind, **more)
    assert isinstance(found, Unreadable), found
    return found.motivo


def to_geojson(shape: BaseGeometry) -> dict:
    return json.loads(json.dumps(shape.__geo_interface__))


def lat_lon_rings(shape: BaseGeometry) -> list:
    def ring(line) -> list:
        return [{"lat": y, "lon": x} for x, y in line.coords]

    parts = [
        [ring(part.exterior), *(ring(hole) for hole in part.interiors)]
        for part in shapely.get_parts(shape)
    ]
    return parts if shape.geom_type == "MultiPolygon" else parts[0]


def ewkb(shape: BaseGeometry) -> str:
    return shapely.to_wkb(shapely.set_srid(shape, 4326), hex=True, include_srid=True)


def wkb_3d(shape: BaseGeometry, flavor: str) -> str:
    return shapely.to_wkb(shapely.force_3d(shape, 7.0), hex=True, flavor=flavor)


SECOND_PART_A_NEST = (  # a multipolygon: a sound part, then multipolygons in one another
    "010600000002000000" + shapely.to_wkb(SQUARE, hex=True) + "010600000001000000" * 100_000
)


# --- encodings ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        ("geojson", to_geojson),
        ("geojson", lambda g: {"type": "Feature", "properties": {}, "geometry": to_geojson(g)}),
        ("geojson_text", lambda g: json.dumps(to_geojson(g))),
        ("wkt", lambda g: shapely.to_wkt(g, rounding_precision=-1)),
        ("wkt", lambda g: f"SRID=4326;{g.wkt}"),
        ("wkb_hex", lambda g: shapely.to_wkb(g, hex=True)),
        ("wkb_hex", lambda g: shapely.to_wkb(g, hex=True, byte_order=0).lower()),
        ("wkb_hex", ewkb),
        ("wkb_hex", partial(wkb_3d, flavor="iso")),
        ("wkb_hex", partial(wkb_3d, flavor="extended")),
    ],
)
def test_every_shape_survives_each_encoding_to_the_last_bit(kind, write):
    shapes = SHAPES + MARKS
    found = decode([write(shape) for shape in shapes], GeometryEncoding(kind))
    assert [shapely.to_wkb(shape) for shape in found] == [shapely.to_wkb(s) for s in shapes]


def test_latlon_rings_of_named_points_and_of_pairs():
    found = decode([lat_lon_rings(shape) for shape in SHAPES], GeometryEncoding("latlon_rings"))
    assert [shape.wkt for shape in found] == [shape.wkt for shape in SHAPES]
    ring = [[lat, lon] for lon, lat in SQUARE.exterior.coords]
    assert one(ring, "latlon_rings", axis_order="lat_lon").equals(SQUARE)
    assert one([ring], "latlon_rings", axis_order="lat_lon").equals(SQUARE)
    assert one([[ring]], "latlon_rings", axis_order="lat_lon").equals(SQUARE)


def test_rings_in_objects_as_one_large_platform_writes_them():
    shell, hole = lat_lon_rings(SHAPES[1])
    rings = [{"points": shell, "type": "exterior"}, {"points": hole, "type": "interior"}]
    value = {"multipolygons": [{"rings": rings}]}
    assert one(value, "latlon_rings").equals(SHAPES[1])


def test_lat_lon_numbers_give_a_point_also_as_text():
    assert one({"lat": -35.5, "lon": -63.25}, "lat_lon").wkt == "POINT (-63.25 -35.5)"
    assert one({"latitud": "-35.5", "lng": "-63.25"}, "lat_lon").wkt == "POINT (-63.25 -35.5)"
    assert motivo({"lat": None, "lon": None}, "lat_lon") is Motivo.SIN_GEOMETRIA
    assert motivo({"lat": -35.5}, "lat_lon") is Motivo.GEOMETRIA_ILEGIBLE
    assert motivo({"lat": "NaN", "lon": 1}, "lat_lon") is Motivo.COORDENADA_INVALIDA


def test_an_open_ring_is_closed_and_more_dimensions_are_dropped():
    ring = [[*xy, 130.0] for xy in SQUARE.exterior.coords]
    is_open = {"type": "Polygon", "coordinates": [ring[:-1]]}
    assert one(is_open).wkt == SQUARE.wkt
    assert mends(is_open) == {ANILLO_ABIERTO}
    assert one(OPEN_WKB, "wkb_hex").equals(SQUARE)
    assert mends(OPEN_WKB, "wkb_hex") == {ANILLO_ABIERTO}
    assert not mends(SQUARE.wkb_hex, "wkb_hex")
    corners = [{"lat": y, "lon": x} for x, y, _ in ring[:-1]]
    assert one(corners, "latlon_rings").equals(SQUARE)
    assert not mends(corners, "latlon_rings"), "points of a border: closed or not as they like"
    (found,) = usable(decode([is_open], GeometryEncoding()), types=POLYGONS, bbox=WORLD)
    assert isinstance(found, Repaired)
    assert (found.changed, found.closed, found.motivo) == (True, True, ANILLO_ABIERTO)
    assert found.area_before_ha == found.area_after_ha == geodesic_area_ha([SQUARE])[0]
    ragged = [ring[0], ring[1][:2], *ring[2:]]
    assert one({"type": "Polygon", "coordinates": [ragged]}).wkt == SQUARE.wkt
    assert not one("POLYGON Z ((0 0 1, 1 0 1, 1 1 1, 0 0 1))", "wkt").has_z


def test_axis_order_is_honoured():
    swapped = [{"type": "Point", "coordinates": [-35.5, -63.1]}, "POINT (-35.5 -63.1)"]
    for value, kind in zip(swapped, ("geojson", "wkt"), strict=True):
        assert one(value, kind, axis_order="lat_lon").wkt == "POINT (-63.1 -35.5)"
    named = {"lat": -35.5, "lon": -63.1}
    assert one(named, "lat_lon", axis_order="lat_lon").wkt == "POINT (-63.1 -35.5)"


@pytest.mark.parametrize("crs", ["EPSG:32720", "EPSG:5347", "EPSG:3857", "EPSG:4258"])
def test_a_crs_is_brought_to_lon_lat_as_geopandas_does(crs):
    there = gpd.GeoSeries(SHAPES, crs="EPSG:4326").to_crs(crs)
    encoding = GeometryEncoding("wkb_hex", crs)
    found = decode([*shapely.to_wkb(there.values, hex=True), None], encoding)
    assert isinstance(found.pop(), Unreadable)
    expected = there.to_crs("EPSG:4326")
    assert [shapely.to_wkb(shape) for shape in found] == list(shapely.to_wkb(expected.values))


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        (GeometryEncoding(crs="EPSG:nada"), "EPSG:nada"),
        (GeometryEncoding("kml"), "kml"),
        (GeometryEncoding(axis_order="yx"), "yx"),
    ],
)
def test_an_encoding_that_does_not_exist_is_a_setting_to_mend(encoding, named):
    with pytest.raises(SettingsError, match=named):
        decode([], encoding)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "geojson", Motivo.SIN_GEOMETRIA),
        (None, "wkt", Motivo.SIN_GEOMETRIA),
        ("", "wkt", Motivo.SIN_GEOMETRIA),
        (" ", "wkb_hex", Motivo.SIN_GEOMETRIA),
        ("null", "geojson_text", Motivo.SIN_GEOMETRIA),
        ({"type": "Feature", "geometry": None}, "geojson", Motivo.SIN_GEOMETRIA),
        ("POINT (1 2)", "geojson", Motivo.GEOMETRIA_ILEGIBLE),
        ({}, "geojson", Motivo.GEOMETRIA_ILEGIBLE),
        ({"type": ["Point"], "coordinates": [1, 2]}, "geojson", Motivo.GEOMETRIA_ILEGIBLE),
        ({"type": "Polygon", "coordinates": [[1, 2]]}, "geojson", Motivo.GEOMETRIA_ILEGIBLE),
        (
            {"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]},
            "geojson",
            Motivo.GEOMETRIA_ILEGIBLE,
        ),
        ({"type": "Polygon", "coordinates": []}, "geojson", Motivo.GEOMETRIA_VACIA),
        ({"type": "Polygon", "coordinates": [[]]}, "geojson", Motivo.GEOMETRIA_VACIA),
        ({"type": "MultiPolygon", "coordinates": []}, "geojson", Motivo.GEOMETRIA_VACIA),
        ({"type": "Point", "coordinates": []}, "geojson", Motivo.GEOMETRIA_VACIA),
        ({"type": "Point", "coordinates": [None, 2]}, "geojson", Motivo.COORDENADA_INVALIDA),
        ({"type": "Point", "coordinates": [1e400, 2]}, "geojson", Motivo.COORDENADA_INVALIDA),
        ({"type": "Point", "coordinates": [10**400, 2]}, "geojson", Motivo.GEOMETRIA_ILEGIBLE),
        ({"type": "LineString", "coordinates": [[1, 2]]}, "geojson", Motivo.GEOMETRIA_ILEGIBLE),
        ({"type": "GeometryCollection", "geometries": []}, "geojson", Motivo.GEOMETRIA_VACIA),
        ({"type": "Polygon", "coordinates": [[], RING]}, "geojson", Motivo.GEOMETRIA_VACIA),
        ({"type": "MultiPolygon", "coordinates": [[], [[]]]}, "geojson", Motivo.GEOMETRIA_VACIA),
        (
            {"type": "GeometryCollection", "geometries": [POLYGON, LINE]},
            "geojson",
            Motivo.TIPO_DE_GEOMETRIA,
        ),
        (
            "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (0 0, 1 1))",
            "wkt",
            Motivo.TIPO_DE_GEOMETRIA,
        ),
        ("GEOMETRYCOLLECTION (CIRCULARSTRING (0 0, 1 1))", "wkt", Motivo.GEOMETRIA_ILEGIBLE),
        ([[], [{"lat": 1, "lon": 2}]], "latlon_rings", Motivo.GEOMETRIA_VACIA),
        ("[" * 100_000, "geojson_text", Motivo.GEOMETRIA_ILEGIBLE),
        ("POLYGON ((0 0, 1 1", "wkt", Motivo.GEOMETRIA_ILEGIBLE),
        ("POINT (1 2)\0 y más", "wkt", Motivo.GEOMETRIA_ILEGIBLE),
        ("POINT (1 \ud800)", "wkt", Motivo.GEOMETRIA_ILEGIBLE),
        ("SRID=32720;POINT (1 2)", "wkt", Motivo.GEOMETRIA_ILEGIBLE),
        ("CURVEPOLYGON (CIRCULARSTRING (0 0, 1 1, 0 0))", "wkt", Motivo.TIPO_DE_GEOMETRIA),
        ("GEOMETRYCOLLECTION (" * 100_000, "wkt", Motivo.TIPO_DE_GEOMETRIA),
        (WKB_OF_NESTED_COLLECTIONS, "wkb_hex", Motivo.TIPO_DE_GEOMETRIA),
        ("POLYGON (GEOMETRYCOLLECTION (" * 100_000, "wkt", Motivo.GEOMETRIA_ILEGIBLE),
        ("zz", "wkb_hex", Motivo.GEOMETRIA_ILEGIBLE),
        ("0101000000", "wkb_hex", Motivo.GEOMETRIA_ILEGIBLE),
        ("010600000001000000" * 100_000, "wkb_hex", Motivo.GEOMETRIA_ILEGIBLE),
        ("010700000001000000" * 100_000, "wkb_hex", Motivo.TIPO_DE_GEOMETRIA),
        (SECOND_PART_A_NEST, "wkb_hex", Motivo.GEOMETRIA_ILEGIBLE),
        ("01EB80000001000000" + "05000000" + "00" * 120, "wkb_hex", Motivo.GEOMETRIA_ILEGIBLE),
        ("0103000000FFFFFFFF", "wkb_hex", Motivo.GEOMETRIA_ILEGIBLE),
        ("010300000001000000FFFFFF7F", "wkb_hex", Motivo.GEOMETRIA_ILEGIBLE),
        ("0101000000000000000000F87F000000000000F87F", "wkb_hex", Motivo.GEOMETRIA_VACIA),
        ("01010000A0E6100000" + "00" * 24, "wkb_hex", None),
        ([], "latlon_rings", Motivo.GEOMETRIA_VACIA),
        ([[[[[{"lat": 1, "lon": 2}]]]]], "latlon_rings", Motivo.GEOMETRIA_ILEGIBLE),
        ({"rings": [7]}, "latlon_rings", Motivo.GEOMETRIA_ILEGIBLE),
        ([{"lat": 1}], "latlon_rings", Motivo.GEOMETRIA_ILEGIBLE),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(value, kind, expected):
    found = one(value, kind)
    assert (found.motivo if isinstance(found, Unreadable) else None) is expected


MULTI = {"type": "MultiPolygon", "coordinates": [[RING], [OTHER]]}


@pytest.mark.parametrize(
    ("value", "kind", "expected", "mended"),
    [
        ({"type": "GeometryCollection", "geometries": [POLYGON]}, "geojson", [RING], False),
        ({"type": "GeometryCollection", "geometries": [MULTI]}, "geojson", [RING, OTHER], False),
        (
            {"type": "GeometryCollection", "geometries": [POLYGON, {**POLYGON, "coordinates": []}]},
            "geojson",
            [RING],
            True,
        ),
        (
            {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": POLYGON}]},
            "geojson",
            [RING],
            False,
        ),
        (
            {"type": "GeometryCollection", "geometries": [
                {"type": "GeometryCollection", "geometries": [POLYGON]},
                None,
                {"type": "MultiPolygon", "coordinates": [[], [OTHER]]},
            ]},
            "geojson",
            [RING, OTHER],
            True,
        ),
        ({"type": "MultiPolygon", "coordinates": [[RING], []]}, "geojson", [RING], True),
        ({"type": "MultiPolygon", "coordinates": [[[]], [OTHER, []]]}, "geojson", [OTHER], True),
        ({"type": "MultiPolygon", "coordinates": [None, [RING]]}, "geojson", [RING], True),
        ({"type": "Polygon", "coordinates": [RING, []]}, "geojson", [RING], True),
        ({"type": "Polygon", "coordinates": [RING, None]}, "geojson", [RING], True),
        ("GEOMETRYCOLLECTION (POLYGON ((0 0, 1 0, 1 1, 0 0)))", "wkt", [RING], False),
        ("GEOMETRYCOLLECTION Z (POLYGON Z ((0 0 9, 1 0 9, 1 1 9, 0 0 9)))", "wkt", [RING], False),
        ("MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), EMPTY)", "wkt", [RING], True),
        ("POLYGON ((0 0, 1 0, 1 1, 0 0), EMPTY)", "wkt", [RING], True),
        (
            shapely.GeometryCollection([shapely.Polygon(RING), shapely.Polygon(OTHER)]).wkb_hex,
            "wkb_hex",
            [RING, OTHER],
            False,
        ),
        (
            shapely.from_wkt("MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), EMPTY)").wkb_hex,
            "wkb_hex",
            [RING],
            True,
        ),
        ([[RING], []], "latlon_rings", [RING], True),
        ([RING, []], "latlon_rings", [RING], True),
        (
            {"multipolygons": [
                {"rings": [{"points": RING, "type": "exterior"}]},
                {"rings": [{"points": [], "type": "exterior"}]},
                {"rings": []},
            ]},
            "latlon_rings",
            [RING],
            True,
        ),
    ],
)  # fmt: skip
def test_collections_of_one_kind_are_that_kind_and_empty_parts_go(value, kind, expected, mended):
    found = one(value, kind)
    assert not isinstance(found, Unreadable), found
    assert found.geom_type in POLYGONS
    assert not shapely.is_empty(shapely.get_parts(found)).any()
    assert found.equals(shapely.MultiPolygon([shapely.Polygon(ring) for ring in expected]))
    assert mends(value, kind) == ({PARTES_VACIAS} if mended else frozenset())


def test_collections_of_marks_are_points_or_lines():
    points = [{"type": "Point", "coordinates": [x, 2]} for x in (1, 3)]
    many = one({"type": "GeometryCollection", "geometries": points})
    assert many.wkt == "MULTIPOINT ((1 2), (3 2))"
    assert one({"type": "GeometryCollection", "geometries": points[:1]}).wkt == "POINT (1 2)"
    assert one({"type": "MultiPoint", "coordinates": [[1, 2], []]}).wkt == "MULTIPOINT ((1 2))"
    lines = one({"type": "GeometryCollection", "geometries": [LINE, LINE]})
    assert lines.geom_type == "MultiLineString"


JUNK_KEYS = ["type", "coordinates", "lat", "lon", "rings", "points", "geometry", "multipolygons"]
KINDS = ["geojson", "geojson_text", "wkt", "wkb_hex", "latlon_rings", "lat_lon"]
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["Polygon", "Point", "MultiPolygon", "POINT (1 2)", "exterior", "0101"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(JUNK_KEYS), inner),
    max_leaves=30,
)


@given(
    st.lists(JUNK, max_size=4),
    st.sampled_from(KINDS),
    st.sampled_from(["EPSG:4326", "EPSG:32720"]),
    st.sampled_from(["lon_lat", "lat_lon"]),
)
def test_decoding_never_raises_and_answers_once_per_value(values, kind, crs, axis_order):
    decoded = decode(values, GeometryEncoding(kind, crs, axis_order))
    assert len(decoded) == len(values)
    found = usable(decoded, types=POLYGONS, bbox=WORLD)
    assert len(found) == len(values)
    for result in found:
        if isinstance(result, Repaired):
            assert result.geometry.is_valid
            assert not result.geometry.is_empty


@given(st.binary(max_size=80), st.booleans())
def test_wkb_of_any_bytes_is_read_or_refused(raw, little):
    head = bytes([little]) + (3).to_bytes(4, "little" if little else "big")
    for data in (raw, head + raw):
        mine = one(data.hex(), "wkb_hex")
        assert isinstance(mine, Unreadable | BaseGeometry)


# --- areas ----------------------------------------------------------------------------------


def test_area_against_pyproj_holes_out_parts_added_direction_ignored():
    geod = Geod(ellps="WGS84")
    expected = [
        sum(
            geod.geometry_area_perimeter(shapely.orient_polygons(part))[0]
            for part in shapely.get_parts(shape)
        )
        / 1e4
        for shape in SHAPES
    ]
    assert geodesic_area_ha(SHAPES) == pytest.approx(expected, rel=1e-12)
    for cw in (True, False):
        turned = shapely.orient_polygons(np.array(SHAPES), exterior_cw=cw)
        assert geodesic_area_ha(turned) == pytest.approx(expected, rel=1e-12)
    assert geodesic_area_ha(MARKS).tolist() == [0, 0, 0, 0]
    assert geodesic_area_ha([]).tolist() == []
    assert geodesic_area_ha([shapely.Point(0, 0), SQUARE, shapely.Polygon()])[1] > 0


def test_area_of_the_whole_ellipsoid_in_octants():
    octants = [
        shapely.Polygon([(lon, 0), (lon + 90, 0), (lon + 90, pole), (lon, pole)])
        for lon in (-180, -90, 0, 90)
        for pole in (90, -90)
    ]
    assert geodesic_area_ha(octants).sum() == pytest.approx(51_006_562_172.409, rel=1e-9)


@given(st.floats(-63, -60), st.floats(-38, -30), st.floats(0.001, 0.2), st.floats(0.1, 0.9))
def test_parts_of_a_cut_field_add_up_to_it(lon, lat, size, cut):
    middle = lon + size * cut
    right, top = lon + size, lat + size
    parts = [shapely.box(lon, lat, middle, top), shapely.box(middle, lat, right, top)]
    corners = [(lon, lat), (middle, lat), (right, lat), (right, top), (middle, top), (lon, top)]
    whole = shapely.Polygon(corners)
    total = geodesic_area_ha([whole])[0]
    assert geodesic_area_ha(parts).sum() == pytest.approx(total, rel=1e-7)
    assert geodesic_area_ha([shapely.MultiPolygon(parts)])[0] == pytest.approx(total, rel=1e-7)


# --- repair and limits ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wkt", "area"),
    [
        ("POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))", 0.5),
        ("POLYGON ((0 0, 10 0, 10 10, 0 10, 0 0), (8 4, 12 4, 12 6, 8 6, 8 4))", 96.0),
        ("POLYGON ((0 0, 10 0, 10 10, 0 10, 0 0), (20 20, 21 20, 21 21, 20 20))", 100.5),
        ("MULTIPOLYGON (((0 0, 2 0, 2 2, 0 2, 0 0)), ((1 1, 3 1, 3 3, 1 3, 1 1)))", 7.0),
        ("POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0, 9 0, 0 0))", 16.0),
        ("POLYGON ((0 0, 1 1, 2 2, 0 0))", 0.0),
    ],
)
def test_repair_keeps_the_ground_and_only_polygons(wkt, area):
    shape = shapely.from_wkt(wkt)
    fixed = repair(shape)
    assert fixed is not None
    assert fixed.changed
    assert fixed.geometry.geom_type in POLYGONS
    assert fixed.geometry.is_valid
    assert fixed.geometry.area == pytest.approx(area)
    assert fixed.area_after_ha == geodesic_area_ha([fixed.geometry])[0]


def test_a_valid_shape_keeps_every_coordinate_and_shells_turn_counter_clockwise():
    shapes = [shapely.orient_polygons(shape, exterior_cw=True) for shape in SHAPES]
    for before, result in zip(shapes, usable(shapes, types=POLYGONS, bbox=WORLD), strict=True):
        assert isinstance(result, Repaired)
        assert not result.changed
        assert sorted(shapely.get_coordinates(before).tolist()) == sorted(
            shapely.get_coordinates(result.geometry).tolist()
        )
        for part in shapely.get_parts(result.geometry):
            assert part.exterior.is_ccw
            assert not any(hole.is_ccw for hole in part.interiors)


@pytest.mark.parametrize(
    ("wkt", "expected", "said"),
    [
        ("POLYGON EMPTY", Motivo.GEOMETRIA_VACIA, "coordenadas"),
        ("POINT (-63 -35)", Motivo.TIPO_DE_GEOMETRIA, "Point"),
        ("POLYGON ((-63 -35, nan -34, -62 -34, -63 -35))", Motivo.COORDENADA_INVALIDA, "finito"),
        ("POLYGON ((-63 -35, inf -34, -62 -34, -63 -35))", Motivo.COORDENADA_INVALIDA, "finito"),
        ("POLYGON ((-63 95, -62 95, -62 96, -63 95))", Motivo.COORDENADA_INVALIDA, "95"),
        ("POLYGON ((541 -35, 542 -35, 542 -34, 541 -35))", Motivo.COORDENADA_INVALIDA, "541"),
        ("POLYGON ((2 48, 3 48, 3 49, 2 48))", Motivo.FUERA_DEL_AREA, "longitud 2.0000"),
        ("POLYGON ((-35 -63, -34 -63, -34 -62, -35 -63))", Motivo.FUERA_DEL_AREA, "cambiadas"),
        ("POLYGON ((-63 -35, -62 -35, -61 -35, -63 -35))", Motivo.GEOMETRIA_IRREPARABLE, "nada"),
    ],
)
def test_limits_are_refused_by_name(wkt, expected, said):
    (found,) = usable([one(wkt, "wkt")], types=POLYGONS, bbox=BoundingBox())
    assert isinstance(found, Unreadable)
    assert found.motivo is expected
    assert said in found.detalle


def test_too_many_vertices_are_refused_and_the_limit_itself_is_not():
    shape = shapely.Point(-60, -34).buffer(0.1, quad_segs=64)
    count = shapely.get_num_coordinates(shape)
    (fine,) = usable([shape], types=POLYGONS, bbox=WORLD, max_vertices=count)
    (refused,) = usable([shape], types=POLYGONS, bbox=WORLD, max_vertices=count - 1)
    assert isinstance(fine, Repaired)
    assert isinstance(refused, Unreadable)
    assert refused.motivo is Motivo.DEMASIADOS_VERTICES


# --- real data ------------------------------------------------------------------------------


@pytest.mark.shared
def test_jts_cases_come_out_valid_or_refused(shared_data: Path):
    cases = pd.read_csv(shared_data / "dirty/jts_valid_simple_cases.csv")
    decoded = decode(list(cases["wkt"]), GeometryEncoding("wkt"))
    big = BoundingBox(-1e9, -1e9, 1e9, 1e9)
    shrunk = [
        shape
        if isinstance(shape, Unreadable)
        else shapely.transform(getattr(shape, "geometry", shape), lambda xy: xy / 1e4)
        for shape in decoded
    ]
    found = usable(
        shrunk, types=(*POLYGONS, "LineString", "MultiLineString", "Point", "MultiPoint"), bbox=big
    )
    kept = [result for result in found if isinstance(result, Repaired)]
    assert all(result.geometry.is_valid for result in kept)
    polygons = [
        (case, result)
        for case, result in zip(cases.itertuples(), found, strict=True)
        if case.op == "isValid" and "POLYGON" in case.wkt and isinstance(result, Repaired)
    ]
    assert len(polygons) > 60
    wrong = [
        case
        for case, result in polygons
        if result.changed == (str(case.expected).lower() == "true")
    ]
    assert len(wrong) <= 2  # of all cases, GEOS disagrees with JTS in two


@pytest.mark.shared
@pytest.mark.parametrize(
    "folder", ["geojsonhint/good", "geojsonhint/bad", "geojson-fixtures", "turf"]
)
def test_geojson_collections_never_crash_and_good_ones_are_read(shared_data: Path, folder):
    values = []
    for path in sorted((shared_data / "dirty/geojson" / folder).rglob("*json")):
        try:
            root = json.loads(path.read_text("utf-8"))
        except ValueError:
            continue
        items = root.get("features", [root]) if isinstance(root, dict) else [root]
        values += items if isinstance(items, list) else [items]
    decoded = decode(values, GeometryEncoding())
    assert len(decoded) == len(values) > 10
    usable(decoded, types=POLYGONS, bbox=WORLD)
    if folder == "geojsonhint/good":
        refused = [found.motivo for found in decoded if isinstance(found, Unreadable)]
        assert set(refused) <= {Motivo.SIN_GEOMETRIA, Motivo.TIPO_DE_GEOMETRIA}


@pytest.mark.shared
def test_earcut_rings_open_and_crooked_come_out_valid_or_refused(shared_data: Path):
    rings = [
        json.loads(p.read_text())
        for p in sorted((shared_data / "dirty/rings/earcut").glob("*.json"))
    ]
    values = [{"type": "Polygon", "coordinates": value} for value in rings]
    decoded = decode(values, GeometryEncoding())
    shrunk = [
        s
        if isinstance(s, Unreadable)
        else shapely.transform(getattr(s, "geometry", s), lambda xy: xy / 1e5)
        for s in decoded
    ]
    found = usable(shrunk, types=POLYGONS, bbox=WORLD)
    kept = [result for result in found if isinstance(result, Repaired)]
    assert len(found) == 24
    assert len(kept) >= 20
    assert all(result.geometry.is_valid and result.geometry.area > 0 for result in kept)


@pytest.mark.shared
def test_danube_land_cover_keeps_its_area(shared_data: Path):
    there = gpd.read_parquet(shared_data / "dirty/rings/ro_danube_landcover.parquet")
    hexes = list(shapely.to_wkb(there.geometry.values, hex=True))
    found = usable(
        decode(hexes, GeometryEncoding("wkb_hex", "EPSG:32635")), types=POLYGONS, bbox=WORLD
    )
    assert all(isinstance(result, Repaired) for result in found)
    areas = geodesic_area_ha([result.geometry for result in found])
    geod = Geod(ellps="WGS84")
    for shape, area in zip(there.to_crs("EPSG:4326").geometry, areas, strict=True):
        if shape.is_valid:
            expected = geod.geometry_area_perimeter(shapely.orient_polygons(shape))[0] / 1e4
            assert math.isclose(area, expected, rel_tol=1e-9)


@pytest.mark.shared
@pytest.mark.parametrize("name", LPIS)
def test_each_land_register_in_its_own_crs_keeps_its_area(shared_data: Path, name):
    there = gpd.read_parquet(shared_data / f"fields/lpis/{name}.parquet")
    encoding = GeometryEncoding("wkb_hex", there.crs.to_string())
    hexes = list(shapely.to_wkb(there.geometry.values, hex=True))
    found = usable(decode(hexes, encoding), types=POLYGONS, bbox=WORLD)
    assert len(found) == len(there)
    here = there.to_crs("EPSG:4326").geometry
    geod = Geod(ellps="WGS84")
    compared = 0
    for shape, result in zip(here, found, strict=True):
        if isinstance(result, Repaired) and not result.changed:
            expected = sum(
                geod.geometry_area_perimeter(shapely.orient_polygons(shapely.force_2d(part)))[0]
                for part in shapely.get_parts(shape)
            )
            area = geodesic_area_ha([result.geometry])[0]
            assert math.isclose(area, expected / 1e4, rel_tol=1e-9)
            compared += 1
    assert compared >= 90
