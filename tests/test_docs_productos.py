"""``docs/productos.md`` against the code and against files that were really built, both ways.

What the page says is there is made; what is made is on the page.
"""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest

from Modules.disk.publish import publish_files
from Modules.disk.publish_record import MANIFEST
from Modules.geo.sampling import METODO, METODO_INTERIOR
from Modules.products.cultivos.product import build_cultivos
from Modules.products.cultivos.sown import (
    LOTES_SIN_CULTIVO,
    MAX_DESCONOCIDOS,
    OTROS,
    SIEMBRAS_EN_LOTES,
    TOLERANCIA,
)
from Modules.products.eudr.control import PREPARACION
from Modules.products.eudr.rules import REGLAS, Requisito
from Modules.products.muestreos.plan import AMBIENTES_PLAN, MARGEN_M, PUNTOS, PUNTOS_POR_AMBIENTE
from Modules.products.muestreos.product import CSV_HEADERS, build_muestreos
from Modules.products.source import Fuente
from Modules.products.sustentabilidad.fiboa import COLUMNS as FIBOA
from Modules.products.sustentabilidad.product import build_sustentabilidad
from Modules.settings import variable_names
from Modules.words.columns import TABLES, Column
from Modules.words.cultivos import CATALOGUE
from Modules.words.names import slug
from tests.sample_tables import NOW

PAGE = Path(__file__).resolve().parent.parent / "docs" / "productos.md"
FOLDERS = ("cultivos", "muestreos", "sustentabilidad")

Row = list[str]


def _cells(line: str) -> Row:
    parts = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [part.strip().replace("\\|", "|") for part in parts]


def _sections() -> dict[str, list[Row]]:
    """The rows of the table under each heading, by the headings that lead to it, header first."""
    found: dict[str, list[Row]] = {}
    path: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"(#{2,4}) (.*)", line):
            level = len(heading[1]) - 2
            path[level:] = [heading[2]]
        elif line.startswith("|"):
            found.setdefault(" > ".join(path), []).append(_cells(line))
    return {key: [rows[0], *rows[2:]] for key, rows in found.items()}


SECTIONS = _sections()
TEXT = " ".join(PAGE.read_text(encoding="utf-8").split())


def table(title: str, kind: str = "columna") -> list[Row]:
    """The rows under the one heading that ends so; its first column is a ``kind``."""
    (key,) = (key for key in SECTIONS if key.split(" > ")[-1] == title)
    header, *rows = SECTIONS[key]
    assert header[0] == kind, key
    return rows


def first(rows: Iterable[Row]) -> list[str]:
    return [row[0].strip("`") for row in rows]


def title_of(folder: str, title: str) -> str:
    return f"`{folder}/` > {title}"


