"""Two snapshots of a store compared, and what changed as GeoPackage and KMZ, read by others."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import pyogrio
import pytest
import shapely

from Modules.diff import compare as cmp
from Modules.diff.change import Clase
from Modules.diff.differences import diferencias
from Modules.diff.layers import CAMBIOS, CAPAS, COLUMNAS, frames
from Modules.geo.geometry import geodesic_area_ha
from Modules.night.tables import Tables
from Modules.store.snapshot import Snapshot
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Campania, Portal
from Modules.words.errors import DataError, PublishError, SettingsError, SnapshotDamaged
from tests.diff.test_differences import of, shuffled, world
from tests.kml_reading import data, folders, geometry, read_kmz
from tests.sample_tables import NOW, SEASON
from tests.sample_tables import tables as sample_tables

ZONE = ZoneInfo("America/Argentina/Buenos_Aires")
DEMO = Portal("demo:small", "contrato")


@pytest.fixture(scope="module")
def days() -> tuple[Tables, Tables]:
    return world(0), world(1)


def kept(
    store: SnapshotStore,
    tables: Tables,
    *,
    accepted: bool = True,
    portal: Portal = DEMO,
    campania: Campania = SEASON,
) -> Snapshot:
    draft = store.draft(campania, NOW)
    draft.write_tables(tables)
    facts = {"portal": {"origin": portal.origin, "profile": portal.profile}}
    return store.keep(draft, verdict={}, accepted=accepted, facts=facts)


def compare(store: SnapshotStore, a: str, b: str, **more: Any) -> cmp.Comparacion:
    asked = {"campania": SEASON, "zone": ZONE, "tolerancia_m": 1.0} | more
    return cmp.comparar(store, a, b, **asked)


@pytest.fixture
def store(tmp_path: Path, days: tuple[Tables, Tables]) -> SnapshotStore:
    found = SnapshotStore(tmp_path / "state")
    for tables in days:
        kept(found, tables)
    return found


@pytest.fixture(scope="module")
def comparison(
    days: tuple[Tables, Tables], tmp_path_factory: pytest.TempPathFactory
) -> cmp.Comparacion:
    store = SnapshotStore(tmp_path_factory.mktemp("store"))
    for tables in days:
        kept(store, tables)
    return compare(store, "anterior", "ultimo")


# --- which snapshots ------------------------------------------------------------------------------


def test_words_and_ids_name_the_same_snapshots(store: SnapshotStore) -> None:
    first, last = store.accepted(SEASON)
    by_word = compare(store, "anterior", "ultimo")
    assert (by_word.a.id, by_word.b.id) == (first.id, last.id)
    by_id = compare(store, str(first.id), str(last.id))
    assert by_id.to_dict() == by_word.to_dict()
    assert by_word.avisos == ()
    assert f"Cambios de {first.id} (20/11/2025 03:00) a {last.id}" in by_word.titulo
    assert "borde movido: " in by_word.resumen


def test_the_same_snapshot_says_that_it_is_the_same(store: SnapshotStore) -> None:
    same = compare(store, "ultimo", "ultimo")
    assert same.diferencias.empty
    assert same.resumen == "Es el mismo backup: no hay diferencias."


def test_equal_data_in_two_snapshots_say_so(
    store: SnapshotStore, days: tuple[Tables, Tables]
) -> None:
    kept(store, shuffled(days[1], 1))
    assert compare(store, "anterior", "ultimo").resumen.endswith("los datos son los mismos.")


def test_rewritten_data_say_so(store: SnapshotStore, days: tuple[Tables, Tables]) -> None:
    lotes = days[1].lotes
    dense = lotes.set_geometry(shapely.segmentize(lotes.geometry.to_numpy(), 0.001), crs=lotes.crs)
    kept(store, replace(days[1], lotes=dense))
    assert "sólo se reescribieron datos" in compare(store, "anterior", "ultimo").resumen


def test_the_word_for_the_one_before_means_one_of_the_same_portal(
    store: SnapshotStore, days: tuple[Tables, Tables]
) -> None:
    before = store.accepted(SEASON)[-1]
    kept(store, days[0], portal=Portal("https://other.example", "p"))
    kept(store, days[0], accepted=False)
    kept(store, days[0])
    assert compare(store, "anterior", "ultimo").a.id == before.id


def test_what_is_not_plain_is_said(store: SnapshotStore, days: tuple[Tables, Tables]) -> None:
    first = store.accepted(SEASON)[0]
    other = kept(
        store,
        sample_tables(3),
        accepted=False,
        portal=Portal("https://other.example", "p"),
        campania=Campania(24, 25),
    )
    said = " ".join(compare(store, str(other.id), str(first.id)).avisos)
    for word in ("portales", "campañas", "cuarentena", "es anterior a"):
        assert word in said


def test_nothing_to_compare_with_is_an_error_with_its_cause(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    with pytest.raises(DataError, match="todavía no hay un backup aceptado"):
        compare(store, "anterior", "ultimo")
    kept(store, sample_tables(2))
    with pytest.raises(DataError, match="es el único backup aceptado de su campaña y portal"):
        compare(store, "anterior", "ultimo")
    with pytest.raises(SettingsError):
        compare(store, "2025-11-20T060002Z-000042", "ultimo")
    with pytest.raises(SettingsError):
        compare(store, "ayer", "ultimo")


def test_a_damaged_table_is_named(store: SnapshotStore) -> None:
    table = store.accepted(SEASON)[0].path / "tables" / "lotes.parquet"
    table.write_bytes(table.read_bytes()[:-9])
    with pytest.raises(SnapshotDamaged, match=r"lotes\.parquet"):
        compare(store, "anterior", "ultimo")


# --- JSON -----------------------------------------------------------------------------------------


def test_every_field_of_the_json_and_every_kind_and_layer_is_documented(
    comparison: cmp.Comparacion, project_root: Path
) -> None:
    page = (project_root / "docs" / "diferencias.md").read_text(encoding="utf-8")
    answer = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    names = {*answer, *answer["a"], *answer["resumen"], *answer["cambios"][0]}
    names |= {*answer["tablas"]["lotes"], "columna", "antes", "ahora"}
    names |= {clase.value for clase in Clase} | {capa.nombre for capa in CAPAS} | set(COLUMNAS)
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


# --- GeoPackage -----------------------------------------------------------------------------------


def test_the_geopackage_has_every_layer_styled_with_what_changed(
    comparison: cmp.Comparacion, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "cambios.gpkg"
    assert cmp.write_gpkg_of(comparison, path) == [path]
    assert list(path.parent.iterdir()) == [path]
    layers = {str(name) for name, _ in pyogrio.list_layers(path)}
    names = {capa.nombre for capa in CAPAS}
    assert layers == {*names, CAMBIOS, "layer_styles"}
    found = comparison.diferencias
    for name, part in (("bordes_ganados", "gana_ha"), ("bordes_perdidos", "pierde_ha")):
        layer = gpd.read_file(path, layer=name)
        assert layer.crs.to_epsg() == 4326
        assert geodesic_area_ha(list(layer.geometry)) == pytest.approx(layer[part], abs=1e-6)
        borders = of(found, Clase.BORDE_MOVIDO)
        assert layer[part].sum() == pytest.approx(sum(getattr(one, part) for one in borders))
    table = pyogrio.read_dataframe(path, layer=CAMBIOS)
    assert list(table["id"]) == [cambio.id for cambio in found.cambios]
    with closing(sqlite3.connect(path)) as db, db:
        rows = db.execute("SELECT f_table_name FROM layer_styles WHERE useAsDefault").fetchall()
    assert {name for (name,) in rows} == names


def test_the_same_differences_are_the_same_bytes(
    comparison: cmp.Comparacion, tmp_path: Path
) -> None:
    pairs = []
    for name in ("one", "two"):
        gpkg, kmz = tmp_path / f"{name}.gpkg", tmp_path / f"{name}.kmz"
        cmp.write_gpkg_of(comparison, gpkg)
        cmp.write_kmz_of(comparison, kmz)
        pairs.append((gpkg.read_bytes(), kmz.read_bytes()))
    assert pairs[0] == pairs[1]


def test_nothing_that_changed_is_still_a_geopackage_and_a_kmz(
    store: SnapshotStore, tmp_path: Path
) -> None:
    same = compare(store, "ultimo", "ultimo")
    cmp.write_gpkg_of(same, tmp_path / "x.gpkg")
    assert len(gpd.read_file(tmp_path / "x.gpkg", layer="lotes_agregados")) == 0
    cmp.write_kmz_of(same, tmp_path / "x.kmz")
    assert folders(read_kmz(tmp_path / "x.kmz")) == {}


def test_a_file_that_is_there_is_never_replaced(
    comparison: cmp.Comparacion, tmp_path: Path
) -> None:
    path = tmp_path / "x.gpkg"
    path.write_text("mine")
    with pytest.raises(SettingsError, match="ya existe; elegir otro nombre o borrarlo"):
        cmp.check_new(path, ".gpkg")
    with pytest.raises(SettingsError, match=r"termine en \.gpkg"):
        cmp.check_new(tmp_path / "x.zip", ".gpkg")
    with pytest.raises(PublishError, match="está en el lugar; no se reemplazó nada"):
        cmp.write_gpkg_of(comparison, path)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


# --- KMZ ------------------------------------------------------------------------------------------


def test_the_kmz_is_valid_and_shows_every_change_that_has_a_place(
    comparison: cmp.Comparacion, tmp_path: Path
) -> None:
    (path,), avisos = cmp.write_kmz_of(comparison, tmp_path / "cambios.kmz")
    assert avisos == ()
    drawn = folders(read_kmz(path))
    layers = frames(comparison.diferencias)
    for capa in CAPAS:
        marks = drawn.get(capa.titulo, [])
        assert len(marks) == len(layers[capa.nombre])
        for mark, (_, row) in zip(marks, layers[capa.nombre].iterrows(), strict=True):
            assert data(mark)["id"] == row["id"]
            assert data(mark)["cambio"] == row["cambio"]
            apart = geometry(mark).symmetric_difference(row["geometry"]).area
            assert apart <= 1e-6 * max(row["geometry"].area, 1e-6) + 2e-7


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Names with markup, line breaks and quotes; every kind of geometry, also none."""
    before, now = sample_tables(9, seed=1), sample_tables(12, seed=2)
    zonas = now.zonas.set_geometry([None] * len(now.zonas), crs="EPSG:4326")
    marks = now.marcadores.copy()
    marks.loc[0, "marcador"] = "<b>&copy; ]]> $[name]"
    shapes = marks.geometry.to_numpy().copy()
    shapes[1] = None
    now = replace(now, zonas=zonas, marcadores=marks.set_geometry(shapes, crs="EPSG:4326"))
    store = SnapshotStore(tmp_path)
    one = kept(store, before)
    found = cmp.Comparacion(one, one, ZONE, diferencias(before, now))
    (path,), _ = cmp.write_kmz_of(found, tmp_path / "x.kmz")
    read_kmz(path)
    cmp.write_gpkg_of(found, tmp_path / "x.gpkg")
    cmp.write_gpkg_of(replace(found, diferencias=diferencias(now, before)), tmp_path / "y.gpkg")


