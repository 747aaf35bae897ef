"""Which run is dead, and which night is done again: pure rules."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from Modules.health.known import Facts, Programa, Publicacion, Run, Servidor
from Modules.orchestration.dead_runs import Live
from Modules.orchestration.deployments import BACKUP, H3, WORK_POOL
from Modules.orchestration.lateness import first_after
from Modules.watch.dead import is_dead, to_redo

ZONE = ZoneInfo("America/Argentina/Buenos_Aires")
UNTIL = time(6, 30)
DUE = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)  # three in the morning there
NOW = DUE + timedelta(minutes=20)
DIED = Run(BACKUP.flow, "noche", "CRASHED", DUE, id="a", del_horario=True)
PROGRAMA = Programa(BACKUP.full_name, "todos los días", desplegado=True)


def test_the_lock_decides_whatever_the_clock_says() -> None:
    for age, alive, pool in itertools.product(
        (0, 5, 600, 86_400), (True, False, None), (WORK_POOL, None)
    ):
        run = Live("a", "noche", "RUNNING", NOW - timedelta(seconds=age), pool)
        assert is_dead(run, held=True, alive=alive, now=NOW) is False, "a process holds it"
        assert is_dead(run, held=False, alive=alive, now=NOW) is True, "it is there, and free"
        judged = pool == WORK_POOL and alive is False and age > 600
        assert is_dead(run, None, alive, NOW) is judged


@pytest.mark.parametrize(
    ("due", "end"),
    [
        ("2026-11-29T03:00", "2026-11-29T06:30"),
        ("2026-11-29T06:30", "2026-11-30T06:30"),
        ("2026-11-28T23:30", "2026-11-29T06:30"),
    ],
)
def test_the_window_ends_at_the_first_half_past_six_after_the_hour(due: str, end: str) -> None:
    there = datetime.fromisoformat(due).replace(tzinfo=ZONE)
    assert first_after(there.astimezone(UTC), UNTIL, ZONE) == datetime.fromisoformat(end).replace(
        tzinfo=ZONE
    )


def again(*nights: Run, now: datetime = NOW, paused: bool = False) -> Run | None:
    programa = replace(PROGRAMA, en_pausa=paused)
    return to_redo(
        Facts(now, ZONE, servidor=Servidor("http://x", None, nights, (programa,))), UNTIL
    )


def test_a_night_that_died_is_done_again_in_its_window() -> None:
    assert again(DIED) == DIED
    assert again(DIED, now=DUE + timedelta(hours=3, minutes=29)) == DIED
    assert again(DIED, now=DUE + timedelta(hours=3, minutes=30)) is None


def test_only_a_night_of_the_schedule_that_crashed() -> None:
    for state in ("FAILED", "CANCELLED", "COMPLETED", "RUNNING", "PENDING"):
        assert again(replace(DIED, estado=state)) is None
    assert again(replace(DIED, del_horario=False)) is None
    assert again(replace(DIED, prueba=True)) is None
    assert again(replace(DIED, flujo=H3.flow)) is None
    assert again(DIED, paused=True) is None
    assert again() is None


def test_once_and_not_while_another_is_on_nor_after_a_good_one() -> None:
    later = replace(DIED, id="b", del_horario=False, esperada=DUE + timedelta(minutes=5))
    for state in ("RUNNING", "PENDING", "CANCELLING", "COMPLETED"):
        assert again(DIED, replace(later, estado=state)) is None
    assert again(replace(DIED, vive=True)) is None, "it goes on, whatever Prefect says"
    for state in ("CRASHED", "FAILED", "CANCELLED"):
        assert again(DIED, replace(later, estado=state, otra_vez=True)) is None, "it was done again"
        assert again(DIED, replace(later, estado=state)) == DIED, "somebody's own try"


def test_not_where_somebody_does_it_by_hand_or_has_done_it() -> None:
    known = Facts(NOW, ZONE, servidor=Servidor("http://x", None, (DIED,), (PROGRAMA,)))
    assert to_redo(known, UNTIL) == DIED
    assert to_redo(replace(known, turno="pid 7 de ana"), UNTIL) is None, "it would be refused"
    waits = replace(PROGRAMA, otra_vez=True)
    asked = Servidor("http://x", None, (DIED,), (waits,))
    assert to_redo(replace(known, servidor=asked), UNTIL) is None, "it was asked for, and waits"
    for minutes, expected in ((-5, DIED), (5, None)):
        kept = Publicacion("x", "25/26", DIED.cuando + timedelta(minutes=minutes), "outputs/x")
        assert to_redo(replace(known, publicada=kept), UNTIL) == expected


def test_each_night_by_itself() -> None:
    day = timedelta(days=1)
    yesterday = replace(DIED, id="y", esperada=DUE - day)
    its_own = replace(yesterday, id="z", del_horario=False, otra_vez=True, estado="COMPLETED")
    assert again(DIED, yesterday, its_own) == DIED
    good = replace(DIED, id="g", estado="COMPLETED", esperada=DUE - day)
    assert again(DIED, good) == DIED
    assert again(good, yesterday) is None
