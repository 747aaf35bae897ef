"""The mapping in the users' form, judged as Windows and OneDrive would."""

from __future__ import annotations

import json
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.onedrive.config import (
    MAX_TARGET,
    Enlace,
    as_mapping,
    is_below,
    judge_links,
    onedrive_root,
    parse_config,
    target_problem,
    told,
    warnings_of,
    write_config,
)

ROOT = PureWindowsPath("C:/Users/Ñ/OneDrive - EMPRESA")


def _link(carpeta: str, target: str) -> Enlace:
    return Enlace(PurePosixPath("outputs") / carpeta, PureWindowsPath(target))


def _said(links: list[Enlace], *, project: str | None = "C:/Lindero") -> list[str]:
    where = None if project is None else PureWindowsPath(project)
    return [told(problem) for problem in judge_links(links, [ROOT], project=where)]


def test_the_users_form_is_read() -> None:
    found = parse_config(
        '\ufeff{"../outputs/cultivos": "C:/Users/Ñ/OneDrive - EMPRESA/cultivos",'
        '"..\\\\outputs\\\\KMZ POR CAMPO": "D:\\\\KMZ", "outputs/mapa/": "C:/x"}'
    )
    assert found.problemas == ()
    assert found.enlaces == (
        _link("cultivos", "C:/Users/Ñ/OneDrive - EMPRESA/cultivos"),
        _link("KMZ POR CAMPO", "D:/KMZ"),
        _link("mapa", "C:/x"),
    )


def test_what_is_written_is_in_the_users_form_and_reads_back() -> None:
    links = [_link("cultivos", "C:\\Ñ\\OneDrive\\cultivos"), _link("H3", "D:/x/H 3")]
    text = write_config(links)
    assert json.loads(text) == {
        "../outputs/cultivos": "C:/Ñ/OneDrive/cultivos",
        "../outputs/H3": "D:/x/H 3",
    }
    assert parse_config(text).enlaces == tuple(links)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no se puede leer"),
        ('{"a"', "línea 1"),
        ('{"../outputs/a": "C:\\x"}', "con / o con"),
        ("[]", "se espera un objeto"),
        ("3", "se espera un objeto"),
        ("[" * 100_000, "no se puede leer"),
        ('{"../outputs/cultivos": ""}', "cultivos: no tiene destino"),
        ('{"../outputs/cultivos": 3}', "cultivos: no tiene destino"),
        ('{"../outputs/cultivos": {"a": "b"}}', "cultivos: no tiene destino"),
        ('{"cultivos": "C:/x"}', "cultivos: escriba la carpeta como '../outputs/<carpeta>'"),
        ('{"../../x/outputs/a": "C:/x"}', "escriba la carpeta como"),
        ('{"C:/x/outputs/a": "C:/x"}', "escriba la carpeta como"),
        ('{"/outputs/a": "C:/x"}', "escriba la carpeta como"),
        ('{"../outputs/CON": "C:/x"}', "escriba la carpeta como"),
    ],
)
def test_a_wrong_file_says_which_folder_and_what_to_do(text: str, said: str) -> None:
    found = parse_config(text)
    assert found.enlaces == ()
    assert said in told(found.problemas[0])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("cultivos", "no es una ruta completa"),
        ("/Users/x", "no es una ruta completa"),
        ("\\Users\\x", "no es una ruta completa"),
        ("C:cultivos", "no es una ruta completa"),
        (" C:/x/y", "no es una ruta completa"),
        ("~/OneDrive", "no es una ruta completa"),
        ("//server/share/x", "carpeta de red"),
        ("\\\\wsl$\\Debian\\x", "carpeta de red"),
        ("\\\\?\\C:\\x", "sin el comienzo"),
        ("\\\\.\\C:\\x", "sin el comienzo"),
        ("\\??\\C:\\x", "sin el comienzo"),
        ("C:/", "una unidad entera"),
        ("C:/a/../b", "'.' o '..'"),
        ("C:/a/./b", "'.' o '..'"),
        ("C:/a/CON", "nombre reservado"),
        ("C:/a/nul.x", "nombre reservado"),
        ("C:/a/b?", "no acepta el carácter"),
        ("C:/a:b/c", "no acepta el carácter"),
        ("C:/a./c", "espacio o punto"),
        ("C:/a /c", "espacio o punto"),
        ("C:/a/x_vti_y", "OneDrive no acepta"),
        ("C:/a/~$x", "OneDrive no acepta"),
        ("C:/a/~temp", "empiezan con ~"),
        ("C:/a/x.tmp", "no se sincroniza"),
        ("C:/FACUND~1/x", "nombre corto"),
        ("\u202aC:/a/b", "invisible (U+202A)"),
        ("C:/a/b\nc", "invisible (U+000A)"),
        ("C:/a/\ud800", "invisible (U+D800)"),
        ("C:/a/" + "b" * MAX_TARGET, "205 caracteres"),
        ("C:/a/" + "ñ" * 130, "demasiado largo"),
    ],
)
def test_a_target_that_windows_or_onedrive_would_refuse(target: str, said: str) -> None:
    problem = target_problem(target)
    assert problem is not None
    assert said in problem
    found = parse_config(json.dumps({"../outputs/cultivos": target}))
    assert [(one.where, one.what) for one in found.problemas] == [("cultivos", problem)]


