"""A year of nights, a slow bleed and sudden drops, through the verdict.

* 365 nights with 0.5 % of the lotes changed each night (gone, new, renamed, moved) with all that
  belongs to them: at most one false refusal.
* A bleed of 4 % of the lotes a night: stopped in the second night, also with nine lotes a campo.
* 300 generated drops of 10 % or more, of one list, in every manner: none is missed.

``python -m tests.robustness.nights [--short]`` prints the figures; 1 if one is missed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import pandas as pd
import shapely

from Modules.demo.plan import Size
from Modules.demo.world import world_of
from Modules.night.checks import judge
from Modules.night.figures import Nights, Resumen, best_of, resumen
from Modules.night.ground import Moves, finished, moves_of
from Modules.night.tables import Tables, build_tables
from Modules.night.verdict import Verdict
from Modules.words.domain import BoundingBox, Campania, Record, Recurso

CHURN, BLEED = 0.005, 0.04
NIGHTS, SHORT_NIGHTS = 365, 40
DROPS, SHORT_DROPS = 300, 40
SIZE = Size(campos=60, lotes=1500, ambientes=2500, marcadores=2500)
SMALL_CAMPOS = Size(campos=60, lotes=540, ambientes=1100, marcadores=1100)  # nine lotes each
CHILDREN = ("siembras", "ambientes", "marcadores")
KEYS = {
    "lotes": "lote_id",
    "siembras": "siembra_id",
    "ambientes": "ambiente_id",
    "marcadores": "marcador_id",
    "campos": "campo_id",
}


@cache
def first_night(seed: int = 7, size: Size = SIZE) -> Tables:
    """A made-up company; nobody changes it."""
    world = world_of("simulated", size, seed=seed, day=0, campania="25/26")
    records = {
        recurso: [Record(item, 1, at) for at, item in enumerate(world.items(recurso))]
        for recurso in Recurso
    }
    return build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox()).tables


@dataclass
class History:
    """The accepted nights so far; a refused one is what the caller makes of it."""

    tables: Tables
    figures: list[Resumen] = field(default_factory=list)
    by_hand: list[bool] = field(default_factory=list)
    known: tuple[Tables, Tables, dict[str, Moves]] | None = None

    def __post_init__(self) -> None:
        self.take(self.tables, by_hand=False)

    def judge(self, now: Tables) -> Verdict:
        """The verdict on the next night."""
        best = best_of(self.figures, accepted_by_hand=self.by_hand)
        moves = self._moves_to(now)
        return judge(Nights(now, resumen(now), self.tables, self.figures[-1], best, moves=moves))

    def take(self, now: Tables, *, by_hand: bool) -> None:
        """Accept it."""
        self.figures.append(resumen(now, moves=self._moves_to(now)))
        self.tables = now
        self.by_hand.append(by_hand)

    def _moves_to(self, now: Tables) -> dict[str, Moves]:
        """What came and went since the last night; once, for a night judged is often taken too."""
        if self.known is None or self.known[0] is not self.tables or self.known[1] is not now:
            self.known = self.tables, now, moves_of(self.tables, now)
        return self.known[2]


# --- nights --------------------------------------------------------------------------------------


def churned(tables: Tables, rng: random.Random, night: int) -> Tables:
    """The next night of a company at work: a part of its lotes gone, new, renamed or moved."""
    ids = sorted(tables.lotes["lote_id"])
    chosen = rng.sample(ids, max(1, round(len(ids) * CHURN)))
    kinds = {kind: [one for one in chosen if hash_of(one, night) % 4 == kind] for kind in range(4)}
    return _moved(_renamed(_added(without(tables, kinds[0]), kinds[1], night), kinds[2]), kinds[3])


def hash_of(text: str, night: int) -> int:
    """A number that looks random and is the same in every process."""
    return random.Random(f"{text}/{night}").randrange(1 << 30)


def without(tables: Tables, lotes: Sequence[str]) -> Tables:
    """Without these lotes and all that belongs to them."""
    frames = {name: getattr(tables, name) for name in ("lotes", *CHILDREN)}
    return replace(
        tables, **{name: frame[~frame["lote_id"].isin(lotes)] for name, frame in frames.items()}
    )


def _added(tables: Tables, like: Sequence[str], night: int) -> Tables:
    """New lotes on ground of their own, with siembras, ambientes and marcadores like these."""
    frames = {}
    for name in ("lotes", *CHILDREN):
        frame = getattr(tables, name)
        new = frame[frame["lote_id"].isin(like)].copy()
        for column in {KEYS[name], "lote_id"}:
            new[column] = new[column] + f"-n{night}"
        if "geometry" in new:
            away = (-3.0, -0.02 * night)
            new["geometry"] = [shapely.affinity.translate(one, *away) for one in new["geometry"]]
        frames[name] = pd.concat([frame, new]) if len(new) else frame
    return replace(tables, **frames)


def _renamed(tables: Tables, lotes: Sequence[str]) -> Tables:
    frame = tables.lotes.copy()
    here = frame["lote_id"].isin(lotes)
    frame.loc[here, "lote"] = frame.loc[here, "lote"] + " bis"
    return replace(tables, lotes=frame)


def _moved(tables: Tables, lotes: Sequence[str]) -> Tables:
    frame = tables.lotes.copy()
    here = frame["lote_id"].isin(lotes)
    grown = shapely.affinity.scale
    frame.loc[here, "geometry"] = [
        grown(shape, 1.02, 0.99) for shape in frame.loc[here, "geometry"]
    ]
    frame.loc[here, "superficie_ha"] *= 1.02 * 0.99
    return replace(tables, lotes=frame)


def false_refusals(nights: int, seed: int = 1, size: Size = SIZE) -> list[tuple[int, str]]:
    """Nights of a company at work that were refused all the same, and why."""
    rng, history, refused = random.Random(seed), History(first_night(size=size)), []
    for night in range(1, nights + 1):
        now = churned(history.tables, rng, night)
        verdict = history.judge(now)
        if not verdict.accepted:
            reasons = [f"{c.what} {c.notes[:1]}" for c in verdict.checks if c.is_error]
            refused.append((night, "; ".join(reasons)))
        history.take(now, by_hand=not verdict.accepted)
    return refused


# --- a bleed and drops ---------------------------------------------------------------------------


def bleeds(seeds: Sequence[int], before: int = 10, size: Size = SIZE) -> Iterator[int]:
    """In which night of a bleed it was stopped, for each seed; 99 if it never was."""
    for seed in seeds:
        rng, history = random.Random(seed), History(first_night(seed, size))
        for night in range(before):
            history.take(churned(history.tables, rng, night), by_hand=False)
        yield _stopped(history, rng)


def _stopped(history: History, rng: random.Random) -> int:
    for night in range(1, 10):
        ids = sorted(history.tables.lotes["lote_id"])
        now = without(history.tables, rng.sample(ids, round(len(ids) * BLEED)))
        if not history.judge(now).accepted:
            return night
        history.take(now, by_hand=False)
    return 99


def dropped(tables: Tables, seed: int) -> tuple[str, Tables]:
    """A night that lost 10 % or more of one list, and in which manner.

    Of marks those that are not done: the others may go.
    """
    rng = random.Random(seed)
    name = rng.choice(("lotes", "lotes", "ambientes", "marcadores", "siembras", "campos"))
    share = rng.choice((0.1, 0.1, 0.12, rng.uniform(0.1, 0.9), 1.0))
    manner = rng.choice(("random", "first", "last", "by campo"))
    frame = getattr(tables, name)
    at_stake = frame[~finished(frame)] if name == "marcadores" else frame
    ids = sorted(at_stake[KEYS[name]])
    count = min(len(ids), -int(-share * len(frame) // 1))  # rounded up: 10 % or more
    if manner == "random":
        gone = rng.sample(ids, count)
    elif manner == "by campo" and name != "campos":
        gone = list(at_stake.sort_values(["campo_id", KEYS[name]])[KEYS[name]][:count])
    else:
        gone = ids[:count] if manner == "first" else ids[len(ids) - count :]
    said = f"{name} -{count} of {len(frame)} {manner}"
    if name == "lotes":
        return said, without(tables, gone)
    now = replace(tables, **{name: frame[~frame[KEYS[name]].isin(gone)]})
    if name != "campos":
        return said, now
    orphans = tables.lotes[tables.lotes["campo_id"].isin(gone)]["lote_id"]
    return said, without(now, list(orphans))


def missed_drops(count: int, size: Size = SIZE) -> list[str]:
    """The drops that were accepted."""
    history = History(first_night(size=size))
    found = (dropped(history.tables, seed) for seed in range(count))
    return [said for said, now in found if history.judge(now).accepted]


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 1 if one is missed."""
    short = "--short" in arguments
    nights, drops = (SHORT_NIGHTS, SHORT_DROPS) if short else (NIGHTS, DROPS)
    refused = false_refusals(nights)
    seeds = range(2 if short else 20)
    stopped = [*bleeds(seeds), *bleeds(seeds, size=SMALL_CAMPOS)]
    missed = missed_drops(drops)
    for line in (*refused, *missed):
        print(line)
    print(
        f"figure: nights {nights} with {CHURN:.1%} churn, {len(refused)} false refusals; "
        f"{len(stopped)} bleeds of {BLEED:.0%} a night, stopped at the latest in night "
        f"{max(stopped)}; {drops} drops of 10 % or more, {len(missed)} missed"
    )
    return 0 if len(refused) <= 1 and max(stopped) <= 2 and not missed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