@pytest.fixture(scope="module")
def built(demo_fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Every product of the small world, by folder and name."""
    work = tmp_path_factory.mktemp("docs")
    for folder in FOLDERS:
        (work / folder).mkdir()
    made = {
        "cultivos": build_cultivos(demo_fuente, work / "cultivos"),
        "muestreos": build_muestreos(demo_fuente, work / "muestreos"),
        "sustentabilidad": build_sustentabilidad(demo_fuente, work / "sustentabilidad")[0],
    }
    return {f"{folder}/{name}": p for folder, files in made.items() for name, p in files.items()}


@pytest.fixture(scope="module")
def rare(demo_fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The files that only some nights have: other kinds of sample, EUDR files in parts."""
    work = tmp_path_factory.mktemp("rare")
    tables = demo_fuente.tables
    kinds = ["foliar", "nematodos", "agua", "rastrojo", "suelo"]
    of_row = [kinds[at % len(kinds)] for at in range(len(tables.marcadores))]
    marks = tables.marcadores.assign(subtipo=pd.array(of_row, dtype="string"))
    night = replace(demo_fuente, tables=replace(tables, marcadores=marks))
    (work / "muestreos").mkdir()
    muestreos = build_muestreos(night, work / "muestreos")
    parts = build_sustentabilidad(demo_fuente, work / "sustentabilidad", max_bytes=12_000)[0]
    return {f"muestreos/{name}": path for name, path in muestreos.items()} | {
        f"sustentabilidad/{name}": path for name, path in parts.items()
    }


# --- files ---------------------------------------------------------------------------------------


def _patterns() -> dict[str, re.Pattern[str]]:
    """Every file name on the page by its folder, as a pattern."""
    found = {}
    folder = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## `(\w+)/`", line):
            folder = heading[1]
        elif line.startswith("## "):
            folder = ""
        elif folder and (heading := re.fullmatch(r"### `([^`]+\.\w+)`", line)):
            escaped = re.escape(heading[1]).replace("<n>", r"\d+").replace("<empresa>", ".+")
            escaped = escaped.replace("<campo>", ".+")
            found[f"{folder}/{heading[1]}"] = re.compile(f"{folder}/{escaped}")
    return found


def test_every_file_is_on_the_page_and_every_name_there_is_made(
    built: Mapping[str, Path], rare: Mapping[str, Path]
) -> None:
    patterns = _patterns()
    assert {name.split("/")[0] for name in patterns} == set(FOLDERS)
    names = {*built, *rare}
    unknown = [n for n in names if not any(p.fullmatch(n) for p in patterns.values())]
    assert unknown == []
    never = [text for text, p in patterns.items() if not any(p.fullmatch(n) for n in names)]
    assert never == []
    exact = {name for name in patterns if "<" not in name}
    assert exact <= names


def test_the_manifest_of_a_folder(built: Mapping[str, Path], tmp_path: Path) -> None:
    source = built["muestreos/muestreos_25-26.csv"]
    publish_files({source.name: source}, tmp_path, snapshot_id="x", now=NOW)
    written = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    assert first(table(f"`{MANIFEST}`", "clave")) == sorted(written)
    (entry,) = written["files"].values()
    assert all(f"`{key}`" in TEXT for key in entry)


# --- columns -------------------------------------------------------------------------------------

GPKG_CULTIVOS = "cultivos/cultivos_25-26.gpkg"
GPKG_MUESTREOS = "muestreos/muestreos_25-26.gpkg"


def _layer(path: Path, layer: str) -> list[str]:
    return [*pyogrio.read_info(path, layer=layer)["fields"], "geometry"]


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file))


def _layers(path: Path) -> list[str]:
    return [str(name) for name, _ in pyogrio.list_layers(path)]


def test_layers_and_columns_of_cultivos(built: Mapping[str, Path]) -> None:
    gpkg = built[GPKG_CULTIVOS]
    listed = first(table("`cultivos_25-26.gpkg`", "capa"))
    layers = _layers(gpkg)
    fixed = {name for name in listed if "<" not in name}
    assert fixed <= set(layers)
    assert listed.count("<cultivo>") == 1
    of_all = first(table("Capas de siembras"))
    for layer in set(layers) - {"sin_cultivo", "layer_styles"}:
        assert _layer(gpkg, layer) == of_all, layer
    assert _layer(gpkg, "sin_cultivo") == first(table("Capa `sin_cultivo`"))
    for name in ("soja_1ra", "maiz_tardio"):  # the examples
        assert name in layers
        assert f"`{name}`" in TEXT

    geojson = json.loads(built["cultivos/cultivos_25-26.geojson"].read_bytes())
    assert [*geojson["features"][0]["properties"], "geometry"] == of_all
    parquet = pq.read_schema(built["cultivos/cultivos_25-26.parquet"])
    assert parquet.names == [*of_all, "bbox"]
    assert {f"`{field.name}`" for field in parquet.field("bbox").type} <= set(
        re.findall("`.*?`", TEXT)
    )


def test_the_shapefile_and_its_dictionary(built: Mapping[str, Path]) -> None:
    path = built["cultivos/cultivos_25-26_shp.zip"]
    rows = table("Campos del DBF")
    assert list(pyogrio.read_info(path)["fields"]) == first(rows)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        text = archive.read("diccionario.csv").decode("utf-8-sig")
    header, *entries = csv.reader(text.splitlines())
    assert header == first(table("`diccionario.csv`"))
    assert [row[:2] for row in entries] == [[c.strip("`") for c in row] for row in rows]
    for name in names:
        assert f"`{Path(name).suffix}`" in TEXT or f"`{name}`" in TEXT


