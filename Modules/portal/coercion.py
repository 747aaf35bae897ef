"""One value of the portal to one value of the contract; what cannot be read is left as it came.

A value that stays as it came is judged with its row later (``tipo_invalido``): nothing is lost
here and nothing is guessed. Dates become YYYY-MM-DD, times RFC 3339 with offset.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from Modules.portal.contract import Kind
from Modules.portal.sections import FieldRule, FieldType
from Modules.words.text import Numeral

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "MISSING"})()

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?", re.ASCII)
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_CHOICE = re.compile(r"(\[[^\[\]=]+=[^\[\]]*\])")  # links[rel=next].href: a path's step into a list
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NATURAL: dict[Kind, FieldType] = {
    "id": "id", "number": "number", "date": "date", "datetime": "datetime",
}  # fmt: skip


def dig(value: Any, path: tuple[str, ...]) -> Any:
    """What lies at the path, or ``MISSING``; a number or ``[key=value]`` steps into a list."""
    for part in path:
        if isinstance(value, dict):
            if part not in value:
                return MISSING
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, list) and part.startswith("["):
            key, _, wanted = part[1:-1].partition("=")
            chosen = (one for one in value if isinstance(one, dict) and one.get(key) == wanted)
            value = next(chosen, MISSING)
        else:
            return MISSING
    return value


def split_path(path: str) -> tuple[str, ...]:
    """The parts of a dotted path; "" is the value itself. ``a[k=v].b`` has three."""
    if "[" not in path:
        return tuple(path.split(".")) if path else ()
    parts: list[str] = []
    for piece in _CHOICE.split(path):
        if _CHOICE.fullmatch(piece):
            parts.append(piece)
        elif piece.strip("."):
            parts += piece.removeprefix(".").removesuffix(".").split(".")
    return tuple(parts)


def natural_type(kind: Kind) -> FieldType:
    """How a member is read where the profile says nothing: only what the contract allows."""
    return _NATURAL.get(kind, "raw")


def coerce(value: Any, kind: FieldType, rule: FieldRule | None, zone: str) -> Any:
    """The value under the rule; as it came if it cannot be read so."""
    if rule is not None and rule.values and not isinstance(value, dict | list):
        said = str(value).lower() if isinstance(value, bool) else str(value)
        value = rule.values.get("" if value is None else said, value)
    if value is None or value is MISSING:
        return value
    layout = rule.format if rule is not None else ""
    match kind:
        case "id":
            return _identifier(value, rule)
        case "text":
            return _text(value)
        case "number":
            return to_number(value)
        case "decimal_comma":
            return from_decimal_comma(value)
        case "integer":
            return _integer(value)
        case "boolean":
            return _BOOLEANS.get(value.strip().lower(), value) if isinstance(value, str) else value
        case "date":
            moment = _moment(value, layout, zone)
            return _day(moment, zone).isoformat() if moment is not None else value
        case "datetime":
            if not layout and isinstance(value, str) and RFC3339.fullmatch(value):
                return value  # nearly all there is
            moment = _moment(value, layout, zone)
            return moment.isoformat() if moment is not None else value
    return value


def _text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)


def _identifier(value: Any, rule: FieldRule | None) -> Any:
    """An id as text, marked where it came as a number and the profile does not speak of it."""
    found = _text(value)
    if rule is not None and rule.pad and isinstance(found, str) and found.isdecimal():
        return found.zfill(rule.pad)
    spoken_of = rule is not None and rule.type is not None
    return found if found is value or spoken_of else Numeral(found)


def to_number(value: Any) -> Any:
    """A decimal in text ("52.00") as a float; anything else as it came."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = float(value)
        return number if math.isfinite(number) else value
    return value


def from_decimal_comma(value: Any) -> Any:
    """ "1.480,50" as 1480.5; numbers and anything else as they came."""
    if isinstance(value, str) and _COMMA.fullmatch(value.strip()):
        return float(value.strip().replace(".", "").replace(",", "."))
    return value


def _integer(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,18}", value.strip(), re.ASCII):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _moment(value: Any, layout: str, zone: str) -> datetime | None:
    """The moment in the portal's zone, or None."""
    here: tzinfo = ZoneInfo(zone)
    try:
        if layout in ("epoch_s", "epoch_ms"):
            seconds = float(value) / (1000 if layout == "epoch_ms" else 1)
            return datetime.fromtimestamp(seconds, UTC).astimezone(here)
        if not isinstance(value, str):
            return None
        if layout:
            moment = datetime.strptime(value.strip(), layout)  # noqa: DTZ007 - the zone follows
        else:
            moment = datetime.fromisoformat(value.strip())
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=here)


def _day(moment: datetime, zone: str) -> date:
    """The day of an instant in the portal's zone, whatever the offset it was written with.

    Midnight UTC is a day that a machine wrote as an instant, and stays that day.
    """
    here = ZoneInfo(zone)
    if moment.tzinfo is here:
        return moment.date()
    utc = moment.astimezone(UTC)
    return utc.date() if utc.time() == time() else moment.astimezone(here).date()
