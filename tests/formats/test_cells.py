"""Cells are plain Python, and whatever a dtype calls missing is None."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from Modules.formats.cells import cells

DAY = dt.date(2025, 11, 20)
MOMENT = pd.Timestamp("2025-11-20T03:00:00.5", tz="UTC")


@pytest.mark.parametrize(
    ("values", "dtype", "plain"),
    [
        ([1.5, np.nan, np.inf], "float64", [1.5, None, np.inf]),
        ([1, None], "Int64", [1, None]),
        ([1, 2], "int64", [1, 2]),
        ([True, None], "boolean", [True, None]),
        (["ñ", None, ""], "string", ["ñ", None, ""]),
        ([DAY, None], "object", [DAY, None]),
        ([[1.0], None, np.nan], "object", [[1.0], None, None]),
        ([MOMENT, None], "datetime64[us, UTC]", [MOMENT, None]),
        ([pd.Timestamp(DAY), None], "datetime64[us]", [pd.Timestamp(DAY), None]),
        ([], "string", []),
    ],
)
def test_missing_is_none_in_every_dtype(values: list[Any], dtype: str, plain: list[Any]) -> None:
    column = pd.Series(values, dtype=dtype)
    found = cells(column).tolist()
    assert found == plain
    assert [type(value) for value in found] == [type(value) for value in plain]
    assert len(column) == len(values)
    assert column.isna().sum() == plain.count(None)  # the column itself is left alone
