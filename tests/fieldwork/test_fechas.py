"""Months and days as people write them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.fieldwork.fechas import MESES, Mes, mes_in, read_dia, read_mes
from Modules.words.errors import SettingsError

NOVIEMBRE = Mes(2026, 11)
DAY = date(2026, 11, 5)
days = st.dates(date(2000, 1, 1), date(2069, 12, 31))
meses = st.builds(Mes, st.integers(1980, 2060), st.integers(1, 12))


@pytest.mark.parametrize(
    "said",
    ["Noviembre 2026", "noviembre de 2026", "NOVIEMBRE DEL 2026", "nov-26", "Nov. 2026", "nov 26",
     "2026-11", "11/2026", "11-2026", "Plan de muestreo - La Paz - Noviembre 2026",
     "Plan\u00a0de muestreo – La Paz –\u200b Noviembre\u00a02026", "November 2026"],
)  # fmt: skip
def test_a_month_is_read_however_it_is_written(said: str) -> None:
    assert mes_in(said) == NOVIEMBRE


@pytest.mark.parametrize(
    "said", ["", "noviembre", "2026", "2026-13", "13/2026", "0/2026", "2026-11-05", "5/11/2026",
             "Loma 2026", "11/1850", "noviembre 202"]
)  # fmt: skip
def test_what_is_no_month_is_refused_with_an_example(said: str) -> None:
    with pytest.raises(SettingsError, match="Noviembre 2026"):
        read_mes(said)


def test_setiembre_and_septiembre_are_one_month() -> None:
    assert {mes_in(said) for said in ("set-26", "sept. 2026", "setiembre 2026", "sep 2026")} == {
        Mes(2026, 9)
    }


@given(meses, st.integers(-500, 500))
def test_months_are_counted_without_a_day(mes: Mes, months: int) -> None:
    there = mes.plus(months)
    assert there.plus(-months) == mes
    assert (there > mes) == (months > 0)
    assert (there.year - mes.year) * 12 + there.month - mes.month == months


@given(meses)
def test_what_a_month_is_called_reads_back(mes: Mes) -> None:
    assert read_mes(str(mes)) == read_mes(mes.texto) == mes
    assert mes.holds(mes.desde)
    assert not mes.holds(mes.desde - timedelta(days=1))


@pytest.mark.parametrize(
    "said",
    ["5/11/2026", "05/11/2026", "5-11-26", "05-11-26", "5.11.2026", "5 11 2026", "2026-11-05",
     "2026/11/5", "5 nov 2026", "05-nov-26", "5-nov.-2026", "5 de noviembre de 2026",
     "jueves 5 de noviembre de 2026", "jue, 5/11/2026", "5/11/2026 08:00", "5/11/2026 8:00:00 a.m.",
     "2026-11-05T08:00:00Z", "Nov 5, 2026", "5º de noviembre 2026", " 5 / 11 / 2026 ",
     "\u200b5/11/2026\u00a0", "46331", 46331, 46331.0, 46331.75],
)  # fmt: skip
def test_a_day_is_read_day_first(said: str | float) -> None:
    assert read_dia(said).day == DAY
    assert not read_dia(said).year_added


@pytest.mark.parametrize(
    "said",
    ["", "31/02/2026", "29/02/2027", "0/11/2026", "31 de noviembre de 2026", "hoy", "a convenir",
     "5/11/2026 o 6/11/2026", "5 al 7/11/2026", "11/2026", "2026", "5", "5/11/206", "5/11/1850",
     "5,11", "32/13/2026", "5/nov/dic", "05/2026/11", "-5", "5 nov 2026 7", 5.11, 20261105, 0, -3.0,
     "5/11", "5 nov"],
)  # fmt: skip
def test_what_is_no_day_is_none_in_either_order(said: str | float) -> None:
    for dia_primero in (True, False):
        found = read_dia(said, dia_primero=dia_primero)
        assert found.day is None
        assert not found.contradicts


def test_the_declared_order_is_kept_and_its_contradiction_is_said() -> None:
    assert read_dia("11/5/2026").day == date(2026, 5, 11)
    assert read_dia("11/5/2026", dia_primero=False).day == DAY
    assert read_dia("11/25/2026").day is None
    assert read_dia("11/25/2026").contradicts
    assert read_dia("25/11/2026", dia_primero=False).contradicts
    assert read_dia("5/5/2026").swapped is None


@pytest.mark.parametrize(
    ("said", "mes", "right"),
    [("5/11", NOVIEMBRE, DAY), ("5 nov", NOVIEMBRE, DAY), ("5/1", Mes(2026, 12), date(2027, 1, 5)),
     ("28-dic", Mes(2027, 1), date(2026, 12, 28)), ("31/5", Mes(2026, 5), date(2026, 5, 31))],
)  # fmt: skip
def test_a_day_without_a_year_is_near_the_month_of_the_sheet(
    said: str, mes: Mes, right: date
) -> None:
    found = read_dia(said, mes)
    assert found.day == right
    assert found.year_added


@given(days, st.sampled_from("/-. "))
def test_every_day_reads_back_in_every_form(when: date, mark: str) -> None:
    name = MESES[when.month - 1]
    for said in (f"{when:%d}{mark}{when:%m}{mark}{when:%Y}", f"{when.day} de {name} de {when.year}",
                 f"{when.day}{mark}{name[:3]}{mark}{when.year}", when.isoformat(),
                 (when - date(1899, 12, 30)).days):  # fmt: skip
        assert read_dia(said).day == when


@given(st.text(max_size=30) | st.from_regex(r"[0-9/\-. a-z]{1,14}", fullmatch=True))
def test_no_text_breaks_the_reading(said: str) -> None:
    found = read_dia(said, NOVIEMBRE)
    assert found.day is None or 1971 <= found.day.year <= 2070
    mes_in(said)
