"""Which cells the border of a polygon runs through, and what lies of it in each. Pure arrays.

An edge is cut into the pieces that lie in each cell. The pieces of an edge must tile it: a gap
means a cell not yet looked at, and it is looked for there, so no touched cell is missing. The area
of polygon and cell together follows from the pieces by Green's theorem: along the pieces, and along
the stretches of the cell's own boundary between one that leaves and the next that enters. Only
convex hexagons are cut so. ``cut_slowly`` is for the rest: polygons that meet a pentagon, a cell
bent over an edge of the icosahedron or one at a pole, and borders along the sides of cells.

Rings run with the inside on their left. Degrees; longitudes of a cell follow those of its polygon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely

from Modules.geo.arrays import M_PER_DEGREE, Array, Flags, Index, Shapes, joined, runs, sums, taken
from Modules.geo.h3_areas import bulges_m2, lengths_m, straight_areas_m2, strips, taylor
from Modules.geo.h3_cells import Cells, Hexagons, cell_polygons, cells_at, disks, filled, hexagons

SAMPLE_STEP: Final = 0.8  # of the side of a cell: how far apart an edge is first looked at
GAP_DEG: Final = 1e-11  # a micrometre: what rounding leaves between pieces of an edge
MAX_ROUNDS: Final = 40
_FLAT_BULGE: Final = 0.02  # of the side of a cell: how far a geodesic may stray from its edge


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges of parts: ``x1 y1`` to ``x2 y2``, the part, and the middle longitude of each part."""

    x1: Array
    y1: Array
    x2: Array
    y2: Array
    part: Index
    middle_lon: Array  # of each part, not of each edge

    def __len__(self) -> int:
        return len(self.x1)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of edges in cells: from ``t0`` to ``t1`` along the edge, by side of the cell or −1."""

    edge: Index
    cell: Cells
    t0: Array
    t1: Array
    side_in: Index
    side_out: Index


@dataclass(frozen=True, slots=True)
class Border:
    """Cells that the border touches: area of the part in the cell, of the cell, and the bulge.

    ``bulge_m2`` is what the part has more in the cell if its edges are read as geodesics;
    ``length_m`` is that of the border in the cell.
    """

    part: Index
    cell: Cells
    area_m2: Array
    cell_m2: Array
    bulge_m2: Array
    length_m: Array


def edges_of(parts: Shapes) -> Edges:
    """The edges of polygons with shells counter-clockwise and holes clockwise."""
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    first = np.flatnonzero((ring[1:] == ring[:-1]) & (xy[1:] != xy[:-1]).any(axis=1))
    bounds = shapely.bounds(parts)
    middle_lon = (bounds[:, 0] + bounds[:, 2]) / 2
    (x1, y1), (x2, y2) = xy[first].T.copy(), xy[first + 1].T.copy()
    return Edges(x1, y1, x2, y2, ring_part[ring[first]], middle_lon)


def border(parts: Shapes, resolution: int, side_m: float) -> tuple[Border, Flags]:
    """Cells that the borders of polygons run through; and which parts are left to the slow way.

    ``side_m``: a usual side of a cell.
    """
    edges = edges_of(parts)
    pieces, doubtful = _walk(edges, len(parts), resolution, side_m)
    frame = _frame(edges, pieces)
    around = _perimeter(frame.shape, frame.coefficients)
    along, bulge, length = _along_pieces(edges, frame, side_m)
    events, corner_inside, uneven = _along_sides(edges, frame, around)
    silent = corner_inside < 0
    if silent.any():  # the border does not cross the cell: is its corner 0 inside the part?
        part, origin = frame.part[silent], frame.shape.origin[frame.at[silent]]
        turned = 360 * np.round((edges.middle_lon[part] - origin[:, 0]) / 360)
        shapely.prepare(parts)
        found = shapely.contains_xy(parts[part], origin[:, 0] + turned, origin[:, 1])
        corner_inside[silent] = found
    cell_m2 = around[frame.at, -1]
    area = along + events + corner_inside * cell_m2
    wrong = uneven | (area < -1e-9 * cell_m2) | (area > (1 + 1e-9) * cell_m2)
    doubtful[frame.part[wrong]] = True
    area = np.clip(area, 0.0, cell_m2)
    every = Border(frame.part, frame.cell, area, cell_m2, bulge, length)
    return taken(every, ~doubtful[frame.part]), doubtful


def sample_points(edges: Edges, step_m: float) -> tuple[Index, Array]:
    """Edge and place along it of points at most ``step_m`` apart, one at least on every edge."""
    lengths = lengths_m(edges.x1, edges.y1, edges.x2, edges.y2)
    counts = np.maximum(np.ceil(lengths / step_m), 1).astype(np.intp)
    edge = np.repeat(np.arange(len(edges)), counts)
    order = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    return edge, (order + 0.5) / counts[edge]


def cells_along(edges: Edges, edge: Index, t: Array, resolution: int) -> Cells:
    """The cell under the point at ``t`` of each edge."""
    lon = edges.x1[edge] + t * (edges.x2[edge] - edges.x1[edge])
    lat = edges.y1[edge] + t * (edges.y2[edge] - edges.y1[edge])
    return cells_at(lon, lat, resolution)


def _walk(edges: Edges, parts: int, resolution: int, side_m: float) -> tuple[Pieces, Flags]:
    """Pieces that tile every edge, and the parts for which that cannot be had."""
    doubtful = np.zeros(parts, dtype=bool)
    edge, t = sample_points(edges, SAMPLE_STEP * side_m)
    cell = cells_along(edges, edge, t, resolution)
    none, number = np.zeros(0, dtype=np.intp), np.zeros(0)
    found, finished = Pieces(none, none.astype(np.uint64), number, number, none, none), []
    for turn in range(MAX_ROUNDS):
        fresh, odd = _cut(edges, edge, cell)
        doubtful[edges.part[edge[odd]]] = True
        found = joined([found, fresh])
        found = taken(found, np.lexsort((found.cell, found.t0, found.edge)))
        again = (found.edge[1:] == found.edge[:-1]) & (found.cell[1:] == found.cell[:-1])
        found = taken(found, np.r_[True, ~again][: len(found.edge)])  # each cell once
        found = taken(found, ~doubtful[edges.part[found.edge]])
        gap_edge, gap_t = _gaps(edges, found, edge, doubtful)
        if not len(gap_edge):
            break
        is_open = np.zeros(len(edges), dtype=bool)
        is_open[gap_edge] = True
        finished.append(taken(found, ~is_open[found.edge]))
        found = taken(found, is_open[found.edge])
        edge, cell = gap_edge, cells_along(edges, gap_edge, gap_t, resolution)
        if turn:  # the cell under the middle of the gap was not enough: its neighbours
            cell, owner = disks(cell)
            edge = edge[owner]
    else:
        doubtful[edges.part[gap_edge]] = True
    pieces = joined([*finished, found])
    return taken(pieces, ~doubtful[edges.part[pieces.edge]]), doubtful


def _gaps(edges: Edges, found: Pieces, asked: Index, doubtful: Flags) -> tuple[Index, Array]:
    """Edge and middle of each stretch that no piece covers; ``found`` is in order of edge and t."""
    bare = np.setdiff1d(asked, found.edge)
    first = np.r_[True, found.edge[1:] != found.edge[:-1]] if len(found.edge) else np.zeros(0, bool)
    before = np.where(first, 0.0, np.r_[0.0, found.t1[:-1]]) if len(first) else np.zeros(0)
    last = np.flatnonzero(np.r_[first[1:], True]) if len(first) else np.zeros(0, dtype=np.intp)
    edge = np.concatenate((found.edge, found.edge[last], bare))
    start = np.concatenate((before, found.t1[last], np.zeros(len(bare))))
    end = np.concatenate((found.t0, np.ones(len(last)), np.ones(len(bare))))
    length = np.hypot(edges.x2[edge] - edges.x1[edge], edges.y2[edge] - edges.y1[edge])
    gap = ((end - start) * length > GAP_DEG) & ~doubtful[edges.part[edge]]
    # an edge without any piece is looked at however short it is
    gap |= np.r_[np.zeros(len(edge) - len(bare), dtype=bool), ~doubtful[edges.part[bare]]]
    return edge[gap], (start[gap] + end[gap]) / 2


def _cut(edges: Edges, edge: Index, cell: Cells) -> tuple[Pieces, Flags]:
    """The piece of each edge in the cell beside it; and which cells are no plain hexagons."""
    keep = np.r_[True, (edge[1:] != edge[:-1]) | (cell[1:] != cell[:-1])]
    unique, at = np.unique(cell[keep], return_inverse=True)
    shape = hexagons(unique)
    odd = np.zeros(len(edge), dtype=bool)
    odd[keep] = ~shape.plain[at]
    edge, cell = edge[keep], cell[keep]
    t0, t1, side_in, side_out = _clip(edges, edge, shape, at)
    held = (t0 < t1) & shape.plain[at]
    return taken(Pieces(edge, cell, t0, t1, side_in, side_out), held), odd


def _clip(
    edges: Edges, edge: Index, shape: Hexagons, at: Index
) -> tuple[Array, Array, Index, Index]:
    """Where each edge enters and leaves its convex cell (Cyrus and Beck, 1978)."""
    x, y = _local(edges, edge, shape, at)
    dx, dy = edges.x2[edge] - edges.x1[edge], edges.y2[edge] - edges.y1[edge]
    t0, t1 = np.zeros(len(edge)), np.ones(len(edge))
    side_in, side_out = np.full(len(edge), -1), np.full(len(edge), -1)
    side = np.roll(shape.corners, -1, axis=1) - shape.corners
    offset = side[:, :, 0] * shape.corners[:, :, 1] - side[:, :, 1] * shape.corners[:, :, 0]
    for k in range(6):
        sx, sy = side[at, k, 0], side[at, k, 1]
        inside = sx * y - sy * x - offset[at, k]
        speed = sx * dy - sy * dx
        with np.errstate(divide="ignore", invalid="ignore"):
            t = -inside / speed
        enters, leaves = (speed > 0) & (t > t0), (speed < 0) & (t < t1)
        t0[enters], side_in[enters] = t[enters], k
        t1[leaves], side_out[leaves] = t[leaves], k
        t1[(speed == 0) & (inside < 0)] = -1.0
    return t0, t1, side_in, side_out


def _local(edges: Edges, edge: Index, shape: Hexagons, at: Index) -> tuple[Array, Array]:
    """Beginning of each edge less the origin of its cell, the short way round."""
    origin = shape.origin[at, 0]
    middle = edges.middle_lon[edges.part[edge]]
    turned = 360 * np.round((middle - origin) / 360)
    return edges.x1[edge] - (origin + turned), edges.y1[edge] - shape.origin[at, 1]


@dataclass(frozen=True, slots=True)
class _Groups:
    """Pieces in order of part and cell: group of each, and the hexagons of the groups."""

    pieces: Pieces
    group: Index
    part: Index  # of each group
    cell: Cells  # of each group
    shape: Hexagons
    at: Index  # place of each group in ``shape``
    coefficients: Array  # of each place in ``shape``


def _frame(edges: Edges, pieces: Pieces) -> _Groups:
    part = edges.part[pieces.edge]
    order, begins = runs(part, pieces.cell)
    pieces, part = taken(pieces, order), part[order]
    group = np.cumsum(begins) - 1
    unique, at = np.unique(pieces.cell[begins], return_inverse=True)
    shape = hexagons(unique)
    reach = float(np.abs(shape.corners[:, :, 1]).max(initial=0.0))
    coefficients = taylor(shape.origin[:, 1], reach)
    return _Groups(pieces, group, part[begins], pieces.cell[begins], shape, at, coefficients)


def _perimeter(shape: Hexagons, coefficients: Array) -> Array:
    """Strips along the sides of each hexagon, added up from corner 0: shape (n, 7)."""
    sums = np.zeros((len(shape.corners), 7))
    for k in range(6):
        here, there = shape.corners[:, k], shape.corners[:, (k + 1) % 6]
        strip = strips(coefficients, there[:, 0] - here[:, 0], here[:, 1], there[:, 1])
        sums[:, k + 1] = sums[:, k] + strip
    return sums


def _along_pieces(edges: Edges, frame: _Groups, side_m: float) -> tuple[Array, Array, Array]:
    """Of each group, along its pieces: the strips, the bulges of geodesics, the length."""
    p, at = frame.pieces, frame.at[frame.group]
    y = _local(edges, p.edge, frame.shape, at)[1]
    dx, dy = edges.x2[p.edge] - edges.x1[p.edge], edges.y2[p.edge] - edges.y1[p.edge]
    strip = strips(frame.coefficients[:, at], (p.t1 - p.t0) * dx, y + p.t0 * dy, y + p.t1 * dy)
    whole = bulges_m2(edges.x1, edges.y1, edges.x2, edges.y2)
    length = lengths_m(edges.x1, edges.y1, edges.x2, edges.y2)
    # a bulge is as an arc: two thirds of its height times its length
    whole[np.abs(whole) > _FLAT_BULGE * side_m * length * 2 / 3] = 0.0
    share = p.t1**2 * (3 - 2 * p.t1) - p.t0**2 * (3 - 2 * p.t0)
    groups = len(frame.part)
    return (
        sums(frame.group, strip, groups),
        sums(frame.group, share * whole[p.edge], groups),
        sums(frame.group, (p.t1 - p.t0) * length[p.edge], groups),
    )


def _along_sides(edges: Edges, frame: _Groups, around: Array) -> tuple[Array, Array, Flags]:
    """The stretches of each cell's own boundary that are inside the part.

    Of each group: the strips along them, less a whole round if corner 0 is inside; whether it is
    (1, 0; −1: no piece tells); whether entries and exits do not match.
    """
    p, groups = frame.pieces, len(frame.part)
    enters, leaves = np.flatnonzero(p.side_in >= 0), np.flatnonzero(p.side_out >= 0)
    piece = np.concatenate((enters, leaves))
    side = np.concatenate((p.side_in[enters], p.side_out[leaves]))
    t = np.concatenate((p.t0[enters], p.t1[leaves]))
    sign = np.repeat((1.0, -1.0), (len(enters), len(leaves)))
    group = frame.group[piece]
    edge, at = p.edge[piece], frame.at[group]
    x, y = _local(edges, edge, frame.shape, at)
    px = x + t * (edges.x2[edge] - edges.x1[edge])
    py = y + t * (edges.y2[edge] - edges.y1[edge])
    here, there = frame.shape.corners[at, side], frame.shape.corners[at, (side + 1) % 6]
    # from corner 0 to where the piece crosses the side, and how far along the side that is
    strip = strips(frame.coefficients[:, at], px - here[:, 0], here[:, 1], py)
    run = there - here
    along = (px - here[:, 0]) * run[:, 0] + (py - here[:, 1]) * run[:, 1]
    along /= (run * run).sum(axis=1)
    total = sums(group, sign * (around[at, side] + strip), groups)
    uneven = sums(group, sign, groups) != 0
    order = np.lexsort((along, side, group))
    first = order[np.r_[True, group[order][1:] != group[order][:-1]][: len(order)]]
    corner = np.full(groups, -1.0)
    corner[group[first]] = sign[first] > 0
    return total, corner, uneven


@dataclass(frozen=True, slots=True)
class CutCells:
    """Cells of one polygon: area of the polygon in each, of the cell, length of the outline."""

    cell: Cells
    area_m2: Array
    cell_m2: Array
    length_m: Array


def cut_slowly(part: shapely.Polygon, resolution: int, side_m: float) -> tuple[CutCells, Cells]:
    """The cells that the border may touch, cut; and those wholly inside.

    From the cells along the border the search spreads from neighbour to neighbour for as long as
    cells are met, so none is missed; cells whose centre is inside and that lie farther than two
    steps from the border are inside.
    """
    parts = np.array([part], dtype=object)
    edges = edges_of(parts)
    edge, t = sample_points(edges, SAMPLE_STEP * side_m)
    seen = np.unique(disks(np.unique(cells_along(edges, edge, t, resolution)), 2)[0])
    inside = np.setdiff1d(filled(parts, resolution)[0], seen)
    middle = float(edges.middle_lon[0])
    shapely.prepare(part)
    cut_cells, fresh = [], seen
    while len(fresh):
        shapes = cell_polygons(fresh, middle)
        met = shapely.intersects(part, shapes)
        cells, shapes = fresh[met], shapes[met]
        common = shapes.copy()
        crossed = ~shapely.contains_properly(part, shapes)
        common[crossed] = shapely.intersection(part, shapes[crossed])
        whole = straight_areas_m2(shapes)
        area = np.minimum(straight_areas_m2(common), whole)
        area[~crossed] = whole[~crossed]
        length_m = shapely.length(common) * M_PER_DEGREE
        cut_cells.append(CutCells(cells, area, whole, length_m))
        around = np.unique(disks(cells)[0])
        fresh = np.setdiff1d(np.setdiff1d(around, seen), inside)
        seen = np.union1d(seen, fresh)
    return joined(cut_cells), inside
