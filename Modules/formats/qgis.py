"""QGIS styles: QML for QGIS 3.26 and newer, SLD 1.1 (OGC 05-077r4) for everything else.

Colours come as #RRGGBB. Sizes are millimetres on the screen, labels are points. The same
arguments give the same text. Attribute names are those of the layer; expressions are QGIS's own.

``add_styles`` puts them into a GeoPackage: the ``layer_styles`` table that QGIS looks for, with the
columns it makes itself, registered as an "attributes" table, so that other readers list it as one
without geometry. QGIS takes the row with ``useAsDefault`` when somebody opens the layer. The time
noted is that of the layers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lxml import etree
from lxml.builder import ElementMaker

from Modules.disk.edits import settle
from Modules.disk.safe_files import sync_file, writing
from Modules.words.cultivos import GREY
from Modules.words.errors import PublishError
from Modules.words.text import MAX_TEXT, clean_text

QGIS_VERSION: Final = "3.34.0"  # whose QML this is; newer ones read it as well
_END: Final = "</qgis>"
DOCTYPE: Final = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
_NAMES: Final = {
    None: "http://www.opengis.net/sld",
    "se": "http://www.opengis.net/se",
    "ogc": "http://www.opengis.net/ogc",
}
_SLD, _SE, _OGC = (ElementMaker(namespace=one, nsmap=_NAMES) for one in _NAMES.values())
_INK: Final = "#263238"
_LABEL_PT: Final = 8
_MARK_MM: Final = 3
_STRIPE_MM: Final = 1
_OUTLINE_MM: Final = 0.2
_LINE_MM: Final = 0.7
_EXPRESSION: Final = "3"  # QgsProperty type: an expression
_POLYGON, _LINE, _POINT = "2", "1", "0"  # Qgis::GeometryType
_HORIZONTAL, _AROUND_POINT = "4", "0"  # Qgis::LabelPlacement
_SLD_MARKS: Final = frozenset({"square", "circle", "triangle", "star", "cross"})

_TABLE: Final = "layer_styles"
_OWNER: Final = "lindero"
_MAX_STYLE_NAME: Final = 30

_CREATE: Final = """
CREATE TABLE "layer_styles" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  "f_table_catalog" TEXT(256),
  "f_table_schema" TEXT(256),
  "f_table_name" TEXT(256),
  "f_geometry_column" TEXT(256),
  "styleName" TEXT(30),
  "styleQML" TEXT,
  "styleSLD" TEXT,
  "useAsDefault" BOOLEAN,
  "description" TEXT,
  "owner" TEXT(30),
  "ui" TEXT(30),
  "update_time" DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)
"""
_REGISTER: Final = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id)
VALUES ('layer_styles', 'attributes', 'layer_styles', 'Estilos de QGIS', ?, 0)
"""
_INSERT: Final = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column,
  styleName, styleQML, styleSLD, useAsDefault, description, owner, ui, update_time)
