"""Retention: what stays, for what reason, and what may never go. Properties by hypothesis."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.store.retention import (
    LONGEST_GAP,
    Ficha,
    PrunePlan,
    Reglas,
    clock_problem,
    contradicting,
    most_at_once,
    plan,
)
from Modules.words.domain import Campania, Portal, SnapshotId

ZONE = ZoneInfo("America/Argentina/Buenos_Aires")
REGLAS = Reglas(ZONE)
SEASON = Campania(25, 26)
PORTAL = Portal("https://portal.example", "contract@0")
FIRST = datetime(2025, 7, 1, 6, 0, 2, tzinfo=UTC)  # three in the morning in Buenos Aires
DAY = timedelta(days=1)


def ficha(number: int, utc: datetime, *, accepted: bool = True, **more: object) -> Ficha:
    return Ficha(SnapshotId(number, utc), SEASON, PORTAL, accepted, **more)  # type: ignore[arg-type]


def nights(count: int, first: datetime = FIRST) -> list[Ficha]:
    """A night each day, numbers from 1."""
    return [ficha(i + 1, first + i * DAY) for i in range(count)]


def numbers(lines: Sequence[object]) -> list[int]:
    return [line.ficha.id.number for line in lines]  # type: ignore[attr-defined]


def settled(fichas: Sequence[Ficha], now: datetime, reglas: Reglas = REGLAS) -> list[Ficha]:
    """What is left when prune is run until nothing goes any more."""
    left = list(fichas)
    while gone := plan(left, reglas, now).salen:
        out = set(numbers(gone))
        left = [one for one in left if one.id.number not in out]
    return left


def wanted(fichas: Sequence[Ficha], now: datetime, reglas: Reglas = REGLAS) -> set[int]:
    """Numbers that stay, whatever the limit."""
    return set(numbers(plan(fichas, reglas, now).quedan))


# --- examples ------------------------------------------------------------------------------------


def test_after_a_year_fourteen_days_eight_weeks_and_all_months_are_left() -> None:
    fichas = nights(400)
    now = fichas[-1].id.utc + timedelta(hours=2)
    left = [one for one in fichas if one.id.number in wanted(fichas, now)]
    local = [one.id.utc.astimezone(ZONE).date() for one in left]
    assert local[-14:] == [local[-1] - timedelta(days=13 - i) for i in range(14)]
    older = local[:-14]
    sundays = [day for day in older if day.isoweekday() == 7]
    month_ends = [day for day in older if (day + DAY).month != day.month]
    assert set(older) == set(sundays) | set(month_ends)
    assert len(month_ends) == 12, "every month that ended before the last fourteen days"
    weeks = {day.isocalendar()[:2] for day in local}
    assert sorted(weeks)[-8:] == sorted({(now - i * 7 * DAY).isocalendar()[:2] for i in range(8)})


def test_months_go_after_twenty_four_and_years_never() -> None:
    fichas = nights(8 * 365)
    now = fichas[-1].id.utc + timedelta(hours=2)
    left = [one.id.utc.astimezone(ZONE).date() for one in settled_at_once(fichas, now)]
    yearly = [day for day in left if (day.month, day.day) == (12, 31)]
    assert [day.year for day in yearly] == list(range(2025, 2033))
    assert len({(day.year, day.month) for day in left}) == 24 + 6


def settled_at_once(fichas: Sequence[Ficha], now: datetime) -> list[Ficha]:
    keep = wanted(fichas, now)
    return [one for one in fichas if one.id.number in keep]


def test_a_day_is_a_local_day_and_the_last_night_of_it_stays() -> None:
    evening = datetime(2025, 11, 20, 2, 30, tzinfo=UTC)  # 23:30 of the 19th in Buenos Aires
    morning = datetime(2025, 11, 20, 6, 0, tzinfo=UTC)  # 03:00 of the 20th
    later = datetime(2025, 11, 20, 12, 0, tzinfo=UTC)  # 09:00 of the 20th
    fichas = [ficha(1, evening), ficha(2, morning), ficha(3, later)]
    fichas += [ficha(4, later + timedelta(seconds=1))]
    reglas = Reglas(ZONE, daily=2, weekly=0, monthly=0)
    assert wanted(fichas, later + DAY, reglas) == {1, 3, 4}, "the 19th, the 20th and the last two"
    assert wanted(fichas, later + DAY, replace(reglas, zone=ZoneInfo("UTC"))) == {3, 4}


def test_the_last_fourteen_stay_though_the_clock_stood_still() -> None:
    fichas = [ficha(i, FIRST + timedelta(seconds=i)) for i in range(1, 41)]
    assert wanted(fichas, FIRST + DAY) == set(range(27, 41))


def test_the_reasons_are_said_in_spanish() -> None:
    fichas = nights(30)
    said = {
        line.ficha.id.number: line.motivo for line in plan(fichas, REGLAS, fichas[-1].id.utc).quedan
    }
    assert said[30].startswith(
        "el más nuevo de la campaña, reciente, diario, semanal, mensual, anual"
    )
    assert said[13] == "semanal"  # 13 July 2025, a Sunday more than fourteen days ago


def test_a_backup_that_is_not_verified_takes_no_place_and_is_not_removed() -> None:
    fichas = nights(40)
    fichas[-1] = replace(fichas[-1], verified=False)
    result = plan(fichas, Reglas(ZONE, daily=2, weekly=0, monthly=0), fichas[-1].id.utc)
    stays = dict(zip(numbers(result.quedan), (line.motivo for line in result.quedan), strict=True))
    assert stays[40] == "sin verificar, el último número"
    assert {39, 38} <= set(stays), "the two newest good days"


def test_refused_nights_go_after_ninety_days_and_take_no_place() -> None:
    fichas = nights(200)
    for number in (50, 150):
        fichas[number - 1] = replace(fichas[number - 1], accepted=False)
    now = fichas[-1].id.utc
    result = plan(fichas, REGLAS, now)
    gone = {*numbers(result.salen), *numbers(result.esperan)}
    assert 50 in gone
    assert 150 not in gone
    line = next(line for line in (*result.salen, *result.esperan) if line.ficha.id.number == 50)
    assert line.motivo == "en cuarentena hace más de 90 días"


def test_the_backup_that_holds_the_published_copy_stays_as_long_as_a_later_one_is_equal_to_it() -> (
    None
):
    fichas = nights(60)
    same = fichas[4].id
    fichas = [replace(one, first_equal=same) if one.id.number > 5 else one for one in fichas]
    result = plan(fichas, REGLAS, fichas[-1].id.utc)
    said = dict(zip(numbers(result.quedan), (line.motivo for line in result.quedan), strict=True))
    assert said[5] == "copia publicada"


def test_a_backup_that_a_product_was_made_from_stays() -> None:
    fichas = nights(60)
    result = plan(fichas, REGLAS, fichas[-1].id.utc, in_use=[fichas[7].id, SnapshotId(999, FIRST)])
    assert 8 in numbers(result.quedan)


def test_a_campania_that_ended_keeps_its_end_for_ever_and_the_next_one_does_not_touch_it() -> None:
    old = nights(100)
    new = [
        replace(ficha(200 + i, FIRST + (400 + i) * DAY), campania=Campania(26, 27))
        for i in range(2000)
    ]
    keep = wanted([*old, *new], new[-1].id.utc)
    assert 100 in keep
    assert wanted(old, old[-1].id.utc) == keep & set(range(1, 101))


@pytest.mark.parametrize(
    ("total", "most"), [(0, 0), (9, 0), (10, 1), (19, 1), (29, 2), (30, 3), (1000, 3)]
)
def test_never_more_than_three_nor_one_in_ten_at_once(total: int, most: int) -> None:
    assert most_at_once(total) == most


def test_the_limit_takes_the_oldest_first_and_says_how_many_wait() -> None:
    fichas = nights(60)
    result = plan(fichas, REGLAS, fichas[-1].id.utc)
    assert numbers(result.salen) == [1, 2, 3]
    assert result.tope == 3
    assert min(numbers(result.esperan)) > 3
    assert len(result.salen) + len(result.esperan) + len(result.quedan) == 60


# --- the clock -----------------------------------------------------------------------------------


def test_a_clock_that_ran_backwards_stops_every_prune() -> None:
    fichas = nights(60)
    result = plan(fichas, REGLAS, fichas[-1].id.utc - timedelta(seconds=1))
    assert result.salen == ()
    assert result.negado is not None
    assert "antes que el último backup" in result.negado
    assert "el reloj dice" in result.negado
    assert result.tope == 0
    right = plan(fichas, REGLAS, fichas[-1].id.utc)
    assert result.esperan == (*right.salen, *right.esperan), "what would go is still told"
    assert result.quedan == right.quedan


def test_a_clock_far_after_the_newest_backup_stops_every_prune() -> None:
    fichas = [*nights(60), ficha(61, FIRST + 60 * DAY, accepted=False)]
    at_the_limit = fichas[-1].id.utc + LONGEST_GAP
    assert plan(fichas, REGLAS, at_the_limit).salen
    result = plan(fichas, REGLAS, at_the_limit + timedelta(seconds=1))
    assert result.salen == ()
    assert "tiene 45 días" in str(result.negado)


def test_a_year_ahead_for_one_night_costs_nothing() -> None:
    """Night 30 has a clock that is a year ahead; then it is right again."""
    fichas = nights(60)
    fichas[29] = ficha(30, fichas[29].id.utc + timedelta(days=365))
    result = plan(fichas, REGLAS, fichas[-1].id.utc)
    after = set(range(30, 61))
    assert after <= set(numbers(result.quedan)), "before or after? a person has to say"
    said = {line.ficha.id.number: line.motivo for line in result.quedan}
    assert said[30] == said[31] == "reloj dudoso"


def test_a_clock_that_is_a_year_ahead_does_not_age_refused_nights() -> None:
    fichas = nights(60)
    fichas[49] = replace(fichas[49], accepted=False)
    ahead = [ficha(61 + i, FIRST + (60 + 365 + i) * DAY) for i in range(3)]
    result = plan([*fichas, *ahead], REGLAS, ahead[-1].id.utc)
    assert result.negado is None
    assert 50 in numbers(result.quedan)


def test_nights_at_a_wrong_date_displace_no_true_ones() -> None:
    """The clock falls back a year for three weeks; the true nights of that month stay."""
    true = nights(500)
    kept = [one for one in true if one.id.number in wanted(true, true[-1].id.utc)]
    wrong = [ficha(501 + i, FIRST + (500 - 365 + i) * DAY) for i in range(21)]
    later = wanted([*kept, *wrong], wrong[-1].id.utc)
    assert {one.id.number for one in kept} <= later


def test_a_day_that_the_clock_tells_twice_costs_no_night() -> None:
    """Set back by exactly a day, two nights have the same moment: which week had the first?"""
    fichas = nights(60)
    fichas[20:] = [ficha(21 + i, FIRST + (19 + i) * DAY) for i in range(40)]
    result = plan(fichas, REGLAS, fichas[-1].id.utc)
    assert {20, 21} <= set(numbers(result.quedan))


def test_contradictions_name_both_sides() -> None:
    times = [0, 1, 9, 2, 3, 9, 10]
    ids = [SnapshotId(i + 1, FIRST + hours * DAY) for i, hours in enumerate(times)]
    assert contradicting(ids) == {3, 4, 5, 6}, "the same time twice is one too"
    assert contradicting(ids[:3]) == set()


@given(st.lists(st.integers(0, 9), max_size=9))
def test_contradicting_are_all_pairs_whose_number_and_time_disagree(days: list[int]) -> None:
    ids = [SnapshotId(at, FIRST + day * DAY) for at, day in enumerate(days)]
    pairs = [(a, b) for a, b in combinations(ids, 2) if a.utc >= b.utc]
    assert contradicting(ids) == {one.number for pair in pairs for one in pair}


def test_a_refused_night_stays_to_the_second_of_its_last_day() -> None:
    fichas = [ficha(1, FIRST, accepted=False), *(ficha(n, FIRST + n * DAY) for n in range(2, 90))]
    end = FIRST + timedelta(days=90)
    assert 1 in wanted(fichas, end)
    assert 1 not in wanted(fichas, end + timedelta(seconds=1))


def test_a_gap_ages_refused_nights_as_long_as_it_may_be_true() -> None:
    def kept(gap: timedelta) -> bool:
        fichas = [ficha(1, FIRST, accepted=False), ficha(2, FIRST + gap), ficha(3, FIRST + 2 * gap)]
        return 1 in wanted(fichas, FIRST + 2 * gap + DAY)

    assert not kept(LONGEST_GAP)
    assert kept(LONGEST_GAP + timedelta(seconds=1)), "the clock jumped: nobody knows its age"


def test_only_the_last_number_stays_for_being_the_last() -> None:
    fichas = [*nights(20), *(ficha(n, FIRST + n * DAY, accepted=False) for n in (21, 22))]
    reglas = replace(REGLAS, quarantine_days=1)
    assert {21, 22} & wanted(fichas, FIRST + 30 * DAY, reglas) == {22}


@pytest.mark.integration
def test_times_are_told_in_utc_wherever_the_machine_is(project_root: Path) -> None:
    told = (
        "from datetime import UTC, datetime\n"
        "from Modules.words.domain import SnapshotId\n"
        "from Modules.store.retention import clock_problem\n"
        "newest = SnapshotId(1, datetime(2025, 7, 1, 6, tzinfo=UTC))\n"
        "print(clock_problem([newest], datetime(2025, 7, 1, 5, tzinfo=UTC)))"
    )
    command, env = [sys.executable, "-c", told], os.environ | {"TZ": "Asia/Tokyo"}
    done = subprocess.run(
        command, cwd=project_root, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("el reloj dice 2025-07-01 05:00 UTC, ")


def test_without_backups_there_is_nothing_to_say() -> None:
    assert clock_problem([], FIRST) is None
    assert plan([], REGLAS, FIRST) == PrunePlan()


# --- properties ----------------------------------------------------------------------------------

SEASONS = (Campania(24, 25), Campania(25, 26))
PORTALS = (PORTAL, Portal("https://portal.example", "contract@1"))


@st.composite
def histories(draw: st.DrawFn, *, steady: bool = False) -> list[Ficha]:
    """Backups of a few campañas and portals; the clock jumps now and then unless ``steady``."""
    found: list[Ficha] = []
    number, utc = 0, FIRST
    for _ in range(draw(st.integers(0, 60))):
        number += draw(st.integers(1, 3))
        hours = draw(st.sampled_from((1, 5, 24, 24, 24, 48, 200, 800)))
        jump = 0 if steady else draw(st.sampled_from((0,) * 12 + (-3, -30, -9000, 9000)))
        utc += timedelta(hours=max(hours + jump, 0) if steady else hours + jump)
        same = draw(st.integers(0, 5)) == 0 and bool(found)
        found.append(
            Ficha(
                id=SnapshotId(number, utc),
                campania=draw(st.sampled_from(SEASONS)),
                portal=draw(st.sampled_from(PORTALS)),
                accepted=draw(st.integers(0, 6)) > 0,
                verified=draw(st.integers(0, 9)) > 0,
                first_equal=found[-1].id if same else None,
            )
        )
    return found


REGLAS_ = st.builds(
    Reglas,
    zone=st.sampled_from((ZONE, ZoneInfo("UTC"), ZoneInfo("America/Santiago"))),
    daily=st.integers(1, 20),
    weekly=st.integers(0, 10),
    monthly=st.integers(0, 26),
    quarantine_days=st.integers(1, 120),
)


def soon_after(fichas: Sequence[Ficha]) -> datetime:
    return fichas[-1].id.utc + timedelta(hours=2) if fichas else FIRST


@given(histories(), REGLAS_)
def test_pruning_twice_is_pruning_once(fichas: list[Ficha], reglas: Reglas) -> None:
    now = soon_after(fichas)
    keep = wanted(fichas, now, reglas)
    left = [one for one in fichas if one.id.number in keep]
    assert wanted(left, now, reglas) == keep
    assert {one.id.number for one in settled(fichas, now, reglas)} >= keep


@given(histories(), REGLAS_, st.randoms(use_true_random=False))
def test_order_of_input_does_not_matter(fichas: list[Ficha], reglas: Reglas, rng) -> None:  # type: ignore[no-untyped-def]
    now = soon_after(fichas)
    shuffled = list(fichas)
    rng.shuffle(shuffled)
    assert plan(shuffled, reglas, now) == plan(fichas, reglas, now)


@given(histories(), REGLAS_, st.data())
def test_an_older_backup_more_never_removes_a_newer_one(
    fichas: list[Ficha], reglas: Reglas, data: st.DataObject
) -> None:
    if not fichas:
        return
    now = soon_after(fichas)
    added = data.draw(st.sampled_from(fichas))
    without = [one for one in fichas if one != added]
    newer = {one.id.number for one in fichas if one.id.number > added.id.number}
    assert wanted(without, now, reglas) & newer <= wanted(fichas, now, reglas)


@given(histories(), REGLAS_, st.sampled_from(("daily", "weekly", "monthly", "quarantine_days")))
def test_keeping_more_never_removes_more(fichas: list[Ficha], reglas: Reglas, which: str) -> None:
    now = soon_after(fichas)
    more = replace(reglas, **{which: getattr(reglas, which) + 3})
    assert wanted(fichas, now, reglas) <= wanted(fichas, now, more)


@given(histories(), REGLAS_)
def test_the_newest_good_one_of_each_campania_and_portal_never_goes(
    fichas: list[Ficha], reglas: Reglas
) -> None:
    newest = {(one.campania, one.portal): one.id.number for one in fichas if one.good}
    assert set(newest.values()) <= wanted(fichas, soon_after(fichas), reglas)


@given(histories(), REGLAS_)
def test_the_limit_holds_and_what_goes_is_the_oldest_of_what_may(
    fichas: list[Ficha], reglas: Reglas
) -> None:
    result = plan(fichas, reglas, soon_after(fichas))
    assert len(result.salen) <= min(3, len(fichas) // 10)
    together = numbers((*result.salen, *result.esperan))
    assert together == sorted(together)
    every = numbers((*result.salen, *result.esperan, *result.quedan))
    assert sorted(every) == [one.id.number for one in fichas]


@given(histories(steady=True), REGLAS_)
def test_campanias_do_not_touch_each_other(fichas: list[Ficha], reglas: Reglas) -> None:
    """Of accepted ones: whether a refused one goes depends on the clock, which is everybody's."""
    now = soon_after(fichas)
    alone = [replace(one, first_equal=None) for one in fichas if one.accepted]
    last = alone[-1].id.number if alone else 0
    together = wanted(alone, now, reglas) - {last}
    for season in SEASONS:
        own = [one for one in alone if one.campania == season]
        apart = wanted(own, soon_after(own), reglas)
        mine = {one.id.number for one in own}
        extra = {own[-1].id.number} if own else set()  # the last number of all always stays
        assert together & mine | extra == apart | extra


