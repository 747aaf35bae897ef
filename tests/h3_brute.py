"""Cells of a polygon the slow way, apart from our code: h3-py, shapely, neighbour by neighbour."""

from __future__ import annotations

import h3
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry


def hexagon(cell: str, middle_lon: float) -> shapely.Polygon:
    """Boundary of a cell that holds no pole, near a longitude."""
    corners = h3.cell_to_boundary(cell)
    lon = np.unwrap([lng for _, lng in corners], period=360)
    lon -= 360 * np.round((lon[0] - middle_lon) / 360)
    return shapely.Polygon(np.column_stack((lon, [lat for lat, _ in corners])))


def brute_cover(polygon: BaseGeometry, resolution: int) -> dict[str, float]:
    """Cell to share of the cell, in square degrees: every cell found by walking to neighbours."""
    found: dict[str, float] = {}
    for part in shapely.get_parts(polygon):
        west, _, east, _ = part.bounds
        inside = part.representative_point()
        seen = set(h3.grid_disk(h3.latlng_to_cell(inside.y, inside.x, resolution), 2))
        todo = list(seen)
        while todo:
            cell = todo.pop()
            shape = hexagon(cell, (west + east) / 2)
            share = part.intersection(shape).area / shape.area if part.intersects(shape) else 0.0
            if share == 0.0:
                continue
            found[cell] = found.get(cell, 0.0) + share
            fresh = set(h3.grid_disk(cell, 1)) - seen
            seen |= fresh
            todo.extend(fresh)
    return found