SELECT '', '', table_name, column_name, ?, ?, ?, 1, ?, ?, NULL, ?
FROM gpkg_geometry_columns WHERE table_name = ?
"""
_COUNT: Final = "INSERT OR REPLACE INTO gpkg_ogr_contents (table_name, feature_count) VALUES (?, ?)"
_DESCRIBE: Final = "UPDATE gpkg_contents SET description = ? WHERE table_name = ?"


@dataclass(frozen=True, slots=True)
class Category:
    """One line of the legend: rows whose attribute equals ``value``.

    ``shape`` is for marks only: circle, square, diamond, triangle, star, cross.
    """

    value: str
    label: str
    colour: str
    shape: str = "circle"


REST: Final = Category("", "Otros", GREY)


@dataclass(frozen=True, slots=True)
class Label:
    """What is written at a feature: a QGIS expression, and for SLD (which has none) a column."""

    expression: str
    column: str
    visible_below: int = 75_000  # scale denominator above which the map would be full of text
    priority: int = 5  # 0 to 10: who gets the room, of labels of several layers
    visible_above: int = 1  # scale denominator below which others say more
    always: bool = True  # also over others where there is no room left


@dataclass(frozen=True, slots=True)
class Style:
    """A style in both languages."""

    qml: str
    sld: str


def fill_style(
    attribute: str,
    categories: Sequence[Category],
    *,
    label: Label | None = None,
    opacity: float = 0.75,
    hatch_unless: str | None = None,
    filled_if: str = "",
    rest: Category = REST,
    outline_mm: float = _OUTLINE_MM,
) -> Style:
    """Polygons filled by category.

    Args:
        attribute: column that holds the categories' values.
        categories: in the order of the legend.
        label: what to write into the polygons.
        opacity: of the fill, 0 to 1; outlines are opaque.
        hatch_unless: boolean column of rows that are filled; the others are drawn after them, as
            broad stripes, so that the fill of what lies on the same ground shows through.
        filled_if: expression of rows that are filled; of the others the outline is drawn.
        rest: how rows without a category are drawn; its value does not matter.
    """
    known = _legend(categories, rest)
    filled = quoted(hatch_unless) if hatch_unless else None
    symbols = [_fill_symbol(c, opacity, filled, outline_mm) for c in known]
    for symbol in symbols if filled_if else ():
        _computed(symbol[0], "fillStyle", f"if({filled_if}, 'solid', 'no')")
    renderer = _categorized(attribute, known, symbols, filled and f"NOT {filled}")
    qml = _qml(renderer, label, _POLYGON, _HORIZONTAL)
    return Style(qml, _sld(attribute, known, label, lambda c: _sld_fill(c.colour, opacity)))


def marker_style(
    attribute: str, categories: Sequence[Category], *, label: Label | None = None
) -> Style:
    """Points as marks by category; grey for rows that have none."""
    known = _legend(categories, REST)
    renderer = _categorized(attribute, known, [_marker_symbol(one) for one in known], None)
    qml = _qml(renderer, label, _POINT, _AROUND_POINT)
    return Style(qml, _sld(attribute, known, label, _sld_mark))


def line_style(attribute: str, categories: Sequence[Category]) -> Style:
    """Lines by category; grey for rows that have none."""
    known = _legend(categories, REST)
    renderer = _categorized(attribute, known, [_line_symbol(one.colour) for one in known], None)
    return Style(
        _qml(renderer, None, _LINE, _HORIZONTAL),
        _sld(attribute, known, None, lambda c: _SE.LineSymbolizer(_stroke(c.colour, "2"))),
    )


def add_styles(path: Path, styles: Mapping[str, Style], descriptions: Mapping[str, str]) -> None:
    """Give layers of a finished GeoPackage their default style.

    Args:
        path: a GeoPackage that nobody has open, without a ``layer_styles`` table.
        styles: layer to style; layers are spatial.
        descriptions: layer to what it holds, for readers that show it; also the style's name.

    Raises:
        PublishError: the file is not such a GeoPackage, a layer is not in it, or the disk refused.
    """
    try:
        address = f"{path.resolve().as_uri()}?mode=rw"  # never makes a file
        with closing(sqlite3.connect(address, uri=True)) as db, db:
            db.execute("PRAGMA journal_mode=DELETE")
            db.execute(_CREATE)
            (when,) = db.execute("SELECT max(last_change) FROM gpkg_contents").fetchone()
            db.execute(_REGISTER, (when,))
            for layer, style in styles.items():
                text = descriptions[layer]
                name = text[:_MAX_STYLE_NAME]
                qml = style.qml.replace(_END, f"{_aliases(db, layer)}{_END}")
                values = (name, qml, style.sld, text, _OWNER, when, layer)
                if db.execute(_INSERT, values).rowcount != 1:
                    raise PublishError(f"{path} no tiene la capa {layer!r} a la que dar estilo")
            for layer, text in descriptions.items():
                db.execute(_DESCRIBE, (text, layer))
            db.execute(_COUNT, (_TABLE, len(styles)))
    except sqlite3.Error as err:
        raise PublishError(f"no se pudieron escribir los estilos en {path}: {err}") from err
    with writing(path):
        settle(path)
    sync_file(path)


def _aliases(db: sqlite3.Connection, layer: str) -> str:
    """What people call the columns of a layer, for a QGIS whose GDAL does not read it there."""
    names = "SELECT column_name, name FROM gpkg_data_columns WHERE table_name = ? ORDER BY rowid"
    box = etree.Element("aliases")
    for column, alias in db.execute(names, (layer,)):
        add(box, "alias", field=column, name=alias)
    etree.indent(box, " ")
    text: str = etree.tostring(box, encoding="unicode")
    return f"{text}\n"


def quoted(column: str) -> str:
    """A column in a QGIS expression."""
    return '"' + column.replace('"', '""') + '"'


def _legend(categories: Iterable[Category], rest: Category) -> list[Category]:
    """Categories with text fit for XML, the first of each value; last the rest, value ""."""
    found: dict[str, Category] = {}
    for one in categories:
        value = clean_text(one.value, MAX_TEXT)
        shown = clean_text(one.label, MAX_TEXT) or value
        found.setdefault(value, replace(one, value=value, label=shown))
    found.pop("", None)  # QGIS takes it for all other values
    return [*found.values(), replace(rest, value="")]


# --- QML -----------------------------------------------------------------------------------------


def _qml(renderer: etree._Element, label: Label | None, geometry: str, placement: str) -> str:
    root = etree.Element(
        "qgis",
        version=QGIS_VERSION,
        styleCategories="Symbology|Labeling|MapTips|Fields",
        labelsEnabled="1" if label else "0",
    )
    root.append(renderer)
    if label:
        root.append(_labeling(label, placement))
        add(root, "previewExpression", quoted(label.column))  # what a feature is called
    add(root, "layerGeometryType", geometry)
    etree.indent(root, " ")
    text: str = etree.tostring(root, encoding="unicode", doctype=DOCTYPE)
    return text


def _categorized(
    attribute: str,
    categories: Sequence[Category],
    symbols: Sequence[etree._Element],
    order_by: str | None,
) -> etree._Element:
    renderer = etree.Element(
        "renderer-v2",
        type="categorizedSymbol",
        attr=attribute,
        forceraster="0",
        symbollevels="0",
        enableorderby="1" if order_by else "0",
        referencescale="-1",
    )
    lines = add(renderer, "categories")
    for at, one in enumerate(categories):
        line = {"symbol": str(at), "value": one.value, "label": one.label}
        add(lines, "category", **line, render="true", type="string")
    box = add(renderer, "symbols")
    for at, symbol in enumerate(symbols):
        symbol.set("name", str(at))
        box.append(symbol)
    if order_by:
        add(add(renderer, "orderby"), "orderByClause", order_by, asc="1", nullsFirst="1")
    return renderer


def _fill_symbol(
    category: Category, opacity: float, filled: str | None, outline_mm: float
) -> etree._Element:
    symbol = _symbol("fill")
    layer = _layer(
        symbol,
        "SimpleFill",
        color=_rgba(category.colour, opacity),
        joinstyle="bevel",
        outline_color=_rgba(_INK),
        outline_style="solid",
        outline_width=f"{outline_mm:g}",
        outline_width_unit="MM",
        style="solid",
    )
    if filled:
        _computed(layer, "enabled", filled)
        far = {"distance": f"{4 * _STRIPE_MM}", "distance_unit": "MM", "angle": "45"}
        stripe = {"line_width": f"{_STRIPE_MM}", "line_width_unit": "MM"}  # a quarter of the ground
        colour = _rgba(category.colour)
        hatch = _layer(symbol, "LinePatternFill", **far, **stripe, color=colour)
        _computed(hatch, "enabled", f"NOT {filled}")
        hatch.append(_line_symbol(category.colour, _STRIPE_MM))
    return symbol


def _line_symbol(colour: str, width_mm: float = _LINE_MM) -> etree._Element:
    symbol = _symbol("line")
    width = {"line_width": f"{width_mm:g}", "line_width_unit": "MM"}
    _layer(symbol, "SimpleLine", **width, line_color=_rgba(colour), capstyle="flat")
    return symbol


def _marker_symbol(category: Category) -> etree._Element:
    symbol = _symbol("marker")
    _layer(
        symbol,
        "SimpleMarker",
        color=_rgba(category.colour),
        name=category.shape,
        outline_color=_rgba("#FFFFFF"),
        outline_style="solid",
        outline_width="0.3",
        outline_width_unit="MM",
        size=f"{_MARK_MM}",
        size_unit="MM",
    )
    return symbol


def _symbol(kind: str) -> etree._Element:
    return etree.Element("symbol", type=kind, alpha="1", clip_to_extent="1", force_rhr="0")


def _layer(symbol: etree._Element, kind: str, /, **values: str) -> etree._Element:
    layer = add(symbol, "layer", **{"class": kind, "enabled": "1", "locked": "0", "pass": "0"})
    box = add(layer, "Option", type="Map")
    for name, value in values.items():
        add(box, "Option", name=name, type="QString", value=value)
    return layer


def _computed(layer: etree._Element, what: str, expression: str) -> None:
    """Let an expression decide one property of a symbol."""
    box = add(add(layer, "data_defined_properties"), "Option", type="Map")
    add(box, "Option", name="name", type="QString", value="")
    properties = add(box, "Option", name="properties", type="Map")
    one = add(properties, "Option", name=what, type="Map")
    add(one, "Option", name="active", type="bool", value="true")
    add(one, "Option", name="expression", type="QString", value=expression)
    add(one, "Option", name="type", type="int", value=_EXPRESSION)
    add(box, "Option", name="type", type="QString", value="collection")


def _labeling(label: Label, placement: str) -> etree._Element:
    labeling = etree.Element("labeling", type="simple")
    settings = add(labeling, "settings", calloutType="simple")
    text = add(
        settings,
        "text-style",
        fieldName=label.expression,
        isExpression="1",
        fontSize=f"{_LABEL_PT}",
        fontSizeUnit="Point",
        fontWeight="75",  # bold, else the halo eats it
        textColor=_rgba(_INK),
        textOpacity="1",
        multilineHeight="0.9",
        multilineHeightUnit="Percentage",
    )
    add(
        text,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor=_rgba("#FFFFFF"),
        bufferOpacity="0.85",
        bufferNoFill="1",
        bufferJoinStyle="128",
    )
    add(settings, "text-format", multilineAlign="1", wrapChar="")
    # a polygon is no obstacle: another siembra of the lote lies on the same ground; displayAll is
    # read by QGIS 3.26 as "if required"
    where = {"placement": placement, "priority": str(label.priority), "dist": "1"}
    add(settings, "placement", **where, distUnits="MM", polygonPlacementFlags="2")
    add(
        settings,
        "rendering",
        scaleVisibility="1",
        scaleMin=str(label.visible_above),
        scaleMax=str(label.visible_below),
        drawLabels="1",
        displayAll=str(int(label.always)),
        obstacle="1" if placement == _AROUND_POINT else "0",
    )
    return labeling


def _rgba(colour: str, opacity: float = 1.0) -> str:
    """ "#RRGGBB" as QGIS writes it: "r,g,b,a", each 0 to 255."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return f"{red},{green},{blue},{round(opacity * 255)}"


