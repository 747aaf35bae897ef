"""Layers of a QGIS project, out of a short form of them to what QGIS 3.22 reads, and so later ones.

The short form is QGIS' own XML with id, source, title and display expression; added are style, what
people call the columns, codes as words and a map tip. Columns for programs are out of sight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from lxml import etree

from Modules.formats.legends import ETIQUETAS
from Modules.formats.qgis import DOCTYPE, Style, add, quoted
from Modules.words.columns import CRS

Words: TypeAlias = Mapping[str, Mapping[str, str]]  # column → code → word

_SAMPLE: Final = "muestra_id"  # what is written on a bag, though it is an id
_CALENDAR: Final = {"display_format": "dd/MM/yyyy", "field_format": "yyyy-MM-dd"}


def project_bytes(root: etree._Element) -> bytes:
    """A project's file; the same elements give the same bytes."""
    etree.indent(root, " ")
    data: bytes = etree.tostring(root, encoding="utf-8", doctype=DOCTYPE)
    return data


def complete(
    layer: etree._Element, style: Style | None, columns: Sequence[str], words: Words
) -> None:
    """Add to a ``maplayer`` all that is not its own; ``style`` is None for a table."""
    add_crs(add(layer, "srs"), CRS)
    add(layer, "provider", "ogr", encoding="UTF-8")
    if style is None:
        layer.set("geometry", "No geometry")
    else:
        drawn = etree.fromstring(style.qml)
        layer.set("labelsEnabled", drawn.get("labelsEnabled"))
        layer.extend([*drawn.findall("renderer-v2"), *drawn.findall("labeling")])
    setup, aliases = add(layer, "fieldConfiguration"), add(layer, "aliases")
    table = add(add(layer, "attributetableconfig"), "columns")
    for at, name in enumerate(("fid", *columns)):
        widget = add(add(setup, "field", name=name), "editWidget")
        widget.set("type", _widget(add(widget, "config"), name, words.get(name, {})))
        add(aliases, "alias", field=name, index=str(at), name=ETIQUETAS.get(name, name))
        hidden = str(int(is_technical(name)))
        add(table, "column", name=name, type="field", width="-1", hidden=hidden)
    called = layer.findtext("previewExpression") or quoted(columns[0])
    add(layer, "mapTip", _map_tip(called, columns, words), enabled="1")


def is_technical(column: str) -> bool:
    """Whether a column is for programs: forms and tables hide it, relations use it."""
    return column == "fid" or (column.endswith("_id") and column != _SAMPLE)


def _widget(config: etree._Element, name: str, words: Mapping[str, str]) -> str:
    """The kind of field in a form, its options added to ``config``."""
    options = add(config, "Option", type="Map")
    if is_technical(name):
        return "Hidden"
    if words:
        lines = add(options, "Option", name="map", type="List")
        for code, word in words.items():
            line = add(lines, "Option", type="Map")
            add(line, "Option", name=word, type="QString", value=code)
        return "ValueMap"
    if name.startswith("fecha"):
        for key, value in _CALENDAR.items():
            add(options, "Option", name=key, type="QString", value=value)
        add(options, "Option", name="calendar_popup", type="bool", value="true")
        return "DateTime"
    many = str(name in ("observacion", "sembrado")).lower()
    add(options, "Option", name="IsMultiline", type="bool", value=many)
    return "TextEdit"


def _map_tip(called: str, columns: Sequence[str], words: Words) -> str:
    """HTML of a feature: what it is called, and under it each column that is not empty.

    Names are anybody's text: ``&`` and ``<`` of values are written as HTML has them.
    """
    rows = [
        f"[% CASE WHEN {quoted(name)} IS NOT NULL THEN '<tr><td><i>{ETIQUETAS.get(name, name)}"
        f"</i></td><td>' || {_as_html(_in_words(name, words))} || '</td></tr>' ELSE '' END %]"
        for name in columns
        if not is_technical(name)
    ]
    return f"<b>[% {_as_html(called)} %]</b><table>{''.join(rows)}</table>"


def _in_words(column: str, words: Words) -> str:
    field = quoted(column)
    if column in words:
        return f"represent_value({field})"
    if column.startswith("fecha"):
        return f"format_date({field}, '{_CALENDAR['display_format']}')"
    return (
        f"format_number({field}, 2, 'es_AR')" if column.endswith("_ha") else f"to_string({field})"
    )


def _as_html(expression: str) -> str:
    return f"replace(replace({expression}, '&', '&amp;'), '<', '&lt;')"


def add_crs(parent: etree._Element, name: str) -> None:
    """A CRS by its name, as "EPSG:4326"."""
    system = add(parent, "spatialrefsys")
    add(system, "srsid", "1")  # any number: without one the next line is not looked at
    add(system, "authid", name)
