"""The files of ``sustentabilidad/``: each opens, all agree, personal data stay in one of them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from Modules.geo.geometry import geodesic_area_ha
from Modules.products.eudr import control as eudr_control
from Modules.products.eudr.check import check_eudr, check_eudr_file
from Modules.products.eudr.rules import REGLAS
from Modules.products.source import Fuente
from Modules.products.sustentabilidad import establecimientos
from Modules.products.sustentabilidad.product import (
    build_sustentabilidad,
    empresa_labels,
    eudr_codes,
)
from Modules.words.domain import Recurso
from Modules.words.errors import PublishError
from Modules.words.names import check_names, name_key
from tests.fuentes import campo, fuente_of, fuente_of_file, lote

ALL, CONTROL, BOOK = "eudr_25-26.geojson", "eudr_control_25-26.csv", "establecimientos_25-26.xlsx"
FIBOA, CODES = "fiboa_25-26.parquet", "fiboa_25-26_cultivos.csv"


@pytest.fixture(scope="module")
def built(demo_fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return files_of(demo_fuente, tmp_path_factory.mktemp("sust"))


def files_of(fuente: Fuente, work: Path, **options: object) -> dict[str, Path]:
    """The files alone; what people should know is looked at where it matters."""
    return build_sustentabilidad(fuente, work, **options)[0]  # type: ignore[arg-type]


def _features(path: Path) -> list[dict[str, dict[str, object]]]:
    features: list[dict[str, dict[str, object]]] = json.loads(path.read_bytes())["features"]
    return features


def _control(files: dict[str, Path]) -> list[dict[str, str]]:
    with files[CONTROL].open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _sheet(path: Path, name: str) -> list[dict[str, object]]:
    rows = list(openpyxl.load_workbook(path)[name].iter_rows(values_only=True))
    headers = [str(header) for header in rows[0]]
    found = [dict(zip(headers, row, strict=True)) for row in rows[1:]]
    return found[: next(i for i, row in enumerate(found) if row["Empresa"] == "Total")]


def _is_soja(fuente: Fuente) -> pd.Series:
    siembras = fuente.tables.siembras
    return siembras["cultivo"].str.startswith("Soja")


def test_there_is_a_file_of_all_and_one_for_each_empresa(built: dict[str, Path]) -> None:
    assert set(built) == {
        *(ALL, CONTROL, FIBOA, CODES, BOOK),
        "eudr_25-26_Agro Ñandú S.R.L.geojson",
        "eudr_25-26_Empresa Ejemplo S.A.geojson",
        "eudr_25-26_La Demo & Cía.geojson",
    }
    check_names(built)
    assert all(path.stat().st_size for path in built.values())


def test_our_eudr_files_break_no_rule_but_overlaps_of_the_data(built: dict[str, Path]) -> None:
    for name in built:
        if name.endswith(".geojson"):
            report = check_eudr_file(built[name])
            assert report.passed
            assert {one.code for one in report.broken()} <= {"sin_superposicion"}


def test_every_soja_lote_is_declared_whole_and_no_other(
    demo_fuente: Fuente, built: dict[str, Path]
) -> None:
    tables = demo_fuente.tables
    sown = set(tables.siembras.loc[_is_soja(demo_fuente), "lote_id"])
    soja = tables.lotes[tables.lotes["lote_id"].isin(sown)]
    features = _features(built[ALL])
    places = [feature["properties"]["ProductionPlace"] for feature in features]
    assert len(set(places)) == len(places)  # every polygon can be told from all others
    mark = r" \((parte \d+ de \d+|[\w-]+)\)"
    bare = {re.sub(mark, "", place) for place in places}
    assert bare == {re.sub(mark, "", one) for one in soja["campo"] + " - " + soja["lote"]}
    total = sum(float(str(feature["properties"]["Area"])) for feature in features)
    assert total == pytest.approx(soja["superficie_ha"].sum(), rel=1e-4)
    shapes = shapely.from_geojson([json.dumps(feature["geometry"]) for feature in features])
    assert geodesic_area_ha(shapes).sum() == pytest.approx(total, abs=1e-4 * len(features))


def test_the_files_of_the_empresas_are_the_file_of_all(built: dict[str, Path]) -> None:
    whole = _features(built[ALL])
    apart = [
        feature
        for name in built
        if name.startswith("eudr_25-26_")
        for feature in _features(built[name])
    ]
    assert sorted(map(json.dumps, whole)) == sorted(map(json.dumps, apart))
    for name in built:
        if name.startswith("eudr_25-26_"):
            assert len({f["properties"]["ProducerName"] for f in _features(built[name])}) == 1


def test_the_control_lists_every_rule_for_every_lote(
    demo_fuente: Fuente, built: dict[str, Path]
) -> None:
    rows = _control(built)
    assert tuple(rows[0]) == tuple(eudr_control.HEADERS.values())
    by_lote: dict[str, set[str]] = {}
    for row in rows:
        if row["Id del lote"]:
            by_lote.setdefault(row["Id del lote"], set()).add(row["Regla"])
    assert set(by_lote) == set(demo_fuente.tables.lotes["lote_id"])
    every = {regla.codigo for regla in REGLAS if regla.alcance == "elemento"}
    every |= {regla.codigo for regla in eudr_control.PREPARACION}
    declared = {row["Id del lote"] for row in rows if row["Elemento"]}
    assert all(by_lote[lote_id] == every for lote_id in declared)
    others = [row for row in rows if row["Id del lote"] and row["Id del lote"] not in declared]
    assert {row["Resultado"] for row in others} == {"no corresponde"}
    files = {row["Archivo"] for row in rows if row["Regla"] == "tamano"}
    assert files == {name for name in built if name.endswith(".geojson")}


def test_the_control_says_what_validar_eudr_says(built: dict[str, Path]) -> None:
    report = check_eudr_file(built[ALL])
    said = [
        (int(one.item), one.code, one.what, "".join(one.notes)) for one in report.rows() if one.item
    ]
    listed = [
        (int(row["Elemento"]), row["Regla"], row["Resultado"], row["Detalle"])
        for row in _control(built)
        if row["Elemento"]
    ]
    assert listed == said


def test_cuit_and_renspa_are_in_the_workbook_and_nowhere_else(
    demo_fuente: Fuente, built: dict[str, Path]
) -> None:
    campos = demo_fuente.tables.campos
    secrets = {*campos["cuit"].dropna(), *campos["renspa"].dropna()}
    assert len(secrets) > 5
    for name, path in built.items():
        if name == BOOK:
            continue
        data = path.read_bytes()
        if name == FIBOA:  # compressed: look at the values
            assert not {"cuit", "renspa"} & {c.lower() for c in pq.read_schema(path).names}
            data = pq.read_table(path).drop(["geometry", "bbox"]).to_pandas().to_csv().encode()
        assert not [secret for secret in secrets if secret.encode() in data], name
        assert not any(secret in name for secret in secrets)
    found = {row[header] for row in _sheet(built[BOOK], "Lotes") for header in ("CUIT", "RENSPA")}
    assert secrets & found
    assert found - {None} <= secrets


def test_the_workbook_counts_land_once_and_sowings_each(
    demo_fuente: Fuente, built: dict[str, Path]
) -> None:
    lotes = demo_fuente.tables.lotes.set_index("lote_id")
    land, sown = _sheet(built[BOOK], "Lotes"), _sheet(built[BOOK], "Siembras")
    assert len(land) == len(lotes)
    assert sum(float(str(row["Superficie (ha)"])) for row in land) == pytest.approx(
        lotes["superficie_ha"].sum()
    )
    assert len(sown) == len(demo_fuente.tables.siembras)
    for row in land:
        centre = lotes.loc[str(row["Id del lote"])].geometry.centroid
        assert row["Centroide: longitud"] == pytest.approx(centre.x, abs=1e-6)
        assert row["Centroide: latitud"] == pytest.approx(centre.y, abs=1e-6)
    assert set(land[0]) == {h for c, h in establecimientos.HEADERS.items() if c != "orden"}


def test_two_builds_give_the_same_bytes_and_row_order_does_not_matter(
    demo_fuente: Fuente, built: dict[str, Path], tmp_path: Path
) -> None:
    tables = demo_fuente.tables
    turned = {
        name: frame.iloc[::-1].reset_index(drop=True) for name, frame in tables.as_dict().items()
    }
    again = files_of(replace(demo_fuente, tables=replace(tables, **turned)), tmp_path / "again")
    assert {name: path.read_bytes() for name, path in again.items()} == {
        name: path.read_bytes() for name, path in built.items()
    }


def test_a_campania_without_anything_gives_valid_files(demo_fuente: Fuente, tmp_path: Path) -> None:
    none = {name: frame.iloc[:0] for name, frame in demo_fuente.tables.as_dict().items()}
    fuente = replace(demo_fuente, tables=replace(demo_fuente.tables, **none))
    files = files_of(fuente, tmp_path)
    assert set(files) == {ALL, CONTROL, FIBOA, CODES, BOOK}
    assert _features(files[ALL]) == []
    assert len(gpd.read_parquet(files[FIBOA])) == 0
    assert _sheet(files[BOOK], "Lotes") == []


def test_small_plots_as_points_in_another_country(tmp_path: Path) -> None:
    tiny = shapely.box(-61, -34, -60.9985, -33.9985)
    fuente = fuente_of(
        {
            Recurso.CAMPOS: [campo(1, "El Ombú", empresa="Ejemplo")],
            Recurso.LOTES: [
                lote(1, "chico", campo_at=1, cultivos=["Soja 1ra"], shape=tiny),
                lote(2, "grande", campo_at=1, cultivos=["Trigo", "Soja 2da"]),
                lote(3, "maíz", campo_at=1, cultivos=["Maíz tardío"]),
            ],
        }
    )
    kinds = [f["geometry"]["type"] for f in _features(_all(fuente, tmp_path / "a"))]
    assert kinds == ["Polygon", "Polygon"]
    features = _features(_all(fuente, tmp_path / "b", puntos=True, paises={"C1": "UY"}))
    assert [f["geometry"]["type"] for f in features] == ["Point", "Polygon"]
    assert {f["properties"]["ProducerCountry"] for f in features} == {"UY"}
    assert [f["properties"]["ProductionPlace"] for f in features] == [
        "El Ombú - chico",
        "El Ombú - grande",
    ]


def test_twins_have_their_id_and_pieces_their_number(tmp_path: Path) -> None:
    two = shapely.union_all(
        [shapely.box(-62, -35, -61.99, -34.99), shapely.box(-62, -34, -61.9, -33.9)]
    )
    fuente = fuente_of(
        {
            Recurso.CAMPOS: [campo(1, "La Paz"), campo(2, "La Paz"), campo(3, "El Ombú")],
            Recurso.LOTES: [
                lote(1, "7", campo_at=1, cultivos=["Soja 1ra"], shape=two),
                lote(2, "7", campo_at=2, cultivos=["Soja 1ra"]),
                lote(3, "7", campo_at=3, cultivos=["Soja 1ra"]),
                lote(4, "7", campo_at=3, cultivos=["Maíz tardío"]),
            ],
        }
    )
    places = [f["properties"]["ProductionPlace"] for f in _features(_all(fuente, tmp_path))]
    assert places == [
        "El Ombú - 7 (L3)",
        "La Paz (C1) - 7 (parte 1 de 2)",
        "La Paz (C1) - 7 (parte 2 de 2)",
        "La Paz (C2) - 7",
    ]


def _all(fuente: Fuente, work: Path, **options: object) -> Path:
    return files_of(fuente, work, **options)[ALL]


def test_a_portals_own_code_for_soja_is_covered() -> None:
    crop = {
        "id": "9",
        "codigo": "SX9",
        "nombre": "Soja no OGM",
        "especie": "Soja",
        "color": "#112233",
    }
    fuente = fuente_of(
        {
            Recurso.CULTIVOS: [crop],
            Recurso.CAMPOS: [campo(1, "A")],
            Recurso.LOTES: [lote(1, "1", campo_at=1, cultivos=["Soja no OGM"])],
        }
    )
    codes = eudr_codes(fuente.tables)
    assert {"SOJ", "SOJ1", "SOJ2"} <= codes
    assert set(fuente.tables.siembras["cultivo_codigo"]) <= codes
    assert "MAI1" not in codes


def test_files_are_split_below_the_limit(demo_fuente: Fuente, tmp_path: Path) -> None:
    files = files_of(demo_fuente, tmp_path, max_bytes=12_000)
    parts = [name for name in files if re.fullmatch(r"eudr_25-26_parte\d+\.geojson", name)]
    assert len(parts) > 3
    assert ALL not in files
    assert all(files[name].stat().st_size <= 12_000 for name in files if "eudr_25-26_p" in name)
    whole = files_of(demo_fuente, tmp_path / "whole")[ALL]
    assert [f for name in parts for f in _features(files[name])] == _features(whole)
    rows = [row for row in _control(files) if row["Elemento"]]
    assert {row["Archivo"] for row in rows} == set(parts)
    check_names(files)


def test_what_collapses_is_in_the_control_and_not_in_the_file(tmp_path: Path) -> None:
    dust = shapely.box(-61, -34, -61 + 3e-7, -34 + 3e-7)
    field = shapely.box(-60, -34, -59.99, -33.99)
    fuente = fuente_of(
        {
            Recurso.CAMPOS: [campo(1, "A", empresa="E")],
            Recurso.LOTES: [
                lote(1, "polvo", campo_at=1, cultivos=["Soja 1ra"], shape=dust),
                lote(
                    2, "con polvo", campo_at=1, cultivos=["Soja 1ra"],
                    shape=shapely.MultiPolygon([field, dust]),
                ),
            ],
        }
    )  # fmt: skip
    files = files_of(fuente, tmp_path)
    assert len(_features(files[ALL])) == 1
    said = {
        row["Lote"]: row["Detalle"]
        for row in _control(files)
        if row["Regla"] == "completo" and row["Resultado"] == "no cumple"
    }
    assert set(said) == {"polvo", "con polvo"}
    assert "no está en el archivo" in said["polvo"]


def test_an_existing_file_is_never_replaced(demo_fuente: Fuente, tmp_path: Path) -> None:
    (tmp_path / ALL).write_text("mío")
    with pytest.raises(PublishError):
        files_of(demo_fuente, tmp_path)
    assert (tmp_path / ALL).read_text() == "mío"


# --- hostile names -------------------------------------------------------------------------------


def _night_of_names(names: Sequence[str]) -> Fuente:
    """An empresa, a campo and a lote with soja of each name."""
    return fuente_of(
        {
            Recurso.CAMPOS: [
                campo(i, name, empresa=name, cuit=f"30-{i:08d}-0") for i, name in enumerate(names)
            ],
            Recurso.LOTES: [
                lote(i, name, campo_at=i, cultivos=["Soja 1ra"]) for i, name in enumerate(names)
            ],
        }
    )


def _assert_sound(files: dict[str, Path], count: int) -> None:
    check_names(files)
    assert len({name_key(name) for name in files}) == len(files)
    assert len(_features(files[ALL])) == count
    for name, path in files.items():
        if name.endswith(".geojson"):
            assert check_eudr(path.read_bytes(), name).passed
    assert len(_control(files)) > count
    for sheet in openpyxl.load_workbook(files[BOOK]):
        cells = [cell for row in sheet.iter_rows() for cell in row]
        formulas = {str(cell.value) for cell in cells if cell.data_type == "f"}
        assert all(re.fullmatch(r"=SUBTOTAL\(109,[A-Z0-9:]+\)", one) for one in formulas)
    with files[CONTROL].open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\0")]


HOSTILE = [
    *("CON", "nul", "a/b", "a:b", "..", "../../etc/passwd", "C:\\x", "=1+1", "+54 9"),
    *("-1", "@SUM(A1)"),
    *("parte1", "PARTE 2", "Parte2", "x_parte1", "x", "párte1", "empresa parte1"),
    *("Agro S.A.", "AGRO S.A.", "Agró S.A.", "Agro S.A", "sin empresa", "a" * 190),
    *("🌱", "ﷺ", "Ω" * 150, "<script>", "desktop.ini", "~$x", "x.tmp", "\u202eabc", "e\u0301", "é"),
]  # fmt: skip


def test_hostile_names_give_sound_files_inside_the_folder(tmp_path: Path) -> None:
    work = tmp_path / "in" / "work"
    files = files_of(_night_of_names(HOSTILE), work)
    _assert_sound(files, len(HOSTILE))
    assert {path.parent for path in files.values()} == {work}
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == set(files.values())


@pytest.mark.shared
def test_the_big_list_of_naughty_strings_and_real_labels(shared_data: Path, tmp_path: Path) -> None:
    blns = json.loads((shared_data / "dirty/names/blns.json").read_text(encoding="utf-8"))
    with (shared_data / "dirty/names/ar_names_pampas.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        real = [row[-1] for row in csv.reader(file)][1::40]
    names = [name for name in (*blns, *real) if re.search(r"\w", name)]
    fuente = _night_of_names(names)
    assert len(fuente.tables.lotes) == len(names)
    _assert_sound(files_of(fuente, tmp_path), len(names))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=70), max_size=12, unique=True))
@example(HOSTILE)
def test_labels_of_empresas_never_fall_together(names: list[str]) -> None:
    labels = empresa_labels(names)
    assert set(labels) == set(names)
    files = [f"eudr_25-26_{label}.geojson" for label in labels.values()]
    files += [ALL, "eudr_25-26_parte1.geojson", "eudr_25-26_parte12.geojson"]
    files += [f"eudr_25-26_{label}_parte1.geojson" for label in labels.values()]
    assert len({name_key(name) for name in files}) == len(files)
    check_names(files)
    assert empresa_labels(list(reversed(names))) == labels


# --- real fields ---------------------------------------------------------------------------------


@pytest.mark.shared
def test_real_fields_of_soya(shared_data: Path, tmp_path: Path) -> None:
    """LEM+: 1 854 fields of western Bahia, January 2020, holes and parts as they were drawn."""
    source = shared_data / "fields/br_lem_fields.parquet"
    fuente = fuente_of_file(source, cultivo="Jan_2020")
    files = files_of(fuente, tmp_path)
    frame = gpd.read_parquet(source)
    soya = frame[frame["Jan_2020"] == "Soybean"]
    report = check_eudr_file(files[ALL])
    assert report.passed
    notices = {one.code for one in report.broken()}
    assert notices <= {"sin_superposicion", "textos_no_vacios"}  # no producer is known
    areas = [float(str(f["properties"]["Area"])) for f in _features(files[ALL])]
    assert len(areas) >= len(soya) > 500
    assert sum(areas) == pytest.approx(geodesic_area_ha(soya.geometry.to_numpy()).sum(), rel=2e-5)
    assert "eudr_25-26_sin empresa.geojson" in files
    boundaries = gpd.read_parquet(files[FIBOA])
    assert boundaries["metrics:area"].sum() == pytest.approx(
        geodesic_area_ha(frame.geometry.to_numpy()).sum() * 10_000, rel=1e-6
    )


@pytest.mark.shared
def test_zones_that_overlap_by_ten_centimetres(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "zones/ar_wheat_zones_derived.geojson"
    fuente = fuente_of_file(source, lote="ambiente")
    soja = [
        {**item, "siembras": [{"id": f"S{i}", "orden": 1, "cultivo": "Soja"}]}
        for i, item in enumerate(_items(source))
    ]
    fuente = fuente_of({Recurso.CAMPOS: [campo(1, "Trigal", empresa="E")], Recurso.LOTES: soja})
    files = files_of(fuente, tmp_path)
    report = check_eudr_file(files[ALL])
    assert report.passed
    total = sum(float(str(f["properties"]["Area"])) for f in _features(files[ALL]))
    assert total == pytest.approx(fuente.tables.lotes["superficie_ha"].sum(), rel=1e-3)


def _items(source: Path) -> list[dict[str, object]]:
    zones = gpd.read_file(source).to_crs("EPSG:4326")
    return [
        lote(i, str(name), campo_at=1, shape=shape)
        for i, (name, shape) in enumerate(zip(zones["ambiente"], zones.geometry, strict=True))
    ]