def _assert_sheets(book: Path, folder: str, title: str, crops: Sequence[str] = ()) -> None:
    sheets = {one.title: [str(v) for v in next(one.values)] for one in openpyxl.load_workbook(book)}
    pages = {
        key.split("«")[1].rstrip("»"): first(rows[1:])
        for key, rows in SECTIONS.items()
        if key.startswith(f"{title_of(folder, title)} > Hoja «")
    }
    assert list(sheets) == list(pages)
    for name, header in sheets.items():
        generic = [
            "<cultivo> (ha)" if text.removesuffix(" (ha)") in crops else text for text in header
        ]
        assert list(dict.fromkeys(generic)) == pages[name], name


def test_sheets_and_columns_of_the_workbooks(
    built: Mapping[str, Path], demo_fuente: Fuente
) -> None:
    crops = sorted(set(demo_fuente.tables.siembras["cultivo"]))
    resumen = built["cultivos/resumen_25-26.xlsx"]
    _assert_sheets(resumen, "cultivos", "`resumen_25-26.xlsx`", crops)
    book = built["sustentabilidad/establecimientos_25-26.xlsx"]
    _assert_sheets(book, "sustentabilidad", "`establecimientos_25-26.xlsx`")


def test_layers_and_columns_of_muestreos(built: Mapping[str, Path]) -> None:
    gpkg = built[GPKG_MUESTREOS]
    assert first(table("`muestreos_25-26.gpkg`", "capa")) == _layers(gpkg)
    for layer in set(_layers(gpkg)) - {"layer_styles"}:
        assert _layer(gpkg, layer) == first(table(f"Capa `{layer}`")), layer
    header = _header(built["muestreos/muestreos_25-26.csv"])
    assert header == first(table("Columnas del CSV de muestreos"))


def _keys(value: Any, above: str = "") -> set[str]:
    """Every key of a JSON object as a path; the ids of the samples are no keys."""
    if above == "samples.":
        return {key for one in value.values() for key in _keys_of(one, above)}
    return _keys_of(value, above)


def _keys_of(value: Mapping[str, Any], above: str) -> set[str]:
    found = set()
    for key, inner in value.items():
        inside = _keys(inner, f"{above}{key}.") if isinstance(inner, dict) else set()
        found |= inside if inside and above else {f"{above}{key}"} | inside
    return found


def test_keys_of_the_modus_plan(built: Mapping[str, Path], rare: Mapping[str, Path]) -> None:
    listed = first(table("Claves de Modus", "clave"))
    made: set[str] = set()
    for name, path in {**rare, **built}.items():
        if name.endswith(".modus.json"):
            document = json.loads(path.read_text(encoding="utf-8"))
            made |= _keys(document)
            assert document["type"] in TEXT
    assert set(listed) == made


def test_columns_of_sustentabilidad(built: Mapping[str, Path]) -> None:
    eudr = json.loads(built["sustentabilidad/eudr_25-26.geojson"].read_text(encoding="utf-8"))
    assert list(eudr["features"][0]["properties"]) == first(table("Propiedades EUDR"))
    control = built["sustentabilidad/eudr_control_25-26.csv"]
    assert _header(control) == first(table("Columnas del control EUDR"))
    fiboa = pq.read_schema(built["sustentabilidad/fiboa_25-26.parquet"])
    assert fiboa.names == first(table("Columnas de fiboa"))
    codes = built["sustentabilidad/fiboa_25-26_cultivos.csv"]
    assert _header(codes) == first(table("Columnas de la lista de cultivos"))


def test_the_tables_of_a_backup() -> None:
    tables = {
        match[1]
        for key in SECTIONS
        if (match := re.fullmatch(r"`Backup_Databaler.*` > Tabla `(\w+)`", key))
    }
    assert tables == set(TABLES)


# --- what the code says of itself ----------------------------------------------------------------


def _described(rows: list[Row], columns: Sequence[Column]) -> None:
    assert [row[0].strip("`") for row in rows] == [column.name for column in columns]
    for row, column in zip(rows, columns, strict=True):
        assert row[1:] == [column.unit or "", column.description], column.name


