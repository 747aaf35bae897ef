"""What the modules of this folder share on whole arrays: names of types, sums, records of columns.

Records of columns are dataclasses whose fields are arrays that run side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod

Array: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.intp]
Flags: TypeAlias = NDArray[np.bool_]
Shapes: TypeAlias = NDArray[np.object_]
R = TypeVar("R", bound=Any)

M2_PER_HA: Final = 10_000.0
WGS84: Final = Geod(ellps="WGS84")
M_PER_DEGREE: Final = 111_320.0  # of latitude, and of longitude at the equator; true to 0.6 %
POLYGON: Final = 3  # GEOS type ids
MULTIPOLYGON: Final = 6
_MULTI: Final = 4  # the first of the types that hold others


def shapes_of(items: Sequence[object] | Shapes) -> Shapes:
    """Geometries as one array, which numpy is not to look into."""
    array = np.empty(len(items), dtype=object)
    array[:] = list(items)
    return array


def sums(group: Index, weights: Array, groups: int) -> Array:
    """The weights of each group added up, in their order."""
    return np.asarray(np.bincount(group, weights=weights, minlength=groups), dtype=np.float64)


def runs(*columns: NDArray[Any]) -> tuple[Index, Flags]:
    """The order of rows by these columns, and where in it other values begin."""
    order = np.lexsort(columns[::-1])
    begins = np.arange(len(order)) == 0
    for column in columns:
        begins[1:] |= column[order][1:] != column[order][:-1]
    return order, begins


def joined(records: Sequence[R]) -> R:
    """Records of columns as one, end to end."""
    columns = zip(*map(_columns, records), strict=True)
    whole: R = type(records[0])(*map(np.concatenate, columns))
    return whole


def taken(record: R, where: Index | Flags) -> R:
    """Some of the rows of a record of columns, in the order given."""
    part: R = type(record)(*(column[where] for column in _columns(record)))
    return part


def _columns(record: Any) -> list[NDArray[Any]]:
    return [getattr(record, field.name) for field in fields(record)]


def areas_by_rings(geometries: Shapes, ring_areas: Callable[[Shapes], Array]) -> Array:
    """Area of each geometry: its shells less its holes, whatever their direction; 0 if not flat."""
    parts, owner = shapely.get_parts(geometries, return_index=True)
    while len(parts) and (shapely.get_type_id(parts) >= _MULTI).any():
        parts, again = shapely.get_parts(parts, return_index=True)
        owner = owner[again]
    flat = shapely.get_type_id(parts) == POLYGON
    rings, ring_owner = shapely.get_rings(parts[flat], return_index=True)
    if not len(rings):
        return np.zeros(len(geometries))
    first = np.ones(len(rings), dtype=bool)  # the first ring of a polygon is its shell
    first[1:] = ring_owner[1:] != ring_owner[:-1]
    signed = np.where(first, 1.0, -1.0) * np.abs(ring_areas(rings))
    return sums(owner[flat][ring_owner], signed, len(geometries))
