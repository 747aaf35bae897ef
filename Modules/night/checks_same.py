"""Rows that are there both nights, under one id, and say another thing or lie on other ground.

A portal that joins its tables badly sends every row that it had, with the name, the crop or the
border of another: no count and no area moves. What tells is that nobody edited them: their
``updated_at`` (of siembras that of their lote) is that of last night. So many rows refuse as ids
that were replaced do; where a portal has no ``updated_at`` they warn, and what was edited warns.

Plain work is left out: a mark that is done, a siembra that is sown or harvested, another order of
visit, a parent that is not there any more, a border drawn better.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
import shapely

from Modules.geo.arrays import Array, Flags, Index, Shapes
from Modules.geo.ground import metres_outside
from Modules.night.checks_columns import filled, left_with_it, member_of, side_by_side
from Modules.night.figures import JUDGED, Nights, places
from Modules.night.ground import SAME_GROUND
from Modules.night.verdict import checked, share_of
from Modules.words.columns import CALLADAS, TABLES
from Modules.words.finding import Finding, Severity
from Modules.words.names import look
from Modules.words.spanish import day, number

_PARENTS: Final = {
    "lotes": ("campo_id",), "siembras": ("lote_id",), "ambientes": ("lote_id",),
    "marcadores": ("lote_id",),
}  # fmt: skip
_MEASURED: Final = ("superficie_declarada_ha", "n_siembras", "updated_at", "geometry")
_STYLE: Final = frozenset({  # changed for many at once, by the portal or by whoever plans
    "orden", "color", "fuente", "version", "activo", "codigo", "especie", "provincia", "partido",
    "subtipo", "observacion", "muestra_compuesta", "muestra_submuestras", "muestra_analisis",
    "muestra_profundidades_cm", "material",
})  # fmt: skip
_DONE: Final = {"planificado": 0, "sembrado": 1, "hecho": 1, "cosechado": 2}  # of an estado
_NAMES: Final = {
    "campos": "campo", "lotes": "lote", "ambientes": "ambiente", "marcadores": "marcador",
    "zonas": "zona", "cultivos": "cultivo",
}  # fmt: skip
_WHY: Final = "el portal o un proxy lee mal el juego de caracteres, o los escapa dos veces"
_LEAST: Final = 3  # rows that nobody edited and that say another thing: fewer are not told
_NAMED: Final = 3  # rows named in a line
_FAR: Final = 0.05  # of its ground is still its own: no re-drawing of a border leaves so little
_REDRAWN: Final = 0.05  # of a row's area that came or went: less is a border measured again
_MARK_M: Final = 10.0  # a mark that is farther off is another place for a crew
_SPOILT: Final = re.compile(  # UTF-8 read as windows-1252, characters that were lost
    r"[ÃÂ][\xa1-\xbf‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ€]|\ufffd|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]{2,8});"
)


def check_same(nights: Nights) -> list[Finding]:
    """What the rows of both nights say, and where they lie."""
    return [
        *(_said(nights, table) for table in JUDGED),
        *(_ground(nights, table) for table in ("lotes", "ambientes")),
        _marks(nights),
    ]


# --- what they say -------------------------------------------------------------------------------


def _said(nights: Nights, table: str) -> Finding:
    """Of each column the rows that say something else than last night, and nobody edited."""
    was, now = side_by_side(nights, table)
    still, dated = _untouched(nights, table, was, now)
    settled, worst, notes = _settled(table, was, now), Severity.FINE, []
    for column in _columns(table):
        had = filled(was, table, column) & filled(now, table, column)
        had &= ~left_with_it(nights, was, column)
        other, like = _differs(was[column], now[column], had)
        judged = had & settled if column != "estado" else had
        alone, of = other & judged & still, int(judged.sum())
        severity = Severity.FINE
        if dated and column not in _STYLE and alone.sum() >= min(_few(nights, of), _LEAST):
            many = bool(alone.sum() >= _few(nights, of))
            severity = nights.rate(int(alone.sum()), of, nights.limits.ids_replaced, enough=many)
        told = alone if severity else other | like
        if not severity and told.sum() >= max(
            _few(nights, len(was)), nights.limits.ids_replaced * had.sum()
        ):
            severity = Severity.WARNING
        if severity:
            worst = max(worst, severity)
            text = _change(was, now, table, column, told, of if told is alone else int(had.sum()))
            notes.append(text + (", sin que nadie las editara" if told is alone else ""))
    return checked(f"{table}: dicen lo mismo que anoche", worst, notes, {"columnas": len(notes)})


def _few(nights: Nights, of: int) -> int:
    """Fewer of so many rows are a decision; of a handful it takes half."""
    limits = nights.limits
    return max(limits.min_rows, min(limits.min_growth, math.ceil(limits.campo_most * of)))


def _settled(table: str, was: pd.DataFrame, now: pd.DataFrame) -> Flags:
    """The rows that are neither a plan nor went on tonight: of those crop and days may change."""
    if table != "siembras":
        return np.ones(len(was), dtype=np.bool_)
    states = zip(was["estado"].tolist(), now["estado"].tolist(), strict=True)
    return np.array(
        [str(one) != "planificado" and not _onward(one, two) for one, two in states], dtype=np.bool_
    )


def _onward(one: object, two: object) -> bool:
    return _DONE.get(str(one), 9) < _DONE.get(str(two), -1)


def _columns(table: str) -> list[str]:
    """The columns that say something of a row by themselves."""
    names = TABLES[table].names[1:]
    own = [one for one in names if member_of(table, one) is not None and one not in _MEASURED]
    return [*own, *_PARENTS.get(table, ())]


def _differs(was: pd.Series, now: pd.Series, had: Flags) -> tuple[Flags, Flags]:
    """The rows that say another thing, and those that only write it otherwise or went on."""
    other, like = np.zeros(len(was), dtype=np.bool_), np.zeros(len(was), dtype=np.bool_)
    both = np.flatnonzero(had)
    before, after = (one.to_numpy(dtype=object)[both] for one in (was, now))
    for at in np.flatnonzero(before != after).tolist():
        one, two = before[at], after[at]
        same = isinstance(one, str) and look(one) == look(two)
        (like if same or _onward(one, two) else other)[both[at]] = True
    return other, like


def _change(
    was: pd.DataFrame, now: pd.DataFrame, table: str, column: str, told: Flags, of: int
) -> str:
    some = was.index[told][:_NAMED]
    told_as = [(one, was.at[one, column], now.at[one, column]) for one in some]
    named = [f"{one}: «{_said_as(a)}» → «{_said_as(b)}»" for one, a, b in told_as]
    if column in CALLADAS:
        named = list(some)
    named += ["…"] if told.sum() > len(named) else []
    what, rows = member_of(table, column) or column, number(int(told.sum()))
    return f"«{what}» es otro en {rows} de {number(of)} filas ({'; '.join(named)})"


def _said_as(value: object) -> str:
    return day(value) if isinstance(value, date) else str(value)


def _untouched(
    nights: Nights, table: str, was: pd.DataFrame, now: pd.DataFrame
) -> tuple[Flags, bool]:
    """The rows that nobody edited since last night, and whether the portal says so of any."""
    if table == "siembras":
        lotes, lotes_now = side_by_side(nights, "lotes")
        still, dated = _untouched(nights, "lotes", lotes, lotes_now)
        return was["lote_id"].isin(lotes.index[still]).to_numpy(), dated
    if "updated_at" not in was:
        return np.zeros(len(was), dtype=np.bool_), False
    dated_rows = was["updated_at"].notna() & now["updated_at"].notna()
    still = (dated_rows & (now["updated_at"] <= was["updated_at"])).to_numpy()
    return still, bool(dated_rows.any())


# --- where they lie ------------------------------------------------------------------------------


def _ground(nights: Nights, table: str) -> Finding:
    """Polygons on the ground of others, drawn anew by nobody, or without their holes and parts."""
    was, now = side_by_side(nights, table)
    still, _ = _untouched(nights, table, was, now)
    one, two = was["geometry"].to_numpy(), now["geometry"].to_numpy()
    kept, changed = _kept(one, two)
    alone = still & (changed > _REDRAWN)
    away = (kept < SAME_GROUND) & alone | (kept < _FAR)
    limits, of = nights.limits, len(was)
    found = [
        (away, of, limits.ids_replaced, limits.min_rows, "están en otro lugar"),
        (
            alone,
            of,
            limits.ids_replaced,
            _few(nights, of),
            "tienen otro borde sin que nadie las editara",
        ),
    ]
    for had, have, noun in zip(_pieces(one), _pieces(two), ("huecos", "partes"), strict=True):
        fewer, any_at_all = (have < had) & still, int((had > 0).sum())
        text = f"perdieron {noun} sin que nadie las editara"
        found.append((fewer, any_at_all, limits.campo_most, limits.campo_min_lotes, text))
    worst, notes = Severity.FINE, []
    for flags, whole, limit, least, text in found:
        rows = int(flags.sum())
        severity = nights.rate(rows, whole, limit, enough=rows >= least)
        if severity:
            worst = max(worst, severity)
            notes.append(f"{number(rows)} de {number(whole)} {text} ({_named(nights, was, flags)})")
    if table == "lotes":
        campos = _campos_astray(nights, was, away & alone)
        worst = max(worst, Severity.ERROR) if campos else worst
        notes += campos
    figures = {"en_otro_lugar": int(away.sum()), "otro_borde": int(alone.sum())}
    return checked(f"{table}: en el mismo lugar que anoche", worst, notes, figures)


def _kept(one: Shapes, two: Shapes) -> tuple[Array, Array]:
    """Of each pair the larger share of the one that the other holds, and the share that differs."""
    kept, changed = np.ones(len(one)), np.zeros(len(one))
    other = ~shapely.equals_exact(one, two, normalize=False)
    if other.any():
        before, after = shapely.area(one[other]), shapely.area(two[other])
        common = shapely.area(shapely.intersection(one[other], two[other]))
        kept[other] = common / np.minimum(before, after)
        changed[other] = (before + after - 2 * common) / np.maximum(before, after)
    return kept, changed


def _pieces(shapes: Shapes) -> tuple[Index, Index]:
    """How many holes each polygon has, and how many parts beside the first."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    _, part = shapely.get_rings(parts, return_index=True)
    count = np.bincount(owner, minlength=len(shapes))
    return np.bincount(owner[part], minlength=len(shapes)) - count, count - 1


