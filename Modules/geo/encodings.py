"""One geometry out of one value, in each of the six ways in which a portal may write it.

Every reader takes what the portal sent, keeps (first, second) number as (x, y), drops further
dimensions, and raises ``Unusable`` for what it cannot read: never anything else, whatever the
value. Curves, triangulations and collections of several kinds are refused by name; a collection of
one kind is that kind. A ring left open is closed, parts and holes without a coordinate are left
out, and either is noted in the ``mends`` that a reader is given.

Legend of nesting: a position is ``[x, y, …]``, a ring is a list of positions, a polygon is a list
of rings (shell first, then holes), a multipolygon is a list of polygons.

GEOS reads nested WKT and WKB by recursion and a long nest kills the process, so the collections in
both are counted, to ``_MAX_NEST``, before GEOS sees them.

Formats: GeoJSON RFC 7946; WKT and WKB as in OGC 06-103r4, with the Z, M and SRID variants of
ISO 13249-3 and of PostGIS (EWKT, EWKB).
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from Modules.geo.arrays import Array
from Modules.words.domain import Motivo

_CHUNK = 1_000  # one strange geometry sends no more than these down the slow road
_MAX_NEST = 16  # collections in one another: no portal has more than two
_MIN_RING = 4  # positions of the smallest ring, the closing one included
_WKT_START = re.compile(
    r"\s*(?:SRID\s*=\s*(\d+)\s*;\s*)?"
    r"(POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION)"
    r"(?=[\s(ZM])",
    re.IGNORECASE,
)
_WKT_WORDS = frozenset(("Z", "M", "ZM", "EMPTY", "E", "NAN", "INF", "INFINITY"))
_WKT_KINDS = frozenset(
    ("POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON")
)
_COLLECTION = "GEOMETRYCOLLECTION"
_WORD = re.compile(r"[A-Za-z]+")
ANILLO_ABIERTO = "un anillo no estaba cerrado"
PARTES_VACIAS = "había partes o huecos sin coordenadas"

Mends: TypeAlias = set[str]  # what a reader had to mend, in words for users

LAT_KEYS = ("lat", "latitude", "latitud", "y")
LON_KEYS = ("lon", "lng", "long", "longitude", "longitud", "x")


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


def _polygon(rings: Sequence[Array], mends: Mends) -> BaseGeometry:
    made = []
    for array in rings:
        closed = array
        if (array[0] != array[-1]).any():
            closed = np.vstack((array, array[:1]))
            mends.add(ANILLO_ABIERTO)
        if len(closed) < _MIN_RING:
            raise _illegible(f"un anillo tiene sólo {len(closed)} posiciones")
        made.append(shapely.linearrings(closed))
    return shapely.polygons(made[0], holes=made[1:] or None)


def _items(value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise _illegible("las coordenadas no son una lista")
    if not value:
        raise _empty()
    return value


def _hollow(value: object) -> bool:
    """Whether a part, ring or hole holds no coordinate: null, or lists and nothing in them."""
    if not isinstance(value, list | tuple):
        return value is None
    return all(isinstance(one, list | tuple) and _hollow(one) for one in value)


def _filled(value: object, mends: Mends, hollow: Callable[[Any], bool] = _hollow) -> list[Any]:
    """The items that hold a coordinate; that others were left out is noted."""
    items = _items(value)
    kept = [one for one in items if not hollow(one)]
    if not kept:
        raise _empty()
    if len(kept) < len(items):
        mends.add(PARTES_VACIAS)
    return kept


def _no_shell(rings: Any) -> bool:
    """Whether a polygon has no ring, or none in the place of its shell."""
    return _hollow(rings) or (isinstance(rings, list | tuple) and _hollow(rings[0]))


def _json_point(value: object, _mends: Mends) -> BaseGeometry:
    x, y, *_ = value if type(value) is list and len(value) > 1 else (None, None)
    if type(x) is float and type(y) is float and math.isfinite(x) and math.isfinite(y):
        return shapely.Point(x, y)  # nearly all marks: no array for two numbers
    return shapely.points(_floats([value] if _items(value) else value)[0])


def _json_line(value: object, _mends: Mends) -> BaseGeometry:
    array = _floats(value)
    if len(array) < 2:
        raise _illegible("una línea tiene una sola posición")
    return shapely.linestrings(array)


def _json_polygon(value: object, mends: Mends) -> BaseGeometry:
    if _no_shell(_items(value)):
        raise _empty()
    return _polygon([_floats(ring) for ring in _filled(value, mends)], mends)


_JSON_SHAPES: Mapping[str, Callable[[object, Mends], BaseGeometry]] = {
    "Point": _json_point,
    "MultiPoint": lambda value, mends: shapely.multipoints(_floats(_filled(value, mends))),
    "LineString": _json_line,
    "MultiLineString": lambda value, mends: shapely.multilinestrings(
        [_json_line(one, mends) for one in _filled(value, mends)]
    ),
    "Polygon": _json_polygon,
    "MultiPolygon": lambda value, mends: shapely.multipolygons(
        [_json_polygon(part, mends) for part in _filled(value, mends, _no_shell)]
    ),
}
_JSON_COLLECTIONS = {"GeometryCollection": "geometries", "FeatureCollection": "features"}


def one_kind(parts: Sequence[BaseGeometry], mends: Mends) -> BaseGeometry:
    """The parts of a collection as one geometry of their kind, those without a coordinate left out.

    A single part stays as it is; points, lines or polygons become one multi-geometry.

    Raises:
        Unusable: nothing is left, or they are of several kinds.
    """
    kept = [part for part in parts if not part.is_empty]
    if not kept:
        raise _empty()
    if len(kept) < len(parts):
        mends.add(PARTES_VACIAS)
    single = list(shapely.get_parts(kept))
    kinds = sorted({part.geom_type for part in single})
    if len(kinds) > 1:
        text = f"es una colección de clases distintas: {', '.join(kinds)}"
        raise Unusable(Motivo.TIPO_DE_GEOMETRIA, text)
    if len(kept) == 1:
        return kept[0]
    build = {"Point": shapely.multipoints, "LineString": shapely.multilinestrings}
    return build.get(kinds[0], shapely.multipolygons)(single)


def _tidied(geometry: BaseGeometry, mends: Mends) -> BaseGeometry:
    """What GEOS read, collections taken apart, without empty parts and holes."""
    if geometry.geom_type == "GeometryCollection":
        parts = [part if part.is_empty else _tidied(part, mends) for part in geometry.geoms]
        return one_kind(parts, mends)
    parts = shapely.get_parts(geometry)
    empty = shapely.is_empty(parts)
    if empty.all():
        raise _empty()
    if not empty.any() and (shapely.get_num_coordinates(shapely.get_rings(parts)) > 0).all():
        return geometry
    mends.add(PARTES_VACIAS)
    kept = [
        shapely.Polygon(part.exterior, [hole for hole in part.interiors if not hole.is_empty])
        if part.geom_type == "Polygon"
        else part
        for part in parts[~empty]
    ]
    return one_kind(kept, mends)


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
        for part in (places[i : i + _CHUNK] for i in range(0, len(places), _CHUNK)):
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


def read_geojson(value: object, mends: Mends) -> BaseGeometry:
    """A GeoJSON geometry object, or a Feature that holds one; positions as sent.

    Collections, of features too, are what they hold if that is of one kind.
    """
    if not isinstance(value, Mapping):
        raise _illegible("no es un objeto GeoJSON")
    kind = value.get("type")
    if kind == "Feature":
        if value.get("geometry") is None:
            raise Unusable(Motivo.SIN_GEOMETRIA, "el Feature no tiene geometría")
        return read_geojson(value["geometry"], mends)
    if isinstance(kind, str) and kind in _JSON_COLLECTIONS:
        parts = _filled(value.get(_JSON_COLLECTIONS[kind]), mends, _no_geometry)
        return one_kind([read_geojson(part, mends) for part in parts], mends)
    shape = _JSON_SHAPES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        raise _illegible("el tipo GeoJSON falta o no se conoce")
    return shape(value.get("coordinates"), mends)


def _no_geometry(part: Any) -> bool:
    """Whether a member of a collection is null, or holds nothing."""
    if not isinstance(part, Mapping):
        return part is None
    if part.get("type") == "Feature":
        return _no_geometry(part.get("geometry"))
    kind = part.get("type")
    held = part.get(_JSON_COLLECTIONS.get(str(kind), "coordinates"))
    return _no_shell(held) if kind == "Polygon" else _hollow(held)


def read_geojson_text(value: object, mends: Mends) -> BaseGeometry:
    """GeoJSON written into a text field."""
    try:
        parsed = json.loads(_text(value, "GeoJSON en texto"))
    except (ValueError, RecursionError) as err:
        raise _illegible("el texto no es JSON") from err
    if parsed is None:
        raise Unusable(Motivo.SIN_GEOMETRIA, "no tiene geometría")
    return read_geojson(parsed, mends)


def read_wkt(value: object, epsg: int | None, mends: Mends) -> BaseGeometry:
    """WKT or EWKT; an SRID other than ``epsg`` (and not 0) is refused rather than believed."""
    text = _text(value, "WKT en texto")
    start = _WKT_START.match(text)
    if start is None or not text.isascii() or "\0" in text:
        word = _WORD.search(text[:40])
        if word is not None and word[0].upper() in ("CURVEPOLYGON", "TIN"):
            raise Unusable(Motivo.TIPO_DE_GEOMETRIA, f"es {word[0].upper()}")
        raise _illegible("el texto no es WKT")
    _same_srid(int(start[1]) if start[1] and len(start[1]) < 10 else 0, epsg)
    words = [word.upper() for word in _WORD.findall(text, start.end())]
    allowed = _WKT_WORDS
    if start[2].upper() == _COLLECTION:
        allowed |= _WKT_KINDS | {_COLLECTION}
    if any(word not in allowed for word in words):
        raise _illegible("el texto no es WKT")
    if words.count(_COLLECTION) >= _MAX_NEST:
        raise Unusable(Motivo.TIPO_DE_GEOMETRIA, "es una colección de demasiados niveles")
    geometry = shapely.from_wkt(text[start.start(2) :], on_invalid="ignore")
    if geometry is None:
        raise _illegible("el texto no es WKT")
    return _tidied(shapely.force_2d(geometry), mends)


def _text(value: object, expected: str) -> str:
    if not isinstance(value, str):
        raise _illegible(f"se esperaba {expected}")
    if not value.strip():
        raise Unusable(Motivo.SIN_GEOMETRIA, "el texto está vacío")
    return value


def _same_srid(srid: int, epsg: int | None) -> None:
    if srid and epsg and srid != epsg:
        raise _illegible(f"dice SRID {srid} y se esperaba EPSG:{epsg}")


def read_wkb_hex(value: object, epsg: int | None, mends: Mends) -> BaseGeometry:
    """WKB or EWKB in hexadecimal; an SRID other than ``epsg`` (and not 0) is refused."""
    text = _text(value, "WKB en hexadecimal").strip()
    try:
        raw = bytes.fromhex(text.removeprefix("\\x").removeprefix("0x"))
        _check_headers(raw, epsg)
    except (struct.error, ValueError) as err:
        raise _illegible("el texto no es WKB en hexadecimal") from err
    geometry = shapely.from_wkb(raw, on_invalid="ignore")
    if geometry is None:
        geometry = shapely.from_wkb(raw, on_invalid="fix")  # closes open rings
        mends.add(ANILLO_ABIERTO)
    if geometry is None:
        raise _illegible("el WKB no forma una geometría")
    flat = _tidied(shapely.set_srid(shapely.force_2d(geometry), 0), mends)
    _finite(shapely.get_coordinates(flat))
    sizes = shapely.get_num_coordinates(shapely.get_rings(shapely.get_parts(flat)))
    if (sizes < _MIN_RING).any():
        raise _illegible(f"un anillo tiene sólo {sizes.min()} posiciones")
    return flat


def _check_headers(raw: bytes, epsg: int | None) -> None:
    """Walk over every type code of a WKB, before GEOS goes down them.

    Codes are taken apart as GEOS does it, or a nest could hide from one of the two.
    """
    at, open_ = 0, [(0, 1)]  # type and parts left of each collection that we are in; 0: any
    while open_:
        outer, left = open_.pop()
        if not left:
            continue
        open_.append((outer, left - 1))
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
        if outer in (4, 5, 6) and kind != outer - 3:
            raise _illegible("una parte del WKB no es del tipo que corresponde")
        if kind > 7 or len(open_) > _MAX_NEST:
            raise Unusable(Motivo.TIPO_DE_GEOMETRIA, f"es de tipo WKB {kind}")
        if iso > 3 or kind == 0:
            raise _illegible("el tipo del WKB no se conoce")
        if kind == 1:
            at += width
            continue
        (count,) = number.unpack_from(raw, at)
        at += 4
        if kind > 3:
            open_.append((kind, count))
        elif kind == 2:
            at += count * width
        else:
            for _ in range(count):
                at += 4 + number.unpack_from(raw, at)[0] * width
    if at > len(raw):
        raise _illegible("el WKB está cortado")


def read_latlon_rings(value: object, mends: Mends, *, lat_first: bool) -> BaseGeometry:
    """Rings of points with named coordinates, or of pairs in the axis order of the encoding.

    A list of points is a polygon, a list of such lists a polygon with holes, one level more a
    multipolygon. Also ``{"multipolygons": [{"rings": [{"points": […], "type": "exterior"}]}]}``,
    as one large platform writes them: each exterior ring starts a polygon, interiors follow it.
    Such rings are closed or not as the portal likes: closing one mends nothing.
    """
    parts: Sequence[object]
    if isinstance(value, Mapping):
        parts, depth = _ringed(value), 0
    else:
        items = _items(value)
        depth = _depth(_filled(items, set()))
        nested: dict[int, Sequence[object]] = {1: [[items]], 2: [items], 3: items}
        if depth not in nested:
            raise _illegible("los anillos no son listas de puntos")
        parts = nested[depth]
    found: Mends = set()
    made = [
        _polygon([_latlon(ring, lat_first) for ring in _filled(rings, found)], found)
        for rings in _filled(parts, found, _no_shell)
    ]
    mends |= found - {ANILLO_ABIERTO}
    return made[0] if len(made) == 1 and depth != 3 else shapely.multipolygons(made)


def _depth(items: Sequence[object]) -> int:
    """Lists above a point: 1 for a ring; a point is an object or a list of numbers."""
    first: object = items
    depth = 0
    while isinstance(first, list | tuple) and first:
        if isinstance(first[0], int | float | str):
            return depth
        first, depth = next((one for one in first if not _hollow(one)), None), depth + 1
    return depth if isinstance(first, Mapping) else 0


def _latlon(ring: object, lat_first: bool) -> Array:
    points = _items(ring)
    if isinstance(points[0], Mapping):
        return _finite(np.array([_named(point) for point in points], dtype=np.float64))
    pairs = _floats(points)
    return pairs[:, ::-1] if lat_first else pairs


def _ringed(value: Mapping[Any, Any]) -> list[list[object]]:
    """The polygons of an object with rings: of each its rings, shell first."""
    polygons: list[list[object]] = []
    for part in _items(value.get("multipolygons", [value])):
        rings = part.get("rings") if isinstance(part, Mapping) else None
        if rings == []:
            polygons.append([])
            continue
        for ring in _items(rings):
            if not isinstance(ring, Mapping):
                raise _illegible("un anillo no es un objeto con puntos")
            if ring.get("type") == "interior" and polygons:
                polygons[-1].append(ring.get("points"))
            else:
                polygons.append([ring.get("points")])
    return polygons


def read_lat_lon(value: object, _mends: Mends) -> BaseGeometry:
    """A point out of two named numbers; an object without either has no geometry."""
    if not isinstance(value, Mapping):
        raise _illegible("se esperaban latitud y longitud")
    if all(value.get(key) is None for key in (*LAT_KEYS, *LON_KEYS)):
        raise Unusable(Motivo.SIN_GEOMETRIA, "no tiene latitud ni longitud")
    return shapely.points(_finite(np.array(_named(value), dtype=np.float64)))


def _named(point: object) -> tuple[float, float]:
    """(x, y) of ``{"lat": …, "lon": …}``; numbers may come as text."""
    if not isinstance(point, Mapping):
        raise _illegible("un punto no tiene latitud y longitud")
    try:
        return _number(point, LON_KEYS), _number(point, LAT_KEYS)
    except (ValueError, TypeError, OverflowError) as err:
        raise _illegible("la latitud o la longitud no es un número") from err


def _number(point: Mapping[Any, Any], keys: Sequence[str]) -> float:
    return float(next((point[key] for key in keys if point.get(key) is not None), "falta"))
