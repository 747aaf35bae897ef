"""``proyecto/`` and ``qfield/``: a QGIS project that opens with everything styled.

``lindero_25-26.gpkg`` has the project's own layers (``capas``), so that campos, lotes, siembras,
ambientes, marcadores and changes open wherever the folder is; ``lindero_25-26.qgz`` shows them, and
the layers of the other products whose files lie beside (``../muestreos/`` …). ``qfield/`` has
copies of both for a phone: that project shows its own layers alone, and marks can be added there.

What does not change from night to night is ``proyecto.xml``; QGIS need not be here to write it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
from lxml import etree
from numpy.typing import NDArray
from pyproj import Transformer

from Modules.disk.safe_files import make_folder, write_new
from Modules.formats.geofiles import write_gpkg
from Modules.formats.kmz import zip_bytes
from Modules.formats.legends import ESTADOS, POTENCIALES, TIPOS
from Modules.formats.qgis import (
    Category,
    Label,
    Style,
    add,
    add_styles,
    fill_style,
    line_style,
    marker_style,
    quoted,
)
from Modules.formats.qgis_project import Words, add_crs, complete, project_bytes
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

_ARGENTINA: Final = (-66.0, -40.0, -57.0, -30.0)  # what to look at where nothing is drawn
_MERCATOR: Final = "EPSG:3857"
_ZONE: Final = 6  # degrees of a UTM zone
_PAPER: Final = 205 / 156  # of the map on the page in proyecto.xml, width to height
_MARGIN: Final = 0.05  # around a campo, as a share of it
_INK: Final = "#263238"
_PREFIX: Final = "lindero_"  # of the layers' ids: QGIS replaces one of less than eleven characters
_ALL_OF_LOTE: Final = (  # one label for all that happened to a lote or campo, of its first row
    "if($id = minimum($id, group_by:=concat(lote_id, '/', campo_id)), "
    "concatenate(que, group_by:=concat(lote_id, '/', campo_id), concatenator:='\\n'), NULL)"
)
_BOOLEANS: Final = ("ultima", "compuesta", "muestra_compuesta")
_WORDS: Final = {
    "potencial": {key: name.removeprefix("Potencial ") for key, (name, _) in POTENCIALES.items()},
    "estado": {key: name for key, (name, _) in ESTADOS.items()}
    | {"sembrado": "Sembrado", "cosechado": "Cosechado", "perdido": "Perdido"},
    "tenencia": {"propio": "Propio", "arrendado": "Arrendado", "aparceria": "Aparcería"},
    "tipo": {key: name for key, (name, _) in TIPOS.items()},
    "cultivo_codigo": {code: crop.nombre for code, crop in CATALOGUE.items()},
    **{key: {"true": "Sí", "false": "No"} for key in _BOOLEANS},
}


def build_proyecto(fuente: Fuente, work: Path, vecinas: Mapping[str, Sequence[str]]) -> Hecho:
    """Write both folders below ``work``; ``vecinas``: the files that lie in folders beside them.

    Raises:
        PublishError: the disk refused.
    """
    stem = f"lindero_{fuente.campania.slug}"
    gpkg, qgz = work / f"{stem}.gpkg", f"{stem}.qgz"
    make_folder(work)
    frames, styles = own_layers(fuente), _styles(fuente)
    write_gpkg(frames, gpkg, fuente.snapshot_id, empty=KINDS)
    own = {name: style for name, style in styles.items() if name in frames}
    add_styles(gpkg, own, {name: name.capitalize() for name in frames})
    beside = {f"../{folder}/{name}" for folder, names in vecinas.items() for name in names}
    files = {}
    for carpeta, there in ((CARPETA, beside), (QFIELD, set())):
        root = _filled(fuente, frames, there)
        _complete(root, frames, styles, {f"./{gpkg.name}", *there})
        if carpeta == QFIELD:  # people may add marks, each with an id that is nobody else's
            root.find(f"projectlayers/maplayer[id='{_PREFIX}marcadores']").set("readOnly", "0")
        path = work / f"{carpeta}.qgz"
        write_new(path, zip_bytes({f"{stem}.qgs": project_bytes(root)}))
        files[carpeta] = {gpkg.name: gpkg, qgz: path}
    return Hecho(files)


def _styles(fuente: Fuente) -> dict[str, Style]:
    """The style of each layer that is drawn, its own or another product's."""
    crops, marks = sown_crops(fuente.tables), [Category(key, *one) for key, one in TIPOS.items()]
    far = Label(quoted("campo"), "campo", 10_000_000, visible_above=75_000, priority=9)
    ring, bare = Category("", "Campo", _INK), Category("", SIN_CULTIVO.nombre, SIN_CULTIVO.color)
    label = Label(LOTE_AND_HA, "lote")
    named = Label(quoted("marcador"), "marcador", 10_000, priority=8)
    declared = Category("", "Lote declarado", "#00897B")
    plan = muestreos.styles()
    changed = Category("", "Cambió anoche", "#AD1457")  # as in mapa/
    return {
        "campos": fill_style("campo_id", [], label=far, opacity=0, rest=ring, outline_mm=0.4),
        "cambios": fill_style(
            "que",
            [],
            label=Label(_ALL_OF_LOTE, "que", priority=8, always=False),
            rest=changed,
            filled_if="\"lote_id\" <> ''",  # else all lotes of a campo look changed
        ),
        "marcadores": marker_style("tipo", marks, label=named),
        "trazos": line_style("tipo", marks),
        "ambientes": plan[muestreos.CAPA_AMBIENTES],
        "lotes": fill_style("cultivo", legend_of(crops), label=label, rest=bare),
        muestreos.CAPA_MUESTREOS: plan[muestreos.CAPA_MUESTREOS],
        muestreos.CAPA_PROPUESTOS: plan[muestreos.CAPA_PROPUESTOS],
        "siembras_en_lotes": whole_style(crops),
        "eudr": fill_style("ProducerCountry", [], opacity=0.35, rest=declared),
        "hexagonos": fill_style("cultivo", legend_of(crops)),
    }