def _campos_astray(nights: Nights, was: pd.DataFrame, away: Flags) -> list[str]:
    """Campos most of whose lotes, or three of them, lie elsewhere: in a large company few."""
    limits, notes = nights.limits, []
    for _, rows in was.assign(away=away).reset_index(drop=True).groupby("campo_id"):
        gone, of = int(rows["away"].sum()), len(rows)
        most = gone >= limits.min_rows and gone > limits.campo_most * of
        many = gone >= limits.campo_min_lotes and share_of(gone, of) >= limits.ids_replaced
        if most or many:
            name = rows["campo"].iat[0]
            notes.append(f"campo {name}: {gone} de {of} lotes están en otro lugar")
    return notes


def _marks(nights: Nights) -> Finding:
    """Marks that are at another place than last night, and nobody moved them."""
    was, now = side_by_side(nights, "marcadores")
    still, dated = _untouched(nights, "marcadores", was, now)
    metres = metres_outside(now["geometry"].to_numpy(), was["geometry"].to_numpy())
    moved = metres > _MARK_M
    alone, limits = moved & still, nights.limits
    rows, of = int(alone.sum()), len(was)
    enough = rows >= _few(nights, of)
    severity = nights.rate(rows, of, limits.ids_replaced, enough=enough)
    if not dated and share_of(int(moved.sum()), of) >= limits.ids_replaced:
        severity, alone, rows = Severity.WARNING, moved, int(moved.sum())
    text = f"{number(rows)} de {number(of)} están en otro lugar sin que nadie las editara"
    notes = [f"{text} ({_named(nights, was, alone)})"]
    figures = {"movidas": int(moved.sum()), "sin_editar": rows}
    return checked("marcadores: en el mismo lugar que anoche", severity, notes, figures)


