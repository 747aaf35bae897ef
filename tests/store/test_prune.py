"""Taking backups out of the store: whole or gone, their copies with them, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from Modules.disk.publish import publish_files
from Modules.store.integrity import verify_folder
from Modules.store.prune import LOG_NAME, fichas, in_use, obsolete_copies, prune
from Modules.store.retention import Ficha, Linea, PrunePlan
from Modules.store.snapshots import Snapshot, SnapshotStore
from Modules.words.domain import Portal, SnapshotId
from Modules.words.errors import PublishError, SettingsError
from tests.kill_points import Killer, killer
from tests.sample_tables import NOW, SEASON, tables

FACTS = {"portal": {"origin": "demo:small", "profile": "contract@0"}}


def night(
    store: SnapshotStore,
    rows: int = 3,
    *,
    days: int = 0,
    accepted: bool = True,
    parent: Snapshot | None = None,
) -> Snapshot:
    draft = store.draft(SEASON, NOW + timedelta(days=days))
    draft.write_tables(tables(rows))
    return store.keep(
        draft,
        verdict={"accepted": accepted},
        accepted=accepted,
        facts={**FACTS, "parent": None if parent is None else str(parent.id)},
    )


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "store")


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "copies"


@pytest.fixture(scope="module")
def kill() -> Iterator[Killer]:
    with killer() as process:
        yield process


def publish(snapshot: Snapshot, copies: Path) -> Path:
    folder = copies / SEASON.slug / str(snapshot.id)
    publish_files(snapshot.files, folder, snapshot_id=str(snapshot.id), now=NOW)
    return folder


def plan_of(store: SnapshotStore, *snapshots: Snapshot) -> PrunePlan:
    there = {one.id: one for one in fichas(store, lambda _: True)}
    return PrunePlan(tuple(Linea(there[one.id], "más vieja") for one in snapshots))


def files(folder: Path) -> Mapping[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_the_plan_says_goes_with_its_copy_and_the_rest_is_byte_equal(
    store: SnapshotStore, copies: Path
) -> None:
    first, second, third = (night(store, days=day) for day in range(3))
    folders = [publish(one, copies) for one in (first, second, third)]
    before = {**files(first.path), **files(folders[0])}
    prune(store, plan_of(store, second), copies, NOW)
    assert [one.id for one in store.accepted()] == [first.id, third.id]
    assert not second.path.exists()
    assert not folders[1].exists()
    assert {**files(first.path), **files(folders[0])} == before
    assert verify_folder(third.path) == []
    assert list((store.root / "staging").iterdir()) == []


@pytest.mark.usefixtures("clock_of_argentina")
def test_what_went_is_written_down(store: SnapshotStore, copies: Path) -> None:
    first = night(store)
    night(store, days=1)
    prune(store, plan_of(store, first), copies, NOW)
    (line,) = (store.root / LOG_NAME).read_text("utf-8").splitlines()
    assert "más vieja" in line, "people read the log, too"
    assert json.loads(line) == {
        "id": str(first.id),
        "campania": "25/26",
        "accepted": True,
        "manifest_sha256": first.manifest_sha256,
        "motivo": "más vieja",
        "utc": "2025-11-20T06:00:02+00:00",
    }


def test_ids_go_on_rising_after_the_newest_number_was_pruned(
    store: SnapshotStore, copies: Path
) -> None:
    night(store)
    refused = night(store, accepted=False, days=1)
    prune(store, plan_of(store, refused), copies, NOW)
    assert store.quarantined() == []
    assert night(store, days=2).id.number == 3


def test_files_in_a_copy_that_are_not_ours_or_were_edited_stay(
    store: SnapshotStore, copies: Path
) -> None:
    first = night(store)
    night(store, days=1)
    folder = publish(first, copies)
    (folder / "notas.txt").write_text("del ingeniero")
    (folder / "verdict.json").write_text("editado")
    prune(store, plan_of(store, first), copies, NOW)
    assert {path.name for path in folder.iterdir()} == {
        "notas.txt",
        "verdict.json",
        ".lindero.json",
        *(("tables",) if (folder / "tables").exists() else ()),
    }
    prune(store, PrunePlan(), copies, NOW)
    assert (folder / "notas.txt").read_text() == "del ingeniero"
    record = json.loads((folder / ".lindero.json").read_text("utf-8"))
    assert record["snapshot"] == str(first.id), "it still says what was here"


def test_a_store_that_was_lost_never_takes_the_copies_along(
    store: SnapshotStore, copies: Path
) -> None:
    first = night(store)
    folder = publish(first, copies)
    before = files(folder)
    shutil.rmtree(store.root)
    prune(store, PrunePlan(), copies, NOW)
    assert files(folder) == before


def test_a_pruned_backup_that_somebody_put_back_keeps_its_copy(
    store: SnapshotStore, copies: Path, tmp_path: Path
) -> None:
    first = night(store)
    night(store, days=1)
    shutil.copytree(first.path, tmp_path / "aside" / str(first.id))
    prune(store, plan_of(store, first), copies, NOW)
    shutil.copytree(tmp_path / "aside" / str(first.id), first.path)
    folder = publish(first, copies)
    prune(store, PrunePlan(), copies, NOW)
    assert (folder / "manifest.sha256").is_file()
    assert verify_folder(first.path) == []


def test_a_torn_line_in_the_log_is_no_backup_that_went(store: SnapshotStore, copies: Path) -> None:
    first, _ = night(store), night(store, days=1)
    folder = publish(first, copies)
    (store.root / LOG_NAME).write_bytes(f'{{"id": "{first.id}", "camp'.encode())
    prune(store, PrunePlan(), copies, NOW)
    assert folder.is_dir()
    prune(store, plan_of(store, first), copies, NOW)
    assert not folder.exists()
    assert (store.root / LOG_NAME).read_bytes().count(b"\n") == 2


@pytest.mark.parametrize(
    "line",
    [
        *("[]", "null", '"id"', "{}"),
        '{"id": 3, "campania": "25/26"}',
        '{"id": "x", "campania": "25/26"}',
        '{"id": "2025-11-20T060002Z-000001", "campania": "x"}',
    ],
)
def test_a_line_that_is_no_entry_takes_no_copy_along(
    store: SnapshotStore, copies: Path, line: str
) -> None:
    first = night(store)
    folder = publish(first, copies)
    shutil.rmtree(first.path)
    (store.root / LOG_NAME).write_text(f"{line}\n")
    assert obsolete_copies(store, copies) == []
    prune(store, PrunePlan(), copies, NOW)
    assert (folder / "manifest.sha256").is_file()


def test_what_a_kill_left_of_a_copy_goes_and_what_somebody_put_there_stays(
    store: SnapshotStore, copies: Path
) -> None:
    first, second, _ = (night(store, days=day) for day in range(3))
    bare, full = publish(first, copies), publish(second, copies)
    (bare / "raw" / "left" / "over").mkdir(parents=True)
    (full / "raw" / "left").mkdir(parents=True)
    (full / "raw" / "mio.txt").write_text("x")
    for one in (first, second):
        prune(store, plan_of(store, one), copies, NOW)
    assert not bare.exists()
    assert sorted(files(full)) == [".lindero.json", "raw/mio.txt"]
    assert not (full / "raw" / "left").exists()

    bare.mkdir()  # its files and its manifest are gone, the kill came before the folder
    (full / ".lindero.json").unlink()
    prune(store, PrunePlan(), copies, NOW)
    assert not bare.exists()
    assert sorted(files(full)) == ["raw/mio.txt"]


def test_a_copy_that_cannot_be_reached_is_left_for_the_next_prune(
    store: SnapshotStore, copies: Path, tmp_path: Path
) -> None:
    first, _ = night(store), night(store, days=1)
    folder = publish(first, copies)
    away = tmp_path / "unplugged"
    copies.rename(away)
    prune(store, plan_of(store, first), copies, NOW)
    assert not first.path.exists()
    away.rename(copies)
    assert [copy.name for copy in obsolete_copies(store, copies)] == [str(first.id)]
    prune(store, PrunePlan(), copies, NOW)
    assert not folder.exists()


def test_copies_that_are_to_go_are_listed_once_in_the_order_of_their_numbers(
    store: SnapshotStore, copies: Path
) -> None:
    first, second, third, _ = (night(store, days=-day) for day in range(4))
    folders = [publish(one, copies) for one in (first, second, third)]
    for one in (third, first, second):
        prune(store, plan_of(store, one), copies.parent / "elsewhere", NOW)
    lines = (store.root / LOG_NAME).read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [
        str(one.id) for one in (third, first, second)
    ]
    with (store.root / LOG_NAME).open("a") as log:
        log.write("\n" + json.dumps({"id": str(first.id), "campania": "25/26"}) + "\n")
    assert obsolete_copies(store, copies) == folders


def test_a_link_where_a_copy_should_be_is_not_followed(
    store: SnapshotStore, copies: Path, tmp_path: Path
) -> None:
    first, _ = night(store), night(store, days=1)
    folder = publish(first, copies)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    prune(store, plan_of(store, first), copies, NOW)
    assert (tmp_path / "elsewhere" / "manifest.sha256").is_file()


def test_a_plan_that_is_out_of_date_is_refused(store: SnapshotStore, copies: Path) -> None:
    first, _ = night(store), night(store, days=1)
    plan = plan_of(store, first)
    prune(store, plan, copies, NOW)
    with pytest.raises(SettingsError, match="no hay un backup"):
        prune(store, plan, copies, NOW)


def test_fichas_say_what_the_manifests_say(store: SnapshotStore) -> None:
    first = night(store)
    same = night(store, days=1, parent=first)
    refused = night(store, 5, days=2, accepted=False)
    found = {one.id.number: one for one in fichas(store, lambda one: one.id == first.id)}
    assert found[1] == Ficha(
        id=first.id,
        campania=SEASON,
        portal=Portal("demo:small", "contract@0"),
        accepted=True,
        verified=True,
        first_equal=first.id,
        size_bytes=first.size_bytes,
    )
    assert found[1].good
    assert not found[2].good
    assert found[2].first_equal == first.id == same.first_equal
    assert not found[3].accepted
    assert not found[3].verified
    assert found[3].size_bytes == refused.size_bytes > 0


def test_what_products_were_made_from_is_in_use(tmp_path: Path) -> None:
    made = "2025-11-20T060002Z-000042"
    source = tmp_path / "x.csv"
    source.write_text("a")
    outputs = tmp_path / "outputs"
    publish_files({"x.csv": source}, outputs / "cultivos", snapshot_id=made, now=NOW)
    (outputs / "otra cosa").mkdir()
    for name, text in {
        "H3": "roto",
        "KMZ": "{}",
        "mapa": '{"snapshot": "x"}',
        "sustentabilidad": '{"snapshot": null}',
    }.items():
        (outputs / name).mkdir()
        (outputs / name / ".lindero.json").write_text(text)
    assert in_use(outputs) == {SnapshotId.parse(made)}
    assert in_use(tmp_path / "nowhere") == set()


def test_a_log_that_cannot_be_read_or_written_stops_the_prune(
    store: SnapshotStore, copies: Path
) -> None:
    first = night(store)
    plan = plan_of(store, first)
    (store.root / LOG_NAME).mkdir()
    with pytest.raises(PublishError, match=r"^podados\.jsonl no se puede leer: es una carpeta$"):
        prune(store, PrunePlan(), copies, NOW)
    with pytest.raises(
        PublishError, match=r"no se pudo escribir .*/podados\.jsonl: es una carpeta"
    ):
        prune(store, plan, copies, NOW)
    assert store.accepted() == [first]


@pytest.mark.integration
def test_a_kill_at_any_moment_leaves_no_half_backup_and_the_next_prune_ends_it(
    kill: Killer, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    store = SnapshotStore(made / "store")
    gone, stays = night(store), night(store, days=1)
    publish(gone, made / "copies")
    publish(stays, made / "copies")
    untouched = files(stays.path)
    for event in range(1, 500):
        here = tmp_path / "here"
        shutil.copytree(made, here)
        ended = kill.run(job="prune", watch=str(here), ids=[str(gone.id)], event=event)
        after = SnapshotStore(here / "store")
        for snapshot in after.accepted():
            assert verify_folder(snapshot.path) == []
        assert after.damaged() == []
        kept = [one for one in after.accepted() if one.id == stays.id]
        assert files(kept[0].path) == untouched
        if not (after.root / "snapshots" / SEASON.slug / str(gone.id)).exists():
            lines = (after.root / LOG_NAME).read_text().splitlines()
            assert json.loads(lines[-1])["id"] == str(gone.id)
        assert kill.run(job="prune", watch=str(here), ids=[str(gone.id)]) == "done"
        left = {path.name for path in (here / "copies" / SEASON.slug).iterdir()}
        assert left == {str(stays.id)}
        assert [one.id for one in after.accepted()] == [stays.id]
        assert list((after.root / "staging").iterdir()) == []
        shutil.rmtree(here)
        if ended == "done":
            assert event > 25, "the files of two folders and the log are events, too"
            return
    pytest.fail("the prune never ended")
