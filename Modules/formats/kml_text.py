"""Text for KML: clean, safe in XML, and safe in the HTML of a balloon. Pure.

One value is read in two ways. A balloon (``$[campo]``) shows it as HTML; the list of places, QGIS
and a phone's search show it as plain text. So a value must read the same both ways: what HTML
would take for markup or for an entity is replaced by a look-alike ("<b>" by "‹b›", the "&" of
an "&copy" by "＆"), and "$[", which a balloon would expand, by "$(". A plain "Peña & Hijos" stays
as it is. After that comes escaping for XML, once.

Numbers and dates for people are written as in Argentina: 1.234,56 and 20/11/2025.
"""

from __future__ import annotations

import html as _html
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import escape

from Modules.words.text import MAX_NAME, clean_text

_RISKY: Final = re.compile(r"[<&$]")
_UNSAFE_IN_ID: Final = re.compile("[^A-Za-z0-9-]")


@lru_cache(maxsize=4096)
def title(value: str) -> str:
    """A title or a line of the list that is not cleaned yet, ready for its element."""
    return xml(plain(value))


def plain(value: str, limit: int = MAX_NAME) -> str:
    """A value as it is shown: clean (``words.text``), and the same text as HTML and as text."""
    text = clean_text(value, limit)
    if _RISKY.search(text) is None:
        return text
    if "<" in text:
        text = text.replace("<", "‹").replace(">", "›")
    text = text.replace("$[", "$(")
    return text if _html.unescape(text) == text else text.replace("&", "＆")


def xml(text: str) -> str:
    """Escape for the content of an element; "]]>" too becomes harmless. No attribute holds data."""
    return escape(text)


def xml_texts(values: Iterable[str | None], limit: int = MAX_NAME) -> list[str]:
    """``plain`` and ``xml`` for a column; a missing value is empty text."""
    cells = list(values)
    known = {value: xml(plain(value or "", limit)) for value in dict.fromkeys(cells)}
    return [known[value] for value in cells]


@lru_cache(maxsize=4096)
def html(text: str) -> str:
    """A value for HTML that we write ourselves (descriptions); escape that HTML for XML after."""
    return _html.escape(plain(text))


def xml_id(prefix: str, key: str) -> str:
    """A stable ``xs:ID`` out of one of our prefixes and any key.

    Different keys give different ids: what an id may not hold is written as its code point in
    hexadecimal between underscores. "." is left to the caller, for parts of a style.
    """
    return f"{prefix}-{_UNSAFE_IN_ID.sub(lambda match: f'_{ord(match[0]):x}_', key)}"
