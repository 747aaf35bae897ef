"""Which campaña is on, and when a night of another one is said."""

from __future__ import annotations

from datetime import date

import pytest

from Modules.words.domain import Campania
from Modules.words.errors import SettingsError
from Modules.words.temporada import Anunciada, current, over, read_campanias, write_campanias

OLD, NEW = Campania(25, 26), Campania(26, 27)
HOY = date(2026, 11, 29)
LAST = (date(2025, 6, 1), date(2026, 5, 31))
THIS = (date(2026, 6, 1), date(2027, 5, 31))


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("25/26", (OLD,)),
        ("26/27, 25/26", (NEW, OLD)),
        ("25/26,25/26", (OLD,)),
        ("actual", ()),
        (" Actual ", ()),
    ],
)
def test_people_name_one_several_or_leave_it_to_the_portal(
    text: str, asked: tuple[Campania, ...]
) -> None:
    assert read_campanias(text) == asked
    assert read_campanias(write_campanias(asked)) == asked


@pytest.mark.parametrize("text", ["", "25/26,", "25/27", "actual,25/26", "2025"])
def test_what_is_no_campania_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="como 25/26"):
        read_campanias(text)


@pytest.mark.parametrize(
    ("listed", "on"),
    [
        ([Anunciada(OLD, *LAST, activa=False), Anunciada(NEW, *THIS, activa=True)], NEW),
        ([Anunciada(OLD, *LAST), Anunciada(NEW, *THIS)], NEW),  # dates alone
        ([Anunciada(OLD, activa=False), Anunciada(NEW, activa=True)], NEW),  # the mark alone
        ([Anunciada(OLD, *LAST, activa=True), Anunciada(NEW, *THIS, activa=False)], OLD),
        ([Anunciada(OLD, *LAST, activa=True), Anunciada(NEW, *THIS, activa=True)], NEW),
        ([Anunciada(OLD, activa=True), Anunciada(NEW, activa=True)], None),  # it does not tell
        ([Anunciada(OLD, *LAST, activa=False)], None),
        ([], None),
    ],
)
def test_the_one_that_is_on(listed: list[Anunciada], on: Campania | None) -> None:
    assert current(listed, HOY) == on
    assert current(listed[::-1], HOY) == on


def test_a_night_of_a_campania_that_ended_is_said_while_another_is_on() -> None:
    listed = [Anunciada(OLD, *LAST, activa=False), Anunciada(NEW, *THIS, activa=True)]
    said = over(OLD, (OLD,), listed, HOY)
    assert said is not None
    assert said.is_warning
    assert said.notes == (
        "la 25/26 terminó el 31/05/2026 y el portal tiene activa la 26/27, que nadie trae",
    )
    assert "LINDERO_CAMPANIA=26/27" in said.todo
    assert over(OLD, (OLD, NEW), listed, HOY) is None, "both are asked for: harvest of the old one"
    assert over(NEW, (NEW,), listed, HOY) is None
    assert over(NEW, (NEW,), listed, date(2026, 5, 1)) is None, "the next one, before it begins"
    assert over(OLD, (OLD,), listed, date(2026, 5, 31)) is None, "its last day is part of it"
    alone = [Anunciada(OLD, *LAST, activa=True)]
    assert over(OLD, (OLD,), alone, HOY) is None, "there is no other one yet"