def test_units_and_descriptions_are_those_of_the_code() -> None:
    _described(table("Capas de siembras"), SIEMBRAS_EN_LOTES.columns)
    _described(table("Capa `sin_cultivo`"), LOTES_SIN_CULTIVO.columns)
    _described(table("Capa `ambientes`"), AMBIENTES_PLAN.columns)
    for name, one in TABLES.items():
        _described(table(f"Tabla `{name}`"), one.columns)
    points = {column.name: column for column in PUNTOS.columns}
    for layer in ("muestreos", "puntos_propuestos"):
        rows = table(f"Capa `{layer}`")
        _described(rows, [points[name] for name in first(rows)])
    by_header = {header: points[name] for name, header in CSV_HEADERS.items()}
    for header, unit, text in table("Columnas del CSV de muestreos"):
        column = by_header[header.strip("`")]
        assert (unit, text) == (column.unit or "", column.description)
    assert {name: text for name, _, text in table("Columnas de fiboa")} == {
        f"`{name}`": text for name, text in FIBOA.items()
    }


def test_units_are_those_that_the_names_say() -> None:
    assert {name: unit for name, unit, _ in table("Columnas de fiboa") if unit} == {
        "`metrics:area`": "m²"
    }
    said = {"(ha)": "ha", "(m)": "m", "(%)": "%", "_ha": "ha", "_m": "m"}
    looked_at = 0
    for key, (header, *rows) in SECTIONS.items():
        for row in rows if header[:2] == ["columna", "unidad"] else []:
            name = row[0].strip("`")
            for ending, unit in said.items():
                if name.endswith(ending):
                    assert row[1] == unit, f"{key}: {name}"
                    looked_at += 1
    assert looked_at > 25


def _ruled(rows: list[Row], rules: Sequence[Requisito]) -> None:
    assert rows == [[f"`{rule.codigo}`", rule.nivel, rule.texto] for rule in rules]


def test_every_eudr_rule_with_its_level_and_text() -> None:
    _ruled(table("Reglas de preparación", "regla"), PREPARACION)
    for title, scope in (
        ("Reglas del archivo", "archivo"),
        ("Reglas de cada elemento", "elemento"),
    ):
        _ruled(table(title, "regla"), [rule for rule in REGLAS if rule.alcance == scope])


def test_the_catalogue_of_crops() -> None:
    assert table("Los cultivos", "código") == [
        [f"`{crop.codigo}`", crop.nombre, f"`{crop.color}`"] for crop in CATALOGUE.values()
    ]


def test_methods_figures_and_settings_are_those_of_the_code() -> None:
    for words in (
        f"«{METODO}»",
        f"«{METODO_INTERIOR}»",
        f"{PUNTOS_POR_AMBIENTE} por ambiente (`LINDERO_MUESTREO_PUNTOS`)",
        f"a {MARGEN_M:.0f} m del borde por lo menos (`LINDERO_MUESTREO_MARGEN_M`)",
        f"más de {MAX_DESCONOCIDOS} cultivos desconocidos",
        f"en la capa `{slug(OTROS)}`",
        f"más de un {TOLERANCIA:.0%} de diferencia".replace("%", " %"),
    ):
        assert words in TEXT
    assert set(re.findall(r"LINDERO_[A-Z_]+", TEXT)) <= set(variable_names())


HELD = {  # titles of tables of columns, keys and layers that a test above compares with files
    *("`.lindero.json`", "`cultivos_25-26.gpkg`", "Capas de siembras", "Capa `sin_cultivo`"),
    *("Campos del DBF", "`diccionario.csv`", "`muestreos_25-26.gpkg`", "Capa `muestreos`"),
    *("Capa `puntos_propuestos`", "Capa `ambientes`", "Columnas del CSV de muestreos"),
    *("Claves de Modus", "Propiedades EUDR", "Columnas del control EUDR", "Columnas de fiboa"),
    *("Columnas de la lista de cultivos", "Capas de `lindero_25-26.gpkg`"),
    *(f"Columnas de `{layer}_shp.zip`" for layer in ("lotes", "ambientes")),  # of maquinas/
    *(f"Tabla `{name}`" for name in TABLES),
}


def test_no_table_is_on_the_page_that_no_file_answers_to() -> None:
    titles = {
        key.split(" > ")[-1]
        for key, (header, *_) in SECTIONS.items()
        if header[0] in ("columna", "clave", "capa")
    }
    assert {title for title in titles if not title.startswith("Hoja «")} == HELD


def test_every_column_on_the_page_has_its_meaning() -> None:
    kinds = {"columna", "clave", "capa", "regla", "archivo"}
    for key, (header, *rows) in SECTIONS.items():
        if header[0] in kinds:
            assert rows, key
            assert all(len(row) == len(header) and row[-1] for row in rows), key
