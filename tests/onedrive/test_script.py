"""``create_symlinks.ps1`` parses, carries the very rules and paths, and loses nothing."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Node

from Modules.disk.sentinels import sentinel_text
from Modules.onedrive.config import Enlace
from Modules.onedrive.rules import (
    DICHO,
    FINALES,
    REGLAS_DESTINO,
    REGLAS_ENLACE,
    REGLAS_LUGAR,
    Accion,
    Destino,
    Estado,
    Lugar,
    Opcion,
)
from Modules.onedrive.script import literal, script
from tests import powershell_reading as ps

ROOT = "C:\\Users\\x\\OneDrive - E"
HOSTILE = (
    "with blanks and  two",
    "O'Brien ''twice'' '",
    "‘typographic’ ‚low‛ ‘",
    "mixed '‘’' quotes’'",
    "$HOME ${x} $(Get-Date) $$",
    "`b `n ``",
    "ñandú Ñ áéíóú ü",
    "[a-z] [] *",
    "&& ; | & > < @( ) { }",
    "% %PATH% !x! ^",
    "#comment <# block #>",
    "@' here '@",
    "-WhatIf --% x",
    "🌾 trigo",
    "e\u0301 decomposed",
    "x" * 200,
)
AUTOMATIC = {"_", "null", "true", "false", "pscmdlet", "psscriptroot", "erroractionpreference"}
CMDLETS = {
    "ConvertFrom-Json",
    "ConvertTo-Json",
    "ForEach-Object",
    "Format-Table",
    "New-Object",
    "Out-String",
    "Select-Object",
    "Set-StrictMode",
    "Where-Object",
    "Write-Host",
    "Write-Warning",
}


def _links(names: tuple[str, ...] = HOSTILE) -> list[Enlace]:
    return [
        Enlace(PurePosixPath("outputs") / f"carpeta {number}", PureWindowsPath(ROOT, name))
        for number, name in enumerate(names)
    ]


def _text(names: tuple[str, ...] = HOSTILE) -> str:
    return script(_links(names), [PureWindowsPath(ROOT)]).decode("utf-8-sig")


@pytest.fixture(scope="module")
def root() -> Node:
    return ps.parsed(_text())


def test_it_begins_with_a_byte_order_mark_and_its_lines_end_as_windows_wants() -> None:
    data = script(_links(), [PureWindowsPath(ROOT)])
    assert data.startswith(b"\xef\xbb\xbf#Requires -Version 5.1\r\n")
    assert data.count(b"\xef\xbb\xbf") == 1
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", data) is None
    assert data == script(_links(), [PureWindowsPath(ROOT)])


def test_it_parses_with_every_hostile_path(root: Node) -> None:
    assert ps.faults(root) == []


@pytest.mark.parametrize(
    "broken", ["if ($x { 1 }", "function f { ", "$x = 'open", "$a ?? $b", "$a ? 1 : 2"]
)
def test_the_parser_would_find_a_fault(broken: str) -> None:
    assert ps.faults(ps.parsed(f"{_text()}\n{broken}\n"))


def test_the_paths_come_back_as_they_were(root: Node) -> None:
    carried = ps.assigned(root, "$Enlaces")
    assert carried == [
        {
            "Carpeta": one.carpeta,
            "Enlace": str(one.enlace).replace("/", "\\"),
            "Destino": str(one.destino),
            "Centinela": sentinel_text(one.carpeta).rstrip("\n"),
        }
        for one in _links()
    ]
    assert ps.assigned(root, "$RaicesDichas") == [ROOT]


names = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters='"*:<>?|/\\'), min_size=1
) | st.text("'‘’‚‛$`[] ;&@#{}()%", min_size=1)


@given(names)
def test_any_path_is_one_literal_that_reads_back(name: str) -> None:
    tree = ps.parsed(f"$x = {literal(name)}; $y = 'after'\n")
    assert ps.faults(tree) == []
    assert ps.assigned(tree, "$x") == name
    assert ps.assigned(tree, "$y") == "after"


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\x85b", "\ud800"])
def test_what_no_path_has_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no path has"):
        literal(name)


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("$ReglasLugar", REGLAS_LUGAR),
        ("$ReglasDestino", REGLAS_DESTINO),
        ("$ReglasEnlace", REGLAS_ENLACE),
    ],
)
def test_it_carries_the_very_rules_of_the_plan(root: Node, name: str, rules: object) -> None:
    assert isinstance(rules, object)
    carried = {
        state: {"Necesita": rule.necesita, "Acciones": list(rule.acciones), "Aviso": rule.aviso}
        for state, rule in rules.items()  # type: ignore[attr-defined]
    }
    assert ps.assigned(root, name) == carried


def test_it_says_and_ends_as_the_plan_does(root: Node) -> None:
    assert ps.assigned(root, "$Finales") == list(FINALES)
    assert ps.assigned(root, "$Dicho") == dict(DICHO)


def test_what_it_finds_on_the_disk_is_a_state_of_the_plan(root: Node) -> None:
    functions = ps.functions(root)
    assert ps.returned(functions["Get-Estado"]) == set(Estado)
    assert ps.returned(functions["Get-Lugar"]) == set(Lugar)
    assert ps.returned(functions["Get-Destino"]) == set(Destino)


def test_it_can_do_every_step_and_take_back_every_one_that_changes_something(root: Node) -> None:
    functions = ps.functions(root)
    assert ps.cases(functions["Invoke-Accion"]) == set(Accion)
    proofs = {Accion.PROBAR_DESTINO, Accion.COMPROBAR}
    assert ps.cases(functions["Restore-Paso"]) == set(Accion) - proofs


def test_its_switches_are_the_options_of_the_plan(root: Node) -> None:
    (param,) = ps.of_type(root, "param_block")
    switches = {ps.text_of(found) for found in ps.of_type(param, "variable")} - {"$true"}
    needed = {f"${option}" for option in Opcion} - {"$", "$nunca"}
    assert needed <= switches
    assert switches - needed == {"$Symbolic", "$Undo"}
    keys = set(re.findall(r"^    '(\w*)' = ", _opciones(), re.MULTILINE))
    assert keys == set(Opcion)


def _opciones() -> str:
    found = re.search(r"\$Opciones = @\{\r\n(.*?)\r\n\}", _text(), re.DOTALL)
    assert found
    return found[1].replace("\r\n", "\n")


def test_every_variable_is_set_before_somebody_may_read_it(root: Node) -> None:
    """StrictMode stops a run at a misspelt name; nobody here can run it."""
    functions = ps.functions(root)
    inside = [node for function in functions.values() for node in ps.walk(function)]
    everywhere = ps.set_variables(root)
    local = {name: ps.set_variables(function) for name, function in functions.items()}
    only_local = set().union(*local.values()) - _global(root)
    assert inside
    for name, function in functions.items():
        read = {v for v in ps.variables(function) if not v.startswith("env:")} - AUTOMATIC
        assert read <= everywhere, name
        assert not (read & only_local) - local[name], name
    assert not ps.variables(_outside(root)) - AUTOMATIC - _global(root) - _environment(root)


def _outside(root: Node) -> Node:
    return ps.parsed(
        "\n".join(
            ps.text_of(node)
            for node in [*root.children, *(c for n in root.children for c in n.children)]
            if node.type not in ("function_statement", "statement_list", "comment")
        )
    )


def _global(root: Node) -> set[str]:
    names = ps.set_variables(_outside(root))
    return names | ps.set_variables(ps.of_type(root, "param_block")[0])


def _environment(root: Node) -> set[str]:
    return {name for name in ps.variables(root) if name.startswith("env:")}


def test_it_calls_only_its_own_functions_and_cmdlets_of_5_1(root: Node) -> None:
    called = {ps.text_of(node) for node in ps.of_type(root, "command_name")}
    assert called - set(ps.functions(root)) == CMDLETS
    assert set(ps.functions(root)) - called == set()


def test_nothing_is_deleted_but_links_empty_folders_and_its_own_files(root: Node) -> None:
    text = _without_strings(root)
    assert "Remove-Item" not in text
    assert "Recurse" not in text
    assert "rmdir" not in text.casefold()
    deletions = re.findall(r"Directory\]::Delete\(([^)]*)\)", text)
    assert deletions
    assert all(arguments.endswith(", $false") for arguments in deletions)
    assert set(re.findall(r"File\]::Delete\(([^)]*)\)", text)) == {"$escrito", "$enlace"}
    notes = ps.text_of(ps.functions(root)["Restore-Paso"])
    before = notes.split("[System.IO.File]::Delete($enlace)")[0]
    assert before.rstrip().splitlines()[-1].strip().startswith("if ([System.IO.File]::Exists")
    assert "'marcar'" in before.splitlines()[-2]


def test_it_asks_nothing_and_runs_on_5_1(root: Node) -> None:
    text = _without_strings(root)
    for word in ("Read-Host", "PromptForChoice", "??", "?.", "&&", "||", "-Parallel", "Invoke-Exp"):
        assert word not in text
    assert "SupportsShouldProcess = $true" in text
    assert ps.of_type(root, "ternary_expression") == []
    for cmdlet in ("Get-Item", "Test-Path", "New-Item", "Copy-Item", "Move-Item", "Set-Content"):
        assert cmdlet not in text  # those read brackets in a path as a pattern


def _without_strings(root: Node) -> str:
    """The code alone: no literals, no comments."""
    text = ps.text_of(root).encode("utf-8")
    for node in reversed(ps.of_type(root, "verbatim_string_characters", "comment")):
        start = node.start_byte - root.start_byte
        text = text[:start] + b"''" + text[start + len(node.text or b"") :]
    return text.decode("utf-8")


def test_before_the_first_change_the_plan_is_shown_and_asked_about(root: Node) -> None:
    """So -WhatIf changes nothing: every step lies behind ShouldProcess."""
    for name, step in (("Start-Enlaces", "Invoke-Caso"), ("Start-Deshacer", "Undo-Pasos")):
        text = ps.text_of(ps.functions(root)[name])
        assert text.index("Show-Tabla") < text.index("ShouldProcess") < text.index(step)
    callers = [
        name
        for name, function in ps.functions(root).items()
        if "Invoke-Caso" in {ps.text_of(node) for node in ps.of_type(function, "command_name")}
    ]
    assert callers == ["Start-Enlaces"]
