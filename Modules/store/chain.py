"""The chain that the backups make, and which of them are read in full tonight. Pure.

A week is a part: each backup belongs to one of four, by the number in its id, and is read in full
when that part's week comes. So runs of every week, or of every day, read each backup at least once
in any 31 days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from Modules.words.domain import SnapshotId

PARTS: Final = 4  # weeks in which every backup is read once: four fit in any 31 days
_THURSDAY: Final = 3  # weeks begin on Thursday: the run of a Sunday may be three days late or early


@dataclass(frozen=True, slots=True)
class Link:
    """A backup in the chain: the hash of its sums, and the one it states of its parent."""

    id: str
    sums_sha256: str
    parent: str | None
    parent_sums_sha256: str | None


def broken_links(nights: Iterable[Link], proved: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Backups whose manifest was rewritten, each with the other end of the broken link.

    A backup that is as some child of it says is vouched for, and so are those of ``proved``. Of
    the two ends of a broken link, it is the one that nobody vouches for; both, if that does not
    tell.
    """
    known = {night.id: night for night in nights}
    children = [night for night in known.values() if night.parent in known]
    vouched = set(proved) | {
        str(night.parent)
        for night in children
        if night.parent_sums_sha256 == known[str(night.parent)].sums_sha256
    }
    found: set[tuple[str, str]] = set()
    for night in children:
        ends = (night.id, str(night.parent))
        if night.parent_sums_sha256 == known[ends[1]].sums_sha256:
            continue
        suspects = [end for end in ends if end not in vouched] or list(ends)
        found |= {(end, ends[1] if end == ends[0] else ends[0]) for end in suspects}
    return sorted(found)


def part_of(when: date) -> int:
    """Which part of the backups is read in the week of this day, from 0."""
    return (when.toordinal() - 1 - _THURSDAY) // 7 % PARTS


def chosen(snapshot_id: SnapshotId, when: date) -> bool:
    """Whether a backup is read in full in the week of this day."""
    return snapshot_id.number % PARTS == part_of(when)


def sample(ids: Sequence[SnapshotId], newest: Iterable[SnapshotId], when: date) -> list[SnapshotId]:
    """The newest ones, and of the others those whose week it is; oldest first."""
    always = set(newest)
    return sorted(one for one in ids if one in always or chosen(one, when))
