"""What happens to a company, and what happens to an answer: which of it the verdict refuses.

Legitimate events (a season that grows, lotes split, ambientes drawn anew, sampling that is done)
run night by night on a history of nights at work: none may be refused. Losses (a page that is
missing, half a campo, a loss hidden behind growth) must be refused, a bleed in its second night.
Each on three companies: 25, 12 and 9 lotes a campo.

``python -m tests.robustness.events [--short]`` prints the table events × accepted/refused; 1 if a
legitimate event was refused or a loss was accepted.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import shapely
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from Modules.demo.plan import Size
from Modules.geo.geometry import geodesic_area_ha
from Modules.night.tables import Tables
from Modules.words.columns import TABLES
from tests.robustness.nights import (
    CHILDREN,
    CHURN,
    SIZE,
    SMALL_CAMPOS,
    History,
    churned,
    first_night,
)
from tests.robustness.nights import without as without_lotes

SIZES = {
    "60 × 25": SIZE,
    "60 × 9": SMALL_CAMPOS,
    "8 × 12": Size(campos=8, lotes=96, ambientes=250, marcadores=400),
}
SEEDS = 2
SEASON = 11  # nights in which a season grows
Nights = Iterator[Tables]
Event = Callable[[Tables, random.Random], Nights]


# --- what is done to tables ----------------------------------------------------------------------


def only(tables: Tables, table: str, keep: pd.Series) -> Tables:
    """With these rows of one table only."""
    return replace(tables, **{table: getattr(tables, table)[keep.to_numpy()]})


def without(tables: Tables, table: str, ids: Iterable[str]) -> Tables:
    """Without these rows; of lotes without all that belongs to them."""
    if table == "lotes":
        return without_lotes(tables, list(ids))
    key = getattr(tables, table)[TABLES[table].key]
    return only(tables, table, ~key.isin(list(ids)))


def ids(tables: Tables, table: str, campos: Iterable[str] | None = None) -> list[str]:
    """The ids of a table, or of some campos, in order."""
    frame = getattr(tables, table)
    if campos is not None:
        frame = frame[frame["campo_id"].isin(list(campos))]
    return sorted(frame[TABLES[table].key])


def some(rng: random.Random, of: Sequence[str], share: float) -> list[str]:
    """A share of them by chance, rounded up."""
    return rng.sample(list(of), -int(-share * len(of) // 1))


def drawn(frame: pd.DataFrame, shapes: Sequence[BaseGeometry]) -> pd.DataFrame:
    """The rows with other geometries, and the areas of those."""
    return frame.assign(geometry=list(shapes), superficie_ha=geodesic_area_ha(list(shapes)))


def parts_of(shape: BaseGeometry, parts: int, rng: random.Random) -> list[BaseGeometry]:
    """A polygon cut across into strips of unlike width."""
    west, south, east, north = shape.bounds
    cuts = sorted(rng.uniform(0.2, 0.8) for _ in range(parts - 1))
    edges = [west, *(west + cut * (east - west) for cut in cuts), east]
    strips = [shapely.box(a, south, b, north) for a, b in pairwise(edges)]
    found = [shapely.intersection(shape, strip) for strip in strips]
    return [one for one in found if one.area > shape.area * 0.02]


def split(tables: Tables, lotes: Sequence[str], rng: random.Random, lose: int = 0) -> Tables:
    """These lotes cut in two or three under new ids, what stands on them with them.

    ``lose``: of each so many parts do not come.
    """
    chosen = tables.lotes["lote_id"].isin(lotes)
    rows = []
    for row in tables.lotes[chosen].to_dict("records"):
        for at, part in enumerate(parts_of(row["geometry"], rng.choice((2, 3)), rng)[lose:]):
            new = {**row, "lote_id": f"{row['lote_id']}/{at}", "lote": f"{row['lote']} {at}"}
            rows.append({**new, "geometry": part})
    return _with_lotes(tables, lotes, pd.DataFrame(rows))


def merged(tables: Tables, lotes: Sequence[str]) -> Tables:
    """These lotes made one by pairs, under new ids."""
    frame = tables.lotes[tables.lotes["lote_id"].isin(lotes)]
    rows = []
    for _, campo in frame.groupby("campo_id"):
        found = campo.to_dict("records")
        for one, two in zip(found[::2], found[1::2], strict=False):
            shape = shapely.union(one["geometry"], two["geometry"])
            rows.append({**one, "lote_id": f"{one['lote_id']}+", "geometry": shape})
        rows += [{**one, "lote_id": f"{one['lote_id']}+"} for one in found[2 * (len(found) // 2) :]]
    return _with_lotes(tables, lotes, pd.DataFrame(rows))


def _with_lotes(tables: Tables, gone: Sequence[str], new: pd.DataFrame) -> Tables:
    """New lotes for these; siembras as the first of the old one's, the rest by where it lies."""
    old = tables.lotes
    new = drawn(new, new["geometry"].tolist())
    lotes = pd.concat([old[~old["lote_id"].isin(gone)], new[old.columns]], ignore_index=True)
    home: dict[str, list[str]] = {}
    tree = shapely.STRtree(new["geometry"].to_numpy())
    mine = old[old["lote_id"].isin(gone)]
    for lote, shape in zip(mine["lote_id"], mine["geometry"], strict=True):
        near = tree.query(shape, predicate="intersects")
        held = [
            at
            for at in near
            if shape.intersection(new["geometry"].iloc[at]).area > 0.02 * shape.area
        ]
        home[lote] = [new["lote_id"].iloc[at] for at in held]
    frames = {"lotes": lotes}
    for name in CHILDREN:
        frame = getattr(tables, name)
        here = frame["lote_id"].isin(gone)
        rows = [
            {**row, "lote_id": lote}
            | ({"siembra_id": f"{row['siembra_id']}@{lote}"} if every else {})
            for every in [name == "siembras"]
            for row in frame[here].to_dict("records")
            for lote in (home[row["lote_id"]] if every else home[row["lote_id"]][:1])
        ]
        parts = [frame[~here], pd.DataFrame(rows, columns=frame.columns)]
        frames[name] = pd.concat([part for part in parts if len(part)], ignore_index=True)
    siembras = frames["siembras"]
    frames["siembras"] = siembras.drop_duplicates(["lote_id", "orden", "cultivo_codigo"])
    return replace(
        tables, **{name: _as(frame, getattr(tables, name)) for name, frame in frames.items()}
    )


