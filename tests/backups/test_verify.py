"""What a verification says, and what it tells people to do. The damages themselves: robustness."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from Modules.backups.verify import Scope, Verification, verify_backups
from Modules.disk.json_files import to_json
from Modules.disk.safe_files import fact_of
from Modules.jobs import weekly
from Modules.settings import Settings
from Modules.store.manifest import from_sums, to_sums
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.errors import AcceptancesUnreadable, DataError, SettingsError
from Modules.words.finding import Finding
from tests.robustness.damage import World, moved, world
from tests.sample_tables import NOW
from tests.store.test_snapshots import night


@pytest.fixture(scope="module")
def original() -> Iterator[World]:
    with world() as ready:
        yield ready


@pytest.fixture
def made(original: World, tmp_path: Path) -> World:
    """A copy of the world that a test may spoil."""
    return moved(original, tmp_path / "world")


def _verify(made: World, *ids: str, scope: Scope = Scope.ALL) -> Verification:
    return verify_backups(made.settings, Modo.TEST, ids=ids, scope=scope, now=NOW)


def _only(informe: Verification) -> Finding:
    (one,) = informe.report.findings
    return one


def test_by_default_the_newest_accepted_one_is_read_and_all_manifests_are_proved(
    made: World,
) -> None:
    informe = _verify(made, scope=Scope.NEWEST)
    assert informe.report.passed
    assert informe.leidos == (str(made.snapshots[2].id),)
    assert informe.manifiestos == 4
    assert len(informe.carpetas) == 3


def test_all_reads_every_one_the_refused_ones_too(made: World) -> None:
    informe = _verify(made)
    assert informe.leidos == tuple(str(one.id) for one in made.snapshots)


def test_a_sample_reads_every_one_within_a_month_of_sundays(made: World) -> None:
    read: set[str] = set()
    for week in range(4):
        now = NOW + timedelta(weeks=week)
        informe = verify_backups(made.settings, Modo.TEST, scope=Scope.SAMPLE, now=now)
        assert str(made.snapshots[2].id) in informe.leidos
        read |= set(informe.leidos)
    assert read == {str(one.id) for one in made.snapshots}


def test_named_ones_are_read_and_an_unknown_one_is_a_usage_error(made: World) -> None:
    first = str(made.snapshots[0].id)
    assert _verify(made, first).leidos == (first,)
    with pytest.raises(SettingsError):
        _verify(made, "2025-11-20T060002Z-000099")


def test_no_backup_at_all_is_not_a_sound_store(made: World) -> None:
    shutil.rmtree(made.settings.store_dir(Modo.TEST))
    with pytest.raises(DataError, match="primero: lindero run backup"):
        _verify(made)


def test_a_newest_one_without_a_readable_manifest_is_not_passed_over(made: World) -> None:
    newest = made.snapshots[2]
    (newest.path / "manifest.json").write_bytes(b"{")
    informe = _verify(made, scope=Scope.NEWEST)
    assert str(newest.id) in informe.leidos
    assert (_only(informe).where, _only(informe).item) == (str(newest.id), "manifest.json")


def test_a_damaged_file_can_be_mended_from_the_copy_that_is_named(made: World) -> None:
    damaged = made.snapshots[1].path / "tables" / "lotes.parquet"
    damaged.write_bytes(b"x")
    found = _only(_verify(made))
    copy = made.copy(made.snapshots[1])
    assert found.todo == f"copie el mismo archivo, que allí está sano, de {copy}"
    shutil.copyfile(copy / "tables" / "lotes.parquet", damaged)
    assert _verify(made).report.passed


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sha256"])
def test_a_damaged_manifest_can_be_mended_from_its_copy_too(made: World, name: str) -> None:
    (made.snapshots[1].path / name).unlink()
    found = _only(_verify(made))
    assert (found.item, found.code) == (name, "falta")
    assert found.todo.endswith(f" de {made.copy(made.snapshots[1])}")


def test_without_a_sound_copy_it_says_so(made: World) -> None:
    name = "tables/lotes.parquet"
    (made.snapshots[1].path / name).write_bytes(b"x")
    (made.copy(made.snapshots[1]) / name).unlink()
    told = {one.where: one.todo for one in _verify(made).report.findings}
    assert "no hay copia sana" in told[str(made.snapshots[1].id)]
    (of_the_copy,) = (said for place, said in told.items() if "Backup_Databaler" in place)
    assert of_the_copy == f"corra lindero backups publish {made.snapshots[1].id} --test"


def test_damage_in_two_manifests_and_in_files_is_all_named(made: World) -> None:
    folder = made.snapshots[0].path
    (folder / "manifest.json").write_bytes(b"{}")
    (folder / "raw" / "lotes-0001.json.zst").write_bytes(b"x")
    (folder / "tables" / "campos.parquet").unlink()
    (folder / "mio.txt").write_text("x")
    found = {one.item for one in _verify(made).report.findings}
    assert found == {"manifest.json", "raw/lotes-0001.json.zst", "tables/campos.parquet", "mio.txt"}


def test_a_backup_that_is_gone_without_a_prune_is_missed(made: World) -> None:
    gone = made.snapshots[2]
    shutil.rmtree(gone.path)
    found = _only(_verify(made))
    assert (found.item, found.code) == (str(gone.id), "falta")
    assert str(made.copy(gone)) in found.todo
    shutil.rmtree(made.copy(gone))
    told = {one.item: one.todo for one in _verify(made).report.findings}
    assert "podados.jsonl" in told[str(gone.id)], "the refused night after it still names it"
    log = SnapshotStore(made.settings.store_dir(Modo.TEST)).root / "podados.jsonl"
    log.write_text(f'{{"id": "{gone.id}"}}\n{{"torn')
    assert str(gone.id) not in {one.item for one in _verify(made).report.findings}


def test_what_lies_among_the_backups_and_is_none_is_named(made: World) -> None:
    folder = made.snapshots[0].path
    shutil.copytree(folder, folder.with_name("copia de ayer"))
    (folder.parent.parent / "notas.txt").write_text("x")
    found = {one.item for one in _verify(made).report.findings}
    assert found == {"copia de ayer", "notas.txt"}


def test_a_refused_night_that_somebody_moved_over_is_named(made: World) -> None:
    refused = made.snapshots[3]
    target = made.snapshots[0].path.with_name(refused.path.name)
    refused.path.rename(target)
    found = [one for one in _verify(made).report.findings if one.code == "fuera_de_lugar"]
    assert [one.where for one in found] == [str(refused.id)]
    assert "quarantine/25-26" in found[0].todo


@pytest.mark.parametrize("damage", ["garbage", "torn", "folder"])
def test_an_unreadable_log_of_acceptances_is_named_and_nothing_is_to_be_moved(
    made: World, damage: str
) -> None:
    store, refused = SnapshotStore(made.settings.store_dir(Modo.TEST)), made.snapshots[3]
    taken = store.accept(str(refused.id), reason="campo vendido", who="x", now=NOW)
    log = store.root / "acceptances.jsonl"
    line = log.read_bytes()
    log.unlink()
    if damage == "folder":
        log.mkdir()
    else:
        log.write_bytes(b"\x00\xff" * 20 if damage == "garbage" else line[:-30])
    (found,) = (one for one in _verify(made).report.findings if one.where == str(refused.id))
    assert (found.item, found.code) == ("acceptances.jsonl", "ilegible")
    assert "quarantine" not in found.todo
    assert "muévalo" not in found.todo
    reading = (store.accepted, store.damaged, lambda: store.find(str(taken.id)))
    for read in (*reading, lambda: store.latest_accepted(taken.campania)):
        with pytest.raises(AcceptancesUnreadable, match=r"acceptances\.jsonl"):
            read()
    if damage == "folder":
        log.rmdir()
    mended = json.loads(found.todo[found.todo.index("{") :])
    log.write_text(json.dumps(mended) + "\n")
    assert not [one for one in _verify(made).report.findings if one.where == str(refused.id)]


def test_the_published_copy_of_the_newest_must_be_there(made: World) -> None:
    shutil.rmtree(made.copy(made.snapshots[2]))
    found = _only(_verify(made))
    assert found.item == str(made.snapshots[2].id)
    assert found.todo == f"corra lindero backups publish {made.snapshots[2].id} --test"


def test_an_older_copy_that_is_gone_is_missed_when_all_are_read(made: World) -> None:
    shutil.rmtree(made.copy(made.snapshots[0]))
    assert not _verify(made, scope=Scope.NEWEST).report.findings
    found = _only(_verify(made, scope=Scope.ALL))
    assert found.todo == f"corra lindero backups publish {made.snapshots[0].id} --test"


def test_a_product_folder_that_is_gone_is_missed_once_it_was_made(made: World) -> None:
    store = SnapshotStore(made.settings.store_dir(Modo.TEST))
    (store.root / "products").mkdir()
    (store.root / "products" / "cultivos-25-26.json").write_text("{}")
    found = _only(_verify(made))
    assert (found.item, found.todo) == ("cultivos", "corra lindero run productos --test")


def test_maps_that_are_gone_are_missed_but_for_those_of_crops_that_may_not_be_sown(
    made: World,
) -> None:
    store = SnapshotStore(made.settings.store_dir(Modo.TEST))
    (store.root / "products").mkdir()
    (store.root / "products" / "KMZ-25-26.json").write_text("{}")
    found = {one.item: one.todo for one in _verify(made).report.findings}
    assert found == dict.fromkeys(("KMZ POR CAMPO", "KMZ POR LOTE"), "corra lindero run kmz --test")


def test_folders_that_we_never_published_to_are_nobodys_business(made: World) -> None:
    outputs = made.settings.outputs_dir(Modo.TEST)
    for name in ("cultivos", "Backup_Databaler/viejo/de antes", "Backup_Databaler/25-26/mio"):
        (outputs / name).mkdir(parents=True)
        (outputs / name / "x.gpkg").write_text("x")
    informe = _verify(made)
    assert informe.report.passed
    assert informe.ajenos == ()


def test_foreign_files_are_named_and_are_no_damage(made: World) -> None:
    (made.copy(made.snapshots[0]) / "mi proyecto.qgz").write_text("x")
    informe = _verify(made)
    assert informe.report.passed
    (foreign,) = informe.ajenos
    assert foreign.endswith("/mi proyecto.qgz")


def test_a_verification_writes_nothing(made: World) -> None:
    def state(folder: Path) -> dict[Path, tuple[int, int]]:
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(folder.rglob("*"))}

    base = made.settings.lindero_state_dir.parent
    before = state(base)
    _verify(made)
    assert state(base) == before


@pytest.mark.parametrize("tables", [None, [], {}, {"lotes": {"rows": "7"}}])
def test_a_manifest_rewritten_without_its_figures_is_named(made: World, tables: object) -> None:
    newest = made.snapshots[2]
    manifest = json.loads((newest.path / "manifest.json").read_text())
    data = to_json({**manifest, "tables": tables})
    sums = from_sums((newest.path / "manifest.sha256").read_bytes())
    (newest.path / "manifest.json").write_bytes(data)
    sums["manifest.json"] = fact_of(data).sha256
    (newest.path / "manifest.sha256").write_bytes(to_sums(sums))
    found = {(one.where, one.item) for one in _verify(made).report.findings}
    assert found == {(str(newest.id), "manifest.json")}


def test_a_campania_that_is_a_link_is_named(made: World) -> None:
    place = SnapshotStore(made.settings.store_dir(Modo.TEST)).root / "snapshots"
    (place / "24-25").symlink_to(place / "25-26")
    assert _only(_verify(made)).item == "24-25"


@pytest.mark.parametrize("damaged", [False, True])
def test_each_manifest_is_read_once_whatever_is_read_in_full_or_damaged(
    made: World, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    read: Counter[str] = Counter()
    really, root = Path.read_bytes, made.settings.store_dir(Modo.TEST)

    def counted(path: Path) -> bytes:
        read[path.relative_to(root).as_posix() if path.is_relative_to(root) else ""] += 1
        return really(path)

    if damaged:
        for name in ("lotes", "zonas", "campos"):
            (made.snapshots[1].path / "tables" / f"{name}.parquet").write_bytes(b"x")
    monkeypatch.setattr(Path, "read_bytes", counted)
    assert _verify(made, scope=Scope.ALL).report.passed is not damaged
    for one in made.snapshots:
        for name in ("manifest.json", "manifest.sha256"):
            assert read[(one.path / name).relative_to(root).as_posix()] == 1, (one.id, name)


@pytest.mark.parametrize("name", ["desktop.ini", "Thumbs.db", ".DS_Store"])
def test_what_the_system_puts_into_the_store_is_foreign_and_the_prune_goes_on(
    made: World, name: str
) -> None:
    inside, store = made.snapshots[2].path, made.settings.store_dir(Modo.TEST)
    places = [store / "snapshots", inside.parent, inside, inside / "tables"]
    for place in places:
        (place / name).write_text("x")
    informe = _verify(made)
    assert informe.report.passed
    found = {f"{place.relative_to(store).as_posix()}/{name}" for place in places}
    assert set(informe.ajenos) == found
    (inside / "tables" / "otro.txt").write_text("x")
    assert _only(_verify(made)).item == "tables/otro.txt", "nothing else is passed over"
    (inside / "tables" / "otro.txt").unlink()
    week = weekly.prepare(made.settings, Modo.TEST, NOW)
    assert weekly.with_poda(
        weekly.WeekReport(weekly.read(week)), lambda: weekly.do_prune(week)
    ).poda


def test_a_damaged_first_of_equal_nights_is_named_and_so_is_its_missing_copy(
    tmp_path: Path,
) -> None:
    settings = Settings(
        lindero_state_dir=tmp_path / "state", lindero_test_outputs_dir=tmp_path / "out"
    )
    store = SnapshotStore(settings.store_dir(Modo.TEST))
    first = night(store)
    night(store, parent=first)
    (first.path / "manifest.json").write_bytes(b"{}")
    found = verify_backups(settings, Modo.TEST, scope=Scope.ALL, now=NOW).report.findings
    assert [(one.where, one.item) for one in found] == [
        (str(first.id), "manifest.json"),
        ("out/Backup_Databaler/25-26", str(first.id)),
    ]
