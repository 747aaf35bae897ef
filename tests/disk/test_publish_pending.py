"""A file that another program holds open: the new one beside it, and in its place the next time.

There is no Windows here: a hook of the interpreter refuses a rename or a removal with the code
that Windows gives (a fake); its tries follow without the pauses that ``test_safe_files`` proves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from Modules.disk.publish import Published, intact, pending_name, publish_files, published
from Modules.disk.publish_record import MANIFEST
from Modules.disk.published import check_folder
from Modules.disk.safe_files import SHARING_PAUSES_S, retry_sharing
from Modules.words.errors import PublishError

NOW = datetime(2025, 11, 20, 6, 0, tzinfo=UTC)
SHARING_VIOLATION = 32
_HELD: set[str] = set()  # a hook cannot be taken off: this set is emptied instead


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if _HELD and event in ("os.rename", "os.remove"):
        name = Path(str(args[1] if event == "os.rename" else args[0])).name
        if name in _HELD:
            err = PermissionError(13, "The process cannot access the file", name)
            err.winerror = SHARING_VIOLATION  # type: ignore[attr-defined]
            raise err


@pytest.fixture(scope="module", autouse=True)
def _hook() -> None:
    sys.addaudithook(_refuse)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(retry_sharing.__kwdefaults__, "pauses_s", (0.0,) * len(SHARING_PAUSES_S))


@pytest.fixture
def held() -> Iterator[set[str]]:
    """Names of files that somebody holds open; all are closed after the test."""
    yield _HELD
    _HELD.clear()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def _publish(out: Path, content: Mapping[str, str], day: int = 0) -> Published:
    sources = out.parent / f"sources-{day}"
    sources.mkdir(exist_ok=True)
    built = {}
    for number, (name, text) in enumerate(content.items()):
        built[name] = sources / str(number)
        built[name].write_text(text, encoding="utf-8")
    return publish_files(built, out, snapshot_id=f"id-{day}", now=NOW + timedelta(days=day))


def _content(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): path.read_text(encoding="utf-8")
        for path in out.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }


def test_a_copy_is_dated_and_keeps_its_folder_and_its_ending() -> None:
    assert pending_name("25-26/a.b.kmz", NOW) == "25-26/a.b (pendiente) 2025-11-20.kmz"
    assert pending_name("LEAME", NOW) == "LEAME (pendiente) 2025-11-20"
    assert pending_name("v1.2/LEAME", NOW) == "v1.2/LEAME (pendiente) 2025-11-20"


def test_a_held_file_waits_beside_until_it_is_closed_with_a_fake_of_windows(
    out: Path, held: set[str]
) -> None:
    _publish(out, {"x/a.kmz": "old", "b.csv": "old"})
    held.add("a.kmz")
    done = _publish(out, {"x/a.kmz": "new", "b.csv": "new"}, day=1)
    copy = "x/a (pendiente) 2025-11-21.kmz"
    assert done == Published(("b.csv",), (), (), pending=(copy,))
    assert done.changed
    assert _content(out) == {"x/a.kmz": "old", copy: "new", "b.csv": "new"}
    assert set(published(out)) == {"x/a.kmz", "b.csv"}
    checked = check_folder(out)
    assert (checked.problems, checked.foreign) == ((), ())
    assert not intact(out), "a product made from the same data would not be tried again"

    done = _publish(out, {"x/a.kmz": "newer", "b.csv": "new"}, day=2)  # held for another night
    later = "x/a (pendiente) 2025-11-22.kmz"
    assert done == Published((), ("b.csv",), (copy,), pending=(later,))
    assert _content(out) == {"x/a.kmz": "old", later: "newer", "b.csv": "new"}

    held.clear()
    done = _publish(out, {"x/a.kmz": "newer", "b.csv": "new"}, day=3)
    assert done == Published(("x/a.kmz",), ("b.csv",), (later,))
    assert _content(out) == {"x/a.kmz": "newer", "b.csv": "new"}
    assert intact(out)


def test_a_held_copy_too_is_an_error_and_the_next_run_heals_with_a_fake_of_windows(
    out: Path, held: set[str]
) -> None:
    old, new = ({"0.kmz": text, "a.kmz": text} for text in ("old", "new"))
    _publish(out, old)
    held |= {*old, "a (pendiente) 2025-11-21.kmz"}
    with pytest.raises(PublishError, match="pendiente"):
        _publish(out, new, day=1)
    assert _content(out) == {**old, "0 (pendiente) 2025-11-21.kmz": "new"}
    assert json.loads((out / MANIFEST).read_text("utf-8"))["estado"] == "publicando"
    held.clear()
    assert _publish(out, new, day=2).written == ("0.kmz", "a.kmz")
    assert _content(out) == new
    assert intact(out)


def test_a_foreign_file_in_the_place_of_the_copy_is_left_alone_with_a_fake_of_windows(
    out: Path, held: set[str]
) -> None:
    _publish(out, {"a.kmz": "old"})
    foreign = out / "a (pendiente) 2025-11-21.kmz"
    foreign.write_text("de otro", encoding="utf-8")
    held.add("a.kmz")
    with pytest.raises(
        PublishError, match="está ahí y no es de Lindero; moverlo y volver a correr"
    ):
        _publish(out, {"a.kmz": "new"}, day=1)
    held.clear()
    _publish(out, {"a.kmz": "new"}, day=2)
    assert _content(out) == {"a.kmz": "new", foreign.name: "de otro"}


def test_what_is_no_longer_made_and_held_goes_the_next_time_with_a_fake_of_windows(
    out: Path, held: set[str]
) -> None:
    _publish(out, {"a.kmz": "1", "goes.kmz": "1", "goes too.kmz": "1"})
    held.add("goes too.kmz")
    done = _publish(out, {"a.kmz": "1"}, day=1)
    assert done == Published((), ("a.kmz",), ("goes.kmz",), held=("goes too.kmz",))
    assert not intact(out)
    held.clear()
    assert _publish(out, {"a.kmz": "1"}, day=2).removed == ("goes too.kmz",)
    assert intact(out)


def test_a_file_edited_by_whoever_holds_it_is_never_removed_with_a_fake_of_windows(
    out: Path, held: set[str]
) -> None:
    _publish(out, {"a.kmz": "old"})
    (out / "a.kmz").write_text("editado", encoding="utf-8")
    held.add("a.kmz")
    (copy,) = _publish(out, {"a.kmz": "new"}, day=1).pending
    held.clear()
    assert _publish(out, {}, day=2) == Published((), (), (copy,), left=("a.kmz",))
    assert _content(out) == {"a.kmz": "editado"}


def test_a_copy_that_lies_there_is_written_again_only_if_it_changes_with_a_fake_of_windows(
    out: Path, held: set[str]
) -> None:
    _publish(out, {"a.kmz": "old"})
    held.add("a.kmz")
    _publish(out, {"a.kmz": "new"}, day=1)
    copy = out / "a (pendiente) 2025-11-21.kmz"
    before = copy.stat()
    assert _publish(out, {"a.kmz": "new"}, day=1).pending == (copy.name,)
    after = copy.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert _publish(out, {"a.kmz": "newer"}, day=1).pending == (copy.name,)
    assert _content(out) == {"a.kmz": "old", copy.name: "newer"}
    held.clear()
    assert _publish(out, {"a.kmz": "newer"}, day=2).written == ("a.kmz",)
    assert _content(out) == {"a.kmz": "newer"}


def test_a_held_file_of_a_lost_record_waits_beside_too_with_a_fake_of_windows(
    out: Path, held: set[str]
) -> None:
    _publish(out, {"a.kmz": "old"})
    (out / MANIFEST).write_text("roto")
    held.add("a.kmz")
    done = _publish(out, {"a.kmz": "new"}, day=1)
    assert done.pending == ("a (pendiente) 2025-11-21.kmz",)
    assert _content(out) == {"a.kmz": "old", done.pending[0]: "new"}
    held.clear()
    assert _publish(out, {"a.kmz": "new"}, day=2).written == ("a.kmz",)
    assert _content(out) == {"a.kmz": "new"}
    assert intact(out)
