"""Guesses about a portal's answers, for ``api check``: which member is meant, how it is written.

Pure, and only ever a proposal that a person reads: nothing here is used when data are fetched.
Names are compared without accents, case and separators; what is called otherwise is not guessed.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from Modules.geo.encodings import LAT_KEYS, LON_KEYS
from Modules.portal.asking import read_campania
from Modules.portal.coercion import MISSING, coerce
from Modules.portal.contract import Kind
from Modules.portal.sections import FieldRule, FieldType, Geometry
from Modules.words.domain import BoundingBox, Recurso

_TEMPLATES = (
    *("{aa}/{bb}", "{aaaa}/{bb}", "{aaaa}/{bbbb}", "{aaaa}-{bbbb}", "{aaaa}-{bb}", "{aa}-{bb}"),
    *("{aaaa}{bbbb}", "{aaaa}", "{bbbb}"),
)
_DATES = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d", "%d/%m/%y")
_TIMES = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%d-%m-%Y %H:%M:%S")


def plain(name: str) -> str:
    """The name without accents, case and separators; dots are such."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", name).lower())


def same_name(member: str, path: str, *, whole: bool) -> bool:
    """Whether the path is what the contract calls ``member``, or its last segment is.

    What is nested in another thing of the trade, such as ``empresa.nombre``, is that thing's; so
    is a nested ``id``.
    """
    wanted = plain(member)
    if whole:
        return plain(path) == wanted
    above = last_name(path.rpartition(".")[0])
    return wanted != "id" and above not in ("", *_THINGS) and last_name(path) == wanted


_THINGS = {recurso.value.removesuffix("s") for recurso in Recurso} | {
    *("marcador", "empresa", "muestra", "siembra", "productor", "cliente", "usuario")
}


def examples(values: Iterable[Any]) -> str:
    """Three values as a person is shown them; "" where none is plain."""
    plain_ones = (value for value in values if isinstance(value, str | int | float))
    shown = dict.fromkeys(json.dumps(value, ensure_ascii=False)[:40] for value in plain_ones)
    return ", ".join(list(shown)[:3])


def root_of(rows: Sequence[dict[str, Any]], names: set[str]) -> str:
    """The object of the rows that holds most members of the contract; "" if they do themselves."""
    held = {name for row in rows for name in row} & names - {"id", "geometry"}
    inside: dict[str, set[str]] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, dict) and key not in names:
                inside.setdefault(key, set()).update(value)
        if row.get("type") == "Feature" and isinstance(row.get("properties"), dict):
            return "properties"
    best = max(inside, key=lambda key: len(inside[key] & names), default="")
    return best if best and len(inside[best] & names) > max(1, len(held)) else ""


def last_name(path: str) -> str:
    return plain(path.rpartition(".")[2])


def leaves(row: Any, prefix: str = "", depth: int = 3) -> Iterator[tuple[str, Any]]:
    """Dotted paths of a row down to values and lists, objects opened ``depth`` deep."""
    for name, value in row.items() if isinstance(row, dict) else ():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and depth > 1 and value and geometry_kind(value) is None:
            yield from leaves(value, f"{path}.", depth - 1)
        else:
            yield path, value


def lists_in(document: Any, prefix: str = "", depth: int = 3) -> Iterator[tuple[str, list[Any]]]:
    """Dotted paths of the lists of objects (or empty lists) of a document."""
    if isinstance(document, list):
        if all(isinstance(item, dict) for item in document):
            yield prefix, document
    elif isinstance(document, dict) and depth:
        for name, value in document.items():
            yield from lists_in(value, f"{prefix}.{name}" if prefix else name, depth - 1)


def fits(value: Any, kind: Kind) -> bool:
    """Whether a value is of the contract's kind."""
    if kind in ("date", "datetime"):
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return False
        if kind == "date" or moment is None:
            return moment is not None and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
        return moment.tzinfo is not None
    if kind == "id":
        return isinstance(value, str) and value != ""
    return isinstance(value, _PYTHON[kind]) and (kind == "boolean" or type(value) is not bool)


_PYTHON: dict[Kind, tuple[type, ...]] = {
    "text": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,), "list": (list,),
}  # fmt: skip


def reading(values: Sequence[Any], kind: Kind, zone: str) -> FieldRule | None:
    """A type (and format) under which all values are of the kind, or None."""
    present = [value for value in values if value is not None and value is not MISSING]
    for type_, layout in _READINGS.get(kind, ()):
        rule = FieldRule(path="x", type=type_, format=layout)
        if present and all(fits(coerce(value, type_, rule, zone), kind) for value in present):
            return rule
    return None


def truth_values(values: Sequence[Any]) -> str:
    """The ``values`` of a rule under which all these are true or false; "" if none is known."""
    seen = {str(value) for value in values if value is not None and value is not MISSING}
    for yes, no in (one for pair in _TRUTHS for one in (pair, map(str.upper, pair))):
        if seen and seen <= {yes, no}:
            return f'{{ "{yes}" = true, "{no}" = false }}'
    return ""


