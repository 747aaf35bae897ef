"""Nights kept, made into all products, and read back: what the tests of all products share."""

from __future__ import annotations

import json
import re
import unicodedata
import zipfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
from defusedxml import ElementTree
from PIL import Image
from pypdfium2 import PdfDocument

from Modules.diff.changes import diff_tables
from Modules.disk.publish_record import MANIFEST
from Modules.jobs import products as productos
from Modules.jobs.outcome import Resultado
from Modules.jobs.products import Encargo
from Modules.night.tables import Tables
from Modules.settings import Settings
from Modules.store.snapshot import Snapshot, read_tables
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Campania, Modo
from Modules.words.names import check_names
from tests.products.mapa import leido as mapa

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
    before = None if parent is None else read_tables(parent)
    facts = {
        "portal": {"origin": "demo:small", "profile": "contract@0"},
        "parent": None if parent is None else str(parent.id),
    }
    verdict = {"accepted": True, "checks": [], "changes": diff_tables(before, tables).to_dict()}
    return store.keep(draft, verdict=verdict, accepted=True, facts=facts)


def encargo_of(settings: Settings, *, now: datetime = NOW, season: Campania = SEASON) -> Encargo:
    """The order to make every product of the newest night."""
    store, snapshot = productos.last_accepted(settings, str(season), Modo.TEST)
    return productos.order(settings, Modo.TEST, store, snapshot, now)


def make_all(encargo: Encargo, but: str = "") -> tuple[Resultado, ...]:
    return tuple(
        resultado
        for producto in productos.PRODUCTOS
        if producto.nombre != but
        for resultado in productos.make(producto, encargo)
    )


def made(settings: Settings, tables: Tables, but: str = "") -> Path:
    """The outputs of one night, all products of which must come out; ``but`` one is not made."""
    keep(settings, tables)
    resultados = make_all(encargo_of(settings), but)
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
    header, *rows = openpyxl.load_workbook(path, data_only=True)[name].values
    return dict(zip(header, next(row for row in rows if row[0] == "Total"), strict=True))


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
                formulas = [str(cell.value) for cell in cells if cell.data_type == "f"]
                assert all(re.fullmatch(r"=SUBTOTAL\(109,[A-Z0-9:]+\)", one) for one in formulas)
                return sum(one.max_row for one in book)
        case ".kmz":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
                return len(list(ElementTree.fromstring(archive.read("doc.kml")).iter()))
        case ".zip":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
                names = archive.namelist()
                if "maquinas" in path.parts and not path.name.endswith("_shp.zip"):
                    check_names(names)
                    roots = [ElementTree.fromstring(archive.read(name)) for name in names]
                    return sum(len(list(root.iter("PFD"))) or 1 for root in roots)
                assert all(Path(name).name == name for name in names)
            return len(gpd.read_file(path))
        case ".html" if path.parent.name == "informe":
            return path.read_text(encoding="utf-8").count("<section ")
        case ".pdf":
            with closing(PdfDocument(path)) as paper:
                return len(paper)
        case ".qgz":
            with zipfile.ZipFile(path) as archive:
                (name,) = archive.namelist()
                _, _, text = archive.read(name).partition(b"\n")  # without its doctype
            return len(ElementTree.fromstring(text).findall("projectlayers/maplayer"))
        case ".png":
            with Image.open(path) as image:
                image.load()
                return image.width
        case ".html":
            return len(mapa.night(mapa.packed(path.read_text(encoding="utf-8")))[0]["lotes"]["ha"])
    raise AssertionError(f"nobody knows how to open {path.name}")


def _text(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return True
    return False


def assert_sound(outputs: Path, tables: Tables, above: Path, but: str = "") -> None:
    """Every file opens, none lies elsewhere, no two are one for Windows or macOS."""
    names = names_in(outputs)
    carpetas = set(CARPETAS) - {but}
    assert {name.split("/")[0] for name in names} == carpetas
    assert {name.count("/") for name in names} == {1}
    assert {path.name for path in above.iterdir()} == {"outputs", "state"}
    assert len({flat(name) for name in names}) == len(names)
    published = {name for name in names if not name.endswith(MANIFEST)}
    check_names(published)
    rows = {name: opened(outputs / name) for name in sorted(published)}
    assert rows["cultivos/cultivos_25-26.geojson"] == len(tables.siembras)
    assert rows["cultivos/cultivos_25-26_shp.zip"] == len(tables.siembras)
    assert rows["sustentabilidad/fiboa_25-26.parquet"] == len(tables.lotes)
    assert rows["mapa/mapa_25-26.html"] == len(tables.lotes)
    for kind in ("isoxml_v4", "isoxml_v3", "lotes_shp", "lotes_kml"):  # one file a company
        made = [count for name, count in rows.items() if name.endswith(f" - {kind}.zip")]
        assert sum(made) == len(tables.lotes)
    lotes = sheet(outputs / BOOK, "Lotes")
    assert sorted(lotes["Id del lote"]) == sorted(tables.lotes["lote_id"])
    layer = pyogrio.read_dataframe(outputs / "cultivos/cultivos_25-26.gpkg", layer="cultivos_25-26")
    assert set(layer["lote"]) == set(tables.lotes["lote"])
    for carpeta in sorted(carpetas):
        listed = json.loads((outputs / carpeta / MANIFEST).read_text(encoding="utf-8"))["files"]
        assert {f"{carpeta}/{name}" for name in listed} <= published
