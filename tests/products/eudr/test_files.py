"""Geolocation files on disk: what cannot be read is a settings error, what is huge is not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from Modules.products.eudr.check import MAX_READ_BYTES
from Modules.products.eudr.files import check_eudr_file
from Modules.words.errors import SettingsError


def test_a_file_is_checked_under_its_name(tmp_path: Path) -> None:
    path = tmp_path / "Ñandú.geojson"
    path.write_bytes(b'{"type":"FeatureCollection","features":[]}')
    report = check_eudr_file(path)
    assert report.archivo == "Ñandú.geojson"
    assert report.passed


@pytest.mark.parametrize("name", ["no such file.geojson", ".", "a\x00b"])
def test_what_is_no_readable_file_is_a_settings_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        check_eudr_file(tmp_path / name)


def test_a_huge_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "grande.geojson"
    with path.open("wb") as file:
        file.truncate(MAX_READ_BYTES * 40)  # sparse: 2 GB that take no room
    report = check_eudr_file(path)
    assert [one.regla.codigo for one in report.broken()] == ["tamano"]
    assert not report.passed
