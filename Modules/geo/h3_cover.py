"""H3 cells of lotes and ambientes: every cell touched, with its share and its hectares. Pure.

The rule is *touched*: a cell belongs to a polygon if they have area in common, however little, so a
lote smaller than a cell has its cell. (A contact thinner than five nanometres is rounding.)

* Polygons are EPSG:4326, lon-lat, valid; edges are straight in longitude and latitude (RFC 7946),
  and so are those of the cells. One that crosses 180° comes split there.
* ``fraccion``: area of polygon and cell together, over the area of the cell; 0 to 1.
* ``superficie_ha``: area of the part on the WGS 84 ellipsoid. The parts of a polygon add up to its
  ``geodesic_area_ha``: that reads edges as geodesics, which stray from straight ones by a
  centimetre in a kilometre, so the sliver between is given to the cells along the edge.
* Cells are numbers (uint64) in here, hexadecimal text in products.

At every resolution the parts of a polygon have the same total. Children do not tile their parent in
H3, so a parent's own cut differs from the sum of its children's at the rim; ``sum_to_parents``
gives the figures of parents that do add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import h3  # type: ignore[import-untyped]
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from Modules.geo.arrays import (
    M2_PER_HA,
    M_PER_DEGREE,
    MULTIPOLYGON,
    POLYGON,
    Array,
    Flags,
    Index,
    Shapes,
    joined,
    runs,
    shapes_of,
    sums,
    taken,
)
from Modules.geo.geometry import geodesic_area_ha
from Modules.geo.h3_areas import lengths_m, straight_areas_m2
from Modules.geo.h3_border import CutCells, border, cut_slowly, edges_of
from Modules.geo.h3_cells import Cells, cell_areas_m2, cells_at, check_resolution, filled, parents
from Modules.words.errors import DataError

MAX_CELLS_POLYGON: Final = 2_000_000
MAX_CELLS_RUN: Final = 20_000_000
CHUNK_CELLS: Final = 200_000  # about 100 MB of work
CHUNK_POLYGONS: Final = 2_000
THIN_M: Final = 5e-9  # a contact thinner than this is what rounding of degrees makes
WHOLE: Final = 1 - 1e-9  # a share from which a cell is inside: the rest is rounding
MAX_STRAY: Final = 1e-3  # of the area: how far straight and geodesic edges may be apart
_PARTS_AT_ONCE: Final = 2_048  # so that part and cell fit in 64 bits
_EXACT: Final = 2e-8  # of the area: what the parts may differ from the whole before all is fitted


@dataclass(frozen=True, slots=True)
class Cover:
    """Cells of polygons, one row each, in order of polygon and cell.

    ``polygon`` is the place in the list that was asked for.
    """

    polygon: Index
    cell: Cells
    fraccion: Array
    superficie_ha: Array

    def __len__(self) -> int:
        return len(self.cell)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some polygons of a list: a piece of work that can be sent to another process."""

    polygons: tuple[BaseGeometry, ...]
    names: tuple[str, ...]
    first: int  # place of the first one in the list
    resolution: int


def cover(
    polygons: Sequence[BaseGeometry] | Shapes, resolution: int, names: Sequence[str] | None = None
) -> Cover:
    """Every cell that each Polygon or MultiPolygon (EPSG:4326) touches at one resolution (0 to 15).

    ``names``: what errors call the polygons; their places if not given.

    Raises:
        DataError: the resolution does not exist, a polygon cannot be used, or there are too many
            cells (2 million for one polygon, 20 million for all).
    """
    return merge([cover_chunk(one) for one in chunks(polygons, resolution, names)])


def cover_polygon(polygon: BaseGeometry, resolution: int) -> Cover:
    """Every cell that one polygon touches; errors too are those of ``cover``."""
    return cover([polygon], resolution)


