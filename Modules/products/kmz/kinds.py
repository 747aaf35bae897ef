"""What the maps tell apart: kinds of placemark, with their data, and groups drawn alike. Pure.

``Data`` names are ASCII for programs, labels Spanish for people. An area is there twice: as people
read it ("35,30 ha", in the balloon) and as a number for QGIS. Crops have the colours that they have
in every product; one that nobody knows is grey, and its spellings are one group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from Modules.formats.kml_document import Kind
from Modules.formats.kml_styles import Estilo, cultivo_style, punto_style
from Modules.formats.kml_text import xml_id
from Modules.formats.legends import ESTADOS, POTENCIALES, TIPOS, named
from Modules.words.cultivos import OTRO, SIN_CULTIVO, colour_of, fold

_IDS: Final = ("superficie_ha", "lote_id", "siembra_id", "ambiente_id", "marcador_id", "punto_id")


def _kind(prefix: str, names: str, **own: str) -> Kind:
    """A kind with data of these names, in order; ``own`` labels are other than everybody's."""
    return Kind(prefix, named(names, **own), _IDS)


LOTE: Final = _kind(
    "lote",
    "campo lote cultivos superficie superficie_declarada campania superficie_ha lote_id",
    cultivos="Cultivo",
)
SIEMBRA: Final = _kind(
    "siembra",
    "campo lote cultivo orden material fecha_siembra fecha_cosecha estado superficie "
    "superficie_declarada campania superficie_ha siembra_id lote_id",
    orden="Orden en la campaña",
    superficie="Superficie del lote",
    superficie_declarada="Superficie sembrada declarada",
)
AMBIENTE: Final = _kind(
    "ambiente",
    "campo lote ambiente potencial superficie campania superficie_ha ambiente_id lote_id",
)
MARCADOR: Final = _kind(
    "marcador",
    "campo lote tipo subtipo estado fecha observacion muestra_codigo muestra_profundidades_cm "
    "muestra_analisis marcador_id",
)
PUNTO: Final = _kind(
    "punto",
    "codigo origen numero orden campo lote ambiente potencial cultivos subtipo "
    "profundidades_cm analisis submuestras estado fecha observacion punto_id",
    orden="Orden de visita",
    cultivos="Cultivo",
    subtipo="Tipo de muestra",
)


RECORRIDO: Final = Kind(
    "recorrido", {"campo": "Campo", "puntos": "Puntos", "largo": "Largo en línea recta"}
)


@dataclass(frozen=True, slots=True)
class Grupo:
    """What is drawn alike: a cultivo, a potential, a type; ``orden`` is its place in a legend."""

    key: str
    nombre: str
    style: Estilo
    orden: tuple[int, str] = (0, "")


def in_legend(groups: Iterable[Grupo]) -> list[Grupo]:
    """Each group once, the first that is met, in the order of a legend."""
    found: dict[str, Grupo] = {}
    for one in groups:
        found.setdefault(one.key, one)
    return sorted(found.values(), key=lambda one: (one.orden, one.key))


SIN_SIEMBRA: Final = Grupo(  # lotes on which nothing is sown in the campaña
    "sin siembra",
    SIN_CULTIVO.nombre,
    Estilo("sin-cultivo", SIN_CULTIVO.color, balloon=LOTE.balloon),
    (2, SIN_CULTIVO.nombre),
)


def cultivos(codes: Sequence[str], names: Sequence[str], colours: Mapping[str, str]) -> list[Grupo]:
    """The crop of each siembra; spellings of one unknown crop are one group, drawn grey.

    ``colours`` are those of the portal's catalogue, by code.
    """
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
            replace(cultivo_style(key, colour_of(key, colours)), balloon=LOTE.balloon),
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
estado = _grupos(  # their labels are placemarks of their own, not shown at every scale
    "muestreo", ESTADOS, lambda key, color: replace(punto_style(key, color), label_scale=0.0), PUNTO
)
