"""A destination that could not be written in the end is refused before anything is fetched."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from Modules.disk.destinations import check_destination, check_path, expected_links
from Modules.words.errors import PublishError, SettingsError


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "OneDrive" / "cultivos"
    folder.mkdir(parents=True)
    return folder


def test_a_folder_that_is_not_there_yet_is_fine_and_is_not_made(tmp_path: Path) -> None:
    check_destination(tmp_path / "outputs" / "a" / "b", need_bytes=1)
    assert not list(tmp_path.iterdir())


def test_a_plain_folder_is_fine_where_no_link_is_configured(outputs: Path) -> None:
    check_destination(outputs, need_bytes=1)
    assert not list(outputs.iterdir())


def test_what_a_run_killed_while_it_asked_left_goes_when_the_next_one_asks(outputs: Path) -> None:
    (outputs / ".lindero-probe-abc.tmp").write_bytes(b"lindero")
    (outputs / "de otro.tmp").write_bytes(b"x")
    check_destination(outputs)
    assert [path.name for path in outputs.iterdir()] == ["de otro.tmp"]


def test_what_lies_in_the_way_of_a_left_over_probe_is_no_obstacle(outputs: Path) -> None:
    (outputs / ".lindero-probe-abc.tmp").mkdir()
    check_destination(outputs)


_STUCK: list[str] = []  # a hook cannot be taken off: this is emptied instead


def _refuse_to_remove(event: str, args: tuple[Any, ...]) -> None:
    if _STUCK and event == "os.remove" and str(args[0]).startswith(_STUCK[0]):
        raise PermissionError(13, "Permission denied", str(args[0]))


@pytest.fixture
def stuck() -> Iterator[list[str]]:
    """Folders whose files cannot be removed; all can be after the test."""
    sys.addaudithook(_refuse_to_remove)
    yield _STUCK
    _STUCK.clear()


def test_a_probe_that_could_not_be_removed_is_an_error_and_goes_the_next_time(
    outputs: Path, stuck: list[str]
) -> None:
    stuck.append(str(outputs))
    with pytest.raises(PublishError, match=f"no se pudo escribir {outputs}: .*permisos"):
        check_destination(outputs)
    assert len(list(outputs.iterdir())) == 1
    stuck.clear()
    check_destination(outputs)
    assert not list(outputs.iterdir())


def test_many_may_ask_for_one_folder_at_once(outputs: Path) -> None:
    errors: list[PublishError] = []

    def ask() -> None:
        try:
            for _ in range(40):
                check_destination(outputs)
        except PublishError as err:
            errors.append(err)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert not list(outputs.iterdir())


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder here that takes no file")
def test_a_folder_that_takes_no_file_is_named() -> None:
    with pytest.raises(PublishError, match=r"^no se pudo escribir /proc: "):
        check_destination(Path("/proc"))


def test_the_right_link_is_fine(outputs: Path, target: Path) -> None:
    (outputs / "cultivos").symlink_to(target)
    check_destination(outputs / "cultivos", must_be_link=target)
    check_destination(outputs / "cultivos")
    assert not list(target.iterdir())


def test_a_link_to_a_link_to_the_target_is_fine(outputs: Path, target: Path) -> None:
    (outputs / "first").symlink_to(target)
    (outputs / "cultivos").symlink_to(outputs / "first")
    check_destination(outputs / "cultivos", must_be_link=target)


def test_a_target_of_another_system_cannot_be_compared(outputs: Path, target: Path) -> None:
    (outputs / "cultivos").symlink_to(target)
    check_destination(outputs / "cultivos", must_be_link=Path("C:/Users/x/OneDrive/cultivos"))


def test_a_dangling_link(outputs: Path, tmp_path: Path) -> None:
    (outputs / "cultivos").symlink_to(tmp_path / "gone")
    for folder in (outputs / "cultivos", outputs / "cultivos" / "25-26"):
        with pytest.raises(PublishError, match="cultivos es un enlace que no lleva a ningún lado"):
            check_destination(folder)
        with pytest.raises(
            PublishError,
            match=r"no lleva a ningún lado; ¿está montado su destino\? No se escribió nada",
        ):
            check_path(folder)


def test_a_link_in_a_circle(outputs: Path) -> None:
    (outputs / "a").symlink_to(outputs / "b")
    (outputs / "b").symlink_to(outputs / "a")
    with pytest.raises(
        PublishError,
        match=r"no lleva a ningún lado; ¿está montado su destino\? No se escribió nada",
    ):
        check_destination(outputs / "a")


def test_a_link_to_somewhere_else(outputs: Path, target: Path, tmp_path: Path) -> None:
    (outputs / "cultivos").symlink_to(tmp_path)
    with pytest.raises(PublishError, match=f"y está configurado {target}"):
        check_destination(outputs / "cultivos", must_be_link=target)


def test_a_plain_folder_where_a_link_is_configured(outputs: Path, target: Path) -> None:
    (outputs / "cultivos").mkdir()
    said = f"es una carpeta común; está configurado un enlace a {target}, y lo que quede acá nunca"
    with pytest.raises(
        PublishError, match=f"{said} llegaría: mover su contenido y armar el enlace$"
    ):
        check_destination(outputs / "cultivos", must_be_link=target)


def test_nothing_where_a_link_is_configured(outputs: Path, target: Path) -> None:
    with pytest.raises(PublishError, match=r"falta .*/cultivos; "):
        check_destination(outputs / "cultivos", must_be_link=target)
    assert not list(outputs.iterdir())


def test_a_file_in_the_way(outputs: Path, tmp_path: Path) -> None:
    (outputs / "cultivos").write_text("x")
    for folder in (outputs / "cultivos", outputs / "cultivos" / "25-26"):
        with pytest.raises(PublishError, match="cultivos es un archivo y hace falta una carpeta"):
            check_destination(folder)
    (outputs / "link").symlink_to(outputs / "cultivos")
    with pytest.raises(PublishError, match="es un archivo y hace falta una carpeta; moverlo"):
        check_destination(outputs / "link")


def test_too_little_space_says_how_much_there_is_and_how_much_is_needed(outputs: Path) -> None:
    with pytest.raises(PublishError, match="1000000000000 MB; liberar espacio") as caught:
        check_destination(outputs, need_bytes=10**18)
    said = re.search(r": hay (\d+) MB libres", str(caught.value))
    assert said
    assert int(said[1]) == pytest.approx(shutil.disk_usage(outputs).free / 1e6, rel=0.1)


def _config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "symlink_config.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_users_form_of_the_link_file(tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        json.dumps(
            {
                "../outputs/cultivos": "C:/Users/Ñ/OneDrive - EMPRESA/cultivos",
                "..\\outputs\\KMZ POR CAMPO": "D:\\KMZ",
                "outputs/mapa/": "/mnt/mapa",
            }
        ),
    )
    assert expected_links(config, tmp_path / "outputs") == {
        "cultivos": Path("C:/Users/Ñ/OneDrive - EMPRESA/cultivos"),
        "KMZ POR CAMPO": Path("D:\\KMZ"),
        "mapa": Path("/mnt/mapa"),
    }


def test_links_of_other_folders_are_no_concern_of_these_outputs(tmp_path: Path) -> None:
    config = _config(tmp_path, '\ufeff{"../salida/cultivos": "/x", "../outputs/mapa": "/y"}')
    assert expected_links(config, tmp_path / "salida") == {"cultivos": Path("/x")}
    assert expected_links(config, tmp_path / "test_outputs") == {}


@pytest.mark.parametrize(
    "link",
    ["../outputs/mapa/25-26", "C:\\proyecto\\outputs\\mapa\\25-26", "/app/outputs/mapa/25-26/"],
)
def test_a_link_may_be_deeper_and_its_path_absolute(tmp_path: Path, link: str) -> None:
    config = _config(tmp_path, json.dumps({link: "/mnt/mapa"}))
    assert expected_links(config, tmp_path / "outputs") == {"mapa/25-26": Path("/mnt/mapa")}


def test_no_link_file_means_no_links(tmp_path: Path) -> None:
    assert expected_links(tmp_path / "none.json", tmp_path / "outputs") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no se puede leer: JSONDecodeError"),
        ("{", "no se puede leer: JSONDecodeError"),
        ("[" * 100_000, "no se puede leer: RecursionError"),
        ("[]", "se espera un objeto JSON de enlaces y destinos"),
        ('{"../outputs/a": ""}', "'../outputs/a' no tiene destino; escribir una carpeta"),
        ('{"../outputs/a": " "}', "'../outputs/a' no tiene destino; escribir una carpeta"),
        ('{"../outputs/a": 3}', "'../outputs/a' no tiene destino; escribir una carpeta"),
        ('{"a": "b"}', "escribir '../outputs/<carpeta>', no 'a'"),
        ('{"../a": "b"}', "escribir '../outputs/<carpeta>', no '../a'"),
        ('{"outputs": "b"}', "escribir '../outputs/<carpeta>', no 'outputs'"),
    ],
)
def test_a_wrong_link_file_is_named_with_what_to_write(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=rf"symlink_config\.json.* {re.escape(said)}$"):
        expected_links(_config(tmp_path, text), tmp_path / "outputs")


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="no mount that tests may write to")
def test_a_mount_counts_as_the_link_that_is_configured(target: Path) -> None:
    check_destination(Path("/dev/shm"), must_be_link=target)
    assert not list(Path("/dev/shm").glob(".lindero-*"))
    assert not list(target.iterdir())
