"""Our own JSON files as text: written one way, read with a named error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from Modules.words.errors import DataError


def to_json(value: Mapping[str, Any]) -> bytes:
    """JSON for people and machines: sorted keys, two blanks, UTF-8, no NaN.

    Raises:
        DataError: a value is not JSON-able, or is NaN or infinite.
    """
    try:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return (text + "\n").encode("utf-8")
    except (TypeError, ValueError) as err:
        raise DataError(f"cannot be written as JSON: {err}") from err


def from_json(data: bytes, *, source: str) -> dict[str, Any]:
    """Read an object written by ``to_json``.

    Raises:
        DataError: not UTF-8, not JSON, or not an object; names ``source``.
    """
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as err:
        raise DataError(f"{source}: not readable as JSON ({type(err).__name__})") from err
    if not isinstance(value, dict):
        raise DataError(f"{source}: a JSON object is expected")
    return value
