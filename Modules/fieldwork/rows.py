"""The rows of a sampling plan out of the cells of a sheet. Pure.

A sheet is what people made of it: columns in any order under any of the names of ``_ALIASES``, a
title above them, blank rows, totals. What cannot be read is named by sheet, row and column and its
row is left out; nothing is guessed. ``numero`` of a row is what the sheet shows beside it, from 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, TypeAlias

from Modules.fieldwork.fechas import Dia, Mes, mes_in, read_dia
from Modules.words.finding import Finding, Severity
from Modules.words.names import look
from Modules.words.spanish import day, number, short
from Modules.words.text import MAX_NAME, MAX_TEXT, text

Cell: TypeAlias = str | int | float | bool | None

_HEADER_WITHIN: Final = 20  # rows from the top in which the names of the columns are looked for
_ALIASES: Final[Mapping[str, str]] = {  # without accents, plurals and the words of _SILENT
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
_SILENT: Final = frozenset(
    ("a", "cm", "de", "del", "el", "en", "la", "n", "no", "nombre", "nro", "num", "numero")
)
_DECIDING: Final = frozenset(("campo", "lote", "lote_id", "fecha", "profundidad", "tipo"))
_DEEPEST_CM: Final = 1_000
_ERROR: Final = re.compile(r"#(N/[AD]|[¡¿]?[A-ZÁÉÍÓÚÑ/0-9]+[!?])|Loading\.{3}|Cargando(\.{3}|…)")
_TOTAL: Final = re.compile(r"(sub)?total(es)?( general(es)?)?( [\w ]*)?:?")
_TAREA: Final = re.compile(r"(?:^|.*[^A-Za-z0-9])([A-Z][A-Z0-9_]+-[1-9]\d*)(?![\w-])")
_RANGE: Final = re.compile(
    r"(\d+(?:[.,]\d+)?) ?(?:-|–|—|a|al|hasta) ?(\d+(?:[.,]\d+)?)(?: ?cms?\b)?"
)


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


@dataclass(frozen=True, slots=True)
class Planilla:
    """A sheet as it was read."""

    archivo: str
    hoja: str
    filas: tuple[Fila, ...] = ()
    columnas: Mapping[str, int] = field(default_factory=dict)  # our name → column from 0
    findings: tuple[Finding, ...] = ()
    titulos: Mapping[str, str] = field(default_factory=dict)  # our name → what the sheet calls it
    encabezado: int = 0  # number of the row with the names of the columns; 0: not found
    tipos: Mapping[str, str] = field(default_factory=dict)  # our name → what its cells are
    rechazadas: tuple[int, ...] = ()  # numbers of the rows that are named and left out

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
        """What is wrong with a cell; ``nombre`` is ours, of a column of the sheet or of none."""
        item = f"fila {numero}"
        if nombre in self.columnas:
            cell = f"{letters(self.columnas[nombre])}{numero}"
            item = f"{item}, columna {self.titulos[nombre]} ({cell})"
        return Finding(what, severity, self.where, item, todo)


def letters(column: int) -> str:
    """What a sheet calls a column from 0: A, Z, AA."""
    above, at = divmod(column, 26)
    return f"{letters(above - 1) if above else ''}{chr(ord('A') + at)}"


def read_planilla(
    cells: Sequence[Sequence[Cell]],
    *,
    archivo: str,
    hoja: str,
    dia_primero: bool = True,
    mes: Mes | None = None,
) -> Planilla:
    """Read a sheet from its first row on: numbers as numbers, dates as they are shown.

    ``mes``: what year a day without one is of; that of the file's name if not given.
    """
    planilla = _with_header(Planilla(archivo, hoja), cells)
    if any(one.is_error for one in planilla.findings):
        return planilla
    mes = mes or mes_in(archivo)
    rows = list(_rows(planilla, cells))
    days = {
        numero: read_dia(said, mes, dia_primero=dia_primero)
        for numero, row in rows
        if (said := _plain(row["fecha"])) is not None
    }
    mixed = [numero for numero, dia in days.items() if dia.contradicts]
    filas, findings = [], list(planilla.findings)
    for numero, row in rows:
        found = list(_problems(planilla, numero, row, days.get(numero), mixed))
        findings += found
        if not any(one.is_error for one in found):
            filas.append(_fila(numero, row, days.get(numero)))
    read = {fila.numero for fila in filas}
    return replace(
        planilla,
        filas=tuple(filas),
        findings=tuple(findings),
        tipos={name: _kinds(name, rows, days) for name in planilla.columnas},
        rechazadas=tuple(numero for numero, _ in rows if numero not in read),
    )


def _with_header(planilla: Planilla, cells: Sequence[Sequence[Cell]]) -> Planilla:
    """The sheet with its columns, or with what is wrong with them."""

    def wrong(what: str, todo: str, *notes: str, severity: Severity = Severity.ERROR) -> Planilla:
        one = Finding(what, severity, planilla.where, item, todo, notes=notes)
        return replace(planilla, findings=(*planilla.findings, one))

    item = ""
    filled = [[shown for cell in row if (shown := text(cell))] for row in cells[:_HEADER_WITHIN]]
    if not any(text(cell) for row in cells for cell in row):
        return wrong("la hoja está vacía", "cargar el plan, o elegir otra hoja")
    names = [[column_of(cell) for cell in row] for row in cells[:_HEADER_WITHIN]]
    at = max(range(len(names)), key=lambda row: (len({*names[row]} - {""}), -row))
    if len({*names[at]} - {""}) < 2:
        first = next((row for row in filled if row), [])
        return wrong(
            "no está la fila con los nombres de las columnas",
            "ponerla arriba de los datos, como: Campo, Lote, Fecha, Profundidad, Responsable",
            f"se buscó en las primeras {_HEADER_WITHIN} filas",
            f"la primera con algo escrito dice: {short(first, 8)}",
        )
    item = f"fila {at + 1}"
    count = Counter(name for name in names[at] if name)
    titles = {name: text(cells[at][column]) or "" for column, name in enumerate(names[at]) if name}
    for name in [name for name, times in count.items() if times > 1]:
        called = [
            f"{letters(c)} ({text(cells[at][c])})" for c, n in enumerate(names[at]) if n == name
        ]
        decides = name in _DECIDING
        planilla = wrong(
            f"hay {len(called)} columnas que dicen {name}: {', '.join(called)}",
            "dejar una sola, o cambiarle el nombre a la otra",
            *(() if decides else ("no se lee ninguna",)),
            severity=Severity.ERROR if decides else Severity.WARNING,
        )
    planilla = replace(
        planilla,
        encabezado=at + 1,
        columnas={n: c for c, n in enumerate(names[at]) if n and count[n] == 1},
        titulos=titles,
    )
    missing = [] if {"lote", "lote_id"} & set(count) else ["lote"]
    missing += [] if "fecha" in count else ["fecha"]
    if missing:
        return wrong(
            f"falta la columna {' y la columna '.join(missing)}",
            "agregarla, o darle ese nombre a la que lo tiene",
            f"las columnas son: {', '.join(filled[at])}",
        )
    return planilla


def column_of(title: Cell) -> str:
    """Our name for what a column is called; "" for one that says nothing to us."""
    said = text(title) or ""
    for way in (said, re.sub(r"\([^)]*\)", " ", said)):
        parts = {_FIELDS.get(_stems(part), "") for part in re.split(r"[/|]", way)}
        found = {_FIELDS.get(_stems(way), "")} - {""} or parts
        if len(found) == 1 and (name := found.pop()):
            return name
    return ""


def _stems(said: str) -> str:
    """The words that matter, without plural: "Fechas de Muestreo" and "fecha muestreo" are one."""
    words = re.findall(r"[^\W_]+", look(said))
    return "+".join(word.rstrip("s").rstrip("e") for word in words if word not in _SILENT)


_FIELDS: Final = {
    "+".join(map(_stems, alias.split("+"))): name
    for name, aliases in _ALIASES.items()
    for alias in aliases.split()
}


def _rows(
    planilla: Planilla, cells: Sequence[Sequence[Cell]]
) -> Iterator[tuple[int, dict[str, Cell]]]:
    """The rows that say something, by number; not blank ones, totals and headers said again."""
    blank: dict[str, Cell] = dict.fromkeys((*_ALIASES,))
    for numero, row in enumerate(cells[planilla.encabezado :], start=planilla.encabezado + 1):
        own = {name: row[at] for name, at in planilla.columnas.items() if at < len(row)}
        said = [shown for cell in row if (shown := text(cell))]
        if not any(text(cell) for cell in own.values()):
            continue
        total = _TOTAL.fullmatch(look(said[0])) and _plain(own.get("fecha")) is None
        if not total and any(column_of(cell) != name for name, cell in own.items()):
            yield numero, {**blank, **own}


def _plain(cell: Cell) -> str | float | None:
    """A number, or clean text; None for an empty cell and for a box that is ticked."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return cell
    return text(cell)


