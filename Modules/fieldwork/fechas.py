"""Months and days as people write them in a sheet. Pure; months in Spanish or English.

A day is read in the order that the setting says, day first here. What contradicts it (11/25/2026)
is not turned round: it is no day, and the sheet that holds it is not of one order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from Modules.words.errors import SettingsError
from Modules.words.names import look
from Modules.words.spanish import MESES
from Modules.words.text import MAX_YEAR, MIN_YEAR

_MONTHS: Final = {
    **{name[:3]: at for at, name in enumerate(MESES, start=1)},
    **{"jan": 1, "apr": 4, "aug": 8, "set": 9, "dec": 12},
}
_MES: Final = re.compile(
    r"(?:^|(?<!\d)[\W_])(?:(\d{4})-(\d{1,2})|([a-z]+|\d{1,2})(?:\.? del? |[\W_]+)(\d{4}|\d\d))$"
)
_TIME: Final = re.compile(r"[t ,]+\d{1,2}:\d\d(:\d\d)?(\.\d+)?( ?[ap]\.? ?m\.?)?( ?z)?$")
_SILENT: Final = re.compile(
    r"^(lun(es)?|mar(tes)?|mie(rcoles)?|jue(ves)?|vie(rnes)?|sab(ado)?|dom(ingo)?)\b[., ]*(?=\d)"
    r"|\b(de|del|el)\b|(?<=\d)(ro|er|o|°)(?=\W|$)"
)
_NUMBERS: Final = re.compile(r"\d{1,4}([/\-. ]+\d{1,4}){1,2}")
_EPOCH: Final = date(1899, 12, 30)  # day 0 of the serial numbers of Sheets and Excel
_SERIALS: Final = range(36_526, 73_051)  # the years 2000 to 2099


@dataclass(frozen=True, slots=True, order=True)
class Mes:
    """A calendar month: "2026-11" inside, "Noviembre 2026" for people."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def texto(self) -> str:
        return f"{MESES[self.month - 1].capitalize()} {self.year}"

    @property
    def desde(self) -> date:
        return date(self.year, self.month, 1)

    def plus(self, months: int) -> Mes:
        """The month so many after this one, before it if negative."""
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Mes(year, month + 1)

    def holds(self, day: date) -> bool:
        return (day.year, day.month) == (self.year, self.month)


def read_mes(said: str) -> Mes:
    """The month that "Noviembre 2026", "nov-26", "11/2026" or "2026-11" names.

    Raises:
        SettingsError: it is no month, or has no year.
    """
    if (found := mes_in(said)) is None:
        raise SettingsError(f"{said!r} no es un mes; escribir por ejemplo Noviembre 2026 o 2026-11")
    return found


def mes_in(said: str) -> Mes | None:
    """The month at the end of a text, such as the name of a file; None where there is none."""
    if (match := _MES.search(look(said))) is None:
        return None
    month, year = _month(match[2] or match[3]), _year(match[1] or match[4])
    return Mes(year, month) if 1 <= month <= 12 and MIN_YEAR <= year <= MAX_YEAR else None


def _month(said: str) -> int:
    """Of a number or of a name, by its first three letters; 0 for another word."""
    return int(said) if said.isdecimal() else _MONTHS.get(said[:3], 0)


def _year(said: str) -> int:
    return int(said) + (2000 if len(said) < 3 else 0)


@dataclass(frozen=True, slots=True)
class Dia:
    """A cell read as a day; None if it is none."""

    day: date | None = None
    swapped: date | None = None  # what it is in the other order of day and month, where it is one
    year_added: bool = False

    @property
    def contradicts(self) -> bool:
        """Whether only the other order makes it a day."""
        return self.day is None and self.swapped is not None


def read_dia(value: str | float, mes: Mes | None = None, *, dia_primero: bool = True) -> Dia:
    """A cell as a day: shown text, or a serial number of Sheets.

    ``mes``: near which month a day without a year lies; without it such a day is none.
    """
    if isinstance(value, str):
        said = _SILENT.sub(" ", _TIME.sub("", look(value))).strip(" .,")
    else:
        said = str(int(value))
    if said.isdecimal():
        known = len(said) == 5 and int(said) in _SERIALS
        return Dia(_EPOCH + timedelta(days=int(said))) if known else Dia()
    words, numbers = re.findall(r"[^\W\d_]+", said), re.findall(r"\d+", said)
    if len(words) == 1 and len(numbers) in (1, 2):
        day, *year = sorted(numbers, key=len)  # 5 nov 2026; of two alike the first is the day
        return _dia((day, str(_month(words[0])), *year), mes)
    if words or not _NUMBERS.fullmatch(said):
        return Dia()
    if len(numbers[0]) == 4:
        return _dia(tuple(reversed(numbers)), mes)
    one, two, *year = numbers
    ways = [_dia(way, mes) for way in ((one, two, *year), (two, one, *year))]
    own, other = ways if dia_primero else reversed(ways)
    return Dia(own.day, other.day if other.day != own.day else None, own.year_added)


def _dia(said: tuple[str, ...], mes: Mes | None) -> Dia:
    """Day, month and perhaps year; without one the nearest to ``mes``."""
    day, month = int(said[0]), int(said[1])
    near = () if mes is None else (mes.plus(months) for months in range(-5, 7))
    years = [_year(said[2])] if len(said) > 2 else [one.year for one in near if one.month == month]
    try:
        found = date(years[0], month, day)
    except (ValueError, IndexError):
        return Dia()
    return Dia(found if MIN_YEAR <= found.year <= MAX_YEAR else None, year_added=len(said) < 3)
