"""What makes the pictures of docs/img; that each is shown and light is in test_docs_links."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from Modules.products.maquinas.product import build_maquinas
from Modules.products.source import Fuente
from tests import pictures
from tests.picture_of_machines import FOR, page_of


def test_where_there_is_no_qgis_its_picture_stays_and_it_is_said(
    demo_fuente: Fuente,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pictures, "FOLDER", tmp_path)
    pictures.take_qgis(demo_fuente, tmp_path)
    assert "qgis.png stays as it was" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_the_page_of_machines_shows_each_file_and_draws_each_zone_and_hole(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    built = build_maquinas(demo_fuente, tmp_path)
    page = page_of(built, pictures.CAMPO)
    assert all(f" - {kind}.zip" in page for kind in FOR)
    lotes = demo_fuente.tables.lotes
    with_hole = lotes[
        (lotes["campo"] == pictures.CAMPO)
        & (shapely.get_num_interior_rings(lotes.geometry.to_numpy()) == 1)
    ]
    zones = demo_fuente.tables.ambientes.groupby("lote_id").size().reindex(with_hole["lote_id"])
    assert page.count(">agujero<") == 1
    assert page.count("&lt;TZN") == zones.max()
    assert page.count('fill-rule="evenodd"') == zones.max() + 2  # and the lote, and its hole