def _named(nights: Nights, was: pd.DataFrame, flags: Flags) -> str:
    """The first of these rows, as people know them."""
    some = was[flags][:_NAMED]
    names = places(nights.tables)
    told = [
        f"{names.get(lote, lote)} ({own})"
        for own, lote in zip(some.index, some["lote_id"], strict=True)
    ]
    return "; ".join([*told, *(["…"] if flags.sum() > len(told) else [])])


# --- names that were spoilt ----------------------------------------------------------------------


def check_names(nights: Nights) -> Finding:
    """Names whose letters were lost: "Ã‘andÃº", "\ufffdand\ufffd", "&Ntilde;and&uacute;"."""
    worst, notes = Severity.FINE, []
    for table, column in _NAMES.items():
        names = _spoilt(nights.frame(table), table, column)
        if not names:
            continue
        before = _spoilt(nights.frame_before(table), table, column)
        fresh = [one for one in names if one not in before]
        there = set(nights.frame_before(table)[TABLES[table].key])
        newly = sum(one in there for one in fresh)
        worst = max(worst, Severity.ERROR if newly >= nights.limits.min_rows else Severity.WARNING)
        some = "; ".join(f"{own}: «{name}»" for own, name in list(names.items())[:_NAMED])
        notes.append(f"{table}: {number(len(names))} nombres con letras perdidas ({some}); {_WHY}")
    return checked("nombres bien escritos", worst, notes, {"listas": len(notes)})


def _spoilt(frame: pd.DataFrame, table: str, column: str) -> Mapping[str, str]:
    """The names that no one wrote so, by id."""
    names = frame[column]
    odd = names.str.contains(_SPOILT).fillna(value=False).astype(bool)
    found = dict(zip(frame.loc[odd, TABLES[table].key], names[odd], strict=True))
    return {
        own: name for own, name in found.items() if "&" not in name or html.unescape(name) != name
    }
