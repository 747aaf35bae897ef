"""Checks within each campo: what a whole table is too large to show.

One result per table, with a line for each campo. The rules for small numbers are told in
``Modules.night.checks``.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import pandas as pd

from Modules.night.figures import (
    MOVED,
    UNUSABLE_GEOMETRY,
    WITH_AREA,
    Areas,
    CampoFigures,
    Nights,
    counted,
    ids_of,
    rows_behind,
    total,
)
from Modules.night.verdict import checked, share_of
from Modules.words.columns import TABLES
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import number, percent

_NOBODY = CampoFigures("", {}, {})


@dataclass(frozen=True, slots=True)
class _Campo:
    """One campo's rows of one table, last night and tonight."""

    name: str
    table: str
    before: Areas  # what belongs to a lote: only if that lote is still there
    now: Areas
    best: CampoFigures
    best_rows: int  # less what was no loss tonight
    rows: int  # tonight, with those that came from another campo
    refused: frozenset[str]  # ids refused tonight for their geometry


def check_campos(nights: Nights) -> Finding:
    """No campo of the last night may vanish; with its lotes under another id, it did not."""
    before, moves = nights.frame_before("campos"), nights.moves["campos"]
    gone = before[before["campo_id"].isin(moves.lost)]
    notes = [
        f"falta el campo {row.campo} ({row.campo_id}){_what_it_had(nights, row.campo_id)}"
        for row in gone.itertuples()
    ]
    severity = Severity.ERROR if notes else Severity.WARNING if moves.kept else Severity.FINE
    notes += [
        f"el campo {row.campo} ({row.campo_id}) ya no está, y sus lotes sí, en otro campo"
        for row in before[before["campo_id"].isin(moves.kept)].itertuples()
    ]
    return checked("ningún campo desaparece", severity, notes, {"faltan": len(gone)})


def _what_it_had(nights: Nights, campo_id: str) -> str:
    had = nights.before.por_campo.get(campo_id, _NOBODY)
    lotes, area = had.filas.get("lotes"), had.superficie_ha.get("lotes", 0.0)
    return f": tenía {lotes} lotes, {number(area, 1)} ha" if lotes else ": no tenía lotes"


def check_in_campos(nights: Nights, table: str) -> Finding:
    """Each campo's rows, area, ids and geometry of one table."""
    judged = [_judge_campo(nights, campo) for campo in _campos(nights, table)]
    worst = max((severity for severity, _ in judged), default=Severity.FINE)
    refusing, warning = (
        [text for severity, text in judged if severity is wanted]
        for wanted in (Severity.ERROR, Severity.WARNING)
    )
    figures = {"rechazan": len(refusing), "advierten": len(warning)}
    return checked(f"{table} por campo", worst, [*refusing, *warning], figures)


def _campos(nights: Nights, table: str) -> list[_Campo]:
    """Campos that had rows of the table last night and are still there."""
    last, refused = nights.frame_before(table), nights.frame("rechazados")
    lotes = ids_of(nights.frame("lotes"), "lotes")
    if table != "lotes":  # what left together with its lote is told by the lotes, once
        there = [one in lotes or not isinstance(one, str) for one in last["lote_id"].tolist()]
        last = last[np.array(there, dtype=np.bool_)]
    elsewhere = nights.moves[table].elsewhere  # in another campo now: neither lost nor new
    ours = (refused["recurso"] == table) & refused["motivo"].isin(UNUSABLE_GEOMETRY)
    refused_ids = frozenset(refused.loc[ours, "id"].dropna())
    now = _groups(nights.frame(table), table, elsewhere)
    had = nights.before.por_campo
    best = {} if nights.best is None else nights.best.por_campo
    still = set(nights.frame("campos")["campo_id"])
    return [
        _Campo(
            name=had[key].campo if key in had else key,
            table=table,
            before=rows,
            now=now.get(key, {}),
            best=best.get(key, _NOBODY),
            best_rows=_best_rows(nights, table, key, best.get(key, _NOBODY)),
            rows=nights.now.por_campo[key].filas[table],
            refused=refused_ids,
        )
        for key, rows in _groups(last, table, elsewhere).items()
        if key in still
    ]


def _best_rows(nights: Nights, table: str, key: str, best: CampoFigures) -> int:
    """The most rows of 30 nights; of what belongs to lotes, for as many lotes as there are now."""
    most, lotes = (
        best.filas.get(name, 0) - nights.moves[name].excused.get(key, 0)
        for name in (table, "lotes")
    )
    if table == "lotes" or lotes <= 0:
        return most
    left = nights.now.por_campo[key].filas["lotes"]
    return round(most * min(1.0, left / lotes))


