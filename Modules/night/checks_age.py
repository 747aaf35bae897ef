"""Checks of age: an answer that is older than the last accepted night's.

A cache, a replica that fell behind or a restored copy answers with whole, well-formed lists of
some days ago. What tells: ``snapshot_at``, ``Date`` and ``Last-Modified`` that go back, and rows
whose own ``updated_at`` goes back. The newest ``updated_at`` goes back too whenever the newest row
is taken out: it refuses once five rows newer than all the others are gone.

A list that stands still while the others went on warns. Most rows of a day that has not come are
refused: once they are the last accepted ones, every night after them would look older.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pandas as pd

from Modules.night.checks_columns import side_by_side
from Modules.night.figures import JUDGED, Nights
from Modules.night.verdict import checked, share_of, warned
from Modules.portal.paging import ONE_FETCH
from Modules.words.columns import TABLES
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import duration, moment, number

Moments = Mapping[str, Mapping[str, datetime]]  # list → name → instant, as ``Fetched`` has them

SKEW = timedelta(minutes=15)  # clocks of servers that answer by turns; less is not older
AHEAD = timedelta(days=1)  # of the answer's own time: no zone and no clock is so far off
_SAME = timedelta(seconds=2)  # HTTP dates have no fractions
_BY_ROWS = "Last-Modified"  # may be the newest updated_at, and go back with it


def check_age(nights: Nights, now: Moments, before: Moments) -> list[Finding]:
    """One finding a list: whether it is as new as last night's, and how far back if not."""
    lists = dict.fromkeys([*now, *JUDGED])
    return [_of_list(nights, name, now.get(name, {}), before.get(name, {})) for name in lists]


def check_together(now: Moments, before: Moments) -> list[Finding]:
    """Whether all lists are of one night; asked only where last night all were."""
    was, is_now = (
        {name: one["snapshot_at"] for name, one in said.items() if "snapshot_at" in one}
        for said in (before, now)
    )
    if len(was) < 2 or not is_now or max(was.values()) - min(was.values()) > SKEW:
        return []
    newest = max(is_now.values())
    notes = [
        f"{name}: {_said('snapshot_at', one, newest)}, el de otras; puede ser una copia de ayer"
        for name, one in is_now.items()
        if newest - one > ONE_FETCH
    ]
    return [warned("listas de la misma noche", notes, {"atrasadas": len(notes)})]


def check_ahead(nights: Nights, moments: Moments) -> list[Finding]:
    """Rows that were changed after the answer that brings them was made."""
    found = []
    for name in JUDGED:
        if not moments.get(name) or "updated_at" not in TABLES[name].names:
            continue
        made, frame = max(moments[name].values()), nights.frame(name)
        ahead = int((frame["updated_at"] > made + AHEAD).sum())
        share = share_of(ahead, len(frame))
        most = ahead >= nights.limits.min_growth and share > nights.limits.first_night_unusable
        severity = Severity.ERROR if most else Severity.WARNING if ahead else Severity.FINE
        note = f"updated_at de {number(ahead)} de {number(len(frame))} filas es posterior a la "
        note += f"respuesta, que es de {moment(made)} UTC"
        what = f"{name}: cambios de días que ya pasaron"
        found.append(checked(what, severity, [note], {"filas": ahead}))
    return found


def _of_list(
    nights: Nights, name: str, now: Mapping[str, datetime], before: Mapping[str, datetime]
) -> Finding:
    severity, notes, back = Severity.FINE, [], timedelta(0)
    newest = _newest(nights, name)
    for kind, was in before.items():
        is_now = now.get(kind)
        if is_now is None and kind != "snapshot_at":
            continue  # a header may come and go
        if is_now is None:
            severity = max(severity, Severity.WARNING)
            notes.append(f"ya no trae {kind}: no se sabe de cuándo es")
        # only the newest updated_at of the rows that are left: what is told of the rows says it
        elif was - is_now > SKEW and not (
            kind == _BY_ROWS and newest is not None and abs(newest[1] - is_now) < _SAME
        ):
            severity, back = Severity.ERROR, max(back, was - is_now)
            notes.append(_said(kind, is_now, was))
    if newest is not None:
        by_rows, text = _rows(nights, name, *newest)
        severity = max(severity, by_rows)
        notes += [text] if by_rows else []
        back = max(back, newest[0] - newest[1])
    figures = {"horas_atras": round(back.total_seconds() / 3600, 1)}
    return checked(f"{name}: no es más viejo que la última noche", severity, notes, figures)


def _said(what: str, now: datetime, before: datetime) -> str:
    return (
        f"{what} es de {moment(now)} UTC, {duration(before - now)} antes que {moment(before)} UTC"
    )


def _newest(nights: Nights, name: str) -> tuple[datetime, datetime] | None:
    """The newest ``updated_at`` of last night and of tonight; None where either has none."""
    if name not in TABLES or "updated_at" not in TABLES[name].names:
        return None
    newest = [frame(name)["updated_at"].max() for frame in (nights.frame_before, nights.frame)]
    return None if pd.isna(newest).any() else (newest[0], newest[1])


def _rows(nights: Nights, name: str, was: datetime, now: datetime) -> tuple[Severity, str]:
    """How bad it is that rows went back, and how far.

    One row may have been put right by hand, or take its time from something that was removed.
    """
    key, limits = TABLES[name].key, nights.limits
    both, both_now = side_by_side(nights, name)
    went = both["updated_at"] - both_now["updated_at"]
    back = int((went > SKEW).sum())
    newest_too = was - now > SKEW
    share = share_of(back, len(both))
    enough = back >= min(limits.min_rows, len(both)) and (
        newest_too or back >= limits.min_growth or share >= limits.emptied
    )
    if back:
        text = f"updated_at retrocede en {number(back)} filas, hasta {duration(went.max())}"
        text += f"; {_said('el más nuevo', now, was)}" if newest_too else ""
        return Severity.ERROR if enough else Severity.WARNING, text
    if not newest_too:
        return Severity.FINE, ""
    gone = _newest_gone(nights, name, now)
    returned = int((~nights.frame(name)[key].isin(nights.frame_before(name)[key])).sum())
    text = f"{_said('el updated_at más nuevo', now, was)}: faltan {number(gone)} filas más nuevas"
    text += f", y hay {number(returned)} que anoche no estaban" if returned else ""
    if gone >= limits.min_growth:
        return Severity.ERROR, text
    few = not returned and gone < limits.campo_min_lotes
    return Severity.FINE if few else Severity.WARNING, text


def _newest_gone(nights: Nights, name: str, now: datetime) -> int:
    """How many rows newer than all of tonight's are gone, and not for a reason that is known.

    One may have been taken out. With five of them the list is as it was before they came.
    """
    before = nights.frame_before(name)
    newer = before.loc[before["updated_at"] > now + SKEW, TABLES[name].key]
    return len(set(newer) - nights.moves[name].kept) if name in nights.moves else len(newer)