# --- SLD -----------------------------------------------------------------------------------------


def _sld(
    attribute: str,
    categories: Sequence[Category],
    label: Label | None,
    symbolizer: Callable[[Category], etree._Element],
) -> str:
    rules = []
    known = [one.value for one in categories if one.value]
    for one in categories:
        if one.value:
            where = _equal(attribute, one.value)
        else:  # another value, or none; no ElseFilter: the rule of labels matches every row, so
            # that a server that takes it at its word never comes to the else
            equal = [_equal(attribute, value) for value in known]
            any_of = equal if len(equal) == 1 else [_OGC.Or(*equal)]
            missing = _OGC.PropertyIsNull(_OGC.PropertyName(attribute))
            where = _OGC.Or(missing, _OGC.Not(*any_of))
        filters = [_OGC.Filter(where)] if known else []
        rules.append(_SE.Rule(_SE.Name(one.label), *filters, symbolizer(one)))
    if label:
        below = _SE.MaxScaleDenominator(str(label.visible_below))
        rules.append(_SE.Rule(_SE.Name("Etiquetas"), below, _sld_label(label)))
    style = _SLD.UserStyle(_SE.FeatureTypeStyle(*rules))
    root = _SLD.StyledLayerDescriptor(_SLD.NamedLayer(_SE.Name(attribute), style), version="1.1.0")
    etree.indent(root, " ")
    text: str = etree.tostring(root, encoding="unicode")
    return text


