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

ETIQUETAS: Final = {  # what people read in place of a column's name: balloons, headers, QGIS
    "ambiente": "Ambiente",
    "ambiente_id": "Id del ambiente",
    "analisis": "Análisis",
    "campania": "Campaña",
    "campo": "Campo",
    "campo_id": "Id del campo",
    "codigo": "Código",
    "compuesta": "Compuesta",
    "cultivo": "Cultivo",
    "cultivo_codigo": "Código del cultivo",
    "cultivos": "Cultivos",
    "detalle": "Detalle",
    "distancia_borde_m": "Distancia al borde (m)",
    "estado": "Estado",
    "estado_tarea": "Estado de la tarea",
    "fecha": "Fecha",
    "fecha_cosecha": "Fecha de cosecha",
    "fecha_siembra": "Fecha de siembra",
    "forma": "Forma",
    "lat": "Latitud (°)",
    "lon": "Longitud (°)",
    "lote": "Lote",
    "lote_id": "Id del lote",
    "marcador": "Marcador",
    "marcador_id": "Id del marcador",
    "material": "Material",
    "metodo": "Método",
    "muestra_analisis": "Análisis",
    "muestra_codigo": "Código de muestra",
    "muestra_compuesta": "Muestra compuesta",
    "muestra_id": "Id de la muestra",
    "muestra_profundidades_cm": "Profundidades (cm)",
    "muestra_submuestras": "Submuestras",
    "n_lotes": "Lotes",
    "n_muestreos": "Marcadores de muestreo",
    "n_propuestos": "Puntos propuestos",
    "n_siembras": "Siembras",
    "nombre": "Dónde",
    "numero": "Número",
    "observacion": "Observación",
    "orden": "Orden",
    "orden_portal": "Orden en el portal",
    "origen": "Origen",
    "partido": "Partido",
    "potencial": "Potencial",
    "profundidades_cm": "Profundidades (cm)",
    "provincia": "Provincia",
    "punto": "Punto",
    "punto_id": "Id del punto",
    "que": "Qué cambió",
    "sembrado": "Sembrado",
    "siembra_id": "Id de la siembra",
    "submuestras": "Submuestras",
    "subtipo": "Subtipo",
    "superficie": "Superficie",
    "superficie_declarada": "Superficie declarada",
    "superficie_declarada_ha": "Superficie declarada (ha)",
    "superficie_ha": "Superficie (ha)",
    "tarea": "Tarea",
    "tenencia": "Tenencia",
    "tipo": "Tipo",
    "ultima": "Última siembra",
    "updated_at": "Modificado (UTC)",
    "zona": "Zona",
    "zona_id": "Id de la zona",
}


def named(columns: str, **own: str) -> dict[str, str]:
    """Columns, in order, with what people read; ``own`` where that is other than elsewhere."""
    return {name: own.get(name) or ETIQUETAS[name] for name in columns.split()}
