"""Geometry as KML 2.2 text, many at a time. Pure.

In: shapely geometries, EPSG:4326, lon-lat. Out: one KML element for each: "lon,lat lon,lat" with
exactly 7 decimals (1 cm), 2D, rings closed, shells counter-clockwise, holes clockwise.

The digits are most of the work: one ``%`` for each ring (docs/decisions/0006).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from Modules.geo.arrays import Shapes
from Modules.words.errors import DataError

MAX_VERTICES: Final = 10_000  # of a polygon in a KMZ; above it is simplified
MAX_SHIFT_M: Final = 1.0
_METRES_PER_DEGREE: Final = 111_700.0  # never more, of latitude or longitude, anywhere

_POLYGON: Final = 3
_COLLECTION: Final = 7
_LINE: Final = ("LineString", "<tessellate>1</tessellate>")
_TAGS: Final = {0: ("Point", ""), 1: _LINE, 2: _LINE}


def geometry_texts(geometries: Shapes) -> list[str]:
    """One KML geometry element for each; several parts become a MultiGeometry.

    Raises:
        DataError: something empty, or a collection.
    """
    geometries = np.asarray(geometries, dtype=object)
    if not len(geometries):
        return []
    parts, owner = shapely.get_parts(geometries, return_index=True)
    kinds = shapely.get_type_id(parts)
    collections = shapely.get_type_id(geometries) == _COLLECTION
    if collections.any() or shapely.is_empty(geometries).any() or shapely.is_empty(parts).any():
        raise DataError("una geometría vacía o una colección no se puede escribir como KML")
    texts = np.empty(len(parts), dtype=object)
    areas = kinds == _POLYGON
    texts[areas] = _polygons(parts[areas])
    simple = []
    for kind, text in zip(kinds[~areas].tolist(), positions(parts[~areas]), strict=True):
        tag, tessellate = _TAGS[kind]
        simple.append(f"<{tag}>{tessellate}<coordinates>{text}</coordinates></{tag}>")
    texts[~areas] = simple
    if len(parts) == len(geometries):
        return list(texts)
    rest, found = iter(texts), []
    for number in np.bincount(owner, minlength=len(geometries)).tolist():
        own = "".join(islice(rest, number))
        found.append(own if number == 1 else f"<MultiGeometry>{own}</MultiGeometry>")
    return found


def label_points(polygons: Shapes) -> Shapes:
    """A point inside each geometry (the centroid of a C-shaped lote is not)."""
    return np.asarray(shapely.point_on_surface(np.asarray(polygons, dtype=object)))


def label_text(shape: BaseGeometry) -> str:
    """A point inside one geometry, as KML."""
    return geometry_texts(label_points(np.array([shape], dtype=object)))[0]


def simplified(geometries: Shapes) -> Shapes:
    """The geometries, those of more than ``MAX_VERTICES`` moved by at most ``MAX_SHIFT_M``.

    One that would not stay valid is left as it is.
    """
    out = np.array(geometries, dtype=object)
    large = np.flatnonzero(shapely.get_num_coordinates(out) > MAX_VERTICES)
    if not len(large):
        return out
    simple = shapely.simplify(out[large], MAX_SHIFT_M / _METRES_PER_DEGREE)
    good = shapely.is_valid(simple) & ~shapely.is_empty(simple)
    out[large[good]] = simple[good]
    return out


@dataclass(frozen=True, slots=True)
class LookAt:
    """Where the map opens: degrees EPSG:4326, and metres from there to the eye."""

    lon: float
    lat: float
    range_m: float

    @classmethod
    def framing(cls, *bounds: NDArray[np.float64]) -> LookAt:
        """Look straight down on west, south, east, north (one row, or one row for each part).

        Without any: on the Pampas, from afar.
        """
        rows = np.concatenate([np.empty((0, 4)), *(np.reshape(b, (-1, 4)) for b in bounds)])
        if not len(rows):
            return cls(-63.0, -35.0, 2e6)
        west, south = rows[:, :2].min(axis=0).tolist()
        east, north = rows[:, 2:].max(axis=0).tolist()
        lat = (south + north) / 2
        wide = (east - west) * _METRES_PER_DEGREE * math.cos(math.radians(lat))
        side = max(wide, (north - south) * _METRES_PER_DEGREE)
        return cls((west + east) / 2, lat, max(400.0, side * 1.5))


def positions(
    shapes: Shapes, form: str = "%.7f,%.7f", between: str = " ", *, decimals: int = 7, step: int = 1
) -> list[str]:
    """The positions of each ring, line or point: by default as the content of ``coordinates``.

    ``form`` is how one is written, with its ``decimals``: lon and lat; by ``step`` -1 lat and lon.
    """
    counts = shapely.get_num_coordinates(shapes)
    found = shapely.get_coordinates(shapes)[:, ::step] * 10**decimals
    values = (np.rint(found).astype(np.int64) / 10**decimals).ravel().tolist()  # no "-0.0000000"
    ends = np.cumsum([0, *(2 * counts)]).tolist()
    templates = {n: between.join([form] * n) for n in set(counts.tolist())}
    return [templates[(b - a) // 2] % tuple(values[a:b]) for a, b in pairwise(ends)]


def _polygons(polygons: Shapes) -> list[str]:
    oriented = shapely.orient_polygons(polygons, exterior_cw=False)
    texts = positions(shapely.get_rings(oriented))
    if len(texts) == len(polygons):
        return [_polygon(text) for text in texts]
    rings = iter(texts)
    holes = shapely.get_num_interior_rings(oriented).tolist()
    return [_polygon(next(rings), *(next(rings) for _ in range(number))) for number in holes]


def _polygon(shell: str, *holes: str) -> str:
    inner = "".join(
        f"<innerBoundaryIs><LinearRing><coordinates>{hole}</coordinates></LinearRing>"
        "</innerBoundaryIs>"
        for hole in holes
    )
    return (
        "<Polygon><tessellate>1</tessellate><outerBoundaryIs><LinearRing><coordinates>"
        f"{shell}</coordinates></LinearRing></outerBoundaryIs>{inner}</Polygon>"
    )