def _as(frame: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """A frame of the same kind and dtypes as another."""
    plain = frame.astype({name: kind for name, kind in like.dtypes.items() if name != "geometry"})
    return type(like)(plain, geometry="geometry", crs=like.crs) if "geometry" in like else plain


def renumbered(
    tables: Tables, name: str, prefix: str, which: Iterable[str] | None = None
) -> Tables:
    """These rows, or all, under other ids; who names them names the new ones."""
    key = TABLES[name].key
    chosen = set(ids(tables, name) if which is None else which)
    frames = {}
    for other in ("campos", "lotes", *CHILDREN):
        frame = getattr(tables, other)
        if key in frame:
            new = frame[key].where(~frame[key].isin(chosen), prefix + frame[key])
            frames[other] = frame.assign(**{key: new})
    return replace(tables, **frames)


def marks(tables: Tables, which: Iterable[str], estado: str) -> Tables:
    """These marks in this state."""
    frame = tables.marcadores
    there = frame["marcador_id"].isin(list(which))
    return replace(tables, marcadores=frame.assign(estado=frame["estado"].mask(there, estado)))


def zoned(tables: Tables, campos: Iterable[str], rng: random.Random, name: str) -> Tables:
    """The lotes of these campos with other ambientes, as many or fewer or more."""
    frame = tables.ambientes
    here = frame["campo_id"].isin(list(campos))
    shapes = dict(zip(tables.lotes["lote_id"], tables.lotes["geometry"], strict=True))
    first = frame[here].groupby("lote_id").first().reset_index()
    rows = [
        {**row, "ambiente_id": f"{row['lote_id']}-{name}-{at}", "geometry": part}
        for row in first.to_dict("records")
        for at, part in enumerate(parts_of(shapes[row["lote_id"]], rng.choice((2, 2, 3)), rng))
    ]
    if not rows:
        return tables
    new = pd.DataFrame(rows)
    new = drawn(new, new["geometry"].tolist())[frame.columns]
    all_of = pd.concat([frame[~here], new], ignore_index=True)
    first_new = dict(zip(new["lote_id"][::-1], new["ambiente_id"][::-1], strict=True))
    marks_of, old = tables.marcadores, set(frame.loc[here, "ambiente_id"])
    linked = marks_of["lote_id"].map(first_new).astype(marks_of["ambiente_id"].dtype)
    points = marks_of.assign(
        ambiente_id=marks_of["ambiente_id"].mask(marks_of["ambiente_id"].isin(old), linked)
    )
    return replace(tables, ambientes=_as(all_of, frame), marcadores=points)


def copied(tables: Tables, lotes: Sequence[str], prefix: str, *, away: bool) -> Tables:
    """These lotes and all of theirs once more under other ids, in place or on other ground."""
    frames = {}
    for name in ("lotes", *CHILDREN):
        frame = getattr(tables, name)
        new = frame[frame["lote_id"].isin(lotes)].copy()
        for column in {TABLES[name].key, "lote_id"}:
            new[column] = prefix + new[column]
        if away and "geometry" in new:
            new["geometry"] = [translate(shape, -3.0, 0.0) for shape in new["geometry"]]
        frames[name] = pd.concat([frame, new])
    return replace(tables, **frames)


# --- legitimate events ---------------------------------------------------------------------------


def _campos(tables: Tables, rng: random.Random, share: float) -> list[str]:
    return some(rng, sorted(set(tables.lotes["campo_id"])), share)


def season(tables: Tables, rng: random.Random) -> Nights:
    """A new season: a few lotes of every campo first, all of them after eleven nights."""
    order = rng.sample(ids(tables, "lotes"), len(tables.lotes))
    for night in range(1, SEASON + 2):
        share = 0.04 * (1 / 0.04) ** ((night - 1) / SEASON)
        yield without(tables, "lotes", order[round(len(order) * share) :])


def season_by_campo(tables: Tables, rng: random.Random) -> Nights:
    """A new season: a campo or a few a night, each with all it has."""
    campos = rng.sample(sorted(tables.campos["campo_id"]), len(tables.campos))
    for night in range(1, SEASON + 2):
        there = campos[: max(1, len(campos) * night // (SEASON + 1))]
        found = without(
            tables,
            "lotes",
            ids(only(tables, "lotes", ~tables.lotes["campo_id"].isin(there)), "lotes"),
        )
        yield only(found, "campos", found.campos["campo_id"].isin(there))


def sowing(tables: Tables, rng: random.Random) -> Nights:
    """Lotes first without a siembra, an ambiente or a mark; those come over the nights."""
    order = rng.sample(ids(tables, "lotes"), len(tables.lotes))
    for night in range(1, 7):
        late = order[len(order) * night // 6 :]
        found = tables
        for name in CHILDREN:
            found = only(found, name, ~getattr(found, name)["lote_id"].isin(late))
        yield found


def zoned_at_once(tables: Tables, rng: random.Random) -> Nights:
    """All ambientes drawn anew in one night, and again a week later."""
    now = zoned(tables, tables.campos["campo_id"], rng, "z1")
    yield from (now, now, zoned(now, now.campos["campo_id"], rng, "z2"))


def zoned_by_campo(tables: Tables, rng: random.Random) -> Nights:
    """A part of the campos with other ambientes, each night others."""
    for night, campo in enumerate(_campos(tables, rng, 0.1)):
        tables = zoned(tables, [campo], rng, f"z{night}")
        yield tables


def split_campo(tables: Tables, rng: random.Random) -> Nights:
    """All lotes of a campo split, the next night those of another."""
    for campo in _campos(tables, rng, 0.03):
        tables = split(tables, ids(tables, "lotes", [campo]), rng)
        yield tables


def split_many(tables: Tables, rng: random.Random) -> Nights:
    """A third of all lotes split in one night."""
    now = split(tables, some(rng, ids(tables, "lotes"), 0.33), rng)
    yield from (now, now)


def merged_many(tables: Tables, rng: random.Random) -> Nights:
    """The lotes of a third of the campos made one by pairs, in two nights."""
    for campos in (_campos(tables, rng, 0.17), _campos(tables, rng, 0.17)):
        tables = merged(tables, ids(tables, "lotes", campos))
        yield tables


def renumbered_all(tables: Tables, _: random.Random) -> Nights:
    """The portal gives every lote, ambiente and mark another id, then every campo."""
    now = tables
    for name in ("lotes", "ambientes", "marcadores", "siembras"):
        now = renumbered(now, name, "n")
    yield now
    yield renumbered(now, "campos", "n")


def campos_joined(tables: Tables, rng: random.Random) -> Nights:
    """Two campos become one; and a third of another's lotes go to a neighbour."""
    one, two, three, four = rng.sample(sorted(set(tables.lotes["campo_id"])), 4)
    frames = {name: getattr(tables, name) for name in ("lotes", *CHILDREN)}
    now = replace(
        tables, **{n: f.assign(campo_id=f["campo_id"].replace(two, one)) for n, f in frames.items()}
    )
    yield only(now, "campos", now.campos["campo_id"] != two)
    now, third = only(now, "campos", now.campos["campo_id"] != two), ids(now, "lotes", [three])[::3]
    frames = {name: getattr(now, name) for name in ("lotes", *CHILDREN)}
    yield replace(
        now,
        **{
            n: f.assign(campo_id=f["campo_id"].mask(f["lote_id"].isin(third), four))
            for n, f in frames.items()
        },
    )


def sampling_done(tables: Tables, rng: random.Random) -> Nights:
    """Marks are done, and the night after they go; in six nights nine in ten are gone."""
    order = some(rng, ids(tables, "marcadores"), 0.9)
    for night in range(7):
        done = order[len(order) * night // 6 : len(order) * (night + 1) // 6]
        gone = order[: len(order) * night // 6]
        yield marks(without(tables, "marcadores", gone), done, "hecho")


def sampling_gone_at_once(tables: Tables, _: random.Random) -> Nights:
    """What was done or annulled goes in one night."""
    there = tables.marcadores[~tables.marcadores["estado"].isin(["hecho", "anulado"])]
    yield replace(tables, marcadores=there)


def sampling_again(tables: Tables, _: random.Random) -> Nights:
    """The plan of marks is made again on the same spots."""
    yield renumbered(tables, "marcadores", "m")


def sampling_planned(tables: Tables, rng: random.Random) -> Nights:
    """Three times as many marks in one night, the new ones a few metres off."""
    frame = tables.marcadores
    parts = [frame]
    for at in (1, 2):
        new = frame.assign(marcador_id=f"p{at}-" + frame["marcador_id"], estado="planificado")
        off = [translate(shape, rng.uniform(1, 9) * 1e-4, at * 1e-4) for shape in frame["geometry"]]
        parts.append(new.assign(geometry=off))
    yield replace(tables, marcadores=pd.concat(parts))


def measured_again(tables: Tables, rng: random.Random) -> Nights:
    """Every border drawn again: each lote up to 2 % larger or smaller."""
    size = [1 + rng.uniform(-0.01, 0.01) for _ in range(len(tables.lotes))]
    shapes = [
        shapely.affinity.scale(shape, by, by)
        for shape, by in zip(tables.lotes["geometry"], size, strict=True)
    ]
    yield replace(tables, lotes=drawn(tables.lotes, shapes))


def lotes_out(tables: Tables, rng: random.Random) -> Nights:
    """One lote of one campo and another is taken out, on four nights."""
    for _ in range(4):
        tables = without(tables, "lotes", rng.sample(ids(tables, "lotes"), 1))
        yield tables


def at_work(tables: Tables, rng: random.Random) -> Nights:
    """Two weeks of 0.5 % churn: of 96 lotes one every other night."""
    for night in range(100, 114):
        tables = _worked(tables, rng, night)
        yield tables


def _worked(tables: Tables, rng: random.Random, night: int) -> Tables:
    busy = rng.random() < CHURN * len(tables.lotes)
    return churned(tables, rng, night) if busy else tables


LEGITIMATE: dict[str, Event] = {
    "a season grows, all campos, 12 nights": season,
    "a season grows, campo by campo, 12 nights": season_by_campo,
    "siembras, ambientes, marks come, 6 nights": sowing,
    "all ambientes drawn anew, twice": zoned_at_once,
    "ambientes drawn anew, campo by campo": zoned_by_campo,
    "all lotes of a campo split": split_campo,
    "a third of all lotes split": split_many,
    "lotes of a third of the campos merged": merged_many,
    "every id another, then every campo's": renumbered_all,
    "two campos joined; lotes change campo": campos_joined,
    "sampling done and gone, 7 nights": sampling_done,
    "done and annulled marks go at once": sampling_gone_at_once,
    "marks made again on their spots": sampling_again,
    "three times the marks planned": sampling_planned,
    "all borders measured again, ±2 %": measured_again,
    "a lote taken out, 4 nights": lotes_out,
    "two weeks at work, 0.5 % a night": at_work,
}


# --- losses --------------------------------------------------------------------------------------


def bleed(table: str) -> Event:
    """4 % of a list a night: the first night may pass, the second may not."""

    def nights(tables: Tables, rng: random.Random) -> Nights:
        for _ in range(2):
            if table == "marcadores":
                tables = _undone(tables, rng, 0.04)
            else:
                tables = without(tables, table, some(rng, ids(tables, table), 0.04))
            yield tables

    return nights


def loss(change: Callable[[Tables, random.Random], Tables]) -> Event:
    """A loss in one night."""

    def nights(tables: Tables, rng: random.Random) -> Nights:
        yield change(tables, rng)

    return nights


def dropped(table: str, share: float) -> Event:
    """A share of a list by chance."""
    return loss(lambda t, rng: without(t, table, some(rng, ids(t, table), share)))


def _campo_gone(tables: Tables, rng: random.Random) -> Tables:
    campo = rng.choice(sorted(set(tables.lotes["campo_id"])))
    found = without(tables, "lotes", ids(tables, "lotes", [campo]))
    return only(found, "campos", found.campos["campo_id"] != campo)


def _half_a_campo(tables: Tables, rng: random.Random) -> Tables:
    campo = tables.lotes["campo_id"].value_counts().index[0]
    return without(tables, "lotes", some(rng, ids(tables, "lotes", [campo]), 0.5))


def _hidden_by_growth(tables: Tables, rng: random.Random) -> Tables:
    order = rng.sample(ids(tables, "lotes"), len(tables.lotes))
    tenth = len(order) // 10 + 1
    return without(copied(tables, order[: 7 * tenth], "g", away=True), "lotes", order[-tenth:])


def _hidden_by_copies(tables: Tables, rng: random.Random) -> Tables:
    order = rng.sample(ids(tables, "lotes"), len(tables.lotes))
    tenth = len(order) // 10 + 1
    return without(copied(tables, order[:tenth], "g", away=False), "lotes", order[-tenth:])


def _hidden_by_splits(tables: Tables, rng: random.Random) -> Tables:
    order = rng.sample(ids(tables, "lotes"), len(tables.lotes))
    tenth = len(order) // 10 + 1
    return without(split(tables, order[: 2 * tenth], rng), "lotes", order[-tenth:])


def _replaced(tables: Tables, rng: random.Random) -> Tables:
    order = some(rng, ids(tables, "lotes"), 0.2)
    return without(copied(tables, order, "r", away=True), "lotes", order)


def _split_badly(tables: Tables, rng: random.Random) -> Tables:
    return split(tables, some(rng, ids(tables, "lotes"), 0.35), rng, lose=1)


def _split_without_crops(tables: Tables, rng: random.Random) -> Tables:
    lotes = some(rng, ids(tables, "lotes"), 0.3)
    now = split(tables, lotes, rng)
    return only(now, "siembras", now.siembras["lote_id"].isin(tables.lotes["lote_id"]))


def _zoned_badly(tables: Tables, rng: random.Random) -> Tables:
    now = zoned(tables, tables.campos["campo_id"], rng, "z")
    return without(now, "ambientes", some(rng, ids(now, "ambientes"), 0.15))


def _done_and_undone(tables: Tables, rng: random.Random) -> Tables:
    now = _undone(tables, rng, 0.11)
    return only(now, "marcadores", ~now.marcadores["estado"].isin(["hecho", "anulado"]))


def _undone(tables: Tables, rng: random.Random, share: float) -> Tables:
    frame = tables.marcadores
    there = ids(
        only(tables, "marcadores", ~frame["estado"].isin(["hecho", "anulado"])), "marcadores"
    )
    return without(tables, "marcadores", some(rng, there, share * len(frame) / len(there)))


def _shrunk(tables: Tables, _: random.Random) -> Tables:
    shapes = [shapely.affinity.scale(shape, 0.94, 0.94) for shape in tables.lotes["geometry"]]
    return replace(tables, lotes=drawn(tables.lotes, shapes))


def _huge(tables: Tables, rng: random.Random) -> Tables:
    one = rng.choice(ids(tables, "lotes"))
    now = copied(tables, [one], "h", away=True)
    new = now.lotes["lote_id"] == f"h{one}"
    square = shapely.box(-66.5, -36.5, -62.5, -32.5)
    shapes = now.lotes["geometry"].mask(new, square)
    return replace(now, lotes=drawn(now.lotes, list(shapes)))


def _another_tenant(tables: Tables, _: random.Random) -> Tables:
    now = copied(tables, ids(tables, "lotes"), "t", away=True)
    return without(now, "lotes", ids(tables, "lotes"))


LOSSES: dict[str, Event] = {
    "lotes −4 % a night, second night": bleed("lotes"),
    "ambientes −4 % a night, second night": bleed("ambientes"),
    "marks −4 % a night, second night": bleed("marcadores"),
    **{f"{table} −10 %": dropped(table, 0.1) for table in ("lotes", "siembras", "ambientes")},
    "marks −10 %, none of them done": loss(lambda t, rng: _undone(t, rng, 0.1)),
    "marks −12 % by chance, done ones too": dropped("marcadores", 0.12),
    "a campo and its lotes": loss(_campo_gone),
    "half of the largest campo": loss(_half_a_campo),
    "the last 50 lotes": loss(lambda t, _: without(t, "lotes", ids(t, "lotes")[-50:])),
    "10 % of the lotes behind 70 % growth": loss(_hidden_by_growth),
    "10 % of the lotes behind as many copies": loss(_hidden_by_copies),
    "10 % of the lotes behind lotes that were split": loss(_hidden_by_splits),
    "20 % of the lotes replaced on other ground": loss(_replaced),
    "the lotes of another company": loss(_another_tenant),
    "all lotes twice": loss(lambda t, _: copied(t, ids(t, "lotes"), "d", away=False)),
    "lotes split, a part of each missing": loss(_split_badly),
    "lotes split, the new ones without crops": loss(_split_without_crops),
    "ambientes drawn anew, 15 % missing": loss(_zoned_badly),
    "done marks gone, and 11 % undone ones": loss(_done_and_undone),
    "all lotes 12 % smaller": loss(_shrunk),
    "a lote as large as a province": loss(_huge),
}


# --- the table -----------------------------------------------------------------------------------


def started(seed: int, size: Size) -> History:
    """A company after ten nights at work."""
    rng, history = random.Random(seed), History(first_night(seed, size))
    for night in range(10):
        history.take(_worked(history.tables, rng, night), by_hand=False)
    return history


def run(history: History, event: Event, seed: int) -> tuple[int, int, str]:
    """Nights accepted and refused of one event, and the first reason; a refused night is gone."""
    nights = event(history.tables, random.Random(seed))
    if event in (season, season_by_campo, sowing):
        history = History(next(nights))
    else:
        history = copy(history)
        history.figures, history.by_hand = list(history.figures), list(history.by_hand)
    accepted, reasons = 0, []
    for now in nights:
        verdict = history.judge(now)
        reasons += [verdict.reasons[0]] if verdict.reasons else []
        if verdict.accepted:
            accepted += 1
            history.take(now, by_hand=False)
    return accepted, len(reasons), reasons[0] if reasons else ""


def table(seeds: Sequence[int], sizes: dict[str, Size]) -> Iterator[tuple[str, str, int, int, str]]:
    """Kind, event, nights accepted, nights refused, and a reason, over all companies and seeds."""
    starts = [(seed, started(seed, size)) for size in sizes.values() for seed in seeds]
    for kind, events in (("legitimate", LEGITIMATE), ("loss", LOSSES)):
        for name, event in events.items():
            found = [run(history, event, seed) for seed, history in starts]
            said = next((reason for *_, reason in found if reason), "")
            yield kind, name, sum(one[0] for one in found), sum(one[1] for one in found), said


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 if a legitimate night was refused or a loss was accepted to its end."""
    short = "--short" in arguments
    sizes = {"8 × 12": SIZES["8 × 12"]} if short else SIZES
    seeds = range(1 if short else SEEDS)
    wolf = missed = 0
    print("| | event | accepted | refused |\n| --- | --- | --- | --- |")
    runs = len(sizes) * len(seeds)
    for kind, name, accepted, refused, said in table(seeds, sizes):
        wrong = refused > 0 if kind == "legitimate" else refused < runs
        wolf += refused if kind == "legitimate" else 0
        missed += max(runs - refused, 0) if kind == "loss" else 0
        print(f"| {kind} | {name} | {accepted} | {refused} |" + (f" {said[:300]}" if wrong else ""))
    print(
        f"figure: {len(LEGITIMATE)} events, {wolf} nights refused; {len(LOSSES)} losses, "
        f"{missed} of {len(LOSSES) * runs} accepted; {runs} companies each"
    )
    return 0 if not wolf and not missed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
