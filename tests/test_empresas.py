"""Many companies out of one file: what is wrong in one costs that one; nobody shares a place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from Modules.empresas import KEYS, Empresa, named
from Modules.settings import (
    Settings,
    check_portal,
    empresas,
    load_settings,
    settings_of_each,
    without_portal,
)
from Modules.words.domain import Campania, Modo
from Modules.words.errors import SettingsError
from tests.compose_files import environment_with_files, services

NO_FILE = Path("/none")
SECRET = "canario-9fQ2+x"
SUR = """
[[empresas]]
nombre = "Campos del Sur SA"
portal = "https://sur.example/api/v1"
usuario = "lindero"
secreto = "SUR_SECRETO"
campanias = ["25/26", "26/27"]
informe = ["ana@sur.example"]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "empresas.toml"
    monkeypatch.setenv("LINDERO_EMPRESAS", str(path))
    monkeypatch.setenv("LINDERO_OUTPUTS_DIR", str(tmp_path / "out"))
    monkeypatch.setenv("LINDERO_TEST_OUTPUTS_DIR", str(tmp_path / "tout"))
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("SUR_SECRETO", SECRET)
    return path


def entry(nombre: str, *more: str) -> str:
    lines = (f"nombre = {nombre!r}", "portal = 'https://x.example'", *more)
    return "\n".join(("[[empresas]]", *lines, ""))


def wrong(file: Path, text: str) -> list[str]:
    """What is said of the entries that cannot be used."""
    file.write_text(text, encoding="utf-8")
    return [
        str(one)
        for one in empresas(load_settings(NO_FILE)).values()
        if not isinstance(one, Empresa)
    ]


def test_without_a_file_there_is_one_company_as_ever() -> None:
    assert empresas(Settings()) == {}
    assert list(settings_of_each()) == []


def test_the_settings_of_a_company_are_its_entry_over_those_of_all(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(SUR, encoding="utf-8")
    monkeypatch.setenv("DATABALER_SECOND_SECRET", "de otra")
    monkeypatch.setenv("DATABALER_PROFILE", "de_otra.toml")
    monkeypatch.setenv("LINDERO_WATCH_URL", "https://hc.example/otra")
    monkeypatch.setenv("LINDERO_RETENTION_DAILY", "3")
    base = load_settings(NO_FILE)
    monkeypatch.setenv("LINDERO_EMPRESA", "campos DEL sur sa")
    sur = load_settings(NO_FILE)
    assert sur.databaler_base_url == "https://sur.example/api/v1"
    assert sur.databaler_client_id == "lindero"
    assert sur.databaler_client_secret is not None
    assert sur.databaler_client_secret.get_secret_value() == SECRET
    assert (sur.databaler_second_secret, sur.databaler_profile, sur.lindero_watch_url) == (
        None,
    ) * 3
    assert sur.lindero_campania == (Campania(25, 26), Campania(26, 27))
    assert sur.lindero_informe_a == "ana@sur.example"
    assert sur.lindero_company == sur.lindero_empresa == "Campos del Sur SA"
    assert sur.lindero_outputs_dir == tmp_path / "out" / "campos_del_sur_sa"
    assert sur.lindero_test_outputs_dir == tmp_path / "tout" / "campos_del_sur_sa"
    assert sur.lindero_state_dir == tmp_path / "state" / "empresas" / "campos_del_sur_sa"
    assert sur.lindero_retention_daily == base.lindero_retention_daily == 3
    assert (base.lindero_empresa, base.lindero_state_dir) == ("", tmp_path / "state")
    assert SECRET not in repr(sur)


def test_a_secret_may_lie_in_the_file_that_its_variable_names(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(SUR, encoding="utf-8")
    (tmp_path / "secret").write_text(SECRET, encoding="utf-8")
    monkeypatch.delenv("SUR_SECRETO")
    monkeypatch.setenv("SUR_SECRETO_FILE", str(tmp_path / "secret"))
    ((_, sur),) = settings_of_each()
    assert isinstance(sur, Settings)
    assert sur.databaler_client_secret is not None
    assert sur.databaler_client_secret.get_secret_value() == SECRET
    monkeypatch.delenv("SUR_SECRETO_FILE")
    ((_, said),) = settings_of_each()
    assert str(said) == (
        "empresas.toml, renglón 2 (Campos del Sur SA): secreto: no está la variable que nombra"
    )


@pytest.mark.parametrize("told", [None, "/run/secrets/no-hay"])
def test_what_needs_no_portal_needs_no_secret_and_has_no_way_to_the_portal(
    file: Path, monkeypatch: pytest.MonkeyPatch, told: str | None
) -> None:
    """As in a Job, where the variable is not, or names a file of another container."""
    file.write_text(SUR, encoding="utf-8")
    monkeypatch.setenv("LINDERO_EMPRESA", "Campos del Sur SA")
    with without_portal():
        known = load_settings(NO_FILE)
    assert known.databaler_client_secret is None
    monkeypatch.delenv("SUR_SECRETO")
    if told is not None:
        monkeypatch.setenv("SUR_SECRETO_FILE", told)
    with without_portal():
        maps = load_settings(NO_FILE)
        assert maps == known
        assert maps.lindero_company == "Campos del Sur SA"
        assert maps.lindero_campania == (Campania(25, 26), Campania(26, 27))
        with pytest.raises(SettingsError, match="no hay un portal configurado"):
            check_portal(maps, Modo.PROD)
    with pytest.raises(SettingsError, match=r"secreto: no está|SECRET: no se lee"):
        load_settings(NO_FILE)


@pytest.mark.parametrize(
    ("line", "at", "said"),
    [
        (f"secreto = '{SECRET}'", 9, "secreto: va el nombre de una variable"),
        ("clave_api = 'x'", 9, "clave_api: no hay una clave así"),
        ("portall = 'x'", 9, "portall: no hay una clave así; ¿portal?"),
        ("perfil = 3", 9, "perfil: tiene que ser un texto"),
        ("campanias = ['25/29']", 9, "campanias: "),
        ("usuario = 'sin fin", 9, "(Dos): no es TOML"),
        ("nombre = 'otra vez'", 9, "(Dos): no es TOML"),
        ("carpeta = 'mapa'", 6, "carpeta: es de la empresa de siempre"),
        ("carpeta = '..'", 6, "carpeta: es de la empresa de siempre"),
        ("carpeta = 'cultivos/x'", 9, "carpeta: va una sola carpeta, o una ruta completa"),
    ],
)
def test_a_wrong_entry_is_named_by_line_and_key_and_costs_no_other(
    file: Path, line: str, at: int, said: str
) -> None:
    text = entry("Una") + "\n# dos\n" + entry("Dos", line) + "\n" + entry("Tres")
    (told,) = wrong(file, text)
    assert told.startswith(f"empresas.toml, renglón {at} (")
    assert said in told
    assert SECRET not in told
    good = [
        one.nombre for one in empresas(load_settings(NO_FILE)).values() if isinstance(one, Empresa)
    ]
    assert good == ["Una", "Tres"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[empresas]]\nportal = 'https://x.example'\n", "renglón 1: nombre: falta"),
        ("[[empresas]]\nnombre = 'Una'\n", "renglón 1 (Una): portal: falta"),
        (entry("Una").replace("https://x", "ftp://x"), "renglón 3 (Una): portal: no es"),
        (entry("¡!"), "renglón 2 (¡!): nombre: va con letras"),
        ('[[empresas]]\nnombre = "D\'Angelo"\nportal = x\n', "renglón 3 (D'Angelo): no es TOML"),
        ("[[empresas]]\nnombre = 'La \"Ñ\"' # la de antes\nx\n", 'renglón 3 (La "Ñ"): no es TOML'),
        ("[[empresas]]\nnombre = Sur SA # sin comillas\n", "renglón 2 (Sur SA): no es TOML"),
        ("[[empresas]]\nnombre = # nada\n", "empresas.toml, renglón 2: no es TOML"),
        (entry("x" * 81), "nombre: va con letras o números, y hasta 80"),
        ("empresas = []\n", "renglón 1: empresas: sobra; cada empresa empieza con"),
        ("\notra = 1\n" + entry("Una"), "renglón 2: otra: sobra"),
    ],
)
def test_what_else_can_be_wrong(file: Path, text: str, said: str) -> None:
    (told,) = wrong(file, text)
    assert said in told


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (entry("Ñandú"), entry("NANDU")),
        (entry("Una"), entry("Una")),
        (entry("Una", "carpeta = 'x'"), entry("Dos", "carpeta = 'X'")),
        (entry("Una", "carpeta = '/x'"), entry("Dos", "carpeta = '/x/y'")),
    ],
)
def test_of_two_that_would_share_a_place_neither_runs(file: Path, first: str, second: str) -> None:
    told = wrong(file, first + second + entry("Tres"))
    assert len(told) == 2
    assert "renglón 1 (" in told[0].partition("no se distingue")[0]
    assert "renglón 1 (" in told[1].partition("no se distingue")[2]
    assert len(empresas(load_settings(NO_FILE))) == 3


