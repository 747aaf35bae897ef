from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from lxml import etree

from Modules.demo.fotos import foto
from Modules.disk.publish import publish_files
from Modules.formats.cells import cells
from Modules.formats.kml_text import plain
from Modules.geo.geometry import geodesic_area_ha
from Modules.night.tables import Tables
from Modules.products.entry import Hecho
from Modules.products.kmz import (
    POR_CAMPO,
    POR_CULTIVO_CAMPO,
    POR_CULTIVO_LOTE,
    POR_LOTE,
    PRODUCTO,
    kinds,
)
from Modules.products.kmz.product import build_mapas_kmz, build_muestreos_kmz
from Modules.products.muestreos.plan import plan_muestreo
from Modules.products.runner import Runner, in_processes, in_threads, serial
from Modules.products.source import Fuente
from Modules.store.fotos import Fotos
from Modules.words.names import check_names
from tests.kml_reading import KML, data, folders, geometry, read_kmz
from tests.sample_tables import tables as sample

NOW = datetime(2025, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def mapas(demo_fuente: Fuente, tmp_path_factory: pytest.TempPathFactory) -> Hecho:
    return build_mapas_kmz(demo_fuente, tmp_path_factory.mktemp("kmz"))


@pytest.fixture(scope="module")
def roots(mapas: Hecho) -> dict[str, dict[str, etree._Element]]:
    """Every file of the night, read and found valid."""
    return {
        carpeta: {name: read_kmz(path) for name, path in files.items()}
        for carpeta, files in mapas.carpetas.items()
    }


def with_tables(fuente: Fuente, **frames: pd.DataFrame) -> Fuente:
    return replace(fuente, tables=Tables(**(fuente.tables.as_dict() | frames)))


def placemarks(root: etree._Element, *names: str) -> Iterator[etree._Element]:
    found = folders(root)
    for name in names:
        yield from found.get(name, [])


def contents(mapas: Hecho) -> dict[str, bytes]:
    return {
        f"{carpeta}/{name}": path.read_bytes()
        for carpeta, files in mapas.carpetas.items()
        for name, path in files.items()
    }


# --- what is in which file -----------------------------------------------------------------------


def test_every_lote_is_once_in_the_campo_files_and_has_a_file(
    demo_fuente: Fuente, roots: Mapping[str, Mapping[str, etree._Element]]
) -> None:
    lotes = demo_fuente.tables.lotes
    by_campo = [
        data(mark) for root in roots[POR_CAMPO].values() for mark in placemarks(root, "Lotes")
    ]
    assert sorted(item["lote_id"] for item in by_campo) == sorted(lotes["lote_id"])
    assert len(roots[POR_CAMPO]) == lotes["campo_id"].nunique()
    own = [data(*placemarks(root, "Lote")) for root in roots[POR_LOTE].values()]
    assert sorted(item["lote_id"] for item in own) == sorted(lotes["lote_id"])


@pytest.mark.parametrize("table", ["ambientes", "marcadores"])
def test_what_is_drawn_in_a_lote_is_in_its_file_and_nowhere_else(
    demo_fuente: Fuente, roots: Mapping[str, Mapping[str, etree._Element]], table: str
) -> None:
    frame = demo_fuente.tables.as_dict()[table]
    found = []
    for root in roots[POR_LOTE].values():
        lote_id = data(*placemarks(root, "Lote"))["lote_id"]
        found += [(lote_id, data(mark)[f"{table[:-1] if table == 'ambientes' else 'marcador'}_id"])
                  for mark in placemarks(root, table.capitalize())]  # fmt: skip
    assert sorted(found) == sorted(zip(frame["lote_id"], frame.iloc[:, 0], strict=True))
    for familia in (POR_CAMPO, POR_CULTIVO_CAMPO, POR_CULTIVO_LOTE):
        assert not any(table.capitalize() in folders(root) for root in roots[familia].values())


@pytest.mark.parametrize("familia", [POR_CULTIVO_CAMPO, POR_CULTIVO_LOTE])
def test_every_siembra_is_once_in_the_folder_of_its_cultivo(
    demo_fuente: Fuente, roots: Mapping[str, Mapping[str, etree._Element]], familia: str
) -> None:
    tables = demo_fuente.tables
    crop_of = dict(zip(tables.siembras["siembra_id"], tables.siembras["cultivo"], strict=True))
    found, bare = [], []
    for name, root in roots[familia].items():
        cultivo = name.split("/")[1]
        assert name.split("/")[-1].startswith(f"{cultivo} - ")
        for mark in placemarks(root, "Siembras"):
            assert cultivo == crop_of[data(mark)["siembra_id"]] == data(mark)["cultivo"]
            found.append(data(mark)["siembra_id"])
        bare += [(cultivo, data(mark)["lote_id"]) for mark in placemarks(root, "Lotes")]
    assert sorted(found) == sorted(crop_of)
    unsown = set(tables.lotes["lote_id"]) - set(tables.siembras["lote_id"])
    assert unsown
    assert sorted(bare) == sorted(("Sin cultivo", lote_id) for lote_id in unsown)


def test_the_numbers_are_those_of_the_tables(
    demo_fuente: Fuente, roots: Mapping[str, Mapping[str, etree._Element]]
) -> None:
    lotes = demo_fuente.tables.lotes.set_index("lote_id")
    for root in roots[POR_CAMPO].values():
        for mark in placemarks(root, "Lotes"):
            item = data(mark)
            row = lotes.loc[item["lote_id"]]
            assert (item["campo"], item["lote"]) == (plain(row["campo"]), plain(row["lote"]))
            shape = geometry(mark)
            assert shape.geom_type == row["geometry"].geom_type or len(row["geometry"].geoms) == 1
            area = geodesic_area_ha([shape])[0]
            assert area == pytest.approx(row["superficie_ha"], abs=0.002 + 1e-5 * area)
            assert float(item["superficie_ha"]) == pytest.approx(row["superficie_ha"], abs=1e-4)
            snippet = mark.findtext(f"{KML}Snippet")
            assert snippet.endswith(f" · {item['superficie']}")
            assert snippet.startswith(
                row["cultivos"] if pd.notna(row["cultivos"]) else "Sin cultivo"
            )


def test_gdal_reads_rows_attributes_and_shapes(demo_fuente: Fuente, mapas: Hecho) -> None:
    counts: Counter[str] = Counter()
    frames = []
    for path in mapas.carpetas[POR_CAMPO].values():
        lotes = pyogrio.read_dataframe(path, layer="Lotes")
        frames.append(lotes)
        counts["etiquetas"] += len(pyogrio.read_dataframe(path, layer="Etiquetas"))
        assert (pyogrio.read_dataframe(path, layer="Leyenda").geom_type == "Point").all()
    for path in list(mapas.carpetas[POR_LOTE].values())[::10]:
        for name, _ in pyogrio.list_layers(path):
            assert len(pyogrio.read_dataframe(path, layer=name))
    found = pd.concat(frames).set_index("lote_id").sort_index()
    wanted = demo_fuente.tables.lotes.set_index("lote_id").sort_index()
    assert counts["etiquetas"] == len(found) == len(wanted)
    names = [plain(name) for name in wanted["lote"]]
    assert found["lote"].tolist() == found["Name"].tolist() == names
    assert set(found.geom_type) <= {"Polygon", "MultiPolygon"}
    areas = geodesic_area_ha(np.asarray(found.geometry.array))
    assert areas == pytest.approx(wanted["superficie_ha"].to_numpy(), rel=1e-5)


def test_a_document_tells_when_from_what_and_how_many(
    demo_fuente: Fuente, roots: Mapping[str, Mapping[str, etree._Element]]
) -> None:
    for files in roots.values():
        for root in files.values():
            text = root.findtext(f"{KML}Document/{KML}description")
            assert "Campaña 25/26" in text
            assert "20/11/2025 03:00" in text
            assert str(demo_fuente.snapshot_id) in text
    lotes = demo_fuente.tables.lotes
    for root in roots[POR_CAMPO].values():
        rows = list(placemarks(root, "Lotes"))
        text = root.findtext(f"{KML}Document/{KML}description")
        assert f"{len(rows)} lote" in text
        legend = [mark.findtext(f"{KML}Snippet") for mark in placemarks(root, "Leyenda")]
        assert sum(int(line.split(" ")[0]) for line in legend) == len(rows)
        assert all(line in text for line in legend)
    assert lotes["lote_id"].is_unique


def test_the_map_opens_on_all_that_it_shows(
    roots: Mapping[str, Mapping[str, etree._Element]],
) -> None:
    for root in roots[POR_CAMPO].values():
        look = root.find(f"{KML}Document/{KML}LookAt")
        bounds = shapely.GeometryCollection([geometry(m) for m in placemarks(root, "Lotes")]).bounds
        assert bounds[0] < float(look.findtext(f"{KML}longitude")) < bounds[2]
        assert bounds[1] < float(look.findtext(f"{KML}latitude")) < bounds[3]
        assert float(look.findtext(f"{KML}range")) > (bounds[3] - bounds[1]) * 111_000


def test_labels_lie_inside_what_they_name(
    roots: Mapping[str, Mapping[str, etree._Element]],
) -> None:
    for root in roots[POR_CAMPO].values():
        marks = {mark.get("id"): mark for mark in placemarks(root, "Etiquetas")}
        for lote in placemarks(root, "Lotes"):
            label = marks[f"etiqueta-{lote.get('id')}"]
            assert label.findtext(f"{KML}name") == lote.findtext(f"{KML}name")
            assert geometry(lote).contains(geometry(label))


def test_a_lote_has_the_colour_of_its_last_cultivo(
    demo_fuente: Fuente, roots: Mapping[str, Mapping[str, etree._Element]]
) -> None:
    siembras = demo_fuente.tables.siembras.sort_values("orden")
    last = siembras.groupby("lote_id").tail(1).set_index("lote_id")["cultivo_codigo"].to_dict()
    seen = set()
    for root in roots[POR_CAMPO].values():
        for mark in placemarks(root, "Lotes"):
            code = last.get(data(mark)["lote_id"])
            url = mark.findtext(f"{KML}styleUrl")
            seen.add(url)
            if code is None:
                assert url == "#sin-cultivo"
            elif code == "OTR":
                assert url.startswith("#cultivo-OTR-")
            else:
                assert url == f"#cultivo-{code}"
    assert len(seen) > 5


# --- the same data, the same bytes ---------------------------------------------------------------


def test_the_same_night_gives_the_same_bytes_in_any_order_of_rows(
    demo_fuente: Fuente, mapas: Hecho, tmp_path: Path
) -> None:
    shuffled = {
        name: frame.sample(frac=1, random_state=7).reset_index(drop=True)
        for name, frame in demo_fuente.tables.as_dict().items()
    }
    again = build_mapas_kmz(with_tables(demo_fuente, **shuffled), tmp_path)
    assert contents(again) == contents(mapas)


def test_a_second_publication_writes_nothing_and_a_lost_lote_goes(
    demo_fuente: Fuente, mapas: Hecho, tmp_path: Path
) -> None:
    files, folder = mapas.carpetas[POR_CULTIVO_CAMPO], tmp_path / "out"
    night = str(demo_fuente.snapshot_id)
    first = publish_files(files, folder, snapshot_id=night, now=NOW)
    assert len(first.written) == len(files)
    again = build_mapas_kmz(demo_fuente, tmp_path / "b", familias=[POR_CULTIVO_CAMPO])
    second = publish_files(again.carpetas[POR_CULTIVO_CAMPO], folder, snapshot_id=night, now=NOW)
    assert not second.changed
    siembras = demo_fuente.tables.siembras
    less = with_tables(demo_fuente, siembras=siembras[siembras["cultivo"] != "Girasol"])
    rest = build_mapas_kmz(less, tmp_path / "c", familias=[POR_CULTIVO_CAMPO])
    third = publish_files(rest.carpetas[POR_CULTIVO_CAMPO], folder, snapshot_id=night, now=NOW)
    assert third.removed
    assert all(name.startswith("25-26/Girasol/") for name in third.removed)


# --- hostile names -------------------------------------------------------------------------------


def renamed(fuente: Fuente, names: list[str]) -> Fuente:
    """The night with other names in every text that people write, and fewer marks."""
    marks = fuente.tables.marcadores[::5].reset_index(drop=True)
    fuente, frames = with_tables(fuente, marcadores=marks), dict[str, Any]()
    for table, columns in {
        "lotes": ["lote", "cultivos"],
        "ambientes": ["ambiente", "potencial"],
        "marcadores": ["marcador", "tipo", "estado", "observacion"],
        "siembras": ["cultivo", "material"],
    }.items():
        frame = fuente.tables.as_dict()[table].copy()
        for shift, column in enumerate(columns):
            texts = [names[(i + shift) % len(names)] for i in range(len(frame))]
            frame[column] = pd.Series(texts, index=frame.index, dtype=object)
        frames[table] = frame
    frames["siembras"]["cultivo_codigo"] = "OTR"
    by_campo = dict(zip(fuente.tables.campos["campo_id"], names, strict=False))
    for table in ("campos", "lotes"):
        frame = frames.get(table, fuente.tables.as_dict()[table]).copy()
        texts = [by_campo[key] for key in frame["campo_id"]]
        frame["campo"] = pd.Series(texts, index=frame.index, dtype=object)
        frames[table] = frame
    return with_tables(fuente, **frames)


HOSTILE = [
    "<![CDATA[x", "]]>", "Peña & Hijos", "&copy;", "$[name]", "<b>negrita</b>", "a\x00b",
    "\x1b[31m", "\ud800", "\u202eabc", "CON", "nul", "7", "7 ", "Ñandú", "n\u0303andu\u0301",
    "ñANDÚ", "a/b", "a\\b", "..", "desktop.ini", "~$x", "_vti_", "x" * 300, "🌱" * 90, "\ufeff",
    "\ufffe", "'", '"', "=1+1", "Lote: 3/4?", "<script>alert(1)</script>", "%s %d %%", "{name}",
    "- parte 1", " ", "\u3000", "İ", "ß",
]  # fmt: skip


def _check_hostile(fuente: Fuente, folder: Path) -> None:
    mapas = build_mapas_kmz(fuente, folder)
    lotes = fuente.tables.lotes
    for files in mapas.carpetas.values():
        check_names(files)
    assert len(mapas.carpetas[POR_LOTE]) == len(lotes)
    found = {}
    for path in [*mapas.carpetas[POR_CAMPO].values(), *mapas.carpetas[POR_CULTIVO_CAMPO].values()]:
        for mark in placemarks(read_kmz(path), "Lotes"):
            found[data(mark)["lote_id"]] = mark.findtext(f"{KML}name")
    for path in list(mapas.carpetas[POR_LOTE].values())[:60]:
        read_kmz(path)
    assert found == dict(zip(lotes["lote_id"], map(plain, lotes["lote"]), strict=True))


def test_hostile_names_reach_the_files_whole_and_harmless(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    _check_hostile(renamed(demo_fuente, HOSTILE), tmp_path)


@pytest.mark.shared
def test_naughty_names_reach_the_files_whole_and_harmless(
    demo_fuente: Fuente, tmp_path: Path, shared_data: Path
) -> None:
    names = json.loads((shared_data / "dirty/names/blns.json").read_text(encoding="utf-8"))
    for start in (0, 150, 300):
        _check_hostile(renamed(demo_fuente, names[start : start + 215]), tmp_path / str(start))


def test_an_id_like_a_word_of_ours_is_still_unique(demo_fuente: Fuente, tmp_path: Path) -> None:
    tables = demo_fuente.tables
    words = ["muestreo", "otro", "alto", "sin-cultivo", "etiqueta", "lote-1", "muestreo.normal"]
    marcadores = tables.marcadores[tables.marcadores["lote_id"] == tables.lotes["lote_id"][0]].head(
        7
    )
    marcadores = marcadores.assign(marcador_id=words[: len(marcadores)])
    night = with_tables(demo_fuente, marcadores=marcadores.reset_index(drop=True))
    for path in build_mapas_kmz(night, tmp_path, familias=[POR_LOTE]).carpetas[POR_LOTE].values():
        read_kmz(path)


def test_spellings_of_an_unknown_crop_are_one_folder(demo_fuente: Fuente, tmp_path: Path) -> None:
    siembras = demo_fuente.tables.siembras.head(4).copy()
    siembras["cultivo_codigo"] = "OTR"
    siembras["cultivo"] = ["Algodón", "ALGODON", "Sin cultivo", "algodón"]
    night = with_tables(demo_fuente, siembras=siembras)
    built = build_mapas_kmz(night, tmp_path, familias=[POR_CULTIVO_CAMPO])
    crops = {name.split("/")[1] for name in built.carpetas[POR_CULTIVO_CAMPO]}
    assert "ALGODON" in crops
    assert len(crops) == 3  # and the crop that is called as the lotes without any
    assert sum(name.startswith("Sin culti") for name in crops) == 2


# --- empty, odd, large ---------------------------------------------------------------------------


@pytest.mark.parametrize("empty", ["siembras", "ambientes", "marcadores", "cultivos", "campos"])
def test_an_empty_table_gives_valid_files(demo_fuente: Fuente, tmp_path: Path, empty: str) -> None:
    frame = demo_fuente.tables.as_dict()[empty].head(0)
    mapas = build_mapas_kmz(with_tables(demo_fuente, **{empty: frame}), tmp_path)
    for files in mapas.carpetas.values():
        for path in list(files.values())[::15]:
            read_kmz(path)
    if empty == "siembras":
        assert {name.split("/")[1] for name in mapas.carpetas[POR_CULTIVO_LOTE]} == {"Sin cultivo"}


def test_nothing_at_all_gives_no_files(demo_fuente: Fuente, tmp_path: Path) -> None:
    mapas = build_mapas_kmz(replace(demo_fuente, tables=sample(0)), tmp_path)
    assert mapas.carpetas == {familia: {} for familia in PRODUCTO.carpetas}


def test_holes_and_parts_survive(demo_fuente: Fuente, tmp_path: Path) -> None:
    lotes = demo_fuente.tables.lotes.copy()
    west, south, east, north = lotes.geometry[0].bounds
    dx, dy = (east - west) / 10, (north - south) / 10
    holed = shapely.box(west, south, west + 5 * dx, north) - shapely.box(
        west + dx, south + dy, west + 2 * dx, south + 2 * dy
    )
    odd = shapely.MultiPolygon([holed, shapely.box(west + 6 * dx, south, east, north)])
    lotes.loc[0, "geometry"] = gpd.GeoSeries([odd], crs=lotes.crs)[0]
    built = build_mapas_kmz(with_tables(demo_fuente, lotes=lotes), tmp_path, familias=[POR_CAMPO])
    for path in built.carpetas[POR_CAMPO].values():
        frame = pyogrio.read_dataframe(path, layer="Lotes").set_index("lote_id")
        if lotes["lote_id"][0] in frame.index:
            found = frame.geometry[lotes["lote_id"][0]]
            assert found.geom_type == "MultiPolygon"
            assert geodesic_area_ha([found])[0] == pytest.approx(
                geodesic_area_ha([odd])[0], abs=0.002
            )
            return
    pytest.fail("the lote is in no file")


@pytest.mark.parametrize("limit", [{"max_placemarks": 25}, {"max_bytes": 60_000}], ids=str)
def test_a_large_file_is_written_in_parts_with_a_warning(
    demo_fuente: Fuente, tmp_path: Path, limit: dict[str, int]
) -> None:
    mapas = build_mapas_kmz(demo_fuente, tmp_path, familias=[POR_CAMPO, POR_LOTE], **limit)
    assert mapas.avisos
    files = mapas.carpetas[POR_CAMPO]
    assert any(" - parte 2.kmz" in name for name in files)
    assert all(
        f"{name.split(' - parte ')[0]}.kmz" not in files for name in files if "parte" in name
    )
    for carpeta in mapas.carpetas.values():
        check_names(carpeta)
    found = []
    for path in files.values():
        root = read_kmz(path)
        marks = [mark for items in folders(root).values() for mark in items]
        assert len(marks) <= limit.get("max_placemarks", 10_000)
        own = [mark.get("id") for mark in placemarks(root, "Lotes")]
        labels = [mark.get("id") for mark in placemarks(root, "Etiquetas")]
        assert labels == [f"etiqueta-{item}" for item in own]
        found += own
    assert sorted(found) == sorted(f"lote-{key}" for key in demo_fuente.tables.lotes["lote_id"])


def bytes_of(made: Hecho) -> dict[tuple[str, str], bytes]:
    """Every file that was made, by folder and path."""
    return {
        (folder, name): path.read_bytes()
        for folder, files in made.carpetas.items()
        for name, path in files.items()
    }


@pytest.mark.parametrize(
    "run",
    [
        serial,
        pytest.param(in_threads(2), marks=pytest.mark.integration),
        pytest.param(in_processes(2), marks=pytest.mark.integration),
    ],
    ids=["serial", "threads", "processes"],
)
def test_pieces_and_who_runs_them_change_no_byte(
    run: Runner, mapas: Hecho, demo_fuente: Fuente, tmp_path: Path
) -> None:
    pieces: list[object] = []

    def counted(work: Callable[[Any], Any], chunks: Iterable[Any]) -> Iterable[Any]:
        every = list(chunks)
        pieces.extend(every)
        return run(work, every)

    made = build_mapas_kmz(demo_fuente, tmp_path / "a", run=counted, campos=5)
    assert len(pieces) > 2
    assert bytes_of(made) == bytes_of(mapas)
    (tmp_path / "fotos").mkdir()
    kept = Fotos(tmp_path / "fotos")
    kept.keep("1", foto(1))
    one = kept.get("1")
    assert one is not None
    fotos = dict.fromkeys(cells(demo_fuente.tables.marcadores["marcador_id"])[::7], (one,))
    shown, shown_too = (
        bytes_of(build_mapas_kmz(demo_fuente, tmp_path / name, fotos, **how))
        for name, how in (("d", {}), ("e", {"run": counted, "campos": 5}))
    )
    assert shown == shown_too != bytes_of(mapas)
    plan = plan_muestreo(demo_fuente)
    whole, parts = (
        build_muestreos_kmz(demo_fuente, plan.puntos, plan.ambientes, tmp_path / name, **how)
        for name, how in (("b", {}), ("c", {"run": counted, "juntos": 5}))
    )
    assert len(whole.carpetas["muestreos"]) > 1
    assert (bytes_of(parts), parts.avisos) == (bytes_of(whole), whole.avisos)


@pytest.mark.parametrize("limit", [{"max_placemarks": 25}, {"max_bytes": 60_000}], ids=str)
def test_parts_of_large_files_do_not_hang_on_the_pieces(
    demo_fuente: Fuente, tmp_path: Path, limit: dict[str, int]
) -> None:
    """Nor does one spelling of a crop that nobody knows, beside others in other campos, nor land
    that is counted once, of lotes in campos far apart in the list.
    """
    lotes = demo_fuente.tables.lotes.copy()
    names = lotes["campo"].astype(str)
    first, last = (lotes.index[names == one][0] for one in (min(names), max(names)))
    same = ["geometry", "superficie_ha"]
    lotes.loc[last, same] = lotes.loc[first, same]
    siembras = demo_fuente.tables.siembras.copy()
    some = siembras.index[::7]
    spelt = [("quínoa", "Quinoa", "QUINOA")[i % 3] for i in range(len(some))]
    siembras.loc[some, "cultivo_codigo"], siembras.loc[some, "cultivo"] = "OTR", spelt
    night = with_tables(demo_fuente, siembras=siembras, lotes=lotes)
    one, many = (build_mapas_kmz(night, tmp_path / str(n), campos=n, **limit) for n in (1_000, 3))
    assert bytes_of(one) == bytes_of(many)
    assert sorted(one.avisos) == sorted(many.avisos)


def test_small_files_make_no_warning(mapas: Hecho) -> None:
    assert mapas.avisos == ()


# --- sampling ------------------------------------------------------------------------------------


def test_the_sampling_map_has_points_real_and_proposed_over_ambientes(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    plan = plan_muestreo(demo_fuente)
    mapas = build_muestreos_kmz(
        demo_fuente, plan.puntos, plan.ambientes, tmp_path, max_placemarks=100_000
    )
    assert mapas.avisos == ()
    root = read_kmz(mapas.carpetas["muestreos"]["muestreos_25-26.kmz"])
    found = {data(mark)["punto_id"]: data(mark) for mark in placemarks(root, "Muestreo")}
    assert sorted(found) == sorted(plan.puntos["punto_id"])
    assert {item["origen"] for item in found.values()} == {"real", "propuesto"}
    assert len(folders(root)["Ambientes"]) == len(plan.ambientes)


def test_a_large_sampling_map_is_one_for_each_campo(demo_fuente: Fuente, tmp_path: Path) -> None:
    plan = plan_muestreo(demo_fuente)
    mapas = build_muestreos_kmz(demo_fuente, plan.puntos, plan.ambientes, tmp_path)
    files = mapas.carpetas["muestreos"]
    campos = set(plan.puntos["campo_id"]) | set(plan.ambientes["campo_id"])
    assert len(files) == len(campos) > 1
    assert mapas.avisos[0].startswith("muestreos_25-26.kmz")
    check_names(files)
    points = [
        data(m)["punto_id"] for f in files.values() for m in placemarks(read_kmz(f), "Muestreo")
    ]
    assert sorted(points) == sorted(plan.puntos["punto_id"])


def test_the_map_of_a_campo_is_the_one_of_a_plan_of_that_campo_alone(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    plan = plan_muestreo(demo_fuente)
    files = build_muestreos_kmz(demo_fuente, plan.puntos, plan.ambientes, tmp_path / "all")
    by_points = {
        tuple(data(m)["punto_id"] for m in placemarks(root, "Muestreo")): root
        for root in map(read_kmz, files.carpetas["muestreos"].values())
    }
    for at, (campo_id, own) in enumerate([*plan.puntos.groupby("campo_id")][::3]):
        zones = plan.ambientes[plan.ambientes["campo_id"] == campo_id]
        alone = build_muestreos_kmz(demo_fuente, own, zones, tmp_path / str(at))
        (path,) = alone.carpetas["muestreos"].values()
        root = read_kmz(path)
        same = by_points[tuple(data(m)["punto_id"] for m in placemarks(root, "Muestreo"))]
        for name in ("Lotes", "Ambientes", "Recorrido", "Muestreo", "Recorrida", "Etiquetas"):
            both = ([etree.tostring(m) for m in placemarks(one, name)] for one in (root, same))
            assert next(both) == next(both), (campo_id, name)


def test_a_plan_without_points_is_still_a_map(demo_fuente: Fuente, tmp_path: Path) -> None:
    plan = plan_muestreo(demo_fuente)
    mapas = build_muestreos_kmz(demo_fuente, plan.puntos.head(0), plan.ambientes.head(0), tmp_path)
    assert list(folders(read_kmz(mapas.carpetas["muestreos"]["muestreos_25-26.kmz"]))) == []


def test_a_crew_reads_short_names_in_the_order_of_the_route(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    plan = plan_muestreo(demo_fuente)
    files = build_muestreos_kmz(demo_fuente, plan.puntos, plan.ambientes, tmp_path / "a")
    lotes = demo_fuente.tables.lotes.set_index("lote_id")
    for path in files.carpetas["muestreos"].values():
        root = read_kmz(path)
        marks = list(placemarks(root, "Muestreo"))
        visited = [m for m in marks if data(m)["orden"]]
        assert {m.findtext(f"{KML}name") for m in visited} == set(
            map(str, range(1, len(visited) + 1))
        )
        names = [m.findtext(f"{KML}name") for m in marks]
        assert len(set(names)) == len(names)
        done = [m for m in marks if data(m)["estado"].lower() == "hecho"]
        assert all(m.findtext(f"{KML}name").startswith("hecho ") for m in done)
        assert not {data(m)["punto_id"] for m in done} & {data(m)["punto_id"] for m in visited}
        where = {data(m)["orden"]: geometry(m).coords[0] for m in visited}
        (way,) = placemarks(root, "Recorrido")
        assert list(geometry(way).coords) == [where[str(n)] for n in range(1, len(visited) + 1)]
        drawn = {data(m)["lote_id"]: m for m in placemarks(root, "Lotes")}
        own = plan.puntos[plan.puntos["punto_id"].isin({data(m)["punto_id"] for m in marks})]
        assert set(own["lote_id"]) <= set(drawn)
        assert {m.findtext(f"{KML}styleUrl") for m in drawn.values()} == {"#contorno"}
        for key, mark in drawn.items():
            assert mark.findtext(f"{KML}name") == plain(lotes.loc[key, "lote"])
        assert all(data(m)["tipo"] != "muestreo" for m in placemarks(root, "Recorrida"))
    one = build_muestreos_kmz(
        demo_fuente, plan.puntos, plan.ambientes, tmp_path / "b", max_placemarks=100_000
    )
    (path,) = one.carpetas["muestreos"].values()
    names = [m.findtext(f"{KML}name") for m in placemarks(read_kmz(path), "Muestreo")]
    assert len(set(names)) == len(names) == len(plan.puntos)
    assert max(map(len, names)) <= 30


def test_a_campo_of_300_points_is_one_file_whose_numbers_show_when_its_lotes_are_near(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    plan = plan_muestreo(demo_fuente)
    own = plan.puntos[plan.puntos["campo_id"] == plan.puntos["campo_id"].mode()[0]]
    copies = [own.assign(punto_id=own["punto_id"] + f"-{n}") for n in range(300 // len(own) + 1)]
    many = pd.concat(copies, ignore_index=True).head(300)
    many["orden"] = pd.array(range(1, 301), dtype="Int64")
    zones = plan.ambientes[plan.ambientes["campo_id"] == many["campo_id"].iloc[0]]
    files = build_muestreos_kmz(demo_fuente, many, zones, tmp_path)
    assert files.avisos == ()
    (path,) = files.carpetas["muestreos"].values()
    root = read_kmz(path)
    regions = {
        mark.get("id", ""): mark.find(f"{KML}Region") for mark in placemarks(root, "Etiquetas")
    }
    hidden = {key.split("-")[1] for key, region in regions.items() if region is not None}
    shown = {key.split("-")[1] for key, region in regions.items() if region is None}
    assert (hidden, shown) == ({"punto", "ambiente"}, {"lote"})
    assert sum(key.startswith("etiqueta-punto") for key in regions) == 300
    pixels = {
        region.findtext(f".//{KML}minLodPixels")
        for region in regions.values()
        if region is not None
    }
    assert pixels == {"220"}
    icons = [
        style for style in root.iter(f"{KML}Style") if style.get("id", "").startswith("muestreo-")
    ]
    assert {style.findtext(f".//{KML}LabelStyle/{KML}scale") for style in icons} == {"0"}


def test_words_that_nobody_knows_are_drawn_as_the_last_of_the_legend() -> None:
    assert kinds.potencial("altísimo") == kinds.potencial(None) == kinds.potencial("")
    assert kinds.potencial("altísimo").nombre == "Potencial sin dato"
    assert kinds.potencial("altísimo").style.id == "potencial-sin-dato"
    assert kinds.tipo("ovni") == kinds.tipo("otro")
    assert kinds.estado("perdido").style.id == "muestreo-sin-estado"
    assert kinds.estado("hecho").style.color == "#2E7D32"
