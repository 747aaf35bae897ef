"""All products of a kept night together: built and published by the real orchestrator and store.

Nothing is mocked: a product that fails does so because something is in its way on the disk, or
because the kept tables do not fit together.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from defusedxml import ElementTree

from Modules import productos
from Modules.changes import diff_tables
from Modules.clean import clean_text
from Modules.cultivos_tablas import MAX_DESCONOCIDOS
from Modules.demo_api.external import world_from_file
from Modules.domain import Campania, Modo, Recurso
from Modules.errors import DataError, ProductError, PublishError, SnapshotDamaged
from Modules.fuente import Fuente
from Modules.productos import Encargo, Resultado
from Modules.publish import MANIFEST
from Modules.publish_names import check_names
from Modules.reporte import Outcome
from Modules.settings import Settings
from Modules.snapshot_files import Snapshot
from Modules.snapshots import SnapshotStore
from Modules.tables import Tables
from tests.fuentes import campo, fuente_of, lote

SEASON = Campania(25, 26)
NOW = datetime(2025, 11, 20, 6, 0, 2, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
CARPETAS = tuple(carpeta for one in productos.PRODUCTOS for carpeta in one.carpetas)
BOOK = "sustentabilidad/establecimientos_25-26.xlsx"


def settings_below(folder: Path) -> Settings:
    return Settings(
        lindero_test_outputs_dir=folder / "outputs",
        lindero_state_dir=folder / "state",
        lindero_symlink_config=folder / "symlink_config.json",
    )


def keep(
    settings: Settings,
    tables: Tables,
    *,
    now: datetime = NOW,
    parent: Snapshot | None = None,
    season: Campania = SEASON,
) -> Snapshot:
    """An accepted night in the store, as the backup leaves one."""
    store = SnapshotStore(settings.store_dir(Modo.TEST))
    draft = store.draft(season, now)
    draft.write_tables(tables)
    before = None if parent is None else store.read_tables(parent)
    facts = {
        "portal": {"origin": "demo:small", "profile": "contract@0"},
        "parent": None if parent is None else str(parent.id),
    }
    verdict = {"accepted": True, "changes": diff_tables(before, tables).to_dict()}
    return store.keep(draft, verdict=verdict, accepted=True, facts=facts)


def encargo_of(settings: Settings, *, now: datetime = NOW, season: Campania = SEASON) -> Encargo:
    """The order to make every product of the newest night."""
    store, snapshot = productos.last_accepted(settings, str(season), Modo.TEST)
    return productos.order(settings, Modo.TEST, store, snapshot, now)


def make_all(encargo: Encargo) -> tuple[Resultado, ...]:
    return tuple(
        resultado
        for producto in productos.PRODUCTOS
        for resultado in productos.make(producto, encargo)
    )


def made(settings: Settings, tables: Tables) -> Path:
    """The outputs of one night, all products of which must come out."""
    keep(settings, tables)
    resultados = make_all(encargo_of(settings))
    assert productos.failure(resultados) is None
    return settings.lindero_test_outputs_dir


def state_of(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Every file below a folder: inode, time of writing, size."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            found[path.relative_to(folder).as_posix()] = (
                status.st_ino,
                status.st_mtime_ns,
                status.st_size,
            )
    return found


def names_in(folder: Path) -> set[str]:
    return set(state_of(folder))


def sheet(path: Path, name: str) -> pd.DataFrame:
    """The rows of a sheet above the totals and notes."""
    with closing(openpyxl.load_workbook(path, read_only=True)) as book:
        rows = [row for row in book[name].values if not row[0] or row[0] != "Total"]
    blank = next(at for at, row in enumerate([*rows, (None,)]) if not any(row))
    return pd.DataFrame(rows[1:blank], columns=list(rows[0]))


def totals(path: Path, name: str) -> dict[str, Any]:
    header, *rows = openpyxl.load_workbook(path)[name].values
    return dict(zip(header, next(row for row in rows if row[0] == "Total"), strict=True))


@pytest.fixture(scope="module")
def outputs(demo_fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the small world gives; nobody changes it."""
    return made(settings_below(tmp_path_factory.mktemp("productos")), demo_fuente.tables)


# --- areas ---------------------------------------------------------------------------------------