def _problems(
    planilla: Planilla, numero: int, row: Mapping[str, Cell], dia: Dia | None, mixed: Sequence[int]
) -> Iterator[Finding]:
    """What is wrong with a row; an error leaves it out."""

    def say(name: str, what: str, todo: str, severity: Severity = Severity.ERROR) -> Finding:
        return planilla.finding(numero, name, what, todo, severity)

    broken = [name for name, cell in row.items() if _ERROR.fullmatch(text(cell) or "")]
    for name in broken:
        yield say(
            name, f"la fórmula da {text(row[name])}", "corregir la fórmula, o escribir el dato"
        )
    if not text(row["lote"]) and not text(row["lote_id"]):
        yield say("lote", "no dice el lote", "escribirlo, o borrar la fila")
    if dia is None:
        what, todo = "no tiene fecha", "escribirla como 05/11/2026; la tarea queda sin vencimiento"
        yield say("fecha", what, todo, Severity.WARNING)
    elif "fecha" not in broken:
        if dia.problem:
            yield say("fecha", dia.problem, dia.todo)
        elif dia.swapped and mixed:
            what = f"«{text(row['fecha'])}» puede ser {day(dia.day)} o {day(dia.swapped)}"
            what += f": la fila {mixed[0]} tiene el día y el mes al revés"
            yield say("fecha", what, "escribir todas las fechas como 05/11/2026")
        elif dia.year_added:
            what = f"«{text(row['fecha'])}» no dice el año; se toma {day(dia.day)}"
            yield say("fecha", what, "escribirla como 05/11/2026", Severity.WARNING)
    if "profundidad" not in broken and _is_day(_plain(row["profundidad"])):
        what = f"«{text(row['profundidad'])}» es una fecha: la planilla convirtió la profundidad"
        yield say("profundidad", what, "dar a la columna formato de texto y escribirla como 0-20")
    tarea = text(row["tarea"])
    if tarea and "tarea" not in broken and not _TAREA.match(tarea):
        what = f"«{tarea}» no es la clave de una tarea de Jira"
        yield say("tarea", what, "dejar la celda vacía: no se escribe encima", Severity.WARNING)


