"""Hexagons as KML: a placemark for each cell, in the colour of the crop with most area. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import shapely

from Modules.formats.kml_document import Document, Entry, Folder, Kind, in_parts, placemarks
from Modules.formats.kml_geometry import LookAt, geometry_texts, label_text
from Modules.formats.kml_styles import Estilo, cultivo_style
from Modules.formats.kml_text import xml_texts
from Modules.geo.arrays import Index
from Modules.geo.h3_cells import hex_text, map_polygons
from Modules.night.checks_ground import land_ha
from Modules.products.h3.tables import BARE, Celdas
from Modules.products.source import Fuente
from Modules.words.spanish import count, hectares, moment, number

_WORDS: Final = ("hexágono", "hexágonos")
_OF_COLOUR: Final = ("hexágono de este color", "hexágonos de este color")
HEXAGONO: Final = Kind(
    "h3",
    {
        "h3": "Celda H3",
        "campo": "Campo",
        "cultivo": "Cultivo con más superficie",
        "superficie": "Superficie de lotes",
        "cubierto": "Parte cubierta",
        "lotes": "Lotes",
        "detalle": "Superficie por cultivo",
        "superficie_ha": "Superficie (ha)",
    },
    hidden=("superficie_ha",),
)


def documents(
    fuente: Fuente, celdas: Celdas, *, max_placemarks: int, max_bytes: int
) -> list[Document]:
    """The map, in parts by campo if it is too large for a phone."""
    shapes = map_polygons(celdas.cell)
    styles = []
    for crop in celdas.cultivos:
        style = cultivo_style("sin-cultivo" if crop is BARE else crop.clave, crop.color)
        styles.append(replace(style, balloon=HEXAGONO.balloon, width=1.0))
    order = np.lexsort((celdas.cell, celdas.campo))
    texts = _placemarks(celdas, shapes, styles)
    folder = Folder("Hexágonos", [texts[i] for i in order], [str(celdas.campo[i]) for i in order])
    shown = sorted(set(celdas.dominante.tolist()))
    whole = Document(
        name=f"Hexágonos {fuente.campania} · resolución {celdas.resolution}",
        lines=(
            f"Campaña {fuente.campania} · {count(len(celdas), *_WORDS)} · "
            f"{hectares(float(land_ha(fuente.tables).sum()))} de tierra",
            "El color es el del cultivo con más superficie en el hexágono. Las hectáreas de la "
            "leyenda son todas las del cultivo, también las que están en hexágonos de otro color.",
            f"Datos del {moment(fuente.hora_local)} · backup {fuente.snapshot_id}",
        ),
        look_at=LookAt.framing(shapely.bounds(shapes)),
        styles=tuple(styles[i] for i in shown),
        legend=tuple(_entry(celdas, shapes, styles, i) for i in shown),
        folders=(folder,),
    )
    parts = in_parts(whole, max_placemarks=max_placemarks, max_bytes=max_bytes)
    return parts if len(parts) > 1 else [whole]


def _placemarks(celdas: Celdas, shapes: np.ndarray, styles: Sequence[Estilo]) -> list[str]:
    keys = hex_text(celdas.cell).to_pylist()
    crops = xml_texts([crop.nombre for crop in celdas.cultivos])
    campos = xml_texts(celdas.campos)
    area = [hectares(value) for value in celdas.superficie_ha.tolist()]
    covered = celdas.fraccion.clip(max=1).tolist()  # lotes may share ground
    crop = [crops[i] for i in celdas.dominante.tolist()]
    values = {
        "h3": keys,
        "campo": [campos[i] for i in celdas.campo.tolist()],
        "cultivo": crop,
        "superficie": area,
        "cubierto": [f"{number(100 * value, 1)} %" for value in covered],
        "lotes": [str(value) for value in np.diff(celdas.first).tolist()],
        "detalle": _details(celdas),
        "superficie_ha": [f"{value:.6f}" for value in celdas.superficie_ha.tolist()],
    }
    return placemarks(
        HEXAGONO,
        keys=keys,
        names=crop,
        snippets=[f"{name} · {text}" for name, text in zip(crop, area, strict=True)],
        styles=[styles[i].id for i in celdas.dominante.tolist()],
        values=values,
        geometries=geometry_texts(shapes),
    )


def _details(celdas: Celdas) -> list[str]:
    """ "Trigo 3,20 ha; Soja 2da 3,20 ha", largest first."""
    texts = []
    area = np.array([celdas.por_cultivo(i) for i in range(len(celdas.cultivos))])
    order = np.argsort(-area, axis=0, kind="stable")
    for cell in range(len(celdas)):
        parts = (
            f"{celdas.cultivos[i].nombre} {hectares(float(area[i, cell]))}"
            for i in order[:, cell]
            if area[i, cell] > 0
        )
        texts.append("; ".join(parts))
    return xml_texts(texts)


def _entry(celdas: Celdas, shapes: np.ndarray, styles: Sequence[Estilo], i: int) -> Entry:
    """A line of the legend; it flies to the cell with most of the crop."""
    cells: Index = np.flatnonzero(celdas.dominante == i)
    sown = celdas.por_cultivo(i)
    best = cells[sown[cells].argmax()]
    name, area = celdas.cultivos[i].nombre, float(sown.sum())
    return Entry(styles[i], name, len(cells), _OF_COLOUR, area, label_text(shapes[best]))
