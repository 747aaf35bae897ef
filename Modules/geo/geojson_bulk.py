"""GeoJSON points and polygons by the thousand: one array for many geometries.

What is plain (numbers, closed rings of four positions or more) is built in one go. Everything else
comes back as None, to be read on its own by ``geometry_encodings``, which says what is wrong.
Positions are taken as sent; only the first two numbers of each count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

_CHUNK: Final = 1_000  # one strange geometry sends no more than these down the slow road
_MIN_RING: Final = 4


def read_plain(values: Sequence[object]) -> list[BaseGeometry | None]:
    """Each geometry that is plain; None for every other value."""
    found: list[BaseGeometry | None] = [None] * len(values)
    kinds: dict[str, list[int]] = {"Point": [], "Polygon": []}
    for at, value in enumerate(values):
        kind = value.get("type") if isinstance(value, Mapping) else None
        if isinstance(kind, str) and kind in kinds:
            kinds[kind].append(at)
    for kind, read in (("Point", _points), ("Polygon", _polygons)):
        places = kinds[kind]
        for start in range(0, len(places), _CHUNK):
            part = places[start : start + _CHUNK]
            coordinates = [values[at].get("coordinates") for at in part]  # type: ignore[attr-defined]
            for at, geometry in zip(part, read(coordinates), strict=True):
                found[at] = geometry
    return found


def _points(coordinates: list[Any]) -> Sequence[BaseGeometry | None]:
    array = _positions(coordinates)
    if array is None:
        return [None] * len(coordinates)
    made: list[BaseGeometry] = shapely.points(array).tolist()
    return made


def _polygons(coordinates: list[Any]) -> Sequence[BaseGeometry | None]:
    nothing = [None] * len(coordinates)
    if not all(type(rings) is list and rings for rings in coordinates):
        return nothing
    rings = list(chain.from_iterable(coordinates))
    if not all(type(ring) is list and len(ring) >= _MIN_RING for ring in rings):
        return nothing
    array = _positions(list(chain.from_iterable(rings)))
    if array is None:
        return nothing
    ends = np.cumsum([len(ring) for ring in rings])
    if (array[np.r_[0, ends[:-1]]] != array[ends - 1]).any():
        return nothing  # an open ring
    of_ring = np.repeat(np.arange(len(rings)), np.diff(ends, prepend=0))
    of_polygon = np.repeat(np.arange(len(coordinates)), [len(part) for part in coordinates])
    made: list[BaseGeometry] = shapely.polygons(
        shapely.linearrings(array, indices=of_ring), indices=of_polygon
    ).tolist()
    return made


def _positions(values: list[Any]) -> NDArray[np.float64] | None:
    """All positions as (n, 2), or None if one of them is not two or three finite numbers."""
    try:
        array = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None
    if array.ndim != 2 or not 2 <= array.shape[1] <= 3 or not np.isfinite(array).all():
        return None
    return array[:, :2]
