"""Differences as one KML document: a folder for each layer, what is gone and what is new. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import shapely

from Modules.diff.change import Cambio, Clase, Diferencias
from Modules.diff.layers import CAPAS, CapaDe
from Modules.formats.kml_document import Document, Entry, Folder, Kind, placemarks
from Modules.formats.kml_geometry import LookAt, geometry_texts, label_text, simplified
from Modules.formats.kml_styles import Estilo
from Modules.formats.kml_text import xml_id, xml_texts
from Modules.words.spanish import hectares, number

_PLAIN: Final = ("campo", "lote", "nombre", "detalle", "tabla", "id")
_DATA: Final = ("cambio", *_PLAIN[:4], "superficie", *_PLAIN[4:])
CAMBIO: Final = Kind("cambio", {name: name.capitalize() for name in _DATA}, hidden=("tabla", "id"))


@dataclass(frozen=True, slots=True)
class _Dibujo:
    """One layer with something in it."""

    capa: CapaDe
    cambios: list[Cambio]
    shapes: np.ndarray

    @property
    def areas_ha(self) -> list[float]:
        names = {"es": "superficie_ha", "gana": "gana_ha", "pierde": "pierde_ha"}
        return [getattr(cambio, names[self.capa.parte]) for cambio in self.cambios]


def document(found: Diferencias, *, nombre: str, lineas: tuple[str, ...]) -> Document:
    """The map of all changes that have a place; ``lineas`` say what it is: one at least."""
    drawings = (_Dibujo(capa, *capa.drawn(found)) for capa in CAPAS)
    drawn = [drawing for drawing in drawings if drawing.cambios]
    return Document(
        name=nombre,
        lines=lineas,
        look_at=LookAt.framing(*(shapely.bounds(drawing.shapes) for drawing in drawn)),
        styles=tuple(_style(d.capa, c) for d in drawn for c in _kinds(d)),
        legend=tuple(_entry(d, c) for d in drawn for c in _kinds(d)),
        folders=tuple(_folder(drawing) for drawing in drawn),
    )


def _kinds(drawing: _Dibujo) -> list[Clase]:
    there = {cambio.clase for cambio in drawing.cambios}
    return [clase for clase in drawing.capa.colores if clase in there]


def _style(capa: CapaDe, clase: Clase) -> Estilo:
    name = xml_id("capa", f"{capa.nombre}-{clase.value}")
    style = Estilo(name, capa.colores[clase], balloon=CAMBIO.balloon)
    return replace(style, icon="punto", icon_scale=0.8, label_scale=0.7) if capa.puntos else style


def _entry(drawing: _Dibujo, clase: Clase) -> Entry:
    """A line of the legend; it flies to the first of its kind."""
    rows = [i for i, cambio in enumerate(drawing.cambios) if cambio.clase is clase]
    area = sum(drawing.areas_ha[i] for i in rows)
    style, title = _style(drawing.capa, clase), f"{drawing.capa.titulo}: {clase.texto}"
    where = label_text(drawing.shapes[rows[0]])
    return Entry(style, title, len(rows), ("cambio", "cambios"), area or None, where)


def _folder(drawing: _Dibujo) -> Folder:
    cambios = drawing.cambios
    names = [c.nombre or c.lote or c.id for c in cambios]
    values = {name: xml_texts([getattr(c, name) for c in cambios]) for name in _PLAIN}
    values["cambio"] = xml_texts([c.clase.texto for c in cambios])
    values["superficie"] = [hectares(area or None) for area in drawing.areas_ha]
    snippets = [" · ".join(filter(None, (c.clase.texto, _short(c)))) for c in cambios]
    ids = {clase: _style(drawing.capa, clase).id for clase in drawing.capa.colores}
    made = placemarks(
        CAMBIO,
        keys=[f"{drawing.capa.nombre}-{c.clase.value}-{c.tabla}-{c.id}" for c in cambios],
        names=xml_texts(names),
        snippets=xml_texts(snippets),
        styles=[ids[c.clase] for c in cambios],
        values=values,
        geometries=geometry_texts(simplified(drawing.shapes)),
    )
    return Folder(drawing.capa.titulo, made, [c.lote_id or c.id for c in cambios])


def _short(cambio: Cambio) -> str:
    metres = cambio.distancia_m
    return f"{number(metres, 1)} m" if metres else cambio.detalle.split(", ")[0]
