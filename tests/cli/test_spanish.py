"""What cyclopts says by itself is Spanish: headings, usage, and what is wrong with a command."""

from __future__ import annotations

import io
import re

import pytest
from cyclopts import CycloptsError
from rich.console import Console

from Modules.cli.main import app
from Modules.cli.spanish import usage_error

WRONG = [
    (["foo"], 'no hay un comando "foo". Hay: run, api, '),
    (["backups", "shaw"], '"shaw". ¿Quiso decir "show"? Hay: '),
    (["run", "kmz", "--campani", "x"], "no hay una opción --campani. ¿Quiso decir --campania?"),
    (["run", "kmz", "--campania"], "run kmz: --campania necesita un valor."),
    (["backups", "show"], "backups show: --snapshot necesita un valor."),
    (["backups", "show", "1", "2"], "sobra: ['2']."),
    (["demo-portal", "--port", "x"], '--port: no se puede leer "x" como número entero.'),
    (["demo-portal", "--port", "99999"], '--port: no sirve el valor "99999". Tiene que ser <= 655'),
    (["demo-portal", "--size", "x"], '--size: no sirve el valor "x". Hay: "mini", '),
    (["backups", "list", "--campania", "1", "--campania", "2"], "--campania está más de una vez."),
]
ENGLISH = re.compile(
    r"Usage|Commands|Parameters|Arguments|required|default|choices|Display|\bSTR\b"
)


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_a_usage_error_is_said_in_spanish(words: list[str], said: str) -> None:
    with pytest.raises(CycloptsError) as caught:
        app(words, exit_on_error=False, print_error=False)
    assert said in usage_error(caught.value)


@pytest.mark.parametrize("words", [[], ["backups"], ["backups", "restore"], ["demo-portal"]])
def test_a_help_screen_has_no_english_heading(words: list[str]) -> None:
    shown = io.StringIO()
    app.help_print(words, console=Console(file=shown, width=100))
    assert shown.getvalue().startswith("Uso: lindero")
    assert ENGLISH.search(shown.getvalue()) is None


def test_a_help_screen_says_values_defaults_and_what_is_obligatory() -> None:
    shown = io.StringIO()
    for words in (["demo-portal"], ["backups", "restore"]):
        app.help_print(words, console=Console(file=shown, width=200))
    for said in ("[por defecto: 8799]", "[valores: mini, small, company, stress]", "[obligatorio]"):
        assert said in shown.getvalue()
