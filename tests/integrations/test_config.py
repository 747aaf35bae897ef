"""integrations.toml: the example is what it says, and a wrong line is told by its number."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from Modules.integrations.config import EXAMPLE, Integrations, found, read_integrations
from Modules.settings import load_settings
from Modules.words.errors import SettingsError
from tests.test_settings import NO_FILE

LEAST = '[jira]\nproyecto = "CAMPO"\ntipo = "Tarea"\n'


def read(tmp_path: Path, text: str) -> Integrations:
    path = tmp_path / "integrations.toml"
    path.write_text(text, encoding="utf-8")
    return read_integrations(replace(load_settings(NO_FILE), lindero_integrations=path))[0]


def test_the_example_is_right_and_its_comments_are_the_defaults(
    tmp_path: Path, project_root: Path
) -> None:
    text = (project_root / EXAMPLE).read_text(encoding="utf-8")
    plain = read(tmp_path, text)
    assert plain == read(tmp_path, LEAST)
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    whole = read(tmp_path, "\n".join(lines))
    for name in type(plain.jira).model_fields:
        assert f"{name} = " in text or f"[jira.{name}]" in text, name
    tables = {"tipos", "componentes", "responsables", "campos", "opciones"}
    defaults = plain.jira.model_dump(exclude=tables)
    assert whole.jira.model_dump(exclude=tables) == defaults
    assert all(getattr(whole.jira, name) for name in tables)
    assert whole.marcadores == plain.marcadores
    assert whole.planillas.dia_primero is plain.planillas.dia_primero is True


def test_two_who_write_do_not_keep_in_step(tmp_path: Path) -> None:
    pauses = {read(tmp_path, LEAST).jira.pausa() for _ in range(50)}
    assert len(pauses) > 1
    assert all(1 <= one <= 3 for one in pauses)


def test_a_name_is_found_whatever_its_case_accents_and_blanks(tmp_path: Path) -> None:
    text = LEAST + '[jira.componentes]\n"La Esperánza" = "Norte"\n'
    componentes = read(tmp_path, text).jira.componentes
    assert found(componentes, " la  ESPERANZA ") == "Norte"
    assert found(componentes, "La Espera") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LEAST + 'color = "rojo"\n', "integrations.toml, renglón 4: jira.color: no hay una clave"),
        (LEAST + "por_pedido = 50\n", "renglón 4: jira.por_pedido: tiene que ser 45 o menos"),
        (LEAST + "[planilla]\n", "renglón 4: planilla: no hay una clave"),
        ('[jira]\nproyecto = "Campo"\ntipo = "x"\n', "renglón 2: jira.proyecto: no tiene la forma"),
        ('[jira]\nproyecto = "CAMPO"\n', "renglón 1: jira.tipo: falta"),
        (
            '[jira]\ntipo = "x"\nproyeto = "CAMPO"\n',
            "renglón 3: jira.proyeto: no hay una clave así (y",
        ),
        ("", "jira: falta"),
        (LEAST + '[jira.campos]\ncolor = "customfield_1"\n', "renglón 5: jira.campos.color: tiene"),
        (LEAST + '[jira.campos]\nlote = "Lote"\n', "renglón 5: jira.campos.lote: no tiene"),
        (LEAST + '[jira.componentes]\nNorte = "a"\nNORTE = "b"\n', "dos veces el mismo nombre"),
        ("[jira\n", "no es TOML"),
    ],
)
def test_a_wrong_line_is_told_by_its_number(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_says_what_to_copy(tmp_path: Path) -> None:
    settings = replace(load_settings(NO_FILE), lindero_integrations=tmp_path / "integrations.toml")
    with pytest.raises(SettingsError, match=f"{re.escape(str(tmp_path))}.integ.* copiar {EXAMPLE}"):
        read_integrations(settings)
    (tmp_path / "integrations.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="no se puede leer"):
        read_integrations(settings)
