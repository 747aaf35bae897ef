"""Two versions of the tables side by side: rows matched by key, and rows whose id alone changed.

Pure, and never quadratic: joins by id, by value, or with the nearest. What is missing in a cell is
None. The order of rows does not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from Modules.formats.cells import cells
from Modules.geo.borders import canonical, moved
from Modules.night.tables import Tables
from Modules.words.columns import TABLES

Cells: TypeAlias = NDArray[np.object_]

COMPARED: Final = ("campos", "lotes", "siembras", "ambientes", "marcadores", "zonas", "cultivos")
_NEAR: Final = 5  # tolerances between the middles of a lote and of the same one under another id
_WITH_LOTE: Final = ("siembras", "ambientes", "marcadores", "zonas")
_WITH_CAMPO: Final = ("lotes", "siembras", "ambientes", "marcadores")
_DEGREE_M: Final = 110_500.0  # never more than the length of a degree of latitude


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows of a table added, removed and changed in any column."""

    agregadas: int
    quitadas: int
    cambiadas: int


class Lado:
    """One version of a table: columns as arrays of plain values, made when first asked for."""

    def __init__(self, frame: pd.DataFrame, name: str) -> None:
        self.name = name
        self.key = TABLES[name].key
        self.columns = TABLES[name].names
        self._frame = frame
        self._cells: dict[str, Cells] = {}

    def cells(self, column: str) -> Cells:
        """A column; missing values are None, instants whole microseconds (for comparing)."""
        if column not in self._cells:
            self._cells[column] = _plain(self._frame[column])
        return self._cells[column]

    def take(self, column: str, rows: NDArray[np.intp]) -> Cells:
        """Some cells of a column, which is not kept: there are hundreds of thousands."""
        known = self._cells.get(column)
        return (_plain(self._frame[column]) if known is None else known)[rows]

    @cached_property
    def at(self) -> Mapping[str, int]:
        """The row of each key."""
        return {key: row for row, key in enumerate(self.cells(self.key).tolist())}

    def cell(self, key: str, column: str) -> Any:
        return self.cells(column)[self.at[key]]

    def by_key(self, column: str) -> dict[str, Any]:
        return dict(zip(self.cells(self.key).tolist(), self.cells(column).tolist(), strict=True))

    def with_ids(self, column: str, ids: Mapping[str, str]) -> Lado:
        """The same rows, other ids in a column."""
        other = Lado(self._frame, self.name)
        renamed = np.array([ids.get(one, one) for one in self.cells(column).tolist()], dtype=object)
        other._cells = {**self._cells, column: renamed}
        return other


def _plain(column: pd.Series) -> Cells:
    if column.name == "geometry":
        return np.asarray(column.array, dtype=object)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return np.asarray(column.astype("int64").to_numpy(), dtype=object)
    return cells(column)


class Pair:
    """A table before and now, matched by key. Keys are sorted."""

    def __init__(self, before: Lado, now: Lado) -> None:
        self.name = now.name
        self.before = before
        self.now = now
        self.gone = sorted(before.at.keys() - now.at.keys())
        self.new = sorted(now.at.keys() - before.at.keys())
        self.common = sorted(before.at.keys() & now.at.keys())
        self._was_at = np.array([before.at[key] for key in self.common], dtype=np.intp)
        self._now_at = np.array([now.at[key] for key in self.common], dtype=np.intp)
        self._differs: dict[str, NDArray[np.bool_]] = {}

    def differs(self, column: str) -> NDArray[np.bool_]:
        """Of each common row, whether the column differs; two empty values are equal."""
        if column not in self._differs:
            was, is_now = self.common_of(column)
            if column == "geometry":
                was, is_now = shapely.to_wkb(was), shapely.to_wkb(is_now)
            self._differs[column] = np.asarray(was != is_now, dtype=bool)
        return self._differs[column]

    def common_of(self, column: str) -> tuple[Cells, Cells]:
        """A column of the common rows, before and now."""
        return self.before.take(column, self._was_at), self.now.take(column, self._now_at)

    def changed(self, columns: Iterable[str]) -> list[str]:
        """Keys of the common rows in which any of the columns differs, sorted."""
        found = np.zeros(len(self.common), dtype=bool)
        for column in columns:
            found |= self.differs(column)
        return [self.common[at] for at in np.flatnonzero(found)]

    def counts(self) -> RowCounts:
        return RowCounts(len(self.new), len(self.gone), len(self.changed(self.now.columns)))

    def cell(self, key: str, column: str) -> Any:
        """One value as it is now, or as it was where the row is gone."""
        return (self.now if key in self.now.at else self.before).cell(key, column)


def pairs_of(a: Tables, b: Tables) -> dict[str, Pair]:
    """Every table that is compared, before and now, by id."""
    before, now = a.as_dict(), b.as_dict()
    return {name: Pair(Lado(before[name], name), Lado(now[name], name)) for name in COMPARED}


