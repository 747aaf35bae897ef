"""A sentinel tells an OneDrive folder that is not reachable from one that is empty."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from Modules.disk.destinations import check_destination
from Modules.disk.sentinels import (
    SENTINEL_NAME,
    check_sentinel,
    record_of,
    sentinel_text,
    set_sentinel,
)
from Modules.words.errors import PublishError

UNREACHABLE = "cultivos: no se llega a su carpeta de OneDrive"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "OneDrive" / "Los cultivos"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs" / "cultivos"


def test_where_none_was_set_none_is_asked_for(folder: Path, target: Path) -> None:
    folder.symlink_to(target)
    check_sentinel(folder)
    check_destination(folder, must_be_link=target)
    assert not list(target.iterdir())


def test_a_link_without_a_sentinel_is_told_in_the_log(
    folder: Path, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.symlink_to(target)
    with caplog.at_level(logging.WARNING):
        check_destination(folder, must_be_link=target)
        said = f"{folder}: sin centinela; python setup_symlinks.py --centinelas"
        assert caplog.messages == [said]
        caplog.clear()
        set_sentinel(folder, target)
        check_destination(folder, must_be_link=target)
        check_destination(folder.parent / "H3")
    assert caplog.text == ""


def test_once_set_the_target_is_fine_full_or_empty(folder: Path, target: Path) -> None:
    folder.symlink_to(target)
    assert set_sentinel(folder, target)
    assert (target / SENTINEL_NAME).read_text(encoding="utf-8") == sentinel_text("cultivos")
    check_destination(folder, must_be_link=target)
    (target / "cultivos.gpkg").write_bytes(b"x")
    check_destination(folder, must_be_link=target)


def test_a_plain_empty_folder_in_place_of_the_mount_is_refused(folder: Path, target: Path) -> None:
    """As in a container that was started without compose.onedrive.yml: nobody configured a link."""
    set_sentinel(folder, target)
    folder.mkdir()
    with pytest.raises(PublishError, match=UNREACHABLE) as caught:
        check_destination(folder)
    assert "compose.onedrive.yml" in str(caught.value)
    assert str(record_of(folder)) in str(caught.value)
    record_of(folder).unlink()
    check_destination(folder)


def test_a_target_that_was_emptied_or_is_another_folder_is_refused(
    folder: Path, target: Path
) -> None:
    folder.symlink_to(target)
    set_sentinel(folder, target)
    (target / SENTINEL_NAME).unlink()
    with pytest.raises(PublishError, match=UNREACHABLE):
        check_destination(folder, must_be_link=target)


def test_a_folder_that_is_gone_is_not_made_again_in_silence(folder: Path, target: Path) -> None:
    set_sentinel(folder, target)
    with pytest.raises(PublishError, match=UNREACHABLE):
        check_destination(folder)


def test_mounts_that_were_swapped_are_found(folder: Path, target: Path) -> None:
    set_sentinel(folder.parent / "H3", target)
    set_sentinel(folder, target.parent)
    folder.symlink_to(target)
    with pytest.raises(PublishError, match="lleva a la carpeta de OneDrive de 'H3'"):
        check_destination(folder, must_be_link=target)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"carpeta": 3}', "\xff"])
def test_a_sentinel_that_says_nothing_still_shows_that_the_folder_is_there(
    folder: Path, target: Path, text: str
) -> None:
    folder.symlink_to(target)
    set_sentinel(folder, target)
    (target / SENTINEL_NAME).write_text(text, encoding="latin-1")
    check_destination(folder, must_be_link=target)


def test_setting_again_changes_nothing_and_puts_back_what_is_missing(
    folder: Path, target: Path
) -> None:
    assert set_sentinel(folder, target)
    assert not set_sentinel(folder, target)
    record_of(folder).unlink()
    assert set_sentinel(folder, target)
    (target / SENTINEL_NAME).unlink()
    assert set_sentinel(folder, target)
    assert json.loads(record_of(folder).read_text())["carpeta"] == "cultivos"


def test_a_target_that_is_not_there_or_is_anothers_gets_none(folder: Path, target: Path) -> None:
    with pytest.raises(PublishError, match=r"cultivos: .* no está; abrir OneDrive"):
        set_sentinel(folder, target / "gone")
    set_sentinel(folder, target)
    with pytest.raises(PublishError, match="es la carpeta de 'cultivos'; elegir otra"):
        set_sentinel(folder.parent / "H3", target)
    assert not record_of(folder.parent / "H3").exists()
