"""A night beside the last accepted one: what the checks look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from Modules.night.figures import UNUSABLE_GEOMETRY, Resumen
from Modules.night.tables import Tables
from Modules.words.columns import TABLES
from Modules.words.thresholds import Thresholds

_MOVED = 0.01  # of a row's own area: less is no change worth counting


@dataclass(frozen=True, slots=True)
class Night:
    """The tables and figures of tonight, of the last accepted night and of the best."""

    tables: Tables
    now: Resumen
    tables_before: Tables | None
    resumen_before: Resumen | None
    best: Resumen | None
    limits: Thresholds

    geometry_reasons: ClassVar[frozenset[str]] = UNUSABLE_GEOMETRY

    def frame(self, table: str) -> pd.DataFrame:
        """A table of tonight."""
        return self.tables.as_dict()[table]

    def frame_before(self, table: str) -> pd.DataFrame:
        """A table of the last accepted night; empty if there was none."""
        if self.tables_before is None:
            return self.frame(table).iloc[:0]
        return self.tables_before.as_dict()[table]

    def rows_before(self, table: str) -> int:
        """Rows of the last accepted night."""
        return 0 if self.resumen_before is None else self.resumen_before.filas.get(table, 0)

    def area_before(self, table: str) -> float:
        """Hectares of the last accepted night."""
        if self.resumen_before is None:
            return 0.0
        return self.resumen_before.superficie_ha.get(table, 0.0)


def ids_of(frame: pd.DataFrame, table: str) -> set[str]:
    """The keys of a table."""
    return set(frame[TABLES[table].key])


def rows_behind(before: pd.DataFrame, now: pd.DataFrame, column: str) -> tuple[int, int]:
    """How many rows lost and how many gained: gone or new, or changed by over 1 % of their own.

    Rows are matched by the first column; ``column`` is an area.
    """
    key = before.columns[0]
    was, is_now = (rows.set_index(key)[column].to_dict() for rows in (before, now))
    lost = sum(is_now.get(one, 0.0) < area * (1 - _MOVED) for one, area in was.items())
    gained = sum(was.get(one, 0.0) < area * (1 - _MOVED) for one, area in is_now.items())
    return lost, gained