def test_area_by_cultivo_is_that_of_the_siembras(outputs: Path, demo_fuente: Fuente) -> None:
    tables = demo_fuente.tables
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


def test_land_is_the_same_in_every_product(outputs: Path, demo_fuente: Fuente) -> None:
    land = demo_fuente.tables.lotes["superficie_ha"].sum()
    lotes = sheet(outputs / BOOK, "Lotes")
    assert len(lotes) == len(demo_fuente.tables.lotes)
    assert lotes["Superficie (ha)"].sum() == pytest.approx(land)
    fiboa = pq.read_table(outputs / "sustentabilidad/fiboa_25-26.parquet").to_pandas()
    assert fiboa["metrics:area"].astype(float).sum() / 10_000 == pytest.approx(land, rel=1e-6)
    eudr = json.loads((outputs / "sustentabilidad/eudr_25-26.geojson").read_text(encoding="utf-8"))
    declared = sum(feature["properties"]["Area"] for feature in eudr["features"])
    tables = demo_fuente.tables
    soja = tables.siembras.loc[tables.siembras["cultivo_codigo"].str.startswith("SOJ"), "lote_id"]
    area = tables.lotes.loc[tables.lotes["lote_id"].isin(set(soja)), "superficie_ha"].sum()
    assert declared == pytest.approx(area, rel=1e-4)