def test_names_of_any_letters_have_places_of_their_own(file: Path) -> None:
    names = ("Ñandú & Hijos", "Поле", "Campo/Ñu", "農場", "con", "A  B")
    assert wrong(file, "".join(map(entry, names))) == []
    found = [one for one in empresas(load_settings(NO_FILE)).values() if isinstance(one, Empresa)]
    assert len({one.carpeta.name for one in found}) == len({one.slug for one in found}) == 6
    assert all(one.carpeta.parent == load_settings(NO_FILE).lindero_outputs_dir for one in found)


def test_a_name_that_is_not_there_is_refused_with_the_nearest(file: Path) -> None:
    wrong(file, entry("Campos del Sur") + entry("Mala", "perfil = 3"))
    found = empresas(load_settings(NO_FILE))
    with pytest.raises(SettingsError, match="¿quiso decir 'Campos del Sur'"):
        named(found, "Campos de Sur")
    with pytest.raises(SettingsError, match="perfil: tiene que ser"):
        named(found, "Mala")


@pytest.mark.parametrize("data", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_refused(file: Path, data: bytes | None) -> None:
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(SettingsError, match=r"LINDERO_EMPRESAS: no se lee .*empresas\.toml"):
        empresas(load_settings(NO_FILE))


def test_the_keys_of_an_entry_are_in_the_docs(project_root: Path) -> None:
    page = (project_root / "docs" / "empresas.md").read_text(encoding="utf-8")
    assert [key for key in KEYS if f"| `{key}` |" not in page] == []


def test_with_docker_the_worker_is_told_the_variable_of_an_entry_as_the_page_says(
    file: Path, tmp_path: Path, project_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (project_root / "docs" / "empresas.md").read_text(encoding="utf-8")
    (entries, overlay) = re.findall(r"^ *```(?:toml|yaml)\n(.+?)^ *```", page, re.S | re.M)
    file.write_text(entries, encoding="utf-8")
    added = yaml.safe_load(overlay)
    (name,) = added["services"]
    assert name in services()
    assert set(added["services"][name]["secrets"]) == set(added["secrets"])
    monkeypatch.delenv("SUR_SECRETO")
    told = environment_with_files(added["services"][name], {"SUR_SECRETO": SECRET}, tmp_path)
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    for _, settings in settings_of_each():
        assert isinstance(settings, Settings), settings
