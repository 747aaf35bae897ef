"""Tables for spreadsheets: CSV and XLSX that cannot turn text into a formula.

Text that begins with ``= + - @`` (also after blanks or control characters) stays text: in CSV a
``'`` stands in front of it, as OWASP's ASVS asks; in XLSX every text is written as a string cell,
marked with Excel's quote prefix, so that it stays text when somebody edits the cell. Control
characters never reach a file. Numbers are numbers, dates are dates, missing values empty cells,
true and false are "sí" and "no". Equal tables give equal bytes; nothing writes the time of day.
The only formulas are the totals: SUBTOTAL of the rows that a filter leaves in sight.

CSV: UTF-8 with byte order mark (Excel needs it), comma, CRLF, quotes as in RFC 4180, decimal
point, instants as ISO 8601 in UTC. XLSX: instants are UTC without a zone, as Excel has none.
"""

from __future__ import annotations

import csv
import io
import math
import textwrap
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pandas as pd
import xlsxwriter
from pandas.api.types import is_numeric_dtype
from xlsxwriter.exceptions import XlsxWriterException
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from Modules.formats.cells import cells
from Modules.words.errors import DataError, PublishError
from Modules.words.names import unique_names
from Modules.words.text import MAX_TEXT, clean_text

NUMBER_HA: Final = "#,##0.00"  # Excel shows it with the separators of its own locale: 1.234,50
NUMBER_WHOLE: Final = "#,##0"
NUMBER_SHARE: Final = "0.0%"
DATE: Final = "dd/mm/yyyy"
INSTANT: Final = "dd/mm/yyyy hh:mm"

MAX_SHEET_NAME: Final = 31  # Excel's limits
MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
MAX_WIDTH: Final = 60
_MIN_WIDTH: Final = 8
_LINE_PT: Final = 15.0
_PAGE_CHARACTERS: Final = 145  # across A4 on its side, at full size
_CHART_CHARACTERS: Final = 105
_SMALLEST: Final = 0.7  # of full size: smaller cannot be read, so it goes to a page beside
_SUM_IN_SIGHT: Final = 109  # of SUBTOTAL: rows hidden by a filter or by hand are left out

_FORMULA_STARTS: Final = frozenset("=+-@\t\r\n\x00＝＋－＠")
_TEXT_OR_NONE: Final = frozenset({str, type(None)})
_LETTERS_SAMPLED: Final = 2_000  # rows looked at for the width of a column


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar for each row of the sheet: ``label`` and ``value`` are columns of its frame.

    ``colours`` is #RRGGBB for each row, or empty for one colour.
    """

    title: str
    label: str
    value: str
    colours: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: a header, the rows, totals under them, notes under those.

    ``headers`` gives the header of a column where it is not the column's name; ``formats`` the
    number format, where the type of the column does not say enough; ``totals`` are the columns that
    are summed. Headers may repeat, columns may not. It prints on A4 that can be read.
    """

    name: str
    frame: pd.DataFrame = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(default_factory=dict)
    totals: Sequence[str] = ()
    notes: Sequence[str] = ()
    freeze_columns: int = 0
    chart: Chart | None = None


def guarded(text: str) -> str:
    """Text as a CSV cell: no control characters, and a ``'`` before what Excel would compute."""
    clean = clean_text(text, MAX_TEXT)
    return f"'{clean}" if clean[:1] in _FORMULA_STARTS and clean else clean


def csv_bytes(frame: pd.DataFrame, headers: Mapping[str, str] | None = None) -> bytes:
    """A table as CSV; see the module for the dialect. Geometry columns are left to callers."""
    names = headers or {}
    columns = [_each(_cells(frame.iloc[:, at]), _csv_cell) for at in range(frame.shape[1])]
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow([guarded(names.get(str(name), str(name))) for name in frame.columns])
    writer.writerows(zip(*columns, strict=True))
    return sink.getvalue().encode("utf-8-sig")


