"""All products of a kept night together: built and published by the real orchestrator and store.

Nothing is mocked: a product that fails does so because something is in its way on the disk, or
because the kept tables do not fit together.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from pypdfium2 import PdfDocument

from Modules.demo.external import world_from_file
from Modules.disk.publish_record import MANIFEST
from Modules.jobs import products as productos
from Modules.jobs.outcome import Outcome
from Modules.products import muestreos
from Modules.products.entry import Hecho, Producto
from Modules.products.source import Fuente
from Modules.settings import Settings
from Modules.stack.pages import SAVED, SHOWN
from Modules.store.snapshots import SnapshotStore
from Modules.store.tareas import Libro, Tarea, write_tareas
from Modules.words.domain import Campania, Modo, Recurso
from Modules.words.errors import DataError, ProductError, PublishError, SnapshotDamaged
from Modules.words.folders import PERSONALES, PUERTA
from tests.fuentes import campo, fuente_of, lote
from tests.productos_hechos import (
    BOOK,
    CARPETAS,
    LATER,
    NOW,
    SEASON,
    assert_sound,
    encargo_of,
    keep,
    made,
    make_all,
    names_in,
    settings_below,
    sheet,
    state_of,
    totals,
)
from tests.products.mapa import leido as mapa


@pytest.fixture(scope="module")
def outputs(two_campos: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the small world gives; nobody changes it."""
    return made(settings_below(tmp_path_factory.mktemp("productos")), two_campos.tables)


def a_copy(outputs: Path, folder: Path) -> tuple[Settings, Path]:
    """The store and the outputs of that night in a folder of the test's own."""
    shutil.copytree(outputs.parent, folder, dirs_exist_ok=True)
    settings = settings_below(folder)
    return settings, settings.lindero_test_outputs_dir


# --- areas ---------------------------------------------------------------------------------------


def test_area_by_cultivo_is_that_of_the_siembras(outputs: Path, two_campos: Fuente) -> None:
    tables = two_campos.tables
    of_lote = tables.lotes.set_index("lote_id")["superficie_ha"]
    sown = tables.siembras["lote_id"].map(of_lote).sum()
    land = of_lote.sum()
    assert sown > land + 1, "the world must hold lotes with two siembras"
    gpkg = outputs / "cultivos/cultivos_25-26.gpkg"
    layers = {
        str(name): pyogrio.read_dataframe(gpkg, layer=str(name))
        for name, kind in pyogrio.list_layers(gpkg)
        if kind is not None
    }
    everything, bare = layers.pop("cultivos_25-26"), layers.pop("sin_cultivo")
    assert everything["superficie_ha"].sum() == pytest.approx(sown)
    assert sum(layer["superficie_ha"].sum() for layer in layers.values()) == pytest.approx(sown)
    once = everything.drop_duplicates("lote_id")["superficie_ha"].sum()
    assert once + bare["superficie_ha"].sum() == pytest.approx(land)

    book = outputs / "cultivos/resumen_25-26.xlsx"
    whole = totals(book, "Campo por cultivo")
    crops = [name for name in whole if name.endswith("(ha)") and not name.startswith("S")]
    soja = [name for name in whole if name.startswith(("Soja", "Sorgo"))]
    assert sum(whole[name] for name in {*crops, *soja}) == pytest.approx(sown)
    assert whole["Superficie sembrada (ha)"] == pytest.approx(sown)
    assert whole["Superficie de tierra (ha)"] == pytest.approx(land)
    by_crop = sheet(book, "Por cultivo").set_index("Cultivo")["Superficie sembrada (ha)"]
    for layer in layers.values():
        (crop,) = set(layer["cultivo"])
        assert by_crop[crop] == pytest.approx(layer["superficie_ha"].sum())


