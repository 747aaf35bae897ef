"""Whole files or none, errors with a name and a cause, and the three codes of Windows."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from Modules.disk.safe_files import (
    SHARING_CODES,
    FileFact,
    copy_new,
    entries,
    fact_of,
    fingerprint,
    folders,
    is_link,
    make_folder,
    move,
    remove_file,
    remove_tree,
    retry_sharing,
    sync_file,
    sync_folder,
    write_beside,
    write_new,
    writing,
)
from Modules.words.errors import PublishError
from Modules.words.spanish import why

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
    with pytest.raises(PublishError, match=r"no se pudo escribir .*/a: "):
        write_beside(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


PERMISSIONS = "revisar los permisos de la carpeta"


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, " (ENOSPC); liberar espacio y volver a correr"),
        (errno.EDQUOT, " (EDQUOT); liberar espacio y volver a correr"),
        (errno.EROFS, " (EROFS); montarlo de modo que se pueda escribir"),
        (errno.EIO, " (EIO); revisarlo antes de la próxima corrida"),
        (errno.EACCES, f" (EACCES); {PERMISSIONS}"),
        (errno.EPERM, f" (EPERM); {PERMISSIONS}"),
        (errno.EMFILE, " (EMFILE)"),
        (99_999, ""),
    ],
)
def test_an_error_names_the_file_the_cause_and_what_to_do(code: int, hint: str) -> None:
    with pytest.raises(PublishError) as caught, writing("a/b"):
        raise OSError(code, os.strerror(code))
    assert isinstance(caught.value.__cause__, OSError)
    assert str(caught.value) == f"no se pudo escribir a/b: {why(caught.value.__cause__)}{hint}"


@pytest.mark.parametrize(
    ("action", "named"),
    [
        (lambda at: write_new(at / "none" / "a", b""), "none/a"),
        (lambda at: write_new(at / "full", b""), "full"),
        (lambda at: copy_new(at / "gone", at / "a"), "a"),
        (lambda at: copy_new(at / "file", at / "full"), "full"),
        (lambda at: sync_file(at / "gone"), "gone"),
        (lambda at: sync_folder(at / "gone"), "gone"),
        (lambda at: make_folder(at / "file" / "a" / "b"), "file"),
        (lambda at: move(at / "gone", at / "a"), "a"),
        (lambda at: move(at / "file", at / "full"), "full"),
        (lambda at: remove_file(at / "full"), "full"),
        (lambda at: write_beside(at / "full", b""), "full"),
    ],
)
def test_whatever_is_refused_is_told_by_the_name_of_what_was_to_be_written(
    tmp_path: Path, action: Callable[[Path], object], named: str
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "full" / "of").mkdir(parents=True)
    with pytest.raises(PublishError, match=rf"^no se pudo escribir {tmp_path / named}: \w"):
        action(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


def test_an_error_without_a_number_keeps_its_words() -> None:
    with pytest.raises(PublishError, match=r"^no se pudo escribir a: broken$"), writing("a"):
        raise OSError("broken")


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), writing("a"):
        raise KeyError("x")


def test_folders_are_made_with_their_parents_and_by_many_at_once(tmp_path: Path) -> None:
    folders = [tmp_path / str(i) / "b" / "c" for i in range(50)]
    errors: list[PublishError] = []
    begin = threading.Barrier(8)

    def make() -> None:
        try:
            for folder in folders:
                begin.wait()
                make_folder(folder)
        except PublishError as err:
            errors.append(err)
            begin.abort()

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert all(folder.is_dir() for folder in folders)


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(PublishError, match=r"no se pudo escribir .*/a: "):
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
    with pytest.raises(PublishError, match="no se pudo escribir"):
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


JUNCTION = 0xA0000003  # as Windows marks one; a symbolic link of Windows has another tag


@pytest.mark.parametrize(
    ("tag", "linked"),
    [({"st_reparse_tag": JUNCTION}, True), ({"st_reparse_tag": 1}, False), ({}, False)],
)
def test_a_junction_is_a_link_with_a_fake_of_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: dict[str, int], linked: bool
) -> None:
    status = SimpleNamespace(st_mode=stat.S_IFDIR | 0o755, **tag)
    monkeypatch.setattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", JUNCTION, raising=False)
    monkeypatch.setattr(os, "lstat", lambda _: status)
    found = is_link(tmp_path)
    monkeypatch.undo()
    assert found is linked


def test_a_name_that_no_file_can_have_is_no_link(tmp_path: Path) -> None:
    assert not is_link(tmp_path / "a\0b")
    assert not is_link(tmp_path / ("x" * 5000))


def test_what_is_removed_is_a_folder_a_file_or_a_link_but_never_what_that_leads_to(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "kept"
    (kept / "in it").mkdir(parents=True)
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "file").write_text("x")
    shutil.copytree(kept, tmp_path / "folder")
    for name in ("link", "file", "folder", "none"):
        remove_tree(tmp_path / name)
    assert list(tmp_path.iterdir()) == [kept]
    assert (kept / "in it").is_dir()


def test_what_lies_in_a_folder_is_sorted_and_links_are_followed_only_if_asked(
    tmp_path: Path,
) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
    (tmp_path / "c").symlink_to(tmp_path / "a")
    (tmp_path / "d").write_text("x")
    assert [path.name for path in entries(tmp_path)] == ["a", "b", "c", "d"]
    assert [path.name for path in folders(tmp_path)] == ["a", "b"]
    assert [path.name for path in folders(tmp_path, links=True)] == ["a", "b", "c"]
    assert entries(tmp_path / "none") == folders(tmp_path / "d") == []
