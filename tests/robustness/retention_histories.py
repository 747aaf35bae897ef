"""Ten thousand generated histories through retention, against a plain model of it.

    python -m tests.robustness.retention_histories [--short] [--histories N] [--seed S]

A history is what may happen to a store in months: nights, missed nights, refused and damaged ones,
campañas and portals that come and go, equal nights, a clock that jumps, and prunes in between. At
each prune the model says, from the words of the rule and by comparing everything with everything,
what must stay; it shares no code with ``store.retention``. A difference, a lost last good backup
or more than the limit is a failure.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from Modules.store.retention import Ficha, PrunePlan, Reglas, plan
from Modules.words.domain import Campania, Portal, SnapshotId

HISTORIES = 10_000
SHORT = 300
ZONES = tuple(map(ZoneInfo, ("America/Argentina/Buenos_Aires", "America/Santiago", "UTC")))
SEASONS = (Campania(24, 25), Campania(25, 26))
PORTALS = (Portal("https://a.example", "contract@0"), Portal("https://b.example", "contract@0"))
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Score:
    """What a number of histories came to."""

    prunes: int = 0
    removed: int = 0
    refused: int = 0
    differences: int = 0
    lost: int = 0


# --- the model -----------------------------------------------------------------------------------


def must_stay(one: Ficha, every: Sequence[Ficha], rules: Reglas, now: datetime) -> bool:
    """Whether the rule keeps a backup for its own sake (not for the sake of an equal one)."""
    if one.id.number == max(other.id.number for other in every):
        return True
    if not one.accepted:
        return age(one, every, now) <= timedelta(days=rules.quarantine_days)
    if not one.verified or doubtful(one, every):
        return True
    newer = [
        other
        for other in every
        if other.accepted
        and other.verified
        and (other.campania, other.portal) == (one.campania, one.portal)
        and other.id.number > one.id.number
    ]
    if len(newer) < max(rules.daily, 1):
        return True
    sure = [other for other in newer if not doubtful(other, every)]

    def has_a_place(name: str, places: float) -> bool:
        mine = span(one, name, rules.zone)
        taken = {span(other, name, rules.zone) for other in sure}
        return mine not in taken and len(taken) < places

    return (
        has_a_place("day", rules.daily)
        or has_a_place("week", rules.weekly)
        or has_a_place("month", rules.monthly)
        or has_a_place("year", float("inf"))
    )


def doubtful(one: Ficha, every: Sequence[Ficha]) -> bool:
    """Whether another accepted one of its kind has a later number and no later time, or v.v."""
    return any(
        (other.id.number - one.id.number) * (other.id.utc - one.id.utc).total_seconds() <= 0
        for other in every
        if other is not one
        and other.accepted
        and (other.campania, other.portal) == (one.campania, one.portal)
    )


def span(one: Ficha, name: str, zone: ZoneInfo) -> date:
    """The first day of the day, week, month or year in which it was taken."""
    day = one.id.utc.astimezone(zone).date()
    if name == "week":
        return day - timedelta(days=day.weekday())
    if name == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if name == "year" else day


def age(one: Ficha, every: Sequence[Ficha], now: datetime) -> timedelta:
    """Time since then, without jumps: backwards, or more than 45 days between two backups."""
    moments = [other.id.utc for other in every if other.id.number >= one.id.number] + [now]
    total = timedelta()
    for before, after in pairwise(moments):
        if timedelta() <= after - before <= 45 * DAY:
            total += after - before
    return min(total, now - one.id.utc)


def model(every: Sequence[Ficha], rules: Reglas, now: datetime) -> tuple[list[int], list[int]]:
    """Numbers that go now, and that would go if there were no limit; every in order of number."""
    stay = {one.id.number for one in every if must_stay(one, every, rules, now)}
    stay |= {one.first_equal.number for one in every if one.id.number in stay and one.first_equal}
    go = [one.id.number for one in every if one.id.number not in stay]
    if every and not timedelta() <= now - every[-1].id.utc <= 45 * DAY:
        return [], go
    most = 0
    while most < 3 and 10 * (most + 1) <= len(every):
        most += 1
    return go[:most], go


# --- histories -----------------------------------------------------------------------------------


class History:
    """A store in the making; ``rng`` decides what happens to it."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.rules = Reglas(
            zone=rng.choice(ZONES),
            daily=rng.choice((1, 2, 5, 14)),
            weekly=rng.choice((0, 1, 3, 8)),
            monthly=rng.choice((0, 2, 24)),
            quarantine_days=rng.choice((1, 20, 90)),
        )
        self.calm = rng.random() < 0.5  # a clock that is right
        self.clock = datetime(2025, 1, 1, 6, tzinfo=UTC) + rng.random() * 800 * DAY
        self.number = 0
        self.there: list[Ficha] = []

    def night(self) -> None:
        """One more backup, of whatever kind."""
        rng = self.rng
        self.clock += timedelta(hours=rng.choice((0.1, 3, 23, 24, 24, 24, 24, 25, 48, 200)))
        if not self.calm and rng.random() < 0.03:
            self.clock += rng.choice((-1, 1)) * rng.choice((0.05, 1, 30, 365)) * DAY
        self.number += rng.choice((1, 1, 1, 2))
        season, portal = rng.choice(SEASONS), PORTALS[rng.random() < 0.1]
        same = [one for one in self.there if (one.campania, one.portal) == (season, portal)]
        equal = same[-1] if same and rng.random() < 0.3 else None
        self.there.append(
            Ficha(
                id=SnapshotId(self.number, self.clock.replace(microsecond=0)),
                campania=season,
                portal=portal,
                accepted=rng.random() < 0.9,
                verified=rng.random() < 0.97,
                first_equal=None if equal is None else equal.first_equal or equal.id,
                size_bytes=rng.randrange(10**6),
            )
        )

    def prune(self, score: Score) -> Score:
        """Plan, compare with the model, and remove."""
        rng = self.rng
        now = self.clock + timedelta(hours=2)
        if not self.calm and rng.random() < 0.1:
            now += rng.choice((-1, 1)) * rng.choice((1, 50, 365)) * DAY
        shuffled = rng.sample(self.there, len(self.there))
        result = plan(shuffled, self.rules, now)
        expected = model(self.there, self.rules, now)
        same = (_numbers(result), sorted(_numbers(result) + _waiting(result))) == expected
        good = {one.id.number for one in newest_good(self.there)}
        gone = set(_numbers(result))
        self.there = [one for one in self.there if one.id.number not in gone]
        return Score(
            score.prunes + 1,
            score.removed + len(gone),
            score.refused + (result.negado is not None),
            score.differences + (not same),
            score.lost + len(good & gone),
        )

    def damage(self) -> None:
        """A backup that was sound is not any more, or was read at last."""
        if self.there:
            at = self.rng.randrange(len(self.there))
            one = self.there[at]
            self.there[at] = replace(one, verified=not one.verified)


