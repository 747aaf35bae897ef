"""The night as a page shows it: all of it, or one campo. Pure.

Rows are in the order of the KMZ, and crops, potentials and types are its groups with its colours;
a lote that is sown twice is in two crops. Nothing of the owner (empresa, CUIT, RENSPA) is here.
The document is what ``pagina/*.js`` reads; what people see of it is Spanish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import date
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import shapely

from Modules.diff.changes import CAMBIADO, NUEVO, SOLO_REESCRITO, Changes, novedades
from Modules.formats.cells import cells
from Modules.formats.kml_geometry import label_points, simplified
from Modules.formats.legends import ETIQUETAS
from Modules.products.kmz.kinds import SIN_SIEMBRA, Grupo, in_legend, potencial, tipo
from Modules.products.kmz.layers import MAX_OBSERVACION, Lotes, rows_by
from Modules.products.mapa.packing import STEPS, Paquete
from Modules.products.source import Fotos, Fuente
from Modules.store.fotos import Foto
from Modules.words.spanish import day, moment

Document: TypeAlias = dict[str, Any]

_DECIMALS: Final = 6  # of a hectare: sums of all lotes are right to the square metre
_SIEMBRA: Final = ("material", "estado", "fecha_siembra", "fecha_cosecha")
_MARCADOR: Final = (
    *("tipo", "subtipo", "estado", "fecha", "observacion", "muestra_codigo"),
    *("muestra_profundidades_cm", "muestra_analisis"),
)


def partes(lotes: Lotes) -> dict[str, range]:
    """The rows of each campo that has lotes, in order."""
    found = rows_by(lotes.campo_id)
    return {key: range(own[0], own[-1] + 1) for key, own in found.items()}


def noche(
    fuente: Fuente,
    lotes: Lotes,
    rows: range | None = None,
    fotos: Mapping[int, Sequence[Foto]] | None = None,
) -> str:
    """One page's data, packed: those of the lotes ``rows``; else of every campo.

    ``fotos``: as ``fotos_of`` gives them.
    """
    a, b = _ends(lotes, rows)
    pack = Paquete()
    frame = lotes.filas["lotes"].iloc[a:b]
    campos = lotes.campos  # of one campo, as the lotes have it
    if rows is not None:
        campos = dict(zip(lotes.campo_id[a:b], lotes.campo[a:b], strict=True))
    places = {key: at for at, key in enumerate(campos)}
    land = dict.fromkeys(campos, 0.0)
    for key, area in zip(lotes.campo_id[a:b], lotes.tierra_ha[a:b], strict=True):
        land[key] += area
    document: Document = {
        "campania": str(fuente.campania),
        "datos": moment(fuente.hora_local),
        "dia": day(fuente.hora_local.date()),
        "snapshot": str(fuente.snapshot_id),
        "campos": [(*one, round(land[one[0]], _DECIMALS)) for one in campos.items()],
        "lotes": _lotes(pack, frame, lotes.campo_id[a:b], places, fuente.zone),
        "siembras": _siembras(pack, lotes, a, b),
        "ambientes": _ambientes(pack, lotes, a, b),
        "marcadores": _marcadores(pack, lotes, a, b, _novedades(fuente)),
        "sin_senalar": _unnamed(fuente.changes, set(lotes.lote_id[a:b])),
        "cambios": _cambios(fuente.changes, lotes.lote_id[a:b], places, whole=rows is None),
        "sin_cambios": _without(fuente.changes),
    }
    if fotos:
        document["fotos"] = {at: [one.nombre for one in own] for at, own in fotos.items()}
    return pack.cerrado(document)


def fotos_of(lotes: Lotes, rows: range | None, fotos: Fotos) -> dict[int, Sequence[Foto]]:
    """The photos of a page, by the row of their mark in it."""
    marks, _ = _owned(lotes.marcadores_of[slice(*_ends(lotes, rows))])
    keys = enumerate(lotes.filas["marcadores"]["marcador_id"].iloc[marks])
    return {at: fotos[key] for at, key in keys if key in fotos}


def _ends(lotes: Lotes, rows: range | None) -> tuple[int, int]:
    return (rows.start, rows.stop) if rows else (0, len(lotes.lote_id))


def _lotes(
    pack: Paquete,
    frame: pd.DataFrame,
    campo_of: Sequence[str],
    places: Mapping[str, int],
    zone: ZoneInfo,
) -> Document:
    inside = shapely.get_coordinates(label_points(frame["geometry"].to_numpy())) * STEPS
    days = frame["updated_at"].dt.tz_convert(zone).dt.normalize()
    return {
        "nombre": pack.textos(frame["lote"]),
        "id": pack.textos(frame["lote_id"]),
        "campo": pack.enteros([places[key] for key in campo_of]),
        "ha": _ha(frame["superficie_ha"]),
        "declarada": _ha(frame["superficie_declarada_ha"]),
        "modificado": pack.textos(days, day),
        "formas": pack.formas(simplified(frame["geometry"].to_numpy())),
        "centro": [pack.enteros(np.rint(inside[:, axis])) for axis in (0, 1)],
    }


def _siembras(pack: Paquete, lotes: Lotes, a: int, b: int) -> Document:
    """What is sown; ``grupos`` are the crops of the page, the last one of lotes without any."""
    rows, owners = _owned(lotes.siembras_of[a:b])
    crops = lotes.crops[rows]
    frame = lotes.filas["siembras"].iloc[rows]
    return {
        "lote": pack.enteros(owners),
        **_grupos(pack, crops, SIN_SIEMBRA),
        "declarada": _ha(frame["superficie_declarada_ha"]),
        "columnas": _columnas(pack, frame, _SIEMBRA),
    }


def _ambientes(pack: Paquete, lotes: Lotes, a: int, b: int) -> Document:
    rows, owners = _owned(lotes.ambientes_of[a:b])
    frame = lotes.filas["ambientes"].iloc[rows]
    return {
        "lote": pack.enteros(owners),
        "nombre": pack.textos(frame["ambiente"]),
        "ha": _ha(frame["superficie_ha"]),
        "formas": pack.formas(simplified(frame["geometry"].to_numpy())),
        **_grupos(pack, [potencial(cell) for cell in cells(frame["potencial"])]),
    }


def _marcadores(pack: Paquete, lotes: Lotes, a: int, b: int, news: Mapping[str, str]) -> Document:
    rows, owners = _owned(lotes.marcadores_of[a:b])
    frame = lotes.filas["marcadores"].iloc[rows]
    return {
        "lote": pack.enteros(owners),
        "nombre": pack.textos(frame["marcador"]),
        "formas": pack.formas(frame["geometry"].to_numpy()),
        "columnas": _columnas(pack, frame, _MARCADOR),
        "novedad": pack.textos(frame["marcador_id"].map(news)),
        **_grupos(pack, [tipo(cell) for cell in cells(frame["tipo"])]),
    }


def _novedades(fuente: Fuente) -> dict[str, str]:
    """What became of a mark that is there, by its id: "Nuevo en el lote la noche del 20/11/2025:
    muestreo", for it may come from another lote.
    """
    dia = day(fuente.hora_local.date())
    que = {NUEVO: "Nuevo en el lote", CAMBIADO: "Cambiado"}
    return {
        one.id: f"{que[one.que]} la noche del {dia}: {one.detalle}".rstrip(": ")
        for one in fuente.changes.marcas
        if one.que in que
    }


def _unnamed(changes: Changes, lote_ids: Set[str]) -> int:
    """How many marks of these lotes changed without being named: a night may have too many."""
    counted = sum(one.total for one in changes.marcadores if one.lote_id in lote_ids)
    return counted - sum(one.lote_id in lote_ids for one in changes.marcas)


def _owned(ranges: Sequence[range]) -> tuple[slice, list[int]]:
    """The rows of neighbouring lotes, which are neighbours too, and the lote of each."""
    counts = [len(rows) for rows in ranges]
    start = ranges[0].start if ranges else 0
    return slice(start, start + sum(counts)), np.repeat(np.arange(len(ranges)), counts).tolist()


def _grupos(pack: Paquete, groups: Sequence[Grupo], *more: Grupo) -> Document:
    """The groups of a legend, in order, and which one each row is of; ``more`` are none's."""
    ordered = [*in_legend(groups), *more]
    at = {group.key: place for place, group in enumerate(ordered)}
    return {
        "grupos": [(group.nombre, group.style.color) for group in ordered],
        "grupo": pack.enteros([at[group.key] for group in groups]),
    }


