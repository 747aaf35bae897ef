"""Checks within each campo: what a whole table is too large to show.

One result per table, with a line for each campo. The rules for small numbers are told in
``Modules.night.checks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from Modules.night.figures import CampoFigures, Resumen
from Modules.night.night import Night, rows_behind
from Modules.night.verdict import checked, rate, share_of
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


def check_campos(night: Night) -> Finding:
    """No campo of the last night may vanish."""
    before = night.frame_before("campos")
    gone = before[~before["campo_id"].isin(night.frame("campos")["campo_id"])]
    notes = [
        f"falta el campo {row.campo} ({row.campo_id}){_what_it_had(night, row.campo_id)}"
        for row in gone.itertuples()
    ]
    severity = Severity.ERROR if notes else Severity.FINE
    return checked("ningún campo desaparece", severity, notes, {"faltan": len(notes)})


def _what_it_had(night: Night, campo_id: str) -> str:
    if night.resumen_before is None:
        return ""
    had = night.resumen_before.por_campo.get(campo_id, _NOBODY)
    lotes, area = had.filas.get("lotes"), had.superficie_ha.get("lotes", 0.0)
    return f": tenía {lotes} lotes, {number(area, 1)} ha" if lotes else ": no tenía lotes"


def check_in_campos(night: Night, table: str) -> Finding:
    """Each campo's rows, area, ids and geometry of one table."""
    worst, refusing, warning = Severity.FINE, [], []
    for campo in _campos(night, table):
        severity, text = _judge_campo(night, campo)
        worst = max(worst, severity)
        if severity is Severity.ERROR:
            refusing.append(text)
        elif severity is Severity.WARNING:
            warning.append(text)
    figures = {"rechazan": len(refusing), "advierten": len(warning)}
    return checked(f"{table} por campo", worst, [*refusing, *warning], figures)


def _campos(night: Night, table: str) -> list[_Campo]:
    """Campos that had rows of the table last night and are still there."""
    before, now = _groups(_of_lotes_still_there(night, table)), _groups(night.frame(table))
    names = _names(night.resumen_before)
    refused = _refused_for_geometry(night, table)
    best = night.best.por_campo if night.best is not None else {}
    nothing = night.frame(table).iloc[:0]
    still = set(night.frame("campos")["campo_id"])
    return [
        _Campo(
            name=names.get(key, key),
            table=table,
            before=rows,
            now=now.get(key, nothing),
            best=best.get(key, _NOBODY),
            best_rows=_best_rows(night, table, key),
            refused=refused,
        )
        for key, rows in before.items()
        if key in still
    ]


def _of_lotes_still_there(night: Night, table: str) -> pd.DataFrame:
    """Last night's rows; what left together with its lote is told by the lotes, once."""
    frame = night.frame_before(table)
    if table == "lotes":
        return frame
    lote_id = frame["lote_id"]
    return frame[lote_id.isna() | lote_id.isin(night.frame("lotes")["lote_id"])]


def _best_rows(night: Night, table: str, key: str) -> int:
    """The most rows of 30 nights; of what belongs to lotes, for as many lotes as there are now."""
    best = night.best.por_campo.get(key, _NOBODY) if night.best is not None else _NOBODY
    most, lotes = best.filas.get(table, 0), best.filas.get("lotes")
    if table == "lotes" or not lotes:
        return most
    left = night.now.por_campo[key].filas["lotes"]
    return round(most * min(1.0, left / lotes))


