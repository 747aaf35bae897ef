"""The chain that the backups make, and which of them are read in full tonight. Pure.

A week is a part: each backup belongs to one of four, by the number in its id, and is read in full
when that part's week comes. So runs of every week, or of every day, read each backup at least once
in any 31 days.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from Modules.store.snapshot import Snapshot
from Modules.words.domain import SnapshotId

PARTS: Final = 4  # weeks in which every backup is read once: four fit in any 31 days
_THURSDAY: Final = 3  # weeks begin on Thursday: the run of a Sunday may be three days late or early


def rewritten(nights: Iterable[Snapshot], proved: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Ids of backups whose manifest was rewritten, each with the other end of the broken link.

    Each states the hash of the one it was compared with: who rewrites a manifest, its sums too,
    is found as long as its parent or a child of it is among ``nights``. A backup that is as some
    child of it says is vouched for, and so are those of ``proved``, of which it is known from
    elsewhere. Of the two ends of a broken link, it is the one that nobody vouches for; both, if
    that does not tell.
    """
    known = {str(night.id): night for night in nights}
    links = [(name, str(one.parent)) for name, one in known.items() if str(one.parent) in known]
    sound = [
        (child, parent)
        for child, parent in links
        if known[child].manifest.get("parent_manifest_sha256") == known[parent].manifest_sha256
    ]
    vouched = {*proved, *(parent for _, parent in sound)}
    found: set[tuple[str, str]] = set()
    for child, parent in set(links) - set(sound):
        ends = {(child, parent), (parent, child)}
        found |= {end for end in ends if end[0] not in vouched} or ends
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
