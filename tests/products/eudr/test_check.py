"""``validar eudr``: each rule broken once is named, and a sound file is found sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from Modules.products.eudr.check import (
    MAX_READ_BYTES,
    SIN_EVALUAR,
    check_eudr,
    check_eudr_file,
    report_text,
)
from Modules.products.eudr.declare import MAX_FILE_BYTES, Plot, collections, declare
from Modules.products.eudr.rules import ISO2, REGLAS
from Modules.words.errors import SettingsError
from Modules.words.finding import Severity

SQUARE = shapely.box(-61.123456, -34.123456, -61.113454, -34.113454)
BESIDE = shapely.box(-61.113454, -34.123456, -61.103452, -34.113454)
SMALL = shapely.box(-61.103457, -34.103457, -61.102452, -34.102452)
RING = "[-61.123456,-34.123456],[-61.113454,-34.123456]"  # how the first ring begins


def _base(*, points: bool = False) -> str:
    plots = [
        Plot("1", "Empresa Ejemplo S.A.", "AR", "El Ombú - 1", SQUARE),
        Plot("2", "Empresa Ejemplo S.A.", "AR", "El Ombú - 2", BESIDE),
        Plot("3", "Empresa Ejemplo S.A.", "AR", "El Ombú - 3", SMALL),
    ]
    ((data, _),) = collections(declare(plots, points=points))
    return data.decode()


BASE = _base()
POINTS = _base(points=True)
FIRST = BASE.splitlines()[1].removesuffix(",")


def _swap(old: str, new: str, text: str = BASE) -> bytes:
    assert old in text, f"the test's file has no {old}"
    return text.replace(old, new, 1).encode()


def _shape(kind: str, coordinates: str) -> bytes:
    """The base with another geometry in its first feature."""
    geometry = json.dumps({"type": kind, "coordinates": 0}).replace("0", coordinates)
    head, _, _ = FIRST.partition('"geometry":')
    return _swap(FIRST, f'{head}"geometry":{geometry}}}')


A, B, C, D = (
    "[-61.123456,-34.123456]",
    "[-61.113454,-34.123456]",
    "[-61.113454,-34.113454]",
    "[-61.123456,-34.113454]",
)
HOLE = "[-61.121111,-34.121111],[-61.121111,-34.120111],[-61.120111,-34.120111]"

BREAKS: dict[str, Callable[[], bytes]] = {
    "tamano": lambda: BASE.encode() + b" " * MAX_FILE_BYTES,
    "json": lambda: _swap('"Area":', '"Area":NaN,"x":'),
    "coleccion": lambda: FIRST.encode(),
    "crs": lambda: _swap('"features"', '"crs":{"properties":{"name":"EPSG:32720"}},"features"'),
    "sin_crs": lambda: _swap('"features"', '"crs":{"properties":{"name":"CRS84"}},"features"'),
    "sin_bom": lambda: b"\xef\xbb\xbf" + BASE.encode(),
    "con_elementos": lambda: b'{"type":"FeatureCollection","features":[]}',
    "elemento": lambda: _swap('"Feature"', '"Fixture"'),
    "tipo_geometria": lambda: _shape("LineString", f"[{A},{B}]"),
    "coordenadas": lambda: _swap("-61.123456", '"-61.123456"'),
    "rango": lambda: _swap("-61.123456", "-461.123456"),
    "orden_lon_lat": lambda: _shape(
        "Polygon", "[[[-34.1,-61.123456],[-34.2,-61.1],[-34.1,-61.1],[-34.1,-61.123456]]]"
    ),
    "precision": lambda: _shape(
        "Polygon", "[[[-61.1,-34.1],[-61.0,-34.1],[-61.0,-34.0],[-61.1,-34.1]]]"
    ),
    "cuatro_posiciones": lambda: _shape("Polygon", f"[[{A},{B},{A}]]"),
    "anillo_cerrado": lambda: _shape("Polygon", f"[[{A},{B},{C},{D}]]"),
    "vertices_repetidos": lambda: _shape(
        "Polygon", f"[[{A},{B},[-61.1134541,-34.1234561],{C},{D},{A}]]"
    ),
    "autocruce": lambda: _shape("Polygon", f"[[{A},{C},{B},{D},{A}]]"),
    "area_no_nula": lambda: _shape(
        "Polygon", "[[[-61.1234561,-34.1234561],[-61.1234562,-34.1234561],"
        "[-61.1234562,-34.1234562],[-61.1234561,-34.1234561]]]"
    ),
    "sin_agujeros": lambda: _shape(
        "Polygon", f"[[{A},{B},{C},{D},{A}],[{HOLE},[-61.121111,-34.121111]]]"
    ),
    "partes_separadas": lambda: _shape(
        "MultiPolygon", f"[[[{A},{B},{C},{D},{A}]],[[{A},{B},{C},{A}]]]"
    ),
    "nombres_exactos": lambda: _swap('"Area"', '"area"'),
    "textos": lambda: _swap('"El Ombú - 1"', "1"),
    "pais_iso2": lambda: _swap('"AR"', '"ar"'),
    "area_numerica": lambda: _swap('"Area":', '"Area":-'),
    "punto_hasta_4_ha": lambda: _shape("Point", A),
    "seis_decimales": lambda: _swap("-61.123456", "-61.1234567"),
    "dos_dimensiones": lambda: _swap("-34.123456]", "-34.123456,80]"),
    "orientacion": lambda: _shape("Polygon", f"[[{A},{D},{C},{B},{A}]]"),
    "dentro_del_pais": lambda: _swap('"AR"', '"BR"'),
    "propiedades_completas": lambda: _swap('"ProducerName":"Empresa Ejemplo S.A.",', ""),
    "propiedades_de_mas": lambda: _swap('"Area"', '"cultivo":"soja","Area"'),
    "textos_no_vacios": lambda: _swap('"El Ombú - 1"', '" "'),
    "area_coherente": lambda: _swap('"Area":', '"Area":1'),
    "sin_superposicion": lambda: _swap(FIRST, f"{FIRST},{FIRST}"),
}  # fmt: skip


@pytest.mark.parametrize("text", [BASE, POINTS], ids=["polygons", "points"])
def test_what_we_write_keeps_every_rule(text: str) -> None:
    report = check_eudr(text.encode(), "eudr.geojson")
    assert list(report.findings()) == []
    assert report.passed
    assert len(report.lugares) == 3


def test_each_rule_has_a_case_that_breaks_it() -> None:
    assert set(BREAKS) == {regla.codigo for regla in REGLAS}


@pytest.mark.parametrize("codigo", BREAKS)
def test_a_broken_rule_is_named(codigo: str) -> None:
    report = check_eudr(BREAKS[codigo](), "eudr.geojson")
    broken = {one.code for one in report.broken()}
    assert codigo in broken
    level = next(regla.gravedad for regla in REGLAS if regla.codigo == codigo)
    assert report.passed is (
        level is Severity.WARNING and not any(one.is_error for one in report.broken())
    )
    text = report_text(report)
    assert f"{'✘' if level is Severity.ERROR else '!'} {codigo} (" in text
    assert ("NO CUMPLE" in text) is not report.passed


@pytest.mark.parametrize("codigo", [r.codigo for r in REGLAS if r.alcance == "elemento"])
def test_the_broken_feature_is_named_and_the_others_are_not(codigo: str) -> None:
    report = check_eudr(BREAKS[codigo](), "eudr.geojson")
    guilty = {one.item for one in report.broken() if one.code == codigo}
    assert guilty == ({"1", "2"} if codigo == "sin_superposicion" else {"1"})


def test_rows_say_every_rule_of_every_feature_and_never_vouch_for_the_unseen() -> None:
    report = check_eudr(BREAKS["anillo_cerrado"](), "eudr.geojson")
    rows = list(report.rows())
    per_feature = sum(regla.alcance == "elemento" for regla in REGLAS)
    assert len(rows) == (len(REGLAS) - per_feature) + 3 * per_feature
    unseen = {one.code for one in rows if one.item == "1" and one.what == SIN_EVALUAR}
    assert {"autocruce", "area_no_nula", "area_coherente", "sin_superposicion"} <= unseen


def test_what_crosses_itself_only_at_six_decimals_is_found() -> None:
    near = f"[[{A},{B},{C},[-61.1184541,-34.1234559],[-61.1184559,-34.1234559],{D},{A}]]"
    data = _shape("Polygon", near)
    ring = json.loads(near)[0]
    assert shapely.Polygon(ring).is_valid
    found = {one.code: one.notes[0] for one in check_eudr(data, "x").broken()}
    assert "al redondear" in found["autocruce"]


def test_neighbours_that_share_a_strip_are_no_overlap() -> None:
    strip = shapely.box(-61.1134548, -34.123456, -61.103452, -34.113454)  # 8 cm over the border
    plots = [Plot("1", "E", "AR", "1", SQUARE), Plot("2", "E", "AR", "2", strip)]
    ((data, _),) = collections(declare(plots))
    assert check_eudr(data, "x").broken() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"\x00" * 100,
        b"[" * 200_000,
        b'{"type":"FeatureCollection","features":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"type":"FeatureCollection","features":[null,1,"x",[],{},{"type":"Feature"}]}',
        b'{"type":"FeatureCollection","features":{"0":1}}',
        b'{"type":["FeatureCollection"],"features":[],"crs":7}',
        BASE.encode().replace(b"Ejemplo", b"\xc3\x28"),
        BASE.encode().replace(b"34.123456", b"34.12345" + b"6" * 5000),
        BASE.encode().replace(b"Ejemplo", b"\\ud800"),
        BASE.encode().replace(b'"Polygon"', b'{"a":[1]}'),
        BASE.encode().replace(b'"AR"', b'["AR"]'),
        BASE.encode().replace(b'"Area":', b'"Area":1e99999,"x":'),
    ],
)
def test_hostile_files_are_found_out_and_never_raise(data: bytes) -> None:
    report = check_eudr(data, "malo\x1b[31m.geojson")
    assert not report.passed
    text = report_text(report)
    text.encode("utf-8")
    assert "\x1b" not in text


def test_a_file_too_large_to_read_is_judged_by_its_size() -> None:
    report = check_eudr(b"", "grande.geojson", size=MAX_READ_BYTES + 1)
    assert {one.code for one in report.broken()} == {"tamano"}
    assert not report.passed


def test_thousands_of_equal_features_do_not_make_it_slow_or_large() -> None:
    """Pairs of features that meet are counted, and looking stops: this would be 25 million."""
    data = ('{"type":"FeatureCollection","features":[' + ",".join([FIRST] * 5000) + "]}").encode()
    report = check_eudr(data, "x")
    overlaps = [one for one in report.findings() if one.code == "sin_superposicion"]
    assert len(overlaps) == 5000


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_file_with_a_byte_changed_never_raises(data: st.DataObject) -> None:
    raw = bytearray(BASE.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    report_text(check_eudr(bytes(raw), "x"))


def test_the_country_codes_are_those_of_the_standard() -> None:
    assert len(ISO2) == 249
    assert {"AR", "BR", "UY", "GR"} <= ISO2
    assert not {"UK", "EL", "ZZ"} & ISO2


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("eu_example_type1_single_producer.geojson", 2),
        ("eu_example_type2_multiple_producers.geojson", 4),
    ],
)
def test_the_commissions_own_examples_pass(shared_data: Path, name: str, features: int) -> None:
    report = check_eudr((shared_data / "eudr" / name).read_bytes(), name)
    assert report.passed
    assert len(report.lugares) == features
    notices = {one.code for one in report.broken()}
    assert notices <= {"seis_decimales", "propiedades_completas", "orientacion"}


@pytest.mark.shared
def test_real_plots_that_were_not_prepared_are_found_out(shared_data: Path) -> None:
    """Whisp's public example: one plot of fifty has a hole, none has the EU's properties."""
    report = check_eudr((shared_data / "eudr/whisp_geojson_example.geojson").read_bytes(), "whisp")
    assert not report.passed
    errors = [(one.code, one.item) for one in report.broken() if one.is_error]
    assert errors == [("sin_agujeros", "14")]
    notices = {one.code for one in report.broken() if not one.is_error}
    assert {"sin_crs", "seis_decimales", "propiedades_completas", "propiedades_de_mas"} <= notices


@pytest.mark.shared
@pytest.mark.parametrize(
    ("old", "new", "codigo"),
    [
        ("-49.004616,-22.734322]", "-49.004617,-22.734322]", "anillo_cerrado"),
        ('"BR"', '"BRA"', "pais_iso2"),
        ('"Area":23.72', '"Area":"23.72"', "area_numerica"),
        ('"Area":23.72', '"Area":33.72', "area_coherente"),
        (
            "[-49.00683,-22.73526]",
            "[-49.00683,-22.73526],[-49.00683,-22.73526]",
            "vertices_repetidos",
        ),
        ('"Polygon"', '"LineString"', "tipo_geometria"),
        ('"ProductionPlace"', '"PRODUCTION_PLACE"', "nombres_exactos"),
    ],
)
def test_the_commissions_example_broken_once(
    shared_data: Path, old: str, new: str, codigo: str
) -> None:
    path = shared_data / "eudr/eu_example_type1_single_producer.geojson"
    data = _swap(old, new, path.read_text(encoding="utf-8"))
    assert (codigo, "1") in {(o.code, o.item) for o in check_eudr(data, "x").broken()}


# --- files on disk: unreadable is a settings error, huge is not read -----------------------------


def test_a_file_is_checked_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "Ñandú.geojson"
    path.write_bytes(b'{"type":"FeatureCollection","features":[]}')
    report = check_eudr_file(path)
    assert report.archivo == "Ñandú.geojson"
    assert report.passed


@pytest.mark.parametrize("name", ["no such file.geojson", ".", "a\x00b"])
def test_what_is_no_readable_file_is_a_settings_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="no se puede leer"):
        check_eudr_file(tmp_path / name)


def test_a_huge_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "grande.geojson"
    with path.open("wb") as file:
        file.truncate(MAX_READ_BYTES * 40)  # sparse: 2 GB that take no room
    report = check_eudr_file(path)
    assert [one.code for one in report.broken()] == ["tamano"]
    assert not report.passed
