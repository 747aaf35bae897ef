"""Colours and names in a legend, the same in KMZ and for QGIS; those of crops: ``words.cultivos``.

#RRGGBB, in the order of a legend. The key "" is for a value that is missing or unknown.
"""

from __future__ import annotations

from typing import Final

from Modules.words.cultivos import GREY

POTENCIALES: Final = {
    "alto": ("Potencial alto", "#1B9E77"),
    "medio": ("Potencial medio", "#E6AB02"),
    "bajo": ("Potencial bajo", "#D95F02"),
    "": ("Potencial sin dato", GREY),
}
TIPOS: Final = {  # of a marcador
    "muestreo": "#1565C0",
    "recorrida": "#6A1B9A",
    "maleza": "#2E7D32",
    "plaga": "#C62828",
    "enfermedad": "#EF6C00",
    "infraestructura": "#455A64",
    "otro": "#795548",
}
ESTADOS: Final = {  # of a sampling point
    "planificado": ("Planificado", "#1565C0"),
    "hecho": ("Hecho", "#2E7D32"),
    "anulado": ("Anulado", GREY),
    "propuesto": ("Propuesto", "#D81B60"),
    "": ("Sin estado", "#455A64"),
}
