"""Which backups were read in full: bound to one manifest, for a month, never trusted blindly."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from Modules.store.readings import FRESH, LIST_NAME, Lecturas
from Modules.store.snapshots import Snapshot, SnapshotStore
from tests.sample_tables import NOW, SEASON, tables


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    store = SnapshotStore(tmp_path)
    draft = store.draft(SEASON, NOW)
    draft.write_tables(tables(2))
    facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}}
    return store.keep(draft, verdict={}, accepted=True, facts=facts)


def noted(root: Path, snapshot: Snapshot) -> Lecturas:
    lecturas = Lecturas(root)
    lecturas.note(snapshot, NOW, sound=True)
    lecturas.save({str(snapshot.id)})
    return Lecturas(root)


def test_a_sound_reading_holds_for_a_month(tmp_path: Path, snapshot: Snapshot) -> None:
    assert not Lecturas(tmp_path).fresh(snapshot, NOW)
    lecturas = noted(tmp_path, snapshot)
    assert lecturas.fresh(snapshot, NOW)
    assert lecturas.fresh(snapshot, NOW + FRESH)
    assert not lecturas.fresh(snapshot, NOW + FRESH + timedelta(seconds=1))


def test_a_reading_of_tomorrow_is_none(tmp_path: Path, snapshot: Snapshot) -> None:
    assert not noted(tmp_path, snapshot).fresh(snapshot, NOW - timedelta(seconds=1))


def test_a_damaged_one_is_forgotten(tmp_path: Path, snapshot: Snapshot) -> None:
    lecturas = noted(tmp_path, snapshot)
    lecturas.note(snapshot, NOW, sound=False)
    assert not lecturas.fresh(snapshot, NOW)


def test_a_file_that_is_missing_or_of_another_size_ends_it(
    tmp_path: Path, snapshot: Snapshot
) -> None:
    lecturas = noted(tmp_path, snapshot)
    table = snapshot.path / "tables" / "lotes.parquet"
    data = table.read_bytes()
    table.write_bytes(data + b"x")
    assert not lecturas.fresh(snapshot, NOW)
    table.unlink()
    assert not lecturas.fresh(snapshot, NOW)
    table.write_bytes(data)
    assert lecturas.fresh(snapshot, NOW)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"ID": null}', '{"ID": {"utc": 5}}', '{"ID": {"utc": "x"}}']
)
def test_a_list_that_cannot_be_read_means_that_nothing_was(
    tmp_path: Path, snapshot: Snapshot, text: str
) -> None:
    (tmp_path / LIST_NAME).write_text(text.replace("ID", str(snapshot.id)))
    assert not Lecturas(tmp_path).fresh(snapshot, NOW)
    assert noted(tmp_path, snapshot).fresh(snapshot, NOW)


def test_the_list_holds_only_what_is_there_and_is_left_alone_if_nothing_changed(
    tmp_path: Path, snapshot: Snapshot
) -> None:
    noted(tmp_path, snapshot)
    before = (tmp_path / LIST_NAME).stat()
    noted(tmp_path, snapshot)
    assert (tmp_path / LIST_NAME).stat().st_mtime_ns == before.st_mtime_ns
    Lecturas(tmp_path).save(set())
    assert (tmp_path / LIST_NAME).read_text() == "{}\n"
