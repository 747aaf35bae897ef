"""A QGIS project as text and as ``.qgz``: layers with their styles, forms, relations, a layout.

The XML is that of QGIS 3.22, which every later one reads (4.x too). Sources are relative to the
project's folder, with "/"; layers without a geometry have no style. A ``.qgz`` is a ZIP whose one
member is the project; the same arguments give the same bytes, and nobody is named as who saved it.
Extents are west, south, east, north: EPSG:4326 where they are bookmarks, else of the project's CRS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from lxml import etree

from Modules.formats.legends import ETIQUETAS
from Modules.formats.qgis import Style, quoted
from Modules.words.columns import CRS
from Modules.words.text import MAX_TEXT, clean_text

Bounds: TypeAlias = tuple[float, float, float, float]

VERSION: Final = "3.22.0"
_DOCTYPE: Final = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
_FROM_STYLE: Final = ("renderer-v2", "labeling")
_TREE: Final = "layer-tree-group"


@dataclass(frozen=True, slots=True)
class Capa:
    """A layer: ``fuente`` is its source, ``nombre`` the expression of what a feature is called."""

    key: str
    titulo: str
    grupo: str
    fuente: str
    columnas: Sequence[str]
    nombre: str
    style: Style | None = None  # None: a table
    visible: bool = True
    visible_below: int | None = None  # scale denominator above which it is not drawn
    valores: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # column → code → word
    etiquetas: Mapping[str, str] = field(default_factory=dict)  # of columns, where not the usual
    nuevos: Mapping[str, str] | None = None  # of what people may add: column → expression


@dataclass(frozen=True, slots=True)
class Relacion:
    """Rows of ``hija`` that belong to a feature of ``madre``, by a column of one name in both."""

    titulo: str
    madre: str
    hija: str
    columna: str


@dataclass(frozen=True, slots=True)
class Proyecto:
    """Everything in a project; ``capas`` from the top to the bottom, groups side by side."""

    titulo: str
    resumen: str
    crs: str
    vista: Bounds
    capas: Sequence[Capa]
    relaciones: Sequence[Relacion]
    temas: Mapping[str, Sequence[str]]  # name → layers that show
    lugares: Sequence[tuple[str, Bounds]]  # bookmarks
    hoja: str  # the layout, as XML
    leyenda: Sequence[str] = ()  # layers in the layout's item "leyenda"


def id_of(key: str) -> str:
    """What QGIS calls a layer: of an id below eleven characters it makes another one."""
    return f"lindero_{key}"


def project_xml(proyecto: Proyecto) -> bytes:
    """The project as QGIS writes it, UTF-8."""
    root = etree.Element("qgis", projectname=_shown(proyecto.titulo), version=VERSION)
    _add(root, "homePath", path="")
    _add(root, "title", _shown(proyecto.titulo))
    _crs(_add(root, "projectCrs"), proyecto.crs)
    _tree(root, proyecto.capas)
    relations = _add(root, "relations")
    for one in proyecto.relaciones:
        _relation(relations, one)
    _canvas(root, proyecto)
    layers = _add(root, "projectlayers")
    for capa in proyecto.capas:
        layers.append(_layer(capa))
    order = _add(root, "layerorder")
    for capa in proyecto.capas:
        _add(order, "layer", id=id_of(capa.key))
    _properties(root)
    _themes(root, proyecto)
    about = _add(root, "projectMetadata")
    _add(about, "language", "es")
    _add(about, "title", _shown(proyecto.titulo))
    _add(about, "abstract", _shown(proyecto.resumen))
    page = etree.fromstring(proyecto.hoja)
    legend = _add(page.find("LayoutItem[@id='leyenda']"), _TREE)
    for capa in (one for one in proyecto.capas if one.key in proyecto.leyenda):
        _tree_layer(legend, capa)
    _add(root, "Layouts").append(page)
    places = _add(root, "Bookmarks")
    for key, (name, bounds) in enumerate(proyecto.lugares):
        place = _add(places, "Bookmark", id=f"campo-{key}", name=_shown(name), group="Campos")
        place.set("extent", _rectangle(bounds))
        _crs(place, CRS)
    etree.indent(root, " ")
    data: bytes = etree.tostring(root, encoding="utf-8", doctype=_DOCTYPE)
    return data


# --- layers --------------------------------------------------------------------------------------


def _layer(capa: Capa) -> etree._Element:
    read_only = "0" if capa.nuevos is not None else "1"
    layer = etree.Element("maplayer", type="vector", readOnly=read_only, autoRefreshEnabled="0")
    for name, what in (("styleCategories", "AllStyleCategories"), ("simplifyDrawingHints", "1")):
        layer.set(name, what)
    if capa.style is None:
        layer.set("geometry", "No geometry")
    if capa.visible_below:
        layer.set("hasScaleBasedVisibilityFlag", "1")
        layer.set("minScale", str(capa.visible_below))
        layer.set("maxScale", "0")
    _add(layer, "id", id_of(capa.key))
    _add(layer, "datasource", capa.fuente)
    _add(layer, "layername", capa.titulo)
    _crs(_add(layer, "srs"), CRS)
    _add(layer, "provider", "ogr", encoding="UTF-8")
    flags = _add(layer, "flags")
    for name in ("Identifiable", "Searchable"):
        _add(flags, name, "1")
    _add(flags, "Removable", "0")
    if capa.style is not None:
        drawn = etree.fromstring(capa.style.qml)
        layer.set("labelsEnabled", drawn.get("labelsEnabled"))
        for name in _FROM_STYLE:
            layer.extend(drawn.findall(name))
    _fields(layer, capa)
    locked = _add(_add(layer, "customproperties"), "Option", type="Map")
    if capa.nuevos is None:
        _option(locked, "QFieldSync/is_geometry_locked", "true", "bool")
    _add(layer, "editorlayout", "generatedlayout")
    _add(layer, "previewExpression", capa.nombre)
    _add(layer, "mapTip", map_tip(capa), enabled="1")
    return layer


def _fields(layer: etree._Element, capa: Capa) -> None:
    """Names of the columns for people, codes as words, and what is for programs out of sight."""
    columns = ("fid", *capa.columnas)
    setup = _add(layer, "fieldConfiguration")
    aliases = _add(layer, "aliases")
    defaults = _add(layer, "defaults")
    table = _add(_add(layer, "attributetableconfig"), "columns")
    for at, name in enumerate(columns):
        hidden = is_technical(name)
        widget = _add(_add(setup, "field", name=name), "editWidget")
        config = _add(_add(widget, "config"), "Option", type="Map")
        widget.set("type", _widget(config, name, capa.valores.get(name), hidden=hidden))
        _add(aliases, "alias", field=name, index=str(at), name=_label(capa, name))
        expression = (capa.nuevos or {}).get(name, "")
        _add(defaults, "default", field=name, expression=expression, applyOnUpdate="0")
        _add(table, "column", name=name, type="field", width="-1", hidden=str(int(hidden)))


def is_technical(column: str) -> bool:
    """Whether a column is for programs: forms and tables do not show it, relations use it."""
    return column == "fid" or column.endswith("_id")


def _label(capa: Capa, column: str) -> str:
    return capa.etiquetas.get(column) or ETIQUETAS.get(column, column)


def _widget(
    config: etree._Element, name: str, values: Mapping[str, str] | None, *, hidden: bool
) -> str:
    if hidden:
        return "Hidden"
    if values:
        lines = _add(config, "Option", name="map", type="List")
        for code, word in values.items():
            _option(_add(lines, "Option", type="Map"), word, code)
        return "ValueMap"
    if name.startswith("fecha"):
        _option(config, "display_format", "dd/MM/yyyy")
        _option(config, "field_format", "yyyy-MM-dd")
        _option(config, "calendar_popup", "true", "bool")
        return "DateTime"
    if name == "observacion":
        _option(config, "IsMultiline", "true", "bool")
    return "TextEdit"


def map_tip(capa: Capa) -> str:
    """HTML of a feature: what it is called, and under it each column that is not empty.

    Names are anybody's text, so ``<`` and ``&`` of values are written as HTML has them.
    """
    rows = [
        f"[% CASE WHEN {quoted(name)} IS NOT NULL THEN '<tr><td><i>{_label(capa, name)}</i></td>"
        f"<td>' || {_as_html(_in_words(capa, name))} || '</td></tr>' ELSE '' END %]"
        for name in capa.columnas
        if not is_technical(name)
    ]
    return f"<b>[% {_as_html(capa.nombre)} %]</b><table>{''.join(rows)}</table>"


def _in_words(capa: Capa, column: str) -> str:
    if column in capa.valores:
        return f"represent_value({quoted(column)})"
    if column.startswith("fecha"):
        return f"format_date({quoted(column)}, 'dd/MM/yyyy')"
    if column.endswith("_ha"):
        return f"format_number({quoted(column)}, 2, 'es_AR')"
    return f"to_string({quoted(column)})"


def _as_html(expression: str) -> str:
    return f"replace(replace({expression}, '&', '&amp;'), '<', '&lt;')"


def _tree(parent: etree._Element, capas: Sequence[Capa]) -> None:
    root = _add(parent, _TREE)
    groups: dict[str, etree._Element] = {}
    for capa in capas:
        if capa.grupo not in groups:
            shown = any(one.visible for one in capas if one.grupo == capa.grupo)
            groups[capa.grupo] = _add(
                root, _TREE, name=capa.grupo, expanded=str(int(shown)), checked="Qt::Checked"
            )
        _tree_layer(groups[capa.grupo], capa)
    _add(root, "custom-order", enabled="0")


def _tree_layer(parent: etree._Element, capa: Capa) -> None:
    checked = "Qt::Checked" if capa.visible else "Qt::Unchecked"
    line = _add(
        parent, "layer-tree-layer", id=id_of(capa.key), name=capa.titulo, source=capa.fuente
    )
    line.set("providerKey", "ogr")
    line.set("checked", checked)
    line.set("expanded", str(int(capa.visible)))


def _relation(parent: etree._Element, one: Relacion) -> None:
    relation = _add(parent, "relation", id=f"{one.madre}_{one.hija}", name=one.titulo)
    relation.set("referencedLayer", id_of(one.madre))
    relation.set("referencingLayer", id_of(one.hija))
    relation.set("strength", "Association")
    _add(relation, "fieldRef", referencingField=one.columna, referencedField=one.columna)


def _themes(root: etree._Element, proyecto: Proyecto) -> None:
    presets = _add(root, "visibility-presets")
    groups = list(dict.fromkeys(capa.grupo for capa in proyecto.capas))
    for name, keys in proyecto.temas.items():
        preset = _add(presets, "visibility-preset", name=name)
        preset.set("has-checked-group-info", "1")
        for key in keys:
            _add(preset, "layer", id=id_of(key), style="default", visible="1", expanded="1")
        checked = _add(preset, "checked-group-nodes")
        for group in groups:
            _add(checked, "checked-group-node", id=group)


def _properties(root: etree._Element) -> None:
    box = _add(root, "properties")
    for group, values in {
        "Paths": {"Absolute": ("bool", "false")},
        "Measure": {"Ellipsoid": ("QString", "EPSG:7030")},
        "Measurement": {"AreaUnits": ("QString", "ha"), "DistanceUnits": ("QString", "meters")},
        "SpatialRefSys": {"ProjectionsEnabled": ("int", "1")},
    }.items():
        lines = _add(box, group)
        for name, (kind, value) in values.items():
            _add(lines, name, value, type=kind)


def _canvas(root: etree._Element, proyecto: Proyecto) -> None:
    canvas = _add(root, "mapcanvas", name="theMapCanvas")
    _add(canvas, "units", "meters")
    _corners(_add(canvas, "extent"), proyecto.vista)
    _add(canvas, "rotation", "0")
    _crs(_add(canvas, "destinationsrs"), proyecto.crs)
    view = _add(_add(root, "ProjectViewSettings"), "DefaultViewExtent", **_sides(proyecto.vista))
    _crs(view, proyecto.crs)


# --- words of the format -------------------------------------------------------------------------


def _add(
    parent: etree._Element, tag: str, content: str | None = None, /, **attributes: str
) -> etree._Element:
    node = etree.SubElement(parent, tag, attributes)
    node.text = content
    return node


def _option(parent: etree._Element, name: str, value: str, kind: str = "QString") -> None:
    _add(parent, "Option", name=_shown(name), value=_shown(value), type=kind)


def _shown(text: str) -> str:
    return clean_text(text, MAX_TEXT)


def _crs(parent: etree._Element, name: str) -> None:
    system = _add(parent, "spatialrefsys")
    _add(system, "srsid", "1")  # any number: without one the next line is not looked at
    _add(system, "authid", name)


def _sides(bounds: Bounds) -> dict[str, str]:
    names = ("xmin", "ymin", "xmax", "ymax")
    return dict(zip(names, (f"{value:.7f}" for value in bounds), strict=True))


def _corners(parent: etree._Element, bounds: Bounds) -> None:
    for name, value in _sides(bounds).items():
        _add(parent, name, value)


def _rectangle(bounds: Bounds) -> str:
    west, south, east, north = (f"{value:.7f}" for value in bounds)
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return f"POLYGON(({', '.join(' '.join(corner) for corner in corners)}))"