def _columnas(pack: Paquete, frame: pd.DataFrame, names: Sequence[str]) -> list[Document]:
    """Columns with what people call them; dates as people read them."""
    return [{"etiqueta": ETIQUETAS[name], **pack.textos(frame[name], _shown)} for name in names]


def _shown(value: Any) -> str:
    return day(value) if isinstance(value, date) else str(value)[:MAX_OBSERVACION]


def _ha(column: pd.Series) -> list[float | None]:
    values = column.to_numpy(dtype="float64", na_value=np.nan).round(_DECIMALS)
    return [value if value == value else None for value in values.tolist()]


def _cambios(
    changes: Changes, lote_ids: Sequence[str], places: Mapping[str, int], *, whole: bool
) -> list[tuple[int, int, str, str, str]]:
    """Place of the lote and of the campo (-1: not in this page), what is named, what, in detail.

    ``whole``: also what belongs to no campo of the page.
    """
    lotes = {key: at for at, key in enumerate(lote_ids)}
    rows = [
        (lotes.get(lote_id, -1), places.get(campo_id, -1), name, what, detail)
        for lote_id, campo_id, name, what, detail in novedades(changes)
    ]
    return [row for row in rows if whole or row[0] >= 0 or row[1] >= 0]


def _without(changes: Changes) -> str:
    """What to say where the list of changes is empty."""
    if changes.first_night:
        return "Primera noche de esta campaña: no hay con qué comparar."
    return "Sin cambios contra la noche anterior." if changes.empty else SOLO_REESCRITO
