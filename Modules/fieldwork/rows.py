"""The rows of a sampling plan out of the cells of a sheet. Pure.

A sheet is what people made of it: columns in any order under any of the names of ``_ALIASES``, a
title above them, blank rows, totals. What cannot be read is named by sheet, row and column and its
row is left out; nothing is guessed. ``numero`` of a row is what the sheet shows beside it, from 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Final, TypeAlias

from xlsxwriter.utility import xl_rowcol_to_cell

from Modules.fieldwork.fechas import Dia, Mes, mes_in, read_dia
from Modules.words.finding import Finding, Severity
from Modules.words.names import look
from Modules.words.spanish import day, short
from Modules.words.text import MAX_TEXT, text

Cell: TypeAlias = str | int | float | bool | None

_HEADER_WITHIN: Final = 20  # rows from the top in which the names of the columns are looked for
_DEEPEST_CM: Final = 1_000
_WARNING: Final = Severity.WARNING
_AS_A_DAY: Final = "escribirla como 05/11/2026"
_ALIASES: Final = {  # without accents, plurals and the words of _SILENT
    "campo": "campo establecimiento estancia predio finca estab",
    "lote": "lote potrero cuadro parcela",
    "lote_id": "lote+id id+lote id+databaler id+portal",
    "fecha": "fecha dia fecha+muestreo fecha+planificada fecha+prevista fecha+programada "
    "fecha+plan fecha+estimada fecha+visita fecha+trabajo dia+muestreo",
    "profundidad": "profundidad prof profundidad+muestreo prof+muestreo",
    "responsable": "responsable asignado encargado cargo muestreador tecnico operario quien",
    "tipo": "tipo tipo+muestreo tipo+muestra tipo+tarea tipo+trabajo",
    "prioridad": "prioridad urgencia",
    "observacion": "observacion obs comentario nota detalle descripcion aclaracion",
    "tarea": "tarea jira tarea+jira jira+tarea issue ticket clave+jira jira+key incidencia",
}
_DECIDING: Final = ("campo", "lote", "lote_id", "fecha", "profundidad", "tipo")
_WHICH: Final = frozenset(("lote", "lote_id"))
_SAYING: Final = (*_WHICH, "fecha", "profundidad", "tarea")
_SILENT: Final = frozenset(
    ("a", "cm", "de", "del", "el", "en", "la", "n", "no", "nombre", "nro", "num", "numero")
)
_ERROR: Final = re.compile(r"#(N/[AD]|[¡¿]?[A-ZÁÉÍÓÚÑ/0-9]+[!?])|Loading\.{3}|Cargando(\.{3}|…)")
_TOTAL: Final = re.compile(
    r"(sub)?total(es)?( (general(es)?|de|lotes?|muestras|ha(s)?)\b.*)?[ :\d.,]*"
)
_KEY: Final = r"[A-Z][A-Z0-9_]+-[1-9]\d*"
_TAREA: Final = re.compile(rf"(?:^|.*[^A-Za-z0-9])({_KEY})(?![\w-])")
_ALONE: Final = re.compile(rf"(https?://\S*/)?{_KEY}(\?\S*)?")
_NUMBER: Final = r"(\d+(?:[.,]\d+)?)"
_RANGE: Final = re.compile(rf"{_NUMBER} ?(?:-|–|—|a|al|hasta) ?{_NUMBER}")
_BETWEEN: Final = re.compile(r"\b(y|cms?)\b|[;,/+&.\s]")


@dataclass(frozen=True, slots=True)
class Fila:
    """A row that can be read; "" for what it does not say."""

    numero: int
    campo: str = ""
    lote: str = ""
    lote_id: str = ""
    fecha: date | None = None
    profundidad: str = ""  # "0-20; 20-40" (cm) where it is such, else as written
    responsable: str = ""
    tipo: str = ""
    prioridad: str = ""
    observacion: str = ""
    tarea: str = ""  # the issue key; or what people wrote there instead: never to be overwritten
    anotada: bool = False  # whether the cell of ``tarea`` says its key, and no word of a person


@dataclass(frozen=True, slots=True)
class Planilla:
    """A sheet as it was read."""

    archivo: str
    hoja: str
    filas: tuple[Fila, ...] = ()
    columnas: Mapping[str, int] = field(default_factory=dict)  # our name → column from 0
    findings: tuple[Finding, ...] = ()
    titulos: Mapping[str, str] = field(default_factory=dict)  # our name → what the sheet calls it
    encabezado: int = 0  # number of the row with the names of the columns
    tipos: Mapping[str, str] = field(default_factory=dict)  # our name → what its cells are
    rechazadas: tuple[int, ...] = ()  # numbers of the rows that are named and left out
    ancho: int = 0  # columns of the sheet, with those that say nothing to us

    @property
    def where(self) -> str:
        return f"{self.archivo}, hoja {self.hoja}"

    @property
    def titular(self) -> str:
        """Whose plan it is: "Plan de muestreo - La Paz - Noviembre 2026" is La Paz's."""
        _, *middle = re.split(r" +[-–—] +", self.archivo)
        return " - ".join(middle[:-1] if middle and mes_in(middle[-1]) else middle)

    def finding(
        self, numero: int, nombre: str, what: str, todo: str, severity: Severity = Severity.ERROR
    ) -> Finding:
        """What is wrong in a row; ``nombre`` is ours, of a column that the sheet may have."""
        item = f"fila {numero}"
        if nombre in self.columnas:
            cell = xl_rowcol_to_cell(numero - 1, self.columnas[nombre])
            item = f"{item}, columna {self.titulos[nombre]} ({cell})"
        return Finding(what, severity, self.where, item, todo)


