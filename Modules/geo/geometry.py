"""Geometry of the tables: decoded, brought to EPSG:4326, checked, repaired, measured.

What comes out is lon-lat, 2D, valid, rings closed, shells counter-clockwise; coordinates are never
rounded. Areas are hectares on the WGS 84 ellipsoid. Work is done on whole arrays: 50,000
geometries take seconds. Nothing here raises because of data: what cannot be used comes back as
``Unreadable`` with a reason out of the closed list.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry.base import BaseGeometry

from Modules.geo import encodings as enc
from Modules.geo.arrays import M2_PER_HA, WGS84, Array, Flags, Shapes, areas_by_rings, shapes_of
from Modules.geo.encodings import Unreadable, Unusable, read_plain
from Modules.words.columns import CRS as TARGET_CRS
from Modules.words.domain import BoundingBox, GeometryEncoding, Motivo
from Modules.words.errors import SettingsError

MAX_VERTICES = 1_000_000  # one lote has hundreds; a million is a fault of the portal
HA_PER_SQUARE_DEGREE = 1_240_000.0  # at the equator; less everywhere else

_REASONS = {  # what GEOS says of an invalid polygon, for users
    "Self-intersection": "el borde se cruza a sí mismo",
    "Ring Self-intersection": "el borde se toca a sí mismo",
    "Hole lies outside shell": "un hueco está fuera del borde",
    "Holes are nested": "un hueco está dentro de otro",
    "Nested shells": "una parte está dentro de otra",
    "Duplicate Rings": "hay anillos repetidos",
    "Interior is disconnected": "los huecos parten el interior",
    "Too few points in geometry component": "un anillo tiene muy pocos puntos distintos",
}

Decoded: TypeAlias = "BaseGeometry | Mended | Unreadable"
Mend: TypeAlias = Callable[[BaseGeometry], BaseGeometry | None]  # valid, or None: took too long


@dataclass(frozen=True, slots=True)
class Mended:
    """A geometry that could not be read as it was written, and what was done about it (Spanish)."""

    geometry: BaseGeometry
    mends: frozenset[str]


@dataclass(frozen=True, slots=True)
class Repaired:
    """A usable geometry; if it had to be repaired, why and what that did to its area."""

    geometry: BaseGeometry
    changed: bool = False
    area_before_ha: float = 0.0  # only where changed; crossing loops cancel each other in it
    area_after_ha: float = 0.0
    motivo: str = ""
    closed: bool = False  # a ring was open: its last edge, which decides the area, is ours


@np.errstate(invalid="ignore", over="ignore")  # a NaN is refused here, it is not to warn
def decode(values: Sequence[object], encoding: GeometryEncoding) -> list[Decoded]:
    """Read geometries as the portal wrote them, as EPSG:4326 lon-lat, 2D.

    Args:
        values: what the portal sent; None is a missing geometry.
        encoding: kind, CRS and axis order. Named coordinates (``{"lat", "lon"}``) ignore the
            axis order; in a projected CRS they are northing and easting.

    Raises:
        SettingsError: the encoding names a kind, CRS or axis order that does not exist.
    """
    reader = _reader(encoding)
    plain = read_plain(values) if encoding.kind == "geojson" else [None] * len(values)
    decoded = [
        _read(value, reader) if geometry is None else geometry
        for value, geometry in zip(values, plain, strict=True)
    ]
    return _to_lon_lat(decoded, encoding)


def _read(value: object, reader: Callable[[object, enc.Mends], BaseGeometry]) -> Decoded:
    if value is None:
        return Unreadable(Motivo.SIN_GEOMETRIA, "no tiene geometría")
    mends: enc.Mends = set()
    try:
        geometry = reader(value, mends)
        return Mended(geometry, frozenset(mends)) if mends else geometry
    except Unusable as err:
        return err.reason
    except (shapely.errors.ShapelyError, ValueError, RecursionError):
        return Unreadable(Motivo.GEOMETRIA_ILEGIBLE, "las coordenadas no forman una geometría")


def _reader(encoding: GeometryEncoding) -> Callable[[object, enc.Mends], BaseGeometry]:
    if encoding.axis_order not in ("lon_lat", "lat_lon"):
        raise SettingsError(
            f"axis_order {encoding.axis_order!r} de una geometría no se conoce; escribir lon_lat "
            "o lat_lon"
        )
    lat_first = encoding.axis_order == "lat_lon"
    epsg = _crs(encoding.crs).to_epsg()
    readers: dict[str, Callable[[object, enc.Mends], BaseGeometry]] = {
        "geojson": enc.read_geojson,
        "geojson_text": enc.read_geojson_text,
        "wkt": lambda value, mends: enc.read_wkt(value, epsg, mends),
        "wkb_hex": lambda value, mends: enc.read_wkb_hex(value, epsg, mends),
        "latlon_rings": lambda value, mends: enc.read_latlon_rings(
            value, mends, lat_first=lat_first
        ),
        "lat_lon": enc.read_lat_lon,
    }
    if encoding.kind not in readers:
        known = ", ".join(readers)
        raise SettingsError(
            f"la forma de geometría {encoding.kind!r} no se conoce; escribir una de {known}"
        )
    return readers[encoding.kind]


@lru_cache(maxsize=32)
def _crs(name: str) -> CRS:
    try:
        return CRS.from_user_input(name)
    except CRSError as err:
        raise SettingsError(
            f"el CRS {name!r} de una geometría no se conoce; escribirlo como EPSG:5347"
        ) from err


@lru_cache(maxsize=32)
def _transformer(name: str) -> Transformer | None:
    """To EPSG:4326, lon-lat in and out; None where there is nothing to do."""
    source = _crs(name)
    if source.equals(CRS.from_user_input(TARGET_CRS), ignore_axis_order=True):
        return None
    try:
        return Transformer.from_crs(source, TARGET_CRS, always_xy=True)
    except ProjError as err:
        raise SettingsError(f"el CRS {name!r} no se puede llevar a {TARGET_CRS}") from err


def _to_lon_lat(decoded: list[Decoded], encoding: GeometryEncoding) -> list[Decoded]:
    swap = encoding.axis_order == "lat_lon" and encoding.kind not in ("latlon_rings", "lat_lon")
    transformer = _transformer(encoding.crs)
    if not swap and transformer is None:
        return decoded

    def move(xy: Array) -> Array:
        x, y = (xy[:, 1], xy[:, 0]) if swap else (xy[:, 0], xy[:, 1])
        if transformer is not None:
            x, y = transformer.transform(x, y)
        return np.column_stack((x, y))

    moved = iter(shapely.transform(shapes_of(_shapes_in(decoded)), move))
    return [
        item
        if isinstance(item, Unreadable)
        else replace(item, geometry=next(moved))
        if isinstance(item, Mended)
        else next(moved)
        for item in decoded
    ]


def _shapes_in(decoded: Sequence[Decoded]) -> list[BaseGeometry]:
    """The geometry of each that has one."""
    return [
        item.geometry if isinstance(item, Mended) else item
        for item in decoded
        if not isinstance(item, Unreadable)
    ]


@np.errstate(invalid="ignore", over="ignore")
def usable(
    decoded: Sequence[Decoded],
    *,
    types: Sequence[str],
    bbox: BoundingBox,
    max_vertices: int = MAX_VERTICES,
    max_area_ha: float = math.inf,
    mend: Mend | None = None,
) -> list[Repaired | Unreadable]:
    """Check and repair decoded geometries, in EPSG:4326 lon-lat.

    In order: empty, type (``types`` as GeoJSON names them), vertices, finite coordinates within
    ±180 and ±90 degrees, wholly within ``bbox``, area, validity (repaired; see ``repair``). Shells
    come out counter-clockwise. ``mend`` makes one valid (``make_valid``); None from it is refused.
    """
    array = shapes_of(_shapes_in(decoded))
    faults = _faults(array, types, bbox, max_vertices)
    bounds = np.nan_to_num(_extents(array)[0])
    sides = np.abs(bounds[:, 2:] - bounds[:, :2])
    could = np.flatnonzero(sides[:, 0] * sides[:, 1] * HA_PER_SQUARE_DEGREE > max_area_ha)
    where = [i for i in could.tolist() if faults[i] is None]  # only these are measured
    for i, area in zip(where, geodesic_area_ha(array[where]), strict=True):
        if area > max_area_ha:
            text = f"supera las {max_area_ha:.0f} ha"
            faults[i] = Unreadable(Motivo.SUPERFICIE_IMPOSIBLE, text)
    good = np.array([fault is None for fault in faults], dtype=bool)
    repaired = iter(_repair_all(array[good], types, mend))
    looked = iter([fault or next(repaired) for fault in faults])
    return [
        item if isinstance(item, Unreadable) else _with_mends(item, next(looked))
        for item in decoded
    ]


def _with_mends(item: BaseGeometry | Mended, found: Repaired | Unreadable) -> Repaired | Unreadable:
    """What became of a geometry, with what had to be mended to read it."""
    if not isinstance(item, Mended) or isinstance(found, Unreadable):
        return found
    before, after = found.area_before_ha, found.area_after_ha
    if not found.changed:
        before = after = float(geodesic_area_ha([found.geometry])[0])
    motivo = "; ".join(filter(None, (*sorted(item.mends), found.motivo)))
    found = replace(found, changed=True, area_before_ha=before, area_after_ha=after)
    return replace(found, motivo=motivo, closed=enc.ANILLO_ABIERTO in item.mends)


def _faults(
    array: Shapes, types: Sequence[str], bbox: BoundingBox, max_vertices: int
) -> list[Unreadable | None]:
    """The first fault of each geometry, or None."""
    bounds, finite = _extents(array)
    counts = shapely.get_num_coordinates(array)
    allowed = np.isin([g.geom_type for g in array], list(types))
    empty = shapely.is_empty(array)
    box = np.array([bbox.min_lon, bbox.min_lat, bbox.max_lon, bbox.max_lat])
    inside = (bounds[:, :2] >= box[:2]).all(axis=1) & (bounds[:, 2:] <= box[2:]).all(axis=1)
    world = np.all(np.abs(bounds) <= (180.0, 90.0, 180.0, 90.0), axis=1)
    fine = allowed & ~empty & (counts <= max_vertices) & finite & world & inside
    faults: list[Unreadable | None] = [None] * len(array)
    for i in np.flatnonzero(~fine):
        if empty[i]:
            why = Motivo.GEOMETRIA_VACIA, "la geometría no tiene coordenadas"
        elif not allowed[i]:
            why = Motivo.TIPO_DE_GEOMETRIA, f"es {array[i].geom_type}"
        elif counts[i] > max_vertices:
            text = f"tiene {counts[i]} vértices; el máximo es {max_vertices}"
            why = Motivo.DEMASIADOS_VERTICES, text
        elif not finite[i]:
            why = Motivo.COORDENADA_INVALIDA, "una coordenada no es un número finito"
        else:
            motivo = Motivo.FUERA_DEL_AREA if world[i] else Motivo.COORDENADA_INVALIDA
            why = motivo, _misplaced(bounds[i], bbox)
        faults[i] = Unreadable(*why)
    return faults


def _extents(array: Shapes) -> tuple[Array, Flags]:
    """Bounds of all coordinates of each geometry, and whether all of them are finite.

    GEOS looks at shells only, but a hole that lies outside becomes a part when it is repaired.
    """
    xy, index = shapely.get_coordinates(array, return_index=True)
    bounds = np.full((len(array), 4), np.nan)
    finite = np.ones(len(array), dtype=bool)
    if len(xy):
        owners, starts = np.unique(index, return_index=True)
        bounds[owners, :2] = np.fmin.reduceat(xy, starts)
        bounds[owners, 2:] = np.fmax.reduceat(xy, starts)
        finite[index[~np.isfinite(xy).all(axis=1)]] = False
    return bounds, finite


def _misplaced(bounds: Array, bbox: BoundingBox) -> str:
    min_x, min_y, max_x, max_y = bounds
    text = f"longitud {min_x:.4f} a {max_x:.4f}, latitud {min_y:.4f} a {max_y:.4f}"
    lon_ok = bbox.min_lon <= min_y and max_y <= bbox.max_lon
    if lon_ok and bbox.min_lat <= min_x and max_x <= bbox.max_lat:
        text += "; latitud y longitud parecen cambiadas de lugar"
    return text


def _repair_all(
    array: Shapes, types: Sequence[str], mend: Mend | None
) -> list[Repaired | Unreadable]:
    oriented = array.copy()
    flat = shapely.get_dimensions(array) == 2
    oriented[flat] = shapely.orient_polygons(array[flat], exterior_cw=False)
    result: list[Repaired | Unreadable] = [Repaired(geometry) for geometry in oriented]
    for i in np.flatnonzero(~shapely.is_valid(array)):
        fixed = repair(array[i], mend)
        if fixed is not None and not fixed.geometry.is_empty and fixed.geometry.geom_type in types:
            result[i] = fixed
            continue
        late = "repararla lleva demasiado tiempo"
        why = late if fixed is None else "al repararla no queda nada que sirva"
        text = f"{_why_invalid(array[i])}; {why}"
        result[i] = Unreadable(Motivo.GEOMETRIA_IRREPARABLE, text)
    return result


def repair(geometry: BaseGeometry, mend: Mend | None = None) -> Repaired | None:
    """Make one invalid geometry valid, shells counter-clockwise; polygons stay polygons.

    ``make_valid`` by structure: both halves of a bow-tie stay, ground walked round twice is
    counted once, a hole is cut where it meets the shell (one outside becomes a part), what has no
    area goes. It is empty if nothing is left. ``buffer(0)`` would drop half of a bow-tie.
    None if ``mend`` gave up.
    """
    fixed = make_valid(geometry) if mend is None else mend(geometry)
    if fixed is None:
        return None
    fixed = shapely.orient_polygons(fixed, exterior_cw=False)
    before, after = geodesic_area_ha([geometry, fixed]).tolist()
    motivo = _why_invalid(geometry)
    return Repaired(fixed, changed=True, area_before_ha=before, area_after_ha=after, motivo=motivo)


def make_valid(geometry: BaseGeometry) -> BaseGeometry:
    """A valid geometry of the same ground; of a polygon, polygons only. May take very long."""
    if geometry.geom_type not in ("Polygon", "MultiPolygon"):
        return shapely.make_valid(geometry)
    try:
        return polygons_of(shapely.make_valid(geometry, method="structure", keep_collapsed=False))
    except shapely.errors.GEOSException:
        return polygons_of(shapely.make_valid(geometry))


def _why_invalid(geometry: BaseGeometry) -> str:
    said = shapely.is_valid_reason(geometry).partition("[")[0].strip()
    return _REASONS.get(said, "la geometría no es válida")


def polygons_of(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry, as one Polygon or MultiPolygon; empty if there are none."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    parts = shapely.get_parts(shapely.get_parts(geometry))
    kept = [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    return shapely.union_all(kept) if kept else shapely.Polygon()


def geodesic_area_ha(geometries: Sequence[BaseGeometry] | Shapes) -> Array:
    """Area of each geometry in hectares, on the WGS 84 ellipsoid, edges as geodesics.

    Holes are subtracted, parts added; the direction of rings does not matter. Points and lines
    have 0. Coordinates are EPSG:4326 lon-lat. After Karney, Algorithms for geodesics (2013),
    through pyproj; parts are added exactly as they come, never rounded.
    """
    return areas_by_rings(shapes_of(geometries), _ring_areas_m2) / M2_PER_HA


def _ring_areas_m2(rings: Shapes) -> Array:
    xy, owner = shapely.get_coordinates(rings, return_index=True)
    ends = np.searchsorted(owner, np.arange(len(rings) + 1))
    lon, lat = np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1])
    both = (WGS84.polygon_area_perimeter(lon[i:j], lat[i:j]) for i, j in pairwise(ends))
    return np.array([area for area, _ in both], dtype=np.float64)
