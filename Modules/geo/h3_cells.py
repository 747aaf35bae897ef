"""H3 cells in bulk: numbers, hexadecimal text, boundaries, areas. Pure; the only user of h3ronpy.

A cell is an unsigned 64-bit number inside the program and lowercase hexadecimal text outside. Its
boundary is the polygon of H3's own boundary points with straight edges in longitude and latitude;
such polygons tile the plane. Points are (lon, lat) in EPSG:4326; h3 speaks (lat, lng), and the swap
happens only in this module.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, TypeAlias

import h3  # type: ignore[import-untyped]
import h3ronpy
import numpy as np
import pyarrow as pa
import shapely
from h3ronpy import vector
from numpy.typing import NDArray

from Modules.geo.arrays import Array, Flags, Index, Shapes
from Modules.geo.h3_areas import area_density, straight_areas_m2
from Modules.words.errors import DataError

Cells: TypeAlias = NDArray[np.uint64]

MAX_RESOLUTION: Final = 15
_WKB_OF_SIX: Final = 1 + 4 + 4 + 4 + 7 * 16  # a polygon of one ring with seven points
_CLOSED_FORM_FROM: Final = 9  # resolution; below it cells are too large for the closed form
_WORLD: Final = shapely.box(-180, -90, 180, 90)
_RES0_DISTANCE: Final = 0.38196601125010500003  # between centres of resolution 0, gnomonic plane


def check_resolution(resolution: int) -> None:
    """DataError for what is no H3 resolution: a whole number from 0 to 15."""
    if not isinstance(resolution, int) or not 0 <= resolution <= MAX_RESOLUTION:
        raise DataError(f"la resolución H3 {resolution!r} no existe; van de 0 a {MAX_RESOLUTION}")


def cells_at(lon: Array, lat: Array, resolution: int) -> Cells:
    """The cell under each point."""
    return _numpy(vector.coordinates_to_cells(pa.array(lat), pa.array(lon), resolution))


def filled(polygons: Shapes, resolution: int) -> tuple[Cells, Index]:
    """Cells whose centre lies in each polygon, and the position of that polygon."""
    wkb = pa.array(shapely.to_wkb(polygons), type=pa.binary())
    inside = vector.ContainmentMode.ContainsCentroid
    return _end_to_end(vector.wkb_to_cells(wkb, resolution, inside))


def disks(cells: Cells, k: int = 1) -> tuple[Cells, Index]:
    """Every cell within ``k`` steps, itself included, and the position of whose disk it is in."""
    return _end_to_end(h3ronpy.grid_disk(pa.array(cells), k))


def centres(cells: Cells) -> tuple[Array, Array]:
    """Longitude and latitude of the centre of each cell, degrees."""
    lon, lat = _centres(cells)
    return np.degrees(lon), np.degrees(lat)


def hex_text(cells: Cells) -> pa.Array:
    """Lowercase hexadecimal text, as all programs exchange cells."""
    return pa.array(h3ronpy.cells_to_string(pa.array(cells))).cast(pa.string())


def parents(cells: Cells, resolution: int) -> Cells:
    """The ancestor of each cell at a coarser resolution."""
    return _numpy(h3ronpy.change_resolution(pa.array(cells), resolution))


def _end_to_end(found: Any) -> tuple[Cells, Index]:
    """Lists of cells as one, and the position of the list that each was in."""
    lists = pa.array(found)
    counts = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.intp)
    return _numpy(lists.flatten()), np.repeat(np.arange(len(lists)), counts)


def _numpy(values: Any) -> Cells:
    return np.asarray(pa.array(values).to_numpy(zero_copy_only=False), dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Hexagons:
    """Boundaries, counter-clockwise: ``corners`` (n, 6, 2) less ``origin`` (n, 2), degrees.

    ``plain`` marks convex hexagons; for the others (pentagons, cells bent over an edge of the
    icosahedron, cells at a pole) the numbers mean nothing.
    """

    origin: Array
    corners: Array
    plain: Flags


def hexagons(cells: Cells) -> Hexagons:
    """Boundaries of cells, longitudes running on across the antimeridian."""
    wkb = pa.array(vector.cells_to_wkb_polygons(pa.array(cells)))
    lengths = np.diff(np.frombuffer(wkb.buffers()[1], dtype=np.int64)[: len(cells) + 1])
    plain = lengths == _WKB_OF_SIX
    points = np.zeros((len(cells), 6, 2))
    kept = wkb if plain.all() else wkb.filter(pa.array(plain))
    if plain.any():  # six corners of each, out of well-known binary of seven points in one ring
        start = np.frombuffer(kept.buffers()[1], dtype=np.int64)[kept.offset]
        data = np.frombuffer(kept.buffers()[2], dtype=np.uint8)[start:]
        rows = data[: len(kept) * _WKB_OF_SIX].reshape(len(kept), _WKB_OF_SIX)
        corners = np.ascontiguousarray(rows[:, 13 : 13 + 6 * 16]).view("<f8")
        points[plain] = corners.reshape(len(kept), 6, 2)
    points[:, :, 0] -= 360 * np.round((points[:, :, 0] - points[:, :1, 0]) / 360)
    origin = points[:, 0, :].copy()
    points -= origin[:, None, :]
    side = np.roll(points, -1, axis=1) - points
    ahead = np.roll(side, -1, axis=1)
    turn = side[:, :, 0] * ahead[:, :, 1] - side[:, :, 1] * ahead[:, :, 0]
    plain = plain & (turn > 0).all(axis=1) & (np.abs(points[:, :, 0]) < 90).all(axis=1)
    return Hexagons(origin, points, plain)


def cell_polygons(cells: Cells, middle_lon: float) -> Shapes:
    """Boundaries as polygons, longitudes within half a turn of ``middle_lon``; poles included."""
    wkb = pa.array(vector.cells_to_wkb_polygons(pa.array(cells)))
    shapes = np.asarray(shapely.from_wkb(wkb.to_numpy(zero_copy_only=False)), dtype=object)
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    far = np.maximum(np.abs(bounds[:, 0] - middle_lon), np.abs(bounds[:, 2] - middle_lon)) > 180
    far |= bounds[:, 2] - bounds[:, 0] > 180
    for i in np.flatnonzero(far):
        shapes[i] = _cell_polygon(int(cells[i]), middle_lon)
    return shapes


def map_polygons(cells: Cells) -> Shapes:
    """Boundaries for maps: within ±180°, those that cross it in two parts."""
    shapes = cell_polygons(cells, 0.0)
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    for i in np.flatnonzero((bounds[:, 0] < -180) | (bounds[:, 2] > 180)):
        shifted = [_cell_polygon(int(cells[i]), turn) for turn in (-180.0, 180.0)]
        shapes[i] = shapely.union_all(shapely.intersection(shifted, _WORLD))
    return np.asarray(shapely.normalize(shapes), dtype=object)


def _cell_polygon(number: int, middle_lon: float) -> shapely.Polygon:
    latlng = h3.cell_to_boundary(h3.int_to_str(number))
    lat, lon = np.array([p[0] for p in latlng]), np.array([p[1] for p in latlng])
    lon = np.unwrap(lon, period=360)
    to_first = (lon[0] - lon[-1] + 180) % 360 - 180  # the short way round
    if round((lon[-1] + to_first - lon[0]) / 360):
        # once round a pole: a band from one end of the map to the other, and the pole
        pole = 90.0 if lat.mean() > 0 else -90.0
        west, east = middle_lon - 180, middle_lon + 180
        order = np.argsort((lon - west) % 360)
        x, y = (lon[order] - west) % 360 + west, lat[order]
        share = (east - x[-1]) / (x[0] + 360 - x[-1])
        edge = y[-1] + share * (y[0] - y[-1])
        ring = [(west, edge), *zip(x, y, strict=True), (east, edge), (east, pole), (west, pole)]
        return shapely.orient_polygons(shapely.Polygon(ring))
    lon = lon - 360 * round((lon[0] - middle_lon) / 360)
    return shapely.Polygon(np.column_stack((lon, lat)))


def _icosahedron() -> Array:
    """Unit vectors of the centres of the 20 faces: between the corners, where the pentagons are."""
    pentagons = sorted(h3.get_pentagons(0))
    lat, lon = np.radians([h3.cell_to_latlng(cell) for cell in pentagons]).T
    corners = np.column_stack((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))
    near = corners @ corners.T > 0.4  # neighbours: 63 degrees, the next ones 117
    faces = [
        corners[i] + corners[j] + corners[k]
        for i, j, k in combinations(range(12), 3)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    return np.array([face / np.linalg.norm(face) for face in faces])


_FACES: Final = _icosahedron()
_FACE_GAP: Final = 2 * math.sin(math.acos(math.sqrt(5) / 3) / 2)  # between neighbouring centres


def cell_areas_m2(cells: Cells, resolution: int) -> Array:
    """Area of each cell on the ellipsoid, to 1e-8 of itself.

    A fine cell is a regular hexagon of known size in the gnomonic plane of its face of the
    icosahedron, which the sphere shrinks by the cube of the cosine of the distance to the centre
    of the face; the ellipsoid stretches that by ``g(lat) / (a² cos(lat))``. Coarse cells, and those
    within two radii of an edge of a face, are measured by their boundary.
    """
    if not len(cells):
        return np.zeros(0)
    if resolution < _CLOSED_FORM_FROM:
        return boundary_areas_m2(cells)
    spacing = _RES0_DISTANCE / math.sqrt(7) ** resolution
    lon, lat = _centres(cells)
    flat = np.cos(lat)
    x, y, z = flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)
    # cosines of the angle to the nearest centre of a face, and to the next one
    best, second = np.full(len(lon), -1.0), np.full(len(lon), -1.0)
    for face in _FACES:
        cosine = face[0] * x + face[1] * y + face[2] * z
        second = np.maximum(second, np.minimum(best, cosine))
        best = np.maximum(best, cosine)
    areas = math.sqrt(3) / 2 * spacing**2 * best**3 * area_density(lat) / flat
    close = (best - second < 2 * spacing * _FACE_GAP) | (np.abs(lat) > math.radians(89))
    if close.any():
        areas[close] = boundary_areas_m2(cells[close])
    return np.asarray(areas)


def _centres(cells: Cells) -> tuple[Array, Array]:
    batch = pa.record_batch(vector.cells_to_coordinates(pa.array(cells), radians=True))
    return np.asarray(batch.column("lng")), np.asarray(batch.column("lat"))


def boundary_areas_m2(cells: Cells) -> Array:
    """Area of each cell out of its boundary points."""
    return straight_areas_m2(cell_polygons(cells, 0.0))
