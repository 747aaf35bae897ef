"""The files of the links, and what the disk says of their targets."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from Modules.disk.sentinels import SENTINEL_NAME, record_of
from Modules.onedrive.config import Enlace, parse_config, told
from Modules.onedrive.setup import (
    BACKUP_NAME,
    Local,
    look,
    read_config,
    roots_by_name,
    roots_of,
    set_sentinels,
    write_files,
)
from Modules.words.errors import PublishError

ROOT = PureWindowsPath("C:/Users/x/OneDrive - E")
TEXT = '{"../outputs/cultivos": "C:/Users/x/OneDrive - E/cultivos", "../outputs/H3": "C:/Users/x/OneDrive - E/H3"}'  # noqa: E501
LINKS = parse_config(TEXT).enlaces


@pytest.fixture
def local(tmp_path: Path) -> Local:
    """Drive C: as a folder of this disk."""

    def place(path: PureWindowsPath) -> Path:
        return tmp_path.joinpath("drive C", *path.parts[1:])

    place(ROOT).mkdir(parents=True)
    return place


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def _said(links: tuple[Enlace, ...], local: Local) -> list[str]:
    return [told(problem) for problem in look(links, [ROOT], local=local).errors]


def test_targets_that_are_there_are_fine_and_missing_ones_may_be_made(local: Local) -> None:
    local(ROOT / "cultivos").mkdir()
    found = look(LINKS, [ROOT], local=local)
    assert found.errors == ()
    assert [told(one) for one in found.warnings] == [
        "H3: el destino no existe todavía: créelo, o use -CreateTarget"
    ]


def test_a_target_that_is_a_link_a_file_or_below_one_is_named(local: Local, tmp_path: Path) -> None:
    local(ROOT / "cultivos").symlink_to(tmp_path)
    local(ROOT / "H3").write_text("x")
    assert _said(LINKS, local) == [
        f"cultivos: {ROOT}\\cultivos es un enlace: elija como destino una carpeta común",
        f"H3: {ROOT}\\H3 es un archivo: elija una carpeta",
    ]
    deeper = (Enlace(LINKS[0].enlace, ROOT / "cultivos" / "a" / "b"),)
    assert _said(deeper, local) == [
        f"cultivos: {ROOT}\\cultivos es un enlace: elija como destino una carpeta común"
    ]


def test_an_onedrive_that_is_not_there_is_named(local: Local) -> None:
    local(ROOT).rmdir()
    assert _said(LINKS[:1], local) == [
        f"cultivos: OneDrive no está en {ROOT}: inicie sesión en OneDrive y espere a que aparezca"
    ]


def test_onedrive_is_found_in_the_environment_and_by_name() -> None:
    environment = {"OneDrive": "C:\\Users\\x\\OneDrive", "OneDriveCommercial": str(ROOT)}
    assert roots_of(environment) == (ROOT, PureWindowsPath("C:/Users/x/OneDrive"))
    assert roots_of({"OneDrive": "/home/x", "OneDriveConsumer": ""}) == ()
    assert roots_by_name(LINKS) == (ROOT,)


def test_the_files_are_written_once_and_the_users_own_text_stays(project: Path) -> None:
    (project / "symlink_config.json").write_text(TEXT, encoding="utf-8-sig")
    assert read_config(project) == parse_config(TEXT)
    assert list(write_files(project, LINKS, [ROOT]).values()) == [False, True, True]
    assert list(write_files(project, LINKS, [ROOT]).values()) == [False, False, False]
    assert (project / "symlink_config.json").read_text(encoding="utf-8-sig") == TEXT


def test_a_mapping_that_changes_keeps_the_one_before(project: Path) -> None:
    (project / "symlink_config.json").write_text(TEXT, encoding="utf-8")
    write_files(project, LINKS[:1], [ROOT])
    assert (project / BACKUP_NAME).read_text(encoding="utf-8") == TEXT
    found = read_config(project)
    assert found is not None
    assert found.enlaces == LINKS[:1]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (TEXT.encode("utf-16"), "no está en UTF-8"),
        (TEXT.replace("cultivos", "ñ").encode("cp1252"), "no está en UTF-8"),
        (b"{", "no se puede leer, línea 1"),
    ],
)
def test_a_file_in_another_encoding_is_named(project: Path, data: bytes, said: str) -> None:
    (project / "symlink_config.json").write_bytes(data)
    found = read_config(project)
    assert found is not None
    assert said in told(found.problemas[0])


def test_no_file_is_no_links(project: Path) -> None:
    assert read_config(project) is None


def test_sentinels_are_set_where_the_target_is_there(project: Path, local: Local) -> None:
    local(ROOT / "cultivos").mkdir()
    done = set_sentinels(project, LINKS, local=local)
    assert done["cultivos"] is True
    assert isinstance(done["H3"], PublishError)
    assert (local(ROOT / "cultivos") / SENTINEL_NAME).is_file()
    assert record_of(project / "outputs" / "cultivos").is_file()
    assert not record_of(project / "outputs" / "H3").exists()
    assert set_sentinels(project, LINKS[:1], local=local) == {"cultivos": False}
