"""The cells of a table as plain Python values, for formats that know no NA, NaN or NaT. Pure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def cells(column: pd.Series) -> NDArray[np.object_]:
    """A column as str, int, float, bool, date, ``Timestamp`` and the like; missing is None."""
    if isinstance(column.dtype, pd.StringDtype):  # most columns, and in one step
        return np.asarray(column.to_numpy(dtype=object, copy=True, na_value=None))
    values = np.array(column.to_numpy(dtype=object), dtype=object)
    values[column.isna().to_numpy(dtype=bool)] = None
    return values
