"""fiboa 0.3: fiboa's own validator finds nothing in any row, and the areas are the lotes'."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from Modules.night.tables import Tables
from Modules.products.source import Fuente
from Modules.products.sustentabilidad.fiboa import (
    CODE_LIST_COLUMNS,
    COLUMNS,
    SCHEMAS,
    write_code_list,
    write_fiboa,
)
from Modules.words.domain import Campania
from tests.fuentes import fuente_of_file
from tests.sample_tables import SEASON, tables

Validate = Callable[[Path], dict[str, Any]]


@pytest.fixture(scope="session")
def fiboa_python(project_root: Path) -> Path:
    """The Python of fiboa-cli's own environment: its pins would drag ours down."""
    home = project_root / ".venv-fiboa"
    windows = sys.platform == "win32"
    python = home / ("Scripts/python.exe" if windows else "bin/python")
    if (home / ("Scripts/fiboa.exe" if windows else "bin/fiboa")).exists():
        return python
    uv = shutil.which("uv") or shutil.which("uv", path=str(project_root / ".tools/bin"))
    if uv is None:
        pytest.skip("fiboa's validator needs its own environment, and there is no uv to make it")
    command = [uv, "sync", "--locked", "--quiet", "--only-group", "fiboa"]
    env = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(home)}
    env.pop("VIRTUAL_ENV", None)
    made = subprocess.run(command, cwd=project_root, env=env, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"fiboa's environment could not be made: {made.stderr.strip()[-200:]}")
    return python


