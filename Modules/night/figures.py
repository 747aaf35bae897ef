"""The figures of a night: what the verdict compares, small enough to keep beside each snapshot.

Areas in hectares, as computed. Everything is plain JSON in ``to_dict`` and back in ``from_dict``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from Modules.night.ground import BY_CAMPO, Moves
from Modules.night.tables import Repair, Tables
from Modules.night.verdict import rate, share_of
from Modules.words.columns import TABLES
from Modules.words.domain import Motivo, SnapshotId
from Modules.words.finding import Severity
from Modules.words.names import names_with_ids
from Modules.words.spanish import number, percent
from Modules.words.thresholds import DEFAULTS, Thresholds

Areas: TypeAlias = Mapping[str, float]  # hectares by id of a row

JUDGED = ("campos", "lotes", "siembras", "ambientes", "marcadores", "zonas", "cultivos")
WITH_AREA = ("lotes", "ambientes")
BEST_OF_DAYS = 30
MOVED = 0.01  # of a row's own area: less is no change worth counting
UNUSABLE_GEOMETRY = frozenset(motivo.value for motivo in Motivo) - {
    *("sin_id", "id_repetido", "tipo_invalido", "otra_campania", "borrado", "huerfano")
}


@dataclass(frozen=True, slots=True)
class CampoFigures:
    """One campo's rows and hectares, by table; ``explicadas`` as in ``Resumen``."""

    campo: str
    filas: Mapping[str, int]
    superficie_ha: Mapping[str, float]
    explicadas: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resumen:
    """One night's figures.

    ``recibidos`` is rows plus ``rechazados`` of each table; ``geometria_inutil`` the part of the
    refused whose geometry was missing or unusable. ``por_campo`` is by campo_id. ``explicadas``:
    how many rows fewer than the night before are no loss (``night.ground``); negative: more.
    """

    filas: Mapping[str, int]
    superficie_ha: Mapping[str, float]
    recibidos: Mapping[str, int]
    rechazados: Mapping[str, Mapping[str, int]]
    geometria_inutil: Mapping[str, int]
    ids_sha256: Mapping[str, str]
    por_campo: Mapping[str, CampoFigures]
    reparadas: Mapping[str, int] = field(default_factory=dict)
    explicadas: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Resumen:
        """Read back what ``to_dict`` gave.

        Raises:
            KeyError, TypeError: it is something else.
        """
        campos = {key: CampoFigures(**value) for key, value in data["por_campo"].items()}
        return cls(**{**data, "por_campo": campos})


NOTHING = Resumen({}, {}, {}, {}, {}, {}, {})  # no night


def resumen(
    tables: Tables, *, repairs: Sequence[Repair] = (), moves: Mapping[str, Moves] | None = None
) -> Resumen:
    """The figures of a night's tables; ``moves`` since the last accepted one, if there was one."""
    moves = moves or {}
    frames = tables.as_dict()
    refused = _refused(tables.rechazados)
    rows = {name: len(frames[name]) for name in JUDGED}
    unusable = {
        name: sum(n for motivo, n in refused.get(name, {}).items() if motivo in UNUSABLE_GEOMETRY)
        for name in JUDGED
    }
    return Resumen(
        filas=rows,
        superficie_ha={name: math.fsum(frames[name]["superficie_ha"]) for name in WITH_AREA},
        recibidos={n: rows[n] + sum(refused.get(n, {}).values()) for n in JUDGED},
        rechazados=refused,
        geometria_inutil=unusable,
        ids_sha256={  # over the sorted ids, one per line
            name: sha256("\n".join(sorted(frames[name][TABLES[name].key])).encode()).hexdigest()
            for name in JUDGED
        },
        por_campo=_by_campo(frames, moves),
        reparadas=dict(sorted(Counter(repair.recurso for repair in repairs).items())),
        explicadas={name: one.explained for name, one in sorted(moves.items()) if one.explained},
    )