def chunks(
    polygons: Sequence[BaseGeometry] | Shapes,
    resolution: int,
    names: Sequence[str] | None = None,
    *,
    max_cells: int = CHUNK_CELLS,
) -> list[Chunk]:
    """Cut a list into pieces of work of about ``max_cells`` cells, in order.

    Checks come first: what ``cover`` raises is raised here.
    """
    check_resolution(resolution)
    shapes = shapes_of(polygons)
    known = [str(name) for name in (names if names is not None else range(len(shapes)))]
    check_polygons(shapes, known)
    starts = _starts(check_cells(shapes, resolution, known), max_cells)
    return [
        Chunk(tuple(shapes[i:j]), tuple(known[i:j]), i, resolution)
        for i, j in pairwise([*starts, len(shapes)])
    ]


def _starts(counts: Array, max_cells: int) -> Iterator[int]:
    held, amount = 0, 0.0
    for i, count in enumerate(counts.tolist()):
        if i == 0 or held >= CHUNK_POLYGONS or amount + count > max_cells:
            yield i
            held, amount = 0, 0.0
        held, amount = held + 1, amount + count


def merge(covers: Sequence[Cover]) -> Cover:
    """The covers of all chunks, in the order of the chunks, as one."""
    if not covers:
        none = np.zeros(0)
        return Cover(none.astype(np.intp), none.astype(np.uint64), none, none)
    return joined(covers)


def sum_to_parents(found: Cover, resolution: int) -> tuple[Index, Cells, Array]:
    """Polygon, ancestor and hectares: the parts, added up by the cell's ancestor."""
    ancestor = parents(found.cell, resolution)
    group, first = _groups(found.polygon, ancestor)
    total = sums(group, found.superficie_ha, len(first))
    return found.polygon[first], ancestor[first], total


def whole_cells(found: Cover) -> Cover:
    """The cells that lie wholly inside their polygon: a grid to sample an ambiente by."""
    return taken(found, found.fraccion >= WHOLE)


def estimate_cells(polygons: Sequence[BaseGeometry] | Shapes, resolution: int) -> Array:
    """How many cells each polygon will touch, about, without making them.

    The mean number of hexagons that a convex figure thrown on a grid of them meets (Santaló,
    Integral Geometry and Geometric Probability, 1976): (A + P p / 2π + a) / a, where A and P are
    area and perimeter of the figure, a and p those of a hexagon.
    """
    check_resolution(resolution)
    shapes = shapes_of(polygons)
    parts, owner = _parts_of(shapes)
    edges = edges_of(parts)
    bounds = shapely.bounds(parts)
    middle = (bounds[:, :2] + bounds[:, 2:]) / 2
    cell = cell_areas_m2(cells_at(middle[:, 0], middle[:, 1], resolution), resolution)
    side = np.sqrt(cell * 2 / (3 * np.sqrt(3)))
    length = lengths_m(edges.x1, edges.y1, edges.x2, edges.y2)
    perimeter = sums(edges.part, length, len(parts))
    count = straight_areas_m2(parts) / cell + perimeter * 6 * side / (2 * np.pi * cell) + 1
    return sums(owner, count, len(shapes))


def check_cells(shapes: Shapes, resolution: int, names: Sequence[str]) -> Array:
    """The estimates; DataError at once for more than 2 million cells of one, or 20 of all."""
    counts = estimate_cells(shapes, resolution)
    if counts.max(initial=0.0) > MAX_CELLS_POLYGON:
        worst = int(counts.argmax())
        raise DataError(
            f"el polígono {names[worst]} tendría cerca de {counts[worst]:,.0f} celdas en la "
            f"resolución {resolution}; el límite es {MAX_CELLS_POLYGON:,}: usar una resolución "
            "menor"
        )
    if counts.sum() > MAX_CELLS_RUN:
        raise DataError(
            f"{len(shapes)} polígonos tendrían cerca de {counts.sum():,.0f} celdas en la "
            f"resolución {resolution}; el límite de una corrida es {MAX_CELLS_RUN:,}: usar una "
            "resolución menor"
        )
    return counts


