"""Months and days as people write them in a sheet. Pure; Spanish, and English names of months.

A day is read in the order that the setting says, day first here. What contradicts it (11/25/2026)
is not turned round: it is no day, and the sheet that holds it is not of one order.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from Modules.words.errors import SettingsError
from Modules.words.names import look
from Modules.words.text import MAX_YEAR, MIN_YEAR, text

MESES: Final = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto"),
    *("septiembre", "octubre", "noviembre", "diciembre"),
)
_OTHER: Final = {
    name: at
    for at, names in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august",
         "september setiembre", "october", "november", "december"), start=1)
    for name in names.split()
}  # fmt: skip
_NAMES: Final = {**{name: at for at, name in enumerate(MESES, start=1)}, **_OTHER}
_TIME: Final = re.compile(r"[t ,]+\d{1,2}:\d\d(:\d\d)?(\.\d+)?( ?[ap]\.? ?m\.?)?( ?z)?$")
_SILENT: Final = re.compile(
    r"\b(lun(es)?|mar(tes)?|mie(rcoles)?|jue(ves)?|vie(rnes)?|sab(ado)?|dom(ingo)?)\b[., ]*(?=\d)"
    r"|\b(de|del|el)\b|(?<=\d)(ro|er|o|°)(?=\W|$)"
)
_SHAPE: Final = re.compile(r"\d+([/\-. ]+\d+){1,2}")
_MES: Final = re.compile(
    r"(?:^|(?<!\d)[\W_])(?:(\d{4})-(\d{1,2})|([a-z]+|\d{1,2})(?:\.? del? |[\W_]+)(\d{4}|\d\d))$"
)
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

    @property
    def hasta(self) -> date:
        return date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])

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
    match = _MES.search(look(said))
    if match is None:
        return None
    month = int(match[2]) if match[2] else _month(match[3])
    year = int(match[1] or match[4])
    year += 2000 if year < 100 else 0
    valid = 1 <= month <= 12 and MIN_YEAR <= year <= MAX_YEAR
    return Mes(year, month) if valid else None


def _month(word: str) -> int:
    """1 to 12 of a number, of a name or of its first letters, three or more; else 0."""
    if word.isdecimal():
        return int(word)
    fits = {at for name, at in _NAMES.items() if len(word) > 2 and name.startswith(word)}
    return fits.pop() if len(fits) == 1 else 0


@dataclass(frozen=True, slots=True)
class Dia:
    """A cell read as a day: ``day``, or ``problem`` (Spanish) and what to do about it."""

    day: date | None = None
    problem: str = ""
    todo: str = ""
    swapped: date | None = None  # what it would be in the other order, where it is one
    contradicts: bool = False  # only the other order makes it a day
    year_added: bool = False


def read_dia(value: str | float, mes: Mes | None = None, *, dia_primero: bool = True) -> Dia:
    """A cell as a day: shown text, or a serial number of Sheets.

    ``mes``: near which month a day without a year lies; without it such a day is a problem.
    """
    if isinstance(value, int | float):
        if int(value) in _SERIALS:
            return Dia(_EPOCH + timedelta(days=int(value)))
        return Dia(
            problem=f"{text(value)} no es una fecha", todo="darle a la celda formato de fecha"
        )
    said = _SILENT.sub(" ", _TIME.sub("", look(value))).strip(" .,")
    if said.isdecimal() and int(said) in _SERIALS:
        return read_dia(int(said))
    words, numbers = re.findall(r"[^\W\d_]+", said), re.findall(r"\d+", said)
    unread = Dia(problem=f"«{value}» no es una fecha", todo="escribirla como 05/11/2026")
    if len(words) == 1 and 1 <= len(numbers) <= 2:
        month, parts = _month(words[0]), sorted(numbers, key=len)
        if len(numbers) == 2 and len(numbers[0]) == len(numbers[1]):
            parts = numbers  # 05 nov 26
        day, year = int(parts[0]), parts[1] if len(parts) > 1 else ""
        return _dia(value, day, month, year, mes) if month else unread
    if words or not _SHAPE.fullmatch(said) or max(map(len, numbers)) > 4:
        return unread
    if len(numbers[0]) == 4:
        year, *rest = numbers
        if len(rest) != 2:
            return unread
        return _dia(value, int(rest[1]), int(rest[0]), year, mes)
    first, second = int(numbers[0]), int(numbers[1])
    year = numbers[2] if len(numbers) > 2 else ""
    if len(year) not in (0, 2, 4) or max(len(numbers[0]), len(numbers[1])) > 2:
        return unread
    one, two = _dia(value, first, second, year, mes), _dia(value, second, first, year, mes)
    one, two = (one, two) if dia_primero else (two, one)
    if one.day is None and two.day is not None:
        order = ("día/mes", "mes/día") if dia_primero else ("mes/día", "día/mes")
        what = f"«{value}» sólo es una fecha leída {order[1]}, y la planilla es {order[0]}"
        return Dia(problem=what, todo=unread.todo, contradicts=True)
    swapped = two.day if two.day != one.day else None
    return Dia(one.day, one.problem, one.todo, swapped, year_added=one.year_added)


def _dia(value: str, day: int, month: int, year: str, mes: Mes | None) -> Dia:
    todo = "escribirla como 05/11/2026"
    if not year and mes is None:
        return Dia(problem=f"«{value}» no dice el año", todo=todo)
    years = [int(year) + (2000 if len(year) < 3 else 0)] if year else []
    if mes is not None and not years:  # the nearest to the month of the sheet
        near = sorted(mes.plus(months) for months in range(-5, 7))
        years = [one.year for one in near if one.month == month]
    try:
        found = date(years[0], month, day)
    except (ValueError, IndexError):
        return Dia(problem=f"«{value}» no existe en el calendario", todo=todo)
    if not MIN_YEAR <= found.year <= MAX_YEAR:
        return Dia(problem=f"«{value}»: el año {found.year} no puede ser", todo=todo)
    return Dia(found, year_added=not year)
