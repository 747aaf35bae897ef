"""Checks within each campo: what a whole table is too large to show.

One result per table, with a line for each campo. The rules for small numbers are told in
``Modules.night.checks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from Modules.night.figures import UNUSABLE_GEOMETRY, CampoFigures, Nights, rows_behind
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
    before: pd.DataFrame  # what belongs to a lote: only if that lote is still there
    now: pd.DataFrame
    best: CampoFigures
    best_rows: int
    refused: frozenset[str]  # ids refused tonight for their geometry


def check_campos(nights: Nights) -> Finding:
    """No campo of the last night may vanish."""
    before = nights.frame_before("campos")
    gone = before[~before["campo_id"].isin(nights.frame("campos")["campo_id"])]
    notes = [
        f"falta el campo {row.campo} ({row.campo_id}){_what_it_had(nights, row.campo_id)}"
        for row in gone.itertuples()
    ]
    severity = Severity.ERROR if notes else Severity.FINE
    return checked("ningún campo desaparece", severity, notes, {"faltan": len(notes)})


def _what_it_had(nights: Nights, campo_id: str) -> str:
    had = nights.before.por_campo.get(campo_id, _NOBODY)
    lotes, area = had.filas.get("lotes"), had.superficie_ha.get("lotes", 0.0)
    return f": tenía {lotes} lotes, {number(area, 1)} ha" if lotes else ": no tenía lotes"


def check_in_campos(nights: Nights, table: str) -> Finding:
    """Each campo's rows, area, ids and geometry of one table."""
    worst, refusing, warning = Severity.FINE, [], []
    for campo in _campos(nights, table):
        severity, text = _judge_campo(nights, campo)
        worst = max(worst, severity)
        if severity is Severity.ERROR:
            refusing.append(text)
        elif severity is Severity.WARNING:
            warning.append(text)
    figures = {"rechazan": len(refusing), "advierten": len(warning)}
    return checked(f"{table} por campo", worst, [*refusing, *warning], figures)


def _campos(nights: Nights, table: str) -> list[_Campo]:
    """Campos that had rows of the table last night and are still there."""
    last, refused = nights.frame_before(table), nights.frame("rechazados")
    if table != "lotes":  # what left together with its lote is told by the lotes, once
        lote_id = last["lote_id"]
        last = last[lote_id.isna() | lote_id.isin(nights.frame("lotes")["lote_id"])]
    ours = (refused["recurso"] == table) & refused["motivo"].isin(UNUSABLE_GEOMETRY)
    refused_ids = frozenset(refused.loc[ours, "id"].dropna())
    now, nothing = _groups(nights.frame(table)), nights.frame(table).iloc[:0]
    had = nights.before.por_campo
    best = {} if nights.best is None else nights.best.por_campo
    still = set(nights.frame("campos")["campo_id"])
    return [
        _Campo(
            name=had[key].campo if key in had else key,
            table=table,
            before=rows,
            now=now.get(key, nothing),
            best=best.get(key, _NOBODY),
            best_rows=_best_rows(nights, table, key, best.get(key, _NOBODY)),
            refused=refused_ids,
        )
        for key, rows in _groups(last).items()
        if key in still
    ]


def _best_rows(nights: Nights, table: str, key: str, best: CampoFigures) -> int:
    """The most rows of 30 nights; of what belongs to lotes, for as many lotes as there are now."""
    most, lotes = best.filas.get(table, 0), best.filas.get("lotes")
    if table == "lotes" or not lotes:
        return most
    left = nights.now.por_campo[key].filas["lotes"]
    return round(most * min(1.0, left / lotes))


def _groups(frame: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    return {str(key): rows for key, rows in frame.groupby("campo_id", sort=True)}


def _judge_campo(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    found = [_rows(nights, campo)]
    if campo.table == "lotes":
        found += [_area(nights, campo), _ids(nights, campo), _geometry(nights, campo)]
    severity = max(each for each, _ in found)
    if campo.table == "siembras":
        severity = min(severity, Severity.WARNING)
    text = "; ".join(text for each, text in found if each)
    return severity, f"campo {campo.name}: {text}"


def _enough(nights: Nights, campo: _Campo, rows: int) -> bool:
    """Whether that many rows are a fault rather than a decision."""
    limits = nights.limits
    if campo.table != "lotes":
        return rows >= limits.campo_min_rows
    most = rows >= limits.min_rows and rows > limits.campo_most * len(campo.before)
    return rows >= limits.campo_min_lotes or most


def _enough_since_best(nights: Nights, campo: _Campo) -> bool:
    """The same against the best of 30 nights, in which daily work adds up."""
    limits, lost = nights.limits, campo.best_rows - len(campo.now)
    if campo.table != "lotes":
        return lost >= limits.campo_min_rows
    most = lost >= limits.min_rows and lost > limits.campo_most * campo.best_rows
    return lost >= limits.campo_min_lotes_best or most


def _rows(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    limits, before, now = nights.limits, len(campo.before), len(campo.now)
    best, lost = campo.best_rows, before - now
    grows = campo.table == "lotes" and now - before >= limits.min_growth
    since_best = _enough_since_best(nights, campo)
    severity = max(
        nights.rate(lost, before, limits.rows_loss, enough=_enough(nights, campo, lost)),
        nights.rate(best - now, best, limits.best_loss, enough=since_best),
        nights.rate(now - before, before, limits.growth, enough=grows),
    )
    if now == 0 and campo.table == "lotes":
        severity = Severity.ERROR
    text = f"{number(before)} → {number(now)} {campo.table} ({percent(before, now)})"
    if share_of(best - now, best) > max(share_of(before - now, before), limits.warning):
        text += f", llegó a tener {number(best)}"
    return severity, text


def _area(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    limits = nights.limits
    before, now = (float(rows["superficie_ha"].sum()) for rows in (campo.before, campo.now))
    best = campo.best.superficie_ha.get(campo.table, 0.0)
    lost, gained = rows_behind(campo.before, campo.now)
    shrunk = _enough(nights, campo, lost)
    since_best = shrunk or _enough_since_best(nights, campo)
    severity = max(
        nights.rate(before - now, before, limits.area_loss, enough=shrunk),
        nights.rate(best - now, best, limits.best_loss, enough=since_best),
        nights.rate(now - before, before, limits.growth, enough=gained >= limits.min_growth),
    )
    return severity, f"{number(before, 1)} → {number(now, 1)} ha ({percent(before, now)})"


def _ids(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    key = TABLES[campo.table].key
    before, now = set(campo.before[key]), set(campo.now[key])
    replaced = min(len(before - now), len(now - before))
    enough = _enough(nights, campo, replaced)
    severity = nights.rate(replaced, len(before), nights.limits.ids_replaced, enough=enough)
    return severity, f"{replaced} de {len(before)} identificadores son otros"


def _geometry(nights: Nights, campo: _Campo) -> tuple[Severity, str]:
    """Lotes that had a usable geometry last night and have none tonight."""
    bad = len(set(campo.before[TABLES[campo.table].key]) & campo.refused)
    of, enough = len(campo.before), _enough(nights, campo, bad)
    severity = nights.rate(bad, of, nights.limits.unusable_geometry, enough=enough)
    return severity, f"{bad} de {of} quedaron sin geometría utilizable"
