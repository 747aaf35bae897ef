"""``docs/mapas.md`` against the maps that are really made."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq

from Modules.products import kmz
from Modules.products.h3.product import build_hexagonos
from Modules.products.source import Fuente
from Modules.settings import variable_names

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "mapas.md").read_text(encoding="utf-8")


def test_every_column_of_the_hexagons_is_on_the_page(demo_fuente: Fuente, tmp_path: Path) -> None:
    made = build_hexagonos(demo_fuente, tmp_path, resolutions=(8, 9)).carpetas["H3"]
    named = set(re.findall(r"`([^`]+)`", PAGE))
    for name, path in made.items():
        if not name.endswith(".parquet"):
            continue
        assert path.stem.replace("_r08", "_r09") in named
        for column in pq.read_schema(path).names:
            assert (column if not column.startswith("ha_") else "ha_<cultivo>") in named, column


def test_every_family_and_only_real_settings_are_on_the_page() -> None:
    assert all(f"`{familia}/25-26/" in PAGE for familia in kmz.PRODUCTO.carpetas)
    assert set(re.findall(r"LINDERO_[A-Z0-9_]+", PAGE)) <= set(variable_names())