def test_land_is_the_same_in_every_product(outputs: Path, two_campos: Fuente) -> None:
    land = two_campos.tables.lotes["superficie_ha"].sum()
    lotes = sheet(outputs / BOOK, "Lotes")
    assert len(lotes) == len(two_campos.tables.lotes)
    assert lotes["Superficie (ha)"].sum() == pytest.approx(land)
    fiboa = pq.read_table(outputs / "sustentabilidad/fiboa_25-26.parquet").to_pandas()
    assert fiboa["metrics:area"].astype(float).sum() / 10_000 == pytest.approx(land, rel=1e-6)
    eudr = json.loads((outputs / "sustentabilidad/eudr_25-26.geojson").read_text(encoding="utf-8"))
    declared = sum(feature["properties"]["Area"] for feature in eudr["features"])
    tables = two_campos.tables
    soja = tables.siembras.loc[tables.siembras["cultivo_codigo"].str.startswith("SOJ"), "lote_id"]
    area = tables.lotes.loc[tables.lotes["lote_id"].isin(set(soja)), "superficie_ha"].sum()
    assert declared == pytest.approx(area, rel=1e-4)


def test_ambientes_add_up_to_their_lote_or_are_reported(two_campos: Fuente, tmp_path: Path) -> None:
    tables = two_campos.tables
    first = tables.ambientes["lote_id"].iloc[0]
    of_first = tables.ambientes.index[tables.ambientes["lote_id"] == first]
    short = replace(tables, ambientes=tables.ambientes.drop(of_first[0]).reset_index(drop=True))
    settings = settings_below(tmp_path)
    outputs = made(settings, short)
    path = outputs / "muestreos/muestreos_25-26.gpkg"
    ambientes = pyogrio.read_dataframe(path, layer="ambientes")
    lotes = sheet(outputs / BOOK, "Lotes").set_index("Id del lote")["Superficie (ha)"]
    sums = ambientes.groupby("lote_id")["superficie_ha"].sum()
    off = (sums - lotes[sums.index]).abs() > 0.005 * lotes[sums.index]
    assert off[first]
    assert off.sum() < len(off) / 2
    encargo = encargo_of(settings)
    markdown = productos.with_productos(Outcome(data={}, markdown=""), encargo, ()).markdown
    assert {key for key in sums.index if f"({key})" in markdown} == set(off.index[off])


# --- nothing is written twice --------------------------------------------------------------------


def test_a_second_run_writes_nothing(outputs: Path, two_campos: Fuente, tmp_path: Path) -> None:
    settings, outputs = a_copy(outputs, tmp_path)
    before = state_of(outputs)
    assert {Path(name).parts[0] for name in before} == set(CARPETAS)
    for forget in (False, True):  # the second time every file is built once more
        if forget:
            shutil.rmtree(settings.store_dir(Modo.TEST) / "products")
        again = make_all(encargo_of(settings, now=LATER))
        assert productos.failure(again) is None
        assert all(one.published is not None and not one.published.changed for one in again)
        assert state_of(outputs) == before

    first, *_ = SnapshotStore(settings.store_dir(Modo.TEST)).accepted(SEASON)
    shutil.rmtree(settings.store_dir(Modo.TEST) / "products")
    quiet = keep(settings, two_campos.tables, now=LATER, parent=first)
    assert quiet.equal_to == first.id
    resultados = make_all(encargo_of(settings, now=LATER))
    assert productos.failure(resultados) is None
    assert state_of(outputs) == before, "a night equal to its parent publishes nothing"
    assert not list((settings.store_dir(Modo.TEST) / "staging").iterdir())


