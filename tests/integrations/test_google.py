"""Google's own client against the made-up Google: what is read, found and written, and faults."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from Modules.demo.google_office import ACCOUNT
from Modules.integrations.access import GoogleAccess
from Modules.integrations.google import FOLDER, SPREADSHEET, Google, cell_name
from Modules.portal.answers import NotThere
from Modules.words.errors import (
    ApiAuth,
    ApiContractChanged,
    ApiIncomplete,
    ApiRejected,
    ApiUnavailable,
    DataError,
    OutcomeUnknown,
)
from Modules.words.secret import Secret
from tests.faults.neighbours import Strike
from tests.integrations.conftest import RunningGoogle

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHORTCUT = "application/vnd.google-apps.shortcut"
HARD = r"Plan de muestreo - Ñandubay 'El \Viejo' - Noviembre 2026"
ROWS = [["Campo", "Lote", "Fecha"], ["Ñandubay", "L'2", date(2026, 11, 30)], [], ["x", 12.5]]


def test_rows_come_as_wide_as_the_widest_numbers_as_numbers_and_dates_as_shown(
    google: RunningGoogle,
) -> None:
    book = google.office.spreadsheet(
        "Plan", {"Hoja 1": ROWS, "L'otra ñ 50%/a:b": [["#REF!", True]]}
    )
    client = google.client()
    assert client.sheets(book) == ("Hoja 1", "L'otra ñ 50%/a:b")
    assert client.read(book, "Hoja 1") == [
        ["Campo", "Lote", "Fecha"],
        ["Ñandubay", "L'2", "30/11/2026"],
        ["", "", ""],
        ["x", 12.5, ""],
    ]
    assert client.read(book, "L'otra ñ 50%/a:b") == [["#REF!", True]]


def test_an_empty_sheet_has_no_rows_and_ten_thousand_come_in_one_request(
    google: RunningGoogle,
) -> None:
    many = [[f"L{row}", row, row / 4, date(2026, 11, 30)] for row in range(10_000)]
    book = google.office.spreadsheet("Plan", {"vacía": [], "muchas": many})
    client = google.client()
    assert client.read(book, "vacía") == []
    rows = client.read(book, "muchas")
    assert len(rows) == 10_000
    assert rows[-1] == ["L9999", 9999, 2499.75, "30/11/2026"]
    assert google.statuses("/values/") == [200, 200]


def test_a_sheet_that_is_not_there_names_those_that_are_also_when_renamed_meanwhile(
    google: RunningGoogle,
) -> None:
    book = google.office.spreadsheet("Plan", {"Plan": ROWS, "Notas ñ": []})
    client = google.client()
    assert len(client.read(book, "Plan")) == 4
    google.server.strike(Strike("google_sheet_renamed"))
    said = re.escape("no tiene una hoja 'Plan'; tiene 'Plan (2)', 'Notas ñ (2)'")
    with pytest.raises(DataError, match=said):
        client.read(book, "Plan")


def test_what_is_no_spreadsheet_or_not_there_is_refused_with_googles_words(
    google: RunningGoogle,
) -> None:
    excel = google.office.add("Plan.xlsx", EXCEL)
    with pytest.raises(ApiRejected, match="not supported for this document"):
        google.client().read(excel, "Plan")
    with pytest.raises(NotThere, match="Requested entity was not found"):
        google.client().read("nada", "Plan")


def test_cells_are_written_in_one_request_as_they_are(google: RunningGoogle) -> None:
    book = google.office.spreadsheet("Plan", {"L'otra ñ": [["Tarea"], ["x"]]})
    cells = {cell_name("L'otra ñ", 2, 1): "CAMPO-1", cell_name("L'otra ñ", 3, 0): "=1+1"}
    google.client().write(book, cells)
    assert google.office.books[book]["L'otra ñ"] == [["Tarea"], ["x", "CAMPO-1"], ["=1+1"]]
    google.client().write(book, {})
    assert [one.body["valueInputOption"] for one in google.office.asked if one.body] == ["RAW"]


@pytest.mark.parametrize(
    ("row", "column", "name"),
    [(1, 0, "A1"), (12, 25, "Z12"), (9, 26, "AA9"), (2, 701, "ZZ2"), (2, 702, "AAA2")],
)
def test_a_cell_is_named_as_sheets_names_it(row: int, column: int, name: str) -> None:
    assert cell_name("L'1", row, column) == f"'L''1'!{name}"


def test_files_are_found_by_name_whatever_is_in_it(google: RunningGoogle) -> None:
    office = google.office
    hard = office.spreadsheet(HARD, {"Hoja 1": []})
    office.spreadsheet("Plan de muestreo - Otro - Noviembre 2026", {})
    office.add("Plan de muestreo, carpeta")
    office.add(HARD, SPREADSHEET, trashed=True)
    (found,) = google.client().search_files(HARD)
    assert (found.id, found.name, found.mime_type) == (hard, HARD, SPREADSHEET)
    assert [x.name for x in google.client().search_files("plan de")] == [
        HARD,
        "Plan de muestreo - Otro - Noviembre 2026",
    ]


def test_two_files_of_one_name_are_two_and_shared_drives_are_searched(
    google: RunningGoogle,
) -> None:
    one = google.office.spreadsheet("Plan", {"a": []})
    two = google.office.add("Plan", SPREADSHEET, driveId="0AUnidadCompartida")
    assert [file.id for file in google.client().search_files("Plan")] == [one, two]


def test_a_shortcut_is_what_it_leads_to(google: RunningGoogle) -> None:
    folder, other = google.office.add("Planillas"), google.office.add("Plan, otra carpeta")
    book = google.office.spreadsheet("Plan", {"a": [["1"]]}, other)
    for name, to, kind in (("Plan, acá", book, SPREADSHEET), ("Plan, allá", other, FOLDER)):
        details = {"targetId": to, "targetMimeType": kind}
        google.office.add(name, SHORTCUT, folder, shortcutDetails=details)
    (found,) = google.client().search_files("Plan", folder)
    assert (found.id, found.name, found.mime_type) == (book, "Plan, acá", SPREADSHEET)
    google.office.add("Plan", SHORTCUT, folder, shortcutDetails={**details, "targetId": book})
    google.office.files[max(google.office.files)]["shortcutDetails"]["targetMimeType"] = SPREADSHEET
    both = google.client().search_files("Plan", folder, recursive=True)  # of one name it is one
    assert sorted((one.id, one.name) for one in both) == [(book, "Plan"), (book, "Plan, acá")]


def test_folders_are_looked_into_each_once_however_they_are_nested(google: RunningGoogle) -> None:
    office = google.office
    top = office.add("Campo")
    below = [office.add(f"Año {year}", folder=top) for year in range(45)]
    deep = office.add("Plan, carpeta", folder=below[-1])
    office.files[top]["parents"] = [deep]  # a loop
    wanted = {office.spreadsheet("Plan", {}, folder) for folder in (top, below[7], deep)}
    office.spreadsheet("Plan", {}, office.add("Otra"))
    client = google.client()
    assert {one.id for one in client.search_files("Plan", top, recursive=True)} == wanted
    assert len(google.statuses("/files")) == 1 + 3 + 1  # 45 folders by fifteens, and the deep one
    assert len(client.search_files("Plan", top)) == 1
    with pytest.raises(NotThere):
        client.search_files("Plan", "no-es-una-carpeta")


def test_every_page_is_read_and_a_token_that_comes_again_ends_it(google: RunningGoogle) -> None:
    google.office.page_limit = 10
    wanted = [google.office.spreadsheet(f"Plan {at}", {}) for at in range(35)]
    assert [one.id for one in google.client().search_files("Plan")] == wanted
    assert google.statuses("/files") == [200] * 4
    google.server.strike(Strike("google_token_repeats", "/files", times=9))
    with pytest.raises(ApiContractChanged, match="una página lleva a otra que ya se leyó"):
        google.client().search_files("Plan")
    assert google.statuses("/files") == [200] * 6


def test_a_search_that_google_did_not_finish_is_not_taken_for_whole(
    google: RunningGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = google.office.answer

    def partly(*args: object) -> dict[str, object]:
        return {**whole(*args), "incompleteSearch": True}  # type: ignore[arg-type]

    monkeypatch.setattr(google.office, "answer", partly)
    with pytest.raises(ApiIncomplete, match="no buscó en todas partes"):
        google.client().search_files("Plan")


@pytest.mark.parametrize(
    ("fault", "statuses", "waits"),
    [
        ("neighbour_429_wait", [200], [7.0]),
        ("neighbour_503_wait", [200], [7.0]),
        ("neighbour_429", [200], None),
        ("neighbour_500", [200], None),
        ("google_403_rate", [200], None),
        ("neighbour_cut", [200], None),
        ("neighbour_cut_done", [200, 200], None),
        ("neighbour_half_done", [200, 200], None),
        ("google_expired", [401, 200], []),
    ],
)
def test_a_fault_that_passes_costs_a_read_one_more_request(
    google: RunningGoogle, fault: str, statuses: list[int], waits: list[float] | None
) -> None:
    book = google.office.spreadsheet("Plan", {"Plan": ROWS})
    client = google.client()
    client.sheets(book)
    google.server.strike(Strike(fault, "/values/"))
    assert len(client.read(book, "Plan")) == 4
    assert google.statuses("/values/") == statuses
    assert len(google.slept) == 1 if waits is None else google.slept == waits


def test_a_token_that_is_over_is_renewed_before_it_is_refused(google: RunningGoogle) -> None:
    google.office.token_life_s = 60.0  # less than google-auth keeps a token for
    book = google.office.spreadsheet("Plan", {"Plan": ROWS})
    client = google.client()
    client.read(book, "Plan")
    client.read(book, "Plan")
    assert google.statuses("/token") == [200, 200]
    assert google.statuses("/values/") == [200, 200]


@pytest.mark.parametrize(
    ("fault", "error"), [("neighbour_403", ApiAuth), ("neighbour_302", ApiRejected)]
)
def test_a_refusal_is_asked_once(google: RunningGoogle, fault: str, error: type[Exception]) -> None:
    google.server.strike(Strike(fault, "/files"))  # once: another try would do
    with pytest.raises(error):
        google.client().search_files("Plan")
    assert google.slept == []


def test_a_token_that_is_refused_again_is_no_way_in(google: RunningGoogle) -> None:
    google.server.strike(Strike("google_expired", "/files", times=None))
    with pytest.raises(ApiAuth, match="revisar LINDERO_GOOGLE_REFRESH_TOKEN"):
        google.client().search_files("Plan")
    assert google.statuses("/files") == [401, 401]


def test_what_does_not_pass_ends_after_the_tries(google: RunningGoogle) -> None:
    strike = Strike("neighbour_500", "/files", times=5)
    google.server.strike(strike)
    with pytest.raises(ApiUnavailable, match=r"HTTP 500.*4 intentos"):
        google.client().search_files("Plan")
    assert strike.times == 1
    google.server.strike(Strike("neighbour_429_hour", "/about"))
    told = google.client().test_connection()
    assert told["status"] == "error"
    assert "3.600 s" in told["message"]


@pytest.mark.parametrize(
    "fault",
    [
        "neighbour_cut_done",
        "neighbour_half_done",
        "neighbour_502_done",
        "neighbour_html_done",
        "neighbour_hang_done",
    ],
)
def test_a_write_whose_answer_does_not_come_is_sent_once(google: RunningGoogle, fault: str) -> None:
    book = google.office.spreadsheet("Plan", {"Plan": [["Tarea"]]})
    client = google.client(timeout_s=0.4)
    google.server.strike(Strike(fault, ":batchUpdate"))
    with pytest.raises(OutcomeUnknown, match="no se sabe si quedó hecho"):
        client.write(book, {cell_name("Plan", 1, 1): "CAMPO-1"})
    assert google.office.books[book]["Plan"] == [["Tarea", "CAMPO-1"]]
    assert google.statuses(":batchUpdate") == [200]
    assert google.slept == []


@pytest.mark.parametrize("fault", ["neighbour_429", "neighbour_503_wait", "google_expired"])
def test_a_write_that_was_surely_not_done_is_sent_again(google: RunningGoogle, fault: str) -> None:
    book = google.office.spreadsheet("Plan", {"Plan": [["Tarea"]]})
    google.server.strike(Strike(fault, ":batchUpdate"))
    google.client().write(book, {cell_name("Plan", 1, 1): "CAMPO-1"})
    assert google.office.books[book]["Plan"] == [["Tarea", "CAMPO-1"]]


def test_a_token_that_cannot_be_had_for_a_write_leaves_nothing_unknown(
    google: RunningGoogle,
) -> None:
    book = google.office.spreadsheet("Plan", {"Plan": [["Tarea"]]})
    strike = Strike("neighbour_500", "/token", times=5)
    google.server.strike(strike)
    with pytest.raises(ApiUnavailable, match=r"pedir un token.*HTTP 500") as caught:
        google.client().write(book, {cell_name("Plan", 1, 1): "CAMPO-1"})
    assert not isinstance(caught.value, OutcomeUnknown)
    assert strike.times == 1  # four tries of ours; google-auth adds none of its own
    assert google.statuses(":batchUpdate") == []


def test_the_faults_of_a_sheet_are_what_they_say(google: RunningGoogle) -> None:
    book = google.office.spreadsheet("Plan", {"Plan": [["a", "b"], [1, 2]]}, google.office.add("x"))
    client = google.client()
    for fault, rows in (
        ("google_column_moved", [["b", "a"], [2, 1]]),
        ("google_row_added", [["b", "a"], ["", ""], [2, 1]]),
    ):
        google.server.strike(Strike(fault))
        assert client.read(book, "Plan") == rows
    google.server.strike(Strike("google_sheet_renamed"))
    assert client.sheets(book) == ("Plan (2)",)
    google.server.strike(Strike("google_twin_files"))
    one, two = client.search_files("Plan")
    assert one.name == two.name
    assert one.id != two.id
    assert client.read(one.id, "Plan (2)") == client.read(two.id, "Plan (2)")


def test_threads_share_one_client_and_one_token(google: RunningGoogle) -> None:
    books = [google.office.spreadsheet("Plan", {"Plan": [[at]]}) for at in range(8)]
    client, gate = google.client(), threading.Barrier(8)

    def read(book: str) -> list[list[object]]:
        gate.wait(10)
        return list(client.read(book, "Plan"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, books)) == [[[at]] for at in range(8)]
    assert google.statuses("/token") == [200]


def test_a_proxy_of_the_environment_gets_nothing_that_is_for_this_machine(
    google: RunningGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert google.client().test_connection() == {"status": "ok", "account": ACCOUNT}


def test_nobody_there_is_said_so_and_asked_again(google: RunningGoogle) -> None:
    gone = GoogleAccess(refresh_token=Secret("x"), endpoint="http://127.0.0.1:9", client_id="x",
        client_secret=Secret("x"))  # fmt: skip
    with pytest.raises(ApiUnavailable, match=r"127\.0\.0\.1:9 rechazó la conexión"):
        Google(gone, sleep=google.slept.append).search_files("Plan")
    assert len(google.slept) == 3
