"""The slow and general way to cut one polygon by H3 cells: GEOS, cell by cell. Pure.

For what ``h3_border`` leaves: polygons that meet a pentagon, a cell bent over an edge of the
icosahedron or one at a pole, and borders that run along the sides of cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from Modules.geo.h3_areas import Array, straight_areas_m2
from Modules.geo.h3_border import SAMPLE_STEP, cells_along, edges_of, sample_points
from Modules.geo.h3_cells import Cells, cell_polygons, disks, filled

_M_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Cut:
    """Cells of one polygon: area of the polygon in each, of the cell, length of the outline."""

    cell: Cells
    area_m2: Array
    cell_m2: Array
    length_m: Array


def cut(part: shapely.Polygon, resolution: int, side_m: float) -> tuple[Cut, Cells]:
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
        one = _cut(part, fresh, middle)
        cut_cells.append(one)
        around = np.unique(disks(one.cell)[0])
        fresh = np.setdiff1d(np.setdiff1d(around, seen), inside)
        seen = np.union1d(seen, fresh)
    columns = [[getattr(one, name) for one in cut_cells] for name in Cut.__slots__]
    return Cut(*(np.concatenate(column) for column in columns)), inside


def _cut(part: shapely.Polygon, cells: Cells, middle_lon: float) -> Cut:
    """Those of the cells that meet the polygon."""
    shapes = cell_polygons(cells, middle_lon)
    met = shapely.intersects(part, shapes)
    cells, shapes = cells[met], shapes[met]
    common = shapes.copy()
    crossed = ~shapely.contains_properly(part, shapes)
    common[crossed] = shapely.intersection(part, shapes[crossed])
    whole = straight_areas_m2(shapes)
    area = np.minimum(straight_areas_m2(common), whole)
    area[~crossed] = whole[~crossed]
    return Cut(cells, area, whole, shapely.length(common) * _M_PER_DEGREE)
