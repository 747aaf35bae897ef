"""Publishing: changed files only, whole files only, ours only; after a kill the next run heals."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from Modules.disk.publish import Published, intact, publish_files, published
from Modules.disk.publish_record import MANIFEST
from Modules.disk.safe_files import fingerprint
from Modules.words.errors import PublishError
from tests.kill_points import Killer, killer

NOW = datetime(2025, 11, 20, 6, 0, tzinfo=UTC)


class Bench:
    """Sources, a destination, and what one looks at."""

    def __init__(self, root: Path):
        self.root = root
        self.out = root / "out"
        self.sources = root / "sources"
        self.sources.mkdir()
        self._made = 0

    def built(self, content: Mapping[str, str]) -> dict[str, Path]:
        files = {}
        for name, text in content.items():
            self._made += 1
            files[name] = self.sources / f"{self._made}"
            files[name].write_bytes(text.encode())
        return files

    def publish(self, content: Mapping[str, str], *, days: int = 0) -> Published:
        return publish_files(
            self.built(content), self.out, snapshot_id=f"id-{days}", now=NOW + timedelta(days=days)
        )

    def content(self) -> dict[str, str]:
        return {
            path.relative_to(self.out).as_posix(): path.read_bytes().decode()
            for path in self.out.rglob("*")
            if path.is_file() and path.name != MANIFEST
        }

    def traces(self) -> dict[str, tuple[int, int]]:
        """What a write would change: inode and time of change of every entry."""
        return {
            str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns)
            for path in (self.out, *self.out.rglob("*"))
        }


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def kill() -> Iterator[Killer]:
    with killer() as process:
        yield process


@pytest.mark.parametrize("same_disk", [True, False])
def test_scratch_is_moved_where_it_can_be_and_copied_from_another_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, same_disk: bool
) -> None:
    bench = Bench(tmp_path)
    built = bench.built({"a.csv": "one", "x/b.csv": "two"})
    inodes = {name: path.stat().st_ino for name, path in built.items()}

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    if not same_disk:
        monkeypatch.setattr(Path, "rename", refuse)
    scratch, kept = built["a.csv"].parent, tmp_path / "kept.jpg"
    kept.write_text("of the state")
    built = {**built, "c.jpg": kept}
    done = publish_files(built, bench.out, snapshot_id="id", now=NOW, scratch=scratch)
    content = {"a.csv": "one", "c.jpg": "of the state", "x/b.csv": "two"}
    assert (done.written, bench.content()) == (tuple(content), content)
    assert kept.read_text() == "of the state", "what is not scratch stays where it is"
    assert published(bench.out)["a.csv"] == fingerprint(bench.out / "a.csv")
    moved = {name: (bench.out / name).stat().st_ino == inodes[name] for name in inodes}
    assert set(moved.values()) == {same_disk}, "what is moved is not written a second time"


@pytest.mark.usefixtures("clock_of_argentina")
def test_a_first_publication_writes_everything_and_says_what_lies_there(bench: Bench) -> None:
    content = {"lotes.gpkg": "uno", "KMZ/Ñandú/Lote 3.kmz": "dos", "vacío.csv": ""}
    assert bench.publish(content) == Published(tuple(sorted(content)), (), ())
    assert bench.content() == content
    record = json.loads((bench.out / MANIFEST).read_text("utf-8"))
    assert record == {
        "format": "lindero-published/1",
        "estado": "publicado",
        "snapshot": "id-0",
        "utc": "2025-11-20T06:00:00+00:00",
        "files": {
            name: {
                "size": fingerprint(bench.out / name).size,
                "sha256": fingerprint(bench.out / name).sha256,
                "mtime_ns": (bench.out / name).stat().st_mtime_ns,
            }
            for name in content
        },
        "obsolete": {},
    }
    assert published(bench.out) == {name: fingerprint(bench.out / name) for name in content}


def test_a_second_publication_of_the_same_writes_nothing(bench: Bench) -> None:
    content = {"a.txt": "uno", "b/c.txt": "dos"}
    bench.publish(content)
    before = bench.traces()
    assert bench.publish(content, days=1) == Published((), ("a.txt", "b/c.txt"), ())
    assert bench.traces() == before


def test_only_what_changed_is_written_and_what_is_no_longer_made_goes(bench: Bench) -> None:
    bench.publish({"same": "1", "changes": "1", "old/goes": "1", "old/deep/goes": "1"})
    before = bench.traces()
    done = bench.publish({"same": "1", "changes": "2", "new": "1"}, days=1)
    assert done == Published(("changes", "new"), ("same",), ("old/deep/goes", "old/goes"))
    assert bench.content() == {"same": "1", "changes": "2", "new": "1"}
    assert bench.traces()[str(bench.out / "same")] == before[str(bench.out / "same")]
    assert not (bench.out / "old").exists()
    assert set(published(bench.out)) == {"same", "changes", "new"}


def test_files_that_are_not_ours_are_not_touched(bench: Bench) -> None:
    bench.publish({"ours/a": "1", "b": "1"})
    foreign = bench.out / "ours" / "notas.txt"
    foreign.write_text("de otro")
    before = foreign.stat()
    assert bench.publish({"b": "2"}, days=1).removed == ("ours/a",)
    assert foreign.read_text() == "de otro"
    assert (foreign.stat().st_ino, foreign.stat().st_mtime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
    )


def test_a_foreign_file_under_our_name_stops_the_publication_before_it_begins(bench: Bench) -> None:
    bench.out.mkdir()
    (bench.out / "b").write_text("de otro")
    with pytest.raises(PublishError, match="b está ahí y no es de Lindero; moverlo y volver"):
        bench.publish({"a": "1", "b": "1"})
    assert bench.content() == {"b": "de otro"}


def test_a_foreign_file_with_the_very_bytes_is_taken_over_unwritten(bench: Bench) -> None:
    bench.out.mkdir()
    (bench.out / "b").write_text("1")
    assert bench.publish({"a": "1", "b": "1"}) == Published(("a",), ("b",), ())
    assert bench.publish({"a": "1"}).removed == ("b",)


def test_ours_edited_by_somebody_is_refreshed_while_made_and_left_when_not(bench: Bench) -> None:
    bench.publish({"made": "1", "gone": "1"})
    (bench.out / "made").write_text("editado")
    (bench.out / "gone").write_text("editado")
    assert bench.publish({"made": "1"}, days=1) == Published(("made",), (), (), ("gone",))
    assert bench.content() == {"made": "1", "gone": "editado"}
    assert bench.publish({"made": "1"}, days=2) == Published((), ("made",), ())


def test_what_is_gone_or_edited_does_not_keep_the_others_from_being_removed(bench: Bench) -> None:
    bench.publish(dict.fromkeys(("a gone", "b goes", "c edited", "d goes"), "1"))
    (bench.out / "a gone").unlink()
    (bench.out / "c edited").write_text("editado")
    done = bench.publish({}, days=1)
    assert done == Published((), (), ("b goes", "d goes"), ("c edited",))
    assert bench.content() == {"c edited": "editado"}
    assert published(bench.out) == {}


def test_a_published_file_that_disappeared_comes_back(bench: Bench) -> None:
    bench.publish({"a": "1", "b": "1"})
    (bench.out / "a").unlink()
    assert bench.publish({"a": "1", "b": "1"}).written == ("a",)
    assert bench.content() == {"a": "1", "b": "1"}


def test_damage_that_keeps_the_size_is_repaired_when_the_time_betrays_it(bench: Bench) -> None:
    bench.publish({"a": "uno"})
    (bench.out / "a").write_text("otr")
    os.utime(bench.out / "a", ns=(1, 1))
    assert bench.publish({"a": "uno"}).written == ("a",)
    assert bench.content() == {"a": "uno"}


def test_damage_that_keeps_the_time_is_repaired_when_the_size_betrays_it(bench: Bench) -> None:
    bench.publish({"a": "uno"})
    status = (bench.out / "a").stat()
    (bench.out / "a").write_text("otro")
    os.utime(bench.out / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not intact(bench.out)
    assert bench.publish({"a": "uno"}).written == ("a",)
    assert bench.content() == {"a": "uno"}


def test_what_was_to_go_and_is_made_again_is_still_ours(bench: Bench) -> None:
    bench.publish({"a": "1", "b": "1"})
    record = json.loads((bench.out / MANIFEST).read_text("utf-8"))
    record["obsolete"]["b"] = record["files"].pop("b")  # as if somebody had it open
    (bench.out / MANIFEST).write_text(json.dumps(record), encoding="utf-8")
    assert not intact(bench.out)
    assert bench.publish({"a": "1", "b": "2"}).written == ("b",)
    assert bench.content() == {"a": "1", "b": "2"}
    assert intact(bench.out)


RECORD_KEYS = ("format", "estado", "snapshot", "files", "obsolete")


def _unlike(key: str) -> Callable[[str], str]:
    return lambda text: json.dumps({**json.loads(text), key: "other"})


def _without(key: str) -> Callable[[str], str]:
    return lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != key})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "{",
        lambda _: "[]",
        lambda _: '{"format": "other"}',
        lambda _: "\x00\x00",
        lambda text: text.replace('"size": 1', '"size": "x"'),
        *(_unlike(key) for key in RECORD_KEYS if key != "snapshot"),
        *(_without(key) for key in RECORD_KEYS),
    ],
)
def test_a_lost_record_is_made_anew(bench: Bench, spoil: Callable[[str], str]) -> None:
    bench.publish({"a": "1", "b": "1"})
    (bench.out / MANIFEST).write_text(spoil((bench.out / MANIFEST).read_text("utf-8")))
    with pytest.raises(PublishError, match="una publicación quedó a medias; volver a correrla"):
        published(bench.out)
    assert not intact(bench.out)
    assert bench.publish({"a": "2", "b": "1"}, days=1) == Published(("a",), ("b",), ())
    assert set(published(bench.out)) == {"a", "b"}


def test_a_lost_record_is_made_anew_also_where_nothing_is_made_any_more(bench: Bench) -> None:
    bench.out.mkdir()
    (bench.out / MANIFEST).write_text("roto")
    assert not bench.publish({}).changed
    assert published(bench.out) == {}


def test_a_record_cannot_make_us_remove_what_lies_outside(bench: Bench) -> None:
    bench.publish({"a": "1"})
    victim = bench.root / "victim"
    victim.write_text("1")
    record = json.loads((bench.out / MANIFEST).read_text())
    record["files"]["../victim"] = record["files"]["a"]
    (bench.out / MANIFEST).write_text(json.dumps(record))
    bench.publish({"a": "1"}, days=1)
    assert victim.read_text() == "1"


def test_a_link_is_never_replaced_and_stops_the_publication_before_it_begins(bench: Bench) -> None:
    elsewhere = bench.root / "elsewhere"
    elsewhere.write_text("x")
    bench.publish({"a": "1", "b": "1"})
    (bench.out / "b").unlink()
    (bench.out / "b").symlink_to(elsewhere)
    before = bench.traces()
    with pytest.raises(PublishError, match=r"b es un enlace; reemplazarlo lo cortaría\. Sacarlo$"):
        bench.publish({"a": "2", "b": "2"})
    assert bench.traces() == before
    assert elsewhere.read_text() == "x"


def test_a_folder_that_leads_out_is_refused(bench: Bench) -> None:
    (bench.root / "elsewhere").mkdir()
    bench.out.mkdir()
    (bench.out / "sub").symlink_to(bench.root / "elsewhere")
    said = f"^{bench.out / 'sub'} lleva afuera de {bench.out}; sacar ese enlace$"
    with pytest.raises(PublishError, match=said):
        bench.publish({"sub/a": "1"})
    assert not list((bench.root / "elsewhere").iterdir())


def test_a_linked_destination_is_written_through(bench: Bench) -> None:
    target = bench.root / "OneDrive"
    target.mkdir()
    bench.out.symlink_to(target)
    bench.publish({"sub/a": "1"})
    assert bench.out.is_symlink()
    assert (target / "sub" / "a").read_text() == "1"


def test_a_folder_in_the_place_of_a_file_is_refused(bench: Bench) -> None:
    (bench.out / "a").mkdir(parents=True)
    with pytest.raises(PublishError, match=r"a es una carpeta, y ahí va un archivo de ese nombre$"):
        bench.publish({"a": "1"})


def test_a_source_that_is_not_there_changes_nothing(bench: Bench) -> None:
    bench.publish({"a": "1"})
    before = bench.traces()
    built = {**bench.built({"a": "2"}), "b": bench.root / "missing"}
    with pytest.raises(PublishError, match=r"^b: no se puede leer su origen .*missing: no existe"):
        publish_files(built, bench.out, snapshot_id="x", now=NOW)
    assert bench.traces() == before


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", "CON", "con.txt", "a\\b", "C:x", ".lindero.json", "x."]
)
def test_a_bad_name_changes_nothing(bench: Bench, name: str) -> None:
    bench.publish({"a": "1"})
    before = bench.traces()
    with pytest.raises(PublishError, match="no se puede publicar"):
        bench.publish({"a": "2", name: "1"})
    assert bench.traces() == before


CONTENT = st.dictionaries(
    st.sampled_from(["a", "b", "sub/a", "sub/b", "sub/deep/a", "ñ"]),
    st.sampled_from(["", "1", "2", "22"]),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=st.lists(CONTENT, min_size=1, max_size=5))
def test_any_row_of_nights_ends_with_exactly_the_last(
    tmp_path_factory: pytest.TempPathFactory, nights: list[dict[str, str]]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("nights"))
    bench.out.mkdir()
    (bench.out / "foreign.txt").write_text("de otro")
    for day, night in enumerate(nights):
        done = bench.publish(night, days=day)
        assert bench.content() == {**night, "foreign.txt": "de otro"}
        assert set(done.written) | set(done.unchanged) == set(night)
        assert set(published(bench.out)) == set(night)


SEASONS = ("24-25", "25-26")
SEASON_FILES = st.dictionaries(st.sampled_from(["a", "b", "c/d"]), st.sampled_from(["", "1", "22"]))


def _publish_season(bench: Bench, season: str, content: Mapping[str, str]) -> Published:
    return publish_files(
        bench.built({f"{season}_{name}": text for name, text in content.items()}),
        bench.out,
        snapshot_id=season,
        now=NOW,
        scope=lambda name: name.startswith(season),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(st.tuples(st.sampled_from(SEASONS), SEASON_FILES), min_size=1, max_size=6))
def test_two_campanias_in_one_folder_never_touch_each_other(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[str, dict[str, str]]]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("seasons"))
    last: dict[str, dict[str, str]] = {}
    for season, content in runs:
        _publish_season(bench, season, content)
        last[season] = {f"{season}_{name}": text for name, text in content.items()}
        expected = {name: text for files in last.values() for name, text in files.items()}
        assert bench.content() == expected
        if bench.out.exists():
            assert set(published(bench.out)) == set(expected)
        before = bench.traces() if bench.out.exists() else {}
        assert not _publish_season(bench, season, content).changed
        assert (bench.traces() if bench.out.exists() else {}) == before


def test_a_file_of_another_campania_is_refused_before_anything_is_written(bench: Bench) -> None:
    said = f"^24-25_a es de otra publicación de {bench.out}; ponerle otro nombre$"
    with pytest.raises(PublishError, match=said):
        publish_files(
            bench.built({"24-25_a": "1"}),
            bench.out,
            snapshot_id="x",
            now=NOW,
            scope=lambda name: name.startswith("25-26"),
        )
    assert not bench.out.exists()


def test_a_publication_cut_short_is_still_said_after_one_of_another_campania(bench: Bench) -> None:
    _publish_season(bench, "24-25", {"a": "1"})
    record = json.loads((bench.out / MANIFEST).read_text("utf-8"))
    record["estado"] = "publicando"
    record["files"]["24-25_a"]["mtime_ns"] = None
    (bench.out / MANIFEST).write_text(json.dumps(record), encoding="utf-8")
    _publish_season(bench, "25-26", {"a": "1"})
    said = rf"^{bench.out}/\.lindero\.json: una publicación quedó a medias; volver a correrla$"
    with pytest.raises(PublishError, match=said):
        published(bench.out)
    _publish_season(bench, "24-25", {"a": "1"})
    assert set(published(bench.out)) == {"24-25_a", "25-26_a"}


def test_what_another_campania_still_has_to_remove_is_not_forgotten(bench: Bench) -> None:
    _publish_season(bench, "24-25", {"a": "1", "b": "1"})
    record = json.loads((bench.out / MANIFEST).read_text("utf-8"))
    record["obsolete"]["24-25_b"] = record["files"].pop("24-25_b")  # as if somebody had it open
    (bench.out / MANIFEST).write_text(json.dumps(record), encoding="utf-8")
    _publish_season(bench, "25-26", {"a": "1"})
    _publish_season(bench, "25-26", {})
    assert bench.content() == {"24-25_a": "1", "24-25_b": "1"}
    assert _publish_season(bench, "24-25", {"a": "1"}).removed == ("24-25_b",)
    assert bench.content() == {"24-25_a": "1"}


OLD = {"same": "=" * 9000, "a/grows": "1" * 5000, "a/goes": "2" * 7000, "shrinks": "3" * 9000}
NEW = {"same": "=" * 9000, "a/grows": "4" * 12000, "b/new": "5" * 8000, "shrinks": "6"}


def _check_after_kill(bench: Bench, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """No torn file, no mixed set behind a record, and the next run does the rest."""
    for name, text in bench.content().items():
        if not name.endswith(".tmp"):
            assert text in (old.get(name), new.get(name)), f"{name} is torn"
    if (bench.out / MANIFEST).exists():
        record = json.loads((bench.out / MANIFEST).read_text())
        if record["estado"] == "publicado":
            for name, entry in record["files"].items():
                assert fingerprint(bench.out / name).sha256 == entry["sha256"], f"{name} is mixed"
        else:
            with pytest.raises(
                PublishError, match="una publicación quedó a medias; volver a correrla"
            ):
                published(bench.out)
    bench.publish(new, days=2)
    assert bench.content() == new
    assert set(published(bench.out)) == set(new)
    assert bench.publish(new, days=3) == Published((), tuple(sorted(new)), ())


@pytest.mark.integration
@pytest.mark.parametrize("old", [OLD, {"shrinks": "33"}, {}], ids=["stale", "no stale", "first"])
def test_a_kill_at_any_file_event_leaves_no_torn_file_and_the_next_run_heals(
    tmp_path: Path, kill: Killer, old: dict[str, str]
) -> None:
    for event in range(1, 200):
        root = tmp_path / str(event)
        root.mkdir()
        bench = Bench(root)
        if old:
            bench.publish(old)
        built = {name: str(path) for name, path in bench.built(NEW).items()}
        how = kill.run(job="publish", watch=str(bench.out), built=built, event=event)
        _check_after_kill(bench, old, NEW)
        if how == "done":
            break
    assert how == "done"
    assert event > 15


@pytest.mark.integration
@pytest.mark.parametrize("size", [1, 100, 6_000, 8_100, 11_999])
def test_a_kill_in_the_middle_of_a_write_tears_nothing(
    bench: Bench, kill: Killer, size: int
) -> None:
    bench.publish(OLD)
    built = {name: str(path) for name, path in bench.built(NEW).items()}
    assert kill.run(job="publish", watch=str(bench.out), built=built, bytes=size) == "killed"
    _check_after_kill(bench, OLD, NEW)


@pytest.mark.integration
def test_a_killed_run_whose_products_are_no_longer_made_leaves_nothing_behind(
    tmp_path: Path, kill: Killer
) -> None:
    for event in range(1, 200):
        root = tmp_path / str(event)
        root.mkdir()
        bench = Bench(root)
        bench.publish(OLD)
        built = {name: str(path) for name, path in bench.built(NEW).items()}
        how = kill.run(job="publish", watch=str(bench.out), built=built, event=event)
        done = bench.publish({"same": OLD["same"], "third": "3"}, days=2)
        assert not done.left
        assert bench.content() == {"same": OLD["same"], "third": "3"}
        if how == "done":
            return
    pytest.fail("the job never ended by itself")


def test_a_temp_of_a_killed_run_goes_with_the_folder_that_only_it_had(bench: Bench) -> None:
    bench.publish({"a": "1"})
    (bench.out / "x" / "y").mkdir(parents=True)
    (bench.out / "x" / "y" / ".lindero-000003.tmp").write_text("medio")
    (bench.out / "notas.tmp").write_text("de otro")
    assert not bench.publish({"a": "1"}, days=1).changed
    assert bench.content() == {"a": "1", "notas.tmp": "de otro"}
    assert not (bench.out / "x").exists()


def test_a_destination_that_holds_only_a_temp_of_a_killed_run_stays(bench: Bench) -> None:
    bench.out.mkdir()
    (bench.out / ".lindero-000003.tmp").write_text("medio")
    assert not bench.publish({}).changed
    assert bench.out.is_dir()
    assert not list(bench.out.iterdir())


def test_a_record_that_cannot_be_read_is_named_and_nothing_is_published(bench: Bench) -> None:
    bench.publish({"a": "1"})
    (bench.out / MANIFEST).unlink()
    (bench.out / MANIFEST).mkdir()
    with pytest.raises(PublishError, match=r"\.lindero\.json no se puede leer: es una carpeta$"):
        bench.publish({"a": "2"}, days=1)
    assert not intact(bench.out)
    assert bench.content() == {"a": "1"}


def test_a_record_that_is_a_link_is_not_written_through(bench: Bench) -> None:
    bench.publish({"a": "1"})
    (bench.out / MANIFEST).rename(bench.root / "elsewhere.json")
    (bench.out / MANIFEST).symlink_to(bench.root / "elsewhere.json")
    before = (bench.root / "elsewhere.json").read_bytes()
    with pytest.raises(PublishError, match=r"\.lindero\.json es un enlace; sacarlo$"):
        bench.publish({"a": "2"}, days=1)
    assert (bench.root / "elsewhere.json").read_bytes() == before
    assert bench.content() == {"a": "1"}


def test_a_publication_is_intact_while_every_file_is_as_it_was_left(bench: Bench) -> None:
    assert not intact(bench.out)
    bench.publish({"a": "1", "b": "1"})
    assert intact(bench.out)
    (bench.out / "b").write_text("2")
    assert not intact(bench.out)
    (bench.out / "b").unlink()
    assert not intact(bench.out)
    assert intact(bench.out, scope=lambda name: name == "a")
    assert not intact(bench.out, scope=lambda name: name == "c")
