"""Single values out of records that may hold anything: text, number, date, time.

Each reader gives the value or None and never raises. None stands for "absent" and for "not what
it should be"; ``is_absent`` tells the two apart, so that the second can be counted.
Text comes out NFC, trimmed, without control characters, lone surrogates, bidirectional controls
or noncharacters; line breaks and tabs become a space.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, date, datetime
from functools import lru_cache

MIN_YEAR, MAX_YEAR = 1971, 2070  # what lies beyond says "none" in some system: 1970, 2999, 9999
MAX_NAME = 200  # characters of a name; also of an id, which is refused rather than cut
MAX_TEXT = 4_000  # characters of an observation
_INT64 = 2**63

_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\ufeff\ufdd0-\ufdef\ufffe\uffff"  # byte order mark, noncharacters
    "\ud800-\udfff"  # lone surrogates
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000)
    )
    + "]"
)
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_YEAR = re.compile(r"(?<!\d)\d{4}")
_NOT_DELETED = frozenset(("", "no", "false", "null", "none", "n", "f"))
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?", re.DOTALL)


class Numeral(str):
    """The text of an id that the portal wrote as a number."""

    __slots__ = ()


def is_absent(value: object) -> bool:
    """Whether a value says nothing: None, or text without a visible character."""
    return value is None or (isinstance(value, str) and not value.strip())


def clean_text(value: str, limit: int = MAX_NAME) -> str:
    """Text fit for every product: see the module. Longer than ``limit`` is cut."""
    if value.isascii() and value.isprintable():  # nearly all there is
        return value.strip() if len(value) <= limit else value.strip()[:limit].rstrip()
    return _scrubbed(value, limit)


@lru_cache(maxsize=1 << 12)  # a season says "ñandú" and "P Bray" forty thousand times
def _scrubbed(value: str, limit: int) -> str:
    value = unicodedata.normalize("NFC", _FORBIDDEN.sub("", _BREAKS.sub(" ", value)))
    if all(unicodedata.category(one)[0] in "CZ" for one in value):
        return ""  # zero-width blanks alone: nobody sees that
    return value.strip()[:limit].rstrip()


def text(value: object, limit: int = MAX_NAME) -> str | None:
    """Clean text of a text or a number; None for anything else and for empty text."""
    if isinstance(value, str):
        return clean_text(value, limit) or None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < _INT64 else None
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < _INT64 else repr(value)
    return None


def identifier(value: object) -> str | None:
    """An id as clean text; None if it has none or is longer than ``MAX_NAME``."""
    found = text(value, MAX_NAME + 1)
    return found if found is not None and len(found) <= MAX_NAME else None


def number(value: object) -> float | None:
    """A finite number; decimal text with a point is read."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and (len(value) > 64 or "_" in value):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def area_ha(value: object) -> float | None:
    """A declared area in hectares: a number that is not negative."""
    found = number(value)
    return found if found is not None and found >= 0 else None


def integer(value: object) -> int | None:
    """A whole number that fits 64 bits; text and 2.0 are read."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_INT64 <= value < _INT64 else None
    found = number(value)
    if found is None or not found.is_integer() or abs(found) >= 2**53:
        return None
    return int(found)


def boolean(value: object) -> bool | None:
    """True or False, and nothing that merely looks like it."""
    return value if isinstance(value, bool) else None


def day(value: object) -> date | None:
    """A date, out of YYYY-MM-DD or the date part of a time, of ``MIN_YEAR`` to ``MAX_YEAR``."""
    match = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        found = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    return found if MIN_YEAR <= found.year <= MAX_YEAR else None


def deleted(value: object) -> bool:
    """Whether a ``deleted_at`` says that its row is gone.

    Systems that cannot leave a date empty write one that cannot be: 0000-00-00, 0001-01-01,
    1970-01-01, 2999-12-31. Such a date, a blank, false and 0 delete nothing.
    """
    if not isinstance(value, str):
        return bool(value)
    said = value.strip().casefold()
    if said in _NOT_DELETED or (said[0].isdigit() and not said.strip("0-/.: tz+")):
        return False
    if said.isdecimal() and len(said) not in (4, 8):  # seconds or milliseconds
        return True
    years = [int(year) for year in _YEAR.findall(said)]
    return not years or any(MIN_YEAR <= year <= MAX_YEAR for year in years)


def timestamp(value: object) -> datetime | None:
    """An instant in UTC, out of RFC 3339 text; one without an offset is taken as UTC.

    None for years that only systems write that cannot leave a time empty.
    """
    if not isinstance(value, str) or not value.isascii():
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if MIN_YEAR <= found.year <= MAX_YEAR else None


def colour(value: object) -> str | None:
    """A colour #RRGGBB, in capitals."""
    found = value.strip() if isinstance(value, str) else ""
    return found.upper() if _COLOUR.fullmatch(found) else None
