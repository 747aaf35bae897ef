"""Shapes as on the ground in the pampas, in a flat frame of metres: x east, y north.

Blocks along roads, pivot circles, river edges, lagoons as holes, corners cut out for a house,
strips beside a railway. Everything is drawn from the ``rng`` passed in, so the same seed draws the
same farm. ``to_degrees`` takes a frame to EPSG:4326, lon-lat, rounded to 1e-7 degrees (1 cm).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

Floats = NDArray[np.float64]
Area: TypeAlias = Polygon | MultiPolygon

DECIMALS = 7
SMALLEST_PART_M2 = 400.0  # what a river cuts off below this is nobody's lote
ROAD_M = 18.0


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a flat frame lies: its origin in degrees, and how far its x axis turns (radians)."""

    lon: float
    lat: float
    turn: float

    def to_degrees(self, geometries: Sequence[BaseGeometry]) -> list[BaseGeometry]:
        """Metres of this frame to degrees EPSG:4326 (lon, lat), rounded.

        Length of a degree on WGS 84: the usual series in the latitude (Snyder 1987, p. 25),
        good to 1e-4 within the few km of a campo. Equal points stay equal, so parts that share
        vertices go on sharing them.
        """
        phi = math.radians(self.lat)
        lat_m = 111_132.954 - 559.822 * math.cos(2 * phi) + 1.175 * math.cos(4 * phi)
        lon_m = 111_412.84 * math.cos(phi) - 93.5 * math.cos(3 * phi)
        cos, sin = math.cos(self.turn), math.sin(self.turn)

        def move(points: Floats) -> Floats:
            east = points[:, 0] * cos - points[:, 1] * sin
            north = points[:, 0] * sin + points[:, 1] * cos
            moved = np.column_stack([self.lon + east / lon_m, self.lat + north / lat_m])
            return np.round(moved, DECIMALS)

        return list(shapely.transform(np.asarray(geometries, dtype=object), move))


