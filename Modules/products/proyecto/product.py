"""``proyecto/`` and ``qfield/``: a QGIS project that opens with everything styled.

``lindero_25-26.gpkg`` has the project's own layers (``capas``), so that campos, lotes, siembras,
ambientes, marcadores and changes open wherever the folder is; ``lindero_25-26.qgz`` shows them and
the layers of the other products where these lie beside it (``../cultivos/`` …). ``qfield/`` has
copies of both for a phone: that project shows its own layers alone, and marks can be added there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from string import Template
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer

from Modules.diff.layers import CAMBIADO
from Modules.diff.layers import CAPAS as CAMBIOS
from Modules.disk.safe_files import make_folder, write_new
from Modules.formats.geofiles import write_gpkg
from Modules.formats.kmz import kmz_bytes
from Modules.formats.legends import ESTADOS, POTENCIALES, TIPOS
from Modules.formats.qgis import (
    Category,
    Label,
    Style,
    add_styles,
    fill_style,
    line_style,
    marker_style,
    quoted,
)
from Modules.formats.qgis_project import Bounds, Capa, Proyecto, Relacion, id_of, project_xml
from Modules.products.cultivos.product import LOTE_AND_HA, legend_of, whole_style
from Modules.products.cultivos.sown import SIEMBRAS_EN_LOTES, sown_crops
from Modules.products.entry import Hecho
from Modules.products.muestreos import product as muestreos
from Modules.products.proyecto import CARPETA, QFIELD
from Modules.products.proyecto.capas import KINDS, own_layers
from Modules.products.source import Fuente
from Modules.words.columns import CRS
from Modules.words.cultivos import CATALOGUE, SIN_CULTIVO
from Modules.words.spanish import moment

_QUOTE: Final = {'"': "&quot;"}
_PAPER: Final = 205 / 167  # width of the map in hoja.xml to its height
_MARGIN: Final = 0.05  # around a campo, as a share of it
_UTM_LATITUDE: Final = 80.0
_ARGENTINA: Final = (-66.0, -40.0, -57.0, -30.0)  # what to look at where nothing is drawn
_MERCATOR: Final = "EPSG:3857"
_ZONE: Final = 6  # degrees of a UTM zone
_INK: Final = "#263238"
_EUDR: Final = Category("", "Lotes declarados", "#00897B")
_ZONAS: Final = {
    "region": ("Región", "#455A64"),
    "exclusion": ("Exclusión", "#C62828"),
    "otro": ("Otra", "#795548"),
}
_WORDS: Final = {  # column → code → word
    "potencial": {key: name.removeprefix("Potencial ") for key, (name, _) in POTENCIALES.items()},
    "estado": {
        **{key: name for key, (name, _) in ESTADOS.items()},
        **{key: key.capitalize() for key in ("sembrado", "cosechado", "perdido")},
    },
    "tenencia": {"propio": "Propio", "arrendado": "Arrendado", "aparceria": "Aparcería"},
    "cultivo_codigo": {code: crop.nombre for code, crop in CATALOGUE.items()},
}
_NEAR: Final = 25_000  # scale denominator above which marks would cover the map
_SI_NO: Final = {"true": "Sí", "false": "No"}
_BOOLEANS: Final = ("ultima", "compuesta", "muestra_compuesta")
_RELACIONES: Final = (
    Relacion("Lotes del campo", "campos", "lotes", "campo_id"),
    Relacion("Siembras del lote", "lotes", "siembras", "lote_id"),
    Relacion("Ambientes del lote", "lotes", "ambientes", "lote_id"),
    Relacion("Marcadores del lote", "lotes", "marcadores", "lote_id"),
    Relacion("Cambios del lote", "lotes", "cambios", "lote_id"),
    Relacion("Muestreos del lote", "lotes", "muestreos", "lote_id"),
)
_GROUPS: Final = (  # from the top to the bottom
    *("Campos", "Cambios", "Marcadores", "Muestreos", "Ambientes", "Cultivos"),
    *("Sustentabilidad", "H3"),
)
_TEMAS: Final = {
    "Cultivos": ("campos", "lotes"),
    "Ambientes": ("campos", "ambientes"),
    "Marcadores": ("campos", "marcadores", "trazos", "lotes"),
    "Cambios": ("campos", "cambios", "lotes"),
    "Muestreos": ("campos", "muestreos", "puntos_propuestos", "ambientes"),
}


def build_proyecto(fuente: Fuente, work: Path, vecinas: Mapping[str, Sequence[str]]) -> Hecho:
    """Write both folders below ``work``; ``vecinas``: the files that lie in folders beside them.

    Raises:
        PublishError: the disk refused.
    """
    stem = f"lindero_{fuente.campania.slug}"
    gpkg, qgz = f"{stem}.gpkg", f"{stem}.qgz"
    make_folder(work)
    frames = own_layers(fuente)
    write_gpkg(frames, work / gpkg, fuente.snapshot_id, empty=KINDS)
    own = [*_own(fuente, frames, f"./{gpkg}")]
    styles = {one.key: one.style for one in own if one.style is not None and one.key in frames}
    add_styles(work / gpkg, styles, {one.key: one.titulo for one in own if one.key in frames})
    files = {CARPETA: work / qgz, QFIELD: work / f"{QFIELD}.qgz"}
    for carpeta, capas in (
        (CARPETA, [*own, *_neighbours(fuente, vecinas)]),
        (QFIELD, [_with_new(one) for one in own]),
    ):
        document = project_xml(_proyecto(fuente, frames, capas))
        write_new(files[carpeta], kmz_bytes(document, {}, first=f"{stem}.qgs"))
    return Hecho({name: {gpkg: work / gpkg, qgz: file} for name, file in files.items()})


# --- layers --------------------------------------------------------------------------------------


def _own(fuente: Fuente, frames: Mapping[str, pd.DataFrame], source: str) -> Iterator[Capa]:
    """The layers of our own file."""

    def capa(key: str, title: str, group: str, called: str, style: Style | None) -> Capa:
        columns = [name for name in frames[key] if name not in ("fid", "geometry")]
        at, values = f"{source}|layername={key}", _values(columns)
        return Capa(key, title, group, at, columns, called, style, valores=values)

    far = Label(quoted("campo"), "campo", 10_000_000, visible_above=75_000, priority=9)
    ring = Category("", "Campo", _INK)
    outline = fill_style("campo_id", [], label=far, opacity=0, rest=ring, outline_mm=0.4)
    yield capa("campos", "Campos", "Campos", quoted("campo"), outline)
    drawn = fill_style("tipo", _legend(_ZONAS), opacity=0.15)
    zonas = capa("zonas", "Zonas", "Campos", quoted("zona"), drawn)
    yield replace(zonas, visible=False, valores={"tipo": _words(_ZONAS)})
    drawn = fill_style("que", [*_changes()], opacity=0.35, rest=Category("", "Otro", _INK))
    cambios = capa("cambios", "Lo que cambió anoche", "Cambios", quoted("nombre"), drawn)
    yield replace(cambios, visible=False)
    named = Label(quoted("marcador"), "marcador", 10_000, priority=8)
    for key, title, drawn in (
        ("marcadores", "Marcadores", marker_style("tipo", _legend(TIPOS), label=named)),
        ("trazos", "Marcadores: líneas y áreas", line_style("tipo", _legend(TIPOS))),
    ):
        marks = capa(key, title, "Marcadores", quoted("marcador"), drawn)
        values = {**marks.valores, "tipo": _words(TIPOS)}
        yield replace(marks, visible_below=_NEAR, valores=values)
    drawn = muestreos.styles()[muestreos.CAPA_AMBIENTES]
    ambientes = capa("ambientes", "Ambientes", "Ambientes", _two("lote", "ambiente"), drawn)
    yield replace(ambientes, visible=False)
    crops, bare = legend_of(sown_crops(fuente.tables)), SIN_CULTIVO
    label, rest = Label(LOTE_AND_HA, "lote"), Category("", bare.nombre, bare.color)
    drawn = fill_style("cultivo", crops, label=label, rest=rest)
    yield capa("lotes", "Lotes", "Cultivos", _two("campo", "lote"), drawn)
    yield capa("siembras", "Siembras", "Cultivos", quoted("cultivo"), None)


def _two(first: str, second: str) -> str:
    return f"{quoted(first)} || ' · ' || {quoted(second)}"


def _legend(shown: Mapping[str, tuple[str, str]]) -> list[Category]:
    return [Category(key, *one) for key, one in shown.items()]


def _words(shown: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {key: name for key, (name, _) in shown.items()}


def _changes() -> Iterator[Category]:
    """What can be drawn of a change, in the colours of ``lindero backups diff``."""
    for clase, colour in chain.from_iterable(one.colores.items() for one in CAMBIOS):
        if clase.value.startswith(("lote", "borde", "cambio", "siembra")):
            yield Category(clase.texto, clase.texto.capitalize(), colour)
    yield Category("ambientes", "Ambientes", CAMBIADO)
    yield Category("marcadores", "Marcadores", CAMBIADO)


def _values(columns: Sequence[str]) -> dict[str, Mapping[str, str]]:
    known = {**_WORDS, **dict.fromkeys(_BOOLEANS, _SI_NO)}
    return {name: known[name] for name in columns if name in known}


def _neighbours(fuente: Fuente, vecinas: Mapping[str, Sequence[str]]) -> Iterator[Capa]:
    """Layers of the other products that are published."""
    slug, crops = fuente.campania.slug, sown_crops(fuente.tables)
    base, marks = f"cultivos_{slug}", f"muestreos_{slug}.gpkg"
    hexagons = fill_style("cultivo", legend_of(crops))

    def beside(key: str, title: str, group: str, file: str, style: Style, called: str) -> Capa:
        layer = "" if file.endswith(".geojson") else f"|layername={key}"
        names = [name for name in muestreos.COLUMNS.get(key, ()) if name != "geometry"]
        source = f"../{file}{layer}"
        capa = Capa(key, title, group, source, names, quoted(called), style)
        return replace(capa, visible=False, valores=_values(names))

    for folder, names in vecinas.items():
        for name in sorted(names):
            file = f"{folder}/{name}"
            if name == f"{base}.gpkg":
                title, style = "Siembras, las anteriores en franjas", whole_style(crops)
                one = beside(base, title, "Cultivos", file, style, "lote")
                yield replace(one, key="siembras_en_lotes", columnas=SIEMBRAS_EN_LOTES.names[:-1])
            elif name == marks:
                for key in (muestreos.CAPA_MUESTREOS, muestreos.CAPA_PROPUESTOS):
                    title, style = muestreos.DESCRIPTIONS[key], muestreos.styles()[key]
                    yield beside(key, title, "Muestreos", file, style, "codigo")
            elif re.fullmatch(rf"eudr_{slug}(_parte\d+)?\.geojson", name):
                key = name.removesuffix(".geojson")
                style = fill_style("ProducerCountry", [], opacity=0.35, rest=_EUDR)
                yield beside(key, f"EUDR: {key}", "Sustentabilidad", file, style, "ProductionPlace")
            elif found := re.fullmatch(rf"{slug}/h3_{slug}_r(\d\d)\.gpkg", name):
                title = "Hexágonos: cultivo con más superficie"
                yield beside(f"hexagonos_r{found[1]}", title, "H3", file, hexagons, "h3")


def _with_new(capa: Capa) -> Capa:
    """A layer as it is on a phone: marks may be added, with an id that is nobody else's."""
    if capa.key != "marcadores":
        return capa
    lote = f"array_first(overlay_intersects('{id_of('lotes')}', {{}}))"
    filled = {name: lote.format(quoted(name)) for name in ("lote_id", "campo_id", "campo", "lote")}
    new = {"marcador_id": "uuid('WithoutBraces')", "fecha": "to_date(now())", "estado": "'hecho'"}
    return replace(capa, nuevos={**new, "tipo": "'recorrida'", **filled})


