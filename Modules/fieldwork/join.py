"""Which lote of the last accepted night each row of a plan is of. Pure.

By the lote's id, else by campo and lote as people write them: case, accents, the word "lote" and
leading zeros aside. What names no lote or more than one is named with what comes near, and left
out; the nearest is never taken for it.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import lru_cache
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
class Lote:
    """A lote of the night, by names as in its tables."""

    lote_id: str
    campo_id: str
    campo: str
    lote: str
    superficie_ha: float
    cultivos: str | None


@dataclass(frozen=True, slots=True)
class Trabajo(Lote):
    """One row of a plan and its lote."""

    clave: str  # what its issue is for: does not change with day, responsable or text
    donde: str  # the sheet: "Plan de muestreo - La Paz - Noviembre 2026, hoja Plan"
    fila: Fila


def join(
    planillas: Iterable[Planilla], tables: Tables, campania: Campania, mes: Mes
) -> tuple[tuple[Trabajo, ...], tuple[Finding, ...]]:
    """The rows of all sheets of a month with their lotes, and what is wrong with the others.

    ``tables`` are those of a ``Fuente``, in which no two names of a place are alike.
    """
    lotes = _Lotes(tables)
    found: dict[str, list[tuple[Planilla, Trabajo]]] = defaultdict(list)
    findings = []
    for planilla in planillas:
        whole = "" if "campo" in planilla.columnas else planilla.titular  # a sheet of one campo
        for fila in planilla.filas:
            one = lotes.find(planilla, fila, fila.campo or whole)
            if isinstance(one, Finding):
                findings.append(one)
                continue
            what = look(fila.profundidad) or look(fila.tipo) or "-"
            clave = f"plan/{campania}/{mes}/{one.lote_id}/{what}"
            found[clave].append(
                (planilla, Trabajo(**asdict(one), clave=clave, donde=planilla.where, fila=fila))
            )
            if fila.fecha is not None and not mes.holds(fila.fecha):
                what = f"{day(fila.fecha)} no es de {mes.texto}; la tarea se hace igual"
                todo = "corregir la fecha, o pasar la fila a la planilla de su mes"
                findings.append(planilla.finding(fila.numero, "fecha", what, todo, _WARNING))
    findings += [one for same in found.values() if len(same) > 1 for one in _twice(same)]
    return tuple(same[0][1] for same in found.values() if len(same) == 1), tuple(findings)


def _twice(same: Sequence[tuple[Planilla, Trabajo]]) -> Iterable[Finding]:
    alone = len({one.donde for _, one in same}) == 1
    places = [f"fila {one.fila.numero}{'' if alone else f' de {one.donde}'}" for _, one in same]
    for at, (planilla, one) in enumerate(same):
        others = short([*places[:at], *places[at + 1 :]], _NEAR)
        what = f"el lote {one.lote} de {one.campo} está, para lo mismo, también en {others}"
        todo = "dejar una sola, o darle a cada una su profundidad"
        yield planilla.finding(one.fila.numero, "lote", what, todo)


class _Lotes:
    """The lotes of a night by what people call them."""

    def __init__(self, tables: Tables) -> None:
        columns = (cells(tables.lotes[name]) for name in Lote.__dataclass_fields__)
        self.by_id = {row[0]: Lote(*row) for row in zip(*columns, strict=True)}
        self.ids = sorted(self.by_id)
        self.of_campo: dict[str, list[Lote]] = defaultdict(list)
        for lote in self.by_id.values():
            self.of_campo[lote.campo_id].append(lote)
        ids, names, codes = (cells(tables.campos[one]) for one in ("campo_id", "campo", "codigo"))
        self.names: dict[str, str] = dict(zip(ids, names, strict=True))
        self.campos: dict[str, set[str]] = defaultdict(set)  # look of a name or code → ids
        for campo_id, *called in zip(ids, names, codes, strict=True):
            for one in filter(None, called):
                self.campos[look(one)].add(campo_id)

    def find(self, planilla: Planilla, fila: Fila, campo: str) -> Lote | Finding:
        """The lote of a row, or why there is none; ``campo`` is the row's or the sheet's."""

        def no(column: str, what: str, near: Iterable[str] = (), more: str = "") -> Finding:
            said = f"; {more or 'lo más parecido'}: {short(list(near), _NEAR)}" if near else ""
            return planilla.finding(fila.numero, column, what + said, _TODO[column])

        if fila.lote_id:
            own = self.by_id.get(fila.lote_id)
            if own is None:
                at = bisect(self.ids, fila.lote_id)
                what = f"no hay ningún lote con el id {fila.lote_id}"
                return no("lote_id", what, self.ids[max(0, at - 1) : at + 1], "cerca están")
            elsewhere = fila.campo and own.campo_id not in self.campos.get(look(fila.campo), ())
            if elsewhere or (fila.lote and _lote_key(fila.lote) != _lote_key(own.lote)):
                what = f"{fila.lote_id} es el lote {own.lote} de {own.campo}, y la fila dice"
                return no("lote_id", f"{what} {fila.campo} {fila.lote}")
            return own
        ids = self.campos.get(look(campo), set())
        if not fila.campo and len(ids) != 1:
            return no("campo", "no dice el campo")
        if len(ids) > 1:
            same = sorted(f"{self.names[one]} ({one})" for one in ids)
            return no("campo", f"hay más de un campo {campo}", same, "son")
        if not ids:
            return no(
                "campo", f"no hay ningún campo {campo}", _nearest(campo, tuple(self.names.values()))
            )
        here = self.of_campo[next(iter(ids))]
        exact = [one for one in here if look(one.lote) == look(fila.lote)]
        fits = exact or [one for one in here if _lote_key(one.lote) == _lote_key(fila.lote)]
        if len(fits) > 1:
            same = sorted(f"{one.lote} ({one.lote_id})" for one in fits)
            return no("lote", f"hay más de un lote {fila.lote} en {campo}", same, "son")
        if not fits:
            near = _nearest(fila.lote, tuple(one.lote for one in here))
            return no("lote", f"no hay ningún lote {fila.lote} en {campo}, en esta campaña", near)
        return fits[0]


_WARNING: Final = Severity.WARNING
_TODO: Final = {
    "campo": "escribir en una columna Campo su nombre como en los mapas, o borrar la fila",
    "lote": "escribir su nombre como en los mapas o su id en una columna lote_id, o borrar la fila",
    "lote_id": "corregir el id, o borrarlo y dejar campo y lote",
}


def _lote_key(name: str) -> str:
    """ "Lote 07", "7.0" and "7" are one: no noun of the column, no leading zeros."""
    bare = re.sub(r"(?<!\d)0+(?=\d)", "", _NOUN.sub("", look(name)))
    return re.sub(r"^(\d+)[.,]0+$", r"\1", bare)


@lru_cache(maxsize=4_096)  # what is wrong is so in every row
def _nearest(said: str, names: tuple[str, ...]) -> list[str]:
    """Of these names those that look most like it; the first ones where none does."""
    known = {_lote_key(name): name for name in names}
    near = get_close_matches(_lote_key(said), list(known), n=_NEAR, cutoff=0.5)
    return [known[one] for one in near] or sorted(known.values(), key=natural)
