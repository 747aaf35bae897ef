"""The verdict on a night: checks with their figures, and whether it is accepted.

A night is compared with the last accepted one of its campaña and mode, and with the best of the
last 30. A check that fails is a refusal if it is ``blocking`` and a warning if not; all of
them are made, so the report shows every one. Shares are fractions of the earlier figure.

What refuses (design, section 6), with the thresholds of ``Thresholds``:

* an empty list of campos or lotes, also the first night; any table empty where there was data, or
  of which rows arrived and none can be used; a campo that vanishes, or keeps none of its lotes;
* rows or area 10 % or more below the last night's, 15 % or more below the best of 30; 20 % or more
  of the ids replaced by others on other ground; a loss past 2 % (of ambientes and marcadores from
  ten rows on) where the last night was as far below the best already: a bleed;
* 50 % or more above the last night's, if rows are gone too or the new ground was there already, or
  if what was there grew, or one new polygon is half of all others together;
* 5 % or more of the records of a list without a usable geometry, unless the last accepted night
  was as bad (somebody accepted it). The first night, when more than half are: then it is the
  profile that is wrong, not the data.
* a column that was filled and comes empty in 5 % or more of its rows, unless somebody edited them
  (``checks_columns``); declared areas of the same rows 10 % smaller; other campañas or crops;
* answers that are older than the last accepted night's (``checks_age``);
* 20 % or more of the rows of both nights that say another thing or lie on other ground although
  nobody edited them (``checks_same``); names whose letters were lost.

Ground. A row is lost if nothing has its ground (``night.ground``): lotes that were split or joined,
ambientes drawn anew, ids renewed and marks that were done and went are a change, told and not
refused, and the best of 30 asks no more for them. Growth that loses nothing is a warning.

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

from Modules.night.checks_age import check_age, check_ahead, check_together
from Modules.night.checks_campos import check_campos, check_in_campos
from Modules.night.checks_columns import (
    WITH_DECLARED,
    Lines,
    check_catalogues,
    check_columns,
    check_declared,
    check_types,
    todo,
)
from Modules.night.checks_ground import check_ground
from Modules.night.checks_same import check_names, check_same
from Modules.night.figures import (
    JUDGED,
    NOTHING,
    UNUSABLE_GEOMETRY,
    WITH_AREA,
    Nights,
    Resumen,
    areas_of,
    counted,
    ids_of,
    places,
    rows_behind,
)
from Modules.night.ground import BY_CAMPO, finished
from Modules.night.survey import Survey
from Modules.night.tables import Built, Repair
from Modules.night.verdict import Verdict, checked, share_of, told, warned
from Modules.words.columns import TABLES
from Modules.words.domain import Motivo
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import number, percent

_NEVER_EMPTY = ("campos", "lotes")
_RIGHTLY_ABSENT = (Motivo.BORRADO.value, Motivo.OTRA_CAMPANIA.value)
_IDS_ONLY_WARN = ("siembras",)
_MAY_BLEED = ("lotes", "ambientes", "marcadores")
_WITH_GEOMETRY = ("lotes", "ambientes", "marcadores", "zonas")
_UNSEEN = Survey()


def judge(
    nights: Nights,
    built: Built | None = None,
    seen: Survey = _UNSEEN,
    seen_before: Survey = _UNSEEN,
    *,
    lines: Lines = todo,
    caracteres_quitados: Mapping[str, int] | None = None,
) -> Verdict:
    """Judge a night.

    Args:
        nights: tonight and, unless it is the first, the last accepted night and the best.
        built: what else there is to tell of tonight's tables; for warnings.
        seen, seen_before: what the answers of the two nights said.
        lines: what the profile has to say for a member that does not come any more.
        caracteres_quitados: of each list, halves of characters that were taken out of its texts.
    """
    compared = nights.tables_before is not None and nights.before is not NOTHING
    built = built or Built(nights.tables)
    checks = told("columnas con datos", check_columns(nights, seen, lines))  # mends what follows
    checks += [_check_empty(nights, table) for table in JUDGED]
    checks += [_check_geometry(nights, table) for table in _WITH_GEOMETRY]
    if compared:
        for table in JUDGED:
            checks.append(_check_rows(nights, table))
            checks += [_check_area(nights, table)] if table in WITH_AREA else []
            checks += [_check_ids(nights, table), *_check_best(nights, table)]
        checks.append(check_campos(nights))
        checks += [check_in_campos(nights, table) for table in BY_CAMPO]
        declared = [check_declared(nights, table) for table in WITH_DECLARED]
        checks += told("superficies que declara el portal", declared)
        checks += told("listas de campañas y cultivos", check_catalogues(nights, seen, seen_before))
        ages = check_age(nights, seen.moments, seen_before.moments)
        checks += told("respuestas tan nuevas como las últimas", ages)
        checks += told(
            "listas de la misma noche", check_together(seen.moments, seen_before.moments)
        )
        checks += told("filas que siguen diciendo lo mismo", check_same(nights))
    else:
        note = "no hay una noche aceptada de esta campaña con la que comparar"
        checks.append(warned("primera noche de la campaña", [note]))
    unknown = "estados, tipos y potenciales conocidos"
    halves = " caracteres imposibles (mitades de carácter), se quitaron"
    checks += [
        _refused_rows(nights),
        _repaired(nights, built.repairs),
        _declared_area(nights),
        *check_ground(nights),
        check_names(nights),
        *told("cambios de días que ya pasaron", check_ahead(nights, seen.moments)),
        _unknown_crops(built.cultivos_desconocidos),
        _counts("valores legibles", built.valores_ilegibles, " quedaron vacíos"),
        check_types(seen),
        _counts(unknown, built.valores_desconocidos, ", quedan como están escritos"),
        _counts("caracteres de los textos", caracteres_quitados or {}, halves),
    ]
    accepted = not any(check.is_error for check in checks)
    return Verdict(accepted, tuple(checks), first_night=not compared)


def _check_empty(nights: Nights, table: str) -> Finding:
    rows, before = nights.now.filas[table], nights.before.filas.get(table, 0)
    unused = _faulty(nights.now, table)
    news = _faulty(nights.before, table) == 0
    bad = rows == 0 and (
        before > 0 or table in _NEVER_EMPTY or (news and unused >= nights.limits.min_rows)
    )
    was = f"; la última noche aceptada tenía {number(before)}" if before else ""
    notes = [f"no quedó ninguna fila{was}"]
    if unused:
        notes.append(f"llegaron {number(unused)} y ninguna se puede usar")
    severity = Severity.ERROR if bad else Severity.FINE
    figures = {"antes": before, "ahora": rows, "inservibles": unused}
    return checked(f"{table}: no está vacía", severity, notes, figures)


def _faulty(nights: Resumen, table: str) -> int:
    """Refused rows of a table, but for those that are rightly not there."""
    motivos = nights.rechazados.get(table, {})
    return sum(count for motivo, count in motivos.items() if motivo not in _RIGHTLY_ABSENT)


def _check_geometry(nights: Nights, table: str) -> Finding:
    limits, now = nights.limits, nights.now
    bad, received = now.geometria_inutil[table], now.recibidos[table]
    share = share_of(bad, received)
    first, was = nights.before is NOTHING, nights.before
    limit = limits.first_night_unusable if first else limits.unusable_geometry
    before = share_of(was.geometria_inutil.get(table, 0), was.recibidos.get(table, 0))
    accepted_as_bad = before >= limit and share <= before + limits.warning
    enough = bad >= limits.min_rows and not accepted_as_bad
    severity = nights.rate(bad, received, limit, enough=enough)
    motivos = ", ".join(
        f"{motivo}: {count}"
        for motivo, count in now.rechazados.get(table, {}).items()
        if motivo in UNUSABLE_GEOMETRY
    )
    text = f"{number(bad)} de {number(received)} sin geometría utilizable ({motivos})"
    figures = {"recibidos": received, "inutiles": bad, "fraccion": share, "fraccion_antes": before}
    return checked(f"{table}: geometría utilizable", severity, [text], figures)


def _check_rows(nights: Nights, table: str) -> Finding:
    limits, moves = nights.limits, nights.moves[table]
    before, now = nights.before.filas.get(table, 0), nights.now.filas[table]
    ids = ids_of(nights.frame_before(table), table), ids_of(nights.frame(table), table)
    missing, gained, spoiled = moves.missing(*ids), now - before, nights.spoils(table, *ids)
    grows = bool(spoiled) and gained >= limits.min_growth
    at_stake = before
    if table == "marcadores" and -gained >= limits.rows_drop * before:  # as many planned as done
        at_stake -= int(finished(nights.frame_before(table)).sum())
    severity = max(
        nights.rate(missing, at_stake, limits.rows_drop, enough=missing >= limits.min_rows),
        nights.rate(gained, before, limits.growth, enough=grows),
        nights.rate(-gained, before, limits.rows_drop, enough=False),
    )
    if before == 0 and now > 0:
        severity = Severity.WARNING
    notes = [counted(before, now, missing), *([spoiled] if grows else [])]
    figures = {"antes": before, "ahora": now, "perdidas": max(missing, 0)}
    return checked(f"{table}: cantidad", severity, [", ".join(notes)], figures)


def _check_area(nights: Nights, table: str) -> Finding:
    limits, frame = nights.limits, nights.frame(table)
    before, now = nights.before.superficie_ha.get(table, 0.0), nights.now.superficie_ha[table]
    last, left = nights.frame_before(table), nights.moves[table].left
    was, is_now = areas_of(last, table), areas_of(frame, table)
    lost, gained = rows_behind(was, is_now)
    parted = float(last.loc[last[TABLES[table].key].isin(left), "superficie_ha"].sum())
    enough = lost - len(left) >= limits.min_rows
    many = nights.before.filas.get(table, 0) >= limits.small_table or gained >= limits.min_growth
    grown, huge = nights.grown_ha(table, was, is_now), _huge(nights, table)
    severity = max(
        nights.rate(before - parted - now, before, limits.area_drop, enough=enough),
        nights.rate(before - now, before, limits.area_drop, enough=False),
        nights.rate(grown, before, limits.growth, enough=many),
        nights.rate(now - before, before, limits.growth, enough=bool(huge)),
    )
    notes = [f"{number(before, 1)} → {number(now, 1)} ha ({percent(before, now)})", huge]
    figures = {"antes_ha": before, "ahora_ha": now, "filas_menores": lost, "filas_mayores": gained}
    return checked(f"{table}: superficie", severity, [", ".join(filter(None, notes))], figures)


def _huge(nights: Nights, table: str) -> str:
    """What is said of a new polygon out of all proportion to the others; else nothing."""
    frame, key = nights.frame(table), TABLES[table].key
    fresh = frame[frame[key].isin(nights.moves[table].fresh)]
    if len(frame) < nights.limits.small_table or fresh.empty:
        return ""
    row = fresh.nlargest(1, "superficie_ha").iloc[0]
    others = nights.now.superficie_ha[table] - row["superficie_ha"]
    if row["superficie_ha"] < nights.limits.growth * others:
        return ""
    return f"una sola ({row[key]}) mide {number(row['superficie_ha'], 1)} ha"


def _check_ids(nights: Nights, table: str) -> Finding:
    """Ids gone whose place others took: a list made anew looks as large as before.

    Others on the same ground are a change that is told; on other ground they may refuse.
    """
    limits, moves = nights.limits, nights.moves[table]
    before = len(nights.frame_before(table))
    replaced = min(len(moves.lost), len(moves.fresh))
    renewed = min(len(moves.kept), len(moves.again))
    enough = replaced >= limits.min_rows and table not in _IDS_ONLY_WARN
    found = [nights.rate(replaced, before, limits.ids_replaced, enough=enough)]
    found.append(nights.rate(renewed, before, limits.ids_replaced, enough=False))
    texts = [
        f"{number(replaced)} de {number(before)} identificadores son otros",
        f"{number(renewed)} de {number(before)} tienen otro identificador en el mismo lugar",
    ]
    notes = [text for text, each in zip(texts, found, strict=True) if each]
    share = share_of(replaced, before)
    figures = {"antes": before, "reemplazados": replaced, "renovados": renewed, "fraccion": share}
    return checked(f"{table}: identificadores", max(found), notes, figures)


def _check_best(nights: Nights, table: str) -> list[Finding]:
    if nights.best is None:
        return []
    limits = nights.limits
    had, now = nights.best.filas.get(table, 0), nights.now.filas[table]
    best = had - nights.moves[table].explained
    lost = best - now >= limits.min_rows
    rows = nights.rate(best - now, best, limits.best_drop, enough=lost)
    notes = [f"{number(best)} → {number(now)} ({percent(best, now)})"] if rows else []
    figures: dict[str, float | int | str] = {"mejor": best, "ahora": now}
    area = Severity.FINE
    if table in WITH_AREA:
        best_ha, now_ha = nights.best.superficie_ha.get(table, 0.0), nights.now.superficie_ha[table]
        many = lost or (table == "lotes" and best >= limits.small_table)  # ambientes may part
        area = nights.rate(best_ha - now_ha, best_ha, limits.best_drop, enough=many)
        if area:
            change = percent(best_ha, now_ha)
            notes.append(f"{number(best_ha, 1)} → {number(now_ha, 1)} ha ({change})")
        figures |= {"mejor_ha": best_ha, "ahora_ha": now_ha}
    bleeds = _loses_again(nights, table, had)
    name = f"{table}: contra la mejor de {limits.best_of_nights} noches"
    worst = Severity.ERROR if bleeds else max(rows, area)
    return [checked(name, worst, [*filter(None, [bleeds]), *notes], figures)]


def _loses_again(nights: Nights, table: str, best: int) -> str:
    """What is said of a loss past the warning, the second one in 30 nights; else nothing."""
    if table not in _MAY_BLEED:
        return ""
    limits, before = nights.limits, nights.frame_before(table)
    rows, earlier = len(before), best - len(before)
    if table == "lotes":
        few, enough = limits.min_rows, earlier >= limits.min_rows
    else:  # what left together with its lote is told by the lotes
        before = before[before["lote_id"].isin(nights.frame("lotes")["lote_id"])]
        few, enough = limits.campo_min_rows, earlier > 0
    missing = nights.moves[table].missing(ids_of(before, table), ids_of(nights.frame(table), table))
    twice = min(share_of(earlier, best), share_of(missing, rows)) > limits.warning
    total = earlier + missing >= limits.campo_min_lotes_best
    if not (twice and enough and total and missing >= few):
        return ""
    return (
        f"pierde otra vez: llegó a tener {number(best)}, quedaban {number(rows)} "
        f"y hoy faltan {number(missing)} más"
    )


def _refused_rows(nights: Nights) -> Finding:
    notes, total = [], 0
    for recurso, motivos in nights.now.rechazados.items():
        each = ", ".join(f"{motivo}: {count}" for motivo, count in motivos.items())
        notes.append(f"{recurso}: {number(sum(motivos.values()))} ({each})")
        total += sum(motivos.values())
    return warned("filas rechazadas", notes, {"total": total})


def _repaired(nights: Nights, repairs: Sequence[Repair]) -> Finding:
    """All repaired geometries, those whose area moved first."""

    def moved(one: Repair) -> bool:
        larger = max(one.area_before_ha, one.area_after_ha)
        return one.moved_ha > nights.limits.repaired_area * larger

    def place(one: Repair) -> str:
        if one.recurso == "lotes" and one.id in names:
            return f"{names[one.id]} ({one.id})"
        return f"{one.recurso} {one.id}{f' «{one.nombre}»' if one.nombre else ''}"

    names = places(nights.tables) if repairs else {}
    notes = [
        f"{place(one)}: {one.motivo}; "
        f"{number(one.area_before_ha, 2)} → {number(one.area_after_ha, 2)} ha"
        for one in sorted(repairs, key=lambda one: (not moved(one), -one.moved_ha))
    ]
    figures = {
        "reparadas": len(repairs),
        "con_otra_superficie": sum(map(moved, repairs)),
        "antes_ha": math.fsum(one.area_before_ha for one in repairs),
        "despues_ha": math.fsum(one.area_after_ha for one in repairs),
    }
    return warned("geometrías reparadas", notes, figures)


def _declared_area(nights: Nights) -> Finding:
    """Lotes whose declared area is far from the computed one."""
    lotes = nights.frame("lotes")
    computed, declared = lotes["superficie_ha"], lotes["superficie_declarada_ha"]
    off = (declared - computed).abs() > nights.limits.declared_area * computed
    rows = lotes[off]  # never those that declare none
    names = places(nights.tables) if len(rows) else {}
    notes = [
        f"{names[row.lote_id]}: declara {number(row.superficie_declarada_ha, 1)} ha, "
        f"mide {number(row.superficie_ha, 1)} ha"
        for row in rows.itertuples()
    ]
    return warned("superficie declarada y medida", notes, {"distintas": len(notes)})


def _unknown_crops(names: Sequence[str]) -> Finding:
    notes = [f"«{name}» no se reconoce; se dibuja en gris" for name in names]
    return warned("cultivos reconocidos", notes, {"desconocidos": len(names)})


def _counts(name: str, values: Mapping[str, int], became: str) -> Finding:
    """How many values of each place became what they should not be."""
    notes = [f"{place}: {number(count)}{became}" for place, count in values.items()]
    return warned(name, notes, {"total": sum(values.values())})
