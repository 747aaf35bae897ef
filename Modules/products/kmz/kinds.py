"""What the maps tell apart: kinds of placemark, with their data, and groups drawn alike. Pure.

``Data`` names are ASCII for programs, labels Spanish for people. An area is there twice: as people
read it ("35,30 ha", in the balloon) and as a number for QGIS. Crops keep the colour of the
portal's catalogue; one that nobody knows is grey, and its spellings are one group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from Modules.formats.colours import ESTADOS, POTENCIALES, TIPOS
from Modules.formats.kml_document import Kind
from Modules.formats.kml_styles import Estilo, cultivo_style, punto_style
from Modules.formats.kml_text import xml_id
from Modules.words.cultivos import GREY, OTRO, SIN_CULTIVO, fold

_NOTHING_SOWN: Final = "sin siembra"
_IDS: Final = ("superficie_ha", "lote_id", "siembra_id", "ambiente_id", "marcador_id", "punto_id")

LOTE = Kind(
    "lote",
    {
        "campo": "Campo",
        "lote": "Lote",
        "cultivos": "Cultivo",
        "superficie": "Superficie",
        "superficie_declarada": "Superficie declarada",
        "campania": "Campaña",
        "superficie_ha": "Superficie (ha)",
        "lote_id": "Id del lote",
    },
    hidden=_IDS,
)
SIEMBRA = Kind(
    "siembra",
    {
        "campo": "Campo",
        "lote": "Lote",
        "cultivo": "Cultivo",
        "orden": "Orden en la campaña",
        "material": "Material",
        "fecha_siembra": "Fecha de siembra",
        "fecha_cosecha": "Fecha de cosecha",
        "estado": "Estado",
        "superficie": "Superficie del lote",
        "superficie_declarada": "Superficie sembrada declarada",
        "campania": "Campaña",
        "superficie_ha": "Superficie (ha)",
        "siembra_id": "Id de la siembra",
        "lote_id": "Id del lote",
    },
    hidden=_IDS,
)
AMBIENTE = Kind(
    "ambiente",
    {
        "campo": "Campo",
        "lote": "Lote",
        "ambiente": "Ambiente",
        "potencial": "Potencial",
        "superficie": "Superficie",
        "campania": "Campaña",
        "superficie_ha": "Superficie (ha)",
        "ambiente_id": "Id del ambiente",
        "lote_id": "Id del lote",
    },
    hidden=_IDS,
)
MARCADOR = Kind(
    "marcador",
    {
        "campo": "Campo",
        "lote": "Lote",
        "tipo": "Tipo",
        "subtipo": "Subtipo",
        "estado": "Estado",
        "fecha": "Fecha",
        "observacion": "Observación",
        "muestra_codigo": "Código de muestra",
        "muestra_profundidades_cm": "Profundidades (cm)",
        "muestra_analisis": "Análisis",
        "marcador_id": "Id del marcador",
    },
    hidden=_IDS,
)
PUNTO = Kind(
    "punto",
    {
        "codigo": "Código",
        "origen": "Origen",
        "orden": "Orden de visita",
        "campo": "Campo",
        "lote": "Lote",
        "ambiente": "Ambiente",
        "potencial": "Potencial",
        "cultivos": "Cultivo",
        "subtipo": "Tipo de muestra",
        "profundidades_cm": "Profundidades (cm)",
        "analisis": "Análisis",
        "submuestras": "Submuestras",
        "estado": "Estado",
        "fecha": "Fecha",
        "observacion": "Observación",
        "punto_id": "Id del punto",
    },
    hidden=_IDS,
)


@dataclass(frozen=True, slots=True)
class Grupo:
    """What is drawn alike: a cultivo, a potential, a type; ``orden`` is its place in a legend."""

    key: str
    nombre: str
    style: Estilo
    orden: tuple[int, str] = (0, "")


@lru_cache(maxsize=1)
def sin_cultivo() -> Grupo:
    """Lotes on which nothing is sown in the campaña."""
    style = Estilo("sin-cultivo", SIN_CULTIVO.color, balloon=LOTE.balloon)
    return Grupo(_NOTHING_SOWN, SIN_CULTIVO.nombre, style, (2, SIN_CULTIVO.nombre))


def cultivos(codes: Sequence[str], names: Sequence[str], colours: Mapping[str, str]) -> list[Grupo]:
    """The crop of each siembra; spellings of one unknown crop are one group, drawn grey."""
    keys = [
        code if code != OTRO else f"{OTRO}-{hashlib.sha256(fold(name).encode()).hexdigest()[:8]}"
        for code, name in zip(codes, names, strict=True)
    ]
    spelling: dict[str, str] = {}
    for key, name in zip(keys, names, strict=True):
        spelling[key] = min(name, spelling.get(key, name))
    groups = {
        key: Grupo(
            key,
            name,
            replace(cultivo_style(key, colours.get(key, GREY)), balloon=LOTE.balloon),
            (int(key.startswith(f"{OTRO}-")), name),
        )
        for key, name in spelling.items()
    }
    return [groups[key] for key in keys]


def _grupos(
    prefix: str,
    shown: Mapping[str, tuple[str, str]],
    style: Callable[[str, str], Estilo],
    kind: Kind,
) -> Callable[[str | None], Grupo]:
    """The group of a value; of one that nobody knows the last."""
    groups = {
        key: Grupo(
            f"{prefix}-{key}",
            nombre,
            replace(style(xml_id(prefix, key), color), balloon=kind.balloon),
            (rank, ""),
        )
        for rank, (key, (nombre, color)) in enumerate(shown.items())
    }
    *_, last = groups.values()
    return lambda value: groups.get(value or "", last)


potencial = _grupos("potencial", POTENCIALES, Estilo, AMBIENTE)
tipo = _grupos("tipo", TIPOS, punto_style, MARCADOR)
estado = _grupos("muestreo", ESTADOS, punto_style, PUNTO)
