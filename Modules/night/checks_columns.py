"""Checks of columns: what was filled and comes empty, declared areas, catalogues, mixed types.

A table may have every row of the night before and yet say nothing any more: a portal that calls
``nombre`` otherwise still sends whole lists. Rows are compared under their key, so those that come
or go do not matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd

from Modules.geo.arrays import Flags
from Modules.night.figures import JUDGED, Nights
from Modules.night.ground import finished
from Modules.night.survey import MADE_UP, Survey
from Modules.night.verdict import checked, share_of, warned
from Modules.portal.contract import CONTRACT, SIEMBRA
from Modules.words.columns import TABLES
from Modules.words.domain import Recurso
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import number, percent

# What to write in the profile for a member of a table; also given what some ids had last night.
Lines: TypeAlias = Callable[[str, str, Mapping[str, str]], str]

_NAME = {
    "campos": "campo", "lotes": "lote", "ambientes": "ambiente",
    "marcadores": "marcador", "zonas": "zona", "cultivos": "cultivo",
}  # fmt: skip
_MEMBERS = {  # where the column is called otherwise than the contract's member
    "empresa": "empresa.nombre",
    "cuit": "empresa.cuit",
    "superficie_declarada_ha": "superficie_ha",
    "n_siembras": "siembras",
    "cultivo_codigo": "cultivo.codigo",
    "cultivo": "cultivo.nombre",
}
_OURS = {"campo_id", "lote_id", "campo", "campania", "superficie_ha", "cultivos", "geometry"}
_OF_ZONAS = {"lote_id", "geometry"}  # there they are the portal's, and may be empty
_POINTS_TO = {
    "ambiente_id": "ambientes", "zona_id": "zonas", "lote_id": "lotes", "campo_id": "campos",
}  # fmt: skip
_KEYS = {"id", "campo_id", "lote_id"}  # without them a record is no row
_BLOCKING = {*_KEYS, "nombre", "siembras"}  # on a first night; the rest warns
_CLEARED = "orden"  # of a mark: nobody visits it once it is done
_NEARLY_ALL = 0.95
_SAYS_NOTHING = ("null", "none", "nan", "undefined", "-", "n/a", "s/d")  # for a name
_DECLARED = "superficie_declarada_ha"
WITH_DECLARED = ("campos", "lotes", "siembras", "ambientes")


def todo(table: str, member: str, _known: Mapping[str, str]) -> str:
    """What to write in the profile, where nobody looked for the true path."""
    section, key = place(table, member)
    return f'en el perfil, bajo {section}: {key} = "…"'


def place(table: str, member: str) -> tuple[str, str]:
    """Section and key of the profile that say where a member of a table comes from."""
    if member in ("geometry", "siembras"):
        return f"[resources.{table}.{member}]", "path"
    inner = "lotes.siembras" if table == "siembras" else table
    return f"[resources.{inner}.fields]", f'"{member}"' if "." in member else member


def check_columns(nights: Nights, seen: Survey, lines: Lines) -> list[Finding]:
    """Of each table the columns that were filled last night and are empty tonight.

    On a first night: the members that the contract demands and most records leave out. Keys are
    looked for on every night, for a list of orphans does not say what the profile has to.
    """
    first = nights.tables_before is None
    found = [_left_out(nights, table, seen, lines, keys_only=not first) for table in JUDGED]
    return found if first else [*found, *(_emptied(nights, t, seen, lines) for t in JUDGED)]


def _left_out(
    nights: Nights, table: str, seen: Survey, lines: Lines, *, keys_only: bool
) -> Finding:
    worst, notes, received = Severity.FINE, [], nights.now.recibidos[table]
    here = _ids(nights.frame(table), table)
    for member in _demanded(table):
        ids = seen.missing.get((table, member), frozenset())
        rows, of = (len(ids), received) if member in _KEYS else (len(ids & here.keys()), len(here))
        most = share_of(rows, of) > nights.limits.first_night_unusable
        if most and not (keys_only and member not in _KEYS):
            worst = max(worst, Severity.ERROR if member in _BLOCKING else Severity.WARNING)
            text = f"«{member}» falta en {number(rows)} de {number(of)} registros"
            notes.append(f"{text}; {lines(table, member, {})}")
    return checked(f"{table}: lo que el contrato exige", worst, notes, {"faltan": len(notes)})


def _ids(frame: pd.DataFrame, table: str) -> dict[str, None]:
    """The ids of the rows in their order, as ``Survey`` has them."""
    own = frame[TABLES[table].key].tolist()
    if table == "siembras":  # one that shares its id is called lote_id/id already
        pairs = zip(frame["lote_id"].tolist(), own, strict=True)
        own = [f"{lote}/{one.removeprefix(f'{lote}/')}" for lote, one in pairs]
    return dict.fromkeys(own)


def _demanded(table: str) -> list[str]:
    """Members that the contract requires; of the campaña its question says as much."""
    members = SIEMBRA if table == "siembras" else CONTRACT[Recurso(table)].members
    return [one.name for one in members if one.required and one.name != "campania"]


def _emptied(nights: Nights, table: str, seen: Survey, lines: Lines) -> Finding:
    worst, notes = Severity.FINE, []
    was, now = side_by_side(nights, table)
    edited, lasting = _edited(nights, table, was, now), _lasting(nights, table)
    for column in TABLES[table].names[1:]:
        member = member_of(table, column)
        if member is None:
            continue
        had, has = filled(was, table, column), filled(now, table, column)
        gone = had & _silent(has, now, was, table, column, seen.missing.get((table, member)))
        some = gone & ~left_with_it(nights, was, column)
        most = some.sum() > 0.5 * had.sum() and column != _CLEARED
        if member != "nombre" and not most:  # nobody edits names away, nor half of a column
            some &= ~edited
        severity = _rate(nights, int(had.sum()), int(gone.sum()), int(some.sum()), column)
        counts = int(gone.sum()), int(had.sum())
        if not severity and not has.any() and _dried_up(nights, table, column, lasting):
            severity, counts = Severity.ERROR, (len(nights.frame(table)),) * 2
        if severity:
            worst = max(worst, severity)
            known = {str(one): str(was.at[one, column]) for one in was.index[gone]}
            text = f"«{member}» viene vacío en {number(counts[0])} de {number(counts[1])} filas"
            notes.append(f"{text} que lo tenían; {lines(table, member, known)}")
    return checked(f"{table}: columnas que tenían datos", worst, notes, {"vacias": len(notes)})


def side_by_side(nights: Nights, table: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that both nights have, by key and in one order; nobody changes them."""
    if table not in nights.beside:  # a dozen checks ask for them
        key, before, now = TABLES[table].key, nights.frame_before(table), nights.frame(table)
        # lists: Arrow strings are slow to iterate, and isin does so
        place = {own: at for at, own in enumerate(now[key].tolist())}
        both = [(at, place[own]) for at, own in enumerate(before[key].tolist()) if own in place]
        old, new = np.array(both, dtype=np.intp).reshape(-1, 2).T
        was, is_now = pd.DataFrame(before).iloc[old], pd.DataFrame(now).iloc[new]
        index = pd.Index(was[key])
        nights.beside[table] = was.set_axis(index), is_now.set_axis(index)
    return nights.beside[table]