@pytest.mark.parametrize(
    "target",
    [
        "C:/Users/Ñ/OneDrive - EMPRESA/x",
        "d:\\O'Brien ‘a’ $x `b [c] && ; %d\\y",
        "C:/a//b/",
        "Z:/🌾",
    ],
)
def test_a_target_that_is_odd_but_right(target: str) -> None:
    assert target_problem(target) is None


@given(st.text())
def test_no_text_breaks_the_judge_of_targets(text: str) -> None:
    if target_problem(text) is None:
        path = PureWindowsPath(text)
        assert path.is_absolute()
        assert ".." not in path.parts


@given(st.text() | st.dictionaries(st.text(), st.text() | st.integers()).map(json.dumps))
def test_no_text_breaks_the_reading_of_the_file(text: str) -> None:
    found = parse_config(text)
    assert parse_config(write_config(found.enlaces)).enlaces == found.enlaces or found.problemas


def test_right_links_are_right() -> None:
    links = [_link("cultivos", f"{ROOT}/cultivos"), _link("H3", "c:/users/ñ/onedrive - empresa/H3")]
    assert _said(links) == []
    assert _said(links, project=None) == []


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (["D:/x"], "a: su destino D:\\x no está dentro de OneDrive (C:\\Users\\Ñ\\OneDrive - EMP"),
        (["C:/Users/Ñ/OneDrive - EMPRESA 2/x"], "no está dentro de OneDrive"),
        ([f"{ROOT}"], "a: su destino es OneDrive entero"),
        ([f"{ROOT}/Forms"], "a: OneDrive no acepta una carpeta 'forms'"),
        ([f"{ROOT}/x", f"{ROOT}/X"], "b: tiene el mismo destino que a"),
        ([f"{ROOT}/e\u0301", f"{ROOT}/é"], "b: tiene el mismo destino que a"),
        ([f"{ROOT}/x", f"{ROOT}/X/y"], "b: su destino está dentro del de a"),
        ([f"{ROOT}/x/y", f"{ROOT}/x"], "a: su destino está dentro del de b"),
    ],
)
def test_targets_that_do_not_go_together(targets: list[str], said: str) -> None:
    links = [_link(name, target) for name, target in zip("ab", targets, strict=False)]
    assert any(said in one for one in _said(links)), _said(links)


def test_a_project_inside_onedrive_cannot_have_links() -> None:
    said = _said([_link("a", f"{ROOT}/x")], project=f"{ROOT}/proyecto")
    assert any("el proyecto" in one and "mueva el proyecto" in one for one in said)


def test_a_target_inside_the_project() -> None:
    links = [_link("a", "C:/Lindero/outputs/b")]
    said = [told(p) for p in judge_links(links, [], project=PureWindowsPath("c:/lindero"))]
    assert "a: su destino está dentro del proyecto: elija uno en OneDrive" in said
    assert any("--onedrive" in one for one in said)


def test_a_folder_twice_and_a_link_in_a_link() -> None:
    twice = parse_config(
        '{"../outputs/H3": "C:/OneDrive/a", "../outputs/H3": "C:/OneDrive/b",'
        '"../outputs/h3/x": "C:/OneDrive/c"}'
    ).enlaces
    said = [told(p) for p in judge_links(twice, [PureWindowsPath("C:/OneDrive")])]
    assert "H3: está dos veces: deje una sola línea para esta carpeta" in said
    assert any(one.startswith("x: está dentro de outputs/H3") for one in said)


def test_an_unknown_folder_is_told_and_the_nearest_named() -> None:
    doubts = warnings_of([_link("cultivo", f"{ROOT}/x"), _link("zzz", f"{ROOT}/y")], ["cultivos"])
    assert [told(doubt) for doubt in doubts] == [
        "cultivo: no es una carpeta de productos de Lindero: ¿es 'cultivos'?",
        "zzz: no es una carpeta de productos de Lindero: revise el nombre",
    ]


def test_a_long_target_is_told_where_the_files_have_long_names() -> None:
    target = f"{ROOT}/{'m' * 80}"
    links = [_link("KMZ POR LOTE", target), _link("cultivos", target)]
    known = ["KMZ POR LOTE", "cultivos"]
    assert [doubt.where for doubt in warnings_of(links, known)] == ["KMZ POR LOTE"]


@pytest.mark.parametrize(
    ("target", "root"),
    [
        ("C:/Users/x/OneDrive - E/a/b", "C:/Users/x/OneDrive - E"),
        ("C:/Users/x/OneDrive/a", "C:/Users/x/OneDrive"),
        ("C:/onedrive/OneDrive - E/a", "C:/onedrive"),
        ("C:/Users/x/OneDriveTemp/a", None),
    ],
)
def test_a_target_shows_its_onedrive_by_name(target: str, root: str | None) -> None:
    expected = None if root is None else PureWindowsPath(root)
    assert onedrive_root(PureWindowsPath(target)) == expected


def test_below_is_by_names_and_strictly() -> None:
    assert is_below(PureWindowsPath("c:/A/b"), PureWindowsPath("C:/a/"))
    assert not is_below(PureWindowsPath("C:/a"), PureWindowsPath("C:/a"))
    assert not is_below(PureWindowsPath("C:/ab"), PureWindowsPath("C:/a"))


def test_two_ways_to_write_the_same_mapping_are_equal() -> None:
    assert as_mapping([_link("H3", "C:/A/b")]) == as_mapping([_link("h3", "c:\\a\\B\\")])
    assert as_mapping([_link("H3", "C:/A/b")]) != as_mapping([_link("H3", "C:/A/c")])