@pytest.fixture(scope="session")
def validate(fiboa_python: Path, project_root: Path, shared_data: Path) -> Iterator[Validate]:
    """The validator in a process of its own, one for all files: its start takes longest."""
    command = [fiboa_python, project_root / "tests/fiboa_offline.py", shared_data / "fiboa"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as validator:
        assert validator.stdin is not None
        assert validator.stdout is not None
        asked, said = validator.stdin, validator.stdout

        def run(path: Path) -> dict[str, Any]:
            asked.write(f"{path}\n")
            asked.flush()
            for line in said:
                if line.startswith('{"rows"'):  # the validator prints lines of its own
                    found: dict[str, Any] = json.loads(line)
                    return found
            pytest.fail(f"the validator ended with {validator.wait()}")

        yield run
        asked.close()


def _write(some: Tables, folder: Path, campania: Campania = SEASON) -> Path:
    path = folder / "fiboa.parquet"
    write_fiboa(some, campania, path, code_list="codes.csv")
    return path


@pytest.mark.shared
@pytest.mark.integration
def test_fiboas_validator_accepts_every_row(
    demo_fuente: Fuente, validate: Validate, tmp_path: Path
) -> None:
    found = validate(_write(demo_fuente.tables, tmp_path))
    assert found["errors"] == []
    assert found["rows"] == len(demo_fuente.tables.lotes)
    own = {"lote", "campo_id", "campo", "campania"}
    assert {warning.partition(":")[0] for warning in found["warnings"]} == own


@pytest.mark.shared
@pytest.mark.integration
@pytest.mark.parametrize("rows", [0, 1])
def test_fiboas_validator_accepts_small_files(
    rows: int, validate: Validate, tmp_path: Path
) -> None:
    found = validate(_write(tables(rows), tmp_path))
    assert found["errors"] == []
    assert found["rows"] == rows


@pytest.mark.shared
@pytest.mark.integration
def test_real_fields_pass_too(shared_data: Path, validate: Validate, tmp_path: Path) -> None:
    lem = fuente_of_file(shared_data / "fields/br_lem_fields.parquet", cultivo="Jan_2020")
    found = validate(_write(lem.tables, tmp_path))
    assert found["errors"] == []
    assert found["rows"] == 1854


@pytest.mark.shared
@pytest.mark.integration
def test_the_validator_does_find_a_fault(
    demo_fuente: Fuente, validate: Validate, tmp_path: Path
) -> None:
    """The control: one row of 150, past the hundred that are looked at by default, is wrong."""
    table = pq.read_table(_write(demo_fuente.tables, tmp_path))
    areas = table.column("metrics:area").to_numpy().copy()
    areas[-1] = -1.0
    at = table.schema.get_field_index("metrics:area")
    spoiled = table.set_column(at, table.schema.field(at), pa.array(areas, pa.float32()))
    path = tmp_path / "spoiled.parquet"
    pq.write_table(spoiled, path)
    assert any("metrics:area" in error for error in validate(path)["errors"])


def test_a_row_is_a_lote_with_its_area_in_square_metres(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    lotes = demo_fuente.tables.lotes
    frame = gpd.read_parquet(_write(demo_fuente.tables, tmp_path)).set_index("id")
    assert set(frame.index) == set(lotes["lote_id"])
    assert frame.crs.to_epsg() == 4326
    ours = lotes.set_index("lote_id").loc[frame.index]
    areas = frame["metrics:area"].to_numpy(dtype=float)
    assert np.allclose(areas, ours["superficie_ha"] * 10_000, rtol=1e-6)
    assert shapely.equals_exact(frame.geometry.to_numpy(), ours.geometry.to_numpy()).all()
    assert frame.loc[ours.index[0], "lote"] == ours["lote"].iloc[0]


def test_the_schema_is_the_one_that_fiboa_asks_for(tmp_path: Path) -> None:
    schema = pq.read_schema(_write(tables(3), tmp_path))
    assert schema.names == list(COLUMNS)
    required = {field.name for field in schema if not field.nullable}
    assert required == {"id", "collection", "crop:code", "geometry"}
    assert schema.field("metrics:area").type == pa.float32()
    assert schema.field("determination:datetime").type == pa.timestamp("ms", tz="UTC")
    collection = json.loads(schema.metadata[b"collection"])
    assert collection["schemas"] == {"lindero-25-26": list(SCHEMAS)}
    geo = json.loads(schema.metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert set(geo["columns"]["geometry"]["covering"]["bbox"]) == {"xmin", "ymin", "xmax", "ymax"}


def test_every_code_can_be_looked_up(demo_fuente: Fuente, tmp_path: Path) -> None:
    frame = gpd.read_parquet(_write(demo_fuente.tables, tmp_path))
    path = tmp_path / "codes.csv"
    write_code_list(demo_fuente.tables, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CODE_LIST_COLUMNS
    codes = {row["original_code"]: row["original_name"] for row in rows}
    assert set(frame["crop:code"]) <= set(codes)
    assert codes["TRI+SOJ2"] == "Trigo + Soja 2da"
    assert codes["SIN"] == "Sin cultivo"
    double = frame[frame["crop:code"] == "TRI+SOJ2"]
    assert set(double["crop:name"]) == {"Trigo + Soja 2da"}


def test_order_of_rows_does_not_matter_and_bytes_are_the_same(tmp_path: Path) -> None:
    some = tables(20)
    turned = Tables(
        **{name: frame.iloc[::-1].reset_index(drop=True) for name, frame in some.as_dict().items()}
    )
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    first = _write(some, tmp_path / "a").read_bytes()
    assert _write(some, tmp_path / "b").read_bytes() == first
    assert _write(turned, tmp_path / "c").read_bytes() == first


def test_a_lote_without_area_has_a_null_and_not_a_zero(tmp_path: Path) -> None:
    some = tables(2)
    line = shapely.Polygon([(-61, -34), (-60.9, -34), (-61, -34)])
    lotes = some.lotes.set_geometry([line, some.lotes.geometry.iloc[1]], crs="EPSG:4326")
    frame = pd.read_parquet(_write(dataclasses.replace(some, lotes=lotes), tmp_path))
    assert frame["metrics:area"].isna().tolist() == [True, False]
