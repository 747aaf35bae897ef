"""The store: whole or not there, ids that only rise, accepted by the checks or once by a person."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from Modules.disk.json_files import to_json
from Modules.disk.safe_files import fact_of
from Modules.night.tables import Tables
from Modules.store.chain import rewritten
from Modules.store.integrity import verify_folder
from Modules.store.manifest import to_sums
from Modules.store.snapshot import page_path, read_raw, read_tables
from Modules.store.snapshots import Snapshot, SnapshotStore
from Modules.words.domain import Campania, Portal, Recurso, SnapshotId
from Modules.words.errors import (
    AcceptancesUnreadable,
    DataError,
    PublishError,
    SettingsError,
    SnapshotDamaged,
)
from tests.kill_points import Killer, killer
from tests.sample_tables import NOW, SEASON, fetched, tables

DEMO = Portal("demo:small", "contract@0")


def facts(parent: Snapshot | None = None, portal: Portal = DEMO) -> dict[str, Any]:
    return {
        "portal": {"origin": portal.origin, "profile": portal.profile},
        "parent": None if parent is None else str(parent.id),
        "versions": {"lindero": "0"},
    }


def night(
    store: SnapshotStore,
    content: Tables | None = None,
    *,
    parent: Snapshot | None = None,
    accepted: bool = True,
    portal: Portal = DEMO,
    campania: Campania = SEASON,
    now: datetime = NOW,
) -> Snapshot:
    draft = store.draft(campania, now)
    for recurso in (Recurso.CAMPOS, Recurso.LOTES):
        draft.write_pages(fetched(recurso))
    draft.write_tables(tables() if content is None else content)
    verdict = {"accepted": accepted, "checks": []}
    return store.keep(draft, verdict=verdict, accepted=accepted, facts=facts(parent, portal))


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "lindero" / "test")


@pytest.fixture(scope="module")
def kill() -> Iterator[Killer]:
    with killer() as process:
        yield process


def content(folder: Path) -> Mapping[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.usefixtures("clock_of_argentina")
def test_a_night_lies_where_the_design_says(store: SnapshotStore) -> None:
    snapshot = night(store)
    assert str(snapshot.id) == "2025-11-20T060002Z-000001"
    assert snapshot.path == store.root / "snapshots" / "25-26" / str(snapshot.id)
    names = set(content(snapshot.path))
    assert names == set(snapshot.files)
    assert {"raw/lotes-0001.json.zst", "raw/lotes-0002.json.zst", "verdict.json"} <= names
    assert sum(name.startswith("tables/") for name in names) == 8
    manifest = json.loads((snapshot.path / "manifest.json").read_text("utf-8"))
    assert manifest["utc"] == "2025-11-20T06:00:02+00:00"
    assert manifest["local"] == "2025-11-20T03:00:02-03:00"
    assert manifest["tables"]["lotes"]["rows"] == 7
    assert set(manifest["pages"]) == {"campos", "lotes"}
    assert manifest["pages"]["lotes"] == {
        "pages": 2,
        "records": 2,
        "declared_total": 2,
        "walks": 1,
        "requests": [
            {"page": page, "path": f"/v1/lotes?page={page}", "request_id": f"req-{page}"}
            for page in (1, 2)
        ],
    }
    assert (manifest["format"], manifest["accepted"]) == ("lindero-snapshot/1", True)
    assert (manifest["id"], manifest["campania"]) == (str(snapshot.id), "25/26")
    assert (manifest["parent"], manifest["versions"]) == (None, {"lindero": "0"})
    assert not list((store.root / "staging").iterdir())


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
@pytest.mark.parametrize("accepted", [True, False])
def test_sha256sum_proves_every_file(store: SnapshotStore, accepted: bool) -> None:
    snapshot = night(store, accepted=accepted)
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "manifest.sha256"],
        cwd=snapshot.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    proved = {line.removesuffix(": OK") for line in done.stdout.splitlines()}
    assert proved | {"manifest.sha256"} == set(content(snapshot.path))


@pytest.mark.skipif(shutil.which("zstd") is None, reason="the zstd command is not installed")
def test_raw_pages_are_standard_zstd(store: SnapshotStore) -> None:
    snapshot = night(store)
    done = subprocess.run(
        ["zstd", "-dc", snapshot.path / "raw" / "lotes-0001.json.zst"],
        capture_output=True,
        check=True,
    )
    assert done.stdout == fetched(Recurso.LOTES).pages[0].body


def test_raw_pages_come_back_as_received(store: SnapshotStore) -> None:
    snapshot = night(store)
    for page in fetched(Recurso.LOTES).pages:
        assert read_raw(snapshot, page_path(Recurso.LOTES, page.number)) == page.body
    with pytest.raises(SnapshotDamaged, match=r"lotes-0003\.json\.zst: no está en el manifiesto"):
        read_raw(snapshot, page_path(Recurso.LOTES, 3))


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_tables_come_back_equal(store: SnapshotStore, rows: int) -> None:
    before = tables(rows)
    after = read_tables(night(store, before))
    for name, df in before.as_dict().items():
        assert_frame_equal(after.as_dict()[name], df)


def test_equal_data_gives_equal_bytes_and_says_so(store: SnapshotStore) -> None:
    first = night(store)
    second = night(store, parent=first, now=NOW + timedelta(days=1))
    third = night(store, parent=second, now=NOW + timedelta(days=2))
    fourth = night(store, tables(8), parent=third)
    same = {"manifest.json", "manifest.sha256"}
    one, two = content(first.path), content(second.path)
    assert {name for name in one if one[name] != two[name]} == same
    assert [night.equal_to for night in (first, second, third, fourth)] == [
        None,
        first.id,
        second.id,
        None,
    ]
    assert [night.first_equal for night in (second, third, fourth)] == [first.id] * 2 + [fourth.id]
    assert second.manifest["parent_manifest_sha256"] == first.manifest_sha256


def test_other_raw_bytes_with_equal_tables_are_still_an_equal_night(store: SnapshotStore) -> None:
    first = night(store)
    draft = store.draft(SEASON, NOW)
    draft.write_pages(fetched(salt="generated_at"))
    draft.write_tables(tables())
    second = store.keep(draft, verdict={}, accepted=True, facts=facts(first))
    assert second.equal_to == first.id


def test_ids_only_rise_whatever_the_clock_says(store: SnapshotStore) -> None:
    first = night(store)
    second = night(store, now=NOW - timedelta(days=400))
    shutil.rmtree(second.path)
    third = night(store, now=NOW)
    assert [snapshot.id.number for snapshot in (first, second, third)] == [1, 2, 3]
    assert store.accepted() == [first, third]
    (store.root / "last_number").write_text("spoilt")
    assert night(store).id.number == 4


def test_lists_keep_portals_campanias_and_verdicts_apart(store: SnapshotStore) -> None:
    other_portal = Portal("https://example.test", "contract@0")
    other_season = Campania(24, 25)
    a = night(store)
    b = night(store, portal=other_portal)
    c = night(store, campania=other_season)
    d = night(store, accepted=False)
    assert store.accepted(SEASON) == [a, b]
    assert store.accepted(SEASON, DEMO) == [a]
    assert store.accepted() == [a, b, c]
    assert store.latest_accepted(SEASON) == store.latest_accepted(SEASON, other_portal) == b
    assert store.latest_accepted(SEASON, DEMO) == a
    assert store.latest_accepted(Campania(20, 21)) is None
    assert store.quarantined() == store.quarantined(SEASON) == [d]
    assert store.quarantined(other_season) == []
    assert store.find(str(d.id)) == d
    assert not store.damaged()
    assert store.folders() == [c.path, a.path, b.path, d.path]
    assert store.folders(SEASON) == [a.path, b.path, d.path]
    for one in (a, c, d):
        (one.path / "manifest.json").write_bytes(b"{}")
    said = "manifest.json: no coincide con manifest.sha256"
    assert store.damaged(SEASON) == [(one.path, f"{one.id}: {said}") for one in (a, d)]
    assert [path for path, _ in store.damaged()] == [c.path, a.path, d.path]
    assert (store.accepted(), store.quarantined()) == ([b], [])


@pytest.mark.parametrize("text", ["", "x", "../x", "2025-11-20T060002Z-000009"])
def test_an_unknown_id_is_a_usage_error(store: SnapshotStore, text: str) -> None:
    night(store)
    said = (
        "no es el id de un backup; son como 2025-11-20T060002Z-000042"
        if len(text) < 9
        else f"^no hay un backup {text} en .*test$"
    )
    with pytest.raises(SettingsError, match=said):
        store.find(text)


def test_a_draft_that_was_left_is_swept_by_the_next_night(store: SnapshotStore) -> None:
    draft = store.draft(SEASON, NOW)
    draft.write_tables(tables())
    snapshot = night(store)
    assert snapshot.id.number == 2
    assert not list((store.root / "staging").iterdir())
    assert store.accepted() == [snapshot]
    left = [store.draft(SEASON, NOW).path.name]
    assert store.sweep() == tuple(left)
    assert store.sweep() == ()


def test_scratch_is_gone_after_use_and_after_an_error(store: SnapshotStore) -> None:
    with store.scratch() as folder:
        (folder / "x").write_text("x")
        assert folder.parent == store.root / "staging", "where the next run sweeps"
    with pytest.raises(ZeroDivisionError), store.scratch() as other:
        _ = 1 / 0
    assert not folder.exists()
    assert not other.exists()


def test_a_page_that_comes_twice_is_refused(store: SnapshotStore) -> None:
    draft = store.draft(SEASON, NOW)
    draft.write_pages(fetched())
    with pytest.raises(PublishError, match=r"lotes-0001\.json\.zst"):
        draft.write_pages(fetched())


@pytest.mark.parametrize(
    ("verdict", "extra", "said"),
    [
        ({}, {"files": []}, r"manifest\.json: los nombres files son del depósito$"),
        ({}, {"id": "x", "utc": "y"}, r"manifest\.json: los nombres id, utc son del depósito$"),
        ({}, {"x": float("nan")}, "no se puede escribir como JSON"),
        ({"x": object()}, {}, "no se puede escribir como JSON"),
        ({}, {"x": {1, 2}}, "no se puede escribir como JSON"),
    ],
)
def test_facts_that_cannot_be_kept_keep_nothing(
    store: SnapshotStore, verdict: dict[str, Any], extra: dict[str, Any], said: str
) -> None:
    draft = store.draft(SEASON, NOW)
    draft.write_tables(tables(0))
    with pytest.raises(DataError, match=said):
        store.keep(draft, verdict=verdict, accepted=True, facts={**facts(), **extra})
    assert not store.accepted()
    assert not store.damaged()


def test_a_night_of_which_no_parent_is_said_has_none(store: SnapshotStore) -> None:
    draft = store.draft(SEASON, NOW)
    draft.write_tables(tables(0))
    told = {name: value for name, value in facts().items() if name != "parent"}
    kept = store.keep(draft, verdict={}, accepted=True, facts=told)
    assert (kept.parent, kept.manifest["parent"], kept.equal_to) == (None, None, None)
    assert kept.id == draft.id


def test_a_snapshot_is_never_replaced(store: SnapshotStore) -> None:
    first = night(store)
    before = content(first.path)
    (store.root / "last_number").unlink()
    draft = store.draft(SEASON, NOW)
    draft.write_tables(tables(1))
    first.path.rename(first.path.with_name(str(draft.id)))
    with pytest.raises(
        PublishError, match=f"{draft.id} ya está en el lugar; un backup nunca se reemplaza$"
    ):
        store.keep(draft, verdict={}, accepted=True, facts=facts())
    assert content(first.path.with_name(str(draft.id))) == before


# --- acceptance by a person ----------------------------------------------------------------------


@pytest.mark.usefixtures("clock_of_argentina")
def test_a_person_accepts_a_refused_night_once(store: SnapshotStore) -> None:
    first = night(store)
    refused = night(store, tables(3), accepted=False)
    before = content(refused.path)
    assert not refused.accepted
    taken = store.accept(str(refused.id), reason=" dueño nuevo ", who="ana", now=NOW)
    assert taken.accepted
    assert taken.acceptance == {
        "id": str(refused.id),
        "campania": "25/26",
        "manifest_sha256": refused.manifest_sha256,
        "reason": "dueño nuevo",
        "who": "ana",
        "utc": "2025-11-20T06:00:02+00:00",
    }
    assert content(taken.path) == before
    assert store.accepted() == [first, taken]
    assert not store.quarantined()
    with pytest.raises(
        SettingsError, match=f"^{refused.id} ya está aceptado; no hay nada que hacer$"
    ):
        store.accept(str(refused.id), reason="otra vez", who="ana", now=NOW)
    (line,) = (store.root / "acceptances.jsonl").read_text("utf-8").splitlines()
    assert "dueño nuevo" in line, "people read the log, too"


def test_every_acceptance_is_one_line_of_the_log(store: SnapshotStore) -> None:
    refused = [night(store, tables(rows), accepted=False) for rows in (1, 2, 3)]
    for one in refused:
        store.accept(str(one.id), reason="x", who="ana", now=NOW)
    lines = (store.root / "acceptances.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line)["id"] for line in lines] == [str(one.id) for one in refused]


def test_an_acceptance_that_cannot_be_logged_is_none(store: SnapshotStore) -> None:
    refused = night(store, accepted=False)
    (store.root / "acceptances.jsonl").mkdir()
    said = r"^acceptances\.jsonl no se puede leer: es una carpeta; no se sabe quién aceptó \S+$"
    with pytest.raises(AcceptancesUnreadable, match=said):
        store.accept(str(refused.id), reason="x", who="ana", now=NOW)
    assert store.quarantined() == [refused]
    assert not store.accepted()


def test_an_acceptance_needs_a_reason(store: SnapshotStore) -> None:
    refused = night(store, accepted=False)
    said = "^falta un motivo, por ejemplo: --reason 'campo vendido'$"
    with pytest.raises(SettingsError, match=said):
        store.accept(str(refused.id), reason="  ", who="ana", now=NOW)
    assert store.quarantined() == [refused]


def test_a_night_older_than_an_accepted_one_is_not_taken(store: SnapshotStore) -> None:
    refused = night(store, accepted=False)
    night(store, portal=Portal("demo:company", "contract@0"))
    newer = night(store)
    with pytest.raises(DataError, match=f"^{refused.id} es anterior a {newer.id}, que"):
        store.accept(str(refused.id), reason="x", who="ana", now=NOW)
    assert store.quarantined() == [refused]


def test_newer_nights_of_other_portals_and_campanias_are_no_obstacle(store: SnapshotStore) -> None:
    refused = night(store, accepted=False)
    night(store, portal=Portal("demo:company", "contract@0"))
    night(store, campania=Campania(24, 25))
    assert store.accept(str(refused.id), reason="x", who="ana", now=NOW).accepted


@pytest.mark.parametrize("before", [0, 1])
def test_a_table_is_emptied_only_if_it_had_a_row_in_the_last_accepted_night(
    store: SnapshotStore, before: int
) -> None:
    night(store, replace(tables(), marcadores=tables(before).marcadores))
    refused = night(store, replace(tables(), marcadores=tables(0).marcadores), accepted=False)
    if before:
        with pytest.raises(DataError, match="no tiene filas de marcadores;"):
            store.accept(str(refused.id), reason="x", who="ana", now=NOW)
    else:
        assert store.accept(str(refused.id), reason="x", who="ana", now=NOW).accepted


def test_a_damaged_night_is_not_taken(store: SnapshotStore) -> None:
    refused = night(store, accepted=False)
    (refused.path / "tables" / "lotes.parquet").write_bytes(b"x")
    said = rf"^{refused.id}: tables/lotes\.parquet: 1 bytes.*; no se puede aceptar$"
    with pytest.raises(SnapshotDamaged, match=said):
        store.accept(str(refused.id), reason="x", who="ana", now=NOW)
    assert not (store.root / "acceptances.jsonl").exists()


def test_an_emptied_night_is_taken_only_by_whoever_says_that_it_is_empty(
    store: SnapshotStore,
) -> None:
    night(store)
    emptied = replace(tables(), marcadores=tables(0).marcadores, lotes=tables(0).lotes)
    refused = night(store, emptied, accepted=False)
    said = f"^{refused.id} no tiene filas de lotes, marcadores; los productos saldrían vacíos. "
    said += "Si el portal de verdad no tiene ninguna: agregar --aunque-vacio$"
    with pytest.raises(DataError, match=said):
        store.accept(str(refused.id), reason="x", who="ana", now=NOW)
    assert not (store.root / "acceptances.jsonl").exists()
    assert store.quarantined() == [refused]
    taken = store.accept(str(refused.id), reason="x", who="ana", now=NOW, although_empty=True)
    assert taken.accepted


def test_a_first_night_may_lack_markers_but_not_lotes(store: SnapshotStore) -> None:
    bare = night(store, replace(tables(), marcadores=tables(0).marcadores), accepted=False)
    assert store.accept(str(bare.id), reason="x", who="ana", now=NOW).accepted
    other = Portal("demo:company", "contract@0")
    void = night(store, replace(tables(), lotes=tables(0).lotes), accepted=False, portal=other)
    with pytest.raises(DataError, match="no tiene filas de lotes;"):
        store.accept(str(void.id), reason="x", who="ana", now=NOW)


def test_moving_a_refused_night_by_hand_does_not_make_it_accepted(store: SnapshotStore) -> None:
    refused = night(store, accepted=False)
    target = store.root / "snapshots" / "25-26" / refused.path.name
    target.parent.mkdir(parents=True)
    refused.path.rename(target)
    assert not store.accepted()
    assert [path for path, _ in store.damaged()] == [target]
    (held,) = store.survey()
    assert (held.path, held.snapshot, held.proof.problems) == (target, None, ())
    assert [(held.path, held.refused)] == store.damaged()
    said = rf"^{refused.id}: está entre los aceptados, pero nadie lo aceptó "
    said += r"\(acceptances\.jsonl no tiene un renglón con su hash\)$"
    with pytest.raises(SnapshotDamaged, match=said):
        store.find(str(refused.id))


def test_an_acceptance_is_bound_to_the_very_bytes(store: SnapshotStore) -> None:
    refused = night(store, accepted=False)
    taken = store.accept(str(refused.id), reason="x", who="ana", now=NOW)
    log = store.root / "acceptances.jsonl"
    log.write_text(log.read_text().replace(taken.manifest_sha256, "0" * 64))
    with pytest.raises(SnapshotDamaged, match="está entre los aceptados, pero nadie lo aceptó"):
        store.find(str(refused.id))


@pytest.mark.parametrize("torn", ["{", '{"id": "2025', "null", "[]", "\x00\x00", "3"])
def test_a_torn_line_in_the_log_is_no_obstacle(store: SnapshotStore, torn: str) -> None:
    refused = night(store, accepted=False)
    (store.root / "acceptances.jsonl").write_text(torn)
    assert store.accept(str(refused.id), reason="x", who="ana", now=NOW).accepted


# --- kills ---------------------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("accepted", [True, False])
def test_a_kill_at_any_file_event_leaves_a_whole_night_or_none(
    store: SnapshotStore, kill: Killer, accepted: bool
) -> None:
    first = night(store)
    before = content(first.path)
    kills, how = 0, ""
    while how != "done":
        listed = {snapshot.id for snapshot in (*store.accepted(), *store.quarantined())}
        order = {"job": "night", "watch": str(store.root), "rows": 2, "accepted": accepted}
        how = kill.run(**order, event=kills + 1)
        kills += 1
        kept = [*store.accepted(), *store.quarantined()]
        assert not store.damaged()
        assert len({snapshot.id for snapshot in kept} - listed) <= 1
        for snapshot in kept:
            if snapshot.id not in listed:
                assert not verify_folder(snapshot.path)
        store.sweep()
        assert not list(store.root.glob("staging/*"))
        assert not list(store.root.glob(".lindero-*"))
    assert kills > 20
    assert content(first.path) == before
    assert night(store).id.number == 1 + max(snapshot.id.number for snapshot in kept)


@pytest.mark.integration
@pytest.mark.parametrize("size", [0, 30, 3_000, 12_000])
def test_a_kill_in_the_middle_of_a_write_leaves_no_night(
    store: SnapshotStore, kill: Killer, size: int
) -> None:
    first = night(store)
    order = {"job": "night", "watch": str(store.root), "rows": 2, "accepted": True}
    assert kill.run(**order, bytes=size) == "killed"
    assert store.accepted() == [first]
    assert not store.damaged()
    second = night(store)
    assert store.accepted() == [first, second]
    assert not verify_folder(second.path)


@pytest.mark.integration
def test_a_kill_during_an_acceptance_can_be_repeated(tmp_path: Path, kill: Killer) -> None:
    for event in range(1, 50):
        store = SnapshotStore(tmp_path / str(event))
        refused = night(store, tables(1), accepted=False)
        order = {"job": "accept", "watch": str(store.root), "id": str(refused.id)}
        how = kill.run(**order, event=event)
        assert not store.damaged()
        if not store.accepted():
            store.accept(str(refused.id), reason="prueba", who="tests", now=NOW)
        (taken,) = store.accepted()
        assert not verify_folder(taken.path)
        if how == "done":
            break
    assert how == "done"


def test_the_name_of_an_id_sorts_by_number_not_by_clock() -> None:
    early = SnapshotId(9, datetime(2030, 1, 1, tzinfo=UTC))
    late = SnapshotId(10, datetime(2020, 1, 1, tzinfo=UTC))
    assert early < late


def test_a_rewritten_manifest_is_found_by_the_night_after_it(store: SnapshotStore) -> None:
    first = night(store)
    second = night(store, tables(8), parent=first)
    third = night(store, tables(9), parent=second)
    assert rewritten(store.accepted()) == []
    manifest = json.loads((second.path / "manifest.json").read_text("utf-8"))
    manifest["versions"]["lindero"] = "9"
    data = to_json(manifest)
    hashes = {file["path"]: file["sha256"] for file in manifest["files"]}
    (second.path / "manifest.json").write_bytes(data)
    sums = to_sums({**hashes, "manifest.json": fact_of(data).sha256})
    (second.path / "manifest.sha256").write_bytes(sums)
    assert verify_folder(second.path) == [], "by itself it is sound"
    assert rewritten(store.accepted(), [str(third.id)]) == [(str(second.id), str(third.id))]


def test_what_is_no_snapshot_among_them_is_listed(store: SnapshotStore) -> None:
    snapshot = night(store)
    assert store.strangers() == []
    (snapshot.path.parent / "notas.txt").write_text("x")
    (snapshot.path.parent / "copia").mkdir()
    (store.root / "snapshots" / "otra cosa").mkdir()
    assert {path.name for path in store.strangers()} == {"notas.txt", "copia", "otra cosa"}
    (store.root / "quarantine" / "24-25").mkdir(parents=True)
    (store.root / "quarantine" / " 23-24").mkdir()
    (store.root / "quarantine" / "24-26").mkdir()
    (store.root / "quarantine" / "25-26").symlink_to(snapshot.path.parent)
    (store.root / "quarantine" / "26-27").write_text("x")
    assert {path.name for path in store.strangers()} == {
        *("notas.txt", "copia", "otra cosa"),
        *(" 23-24", "24-26", "25-26", "26-27"),
    }
    assert store.folders() == [snapshot.path]


def test_a_temp_of_a_killed_run_is_swept_and_nothing_else(store: SnapshotStore) -> None:
    night(store)
    (store.root / ".lindero-0123456789abcdef.tmp").write_text("7")
    (store.root / "notas.tmp").write_text("de otro")
    store.sweep()
    assert not list(store.root.glob(".lindero-*.tmp"))
    assert (store.root / "notas.tmp").is_file()


def test_the_first_of_equal_nights_stands_for_them_until_it_is_gone(store: SnapshotStore) -> None:
    first = night(store)
    second = night(store, parent=first)
    third = night(store, parent=second)
    assert store.first_equal(first) == first
    assert store.first_equal(third) == first
    shutil.rmtree(first.path)
    assert store.first_equal(third) == third


def test_a_night_whose_manifest_is_damaged_is_no_witness_against_others(
    store: SnapshotStore,
) -> None:
    first = night(store)
    second = night(store, tables(8), parent=first)
    (second.path / "manifest.json").write_bytes(b"{}")
    read = [held.proof.snapshot for held in store.survey()]
    assert [one and one.id for one in read] == [first.id, None]
    assert rewritten([one for one in read if one]) == []
    assert [path for path, _ in store.damaged()] == [second.path]


def test_an_acceptance_logged_before_a_kill_is_not_logged_twice(store: SnapshotStore) -> None:
    refused = night(store, accepted=False)
    kept = refused.path.with_name("aside")
    shutil.copytree(refused.path, kept)
    taken = store.accept(str(refused.id), reason="granizo", who="ana", now=NOW)
    log = (store.root / "acceptances.jsonl").read_bytes()
    shutil.rmtree(taken.path)
    kept.rename(refused.path)  # as if the kill had come between the log and the move
    assert [(one.accepted, one.acceptance) for one in store.quarantined()] == [(False, None)]
    again = store.accept(str(refused.id), reason="otra", who="beto", now=NOW + timedelta(days=1))
    assert (store.root / "acceptances.jsonl").read_bytes() == log
    assert again.acceptance is not None
    assert (again.acceptance["who"], again.acceptance["reason"]) == ("ana", "granizo")


def test_a_snapshot_is_named_by_its_number_its_day_or_as_the_last_one(store: SnapshotStore) -> None:
    first, second = night(store), night(store, now=NOW + timedelta(days=1))
    other = night(store, campania=Campania(24, 25), now=NOW + timedelta(days=2))
    refused = night(store, accepted=False, now=NOW + timedelta(days=3))
    for name in (str(first.id), str(first.id.number), f"{first.id.number:06d}", str(first.id)[:10]):
        assert store.find(name).id == first.id
    assert store.find(str(refused.id.number)).id == refused.id
    assert store.find("ultimo").id == other.id
    assert store.find("ultimo", SEASON).id == second.id
    assert store.find("anterior", SEASON).id == first.id
    with pytest.raises(DataError, match="es el único backup aceptado de su campaña y portal"):
        store.find("anterior")
    with pytest.raises(SettingsError, match="es el nombre corto de varios snapshots"):
        store.find(str(first.id)[:7])
    for wrong in ("99", "2031-01", "x", "último", ""):
        with pytest.raises(SettingsError):
            store.find(wrong)


def test_what_only_the_trials_have_is_said(store: SnapshotStore) -> None:
    one = night(store)
    production = SnapshotStore(store.root.with_name("prod"))
    for name in (str(one.id), str(one.id.number)):
        with pytest.raises(SettingsError, match="en las pruebas sí: agregar --test"):
            production.find(name)
    with pytest.raises(DataError, match="en las pruebas sí: agregar --test"):
        production.find("ultimo")
    for other in (lambda: production.find("99"), lambda: production.find("ultimo", Campania(1, 2))):
        with pytest.raises((SettingsError, DataError)) as said:
            other()
        assert "--test" not in str(said.value)
