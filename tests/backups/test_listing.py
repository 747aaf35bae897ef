"""Which backups there are, as ``lindero backups list`` shows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from Modules.backups.describe import list_snapshots
from Modules.settings import load_settings
from Modules.store.snapshots import Snapshot, SnapshotStore
from Modules.words.domain import Modo
from Modules.words.spanish import moment
from tests.sample_tables import NOW, SEASON, tables


def night(store: SnapshotStore, *, accepted: bool) -> Snapshot:
    draft = store.draft(SEASON, NOW)
    draft.write_tables(tables(3))
    facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}}
    return store.keep(draft, verdict={}, accepted=accepted, facts=facts)


def test_a_damaged_backup_is_listed_as_damaged(tmp_path: Path) -> None:
    settings = replace(load_settings(Path("none")), lindero_state_dir=tmp_path)
    store = SnapshotStore(settings.store_dir(Modo.TEST))
    nights = [night(store, accepted=accepted) for accepted in (True, True, False)]
    (nights[1].path / "manifest.json").write_text("{")
    rows = list_snapshots(settings, (SEASON,), modo=Modo.TEST)
    assert [row["id"] for row in rows] == [str(one.id) for one in nights]
    assert [row["estado"] for row in rows] == ["aceptado", "dañado", "cuarentena"]
    assert len({tuple(row) for row in rows}) == 1
    assert rows[1]["lotes"] is None
    assert {row["hora_local"] for row in rows} == {moment(NOW, settings.zone)}
    assert list_snapshots(settings, (), modo=Modo.TEST) == rows, "none named: all of them"
