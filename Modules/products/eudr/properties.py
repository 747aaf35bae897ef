"""The properties of a feature against the rules of ``validar eudr``. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from Modules.products.eudr.declare import MAX_POINT_HA, PROPERTIES
from Modules.products.eudr.document import Numero, WrittenGeometry, as_float, quoted
from Modules.products.eudr.rules import AREA_TOLERANCE, AREA_TOLERANCE_HA, ISO2
from Modules.products.eudr.shapes import Faults
from Modules.words.spanish import brief, number

_TEXTS: Final = ("ProducerName", "ProducerCountry", "ProductionPlace")
_FOLDED: Final = {name.lower(): name for name in PROPERTIES}


def check_properties(
    properties: Mapping[str, Any], geometry: WrittenGeometry | None, faults: Faults
) -> None:
    """Names, texts, country and area."""
    _check_names(properties, faults)
    _check_texts(properties, faults)
    area_ha = _check_area(properties, faults)
    if geometry is None:
        faults.skipped |= {"punto_hasta_4_ha", "area_coherente"}
    elif area_ha is None:
        return
    elif geometry.points is not None:
        if area_ha > MAX_POINT_HA * len(geometry.points.xy):
            needed = f"declara {brief(area_ha)} ha: hace falta el polígono"
            faults.broken["punto_hasta_4_ha"] = needed
    elif (computed := faults.area_ha) is None:
        faults.skipped |= {"area_coherente"}
    elif abs(area_ha - computed) > max(AREA_TOLERANCE * computed, AREA_TOLERANCE_HA):
        differing = f"declara {brief(area_ha)} ha; la geometría tiene {number(computed, 4)} ha"
        faults.broken["area_coherente"] = differing


def _check_names(properties: Mapping[str, Any], faults: Faults) -> None:
    others = [name for name in properties if name not in PROPERTIES]
    meant = {name: _FOLDED.get(re.sub(r"[^a-z]", "", name.lower())) for name in others}
    if wrong := [f"{quoted(name)} por {right}" for name, right in meant.items() if right]:
        faults.broken["nombres_exactos"] = "dice " + ", ".join(wrong[:4])
    if extra := [quoted(name) for name, right in meant.items() if not right]:
        more = "" if len(extra) <= 4 else f" y {len(extra) - 4} más"
        faults.broken["propiedades_de_mas"] = "también tiene " + ", ".join(extra[:4]) + more
    if missing := [name for name in PROPERTIES if name not in properties]:
        faults.broken["propiedades_completas"] = "falta " + ", ".join(missing)


def _check_texts(properties: Mapping[str, Any], faults: Faults) -> None:
    given = {name: properties[name] for name in _TEXTS if name in properties}
    if wrong := [name for name, value in given.items() if type(value) is not str]:
        faults.broken["textos"] = f"no es texto: {', '.join(wrong)}"
    if empty := [name for name, value in given.items() if type(value) is str and not value.strip()]:
        faults.broken["textos_no_vacios"] = f"vacío: {', '.join(empty)}"
    country = given.get("ProducerCountry", "AR")
    if country not in ISO2 if isinstance(country, str) else True:
        faults.broken["pais_iso2"] = f"{quoted(country)} no es un código de país"


def _check_area(properties: Mapping[str, Any], faults: Faults) -> float | None:
    """The declared area in hectares; None if there is none that can be used."""
    if "Area" not in properties:
        return None
    value = properties["Area"]
    area_ha = as_float(value) if type(value) is Numero else math.nan
    if math.isfinite(area_ha) and area_ha > 0:
        return area_ha
    faults.broken["area_numerica"] = f"{quoted(value)} no es un número mayor que cero"
    faults.skipped |= {"area_coherente", "punto_hasta_4_ha"}
    return None
