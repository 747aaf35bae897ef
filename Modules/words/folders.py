"""The folders below the outputs: those of no product of the registry, what one opens first, and
what the company's login opens.

Standard library only: it is asked for by a Python without packages.
"""

from __future__ import annotations

from typing import Final

BACKUP: Final = "Backup_Databaler"  # copies of the backups
PLAN_MUESTREO: Final = "plan_muestreo"  # maps of the months that sheets plan
INFORME_CAMPANIA: Final = "informe_campania"  # the report of each season

QUE_ABRIR: Final = {  # by folder: the file that one opens first, {} the campaña; what it is for
    "mapa": ("mapa_{}.html", "El mapa: buscar un lote, ver qué cambió, sin internet"),
    "cultivos": ("resumen_{}.xlsx", "Hectáreas por campo y cultivo, avance y cambios (Excel)"),
    "atlas": ("", "Cada campo en papel: hojas A4, órdenes de trabajo e imágenes para el chat"),
    "proyecto": (
        "lindero_{}.qgz",
        "Todas las capas en QGIS, con colores y una hoja por campo; el .gpkg va al lado",
    ),
    "qfield": ("", "La copia para recorrer con QField"),
    "muestreos": ("", "Plan de muestreo: recorrida, códigos y planillas"),
    "sustentabilidad": ("", "EUDR, fiboa y establecimientos"),
    "KMZ POR CAMPO": ("", "Mapas para el teléfono, por campo (Google Earth)"),
    "KMZ POR LOTE": ("", "Mapas para el teléfono, por lote"),
    "maquinas": ("", "Para los monitores de las máquinas: ISOXML, Shapefile y KML"),
    "H3": ("", "Hexágonos"),
    INFORME_CAMPANIA: ("informe_campania_{}.html", "Informe de campaña"),
    BACKUP: ("", "Los backups, noche por noche"),
}
PERSONALES: Final = ("sustentabilidad", BACKUP)  # with CUIT and RENSPA
PUERTA: Final = ("informe", *(one for one in QUE_ABRIR if one not in PERSONALES))