def best_of(
    history: Sequence[Resumen], *, accepted_by_hand: Sequence[bool] = (), nights: int = 30
) -> Resumen | None:
    """The best of the last accepted nights: of each figure the largest; None without any.

    What later nights had fewer of without a loss, an earlier one is not asked for.

    Args:
        history: accepted nights, oldest first.
        accepted_by_hand: of each, whether a person accepted it out of quarantine. Whoever accepts
            a smaller night says that the loss is right, so nights before it no longer count:
            else every night after it would be refused for the same loss.
    """
    by_hand = [at for at, by_person in enumerate(accepted_by_hand) if by_person]
    counted = list(history[max(by_hand, default=0) :])[-nights:]
    if not counted:
        return None
    return replace(
        counted[-1],
        filas=_largest([(night.filas, night.explicadas) for night in counted]),
        superficie_ha=_largest([(night.superficie_ha, {}) for night in counted]),
        recibidos=_largest([(night.recibidos, night.explicadas) for night in counted]),
        por_campo=_best_campos(counted),
    )


def of_the_last_days(ids: Sequence[SnapshotId], days: int = BEST_OF_DAYS) -> list[bool]:
    """Which nights are no older than so many days before the newest; ids oldest first.

    Retention thins the old ones out, so the last thirty kept reach back a season; what a company
    had at sowing says nothing of what it should have after harvest.
    """
    return [ids[-1].utc - one.utc < timedelta(days=days) for one in ids]


def _best_campos(nights: Sequence[Resumen]) -> dict[str, CampoFigures]:
    best: dict[str, CampoFigures] = {}
    for campo_id in sorted({key for night in nights for key in night.por_campo}):
        known = [night.por_campo[campo_id] for night in nights if campo_id in night.por_campo]
        best[campo_id] = replace(
            known[-1],
            filas=_largest([(campo.filas, campo.explicadas) for campo in known]),
            superficie_ha=_largest([(campo.superficie_ha, {}) for campo in known]),
        )
    return best


def _largest(nights: Sequence[tuple[Mapping[str, Any], Mapping[str, int]]]) -> dict[str, Any]:
    """By name the largest figure, less what was explained in the nights after it; oldest first."""
    best: dict[str, Any] = {}
    later: Counter[str] = Counter()
    for figures, explained in reversed(nights):
        for name, value in figures.items():
            best[name] = max(value - later[name], best.get(name, -math.inf))
        later.update(explained)
    return dict(sorted(best.items()))


def _refused(rechazados: pd.DataFrame) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    pairs = Counter(zip(rechazados["recurso"], rechazados["motivo"], strict=True))
    for (recurso, motivo), count in sorted(pairs.items()):
        counts.setdefault(recurso, {})[motivo] = count
    return counts


def _by_campo(
    frames: Mapping[str, pd.DataFrame], moves: Mapping[str, Moves]
) -> dict[str, CampoFigures]:
    rows = {name: Counter(frames[name]["campo_id"].tolist()) for name in BY_CAMPO}
    areas = {name: _areas(frames[name]) for name in WITH_AREA}
    campos = frames["campos"]
    names = names_with_ids(dict(zip(campos["campo_id"], campos["campo"], strict=True)))
    return {
        campo_id: CampoFigures(
            campo,
            {name: rows[name][campo_id] for name in BY_CAMPO},
            {name: areas[name].get(campo_id, 0.0) for name in WITH_AREA},
            {name: one.excused[campo_id] for name, one in moves.items() if campo_id in one.excused},
        )
        for campo_id, campo in names.items()
    }


def _areas(frame: pd.DataFrame) -> dict[str, float]:
    """By campo_id the exact sum of hectares."""
    found: dict[str, list[float]] = {}
    pairs = zip(frame["campo_id"].tolist(), frame["superficie_ha"].tolist(), strict=True)
    for campo_id, value in pairs:
        found.setdefault(campo_id, []).append(value)
    return {campo_id: math.fsum(values) for campo_id, values in found.items()}