def check_polygons(shapes: Shapes, names: Sequence[str]) -> None:
    """Refuse by its name what cannot be cut exactly.

    DataError: not a polygon, empty, not finite, off the world, invalid, or half a turn wide.
    """
    if not len(shapes):
        return
    missing = np.array([not isinstance(shape, BaseGeometry) for shape in shapes])
    _refuse(missing, names, "no es una geometría")
    kinds = shapely.get_type_id(shapes)
    _refuse((kinds != POLYGON) & (kinds != MULTIPOLYGON), names, "no es Polygon ni MultiPolygon")
    _refuse(shapely.is_empty(shapes), names, "está vacío")
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    finite = np.isfinite(xy).all(axis=1)
    _refuse(np.bincount(owner[~finite], minlength=len(shapes)) > 0, names, "tiene NaN o infinito")
    far = (np.abs(shapely.bounds(shapes)) > (180, 90, 180, 90)).any(axis=1)
    _refuse(far, names, "se sale de ±180° de longitud o ±90° de latitud; cortarlo en 180°")
    _refuse(~shapely.is_valid(shapes), names, "no es válido; repararlo primero")
    parts, part_owner = _parts_of(shapes)
    bounds = shapely.bounds(parts)
    wide = bounds[:, 2] - bounds[:, 0] >= 180
    wide_owner = np.bincount(part_owner[wide], minlength=len(shapes)) > 0
    _refuse(wide_owner, names, "tiene 180° de ancho o más; cortarlo en 180° si los cruza")


def _refuse(bad: Flags, names: Sequence[str], why: str) -> None:
    if bad.any():
        raise DataError(f"el polígono {names[int(bad.argmax())]} {why}")