def xlsx_bytes(sheets: Sequence[Sheet], created: datetime) -> bytes:
    """A workbook, by XlsxWriter; ``created`` is the only time in it.

    Raises:
        DataError: a sheet is larger than Excel takes, or there is none.
    """
    for sheet in sheets:
        rows, columns = sheet.frame.shape
        if rows + 2 + len(sheet.notes) > MAX_ROWS or columns > MAX_COLUMNS:
            raise DataError(
                f"la hoja {sheet.name!r} tiene {rows} filas y {columns} columnas; Excel no acepta "
                f"más de {MAX_ROWS} y {MAX_COLUMNS}"
            )
    if not sheets:
        raise DataError("un libro sin hojas no se puede abrir")
    sink = io.BytesIO()
    book = _Book(sink, created)
    names = unique_names(
        {str(at): _excel_name(sheet.name) for at, sheet in enumerate(sheets)}, MAX_SHEET_NAME
    )
    for at, sheet in enumerate(sheets):
        book.add(sheet, names[str(at)])
    book.close()
    return sink.getvalue()


# --- cells ---------------------------------------------------------------------------------------


def _cells(column: pd.Series) -> list[Any]:
    """Values as plain Python: str, int, float, bool, date, datetime (UTC), or None."""
    values: list[Any] = cells(column).tolist()
    if is_numeric_dtype(column.dtype) and np.isfinite(column.to_numpy(float, na_value=0.0)).all():
        return values
    return _each(values, _cell)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value, MAX_TEXT) or None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    return value if value is None or isinstance(value, date) else clean_text(str(value), MAX_TEXT)


def _each(values: list[Any], read: Callable[[Any], Any]) -> list[Any]:
    """What ``read`` makes of each; in a column of text only once of what comes again."""
    if not _TEXT_OR_NONE.issuperset(map(type, values)):
        return [read(value) for value in values]
    known = {value: read(value) for value in dict.fromkeys(values)}
    return [known[value] for value in values]


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, bool):
        return "sí" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else repr(value)


# --- workbook ------------------------------------------------------------------------------------


class _Page(Worksheet):
    """XlsxWriter's worksheet, but for the rows of the table: they are given as ready-made XML."""

    dim_rowmax: int  # of XlsxWriter: the last row there is
    body: tuple[list[str], ...] = ()  # the cells of each column, with # for the number of the row

    def _set_xml_writer(self, filename: Any) -> None:
        """Collect bytes: the text of a large sheet would be joined, and encoded, beside itself."""
        super()._set_xml_writer(filename)
        collected = io.BytesIO()
        self.fh = io.TextIOWrapper(collected, "utf-8", newline="")

        def encode(_encoding: str) -> bytes:
            self.fh.flush()
            return collected.getvalue()

        vars(filename)["getvalue"] = lambda: SimpleNamespace(encode=encode)  # all that is asked

    def _write_rows(self) -> None:
        """The header as XlsxWriter writes it, the body, and so what stands under it."""
        last, self.dim_rowmax, row = self.dim_rowmax, 0, 1
        super()._write_rows()
        for row, xml in enumerate(zip(*self.body, strict=True), start=2):
            if line := "".join(xml):
                self.fh.write(f'<row r="#">{line}</row>'.replace("#", str(row)))
        self.dim_rowmin, self.dim_rowmax, self.body = row, last, ()
        super()._write_rows()