def newest_good(there: Sequence[Ficha]) -> list[Ficha]:
    """Of each campaña and portal the last accepted and verified one."""
    return list({(one.campania, one.portal): one for one in there if one.good}.values())


def _numbers(result: PrunePlan) -> list[int]:
    return [line.ficha.id.number for line in result.salen]


def _waiting(result: PrunePlan) -> list[int]:
    return [line.ficha.id.number for line in result.esperan]


def run(histories: int, seed: int) -> Score:
    """Live through so many histories."""
    score = Score()
    for index in range(histories):
        history = History(random.Random(f"{seed}-{index}"))
        for _ in range(history.rng.randint(1, 6)):
            for _ in range(history.rng.randint(1, 14)):
                history.night()
            if history.rng.random() < 0.2:
                history.damage()
            score = history.prune(score)
            while history.calm and history.rng.random() < 0.3:
                score = history.prune(score)
    return score


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figure; 0 if it was reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--histories", type=int)
    parser.add_argument("--seed", type=int, default=20251120)
    asked = parser.parse_args(argv)
    histories = asked.histories or (SHORT if asked.short else HISTORIES)
    began = time.monotonic()
    score = run(histories, asked.seed)
    print(
        f"figure: retention: {histories} histories, {score.prunes} prunes ({score.refused} refused "
        f"for the clock), {score.removed} backups removed: {score.differences} differences, "
        f"{score.lost} last good ones lost ({time.monotonic() - began:.0f} s, seed {asked.seed})"
    )
    return 0 if not (score.differences or score.lost) and score.removed else 1


if __name__ == "__main__":
    sys.exit(main())
