"""Differences as layers: what is drawn where, in which colour; frames for a GeoPackage. Pure.

A layer is some kinds of change with the geometry that shows them: what is gone as it was, what is
there as it is now, of a border that moved the ground gained and the ground lost. ``marcadores`` are
points (the middle of a line or an area). All layers are there, also the empty ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from Modules.diff.change import Cambio, Clase, Diferencias
from Modules.formats.qgis import Category, Label, Style, fill_style, marker_style, quoted
from Modules.words.columns import CRS

CAMBIOS: Final = "cambios"  # all changes, as a table without geometry
NUEVO, ELIMINADO, CAMBIADO, MOVIDO = "#2E7D32", "#C62828", "#1565C0", "#EF6C00"
SEMBRADO: Final = "#F9A825"
_OTRO_ID, _MUDADO = "#546E7A", "#6A1B9A"

Parte = Literal["es", "gana", "pierde"]


@dataclass(frozen=True, slots=True)
class CapaDe:
    """A layer: its name, its title for people, the colour of each kind of change, what is drawn."""

    nombre: str
    titulo: str
    colores: Mapping[Clase, str]
    parte: Parte = "es"
    puntos: bool = False

    def shape(self, cambio: Cambio) -> BaseGeometry | None:
        """What is drawn of a change: None if it has no geometry of this kind."""
        if self.parte != "es":
            return cambio.gana if self.parte == "gana" else cambio.pierde
        shape = cambio.antes if cambio.ahora is None else cambio.ahora
        if shape is None or shape.is_empty:
            return None
        if self.puntos:
            return shapely.point_on_surface(shape)
        return shape if shapely.get_dimensions(shape) == 2 else None

    def drawn(self, found: Diferencias) -> tuple[list[Cambio], NDArray[np.object_]]:
        """The changes that are drawn, in order, and the geometry of each."""
        mine = [cambio for cambio in found.cambios if cambio.clase in self.colores]
        shapes = np.array([self.shape(cambio) for cambio in mine], dtype=object)
        there = ~shapely.is_missing(shapes)
        return [cambio for cambio, yes in zip(mine, there, strict=True) if yes], shapes[there]


def _states(noun: str) -> dict[Clase, str]:
    """The colours of what can happen to an ambiente, a marcador or a zona."""
    colours = {"nuev": NUEVO, "eliminad": ELIMINADO, "movid": MOVIDO, "cambiad": CAMBIADO}
    return {Clase.of(noun, word): colour for word, colour in colours.items()}


_SIEMBRAS: Final = {Clase.CAMBIO_DE_CULTIVO: SEMBRADO, Clase.SIEMBRA_CAMBIADA: CAMBIADO}
CAPAS: Final = (
    CapaDe("bordes_ganados", "Bordes: lo que se gana", {Clase.BORDE_MOVIDO: NUEVO}, "gana"),
    CapaDe(
        "bordes_perdidos", "Bordes: lo que se pierde", {Clase.BORDE_MOVIDO: ELIMINADO}, "pierde"
    ),
    CapaDe("lotes_agregados", "Lotes agregados", {Clase.LOTE_NUEVO: NUEVO}),
    CapaDe("lotes_quitados", "Lotes quitados", {Clase.LOTE_ELIMINADO: ELIMINADO}),
    CapaDe("lotes_renombrados", "Lotes renombrados", {Clase.LOTE_RENOMBRADO: CAMBIADO}),
    CapaDe("lotes_movidos", "Lotes que cambiaron de campo", {Clase.LOTE_OTRO_CAMPO: _MUDADO}),
    CapaDe("lotes_otro_id", "Lotes con otro id", {Clase.LOTE_OTRO_ID: _OTRO_ID}),
    CapaDe("lotes_cambiados", "Lotes con otros datos", {Clase.LOTE_CAMBIADO: CAMBIADO}),
    CapaDe("siembras", "Siembras", _SIEMBRAS),
    CapaDe("ambientes", "Ambientes", _states("ambiente")),
    CapaDe("marcadores", "Marcadores", _states("marcador"), puntos=True),
    CapaDe("zonas", "Zonas", _states("zona")),
)

COLUMNAS: Final = {  # of every layer and of the table, with their dtypes
    **dict.fromkeys(("clase", "cambio", "campo", "lote", "nombre", "detalle"), "string"),
    **dict.fromkeys(("gana_ha", "pierde_ha", "superficie_ha", "distancia_m"), "float64"),
    **dict.fromkeys(("tabla", "id", "campo_id", "lote_id"), "string"),
}


def frames(found: Diferencias) -> dict[str, pd.DataFrame]:
    """The layers by name, then the table of all changes."""
    layers: dict[str, pd.DataFrame] = {}
    for capa in CAPAS:
        cambios, shapes = capa.drawn(found)
        layers[capa.nombre] = gpd.GeoDataFrame(_frame(cambios), geometry=shapes, crs=CRS)
    return layers | {CAMBIOS: _frame(list(found.cambios))}


def _frame(cambios: list[Cambio]) -> pd.DataFrame:
    columns = {
        name: [c.clase.texto if name == "cambio" else getattr(c, name) for c in cambios]
        for name in COLUMNAS
    }
    columns["clase"] = [c.clase.value for c in cambios]
    return pd.DataFrame(columns, columns=list(COLUMNAS)).astype(COLUMNAS)


def styles() -> dict[str, Style]:
    found = {}
    for capa in CAPAS:
        kinds = capa.colores.items()
        categories = [Category(one.value, one.texto.capitalize(), colour) for one, colour in kinds]
        column = "nombre" if capa.nombre in ("ambientes", "marcadores", "zonas") else "lote"
        style = marker_style if capa.puntos else fill_style
        found[capa.nombre] = style("clase", categories, label=Label(quoted(column), column))
    return found


def titulos() -> dict[str, str]:
    """What each layer holds, for readers that show it."""
    return {capa.nombre: capa.titulo for capa in CAPAS} | {CAMBIOS: "Todos los cambios"}
