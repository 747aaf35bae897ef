"""The cells of a table as plain Python values, for formats that know no NA, NaN or NaT. Pure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def cells(column: pd.Series) -> NDArray[np.object_]:
    """A column as str, int, float, bool, date, ``Timestamp`` and the like; missing is None."""
    values = np.array(column.to_numpy(dtype=object), dtype=object)
    values[column.isna().to_numpy(dtype=bool)] = None
    return values
