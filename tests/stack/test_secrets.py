"""Secrets that are made and added to a ``.env``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from Modules.settings import load_settings, read_settings, secret_names
from Modules.stack.plan import (
    AUTH_STRING,
    DATABASE_PASSWORD,
    REDIS_PASSWORD,
    SECRETS,
    check_secrets,
)
from Modules.stack.secrets import CLIENT_AUTH, write_files, write_missing
from Modules.words.errors import PublishError
from Modules.words.secret import NONE


def test_a_file_that_is_not_there_is_made_with_all_of_them(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"

    assert write_missing(env_file, {}) == (*SECRETS, CLIENT_AUTH)

    check_secrets({name: dotenv_values(env_file)[name] for name in SECRETS})
    load_settings(env_file)
    if sys.platform != "win32":
        assert env_file.stat().st_mode & 0o777 == 0o600


def test_lines_that_are_there_stay_byte_for_byte(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    before = (
        "\ufeffLINDERO_PORT=4210\r\n# ñandú\r\nPREFECT_POSTGRES_PASSWORD='own choice 12'".encode()
    )
    env_file.write_bytes(before)

    assert write_missing(env_file, {}) == (REDIS_PASSWORD, AUTH_STRING, CLIENT_AUTH)

    after = env_file.read_bytes()
    assert after.startswith(before + b"\r\n")
    assert dotenv_values(env_file)[DATABASE_PASSWORD] == "own choice 12"
    settings = load_settings(env_file)
    assert settings.lindero_port == 4210
    assert settings.prefect_redis_messaging_password is not None


def test_a_second_time_nothing_is_added(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    write_missing(env_file, {})
    before = env_file.read_bytes()

    assert write_missing(env_file, {}) == ()
    assert env_file.read_bytes() == before


def test_an_empty_line_gets_its_value_below(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"{DATABASE_PASSWORD}=\n", encoding="utf-8")

    assert DATABASE_PASSWORD in write_missing(env_file, {})
    assert dotenv_values(env_file)[DATABASE_PASSWORD]


def test_what_the_environment_has_is_not_made(tmp_path: Path) -> None:
    written = write_missing(tmp_path / ".env", {AUTH_STRING: "admin:of-the-environment"})

    assert written == (DATABASE_PASSWORD, REDIS_PASSWORD)


@pytest.mark.parametrize("own", ["admin:plain-1", "admin:a b#c", "ñ:it's \\ $HOME"])
def test_prefect_as_a_client_gets_the_secret_that_the_file_has(tmp_path: Path, own: str) -> None:
    env_file = tmp_path / ".env"
    write_missing(env_file, {})
    lines = env_file.read_text(encoding="utf-8").splitlines()
    quoted = own.replace("\\", "\\\\").replace("'", "\\'")
    kept = [line for line in lines if AUTH_STRING not in line and CLIENT_AUTH not in line]
    env_file.write_text("\n".join([*kept, f"{AUTH_STRING}='{quoted}'", ""]), encoding="utf-8")

    assert write_missing(env_file, {}) == (CLIENT_AUTH,)
    assert dotenv_values(env_file, interpolate=False)[CLIENT_AUTH] == own


def test_two_files_get_different_secrets(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_missing(tmp_path / name, {})

    one, two = dotenv_values(tmp_path / "one"), dotenv_values(tmp_path / "two")
    assert not set(one.values()) & set(two.values())


def test_a_folder_in_the_way_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    with pytest.raises(PublishError, match=r"\.env"):
        write_missing(tmp_path / ".env", {})


def test_every_secret_gets_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "secretos"
    told = {"databaler_client_secret": " c4n#ry $ñ ", "lindero_uid": "1234", "lindero_gid": "1235"}

    assert write_files(folder, read_settings(told)) == secret_names()

    words = {one.name: one.read_bytes().decode() for one in folder.iterdir()}
    assert words == {
        **dict.fromkeys(secret_names(), NONE),
        "databaler_client_secret": " c4n#ry $ñ ",
    }
    if sys.platform != "win32":
        assert {one.stat().st_mode & 0o777 for one in folder.iterdir()} == {0o600}
        assert folder.stat().st_mode & 0o777 == 0o700
        if os.geteuid() == 0:
            assert {one.stat().st_uid for one in folder.iterdir()} == {1234}


def test_only_a_secret_that_changed_is_written_and_in_its_place(tmp_path: Path) -> None:
    """A container has the file itself mounted: one beside it would never be seen there."""
    write_files(tmp_path, read_settings({"databaler_client_secret": "the old one"}))
    before = (tmp_path / "databaler_client_secret").stat().st_ino

    changed = write_files(tmp_path, read_settings({"databaler_client_secret": "new"}))

    assert changed == ("databaler_client_secret",)
    assert (tmp_path / "databaler_client_secret").read_text() == "new"
    assert (tmp_path / "databaler_client_secret").stat().st_ino == before
    assert write_files(tmp_path, read_settings({"databaler_client_secret": "new"})) == ()


def test_what_a_file_has_is_not_made(tmp_path: Path) -> None:
    written = write_missing(tmp_path / ".env", {f"{AUTH_STRING}_FILE": "/run/secrets/api"})

    assert written == (DATABASE_PASSWORD, REDIS_PASSWORD)
