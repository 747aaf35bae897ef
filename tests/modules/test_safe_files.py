"""Whole files or none, errors with a name and a cause, and the three codes of Windows."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from Modules.errors import PublishError
from Modules.safe_files import (
    SHARING_CODES,
    FileFact,
    copy_new,
    fact_of,
    fingerprint,
    is_link,
    make_folder,
    move,
    remove_file,
    retry_sharing,
    sync_file,
    sync_folder,
    write_beside,
    write_new,
    writing,
)

DATA = b"lote" * 1_000_000  # more than one chunk


def test_what_is_written_is_what_the_fact_says(tmp_path: Path) -> None:
    fact = write_new(tmp_path / "a", DATA)
    assert fact == fact_of(DATA) == fingerprint(tmp_path / "a")
    assert copy_new(tmp_path / "a", tmp_path / "b") == fact
    assert (tmp_path / "b").read_bytes() == DATA
    assert fact_of(b"") == FileFact(
        0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(PublishError, match="EEXIST"):
        write_new(tmp_path / "a", b"new")
    with pytest.raises(PublishError, match="EEXIST"):
        copy_new(tmp_path / "a", tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"


def test_beside_replaces_and_leaves_no_temp(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    assert write_beside(tmp_path / "a", b"new") == fact_of(b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"


def test_beside_survives_the_temp_of_a_killed_run(tmp_path: Path) -> None:
    temp = tmp_path / f".lindero-{fact_of(b'new').sha256[:16]}.tmp"
    temp.write_text("half")
    write_beside(tmp_path / "a", b"new")
    assert not temp.exists()


def test_beside_over_a_folder_fails_and_leaves_no_temp(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(PublishError, match="a could not be written"):
        write_beside(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, r"\(ENOSPC\); free some space"),
        (errno.EDQUOT, r"\(EDQUOT\); the quota"),
        (errno.EROFS, r"\(EROFS\); the disk is read-only"),
        (errno.EIO, r"\(EIO\); the disk reports an error"),
        (errno.EACCES, r"\(EACCES\); check the permissions"),
        (errno.EMFILE, r"\(EMFILE\)$"),
    ],
)
def test_an_error_names_the_file_the_cause_and_what_to_do(code: int, hint: str) -> None:
    message = rf"^a/b could not be written: .*{hint}"
    with pytest.raises(PublishError, match=message) as caught, writing("a/b"):
        raise OSError(code, os.strerror(code))
    assert isinstance(caught.value.__cause__, OSError)
    assert "\n" not in str(caught.value)


def test_an_error_without_a_number_keeps_its_words() -> None:
    with pytest.raises(PublishError, match=r"a could not be written: broken$"), writing("a"):
        raise OSError("broken")


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), writing("a"):
        raise KeyError("x")


def test_folders_are_made_with_their_parents_and_by_many_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "c"
    errors: list[PublishError] = []

    def make() -> None:
        try:
            make_folder(folder)
        except PublishError as err:
            errors.append(err)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert folder.is_dir()


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(PublishError, match="a could not be written"):
        make_folder(tmp_path / "a" / "b")


def test_syncing_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="ENOENT"):
        sync_file(tmp_path / "none")
    with pytest.raises(PublishError, match="ENOENT"):
        sync_folder(tmp_path / "none")
    (tmp_path / "a").write_text("x")
    sync_file(tmp_path / "a")
    sync_folder(tmp_path)


def test_moving_and_removing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")
    move(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "new"
    remove_file(tmp_path / "b")
    remove_file(tmp_path / "b")
    assert not list(tmp_path.iterdir())
    with pytest.raises(PublishError, match="could not be written"):
        move(tmp_path / "a", tmp_path / "b")


def _windows_error(code: int) -> OSError:
    """An error as Windows raises it: ``winerror`` beside ``errno``."""
    err = PermissionError(errno.EACCES, "Access is denied")
    err.winerror = code  # type: ignore[attr-defined]
    return err


@pytest.mark.parametrize("code", sorted(SHARING_CODES))
def test_a_target_held_open_is_tried_again_until_it_is_let_go(code: int) -> None:
    left = [_windows_error(code), _windows_error(code)]
    paused: list[float] = []

    def action() -> None:
        if left:
            raise left.pop()

    retry_sharing(action, pauses_s=(1, 2, 3), sleep=paused.append)
    assert paused == [1, 2]


def test_a_target_held_open_for_good_raises_the_error_itself() -> None:
    tries: list[int] = []

    def action() -> None:
        tries.append(1)
        raise _windows_error(32)

    with pytest.raises(PermissionError):
        retry_sharing(action, pauses_s=(0, 0), sleep=lambda _: None)
    assert len(tries) == 3


@pytest.mark.parametrize("err", [_windows_error(112), OSError(errno.EIO, "I/O error")])
def test_any_other_code_is_raised_at_once(err: OSError) -> None:
    paused: list[float] = []

    def action() -> None:
        raise err

    with pytest.raises(OSError, match=r"denied|I/O"):
        retry_sharing(action, sleep=paused.append)
    assert not paused


def test_links_are_told_from_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "good").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    found = {name: is_link(tmp_path / name) for name in ("file", "good", "dangling", "none")}
    assert found == {"file": False, "good": True, "dangling": True, "none": False}
    assert not is_link(tmp_path)
    assert stat.S_ISLNK(os.lstat(tmp_path / "good").st_mode)
