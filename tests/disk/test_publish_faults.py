"""Publishing while the disk refuses or somebody else works in the same place.

A hook of the interpreter acts at one moment of the publication; the files are real.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from Modules.disk.publish import Published, intact, publish_files
from Modules.disk.publish_record import MANIFEST
from Modules.words.errors import PublishError

NOW = datetime(2025, 11, 20, 6, 0, tzinfo=UTC)
Moments = dict[tuple[str, str], Callable[[], None]]
_MOMENTS: Moments = {}  # a hook cannot be taken off: this is emptied instead
_NAMED_BY = {"os.rename": 1, "os.remove": 0, "open": 0}


def _act(event: str, args: tuple[Any, ...]) -> None:
    if _MOMENTS and event in _NAMED_BY:
        action = _MOMENTS.get((event, Path(str(args[_NAMED_BY[event]])).name))
        if action is not None:
            action()


@pytest.fixture(scope="module", autouse=True)
def _hook() -> None:
    sys.addaudithook(_act)


@pytest.fixture
def moments() -> Iterator[Moments]:
    """What happens as a name is about to be renamed to, removed or opened."""
    yield _MOMENTS
    _MOMENTS.clear()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def _publish(out: Path, content: Mapping[str, str], day: int = 0) -> Published:
    sources = out.parent / f"sources-{day}"
    sources.mkdir(exist_ok=True)
    built = {name: sources / name for name in content}
    for name, text in content.items():
        built[name].write_text(text)
    return publish_files(built, out, snapshot_id=f"id-{day}", now=NOW + timedelta(days=day))


def _content(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in out.iterdir() if path.name != MANIFEST}


def _refuse() -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_a_rename_that_the_disk_refuses_is_an_error_and_no_copy_beside(
    out: Path, moments: Moments
) -> None:
    _publish(out, {"a": "old", "b": "old"})
    moments["os.rename", "b"] = _refuse
    with pytest.raises(PublishError, match=r"no se pudo escribir .*/b: .*EIO.*revisarlo"):
        _publish(out, {"a": "new", "b": "new"}, day=1)
    assert _content(out) == {"a": "new", "b": "old"}
    record = json.loads((out / MANIFEST).read_text("utf-8"))
    assert (record["estado"], record["snapshot"]) == ("publicando", "id-0")
    moments.clear()
    assert _publish(out, {"a": "new", "b": "new"}, day=2).written == ("b",)
    assert _content(out) == {"a": "new", "b": "new"}
    assert intact(out)


def test_what_was_cut_short_and_is_no_longer_made_is_removed_new_or_old(
    out: Path, moments: Moments
) -> None:
    _publish(out, {"a": "old", "b": "old", "c": "old"})
    moments["os.rename", "b"] = _refuse
    with pytest.raises(PublishError, match="EIO"):
        _publish(out, {"a": "new", "b": "new", "c": "old"}, day=1)
    moments.clear()
    assert _publish(out, {}, day=2) == Published((), (), ("a", "b", "c"))
    assert _content(out) == {}


def test_a_removal_that_the_disk_refuses_is_an_error_and_is_made_up_for(
    out: Path, moments: Moments
) -> None:
    _publish(out, {"a": "1", "goes": "1"})
    moments["os.remove", "goes"] = _refuse
    with pytest.raises(PublishError, match=r"no se pudo escribir .*/goes: .*EIO"):
        _publish(out, {"a": "1"}, day=1)
    assert _content(out) == {"a": "1", "goes": "1"}
    moments.clear()
    assert _publish(out, {"a": "1"}, day=2).removed == ("goes",)
    assert _content(out) == {"a": "1"}


def test_a_source_that_changes_meanwhile_is_not_published(out: Path, moments: Moments) -> None:
    _publish(out, {"a": "old"})
    source = out.parent / "sources-1" / "a"

    def grow() -> None:
        moments.clear()
        source.write_text("new and more")

    moments["open", ".lindero-000000.tmp"] = grow
    with pytest.raises(PublishError, match=r"a cambió mientras se publicaba$"):
        _publish(out, {"a": "new"}, day=1)
    assert _content(out) == {"a": "old"}
    assert intact(out), "nothing was renamed, so nothing is said to be under way"


def test_a_link_that_appears_meanwhile_is_not_replaced(out: Path, moments: Moments) -> None:
    elsewhere = out.parent / "elsewhere"
    elsewhere.write_text("de otro")

    def link() -> None:
        moments.clear()
        (out / "b").symlink_to(elsewhere)

    moments["os.rename", "a"] = link
    with pytest.raises(PublishError, match=r"b es un enlace; reemplazarlo lo cortaría\. Sacarlo$"):
        _publish(out, {"a": "1", "b": "1"})
    assert (out / "b").is_symlink()
    assert elsewhere.read_text() == "de otro"
    assert _content(out) == {"a": "1", "b": "de otro"}
    record = json.loads((out / MANIFEST).read_text("utf-8"))
    assert (record["estado"], record["snapshot"]) == ("publicando", ""), "of no snapshot yet"


def test_what_is_as_we_left_it_is_not_read_and_what_is_not_has_to_be_readable(
    out: Path, moments: Moments
) -> None:
    source = out.parent / "source"
    source.write_text("1")
    publish_files({"a": source}, out, snapshot_id="x", now=NOW)
    moments["open", "a"] = _refuse  # as a folder that is in the cloud, and no network
    assert not publish_files({"a": source}, out, snapshot_id="y", now=NOW).changed
    os.utime(out / "a", ns=(1, 1))
    with pytest.raises(
        PublishError, match=r"^a: no se puede leer su origen .*out/a: el disco da un error"
    ):
        publish_files({"a": source}, out, snapshot_id="z", now=NOW)
