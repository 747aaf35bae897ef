"""Sampling points proposed for one ambiente: k of them, off its edge, well spread, always the same.

Polygons come and points go in EPSG:4326, lon-lat, degrees. Metres are those of an azimuthal
equidistant projection of the WGS 84 ellipsoid, centred within 0.1 degree of the polygon: over
10 km it is true to a few millimetres. Edges are straight in lon-lat, as in every file we write.

The method has two published steps:

1. Balanced Acceptance Sampling: a Halton sequence (bases 2 and 3) over the polygon's box, of which
   the points inside are taken in turn. Robertson, Brown, McDonald and Jaksons, "BAS: Balanced
   Acceptance Sampling of Natural Resources", Biometrics 69 (2013) 776-784.
2. Spatial coverage sampling: k-means of many such points, from the first k of them, makes k compact
   strata of like area; the point nearest to the middle of each is proposed. Walvoort, Brus and
   de Gruijter, "An R package for spatial coverage sampling and random sampling from compact
   geographical strata by k-means", Computers & Geosciences 36 (2010) 1261-1267.

There is no seed. The sequence always starts at the same place and the rings are normalised first,
so the points of a polygon depend on its shape alone: not on the night, the order of the rows, the
first vertex or the direction of a ring; and a border that moves a little moves them a little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Proj
from shapely.geometry.base import BaseGeometry

from Modules.geo.arrays import Array, Index
from Modules.words.errors import SettingsError

METODO: Final = (
    "cobertura espacial por k-medias (Walvoort et al. 2010) "
    "sobre muestreo balanceado de Halton (Robertson et al. 2013)"
)
METODO_INTERIOR: Final = "punto más interior"  # where the margin leaves nothing

_DECIMALS: Final = 7  # of a degree: one centimetre, finer than any receiver in a field
_CENTRE_STEP: Final = 0.1  # degrees: neighbours share a projection, a moved border keeps it
_EDGE_STEP: Final = 0.002  # degrees, about 200 m: then a projected edge bends below a millimetre
_QUAD_SEGS: Final = 16
_ROUND_SLACK: Final = 1 / math.cos(math.pi / (4 * _QUAD_SEGS))  # a chord cuts into its arc
_SLACK_M: Final = 0.01  # what rounding to 7 decimals may take off the margin
_CANDIDATES_PER_POINT: Final = 64
_MIN_CANDIDATES: Final = 192
_MAX_DRAWS: Final = 1 << 16
_MAX_ROUNDS: Final = 60  # k-means settles in ten to thirty


@dataclass(frozen=True, slots=True)
class PuntoPropuesto:
    """One proposed point, degrees EPSG:4326. ``distancia_borde_m`` is to the nearest edge.

    ``en_margen`` is False where the margin left nothing and this is the most interior point.
    """

    lon: float
    lat: float
    distancia_borde_m: float
    en_margen: bool

    @property
    def metodo(self) -> str:
        """How the point was found, in words for users."""
        return METODO if self.en_margen else METODO_INTERIOR


@dataclass(frozen=True, slots=True)
class _Terreno:
    """A polygon twice: in degrees, as given, and in metres around its centre."""

    degrees: BaseGeometry
    metres: BaseGeometry
    proj: Proj


def propose_points(
    polygon: BaseGeometry, *, cantidad: int, margen_m: float
) -> tuple[PuntoPropuesto, ...]:
    """Propose ``cantidad`` points inside a valid Polygon or MultiPolygon, from west to east.

    All lie inside it, out of its holes, at least ``margen_m`` metres from every edge. Where the
    margin leaves nothing (a sliver), it is one point only: the most interior one, marked.

    Raises:
        SettingsError: ``cantidad`` is below 1, or ``margen_m`` is negative or not finite.
    """
    if cantidad < 1:
        raise SettingsError(f"{cantidad} puntos por ambiente no hacen un plan; pedir 1 o más")
    if not (math.isfinite(margen_m) and margen_m >= 0):
        raise SettingsError(f"un margen de {margen_m} m no tiene sentido; escribir 0 metros o más")
    degrees = shapely.normalize(shapely.force_2d(polygon))
    west, south, east, north = shapely.bounds(degrees)
    middle = ((west + east) / 2, (south + north) / 2)
    proj = _projection(*(round(each / _CENTRE_STEP) * _CENTRE_STEP for each in middle))
    dense = shapely.segmentize(degrees, _EDGE_STEP)
    region = shapely.transform(dense, lambda xy: np.column_stack(proj(xy[:, 0], xy[:, 1])))
    terreno = _Terreno(degrees, region, proj)
    if margen_m > 0:  # empty where the margin leaves nothing
        reach = margen_m * _ROUND_SLACK + _SLACK_M
        region = shapely.buffer(region, -reach, quad_segs=_QUAD_SEGS)
    wanted = max(_MIN_CANDIDATES, _CANDIDATES_PER_POINT * cantidad)
    for candidates in (_accepted, _over_triangles) if region.area > 0 else ():
        chosen = _chosen(terreno, candidates(region, wanted), cantidad)
        if len(chosen):
            return _as_points(terreno, chosen, en_margen=True)
    return _as_points(terreno, _most_interior(terreno), en_margen=False)


@lru_cache(maxsize=256)
def _projection(lon: float, lat: float) -> Proj:
    return Proj(proj="aeqd", lon_0=lon, lat_0=lat, ellps="WGS84", units="m")


def _as_points(terreno: _Terreno, lonlat: Array, *, en_margen: bool) -> tuple[PuntoPropuesto, ...]:
    lonlat = lonlat[np.lexsort((lonlat[:, 1], lonlat[:, 0]))]
    there = shapely.points(*terreno.proj(lonlat[:, 0], lonlat[:, 1]))
    distances = shapely.distance(terreno.metres.boundary, there)
    return tuple(
        PuntoPropuesto(float(lon), float(lat), round(float(distance), 2), en_margen)
        for (lon, lat), distance in zip(lonlat, distances, strict=True)
    )


def _accepted(region: BaseGeometry, wanted: int) -> Array:
    """The first ``wanted`` points of the Halton sequence over the box that lie in the region.

    Fewer where the region fills little of its box: the sequence is followed so far and no further.
    """
    shapely.prepare(region)
    west, south, east, north = shapely.bounds(region)
    kept: list[Array] = []
    count, start, batch = 0, 1, 2 * wanted
    while count < wanted and start <= _MAX_DRAWS:
        halves, thirds = _halton(start, batch)
        x = west + (east - west) * halves
        y = south + (north - south) * thirds
        inside = shapely.contains_xy(region, x, y)
        kept.append(np.column_stack((x[inside], y[inside])))
        count, start, batch = count + int(inside.sum()), start + batch, batch * 2
    return np.concatenate(kept)[:wanted]


@lru_cache(maxsize=16)  # every ambiente begins with the same points
def _halton(start: int, count: int) -> tuple[Array, Array]:
    index = np.arange(start, start + count)
    return radical_inverse(index, 2), radical_inverse(index, 3)


def radical_inverse(index: NDArray[np.int64], base: int) -> Array:
    """Van der Corput's sequence: the digits of each index in ``base``, mirrored at the point.

    Two of them with bases that share no factor make a Halton sequence (Halton 1960).
    """
    rest, value, weight = np.array(index, dtype=np.int64), np.zeros(len(index)), 1.0
    while rest.any():
        weight /= base
        value += weight * (rest % base)
        rest //= base
    return value


def _over_triangles(region: BaseGeometry, wanted: int) -> Array:
    """Halton points laid over the region's triangles by their area: none falls outside.

    For regions that fill next to nothing of their box, like two far patches or a long diagonal.
    """
    triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(region))
    areas = shapely.area(triangles)
    if not areas.sum() > 0:
        return np.empty((0, 2))
    index = np.arange(1, wanted + 1)
    u, v, pick = (radical_inverse(index, base) for base in (2, 3, 5))
    owner = np.searchsorted(np.cumsum(areas) / areas.sum(), pick).clip(max=len(areas) - 1)
    corners = shapely.get_coordinates(triangles).reshape(-1, 4, 2)[owner]
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u)[:, None], np.where(folded, 1 - v, v)[:, None]
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    return np.asarray(a + u * (b - a) + v * (c - a), dtype=np.float64)


def _chosen(terreno: _Terreno, xy: Array, cantidad: int) -> Array:
    """Of the candidates (metres) those to propose, in degrees as published; none if too few.

    Published are seven decimals. Where that moves one out of the polygon or onto another, in what
    measures centimetres, the choice is made again among the candidates that stay apart and inside.
    """
    if len(xy) < cantidad:
        return np.empty((0, 2))
    lonlat = _rounded(terreno, xy[_spatial_coverage(xy, cantidad)])
    if len(_apart_and_inside(terreno, lonlat)) == cantidad:
        return lonlat
    every = _rounded(terreno, xy)
    kept = _apart_and_inside(terreno, every)
    if len(kept) < cantidad:
        return np.empty((0, 2))
    chosen: Array = every[kept][_spatial_coverage(xy[kept], cantidad)]
    return chosen


def _rounded(terreno: _Terreno, xy: Array) -> Array:
    lonlat = np.column_stack(terreno.proj(xy[:, 0], xy[:, 1], inverse=True))
    return np.asarray(np.round(lonlat, _DECIMALS), dtype=np.float64)


def _apart_and_inside(terreno: _Terreno, lonlat: Array) -> Index:
    """Indices of the points inside, of equal ones the first."""
    inside = np.flatnonzero(shapely.contains_xy(terreno.degrees, lonlat[:, 0], lonlat[:, 1]))
    _, first = np.unique(lonlat[inside, 0] + 1j * lonlat[inside, 1], return_index=True)
    return np.asarray(inside[np.sort(first)], dtype=np.intp)


def _spatial_coverage(xy: Array, cantidad: int) -> Index:
    """Indices of ``cantidad`` points of ``xy``, each in the middle of its stratum of k-means.

    Lloyd's rounds from the first points of the sequence; a stratum that lost all its points keeps
    its middle. All indices are distinct.
    """
    middles = xy[:cantidad].copy()
    owner = np.full(len(xy), -1)
    for _ in range(_MAX_ROUNDS):
        nearest = _squared_distances(xy, middles).argmin(axis=1)
        if (nearest == owner).all():
            break
        owner = nearest
        counts = np.bincount(owner, minlength=cantidad)
        for axis in (0, 1):
            sums = np.bincount(owner, weights=xy[:, axis], minlength=cantidad)
            middles[:, axis] = np.where(counts, sums / np.maximum(counts, 1), middles[:, axis])
    free = _squared_distances(xy, middles)
    chosen = np.empty(cantidad, dtype=np.intp)
    for column in range(cantidad):
        chosen[column] = free[:, column].argmin()
        free[chosen[column]] = np.inf
    return chosen


def _squared_distances(xy: Array, middles: Array) -> Array:
    dx, dy = xy[:, :1] - middles[:, 0], xy[:, 1:] - middles[:, 1]
    return np.asarray(np.multiply(dx, dx, out=dx) + np.multiply(dy, dy, out=dy))


def _most_interior(terreno: _Terreno) -> Array:
    """The point farthest from every edge (centre of the largest inscribed circle), in degrees.

    Any interior point, not rounded, where the shape is too thin for that: a sliver of centimetres.
    """
    metres = terreno.metres
    # a strip is about twice area over perimeter wide; be right to a twentieth of that
    tolerance = max(metres.area / max(metres.length, 1.0) / 10, 0.001)
    try:
        radius = shapely.maximum_inscribed_circle(metres, tolerance=tolerance)
    except shapely.errors.GEOSException:
        radius = None
    lonlat = _rounded(terreno, shapely.get_coordinates(radius)[:1])  # none: GEOS finds no circle
    if shapely.contains_xy(terreno.degrees, lonlat[:, 0], lonlat[:, 1]).any():
        return lonlat
    return np.asarray(shapely.get_coordinates(shapely.point_on_surface(terreno.degrees)))