def _parts_of(shapes: Shapes) -> tuple[Shapes, Index]:
    """The simple polygons of each, and whose they are; a multipolygon may hold empty ones."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    there = ~shapely.is_empty(parts)
    return parts[there], owner[there]


@dataclass(frozen=True, slots=True)
class _Touched:
    """Cells of simple polygons: part, cell, areas straight and geodesic, and of the cell (m²)."""

    part: Index
    cell: Cells
    area_m2: Array
    geodesic_m2: Array
    cell_m2: Array
    length_m: Array  # of the border in the cell; 0 for a cell inside

    @property
    def thin(self) -> Flags:
        """Contacts that are nothing but rounding."""
        return self.area_m2 <= THIN_M * self.length_m


def cover_chunk(chunk: Chunk) -> Cover:
    """Every cell that each polygon of a chunk touches. Pure; can be sent to another process.

    Raises:
        DataError: the parts of a polygon do not add up to it.
    """
    shapes = shapes_of(chunk.polygons)
    oriented = shapely.orient_polygons(shapes, exterior_cw=False)
    parts, owner = _parts_of(oriented)
    some = [
        _cover_parts(parts[i : i + _PARTS_AT_ONCE], chunk.resolution, i)
        for i in range(0, len(parts), _PARTS_AT_ONCE)
    ]
    found = joined(some)
    owner = owner[found.part]
    off = ~_adds_up(sums(owner, found.area_m2, len(shapes)), shapes)  # neither way; none is known
    _refuse(off, chunk.names, "no se pudo cortar exacto: sus partes no suman el total")
    # not the contacts that are rounding; but all of a polygon that is nothing else
    some_left = np.bincount(owner[~found.thin], minlength=len(shapes)) > 0
    keep = ~found.thin | ~some_left[owner]
    owner, cell = owner[keep], found.cell[keep]
    group, first = _groups(owner, cell)
    weights = (found.area_m2[keep], found.geodesic_m2[keep])
    area, geodesic = (sums(group, each, len(first)) for each in weights)
    polygon, cell, whole = owner[first], cell[first], found.cell_m2[keep][first]
    target = geodesic_area_ha(shapes) * M2_PER_HA
    total = sums(polygon, geodesic, len(shapes))
    near = np.abs(target - total) <= MAX_STRAY * target
    _check_total(near, total, target, shapes, chunk)
    factor = np.divide(target, total, out=np.ones(len(shapes)), where=near & (total > 0))
    fraccion = np.clip(area / whole, 0.0, 1.0)
    return Cover(polygon + chunk.first, cell, fraccion, geodesic * factor[polygon] / M2_PER_HA)


def _cover_parts(parts: Shapes, resolution: int, first: int) -> _Touched:
    side = float(h3.average_hexagon_edge_length(resolution, unit="m"))
    rim, doubtful = border(parts, resolution, side)
    cell, part = filled(parts, resolution)
    on_rim = np.isin(_keys(cell, part, resolution), _keys(rim.cell, rim.part, resolution))
    cell, part = cell[~on_rim], part[~on_rim]
    cell_m2 = cell_areas_m2(cell, resolution)
    area = sums(rim.part, rim.area_m2, len(parts)) + sums(part, cell_m2, len(parts))
    slow = doubtful | ~_adds_up(area, parts)
    fast = ~slow[part]
    whole = cell_m2[fast]
    # a geodesic may stray out of a cell that its edge cuts a corner of: half is left to it
    bulged = np.clip(rim.area_m2 + rim.bulge_m2, rim.area_m2 / 2, rim.cell_m2)
    touched = _Touched(rim.part, rim.cell, rim.area_m2, bulged, rim.cell_m2, rim.length_m)
    pieces = [
        taken(touched, ~slow[rim.part]),
        _Touched(part[fast], cell[fast], whole, whole, whole, np.zeros(len(whole))),
        *(_slow(parts[i], int(i), resolution, side) for i in np.flatnonzero(slow)),
    ]
    found = joined(pieces)
    return replace(found, part=found.part + first)


def _slow(polygon: shapely.Polygon, part: int, resolution: int, side: float) -> _Touched:
    rim, inside = cut_slowly(polygon, resolution, side)
    whole = cell_areas_m2(inside, resolution)
    every = joined([rim, CutCells(inside, whole, whole, np.zeros(len(inside)))])
    parts = np.full(len(every.cell), part)
    return _Touched(parts, every.cell, every.area_m2, every.area_m2, every.cell_m2, every.length_m)


def _adds_up(area: Array, parts: Shapes) -> Flags:
    """Whether the areas found are those of the parts: to 2e-8, and ten nanometres of border."""
    reach = _EXACT * np.abs(area) + 1e-8 * (shapely.length(parts) * M_PER_DEGREE)
    return np.asarray(np.abs(area - straight_areas_m2(parts)) <= reach)


def _keys(cell: Cells, part: Index, resolution: int) -> Cells:
    """Part and cell in one number: base cell and digits are the only bits in which cells differ."""
    bits = 7 + 3 * resolution
    digits = (cell >> np.uint64(3 * (15 - resolution))) & np.uint64((1 << bits) - 1)
    return (part.astype(np.uint64) << np.uint64(bits)) | digits


def _check_total(near: Flags, total: Array, target: Array, shapes: Shapes, chunk: Chunk) -> None:
    """Refuse a polygon whose parts are not it: edges so long that it matters how they are read.

    A polygon of some square metres is let pass: areas by geodesics are only good to about 1e-4 m².
    """
    noise_m2 = 1e-3 + 1e-6 * shapely.length(shapes) * M_PER_DEGREE
    far = ~near & (np.abs(total - target) > noise_m2)
    if far.any():
        i = int(far.argmax())
        raise DataError(
            f"el polígono {chunk.names[i]} tiene lados tan largos que su superficie depende de "
            f"cómo se dibujan ({target[i] / M2_PER_HA:,.2f} ha como geodésicas, "
            f"{total[i] / M2_PER_HA:,.2f} ha rectos): agregarles puntos"
        )


def _groups(polygon: Index, cell: Cells) -> tuple[Index, Index]:
    """Group of each row by polygon and cell, in that order; and a row of each group."""
    order, begins = runs(polygon, cell)
    group = np.empty(len(order), dtype=np.intp)
    group[order] = np.cumsum(begins) - 1
    return group, order[begins]
