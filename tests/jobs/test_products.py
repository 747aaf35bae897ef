"""When a product is made again: what it depends on changed, and only then."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pypdfium2 import PdfDocument

from Modules.disk import publish
from Modules.disk.publish_record import MANIFEST, PUBLISHING, OurFile, read_record, write_record
from Modules.disk.safe_files import FileFact
from Modules.jobs import code_version
from Modules.jobs.products import Encargo, make
from Modules.products.entry import Hecho, Producto
from Modules.products.registry import PRODUCTOS
from Modules.products.source import Fuente
from Modules.settings import Settings
from Modules.store.tareas import Tarea
from Modules.words.secret import Secret
from tests.fuentes import of_campos
from tests.productos_hechos import LATER, NOW, encargo_of, keep, settings_below, state_of

(ATLAS,) = (one for one in PRODUCTOS if one.nombre == "atlas")
ROOT = Path(__file__).resolve().parents[2]
ALL = {
    *("cultivos", "muestreos", "sustentabilidad", "mapa", "maquinas", "informe", "atlas"),
    *("proyecto", "KMZ", "H3"),
}


@pytest.fixture(scope="module")
def encargo(two_campos: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Encargo:
    settings = settings_below(tmp_path_factory.mktemp("encargo"))
    keep(settings, two_campos.tables)
    return encargo_of(settings)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("code") / "Modules"
    return shutil.copytree(ROOT / "Modules", copy, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def modules(copied: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of our code, which is the one that is hashed; a test leaves it as it found it."""
    monkeypatch.setattr(code_version, "_MODULES", copied)
    code_version.code_sha256.cache_clear()
    yield copied
    code_version.code_sha256.cache_clear()


@pytest.fixture(scope="module")
def before(encargo: Encargo) -> dict[str, str]:
    """What every product is made from, of the code as it is."""
    return keys(encargo)


def keys(encargo: Encargo) -> dict[str, str]:
    code_version.code_sha256.cache_clear()
    return {one.nombre: encargo.made_from(one) for one in PRODUCTOS}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name, key in before.items() if after[name] != key}


@pytest.mark.parametrize(
    ("setting", "value", "again"),
    [
        ("lindero_log_level", "DEBUG", set()),
        ("lindero_alert_email", "campo@example.com", set()),
        ("lindero_alert_webhook_url", Secret("https://example.com/x"), set()),
        ("databaler_client_secret", Secret("other"), set()),
        ("lindero_retention_daily", 3, set()),
        ("lindero_task_runner", "serial", set()),
        ("lindero_muestreo_puntos", 5, {"muestreos", "atlas"}),
        ("lindero_muestreo_margen_m", 33.0, {"muestreos", "atlas"}),
        ("lindero_eudr_puntos", True, {"sustentabilidad"}),
        ("lindero_h3_resolutions", (8,), {"H3"}),
        ("tz", "America/Montevideo", ALL),
    ],
)
def test_a_setting_makes_again_what_declares_it(
    encargo: Encargo, before: dict[str, str], setting: str, value: Any, again: set[str]
) -> None:
    settings = replace(encargo.settings, **{setting: value})
    assert getattr(settings, setting) != getattr(encargo.settings, setting)
    assert changed(before, keys(replace(encargo, settings=settings))) == again


