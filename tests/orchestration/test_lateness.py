"""Late nights: which runs begin too late, in which zone, and what people read of it."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from Modules.orchestration.lateness import tardanza

BUENOS_AIRES = ZoneInfo("America/Argentina/Buenos_Aires")
LATE_AFTER = time(7)


def _judge(due: str, begins: str, *, zone: ZoneInfo = BUENOS_AIRES, **known: object) -> str | None:
    programada, empieza = (
        datetime.fromisoformat(text).replace(tzinfo=zone) for text in (due, begins)
    )
    known = {"automatica": True, **known}
    return tardanza(programada, empieza, late_after=LATE_AFTER, zone=zone, **known)


@pytest.mark.parametrize(
    ("due", "begins", "late"),
    [
        ("2026-11-21T03:00", "2026-11-21T03:00:07", False),
        ("2026-11-21T03:00", "2026-11-21T06:59:59", False),
        ("2026-11-21T03:00", "2026-11-21T07:00", False),
        ("2026-11-21T03:00", "2026-11-21T07:00:01", True),
        ("2026-11-21T03:00", "2026-11-21T23:59", True),
        ("2026-11-21T03:00", "2026-11-22T03:00", True),  # a whole day: this is not tonight's run
        ("2026-11-21T03:00", "2026-12-02T04:00", True),  # days
        ("2026-11-21T00:00", "2026-11-21T06:00", False),  # midnight
        ("2026-11-21T00:00", "2026-11-21T08:00", True),
        ("2026-11-20T23:30", "2026-11-21T00:10", False),  # over midnight
        ("2026-11-20T23:30", "2026-11-21T06:00", False),
        ("2026-11-20T23:30", "2026-11-21T07:30", True),
        ("2026-11-21T10:00", "2026-11-21T15:00", False),  # due by day: the next morning's limit
        ("2026-11-21T10:00", "2026-11-22T07:01", True),
        ("2026-11-21T07:00", "2026-11-21T07:30", False),  # due at the limit itself
        ("2026-12-31T23:00", "2027-01-01T08:00", True),
    ],
)
def test_a_run_is_late_after_the_first_limit_that_follows_its_hour(
    due: str, begins: str, late: bool
) -> None:
    assert (_judge(due, begins) is not None) is late


def test_a_run_by_hand_or_tried_again_is_never_late() -> None:
    assert _judge("2026-11-21T03:00", "2026-11-21T10:00", automatica=False) is None
    assert _judge("2026-11-21T03:00", "2026-11-21T10:00", intento=2) is None


def test_the_limit_is_local_whatever_zone_the_moments_carry() -> None:
    due = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)  # 03:00 in Buenos Aires
    begins = datetime(2026, 11, 21, 9, 59, tzinfo=UTC)  # 06:59
    here = {"automatica": True, "zone": BUENOS_AIRES}
    assert tardanza(due, begins, late_after=LATE_AFTER, **here) is None
    late = tardanza(due, begins, late_after=time(6, 30), **here)
    assert late is not None
    for said in ("21/11/2026 03:00", "21/11/2026 06:59", "las 06:30."):
        assert said in late


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])  # the clocks of Madrid change
def test_a_night_on_which_the_clocks_change_keeps_its_limit(day: str) -> None:
    madrid = ZoneInfo("Europe/Madrid")
    assert _judge(f"{day}T01:00", f"{day}T06:59", zone=madrid) is None
    assert _judge(f"{day}T01:00", f"{day}T07:01", zone=madrid) is not None


def test_people_read_when_it_was_due_and_when_it_began() -> None:
    assert _judge("2026-11-21T03:00", "2026-11-21T09:12") == (
        "Estaba programada para el 21/11/2026 03:00 y recién empezó el 21/11/2026 09:12, después "
        "del límite de las 07:00."
    )
