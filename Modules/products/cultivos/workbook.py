"""The workbook ``resumen_25-26.xlsx``: what managers read, as sheets.

Land area counts each lote once, sown area each siembra; the first sheet says so in words, and every
header says which of the two it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from Modules.diff.changes import SOLO_REESCRITO, cambios
from Modules.formats.legends import ETIQUETAS
from Modules.formats.sheets import NUMBER_HA, NUMBER_SHARE, NUMBER_WHOLE, Chart, Sheet
from Modules.night.checks_ground import land_ha
from Modules.products.cultivos.sown import (
    TOLERANCIA,
    Sembrado,
    by_campo,
    by_crop,
    by_lote,
    by_place,
    campo_labels,
    differences,
    progress,
    without_crop,
)
from Modules.products.source import Fuente
from Modules.words.spanish import day, number

TIERRA: Final = "Superficie de tierra (ha)"
SEMBRADA: Final = "Superficie sembrada (ha)"
QUE_ES_TIERRA: Final = (
    "Superficie de tierra: cada lote se cuenta una sola vez, tenga las siembras que tenga, y la "
    "tierra que dos lotes comparten también una sola."
)
QUE_ES_SEMBRADA: Final = (
    "Superficie sembrada: cada siembra se cuenta. Un lote con dos siembras (por ejemplo trigo y "
    "después soja 2da) suma dos veces, por eso puede superar a la de tierra."
)
COMO_SE_MIDE: Final = (
    "Las hectáreas se calculan del contorno del lote, sobre el elipsoide WGS 84; "
    "lo que declara el portal se indica aparte."
)
_HEADERS: Final = ETIQUETAS | {  # a column has the same header and format in every sheet
    "lotes": "Lotes",
    "siembras": "Siembras",
    "que": "Qué declara",
    "cantidad": "Cantidad",
    "tierra_ha": TIERRA,
    "sembrada_ha": SEMBRADA,
    "sin_cultivo_ha": "Sin cultivo (ha)",
    "superficie_ha": "Calculada (ha)",
    "superficie_declarada_ha": "Declarada en el portal (ha)",
    "diferencia_ha": "Declarada − calculada (ha)",
    "diferencia": "Diferencia (%)",
    "parte": "Parte de lo sembrado",
    "ya_sembrada_ha": "Ya sembrada (ha)",
    "avance_siembra": "Avance de siembra",
    "cosechada_ha": "Cosechada (ha)",
    "avance_cosecha": "Avance de cosecha",
}
_FORMATS: Final = (
    {name: NUMBER_HA for name in _HEADERS if name.endswith("_ha")}
    | dict.fromkeys(("lotes", "siembras", "cantidad"), NUMBER_WHOLE)
    | dict.fromkeys(("parte", "diferencia", "avance_siembra", "avance_cosecha"), NUMBER_SHARE)
)


def summary_sheets(fuente: Fuente, rows: pd.DataFrame, crops: Sequence[Sembrado]) -> list[Sheet]:
    """The sheets in order: the whole, campo by crop, crops, how far sowing and harvest are, lotes,
    what is bare, changes, differences.
    """
    tables, bare = fuente.tables, without_crop(fuente.tables)
    labels = campo_labels(tables.lotes)
    bare = by_place(bare.assign(campo=bare["campo_id"].map(labels).astype("string")))
    bare = bare[["campo", "lote", "lote_id", "superficie_ha", "superficie_declarada_ha"]]
    title = f"{SEMBRADA} por cultivo, campaña {fuente.campania}"
    return [
        _whole(fuente),
        _by_campo(fuente, rows, crops),
        _sheet(
            "Por cultivo",
            by_crop(rows, crops),
            totals=("siembras", "sembrada_ha"),
            notes=("Los lotes no se suman: uno con dos cultivos está en dos renglones.",),
            freeze_columns=1,
            chart=Chart(title, "cultivo", "sembrada_ha", [crop.color for crop in crops]),
        ),
        _progress(fuente, rows, crops),
        _sheet(
            "Lotes",
            by_lote(tables),
            totals=("superficie_ha",),
            notes=("Un renglón por lote; lo de varias siembras va en su orden, unido con +.",),
            freeze_columns=2,
        ),
        _sheet("Lotes sin cultivo", bare, totals=("superficie_ha",), freeze_columns=2),
        _changes(fuente),
        _sheet(
            "Diferencias de superficie",
            differences(tables, rows),
            notes=(
                f"Lotes y siembras que declaran más de un {number(TOLERANCIA * 100, 1)} % de "
                "diferencia con la superficie calculada de su contorno.",
            ),
            freeze_columns=2,
        ),
    ]


def _sheet(name: str, frame: pd.DataFrame, headers: Mapping[str, str] = {}, **more: Any) -> Sheet:
    """A sheet with everybody's headers and formats, but for ``headers`` of its own."""
    formats = _FORMATS | dict.fromkeys(set(headers) - set(_HEADERS), NUMBER_HA)
    return Sheet(name, frame, headers={**_HEADERS, **headers}, formats=formats, **more)


