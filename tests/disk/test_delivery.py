"""Files for a folder of a person: nothing replaced unless told, nothing written outside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from Modules.disk.delivery import NEW, REPLACES, deliver, look_at
from Modules.disk.safe_files import FileFact, make_folder, write_new
from Modules.words.errors import PublishError, SettingsError


def _fill(files: Mapping[str, bytes]) -> Callable[[Path], dict[str, FileFact]]:
    def fill(folder: Path) -> dict[str, FileFact]:
        for name in files:
            make_folder((folder / name).parent)
        return {name: write_new(folder / name, data) for name, data in files.items()}

    return fill


FILES = {"a.txt": b"a", "sub/b.txt": b"b", "sums": b"s"}


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _deliver(folder: Path, *, overwrite: bool = False, last: str | None = None) -> None:
    deliver(look_at(folder, FILES, overwrite=overwrite), _fill(FILES), last=last)


@pytest.mark.parametrize("there", ["nothing", "an empty folder"])
def test_a_new_or_empty_folder_is_filled(tmp_path: Path, there: str) -> None:
    folder = tmp_path / "deep" / "er" / "to"
    if there == "an empty folder":
        folder.mkdir(parents=True)
    _deliver(folder, last="sums")
    assert _contents(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["to"]


def test_looking_writes_nothing(tmp_path: Path) -> None:
    target = look_at(tmp_path / "to", FILES, overwrite=False)
    assert target.actions == dict.fromkeys(FILES, NEW)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_unless_told(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SettingsError, match=r"no está vacía \(mine\.txt …\)"):
        look_at(tmp_path, FILES, overwrite=False)
    (tmp_path / "a.txt").write_text("old")
    target = look_at(tmp_path, FILES, overwrite=True)
    assert target.actions == {"a.txt": REPLACES, "sub/b.txt": NEW, "sums": NEW}
    assert target.others == ("mine.txt",)
    deliver(target, _fill(FILES), last="sums")
    assert _contents(tmp_path) == {**FILES, "mine.txt": b"mine"}


@pytest.mark.parametrize(
    "name",
    ["../out", "/etc/x", "C:/x", "a/../../x", "CON", "aux.txt", "a:b", "x.", " x", "", "a//b", "."],
)
def test_a_name_that_leaves_the_folder_or_that_windows_refuses_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(PublishError):
        look_at(tmp_path / "to", ["fine.txt", name], overwrite=True)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "to"
    outside.mkdir()
    folder.mkdir()
    (folder / "sub").symlink_to(outside)
    with pytest.raises(PublishError, match="es un enlace; no se escribe a través"):
        look_at(folder, FILES, overwrite=True)
    (folder / "sub").unlink()
    (folder / "a.txt").symlink_to(outside / "victim")
    with pytest.raises(PublishError, match="es un enlace; no se escribe a través"):
        look_at(folder, FILES, overwrite=True)
    (tmp_path / "link").symlink_to(outside)
    with pytest.raises(SettingsError, match="es un enlace; nombrar la carpeta a la que lleva"):
        look_at(tmp_path / "link", FILES, overwrite=True)
    assert list(outside.iterdir()) == []


def test_a_link_that_appears_after_looking_is_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "to"
    outside.mkdir()
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    target = look_at(folder, FILES, overwrite=True)
    (folder / "sub").symlink_to(outside)
    with pytest.raises(PublishError, match="es un enlace; no se escribe a través"):
        deliver(target, _fill(FILES))
    assert list(outside.iterdir()) == []


def test_what_appears_after_looking_is_not_replaced(tmp_path: Path) -> None:
    target = look_at(tmp_path, FILES, overwrite=False)
    (tmp_path / "a.txt").write_text("of somebody else")
    with pytest.raises(PublishError, match="apareció mientras tanto; volver a correr"):
        deliver(target, _fill(FILES))
    assert (tmp_path / "a.txt").read_text() == "of somebody else"


def test_a_folder_where_a_file_goes_and_a_file_where_a_folder_goes_are_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(PublishError, match="está en el lugar; moverlo"):
        look_at(tmp_path, FILES, overwrite=True)
    (tmp_path / "a.txt").rmdir()
    (tmp_path / "sub").write_text("x")
    with pytest.raises(PublishError, match="está en el lugar; moverlo"):
        look_at(tmp_path, FILES, overwrite=True)


def test_the_backups_themselves_are_never_a_target(tmp_path: Path) -> None:
    ours = tmp_path / "state"
    ours.mkdir()
    (tmp_path / "road").symlink_to(ours)
    for folder in (ours, ours / "test" / "x", tmp_path / "x" / ".." / "state"):
        with pytest.raises(
            SettingsError, match="ahí están los backups mismos; nombrar otra carpeta"
        ):
            look_at(folder, FILES, overwrite=True, keep_out=[ours])
    with pytest.raises(SettingsError, match="ahí están los backups mismos; nombrar otra carpeta"):
        look_at(tmp_path / "road" / "x", FILES, overwrite=True, keep_out=[ours])
    look_at(tmp_path / "state2", FILES, overwrite=True, keep_out=[ours])


@pytest.mark.parametrize("there", [True, False])
def test_an_error_while_making_the_files_leaves_the_folder_as_it_was(
    tmp_path: Path, there: bool
) -> None:
    folder = tmp_path / "to"
    before = {}
    if there:
        folder.mkdir()
        (folder / "a.txt").write_bytes(b"old")
        before = _contents(folder)

    def broken(work: Path) -> dict[str, FileFact]:
        write_new(work / "a.txt", b"new")
        raise PublishError("the disk is full")

    with pytest.raises(PublishError, match="full"):
        deliver(look_at(folder, FILES, overwrite=True), broken)
    assert (_contents(folder) if folder.exists() else {}) == before
    assert [path.name for path in tmp_path.iterdir()] == (["to"] if there else [])


def test_a_file_that_is_not_as_written_is_found_before_it_is_delivered(tmp_path: Path) -> None:
    def lying(work: Path) -> dict[str, FileFact]:
        facts = _fill(FILES)(work)
        (work / "a.txt").write_bytes(b"z")
        return facts

    with pytest.raises(PublishError, match=r"a\.txt no quedó como se escribió"):
        deliver(look_at(tmp_path / "to", FILES, overwrite=False), lying)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_swept_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "to"
    (tmp_path / ".lindero-to.tmp").mkdir()
    (tmp_path / ".lindero-to.tmp" / "half").write_text("x")
    _deliver(folder)
    (folder / ".lindero-to.tmp").mkdir()
    _deliver(folder, overwrite=True)
    assert _contents(folder) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["to"]


def test_a_target_that_cannot_be_looked_at_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for folder in (tmp_path / ("x" * 300), tmp_path / "a" / "sub"):
        with pytest.raises(PublishError, match=folder.parent.name):
            look_at(folder, FILES, overwrite=False, keep_out=[tmp_path / "state"])