_TRUTHS = (
    ("1", "0"), ("s", "n"), ("si", "no"), ("sí", "no"), ("y", "n"), ("yes", "no"), ("v", "f"),
)  # fmt: skip
_READINGS: dict[Kind, list[tuple[FieldType, str]]] = {
    "id": [("text", "")],
    "text": [("text", "")],
    "number": [("number", ""), ("decimal_comma", "")],
    "integer": [("integer", "")],
    "boolean": [("boolean", "")],
    "date": [("date", layout) for layout in ("", *_DATES, *_TIMES, "epoch_ms")],
    "datetime": [("datetime", layout) for layout in ("", *_TIMES, *_DATES, "epoch_ms")],
}


def season_template(texts: Sequence[str]) -> str | None:
    """A template under which every text is a campaña, or None."""
    for template in _TEMPLATES:
        if texts and all(read_campania(template, text) is not None for text in texts):
            return template
    return None


_WKT = re.compile(r"\s*(SRID=\d+;)?\s*(MULTI)?(POINT|LINESTRING|POLYGON)\s*Z?M?\s*\(", re.I)
_HEX = re.compile(r"0[01]0[0-9A-Fa-f]{16,}")
_GEOJSON_TYPES = ("Point", "LineString", "Polygon")


def geometry_kind(value: Any) -> str | None:
    """Which of the client's geometry kinds a value looks like, or None."""
    if isinstance(value, dict):
        name = value.get("type")
        named = isinstance(name, str) and name.removeprefix("Multi") in _GEOJSON_TYPES
        return "geojson" if named and "coordinates" in value else None
    if isinstance(value, str):
        if _WKT.match(value):
            return "wkt"
        if _HEX.fullmatch(value.strip()):
            return "wkb_hex"
        return "geojson_text" if _holds_geojson(value) else None
    points = [item for item in _flat(value) if isinstance(item, dict)]  # of a list only
    named = any({"lat", "latitude"} & {str(key).lower() for key in point} for point in points)
    return "latlon_rings" if named else None


def _holds_geojson(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        return geometry_kind(json.loads(text)) == "geojson"
    except ValueError:
        return False


def _flat(value: Any, depth: int = 5) -> Iterator[Any]:
    if isinstance(value, list) and depth:
        for item in value[:3]:
            yield from _flat(item, depth - 1)
    else:
        yield value


def lat_lon_columns(paths: Sequence[str]) -> tuple[str, str] | None:
    """The paths of a latitude and a longitude, if the row has both."""
    lat = [path for path in paths if last_name(path) in LAT_KEYS]
    lon = [path for path in paths if last_name(path) in LON_KEYS]
    return (lat[0], lon[0]) if lat and lon else None


def first_pair(value: Any) -> tuple[float, float] | None:
    """The first two coordinates of a geometry as written, or None."""
    if isinstance(value, dict) and "coordinates" in value:
        value = value["coordinates"]
    if isinstance(value, str):
        if value.lstrip().startswith("{") and _holds_geojson(value):
            return first_pair(json.loads(value))
        found = re.search(r"\(\s*(-?\d+\.?\d*)\s+(-?\d+\.?\d*)", value)
        return (float(found[1]), float(found[2])) if found else None
    while isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    if isinstance(value, list) and len(value) >= 2 and all(fits(v, "number") for v in value[:2]):
        return float(value[0]), float(value[1])
    return None


def geometry_lines(pair: tuple[float, float], rule: Geometry, box: BoundingBox) -> tuple[str, ...]:
    """Lines that would bring the pair, as sent, into the box; none if it is there already."""
    first, second = pair
    x, y = (second, first) if rule.axis_order == "lat_lon" else (first, second)
    if rule.crs != "EPSG:4326" or _inside(x, y, box):
        return ()
    if _inside(y, x, box):
        other = "lat_lon" if rule.axis_order == "lon_lat" else "lon_lat"
        return (f'axis_order = "{other}"',)
    easting, northing = (x, y) if 1_000_000 <= x < 8_000_000 else (y, x)
    if 1_000_000 <= easting < 8_000_000 and 3_000_000 < northing < 8_000_000:
        # POSGAR 2007, Gauss-Krüger: the first digit of the easting is the faja (1 to 7).
        return (f'crs = "EPSG:{5342 + int(easting // 1_000_000)}"',)
    if 100_000 <= x < 900_000 and 1_000_000 < y < 10_000_000:
        return ('crs = "EPSG:32720"',)
    return ()


def _inside(lon: float, lat: float, box: BoundingBox) -> bool:
    return box.min_lon <= lon <= box.max_lon and box.min_lat <= lat <= box.max_lat
