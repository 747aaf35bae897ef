"""Shapes held against each other: what overlaps, what lies outside, what is land counted once.

Geometry is EPSG:4326, lon-lat, valid. Shares are of areas in degrees: within one lote a square
degree is the same everywhere to a thousandth. Everything is done on whole arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

from Modules.geo.arrays import M_PER_DEGREE, Array, Flags, Index, Shapes
from Modules.geo.geometry import geodesic_area_ha


def overlaps(shapes: Shapes, share: float) -> tuple[Index, Index, Shapes]:
    """Pairs of polygons that have more than a share of the smaller in common.

    Returns:
        Places of the first and of the second of each pair (first < second, sorted), and the ground
        that they have in common.
    """
    one, other = shapely.STRtree(shapes).query(shapes)  # by their bounds
    ordered = one < other
    one, other = one[ordered], other[ordered]
    bounds, area = shapely.bounds(shapes), shapely.area(shapes)
    limit = share * np.minimum(area[one], area[other])
    low, high = bounds[:, :2], bounds[:, 2:]
    sides = np.minimum(high[one], high[other]) - np.maximum(low[one], low[other])
    could = np.prod(sides, axis=1) > limit  # most neighbours only touch
    one, other, limit = one[could], other[could], limit[could]
    common = shapely.intersection(shapes[one], shapes[other])
    much = shapely.area(common) > limit
    order = np.lexsort((other[much], one[much]))
    return one[much][order], other[much][order], common[much][order]


def land_once_ha(shapes: Shapes, areas_ha: Array, share: float) -> Array:
    """Hectares of each polygon without the ground that one before it covers already.

    Only what two have in common by more than ``share`` of the smaller counts, so that borders drawn
    by hand leave the area of a lote what it is. The sum is the land.
    """
    land = np.array(areas_ha, dtype=np.float64)
    _, second, common = overlaps(shapes, share)
    for place in np.unique(second):
        covered = shapely.union_all(common[second == place])
        land[place] = max(0.0, land[place] - float(geodesic_area_ha([covered])[0]))
    return land


def metres_outside(shapes: Shapes, homes: Shapes) -> Array:
    """How far each shape is from its home, metres; 0 where they meet."""
    shapely.prepare(homes)
    away: Flags = ~shapely.intersects(homes, shapes)
    metres = np.zeros(len(shapes))
    if away.any():
        there = shapes[away]
        flatten = np.cos(np.radians(np.nanmean(shapely.bounds(homes[away])[:, 1::2], axis=1)))
        distances = shapely.distance(_flat(there, flatten), _flat(homes[away], flatten))
        metres[away] = distances * M_PER_DEGREE
    return metres


def _flat(shapes: Shapes, flatten: Array) -> Shapes:
    """The shapes with degrees of longitude made as long as those of latitude."""
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    xy[:, 0] *= flatten[owner]
    return np.asarray(shapely.set_coordinates(shapes.copy(), xy), dtype=object)


def share_inside(shapes: Shapes, homes: Shapes) -> Array:
    """The share of each polygon that lies in its home, from 0 to 1."""
    shapely.prepare(homes)
    shares = np.ones(len(shapes))
    out: Flags = ~shapely.covers(homes, shapes)
    area = shapely.area(shapes[out])
    inside = shapely.area(shapely.intersection(shapes[out], homes[out]))
    shares[out] = np.divide(inside, area, out=np.ones(len(area)), where=area > 0)
    return shares


def homes_of(keys: Sequence[str], known: Sequence[str], shapes: Shapes) -> Shapes:
    """The shape that each key names; all of them are known."""
    place = {key: at for at, key in enumerate(known)}
    return np.asarray(shapes[[place[key] for key in keys]], dtype=object)


def shares_held(one: Shapes, two: Shapes, of_one: Flags, of_two: Flags) -> tuple[Array, Array]:
    """Of each polygon the share of its area (0 to 1) that all of the other set together hold.

    Ground that two of them hold counts once. What has no area (a point, None) has the share 0, and
    so has what ``of_one`` and ``of_two`` do not ask for.
    """
    shares = np.zeros(len(one)), np.zeros(len(two))
    if not of_one.any() and not of_two.any():
        return shares
    at_one, at_two = shapely.STRtree(two).query(one, predicate="intersects")
    asked = of_one[at_one] | of_two[at_two]
    at_one, at_two = at_one[asked], at_two[asked]
    pieces = shapely.intersection(one[at_one], two[at_two])
    solid = shapely.area(pieces) > 0
    for share, shapes, at, wanted in zip(
        shares, (one, two), (at_one, at_two), (of_one, of_two), strict=True
    ):
        mine = solid & wanted[at]
        rows, held = _joined(at[mine], pieces[mine])
        share[rows] = np.minimum(shapely.area(held) / shapely.area(shapes[rows]), 1.0)
    return shares


def lying_under(points_of: Shapes, others: Shapes, own: Index) -> Flags:
    """Whether a point inside each polygon lies inside another of ``others`` than its own.

    Cheap, and enough to see that ground is there twice: neighbours never hold such a point. ``own``
    is the place of each polygon in ``others``.
    """
    points = shapely.point_on_surface(points_of)
    at, other = shapely.STRtree(others).query(points, predicate="within")
    found = np.zeros(len(points), dtype=np.bool_)
    found[at[own[at] != other]] = True
    return found


def _joined(at: Index, pieces: Shapes) -> tuple[Index, Shapes]:
    """The pieces of each row made one; the rows in order."""
    order = np.argsort(at, kind="stable")
    at, pieces = at[order], pieces[order]
    rows, first, count = np.unique(at, return_index=True, return_counts=True)
    held = pieces[first]
    several = count > 1
    padded = np.full((len(rows), int(count.max(initial=0))), None, dtype=object)
    padded[np.repeat(np.arange(len(rows)), count), np.arange(len(at)) - np.repeat(first, count)] = (
        pieces
    )
    held[several] = shapely.union_all(padded[several], axis=1)
    return rows, held
