"""How people read it: numbers, hectares, dates and lists in the Spanish of Argentina. Pure.

Numbers are 1.234,56, dates 20/11/2025, moments 20/11/2025 03:00; a missing value is empty text.
``corrida`` is the log of a run that Prefect's page and ``lindero run`` show: Spanish lines only.
"""

from __future__ import annotations

import errno
import logging
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from decimal import Decimal

corrida: Final = logging.getLogger("Modules.corrida")
MESES: Final = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto"),
    *("septiembre", "octubre", "noviembre", "diciembre"),
)
_SWAPPED: Final = str.maketrans(",.", ".,")
_WHY: Final = {
    errno.ENOENT: "no existe",
    errno.EACCES: "sin permiso",
    errno.EPERM: "sin permiso",
    errno.EISDIR: "es una carpeta",
    errno.ENOTDIR: "no es una carpeta",
    errno.ENOTEMPTY: "la carpeta no está vacía",
    errno.ENOSPC: "no queda lugar en el disco",
    errno.EDQUOT: "se agotó la cuota del disco",
    errno.EROFS: "el disco es de sólo lectura",
    errno.EIO: "el disco da un error",
    errno.ELOOP: "los enlaces dan vueltas",
    errno.ENAMETOOLONG: "el nombre es demasiado largo",
    errno.EADDRINUSE: "otro programa lo usa",
    errno.ECONNREFUSED: "nadie contesta ahí",
}
_BEFORE_UNIT: Final = re.compile(r"(?<=\d) (?=%|(?:ha|m|m²|km|cm|mm|kg)\b)")
_ACCENTS: Final = re.compile(r"[\u0300-\u0302\u0304-\u036f]")  # all but that of ñ
_MARKDOWN: Final = re.compile(r"[\\`*_{}\[\]#|~]")


def number(value: float | Decimal, decimals: int = 0) -> str:
    """1234.5 → "1.235", or "1.234,50" with two decimals."""
    return f"{value:,.{decimals}f}".translate(_SWAPPED)


def brief(value: float) -> str:
    """As many decimals as it has: 120.0 → "120", 0.05 → "0,05"."""
    return f"{value:g}".replace(".", ",")


def hectares(value: float | None) -> str:
    """1234.5 → "1.234,50 ha"; nothing for an area nobody declared."""
    return "" if value is None or value != value else f"{number(value, 2)} ha"


def percent(before: float, now: float) -> str:
    """A change as "−12,5 %" or "+3,0 %"."""
    if before <= 0:
        return "antes no había"
    change = round((now - before) / before * 100, 1)
    if change == 0:
        return "sin cambio"
    return f"{'−' if change < 0 else '+'}{number(abs(change), 1)} %"


def count(number_of: int, singular: str, plural: str) -> str:
    """ "1 lote", "2.500 lotes"."""
    return f"{number(number_of)} {singular if number_of == 1 else plural}"


def in_lote(campo: str, lote: str) -> str:
    """ "El Ombú, lote 2", and "El Ombú, Lote 5" where the name says it."""
    return f"{campo}, {'' if lote.casefold().startswith('lote ') else 'lote '}{lote}"


def why(err: OSError) -> str:
    """Why the system refused, for people; in its own words where ours have none."""
    return _WHY.get(err.errno or 0, err.strerror or str(err))


def day(value: date | None) -> str:
    """20/11/2025; nothing for no date."""
    return "" if value is None or value != value else f"{value:%d/%m/%Y}"


def moment(value: datetime, zone: ZoneInfo | None = None) -> str:
    """20/11/2025 03:00; with ``zone`` an aware moment as the clocks there say it."""
    return f"{value if zone is None else value.astimezone(zone):%d/%m/%Y %H:%M}"


def sentence(text: str) -> str:
    """A text that ends as a sentence does, once."""
    return text if text.endswith(("?", "!", "…")) else f"{text.rstrip('.')}."


def inesperada(fault: str) -> str:
    """What people read of a fault of ours, by its class; what it says, in English, the log has."""
    where = "lindero stack logs worker, o docker compose logs prefect-worker (a mano: --verbose)"
    return f"falla inesperada ({fault}); dice más el registro del worker: {where}"


def duration(value: timedelta) -> str:
    """How long, as people say it: hours up to two days, then days."""
    hours = int(value.total_seconds() // 3600)
    if hours < 1:
        return "menos de una hora"
    if hours == 1:
        return "1 hora"
    return f"{hours} horas" if hours < 48 else f"{hours // 24} días"


def short(lines: Sequence[str], most: int) -> str:
    """The first lines, and how many more there are."""
    more = len(lines) - most
    tail = f"; y {number(more)} más" if more > 0 else ""
    return f"{'; '.join(lines[:most])}{tail}"


def unbroken(text: str) -> str:
    """A text to be read, in which no line ends between a number and its sign or unit."""
    return _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", text)


def cut(text: str, most: int) -> str:
    """A text of at most so many characters; "…" where it goes on."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def markdown(text: str) -> str:
    """Text of the portal's users as Markdown that shows just that text."""
    flat = " ".join(text.split())
    escaped = _MARKDOWN.sub(r"\\\g<0>", flat)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; the cells are Markdown already. Nothing for no rows."""
    lines = (header, ("---",) * len(header), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if len(lines) > 2 else ""


@lru_cache(maxsize=65_536)
def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts "Lote 2" before "Lote 10" and "Élida" before "Zárate", ñ after n; whatever
    the case. Names that differ in case and accents alone tie.
    """
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", name.casefold()))
    parts = re.split(r"(\d+)", plain)
    return tuple((0, int(part), "") if i % 2 else (1, 0, part) for i, part in enumerate(parts))