def test_a_plan_says_how_much_room_it_makes_and_not_what_waits() -> None:
    fichas = [replace(one, size_bytes=10**one.id.number) for one in nights(9)]
    fichas = [*fichas, *(replace(one, size_bytes=7) for one in nights(60)[9:])]
    done = plan(fichas, REGLAS, fichas[-1].id.utc + DAY)
    assert numbers(done.salen) == [1, 2, 3]
    assert done.esperan
    assert done.size_bytes == 10 + 100 + 1000
    assert PrunePlan().size_bytes == 0


def test_a_clock_that_cannot_be_right_is_told_with_both_times() -> None:
    ids = [one.id for one in nights(3)]
    early = ids[-1].utc.astimezone(ZONE) - timedelta(minutes=1)
    said = clock_problem(ids, early) or ""
    assert said == (
        "el reloj dice 2025-07-03 05:59 UTC, antes que el último backup "
        "2025-07-03T060002Z-000003. No se quita nada. Hay que poner en hora el reloj"
    )
    assert clock_problem(ids, ids[-1].utc) is None
    assert clock_problem(ids, ids[-1].utc + LONGEST_GAP) is None
    said = clock_problem(ids, ids[-1].utc + LONGEST_GAP + DAY) or ""
    assert said == (
        "el último backup 2025-07-03T060002Z-000003 tiene 46 días: o el reloj está mal o desde "
        "entonces no se guardó ninguna noche. No se quita nada. Primero hay que hacer un backup"
    )


