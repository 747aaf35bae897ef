"""The pace is kept, and nobody waits longer than the fetch lasts."""

from __future__ import annotations

import threading
import time

import pytest

from Modules.portal.pace import Pace, Stopped
from Modules.words.errors import ApiUnavailable


@pytest.mark.parametrize(("per_second", "turns", "least_s"), [(50.0, 101, 2.0), (4.0, 5, 1.0)])
def test_no_more_starts_a_second_than_agreed(per_second: float, turns: int, least_s: float) -> None:
    pace = Pace(per_second, 60)
    begin = time.monotonic()
    threads = [threading.Thread(target=pace.wait_turn, args=("x",)) for _ in range(turns)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begin >= least_s  # the only bound: a slow machine cannot break it


def test_a_hold_holds_everybody() -> None:
    pace = Pace(1000, 60)
    pace.hold(0.2)
    begin = time.monotonic()
    pace.wait_turn("x")
    assert time.monotonic() - begin >= 0.2


def test_a_turn_after_the_deadline_is_refused_at_once() -> None:
    pace = Pace(0.001, 30)
    pace.wait_turn("lotes página 1")
    with pytest.raises(ApiUnavailable, match=r"lotes página 2: .*30 s que hay"):
        pace.wait_turn("lotes página 2")


def test_who_waits_is_woken_when_the_fetch_is_given_up() -> None:
    pace, caught = Pace(1, 120), []
    started = threading.Event()

    def wait() -> None:
        started.set()
        try:
            pace.sleep(60, "x")
        except Stopped as err:
            caught.append(err)

    thread = threading.Thread(target=wait)
    thread.start()
    started.wait()
    pace.stop()
    thread.join(30)
    assert len(caught) == 1
    pace.restart()
    pace.wait_turn("x")


def test_a_fetch_that_is_over_says_so() -> None:
    with pytest.raises(ApiUnavailable, match="lotes página 9: traer todo llevó más de 0 s"):
        Pace(1, 0).wait_turn("lotes página 9")


def test_a_new_fetch_has_its_time_anew() -> None:
    pace = Pace(1000, 0.2)
    time.sleep(0.25)
    assert pace.left() < 0
    pace.restart()
    pace.wait_turn("x")