def test_the_ledger_of_tasks_makes_muestreos_again_when_a_task_is_another_and_only_then(
    two_campos: Fuente, tmp_path: Path
) -> None:
    settings, few = settings_below(tmp_path), two_campos.tables.ambientes.head(3)
    none = two_campos.tables.marcadores.head(0)
    keep(settings, replace(two_campos.tables, ambientes=few, marcadores=none))
    root, lote = settings.store_dir(Modo.TEST), few["lote_id"].iloc[0]
    task = Tarea(
        clave="x", tarea="CAMPO-1", origen="fila 2", campania="25/26", grupo="g", lote_id=lote
    )
    shown = {f"muestreos_25-26.{end}" for end in ("gpkg", "csv", "xlsx")}

    def made_again() -> tuple[set[str], str, str]:
        encargo = encargo_of(settings, now=LATER)
        (result,) = resultados = productos.make(muestreos.PRODUCTO, encargo)
        outcome = productos.with_productos(Outcome({}, ""), encargo, resultados)
        assert result.published is not None
        assert outcome.error is None, "no night is lost for a ledger"
        csv = (settings.lindero_test_outputs_dir / "muestreos/muestreos_25-26.csv").read_text()
        return set(result.published.written), csv, outcome.markdown

    assert shown < made_again()[0]
    write_tareas(root, Libro({"x": task}, NOW))
    written, csv, _ = made_again()
    assert (written, csv.count("CAMPO-1")) == (shown, csv.count(f",{lote},"))
    write_tareas(root, Libro({"x": task, "y": replace(task, clave="y", campania="26/27")}, LATER))
    assert not made_again()[0], "Jira was asked again, and of this campaña nothing changed"
    write_tareas(root, Libro({"x": replace(task, estado="Listo", cerrada=LATER)}, LATER))
    assert made_again()[0] == shown
    (root / "tareas.json").write_text("{")
    written, csv, markdown = made_again()
    assert (written, csv.count("CAMPO-1")) == (shown, 0)
    assert "las columnas de tareas quedaron vacías" in markdown


def test_a_product_that_somebody_lost_or_edited_comes_back_and_no_other_is_touched(
    outputs: Path, two_campos: Fuente, tmp_path: Path
) -> None:
    settings, outputs = a_copy(outputs, tmp_path)
    before = state_of(outputs)
    lost, edited = outputs / "muestreos/muestreos_25-26.csv", outputs / BOOK
    whole = lost.read_bytes(), edited.read_bytes()
    lost.unlink()
    edited.write_bytes(b"x")
    assert productos.failure(make_all(encargo_of(settings, now=LATER))) is None
    assert (lost.read_bytes(), edited.read_bytes()) == whole
    after = state_of(outputs)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "muestreos/muestreos_25-26.csv",
        f"muestreos/{MANIFEST}",
        BOOK,
        f"sustentabilidad/{MANIFEST}",
    }


def test_two_campanias_share_the_folders_and_leave_each_other_alone(
    outputs: Path, two_campos: Fuente, tmp_path: Path
) -> None:
    settings, outputs = a_copy(outputs, tmp_path)
    before = {name: state for name, state in state_of(outputs).items() if MANIFEST not in name}
    old = Campania(24, 25)
    tables = two_campos.tables
    seasoned = {
        name: frame.assign(campania=pd.array([str(old)] * len(frame), dtype="string"))
        for name, frame in tables.as_dict().items()
        if "campania" in frame
    }
    kept = keep(settings, replace(tables, **seasoned), now=LATER, season=old)
    encargo = productos.order(
        settings, Modo.TEST, SnapshotStore(settings.store_dir(Modo.TEST)), kept, LATER
    )
    assert productos.failure(make_all(encargo)) is None
    after = state_of(outputs)
    assert before.items() <= after.items()
    assert {name.replace("24-25", "25-26") for name in after if "24-25" in name} == set(before)


def test_a_file_no_longer_made_goes_and_a_foreign_one_stays(
    outputs: Path, two_campos: Fuente, tmp_path: Path
) -> None:
    settings, outputs = a_copy(outputs, tmp_path)
    (outputs / "sustentabilidad/mis notas.txt").write_text("x", encoding="utf-8")
    of_empresa = sorted((outputs / "sustentabilidad").glob("eudr_25-26_*.geojson"))
    assert len(of_empresa) > 1
    tables = two_campos.tables
    first, *_ = SnapshotStore(settings.store_dir(Modo.TEST)).accepted(SEASON)
    keep(
        settings, replace(tables, siembras=tables.siembras.iloc[:0].copy()), now=LATER, parent=first
    )
    assert productos.failure(make_all(encargo_of(settings, now=LATER))) is None
    assert not [path for path in of_empresa if path.exists()]
    assert (outputs / "sustentabilidad/mis notas.txt").exists()