def _groups(frame: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    return {str(key): rows for key, rows in frame.groupby("campo_id", sort=True)}


def _names(figures: Resumen | None) -> Mapping[str, str]:
    return {} if figures is None else {key: one.campo for key, one in figures.por_campo.items()}


def _refused_for_geometry(night: Night, table: str) -> frozenset[str]:
    refused = night.frame("rechazados")
    rows = (refused["recurso"] == table) & refused["motivo"].isin(night.geometry_reasons)
    return frozenset(refused.loc[rows, "id"].dropna())


def _judge_campo(night: Night, campo: _Campo) -> tuple[Severity, str]:
    found = [_rows(night, campo)]
    if campo.table == "lotes":
        found += [_area(night, campo), _ids(night, campo), _geometry(night, campo)]
    severity = max(each for each, _ in found)
    if campo.table == "siembras":
        severity = min(severity, Severity.WARNING)
    text = "; ".join(text for each, text in found if each)
    return severity, f"campo {campo.name}: {text}"


def _enough(night: Night, campo: _Campo, rows: int) -> bool:
    """Whether that many rows are a fault rather than a decision."""
    limits = night.limits
    if campo.table != "lotes":
        return rows >= limits.campo_min_rows
    most = rows >= limits.min_rows and rows > limits.campo_most * len(campo.before)
    return rows >= limits.campo_min_lotes or most


def _enough_since_best(night: Night, campo: _Campo) -> bool:
    """The same against the best of 30 nights, in which daily work adds up."""
    limits, lost = night.limits, campo.best_rows - len(campo.now)
    if campo.table != "lotes":
        return lost >= limits.campo_min_rows
    most = lost >= limits.min_rows and lost > limits.campo_most * campo.best_rows
    return lost >= limits.campo_min_lotes_best or most


def _rows(night: Night, campo: _Campo) -> tuple[Severity, str]:
    limits, before, now = night.limits, len(campo.before), len(campo.now)
    best = campo.best_rows
    grows = campo.table == "lotes" and now - before >= limits.min_growth
    since_best = _enough_since_best(night, campo)
    severity = max(
        _loss(night, campo, before - now, before, limits.rows_loss),
        rate(share_of(best - now, best), limits.best_loss, limits.warning, enough=since_best),
        rate(share_of(now - before, before), limits.growth, limits.warning, enough=grows),
    )
    if now == 0 and campo.table == "lotes":
        severity = Severity.ERROR
    text = f"{number(before)} → {number(now)} {campo.table} ({percent(before, now)})"
    if share_of(best - now, best) > max(share_of(before - now, before), limits.warning):
        text += f", llegó a tener {number(best)}"
    return severity, text


def _loss(night: Night, campo: _Campo, lost: int, of: int, limit: float) -> Severity:
    enough = _enough(night, campo, lost)
    return rate(share_of(lost, of), limit, night.limits.warning, enough=enough)


def _area(night: Night, campo: _Campo) -> tuple[Severity, str]:
    limits = night.limits
    before, now = (float(rows["superficie_ha"].sum()) for rows in (campo.before, campo.now))
    best = campo.best.superficie_ha.get(campo.table, 0.0)
    lost, gained = rows_behind(campo.before, campo.now, "superficie_ha")
    shrunk = _enough(night, campo, lost)
    since_best = shrunk or _enough_since_best(night, campo)
    severity = max(
        rate(share_of(before - now, before), limits.area_loss, limits.warning, enough=shrunk),
        rate(share_of(best - now, best), limits.best_loss, limits.warning, enough=since_best),
        rate(
            share_of(now - before, before),
            limits.growth,
            limits.warning,
            enough=gained >= limits.min_growth,
        ),
    )
    return severity, f"{number(before, 1)} → {number(now, 1)} ha ({percent(before, now)})"


def _ids(night: Night, campo: _Campo) -> tuple[Severity, str]:
    key = TABLES[campo.table].key
    before, now = set(campo.before[key]), set(campo.now[key])
    replaced = min(len(before - now), len(now - before))
    severity = rate(
        share_of(replaced, len(before)),
        night.limits.ids_replaced,
        night.limits.warning,
        enough=_enough(night, campo, replaced),
    )
    return severity, f"{replaced} de {len(before)} identificadores son otros"


def _geometry(night: Night, campo: _Campo) -> tuple[Severity, str]:
    """Lotes that had a usable geometry last night and have none tonight."""
    bad = len(set(campo.before[TABLES[campo.table].key]) & campo.refused)
    severity = rate(
        share_of(bad, len(campo.before)),
        night.limits.unusable_geometry,
        night.limits.warning,
        enough=_enough(night, campo, bad),
    )
    return severity, f"{bad} de {len(campo.before)} quedaron sin geometría utilizable"