def test_ambientes_add_up_to_their_lote_or_are_reported(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    tables = demo_fuente.tables
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


def test_a_second_run_writes_nothing(demo_fuente: Fuente, tmp_path: Path) -> None:
    settings = settings_below(tmp_path)
    outputs = made(settings, demo_fuente.tables)
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
    quiet = keep(settings, demo_fuente.tables, now=LATER, parent=first)
    assert quiet.equal_to == first.id
    resultados = make_all(encargo_of(settings, now=LATER))
    assert productos.failure(resultados) is None
    assert state_of(outputs) == before, "a night equal to its parent publishes nothing"
    assert not list((settings.store_dir(Modo.TEST) / "staging").iterdir())


def test_a_product_that_somebody_lost_or_edited_comes_back_and_no_other_is_touched(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    settings = settings_below(tmp_path)
    outputs = made(settings, demo_fuente.tables)
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
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    settings = settings_below(tmp_path)
    outputs = made(settings, demo_fuente.tables)
    before = {name: state for name, state in state_of(outputs).items() if MANIFEST not in name}
    old = Campania(24, 25)
    tables = demo_fuente.tables
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
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    settings = settings_below(tmp_path)
    outputs = made(settings, demo_fuente.tables)
    (outputs / "sustentabilidad/mis notas.txt").write_text("x", encoding="utf-8")
    of_empresa = sorted((outputs / "sustentabilidad").glob("eudr_25-26_*.geojson"))
    assert len(of_empresa) > 1
    tables = demo_fuente.tables
    first, *_ = SnapshotStore(settings.store_dir(Modo.TEST)).accepted(SEASON)
    keep(
        settings,
        replace(tables, siembras=tables.siembras.iloc[:0].copy()),
        now=LATER,
        parent=first,
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
    carpeta: str, obstruct: Any, demo_fuente: Fuente, tmp_path: Path
) -> None:
    settings = settings_below(tmp_path)
    keep(settings, demo_fuente.tables)
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
        assert len([name for name in published if name.startswith(f"{other}/")]) > 3
    assert {name for name in published if name.split("/")[0] == carpeta} == blocked
    assert not (tmp_path / "elsewhere").exists()

    outcome = productos.with_productos(Outcome(data={}, markdown="# x"), encargo, resultados)
    assert outcome.error is not None
    assert list(outcome.data["productos"]) == list(CARPETAS)
    assert set(outcome.data["productos"][carpeta]) == {"error"}
    assert json.dumps(outcome.data)
    assert carpeta in outcome.markdown


def test_all_blocked_is_exit_5_and_names_each(demo_fuente: Fuente, tmp_path: Path) -> None:
    settings = settings_below(tmp_path)
    keep(settings, demo_fuente.tables)
    settings.lindero_test_outputs_dir.write_text("a file", encoding="utf-8")
    error = productos.failure(make_all(encargo_of(settings)))
    assert isinstance(error, PublishError)
    assert all(f"{carpeta}: " in str(error) for carpeta in CARPETAS)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_fills_up_while_a_product_is_built_is_a_named_error(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    def build(_fuente: Fuente, _work: Path, _settings: Settings) -> productos.Hecho:
        Path("/dev/full").write_bytes(b"x")
        raise AssertionError

    settings = settings_below(tmp_path)
    keep(settings, demo_fuente.tables)
    producto = productos.Producto("prueba", ("prueba",), build)
    error = productos.failure(productos.make(producto, encargo_of(settings)))
    assert isinstance(error, PublishError)
    assert "prueba could not be written: No space left on device (ENOSPC)" in str(error)


def test_tables_that_do_not_fit_fail_one_product_and_not_the_others(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    """A siembra of a lote that is not there: only cultivos has no use for such a night."""
    tables = demo_fuente.tables
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
    assert str(error).startswith("cultivos: a siembra has no lote")
    assert isinstance(resultados[0].error, DataError)
    assert not (settings.lindero_test_outputs_dir / "cultivos").exists()
    for other in ("muestreos", "sustentabilidad"):
        assert (settings.lindero_test_outputs_dir / other / MANIFEST).is_file()


def test_without_a_backup_there_is_nothing_to_make(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run lindero run backup first"):
        encargo_of(settings_below(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_snapshot_makes_no_product(demo_fuente: Fuente, tmp_path: Path) -> None:
    settings = settings_below(tmp_path)
    kept = keep(settings, demo_fuente.tables)
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
    if path.suffix == ".gpkg":
        with closing(sqlite3.connect(path)) as db:
            yield "\n".join(db.iterdump()).encode("utf-8", "replace")


def test_cuit_and_renspa_are_in_establecimientos_and_nowhere_else(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    tables = demo_fuente.tables
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
    book = sheet(outputs / BOOK, "Lotes")
    with_lotes = tables.campos["campo_id"].isin(tables.lotes["campo_id"]).to_numpy()
    assert set(book["CUIT"]) == set(canaries["cuit"][with_lotes])
    assert set(book["RENSPA"]) == set(canaries["renspa"][with_lotes])

    encargo = encargo_of(settings)
    outcome = productos.with_productos(Outcome(data={}, markdown=""), encargo, make_all(encargo))
    said = f"{outcome.markdown}{json.dumps(outcome.data)}{encargo.fuente!r}".encode()
    assert not [one for one in secrets if one in said]


# --- names ---------------------------------------------------------------------------------------

HOSTILE = (
    *("=1+1", "+1", "-1", "@x", "\t=1", "\x00=cmd", "\r\n=1", "＝1+1"),
    *("CON", "nul", "COM1", "lpt¹", "aux.gpkg", "desktop.ini", ".lock", ".lindero.json", "~$a"),
    *("../../x", "..", ".", "/etc/passwd", "C:\\x", "\\\\server\\share", "a/b", "a:b", "x.", "x "),
    *('"', "'; DROP TABLE lotes; --", "a,b;c\nd", "%s{0}", "$[name]", "$HOME", "`id`", "1e5"),
    *("<![CDATA[", "]]>", "<b>&amp;", "&#0;", "_x0041_", "\u202ex", "\u200b", "\ufeffx", "\x1b["),
    *("Ñandú", "ÑANDÚ", "Nandu", "nandu\u0301", "ñandu\u0301", "ﬁn", "FIN", "straße", "STRASSE"),
    *("😀" * 40, "x" * 200, "Ω" * 150, "a_vti_b", "x.tmp", "大豆", "العربية"),
    *("gpkg_x", "layer_styles", "sin cultivo", "cultivos_25-26", "parte1", "eudr_24-25_x", "NULL"),
    *("x;y", "¡Oh!", "100 %", "#1", "{x}"),
)  # fmt: skip


def generated(count: int) -> list[str]:
    """Names out of pieces that hurt, the same every time."""
    rng = random.Random(11)
    pieces = [*"aAáñÑ0 ./\\:*?\"<>|=+-@'\t\x00\x07\u200b\u202e\u0301%$&;😀大\ue000", *HOSTILE[:30]]
    return ["".join(rng.choices(pieces, k=rng.randint(1, 9))) for _ in range(count)]


def night_of(names: Sequence[str], crops: Sequence[str], *, full: int = 10**6) -> Tables:
    """Each name is a campo, its empresa, a lote and a crop at once.

    The first ``full`` lotes have soja too, so that there is an EUDR file of each, and two
    ambientes of that name, in one of them a mark.
    """
    items: dict[Recurso, list[dict[str, Any]]] = {
        recurso: [] for recurso in (Recurso.CAMPOS, Recurso.LOTES)
    }
    ambientes, marks = [], []
    stamp = "2025-11-19T12:00:00-03:00"
    for at, name in enumerate(names):
        lon, lat = -66 + at % 100 * 0.05, -38 + at // 100 * 0.05
        crop = clean_text(crops[at % len(crops)]) or "Trigo"  # one without a crop is rejected
        crops_here = [crop, "Soja 2da"] if at < full else [crop]
        items[Recurso.CAMPOS].append(
            campo(at, name, empresa=name, cuit=f"30-{at:08d}-0", renspa=f"01.{at:05d}")
        )
        items[Recurso.LOTES].append(lote(at, name, campo_at=at, cultivos=crops_here))
        if at >= full:
            continue
        for half in (0, 1):
            west = lon + half * 0.005
            ambientes.append(
                {
                    "id": f"A{at}-{half}",
                    "lote_id": f"L{at}",
                    "nombre": name,
                    "campania": "25/26",
                    "updated_at": stamp,
                    "geometry": shapely.geometry.mapping(
                        shapely.box(west, lat, west + 0.005, lat + 0.01)
                    ),
                }
            )
        marks.append(
            {
                "id": f"M{at}",
                "lote_id": f"L{at}",
                "tipo": "muestreo",
                "nombre": name,
                "campania": "25/26",
                "updated_at": stamp,
                "observacion": name,
                "geometry": {"type": "Point", "coordinates": [lon + 0.002, lat + 0.002]},
            }
        )
    return fuente_of({**items, Recurso.AMBIENTES: ambientes, Recurso.MARCADORES: marks}).tables


def flat(name: str) -> str:
    """What a file system that knows neither case nor accents compares; our own road to it."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return "".join(c for c in letters if not unicodedata.combining(c)).casefold()


def opened(path: Path) -> int:
    """Open a file in full with its usual reader; how many rows it has."""
    match path.suffix:
        case ".gpkg":
            layers = [str(name) for name, _ in pyogrio.list_layers(path)]
            assert len({flat(name) for name in layers}) == len(layers)
            return sum(len(pyogrio.read_dataframe(path, layer=name)) for name in layers)
        case ".parquet":
            return len(gpd.read_parquet(path))
        case ".geojson":
            data = path.read_bytes()  # pyogrio cuts a path at ";" and "!"; see the test below
            document = json.loads(data)
            assert pyogrio.read_info(data)["features"] == len(document["features"])
            return len(document["features"])
        case ".json":
            return len(json.loads(path.read_text(encoding="utf-8")))
        case ".csv":
            frame = pd.read_csv(path, encoding="utf-8-sig", dtype=str, keep_default_na=False)
            cells = frame.to_numpy().ravel()
            assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\x00") and _text(cell)]
            return len(frame)
        case ".xlsx":
            with closing(openpyxl.load_workbook(path, read_only=True)) as book:
                cells = [cell for one in book for row in one.rows for cell in row]
                assert "f" not in {cell.data_type for cell in cells if cell.value is not None}
                return sum(one.max_row for one in book)
        case ".kmz":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
                return len(list(ElementTree.fromstring(archive.read("doc.kml")).iter()))
        case ".zip":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
                assert all(Path(name).name == name for name in archive.namelist())
            return len(gpd.read_file(path))
    raise AssertionError(f"nobody knows how to open {path.name}")


def _text(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return True
    return False


def assert_sound(outputs: Path, tables: Tables, above: Path) -> None:
    """Every file opens, none lies elsewhere, no two are one for Windows or macOS."""
    names = names_in(outputs)
    assert {name.split("/")[0] for name in names} == set(CARPETAS)
    assert {name.count("/") for name in names} == {1}
    assert {path.name for path in above.iterdir()} == {"outputs", "state"}
    assert len({flat(name) for name in names}) == len(names)
    published = {name for name in names if not name.endswith(MANIFEST)}
    check_names(published)
    rows = {name: opened(outputs / name) for name in sorted(published)}
    assert rows["cultivos/cultivos_25-26.geojson"] == len(tables.siembras)
    assert rows["cultivos/cultivos_25-26_shp.zip"] == len(tables.siembras)
    assert rows["sustentabilidad/fiboa_25-26.parquet"] == len(tables.lotes)
    lotes = sheet(outputs / BOOK, "Lotes")
    assert sorted(lotes["Id del lote"]) == sorted(tables.lotes["lote_id"])
    layer = pyogrio.read_dataframe(outputs / "cultivos/cultivos_25-26.gpkg", layer="cultivos_25-26")
    assert set(layer["lote"]) == set(tables.lotes["lote"])
    for carpeta in CARPETAS:
        listed = json.loads((outputs / carpeta / MANIFEST).read_text(encoding="utf-8"))["files"]
        assert {f"{carpeta}/{name}" for name in listed} <= published


def check_names_through_all(
    names: Sequence[str], crops: Sequence[str], folder: Path, **options: int
) -> Mapping[str, Any]:
    tables = night_of(names, crops, **options)
    outputs = made(settings_below(folder), tables)
    assert_sound(outputs, tables, folder)
    files = list((outputs / "sustentabilidad").glob("eudr_25-26_*.geojson"))
    return {"outputs": outputs, "tables": tables, "eudr": files}


def test_sixty_eight_hostile_names_through_all_products(tmp_path: Path) -> None:
    assert len(set(HOSTILE)) >= 68
    found = check_names_through_all(HOSTILE, HOSTILE, tmp_path)
    empresas = {clean_text(name) for name in HOSTILE} - {""}
    assert len(found["eudr"]) >= len(empresas)


def test_geopandas_opens_the_files_of_such_names_by_their_path(tmp_path: Path) -> None:
    found = check_names_through_all(["a;b", "a!b"], ["Soja 1ra"], tmp_path)
    assert [len(gpd.read_file(path)) for path in found["eudr"]] == [1, 1]


def test_hostile_names_as_crops_each_with_a_layer(tmp_path: Path) -> None:
    few = HOSTILE[:MAX_DESCONOCIDOS]
    found = check_names_through_all(few, few, tmp_path, full=0)
    crops = found["tables"].siembras.drop_duplicates(["cultivo_codigo", "cultivo"])
    layers = pyogrio.list_layers(found["outputs"] / "cultivos/cultivos_25-26.gpkg")
    assert len(layers) == len(crops) + 3  # that of all, sin_cultivo, layer_styles


def test_hundreds_of_generated_names_through_all_products(tmp_path: Path) -> None:
    names = generated(300)
    check_names_through_all(names, names, tmp_path, full=60)


@pytest.mark.integration
def test_ten_thousand_generated_names_through_all_products(tmp_path: Path) -> None:
    names = generated(10_000)
    check_names_through_all(names, names, tmp_path, full=300)


@pytest.mark.shared
def test_the_big_list_of_naughty_strings_through_all_products(
    shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "dirty" / "names" / "blns.json"
    names = json.loads(path.read_text(encoding="utf-8"))
    assert len(names) > 500
    check_names_through_all(names, names, tmp_path, full=200)


@pytest.mark.shared
def test_real_names_that_differ_by_an_accent_or_a_blank(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "dirty" / "names" / "ar_names_pampas.csv"
    names = list(pd.read_csv(path, dtype=str, keep_default_na=False)["name"])
    twins = [name for name, count in _counted(names) if count > 1][:150]
    assert len(twins) > 20
    check_names_through_all(twins, ["Soja 1ra", "Trigo"], tmp_path)


def _counted(names: Iterable[str]) -> list[tuple[str, int]]:
    """Each name with how many of the others look the same to a file system."""
    distinct = sorted(set(names))
    count = pd.Series([flat(name.strip()) for name in distinct]).value_counts()
    return [(name, int(count[flat(name.strip())])) for name in distinct]


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
