"""Which names may be published: the rules of Windows and OneDrive, nothing outside the folder."""

from __future__ import annotations

import ntpath
import sys
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.words.errors import PublishError
from Modules.words.names import check_names, name_problem

GOOD = [
    "a",
    "lotes.gpkg",
    "KMZ POR CAMPO/25-26/Ñandú - Güemes.kmz",
    "raw/lotes-0001.json.zst",
    "a..b",
    "CONTRATO.kmz",
    "com.kmz",
    "nul-1",
    "x" * 255,
    "~a",
]
BAD = [
    "",
    "/",
    "/etc/passwd",
    "..",
    "../x",
    "a/../x",
    "a//b",
    "a/",
    "./a",
    "C:",
    "C:/x",
    "c:x",
    "\\\\server\\share\\x",
    "a\\b",
    "CON",
    "con.txt",
    "a/NUL/b",
    "aux.kmz",
    "COM1",
    "com¹.txt",
    "LPT9",
    "con .txt",
    "CONIN$",
    "a:b",
    "a?",
    'a"b',
    "a|b",
    "a<b",
    "a*",
    "a\nb",
    "a\x00b",
    "a ",
    " a",
    "a.",
    "~$x.xlsx",
    "a_vti_b",
    ".lock",
    "Desktop.ini",
    "x.tmp",
    "x.TMP",
    ".lindero.json",
    "sub/.lindero.json",
    "x" * 256,
    "ñ" * 128,
    "/".join(["x" * 99] * 5),
    "a\ud800b",
]


@pytest.mark.parametrize("name", GOOD, ids=lambda name: name[:20])
def test_good_names(name: str) -> None:
    assert name_problem(name) is None
    check_names([name])


@pytest.mark.parametrize("name", BAD, ids=lambda name: ascii(name[:20]))
def test_bad_names(name: str) -> None:
    with pytest.raises(PublishError, match="no se puede publicar"):
        check_names([name])


@pytest.mark.parametrize(
    "names",
    [
        ("Lote Norte.kmz", "lote norte.kmz"),
        ("ñ", "n\u0303"),
        ("STRASSE", "straße"),
        ("a/B/c", "A/b/C"),
    ],
)
def test_names_that_fall_together_on_windows(names: tuple[str, ...]) -> None:
    with pytest.raises(PublishError, match="un mismo archivo en Windows"):
        check_names(names)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b/c", "A")])
def test_a_file_cannot_also_be_a_folder(names: tuple[str, ...]) -> None:
    with pytest.raises(PublishError, match="que es un archivo"):
        check_names(names)


@given(st.text(max_size=40) | st.from_regex(r"([.]{0,2}/?[A-Za-z:\\]{0,3}){0,4}", fullmatch=True))
def test_whatever_passes_stays_inside_and_windows_takes_it(name: str) -> None:
    if name_problem(name) is not None:
        return
    assert ".." not in PurePosixPath(name).parts
    assert Path("/out").joinpath(name).is_relative_to("/out")
    assert not ntpath.isabs(name)
    assert not ntpath.splitdrive(name)[0]
    if sys.version_info >= (3, 13):
        assert not ntpath.isreserved(name)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "no es una ruta dentro de la carpeta"),
        ("/a", "no es una ruta dentro de la carpeta"),
        ("C:a", "no es una ruta dentro de la carpeta"),
        ("a//b", "la ruta tiene una parte vacía, '.' o '..'"),
        ("a/./b", "la ruta tiene una parte vacía, '.' o '..'"),
        ("a/../b", "la ruta tiene una parte vacía, '.' o '..'"),
        ("/".join(["a" * 99] * 4) + "/b", "más largo que 400 caracteres"),
        ("a" * 256, f"{'a' * 40!r} es demasiado largo"),
        ("ñ" * 128, f"{'ñ' * 40!r} es demasiado largo"),
        ("\ud800", "'\\ud800' es demasiado largo"),
    ],
)
def test_the_rule_that_a_name_breaks_is_said(name: str, problem: str) -> None:
    assert name_problem(name) == problem


def test_the_longest_names_that_are_taken() -> None:
    assert name_problem("/".join(["a" * 99] * 4) + "b") is None
    assert name_problem("a" * 255) is None
    assert name_problem("ñ" * 127) is None


def test_both_names_of_a_clash_are_said() -> None:
    with pytest.raises(
        PublishError, match=r"^'A\.kmz' y 'a\.kmz' son un mismo archivo en Windows$"
    ):
        check_names(["a.kmz", "A.kmz"])
    with pytest.raises(PublishError, match=r"^'x/B' está dentro de 'X', que es un archivo$"):
        check_names(["X", "x/B"])