def renumber(
    pairs: Mapping[str, Pair], tolerancia_m: float
) -> tuple[dict[str, Pair], dict[str, dict[str, str]]]:
    """The pairs with ``before`` under the ids of now; and by table, the id before → the id now."""
    found = dict(pairs)
    ids: dict[str, dict[str, str]] = {}

    def rename(table: str, renamed: Mapping[str, str], *others: str) -> None:
        ids[table] = dict(sorted(renamed.items()))
        for name in (table, *others) if renamed else ():
            before = found[name].before.with_ids(TABLES[table].key, renamed)
            found[name] = Pair(before, found[name].now)

    def ground(table: str, *alike: str) -> dict[str, str]:
        return _same_ground(found[table], alike, tolerancia_m)

    rename("lotes", ground("lotes", "campo_id", "lote"), *_WITH_LOTE)
    rename("campos", _same_campos(found["campos"], found["lotes"]), *_WITH_CAMPO)
    rename("zonas", ground("zonas", "tipo", "zona"), "campos")
    rename("ambientes", ground("ambientes", "lote_id", "ambiente"), "marcadores")
    rename("marcadores", ground("marcadores", "lote_id", "marcador"))
    gone, new = _rest(found["siembras"])
    crop = ("lote_id", "cultivo_codigo", "cultivo")
    same = _paired(gone, new, (*crop, "orden"))  # of equal order, if there is one
    rename("siembras", same | _paired(gone.but(same), new.but(same.values()), crop))
    return found, {name: ids[name] for name in COMPARED if ids.get(name)}


@dataclass(frozen=True, slots=True)
class _Rest:
    """Some rows of one side: their keys, sorted, and where they are."""

    lado: Lado
    keys: list[str]

    def cells(self, column: str) -> Cells:
        return self.lado.cells(column)[[self.lado.at[key] for key in self.keys]]

    def marks(self, columns: Iterable[str]) -> list[tuple[Any, ...]]:
        """The values of some columns as one for each row; geometry as its vertices."""
        cells = [
            canonical(self.cells(name)) if name == "geometry" else self.cells(name)
            for name in columns
        ]
        return list(zip(*(column.tolist() for column in cells), strict=True))

    def but(self, keys: Iterable[str]) -> _Rest:
        """The rows that are left without some."""
        return _Rest(self.lado, sorted(set(self.keys).difference(keys)))

    def shaped(self) -> _Rest:
        """The rows that have a geometry."""
        shapes = zip(self.keys, self.cells("geometry"), strict=True)
        return self.but(key for key, shape in shapes if shape is None or shape.is_empty)


def _rest(pair: Pair) -> tuple[_Rest, _Rest]:
    return _Rest(pair.before, pair.gone), _Rest(pair.now, pair.new)


def _same_ground(pair: Pair, alike: tuple[str, ...], tolerancia_m: float) -> dict[str, str]:
    """Ids of rows on the same ground: the same vertices, or a border that did not move.

    ``alike``: columns that are equal. A lote may also have another campo and name: it is its
    ground. Where several share one ground they are paired in the order of their ids.
    """
    if not pair.gone or not pair.new:
        return {}
    gone, new = _rest(pair)
    found = _paired(gone, new, ("geometry", *alike))
    if pair.name == "lotes":
        alike = ()
        found |= _paired(gone.but(found), new.but(found.values()), ("geometry",))
    gone, new = gone.but(found).shaped(), new.but(found.values()).shaped()
    return found | _nearly_same(gone, new, alike, tolerancia_m)


def _paired(gone: _Rest, new: _Rest, columns: Sequence[str]) -> dict[str, str]:
    """Ids of rows with equal values, first with first."""
    waiting: dict[tuple[Any, ...], list[str]] = {}
    for mark, key in zip(reversed(gone.marks(columns)), reversed(gone.keys), strict=True):
        waiting.setdefault(mark, []).append(key)
    found = {}
    for mark, key in zip(new.marks(columns), new.keys, strict=True):
        if waiting.get(mark):
            found[waiting[mark].pop()] = key
    return found


def _nearly_same(
    gone: _Rest, new: _Rest, alike: tuple[str, ...], tolerancia_m: float
) -> dict[str, str]:
    """Ids whose middles are each other's nearest, on the same ground within the tolerance."""
    if not gone.keys or not new.keys:
        return {}
    was, is_now = gone.cells("geometry"), new.cells("geometry")
    back = _nearest(is_now, was, tolerancia_m)
    there = _nearest(was, is_now, tolerancia_m).items()
    values = gone.marks(alike), new.marks(alike)
    pairs = [
        (i, j) for i, j in there if back.get(j) == i and (not alike or values[0][i] == values[1][j])
    ]
    same = ~moved(was[[i for i, _ in pairs]], is_now[[j for _, j in pairs]], tolerancia_m)
    return {gone.keys[i]: new.keys[j] for (i, j), alike_ in zip(pairs, same, strict=True) if alike_}


def _nearest(shapes: Cells, others: Cells, tolerancia_m: float) -> dict[int, int]:
    """Of each shape the other whose middle is nearest, if that is near enough."""
    middles = [shapely.get_coordinates(shapely.centroid(side)) for side in (shapes, others)]
    squeeze = np.array([np.cos(np.radians(np.concatenate(middles)[:, 1].mean())), 1.0])
    points = [shapely.points(xy * squeeze) for xy in middles]
    pairs = shapely.STRtree(points[1]).query_nearest(
        points[0], max_distance=_NEAR * tolerancia_m / _DEGREE_M, all_matches=False
    )
    return dict(pairs.T.tolist())


def _same_campos(campos: Pair, lotes: Pair) -> dict[str, str]:
    """Ids of campos with an equal name and most of the same lotes on both sides."""
    gone, new = set(campos.gone), set(campos.new)
    was, is_now = lotes.before.by_key("campo_id"), lotes.now.by_key("campo_id")
    sizes, sizes_now = Counter(was.values()), Counter(is_now.values())
    shared = Counter((was[key], is_now[key]) for key in lotes.common)
    return {
        old: one
        for (old, one), count in sorted(shared.items())
        if old in gone
        and one in new
        and campos.before.cell(old, "campo") == campos.now.cell(one, "campo")
        and 2 * count > max(sizes[old], sizes_now[one])
    }
