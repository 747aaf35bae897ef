"""Which lote of the last accepted night each row of a plan is of. Pure.

By the lote's id, else by campo and lote as people write them: case, accents, the word "lote" and
leading zeros aside. What names no lote or more than one is named with what comes near, and left
out; the nearest is never taken for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from Modules.fieldwork.fechas import Mes
from Modules.fieldwork.rows import Fila, Planilla
from Modules.formats.cells import cells
from Modules.night.tables import Tables
from Modules.words.domain import Campania
from Modules.words.finding import Finding, Severity
from Modules.words.names import look
from Modules.words.spanish import day, natural, short

_NOUN: Final = re.compile(r"^(lote|potrero|cuadro|parcela)\b[\s.:#°-]*(n[o°]?[\s.]+)?(?=\w)")
_NEAR: Final = 3


@dataclass(frozen=True, slots=True)
class Trabajo:
    """One row of a plan and its lote; names as in the tables, areas in hectares."""

    fila: Fila
    lote_id: str
    campo_id: str
    campo: str
    lote: str
    clave: str  # what the issue is for: never changes with day, responsable or text
    donde: str  # the sheet: "Plan de muestreo - La Paz - Noviembre 2026, hoja Plan"
    superficie_ha: float
    cultivos: str


@dataclass(frozen=True, slots=True)
class _Lote:
    lote_id: str
    lote: str
    campo_id: str
    campo: str
    superficie_ha: float
    cultivos: str


def join(
    planillas: Iterable[Planilla], tables: Tables, campania: Campania, mes: Mes
) -> tuple[tuple[Trabajo, ...], tuple[Finding, ...]]:
    """The rows of all sheets of a month with their lotes, and what is wrong with the others.

    ``tables`` are those of a ``Fuente``, in which no two names of a place are alike.
    """
    lotes, found, findings = _Lotes(tables), [], []
    for planilla in planillas:
        for fila in planilla.filas:
            one = lotes.find(planilla, fila)
            if isinstance(one, Finding):
                findings.append(one)
                continue
            if fila.fecha is not None and not mes.holds(fila.fecha):
                what = f"{day(fila.fecha)} no es de {mes.texto}; la tarea se hace igual"
                todo = "corregir la fecha, o pasar la fila a la planilla de su mes"
                findings.append(
                    planilla.finding(fila.numero, "fecha", what, todo, Severity.WARNING)
                )
            about = (one.lote_id, one.campo_id, one.campo, one.lote)
            key = clave(campania, mes, one.lote_id, fila)
            trabajo = Trabajo(fila, *about, key, planilla.where, one.superficie_ha, one.cultivos)
            found.append((planilla, trabajo))
    times = Counter(trabajo.clave for _, trabajo in found)
    rows: dict[str, list[str]] = {}
    for planilla, one_job in found:
        rows.setdefault(one_job.clave, []).append(f"{planilla.where}, fila {one_job.fila.numero}")
    for planilla, one_job in found:
        if times[one_job.clave] > 1:
            findings.append(_twice(planilla, one_job, rows[one_job.clave]))
    single = tuple(trabajo for _, trabajo in found if times[trabajo.clave] == 1)
    return single, tuple(findings)


def clave(campania: Campania, mes: Mes, lote_id: str, fila: Fila) -> str:
    """What a row's issue is for: campaña, month, lote, and depth or else kind."""
    what = look(fila.profundidad) or look(fila.tipo) or "-"
    return f"plan/{campania}/{mes}/{lote_id}/{what}"


def _twice(planilla: Planilla, trabajo: Trabajo, rows: list[str]) -> Finding:
    own = f"{planilla.where}, fila {trabajo.fila.numero}"
    others = ", ".join(one.removeprefix(f"{planilla.where}, ") for one in rows if one != own)
    what = f"el lote {trabajo.lote} de {trabajo.campo} está también en {others}, para lo mismo"
    column = "profundidad" if trabajo.fila.profundidad else "lote"
    todo = "dejar una sola, o darle a cada una su profundidad"
    return planilla.finding(trabajo.fila.numero, column, what, todo)