def member_of(table: str, column: str) -> str | None:
    """The contract's name of what a column holds; None for what is ours, or said by its parent."""
    if column == _NAME.get(table):
        return "nombre"
    if column in _OURS and not (table == "zonas" and column in _OF_ZONAS):
        return None
    if column.startswith("muestra_"):
        return column.replace("_", ".", 1)
    return _MEMBERS.get(column, column)


def filled(frame: pd.DataFrame, table: str, column: str) -> Flags:
    """The rows in which a column holds something, and not what we put there for nothing."""
    if column == _NAME.get(table):
        names = zip(frame[column].tolist(), frame[TABLES[table].key].tolist(), strict=True)
        told = [
            isinstance(name, str) and name != own and name.casefold() not in _SAYS_NOTHING
            for name, own in names
        ]
        return np.array(told, dtype=np.bool_)
    if column == "tipo":
        return np.asarray(frame[column].notna()) & true(frame[column] != "otro")
    if column in ("n_siembras", _DECLARED):
        return true(frame[column] > 0)
    return ~np.asarray(frame[column].array.isna())


def true(flags: pd.Series) -> Flags:
    """Where it is so; not where it is not known."""
    return np.asarray(flags.to_numpy(dtype=np.bool_, na_value=False))


def _silent(
    has: Flags,
    now: pd.DataFrame,
    was: pd.DataFrame,
    table: str,
    column: str,
    missing: frozenset[str] | None,
) -> Flags:
    """The rows in which a column says nothing of the portal's tonight; ``has``: those filled."""
    silent = ~has
    if member_of(table, column) not in MADE_UP[table]:
        return silent
    left_out = np.zeros(len(now), dtype=np.bool_)
    if missing:
        left_out[:] = [one in missing for one in _ids(now, table)]
    if column == _NAME.get(table):  # an id is no name of the portal's, unless it says so
        left_out |= silent & true(now[column] != now[TABLES[table].key])
    return left_out & ~true(now[column] == was[column]) if left_out.any() else left_out


def _edited(nights: Nights, table: str, was: pd.DataFrame, now: pd.DataFrame) -> Flags:
    """The rows that somebody changed since last night; a siembra changes with its lote."""
    if table != "siembras":
        none = np.zeros(len(was), dtype=np.bool_)
        return true(now["updated_at"] > was["updated_at"]) if "updated_at" in was else none
    lotes, lotes_now = side_by_side(nights, "lotes")
    changed = set(lotes.index[_edited(nights, "lotes", lotes, lotes_now)])
    return np.array([one in changed for one in was["lote_id"].tolist()], dtype=np.bool_)


