"""What became of the rows whose ids came or went since the last accepted night.

An id that is gone is a loss only if its ground is gone too. A lote split in three, an ambiente
drawn anew and a mark made again have other ids on the same ground; a mark that was done, or
annulled, may go. A campo stays where its lotes do, and a siembra where the lote that took the
ground has the crop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from Modules.geo.ground import lying_under, shares_held
from Modules.night.tables import Tables
from Modules.words.columns import TABLES

SAME_GROUND: Final = 0.8  # of a row's area: the rest is a headland, a road, a border drawn better
BY_CAMPO: Final = ("lotes", "siembras", "ambientes", "marcadores")
FINISHED: Final = frozenset({"hecho", "anulado"})  # marks that may go
_SPOT: Final = 5  # decimals of a degree, about a metre: a mark made again lies where it lay
_UNTOLD: Final = ("updated_at",)  # of two rows that say the same


@dataclass(frozen=True, slots=True)
class Moves:
    """Ids of one table that came or went."""

    lost: frozenset[str] = frozenset()  # gone, and nothing has their place
    kept: frozenset[str] = frozenset()  # gone and no loss: others have the ground, or it was done
    fresh: frozenset[str] = frozenset()  # new where nothing was
    again: frozenset[str] = frozenset()  # new on ground that something had
    twice: frozenset[str] = frozenset()  # new, and tonight another row has the same ground
    elsewhere: frozenset[str] = frozenset()  # there both nights, in another campo
    excused: Mapping[str, int] = field(default_factory=dict)  # by campo: fewer rows, and no loss

    @property
    def explained(self) -> int:
        """How many rows fewer the whole table has without a loss; negative: more."""
        return len(self.kept) - len(self.again)

    def missing(self, before: Iterable[str], now: Iterable[str]) -> int:
        """How many rows fewer there are of these, but for what is no loss; negative: more."""
        return len(self.lost.intersection(before)) - len(self.fresh.intersection(now))


def moves_of(before: Tables, now: Tables) -> dict[str, Moves]:
    """What came and went, by table."""
    found = {name: _of_polygons(before, now, name) for name in ("lotes", "ambientes", "zonas")}
    found["marcadores"] = _of_marks(before.marcadores, now.marcadores)
    found["siembras"] = _of_siembras(before.siembras, now.siembras, found["lotes"])
    found["campos"] = _of_campos(before, now, found["lotes"])
    found["cultivos"] = _moves("cultivos", before.cultivos, now.cultivos)
    return found


def _of_polygons(before: Tables, now: Tables, table: str) -> Moves:
    was, is_now = before.as_dict()[table], now.as_dict()[table]
    key = TABLES[table].key
    gone, new = _not_in(was, is_now, key), _not_in(is_now, was, key)
    had, have = was.geometry.to_numpy(), is_now.geometry.to_numpy()
    held, on_old = shares_held(had, have, gone, new)
    double = lying_under(have[new], have, np.flatnonzero(new))
    return _moves(
        table,
        was,
        is_now,
        kept=was.loc[gone & (held >= SAME_GROUND), key],
        again=is_now.loc[new & (on_old >= SAME_GROUND), key],
        twice=is_now.loc[new, key][double],
    )


def _of_marks(was: pd.DataFrame, is_now: pd.DataFrame) -> Moves:
    key = "marcador_id"
    gone, new = was[_not_in(was, is_now, key)], is_now[_not_in(is_now, was, key)]
    done = finished(gone)
    places, places_now = _by_place(gone[~done]), _by_place(new)
    kept, again = set(gone.loc[done, "marcador_id"]), set[str]()
    for place in places.keys() & places_now.keys():
        pairs = min(len(places[place]), len(places_now[place]))
        kept.update(places[place][:pairs])
        again.update(places_now[place][:pairs])
    return _moves("marcadores", was, is_now, kept, again, _said_twice(is_now, new, "marcador_id"))


def finished(marks: pd.DataFrame) -> pd.Series:
    """Which marks were done or annulled: those may go."""
    return marks["estado"].str.casefold().isin(FINISHED)


def _by_place(marks: pd.DataFrame) -> dict[tuple[str, float, float], list[str]]:
    """Ids of marks by kind and spot."""
    spots = np.round(shapely.get_coordinates(shapely.centroid(marks.geometry.to_numpy())), _SPOT)
    found: dict[tuple[str, float, float], list[str]] = {}
    for one, kind, (lon, lat) in zip(marks["marcador_id"], marks["tipo"], spots, strict=True):
        found.setdefault((kind, lon, lat), []).append(one)
    return found


def _of_siembras(was: pd.DataFrame, is_now: pd.DataFrame, lotes: Moves) -> Moves:
    """Of a lote whose ground others took, a siembra is kept if theirs have its crop."""
    gone = was[was["lote_id"].isin(lotes.kept)]
    new = is_now[is_now["lote_id"].isin(lotes.again)]
    sown = set(zip(new["campo_id"], new["cultivo_codigo"], strict=True))
    crops = zip(gone["siembra_id"], gone["campo_id"], gone["cultivo_codigo"], strict=True)
    kept = {one for one, *crop in crops if tuple(crop) in sown}
    fresh = is_now[_not_in(is_now, was, "siembra_id")]
    double = _said_twice(is_now, fresh, "siembra_id")
    return _moves("siembras", was, is_now, kept, new["siembra_id"], double)


def _not_in(rows: pd.DataFrame, others: pd.DataFrame, key: str) -> npt.NDArray[np.bool_]:
    """Which of these rows have an id that the others have not."""
    there = set(others[key].tolist())  # lists: iterating Arrow strings costs five times as much
    return np.array([one not in there for one in rows[key].tolist()], dtype=np.bool_)


def _said_twice(rows: pd.DataFrame, new: pd.DataFrame, key: str) -> Iterable[str]:
    """Ids of new rows that say what another row of their lotes says too."""
    if new.empty:
        return ()
    near = rows[rows["lote_id"].isin(new["lote_id"])]
    same = near.drop(columns=[key, *_UNTOLD], errors="ignore").duplicated(keep=False)
    return set(near.loc[same, key])


def _of_campos(before: Tables, now: Tables, lotes: Moves) -> Moves:
    """A campo is kept, under whatever id, where its lotes are."""
    still = before.lotes["lote_id"].isin({*now.lotes["lote_id"], *lotes.kept})
    old = now.lotes["lote_id"].isin({*before.lotes["lote_id"], *lotes.again})
    kept, again = _mostly(before.lotes, still), _mostly(now.lotes, old)
    return _moves("campos", before.campos, now.campos, kept, again)


def _mostly(lotes: pd.DataFrame, flags: pd.Series) -> Iterable[str]:
    """Ids of campos most of whose area is that of these lotes."""
    areas = lotes["superficie_ha"].groupby(lotes["campo_id"]).sum()
    flagged = lotes["superficie_ha"].where(flags, 0.0).groupby(lotes["campo_id"]).sum()
    return list(areas.index[flagged >= SAME_GROUND * areas])


def _moves(
    table: str,
    before: pd.DataFrame,
    now: pd.DataFrame,
    kept: Iterable[str] = (),
    again: Iterable[str] = (),
    twice: Iterable[str] = (),
) -> Moves:
    """Of these ids, those that are gone (``kept``) or new (the others)."""
    key = TABLES[table].key
    campo = "campo_id" if table in BY_CAMPO else key
    home, home_now = (
        dict(zip(rows[key].tolist(), rows[campo].tolist(), strict=True)) for rows in (before, now)
    )
    gone, new = home.keys() - home_now.keys(), home_now.keys() - home.keys()
    stay, back = gone.intersection(kept), new.intersection(again)
    moved = {one for one, where in home_now.items() if home.get(one, where) != where}
    excused: Counter[str] = Counter()
    if table in BY_CAMPO:
        excused.update(home[one] for one in (*stay, *moved))
        excused.subtract(home_now[one] for one in (*back, *moved))
    return Moves(
        lost=frozenset(gone - stay),
        kept=frozenset(stay),
        fresh=frozenset(new - back),
        again=frozenset(back),
        twice=frozenset(new.intersection(twice)),
        elsewhere=frozenset(moved),
        excused={campo: rows for campo, rows in sorted(excused.items()) if rows},
    )
