"""Styles as text: well formed, complete, and safe against any value."""

from __future__ import annotations

import re

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from Modules.formats.qgis import REST, Category, Label, Style, fill_style, marker_style, quoted

CROPS = [Category("Trigo", "Trigo", "#A1661A"), Category("Soja 1ra", "Soja 1ra", "#2E7D32")]
LABEL = Label('"lote"', "lote", visible_below=50_000)
SE = "{http://www.opengis.net/se}"
OGC = "{http://www.opengis.net/ogc}"


def qml_of(style: Style) -> ElementTree:
    """QML, its doctype (which names no file that is there) left out for the strict parser."""
    doctype, _, rest = style.qml.partition("\n")
    assert doctype == "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
    return ElementTree.fromstring(rest)


def colours(style: Style) -> dict[str, str]:
    """Value of each category to the colour of its symbol: what QGIS draws."""
    root = qml_of(style)
    symbols = {
        symbol.get("name"): next(
            option.get("value") for option in symbol.iter("Option") if option.get("name") == "color"
        )
        for symbol in root.iter("symbol")
    }
    return {line.get("value"): symbols[line.get("symbol")] for line in root.iter("category")}


@pytest.mark.parametrize("kind", [fill_style, marker_style])
def test_every_category_has_its_colour_and_the_rest_is_grey(kind: object) -> None:
    style = (
        fill_style("cultivo", CROPS, opacity=1)
        if kind is fill_style
        else marker_style("cultivo", CROPS)
    )
    assert colours(style) == {
        "Trigo": "161,102,26,255",
        "Soja 1ra": "46,125,50,255",
        "": "158,158,158,255",
    }
    assert qml_of(style).find("renderer-v2").get("attr") == "cultivo"
    assert qml_of(style).findtext("layerGeometryType") == ("2" if kind is fill_style else "0")
    rules = list(ElementTree.fromstring(style.sld).iter(f"{SE}Rule"))
    crops, rest = rules[:-1], rules[-1].find(f"{OGC}Filter/{OGC}Or")
    assert [rule.findtext(f".//{OGC}Literal") for rule in crops] == ["Trigo", "Soja 1ra"]
    assert rest.findtext(f"{OGC}PropertyIsNull/{OGC}PropertyName") == "cultivo"
    others = rest.find(f"{OGC}Not/{OGC}Or")
    assert [one.text for one in others.iter(f"{OGC}Literal")] == ["Trigo", "Soja 1ra"]
    assert "ElseFilter" not in style.sld  # the rule of labels would leave it nothing


def test_a_label_is_written_where_there_is_one() -> None:
    assert qml_of(fill_style("cultivo", CROPS)).get("labelsEnabled") == "0"
    style = fill_style("cultivo", CROPS, label=LABEL)
    root = qml_of(style)
    assert root.get("labelsEnabled") == "1"
    text = root.find("labeling/settings/text-style")
    assert (text.get("fieldName"), text.get("isExpression")) == ('"lote"', "1")
    assert root.find("labeling/settings/rendering").get("scaleMax") == "50000"
    assert f"{OGC}PropertyName" in [e.tag for e in ElementTree.fromstring(style.sld).iter()]
    assert "<se:MaxScaleDenominator>50000<" in style.sld


def test_a_column_says_which_rows_are_filled_and_the_others_are_stripes_over_them() -> None:
    root = qml_of(fill_style("cultivo", CROPS, hatch_unless="ultima"))
    for symbol in root.iterfind("renderer-v2/symbols/symbol"):
        layers = [
            (layer.get("class"), [o.get("value") for o in layer.iter("Option")
                                  if o.get("name") == "expression"])
            for layer in symbol.iterfind("layer")
        ]  # fmt: skip
        assert layers == [("SimpleFill", ['"ultima"']), ("LinePatternFill", ['NOT "ultima"'])]
    assert root.find("renderer-v2").get("enableorderby") == "1"
    assert root.findtext("renderer-v2/orderby/orderByClause") == 'NOT "ultima"'


def test_one_symbol_for_all_rows() -> None:
    style = fill_style("x", [], rest=Category("", "Sin cultivo", "#ECEFF1"), opacity=1)
    assert colours(style) == {"": "236,239,241,255"}


@given(st.lists(st.text(st.characters(), max_size=30), max_size=8))
def test_any_value_gives_a_well_formed_style(values: list[str]) -> None:
    categories = [Category(value, value, "#112233") for value in values]
    for style in (fill_style("cultivo", categories, label=LABEL), marker_style("c", categories)):
        shown = [line.get("value") for line in qml_of(style).iter("category")]
        assert len(set(shown)) == len(shown)
        assert shown[-1] == REST.value
        ElementTree.fromstring(style.sld)
        assert style == (
            fill_style("cultivo", categories, label=LABEL)
            if style.qml.count("SimpleFill")
            else marker_style("c", categories)
        )


def test_a_column_is_quoted_for_expressions() -> None:
    assert quoted('a "b"') == '"a ""b"""'
    assert re.fullmatch(r'"superficie_ha"', quoted("superficie_ha"))