@pytest.mark.parametrize(
    ("file", "again"),
    [
        ("words/spanish.py", ALL),
        ("geo/geometry.py", ALL),
        ("disk/publish.py", ALL),
        ("formats/geofiles.py", ALL),
        ("night/tables.py", ALL),
        ("store/snapshot.py", ALL),
        ("diff/changes.py", ALL),
        ("products/source.py", ALL),
        ("products/cultivos/sown.py", {"cultivos", "informe", "proyecto", "H3", "sustentabilidad"}),
        (
            "products/cultivos/__init__.py",
            {"cultivos", "informe", "proyecto", "H3", "sustentabilidad"},
        ),
        ("products/muestreos/plan.py", {"muestreos", "informe", "atlas", "proyecto"}),
        ("products/kmz/layers.py", ALL - {"cultivos", "sustentabilidad", "H3"}),
        ("products/atlas/hojas.py", {"atlas"}),
        ("products/atlas/mapa.typ", {"atlas"}),
        ("products/mapa/pagina/draw.js", {"mapa"}),
        ("products/mapa/pagina/mapa.css", {"mapa"}),
        ("products/informe/informe.typ", {"informe"}),
        ("products/maquinas/menus.py", {"maquinas"}),
        ("products/proyecto/proyecto.xml", {"proyecto"}),
        ("products/eudr/rules.py", {"sustentabilidad"}),
        ("products/sustentabilidad/fiboa.py", {"sustentabilidad"}),
        ("products/h3/tables.py", {"H3"}),
        ("products/registry.py", set()),
        ("settings.py", set()),
        ("demo/world.py", set()),
        ("portal/client.py", set()),
        ("backups/verify.py", set()),
        ("jobs/report.py", set()),
        ("cli/main.py", set()),
    ],
)
def test_code_makes_again_what_stands_on_it(
    encargo: Encargo, before: dict[str, str], modules: Path, file: str, again: set[str]
) -> None:
    whole, code = code_version.code_sha256(), (modules / file).read_bytes()
    try:
        (modules / file).write_bytes(code + b"# a comment\n")
        assert changed(before, keys(encargo)) == again
        assert code_version.code_sha256() != whole, "a deployment is of all of the code"
    finally:
        (modules / file).write_bytes(code)


def test_a_file_more_is_other_code(encargo: Encargo, before: dict[str, str], modules: Path) -> None:
    more = modules / "products/h3/colours.py"
    more.touch()
    assert changed(before, keys(encargo)) == {"H3"}
    more.unlink()


