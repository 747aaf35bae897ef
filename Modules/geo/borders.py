"""Whether a border moved, and what ground it gained and lost. Pure; whole arrays at a time.

Geometry comes and goes as EPSG:4326, lon-lat. A tolerance is metres on the ground, measured in a
plane of each pair's own: degrees scaled by the two radii of curvature of WGS 84 at the middle of
the pair (a local equirectangular plane). Straight lines stay straight, and over a lote of 5 km the
scale is off by less than 1 in 3,000, which is nothing to a tolerance. Hectares never come from
that plane: they are those of the ellipsoid.

**A border has moved** where the ground gained or lost is somewhere wider than the tolerance: where
the symmetric difference, eroded by half of it, is not empty. So another first vertex, the other
direction, parts in another order, a densified edge and any vertex written up to the tolerance
away are no news: at a point of the ground between two such borders, the distances to both add up
to no more than the vertex moved, so no wider disc fits in between. A side that moves by more than
the tolerance always is news. What is itself narrower than the tolerance has moved where one shape
leaves the other, widened by the tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from Modules.geo.arrays import MULTIPOLYGON, POLYGON, WGS84, Array, Flags, Index, Shapes, shapes_of
from Modules.geo.geometry import geodesic_area_ha

TOLERANCIA_M: Final = 1.0

_MIN_COS: Final = 1e-6  # at the poles a degree of longitude is nothing
_POINT: Final = 0
_GRID_M: Final = 1e-4  # where rounding at near-equal edges defeats an overlay
_SHARES: Final = (0.0, 0.01, 0.25)  # of the tolerance, to simplify by before corners are compared
_MOST: Final = 0.5  # of the smaller shape: if this much changed hands, it may be elsewhere


@dataclass(frozen=True, slots=True)
class Bordes:
    """Pairs of polygons compared; all arrays run side by side. Nothing is in those not moved."""

    movido: Flags
    gana: Shapes  # EPSG:4326; None where nothing was gained
    pierde: Shapes
    gana_ha: Array
    pierde_ha: Array


def bordes(before: Shapes, now: Shapes, tolerancia_m: float = TOLERANCIA_M) -> Bordes:
    """Compare valid polygons pair by pair: which borders moved, the ground gained and lost."""
    before, now = shapes_of(before), shapes_of(now)
    plane = _Plane.of(before, now)
    was, is_now = plane.to_metres(before), plane.to_metres(now)
    gained, lost = (np.full(len(was), None, dtype=object) for _ in range(2))
    unlike = np.flatnonzero(~_same_corners(was, is_now, tolerancia_m))
    gained[unlike] = _minus(is_now[unlike], was[unlike])
    lost[unlike] = _minus(was[unlike], is_now[unlike])
    moved = np.zeros(len(was), dtype=bool)
    moved[unlike] = _wide(gained[unlike], tolerancia_m) | _wide(lost[unlike], tolerancia_m)
    least = np.fmin(shapely.area(was), shapely.area(is_now))
    changed = np.nan_to_num(shapely.area(gained)) + np.nan_to_num(shapely.area(lost))
    narrow = (changed > _MOST * least) & ~moved
    moved[narrow] = _apart(was[narrow], is_now[narrow], tolerancia_m)
    for pieces in (gained, lost):
        pieces[~moved | shapely.is_empty(pieces)] = None
    gained, lost = plane.to_degrees(gained), plane.to_degrees(lost)
    return Bordes(moved, gained, lost, geodesic_area_ha(gained), geodesic_area_ha(lost))


def moved(before: Shapes, now: Shapes, tolerancia_m: float = TOLERANCIA_M) -> Flags:
    """Whether each geometry of any type moved; from or to None, or to another type, counts.

    Polygons as ``bordes``, points by their distance, lines and groups of points where one leaves
    the other widened by the tolerance.
    """
    before, now = shapes_of(before), shapes_of(now)
    was, is_now = (_kind(shapes) for shapes in (before, now))
    found: Flags = was != is_now
    alike = (was == is_now) & (was >= 0)
    areas = np.flatnonzero(alike & (was == POLYGON))
    points = np.flatnonzero(alike & (was == _POINT))
    others = np.flatnonzero(alike & (was != POLYGON) & (was != _POINT))
    found[areas] = bordes(before[areas], now[areas], tolerancia_m).movido
    found[points] = distances_m(before[points], now[points]) > tolerancia_m
    plane = _Plane.of(before[others], now[others])
    ours, theirs = (plane.to_metres(side[others]) for side in (before, now))
    found[others] = _apart(ours, theirs, tolerancia_m)
    return found


def distances_m(before: Shapes, now: Shapes) -> Array:
    """Metres on the ellipsoid between the middles of each pair; NaN where one has no geometry."""
    ends = []
    for shapes in (shapes_of(before), shapes_of(now)):
        middles = np.asarray(shapely.centroid(shapes), dtype=object)
        there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        middles[~there] = shapely.Point(math.nan, math.nan)
        ends.append(shapely.get_coordinates(middles))
    if not len(ends[0]):
        return np.zeros(0)
    *_, metres = WGS84.inv(ends[0][:, 0], ends[0][:, 1], ends[1][:, 0], ends[1][:, 1])
    return np.asarray(metres, dtype=np.float64)


def canonical(shapes: Shapes) -> NDArray[np.object_]:
    """Bytes that are equal for the same vertices, whichever is first and whatever the direction."""
    return np.asarray(shapely.to_wkb(shapely.normalize(shapes_of(shapes))), dtype=object)


@dataclass(frozen=True, slots=True)
class _Plane:
    """A plane for each pair: its origin in degrees, and metres per degree, (n, 2) each."""

    origin: Array
    scale: Array

    @classmethod
    def of(cls, before: Shapes, now: Shapes) -> _Plane:
        bounds = np.stack([shapely.bounds(before), shapely.bounds(now)]).reshape(2, -1, 4)
        low, high = np.fmin(*bounds[:, :, :2]), np.fmax(*bounds[:, :, 2:])
        origin = (low + high) / 2
        lat = np.radians(origin[:, 1])
        curve = 1 - WGS84.es * np.sin(lat) ** 2
        along = WGS84.a / np.sqrt(curve) * np.maximum(np.cos(lat), _MIN_COS)
        up = WGS84.a * (1 - WGS84.es) / curve**1.5
        return cls(origin, np.column_stack((along, up)) * (math.pi / 180))

    def to_metres(self, shapes: Shapes) -> Shapes:
        return _recoordinated(shapes, lambda xy, at: (xy - self.origin[at]) * self.scale[at])

    def to_degrees(self, shapes: Shapes) -> Shapes:
        return _recoordinated(shapes, lambda xy, at: xy / self.scale[at] + self.origin[at])


def _recoordinated(shapes: Shapes, change: Callable[[Array, Index], Array]) -> Shapes:
    xy, at = shapely.get_coordinates(shapes, return_index=True)
    return np.asarray(shapely.set_coordinates(shapes.copy(), change(xy, at)), dtype=object)


def _same_corners(was: Shapes, is_now: Shapes, tolerancia_m: float) -> Flags:
    """Whether as many corners lie where they lay: enough for "not moved", and far quicker.

    What simplifying moves on both sides and what the corners differ by is the tolerance together.
    """
    found = np.zeros(len(was), dtype=bool)
    for share in _SHARES:
        left = np.flatnonzero(~found)
        pair = [shapely.normalize(shapes[left]) for shapes in (was, is_now)]
        if share:  # from an outermost vertex on, those on straight edges left out; parts in order
            by_m = share * tolerancia_m
            fewer = [shapely.simplify(side, by_m, preserve_topology=False) for side in pair]
            pair = [shapely.normalize(side) for side in fewer]
        tolerance = (1 - 2 * share) * tolerancia_m
        found[left] = shapely.equals_exact(*pair, tolerance=tolerance) & ~shapely.is_empty(pair[0])
    return found


def _minus(shapes: Shapes, others: Shapes) -> Shapes:
    try:
        return np.asarray(shapely.difference(shapes, others), dtype=object)
    except shapely.errors.GEOSException:
        return shapes_of([_minus_one(a, b) for a, b in zip(shapes, others, strict=True)])


def _minus_one(shape: shapely.Geometry, other: shapely.Geometry) -> shapely.Geometry:
    try:
        return shapely.difference(shape, other)
    except shapely.errors.GEOSException:  # rounding in the plane: a border that touches itself
        pair = shapely.make_valid([shape, other], method="structure", keep_collapsed=False)
        return shapely.difference(*pair, grid_size=_GRID_M)


def _wide(pieces: Shapes, tolerancia_m: float) -> Flags:
    """Whether a disc as wide as the tolerance fits into the pieces of each."""
    parts, owner = shapely.get_parts(pieces, return_index=True)
    roomy = shapely.area(parts) >= math.pi * tolerancia_m**2 / 4
    left = shapely.buffer(parts[roomy], -tolerancia_m / 2)
    found = np.zeros(len(pieces), dtype=bool)
    found[owner[roomy][~shapely.is_empty(left)]] = True
    return found


def _apart(was: Shapes, is_now: Shapes, tolerancia_m: float) -> Flags:
    """Whether a part of one is farther than the tolerance from the other."""
    reach = tolerancia_m * 1.01  # a buffer's arcs are cut short by up to 0.5 %
    near = shapely.covers(shapely.buffer(was, reach), is_now)
    near &= shapely.covers(shapely.buffer(is_now, reach), was)
    return np.asarray(~near, dtype=bool)


def _kind(shapes: Shapes) -> NDArray[np.int64]:
    """GEOS type ids, those of polygons as one; -1: nothing there."""
    kinds: NDArray[np.int64] = shapely.get_type_id(shapes).astype(np.int64)
    kinds[np.isin(kinds, (POLYGON, MULTIPOLYGON))] = POLYGON
    kinds[shapely.is_empty(shapes)] = -1
    return kinds