# --- one that fails ------------------------------------------------------------------------------


def _dangling_link(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.symlink_to(folder.parent / "nowhere", target_is_directory=True)


def _a_file_for_a_folder(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("x", encoding="utf-8")


def _a_foreign_file(folder: Path) -> None:
    folder.mkdir(parents=True)
    names = {"cultivos": "cultivos_25-26.gpkg", "muestreos": "muestreos_25-26.csv"}
    own = names.get(folder.name, "fiboa_25-26.parquet")
    (folder / own).write_text("by hand", encoding="utf-8")


def _a_link_for_a_file(folder: Path) -> None:
    folder.mkdir(parents=True)
    names = {"cultivos": "resumen_25-26.xlsx", "muestreos": "muestreos_25-26.modus.json"}
    own = names.get(folder.name, "eudr_25-26.geojson")
    (folder / own).symlink_to(folder.parent.parent / "elsewhere")


IN_THE_WAY = (_dangling_link, _a_file_for_a_folder, _a_foreign_file, _a_link_for_a_file)


@pytest.mark.parametrize(
    ("carpeta", "obstruct"),
    [
        ("cultivos", _dangling_link),
        ("muestreos", _a_file_for_a_folder),
        ("muestreos", _a_link_for_a_file),
        ("sustentabilidad", _a_foreign_file),
    ],
)
def test_one_whose_destination_is_blocked_is_named_and_the_others_are_published(
    carpeta: str, obstruct: Any, two_campos: Fuente, tmp_path: Path
) -> None:
    settings = settings_below(tmp_path)
    keep(settings, two_campos.tables)
    obstruct(settings.lindero_test_outputs_dir / carpeta)
    blocked = names_in(settings.lindero_test_outputs_dir)
    encargo = encargo_of(settings)
    resultados = make_all(encargo)
    error = productos.failure(resultados)
    assert isinstance(error, PublishError)
    assert error.exit_code == 5
    assert str(error).startswith(f"{carpeta}: ")
    assert not any(f"{other}: " in str(error) for other in CARPETAS if other != carpeta)
    assert [one.carpeta for one in resultados if one.error is not None] == [carpeta]
    published = names_in(settings.lindero_test_outputs_dir)
    for other in set(CARPETAS) - {carpeta}:
        assert f"{other}/{MANIFEST}" in published
        assert len([name for name in published if name.startswith(f"{other}/")]) > 1
    assert {name for name in published if name.split("/")[0] == carpeta} == blocked
    assert not (tmp_path / "elsewhere").exists()

    outcome = productos.with_productos(Outcome(data={}, markdown="# x"), encargo, resultados)
    assert outcome.error is not None
    assert list(outcome.data["productos"]) == list(CARPETAS)
    assert set(outcome.data["productos"][carpeta]) == {"error"}
    assert json.dumps(outcome.data)
    assert carpeta in outcome.markdown


def test_all_blocked_is_exit_5_and_names_each(two_campos: Fuente, tmp_path: Path) -> None:
    settings = settings_below(tmp_path)
    keep(settings, two_campos.tables)
    settings.lindero_test_outputs_dir.write_text("a file", encoding="utf-8")
    error = productos.failure(make_all(encargo_of(settings)))
    assert isinstance(error, PublishError)
    assert all(f"{carpeta}: " in str(error) for carpeta in CARPETAS)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_fills_up_while_a_product_is_built_is_a_named_error(
    two_campos: Fuente, tmp_path: Path
) -> None:
    def build(_fuente: Fuente, _work: Path) -> Hecho:
        Path("/dev/full").write_bytes(b"x")
        raise AssertionError

    settings = settings_below(tmp_path)
    keep(settings, two_campos.tables)
    producto = Producto("prueba", ("prueba",), build, paquetes=(), pagina="")
    error = productos.failure(productos.make(producto, encargo_of(settings)))
    assert isinstance(error, PublishError)
    assert "no se pudo escribir prueba: no queda lugar en el disco (ENOSPC)" in str(error)


def test_tables_that_do_not_fit_fail_one_product_and_not_the_others(
    two_campos: Fuente, tmp_path: Path
) -> None:
    """A siembra of a lote that is not there: only cultivos has no use for such a night."""
    tables = two_campos.tables
    gone = tables.siembras["lote_id"].iloc[0]
    without = {
        name: frame[frame["lote_id"] != gone].reset_index(drop=True)
        for name, frame in tables.as_dict().items()
        if name in ("lotes", "ambientes", "marcadores")
    }
    settings = settings_below(tmp_path)
    keep(settings, replace(tables, **without))
    resultados = make_all(encargo_of(settings))
    error = productos.failure(resultados)
    assert isinstance(error, ProductError)
    assert error.exit_code == 1
    assert str(error).startswith("cultivos: una siembra no tiene lote")
    assert isinstance(resultados[0].error, DataError)
    assert not (settings.lindero_test_outputs_dir / "cultivos").exists()
    for other in ("muestreos", "sustentabilidad"):
        assert (settings.lindero_test_outputs_dir / other / MANIFEST).is_file()


def test_without_a_backup_there_is_nothing_to_make(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="primero: lindero run backup"):
        encargo_of(settings_below(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_snapshot_makes_no_product(two_campos: Fuente, tmp_path: Path) -> None:
    settings = settings_below(tmp_path)
    kept = keep(settings, two_campos.tables)
    table = kept.path / "tables" / "lotes.parquet"
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(bytes(data))
    with pytest.raises(SnapshotDamaged, match="lotes"):
        encargo_of(settings)
    assert not settings.lindero_test_outputs_dir.exists()


# --- personal data -------------------------------------------------------------------------------


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what it holds once everything in it is decompressed and read."""
    yield path.read_bytes()
    if path.suffix in (".xlsx", ".zip", ".kmz"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield archive.read(name)
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        yield str(table.schema).encode() + repr(table.schema.metadata).encode()
        kept = [name for name in table.column_names if name not in ("geometry", "bbox")]
        yield table.select(kept).to_pandas().to_csv().encode()
    if path.suffix == ".pdf":
        with closing(PdfDocument(path)) as paper:
            yield "".join(page.get_textpage().get_text_bounded() for page in paper).encode()
    if path.parent.name == "mapa" and path.suffix == ".html":
        yield json.dumps(mapa.night(mapa.packed(path.read_text("utf-8")))[0]).encode()
    if path.suffix == ".gpkg":
        with closing(sqlite3.connect(path)) as db:
            yield "\n".join(db.iterdump()).encode("utf-8", "replace")


def test_cuit_and_renspa_are_in_establecimientos_and_nowhere_else(
    two_campos: Fuente, tmp_path: Path
) -> None:
    tables = two_campos.tables
    count = len(tables.campos)
    cuits = [f"30-7{at:07d}-9" for at in range(count)]
    renspas = [f"21.777.0.{at:05d}/88" for at in range(count)]
    canaries = pd.DataFrame({"cuit": cuits, "renspa": renspas}, dtype="string")
    settings = settings_below(tmp_path)
    outputs = made(settings, replace(tables, campos=tables.campos.assign(**dict(canaries.items()))))
    secrets = [text.encode() for text in (*cuits, *renspas)]
    secrets += [cuit.replace("-", "").encode() for cuit in cuits]
    holding, looked_at = set(), 0
    for name in names_in(outputs):
        looked_at += 1
        assert not [one for one in secrets if one in name.encode()]
        if any(one in part for part in contents(outputs / name) for one in secrets):
            holding.add(name)
    assert looked_at > 10
    assert holding == {BOOK}
    assert BOOK.partition("/")[0] in PERSONALES  # so no login opens it
    shown = {Path(name).suffix for name in names_in(outputs) if name.partition("/")[0] in PUERTA}
    assert shown - {".json"} <= {*SHOWN, *SAVED}
    book = sheet(outputs / BOOK, "Lotes")
    with_lotes = tables.campos["campo_id"].isin(tables.lotes["campo_id"]).to_numpy()
    assert set(book["CUIT"]) == set(canaries["cuit"][with_lotes])
    assert set(book["RENSPA"]) == set(canaries["renspa"][with_lotes])

    encargo = encargo_of(settings)
    outcome = productos.with_productos(Outcome(data={}, markdown=""), encargo, make_all(encargo))
    said = f"{outcome.markdown}{json.dumps(outcome.data)}{encargo.fuente!r}".encode()
    assert not [one for one in secrets if one in said]


# --- real fields ---------------------------------------------------------------------------------


@pytest.mark.shared
def test_real_fields_and_soil_profiles_through_all_products(
    shared_data: Path, tmp_path: Path
) -> None:
    """LEM: fields of western Bahia with the crop of January 2020; SISINTA: profiles as marks."""
    world = world_from_file(
        shared_data / "fields" / "br_lem_fields_300.geojson",
        cultivo="Jan_2020",
        markers=shared_data / "markers" / "ar_sisinta_profiles_400.geojson",
    )
    tables = fuente_of({recurso: world.items(recurso) for recurso in Recurso}).tables
    outputs = made(settings_below(tmp_path), tables)
    assert_sound(outputs, tables, tmp_path)
    marks = pyogrio.read_dataframe(
        outputs / "muestreos/muestreos_25-26.gpkg", layer="muestreos"
    ).set_index("punto_id")
    given = tables.marcadores.set_index("marcador_id")
    assert len(marks) == 400
    assert (marks["lon"] - given.geometry.x[marks.index]).abs().max() < 1e-7
    source = gpd.read_file(shared_data / "fields" / "br_lem_fields_300.geojson").to_crs("EPSG:6933")
    lotes = sheet(outputs / BOOK, "Lotes")
    equal_area_ha = source.area.sum() / 10_000  # another road to the area, good to a thousandth
    assert lotes["Superficie (ha)"].sum() == pytest.approx(equal_area_ha, rel=2e-3)


@pytest.mark.shared
def test_zones_that_overlap_by_ten_centimetres_through_all_products(
    shared_data: Path, tmp_path: Path
) -> None:
    """The wheat field of the south of Buenos Aires and its three zones, none of them sampled."""
    zones = gpd.read_file(shared_data / "zones" / "ar_wheat_zones_derived.geojson")
    outline = gpd.read_file(shared_data / "zones" / "ar_wheat_boundary_derived.geojson")
    shape = outline.geometry.union_all()
    ambientes = [
        {
            "id": f"A{at}",
            "lote_id": "L0",
            "nombre": zone.ambiente,
            "campania": "25/26",
            "updated_at": "2025-11-19T12:00:00-03:00",
            "geometry": shapely.geometry.mapping(zone.geometry),
        }
        for at, zone in enumerate(zones.itertuples())
    ]
    tables = fuente_of(
        {
            Recurso.CAMPOS: [campo(0, "Trigo", empresa="Agro")],
            Recurso.LOTES: [lote(0, "1", campo_at=0, cultivos=["Trigo", "Soja 2da"], shape=shape)],
            Recurso.AMBIENTES: ambientes,
        }
    ).tables
    outputs = made(settings_below(tmp_path), tables)
    assert_sound(outputs, tables, tmp_path)
    gpkg = outputs / "muestreos/muestreos_25-26.gpkg"
    points = pyogrio.read_dataframe(gpkg, layer="puntos_propuestos")
    assert list(points["ambiente"].value_counts()) == [3, 3, 3]
    for row in points.itertuples():
        home = zones.geometry[zones["ambiente"] == row.ambiente].iloc[0]
        metres = gpd.GeoSeries([home, row.geometry], crs="EPSG:4326").to_crs("EPSG:32721")
        assert metres[0].contains(metres[1])
        assert metres[0].boundary.distance(metres[1]) > 19.9
    control = pd.read_csv(
        outputs / "sustentabilidad/eudr_control_25-26.csv", encoding="utf-8-sig", dtype=str
    )
    assert set(control.loc[control["Nivel"] == "error", "Resultado"]) == {"cumple"}