# --- the project ---------------------------------------------------------------------------------


def _proyecto(
    fuente: Fuente, frames: Mapping[str, pd.DataFrame], capas: Sequence[Capa]
) -> Proyecto:
    known = {one.key for one in capas}
    campos = frames["campos"][frames["campos"]["n_lotes"] > 0].sort_values(["campo", "campo_id"])
    boxes = campos.geometry.bounds.to_numpy() if len(campos) else np.empty((0, 4))
    margin = _MARGIN * np.max(boxes[:, 2:] - boxes[:, :2], axis=1, initial=0.001)[:, None]
    wide = np.hstack([boxes[:, :2] - margin, boxes[:, 2:] + margin]).tolist()
    crs, vista = _view(boxes)
    title, night = f"Lindero, campaña {fuente.campania}", moment(fuente.hora_local)
    texts = {
        "fuente": capas[0].fuente,
        "tema": next(iter(_TEMAS)),
        "pie": f"{title} · datos del {night} · superficies calculadas sobre el elipsoide WGS 84",
        **dict(zip(("xmin", "ymin", "xmax", "ymax"), map(str, _on_paper(vista)), strict=True)),
    }
    page = Template((Path(__file__).parent / "hoja.xml").read_text("utf-8"))
    return Proyecto(
        titulo=title,
        resumen=f"Datos del {night}. Snapshot {fuente.snapshot_id}. Se rehace cada noche.",
        crs=crs,
        vista=vista,
        capas=sorted(capas, key=lambda one: _GROUPS.index(one.grupo)),
        relaciones=[one for one in _RELACIONES if {one.madre, one.hija} <= known],
        temas={name: keys for name, keys in _TEMAS.items() if known.issuperset(keys)},
        lugares=list(zip(campos["campo"], map(tuple, wide), strict=True)),
        hoja=page.substitute({name: escape(text, _QUOTE) for name, text in texts.items()}),
        leyenda=("lotes",),
    )


def _view(boxes: NDArray[np.float64]) -> tuple[str, Bounds]:
    """The CRS to draw in and what to look at: the UTM zone of the middle, true to scale there.

    Where the ground is wider than two zones, or there is none, the one of web maps.
    """
    crs, box = _MERCATOR, _ARGENTINA
    if len(boxes):
        box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        west, south, east, north = box
        if east - west <= 2 * _ZONE and max(abs(south), abs(north)) <= _UTM_LATITUDE:
            zone = int((west + east) / 2 + 180) // _ZONE % 60 + 1
            crs = f"EPSG:{32600 + zone + (100 if south + north < 0 else 0)}"
    to_map = Transformer.from_crs(CRS, crs, always_xy=True)
    found: Bounds = to_map.transform_bounds(*box)
    return crs, found


def _on_paper(bounds: Bounds) -> Bounds:
    """Bounds as wide and high as the map of the page is: else QGIS takes its height from them."""
    west, south, east, north = bounds
    half = max((east - west) / _PAPER, north - south) / 2
    x, y = (west + east) / 2, (south + north) / 2
    return x - half * _PAPER, y - half, x + half * _PAPER, y + half
