"""The restore drill, and a snapshot that changes while it is restored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from Modules.backups.restore import RestoreFormat, drill, plan_restore, restore
from Modules.store.snapshot import read_tables
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.errors import SettingsError, SnapshotDamaged
from tests.robustness.damage import World, moved, world


@pytest.fixture(scope="module")
def original() -> Iterator[World]:
    with world() as ready:
        yield ready


@pytest.fixture
def made(original: World, tmp_path: Path) -> World:
    return moved(original, tmp_path / "world")


@pytest.fixture
def store(made: World) -> SnapshotStore:
    return SnapshotStore(made.settings.store_dir(Modo.TEST))


def test_the_drill_restores_accepted_and_refused_nights_and_leaves_nothing(
    made: World, store: SnapshotStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    for snapshot in made.snapshots:
        assert drill(store, str(snapshot.id)) == len(snapshot.files)
    assert list(scratch.iterdir()) == []


def test_the_drill_of_a_damaged_night_fails_by_the_name_of_the_file(
    made: World, store: SnapshotStore
) -> None:
    (made.snapshots[0].path / "raw" / "lotes-0002.json.zst").unlink()
    said = r"raw/lotes-0002\.json\.zst: falta; ver.*verify \S+ --test$"
    with pytest.raises(SnapshotDamaged, match=said):
        drill(store, str(made.snapshots[0].id))


@pytest.mark.parametrize("name", ["tables/lotes.parquet", "manifest.sha256"])
def test_a_file_that_changes_after_the_plan_is_named_and_nothing_is_delivered(
    made: World, store: SnapshotStore, tmp_path: Path, name: str
) -> None:
    snapshot = made.snapshots[0]
    plan = plan_restore(store, str(snapshot.id), tmp_path / "to")
    with (snapshot.path / name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(SnapshotDamaged, match=f"{name}: cambió mientras se restauraba"):
        restore(plan)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["world"]


def test_a_campo_does_not_come_as_a_snapshot(
    made: World, store: SnapshotStore, tmp_path: Path
) -> None:
    campo = read_tables(made.snapshots[0]).campos["campo_id"].iloc[0]
    with pytest.raises(
        SettingsError, match="un campo o un lote se restaura como GeoPackage; sacar --format"
    ):
        plan_restore(
            store,
            str(made.snapshots[0].id),
            tmp_path / "to",
            campo=f"id={campo}",
            formato=RestoreFormat.SNAPSHOT,
        )