def _groups(frame: pd.DataFrame, table: str, skipped: Set[str]) -> dict[str, dict[str, float]]:
    """The rows of each campo, with their area where the table has one."""
    campos = frame["campo_id"].tolist()
    areas = frame["superficie_ha"].tolist() if table in WITH_AREA else [0.0] * len(frame)
    found: dict[str, dict[str, float]] = {}
    for own, campo, area in zip(frame[TABLES[table].key].tolist(), campos, areas, strict=True):
        if own not in skipped:
            found.setdefault(campo, {})[own] = area
    return dict(sorted(found.items()))


def _judge_campo(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    found = [_rows(nights, campo)]
    if campo.table == "lotes":
        found += [_area(nights, campo), _ids(nights, campo), _geometry(nights, campo)]
    severity = max(each for each, _ in found)
    if campo.table == "siembras":
        severity = min(severity, Severity.WARNING)
    text = "; ".join(text for each, text in found if each)
    return severity, f"campo {campo.name}: {text}"


def _enough(nights: Nights, campo: _Campo, rows: int, *, since_best: bool = False) -> bool:
    """Whether so many rows are a fault and no decision; in 30 nights daily work adds up."""
    limits, of = nights.limits, campo.best_rows if since_best else len(campo.before)
    if campo.table != "lotes":
        return rows >= limits.campo_min_rows
    most = rows >= limits.min_rows and rows > limits.campo_most * of
    return most or rows >= (limits.campo_min_lotes_best if since_best else limits.campo_min_lotes)


def _rows(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    limits, table = nights.limits, campo.table
    ids, ids_now = campo.before.keys(), campo.now.keys()
    before, now, best = len(ids), len(ids_now), campo.best_rows
    moves, gained = nights.moves[table], now - before
    missing, many = moves.missing(ids, ids_now), gained >= limits.min_growth
    spoiled = nights.spoils(table, ids, ids_now) if table == "lotes" and many else ""
    severity = max(
        nights.rate(missing, before, limits.rows_drop, enough=_enough(nights, campo, missing)),
        nights.rate(gained, before, limits.growth, enough=bool(spoiled)),
        nights.rate(-gained, before, limits.rows_drop, enough=False),
    )
    if now == 0 and table == "lotes" and not moves.lost.isdisjoint(ids):
        severity = Severity.ERROR
    since_best = _enough(nights, campo, best - campo.rows, since_best=True)
    fallen = nights.rate(best - campo.rows, best, limits.best_drop, enough=since_best)
    texts = [counted(before, now, missing, f" {table}"), spoiled] if severity else []
    if share_of(best - campo.rows, best) > max(share_of(before - now, before), limits.warning):
        since = f"llegó a tener {number(best)}"
        texts.append(since if texts else f"{number(campo.rows)} {table}, {since}")
    return max(severity, fallen), ", ".join(filter(None, texts))


def _area(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    limits = nights.limits
    before, now = total(campo.before.values()), total(campo.now.values())
    best = campo.best.superficie_ha.get(campo.table, 0.0)
    lost, gained = rows_behind(campo.before, campo.now)
    shrunk = _enough(nights, campo, lost)
    grown = nights.grown_ha(campo.table, campo.before, campo.now)
    kept = len(nights.moves[campo.table].kept.intersection(campo.before))
    smaller = before - now > MOVED * before and _enough(nights, campo, lost - kept)
    rows = campo.best_rows - campo.rows
    since_best = smaller or _enough(nights, campo, rows, since_best=True)
    severity = max(
        nights.rate(before - now, before, limits.area_drop, enough=shrunk),
        nights.rate(grown, before, limits.growth, enough=gained >= limits.min_growth),
        nights.rate(now - before, before, limits.growth, enough=False),
    )
    fallen = nights.rate(best - now, best, limits.best_drop, enough=since_best)
    text = f"{number(before, 1)} → {number(now, 1)} ha ({percent(before, now)})"
    if fallen > severity:
        text = f"{number(now, 1)} ha, llegó a tener {number(best, 1)} ({percent(best, now)})"
    return max(severity, fallen), text


def _ids(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    moves, before = nights.moves[campo.table], len(campo.before)
    lost, fresh = (
        len(ids.intersection(rows))
        for ids, rows in ((moves.lost, campo.before), (moves.fresh, campo.now))
    )
    replaced = min(lost, fresh)
    enough = _enough(nights, campo, replaced)
    severity = nights.rate(replaced, before, nights.limits.ids_replaced, enough=enough)
    return severity, f"{replaced} de {before} identificadores son otros"


def _geometry(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    """Lotes that had a usable geometry last night and have none tonight."""
    bad = len(campo.refused.intersection(campo.before))
    of, enough = len(campo.before), _enough(nights, campo, bad)
    severity = nights.rate(bad, of, nights.limits.unusable_geometry, enough=enough)
    return severity, f"{bad} de {of} quedaron sin geometría utilizable"
