"""The figures of a night: what the verdict compares, small enough to keep beside each snapshot.

Areas in hectares, as computed. Everything is plain JSON in ``to_dict`` and back in ``from_dict``.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

import pandas as pd

from Modules.night.tables import Repair, Tables
from Modules.words.columns import TABLES
from Modules.words.domain import Motivo, SnapshotId

JUDGED = ("campos", "lotes", "siembras", "ambientes", "marcadores", "zonas", "cultivos")
WITH_AREA = ("lotes", "ambientes")
BEST_OF_DAYS = 30
BY_CAMPO = ("lotes", "siembras", "ambientes", "marcadores")
UNUSABLE_GEOMETRY = frozenset(
    motivo.value
    for motivo in (
        Motivo.SIN_GEOMETRIA,
        Motivo.GEOMETRIA_ILEGIBLE,
        Motivo.GEOMETRIA_VACIA,
        Motivo.GEOMETRIA_IRREPARABLE,
        Motivo.TIPO_DE_GEOMETRIA,
        Motivo.COORDENADA_INVALIDA,
        Motivo.FUERA_DEL_AREA,
        Motivo.DEMASIADOS_VERTICES,
        Motivo.SUPERFICIE_IMPOSIBLE,
    )
)


@dataclass(frozen=True, slots=True)
class CampoFigures:
    """One campo's rows and hectares, by table."""

    campo: str
    filas: Mapping[str, int]
    superficie_ha: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Resumen:
    """One night's figures.

    ``recibidos`` is rows plus ``rechazados`` of each table; ``geometria_inutil`` the part of the
    refused whose geometry was missing or unusable. ``por_campo`` is by campo_id.
    """

    filas: Mapping[str, int]
    superficie_ha: Mapping[str, float]
    recibidos: Mapping[str, int]
    rechazados: Mapping[str, Mapping[str, int]]
    geometria_inutil: Mapping[str, int]
    ids_sha256: Mapping[str, str]
    por_campo: Mapping[str, CampoFigures]
    reparadas: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Resumen:
        """Read back what ``to_dict`` gave.

        Raises:
            KeyError, TypeError: it is something else.
        """
        campos = {key: CampoFigures(**value) for key, value in data["por_campo"].items()}
        return cls(**{**data, "por_campo": campos})


def resumen(tables: Tables, *, repairs: Sequence[Repair] = ()) -> Resumen:
    """The figures of a night's tables."""
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
        ids_sha256={name: _ids_hash(frames[name][TABLES[name].key]) for name in JUDGED},
        por_campo=_by_campo(frames),
        reparadas=_count(repair.recurso for repair in repairs),
    )


def best_of(
    history: Sequence[Resumen], *, accepted_by_hand: Sequence[bool] = (), nights: int = 30
) -> Resumen | None:
    """The best of the last accepted nights: of each figure the largest; None without any.

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
    last = counted[-1]
    return Resumen(
        filas=_largest([night.filas for night in counted]),
        superficie_ha=_largest([night.superficie_ha for night in counted]),
        recibidos=_largest([night.recibidos for night in counted]),
        rechazados=last.rechazados,
        geometria_inutil=last.geometria_inutil,
        ids_sha256=last.ids_sha256,
        por_campo=_best_campos(counted),
        reparadas=last.reparadas,
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
        best[campo_id] = CampoFigures(
            known[-1].campo,
            _largest([campo.filas for campo in known]),
            _largest([campo.superficie_ha for campo in known]),
        )
    return best


def _largest(nights: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = sorted({name for night in nights for name in night})
    return {name: max(night[name] for night in nights if name in night) for name in names}


def _refused(rechazados: pd.DataFrame) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    pairs = zip(rechazados["recurso"], rechazados["motivo"], strict=True)
    for recurso, motivo in sorted(pairs):
        counts.setdefault(recurso, {}).setdefault(motivo, 0)
        counts[recurso][motivo] += 1
    return counts


def _count(names: Any) -> dict[str, int]:
    found = sorted(names)
    return {name: found.count(name) for name in sorted(set(found))}


def _ids_hash(ids: pd.Series) -> str:
    """SHA-256 over the sorted ids, one per line."""
    text = "\n".join(sorted(ids)).encode("utf-8")
    return hashlib.sha256(text).hexdigest()


def _by_campo(frames: Mapping[str, pd.DataFrame]) -> dict[str, CampoFigures]:
    rows = {name: _per_campo(frames[name]) for name in BY_CAMPO}
    areas = {name: _per_campo(frames[name], "superficie_ha") for name in WITH_AREA}
    campos = frames["campos"]
    return {
        campo_id: CampoFigures(
            campo,
            {name: int(rows[name].get(campo_id, 0)) for name in BY_CAMPO},
            {name: float(areas[name].get(campo_id, 0.0)) for name in WITH_AREA},
        )
        for campo_id, campo in zip(campos["campo_id"], campos["campo"], strict=True)
    }


def _per_campo(frame: pd.DataFrame, column: str | None = None) -> dict[str, float]:
    """By campo_id the number of rows, or the exact sum of a column."""
    campos = frame["campo_id"].tolist()
    if column is None:
        return dict(Counter(campos))
    found: dict[str, list[float]] = {}
    for campo_id, value in zip(campos, frame[column].tolist(), strict=True):
        found.setdefault(campo_id, []).append(value)
    return {campo_id: math.fsum(values) for campo_id, values in found.items()}
