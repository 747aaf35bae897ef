"""A short way round points: nearest neighbour, the same whatever the order of the rows.

Points are (lon, lat) rows in degrees, EPSG:4326. Distances are on a plane that is true around the
points' mean latitude: good enough to say which of two points of one campo is nearer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from Modules.geo.arrays import Array


def short_route(lonlat: Array, start: Sequence[float] | None = None) -> list[int]:
    """Indices of all points, each the nearest to the one before it.

    The first is the nearest to ``start``, or the westernmost (of those the southernmost) without
    one. Points that are equally near come in order of lon, lat, then of their rows.
    """
    if not len(lonlat):
        return []
    tie_order = np.lexsort((lonlat[:, 1], lonlat[:, 0]))
    scale = np.array([np.cos(np.radians(lonlat[:, 1].mean())), 1.0])
    flat = lonlat[tie_order] * scale
    here = flat[0] if start is None else np.asarray(start, dtype=np.float64) * scale
    left = np.ones(len(flat), dtype=bool)
    route = []
    for _ in range(len(flat)):
        distances = ((flat - here) ** 2).sum(axis=1)
        nearest = int(np.where(left, distances, np.inf).argmin())
        left[nearest] = False
        here = flat[nearest]
        route.append(int(tie_order[nearest]))
    return route


def visiting_order(
    lonlat: Array, groups: Sequence[str], ranks: Sequence[int | None]
) -> NDArray[np.int64]:
    """Place of each point in a visit of one campo, from 1: group after group (its lotes).

    Groups come by a short route over their middles. Within a group the points with a rank come
    first, in its order (equal ranks as the rows come), then the others by a short route from where
    the last one stood.
    """
    names = sorted(set(groups))
    member: dict[str, list[int]] = {name: [] for name in names}
    for i, group in enumerate(groups):
        member[group].append(i)
    middles = np.array([lonlat[member[name]].mean(axis=0) for name in names]).reshape(-1, 2)
    order: list[int] = []
    for at in short_route(middles):
        rows = member[names[at]]
        order += sorted((i for i in rows if ranks[i] is not None), key=lambda i: ranks[i] or 0)
        loose = [i for i in rows if ranks[i] is None]
        start = lonlat[order[-1]] if order else None
        order += [loose[i] for i in short_route(lonlat[loose], start)]
    places = np.empty(len(lonlat), dtype=np.int64)
    places[order] = np.arange(1, len(lonlat) + 1)
    return places