class _Lotes:
    """The lotes of a night by what people may call them."""

    def __init__(self, tables: Tables) -> None:
        frame = tables.lotes
        columns = (cells(frame[name]) for name in _Lote.__slots__)
        self.by_id = {row[0]: _Lote(*row) for row in zip(*columns, strict=True)}
        self.campos: dict[str, set[str]] = {}  # look of a name or code → ids
        self.names = dict(zip(cells(tables.campos["campo_id"]), cells(tables.campos["campo"]),
                              strict=True))  # fmt: skip
        codes = zip(self.names, cells(tables.campos["codigo"]), strict=True)
        for campo_id, name in [*self.names.items(), *codes]:
            if name:
                self.campos.setdefault(look(name), set()).add(campo_id)
        self.of_campo: dict[str, list[_Lote]] = {}
        for lote in self.by_id.values():
            self.of_campo.setdefault(lote.campo_id, []).append(lote)

    def find(self, planilla: Planilla, fila: Fila) -> _Lote | Finding:
        if fila.lote_id:
            return self._by_id(planilla, fila)
        column = "campo" if fila.campo else "lote"
        said = fila.campo or planilla.titular
        ids = self.campos.get(look(said), set()) if said else set()
        if not fila.campo and len(ids) != 1:
            todo = "escribir el campo en una columna Campo"
            return planilla.finding(fila.numero, "campo", "no dice el campo", todo)
        if len(ids) != 1:
            names = {look(name): name for name in self.names.values()}
            what = f"hay más de un campo {said}" if ids else f"no hay ningún campo {said}"
            near = sorted(self.names[one] for one in ids) or _nearest(look(said), names)
            return planilla.finding(fila.numero, column, what + _maybe(near), _CORRECT)
        campo_id = next(iter(ids))
        return self._by_name(planilla, fila, campo_id)

    def _by_name(self, planilla: Planilla, fila: Fila, campo_id: str) -> _Lote | Finding:
        here = self.of_campo.get(campo_id, [])
        for key in (look, _lote_key):
            fits = [one for one in here if key(one.lote) == key(fila.lote)]
            if len(fits) == 1:
                return fits[0]
            if fits:
                break
        where = f"en {self.names[campo_id]}"
        if fits:
            names = sorted(f"{one.lote} ({one.lote_id})" for one in fits)
            what = f"{where} hay más de un lote {fila.lote}: {short(names, _NEAR)}"
            todo = "escribir su nombre como en los mapas, o su id en una columna lote_id"
            return planilla.finding(fila.numero, "lote", what, todo)
        known = {_lote_key(one.lote): one.lote for one in here}
        what = f"{where} no hay ningún lote {fila.lote} en esta campaña"
        near = _maybe(_nearest(_lote_key(fila.lote), known))
        return planilla.finding(fila.numero, "lote", what + near, _CORRECT)

    def _by_id(self, planilla: Planilla, fila: Fila) -> _Lote | Finding:
        found = self.by_id.get(fila.lote_id)
        if found is None:
            what = f"no hay ningún lote con el id {fila.lote_id} en esta campaña"
            near = _maybe(_nearest(fila.lote_id, {one: one for one in self.by_id}))
            return planilla.finding(fila.numero, "lote_id", what + near, _CORRECT)
        campo_differs = fila.campo and found.campo_id not in self.campos.get(look(fila.campo), ())
        if campo_differs or (fila.lote and _lote_key(fila.lote) != _lote_key(found.lote)):
            said = ", ".join(one for one in (fila.campo, fila.lote) if one)
            what = f"{fila.lote_id} es el lote {found.lote} de {found.campo}, y la fila dice {said}"
            return planilla.finding(fila.numero, "lote_id", what, "corregir uno de los dos")
        return found


_CORRECT: Final = "corregir el nombre, o borrar la fila"


def _lote_key(name: str) -> str:
    """ "Lote 07", "7.0" and "7" are one: no noun of the column, no leading zeros."""
    bare = re.sub(r"(?<!\d)0+(?=\d)", "", _NOUN.sub("", look(name)))
    return re.sub(r"(?<=^)(\d+)[.,]0+$", r"\1", bare)


def _nearest(key: str, names: Mapping[str, str]) -> list[str]:
    near = [names[one] for one in get_close_matches(key, list(names), n=_NEAR, cutoff=0.5)]
    return near or sorted(names.values(), key=natural)


def _maybe(names: list[str]) -> str:
    return f"; lo más parecido: {short(names, _NEAR)}" if names else ""
