"""Which backups are read when, and who rewrote a manifest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.disk.problems import Damage, problem_of
from Modules.store.chain import PARTS, chosen, part_of, rewritten, sample
from Modules.store.snapshot import Snapshot
from Modules.words.domain import SnapshotId

DAYS = st.dates(date(2020, 1, 1), date(2060, 1, 1))


def snapshot_id(number: int) -> SnapshotId:
    return SnapshotId(number, datetime(2025, 11, 20, 6, 0, 2, tzinfo=UTC))


@given(first=DAYS, number=st.integers(1, 10**7), weekday=st.integers(0, 6))
def test_in_any_31_days_runs_of_one_weekday_read_every_backup(
    first: date, number: int, weekday: int
) -> None:
    days = [first + timedelta(days=at) for at in range(31)]
    runs = [day for day in days if day.weekday() == weekday]
    assert any(chosen(snapshot_id(number), day) for day in runs)


@given(first=DAYS, number=st.integers(1, 10**7), every=st.integers(1, 7))
def test_in_any_31_days_runs_at_least_once_a_week_read_every_backup(
    first: date, number: int, every: int
) -> None:
    runs = [first + timedelta(days=at) for at in range(0, 31, every)]
    assert any(chosen(snapshot_id(number), day) for day in runs)


@given(sunday=DAYS.map(lambda day: day - timedelta(days=day.weekday() + 1)))
def test_a_sunday_run_that_is_late_or_early_by_three_days_reads_the_same_part(sunday: date) -> None:
    assert sunday.weekday() == 6
    around = {part_of(sunday + timedelta(days=shift)) for shift in range(-3, 4)}
    assert around == {part_of(sunday)}


def test_each_week_reads_about_a_quarter() -> None:
    ids = [snapshot_id(number) for number in range(1, 47)]
    read = [one for one in ids if chosen(one, date(2026, 11, 22))]
    assert len(read) in (46 // PARTS, 46 // PARTS + 1)


def test_the_newest_is_always_in_the_sample() -> None:
    ids = [snapshot_id(number) for number in range(1, 9)]
    for week in range(PARTS):
        day = date(2026, 11, 22) + timedelta(weeks=week)
        found = sample(ids, [ids[-1]], day)
        assert ids[-1] in found
        assert len(found) in (2, 3)
        assert found == sorted(found)


def _night(number: int, sums: str, parent_sums: str | None) -> Snapshot:
    """A backup that was compared with the one before it, if it states a hash of it."""
    parent = None if parent_sums is None else str(snapshot_id(number - 1))
    manifest = {"parent": parent, "parent_manifest_sha256": parent_sums}
    return Snapshot(snapshot_id(number), Path(), manifest, sums, accepted=True)


def _chain(*sums: str) -> list[Snapshot]:
    """Nights 1, 2, 3 … in a row, each with the hash that the next one states of it."""
    before = (None, *sums)
    return [_night(at + 1, now, before[at]) for at, now in enumerate(sums)]


def _rewrite(nights: list[Snapshot], number: int) -> list[Snapshot]:
    return [
        replace(one, manifest_sha256=f"{one.manifest_sha256}!") if one.id.number == number else one
        for one in nights
    ]


def _numbers(found: list[tuple[str, str]]) -> list[tuple[int, int]]:
    return [(SnapshotId.parse(one).number, SnapshotId.parse(other).number) for one, other in found]


def test_a_sound_chain_has_no_broken_link() -> None:
    assert rewritten(_chain("1", "2", "3")) == []
    assert rewritten([]) == []


def test_a_night_in_the_middle_that_was_rewritten_is_the_one_named() -> None:
    assert _numbers(rewritten(_rewrite(_chain("1", "2", "3", "4"), 2))) == [(2, 3)]


def test_the_night_before_the_last_is_told_apart_once_the_last_is_known_to_be_right() -> None:
    nights = _rewrite(_chain("1", "2", "3"), 2)
    assert _numbers(rewritten(nights)) == [(2, 3), (3, 2)]
    assert _numbers(rewritten(nights, [str(nights[2].id)])) == [(2, 3)]


def test_a_pruned_parent_breaks_nothing() -> None:
    assert rewritten(_chain("1", "2", "3")[1:]) == []


@pytest.mark.parametrize("kind", list(Damage))
def test_every_kind_of_problem_has_words_for_people(kind: Damage) -> None:
    assert problem_of("x", "what", kind).what
    assert "7 bytes" in problem_of("x", "what", kind, "7 bytes").what
