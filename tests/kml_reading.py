"""Read KML back by other people's eyes: the OGC schema, lxml, defusedxml. No network."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path

import defusedxml.ElementTree
import fastkml
import shapely
from lxml import etree

KML = "{http://www.opengis.net/kml/2.2}"
_PARSER = etree.XMLParser(no_network=True, resolve_entities=False)


@lru_cache
def schema(path: Path | None = None) -> etree.XMLSchema:
    """The OGC KML 2.2 schema, out of fastkml or of a file."""
    path = path or Path(fastkml.__file__).parent / "schema" / "ogckml22.xsd"
    return etree.XMLSchema(etree.parse(str(path), _PARSER))


def parse(doc: bytes, *, xsd: Path | None = None) -> etree._Element:
    """The root of a document that is valid, safe, and has nothing that Earth on the web refuses."""
    defusedxml.ElementTree.fromstring(doc, forbid_dtd=True)
    root = etree.fromstring(doc, _PARSER)
    rules = schema(xsd)
    assert rules.validate(root), rules.error_log
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    tags = {etree.QName(tag) for tag in {element.tag for element in root.iter()}}
    assert {tag.namespace for tag in tags} == {KML[1:-1]}
    assert not {tag.localname for tag in tags} & {"NetworkLink", "ScreenOverlay", "Link"}
    hrefs = [element.text for element in root.iter(f"{KML}href")]
    assert all(href.startswith("files/") for href in hrefs)
    styles = {
        element.get("id") for kind in ("Style", "StyleMap") for element in root.iter(KML + kind)
    }
    assert {url.text[1:] for url in root.iter(f"{KML}styleUrl")} <= styles
    return root


def read_kmz(path: Path) -> etree._Element:
    """The document of a whole archive whose icons are all there."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[0] == "doc.kml"
        assert [name for name in names if name.endswith(".kml")] == ["doc.kml"]
        root = parse(archive.read("doc.kml"))
    assert {element.text for element in root.iter(f"{KML}href")} == set(names[1:])
    return root


def folders(root: etree._Element) -> dict[str, list[etree._Element]]:
    """Placemarks by folder."""
    return {
        folder.findtext(f"{KML}name"): folder.findall(f"{KML}Placemark")
        for folder in root.findall(f"{KML}Document/{KML}Folder")
    }


def data(placemark: etree._Element) -> dict[str, str]:
    """The untyped data of a placemark."""
    return {
        item.get("name"): item.findtext(f"{KML}value") or ""
        for item in placemark.iter(f"{KML}Data")
    }


def geometry(element: etree._Element) -> shapely.Geometry:
    """Geometry of a geometry element or of a placemark, read without GDAL."""
    tag = etree.QName(element).localname
    if tag == "Placemark":
        return geometry(element[-1])
    if tag == "MultiGeometry":
        parts = [geometry(part) for part in element]
        kinds = {"Point": shapely.MultiPoint, "LineString": shapely.MultiLineString}
        return kinds.get(parts[0].geom_type, shapely.MultiPolygon)(parts)
    if tag == "Polygon":
        shell, *holes = (_positions(ring) for ring in element.iter(f"{KML}LinearRing"))
        return shapely.Polygon(shell, holes)
    return {"Point": shapely.Point, "LineString": shapely.LineString}[tag](
        _positions(element)[0] if tag == "Point" else _positions(element)
    )


def _positions(element: etree._Element) -> list[tuple[float, ...]]:
    text = element.findtext(f"{KML}coordinates")
    return [tuple(map(float, position.split(","))) for position in text.split(" ")]
