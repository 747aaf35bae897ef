"""The verdict on a night: checks with their figures, and whether it is accepted.

A night is compared with the last accepted one of the same portal and campaña, and with the best of
the last 30. A check that fails is a refusal if it is ``blocking`` and a warning if not; all of
them are made, so the report shows every one. Shares are fractions of the earlier figure.

What refuses (design, section 6), with the thresholds of ``Thresholds``:

* an empty list of campos or lotes, also the first night; any table empty where there was data, or
  of which rows arrived and none can be used; a campo that vanishes, or keeps none of its lotes;
* rows or area 10 % or more below the last night's, 15 % or more below the best of 30, 50 % or more
  above the last night's; 20 % or more of the ids replaced by others;
* 5 % or more of the records of a list without a usable geometry, unless the last accepted night
  was as bad (somebody accepted it). The first night, when more than half are: then it is the
  profile that is wrong, not the data.

Small numbers. One lote of three is 33 %, and taking out a lote is daily work, so a percentage
refuses only where the rows behind it are enough to be a fault rather than a decision. A row is
behind a loss of area if it is gone or lost more than 1 % of its own.

* In a whole table: two rows or more; five for growth (fewer for growth in area of a table that
  had ten rows: then one polygon is out of all proportion).
* In a campo: three lotes or more, or two that are more than half of it; five for growth. Against
  the best of 30, five lotes or more, or more than half. What left together with its lote counts
  as the lote only. (A year of nights with 0.5 % churn, ``tests/robustness/nights.py``: with three
  against the best of 30 too, six good nights are refused, so none.)
  Ambientes and marcadores are planned again in batches: in a campo they refuse by lost rows only,
  from ten on. Siembras change all season: in a campo they warn, and so do their ids anywhere.

Whatever is below that, and past 2 %, is a warning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from Modules.night.checks_campos import check_campos, check_in_campos
from Modules.night.figures import BY_CAMPO, JUDGED, WITH_AREA, Resumen, best_of, resumen
from Modules.night.night import Night, ids_of, rows_behind
from Modules.night.tables import Repair, Tables
from Modules.night.verdict import Verdict, checked, rate, share_of
from Modules.words.domain import Motivo
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import number, percent
from Modules.words.thresholds import Thresholds

__all__ = ["Finding", "Resumen", "Thresholds", "Verdict", "best_of", "judge", "resumen"]

_NEVER_EMPTY = ("campos", "lotes")
_RIGHTLY_ABSENT = (Motivo.BORRADO.value, Motivo.OTRA_CAMPANIA.value)
_IDS_ONLY_WARN = ("siembras",)
_WITH_GEOMETRY = ("lotes", "ambientes", "marcadores", "zonas")
_DEFAULTS = Thresholds()


@dataclass(frozen=True, slots=True)
class Observed:
    """What the build of the tables noticed; it never refuses a night by itself."""

    repairs: Sequence[Repair]
    cultivos_desconocidos: Sequence[str]
    valores_ilegibles: Mapping[str, int]


def judge(
    now: Tables,
    resumen_now: Resumen,
    previous: Tables | None = None,
    resumen_previous: Resumen | None = None,
    best: Resumen | None = None,
    thresholds: Thresholds = _DEFAULTS,
    *,
    repairs: Sequence[Repair] = (),
    cultivos_desconocidos: Sequence[str] = (),
    valores_ilegibles: Mapping[str, int] | None = None,
) -> Verdict:
    """Judge a night.

    Args:
        previous, resumen_previous: the last accepted night; without them, it is the first.
        best: ``best_of`` the accepted nights.
        repairs, cultivos_desconocidos, valores_ilegibles: as ``Built`` has them; for warnings.
    """
    compared = previous is not None and resumen_previous is not None
    night = Night(now, resumen_now, previous, resumen_previous, best, thresholds)
    checks = [_check_empty(night, table) for table in JUDGED]
    checks += [_check_geometry(night, table) for table in _WITH_GEOMETRY]
    if compared:
        for table in JUDGED:
            checks += _check_table(night, table)
        checks.append(check_campos(night))
        checks += [check_in_campos(night, table) for table in BY_CAMPO]
    else:
        checks.append(_first_night())
    observed = Observed(repairs, cultivos_desconocidos, valores_ilegibles or {})
    checks += _observations(night, observed)
    accepted = not any(check.is_error for check in checks)
    return Verdict(accepted, tuple(checks), first_night=not compared)


def _first_night() -> Finding:
    note = "no hay una noche aceptada de este portal y campaña con la que comparar"
    return checked("primera noche de la campaña", Severity.WARNING, [note])


# --- whole tables -----------------------------------------------------------------------------


def _check_empty(night: Night, table: str) -> Finding:
    rows, before = night.now.filas[table], night.rows_before(table)
    unused = _faulty(night.now, table)
    news = night.resumen_before is None or _faulty(night.resumen_before, table) == 0
    bad = rows == 0 and (
        before > 0 or table in _NEVER_EMPTY or (news and unused >= night.limits.min_rows)
    )
    notes = []
    if bad:
        was = f"; la última noche aceptada tenía {number(before)}" if before else ""
        notes = [f"no quedó ninguna fila{was}"]
        if unused:
            notes.append(f"llegaron {number(unused)} y ninguna se puede usar")
    figures = {"antes": before, "ahora": rows, "inservibles": unused}
    return checked(f"{table}: no está vacía", _refuses(bad), notes, figures)


def _faulty(night: Resumen, table: str) -> int:
    """Refused rows of a table, but for those that are rightly not there."""
    motivos = night.rechazados.get(table, {})
    return sum(count for motivo, count in motivos.items() if motivo not in _RIGHTLY_ABSENT)


def _refuses(bad: bool) -> Severity:
    return Severity.ERROR if bad else Severity.FINE


def _check_geometry(night: Night, table: str) -> Finding:
    """Records without a usable geometry, of those received."""
    limits, now = night.limits, night.now
    bad, received = now.geometria_inutil[table], now.recibidos[table]
    share = share_of(bad, received)
    limit, before = limits.first_night_unusable, 0.0
    if night.resumen_before is not None:
        was = night.resumen_before
        before = share_of(was.geometria_inutil.get(table, 0), was.recibidos.get(table, 0))
        limit = limits.unusable_geometry
    accepted_as_bad = before >= limit and share <= before + limits.warning
    enough = bad >= limits.min_rows and not accepted_as_bad
    severity = rate(share, limit, limits.warning, enough=enough)
    motivos = ", ".join(
        f"{motivo}: {count}"
        for motivo, count in now.rechazados.get(table, {}).items()
        if motivo in night.geometry_reasons
    )
    text = f"{number(bad)} de {number(received)} sin geometría utilizable ({motivos})"
    notes = [text] if severity else []
    figures = {"recibidos": received, "inutiles": bad, "fraccion": share, "fraccion_antes": before}
    return checked(f"{table}: geometría utilizable", severity, notes, figures)


def _check_table(night: Night, table: str) -> list[Finding]:
    checks = [_check_rows(night, table)]
    if table in WITH_AREA:
        checks.append(_check_area(night, table))
    return [*checks, _check_ids(night, table), *_check_best(night, table)]


def _check_rows(night: Night, table: str) -> Finding:
    limits = night.limits
    before, now = night.rows_before(table), night.now.filas[table]
    lost, gained = before - now, now - before
    severity = max(
        rate(
            share_of(lost, before), limits.rows_loss, limits.warning, enough=lost >= limits.min_rows
        ),
        rate(
            share_of(gained, before),
            limits.growth,
            limits.warning,
            enough=gained >= limits.min_growth,
        ),
    )
    if before == 0 and now > 0:
        severity = Severity.WARNING
    text = f"{number(before)} → {number(now)} ({percent(before, now)})"
    return checked(
        f"{table}: cantidad", severity, [text] if severity else [], {"antes": before, "ahora": now}
    )


def _check_area(night: Night, table: str) -> Finding:
    limits = night.limits
    before, now = night.area_before(table), night.now.superficie_ha[table]
    lost, gained = rows_behind(night.frame_before(table), night.frame(table), "superficie_ha")
    large = night.rows_before(table) >= limits.small_table
    severity = max(
        rate(
            share_of(before - now, before),
            limits.area_loss,
            limits.warning,
            enough=lost >= limits.min_rows,
        ),
        rate(
            share_of(now - before, before),
            limits.growth,
            limits.warning,
            enough=large or gained >= limits.min_growth,
        ),
    )
    text = f"{number(before, 1)} → {number(now, 1)} ha ({percent(before, now)})"
    figures = {"antes_ha": before, "ahora_ha": now, "filas_menores": lost, "filas_mayores": gained}
    return checked(f"{table}: superficie", severity, [text] if severity else [], figures)


def _check_ids(night: Night, table: str) -> Finding:
    """Ids gone whose place others took: a list made anew looks as large as before."""
    limits = night.limits
    before, now = ids_of(night.frame_before(table), table), ids_of(night.frame(table), table)
    replaced = min(len(before - now), len(now - before))
    enough = replaced >= limits.min_rows and table not in _IDS_ONLY_WARN
    share = share_of(replaced, len(before))
    severity = rate(share, limits.ids_replaced, limits.warning, enough=enough)
    text = f"{number(replaced)} de {number(len(before))} identificadores son otros"
    figures = {"antes": len(before), "reemplazados": replaced, "fraccion": share}
    return checked(f"{table}: identificadores", severity, [text] if severity else [], figures)


def _check_best(night: Night, table: str) -> list[Finding]:
    if night.best is None:
        return []
    limits = night.limits
    best, now = night.best.filas.get(table, 0), night.now.filas[table]
    rows = rate(
        share_of(best - now, best),
        limits.best_loss,
        limits.warning,
        enough=best - now >= limits.min_rows,
    )
    notes = [f"{number(best)} → {number(now)} ({percent(best, now)})"] if rows else []
    figures: dict[str, float | int | str] = {"mejor": best, "ahora": now}
    area = Severity.FINE
    if table in WITH_AREA:
        best_ha, now_ha = night.best.superficie_ha.get(table, 0.0), night.now.superficie_ha[table]
        share = share_of(best_ha - now_ha, best_ha)
        large = best >= limits.small_table or best - now >= limits.min_rows
        area = rate(share, limits.best_loss, limits.warning, enough=large)
        if area:
            change = percent(best_ha, now_ha)
            notes.append(f"{number(best_ha, 1)} → {number(now_ha, 1)} ha ({change})")
        figures |= {"mejor_ha": best_ha, "ahora_ha": now_ha}
    name = f"{table}: contra la mejor de {limits.best_of_nights} noches"
    return [checked(name, max(rows, area), notes, figures)]


# --- observations: never a refusal ---------------------------------------------------------------


def _observations(night: Night, observed: Observed) -> list[Finding]:
    return [
        _refused_rows(night),
        _repaired(night, observed.repairs),
        _declared_area(night),
        _unknown_crops(observed.cultivos_desconocidos),
        _illegible(observed.valores_ilegibles),
    ]


def _warn(name: str, notes: Sequence[str], figures: Mapping[str, float | int | str]) -> Finding:
    return checked(name, Severity.WARNING if notes else Severity.FINE, list(notes), figures)


def _refused_rows(night: Night) -> Finding:
    notes = [
        f"{recurso}: {number(sum(motivos.values()))} ("
        + ", ".join(f"{motivo}: {count}" for motivo, count in motivos.items())
        + ")"
        for recurso, motivos in night.now.rechazados.items()
    ]
    total = sum(sum(motivos.values()) for motivos in night.now.rechazados.values())
    return _warn("filas rechazadas", notes, {"total": total})


def _repaired(night: Night, repairs: Sequence[Repair]) -> Finding:
    """All repaired geometries; those whose area moved are named."""
    notes = [
        f"{one.recurso} {one.id}: {one.motivo}; {number(one.area_before_ha, 2)} → "
        f"{number(one.area_after_ha, 2)} ha"
        for one in repairs
    ]
    moved = sum(
        abs(one.area_after_ha - one.area_before_ha)
        > night.limits.repaired_area * max(one.area_before_ha, one.area_after_ha)
        for one in repairs
    )
    figures = {
        "reparadas": len(repairs),
        "con_otra_superficie": moved,
        "antes_ha": math.fsum(one.area_before_ha for one in repairs),
        "despues_ha": math.fsum(one.area_after_ha for one in repairs),
    }
    return _warn("geometrías reparadas", notes, figures)


def _declared_area(night: Night) -> Finding:
    """Lotes whose declared area is far from the computed one."""
    lotes = night.frame("lotes")
    computed, declared = lotes["superficie_ha"], lotes["superficie_declarada_ha"]
    off = (declared - computed).abs() > night.limits.declared_area * computed
    rows = lotes[off]  # never those that declare none
    notes = [
        f"{row.campo} / {row.lote}: declara {number(row.superficie_declarada_ha, 1)} ha, "
        f"mide {number(row.superficie_ha, 1)} ha"
        for row in rows.itertuples()
    ]
    return _warn("superficie declarada y medida", notes, {"distintas": len(notes)})


def _unknown_crops(names: Sequence[str]) -> Finding:
    notes = [f"«{name}» no se reconoce; se dibuja en gris" for name in names]
    return _warn("cultivos reconocidos", notes, {"desconocidos": len(names)})


def _illegible(values: Mapping[str, int]) -> Finding:
    notes = [f"{name}: {number(count)} quedaron vacíos" for name, count in values.items()]
    return _warn("valores legibles", notes, {"total": sum(values.values())})
