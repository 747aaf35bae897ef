"""What people and neighbours do to a plan's sheet and its issues, over real sockets."""

from __future__ import annotations

import pytest

from Modules.words.errors import TareasFailed
from tests.faults.neighbours import Strike
from tests.fieldwork.conftest import Farm
from tests.fieldwork.test_plan import TAREA, changed, keys, results, run


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
