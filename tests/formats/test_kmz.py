from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.formats.kmz import kmz_bytes, write_below
from Modules.words.errors import DataError, PublishError

ICONS = {"files/b.png": b"B" * 40, "files/a.png": b""}


@given(st.binary(max_size=5_000), st.dictionaries(
    st.from_regex(r"files/[a-z0-9-]{1,12}\.png", fullmatch=True), st.binary(max_size=50), max_size=3
))  # fmt: skip
def test_an_archive_reads_back_whole(doc: bytes, icons: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(kmz_bytes(doc, icons))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["doc.kml", *sorted(icons)]
        assert archive.read("doc.kml") == doc
        assert {name: archive.read(name) for name in icons} == icons
        assert {item.date_time for item in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_content_is_the_same_bytes_in_any_order() -> None:
    turned = dict(reversed(ICONS.items()))
    assert kmz_bytes(b"<kml/>", ICONS) == kmz_bytes(b"<kml/>", turned)


def test_a_document_is_squeezed() -> None:
    assert len(kmz_bytes(b"<Placemark></Placemark>" * 1_000, {})) < 1_000


@pytest.mark.parametrize("name", ["doc.kml", "files/../x.png", "/files/x.png", "files/ñ.png"])
def test_an_icon_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="no es un ícono de files/"):
        kmz_bytes(b"", {name: b"x"})


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    write_below(tmp_path, [("a.kmz", b"x")])
    with pytest.raises(PublishError, match=r"a\.kmz"):
        write_below(tmp_path, [("a.kmz", b"x")])