def _equal(attribute: str, value: str) -> etree._Element:
    return _OGC.PropertyIsEqualTo(_OGC.PropertyName(attribute), _OGC.Literal(value))


def _sld_fill(colour: str, opacity: float) -> etree._Element:
    fill = _parameters("Fill", {"fill": colour, "fill-opacity": f"{opacity:g}"})
    return _SE.PolygonSymbolizer(fill, _stroke(_INK, "0.7"))


def _stroke(colour: str, width: str) -> etree._Element:
    return _parameters("Stroke", {"stroke": colour, "stroke-width": width})


def _sld_mark(category: Category) -> etree._Element:
    shape = category.shape if category.shape in _SLD_MARKS else "square"
    fill = _parameters("Fill", {"fill": category.colour})
    stroke = _parameters("Stroke", {"stroke": "#FFFFFF", "stroke-width": "1"})
    size = _SE.Size(f"{_MARK_MM / 0.28:.0f}")  # SLD's pixel is 0.28 mm
    mark = _SE.Mark(_SE.WellKnownName(shape), fill, stroke)
    return _SE.PointSymbolizer(_SE.Graphic(mark, size))


def _sld_label(label: Label) -> etree._Element:
    return _SE.TextSymbolizer(
        _SE.Label(_OGC.PropertyName(label.column)),
        _parameters("Font", {"font-size": f"{_LABEL_PT * 4 / 3:.0f}"}),
        _SE.Halo(_SE.Radius("1"), _parameters("Fill", {"fill": "#FFFFFF"})),
        _parameters("Fill", {"fill": _INK}),
    )


def _parameters(name: str, values: Mapping[str, str]) -> etree._Element:
    return _SE(name, *(_SE.SvgParameter(value, name=key) for key, value in values.items()))


def add(
    parent: etree._Element, tag: str, content: str | None = None, /, **attributes: str
) -> etree._Element:
    """A new last element of another."""
    node = etree.SubElement(parent, tag, attributes)
    node.text = content
    return node
