"""Lotes whose ambientes do not add up are named; the others are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from Modules.night.tables import Tables, build_tables
from Modules.products.muestreos.control import ambientes_que_no_suman, notas_ambientes
from Modules.products.source import Fuente
from Modules.words.domain import BoundingBox, Campania, Record, Recurso


def test_the_ambientes_of_the_demo_tile_their_lotes(demo_fuente: Fuente) -> None:
    assert notas_ambientes(demo_fuente.tables) == ()
    assert notas_ambientes(demo_fuente.tables, tolerancia=-1) != ()  # there was something to judge


def test_a_missing_ambiente_and_one_twice_are_named_with_their_sign(demo_fuente: Fuente) -> None:
    tables = demo_fuente.tables
    lost, doubled = tables.ambientes["lote_id"].drop_duplicates().iloc[[3, 7]]
    rows = tables.ambientes
    of_lost = rows.index[rows["lote_id"] == lost][0]
    changed = rows.drop(index=of_lost)
    changed = changed.assign(
        superficie_ha=changed["superficie_ha"].where(
            changed["lote_id"] != doubled, changed["superficie_ha"] * 1.006
        )
    )
    wrong = ambientes_que_no_suman(replace(tables, ambientes=changed)).set_index("lote_id")
    assert set(wrong.index) == {lost, doubled}
    assert wrong.loc[doubled, "diferencia"] == pytest.approx(0.006, abs=1e-4)
    gone = rows.loc[of_lost, "superficie_ha"]
    assert wrong.loc[lost, "diferencia_ha"] == pytest.approx(-gone, abs=0.05)


def items_tables(lote: shapely.Geometry, ambientes: list[shapely.Geometry]) -> Tables:
    """One lote and its ambientes, by the way every night goes."""
    items = {
        Recurso.CAMPOS: [{"id": "1", "nombre": "Balcarce"}],
        Recurso.LOTES: [
            {
                "id": "10",
                "campo_id": "1",
                "nombre": "Trigo 60",
                "campania": "25/26",
                "geometry": shapely.geometry.mapping(lote),
            }
        ],
        Recurso.AMBIENTES: [
            {
                "id": f"a{n}",
                "lote_id": "10",
                "campania": "25/26",
                "nombre": f"Zona {n}",
                "geometry": shapely.geometry.mapping(zone),
            }
            for n, zone in enumerate(ambientes)
        ],
    }
    records = {r: [Record(i, 1, n) for n, i in enumerate(rows)] for r, rows in items.items()}
    built = build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox())
    assert len(built.tables.rechazados) == 0
    return built.tables


@pytest.mark.shared
def test_wheat_zones_that_overlap_by_ten_centimetres_pass_and_two_of_three_do_not(
    shared_data: Path,
) -> None:
    zones = list(gpd.read_file(shared_data / "zones" / "ar_wheat_zones_derived.geojson").geometry)
    outline = gpd.read_file(shared_data / "zones" / "ar_wheat_boundary_derived.geojson").geometry
    tables = items_tables(outline.iloc[0], zones)
    summed = tables.ambientes["superficie_ha"].sum()
    assert summed != tables.lotes["superficie_ha"].sum()  # they do overlap
    assert notas_ambientes(tables) == ()
    (note,) = notas_ambientes(items_tables(outline.iloc[0], zones[:2]))
    assert note.startswith("Balcarce, lote Trigo 60 (10): los ambientes suman 35,9")
    assert note.endswith("ha (−40,0 %)")


def test_numbers_are_written_as_in_argentina() -> None:
    big = shapely.box(-61, -34, -60.9, -33.9)
    (note,) = notas_ambientes(items_tables(big, [shapely.box(-61, -34, -60.95, -33.9)]))
    assert "el lote 10.2" in note
    assert note.endswith("(−50,0 %)")
