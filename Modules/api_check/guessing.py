"""Guesses about a portal's answers, for ``api check``: which member is meant, how it is written.

Pure, and only ever a proposal that a person reads: nothing here is used when data are fetched.
Names are compared without accents, case and separators, through the words that farm platforms use.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import SequenceMatcher
from typing import Any

from Modules.portal.asking import read_campania
from Modules.portal.coercion import MISSING, coerce
from Modules.portal.contract import Kind
from Modules.portal.sections import FieldRule, FieldType, Geometry
from Modules.words.domain import BoundingBox

LOOKS_ALIKE = 0.75
_ALIKE = 0.95
_TEMPLATES = (
    *("{aa}/{bb}", "{aaaa}/{bb}", "{aaaa}/{bbbb}", "{aaaa}-{bbbb}", "{aaaa}-{bb}", "{aa}-{bb}"),
    *("{aaaa}{bbbb}", "{aaaa}", "{bbbb}"),
)
_DATES = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d", "%d/%m/%y")
_TIMES = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%d-%m-%Y %H:%M:%S")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "id": ("uuid", "guid", "_id", "identificador", "pk", "key"),
    "nombre": ("name", "title", "label", "denominacion", "descripcion", "alias"),
    "codigo": ("code", "cod", "sigla", "abreviatura"),
    "campania": ("season", "campana", "campaign", "ciclo", "year", "yeargroup"),
    "campo_id": ("farm_id", "establecimiento_id", "id_campo", "farm", "campo.id", "farm.id"),
    "campo_nombre": ("farm_name", "establecimiento", "campo.nombre", "farm.name"),
    "lote_id": ("field_id", "plot_id", "lot_id", "id_lote", "parcela_id", "lote.id", "field.id"),
    "ambiente_id": ("zone_id", "management_zone_id", "id_ambiente", "ambiente.id", "zone.id"),
    "zona_id": ("region_id", "zone_id", "id_zona", "zona.id", "region.id"),
    "superficie_ha": ("superficie", "area", "area_ha", "hectareas", "has", "surface", "hectares"),
    "superficie_util_ha": ("superficie_util", "usable_area", "arable_area"),
    "updated_at": ("modified_at", "updated", "modified", "actualizado", "fecha_modificacion"),
    "created_at": ("created", "creado", "fecha_alta", "fecha_creacion"),
    "deleted_at": ("deleted", "borrado", "fecha_baja"),
    "desde": ("start", "start_date", "inicio", "fecha_inicio", "valid_from"),
    "hasta": ("end", "end_date", "fin", "fecha_fin", "valid_to"),
    "activa": ("active", "is_active", "activo", "vigente"),
    "activo": ("active", "is_active", "enabled", "habilitado"),
    "especie": ("species", "crop"),
    "orden": ("order", "position", "index", "numero"),
    "color": ("colour", "hex", "color_hex"),
    "tipo": ("type", "kind", "category", "categoria", "clase"),
    "subtipo": ("subtype", "subcategory"),
    "estado": ("status", "state", "situacion"),
    "fecha": ("date", "fecha_hora", "day"),
    "fecha_siembra": ("sowing_date", "planting_date", "sowed_at", "planted_at"),
    "fecha_cosecha": ("harvest_date", "harvested_at"),
    "material": ("variety", "variedad", "hibrido", "hybrid", "seed"),
    "observacion": ("notes", "observation", "comentario", "descripcion", "comment"),
    "potencial": ("potential", "productividad", "class"),
    "fuente": ("source", "origen"),
    "version": ("revision", "rev"),
    "provincia": ("province", "state"),
    "partido": ("county", "departamento", "district", "municipio"),
    "tenencia": ("tenure", "ownership"),
    "renspa": ("nro_renspa",),
    "empresa.nombre": ("company", "company.name", "empresa", "razon_social", "cliente"),
    "empresa.cuit": ("cuit", "tax_id", "company.tax_id", "company.cuit"),
    "cultivo.codigo": ("crop.code", "crop_code", "cultivo_codigo", "codigo_cultivo"),
    "cultivo.nombre": ("crop.name", "crop_name", "cultivo", "crop", "nombre_cultivo"),
    "muestra.codigo": ("sample.code", "sample_code", "codigo_muestra"),
    "siembras": ("sowings", "crops", "plantings", "cultivos", "seedings"),
}


def plain(name: str) -> str:
    """The name without accents, case and separators."""
    flat = unicodedata.normalize("NFKD", name)
    return re.sub(r"[^a-z0-9.]", "", flat.lower().replace("ñ", "n"))


def likeness(member: str, path: str) -> float:
    """How likely the path is what the contract calls ``member``, 0 to 1."""
    wanted, found = plain(member), plain(path)
    if wanted == found:
        return 1.0
    if found in {plain(word) for word in _WORDS.get(member, ())}:
        return _ALIKE
    last = plain(path.rsplit(".", 1)[-1])
    if "." in path and (last == wanted or last in {plain(w) for w in _WORDS.get(member, ())}):
        return _ALIKE - 0.1
    return SequenceMatcher(None, wanted, found).ratio() * 0.95


def leaves(row: Any, prefix: str = "", depth: int = 3) -> Iterator[tuple[str, Any]]:
    """Dotted paths of a row down to values and lists, objects opened ``depth`` deep."""
    for name, value in row.items():
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
    match kind:
        case "id":
            return isinstance(value, str) and value != ""
        case "text":
            return isinstance(value, str)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "list":
            return isinstance(value, list)
        case "date" | "datetime":
            return isinstance(value, str) and _is_moment(value, with_time=kind == "datetime")


def _is_moment(text: str, *, with_time: bool) -> bool:
    try:
        if with_time:
            return datetime.fromisoformat(text).tzinfo is not None
        date.fromisoformat(text)
    except ValueError:
        return False
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text))


def reading(values: Sequence[Any], kind: Kind, zone: str) -> FieldRule | None:
    """A type (and format) under which all values are of the kind, or None."""
    present = [value for value in values if value is not None and value is not MISSING]
    for type_, layout in _readings(kind):
        rule = FieldRule(path="x", type=type_, format=layout)
        if present and all(fits(coerce(value, type_, rule, zone), kind) for value in present):
            return rule
    return None


def _readings(kind: Kind) -> list[tuple[FieldType, str]]:
    match kind:
        case "id" | "text":
            return [("text", "")]
        case "number":
            return [("number", ""), ("decimal_comma", "")]
        case "integer":
            return [("integer", "")]
        case "boolean":
            return [("boolean", "")]
        case "date":
            return [("date", ""), *(("date", f) for f in (*_DATES, *_TIMES, "epoch_ms"))]
        case "datetime":
            layouts = (*_TIMES, *_DATES, "epoch_ms")
            return [("datetime", ""), *(("datetime", layout) for layout in layouts)]
    return []


def season_template(texts: Sequence[str]) -> str | None:
    """A template under which every text is a campaña, or None."""
    for template in _TEMPLATES:
        if texts and all(read_campania(template, text) is not None for text in texts):
            return template
    return None


# --- geometry -------------------------------------------------------------------------------

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
    if isinstance(value, list) and any(_names_lat_lon(item) for item in _flat(value)):
        return "latlon_rings"
    return None


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


def _names_lat_lon(item: Any) -> bool:
    return isinstance(item, dict) and bool({"lat", "latitude"} & {str(k).lower() for k in item})


def lat_lon_columns(paths: Sequence[str]) -> tuple[str, str] | None:
    """The paths of a latitude and a longitude, if the row has both."""
    lat = [p for p in paths if plain(p.rsplit(".", 1)[-1]) in ("lat", "latitud", "latitude", "y")]
    lon = [
        p
        for p in paths
        if plain(p.rsplit(".", 1)[-1]) in ("lon", "lng", "long", "longitud", "longitude", "x")
    ]
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
    """Lines that would bring the pair into the box; none if it is there, or nothing helps.

    Args:
        pair: the numbers as sent.
    """
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