def read_planilla(
    cells: Sequence[Sequence[Cell]],
    *,
    archivo: str,
    hoja: str,
    dia_primero: bool = True,
    mes: Mes | None = None,
) -> Planilla:
    """Read a sheet from its first row on: numbers as numbers, dates as they are shown.

    ``mes``: near which month days without a year lie; that of the file's name if not given.
    """
    planilla = _with_header(Planilla(archivo, hoja, ancho=max(map(len, cells), default=0)), cells)
    if any(one.is_error for one in planilla.findings):
        return planilla
    mes = mes or mes_in(archivo)
    filled = dict(_rows(planilla, cells))
    rows = {at: row for at, row in filled.items() if any(text(row[name]) for name in _SAYING)}
    bare = [f"fila {numero}" for numero in filled if numero not in rows]
    days = {
        numero: read_dia(said, mes, dia_primero=dia_primero)
        for numero, row in rows.items()
        if (said := _plain(row["fecha"])) is not None
    }
    turned = next((numero for numero, dia in days.items() if dia.contradicts), None)
    turned = turned or (_turned(days, mes) if mes else None)
    filas, findings = [], list(planilla.findings)
    if bare:
        what, todo = "no dicen lote, fecha ni profundidad: no se leen", "completarlas o vaciarlas"
        findings.append(Finding(what, _WARNING, planilla.where, short(bare, 5), todo))
    for numero, row in rows.items():
        dia = days.get(numero)
        found = list(_problems(planilla, numero, row, dia, turned))
        findings += found
        if not any(one.is_error for one in found):
            filas.append(_fila(numero, row, dia))
    return replace(
        planilla,
        filas=tuple(filas),
        findings=tuple(findings),
        tipos={name: _kinds(row[name] for row in rows.values()) for name in planilla.columnas},
        rechazadas=tuple(sorted({*rows} - {fila.numero for fila in filas})),
    )


def _turned(days: Mapping[int, Dia], mes: Mes) -> int | None:
    """The first of several days that only the other order puts into the month; ours puts none."""
    known = {numero: (dia.day, dia.swapped) for numero, dia in days.items() if dia.day}
    ours = any(mes.holds(one) and one.day != one.month for one, _ in known.values())
    other = [
        at
        for at, (one, swapped) in known.items()
        if swapped and mes.holds(swapped) > mes.holds(one)
    ]
    return other[0] if len(other) > 1 and not ours else None


