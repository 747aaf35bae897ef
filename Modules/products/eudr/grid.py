"""Lotes on the grid of six decimals, cut into pieces without holes. Pure.

The EU's description of geolocation files takes at most six decimals and no holes. Here a polygon is
brought to whole microdegrees (1e-6 degree, about 0.11 m), and from then on nothing moves: cuts run
from vertex to vertex, so no vertex is added and the pieces are together exactly the polygon.

Coordinates in are lon, lat in EPSG:4326; coordinates out are microdegrees, as floats without a
fraction. Shells are counter-clockwise.

How the holes are cut: in a constrained Delaunay triangulation of the polygon, take from the
westernmost vertex of each hole an edge to the west, and from its easternmost one to the east. Such
edges exist (the polygon lies on more than a half-plane around those two vertices), cannot cross
(they are of one triangulation), and leave no piece with a hole: from every hole one chain of them
leads west to the shell and another one east, so no piece meets itself. The same is tried south and
north, and what gives the fatter smallest piece is taken. n holes give n + 1 pieces or fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

GRID: Final = 1e6  # microdegrees in a degree
SLIVER_SHARE: Final = 0.02  # a piece below this share of its polygon is joined to a neighbour
SLIVER_ROUNDNESS: Final = 0.02  # 4 pi area / perimeter squared: 1 a circle, 0 a line

Edges = NDArray[np.float64]  # (n, 2, 2): two ends, x and y


@dataclass(frozen=True, slots=True)
class OnGrid:
    """A lote on the grid.

    ``pieces`` are valid polygons without holes in microdegrees; none if everything collapsed.
    """

    pieces: tuple[shapely.Polygon, ...]
    vertices_joined: int = 0  # vertices that fell on the one before
    parts_lost: int = 0  # parts that have no area at six decimals
    holes_cut: int = 0
    repaired: bool = False  # rounding had made it cross itself


def to_grid(geometries: Sequence[BaseGeometry]) -> list[OnGrid]:
    """Polygons (valid, degrees) rounded to six decimals, validated again, their holes cut."""
    scaled = shapely.transform(np.asarray(geometries, dtype=object), lambda xy: xy * GRID)
    rounded = shapely.transform(scaled, lambda xy: np.rint(xy) + 0.0)  # + 0.0: no -0.0
    whole = shapely.is_valid(rounded) & ~shapely.is_empty(rounded)
    slim = rounded.copy()
    slim[whole] = shapely.remove_repeated_points(rounded[whole])
    counts = shapely.get_num_coordinates(rounded) - shapely.get_num_coordinates(slim)
    return [
        _pieces(slim[i], joined=int(counts[i])) if whole[i] else _snapped(scaled[i])
        for i in range(len(scaled))
    ]


def to_degrees(pieces: Sequence[BaseGeometry]) -> NDArray[np.object_]:
    """Grid geometries in degrees, each coordinate the double nearest to its six decimals."""
    array = np.asarray(pieces, dtype=object)
    return np.asarray(shapely.transform(array, lambda xy: xy / GRID), dtype=object)


def inner_point(piece: shapely.Polygon) -> shapely.Point:
    """A grid point inside the piece; a vertex of it where no grid point lies inside."""
    found = shapely.point_on_surface(piece)
    steps = (np.rint, np.floor, np.ceil)
    corners = (shapely.Point(in_x(found.x), in_y(found.y)) for in_x in steps for in_y in steps)
    return next(filter(piece.contains, corners), shapely.Point(piece.exterior.coords[0]))


def _snapped(scaled: BaseGeometry) -> OnGrid:
    """A geometry that plain rounding breaks: snap rounding, which keeps it valid (Hobby 1999)."""
    before = shapely.get_parts(scaled)
    try:
        snapped = shapely.set_precision(scaled, 1.0)
        alone = shapely.set_precision(before, 1.0)
    except shapely.GEOSException:
        repaired = shapely.make_valid(scaled, method="structure", keep_collapsed=False)
        snapped = shapely.set_precision(repaired, 1.0)
        alone = np.asarray(shapely.get_parts(snapped))
    polygons = shapely.get_parts(snapped)
    polygons = polygons[shapely.get_type_id(polygons) == 3]
    lost = int((shapely.area(alone) == 0).sum())
    return _pieces(shapely.MultiPolygon(list(polygons)), lost=lost, repaired=True)


def _pieces(
    shape: BaseGeometry, *, joined: int = 0, lost: int = 0, repaired: bool = False
) -> OnGrid:
    parts = [part for part in shapely.get_parts(shape) if part.area > 0]
    parts = list(shapely.orient_polygons(np.asarray(parts, dtype=object), exterior_cw=False))
    holes = sum(len(part.interiors) for part in parts)
    pieces = [piece for part in parts for piece in cut_holes(part)]
    return OnGrid(tuple(pieces), joined, lost, holes, repaired)


def cut_holes(polygon: shapely.Polygon) -> list[shapely.Polygon]:
    """A polygon in whole microdegrees as polygons without holes; see the module."""
    if not polygon.interiors:
        return [polygon]
    corner = np.floor(polygon.bounds[:2])
    near = shapely.transform(polygon, lambda xy: xy - corner)  # small numbers: areas are exact
    triangles = np.asarray(shapely.get_parts(shapely.constrained_delaunay_triangles(near)))
    corners = shapely.get_coordinates(triangles).reshape(-1, 4, 2)
    one_way = np.concatenate([corners[:, [i, i + 1]] for i in range(3)])
    edges = np.concatenate([one_way, one_way[:, ::-1]])  # both ways round, by where they start
    edges = edges[np.argsort(_complex(edges[:, 0]), kind="stable")]
    tries = [_cut_along(near, _bridges(near, edges, axis)) for axis in (0, 1)]
    good = [pieces for pieces in tries if _is_exact(near, pieces)]
    best = max(good, key=lambda some: min(p.area * _roundness(p) for p in some), default=triangles)
    pieces = [_canonical(piece) for piece in _without_slivers(best, near.area)]
    pieces.sort(key=lambda piece: (piece.bounds, piece.wkb))
    return [shapely.transform(piece, lambda xy: xy + corner) for piece in pieces]


def _complex(xy: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Places as numbers that sort by x, then by y."""
    return xy[..., 0] + 1j * xy[..., 1]