def test_a_map_too_large_for_a_phone_is_in_parts(
    tmp_path: Path, days: tuple[Tables, Tables]
) -> None:
    names = days[0].lotes["lote"] + " bis"
    marks = days[0].marcadores["estado"].fillna("") + " x"
    after = replace(
        days[0],
        lotes=days[0].lotes.assign(lote=names),
        marcadores=days[0].marcadores.assign(estado=marks.astype("string")),
    )
    store = SnapshotStore(tmp_path / "state")
    one = kept(store, days[0])
    found = cmp.Comparacion(one, one, ZONE, diferencias(days[0], after))
    amount = len(found.diferencias.cambios)
    assert amount > 1_000
    made, avisos = cmp.write_kmz_of(found, tmp_path / "out" / "grande.kmz")
    assert len(made) > 1
    assert "está en" in avisos[0]
    marks_drawn = sum(
        len(rows) for path in made for name, rows in folders(read_kmz(path)).items()
        if name != "Leyenda"
    )  # fmt: skip
    assert marks_drawn == amount


def test_a_file_among_the_backups_or_of_an_impossible_name_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with pytest.raises(SettingsError, match="ahí están los backups mismos"):
        cmp.check_new(state / "test" / "x.gpkg", ".gpkg", keep_out=[state])
    with pytest.raises(PublishError, match="es demasiado largo"):
        cmp.check_new(tmp_path / f"{'x' * 300}.gpkg", ".gpkg")
    (tmp_path / "x.gpkg").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="ya existe; elegir otro nombre o borrarlo"):
        cmp.check_new(tmp_path / "x.gpkg", ".gpkg")
