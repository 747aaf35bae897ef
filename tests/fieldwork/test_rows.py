"""Sheets as people make them: read, or named by row and column; never guessed, never lost."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.fieldwork.fechas import Mes
from Modules.fieldwork.rows import Cell, Fila, Planilla, column_of, read_planilla
from Modules.words.finding import Finding, Severity
from Modules.words.text import text

ARCHIVO = "Plan de muestreo - La Paz - Noviembre 2026"
HEADER = ["Campo", "Lote", "Fecha", "Profundidad", "Responsable", "Tipo", "Prioridad",
          "Observación", "Tarea"]  # fmt: skip
ROW: list[Cell] = ["La Paz", 7, "5/11/2026", "0-20", "Ana", "suelo", "alta", "tranquera sur", ""]
RIGHT = Fila(2, "La Paz", "7", "", date(2026, 11, 5), "0-20", "Ana", "suelo", "alta",
             "tranquera sur")  # fmt: skip


def read(*cells: Sequence[Cell], dia_primero: bool = True) -> Planilla:
    return read_planilla(cells, archivo=ARCHIVO, hoja="Plan", dia_primero=dia_primero)


def errors(planilla: Planilla) -> list[Finding]:
    return [one for one in planilla.findings if one.is_error]


def only(planilla: Planilla, severity: Severity = Severity.ERROR) -> Finding:
    (one,) = planilla.findings
    assert one.severity is severity
    assert one.where == f"{ARCHIVO}, hoja Plan"
    assert one.todo
    return one


def with_row(**cells: Cell) -> Planilla:
    """A sheet of one row, some cells of which are others."""
    at = {"campo": 0, "lote": 1, "fecha": 2, "profundidad": 3, "tarea": 8, "observacion": 7}
    row = list(ROW)
    for name, cell in cells.items():
        row[at[name]] = cell
    return read(HEADER, row)


def test_a_plain_sheet_says_all_that_a_row_says() -> None:
    planilla = read(HEADER, ROW)
    assert planilla.filas == (RIGHT,)
    assert planilla.findings == ()
    assert planilla.encabezado == 1
    assert planilla.columnas["tarea"] == 8
    assert planilla.titular == "La Paz"
    assert planilla.tipos["lote"] == "número (1)"
    assert planilla.tipos["fecha"] == "texto (1)"
    assert planilla.tipos["tarea"] == "vacía"


@pytest.mark.parametrize(
    ("title", "name"),
    [("ESTABLECIMIENTOS", "campo"), ("Nombre del campo", "campo"), ("Estab.", "campo"),
     ("Lote/Potrero", "lote"), ("N° de lote", "lote"), ("Nº Lote", "lote"), ("# Lote", "lote"),
     ("Lotes", "lote"), ("lote_id", "lote_id"), ("ID Lote", "lote_id"), ("Lote (ID)", "lote_id"),
     ("Fecha muestreo", "fecha"), ("Fecha de\nmuestreo", "fecha"), ("FECHA (dd/mm/aa)", "fecha"),
     ("fe\u200bcha\u00a0", "fecha"), ("Prof. (cm)", "profundidad"),
     ("Profundidades cm", "profundidad"), ("A cargo de", "responsable"),
     ("Responsable/Asignado a", "responsable"), ("Técnico", "responsable"),
     ("Tipo de muestra", "tipo"), ("Observaciones:", "observacion"), ("Obs.", "observacion"),
     ("Tarea/Jira", "tarea"), ("Clave Jira", "tarea"), ("Ticket", "tarea"),
     ("Superficie (ha)", ""), ("Campo/Lote", ""), ("", ""), (None, ""), (12, ""), ("N°", ""),
     ("Fecha de siembra", ""), ("Lotería", ""), (True, "")],
)  # fmt: skip
def test_a_column_goes_by_many_names(title: Cell, name: str) -> None:
    assert column_of(title) == name


@given(st.randoms(use_true_random=False), st.integers(0, 4), st.integers(0, 3))
def test_the_order_of_columns_and_what_stands_around_say_nothing(
    rng: random.Random, above: int, foreign: int
) -> None:
    order = list(range(len(HEADER)))
    rng.shuffle(order)
    header = ["", "Superficie (ha)", "Cultivo"][:foreign] + [HEADER[at] for at in order]
    row = ["merged", "1.234,5", "soja"][:foreign] + [ROW[at] for at in order]
    titles: list[list[Cell]] = [["Plan de muestreo", "", "Noviembre"], [], ["", ""], [None]]
    blank: list[list[Cell]] = [[], ["", "\u200b", " "]]
    planilla = read(*titles[:above], header, *blank, row, *blank)
    (fila,) = planilla.filas
    assert fila == Fila(above + 4, *[getattr(RIGHT, name) for name in Fila.__slots__[1:]])
    assert planilla.findings == ()


def test_totals_and_headers_said_again_are_no_rows_and_a_lote_called_total_is_one() -> None:
    planilla = read(
        HEADER, ROW, ["Total", "", "", "", 12], ["Subtotal:", 3], ["TOTALES GENERALES"], HEADER,
        ["Total de lotes: 12"], ["", "Total 40"],
        ["Total", 8, "6/11/2026"], ["Total Sur", 9, "7/11/2026"],
    )  # fmt: skip
    assert [fila.numero for fila in planilla.filas] == [2, 9, 10]
    assert planilla.findings == ()


def test_a_total_far_from_the_first_column_is_none_of_a_row() -> None:
    assert len(read(HEADER, ROW, ["", "Total", "", "", "", "", "", 4]).filas) == 1


def test_a_line_of_words_above_is_not_taken_for_the_names_of_the_columns() -> None:
    above = ["Responsable", "Ana", "Fecha", "1/11/2026", "Prioridad", "alta"]
    planilla = read(above, ["Lote", "Fecha"], [7, "5/11/2026"])
    assert (planilla.encabezado, planilla.findings) == (2, ())


def test_a_short_row_and_a_long_one_are_read() -> None:
    planilla = read(HEADER, ["La Paz", "7", "5/11/2026"], [*ROW, "más", 1])
    assert [fila.responsable for fila in planilla.filas] == ["", "Ana"]


@pytest.mark.parametrize("cells", [[], [[]], [["", None], [" ", "\u200b"]]])
def test_an_empty_sheet_is_named(cells: list[list[Cell]]) -> None:
    planilla = read(*cells)
    assert only(planilla).what == "la hoja está vacía"
    assert planilla.filas == ()


def test_a_sheet_without_names_of_columns_says_what_it_begins_with() -> None:
    one = only(read([], ["La Paz", 7, "5/11/2026"], ["La Paz", 8, "6/11/2026"]))
    assert "nombres de las columnas" in one.what
    assert one.what.endswith("la primera con algo escrito dice: La Paz; 7; 5/11/2026")


def test_missing_columns_are_named_with_those_there_are() -> None:
    planilla = read(["Campo", "Superficie", "Responsable"], ["La Paz", 12, "Ana"])
    assert planilla.filas == ()
    assert [one.what for one in errors(planilla)] == [
        "falta la columna fecha; están: Campo; Superficie; Responsable",
        "falta la columna lote; están: Campo; Superficie; Responsable",
    ]
    assert errors(planilla)[0].item == "fila 1"


def test_an_id_stands_for_the_name_of_a_lote() -> None:
    (fila,) = read(["lote_id", "Fecha"], [10000, "5/11/2026"]).filas
    assert fila.lote_id == "10000"


@pytest.mark.parametrize("twin", ["Lote", "Potrero", "LOTES "])
def test_two_columns_for_what_decides_leave_the_sheet_unread(twin: str) -> None:
    planilla = read(["Campo", "Lote", "Fecha", twin], ["La Paz", 7, "5/11/2026", 8])
    assert "hay más de una columna de lote" in only(planilla).what
    assert planilla.filas == ()


def test_two_columns_for_a_note_are_named_and_left_out() -> None:
    planilla = read([*HEADER, "Comentarios"], [*ROW, "otra cosa"])
    assert "observacion" in only(planilla, Severity.WARNING).what
    assert [fila.observacion for fila in planilla.filas] == [""]
    assert "observacion" not in planilla.columnas


@pytest.mark.parametrize(
    "broken", ["#REF!", "#¡REF!", "#N/A", "#N/D", "#DIV/0!", "#¡DIV/0!", "#VALUE!", "#¡VALOR!",
               "#NAME?", "#¿NOMBRE?", "#NUM!", "#NULL!", "#ERROR!", "Loading...", "Cargando…"]
)  # fmt: skip
@pytest.mark.parametrize(("column", "cell"), [("lote", "B2"), ("fecha", "C2"), ("tarea", "I2")])
def test_a_formula_that_failed_is_named_with_its_cell(broken: str, column: str, cell: str) -> None:
    planilla = with_row(**{column: broken})
    one = only(planilla)
    assert one.what == f"la fórmula da {broken}"
    assert one.item == f"fila 2, columna {column.capitalize()} ({cell})"
    assert planilla.filas == ()
    assert planilla.rechazadas == (2,)


def test_a_formula_that_failed_elsewhere_is_no_matter_of_ours() -> None:
    assert read([*HEADER, "Superficie"], [*ROW, "#REF!"]).findings == ()


def test_a_lote_called_with_a_hash_is_no_formula() -> None:
    assert with_row(lote="#12").filas[0].lote == "#12"


@pytest.mark.parametrize("said", ["31/02/2026", "31/02", "mañana", "5/11/2026 y 6/11/2026", 3])
def test_what_is_no_day_leaves_the_row_out_and_the_rest_in(said: Cell) -> None:
    bad = [*ROW[:2], said, *ROW[3:]]
    planilla = read(HEADER, bad, ROW)
    one = only(planilla)
    assert one.what == f"«{said}» no es una fecha"
    assert one.item == "fila 2, columna Fecha (C2)"
    assert [fila.numero for fila in planilla.filas] == [3]


def test_a_day_of_the_other_order_casts_doubt_on_those_that_can_be_either() -> None:
    days = ("5/11/2026", "11/25/2026", "14/11/2026", "5 nov 2026", "5/5/2026", 46331)
    rows = [[*ROW[:2], said, *ROW[3:]] for said in days]
    planilla = read(HEADER, *rows)
    assert [fila.numero for fila in planilla.filas] == [4, 5, 6, 7]
    either, turned = errors(planilla)
    assert either.what == "«5/11/2026» es 05/11/2026 o 11/05/2026: la fila 3 está al revés"
    assert "no se adivina" in turned.what
    turned_sheet = read(HEADER, *rows, dia_primero=False)
    assert [fila.numero for fila in turned_sheet.filas] == [3, 5, 6, 7]
    assert len(read(HEADER, rows[0]).filas) == 1


def test_a_day_without_a_year_is_of_the_month_of_the_file_with_a_warning() -> None:
    planilla = with_row(fecha="5/11")
    assert only(planilla, Severity.WARNING).what == "«5/11» no dice el año; se toma 05/11/2026"
    assert planilla.filas[0].fecha == date(2026, 11, 5)
    other = read_planilla([HEADER, [*ROW[:2], "5/11"]], archivo="x", hoja="y", mes=Mes(2030, 10))
    assert other.filas[0].fecha == date(2030, 11, 5)
    assert read_planilla([HEADER, [*ROW[:2], "5/11"]], archivo="x", hoja="y").filas == ()


def test_a_row_without_a_day_is_kept_with_a_warning() -> None:
    planilla = with_row(fecha="")
    assert "no tiene fecha" in only(planilla, Severity.WARNING).what
    assert planilla.filas[0].fecha is None


def test_rows_that_say_only_what_is_filled_down_are_named_once() -> None:
    prefilled = [["La Paz", "", "", "", "Ana", "", "media", "", False]] * 900
    planilla = read(HEADER, ROW, *prefilled)
    assert planilla.filas == (RIGHT,)
    one = only(planilla, Severity.WARNING)
    assert one.what.startswith("no dicen lote, fecha ni profundidad")
    assert one.item == "fila 3; fila 4; fila 5; fila 6; fila 7; y 895 más"
    ticked = [["", "", "", "", "", "", "", "", False]] * 900
    assert read(HEADER, ROW, *ticked).findings == ()


def test_a_row_without_a_lote_is_named() -> None:
    assert only(with_row(lote="")).what == "no dice el lote"
    assert with_row(lote=0).filas[0].lote == "0"


@pytest.mark.parametrize(
    ("said", "right"),
    [("0-20", "0-20"), ("0 a 20 cm", "0-20"), ("0–20cm", "0-20"), ("0-20; 20-40", "0-20; 20-40"),
     ("0-20/20-40 cm", "0-20; 20-40"), ("0-20 y 20-40", "0-20; 20-40"), ("0-7,5", "0-7.5"),
     (20, "20"), (7.5, "7.5"), ("superficial", "superficial"), ("20-0", "20-0"),
     ("0-20 (ver mapa)", "0-20 (ver mapa)"), ("", "")],
)  # fmt: skip
def test_depths_are_written_as_the_portal_does(said: Cell, right: str) -> None:
    planilla = with_row(profundidad=said)
    assert planilla.filas[0].profundidad == right
    assert planilla.findings == ()


@pytest.mark.parametrize("said", ["5/10/2026", "10-oct", "5-oct-2026", 46300])
def test_a_depth_that_the_sheet_made_a_day_is_named(said: Cell) -> None:
    planilla = with_row(profundidad=said)
    assert "la planilla convirtió la profundidad" in only(planilla).what
    assert planilla.filas == ()


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("MUE-12", "MUE-12"),
        ("https://x.atlassian.net/browse/MUE-12", "MUE-12"),
        ("", ""),
        ("MUE-12 (hecho)", "MUE-12"),
        ("https://x.atlassian.net/browse/MUE-12?focused=1", "MUE-12"),
        ("ver MUE-12", "MUE-12"),
    ],
)
def test_the_key_of_an_issue_is_read(said: str, right: str) -> None:
    assert with_row(tarea=said).filas[0].tarea == right


def test_what_people_wrote_where_the_key_goes_is_kept_and_named() -> None:
    planilla = with_row(tarea="pendiente")
    assert "no se le escribe encima" in only(planilla, Severity.WARNING).what
    assert planilla.filas[0].tarea == "pendiente"


@pytest.mark.parametrize(
    ("archivo", "titular"),
    [(ARCHIVO, "La Paz"), ("Plan de muestreo - Don José - Bajo - nov 2026", "Don José - Bajo"),
     ("Plan de muestreo – El Ombú – Noviembre 2026", "El Ombú"), ("Plan", ""),
     ("Plan de muestreo - Noviembre 2026", "")],
)  # fmt: skip
def test_a_sheet_says_in_its_name_whose_it_is(archivo: str, titular: str) -> None:
    assert Planilla(archivo, "Plan").titular == titular


@pytest.mark.parametrize(
    ("column", "cell"), [(0, "A12"), (25, "Z12"), (26, "AA12"), (702, "AAA12")]
)
def test_a_finding_names_its_cell_as_the_sheet_does(column: int, cell: str) -> None:
    planilla = Planilla("P", "H", columnas={"lote": column}, titulos={"lote": "Lote"})
    assert planilla.finding(12, "lote", "", "").item == f"fila 12, columna Lote ({cell})"


hostile = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12) | st.sampled_from(["Lote", "Fecha", "Campo", "Total", "#REF!", "31/02"])
)  # fmt: skip


@given(st.lists(st.lists(hostile, max_size=8), max_size=8))
def test_no_sheet_breaks_the_reading(cells: list[list[Cell]]) -> None:
    planilla = read(*cells)
    assert all(one.what and one.where and one.todo for one in planilla.findings)
    assert planilla.filas or planilla.findings or planilla.encabezado


@given(st.lists(st.lists(hostile, min_size=9, max_size=9), max_size=5))
def test_no_row_that_says_something_is_lost(rows: list[list[Cell]]) -> None:
    planilla = read(HEADER, ROW, *rows)
    named = {
        int(one.item.split(",")[0].removeprefix("fila ")) for one in errors(planilla) if one.item
    }
    kept = {fila.numero for fila in planilla.filas}
    assert not kept & named
    assert set(planilla.rechazadas) == named
    totals = {at for at, row in enumerate(rows, start=3) if "Total" in row and not text(row[2])}
    asked = {at for at, row in enumerate(rows, start=3) if text(row[1])}
    assert asked - totals <= kept | named


def test_days_that_are_of_the_month_only_the_other_way_round_are_not_taken() -> None:
    """A sheet of the United States of which no day is after the 12th: 11/05 is in November."""
    head, november = ["Lote", "Fecha"], Mes(2026, 11)

    def read(*days: str) -> Planilla:
        cells = [head, *([str(at), one] for at, one in enumerate(days))]
        return read_planilla(cells, archivo="x", hoja="y", mes=november)

    turned = read("11/05/2026", "11/06/2026", "11/11/2026")
    assert turned.rechazadas == (2, 3)
    said = "«11/05/2026» es 11/05/2026 o 05/11/2026: la fila 2 está al revés"
    assert turned.findings[0].what == said
    assert read("11/12/2026", "05/11/2026", "10/12/2026").rechazadas == ()  # those of December
    assert read("11/12/2026").rechazadas == ()
