"""The whole job on real fields, served page by page by the demo portal: nothing is lost.

Counts in = accepted + rejected by name, and the published area is that of the valid input.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pytest

from Modules.demo.external import world_from_file
from Modules.geo.geometry import geodesic_area_ha
from Modules.jobs import backup, portal_access
from Modules.settings import Settings
from Modules.words.domain import BoundingBox, Modo, Recurso
from Modules.words.secret import Secret
from tests.demo.running import running_portal

pytestmark = [pytest.mark.shared, pytest.mark.integration]

FILES: Mapping[str, Mapping[str, str]] = {
    "fields/br_lem_fields.parquet": {"cultivo": "Jan_2020"},
    "fields/ml_segou_fields.geojson": {"cultivo": "2019_main_"},
    "fields/lpis/nl_brp_2023.parquet": {"cultivo": "gewas"},
    "fields/lpis/pt_aveiro_culturas.parquet": {"cultivo": "CT_português"},
    "fields/lpis/us_ca_dwr2023.parquet": {"cultivo": "MAIN_CROP"},
}
MARKERS = "markers/ar_sisinta_profiles_400.geojson"


def _settings(base_url: str, client_id: str, secret: str, folder: Path) -> Settings:
    return Settings(
        databaler_base_url=base_url,
        databaler_client_id=client_id,
        databaler_client_secret=Secret(secret),
        lindero_test_outputs_dir=folder / "outputs",
        lindero_state_dir=folder / "state",
        lindero_bbox=BoundingBox(-180, -90, 180, 90),
        lindero_portal_requests_per_second=10_000,
    )


def _read(path: Path) -> gpd.GeoDataFrame:
    frame = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)
    return frame.set_geometry(frame.geometry.force_2d()).to_crs("EPSG:4326")


@pytest.mark.parametrize("name", list(FILES))
def test_every_field_is_published_or_rejected_by_name(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    source = shared_data / name
    markers = shared_data / MARKERS if "lem" in name else None
    world = world_from_file(source, markers=markers, **FILES[name])
    with running_portal(world) as portal:
        settings = _settings(portal.base_url, portal.client_id, portal.client_secret, tmp_path)
        job = backup.prepare(settings, "25/26", modo=Modo.TEST)
        with portal_access.open_portal(settings, Modo.TEST) as access:
            fetched = backup.fetch(job, access)
            night = backup.judge_night(job, access, fetched)
    assert night.verdict.accepted, night.verdict.reasons
    snapshot = backup.keep(job, night, datetime.now(UTC))
    published = backup.publish(job, snapshot, datetime.now(UTC))
    assert "lotes.gpkg" in published.written

    given = _read(source)
    tables = night.tables
    rejected = tables.rechazados[tables.rechazados["recurso"] == "lotes"]
    assert len(fetched[Recurso.LOTES].records) == len(given)
    assert len(tables.lotes) + len(rejected) == len(given)
    assert rejected["motivo"].notna().all()

    valid = given[given.geometry.is_valid & ~given.geometry.is_empty]
    repaired = {repair.id for repair in night.built.repairs}
    whole = tables.lotes[~tables.lotes["lote_id"].isin(repaired)]
    layer = gpd.read_file(next((tmp_path / "outputs").rglob("lotes.gpkg")))
    assert len(layer) == len(tables.lotes)
    kept = layer[layer["lote_id"].isin(set(whole["lote_id"]))]
    assert geodesic_area_ha(list(kept.geometry)).sum() == pytest.approx(
        geodesic_area_ha(list(valid.geometry)).sum(), rel=1e-9
    )
    geojson = gpd.read_file(next((tmp_path / "outputs").rglob("lotes.geojson")))
    assert geodesic_area_ha(list(geojson.geometry)).sum() == pytest.approx(
        tables.lotes["superficie_ha"].sum(), rel=1e-9
    )
    if markers is not None:
        marks = tables.rechazados["recurso"].eq("marcadores").sum()
        assert len(tables.marcadores) + marks == len(fetched[Recurso.MARCADORES].records) == 400