class _Book:
    """An XlsxWriter workbook in memory, and the cell formats that are made so far."""

    def __init__(self, sink: io.BytesIO, created: datetime) -> None:
        options = {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "remove_timezone": True,
        }
        self._book = xlsxwriter.Workbook(sink, options)
        fixed = created.astimezone(UTC).replace(tzinfo=None) if created.tzinfo else created
        self._book.set_properties({"created": fixed, "author": "Lindero"})
        self._formats: dict[tuple[tuple[str, Any], ...], Format] = {}

    def format(self, **properties: Any) -> Format:
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(properties)
        return self._formats[key]

    def add(self, sheet: Sheet, name: str) -> None:
        page = self._book.add_worksheet(name, _Page)
        frame, rows = sheet.frame, len(sheet.frame)
        widths, lines = [], 1
        head = {"bold": True, "bg_color": "#E8F5E9", "bottom": 1, "text_wrap": True, "indent": 1}
        for at, column in enumerate(map(str, frame.columns)):
            header = sheet.headers.get(column, column)
            cells = _cells(frame.iloc[:, at])
            total = self._total(sheet, column, cells)
            text = clean_text(header) or " "
            risky = text[0] in _FORMULA_STARTS
            look = self.format(valign="top", quote_prefix=risky, **head)
            page.write_string(0, at, text, look)
            self._column(page, at, cells, sheet.formats.get(column))
            self._last(page, rows + 1, at, total, sheet)
            widths.append(_width(header, cells, total, sheet.formats.get(column)))
            lines = max(lines, _lines(header, widths[-1] - 3))  # 3: the arrow of the filter
            page.set_column(at, at, widths[-1])
        page.set_row(0, lines * _LINE_PT)
        self._finish(page, sheet, widths)
        self._notes(page, sheet, widths)
        if sheet.chart is not None and rows:
            self._chart(page, name, sheet, sheet.chart)

    def _column(self, page: _Page, at: int, cells: list[Any], number: str | None) -> None:
        """Give the page a column; XlsxWriter's own way, cell by cell, takes four times as long."""
        index = page.str_table._get_shared_string_index

        @cache
        def start(kind: str = "", **look: Any) -> str:
            style = f' s="{self.format(**look)._get_xf_index()}"' if look else ""
            return f'<c r="{xl_col_to_name(at)}#"{style}{kind}><v>'

        shared = ' t="s"'
        text, risky = start(shared, indent=1), start(shared, indent=1, quote_prefix=True)
        figure = start(num_format=number) if number else start()

        def xml(value: Any) -> str:
            if value is None:
                return ""
            if isinstance(value, str):
                return f"{risky if value[0] in _FORMULA_STARTS else text}{index(value)}</v></c>"
            if isinstance(value, bool):
                return f"{start(shared)}{index('sí' if value else 'no')}</v></c>"
            if isinstance(value, date):
                usual = INSTANT if isinstance(value, datetime) else DATE
                serial = page._convert_date_time(value)
                return f"{start(num_format=number or usual)}{serial:.16G}</v></c>"
            return f"{figure}{value:.16G}</v></c>"

        page.body += (_each(cells, xml),)
        page._check_dimensions(len(cells), at)  # grows those of the sheet

    def _total(self, sheet: Sheet, column: str, cells: Sequence[Any]) -> float | int | None:
        if column not in sheet.totals:
            return None
        numbers = [value for value in cells if value is not None]
        whole = all(isinstance(value, int) for value in numbers)
        return sum(numbers) if whole else math.fsum(numbers)

    def _last(
        self, page: Worksheet, row: int, at: int, total: float | int | None, sheet: Sheet
    ) -> None:
        """The cell of a column in the row of totals; the first column says what the row is."""
        if not sheet.totals:
            return
        if total is not None:
            number = sheet.formats.get(str(sheet.frame.columns[at]), NUMBER_WHOLE)
            look = self.format(bold=True, top=1, num_format=number)
            if row == 1:  # no rows: a range of them would be the cell itself
                page.write_number(row, at, total, look)
                return
            rows = f"{xl_rowcol_to_cell(1, at)}:{xl_rowcol_to_cell(row - 1, at)}"
            page.write_formula(row, at, f"=SUBTOTAL({_SUM_IN_SIGHT},{rows})", look, total)
        elif at == 0:
            page.write_string(row, at, "Total", self.format(bold=True, top=1))
        else:
            page.write_blank(row, at, None, self.format(bold=True, top=1))

    def _finish(self, page: Worksheet, sheet: Sheet, widths: Sequence[float]) -> None:
        rows, columns = sheet.frame.shape
        frozen = min(sheet.freeze_columns, columns)
        page.freeze_panes(1, frozen)
        page.repeat_rows(0)
        if frozen:
            page.repeat_columns(0, frozen - 1)
        page.set_landscape()
        page.set_paper(9)  # A4
        page.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.7)
        again = sum(widths[:frozen])  # on every page
        width = sum(widths) + (_CHART_CHARACTERS if sheet.chart and rows else 0) - again
        room = max(_PAGE_CHARACTERS / _SMALLEST - again, _PAGE_CHARACTERS / 2)
        page.fit_to_pages(max(1, math.ceil(width / room)), 0)
        page.set_footer("&L&F · &A&RPágina &P de &N")
        if columns and rows:
            page.autofilter(0, 0, rows, columns - 1)
        page.ignore_errors({"number_stored_as_text": f"A1:XFD{rows + 2}"})  # a lote called "7"

    def _notes(self, page: Worksheet, sheet: Sheet, widths: Sequence[float]) -> None:
        """Write the notes across the columns, as high as they need."""
        first = len(sheet.frame) + (3 if sheet.totals else 2)
        look = self.format(italic=True, text_wrap=True, valign="top")
        last, width = 0, 0.0
        while last < len(widths) and width < _PAGE_CHARACTERS:
            width += widths[last]
            last += 1
        for row, note in enumerate(sheet.notes, start=first):
            text = clean_text(note, MAX_TEXT)
            if last > 1:
                page.merge_range(row, 0, row, last - 1, text, look)
            else:
                page.write_string(row, 0, text, look)
            page.set_row(row, _lines(text, width) * _LINE_PT)

    def _chart(self, page: Worksheet, name: str, sheet: Sheet, chart: Chart) -> None:
        columns = [str(column) for column in sheet.frame.columns]
        label, value = columns.index(chart.label), columns.index(chart.value)
        rows = len(sheet.frame)
        drawing = self._book.add_chart({"type": "bar"})
        if drawing is None:
            raise DataError("este XlsxWriter no dibuja gráficos de barras")
        drawing.add_series(
            {
                "name": chart.title,
                "categories": [name, 1, label, rows, label],
                "values": [name, 1, value, rows, value],
                "categories_data": _cells(sheet.frame[chart.label]),
                "values_data": _cells(sheet.frame[chart.value]),
                "points": [{"fill": {"color": colour}} for colour in chart.colours],
                "gap": 50,
            }
        )
        drawing.set_title({"name": chart.title, "name_font": {"size": 12}})
        drawing.set_legend({"none": True})
        drawing.set_x_axis({"num_format": NUMBER_WHOLE, "major_gridlines": {"visible": True}})
        drawing.set_y_axis({"reverse": True})
        drawing.set_size({"width": 640, "height": min(900, 120 + 26 * rows)})
        page.insert_chart(1, len(columns) + 1, drawing)

    def close(self) -> None:
        try:
            self._book.close()
        except (XlsxWriterException, zipfile.BadZipFile, OSError) as err:
            raise PublishError(f"no se pudo armar un libro: {err}") from err
        if any(page.body for page in self._book.worksheets()):
            raise PublishError("este XlsxWriter no escribe las filas: instalá el de la lista")


