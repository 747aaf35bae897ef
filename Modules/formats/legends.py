"""Colours and names in a legend, the same in KMZ and for QGIS; those of crops: ``words.cultivos``.

#RRGGBB, in the order of a legend; the last one is for a value that is missing or unknown.
"""

from __future__ import annotations

from typing import Final

from Modules.words.cultivos import GREY

POTENCIALES: Final = {
    "alto": ("Potencial alto", "#1B9E77"),
    "medio": ("Potencial medio", "#E6AB02"),
    "bajo": ("Potencial bajo", "#D95F02"),
    "sin-dato": ("Potencial sin dato", GREY),
}
TIPOS: Final = {  # of a marcador
    "muestreo": ("Muestreo", "#1565C0"),
    "recorrida": ("Recorrida", "#6A1B9A"),
    "maleza": ("Maleza", "#2E7D32"),
    "plaga": ("Plaga", "#C62828"),
    "enfermedad": ("Enfermedad", "#EF6C00"),
    "infraestructura": ("Infraestructura", "#455A64"),
    "otro": ("Otro", "#795548"),
}
ESTADOS: Final = {  # of a sampling point
    "planificado": ("Planificado", "#1565C0"),
    "hecho": ("Hecho", "#2E7D32"),
    "anulado": ("Anulado", GREY),
    "propuesto": ("Propuesto", "#D81B60"),
    "sin-estado": ("Sin estado", "#455A64"),
}
