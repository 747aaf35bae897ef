"""Dialects of a row: fields by path and type, sowings, geometry in every encoding."""

from __future__ import annotations

import json
from typing import Any

import pyproj
import pytest
import shapely

from Modules.geo.geometry import decode
from Modules.words.domain import Record, Recurso
from tests.portal.dialect_server import POLYGON, answering, config_of, fetch, json_reply, lote

ONE_PAGE = '[auth]\nkind = "none"\n[paging]\nkind = "none"\n[envelope]\nrows = "items"\n'


def _record(profile: str, row: dict[str, Any], recurso: Recurso = Recurso.LOTES) -> Record:
    with answering(lambda _: json_reply({"items": [row]})) as portal:
        return fetch(portal.url, ONE_PAGE + profile, recurso).records[0]


def test_fields_by_path_with_types_values_and_defaults() -> None:
    row = {
        "uuid": 4711,
        "farm": {"id": 12, "name": "La Paz"},
        "titles": ["7 A/B"],
        "season": "2025/2026",
        "area": "1.480,50",
        "usable": "58.9",
        "modified": "19/11/2025 17:20",
        "extra": "stays in the raw page",
        "geometry": None,
    }
    profile = (
        '[season]\ncodigo = "{aaaa}/{bbbb}"\n[resources.lotes.fields]\nid = "uuid"\n'
        'campo_id = "farm.id"\ncampo_nombre = "farm.name"\nnombre = "titles.0"\n'
        'campania = "season"\nsuperficie_ha = { path = "area", type = "decimal_comma" }\n'
        'superficie_util_ha = "usable"\ndeleted_at = { path = "gone" }\n'
        'updated_at = { path = "modified", type = "datetime", format = "%d/%m/%Y %H:%M" }\n'
    )
    assert _record(profile, row).values == {
        "id": "4711",
        "campo_id": "12",
        "campo_nombre": "La Paz",
        "nombre": "7 A/B",
        "campania": "25/26",
        "superficie_ha": 1480.5,
        "superficie_util_ha": 58.9,
        "updated_at": "2025-11-19T17:20:00-03:00",
        "geometry": None,
    }


def test_value_maps_defaults_dates_and_nested_members_of_a_marcador() -> None:
    row = {
        "id": "m1",
        "lote_id": "l1",
        "campania": "25/26",
        "kind": 3,
        "nombre": "p",
        "status": "DONE",
        "day": 1763596800,
        "sample": {"code": "A-1", "composite": "true", "n": "20"},
        "geometry": None,
    }
    profile = (
        "[resources.marcadores.fields]\n"
        'tipo = { path = "kind", values = { 3 = "muestreo" } }\n'
        'estado = { path = "status", values = { DONE = "hecho" } }\n'
        'subtipo = { path = "sub", default = "suelo" }\n'
        'observacion = { default = "sin datos" }\n'
        'fecha = { path = "day", type = "date", format = "epoch_s" }\n'
        '"muestra.codigo" = "sample.code"\n'
        '"muestra.compuesta" = { path = "sample.composite", type = "boolean" }\n'
        '"muestra.submuestras" = { path = "sample.n", type = "integer" }\n'
    )
    values = _record(profile, row, Recurso.MARCADORES).values
    assert values["tipo"] == "muestreo"
    assert values["estado"] == "hecho"
    assert values["subtipo"] == "suelo"
    assert values["observacion"] == "sin datos"
    assert values["fecha"] == "2025-11-19"  # 21:00 in Buenos Aires, though the 20th in UTC
    assert values["muestra"] == {"codigo": "A-1", "compuesta": True, "submuestras": 20}