def _complete(
    root: etree._Element,
    frames: Mapping[str, pd.DataFrame],
    styles: Mapping[str, Style],
    files: set[str],
) -> None:
    """Make the layers whole; one whose file is not there goes, and all that names it."""
    columns = {name: list(frame) for name, frame in frames.items()} | muestreos.COLUMNS
    columns["siembras_en_lotes"] = list(SIEMBRAS_EN_LOTES.names)
    columns |= {"eudr": ["ProductionPlace", "ProducerName", "Area"], "hexagonos": ["h3", "cultivo"]}
    gone = set()
    for layer in root.findall("projectlayers/maplayer"):
        if layer.findtext("datasource").partition("|")[0] not in files:
            gone.add(layer.findtext("id"))
            layer.getparent().remove(layer)
            continue
        key = layer.findtext("id").removeprefix(_PREFIX)
        names = [name for name in columns[key] if name not in ("fid", "geometry")]
        words: Words = {name: _WORDS[name] for name in names if name in _WORDS}
        complete(layer, styles.get(key), names, words)
    for node in root.xpath("//layer-tree-layer|//relation|//visibility-preset"):
        named = {node.get("id"), node.get("referencingLayer")}
        if gone & (named | {one.get("id") for one in node.findall("layer")}):
            node.getparent().remove(node)
    for group in root.findall("layer-tree-group/layer-tree-group"):
        if not len(group):
            group.getparent().remove(group)


def _filled(fuente: Fuente, frames: Mapping[str, pd.DataFrame], beside: set[str]) -> etree._Element:
    """``proyecto.xml`` with what is of this night, and a bookmark for each campo."""
    campos = frames["campos"][frames["campos"]["n_lotes"] > 0].sort_values(["campo", "campo_id"])
    boxes = campos.geometry.bounds.to_numpy().reshape(-1, 4)
    crs, (west, south, east, north) = _view(boxes)
    found = (re.search(r"/h3_[^/]+_r(\d\d)\.gpkg$", name) for name in sorted(beside))
    texts = {
        "slug": fuente.campania.slug,
        "stem": f"lindero_{fuente.campania.slug}",
        "titulo": f"Lindero, campaña {fuente.campania}",
        "noche": moment(fuente.hora_local),
        "snapshot": str(fuente.snapshot_id),
        "r": next((one[1] for one in found if one), ""),
        **{"xmin": f"{west}", "ymin": f"{south}", "xmax": f"{east}", "ymax": f"{north}"},
    }
    template = Template((Path(__file__).parent / "proyecto.xml").read_text("utf-8"))
    root = etree.fromstring(
        template.substitute({name: escape(text) for name, text in texts.items()}),
        etree.XMLParser(remove_blank_text=True, remove_comments=True),
    )
    for place in ("projectCrs", "mapcanvas/destinationsrs"):
        add_crs(root.find(place), crs)
    for key, campo, box in zip(campos["campo_id"], campos["campo"], boxes, strict=True):
        margin = _MARGIN * max(box[2:] - box[:2])
        w, s, e, n = (f"{one:.6f}" for one in (*(box[:2] - margin), *(box[2:] + margin)))
        mark = add(root.find("Bookmarks"), "Bookmark", id=key, name=campo, group="Campos")
        mark.set("extent", f"POLYGON(({w} {s}, {e} {s}, {e} {n}, {w} {n}, {w} {s}))")
        add_crs(mark, CRS)
    return root


def _view(boxes: NDArray[np.float64]) -> tuple[str, tuple[float, float, float, float]]:
    """The CRS to draw in, and what to look at in it, as wide and high as the map on the page is.

    It is the UTM zone of the middle, true to scale there; that of web maps where the ground is
    wider than two zones, or there is none. QGIS takes the height of a map from its bounds.
    """
    crs, box = _MERCATOR, _ARGENTINA
    if len(boxes):
        box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        west, south, east, north = box
        if east - west <= 2 * _ZONE:
            zone = int((west + east) / 2 + 180) // _ZONE % 60 + 1
            crs = f"EPSG:{32600 + zone + (100 if south + north < 0 else 0)}"
    to_map = Transformer.from_crs(CRS, crs, always_xy=True)
    west, south, east, north = to_map.transform_bounds(*box)
    half = max((east - west) / _PAPER, north - south) / 2
    x, y = (west + east) / 2, (south + north) / 2
    return crs, (x - half * _PAPER, y - half, x + half * _PAPER, y + half)