def left_with_it(nights: Nights, was: pd.DataFrame, column: str) -> Flags:
    """The rows whose value was the id of something that is not there any more."""
    parent = _POINTS_TO.get(column)
    if parent is None:
        return np.zeros(len(was), dtype=np.bool_)
    there = set(nights.frame(parent)[TABLES[parent].key].tolist())
    return np.array([one not in there for one in was[column].tolist()], dtype=np.bool_)


def _rate(nights: Nights, filled: int, gone: int, unexplained: int, column: str) -> Severity:
    """Few rows are a decision, and so is what somebody edited; nearly a whole column is not."""
    limits = nights.limits
    if column != _CLEARED and gone >= max(limits.min_growth, _NEARLY_ALL * filled):
        return Severity.ERROR
    least = limits.min_rows if column in _NAME.values() else limits.campo_min_lotes
    enough = unexplained >= min(least, filled)
    return nights.rate(unexplained, filled, limits.emptied, enough=enough)


def _lasting(nights: Nights, table: str) -> pd.DataFrame:
    """Last night's rows, but for the marks that were done and went: those leave a list of plans."""
    before = nights.frame_before(table)
    if table != "marcadores":
        return before
    return before[~before["marcador_id"].isin(nights.moves[table].kept) | ~finished(before)]


def _dried_up(nights: Nights, table: str, column: str, before: pd.DataFrame) -> bool:
    """Whether a column of most rows is one of none, though the rows be others."""
    now = nights.frame(table)
    if min(len(before), len(now)) < nights.limits.min_growth or column in ("n_siembras", _CLEARED):
        return False  # too few to tell; without any siembra their own table is empty
    if filled(now, table, column).any():
        return False
    return share_of(float(filled(before, table, column).sum()), len(before)) > 0.5


def check_declared(nights: Nights, table: str) -> Finding:
    """What the portal declares for the same rows, as it is and in step with what they measure.

    A campo that was given a lote more declares more, or declares the whole farm all the time.
    """
    was, now = side_by_side(nights, table)
    both = (was[_DECLARED] > 0) & (now[_DECLARED] > 0)
    was, now = was[both], now[both]
    before, after = float(was[_DECLARED].sum()), float(now[_DECLARED].sum())
    measured = _measured(was, nights.frame_before("lotes")), _measured(now, nights.frame("lotes"))
    in_step = before * measured[1] / measured[0] if min(measured) > 0 else before
    limits = nights.limits
    moved = int(((now[_DECLARED] - was[_DECLARED]).abs() > limits.warning * was[_DECLARED]).sum())
    enough = moved >= min(limits.min_rows, len(was))
    severity = min(
        max(
            nights.rate(one - after, one, limits.area_drop, enough=enough),
            nights.rate(after - one, one, limits.growth, enough=enough),
        )
        for one in (before, in_step)
    )
    note = f"las mismas filas declaran {number(before, 1)} → {number(after, 1)} ha"
    figures = {"antes_ha": before, "ahora_ha": after, "filas": moved}
    notes = [f"{note} ({percent(before, after)})"]
    return checked(f"{table}: superficie declarada", severity, notes, figures)


def _measured(rows: pd.DataFrame, lotes: pd.DataFrame) -> float:
    """Hectares that rows measure; of campos, their lotes. Siembras measure nothing."""
    if "campo" in rows and "lote_id" not in rows:
        rows = lotes[lotes["campo_id"].isin(rows["campo_id"])]
    return float(rows["superficie_ha"].sum()) if "superficie_ha" in rows else 0.0


def check_catalogues(nights: Nights, seen: Survey, before: Survey) -> list[Finding]:
    """Lists of campañas and crops under other ids than last night's: those of another company."""
    found, limits = [], nights.limits
    for name, was in before.catalogues.items():
        now = seen.catalogues.get(name, {})
        kept = len(was.items() & now.items())
        others = min(len(was) - kept, len(now) - kept)
        enough = others >= min(limits.min_rows, len(was))
        severity = nights.rate(others, len(was), limits.ids_replaced, enough=others > 0 and enough)
        text = f"{number(others)} de {number(len(was))} tienen otro id o código"
        notes = [f"{text}: puede ser la lista de otra empresa"]
        figures = {"antes": len(was), "otros": others}
        found.append(checked(f"{name}: la misma lista", severity, notes, figures))
    return found


def check_types(seen: Survey) -> Finding:
    """Members that are a number in one record and text in the next."""
    notes = [f"{name}: {counts}" for name, counts in seen.mixed.items()]
    return warned("tipos de los valores", notes, {"mezclados": len(notes)})