@dataclass(frozen=True, slots=True)
class Block:
    """An upright rectangle in metres."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def corners(self) -> list[tuple[float, float]]:
        """Counter-clockwise from the south-west."""
        return [(self.x0, self.y0), (self.x1, self.y0), (self.x1, self.y1), (self.x0, self.y1)]

    @property
    def short_side(self) -> float:
        return min(self.width, self.height)


def split_blocks(rng: Random, block: Block, count: int) -> list[Block]:
    """Cut a block into ``count`` of like size, by straight cuts; some cuts are roads or tracks."""
    if count == 1:
        return [block]
    first = count // 2 if rng.random() < 0.7 else max(1, round(count * (0.3 + rng.random() * 0.4)))
    share = first / count * (0.93 + rng.random() * 0.14)
    share = min(max(share, 0.5 / count), 1 - 0.5 / count)
    gap = rng.choice((0.0, 0.0, 0.0, 3.0, ROAD_M)) / 2
    if block.width >= block.height:
        at = block.x0 + block.width * share
        one, other = replace(block, x1=at - gap), replace(block, x0=at + gap)
    else:
        at = block.y0 + block.height * share
        one, other = replace(block, y1=at - gap), replace(block, y0=at + gap)
    return split_blocks(rng, one, first) + split_blocks(rng, other, count - first)


def digitised(rng: Random, block: Block) -> Polygon:
    """A block as somebody drew it: corners off by a few metres, here and there a bent side.

    Neighbours are drawn one by one, so thin slivers lie between them or twice under them.
    """
    corners = block.corners
    drawn: list[tuple[float, float]] = []
    for index, (x, y) in enumerate(corners):
        drawn.append((x + rng.uniform(-2.5, 2.5), y + rng.uniform(-2.5, 2.5)))
        if rng.random() < 0.3:
            next_x, next_y = corners[(index + 1) % 4]
            part = 0.25 + rng.random() * 0.5
            bent_x = x + (next_x - x) * part + rng.uniform(-4, 4)
            drawn.append((bent_x, y + (next_y - y) * part + rng.uniform(-4, 4)))
    return Polygon(drawn)


def circle(x: float, y: float, radius: float) -> Polygon:
    angles = np.arange(72) * (2 * math.pi / 72)
    return Polygon(np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)]))


def blob(rng: Random, x: float, y: float, radius: float, points: int = 22) -> Polygon:
    """A lagoon, a lobe of low ground, a patch of weeds: round, never a circle, never crossing."""
    angles = np.arange(points) * (2 * math.pi / points)
    waves = np.ones(points)
    for order in (1, 2, 3):
        waves += 0.16 * rng.random() * np.cos(order * angles + rng.uniform(0, 2 * math.pi))
    xs, ys = x + radius * waves * np.cos(angles), y + radius * waves * np.sin(angles) * 0.8
    return Polygon(np.column_stack([xs, ys]))


def meander(rng: Random, start: float, end: float, level: float, swing: float) -> list[list[float]]:
    """Points of a river that runs along x from ``start`` to ``end`` about y = ``level``."""
    steps = max(12, int((end - start) / 45))
    xs = np.linspace(start, end, steps)
    ys = np.full(steps, level)
    for length, part in ((1900.0, 0.6), (700.0, 0.3), (260.0, 0.12)):
        ys += swing * part * np.sin(2 * math.pi * xs / length + rng.uniform(0, 2 * math.pi))
    points: list[list[float]] = np.column_stack([xs, ys]).tolist()
    return points


def river_bank(rng: Random, block: Block) -> Polygon:
    """Water and flood land along the south side of a campo, to be taken off its lotes."""
    bank = meander(rng, block.x0 - 400, block.x1 + 400, block.y0 + block.height * 0.07, 70.0)
    far = block.y0 - 2_000
    return Polygon([*bank, (block.x1 + 400, far), (block.x0 - 400, far)])


def stream(rng: Random, block: Block) -> BaseGeometry:
    """A stream through a campo, 14 to 30 m wide: it leaves lotes in several parts."""
    level = block.y0 + block.height * (0.3 + rng.random() * 0.4)
    line = LineString(meander(rng, block.x0 - 100, block.x1 + 100, level, 110.0))
    return line.buffer(rng.uniform(7, 15), quad_segs=1, cap_style="flat")


def railway(rng: Random, block: Block) -> BaseGeometry:
    """A straight strip, 30 m wide, from side to side at a slant."""
    low = block.y0 + block.height * rng.random() * 0.5
    high = block.y0 + block.height * (0.5 + rng.random() * 0.5)
    ends = [(block.x0 - 50, low), (block.x1 + 50, high)]
    return LineString(ends).buffer(15, cap_style="flat")


def take_off(area: BaseGeometry, other: BaseGeometry) -> Area | None:
    """``area`` without ``other``: polygons only, crumbs dropped; None if nothing is left."""
    left = [
        part
        for part in shapely.get_parts(shapely.difference(area, other))
        if isinstance(part, Polygon) and part.area >= SMALLEST_PART_M2
    ]
    if not left:
        return None
    return left[0] if len(left) == 1 else MultiPolygon(left)


def with_lagoon(rng: Random, area: Area) -> Area:
    """A lagoon as a hole; the area as it was where none fits."""
    min_x, min_y, max_x, max_y = area.bounds
    reach = min(max_x - min_x, max_y - min_y)
    lagoon = blob(
        rng,
        min_x + (max_x - min_x) * (0.35 + rng.random() * 0.3),
        min_y + (max_y - min_y) * (0.35 + rng.random() * 0.3),
        reach * (0.06 + rng.random() * 0.12),
    )
    if not shapely.contains_properly(area, lagoon):
        return area
    return take_off(area, lagoon) or area


def without_corner(rng: Random, area: Area) -> Area:
    """A corner kept for a house, a grove or a mill."""
    min_x, min_y, max_x, max_y = area.bounds
    side = min(max_x - min_x, max_y - min_y) * (0.15 + rng.random() * 0.15)
    right, top = rng.random() < 0.5, rng.random() < 0.5
    x = max_x - side if right else min_x - 10
    y = max_y - side if top else min_y - 10
    return take_off(area, shapely.box(x, y, x + side + 10, y + side + 10)) or area


def dry_lagoon(area: Area) -> Area | None:
    """The same lote after its first lagoon has drawn back by a fifth; None where it has none."""
    if not isinstance(area, Polygon) or not area.interiors:
        return None
    first = Polygon(area.interiors[0])
    x, y = first.centroid.x, first.centroid.y
    smaller = shapely.transform(first, lambda points: (points - [x, y]) * 0.8 + [x, y])
    holes = [smaller.exterior, *area.interiors[1:]]
    return Polygon(area.exterior, holes)


def side_strip(area: Area, width: float) -> BaseGeometry:
    """The strip of an area along its longer side, ``width`` metres deep, in its own frame."""
    min_x, min_y, max_x, max_y = area.bounds
    if max_x - min_x >= max_y - min_y:
        return shapely.box(min_x - 20, max_y - width, max_x + 20, max_y + 20)
    return shapely.box(max_x - width, min_y - 20, max_x + 20, max_y + 20)


def bow_tie(area: Polygon) -> Polygon:
    """The same field with one small loop in a side, as a hand slips when drawing. Not valid."""
    points = shapely.get_coordinates(area.exterior).tolist()
    (ax, ay), (bx, by) = points[0], points[1]
    length = math.hypot(bx - ax, by - ay)
    ux, uy = (bx - ax) / length, (by - ay) / length
    at = 0.4 * length
    loop = [
        (ax + ux * (at + 14), ay + uy * (at + 14)),
        (ax + ux * at - uy * 9, ay + uy * at + ux * 9),
        (ax + ux * (at + 7) + uy * 6, ay + uy * (at + 7) - ux * 6),
    ]
    return Polygon([points[0], *loop, *points[1:]])


def ambientes(rng: Random, area: Area, count: int) -> tuple[Area, list[Area]]:
    """Cut a lote into about ``count`` ambientes that tile it exactly.

    Contour-like curves and at times a closed patch are noded together with the border, and the
    faces are grouped by band. Returned is the lote with the new nodes on its border, so that
    lote and ambientes share every vertex, and the ambientes in order, best land first.
    """
    if count < 2:
        return area, [area] * count
    curves, band = _contours(rng, area, count)
    noded = shapely.get_parts(shapely.union_all([area.boundary, *curves]))
    faces: list[Polygon] = []
    bands: dict[int, list[Polygon]] = {}
    for face in shapely.get_parts(shapely.polygonize(noded)):
        inside = face.representative_point()
        if shapely.contains_xy(area, inside.x, inside.y):
            faces.append(face)
            bands.setdefault(band(inside.x, inside.y), []).append(face)
    return _merged(faces), [_merged(bands[one]) for one in sorted(bands)]


def _merged(faces: Sequence[Polygon]) -> Area:
    merged = shapely.coverage_union_all(np.asarray(faces, dtype=object))
    parts = shapely.get_parts(merged)
    only: Area = parts[0] if len(parts) == 1 else MultiPolygon(list(parts))
    return only


def _contours(
    rng: Random, area: Area, count: int
) -> tuple[list[LineString], Callable[[float, float], int]]:
    """Stacked curves and at times a patch, and which band a point is in."""
    turn = rng.uniform(0, math.pi)
    cos, sin = math.cos(turn), math.sin(turn)
    points = shapely.get_coordinates(area)
    along = points @ np.array([cos, sin])
    across = points @ np.array([-sin, cos])
    reach = float(along.max() - along.min())
    depth = float(across.max() - across.min())
    xs = np.linspace(along.min() - 0.05 * reach, along.max() + 0.05 * reach, 19)
    wave = depth * 0.07 * np.sin(2 * math.pi * xs / (reach * 0.8) + rng.uniform(0, 6.3))
    wave += depth * 0.03 * np.sin(2 * math.pi * xs / (reach * 0.31) + rng.uniform(0, 6.3))
    with_patch = count >= 3 and rng.random() < 0.45
    bands = count - 1 if with_patch else count
    steps = np.arange(1, bands) + np.array([rng.uniform(-0.2, 0.2) for _ in range(1, bands)])
    levels = across.min() + depth * steps / bands
    curves = [
        LineString(np.column_stack([xs * cos - ys * sin, xs * sin + ys * cos]))
        for ys in (wave + level for level in levels)
    ]
    patch: Polygon | None = None
    if with_patch:
        centre = area.representative_point()
        patch = blob(rng, centre.x, centre.y, 0.14 * math.sqrt(area.area), 18)
        curves.append(LineString(patch.exterior))

    def band(x: float, y: float) -> int:
        if patch is not None and shapely.contains_xy(patch, x, y):
            return len(levels) + 1
        height = y * cos - x * sin - float(np.interp(x * cos + y * sin, xs, wave))
        return int(np.searchsorted(levels, height))

    return curves, band


def points_inside(rng: Random, area: Area, count: int) -> list[tuple[float, float]]:
    """Points inside an area, drawn evenly; the middle one where the area is too thin to hit."""
    min_x, min_y, max_x, max_y = area.bounds
    tries = 4 * count + 12
    xs = np.array([rng.uniform(min_x, max_x) for _ in range(tries)])
    ys = np.array([rng.uniform(min_y, max_y) for _ in range(tries)])
    inside = np.flatnonzero(shapely.contains_xy(area, xs, ys))[:count]
    found = [(float(xs[index]), float(ys[index])) for index in inside]
    middle = area.representative_point()
    return found + [(middle.x, middle.y)] * (count - len(found))
