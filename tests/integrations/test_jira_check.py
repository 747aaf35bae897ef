"""``jira check``: every line that Jira would refuse is told, with the line that mends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from Modules.cli.main import main
from Modules.demo import jira_site
from Modules.demo.jira_site import DEMO_JIRA_TOKEN, DEMO_JIRA_USER
from Modules.integrations.config import Integrations
from Modules.integrations.jira_check import check_jira
from Modules.portal.profile import read_section
from Modules.words.errors import ApiAuth
from Modules.words.finding import Report
from tests.faults.neighbours import Strike
from tests.integrations.conftest import RunningJira

SOURCE = "integrations.toml"
GOOD = """[jira]
proyecto = "CAMPO"
tipo = "Tarea"

[jira.tipos]
"suelo" = "Muestreo"

[jira.componentes]
"La Esperanza" = "Norte"

[jira.responsables]
"Cuadrilla 2" = "5b10-cuadrilla-2"

[jira.campos]
inicio = "customfield_10015"
lote = "customfield_10101"
superficie_ha = "customfield_10102"

[jira.opciones]
profundidad = "customfield_10103"
"""


def look(jira: RunningJira, text: str) -> Report:
    return check_jira(jira.client(), read_section(Integrations, text, SOURCE), text, SOURCE)


def test_what_concurs_is_said_to_and_nothing_is_written(jira: RunningJira) -> None:
    report = look(jira, GOOD)
    assert [one.line for one in report.findings] == [f"{SOURCE} concuerda con el proyecto CAMPO"]
    assert report.exit_code == 0
    assert not any(one.writes for one in jira.site.asked)
    least = look(jira, '[jira]\nproyecto = "CAMPO"\ntipo = "Tarea"\n')
    assert least.passed
    assert not any(one.path.startswith("user/") for one in jira.site.asked[-8:-4])


@pytest.mark.parametrize(
    ("was", "now", "line", "item", "todo", "there"),
    [
        ('"CAMPO"', '"OTRO"', 2, "proyecto", 'proyecto = "CAMPO"', "hay CAMPO (Trabajo de campo)"),
        ('"Tarea"', '"Tareas"', 3, "tipo", 'tipo = "Tarea"', "hay Tarea; Muestreo; Recorrida"),
        ('"Muestreo"', '"muestreo"', 6, "tipos.suelo", 'suelo = "Muestreo"', "Recorrida"),
        ('"Norte"', '"Norta"', 9, "componentes.La Esperanza", '"La Esperanza" = "Norte"',
         "hay Norte; Sur"),
        ('"5b10-cuadrilla-2"', '"5b10-nadie"', 12, "responsables.Cuadrilla 2",
         '"Cuadrilla 2" = "5b10-cuadrilla-2"', "5b10-cuadrilla-1 (Cuadrilla 1)"),
        ("10015", "10101", 15, "campos.inicio", 'inicio = "customfield_10015"',
         "hay customfield_10015 (Fecha de inicio)"),
        ("10101", "10104", 16, "campos.lote", 'lote = "customfield_10101"', "10101 (Lote)"),
        ("10102", "99999", 17, "campos.superficie_ha", 'superficie_ha = "customfield_10102"',
         "10102 (Superficie)"),
        ("10103", "10101", 20, "opciones.profundidad", 'profundidad = "customfield_10103"',
         "10103 (Profundidad)"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_told_with_the_line_that_mends_it(
    jira: RunningJira, was: str, now: str, line: int, item: str, todo: str, there: str
) -> None:
    report = look(jira, GOOD.replace(was, now, 1))
    mine = [one for one in report.findings if one.item == f"jira.{item}"]
    assert mine
    assert len(mine) == len(report.findings)
    for one in mine:
        assert one.is_error
        assert one.where == f"{SOURCE}, renglón {line}"
        assert one.todo == todo
        assert there in one.line
    key = "inicio" if item.endswith("inicio") else item
    if key == "inicio":
        assert "es de texto, no de fecha" in mine[0].what
    mended = GOOD.splitlines()
    mended[line - 1] = mine[0].todo
    assert look(jira, "\n".join(mended)).passed


def test_a_field_that_is_not_on_the_screen_is_said_for_each_type(jira: RunningJira) -> None:
    report = look(jira, GOOD.replace("10102", "99999"))
    assert [one.what for one in report.findings] == [
        f"customfield_99999 no está en la pantalla que crea una tarea de tipo {tipo!r}"
        for tipo in ("Tarea", "Muestreo")
    ]


def test_what_is_said_of_several_screens_alike_is_said_once(jira: RunningJira) -> None:
    report = look(jira, GOOD.replace("10015", "10102"))
    assert [one.item for one in report.findings] == ["jira.campos.inicio"]


def test_an_archived_project_is_said_at_once(jira: RunningJira) -> None:
    jira.server.strike(Strike("jira_closed_project"))
    report = look(jira, GOOD)
    assert [one.what for one in report.findings] == ["el proyecto CAMPO está archivado"]
    assert report.findings[0].where == f"{SOURCE}, renglón 2"
    assert report.findings[0].todo == "nombrar otro, o dar permiso a la cuenta"
    assert report.exit_code == 1


def test_a_screen_without_our_fields_or_with_one_that_nobody_fills_in_is_said(
    jira: RunningJira, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(jira_site.FIELDS, "labels")
    monkeypatch.delitem(jira_site.FIELDS, "assignee")
    monkeypatch.setattr(jira_site, "_REQUIRED", ("summary", "project", "customfield_10104"))
    tipo = '"Muestreo"'
    whats = {one.what for one in look(jira, GOOD).findings}
    there = f"está en la pantalla que crea una tarea de tipo {tipo!r}".replace('"', "")
    assert {f"labels no {there}", f"assignee no {there}"} <= whats
    assert f"'Observación' (customfield_10104) {there}, es obligatorio y nadie lo completa" in whats
    assert len(whats) == 6


def test_a_refusal_is_no_finding(jira: RunningJira) -> None:
    with pytest.raises(ApiAuth, match="LINDERO_JIRA_TOKEN"):
        check_jira(jira.client("another"), read_section(Integrations, GOOD, SOURCE), GOOD, SOURCE)


def test_the_command_says_it_and_ends_with_1(
    jira: RunningJira,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["jira", "check", *words])
        return int(str(ended.value.code))

    monkeypatch.setattr("Modules.settings.PROJECT_ROOT", tmp_path)
    path = tmp_path / SOURCE
    monkeypatch.setenv("LINDERO_INTEGRATIONS", str(path))
    assert run() == 2
    assert "copiar integrations.example.toml" in capsys.readouterr().err
    path.write_text(GOOD, encoding="utf-8")
    assert run() == 2
    assert "falta LINDERO_JIRA_URL y LINDERO_JIRA_USER" in capsys.readouterr().err
    monkeypatch.setenv("LINDERO_JIRA_URL", jira.url)
    monkeypatch.setenv("LINDERO_JIRA_USER", DEMO_JIRA_USER)
    monkeypatch.setenv("LINDERO_JIRA_TOKEN", DEMO_JIRA_TOKEN)
    assert run() == 0
    assert "concuerda" in capsys.readouterr().out
    path.write_text(GOOD.replace('"Norte"', '"Oeste"'), encoding="utf-8")
    assert run() == 1
    said = capsys.readouterr().out
    assert "integrations.toml, renglón 9: el proyecto CAMPO no tiene el componente 'Oeste'" in said
    assert '→ "La Esperanza" = "' in said
    assert run("--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told[0]["item"], told[0]["severity"]) == ("jira.componentes.La Esperanza", "ERROR")
    monkeypatch.setenv("LINDERO_JIRA_TOKEN", "canary-77")
    assert run() == 2
    assert "canary" not in "".join(capsys.readouterr())
