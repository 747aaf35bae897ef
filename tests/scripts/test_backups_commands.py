"""The day something went wrong, through the real command line: show, verify, restore, export."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
from geopandas.testing import assert_geodataframe_equal

from Modules.demo.world import build_world
from Modules.store.snapshot import read_tables
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from tests.faults.named import Fault
from tests.faults.running import faulty_portal
from tests.scripts.conftest import Answer, Command, command_in, night_in

pytestmark = pytest.mark.integration

COMMANDS = ("show", "verify", "accept", "publish", "restore", "export", "list")


class Place:
    """A copy of the two nights, and the command line that works there."""

    def __init__(self, base: Path):
        self.base = base
        self._command = command_in(base)
        self.store = SnapshotStore(base / "state" / Modo.TEST.value)
        self.first, self.second = self.store.accepted()

    def backups(self, *arguments: str) -> Answer:
        return self._command("backups", *arguments, "--test")

    def copy(self, snapshot_id: object) -> Path:
        return self.base / "test_outputs/Backup_Databaler/25-26" / str(snapshot_id)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(night_in(tmp_path / "base", 0, 1))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(lindero: Command, name: str) -> None:
    answer = lindero("backups", name, "--help")
    assert answer.code == 0
    assert f"Uso: lindero backups {name}" in answer.out


# --- show ----------------------------------------------------------------------------------------


def test_show_says_what_a_backup_is(place: Place) -> None:
    answer = place.backups("show", str(place.second.id))
    assert answer.code == 0, answer.err
    for said in (str(place.second.id), "25/26", "demo:mini", str(place.first.id), "ambientes"):
        assert said in answer.out
    facts = place.backups("show", str(place.second.id), "--json").json
    assert facts["estado"] == "aceptado"
    assert facts["parent"] == str(place.first.id)
    assert facts["tablas"]["lotes"]["rows"] == len(read_tables(place.second).lotes)
    assert facts["tablas"]["lotes"]["superficie_ha"] > 500
    assert {"name", "passed", "figures"} <= set(facts["verdict"]["checks"][0])
    assert facts["acceptance"] is None


def test_show_of_nothing_is_wrong_usage(place: Place) -> None:
    answer = place.backups("show", "2025-11-20T060002Z-000099")
    assert (answer.code, answer.err.count("\n")) == (2, 1)


# --- verify --------------------------------------------------------------------------------------


def test_a_sound_store_verifies_in_every_way(place: Place) -> None:
    for arguments in ((), ("--all",), ("--sample",), (str(place.first.id),)):
        answer = place.backups("verify", *arguments)
        assert (answer.code, answer.err) == (0, "")
        assert "Todo está sano" in answer.out
    informe = place.backups("verify", "--all", "--json").json
    assert informe["sano"] is True
    assert informe["leidos"] == [str(place.first.id), str(place.second.id)]
    named = {Path(name).name for name in informe["carpetas"]}
    assert {"cultivos", "muestreos", "sustentabilidad", str(place.first.id)} <= named


def test_all_and_sample_together_are_wrong_usage(place: Place) -> None:
    assert place.backups("verify", "--all", "--sample").code == 2


def test_nothing_to_verify_is_no_success(lindero: Command) -> None:
    answer = lindero("backups", "verify", "--test")
    assert (answer.code, answer.err.count("\n")) == (1, 1)


def test_each_damaged_file_is_named_with_what_to_do(place: Place) -> None:
    (place.second.path / "raw" / "lotes-0001.json.zst").write_bytes(b"x")
    shutil.rmtree(place.first.path / "tables")
    product = place.base / "test_outputs/cultivos/cultivos_25-26.gpkg"
    product.write_bytes(product.read_bytes()[:-1])
    (place.base / "test_outputs/cultivos/de [b]juan.qgz").write_text("x")
    answer = place.backups("verify", "--all")
    assert answer.code == 1
    assert f"{place.second.id}: DAÑADO" in answer.out
    assert "raw/lotes-0001.json.zst" in answer.out
    assert "tables/lotes.parquet" in answer.out
    assert "cultivos_25-26.gpkg" in answer.out
    for one in (place.first, place.second):
        said = f"1: copie el mismo archivo, que allí está sano, de {place.copy(one.id)}\n"
        assert said in answer.out
    assert "1: borre ese archivo y corra lindero run productos --test\n" in answer.out
    assert "ajeno, no se toca: test_outputs/cultivos/de [b]juan.qgz" in answer.out
    found = place.backups("verify", "--all", "--json")
    assert found.code == 1
    rows = found.json["hallazgos"]
    assert {"lugar", "archivo", "problema", "que_hacer", "codigo", "detalle"} == set(rows[0])
    assert len(rows) == 10  # a page, eight tables, a product


# --- restore -------------------------------------------------------------------------------------


def test_the_rehearsal_publish_corrupt_verify_restore_all_equal(place: Place) -> None:
    copy = place.copy(place.second.id)
    before = contents(copy)
    damaged = copy / "tables" / "lotes.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-9] + b"corrupted")
    verified = place.backups("verify", "--json")
    assert verified.code == 1
    (found,) = verified.json["hallazgos"]
    assert found["archivo"] == "tables/lotes.parquet"
    restored = place.backups("restore", str(place.second.id), "--to", str(copy), "--overwrite")
    assert restored.code == 0, restored.err
    assert contents(copy) == before
    assert place.backups("verify").code == 0


def test_publish_writes_what_is_missing_in_a_copy(place: Place) -> None:
    copy = place.copy(place.first.id)
    before = {name: data for name, data in contents(copy).items() if name != ".lindero.json"}
    (copy / "lotes.gpkg").unlink()
    (copy / "tables" / "zonas.parquet").unlink()
    told = place.backups("verify", "--all", "--json").json["hallazgos"]
    assert {one["que_hacer"] for one in told} == {
        f"corra lindero backups publish {place.first.id} --test"
    }
    answer = place.backups("publish", str(place.first.id))
    assert answer.code == 0, answer.err
    assert "2 archivos escritos" in answer.out
    after = {name: data for name, data in contents(copy).items() if name != ".lindero.json"}
    assert after == before
    assert place.backups("verify", "--all").code == 0


def test_publish_says_which_file_of_a_damaged_backup_it_refuses(place: Place) -> None:
    (place.first.path / "raw" / "lotes-0001.json.zst").unlink()
    answer = place.backups("publish", str(place.first.id))
    said = f"{place.first.id}: raw/lotes-0001.json.zst: falta; no se puede publicar"
    assert (answer.code, said in answer.err) == (1, True), answer.err


def test_a_backup_is_restored_byte_by_byte_and_proves_itself(place: Place) -> None:
    target = place.base / "vuelta"
    answer = place.backups("restore", str(place.first.id), "--to", str(target))
    assert answer.code == 0, answer.err
    assert contents(target) == contents(place.first.path)
    lines = answer.out.splitlines()
    assert sum(line.startswith("  nuevo") for line in lines) == len(place.first.files)
    assert lines[-1].startswith("Restaurado y verificado")
    if shutil.which("sha256sum"):
        done = subprocess.run(
            ["sha256sum", "--quiet", "-c", "manifest.sha256"], cwd=target, check=False
        )
        assert done.returncode == 0


def test_a_dry_run_lists_the_same_and_writes_nothing(place: Place) -> None:
    target = place.base / "vuelta"
    arguments = ("restore", str(place.first.id), "--to", str(target), "--json")
    dry = place.backups(*arguments, "--dry-run")
    assert dry.code == 0
    assert not target.exists()
    real = place.backups(*arguments)
    assert {**dry.json, "restaurado": True} == real.json
    assert {row["archivo"] for row in real.json["archivos"]} == set(contents(target))


def test_a_folder_with_something_in_it_is_refused_unless_told(place: Place) -> None:
    target = place.base / "vuelta"
    target.mkdir()
    (target / "mio.txt").write_text("mine")
    (target / "verdict.json").write_text("old")
    arguments = ("restore", str(place.first.id), "--to", str(target))
    refused = place.backups(*arguments)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert contents(target) == {"mio.txt": b"mine", "verdict.json": b"old"}
    told = place.backups(*arguments, "--overwrite", "--json")
    assert told.code == 0, told.err
    assert told.json["se_dejan"] == ["mio.txt"]
    (replaced,) = (row for row in told.json["archivos"] if row["accion"] == "reemplaza")
    assert replaced["archivo"] == "verdict.json"
    assert contents(target) == {**contents(place.first.path), "mio.txt": b"mine"}


def test_a_damaged_backup_is_refused_and_the_file_named(place: Place) -> None:
    (place.first.path / "tables" / "zonas.parquet").write_bytes(b"x")
    target = place.base / "vuelta"
    for more in ((), ("--format", "gpkg"), ("--campo", "id=1000")):
        answer = place.backups("restore", str(place.first.id), "--to", str(target), *more)
        assert answer.code == 1
        assert "tables/zonas.parquet" in answer.err
    answer = place.backups("export", str(place.first.id), "--format", "csv", "--to", str(target))
    assert (answer.code, "tables/zonas.parquet" in answer.err) == (1, True)
    assert not target.exists()


def test_nothing_is_restored_into_the_store_or_through_a_link(place: Place) -> None:
    outside = place.base / "outside"
    outside.mkdir()
    (place.base / "link").symlink_to(outside)
    bad = ("state", "state/test/snapshots/25-26/x", "link", "outputs/../state/x")
    before = contents(place.base / "state")
    for target in bad:
        answer = place.backups("restore", str(place.first.id), "--to", str(place.base / target))
        assert (answer.code, answer.err.count("\n")) == (2, 1), target
    assert contents(place.base / "state") == before
    assert list(outside.iterdir()) == []


def test_a_manifest_that_leads_out_of_its_folder_is_refused(place: Place) -> None:
    manifest = json.loads((place.first.path / "manifest.json").read_text("utf-8"))
    manifest["files"][0]["path"] = "../../../../../escaped"
    (place.first.path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    answer = place.backups("restore", str(place.first.id), "--to", str(place.base / "vuelta"))
    assert answer.code == 1
    assert not (place.base / "escaped").exists()
    assert not (place.base / "vuelta").exists()


def test_all_of_a_backup_comes_as_one_geopackage(place: Place) -> None:
    target = place.base / "vuelta"
    answer = place.backups("restore", str(place.first.id), "--to", str(target), "--format", "gpkg")
    assert answer.code == 0, answer.err
    (path,) = target.iterdir()
    tables = read_tables(place.first)
    with closing(sqlite3.connect(path)) as db:
        for name, df in tables.as_dict().items():
            assert db.execute(f"SELECT count(*) FROM {name}").fetchone() == (len(df),)
    layers = {str(name) for name, _ in pyogrio.list_layers(path)}
    assert layers == set(tables.as_dict())


def test_one_campo_or_one_lote_comes_as_geopackage_and_geojson(place: Place) -> None:
    tables = read_tables(place.second)
    lote = tables.lotes.iloc[0]
    target = place.base / "vuelta"
    for more, expected in (
        (("--campo", str(lote["campo"]).upper()), tables.lotes["campo_id"] == lote["campo_id"]),
        (
            ("--campo", str(lote["campo"]), "--lote", str(lote["lote"])),
            tables.lotes["lote_id"] == lote["lote_id"],
        ),
    ):
        answer = place.backups("restore", str(place.second.id), "--to", str(target), *more)
        assert answer.code == 0, answer.err
        gpkg, geojson = sorted(target.iterdir(), key=lambda path: path.suffix == ".geojson")
        rows = tables.lotes[expected]
        for path, layer in ((gpkg, "lotes"), (geojson, None)):
            found = gpd.read_file(path, layer=layer) if layer else gpd.read_file(path)
            assert sorted(found["lote_id"].astype(str)) == sorted(rows["lote_id"])
            assert found.total_bounds.tolist() == rows.total_bounds.tolist()
        shutil.rmtree(target)


def test_twin_lotes_are_listed_and_refused(place: Place) -> None:
    names = read_tables(place.second).lotes["lote"]
    twin = str(names.value_counts().index[0])
    answer = place.backups(
        "restore", str(place.second.id), "--to", str(place.base / "vuelta"), "--lote", twin
    )
    assert answer.code == 2
    assert answer.err.count("id=") >= 2
    assert not (place.base / "vuelta").exists()


# --- export --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("formato", "files"), [("gpkg", 1), ("xlsx", 1), ("csv", 8)])
def test_tables_of_a_backup_in_other_formats(place: Place, formato: str, files: int) -> None:
    target = place.base / "salida"
    arguments = ("export", str(place.second.id), "--format", formato, "--to", str(target))
    answer = place.backups(*arguments, "--json")
    assert answer.code == 0, answer.err
    written = [Path(name) for name in answer.json["archivos"]]
    assert sorted(written) == sorted(target.iterdir())
    assert len(written) == files
    again = place.backups(*arguments)
    assert (again.code, again.err.count("\n")) == (2, 1)
    lotes = read_tables(place.second).lotes
    if formato == "gpkg":
        assert len(gpd.read_file(written[0], layer="lotes")) == len(lotes)
    elif formato == "xlsx":
        sheet = openpyxl.load_workbook(written[0])["lotes"]
        assert [cell.value for cell in sheet[1]][-2:] == ["lon", "lat"]
    else:
        (path,) = (one for one in written if one.name.startswith("lotes_"))
        found = pd.read_csv(path)
        points = gpd.points_from_xy(found["lon"], found["lat"])
        assert all(lote.contains(point) for lote, point in zip(lotes.geometry, points, strict=True))


def test_geojson_and_parquet_hold_the_very_shapes(place: Place) -> None:
    lotes = read_tables(place.second).lotes
    for formato in ("geojson", "parquet"):
        target = place.base / f"mis lotes.{formato}"
        arguments = ("export", str(place.second.id), "--format", formato, "--to", str(target))
        refused = place.backups(*arguments, "--json")
        assert (refused.code, refused.json["error"]["kind"]) == (2, "SettingsError")
        assert "entra una tabla de" in refused.err
        assert not target.exists(), "of all tables one file would hold the lotes only"
        arguments = (*arguments, "--tabla", "lotes")
        assert place.backups(*arguments).code == 0
        found = gpd.read_parquet(target) if formato == "parquet" else gpd.read_file(target)
        assert list(found["lote_id"].astype(str)) == list(lotes["lote_id"])
        shapes = gpd.GeoDataFrame(geometry=found.geometry.values, crs="EPSG:4326")
        assert_geodataframe_equal(
            shapes, gpd.GeoDataFrame(geometry=lotes.geometry.values, crs="EPSG:4326")
        )
        target.write_bytes(b"mine")
        assert place.backups(*arguments).code == 2
        assert target.read_bytes() == b"mine"
        assert place.backups(*arguments, "--overwrite").code == 0
        assert target.stat().st_size > 1000


def test_a_table_that_a_format_cannot_hold_is_refused(place: Place) -> None:
    arguments = ("export", str(place.second.id), "--to", str(place.base / "salida"))
    for more in (("--format", "geojson", "--tabla", "campos"), ("--format", "csv", "--tabla", "x")):
        assert place.backups(*arguments, *more).code == 2
    assert not (place.base / "salida").exists()


# --- accept --------------------------------------------------------------------------------------


def test_an_emptied_night_is_accepted_only_by_whoever_says_so(tmp_path: Path) -> None:
    with faulty_portal(build_world("mini")) as portal:
        command = command_in(
            tmp_path,
            DATABALER_BASE_URL=portal.base_url,
            DATABALER_CLIENT_ID=portal.client_id,
            DATABALER_CLIENT_SECRET=portal.client_secret,
        )
        assert command("run", "backup").code == 0
        portal.inject(Fault("empty_list", "marcadores"))
        refused = command("run", "backup", "--json")
        assert refused.code == 1, refused.err
        snapshot = refused.json["data"]["snapshot"]
        accept = ("backups", "accept", snapshot, "--reason", "sin muestreo este año")
        no = command(*accept)
        assert (no.code, no.err.count("\n")) == (1, 1)
        assert "no tiene filas de marcadores" in no.err
        assert "--aunque-vacio" in no.err
        yes = command(*accept, "--aunque-vacio")
        assert yes.code == 0, yes.err
        shown = command("backups", "show", snapshot)
        assert "sin muestreo este año" in shown.out
        assert command("backups", "verify", "--all").code == 0
