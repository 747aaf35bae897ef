"""Small invented tables of the contract, for tests of what writes and reads them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from Modules.night.tables import Tables
from Modules.words.columns import TABLES, Column, Table
from Modules.words.domain import Campania, Fetched, RawPage, Record, Recurso

SEASON = Campania(25, 26)
NOW = dt.datetime(2025, 11, 20, 3, 0, 2, tzinfo=dt.timezone(dt.timedelta(hours=-3)))
_WORDS = ("Ñandú", "La Güeya / 3", "línea\nnueva", 'con "comillas"', "=1+1", "🌱", "")
_UTC_US = "datetime64[us, UTC]"


def frame(table: Table, rows: int, *, seed: int = 0) -> pd.DataFrame:
    """``rows`` rows with every kind of value, missing ones where the contract allows them."""
    rng = np.random.default_rng(seed)
    df = pd.DataFrame(
        {c.name: _series(c, rows, rng) for c in table.columns if c.name != "geometry"}
    )
    if table.name == "lotes":
        df["campania"] = pd.array([str(SEASON)] * rows, dtype="string")
    df[table.key] = pd.array([f"{table.name}-{i:05d}" for i in range(rows)], dtype="string")
    if not table.spatial:
        return df
    shapes = [_shape(table, i, rng) for i in range(rows)]
    return gpd.GeoDataFrame(df, geometry=shapes, crs="EPSG:4326")


def tables(rows: int = 7, *, seed: int = 0) -> Tables:
    """A whole set of tables; ``rows=0`` gives empty ones."""
    return Tables(**{name: frame(table, rows, seed=seed) for name, table in TABLES.items()})


def fetched(recurso: Recurso = Recurso.LOTES, pages: int = 2, *, salt: str = "") -> Fetched:
    """Pages as a portal might send them."""
    bodies = [f'{{"items": ["{recurso}{salt} ñ {i}"]}}'.encode() * 50 for i in range(1, pages + 1)]
    return Fetched(
        recurso=recurso,
        pages=tuple(
            RawPage(recurso, i, body, f"req-{i}", f"/v1/{recurso}?page={i}")
            for i, body in enumerate(bodies, start=1)
        ),
        records=tuple(Record({"id": str(i)}, i, 0) for i in range(1, pages + 1)),
        declared_total=pages,
    )


def _series(column: Column, rows: int, rng: np.random.Generator) -> pd.Series:
    missing = rng.random(rows) < 0.3 if column.nullable else np.zeros(rows, dtype=bool)
    values = [None if gone else _value(column, rng) for gone in missing]
    if column.dtype == "date":
        return pd.Series(values, dtype=object)
    if column.dtype == "timestamp":
        return pd.to_datetime(pd.Series(values, dtype=object), utc=True).astype(_UTC_US)
    return pd.Series(values, dtype=column.dtype)


def _value(column: Column, rng: np.random.Generator) -> Any:
    number = int(rng.integers(0, 10**6))
    match column.dtype:
        case "string":
            return f"{_WORDS[number % len(_WORDS)]}{number}"
        case "Int64":
            return number
        case "float64":
            return number / 7
        case "boolean":
            return number % 2 == 0
        case "date":
            return dt.date(2025, 6, 1) + dt.timedelta(days=number % 300)
        case _:
            return dt.datetime(2025, 6, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=number)


def _shape(table: Table, i: int, rng: np.random.Generator) -> shapely.Geometry | None:
    lon, lat = -62 + rng.random() / 3, -34 + rng.random() / 3
    square = shapely.box(lon, lat, lon + 0.01, lat + 0.01)
    ring = shapely.orient_polygons(square.difference(square.centroid.buffer(0.001)))
    kinds: list[shapely.Geometry | None] = [
        ring,
        shapely.MultiPolygon([ring, shapely.box(lon + 1, lat, lon + 1.01, lat + 0.01)]),
    ]
    if "Point" in table.geometry_types:
        kinds += [shapely.Point(lon, lat), shapely.LineString([(lon, lat), (lon + 1, lat)])]
    if table.name == "zonas":
        kinds.append(None)
    return kinds[i % len(kinds)]
