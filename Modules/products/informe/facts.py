"""The facts of the reports: plain JSON out of one accepted night. Pure and deterministic.

Numbers are rounded as they are printed, and their keys end with the unit: ``_ha`` hectares on the
WGS 84 ellipsoid, ``_pct`` percent of ``superficie.total_ha``; what has none is a count. Dates are
dd/mm/aaaa. What ``NOMBRES`` name are names that people gave, and no number in them is a fact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from Modules.diff.change import Clase, Diferencias
from Modules.diff.changes import cambios
from Modules.night.checks_ground import land_ha
from Modules.products.source import Fuente
from Modules.words.cultivos import SIN_CULTIVO
from Modules.words.spanish import moment

MAX_CAMBIOS: Final = 50  # lines; ``cambios.total`` counts all
MAX_CAMPOS: Final = 200  # rows of a table that a person still reads; the rest is in cultivos/
MAX_AVISOS: Final = 20
NOMBRES: Final = frozenset(("campo", "lote", "cultivo", "tipo", "nombre"))
_CLASES: Final = (  # of the season's sum: what a person asks for
    *(Clase.LOTE_NUEVO, Clase.LOTE_ELIMINADO, Clase.BORDE_MOVIDO, Clase.CAMBIO_DE_CULTIVO),
    *(Clase.CAMPO_NUEVO, Clase.CAMPO_ELIMINADO),
)


def facts_of(fuente: Fuente, season: tuple[str, Diferencias] | None = None) -> dict[str, Any]:
    """What a report of a season may say of a night.

    ``season``: the day of the first accepted night and what changed since, None where this is it.
    """
    return {
        "campania": str(fuente.campania),
        "datos_del": moment(fuente.hora_local),
        "superficie": _superficie(fuente),
        "cambios": changes_of(fuente),
        "temporada": _temporada(season),
        "marcadores": _marcadores(fuente),
        "controles": checks_of(fuente.controles),
    }


def names_of(fuente: Fuente) -> dict[str, frozenset[str]]:
    """Every campo that is or was there, as people read it, with the names of its lotes."""
    found: dict[str, set[str]] = {name: set() for name in fuente.tables.campos["campo"]}
    lotes = fuente.tables.lotes
    rows = [*zip(lotes["campo"], lotes["lote"], strict=True)]
    rows += [(campo, lote) for campo, lote, _, _ in cambios(fuente.changes)]
    for campo, lote in rows:
        if campo:
            found.setdefault(campo, set()).update([lote] if lote else [])
    return {name: frozenset(found[name]) for name in sorted(found)}


def _superficie(fuente: Fuente) -> dict[str, Any]:
    lotes = fuente.tables.lotes.assign(superficie_ha=land_ha(fuente.tables))
    total = float(lotes["superficie_ha"].sum())
    crops = lotes.assign(cultivo=lotes["cultivos"].fillna(SIN_CULTIVO.nombre))
    campos = _areas(lotes, "campo", total)
    return {
        "total_ha": round(total, 1),
        "campos": len(fuente.tables.campos),
        "lotes": len(lotes),
        "ambientes": len(fuente.tables.ambientes),
        "por_cultivo": _areas(crops, "cultivo", total),
        "por_campo": campos[:MAX_CAMPOS],
        "campos_sin_listar": len(campos[MAX_CAMPOS:]),
    }


def _areas(lotes: pd.DataFrame, by: str, total: float) -> list[dict[str, Any]]:
    """Lotes, hectares and their share of each value, the largest first."""
    sums = pd.DataFrame(lotes).groupby(by, sort=True)["superficie_ha"].agg(["size", "sum"])
    rows = [
        {
            by: str(name),
            "lotes": int(row["size"]),
            "superficie_ha": round(float(row["sum"]), 1),
            "parte_pct": round(100 * float(row["sum"]) / total, 1) if total else 0.0,
        }
        for name, row in sums.iterrows()
    ]
    return sorted(rows, key=lambda row: (-row["superficie_ha"], row[by]))


def changes_of(fuente: Fuente) -> dict[str, Any]:
    """Those of the night, against the accepted one before it."""
    rows = cambios(fuente.changes.contadas())  # no name that people gave is a fact
    counts = Counter(que for _, _, que, _ in rows)
    listed = [dict(zip(("campo", "lote", "que", "detalle"), row, strict=True)) for row in rows]
    return {
        "primera_noche": fuente.changes.first_night,
        "total": len(rows),
        "por_clase": [{"que": que, "cantidad": counts[que]} for que in sorted(counts)],
        "lista": listed[:MAX_CAMBIOS],
        "sin_listar": len(listed[MAX_CAMBIOS:]),
    }


def _temporada(season: tuple[str, Diferencias] | None) -> dict[str, Any]:
    if season is None:
        return {}
    since, found = season
    sums = found.resumen()
    return {
        "desde": since,
        "por_clase": [
            {"que": one.texto, "cantidad": sums["por_clase"][one.value]} for one in _CLASES
        ],
        **{name: round(value, 1) for name, value in sums.items() if name.endswith("_ha")},
    }


def _marcadores(fuente: Fuente) -> dict[str, Any]:
    marks = fuente.tables.marcadores
    pairs = [*zip(marks["tipo"], marks["estado"].fillna("sin estado"), strict=True)]
    each, states = Counter(tipo for tipo, _ in pairs), sorted({estado for _, estado in pairs})
    counts = Counter(pairs)
    return {
        "total": len(marks),
        "por_tipo": [
            {
                "tipo": tipo,
                "cantidad": each[tipo],
                "por_estado": [
                    {"estado": estado, "cantidad": counts[tipo, estado]} for estado in states
                ],
            }
            for tipo in sorted(each, key=lambda tipo: (-each[tipo], tipo))
        ],
    }


def checks_of(checks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    warned = [one for one in checks if not one["passed"]]
    return {
        "mirados": len(checks),
        "avisos": len(warned),
        "lista": [
            {"que": one["name"], "detalle": "; ".join(one["notes"])} for one in warned[:MAX_AVISOS]
        ],
        "sin_listar": len(warned[MAX_AVISOS:]),
    }