def _lines(text: str, width: float) -> int:
    """How many lines a text takes, wrapped at blanks, in so many characters."""
    return max(1, len(textwrap.wrap(text, max(1, int(width)))))


def _width(header: str, cells: Sequence[Any], total: float | None, number: str | None) -> float:
    """Characters that the longest cell needs, the header wrapped at blanks."""
    words = max((len(word) for word in header.split()), default=0)
    longest = max((_length(value, number) for value in cells[:_LETTERS_SAMPLED]), default=0)
    if total is not None:
        longest = max(longest, _length(total, number) + 1)
    lines = max(words + 3, math.ceil(len(header) / 2) + 2)  # 3: the arrow of the filter
    return float(min(MAX_WIDTH, max(_MIN_WIDTH, longest + 2, lines)))


def _length(value: Any, number: str | None) -> int:
    if value is None:
        return 0
    if isinstance(value, datetime):
        return 16
    if isinstance(value, date):
        return 10
    if isinstance(value, float):
        return len(f"{value:,.2f}") if number else len(repr(value))
    return len(f"{value:,}") if isinstance(value, int) and number else len(str(value))


def _excel_name(name: str) -> str:
    """A sheet's name without what Excel forbids in one: ``[ ] '`` at the ends, "History"."""
    plain = clean_text(name).replace("[", "(").replace("]", ")").strip("' ")
    return f"{plain}_" if plain.casefold() == "history" else plain