def test_other_data_and_other_libraries_make_everything_again(
    encargo: Encargo, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(encargo)
    assert keys(encargo) == before
    assert changed(before, keys(replace(encargo, origin="0" * 64))) == ALL
    task = Tarea(clave="x", tarea="CAMPO-1", origen="fila 2", campania="25/26", grupo="g")
    assert changed(before, keys(replace(encargo, tareas=(task,)))) == {"muestreos"}
    monkeypatch.setattr(code_version, "version_of", lambda name: f"{name} 99")
    assert changed(before, keys(encargo)) == ALL
    code_version.code_sha256.cache_clear()


def test_a_file_of_two_folders_lies_in_both_and_others_are_moved(encargo: Encargo) -> None:
    shared = {"qfield": {"a.txt": "a.txt"}, "lindero.qgz": {"b.txt": "a.txt", "c.txt": "c.txt"}}
    alone = {"qfield": {"a.txt": "a.txt"}, "lindero.qgz": {"b.txt": "b.txt"}}

    def build(_fuente: Fuente, work: Path, *, given: dict[str, dict[str, str]]) -> Hecho:
        for name in ("a.txt", "b.txt", "c.txt"):
            (work / name).write_text(f"{name} of {len(given)}", encoding="utf-8")
        built = {into: {to: work / of for to, of in some.items()} for into, some in given.items()}
        return Hecho(built)

    for given in (shared, alone):
        producto = Producto("dos", tuple(given), partial(build, given=given), ("kmz",), "mapas.md")
        results = make(producto, replace(encargo, origin=str(given)))
        assert [one.error for one in results] == [None, None]
        for carpeta, files in given.items():
            found = {name: (encargo.outputs / carpeta / name).read_text("utf-8") for name in files}
            assert found == {name: f"{of} of 2" for name, of in files.items()}


def without_its_night(path: Path) -> Any:
    """What a sheet says on each page, or the pixels of a card, above the line of its night."""
    if path.suffix == ".png":
        with Image.open(path) as image:
            return image.crop((0, 0, image.width, image.height - 70)).tobytes()
    with closing(PdfDocument(path)) as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
    assert all("Vigente desde el" in text for text in texts)
    of_the_night = r"Vigente desde el .{16} · backup \S+|Cambió la noche del .*?(?=Lote modif)"
    return [re.sub(of_the_night, "", " ".join(text.split())) for text in texts]


def atlas_of(settings: Settings, now: datetime) -> tuple[dict[str, tuple[int, int, int]], set[str]]:
    """The atlas of the newest night: what lies there, and what of it was written for it."""
    (result,) = make(ATLAS, encargo_of(settings, now=now))
    assert result.error is None
    assert result.published is not None
    return state_of(result.folder), {*result.published.written}


def test_a_sheet_that_shows_the_same_stays_as_it_lies(demo_fuente: Fuente, tmp_path: Path) -> None:
    """Three campos: one that changes, one that is edited, and one that nothing happens to."""
    tables, settings = (
        of_campos(demo_fuente.tables, "1003", "1009", "1010"),
        settings_below(tmp_path),
    )
    first = keep(settings, tables)
    before, written = atlas_of(settings, NOW)
    folder = settings.lindero_test_outputs_dir / "atlas"
    sheets = {name for name in before if name != MANIFEST}
    assert written == sheets

    lotes = tables.lotes.copy()
    one = lotes.index[0]
    lotes.loc[one, "superficie_declarada_ha"] = 4321.5
    changed = next(name for name in sheets if lotes.loc[one, "campo"] in name and ".pdf" in name)
    edited = max(name for name in sheets - {changed} if name.endswith(".pdf"))
    second = keep(settings, replace(tables, lotes=lotes), now=LATER, parent=first)
    (folder / edited).write_bytes(b"%PDF of somebody else")
    after, written = atlas_of(settings, LATER)
    assert written == {changed, edited}  # of the campo, not its card; and what was touched
    same = sheets - written
    assert any(name.endswith(".pdf") for name in same)
    assert {name: after[name] for name in same} == {name: before[name] for name in same}

    alone = settings_below(tmp_path / "alone")
    parent = keep(alone, tables)
    keep(alone, replace(tables, lotes=lotes), now=LATER, parent=parent)
    atlas_of(alone, LATER)
    for name in sheets:  # one that stayed is the one that this night would have drawn
        drawn = alone.lindero_test_outputs_dir / "atlas" / name
        assert without_its_night(folder / name) == without_its_night(drawn), name
    with closing(PdfDocument(folder / changed)) as document:
        assert f"backup {second.id}" in document[0].get_textpage().get_text_bounded()


def test_a_night_that_was_never_noted_lends_no_sheets(two_campos: Fuente, tmp_path: Path) -> None:
    tables, settings = two_campos.tables, settings_below(tmp_path)
    first = keep(settings, tables)
    atlas_of(settings, NOW)
    receipt = encargo_of(settings).receipt(ATLAS)
    noted = receipt.read_bytes()
    lotes = tables.lotes.copy()
    lotes.loc[lotes.index[0], "superficie_declarada_ha"] = 4321.5
    second = keep(settings, replace(tables, lotes=lotes), now=LATER, parent=first)
    _, changed = atlas_of(settings, LATER)

    receipt.write_bytes(noted)  # as where the process died between its files and its note
    keep(settings, tables, now=LATER + timedelta(days=1), parent=second)
    _, written = atlas_of(settings, LATER)
    assert written == changed
    receipt.write_bytes(noted.replace(b'"hechas"', b'"hechas": 7, "x"'))
    lotes.loc[lotes.index[0], "superficie_declarada_ha"] = 4321.6
    keep(settings, replace(tables, lotes=lotes), now=LATER + timedelta(days=2), parent=second)
    _, written = atlas_of(settings, LATER)
    assert len(written) > len(changed)  # nothing that a damaged note says is believed


def test_a_sheet_waits_for_the_next_change_when_its_own_was_told(
    two_campos: Fuente, tmp_path: Path
) -> None:
    """The night after a change nothing changed: the sheet still says when it did, and is true."""
    tables, settings = two_campos.tables, settings_below(tmp_path)
    lotes, others = tables.lotes.copy(), tables.lotes.copy()
    one = lotes.index[0]
    two = lotes.index[lotes["campo_id"] != lotes.loc[one, "campo_id"]][0]
    lotes.loc[one, "superficie_declarada_ha"] = others.loc[one, "superficie_declarada_ha"] = 4321.5
    others.loc[two, "superficie_declarada_ha"] = 1234.5
    first = keep(settings, tables)
    atlas_of(settings, NOW)
    second = keep(settings, replace(tables, lotes=lotes), now=LATER, parent=first)
    _, written = atlas_of(settings, LATER)
    (changed,) = written
    third = LATER + timedelta(days=1)
    keep(settings, replace(tables, lotes=others), now=third, parent=second)
    _, written = atlas_of(settings, third)
    assert len(written) == 1
    assert changed not in written

    folder = settings.lindero_test_outputs_dir / "atlas"
    with closing(PdfDocument(folder / changed)) as document:
        texts = [page.get_textpage().get_text_bounded() for page in document]
    assert all(f"backup {second.id}" in text for text in texts)
    assert sum("Cambió la noche del 21/11/2025" in text for text in texts) == 1
    alone = settings_below(tmp_path / "alone")
    parent = keep(alone, replace(tables, lotes=lotes), now=LATER)
    keep(alone, replace(tables, lotes=others), now=third, parent=parent)
    atlas_of(alone, third)
    drawn = alone.lindero_test_outputs_dir / "atlas" / changed
    assert without_its_night(folder / changed) == without_its_night(drawn)


def test_a_sheet_that_could_not_be_replaced_is_the_next_night(
    two_campos: Fuente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds it open: what lies there is that of before, and is not taken for the new."""
    tables, settings = two_campos.tables, settings_below(tmp_path)
    lotes = tables.lotes.copy()
    lotes.loc[lotes.index[0], "superficie_declarada_ha"] = 4321.5
    first = keep(settings, tables)
    atlas_of(settings, NOW)
    changed = f"atlas_25-26 - {lotes['campo'].iloc[0]}.pdf"
    second = keep(settings, replace(tables, lotes=lotes), now=LATER, parent=first)
    with monkeypatch.context() as held:  # by the files that say so of a GeoPackage
        held.setattr(publish, "side_files", lambda path: [path][: path.name == changed])
        (result,) = make(ATLAS, encargo_of(settings, now=LATER))
    assert result.published is not None
    (copy,) = result.published.pending
    _, written = atlas_of(settings, LATER)  # the same night, and nobody holds it any more
    assert written == {changed}
    folder = settings.lindero_test_outputs_dir / "atlas"
    assert not (folder / copy).exists()
    with closing(PdfDocument(folder / changed)) as document:
        assert f"backup {second.id}" in document[0].get_textpage().get_text_bounded()
        assert any("4.321,5" in page.get_textpage().get_text_bounded() for page in document)


def test_a_product_is_made_beside_a_campania_that_was_cut_short(
    two_campos: Fuente, tmp_path: Path
) -> None:
    settings = settings_below(tmp_path)
    first = keep(settings, two_campos.tables)
    before, _ = atlas_of(settings, NOW)
    folder = settings.lindero_test_outputs_dir / "atlas"
    record, _ = read_record(folder)
    half = {**record.files, "atlas_24-25 - X.pdf": OurFile(FileFact(1, "0" * 64), None)}
    write_record(folder, replace(record, state=PUBLISHING, files=half), NOW)
    after, written = atlas_of(settings, NOW)  # the same night
    assert not written
    assert before.keys() == after.keys()
    lotes = two_campos.tables.lotes.copy()
    lotes.loc[lotes.index[0], "superficie_declarada_ha"] = 4321.5
    keep(settings, replace(two_campos.tables, lotes=lotes), now=LATER, parent=first)
    _, written = atlas_of(settings, LATER)
    assert len(written) == 1


def test_a_note_that_cannot_be_written_is_said_and_no_product_fails(encargo: Encargo) -> None:
    producto = next(one for one in PRODUCTOS if one.nombre == "cultivos")
    encargo.receipt(producto).mkdir(parents=True)
    for _ in range(2):
        (result,) = make(producto, encargo)
        assert result.error is None
        assert result.published is not None
        assert any("se hace de nuevo" in aviso for aviso in result.avisos)