def _fila(numero: int, row: Mapping[str, Cell], dia: Dia | None) -> Fila:
    said = {name: text(cell, MAX_TEXT if name == "observacion" else MAX_NAME) or ""
            for name, cell in row.items() if name != "fecha"}  # fmt: skip
    said["profundidad"] = _profundidad(said["profundidad"])
    said["tarea"] = match[1] if (match := _TAREA.match(said["tarea"])) else said["tarea"]
    return Fila(numero, fecha=dia.day if dia else None, **said)


def _is_day(said: str | float | None) -> bool:
    """Whether a depth is what a sheet made of "5-10": a day."""
    if said is None or isinstance(said, int | float):
        return said is not None and said > _DEEPEST_CM
    dia = read_dia(said, Mes(2026, 6))
    return dia.day is not None and (
        not dia.year_added or re.search(r"[^\W\d_]{3}", said) is not None
    )


def _profundidad(said: str) -> str:
    """Depths as in the portal, "0-20; 20-40", where the text is nothing but such."""
    flat = look(said)
    pairs = [(a.replace(",", "."), b.replace(",", ".")) for a, b in _RANGE.findall(flat)]
    rest = re.sub(r"\by\b|[;,/+&\s]|\bcms?\b\.?", "", _RANGE.sub(" ", flat))
    if rest or not pairs or any(float(a) >= float(b) for a, b in pairs):
        return said
    return "; ".join(f"{a}-{b}" for a, b in pairs)


def _kinds(
    name: str, rows: Sequence[tuple[int, Mapping[str, Cell]]], days: Mapping[int, Dia]
) -> str:
    """What the cells of a column are, the most frequent first."""
    found = Counter(
        "fecha" if name == "fecha" and days[numero].day
        else "número" if isinstance(said, int | float) else "texto"
        for numero, row in rows if (said := _plain(row[name])) is not None
    )  # fmt: skip
    if len(found) < 2:
        return next(iter(found), "vacía")
    return ", ".join(f"{kind} ({number(times)})" for kind, times in found.most_common())