def _with_header(planilla: Planilla, cells: Sequence[Sequence[Cell]]) -> Planilla:
    """The sheet with its columns, and with what is wrong with them."""
    shown = [[said for cell in row if (said := text(cell))] for row in cells]
    names = [[column_of(cell) for cell in row] for row in cells[:_HEADER_WITHIN]] or [[]]
    known = [{*row} - {""} for row in names]
    at = max(range(len(known)), key=lambda row: (bool(known[row] & _WHICH), len(known[row])))
    count = Counter(name for name in names[at] if name)
    titles = {name: text(cells[at][column]) or "" for column, name in enumerate(names[at]) if name}
    planilla = replace(
        planilla,
        encabezado=at + 1,
        columnas={name: at for at, name in enumerate(names[at]) if count[name] == 1},
        titulos=titles,
    )
    say = partial(planilla.finding, at + 1, "")
    wrong: list[Finding] = []
    if not any(shown):
        wrong.append(say("la hoja está vacía", "cargar el plan, o elegir otra hoja"))
    elif len(count) < 2:
        first = short(next(row for row in shown if row), 8)
        what = "no está la fila con los nombres de las columnas; la primera con algo escrito dice"
        todo = "ponerla arriba de los datos: Campo, Lote, Fecha, Profundidad, Responsable"
        wrong.append(say(f"{what}: {first}", todo))
    else:
        for name in [name for name, times in count.items() if times > 1]:
            severity = Severity.ERROR if name in _DECIDING else _WARNING
            what = f"hay más de una columna de {name} («{titles[name]}»): no se lee ninguna"
            wrong.append(say(what, "dejar una sola, o cambiarle el nombre a la otra", severity))
        for name in sorted({"fecha"} - known[at] | ({"lote"} if not known[at] & _WHICH else set())):
            what = f"falta la columna {name}; están: {short(shown[at], 12)}"
            wrong.append(say(what, "agregarla, o darle ese nombre a la que lo tiene"))
    return replace(planilla, findings=tuple(wrong))


def column_of(title: Cell) -> str:
    """Our name for what a column is called; "" for one that says nothing to us."""
    said = text(title) or ""
    for way in (said, re.sub(r"\([^)]*\)", " ", said)):
        if name := _FIELDS.get(_stems(way)):
            return name
        parts = {_FIELDS.get(_stems(part), "") for part in way.split("/")}
        if len(parts) == 1 and (name := parts.pop()):
            return name
    return ""


def _stems(said: str) -> str:
    """The words that matter, without plural: "Fechas de Muestreo" and "fecha muestreo" are one."""
    words = re.findall(r"[^\W_]+", look(said))
    return "+".join(word.rstrip("s").rstrip("e") for word in words if word not in _SILENT)


_FIELDS: Final = {
    _stems(alias): name for name, aliases in _ALIASES.items() for alias in aliases.split()
}


def _rows(
    planilla: Planilla, cells: Sequence[Sequence[Cell]]
) -> Iterator[tuple[int, dict[str, Cell]]]:
    """The rows that say something, by number; not blank ones, totals and headers said again."""
    for numero, row in enumerate(cells[planilla.encabezado :], start=planilla.encabezado + 1):
        own = {name: row[at] for name, at in planilla.columnas.items() if at < len(row)}
        said = [shown for cell in row if (shown := text(cell))]
        if not any(text(cell) for cell in own.values()):
            continue
        total = _TOTAL.fullmatch(look(said[0])) and _plain(own.get("fecha")) is None
        if not total and any(column_of(cell) != name for name, cell in own.items()):
            yield numero, {**dict.fromkeys(_ALIASES), **own}


def _plain(cell: Cell) -> str | float | None:
    """A number, or clean text; None for an empty cell and for a box that is ticked."""
    return cell if isinstance(cell, int | float) and not isinstance(cell, bool) else text(cell)


