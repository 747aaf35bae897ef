"""One geometry out of one value, in each of the six ways in which a portal may write it.

Every reader takes what the portal sent, keeps (first, second) number as (x, y), drops further
dimensions, closes a ring left open, and raises ``Unusable`` for what it cannot read: never
anything else, whatever the value. Curves, triangulations and collections are refused by name.

Legend of nesting: a position is ``[x, y, …]``, a ring is a list of positions, a polygon is a list
of rings (shell first, then holes), a multipolygon is a list of polygons.

GEOS reads nested WKT and WKB by recursion and a long nest kills the process, so WKT is checked
for a single level before GEOS sees it, and WKB for two.

Formats: GeoJSON RFC 7946; WKT and WKB as in OGC 06-103r4, with the Z, M and SRID variants of
ISO 13249-3 and of PostGIS (EWKT, EWKB).
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from Modules.geo.arrays import Array
from Modules.words.domain import Motivo

_CHUNK = 1_000  # one strange geometry sends no more than these down the slow road
_MIN_RING = 4  # positions of the smallest ring, the closing one included
_WKT_START = re.compile(
    r"\s*(?:SRID\s*=\s*(\d+)\s*;\s*)?"
    r"(POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON)(?=[\s(ZM])",
    re.IGNORECASE,
)
_WKT_WORDS = frozenset(("Z", "M", "ZM", "EMPTY", "E", "NAN", "INF", "INFINITY"))
_WORD = re.compile(r"[A-Za-z]+")
_LAT_KEYS = ("lat", "latitude", "latitud", "y")
_LON_KEYS = ("lon", "lng", "long", "longitude", "longitud", "x")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that gives no usable geometry: why, and what was found (Spanish, for users)."""

    motivo: Motivo
    detalle: str


class Unusable(Exception):
    """Carries an ``Unreadable`` out of a reader."""

    def __init__(self, motivo: Motivo, detalle: str) -> None:
        super().__init__(detalle)
        self.reason = Unreadable(motivo, detalle)


def _illegible(detalle: str) -> Unusable:
    return Unusable(Motivo.GEOMETRIA_ILEGIBLE, detalle)


def _empty() -> Unusable:
    return Unusable(Motivo.GEOMETRIA_VACIA, "la geometría no tiene coordenadas")


def _floats(value: object) -> Array:
    """Rows of at least two finite numbers, as (n, 2); ragged rows are cut to two numbers."""
    if not isinstance(value, list | tuple):
        raise _illegible("las coordenadas no son una lista")
    try:
        array = np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        array = _ragged_floats(value)
    if array.size == 0:
        raise _empty()
    if array.ndim != 2 or array.shape[1] < 2:
        raise _illegible("las coordenadas no tienen la forma que corresponde al tipo")
    return _finite(array[:, :2])


def _ragged_floats(value: Sequence[object]) -> Array:
    rows: list[tuple[float, float]] = []
    for row in value:
        if not isinstance(row, list | tuple) or len(row) < 2:
            raise _illegible("una posición no es un par de números")
        try:
            rows.append((float(row[0]), float(row[1])))
        except (ValueError, TypeError, OverflowError) as err:
            raise _illegible("una posición no es un par de números") from err
    return np.array(rows, dtype=np.float64)


def _finite(array: Array) -> Array:
    if not np.isfinite(array).all():
        raise Unusable(Motivo.COORDENADA_INVALIDA, "una coordenada no es un número finito")
    return array


def _ring(array: Array) -> BaseGeometry:
    if (array[0] != array[-1]).any():
        array = np.vstack((array, array[:1]))
    if len(array) < _MIN_RING:
        raise _illegible(f"un anillo tiene sólo {len(array)} posiciones")
    return shapely.linearrings(array)


def _polygon(rings: Iterable[Array]) -> BaseGeometry:
    shell, *holes = [_ring(ring) for ring in rings]
    return shapely.polygons(shell, holes=holes or None)


