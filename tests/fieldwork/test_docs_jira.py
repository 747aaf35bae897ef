"""``docs/jira_y_planillas.md`` against the code: its sheet is read, its file fits the site."""

from __future__ import annotations

import re
import shlex
import tomllib
from datetime import date

import pytest

from Modules.cli import main as cli
from Modules.fieldwork.fechas import Mes, mes_in, read_dia
from Modules.fieldwork.join import join
from Modules.fieldwork.rows import Fila, column_of, read_planilla
from Modules.integrations.access import JiraAccess
from Modules.integrations.config import Integrations, found
from Modules.integrations.jira_check import check_jira
from Modules.portal.profile import read_section
from Modules.products.source import Fuente
from Modules.settings import PROJECT_ROOT, read_settings, variable_names
from tests.fieldwork.conftest import Farm
from tests.integrations.conftest import RunningJira

PAGE = (PROJECT_ROOT / "docs" / "jira_y_planillas.md").read_text(encoding="utf-8")
SOURCES = re.sub(
    r'"\s*f?"|\s+',
    " ",
    " ".join(
        path.read_text(encoding="utf-8")
        for name in ("fieldwork", "integrations")
        for path in sorted((PROJECT_ROOT / "Modules" / name).glob("*.py"))
    ).replace('"\n', '"\n'),
)
NAME = "Plan de muestreo - El Ombú - Noviembre 2026"
SHEET = "### 4. La planilla (dos minutos)"
NOVIEMBRE = Mes(2026, 11)
COLUMNS = [name for name in Fila.__dataclass_fields__ if name not in ("numero", "anotada")]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", PAGE, flags=re.M | re.S)


def _table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its own header first."""
    below = PAGE.split(f"{heading}\n", 1)[1]
    table = re.search(r"(^\|.*\n)+", below, flags=re.M)
    assert table is not None
    rows = [row.strip().strip("|").split("|") for row in table[0].splitlines()]
    return [[cell.strip() for cell in row] for at, row in enumerate(rows) if at != 1]


def test_the_sheet_of_the_page_is_read_without_a_word_and_every_row_finds_its_lote(
    demo_fuente: Fuente,
) -> None:
    assert f"**{NAME}**" in PAGE
    assert mes_in(NAME) == NOVIEMBRE
    planilla = read_planilla(_table(SHEET), archivo=NAME, hoja="Plan")
    assert planilla.findings == ()
    assert {*planilla.columnas} == {*COLUMNS} - {"lote_id", "prioridad"}
    trabajos, findings = join([planilla], demo_fuente.tables, demo_fuente.campania, NOVIEMBRE)
    assert findings == ()
    assert [(one.campo, one.lote) for one in trabajos] == [
        *(("El Ombú", "1A"), ("El Ombú", "2"), ("La Paz - Ñandú", "5A"), ("Doña Ángela", "1"))
    ]
    assert [one.fila.profundidad for one in trabajos] == ["0-20", "0-20", "0-20; 20-40", "0-20"]
    assert trabajos[3].fila.fecha == date(2026, 11, 17)


def test_every_name_of_a_column_on_the_page_is_understood() -> None:
    header, *rows = _table("## Las columnas")
    assert header[2] == "la columna se llama"
    assert [row[0].strip("`") for row in rows] == COLUMNS
    for dato, _, names, how in rows:
        assert {column_of(name) for name in names.split(", ")} == {dato.strip("`")}
        if dato == "`fecha`":
            days = how.partition(";")[0].split(", ")
            assert {read_dia(one).day for one in days} == {date(2026, 11, 3)}


def test_the_file_of_the_page_fits_the_site_and_knows_the_names_of_its_sheet(
    jira: RunningJira,
) -> None:
    (text,) = _blocks("toml")
    config = read_section(Integrations, text, "integrations.toml")
    (fine,) = check_jira(jira.client(), config, text, "integrations.toml").findings
    assert fine.fine
    assert not any(one.writes for one in jira.site.asked)
    header, *rows = _table(SHEET)
    for table, column in (
        *((config.jira.componentes, "Campo"), (config.jira.responsables, "Responsable")),
        (config.jira.tipos, "Tipo de muestreo"),
    ):
        names = {row[header.index(column)] for row in rows} - {""}
        assert all(found(table, name) for name in names)
    example = (PROJECT_ROOT / "integrations.example.toml").read_text(encoding="utf-8")
    for section in tomllib.loads(text)["jira"]:
        assert section in example


def test_the_variables_of_the_page_are_those_of_the_program_and_let_in() -> None:
    lines = [line.strip() for block in _blocks("ini") for line in block.splitlines()]
    given = dict(line.lower().split("=", 1) for line in lines)
    settings = read_settings({**given, "lindero_jira_token": "t"})
    assert JiraAccess.of(settings).url == "https://empresa.atlassian.net"
    assert (
        settings.lindero_google_service_account == PROJECT_ROOT / "data/lindero/cuenta_google.json"
    )
    named = set(re.findall(r"\bLINDERO_[A-Z_]+[A-Z]\b", PAGE))
    assert len(named) > 5
    assert named <= set(variable_names())


def test_the_commands_of_the_page_go_from_its_sheet_to_the_first_issues(farm: Farm) -> None:
    """As the page has them, in its order, on a trial night; the demo has a test of its own."""
    folder = farm.office.add("Planillas")
    (text,) = _blocks("toml")
    config = farm.folder / "integrations.toml"
    config.write_text(text.replace("1AbCdEfG", folder), encoding="utf-8")
    sheet = _table(SHEET)
    book = farm.office.spreadsheet(NAME, {"Plan": sheet}, folder)
    commands = [line.strip() for block in _blocks("console") for line in block.splitlines()]
    demo, check, *runs = (shlex.split(line)[1:] for line in commands)
    assert demo == ["run", "plan-muestreo", "--demo"]

    def lindero(*words: str) -> None:
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert ended.value.code == 0

    lindero(*check)
    dry, real = ([*one, "--test"] for one in runs)
    lindero(*dry)
    assert not any(one.writes for one in farm.site.asked)
    lindero(*real, "--max-tareas", "3")
    assert [row[-1] for row in farm.office.books[book]["Plan"]] == [
        *("Tarea", "CAMPO-1", "CAMPO-2", "CAMPO-3", "")
    ]
    lindero(*real)
    lindero(*real)
    assert len(farm.site.issues) == 4
    first = farm.site.issues["CAMPO-1"].fields
    assert (first["issuetype"], first["components"]) == ({"name": "Muestreo"}, [{"name": "Norte"}])
    assert "lindero-plan-2026-11" in first["labels"]
    maps = farm.folder / "outputs" / "plan_muestreo" / "25-26" / "2026-11"
    assert {one.name for one in maps.iterdir()} >= {"El Ombú", "Doña Ángela"}


@pytest.mark.parametrize(
    "message",
    [
        row[0].strip("`")
        for heading in ("## Qué dice cada hallazgo, y qué hacer", "## Si no anda")
        for row in _table(heading)[1:]
    ],
)
def test_a_message_of_the_page_is_one_of_the_program(message: str) -> None:
    for part in message.split("…"):
        assert part.strip(" ,;:") in SOURCES
