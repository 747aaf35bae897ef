"""When a night is refused: the thresholds of the checks, as settings give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a night is refused; shares as fractions. Design section 6 gives the defaults."""

    rows_drop: float = 0.10
    area_drop: float = 0.10
    ids_replaced: float = 0.20
    unusable_geometry: float = 0.05
    growth: float = 0.50
    best_drop: float = 0.15
    emptied: float = 0.05  # of the rows that had a column filled: it comes empty
    warning: float = 0.02
    best_of_nights: int = 30
    first_night_unusable: float = 0.50  # more than half: the profile is wrong, not the data
    declared_area: float = 0.05  # declared and computed area differ by more: counted
    repaired_area: float = 0.01  # a repair that moves the area by more is named, or no repair
    repaired_ha: float = 0.1  # hectares: a repair that moves it by less is always one
    overlap: float = 0.01  # of the smaller of two lotes: neighbours drawn by hand share less
    mark_distance_m: float = 200.0  # outside its lote: a mark on the road before it is no fault
    ambiente_inside: float = 0.95  # less of it inside its lote: it is another's, or moved
    min_rows: int = 2  # of a table: fewer rows never refuse by percentage
    min_growth: int = 5  # rows of a table or campo
    small_table: int = 10  # rows; growth in area of a larger one refuses if one row is behind it
    campo_min_lotes: int = 3
    campo_min_lotes_best: int = 5  # in 30 nights a campo at work loses three or four now and then
    campo_min_rows: int = 10  # ambientes or marcadores of a campo
    campo_most: float = 0.50  # more than this of a campo's lotes: two are enough to refuse


DEFAULTS: Final = Thresholds()
