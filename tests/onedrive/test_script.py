"""``create_symlinks.ps1`` parses, carries the very paths, knows every state, and loses nothing."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Node

from Modules.disk.sentinels import sentinel_text
from Modules.onedrive.config import Enlace
from Modules.onedrive.script import PLACE, TEMPLATE, literal, script
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
            "Centinela": f"{one.destino}\\.lindero-destino.json",
            "Nota": f"outputs\\.lindero-destinos\\{one.carpeta}.json",
            "Texto": sentinel_text(one.carpeta).rstrip("\n"),
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


def test_the_template_is_a_script_of_its_own_with_one_place_for_the_links() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert text.count(PLACE) == 1
    assert ps.faults(ps.parsed(text)) == []
    before, after = text.replace("\n", "\r\n").split(PLACE.replace("\n", "\r\n"))
    assert _text().startswith(before)
    assert _text().endswith(after)


def test_every_state_of_a_link_has_its_steps_or_stops(root: Node) -> None:
    states = ps.returned(ps.functions(root)["Get-Estado"])
    assert set(ps.assigned(root, "$Cambios")) == states - {"archivo en el lugar"}


def test_whatever_stops_a_link_has_its_words(root: Node) -> None:
    said = ps.assigned(root, "$Avisos")
    stops = ps.returned(ps.functions(root)["Get-Impedimento"])
    of_the_link = {"enlace a otro destino", "carpeta con datos", "archivo en el lugar"}
    assert set(said) == stops | of_the_link
    assert [name for name, text in said.items() if not text] == ["nada"]


def test_it_can_say_and_do_every_step_and_take_back_every_one_that_changes_something(
    root: Node,
) -> None:
    functions = ps.functions(root)
    steps = set(ps.assigned(root, "$Dicho"))
    assert {step for found in ps.assigned(root, "$Cambios").values() for step in found} < steps
    assert ps.cases(functions["Invoke-Accion"]) == steps
    assert ps.cases(functions["Restore-Paso"]) == steps - {"probar-destino", "comprobar"}


def test_it_takes_the_switches_that_the_page_names_and_no_other(root: Node) -> None:
    (param,) = ps.of_type(root, "param_block")
    switches = {ps.text_of(found)[1:] for found in ps.of_type(param, "variable")} - {"true"}
    assert switches == {"Symbolic", "Migrate", "Relink", "CreateTarget", "Undo"}


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
    assert "'marcar' { if ([IO.File]::Exists($enlace)) { [IO.File]::Delete($enlace) } }" in notes


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
        assert text.index("Format-Table") < text.index("ShouldProcess") < text.index(step)
    callers = [
        name
        for name, function in ps.functions(root).items()
        if "Invoke-Caso" in {ps.text_of(node) for node in ps.of_type(function, "command_name")}
    ]
    assert callers == ["Start-Enlaces"]