def _bridges(polygon: shapely.Polygon, edges: Edges, axis: int) -> list[Any]:
    """For each hole, the edge that leads most straight out of either end of it along the axis."""
    starts, found = _complex(edges[:, 0]), []
    for ring in polygon.interiors:
        xy = shapely.get_coordinates(ring)
        order = np.lexsort((xy[:, 1 - axis], xy[:, axis]))
        for end, sign in ((xy[order[0]], -1.0), (xy[order[-1]], 1.0)):
            first, last = (
                np.searchsorted(starts, _complex(end), side) for side in ("left", "right")
            )
            out = edges[first:last]
            if (bridge := _most_straight(out, axis, sign)) is not None:
                found.append(shapely.LineString(bridge))
    return found


def _most_straight(edges: Edges, axis: int, sign: float) -> NDArray[np.float64] | None:
    """Of edges from one vertex, the one nearest to the axis; None if none leads that way."""
    along = sign * (edges[:, 1, axis] - edges[:, 0, axis])
    across = sign * (edges[:, 1, 1 - axis] - edges[:, 0, 1 - axis])
    ahead = (along > 0) | ((along == 0) & (across > 0))  # a tie goes to the other axis
    if not ahead.any():
        return None  # the hole touches another ring there, and needs no bridge
    out, along, across = edges[ahead], along[ahead], across[ahead]
    length = np.hypot(along, across)
    best = np.lexsort((out[:, 1, 1], out[:, 1, 0], length, -along / length))[0]
    return np.asarray(out[best])


def _cut_along(polygon: shapely.Polygon, bridges: Sequence[Any]) -> list[shapely.Polygon]:
    rings = [polygon.exterior, *polygon.interiors]
    lines = shapely.union_all([shapely.LineString(ring.coords) for ring in rings] + list(bridges))
    faces = np.asarray(shapely.get_parts(shapely.polygonize([lines])))
    shapely.prepare(polygon)
    inside = shapely.contains_properly(polygon, shapely.point_on_surface(faces))
    return list(faces[inside])


def _is_exact(polygon: shapely.Polygon, pieces: Sequence[shapely.Polygon]) -> bool:
    """Whether the pieces have no holes, are valid, and are together as large as the polygon."""
    array = np.asarray(pieces, dtype=object)
    return (
        len(array) > 0
        and not shapely.get_num_interior_rings(array).any()
        and bool(shapely.is_valid(array).all())
        and float(shapely.area(array).sum()) == polygon.area
    )


def _roundness(piece: shapely.Polygon) -> float:
    return float(4 * np.pi * piece.area / piece.length**2)


def _without_slivers(pieces: Iterable[shapely.Polygon], whole: float) -> list[shapely.Polygon]:
    """Join each sliver to the neighbour with the longest common side, where no hole comes of it."""
    waiting = sorted(pieces, key=lambda piece: (piece.area, piece.wkb))
    kept: list[shapely.Polygon] = []
    while waiting:
        piece = waiting.pop(0)
        small = piece.area < SLIVER_SHARE * whole or _roundness(piece) < SLIVER_ROUNDNESS
        joined = _join(piece, waiting + kept) if small else None
        if joined is None:
            kept.append(piece)
            continue
        other, both = joined
        waiting = [both, *(p for p in waiting if p is not other)]
        waiting.sort(key=lambda p: (p.area, p.wkb))
        kept = [p for p in kept if p is not other]
    return kept


def _join(
    piece: shapely.Polygon, others: Sequence[shapely.Polygon]
) -> tuple[shapely.Polygon, shapely.Polygon] | None:
    """The best neighbour and the union with it, or None."""
    array = np.asarray(others, dtype=object)
    near = array[shapely.intersects(array, piece)] if len(array) else array
    common = shapely.length(shapely.intersection(near, piece))
    for i in np.argsort(-common, kind="stable"):
        both = shapely.union(piece, near[i])
        fits = common[i] > 0 and both.geom_type == "Polygon" and not both.interiors
        if fits and both.is_valid and both.area == piece.area + near[i].area:
            return near[i], both
    return None


def _canonical(piece: shapely.Polygon) -> shapely.Polygon:
    """The ring counter-clockwise, from its south-western vertex on: no trace of how it was cut."""
    xy = shapely.get_coordinates(shapely.orient_polygons(piece, exterior_cw=False))[:-1]
    first = int(np.lexsort((xy[:, 1], xy[:, 0]))[0])
    ring = np.roll(xy, -first, axis=0)
    return shapely.Polygon(np.vstack([ring, ring[:1]]))