@dataclass(frozen=True, slots=True)
class Nights:
    tables: Tables
    now: Resumen
    tables_before: Tables | None = None
    before: Resumen = NOTHING  # if there was none
    best: Resumen | None = None
    limits: Thresholds = DEFAULTS
    moves: Mapping[str, Moves] = field(default_factory=dict)  # by table, since the last accepted
    # of each table the rows of both nights, once somebody asked; see ``checks_columns``
    beside: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def frame(self, table: str) -> pd.DataFrame:
        return self.tables.as_dict()[table]

    def frame_before(self, table: str) -> pd.DataFrame:
        """A table of the last accepted night; empty if there was none."""
        if self.tables_before is None:
            return self.frame(table).iloc[:0]
        return self.tables_before.as_dict()[table]

    def rate(self, part: float, whole: float, limit: float, *, enough: bool) -> Severity:
        """How bad it is that ``part`` of ``whole`` is lost, new or unusable; see ``rate``."""
        return rate(share_of(part, whole), limit, self.limits.warning, enough=enough)

    def spoils(self, table: str, before: Collection[str], now: Collection[str]) -> str:
        """Why more rows are no plain growth: some are gone, or the new ones twice; else nothing.

        ``before`` and ``now`` are the ids of the table, or of a campo. Siembras change all season.
        """
        moves, limits = self.moves[table], self.limits
        lost, twice = len(moves.lost.intersection(before)), len(moves.twice.intersection(now))
        much = limits.rows_drop if table == "marcadores" else limits.warning
        if table != "siembras" and lost >= limits.min_rows and lost > much * len(before):
            return f"y faltan {number(lost)} de las que había"
        new = len(moves.fresh.intersection(now)) + len(moves.again.intersection(now))
        if twice >= limits.min_growth and twice >= limits.rows_drop * new:
            return f"y {number(twice)} de las nuevas están dos veces"
        return ""

    def grown_ha(self, table: str, before: Areas, now: Areas) -> float:
        """How much larger these rows are, but for new ones on new ground where growth is plain."""
        grown = total(now.values()) - total(before.values())
        if grown <= 0 or self.spoils(table, before, now):
            return grown
        fresh = self.moves[table].fresh
        return grown - total(area for own, area in now.items() if own in fresh)


def counted(before: int, now: int, missing: int, of: str = "") -> str:
    """How many rows there were and are; ``missing``: how many of the former nothing replaces."""
    if missing > max(before - now, 0):
        few = f"faltan {number(missing)} de {number(before)}{of} y nada ocupa su lugar"
        return f"{few}; con las nuevas son {number(now)}"
    text = f"{number(before)} → {number(now)}{of} ({percent(before, now)})"
    if 0 <= missing < before - now:
        rest = number(before - now - missing)
        text += (
            f", {rest} sin pérdida: hay otras en su lugar, estaban hechas o se fueron con su lote"
        )
    return text


def ids_of(frame: pd.DataFrame, table: str) -> set[str]:
    return set(frame[TABLES[table].key].tolist())


def places(tables: Tables) -> dict[str, str]:
    """ "Campo / lote" of each lote, as people read it: with ids where two look alike."""
    lotes, campos = tables.lotes, tables.campos
    campo = names_with_ids(dict(zip(campos["campo_id"], campos["campo"], strict=True)))
    home = dict(zip(lotes["lote_id"], lotes["campo_id"], strict=True))
    lote = names_with_ids(dict(zip(lotes["lote_id"], lotes["lote"], strict=True)), within=home)
    return {key: f"{campo[home[key]]} / {name}" for key, name in lote.items()}


def areas_of(frame: pd.DataFrame, table: str) -> Areas:
    """Hectares of each row, by id."""
    return dict(
        zip(frame[TABLES[table].key].tolist(), frame["superficie_ha"].tolist(), strict=True)
    )


def total(areas: Iterable[float]) -> float:
    return float(np.fromiter(areas, dtype=np.float64).sum())


def rows_behind(before: Areas, now: Areas) -> tuple[int, int]:
    """How many rows lost area and how many gained: gone or new, or by over 1 % of their own."""
    lost = sum(now.get(one, 0.0) < area * (1 - MOVED) for one, area in before.items())
    gained = sum(before.get(one, 0.0) < area * (1 - MOVED) for one, area in now.items())
    return lost, gained
