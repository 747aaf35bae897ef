"""Clocks that are wrong, in processes of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.robustness.clock import _wrongly_removed, main, scenarios

pytestmark = pytest.mark.integration
NAMES = sorted({scenario.name for scenario in scenarios(short=True)})


@pytest.mark.parametrize(
    "name",
    [
        "summer time ends",
        "backwards by a year for a while",
        "a year ahead for a while",
        "jump between night and prune",
        "leap day",
        "container in UTC",
    ],
)
def test_nothing_is_overwritten_misordered_or_wrongly_removed(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--short", "--only", name])
    said = capsys.readouterr().out
    assert "0 overwritten, 0 misordered, 0 removed wrongly" in said, said


def test_every_kind_of_wrong_clock_is_there() -> None:
    assert len(NAMES) == 17
    for word in ("summer", "backwards", "year ahead", "midnight", "leap", "container", "1970"):
        assert any(word in name for name in NAMES), word


def test_a_removal_that_is_wrong_is_found() -> None:
    first = datetime(2026, 1, 20, 6, tzinfo=UTC)
    made = [
        {"id": str(i), "true": first + timedelta(days=i), "refused": i == 20} for i in range(40)
    ]
    zone = ZoneInfo("America/Argentina/Buenos_Aires")
    every = {str(i) for i in range(40)}
    now = first + timedelta(days=40)
    assert not set(_wrongly_removed(made, every, now, zone))
    for lost in ("39", "26", "20"):
        assert lost in set(_wrongly_removed(made, every - {lost}, now, zone))
    january = {str(i) for i in range(12)}
    assert set(_wrongly_removed(made, every - january, now, zone))
    assert not set(_wrongly_removed(made, every - {"1", "2", "3"}, now, zone))
