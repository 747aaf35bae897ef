"""What changed between two nights, lote by lote.

Deterministic: the same two nights give the same lists in the same order. What people read is
Spanish. Areas are hectares on the ellipsoid; a moved border gains and loses what the geometric
difference of the two shapes measures. Shapes with equal WKB are not compared any further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from Modules.columns import TABLES
from Modules.geometry import geodesic_area_ha
from Modules.tables import Tables
from Modules.verdict import spanish

COMPARED = ("campos", "lotes", "siembras", "ambientes", "marcadores", "zonas", "cultivos")
_SAME_HA = 1e-4  # 1 m²: less is a border written anew, not moved
_NONE = "sin siembras"
_SIEMBRA_FIELDS = {
    "material": "material",
    "superficie_declarada_ha": "superficie",
    "fecha_siembra": "fecha de siembra",
    "fecha_cosecha": "fecha de cosecha",
    "estado": "estado",
}


@dataclass(frozen=True, slots=True, order=True)
class LoteChange:
    """One thing that happened to one lote; ``que`` and ``detalle`` are Spanish."""

    campo: str
    lote: str
    lote_id: str
    que: str
    detalle: str
    gana_ha: float = 0.0  # only where a border moved
    pierde_ha: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class CampoChange:
    """One thing that happened to a campo itself."""

    campo: str
    campo_id: str
    que: str
    detalle: str


@dataclass(frozen=True, slots=True, order=True)
class Conteo:
    """How many ambientes or marcadores of a lote were added, removed or changed."""

    campo: str
    lote: str
    lote_id: str
    agregados: int
    quitados: int
    cambiados: int


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows of a table added, removed and changed in any column."""

    agregadas: int
    quitadas: int
    cambiadas: int


