"""What became of the rows whose ids came or went since the last accepted night.

An id that is gone is a loss only if its ground is gone too. A lote split in three and an ambiente
drawn anew have other ids on the same ground; a mark stays where its lote has another of its kind,
and one that was done, or annulled, may go. What left together with its lote is told by the lotes,
unless it came and found no lote. A campo stays where its lotes do, and a siembra where the lote
that took the ground has the crop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from Modules.geo.ground import homes_of, lying_under, metres_outside, shares_held
from Modules.night.tables import Tables
from Modules.words.columns import TABLES
from Modules.words.domain import Motivo
from Modules.words.thresholds import DEFAULTS

SAME_GROUND: Final = 0.8  # of a row's area: the rest is a headland, a road, a border drawn better
BY_CAMPO: Final = ("lotes", "siembras", "ambientes", "marcadores")
FINISHED: Final = frozenset({"hecho", "anulado"})  # marks that may go
_UNTOLD: Final = ("updated_at",)  # of two rows that say the same


@dataclass(frozen=True, slots=True)
class Moves:
    """Ids of one table that came or went."""

    lost: frozenset[str] = frozenset()  # gone, and nothing has their place
    kept: frozenset[str] = frozenset()  # gone and no loss: see above
    left: frozenset[str] = frozenset()  # of these, those that left together with their lote
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
    found = {name: _of_polygons(before, now, name) for name in ("lotes", "ambientes", "zonas")}
    found["marcadores"] = _of_marks(before, now)
    found["siembras"] = _of_siembras(before, now, found["lotes"])
    found["campos"] = _of_campos(before, now, found["lotes"])
    found["cultivos"] = _moves("cultivos", before.cultivos, now.cultivos)
    return found


def _left(before: Tables, now: Tables, table: str) -> pd.DataFrame:
    """Rows whose lote is not there any more; not those that came all the same and were refused."""
    was, refused = before.as_dict()[table], now.rechazados
    here = set(now.lotes["lote_id"].tolist())
    why = (refused[name].tolist() for name in ("id", "recurso", "motivo"))
    came = {
        own
        for own, of, motivo in zip(*why, strict=True)
        if of == table and motivo != Motivo.BORRADO
    }
    rows = zip(was[TABLES[table].key].tolist(), was["lote_id"].tolist(), strict=True)
    gone = [lote not in here and own not in came for own, lote in rows]
    return was[np.array(gone, dtype=np.bool_)]


def _of_polygons(before: Tables, now: Tables, table: str) -> Moves:
    was, is_now = before.as_dict()[table], now.as_dict()[table]
    key = TABLES[table].key
    gone, new = _not_in(was, is_now, key), _not_in(is_now, was, key)
    had, have = was.geometry.to_numpy(), is_now.geometry.to_numpy()
    held, on_old = shares_held(had, have, gone, new)
    double = lying_under(have[new], have, np.flatnonzero(new))
    kept = was.loc[gone & (held >= SAME_GROUND), key]
    again = is_now.loc[new & (on_old >= SAME_GROUND), key]
    left = _left(before, now, table)[key] if table == "ambientes" else ()
    return _moves(table, was, is_now, kept, again, is_now.loc[new, key][double], left)


def _of_marks(before: Tables, now: Tables) -> Moves:
    was, is_now, key = before.marcadores, now.marcadores, "marcador_id"
    gone, new = was[_not_in(was, is_now, key)], is_now[_not_in(is_now, was, key)]
    done, left = finished(gone), _left(before, now, "marcadores")[key]
    homes = homes_of(new["lote_id"], now.lotes["lote_id"], now.lotes.geometry.to_numpy())
    near = metres_outside(new.geometry.to_numpy(), homes) <= DEFAULTS.mark_distance_m
    places, places_now = _by_lote(gone[~done]), _by_lote(new[near])
    kept, again = set(gone.loc[done, key]), set[str]()
    for place in places.keys() & places_now.keys():
        pairs = min(len(places[place]), len(places_now[place]))
        kept.update(places[place][:pairs])
        again.update(places_now[place][:pairs])
    double = _said_twice(is_now, new, key)
    return _moves("marcadores", was, is_now, kept, again, double, left)


def finished(marks: pd.DataFrame) -> pd.Series:
    """Which marks were done or annulled: those may go."""
    return marks["estado"].str.casefold().isin(FINISHED)


def _by_lote(marks: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    """Ids of marks by lote and kind: where a crew goes is planned anew with the ambientes."""
    found: dict[tuple[str, str], list[str]] = {}
    for one, *place in zip(marks["marcador_id"], marks["lote_id"], marks["tipo"], strict=True):
        found.setdefault((place[0], place[1]), []).append(one)
    return found


def _of_siembras(before: Tables, now: Tables, lotes: Moves) -> Moves:
    """Of a lote whose ground others took, a siembra is kept if theirs have its crop."""
    was, is_now, key = before.siembras, now.siembras, "siembra_id"
    gone = was[was["lote_id"].isin(lotes.kept)]
    new = is_now[is_now["lote_id"].isin(lotes.again)]
    sown = set(zip(new["campo_id"], new["cultivo_codigo"], strict=True))
    crops = zip(gone[key], gone["campo_id"], gone["cultivo_codigo"], strict=True)
    kept = {one for one, *crop in crops if tuple(crop) in sown}
    double = _said_twice(is_now, is_now[_not_in(is_now, was, key)], key)
    left = _left(before, now, "siembras")
    lost = left.loc[left["lote_id"].isin(lotes.lost), key]
    return _moves("siembras", was, is_now, kept, new[key], double, lost)


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
    left: Iterable[str] = (),
) -> Moves:
    """Of these ids, those that are gone (``kept``, ``left``) or new (the others)."""
    key = TABLES[table].key
    campo = "campo_id" if table in BY_CAMPO else key
    home, home_now = (
        dict(zip(rows[key].tolist(), rows[campo].tolist(), strict=True)) for rows in (before, now)
    )
    gone, new = home.keys() - home_now.keys(), home_now.keys() - home.keys()
    parted = gone.intersection(left)
    stay, back = gone.intersection(kept) | parted, new.intersection(again)
    moved = {one for one, where in home_now.items() if home.get(one, where) != where}
    excused: Counter[str] = Counter()
    if table in BY_CAMPO:
        excused.update(home[one] for one in (*stay, *moved))
        excused.subtract(home_now[one] for one in (*back, *moved))
    return Moves(
        lost=frozenset(gone - stay),
        kept=frozenset(stay),
        left=frozenset(parted),
        fresh=frozenset(new - back),
        again=frozenset(back),
        twice=frozenset(new.intersection(twice)),
        elsewhere=frozenset(moved),
        excused={campo: rows for campo, rows in sorted(excused.items()) if rows},
    )
