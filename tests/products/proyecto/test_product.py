"""The project as files: whole wherever it lies, the same bytes for equal data, any name."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyogrio
import pytest
import shapely
from defusedxml import ElementTree

from Modules.diff.changes import diff_tables
from Modules.disk.destinations import apart
from Modules.disk.edits import is_edited
from Modules.disk.problems import Damage
from Modules.disk.publish import publish_files
from Modules.disk.published import check_folder
from Modules.formats.qgis_project import is_technical
from Modules.night.tables import Tables
from Modules.products.proyecto.capas import own_layers
from Modules.products.proyecto.product import build_proyecto
from Modules.products.source import Fuente
from Modules.store.numeros import Numeros
from Modules.words.domain import Recurso
from tests.fuentes import campo, fuente_of, lote, night_of, tables_of
from tests.qgis_asked import ask

BESIDE = {
    "cultivos": ("cultivos_25-26.gpkg",),
    "muestreos": ("muestreos_25-26.gpkg", "muestreos_25-26.kmz"),
    "sustentabilidad": ("eudr_25-26.geojson",),
    "H3": ("25-26/h3_25-26_r08.gpkg",),
}
QGZ, GPKG = "lindero_25-26.qgz", "lindero_25-26.gpkg"
LONG = "Ñandú " * 33
RTL = "مزرعة الأمل"


def root_of(path: Path) -> ElementTree:
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        doctype, _, text = archive.read(name).partition(b"\n")
    assert (name, doctype[:15]) == ("lindero_25-26.qgs", b"<!DOCTYPE qgis ")
    return ElementTree.fromstring(text)


def sources(root: ElementTree) -> dict[str, str]:
    return {layer.findtext("id"): layer.findtext("datasource") for layer in root.iter("maplayer")}


@pytest.fixture(scope="module")
def built(
    demo_night: Fuente, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Mapping[str, Path]]:
    night = replace(demo_night, numeros=Numeros())
    return build_proyecto(night, tmp_path_factory.mktemp("proyecto"), BESIDE).carpetas


def test_the_same_night_gives_the_same_bytes_whatever_the_order_of_rows(
    built: Mapping[str, Mapping[str, Path]], demo_fuente: Fuente, tmp_path: Path
) -> None:
    turned = Tables(
        **{name: frame.iloc[::-1] for name, frame in demo_fuente.tables.as_dict().items()}
    )
    again = build_proyecto(replace(demo_fuente, tables=turned), tmp_path, BESIDE).carpetas
    assert {folder: set(files) for folder, files in again.items()} == {
        "proyecto": {QGZ, GPKG},
        "qfield": {QGZ, GPKG},
    }
    for folder, files in built.items():
        for name, path in files.items():
            assert path.read_bytes() == again[folder][name].read_bytes(), (folder, name)


def test_what_is_not_beside_is_not_named_anywhere(built: Mapping[str, Mapping[str, Path]]) -> None:
    whole, phone = (root_of(built[folder][QGZ]) for folder in ("proyecto", "qfield"))
    at = sources(whole)
    assert at["lindero_muestreos"] == "../muestreos/muestreos_25-26.gpkg|layername=muestreos"
    assert at["lindero_hexagonos"] == "../H3/25-26/h3_25-26_r08.gpkg|layername=hexagonos_r08"
    assert {one.partition("|")[0] for one in sources(phone).values()} == {f"./{GPKG}"}
    for root in (whole, phone):
        known = set(sources(root))
        for tag, key in (
            ("layer-tree-layer", "id"),
            ("layer", "id"),
            ("relation", "referencingLayer"),
        ):
            named = {node.get(key) for node in root.iter(tag)} - {None}
            assert {one for one in named if one.startswith("lindero_")} <= known, tag
        assert not [one for one in root.iter("layer-tree-group") if not len(one)]
    assert {one.get("readOnly") for one in whole.iter("maplayer")} == {"1"}
    free = [one.findtext("id") for one in phone.iter("maplayer") if one.get("readOnly") == "0"]
    assert free == ["lindero_marcadores"]


def test_nobody_s_personal_data_are_in_it(
    built: Mapping[str, Mapping[str, Path]], demo_fuente: Fuente
) -> None:
    campos = demo_fuente.tables.campos
    told = {*campos["cuit"].dropna(), *campos["renspa"].dropna(), *campos["empresa"].dropna()}
    data = b"".join(path.read_bytes() for path in built["proyecto"].values())
    with zipfile.ZipFile(built["proyecto"][QGZ]) as archive:
        data += archive.read("lindero_25-26.qgs")
    assert told
    assert [one for one in told if one.encode() in data] == []


def test_every_layer_has_the_rows_of_the_night_and_the_numbers_it_keeps(
    built: Mapping[str, Mapping[str, Path]], demo_fuente: Fuente
) -> None:
    tables = demo_fuente.tables
    for name, key in (("lotes", "lote"), ("siembras", "siembra"), ("ambientes", "ambiente"),
                      ("marcadores", "marcador")):  # fmt: skip
        rows = pyogrio.read_dataframe(built["proyecto"][GPKG], layer=name, fid_as_index=True)
        rows = rows.sort_values(f"{key}_id")
        ids = tables.as_dict()[name][f"{key}_id"]
        assert sorted(rows[f"{key}_id"]) == sorted(ids)
        given = Numeros().of(key, rows[f"{key}_id"])
        assert rows.index.tolist() == given.tolist(), name
    campos = pyogrio.read_dataframe(built["proyecto"][GPKG], layer="campos")
    assert campos["superficie_ha"].sum() == pytest.approx(tables.lotes["superficie_ha"].sum())
    assert campos["n_lotes"].sum() == len(tables.lotes)


def hostile() -> Fuente:
    """A campo without lotes; a lote of 3 m² and one of 300 km²; 500 marks in one; long names,
    right to left, markup; a crop without a colour."""
    tiny, huge = (
        shapely.box(-60, -34, -59.99998, -33.99998),
        shapely.box(-60.5, -34.4, -60.32, -34.24),
    )
    marks = [
        {"id": f"M{at}", "lote_id": "L2", "nombre": f"<b>{at}</b> & {RTL}", "tipo": "maleza",
         "updated_at": "2025-11-19T12:00:00-03:00", "campania": "25/26",
         "geometry": {"type": "Point", "coordinates": [-60.4 + at * 1e-4, -34.3]}}
        for at in range(500)
    ]  # fmt: skip
    return fuente_of(
        {
            Recurso.CAMPOS: [campo(1, LONG), campo(2, RTL), campo(3, "<b>Sin & lotes</b>")],
            Recurso.LOTES: [
                lote(1, '<i>1</i> & "2"', campo_at=1, cultivos=["Chía"], shape=tiny),
                lote(2, LONG[:190], campo_at=2, cultivos=["Trigo", "Soja 2da"], shape=huge),
            ],
            Recurso.MARCADORES: marks,
        }
    )


def test_a_change_of_a_campo_does_not_paint_its_lotes(
    built: Mapping[str, Mapping[str, Path]],
) -> None:
    root = root_of(built["proyecto"][QGZ])
    layer = root.find("projectlayers/maplayer[id='lindero_cambios']")
    (rule,) = (one.find("Option[@name='expression']").get("value")
               for one in layer.iter("Option") if one.get("name") == "fillStyle")  # fmt: skip
    assert rule == "if(\"lote_id\" <> '', 'solid', 'no')"


def test_marks_that_are_new_are_named_on_their_lote_among_the_changes() -> None:
    items = {
        Recurso.CAMPOS: [campo(1, "Uno")],
        Recurso.LOTES: [lote(1, "5", campo_at=1)],
        Recurso.MARCADORES: [
            {"id": "M1", "lote_id": "L1", "nombre": "Rama negra", "tipo": "maleza",
             "geometry": {"type": "Point", "coordinates": [-65.945, -37.995]}}
        ],
    }  # fmt: skip
    before, now = tables_of({**items, Recurso.MARCADORES: []}), tables_of(items)
    layer = own_layers(replace(night_of(now), changes=diff_tables(before, now)))["cambios"]
    (row,) = layer.to_dict("records")
    assert (row["que"], row["detalle"]) == ("marcadores", "1 nuevo (Rama negra, maleza)")
    assert row["geometry"].equals(now.lotes.geometry.iloc[0])


def test_a_night_of_nothing_and_one_of_the_odd_are_projects_too(tmp_path: Path) -> None:
    empty = build_proyecto(night_of(tables_of({})), tmp_path / "0", {}).carpetas["proyecto"]
    root = root_of(empty[QGZ])
    assert root.findtext("projectCrs/spatialrefsys/authid") == "EPSG:3857"
    assert list(root.find("Bookmarks")) == []
    kinds = {str(n): k for n, k in pyogrio.list_layers(empty[GPKG])}
    assert (kinds["marcadores"], kinds["trazos"]) == ("Point", "MultiLineString")
    assert {kinds[name] for name in ("campos", "lotes", "ambientes", "cambios")} == {"MultiPolygon"}


def test_a_project_that_somebody_saved_is_kept_and_one_that_is_cut_is_damage(
    built: Mapping[str, Mapping[str, Path]], tmp_path: Path
) -> None:
    out, now = tmp_path / "proyecto", datetime(2025, 11, 20, 6, tzinfo=UTC)
    publish_files(built["proyecto"], out, snapshot_id="x", now=now)
    ours = (out / QGZ).read_bytes()
    with zipfile.ZipFile(out / QGZ, "w") as archive:  # as QGIS leaves it
        archive.writestr(
            "lindero_25-26.qgs", '<qgis projectname="x" version="3.22.16-Białowieża"/>'
        )
    assert is_edited(out / QGZ, ())
    (found,) = check_folder(out).problems
    assert (found.item, found.code) == (QGZ, Damage.EDITED)
    done = publish_files(built["proyecto"], out, snapshot_id="x", now=now)
    assert done.edited == ("lindero_25-26 (editado 2025-11-20).qgz",)
    assert (out / QGZ).read_bytes() == ours
    for broken in (ours[: len(ours) // 2], ours[:3000] + bytes([ours[3000] ^ 1]) + ours[3001:]):
        (out / QGZ).write_bytes(broken)
        assert not is_edited(out / QGZ, ())
        (found,) = check_folder(out).problems
        assert found.is_error


def test_a_neighbour_whose_link_leads_elsewhere_is_told_from_one_that_is_beside(
    tmp_path: Path,
) -> None:
    names = ("cultivos", "muestreos", "H3")
    assert apart(tmp_path, "proyecto", names, {"cultivos": Path("C:/A/cultivos")}) == []
    links = {"proyecto": Path("C:/A/proyecto"), "cultivos": Path("c:\\a\\Cultivos")}
    links |= {"muestreos": Path("C:/B/muestreos")}
    assert apart(tmp_path, "proyecto", names, links) == ["muestreos", "H3"]
    for name in ("proyecto", "cultivos"):
        (tmp_path / "OneDrive" / name).mkdir(parents=True)
        (tmp_path / name).symlink_to(tmp_path / "OneDrive" / name)
    assert apart(tmp_path, "proyecto", names, {}) == ["muestreos", "H3"]


def test_a_real_qgis_opens_it_with_all_that_it_says(
    qgis: Path, built: Mapping[str, Mapping[str, Path]], demo_fuente: Fuente, tmp_path: Path
) -> None:
    odd = build_proyecto(hostile(), tmp_path / "odd", {}).carpetas["proyecto"]
    phone = build_proyecto(demo_fuente, tmp_path / "phone", {}).carpetas["qfield"]
    for folder, files in (("a", odd), ("b", phone)):
        (tmp_path / folder).mkdir()
        for name, path in files.items():
            (tmp_path / folder / name).write_bytes(path.read_bytes())
    asked = [
        {"qgz": str(tmp_path / one / QGZ), "png": str(tmp_path / f"{one}.png")} for one in "ab"
    ]
    first, second = ask(qgis, {"proyectos": asked}, tmp_path)["proyectos"]
    tables = demo_fuente.tables
    rows = {key.removeprefix("lindero_"): one["filas"] for key, one in second["capas"].items()}
    assert rows["lotes"] == len(tables.lotes)
    assert rows["marcadores"] == len(tables.marcadores)
    assert second["crs"] == "EPSG:32720"
    assert second["hojas"] == len(second["lugares"]) == tables.lotes["campo_id"].nunique()
    shown = tables.lotes.loc[tables.lotes["campo"] == second["campo"], "lote"]
    assert second["rotuladas"] == sorted(shown)
    assert all(valid for valid, _ in second["relaciones"].values())
    assert second["relaciones"]["lotes_marcadores"][1] > 1
    assert {"lotes_siembras", "lotes_marcadores", "lotes_ambientes"} <= set(second["relaciones"])
    assert second["temas"] == ["Ambientes", "Cambios", "Cultivos", "Marcadores"]
    assert second["grupos"] == ["Campos", "Cambios", "Marcadores", "Ambientes", "Cultivos"]
    assert second["hoja"][1:3] == [205.0, 156.0]
    assert second["nuevo"]["marcador_id"] == "uuid('WithoutBraces')"
    marks = second["capas"]["lindero_marcadores"]
    assert (marks["solo_lectura"], marks["palabras"]) == (
        False,
        ["estado", "muestra_compuesta", "tipo"],
    )
    for one in second["capas"].values():
        assert all(map(is_technical, one["ocultas"]))
        assert not [name for name in one["alias"] if "_" in name]
    assert first["hojas"] == 2
    assert first["capas"]["lindero_campos"]["filas"] == 3
    tip = first["capas"]["lindero_lotes"]["ficha"]
    assert '&lt;i>1&lt;/i> &amp; "2"' in tip
    assert "[%" not in tip
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_real_qgis_writes_all_that_happened_to_a_lote_in_one_label(
    qgis: Path, demo_fuente: Fuente, tmp_path: Path
) -> None:
    now = demo_fuente.tables
    own = now.ambientes["lote_id"].iloc[0]
    before = replace(
        now,
        ambientes=now.ambientes[now.ambientes["lote_id"] != own].reset_index(drop=True),
        marcadores=now.marcadores[now.marcadores["lote_id"] != own].reset_index(drop=True),
    )
    night = replace(demo_fuente, changes=diff_tables(before, now))
    files = build_proyecto(night, tmp_path / "hecho", {}).carpetas["proyecto"]
    asked = {"mapas": [{"capas": [[str(files[GPKG]), "cambios"]]}]}
    (layer,) = ask(qgis, asked, tmp_path)["mapas"][0]["capas"]
    assert layer == {"filas": 2, "rotuladas": 1, "textos": ["ambientes\nmarcadores"]}


def test_the_layers_are_those_of_the_page(built: Mapping[str, Mapping[str, Path]]) -> None:
    page = Path(__file__).parents[3] / "docs" / "productos.md"
    part = page.read_text("utf-8").partition("### Capas de `lindero_25-26.gpkg`")[2]
    lines = part.partition("- **")[0].splitlines()
    listed = {line.split("`")[1] for line in lines if line.startswith("| `")}
    assert listed == {str(name) for name, _ in pyogrio.list_layers(built["proyecto"][GPKG])}