def test_every_reason_is_said_in_words() -> None:
    fichas = nights(60)
    fichas[40] = replace(fichas[40], verified=False)
    fichas[41] = replace(fichas[41], accepted=False)
    fichas[50] = replace(fichas[50], first_equal=fichas[45].id)
    used = [fichas[42].id, SnapshotId(999, FIRST)]
    done = plan(fichas, REGLAS, fichas[-1].id.utc + DAY, in_use=used)
    said = {line.ficha.id.number: line.motivo for line in done.quedan}
    assert said[60] == (
        "el más nuevo de la campaña, reciente, diario, semanal, mensual, anual, el último número"
    )
    assert said[59] == "reciente, diario", "one newest, one last number"
    assert said[41] == "sin verificar"
    assert said[42] == "en cuarentena"
    assert said[43] == "publicado"
    assert said[46] == "copia publicada"
    assert said[56] == "reciente, diario"
    assert said[55] == "reciente, diario, semanal"  # a Sunday
    assert {line.motivo for line in (*done.salen, *done.esperan)} == {"no le toca ningún lugar"}
    late = [*nights(2), ficha(3, FIRST + 2 * DAY, accepted=False)]
    late += [ficha(4 + at, FIRST + at * 9 * DAY) for at in range(1, 12)]
    gone = plan(late, REGLAS, late[-1].id.utc)
    assert [line.motivo for line in gone.salen] == ["en cuarentena hace más de 90 días"]
