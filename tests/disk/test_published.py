"""Published folders: missing, changed and foreign files are told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from Modules.disk.problems import Damage
from Modules.disk.publish import publish_files
from Modules.disk.publish_record import MANIFEST
from Modules.disk.published import check_folder, published_sha256
from Modules.disk.safe_files import fact_of
from tests.sample_tables import NOW

FILES = {"a.gpkg": b"a" * 100, "25-26/b.kmz": b"b" * 50}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = {}
    for at, (name, data) in enumerate(FILES.items()):
        built[name] = tmp_path / f"source-{at}"
        built[name].write_bytes(data)
    published = tmp_path / "cultivos"
    publish_files(built, published, snapshot_id="2025-11-20T060002Z-000001", now=NOW)
    return published


def _kinds(folder: Path) -> dict[str, Damage]:
    return {problem.item: problem.code for problem in check_folder(folder).problems}


def test_what_was_published_and_lies_there_is_fine(folder: Path) -> None:
    copy = check_folder(folder)
    assert (copy.problems, copy.foreign) == ((), ())
    assert set(copy.files) == set(FILES)


def test_missing_changed_and_cut_files_are_named(folder: Path) -> None:
    (folder / "a.gpkg").write_bytes(b"a" * 99 + b"x")
    (folder / "25-26/b.kmz").unlink()
    assert _kinds(folder) == {"a.gpkg": Damage.CONTENT, "25-26/b.kmz": Damage.MISSING}
    (folder / "a.gpkg").write_bytes(b"a")
    (folder / "25-26/b.kmz").symlink_to(folder / "a.gpkg")
    assert _kinds(folder) == {"a.gpkg": Damage.SIZE, "25-26/b.kmz": Damage.NOT_A_FILE}


def test_a_changed_file_of_the_same_size_and_time_is_found(folder: Path) -> None:
    import os

    status = (folder / "a.gpkg").stat()
    (folder / "a.gpkg").write_bytes(b"z" * 100)
    os.utime(folder / "a.gpkg", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert _kinds(folder) == {"a.gpkg": Damage.CONTENT}


def test_files_of_people_are_named_and_are_no_damage(folder: Path) -> None:
    for name in ("mi proyecto.qgz", "25-26/nota.txt", "desktop.ini", "~$a.xlsx", ".DS_Store"):
        (folder / name).write_text("x")
    copy = check_folder(folder)
    assert copy.problems == ()
    assert copy.foreign == ("25-26/nota.txt", "mi proyecto.qgz")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (None, Damage.UNRECORDED),
        ("", Damage.MANIFEST),
        ("[]", Damage.MANIFEST),
        ('{"format": "x"}', Damage.MANIFEST),
        (
            '{"format": "lindero-published/1", "estado": "publicado", "obsolete": {}, '
            '"files": {"../x": {"size": 1, "sha256": ""}}}',
            Damage.MANIFEST,
        ),
    ],
)
def test_a_record_that_is_gone_or_spoilt_is_named(
    folder: Path, text: str | None, kind: Damage
) -> None:
    if text is None:
        (folder / MANIFEST).unlink()
    else:
        (folder / MANIFEST).write_text(text)
    assert _kinds(folder) == {MANIFEST: kind}
    assert published_sha256(folder, "a.gpkg") is None


def test_a_publication_that_was_cut_short_is_named(folder: Path) -> None:
    record = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**record, "estado": "publicando"}))
    assert _kinds(folder) == {MANIFEST: Damage.UNFINISHED}


def test_the_hash_of_a_published_file_is_read_from_the_record(folder: Path) -> None:
    assert published_sha256(folder, "a.gpkg") == fact_of(FILES["a.gpkg"]).sha256
    assert published_sha256(folder, "other") is None
    assert published_sha256(folder / "nowhere", "a.gpkg") is None