@dataclass(frozen=True, slots=True)
class Changes:
    """All differences; the lists by lote are empty on the first night."""

    first_night: bool
    tablas: Mapping[str, RowCounts]
    campos: tuple[CampoChange, ...] = ()
    lotes: tuple[LoteChange, ...] = ()
    siembras: tuple[LoteChange, ...] = ()
    ambientes: tuple[Conteo, ...] = ()
    marcadores: tuple[Conteo, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no row of any table differs."""
        return not any(
            counts.agregadas or counts.quitadas or counts.cambiadas
            for counts in self.tablas.values()
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "first_night": self.first_night,
            "empty": self.empty,
            "tablas": {name: asdict(counts) for name, counts in self.tablas.items()},
            **{
                name: [asdict(one) for one in getattr(self, name)]
                for name in ("campos", "lotes", "siembras", "ambientes", "marcadores")
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Changes:
        """Read back what ``to_dict`` gave.

        Raises:
            KeyError, TypeError: it is something else.
        """
        kinds: Mapping[str, type] = {
            "campos": CampoChange,
            "lotes": LoteChange,
            "siembras": LoteChange,
            "ambientes": Conteo,
            "marcadores": Conteo,
        }
        lists = {name: tuple(kind(**row) for row in data[name]) for name, kind in kinds.items()}
        tablas = {name: RowCounts(**counts) for name, counts in data["tablas"].items()}
        return cls(first_night=data["first_night"], tablas=tablas, **lists)


def diff_tables(before: Tables | None, now: Tables) -> Changes:
    """What changed since the last accepted night; ``before`` is None on the first."""
    after = now.as_dict()
    if before is None:
        counts = {name: RowCounts(len(after[name]), 0, 0) for name in COMPARED}
        return Changes(first_night=True, tablas=counts)
    was = before.as_dict()
    pairs = {name: _Pair(was[name], after[name], TABLES[name].key) for name in COMPARED}
    return Changes(
        first_night=False,
        tablas={name: pair.counts() for name, pair in pairs.items()},
        campos=tuple(sorted(_campo_changes(pairs["campos"]))),
        lotes=tuple(sorted(_lote_changes(pairs["lotes"]))),
        siembras=tuple(sorted(_siembra_changes(pairs["siembras"], pairs["lotes"]))),
        ambientes=tuple(sorted(_by_lote(pairs["ambientes"], pairs["lotes"]))),
        marcadores=tuple(sorted(_by_lote(pairs["marcadores"], pairs["lotes"]))),
    )


# --- two versions of one table ------------------------------------------------------------------


class _Pair:
    """A table before and now, matched by key."""

    def __init__(self, before: pd.DataFrame, now: pd.DataFrame, key: str) -> None:
        self.before = before.set_index(key, drop=False).rename_axis(None)
        self.now = now.set_index(key, drop=False).rename_axis(None)
        self.gone = self.before.index.difference(self.now.index, sort=True)
        self.new = self.now.index.difference(self.before.index, sort=True)
        self.common = self.before.index.intersection(self.now.index).sort_values()
        self._differs: dict[str, NDArray[np.bool_]] = {}

    def differs(self, column: str) -> NDArray[np.bool_]:
        """Of each common row, whether the column differs; two empty values are equal."""
        if column not in self._differs:
            was, is_now = (t.loc[self.common, column] for t in (self.before, self.now))
            if column == "geometry":
                self._differs[column] = shapely.to_wkb(was.values) != shapely.to_wkb(is_now.values)
            else:
                self._differs[column] = _unequal(was, is_now)
        return self._differs[column]

    def changed(self, columns: Iterable[str]) -> pd.Index:
        """Keys of the common rows in which any of the columns differs, sorted."""
        found = np.zeros(len(self.common), dtype=bool)
        for column in columns:
            found |= self.differs(column)
        return self.common[found]

    def counts(self) -> RowCounts:
        """Rows added, removed and changed in any column."""
        changed = self.changed(self.now.columns)
        return RowCounts(len(self.new), len(self.gone), len(changed))


def _unequal(was: pd.Series, is_now: pd.Series) -> NDArray[np.bool_]:
    one, other = (t.to_numpy(dtype=object, na_value=None) for t in (was, is_now))
    return np.asarray(one != other, dtype=bool)


# --- campos and lotes ---------------------------------------------------------------------------


def _campo_changes(pair: _Pair) -> Iterable[CampoChange]:
    for key in pair.new:
        yield CampoChange(pair.now.at[key, "campo"], key, "campo nuevo", "")
    for key in pair.gone:
        yield CampoChange(pair.before.at[key, "campo"], key, "campo eliminado", "")
    for key in pair.changed(["campo"]):
        name = pair.now.at[key, "campo"]
        yield CampoChange(name, key, "campo renombrado", f"antes: {pair.before.at[key, 'campo']}")


def _lote_changes(pair: _Pair) -> Iterable[LoteChange]:
    for key in pair.new:
        yield _lote_change(pair.now.loc[key], "lote nuevo", _size(pair.now.loc[key]))
    for key in pair.gone:
        yield _lote_change(pair.before.loc[key], "lote eliminado", _size(pair.before.loc[key]))
    for key in pair.changed(["lote"]):
        detail = f"antes: {pair.before.at[key, 'lote']}"
        yield _lote_change(pair.now.loc[key], "lote renombrado", detail)
    for key in pair.changed(["campo_id"]):
        detail = f"antes en el campo {pair.before.at[key, 'campo']}"
        yield _lote_change(pair.now.loc[key], "cambió de campo", detail)
    yield from _moved_borders(pair)


def _lote_change(lote: pd.Series, que: str, detalle: str) -> LoteChange:
    return LoteChange(lote["campo"], lote["lote"], lote["lote_id"], que, detalle)


def _size(lote: pd.Series) -> str:
    crops = lote["cultivos"] if pd.notna(lote["cultivos"]) else _NONE
    return f"{spanish(lote['superficie_ha'], 1)} ha, {crops}"


def _moved_borders(pair: _Pair) -> Iterable[LoteChange]:
    keys = pair.changed(["geometry"])
    if keys.empty:
        return
    was, is_now = (t.loc[keys, "geometry"].to_numpy() for t in (pair.before, pair.now))
    gains = geodesic_area_ha([_minus(a, b) for a, b in zip(is_now, was, strict=True)])
    losses = geodesic_area_ha([_minus(a, b) for a, b in zip(was, is_now, strict=True)])
    for key, gained, lost in zip(keys, gains.tolist(), losses.tolist(), strict=True):
        lote = pair.now.loc[key]
        place = (lote["campo"], lote["lote"], lote["lote_id"])
        if max(gained, lost) < _SAME_HA:
            yield LoteChange(*place, "borde reescrito", "la superficie es la misma")
        else:
            detail = f"gana {spanish(gained, 2)} ha, pierde {spanish(lost, 2)} ha"
            yield LoteChange(*place, "borde movido", detail, gained, lost)


def _minus(shape: BaseGeometry, other: BaseGeometry) -> BaseGeometry:
    try:
        return shapely.difference(shape, other)
    except shapely.errors.GEOSException:  # rounding at near-equal edges; 1e-9° is 0.1 mm
        return shapely.difference(shape, other, grid_size=1e-9)


# --- what hangs from a lote ------------------------------------------------------------------


def _places(lotes: _Pair) -> Mapping[str, tuple[str, str, str]]:
    """Campo, lote and lote_id of every lote there is or was."""
    found: dict[str, tuple[str, str, str]] = {}
    for table in (lotes.before, lotes.now):
        for row in zip(table["lote_id"], table["campo"], table["lote"], strict=True):
            found[row[0]] = (row[1], row[2], row[0])
    return found


def _siembra_changes(pair: _Pair, lotes: _Pair) -> Iterable[LoteChange]:
    """Crops before → after of each lote that is there both nights, then changed details."""
    places = _places(lotes)
    was, is_now = _crops(pair.before), _crops(pair.now)
    for lote_id in lotes.common:
        before, after = was.get(lote_id, _NONE), is_now.get(lote_id, _NONE)
        if before != after:
            yield LoteChange(*places[lote_id], "cambio de cultivo", f"{before} → {after}")
    for key in pair.changed(_SIEMBRA_FIELDS):
        crop, lote_id = pair.now.at[key, "cultivo"], pair.now.at[key, "lote_id"]
        details = [
            f"{label} {_shown(pair.before.at[key, column])} → {_shown(pair.now.at[key, column])}"
            for column, label in _SIEMBRA_FIELDS.items()
            if pair.differs(column)[pair.common.get_loc(key)]
        ]
        yield LoteChange(*places[lote_id], "siembra", f"{crop}: {', '.join(details)}")


def _crops(siembras: pd.DataFrame) -> dict[str, str]:
    """Crops of each lote in order of sowing, joined by " + "."""
    ordered = siembras.sort_values(["orden", "siembra_id"])
    found: dict[str, list[str]] = {}
    for lote_id, crop in zip(ordered["lote_id"], ordered["cultivo"], strict=True):
        found.setdefault(lote_id, []).append(crop)
    return {lote_id: " + ".join(crops) for lote_id, crops in found.items()}


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "(vacío)"
    return spanish(value, 2) if isinstance(value, float) else str(value)


def _by_lote(pair: _Pair, lotes: _Pair) -> Iterable[Conteo]:
    """Rows of each lote added, removed, changed; a row that moves to another lote is both."""
    counts: dict[str, list[int]] = {}

    def count(lote_ids: Iterable[str], what: int) -> None:
        for lote_id in lote_ids:
            counts.setdefault(lote_id, [0, 0, 0])[what] += 1

    moved = pair.changed(["lote_id"])
    columns = [c for c in pair.now.columns if c not in ("updated_at", "campo_id", "campania")]
    count([*pair.now.loc[pair.new, "lote_id"], *pair.now.loc[moved, "lote_id"]], 0)
    count([*pair.before.loc[pair.gone, "lote_id"], *pair.before.loc[moved, "lote_id"]], 1)
    count(pair.now.loc[pair.changed(columns).difference(moved), "lote_id"], 2)
    places = _places(lotes)
    for lote_id, (added, removed, changed) in counts.items():
        yield Conteo(*places[lote_id], added, removed, changed)
