"""How numbers, dates and lists are written for people."""

from __future__ import annotations

import errno
from datetime import date, timedelta

import pytest

from Modules.words import spanish


def test_numbers_and_dates_are_argentine() -> None:
    assert spanish.number(1_234_567.891, 2) == "1.234.567,89"
    assert spanish.hectares(35.3) == "35,30 ha"
    assert spanish.hectares(None) == spanish.hectares(float("nan")) == ""
    assert spanish.day(date(2025, 11, 20)) == "20/11/2025"
    assert spanish.day(None) == ""
    assert spanish.count(1, "lote", "lotes") == "1 lote"
    assert spanish.count(2500, "lote", "lotes") == "2.500 lotes"


def test_names_sort_as_people_read_them() -> None:
    names = ["Lote 10", "lote 2", "10", "2", "Lote 2A", ""]
    assert sorted(names, key=spanish.natural) == ["", "2", "10", "lote 2", "Lote 2A", "Lote 10"]
    names = ["Zárate", "Ñandú", "Élida", "Nuevo", "Ezeiza", "Elena", "Oeste"]
    assert sorted(names, key=spanish.natural) == [
        *("Elena", "Élida", "Ezeiza", "Nuevo", "Ñandú", "Oeste", "Zárate")
    ]


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (0.5, "menos de una hora"),
        (1.5, "1 hora"),
        (26, "26 horas"),
        (47.9, "47 horas"),
        (72, "3 días"),
    ],
)
def test_ages_are_said_as_people_do(hours: float, said: str) -> None:
    assert spanish.duration(timedelta(hours=hours)) == said


def test_why_the_system_refused_is_said_in_spanish_where_it_is_known() -> None:
    assert spanish.why(FileNotFoundError(errno.ENOENT, "No such file or directory")) == "no existe"
    assert spanish.why(OSError(errno.EXDEV, "Invalid cross-device link")).startswith("Invalid")
    assert spanish.why(OSError("broken")) == "broken"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sube 3,7 %, 12 ha", "sube 3,7~%, 12~ha"),
        ("a 20 m del borde, 1.234,5 km", "a 20~m del borde, 1.234,5~km"),
        ("2 hasta mañana, 3 mil, lote 4 habitado", "2 hasta mañana, 3 mil, lote 4 habitado"),
        ("12 lotes (0 %)", "12 lotes (0~%)"),
    ],
)
def test_a_number_stays_on_the_line_of_its_unit(text: str, shown: str) -> None:
    assert spanish.unbroken(text) == shown.replace("~", "\N{NO-BREAK SPACE}")
