"""H3 for the users' own flows: cells of polygons with their share and their hectares.

>>> import shapely
>>> from Modules.h3_functions import cover_polygon
>>> celdas = cover_polygon(shapely.box(-62.31, -34.91, -62.30, -34.90), 9)
>>> round(float(celdas.superficie_ha.sum()))
101

``Modules.geo.h3_cover`` says what a row is, in which order axes come and what is raised.
"""

from __future__ import annotations

from Modules.geo.h3_cover import (
    CHUNK_CELLS,
    CHUNK_POLYGONS,
    MAX_CELLS_POLYGON,
    MAX_CELLS_RUN,
    MAX_STRAY,
    THIN_M,
    WHOLE,
    Chunk,
    Cover,
    check_cells,
    check_polygons,
    chunks,
    cover,
    cover_chunk,
    cover_polygon,
    estimate_cells,
    merge,
    sum_to_parents,
    whole_cells,
)

__all__ = [
    "CHUNK_CELLS",
    "CHUNK_POLYGONS",
    "MAX_CELLS_POLYGON",
    "MAX_CELLS_RUN",
    "MAX_STRAY",
    "THIN_M",
    "WHOLE",
    "Chunk",
    "Cover",
    "check_cells",
    "check_polygons",
    "chunks",
    "cover",
    "cover_chunk",
    "cover_polygon",
    "estimate_cells",
    "merge",
    "sum_to_parents",
    "whole_cells",
]
