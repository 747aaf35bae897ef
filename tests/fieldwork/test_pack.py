"""The maps of a month's plan: the planned lotes alone, published beside other months' maps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest

from Modules.backups.verify import Scope, verify_backups
from Modules.disk.publish import Published
from Modules.disk.published import check_folder
from Modules.fieldwork.fechas import Mes
from Modules.fieldwork.join import Trabajo, join
from Modules.fieldwork.pack import build_pack, publish_pack
from Modules.fieldwork.rows import read_planilla
from Modules.products.muestreos.plan import plan_muestreo
from Modules.products.source import Fuente
from Modules.settings import Settings
from Modules.words.domain import Modo
from Modules.words.folders import PLAN_MUESTREO as CARPETA
from tests.kml_reading import KML, folders, read_kmz
from tests.productos_hechos import LATER, NOW, encargo_of, keep, settings_below, state_of

MES = Mes(2025, 11)
LA_PAZ = f"25-26/2025-11/La Paz - Ñandú/{CARPETA}_2025-11 - La Paz - Ñandú"
OMBU = f"25-26/2025-11/El Ombú/{CARPETA}_2025-11 - El Ombú"
ENTERO = "10001"  # a lote of La Paz without ambientes, and with marks
BARE = "10016"  # one of El Ombú that has neither


def rows_of(
    fuente: Fuente, *lote_ids: str, mes: Mes = MES, depth: str = "0-20"
) -> tuple[Trabajo, ...]:
    cells = [["lote_id", "Fecha", "Profundidad"], *([one, "5/11/2025", depth] for one in lote_ids)]
    planilla = read_planilla(cells, archivo="Plan", hoja="Hoja 1")
    found, _ = join([planilla], fuente.tables, fuente.campania, mes)
    assert len(found) == len(lote_ids)
    return found


@pytest.fixture(scope="module")
def night(demo_fuente: Fuente) -> Fuente:
    """The made-up night, with a lote that has neither ambientes nor marks."""
    marks = demo_fuente.tables.marcadores
    kept = marks[marks["lote_id"] != BARE].reset_index(drop=True)
    return replace(demo_fuente, tables=replace(demo_fuente.tables, marcadores=kept))


@pytest.fixture(scope="module")
def planned(night: Fuente) -> tuple[Trabajo, ...]:
    return rows_of(night, "10000", ENTERO, BARE, "10013")


@pytest.fixture(scope="module")
def built(
    night: Fuente, planned: tuple[Trabajo, ...], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    maps, files = build_pack(night, planned, MES, tmp_path_factory.mktemp("pack"), 3, 20.0)
    assert maps == {"1000": f"{LA_PAZ}.kmz", "1001": f"{OMBU}.kmz"}
    return files


def test_each_campo_has_a_map_and_its_samples(built: dict[str, Path]) -> None:
    assert set(built) == {
        f"{stem}.{end}" for stem in (LA_PAZ, OMBU) for end in ("kmz", "modus.json")
    }


def test_the_map_shows_the_planned_lotes_and_no_other(built: dict[str, Path]) -> None:
    root = read_kmz(built[f"{LA_PAZ}.kmz"])
    placed = folders(root)
    names = [one.findtext(f"{KML}name") for one in placed["Lotes"]]
    assert len(names) == 2
    assert root.findtext(f".//{KML}Document/{KML}name") == (
        "Plan de muestreo · La Paz - Ñandú · Noviembre 2025"
    )
    assert len(placed["Recorrido"]) == 1
    assert placed["Muestreo"]
    assert placed["Ambientes"]


def test_a_lote_without_ambientes_is_on_the_map_and_gets_points(
    night: Fuente, built: dict[str, Path]
) -> None:
    assert not {ENTERO, BARE} & set(night.tables.ambientes["lote_id"])
    placed = folders(read_kmz(built[f"{OMBU}.kmz"]))
    assert len(placed["Lotes"]) == 2
    samples = samples_of(built[f"{OMBU}.modus.json"])
    own = [one for one in samples if one["source"]["field"]["id"] == BARE]
    assert [one["source"]["subfield"]["name"] for one in own] == ["Lote entero"] * 3


def samples_of(path: Path) -> list[dict[str, dict[str, dict[str, str]]]]:
    return list(json.loads(path.read_bytes())["samples"].values())


def test_samples_are_called_as_in_the_map_of_the_night(
    night: Fuente, built: dict[str, Path]
) -> None:
    points = plan_muestreo(night).puntos
    called = dict(zip(points["punto_id"], points["muestra_id"], strict=True))
    document = json.loads(built[f"{LA_PAZ}.modus.json"].read_bytes())
    assert document["date"] == "2025-11-01"
    seen = {}
    for key, sample in document["samples"].items():
        seen[key.rpartition("#")[0]] = sample["source"]["sampleid"]
    own = {key: name for key, name in seen.items() if key in called}
    assert len(own) > 20
    assert all(name.startswith(called[key]) for key, name in own.items())
    assert {key.split("/")[1] for key in set(seen) - set(called)} <= {"lote"}


def test_depth_and_day_of_the_row_fill_what_a_point_does_not_say(built: dict[str, Path]) -> None:
    proposed = [one for one in samples_of(built[f"{OMBU}.modus.json"])
                if one["lindero"]["origen"] == "propuesto"]  # fmt: skip
    assert proposed
    assert {one["depth"]["name"] for one in proposed} == {"0-20 cm"}
    assert {one["source"]["date"] for one in proposed} == {"2025-11-05"}


def test_the_walk_counts_from_one_in_the_planned_lotes(built: dict[str, Path]) -> None:
    for name in (f"{LA_PAZ}.modus.json", f"{OMBU}.modus.json"):
        orders = {sample["source"]["sampleid"].split(" 0-")[0]: sample["lindero"].get("orden")
                  for sample in samples_of(built[name])}  # fmt: skip
        walked = sorted({one for one in orders.values() if one is not None})
        assert walked == [*range(1, len(walked) + 1)]


def test_the_order_of_rows_and_of_the_tables_changes_no_byte(
    night: Fuente, planned: tuple[Trabajo, ...], built: dict[str, Path], tmp_path: Path
) -> None:
    tables = night.tables
    turned = replace(tables, **{
        name: frame.iloc[::-1].reset_index(drop=True)
        for name, frame in tables.as_dict().items() if name in ("lotes", "ambientes", "marcadores")
    })  # fmt: skip
    _, again = build_pack(replace(night, tables=turned), planned[::-1], MES, tmp_path, 3, 20.0)
    assert {name: path.read_bytes() for name, path in again.items()} == {
        name: path.read_bytes() for name, path in built.items()
    }


def test_the_walk_is_made_for_the_planned_lotes(night: Fuente, tmp_path: Path) -> None:
    rows = rows_of(night, BARE, "10013", "10014")
    _, built = build_pack(night, rows, MES, tmp_path, 3, 20.0)
    walked = {
        sample["lindero"]["orden"]: sample["source"]["field"]["id"]
        for sample in samples_of(built[f"{OMBU}.modus.json"])
        if "orden" in sample["lindero"]
    }
    visits = [lote for lote, _ in groupby(walked[at] for at in sorted(walked))]
    assert sorted(visits) == ["10013", "10014", BARE]
    assert visits[1] != BARE  # the two that touch are walked one after the other


def publish(
    settings: Settings, *lote_ids: str, mes: Mes = MES, later: bool = False
) -> tuple[Published, dict[str, str], Path]:
    encargo = encargo_of(settings, now=LATER if later else NOW)
    trabajos: Sequence[Trabajo] = rows_of(encargo.fuente, *lote_ids, mes=mes)
    return *publish_pack(encargo, trabajos, mes), encargo.outputs


def test_published_again_nothing_is_written_and_verify_finds_all_in_place(
    night: Fuente, tmp_path: Path
) -> None:
    settings = settings_below(tmp_path)
    keep(settings, night.tables)
    _, first, outputs = publish(settings, "10000", "10013")
    before = state_of(outputs / CARPETA)
    assert set(first.values()) == {f"{CARPETA}/{LA_PAZ}.kmz", f"{CARPETA}/{OMBU}.kmz"}
    assert all((outputs / path).is_file() for path in first.values())
    second, *_ = publish(settings, "10013", "10000", later=True)
    assert not second.changed
    assert state_of(outputs / CARPETA) == before
    assert check_folder(outputs / CARPETA).foreign == ()
    found = verify_backups(settings, Modo.TEST, scope=Scope.NEWEST, now=LATER)
    assert f"outputs/{CARPETA}" in found.carpetas
    assert found.ajenos == ()
    (outputs / first["1000"]).unlink()
    broken = verify_backups(settings, Modo.TEST, scope=Scope.NEWEST, now=LATER)
    (lost,) = (one for one in broken.report.errors if one.where == f"outputs/{CARPETA}")
    assert lost.item == f"{LA_PAZ}.kmz"
    assert lost.todo == "corra lindero run plan-muestreo --test"


def test_other_months_and_campos_stay_and_a_campo_is_renewed(night: Fuente, tmp_path: Path) -> None:
    settings = settings_below(tmp_path)
    keep(settings, night.tables)
    publish(settings, "10000", "10013")
    publish(settings, "10000", mes=Mes(2025, 12))
    done, _, outputs = publish(settings, "10000", ENTERO)
    assert done.removed == ()
    assert set(done.written) == {f"{LA_PAZ}.kmz", f"{LA_PAZ}.modus.json"}
    names = {name for name in state_of(outputs / CARPETA) if name.endswith(".kmz")}
    other = LA_PAZ.replace("2025-11", "2025-12")
    assert names == {f"{LA_PAZ}.kmz", f"{OMBU}.kmz", f"{other}.kmz"}


def test_a_plan_without_rows_touches_nothing(night: Fuente, tmp_path: Path) -> None:
    settings = settings_below(tmp_path)
    keep(settings, night.tables)
    *_, outputs = publish(settings, "10000")
    before = state_of(outputs / CARPETA)
    _, kmz, _ = publish(settings)
    assert (kmz, state_of(outputs / CARPETA)) == ({}, before)
