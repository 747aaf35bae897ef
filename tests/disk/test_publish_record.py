"""The record of a published folder: what counts as lost, and where records lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from Modules.disk.publish_record import (
    MANIFEST,
    NO_RECORD,
    PUBLISHED,
    PUBLISHING,
    OurFile,
    PublishRecord,
    parse_record,
    read_record,
    records_below,
    write_record,
)
from Modules.disk.safe_files import FileFact
from tests.sample_tables import NOW

RECORD = PublishRecord(
    PUBLISHED,
    "2025-11-20T060002Z-000001",
    {"a/lotes.gpkg": OurFile(FileFact(7, "0" * 64), 12)},
    {"viejo.kmz": OurFile(FileFact(9, "1" * 64), None)},
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD, NOW)
    assert read_record(tmp_path) == (RECORD, False)
    assert parse_record((tmp_path / MANIFEST).read_bytes()) == RECORD
    assert RECORD.entry("viejo.kmz") == RECORD.obsolete["viejo.kmz"]
    assert RECORD.entry("de otro.kmz") is None


def test_no_record_is_an_empty_one_and_an_odd_one_is_lost(tmp_path: Path) -> None:
    assert read_record(tmp_path) == (PublishRecord(PUBLISHED, "", {}, {}), False)
    write_record(tmp_path, RECORD, NOW)
    whole = (tmp_path / MANIFEST).read_text("utf-8")
    lost = (PublishRecord(PUBLISHING, "", {}, {}), True)
    for spoilt in ("publicado", "lindero-published/1", "a/lotes.gpkg", "mtime_ns", "snapshot"):
        (tmp_path / MANIFEST).write_text(whole.replace(spoilt, "/x"), "utf-8")
        assert read_record(tmp_path) == lost, spoilt


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": "lindero-published/1"}'])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(NO_RECORD):
        parse_record(data)


def test_records_lie_in_product_folders_and_in_those_of_nights(tmp_path: Path) -> None:
    for folder in ("cultivos", "Backup_Databaler/25-26/una", "cultivos/25-26"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / MANIFEST).write_text("{}")
    found = [path.parent.relative_to(tmp_path).as_posix() for path in records_below(tmp_path)]
    assert found == ["cultivos", "Backup_Databaler/25-26/una"]
