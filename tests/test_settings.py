"""Settings: what is read, from where, and the one line that a wrong value gives."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from Modules.settings import (
    PROJECT_ROOT,
    flag,
    load_settings,
    number,
    one_of,
    secret_names,
    variable_names,
    whole,
)
from Modules.words.domain import BoundingBox, Campania, Modo
from Modules.words.errors import SettingsError

NO_FILE = Path("no such .env")
WRONG = [
    ("LINDERO_CAMPANIA", "2025", "como 25/26"),
    ("LINDERO_CAMPANIA", "25/27", "dos años seguidos"),
    ("LINDERO_BBOX", "1,2,3", "cuatro números"),
    ("LINDERO_BBOX", "10,0,-10,5", "grados"),
    ("LINDERO_BBOX", "nan,nan,nan,nan", "grados"),
    ("LINDERO_PORTAL_CONCURRENCY", "many", "un número entero"),
    ("LINDERO_PORTAL_CONCURRENCY", "0", "tiene que ser 1 o más"),
    ("LINDERO_GUARD_ROWS_DROP", "0", "tiene que ser más que 0"),
    ("LINDERO_H3_RESOLUTIONS", "9,16", "0 a 15"),
    ("LINDERO_DEMO_SIZE", "huge", "'mini', 'small', 'company' o 'stress'"),
    ("DATABALER_BASE_URL", "ftp://x.example", "dirección http(s)"),
    ("DATABALER_BASE_URL", "https://user:word@x.example", "usuario, contraseña"),
    ("TZ", "Mars/Olympus", "zona horaria"),
    ("LINDERO_LATE_AFTER", "seven", "como 07:00"),
    ("LINDERO_LATE_RUNS", "ask", "'run' o 'skip'"),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_wrong_value_gives_one_line_with_name_fault_and_example(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(NO_FILE)
    line = str(caught.value)
    assert line.startswith(f"{name}: ")
    assert said in line
    assert f"por ejemplo {name}=" in line
    assert "\n" not in line


def test_the_example_of_every_variable_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    from Modules.settings import Settings

    for field in dataclasses.fields(Settings):
        assert field.metadata["example"], field.name
        assert field.metadata["description"], field.name
        monkeypatch.setenv(field.name.upper(), field.metadata["example"])
    monkeypatch.delenv("LINDERO_EMPRESA")  # it is looked for in a file that is not there
    assert load_settings(NO_FILE, vault=False).lindero_campania == (Campania(25, 26),)


def test_a_misspelled_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LINDERO_CAMPANA", "25/26")
    with pytest.raises(SettingsError, match="¿quiso decir LINDERO_CAMPANIA"):
        load_settings(NO_FILE)


def test_a_name_that_is_like_no_other_gets_no_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINDERO_XYZZY_42", "1")
    with pytest.raises(
        SettingsError, match=r"LINDERO_XYZZY_42 no es una variable de Lindero; ver docs"
    ):
        load_settings(NO_FILE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("LINDERO_CAMPANIA=25/26\n".encode("utf-16"), "UTF-8"),
        (b"LINDERO_CAMPANIA=\xff\xfe\n", "UTF-8"),
        (b'A=1\nDATABALER_CLIENT_SECRET="canary-33\nB=2\n', "renglón 2"),
        (b"A=1\r\n\r\n# more\r\n\r\nLINDERO_CAMPANIA: canary\r\n", "renglón 5 "),
        (b"A=1\n\ncanary-33\n", "renglón 3 "),
        (b"lindero_foo=1\n", "lindero_foo"),
    ],
)
def test_a_dotenv_that_cannot_be_read_whole_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(content)
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings(dotenv)
    assert "canary" not in str(caught.value)


def test_a_home_in_a_path_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LINDERO_STATE_DIR", "~/lindero")
    assert load_settings(NO_FILE).store_dir(Modo.TEST) == tmp_path / "lindero" / "test"


def test_a_home_that_nobody_has_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABALER_PROFILE", "~nobody-of-that-name/perfil.toml")
    monkeypatch.delenv("USERNAME", raising=False)
    monkeypatch.setenv("USERPROFILE", "elsewhere")
    with pytest.raises(SettingsError, match=r"^DATABALER_PROFILE: empieza con ~"):
        load_settings(NO_FILE)


TEXTS = (
    *("", " ", "5", " 5 ", "+5", "-5", "0", "007", "5.0", "5.5", "1e3", "1_000", "0x10", "many"),
    *("nan", "inf", "-inf", ".5", "1,5", "true", "TRUE", "Yes", "on", "off", "t", "n", "si"),
    *("small", "Small", "huge", "9" * 30),
)
REFUSED = {  # by the type of pydantic's refusal
    "int_parsing": "un número entero",
    "int_parsing_size": "un número entero",
    "float_parsing": "un número",
    "bool_parsing": "true o false",
    "literal_error": "'",
    "greater_than": "más que {gt:g}",
    "greater_than_equal": "{ge:g} o más",
    "less_than_equal": "{le:g} o menos",
}


@pytest.mark.parametrize(
    ("read", "as_pydantic"),
    [
        (whole(ge=1, le=32), Annotated[int, Field(ge=1, le=32)]),
        (whole(ge=0), Annotated[int, Field(ge=0)]),
        (number(gt=0, le=10), Annotated[float, Field(gt=0, le=10)]),
        (number(ge=0, le=1000), Annotated[float, Field(ge=0, le=1000)]),
        (flag, bool),
        (one_of("mini", "small", "company"), Literal["mini", "small", "company"]),
        (one_of("run", "skip"), Literal["run", "skip"]),
    ],
)
def test_a_text_is_read_and_refused_as_pydantic_does(
    read: Callable[[str], object], as_pydantic: Any
) -> None:
    """It was read by pydantic once; people know what it takes. What it says is Spanish."""
    for text in TEXTS:
        try:
            expected = TypeAdapter(as_pydantic).validate_python(text)
        except ValidationError as err:
            fault = err.errors()[0]
            said = REFUSED[fault["type"]].format(**fault.get("ctx", {}))
            with pytest.raises(ValueError, match=f"^tiene que ser {re.escape(said)}"):
                read(text)
        else:
            assert read(text) == expected, text


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_dotenv_of_any_editor_is_read(tmp_path: Path, start: str) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(f"{start}lindero_campania=23/24\r\n\r\n# fin\r\n".encode())
    assert load_settings(dotenv).lindero_campania == (Campania(23, 24),)


def test_environment_goes_over_dotenv_over_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("LINDERO_CAMPANIA=23/24\nLINDERO_DEMO_DAY=3\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("LINDERO_DEMO_DAY", "4")
    settings = load_settings(dotenv)
    assert (settings.lindero_campania, settings.lindero_demo_day) == ((Campania(23, 24),), 4)
    assert settings.lindero_demo_size == "small"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABALER_BASE_URL", "")
    monkeypatch.setenv("LINDERO_BBOX", "")
    settings = load_settings(NO_FILE)
    assert settings.databaler_base_url is None
    assert settings.lindero_bbox == BoundingBox()


def test_secrets_never_print(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "DATABALER_CLIENT_SECRET",
        "PREFECT_POSTGRES_PASSWORD",
        "PREFECT_SERVER_API_AUTH_STRING",
    ):
        monkeypatch.setenv(name, "canary-7f3a")
    settings = load_settings(NO_FILE)
    assert "canary" not in repr(settings)
    assert "canary" not in f"{settings} {settings.databaler_client_secret}"
    assert settings.databaler_client_secret is not None
    assert settings.databaler_client_secret.get_secret_value() == "canary-7f3a"


def test_every_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert len(secret_names()) >= 7
    for at, name in enumerate(secret_names()):
        (tmp_path / name).write_bytes(f" c4n#ry $ñ {at} ".encode() + (b"", b"\n", b"\r\n")[at % 3])
        monkeypatch.setenv(f"{name.upper()}_FILE", str(tmp_path / name))
    settings = load_settings(NO_FILE)
    for at, name in enumerate(secret_names()):
        secret = getattr(settings, name)
        assert secret.get_secret_value() == f" c4n#ry $ñ {at} ", name
        assert secret.file == tmp_path / name
    assert "c4n#ry" not in repr(settings)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no se lee"),
        (b"", "está vacío"),
        (b"\n", "está vacío"),
        (b"canary \xff\xfe", "UnicodeDecodeError"),
    ],
)
def test_a_file_without_a_secret_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    monkeypatch.setenv("LINDERO_ALERT_WEBHOOK_URL_FILE", str(tmp_path / "file"))
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings(NO_FILE)
    assert "LINDERO_ALERT_WEBHOOK_URL_FILE" in str(caught.value)
    assert str(tmp_path / "file") in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_file_may_say_that_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("(ninguno)\n")
    monkeypatch.setenv("DATABALER_SECOND_SECRET_FILE", str(tmp_path / "file"))
    assert load_settings(NO_FILE).databaler_second_secret is None


def test_a_secret_and_its_file_in_one_place_are_refused_and_the_environment_goes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("of-the-file")
    dotenv = tmp_path / ".env"
    name = "DATABALER_CLIENT_SECRET"
    dotenv.write_text(f"{name}_FILE={tmp_path / 'file'}\n{name}=canary-of-env\n")
    with pytest.raises(SettingsError, match=f"{name}: está, y también {name}_FILE") as caught:
        load_settings(dotenv)
    assert "canary" not in str(caught.value)
    for file, here, expected in (
        (f"{name}_FILE={tmp_path / 'file'}\n", {name: "of-the-process"}, "of-the-process"),
        (f"{name}=of-dotenv\n", {f"{name}_FILE": str(tmp_path / "file")}, "of-the-file"),
    ):
        dotenv.write_text(file)
        with monkeypatch.context() as told:
            for variable, value in here.items():
                told.setenv(variable, value)
            secret = load_settings(dotenv).databaler_client_secret
        assert secret is not None
        assert secret.get_secret_value() == expected


def test_a_file_is_for_secrets_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINDERO_CAMPANIA_FILE", "x")
    with pytest.raises(SettingsError, match="LINDERO_CAMPANIA_FILE no es una variable"):
        load_settings(NO_FILE)


def test_paths_hang_below_the_project_and_trials_apart_from_production(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(NO_FILE)
    assert settings.outputs_dir(Modo.PROD) == PROJECT_ROOT / "outputs"
    assert settings.outputs_dir(Modo.TEST) == PROJECT_ROOT / "test_outputs"
    assert settings.store_dir(Modo.TEST) != settings.store_dir(Modo.PROD)
    monkeypatch.setenv("LINDERO_OUTPUTS_DIR", str(tmp_path / "x"))
    assert load_settings(NO_FILE).outputs_dir(Modo.PROD) == tmp_path / "x"


def test_settings_are_frozen() -> None:
    settings = load_settings(NO_FILE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.lindero_demo_day = 3  # type: ignore[misc]


def test_a_setting_is_told_as_in_env_example(project_root: Path) -> None:
    from Modules.settings import Settings

    lines = (project_root / ".env.example").read_text(encoding="utf-8").splitlines()
    told = {line.split("=")[0]: before for before, line in pairwise(lines)}
    for field in dataclasses.fields(Settings):
        assert told[f"# {field.name.upper()}"] == f"# {field.metadata['description']}"


def test_env_example_lists_exactly_the_settings(project_root: Path) -> None:
    lines = (project_root / ".env.example").read_text(encoding="utf-8").splitlines()
    listed = [
        line.lstrip("# ").split("=")[0]
        for line in lines
        if line.lstrip("# ").split("=")[0].isupper()
    ]
    assert listed == list(variable_names())


def test_every_setting_is_in_the_docs(project_root: Path) -> None:
    page = (project_root / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in variable_names() if f"`{name}`" not in page] == []
