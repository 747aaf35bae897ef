"""CSV and XLSX: numbers are numbers, text never is a formula, equal tables give equal bytes."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import zipfile
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd
import pytest
from defusedxml import ElementTree
from hypothesis import example, given
from hypothesis import strategies as st
from xlsxwriter.worksheet import Worksheet

from Modules.formats import sheets
from Modules.formats.sheets import (
    DATE,
    NUMBER_HA,
    NUMBER_SHARE,
    Chart,
    Sheet,
    csv_bytes,
    guarded,
    xlsx_bytes,
)
from Modules.words.errors import DataError, PublishError
from Modules.words.text import MAX_TEXT, clean_text

CREATED = dt.datetime(2025, 11, 20, 3, 0, 2, tzinfo=ZoneInfo("America/Argentina/Buenos_Aires"))
DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\x00=1+1", "\r\n=1", "  =1", "＝1+1"]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)  # Arrow has no Cs


def rows_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def book_of(pages: list[Sheet]) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(xlsx_bytes(pages, CREATED)))


def cells_of(pages: list[Sheet]) -> list[list[tuple[Any, ...]]]:
    return [list(page.iter_rows(values_only=True)) for page in book_of(pages)]


MIXED = pd.DataFrame(
    {
        "lote": pd.array(["7", "Ñandú, el", None], dtype="string"),
        "ha": [1234.5, 0.1, float("nan")],
        "n": pd.array([3, None, -4], dtype="Int64"),
        "activo": pd.array([True, False, None], dtype="boolean"),
        "fecha": pd.Series([dt.date(2025, 6, 1), None, dt.date(1999, 12, 31)], dtype=object),
        "visto": pd.to_datetime(["2025-11-19T15:18:02Z", None, "2025-01-01T00:00:00Z"]),
    }
)


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_a_spreadsheet_would_compute_stays_text(text: str) -> None:
    frame = pd.DataFrame({text: [text]})
    for row in rows_of(csv_bytes(frame)):
        assert row[0].startswith("'")
        assert row[0][1:] == clean_text(text)
    page = book_of([Sheet(text, frame, notes=[text])]).active
    assert page is not None
    for cell in (page["A1"], page["A2"], page["A4"]):
        assert (cell.data_type, cell.value) == ("s", clean_text(text))
    assert page["A1"].quotePrefix
    assert page["A2"].quotePrefix


@given(st.lists(ANY_TEXT, min_size=1, max_size=5))
@example(["'quoted'", '"', "a,b", "a;b", "_x0041_", "\ufffe", "<b>&amp;", "]]>"])
def test_any_text_comes_back_as_it_was(texts: list[str]) -> None:
    expected = [clean_text(text, 4_000) for text in texts]
    frame = pd.DataFrame({"texto": pd.array(texts, dtype="object"), "fin": "."})
    assert [row[0] for row in rows_of(csv_bytes(frame))[1:]] == [guarded(t) for t in expected]
    assert [row[0] or "" for row in cells_of([Sheet("t", frame)])[0][1:]] == expected


def test_a_csv_is_what_excel_and_power_bi_read() -> None:
    data = csv_bytes(MIXED, {"lote": "Lote", "ha": "Superficie (ha)"})
    assert data.startswith(b"\xef\xbb\xbfLote,Superficie (ha),n,")
    assert data.count(b"\r\n") == data.count(b"\n") == 4
    assert rows_of(data)[1:] == [
        ["7", "1234.5", "3", "sí", "2025-06-01", "2025-11-19T15:18:02Z"],
        ["Ñandú, el", "0.1", "", "no", "", ""],
        ["", "", "-4", "", "1999-12-31", "2025-01-01T00:00:00Z"],
    ]


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=8))
def test_numbers_lose_nothing(numbers: list[float]) -> None:
    frame = pd.DataFrame({"ha": numbers, "fin": 1})
    assert [float(row[0]) for row in rows_of(csv_bytes(frame))[1:]] == numbers
    values = [row[0] for row in cells_of([Sheet("n", frame)])[0][1:]]
    assert values == pytest.approx(numbers, rel=1e-14, abs=0)  # Excel keeps 15 to 16 digits


def test_cells_have_the_type_of_their_value() -> None:
    page = book_of([Sheet("Datos", MIXED, formats={"ha": NUMBER_HA})])["Datos"]
    assert [cell.data_type for cell in page[2]] == ["s", "n", "n", "s", "d", "d"]
    assert page["B2"].number_format == NUMBER_HA
    assert page["E2"].number_format == DATE
    assert page["F2"].value == dt.datetime(2025, 11, 19, 15, 18, 2)  # noqa: DTZ001
    assert [cell.value for cell in page[4]] == [
        *(None, None, -4, None),
        dt.datetime(1999, 12, 31),  # noqa: DTZ001
        dt.datetime(2025, 1, 1),  # noqa: DTZ001
    ]


def test_totals_are_numbers_under_the_rows() -> None:
    frame = pd.DataFrame({"campo": ["a", "b"], "ha": [1.5, None], "n": [2, 3], "x": ["", ""]})
    sheet = Sheet("T", frame, totals=["ha", "n"], notes=["una nota"], formats={"ha": NUMBER_HA})
    data = io.BytesIO(xlsx_bytes([sheet], CREATED))
    values = openpyxl.load_workbook(data, data_only=True)["T"].iter_rows(values_only=True)
    assert list(values)[3:] == [
        ("Total", 1.5, 5, None),
        (None, None, None, None),
        ("una nota", None, None, None),
    ]
    total = book_of([sheet])["T"]
    assert total["B4"].value == "=SUBTOTAL(109,B2:B3)"  # of what a filter leaves in sight
    assert total.auto_filter.ref == "A1:D3"  # the totals are not filtered away


def test_headers_are_as_high_as_their_text_and_paper_can_be_read() -> None:
    long = "Superficie sembrada que se declara en el portal, en hectáreas"
    few = Sheet("Pocas", pd.DataFrame({"x": ["a"] * 9}), {"x": long}, notes=["palabra " * 60])
    many = Sheet("Muchas", pd.DataFrame({f"c{i}": ["x" * 20] for i in range(40)}), freeze_columns=1)
    pages = book_of([few, many])
    page = pages["Pocas"]
    lines = len(long) / page.column_dimensions["A"].width
    assert page.row_dimensions[1].height >= 15 * lines
    assert page.row_dimensions[12].height > 15
    assert page.oddFooter.right.text == "Página &P de &N"
    assert (page.page_setup.paperSize, page.page_setup.orientation) == (9, "landscape")
    assert (page.page_setup.fitToWidth, page.page_setup.fitToHeight) == (None, 0)  # 1 wide
    wide = pages["Muchas"]
    assert wide.page_setup.fitToWidth >= 4  # 40 columns of 22 characters, not one page of ants
    assert wide.print_title_cols == "$A:$A"
    assert wide.print_title_rows == "$1:$1"


def test_no_workbook_holds_a_formula_but_its_totals() -> None:
    frame = pd.DataFrame({"campo": DANGEROUS, "ha": 1.0})
    chart = Chart("=1+1", "campo", "ha", ["#FF0000"] * len(frame))
    data = xlsx_bytes([Sheet("A", frame, totals=["ha"], chart=chart)], CREATED)
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
        drawn = book.read("xl/charts/chart1.xml").decode()
    formulas = [tag.text for tag in sheet.iter() if tag.tag.endswith("}f")]
    assert formulas == [f"SUBTOTAL(109,B2:B{len(frame) + 1})"]
    assert "<c:v>=1+1</c:v>" in drawn or "<a:t>=1+1</a:t>" in drawn


def test_headers_stay_in_sight_and_columns_fit() -> None:
    frame = pd.DataFrame({"a": ["x" * 30, "y"], "b": [1_234_567.891, 2.0], "c": ["z" * 500, ""]})
    headers = {"a": "Un encabezado", "b": "ha"}
    sheet = Sheet("A", frame, headers, {"b": NUMBER_HA}, totals=["b"], freeze_columns=1)
    page = book_of([sheet])["A"]
    assert page.freeze_panes == "B2"
    assert page.auto_filter.ref == "A1:C3"
    widths = [page.column_dimensions[name].width for name in "ABC"]
    assert widths[0] >= 31
    assert widths[1] >= len("1,234,569.89")
    assert widths[2] <= 61


def test_a_chart_has_a_bar_of_its_colour_for_each_row() -> None:
    frame = pd.DataFrame({"cultivo": ["Trigo", "Maíz"], "ha": [3.0, 4.0]})
    chart = Chart("Superficie", "cultivo", "ha", ["#A1661A", "#FDD835"])
    page = book_of([Sheet("O'Higgins", frame, chart=chart)])["O'Higgins"]
    (drawn,) = page._charts
    (series,) = drawn.series
    assert series.val.numRef.f == "'O''Higgins'!$B$2:$B$3"
    assert series.cat.strRef.f == "'O''Higgins'!$A$2:$A$3"
    assert [p.spPr.solidFill.srgbClr for p in series.dPt] == ["A1661A", "FDD835"]


def test_an_empty_table_is_a_header() -> None:
    frame = pd.DataFrame({"campo": pd.array([], dtype="string"), "ha": pd.array([], "float64")})
    chart = Chart("nada", "campo", "ha")
    sheet = Sheet("Vacía", frame, totals=["ha"], formats={"ha": NUMBER_SHARE}, chart=chart)
    assert cells_of([sheet, Sheet("Nada", pd.DataFrame())])[0] == [("campo", "ha"), ("Total", 0)]
    assert rows_of(csv_bytes(frame)) == [["campo", "ha"]]


def test_sheets_get_names_that_excel_takes() -> None:
    frame = pd.DataFrame({"a": [1]})
    names = ["Campo", "CAMPO", "a/b[c]:d*e?f\\g", "History", "'x'", "", "n" * 60, "ñ" * 60]
    titles = book_of([Sheet(name, frame) for name in names]).sheetnames
    assert len({title.casefold() for title in titles}) == len(names)
    assert all(0 < len(title) <= 31 and not set(title) & set("[]:*?/\\") for title in titles)


def test_equal_tables_give_equal_bytes() -> None:
    sheets = [Sheet("A", MIXED, totals=["ha"]), Sheet("B", MIXED)]
    assert xlsx_bytes(sheets, CREATED) == xlsx_bytes(sheets, CREATED)
    assert xlsx_bytes(sheets, CREATED) == xlsx_bytes(sheets, CREATED.astimezone(dt.UTC))
    assert xlsx_bytes(sheets, CREATED) != xlsx_bytes(sheets[:1], CREATED)
    book = book_of(sheets)
    assert book.properties.created == dt.datetime(2025, 11, 20, 6, 0, 2)  # noqa: DTZ001


def test_what_excel_cannot_hold_is_refused() -> None:
    wide = pd.DataFrame([[0] * 16_385])
    with pytest.raises(DataError, match="16385 columnas"):
        xlsx_bytes([Sheet("A", wide)], CREATED)
    with pytest.raises(DataError, match="un libro sin hojas no se puede abrir"):
        xlsx_bytes([], CREATED)


def test_a_mixed_column_keeps_the_type_of_each_cell() -> None:
    values = [
        *("007", "=1+1", "😀&<#>", "a" * 32_767, "x\x01y", None, float("nan"), math.inf, True),
        *(2**53, 1.5, dt.date(1900, 3, 1), dt.date(1850, 1, 1)),
        *(dt.datetime(2025, 1, 1, tzinfo=dt.UTC), True, 1, 1.0, "7"),
    ]
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object), "fin": 1})
    page = book_of([Sheet("A", frame)])["A"]
    read = [page.cell(row, 1) for row in range(2, 2 + len(values))]
    assert [cell.value for cell in read] == [
        *("007", "=1+1", "😀&<#>", "a" * MAX_TEXT, "xy", None, None, None, "sí"),
        *(2**53, 1.5, dt.datetime(1900, 3, 1)),  # noqa: DTZ001
        *(dt.datetime(1849, 12, 31), dt.datetime(2025, 1, 1)),  # noqa: DTZ001 - Excel has no 1850
        *("sí", 1, 1, "7"),
    ]
    assert "".join(cell.data_type for cell in read) == "sssssnnnsnndddsnns"
    assert [cell.row for cell in read if cell.quotePrefix] == [3]
    assert {cell.number_format for cell in read[11:13]} == {DATE}


def test_a_row_without_a_value_keeps_its_place() -> None:
    frame = pd.DataFrame({"a": [None, "x", None, None, "y", None], "b": [None] * 6})
    rows = cells_of([Sheet("A", frame, totals=["b"], notes=["nota"])])[0]
    assert [row[0] for row in rows[1:]] == [None, "x", None, None, "y", None, "Total", None, "nota"]


def test_rows_that_the_library_leaves_out_are_no_book(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets._Page, "_write_rows", Worksheet._write_rows)  # of a later release
    with pytest.raises(PublishError, match="no escribe las filas"):
        xlsx_bytes([Sheet("A", MIXED)], CREATED)