def _problems(
    planilla: Planilla, numero: int, row: Mapping[str, Cell], dia: Dia | None, turned: int | None
) -> Iterator[Finding]:
    """What is wrong with a row, an error leaves it out; ``turned``: a row of the other order."""
    say = partial(planilla.finding, numero)
    said = {name: text(cell) or "" for name, cell in row.items()}
    for name in [name for name, shown in said.items() if _ERROR.fullmatch(shown)]:
        yield say(name, f"la fórmula da {said.pop(name)}", "corregirla, o escribir el dato")
    if not said.get("lote", "?") and not said.get("lote_id", "?"):
        yield say("lote", "no dice el lote", "escribirlo, o borrar la fila")
    fecha = said.get("fecha")
    if dia is None:
        yield say("fecha", "no tiene fecha: la tarea queda sin vencimiento", _AS_A_DAY, _WARNING)
    elif fecha and dia.contradicts:
        what = f"«{fecha}» tiene el día y el mes al revés que lo configurado: no se adivina"
        yield say("fecha", what, _AS_A_DAY)
    elif fecha and dia.day is None:
        yield say("fecha", f"«{fecha}» no es una fecha", _AS_A_DAY)
    elif fecha and dia.swapped and turned:
        what = f"«{fecha}» es {day(dia.day)} o {day(dia.swapped)}: la fila {turned} está al revés"
        yield say("fecha", what, f"corregir la fila {turned}, o todas: con el día primero")
    elif fecha and dia.year_added:
        what = f"«{fecha}» no dice el año; se toma {day(dia.day)}"
        yield say("fecha", what, _AS_A_DAY, _WARNING)
    if said.get("profundidad") and _is_day(_plain(row["profundidad"])):
        what = f"«{said['profundidad']}» es una fecha: la planilla convirtió la profundidad"
        yield say("profundidad", what, "dar a la columna formato de texto y escribirla como 0-20")
    if said.get("tarea") and not _TAREA.match(said["tarea"]):
        what = f"«{said['tarea']}» no es la clave de una tarea de Jira; no se le escribe encima"
        yield say("tarea", what, "dejar la celda vacía", _WARNING)


def _fila(numero: int, row: Mapping[str, Cell], dia: Dia | None) -> Fila:
    said = {name: text(row[name], MAX_TEXT) or "" for name in row if name != "fecha"}
    said["profundidad"] = _profundidad(said["profundidad"])
    alone = _ALONE.fullmatch(said["tarea"]) is not None
    said["tarea"] = key[1] if (key := _TAREA.match(said["tarea"])) else said["tarea"]
    return Fila(numero, fecha=dia.day if dia else None, anotada=alone, **said)


def _is_day(said: str | float | None) -> bool:
    """Whether a depth is what a sheet made of "5-10": a day."""
    if not isinstance(said, str):
        return said is not None and said > _DEEPEST_CM
    dia = read_dia(said, Mes(2026, 6))
    return dia.day is not None and not (dia.year_added and re.fullmatch(r"[\W\d]+", said))


def _profundidad(said: str) -> str:
    """Depths as in the portal, "0-20; 20-40", where the text is nothing but such."""
    flat = look(said)
    pairs = [(a.replace(",", "."), b.replace(",", ".")) for a, b in _RANGE.findall(flat)]
    rest = _BETWEEN.sub("", _RANGE.sub(" ", flat))
    if rest or not pairs or any(float(a) >= float(b) for a, b in pairs):
        return said
    return "; ".join(f"{a}-{b}" for a, b in pairs)


def _kinds(cells: Iterable[Cell]) -> str:
    """What the cells of a column are, the most frequent first: "número (12), texto (1)"."""
    kinds = {str: "texto", bool: "casilla", int: "número", float: "número"}
    found = Counter(kinds[type(cell)] for cell in cells if cell is not None and cell != "")
    return ", ".join(f"{kind} ({times})" for kind, times in found.most_common()) or "vacía"
