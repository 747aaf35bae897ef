"""From the sheet to the field and back, over real sockets: the whole story, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from Modules.fieldwork.plan import plan_muestreo_a_jira
from Modules.jobs.outcome import Outcome
from Modules.store.tareas import read_tareas, writing_lock
from Modules.words.errors import RunLocked, SettingsError, TareasFailed
from tests.faults.neighbours import Strike
from tests.fieldwork.conftest import Farm

TAREA = 6  # column of the keys


def run(**more: Any) -> Outcome:
    given: dict[str, Any] = {"solo_validar": False, "test": True, "mes": "Noviembre 2026"}
    return asyncio.run(plan_muestreo_a_jira(**{**given, **more}))


def results(outcome: Outcome) -> dict[str, int]:
    return {what: times for what, times in outcome.data["totales"].items() if times}


def keys(farm: Farm, book: str, column: int = TAREA, sheet: str = "Plan") -> list[Any]:
    return [row[column] if len(row) > column else "" for row in farm.office.books[book][sheet]][1:]


def created(farm: Farm) -> list[int]:
    """How many issues each request was to create."""
    bulk = [one for one in farm.site.asked if one.path == "issue/bulk"]
    return [len(one.body["issueUpdates"]) for one in bulk]


def changed(farm: Farm) -> list[str]:
    return [one.path for one in farm.site.asked if one.method == "PUT"]


def written(farm: Farm) -> list[int]:
    """How many cells each request wrote."""
    asked = [one for one in farm.office.asked if one.path.endswith("values:batchUpdate")]
    return [len(one.body["data"]) for one in asked]


def test_the_whole_story_of_a_month(farm: Farm) -> None:
    """100 rows, a second run, three edits, one that a person closed, one whose row goes."""
    book = farm.plan(farm.rows(100))
    first = run()
    assert (results(first), first.error, first.aviso) == ({"nueva": 100}, None, "")
    assert created(farm) == [45, 45, 10]
    assert written(farm) == [100]
    told = keys(farm, book)
    assert told == [f"CAMPO-{n}" for n in range(1, 101)]
    first_issue = farm.site.issues["CAMPO-1"].fields
    assert first_issue["issuetype"] == {"name": "Muestreo"}
    assert first_issue["duedate"] == "2026-11-01"
    assert first_issue["customfield_10015"] == "2026-10-25"
    maps = [farm.folder / "outputs" / path for path in first.data["mapas"].values()]
    assert maps
    assert all(path.is_file() for path in maps)

    second = run()
    assert results(second) == {"sin cambios": 100}
    assert (created(farm), changed(farm)) == ([45, 45, 10], [])
    assert written(farm) == [100]

    rows = farm.office.books[book]["Plan"]
    rows[1][2], rows[2][4], rows[7][4] = "20/11/2026", "Cuadrilla 2", "Cuadrilla 9"
    rows[0].append("Observaciones")
    rows[3].append("con barreno")
    third = run()
    assert results(third) == {"cambiada": 3, "sin cambios": 96, "rechazadas": 1}
    assert "CAMPO-7: ya no la pide" not in third.markdown
    assert changed(farm) == ["issue/CAMPO-1", "issue/CAMPO-2", "issue/CAMPO-3"]
    assert farm.site.issues["CAMPO-1"].fields["duedate"] == "2026-11-20"
    said = (
        "fila 8, columna Responsable: «Cuadrilla 9» no está en [jira.responsables]: la tarea no se"
    )
    assert said in third.markdown.replace("\\", "")
    rows[7][4] = "Cuadrilla 1"

    farm.site.move("CAMPO-5")
    rows[5][2] = "29/11/2026"
    gone = rows.pop(50)
    fourth = run()
    assert results(fourth) == {"cerrada en Jira: queda así": 1, "sin cambios": 98}
    assert farm.site.issues["CAMPO-5"].fields["status"]["name"] == "Listo"
    assert len(changed(farm)) == 3
    assert f"{gone[TAREA]}: ya no la pide ninguna fila" in fourth.markdown
    libro = read_tareas(farm.folder / "state" / "test")
    closed = [one for one in libro.tareas.values() if one.cerrada]
    assert [(one.tarea, one.estado) for one in closed] == [("CAMPO-5", "Listo")]
    assert len(farm.site.issues) == 100


def test_only_validating_sends_no_write_to_anybody_and_says_the_same(farm: Farm) -> None:
    book = farm.plan(farm.rows(12))
    done = run(solo_validar=True)
    assert results(done) == {"nueva": 12}
    assert "Solo validar" in done.markdown
    assert not [one for one in farm.site.asked if one.writes]
    assert written(farm) == []
    assert set(keys(farm, book)) == {""}
    assert not (farm.folder / "state" / "test" / "jira").exists()

    run(max_tareas=2)
    writes = [one for one in farm.site.asked if one.writes], written(farm)
    farm.office.books[book]["Plan"][1][TAREA] = ""
    assert results(run(solo_validar=True)) == {"nueva": 10, "sin cambios": 2}
    assert ([one for one in farm.site.asked if one.writes], written(farm)) == writes


@pytest.mark.parametrize("test", [True, False])
def test_the_files_of_a_run_tell_each_step_in_one_folder_of_its_mode_and_no_secret(
    farm: Farm, test: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINDERO_OUTPUTS_DIR", str(farm.folder / "real"))
    shutil.copytree(farm.folder / "state" / "test", farm.folder / "state" / "prod")
    farm.plan(farm.rows(3))
    done = run(test=test)
    folder = Path(done.data["carpeta"])
    assert folder.parts[:-3] == (farm.folder / ("outputs" if test else "real")).parts
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}Z", folder.name)
    names = ["paso1_planillas", "paso2_filas", "paso3_tareas", "paso4_resultado"]
    names.append("paso5_hallazgos")
    assert sorted(path.stem for path in folder.iterdir()) == names
    for name, number in zip(names, (1, 3, 3, 3, 0), strict=True):
        text = (folder / f"{name}.json").read_text(encoding="utf-8")
        page = json.loads(text)
        told = page["metadata"]
        assert (told["record_count"], len(page["data"])) == (number, number)
        assert (told["workflow"], told["format"]) == ("plan-muestreo-a-jira", "json")
        assert told["executed_at"].endswith("Z")
        secrets = [one for name, one in farm.environment.items() if re.search("TOKEN|SECRET", name)]
        assert not [one for one in secrets if one in text + done.markdown]
        assert "\\u00" not in text
    json.dumps(done.data)


def test_rows_beyond_the_most_are_named_counted_and_made_by_the_next_run(farm: Farm) -> None:
    book = farm.plan(farm.rows(5))
    first = run(max_tareas=2)
    assert results(first) == {"nueva": 2, "para la próxima corrida": 3}
    assert first.aviso == "3 filas quedan para la próxima corrida, por max_tareas"
    left = [row["fila"] for row in first.data["filas"] if "próxima" in row["resultado"]]
    assert left == [4, 5, 6]
    second = run(max_tareas=3)
    assert results(second) == {"sin cambios": 2, "nueva": 3}
    assert all(keys(farm, book))


def test_only_the_campos_that_are_asked_for(farm: Farm) -> None:
    rows = farm.rows(100)
    farm.plan(rows)
    names = sorted({row[0] for row in rows[1:]})
    done = run(campos=[names[0].upper()])
    assert {row["campo"] for row in done.data["filas"]} == {names[0]}
    with pytest.raises(SettingsError, match=f"no hay ningún campo 'Marte'; hay: .*{names[0]}"):
        run(campos=["Marte"])


def test_bad_rows_are_named_by_sheet_row_and_column_and_the_rest_is_done(farm: Farm) -> None:
    rows = farm.rows(6)
    rows[1][2], rows[2][1], rows[3][3] = "31/02/2026", "No existe", "#REF!"
    farm.plan(rows)
    done = run()
    assert results(done) == {"nueva": 3, "rechazadas": 3}
    assert (done.error, done.parcial) == (None, True)
    told = done.markdown.replace("\\", "")
    for said in (
        "fila 2, columna Fecha (C2)",
        "fila 3, columna Lote (B3)",
        "(D4): la fórmula da #",
    ):
        assert said in told, said
    where = "Plan de muestreo - Demo - Noviembre 2026, hoja Plan"
    assert done.aviso.startswith(f"no todo salió: {where}, fila ")
    assert done.aviso.endswith("; y 2 más")
    assert told.count(where) == 2  # among the sheets, and above what is to be corrected in it


def test_what_is_wrong_in_sixty_rows_is_told_in_three_and_the_rows_of_the_others(
    farm: Farm,
) -> None:
    rows = farm.rows(21)
    wrong = [["Los Alamos", str(at), "04/11/2026", "0-20", "", "", ""] for at in range(60)]
    farm.plan([*rows, *wrong])
    done = run()
    told = done.markdown.split("## Para corregir")[1].split("## Tareas")[0]
    assert told.count("no hay ningún campo Los Alamos") == 3
    assert "- lo mismo en fila 26; fila 27;" in told
    assert "; fila 35; y 47 más" in told
    tasks = done.markdown.split("## Tareas")[1].split("## Mapas")[0].split("\n- ")[1:]
    assert (len(tasks), tasks[-1].strip()) == (11, "y 11 más, en Paso a paso")
    hallazgos = Path(done.data["carpeta"]) / "paso5_hallazgos.json"
    each = json.loads(hallazgos.read_text(encoding="utf-8"))["data"]
    assert len(each) == 60
    assert each[0]["dónde"].startswith("fila 23, columna Campo (A23) · Plan de muestreo - Demo")
    again = run().markdown
    assert "| sin cambios | 21 |" in again
    assert "## Tareas" not in again  # what did not change is counted, not listed


def test_what_changed_stands_before_what_is_new_and_a_wrong_one_before_both(farm: Farm) -> None:
    farm.configure(por_pedido=1)
    book = farm.plan(farm.rows(1))
    run()
    rows = farm.office.books[book]["Plan"]
    rows[1][2] = "20/11/2026"
    rows += farm.rows(3)[2:]
    farm.jira.server.strike(Strike("neighbour_500", "issue/bulk", skip=1))
    tasks = run().markdown.split("## Tareas")[1]
    assert re.findall(r"^- (NO SALIÓ|cambiada|nueva)", tasks, re.M) == [
        *("NO SALIÓ", "cambiada", "nueva")
    ]


def test_a_month_in_short_names_a_sheet_of_the_month_too(farm: Farm) -> None:
    short = "Plan de muestreo - Demo - Nov 26"
    farm.office.spreadsheet(short, {"Plan": farm.rows(2)})
    assert results(run()) == {"nueva": 2}
    farm.plan(farm.rows(4)[:1] + farm.rows(4)[3:], "Otra")
    assert run().data["planillas"] == [
        f"{short}, hoja Plan",
        "Plan de muestreo - Otra - Noviembre 2026, hoja Plan",
    ]


def test_a_sheet_of_which_nothing_is_good_fails(farm: Farm) -> None:
    farm.plan([["Campo", "Lote"], ["x", "y"]])
    done = run()
    assert isinstance(done.error, TareasFailed)
    assert "falta la columna" in str(done.error)
    assert not done.parcial


def test_sheets_that_cannot_be_chosen_are_named_and_the_others_read(farm: Farm) -> None:
    farm.plan(farm.rows(2))
    for name in ("Doble", "Doble"):
        farm.plan(farm.rows(4), name)
    farm.office.add("Plan de muestreo - Excel - Noviembre 2026", "application/vnd.ms-excel")
    farm.office.spreadsheet("Copia de Plan de muestreo - Demo - Noviembre 2026", {"Plan": []})
    farm.plan(farm.rows(4), "Vieja").replace("2026", "")
    done = run()
    text = done.markdown
    assert text.count("hay más de una planilla con este nombre") == 1
    assert "no es una hoja de cálculo de Google" in text
    assert "Copia de Plan" in text
    assert done.parcial


def test_sheets_are_looked_for_in_the_folder_that_is_named_and_below_it(farm: Farm) -> None:
    folder = farm.office.add("Planillas")
    farm.plan(farm.rows(2), "Afuera")
    farm.plan(farm.rows(3), "Adentro", folder=farm.office.add("2026", folder=folder))
    with (farm.folder / "integrations.toml").open("a") as config:
        config.write(f'[planillas]\ncarpeta = "{folder}"\n')
    done = run()
    assert done.data["planillas"] == ["Plan de muestreo - Adentro - Noviembre 2026, hoja Plan"]
    assert results(done) == {"nueva": 3}


def test_no_sheet_of_the_month_fails_and_names_what_there_is(farm: Farm) -> None:
    farm.plan(farm.rows(2))
    with pytest.raises(TareasFailed, match=r"Diciembre 2026» .*: Plan de muestreo - Demo - Nov"):
        run(mes="dic-26")


def test_a_column_and_rows_that_moved_in_mid_run_are_found_by_what_they_say(farm: Farm) -> None:
    """Between the reading and the writing a column comes in front and the rows turn round."""
    book = farm.plan(farm.rows(10))

    def move(rows: list[list[Any]]) -> None:
        rows[1:] = [["", *row] for row in rows[:0:-1]]
        rows[0].insert(0, "Nota")

    at_creation(farm, lambda: move(farm.office.books[book]["Plan"]))
    assert run().error is None
    assert keys(farm, book, TAREA + 1) == [f"CAMPO-{n}" for n in range(10, 0, -1)]


def at_creation(farm: Farm, do: Callable[[], object]) -> None:
    """Do something just before issues are created, once."""
    answer, left = farm.site._create_all, [do]

    def create(updates: list[Any]) -> Any:
        if left:
            left.pop()()
        return answer(updates)

    farm.site._create_all = create


def test_a_sheet_renamed_in_mid_run_is_named_and_the_next_run_writes_the_keys(farm: Farm) -> None:
    book = farm.plan(farm.rows(4))
    sheets = farm.office.books[book]
    at_creation(farm, lambda: sheets.update({"Plan final": sheets.pop("Plan")}))
    done = run()
    assert (isinstance(done.error, TareasFailed), done.parcial) == (True, True)
    assert "no se pudieron anotar las claves" in done.markdown
    assert "Plan final" in done.markdown
    again = run()
    assert (again.error, created(farm)) == (None, [4])
    assert all(keys(farm, book, sheet="Plan final"))


def test_a_sheet_without_a_column_for_the_key_is_given_one_at_its_end(farm: Farm) -> None:
    book = farm.plan([row[:TAREA] for row in farm.rows(3)])
    assert run().error is None
    assert farm.office.books[book]["Plan"][0][TAREA] == "Tarea"
    assert keys(farm, book) == ["CAMPO-1", "CAMPO-2", "CAMPO-3"]


def test_a_row_that_was_copied_with_its_key_gets_its_own_and_a_persons_words_stay(
    farm: Farm,
) -> None:
    book = farm.plan(farm.rows(4))
    rows = farm.office.books[book]["Plan"]
    rows[4][TAREA] = "OPS-7"
    run()
    assert keys(farm, book) == ["CAMPO-1", "CAMPO-2", "CAMPO-3", "OPS-7"]
    rows.append([*rows[1][:3], "40-60", *rows[1][4:]])
    run()
    assert keys(farm, book)[-1] == "CAMPO-5"


@pytest.mark.parametrize("fault", ["neighbour_500", "neighbour_502_done"])
def test_a_batch_without_an_answer_leaves_the_others_done_and_the_next_run_heals(
    farm: Farm, fault: str
) -> None:
    book = farm.plan(farm.rows(10))
    farm.configure(por_pedido=4)
    farm.jira.server.strike(Strike(fault, "issue/bulk", skip=1))
    first = run()
    done = fault.endswith("done")
    assert bool(first.error) is not done
    assert sum(1 for key in keys(farm, book) if key) == (10 if done else 6)
    second = run()
    assert second.error is None
    assert all(keys(farm, book))
    assert len(farm.site.issues) == 10


def test_an_archived_project_is_named_and_nothing_is_sent(farm: Farm) -> None:
    farm.plan(farm.rows(2))
    farm.site.archived = True
    with pytest.raises(TareasFailed, match="está archivado"):
        run()
    assert not [one for one in farm.site.asked if one.writes]


def test_a_second_run_at_the_same_time_is_refused(farm: Farm) -> None:
    farm.plan(farm.rows(2))
    with writing_lock(farm.folder / "state"), pytest.raises(RunLocked):  # of whatever mode
        run()
    assert farm.site.asked == []
