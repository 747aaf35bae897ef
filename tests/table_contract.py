"""The contract of the tables in ``Modules.words.columns``, asked of one that was made or read."""

from __future__ import annotations

from datetime import date, datetime

import geopandas as gpd
import pandas as pd

from Modules.words import columns as col
from Modules.words.columns import CRS, Column, Table
from Modules.words.errors import DataError


def check_table(frame: pd.DataFrame, table: Table) -> None:
    """Check columns, dtypes, keys and empty values of a table, for use after reading it back.

    Raises:
        DataError: a column is missing, unexpected, out of order or of another dtype, a value is
            empty that may not be, a key is repeated, or the CRS is not EPSG:4326.
    """
    missing = [name for name in table.names if name not in frame.columns]
    unexpected = [str(name) for name in frame.columns if name not in table.names]
    if missing or unexpected:
        raise DataError(
            f"table {table.name}: missing columns {missing}, unexpected columns {unexpected}"
        )
    if list(frame.columns) != list(table.names):
        raise DataError(f"table {table.name}: columns are out of order")
    for column in table.columns:
        _check_column(frame[column.name], column, table)
    if table is not col.RECHAZADOS and frame[table.key].duplicated().any():
        twin = frame.loc[frame[table.key].duplicated(), table.key].iloc[0]
        raise DataError(f"table {table.name}: key {twin!r} is repeated")
    if table.spatial:
        _check_geometry(frame, table)


def _check_column(values: pd.Series, column: Column, table: Table) -> None:
    if not _is_dtype(values, column.dtype):
        raise DataError(
            f"table {table.name}: column {column.name} is {values.dtype}, not {column.dtype}"
        )
    if not column.nullable and values.isna().any():
        raise DataError(f"table {table.name}: column {column.name} has empty values")


def _is_dtype(values: pd.Series, dtype: str) -> bool:
    if dtype == "timestamp":
        return str(values.dtype) == "datetime64[us, UTC]"
    if dtype == "date":
        return values.dtype == object and all(
            value is None or (isinstance(value, date) and not isinstance(value, datetime))
            for value in values
        )
    return str(values.dtype) == dtype


def _check_geometry(frame: pd.DataFrame, table: Table) -> None:
    if not isinstance(frame, gpd.GeoDataFrame) or frame.crs is None:
        raise DataError(f"table {table.name}: geometry without a CRS; refusing to guess {CRS}")
    if not frame.crs.equals(CRS, ignore_axis_order=True):
        raise DataError(f"table {table.name}: CRS is {frame.crs.to_string()}, not {CRS}")
    types = set(frame.geometry.dropna().geom_type)
    if types - set(table.geometry_types):
        raise DataError(f"table {table.name}: geometry of type {sorted(types)}")
