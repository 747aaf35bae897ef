"""What people and neighbours do to a plan's sheet and its issues, over real sockets."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from typing import Any

import pytest

from Modules.fieldwork.join import join
from Modules.words.errors import SettingsError, TareasFailed
from tests.faults.neighbours import Strike
from tests.fieldwork.conftest import Farm
from tests.fieldwork.test_plan import TAREA, at_creation, changed, keys, results, run


def test_one_sheet_that_may_not_be_read_is_named_and_the_others_are_done(farm: Farm) -> None:
    """As where somebody shared a shortcut and not the sheet that it leads to."""
    rows = farm.rows(6)
    farm.plan(rows[:5])
    other = farm.plan([rows[0], *rows[5:]], "Otro")
    farm.google.server.strike(Strike("neighbour_403", f"GET .*/{other}", times=None))
    done = run()
    assert results(done) == {"nueva": 4}
    assert done.parcial
    assert "Otro - Noviembre 2026: Google Sheets, las hojas: HTTP 403" in done.aviso


def test_one_sheet_that_may_not_be_written_is_named_and_the_others_get_their_keys(
    farm: Farm,
) -> None:
    rows = farm.rows(6)
    first, other = farm.plan(rows[:5]), farm.plan([rows[0], *rows[5:]], "Otro")
    farm.google.server.strike(Strike("neighbour_403", f"POST .*/{first}", times=None))
    done = run()
    assert isinstance(done.error, TareasFailed)
    assert "no se pudieron anotar las claves: Google Sheets, escribir: HTTP 403" in done.markdown
    assert (keys(farm, first), keys(farm, other)) == ([""] * 4, ["CAMPO-5", "CAMPO-6"])


def test_one_issue_that_may_not_be_changed_is_named_and_the_others_are(farm: Farm) -> None:
    """As where a person moved it to a project in which this account only looks."""
    book = farm.plan(farm.rows(3))
    run()
    rows = farm.office.books[book]["Plan"]
    rows[1][2] = rows[2][2] = "20/11/2026"
    rows[3][TAREA] = ""
    farm.jira.server.strike(Strike("neighbour_403", "PUT .*/CAMPO-1", times=None))
    done = run()
    assert results(done) == {"cambiada": 1, "sin cambios": 1, "NO SALIÓ": 1}
    assert "fila 2: Jira, cambiar CAMPO-1: HTTP 403" in str(done.error)
    assert changed(farm) == ["issue/CAMPO-2"]
    assert keys(farm, book) == ["CAMPO-1", "CAMPO-2", "CAMPO-3"]


def test_a_sheet_copied_from_last_month_gets_the_keys_of_this_one(farm: Farm) -> None:
    """Its keys are ours, of other issues; a key of theirs, or beside words of theirs, stays."""
    farm.plan(farm.rows(4))
    run()
    rows = farm.rows(4)
    for at, row in enumerate(rows[1:], 1):
        row[2], row[TAREA] = f"{at:02d}/12/2026", f"CAMPO-{at}"
    rows[3][TAREA], rows[4][TAREA] = "OPS-7", "depende de CAMPO-1"
    title = "Plan de muestreo - Demo - Diciembre 2026"
    book = farm.office.spreadsheet(title, {"Plan": rows})
    done = run(mes="Diciembre 2026")
    assert keys(farm, book) == ["CAMPO-5", "CAMPO-6", "OPS-7", "depende de CAMPO-1"]
    told = done.markdown.replace("\\", "")
    assert "fila 4, columna Tarea (G4): dice OPS-7; su tarea es CAMPO-7, y no se anotó" in told
    assert "fila 5, columna Tarea (G5): dice CAMPO-1; su tarea es CAMPO-8, y no se anotó" in told
    assert results(run(mes="Diciembre 2026")) == {"sin cambios": 4}


def test_a_machine_that_knows_nothing_believes_the_key_of_a_row_that_its_issue_confirms(
    farm: Farm,
) -> None:
    """Its Jira does not show yet what another machine made; one key is of another row."""
    book = farm.plan(farm.rows(3))
    run()
    rows = farm.office.books[book]["Plan"]
    rows[2][TAREA] = ""
    rows[3][TAREA] = "CAMPO-1"
    shutil.rmtree(farm.folder / "state" / "test" / "jira")
    (farm.folder / "state" / "test" / "tareas.json").unlink()
    farm.site.lag_s = 90.0
    assert results(run()) == {"sin cambios": 1, "nueva": 2}
    assert keys(farm, book) == ["CAMPO-1", "CAMPO-4", "CAMPO-5"]


def test_a_month_that_has_its_issues_gets_no_others_when_the_campania_changes(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.plan(farm.rows(3))
    with monkeypatch.context() as before:
        before.setattr("Modules.fieldwork.plan.join", of_another_season)
        run()
    done = run()
    assert results(done) == {"NO SALIÓ": 3}
    assert "fila 2: ya tiene la tarea CAMPO-1, de otra campaña" in str(done.error)
    assert len(farm.site.issues) == 3


def of_another_season(*given: Any) -> Any:
    trabajos, findings = join(*given)
    return tuple(
        replace(one, clave=one.clave.replace("25/26", "24/25")) for one in trabajos
    ), findings


def test_what_is_not_asked_for_this_time_is_not_said_to_be_asked_for_no_more(farm: Farm) -> None:
    rows = farm.rows(100)
    book = farm.plan(rows)
    run()
    done = run(campos=[rows[1][0]])
    assert "Quedan en Jira" not in done.markdown
    farm.office.books[book]["Plan"][1][1] = "No existe"
    told = run().markdown
    assert "CAMPO-1: no la pide ninguna de las filas que se leyeron bien" in told


def test_a_row_that_changes_while_its_issue_is_made_is_named(farm: Farm) -> None:
    rows = farm.rows(3)
    book = farm.plan([row[:TAREA] for row in rows])
    sheet = farm.office.books[book]["Plan"]
    at_creation(farm, lambda: sheet[2].__setitem__(1, "No existe"))
    done = run()
    assert keys(farm, book) == ["CAMPO-1", "", "CAMPO-3"]
    assert "fila 3: cambió mientras se hacía la tarea; su tarea es CAMPO-2" in done.markdown


def test_less_than_no_issue_is_refused(farm: Farm) -> None:
    farm.plan(farm.rows(3))
    with pytest.raises(SettingsError, match="max_tareas es -1"):
        run(max_tareas=-1)
    assert results(run(max_tareas=0)) == {"para la próxima corrida": 3}
    assert farm.site.issues == {}


def test_a_month_is_read_however_it_is_written_and_what_may_be_it_is_named(farm: Farm) -> None:
    rows = farm.rows(8)
    farm.plan(rows[:2])
    titles = ("Norte - Nov. 2026", "Sur - noviembre de 2026", "Este - NOVIEMBRE 26")
    for at, title in enumerate((*titles, "Oeste - Noviembre", "Vieja - Noviembre 2025 (2)"), 2):
        book = {"Plan": [rows[0], rows[at]]}
        farm.office.spreadsheet(f"Plan de muestreo - {title}", book)
    done = run()
    assert results(done) == {"nueva": 4}
    (unread,) = done.calidad
    assert unread["dónde"] == "Plan de muestreo - Oeste - Noviembre"
    assert unread["qué"].startswith("no se lee: no se llama «Plan de muestreo - ")
    for one in farm.office.files.values():  # none of the exact name: those that say it are read
        one["name"] = re.sub(r"(2026|26)$", r"\1 v2", one["name"])
    again = run()
    assert results(again) == {"sin cambios": 1}
    assert [one["dónde"] for one in again.calidad] == [
        "Plan de muestreo - Norte - Nov. 2026 v2",
        "Plan de muestreo - Sur - noviembre de 2026 v2",
        "Plan de muestreo - Este - NOVIEMBRE 26 v2",
        "Plan de muestreo - Oeste - Noviembre",
    ]


def test_sheets_of_a_file_that_are_not_read_are_named(farm: Farm) -> None:
    rows = farm.rows(6)
    title = "Plan de muestreo - {} - Noviembre 2026"
    own = [[rows[0], row] for row in rows[1:]]
    farm.office.spreadsheet(title.format("Uno"), {"Norte": own[0], "Sur": own[1]})
    farm.office.spreadsheet(title.format("Dos"), {"Listas": own[2], "Plan": own[3]})
    done = run()
    assert results(done) == {"nueva": 2}
    (unread,) = done.calidad
    assert unread["qué"] == "se lee la hoja Norte, y no se leen las otras: Sur"
    assert unread["dónde"] == title.format("Uno")


@pytest.mark.parametrize("titles", [(), ("Tarea", "Jira")], ids=["no column", "two columns"])
def test_what_to_do_about_keys_that_have_no_place_is_said(
    farm: Farm, titles: tuple[str, ...]
) -> None:
    """A sheet without a column for them is as wide as its grid may be; or it has two."""
    rows = [row[:TAREA] for row in farm.rows(2)]
    rows[0] += titles
    farm.plan(rows)
    farm.google.server.strike(Strike("google_400_grid", "POST .*batchUpdate", times=None))
    done = run()
    (finding,) = [one for one in done.calidad if one["gravedad"] == "rechaza"]
    said, todo = (
        ("hay más de una columna", "") if titles else ("exceeds grid", "agregar una columna")
    )
    assert said in finding["qué"]
    assert finding["detalle"].startswith(todo or "volver a correr")