def _items(value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise _illegible("las coordenadas no son una lista")
    if not value:
        raise _empty()
    return value


def _json_point(value: object) -> BaseGeometry:
    x, y, *_ = value if type(value) is list and len(value) > 1 else (None, None)
    if type(x) is float and type(y) is float and math.isfinite(x) and math.isfinite(y):
        return shapely.Point(x, y)  # nearly all marks: no array for two numbers
    return shapely.points(_floats([value] if _items(value) else value)[0])


def _json_line(value: object) -> BaseGeometry:
    array = _floats(value)
    if len(array) < 2:
        raise _illegible("una línea tiene una sola posición")
    return shapely.linestrings(array)


def _json_polygon(value: object) -> BaseGeometry:
    return _polygon(_floats(ring) for ring in _items(value))


_JSON_SHAPES: Mapping[str, Callable[[object], BaseGeometry]] = {
    "Point": _json_point,
    "MultiPoint": lambda value: shapely.multipoints(_floats(value)),
    "LineString": _json_line,
    "MultiLineString": lambda value: shapely.multilinestrings([*map(_json_line, _items(value))]),
    "Polygon": _json_polygon,
    "MultiPolygon": lambda value: shapely.multipolygons([*map(_json_polygon, _items(value))]),
}


def read_plain(values: Sequence[object]) -> list[BaseGeometry | None]:
    """GeoJSON points and polygons by the thousand: each geometry that is plain, else None.

    What is plain (numbers, closed rings of four positions or more) is built in one go, one array
    for many geometries; the others are for ``read_geojson``, which says what is wrong.
    """
    found: list[BaseGeometry | None] = [None] * len(values)
    for kind, read in (("Point", _plain_points), ("Polygon", _plain_polygons)):
        places = [
            at
            for at, value in enumerate(values)
            if isinstance(value, Mapping) and value.get("type") == kind
        ]
        for start in range(0, len(places), _CHUNK):
            part = places[start : start + _CHUNK]
            coordinates = [values[at].get("coordinates") for at in part]  # type: ignore[attr-defined]
            for at, geometry in zip(part, read(coordinates), strict=True):
                found[at] = geometry
    return found


def _plain_points(coordinates: list[Any]) -> Sequence[BaseGeometry | None]:
    array = _plain_positions(coordinates)
    return [None] * len(coordinates) if array is None else list(shapely.points(array))


def _plain_polygons(coordinates: list[Any]) -> Sequence[BaseGeometry | None]:
    nothing = [None] * len(coordinates)
    if not all(type(rings) is list and rings for rings in coordinates):
        return nothing
    rings = list(chain.from_iterable(coordinates))
    if not all(type(ring) is list and len(ring) >= _MIN_RING for ring in rings):
        return nothing
    array = _plain_positions(list(chain.from_iterable(rings)))
    if array is None:
        return nothing
    ends = np.cumsum([len(ring) for ring in rings])
    if (array[np.r_[0, ends[:-1]]] != array[ends - 1]).any():
        return nothing  # an open ring
    of_ring = np.repeat(np.arange(len(rings)), np.diff(ends, prepend=0))
    of_polygon = np.repeat(np.arange(len(coordinates)), [len(part) for part in coordinates])
    made = shapely.linearrings(array, indices=of_ring)
    return list(shapely.polygons(made, indices=of_polygon))


def _plain_positions(values: list[Any]) -> Array | None:
    """All positions as (n, 2), or None if one of them is not two or three finite numbers."""
    try:
        array = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    if array.ndim != 2 or not 2 <= array.shape[1] <= 3 or not np.isfinite(array).all():
        return None
    return array[:, :2]


def read_geojson(value: object) -> BaseGeometry:
    """A GeoJSON geometry object, or a Feature that holds one; positions as sent."""
    if not isinstance(value, Mapping):
        raise _illegible("no es un objeto GeoJSON")
    if value.get("type") == "Feature":
        value = value.get("geometry")
        if value is None:
            raise Unusable(Motivo.SIN_GEOMETRIA, "el Feature no tiene geometría")
        if not isinstance(value, Mapping):
            raise _illegible("no es un objeto GeoJSON")
    kind = value.get("type")
    shape = _JSON_SHAPES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        if kind == "GeometryCollection":
            raise Unusable(Motivo.TIPO_DE_GEOMETRIA, "es una GeometryCollection")
        raise _illegible("el tipo GeoJSON falta o no se conoce")
    return shape(value.get("coordinates"))


def read_geojson_text(value: object) -> BaseGeometry:
    """GeoJSON written into a text field."""
    try:
        parsed = json.loads(_text(value, "GeoJSON en texto"))
    except (ValueError, RecursionError) as err:
        raise _illegible("el texto no es JSON") from err
    if parsed is None:
        raise Unusable(Motivo.SIN_GEOMETRIA, "no tiene geometría")
    return read_geojson(parsed)


def read_wkt(value: object, epsg: int | None) -> BaseGeometry:
    """WKT or EWKT; an SRID other than ``epsg`` (and not 0) is refused rather than believed."""
    text = _text(value, "WKT en texto")
    start = _WKT_START.match(text)
    if start is None or not text.isascii() or "\0" in text:
        word = _WORD.search(text[:40])
        if word is not None and word[0].upper() in ("GEOMETRYCOLLECTION", "CURVEPOLYGON", "TIN"):
            raise Unusable(Motivo.TIPO_DE_GEOMETRIA, f"es {word[0].upper()}")
        raise _illegible("el texto no es WKT")
    _same_srid(int(start[1]) if start[1] and len(start[1]) < 10 else 0, epsg)
    if any(word.upper() not in _WKT_WORDS for word in _WORD.findall(text, start.end())):
        raise _illegible("el texto no es WKT")
    geometry = shapely.from_wkt(text[start.start(2) :], on_invalid="ignore")
    if geometry is None:
        raise _illegible("el texto no es WKT")
    return shapely.force_2d(geometry)


def _text(value: object, expected: str) -> str:
    if not isinstance(value, str):
        raise _illegible(f"se esperaba {expected}")
    if not value.strip():
        raise Unusable(Motivo.SIN_GEOMETRIA, "el texto está vacío")
    return value


def _same_srid(srid: int, epsg: int | None) -> None:
    if srid and epsg and srid != epsg:
        raise _illegible(f"dice SRID {srid} y se esperaba EPSG:{epsg}")


def read_wkb_hex(value: object, epsg: int | None) -> BaseGeometry:
    """WKB or EWKB in hexadecimal; an SRID other than ``epsg`` (and not 0) is refused."""
    text = _text(value, "WKB en hexadecimal").strip()
    try:
        raw = bytes.fromhex(text.removeprefix("\\x").removeprefix("0x"))
        _check_headers(raw, epsg)
    except (struct.error, ValueError) as err:
        raise _illegible("el texto no es WKB en hexadecimal") from err
    geometry = shapely.from_wkb(raw, on_invalid="fix")  # closes open rings
    if geometry is None:
        raise _illegible("el WKB no forma una geometría")
    if not len(parts := shapely.get_parts(geometry)) or shapely.is_empty(parts).any():
        raise _empty()
    flat = shapely.set_srid(shapely.force_2d(geometry), 0)
    _finite(shapely.get_coordinates(flat))
    sizes = shapely.get_num_coordinates(shapely.get_rings(parts))
    if (sizes == 0).any():
        raise _empty()
    if (sizes < _MIN_RING).any():
        raise _illegible(f"un anillo tiene sólo {sizes.min()} posiciones")
    return flat


def _check_headers(raw: bytes, epsg: int | None) -> None:
    """Walk over every type code of a WKB: two levels and no more, before GEOS goes down them.

    Codes are taken apart as GEOS does it, or a nest could hide from one of the two.
    """
    at, outer, left = 0, 0, 1
    while left:
        left -= 1
        (mark,) = struct.unpack_from("B", raw, at)
        if mark > 1:
            raise _illegible("el orden de bytes del WKB no es 0 ni 1")
        number = struct.Struct("<I" if mark else ">I")
        (code,) = number.unpack_from(raw, at + 1)
        at += 5
        if code & 0x20000000:
            _same_srid(number.unpack_from(raw, at)[0], epsg)
            at += 4
        iso, kind = divmod(code & 0x1FFFFFFF, 1000)
        z, m = iso in (1, 3) or code & 0x80000000, iso in (2, 3) or code & 0x40000000
        width = 8 * (2 + bool(z) + bool(m))
        if outer and kind != outer - 3:
            raise _illegible("una parte del WKB no es del tipo que corresponde")
        if kind > 6:
            raise Unusable(Motivo.TIPO_DE_GEOMETRIA, f"es de tipo WKB {kind}")
        if iso > 3 or kind == 0:
            raise _illegible("el tipo del WKB no se conoce")
        if kind == 1:
            at += width
            continue
        (count,) = number.unpack_from(raw, at)
        at += 4
        if kind > 3:
            outer, left = kind, count
        elif kind == 2:
            at += count * width
        else:
            for _ in range(count):
                at += 4 + number.unpack_from(raw, at)[0] * width
    if at > len(raw):
        raise _illegible("el WKB está cortado")


def read_latlon_rings(value: object, *, lat_first: bool) -> BaseGeometry:
    """Rings of points with named coordinates, or of pairs in the axis order of the encoding.

    A list of points is a polygon, a list of such lists a polygon with holes, one level more a
    multipolygon. Also ``{"multipolygons": [{"rings": [{"points": […], "type": "exterior"}]}]}``,
    as one large platform writes them: each exterior ring starts a polygon, interiors follow it.
    """
    if isinstance(value, Mapping):
        return _nested_objects(value, lat_first)
    items = _items(value)
    depth = _depth(items)
    if depth == 1:
        return _polygon([_latlon(items, lat_first)])
    if depth == 2:
        return _polygon(_latlon(ring, lat_first) for ring in items)
    if depth == 3:
        return shapely.multipolygons(
            [_polygon(_latlon(ring, lat_first) for ring in _items(part)) for part in items]
        )
    raise _illegible("los anillos no son listas de puntos")


def _depth(items: Sequence[object]) -> int:
    """Lists above a point: 1 for a ring; a point is an object or a list of numbers."""
    first: object = items
    depth = 0
    while isinstance(first, list | tuple) and first:
        if isinstance(first[0], int | float | str):
            return depth
        first, depth = first[0], depth + 1
    return depth if isinstance(first, Mapping) else 0


def _latlon(ring: object, lat_first: bool) -> Array:
    points = _items(ring)
    if isinstance(points[0], Mapping):
        return _finite(np.array([_named(point) for point in points], dtype=np.float64))
    pairs = _floats(points)
    return pairs[:, ::-1] if lat_first else pairs


def _nested_objects(value: Mapping[Any, Any], lat_first: bool) -> BaseGeometry:
    polygons: list[list[Array]] = []
    parts = value.get("multipolygons", [value])
    for part in _items(parts):
        for ring in _items(part.get("rings") if isinstance(part, Mapping) else None):
            if not isinstance(ring, Mapping):
                raise _illegible("un anillo no es un objeto con puntos")
            points = _latlon(ring.get("points"), lat_first)
            if ring.get("type") == "interior" and polygons:
                polygons[-1].append(points)
            else:
                polygons.append([points])
    made = [_polygon(rings) for rings in polygons]
    return made[0] if len(made) == 1 else shapely.multipolygons(made)


def read_lat_lon(value: object) -> BaseGeometry:
    """A point out of two named numbers; an object without either has no geometry."""
    if not isinstance(value, Mapping):
        raise _illegible("se esperaban latitud y longitud")
    if all(value.get(key) is None for key in (*_LAT_KEYS, *_LON_KEYS)):
        raise Unusable(Motivo.SIN_GEOMETRIA, "no tiene latitud ni longitud")
    return shapely.points(_finite(np.array(_named(value), dtype=np.float64)))


def _named(point: object) -> tuple[float, float]:
    """(x, y) of ``{"lat": …, "lon": …}``; numbers may come as text."""
    if not isinstance(point, Mapping):
        raise _illegible("un punto no tiene latitud y longitud")
    try:
        return _number(point, _LON_KEYS), _number(point, _LAT_KEYS)
    except (ValueError, TypeError, OverflowError) as err:
        raise _illegible("la latitud o la longitud no es un número") from err


def _number(point: Mapping[Any, Any], keys: Sequence[str]) -> float:
    return float(next((point[key] for key in keys if point.get(key) is not None), "falta"))