def _whole(fuente: Fuente) -> Sheet:
    tables = fuente.tables
    land, area = land_ha(tables), tables.lotes["superficie_ha"].to_numpy()
    counts = tables.siembras["lote_id"].value_counts()
    per_lote = counts.reindex(tables.lotes["lote_id"], fill_value=0).to_numpy(dtype="int64")
    rows = [
        ("Campos con lotes", tables.lotes["campo_id"].nunique(), None, None),
        ("Lotes", len(land), land.sum(), None),
        ("Lotes con cultivo", (per_lote > 0).sum(), land[per_lote > 0].sum(), None),
        ("Lotes sin cultivo", (per_lote == 0).sum(), land[per_lote == 0].sum(), None),
        ("Lotes con dos siembras o más", (per_lote > 1).sum(), land[per_lote > 1].sum(), None),
        ("Siembras", len(tables.siembras), None, (area * per_lote).sum()),
    ]
    frame = pd.DataFrame(rows, columns=["que", "cantidad", "tierra_ha", "sembrada_ha"])
    frame = frame.astype({"cantidad": "Int64", "tierra_ha": "float64", "sembrada_ha": "float64"})
    return _sheet(
        "Resumen",
        frame,
        {"que": f"Campaña {fuente.campania}"},
        notes=(
            QUE_ES_TIERRA,
            QUE_ES_SEMBRADA,
            COMO_SE_MIDE,
            f"Datos del portal del {fuente.hora_local:%d/%m/%Y a las %H:%M} "
            f"(backup {fuente.snapshot_id}).",
        ),
    )


def _by_campo(fuente: Fuente, rows: pd.DataFrame, crops: Sequence[Sembrado]) -> Sheet:
    own = [crop.columna for crop in crops]
    return _sheet(
        "Campo por cultivo",
        by_campo(fuente.tables, rows, crops),
        {crop.columna: f"{crop.nombre} (ha)" for crop in crops},
        totals=[*own, "sembrada_ha", "tierra_ha", "sin_cultivo_ha", "lotes"],
        notes=(
            f"{SEMBRADA} = suma de los cultivos. {QUE_ES_SEMBRADA}",
            f"{TIERRA} = con cultivo + sin cultivo. {QUE_ES_TIERRA}",
        ),
        freeze_columns=1,
    )


def _progress(fuente: Fuente, rows: pd.DataFrame, crops: Sequence[Sembrado]) -> Sheet:
    until = fuente.hora_local.date()
    return _sheet(
        "Avance",
        progress(rows, crops, until),
        {"sembrada_ha": "Superficie de las siembras (ha)"},
        totals=("siembras", "sembrada_ha", "ya_sembrada_ha", "cosechada_ha"),
        notes=(
            f"Al {day(until)}: cuenta lo que tiene fecha de ese día o anterior, y lo que el "
            "portal da por sembrado, cosechado o perdido (lo perdido se sembró y no se cosechó).",
        ),
        freeze_columns=1,
    )


def _changes(fuente: Fuente) -> Sheet:
    rows = cambios(fuente.changes)
    if fuente.changes.first_night:
        notes: tuple[str, ...] = ("Primera noche de esta campaña: no hay con qué comparar.",)
    elif fuente.changes.empty:
        notes = ("Sin cambios desde la última noche aceptada.",)
    else:
        notes = () if rows else (SOLO_REESCRITO,)
    headers = ["Campo", "Lote", "Cambio", "Detalle"]
    frame = pd.DataFrame(rows, columns=headers, dtype="string")
    return Sheet("Cambios", frame, notes=notes, freeze_columns=2)