def test_sowings_in_a_list_of_another_name_and_one_crop_in_the_row() -> None:
    nested = _record(
        '[resources.lotes.siembras]\npath = "crops.list"\n'
        '[resources.lotes.siembras.fields]\n"cultivo.nombre" = "crop"\norden = "n"\n',
        lote(1, crops={"list": [{"id": 5, "crop": "Soja 2da", "n": 2, "estado": "sembrado"}]}),
    )
    assert nested.values["siembras"] == [
        {"id": "5", "orden": 2, "cultivo": {"nombre": "Soja 2da"}, "estado": "sembrado"}
    ]
    flat = (
        "[resources.lotes.siembras]\nflat = true\n"
        '[resources.lotes.siembras.fields]\n"cultivo.nombre" = "crop"\n'
    )
    assert _record(flat, lote(1, crop="Trigo")).values["siembras"] == [
        {"id": "l0001-1", "orden": 1, "cultivo": {"nombre": "Trigo"}}
    ]
    assert _record(flat, lote(1, crop=None)).values["siembras"] == []


def test_a_row_of_another_campania_keeps_it() -> None:
    assert _record("", lote(1, campania="24/25")).values["campania"] == "24/25"
    assert _record("", lote(1, campania="nonsense")).values["campania"] == "nonsense"


# --- geometry -------------------------------------------------------------------------------

_RING = POLYGON["coordinates"][0]
_SHAPE = shapely.geometry.shape(POLYGON)
_RINGS = [[{"lat": lat, "lon": lon} for lon, lat in _RING]]
_GEOMETRIES: dict[str, tuple[str, dict[str, Any], shapely.Geometry]] = {
    "geojson": ("", {"geometry": POLYGON}, _SHAPE),
    "geojson in text": (
        'kind = "geojson_text"\npath = "shape"\n',
        {"shape": json.dumps(POLYGON)},
        _SHAPE,
    ),
    "wkt": ('kind = "wkt"\npath = "geo.wkt"\n', {"geo": {"wkt": _SHAPE.wkt}}, _SHAPE),
    "wkb hex": ('kind = "wkb_hex"\n', {"geometry": _SHAPE.wkb_hex}, _SHAPE),
    "lat/lon rings": ('kind = "latlon_rings"\n', {"geometry": _RINGS}, _SHAPE),
    "lat + lon columns": (
        'kind = "lat_lon"\nlat = "pos.y"\nlon = "pos.x"\n',
        {"pos": {"y": "-35.5", "x": -63.1}},
        shapely.Point(-63.1, -35.5),
    ),
    "lat + lon columns, decimal comma": (
        'kind = "lat_lon"\ndecimal_comma = true\n',
        {"lat": "-35,5", "lon": "-63,1"},
        shapely.Point(-63.1, -35.5),
    ),
    "axis order": (
        'kind = "wkt"\naxis_order = "lat_lon"\n',
        {"geometry": "POINT (-35.5 -63.1)"},
        shapely.Point(-63.1, -35.5),
    ),
}


@pytest.mark.parametrize("name", _GEOMETRIES)
def test_geometry(name: str) -> None:
    section, cells, wanted = _GEOMETRIES[name]
    row = {k: v for k, v in lote(1).items() if k != "geometry"} | cells
    config = config_of("http://127.0.0.1:9", f"[resources.lotes.geometry]\n{section}")
    record = _record(f"[resources.lotes.geometry]\n{section}", row)
    encoding = config.profile.encodings()[Recurso.LOTES]
    (shape,) = decode([record.values["geometry"]], encoding)
    assert shapely.equals_exact(shape, wanted, tolerance=1e-12)


def test_geometry_of_another_crs_lands_where_it_is() -> None:
    to_gk = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:5347", always_xy=True)
    x, y = to_gk.transform(-60.0, -35.0)
    section = '[resources.lotes.geometry]\nkind = "wkt"\ncrs = "EPSG:5347"\n'
    record = _record(section, lote(1, geometry=f"POINT ({x} {y})"))
    encoding = config_of("http://127.0.0.1:9", section).profile.encodings()[Recurso.LOTES]
    (shape,) = decode([record.values["geometry"]], encoding)
    assert abs(shape.x + 60) < 1e-7
    assert abs(shape.y + 35) < 1e-7


def test_two_columns_that_are_empty_or_absent() -> None:
    section = '[resources.lotes.geometry]\nkind = "lat_lon"\n'
    assert _record(section, lote(1, lat=None, lon="")).values["geometry"] is None
    assert _record(section, lote(1, lat=1)).values["geometry"] == {"lat": 1, "lon": None}
    assert "geometry" not in _record(section, lote(1)).values
