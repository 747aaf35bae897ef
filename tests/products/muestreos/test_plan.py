"""The plan: real marks as they are, proposals only where there are none, one order for the crew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from Modules.night.tables import build_tables
from Modules.products.muestreos.plan import AMBIENTES_PLAN, PUNTOS, PlanMuestreo, plan_muestreo
from Modules.products.muestreos.product import muestras
from Modules.products.source import Fuente
from Modules.words.domain import BoundingBox, Campania, Record, Recurso
from Modules.words.errors import SettingsError
from tests.fuentes import night_of

LOTE = shapely.box(-61.0, -34.0, -60.99, -33.99)  # about 900 m by 1100 m
WEST, EAST = shapely.box(-61.0, -34.0, -60.995, -33.99), shapely.box(-60.995, -34, -60.99, -33.99)


def item(kind: str, item_id: str, geometry: BaseGeometry, **values: Any) -> dict[str, Any]:
    base = {"lote_id": "10", "campania": "25/26", "nombre": f"{kind} {item_id}"}
    return base | {"id": item_id, "geometry": shapely.geometry.mapping(geometry)} | values


def fuente_of(
    ambientes: Sequence[Mapping[str, Any]] = (),
    marcadores: Sequence[Mapping[str, Any]] = (),
    lotes: Sequence[Mapping[str, Any]] | None = None,
    campos: Sequence[Mapping[str, Any]] | None = None,
) -> Fuente:
    """A night with what is given, by the way every night goes."""
    items = {
        Recurso.CAMPOS: campos or [{"id": "1", "codigo": "LPZ", "nombre": "La Paz"}],
        Recurso.LOTES: lotes or [item("lote", "10", LOTE, campo_id="1", nombre="7 A/B")],
        Recurso.AMBIENTES: ambientes,
        Recurso.MARCADORES: marcadores,
    }
    records = {r: [Record(i, 1, n) for n, i in enumerate(rows)] for r, rows in items.items()}
    season = Campania(25, 26)
    tables = build_tables(records, campania=season, encodings={}, bbox=BoundingBox()).tables
    assert tables.rechazados.empty, tables.rechazados.to_string()
    return night_of(tables)


def mark(mark_id: str, lon: float, lat: float, **values: Any) -> dict[str, Any]:
    return item("marca", mark_id, shapely.Point(lon, lat), **({"tipo": "muestreo"} | values))


TWO = (item("a", "a1", WEST, nombre="Loma"), item("a", "a2", EAST, nombre="Bajo"))


def proposed_for(plan: PlanMuestreo) -> dict[str, int]:
    return plan.propuestos["ambiente_id"].value_counts().to_dict()


def test_ambientes_without_marks_get_points_and_the_others_none() -> None:
    plan = plan_muestreo(fuente_of(TWO, [mark("m1", -60.998, -33.995)]), puntos_por_ambiente=4)
    assert proposed_for(plan) == {"a2": 4}
    assert plan.reales["punto_id"].tolist() == ["m1"]
    assert set(plan.propuestos["origen"]) == set(plan.propuestos["estado"]) == {"propuesto"}
    assert shapely.contains(EAST, plan.propuestos.geometry.to_numpy()).all()
    counts = plan.ambientes.set_index("ambiente_id")[["n_muestreos", "n_propuestos"]]
    assert counts.loc["a1"].tolist() == [1, 0]
    assert counts.loc["a2"].tolist() == [0, 4]


def test_a_mark_counts_where_it_lies_and_where_it_is_named() -> None:
    named_only = mark("m1", -60.998, -33.995, ambiente_id="a2")  # lies in a1, says a2
    plan = plan_muestreo(fuente_of(TWO, [named_only]))
    assert proposed_for(plan) == {}
    assert plan.reales["ambiente"].tolist() == ["Bajo"]


def test_an_ambiente_the_portal_does_not_know_is_looked_up_on_the_ground() -> None:
    plan = plan_muestreo(fuente_of(TWO, [mark("m1", -60.998, -33.995, ambiente_id="gone")]))
    assert plan.reales["ambiente_id"].tolist() == ["a1"]
    assert proposed_for(plan) == {"a2": 3}


def test_marks_of_other_kinds_and_annulled_ones_are_no_samples() -> None:
    marks = [
        mark("weed", -60.998, -33.995, tipo="maleza"),
        mark("off", -60.998, -33.996, estado="anulado", orden=1),
        mark("far", -60.5, -33.5),
    ]
    plan = plan_muestreo(fuente_of(TWO, marks))
    assert proposed_for(plan) == {"a1": 3, "a2": 3}
    real = plan.reales.set_index("punto_id")
    assert set(real.index) == {"off", "far"}
    assert pd.isna(real.loc["off", "orden"])
    assert pd.isna(real.loc["far", "ambiente_id"])
    assert plan.puntos["punto_id"].iloc[-1] == "off"


def test_where_ambientes_overlap_the_one_of_the_marks_lote_is_its_own() -> None:
    lotes = [item("lote", "10", LOTE, campo_id="1"), item("lote", "20", LOTE, campo_id="1")]
    ambientes = [item("a", "a1", LOTE), item("a", "a2", LOTE, lote_id="20")]
    plan = plan_muestreo(fuente_of(ambientes, [mark("m1", -60.998, -33.995, lote_id="20")], lotes))
    assert plan.reales["ambiente_id"].tolist() == ["a2"]
    assert proposed_for(plan) == {}  # it lies in both


def test_marks_drawn_as_areas_and_lines_become_a_point_inside_and_say_so() -> None:
    horseshoe = shapely.LineString([(-60.998, -33.998), (-60.996, -33.998), (-60.996, -33.992)])
    marks = [
        item("m", "area", horseshoe.buffer(0.0003), tipo="muestreo"),
        item("m", "line", horseshoe, tipo="muestreo"),
    ]
    real = plan_muestreo(fuente_of(TWO, marks)).reales.set_index("punto_id")
    assert real["forma"].to_dict() == {"area": "polígono", "line": "línea"}
    assert real.geometry["area"].within(horseshoe.buffer(0.0003))
    assert real.geometry["line"].distance(horseshoe) < 1e-9


def test_order_in_a_lote_is_the_portals_then_a_short_way() -> None:
    marks = [
        mark("c", -60.9990, -33.999, orden=1),
        mark("a", -60.9970, -33.999, orden=2),
        mark("b", -60.9985, -33.999),
    ]
    plan = plan_muestreo(fuente_of(TWO, marks), puntos_por_ambiente=2)
    assert plan.puntos["punto_id"].tolist()[:3] == ["c", "a", "b"]
    assert plan.puntos["orden"].tolist() == [1, 2, 3, 4, 5]
    portal = plan.reales.set_index("punto_id")["orden_portal"]
    assert (portal["c"], portal["a"], pd.isna(portal["b"])) == (1, 2, True)


def test_the_way_of_a_crew_leaves_out_what_is_done_and_no_number_moves() -> None:
    spots = {"a": -60.9970, "b": -60.9980, "c": -60.9985, "d": -60.9990}
    marks = [mark(name, lon, -33.999, estado="planificado") for name, lon in spots.items()]
    before = fuente_of(TWO[:1], marks)
    first = plan_muestreo(before).puntos.set_index("punto_id")
    done = [one | {"estado": "hecho", "orden": 1} if one["id"] == "c" else one for one in marks]
    after = replace(fuente_of(TWO[:1], done), numeros=before.numeros)
    plan = plan_muestreo(after)
    assert plan.puntos["punto_id"].tolist() == ["d", "b", "a", "c"]
    assert plan.puntos["orden"].tolist()[:3] == [1, 2, 3]
    now = plan.puntos.set_index("punto_id")
    assert pd.isna(now.loc["c", "orden"])
    assert now["numero"].to_dict() == first["numero"].to_dict()
    assert proposed_for(plan) == {}, "what is done counts for its ambiente"
    assert [(one.punto_id, one.orden) for one in muestras(plan, after)][-1] == ("c", None)


def test_a_mark_far_from_its_lote_is_on_no_route_and_none_of_an_ambiente() -> None:
    near, road, far = (shapely.Point(-61.0015 - d, -33.995) for d in (-0.005, 0.0, 2.0))
    marks = [
        item("m", name, spot, tipo="muestreo", estado="planificado", ambiente_id="a1", orden=at)
        for at, (name, spot) in enumerate([("far", far), ("near", near), ("road", road)])
    ]
    twice = shapely.box(-61.005, -34, -60.995, -33.99)  # half of it is outside the lote
    ambientes = [
        item("a", "a1", WEST),
        item("a", "a2", twice),
        item("a", "a3", shapely.box(-60, -34, -59.99, -33.99)),
    ]
    with_near = plan_muestreo(fuente_of(ambientes[:1], marks)).puntos.set_index("punto_id")
    assert with_near["orden"].dropna().to_dict() == {"near": 1, "road": 2}
    plan = plan_muestreo(fuente_of(ambientes, marks[:1]))
    assert plan.reales["orden"].isna().all()
    proposed = plan.propuestos.groupby("ambiente_id").size().to_dict()
    assert proposed == {"a1": 3, "a2": 3}, "a mark far away is none, and a3 is nowhere in its lote"
    assert plan.propuestos.geometry.within(LOTE).all()


def test_codes_of_proposed_points_fit_a_label_and_are_unique() -> None:
    lotes = [item("lote", n, LOTE, campo_id="1", nombre="7 A/B") for n in ("10", "20")]
    ambientes = [
        item("a", "a1", WEST, nombre="Loma"),
        item("a", "a2", WEST, nombre="LOMA", lote_id="20"),
        item("a", "a3", EAST, nombre="Bajo"),
    ]
    fuente = fuente_of(ambientes, lotes=lotes)
    codes = plan_muestreo(fuente, puntos_por_ambiente=2).puntos["codigo"]
    assert sorted(codes) == [
        *("LPZ-7 A-B (10)-Bajo-P1", "LPZ-7 A-B (10)-Bajo-P2"),
        *("LPZ-7 A-B (10)-Loma-P1", "LPZ-7 A-B (10)-Loma-P2"),
        *("LPZ-7 A-B (20)-LOMA-P1", "LPZ-7 A-B (20)-LOMA-P2"),
    ]
    marked = fuente_of(ambientes, [mark("m", -60.998, -33.995, lote_id="20")], lotes)
    left = plan_muestreo(marked, puntos_por_ambiente=2).propuestos["codigo"]
    assert sorted(left) == sorted(codes)[:2]  # the same as before


def test_proposals_are_no_agronomists_they_ask_for_nothing() -> None:
    made = plan_muestreo(fuente_of(TWO)).propuestos
    blank = ["profundidades_cm", "analisis", "submuestras", "fecha", "observacion", "subtipo"]
    assert made[blank].isna().all(axis=None)
    assert made["metodo"].str.contains("Halton").all()
    assert (made["distancia_borde_m"] >= 20).all()


@pytest.mark.parametrize("option", [{"puntos_por_ambiente": 0}, {"margen_m": -1.0}])
def test_options_that_make_no_sense_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        plan_muestreo(fuente_of(TWO), **option)


def dtypes_of(frame: gpd.GeoDataFrame) -> list[str]:
    return [str(dtype) for dtype in frame.dtypes]


def test_columns_and_types_are_the_same_with_and_without_rows(demo_fuente: Fuente) -> None:
    full = plan_muestreo(demo_fuente)
    plans = [full, plan_muestreo(fuente_of()), plan_muestreo(fuente_of(TWO))]
    plans.append(plan_muestreo(fuente_of((), [mark("m", -60.998, -33.995)])))
    for plan in plans:
        assert tuple(plan.puntos.columns) == PUNTOS.names
        assert tuple(plan.ambientes.columns) == AMBIENTES_PLAN.names
        assert dtypes_of(plan.puntos) == dtypes_of(full.puntos)
        assert dtypes_of(plan.ambientes) == dtypes_of(full.ambientes)
        for table, frame in ((PUNTOS, plan.puntos), (AMBIENTES_PLAN, plan.ambientes)):
            needed = [column.name for column in table.columns if not column.nullable]
            assert frame[needed].notna().all(axis=None)
        assert plan.puntos.crs.to_epsg() == plan.ambientes.crs.to_epsg() == 4326
        assert plan.puntos["punto_id"].is_unique


def test_the_demo_night_adds_up(demo_fuente: Fuente) -> None:
    plan, tables = plan_muestreo(demo_fuente), demo_fuente.tables
    real = tables.marcadores["tipo"] == "muestreo"
    assert len(plan.reales) == real.sum()
    assert len(plan.ambientes) == len(tables.ambientes)
    without = plan.ambientes["n_muestreos"] == 0
    assert 0 < without.sum() < len(without)
    assert (plan.ambientes.loc[~without, "n_propuestos"] == 0).all()
    assert (plan.ambientes.loc[without, "n_propuestos"] >= 1).all()
    assert plan.ambientes["n_propuestos"].sum() == len(plan.propuestos)
    closed = plan.puntos["estado"].isin(("hecho", "anulado"))
    assert plan.puntos["estado"].isin(("hecho",)).any()
    assert plan.puntos.loc[closed, "orden"].isna().all()
    for _, campo in plan.puntos[~closed].groupby("campo_id"):
        assert campo["orden"].tolist() == list(range(1, len(campo) + 1))
        lotes = campo["lote_id"].tolist()
        assert sum(a != b for a, b in pairwise(lotes)) == len(set(lotes)) - 1


def test_the_order_of_the_tables_rows_does_not_matter(demo_fuente: Fuente) -> None:
    tables = demo_fuente.tables
    mixed = replace(
        tables,
        **{
            name: frame.sample(frac=1, random_state=5).reset_index(drop=True)
            for name, frame in tables.as_dict().items()
        },
    )
    plan, again = plan_muestreo(demo_fuente), plan_muestreo(replace(demo_fuente, tables=mixed))
    pd.testing.assert_frame_equal(pd.DataFrame(plan.puntos), pd.DataFrame(again.puntos))
    pd.testing.assert_frame_equal(pd.DataFrame(plan.ambientes), pd.DataFrame(again.ambientes))


def test_a_night_s_plan_is_made_once_for_what_is_asked_and_anew_for_another_night(
    demo_fuente: Fuente,
) -> None:
    whole = replace(demo_fuente)
    plan = plan_muestreo(whole)
    assert plan_muestreo(whole) is plan
    assert len(plan_muestreo(whole, puntos_por_ambiente=1).puntos) < len(plan.puntos)
    none = whole.tables.ambientes.iloc[:0]
    assert not len(
        plan_muestreo(replace(whole, tables=replace(whole.tables, ambientes=none))).ambientes
    )


def test_points_of_one_ambiente_do_not_depend_on_the_others(demo_fuente: Fuente) -> None:
    tables = demo_fuente.tables
    plan = plan_muestreo(demo_fuente)
    some = plan.propuestos["lote_id"].iloc[0]
    alone = replace(
        tables,
        ambientes=tables.ambientes[tables.ambientes["lote_id"] == some],
        marcadores=tables.marcadores[tables.marcadores["lote_id"] == some],
    )
    spots = plan_muestreo(replace(demo_fuente, tables=alone)).propuestos
    before = plan.propuestos[plan.propuestos["lote_id"] == some]
    columns = ["punto_id", "lon", "lat", "distancia_borde_m"]
    assert (
        spots[columns].sort_values("punto_id").to_numpy().tolist()
        == before[columns].sort_values("punto_id").to_numpy().tolist()
    )


@pytest.mark.shared
def test_real_soil_profiles_as_marks(shared_data: Path) -> None:
    """400 SISINTA profiles in one large lote with four ambientes: each is used once."""
    profiles = gpd.read_file(shared_data / "markers" / "ar_sisinta_profiles_400.geojson")
    x, y = profiles.geometry.iloc[0].coords[0]  # a region, drawn together to the size of a lote
    near = profiles.geometry.affine_transform([0.1, 0, 0, 0.1, 0.9 * x, 0.9 * y])
    profiles = profiles.set_geometry(near)
    west, south, east, north = profiles.total_bounds + np.array([-0.01, -0.01, 0.01, 0.01])
    middle = (west + east) / 2
    boxes = [
        shapely.box(west, south, middle, north),
        shapely.box(middle, south, east, north),
        shapely.box(west, north, middle, north + 0.05),
        shapely.box(middle, north, east, north + 0.05),
    ]
    lote = item("lote", "10", shapely.union_all(boxes), campo_id="1")
    ambientes = [item("a", f"a{n}", box) for n, box in enumerate(boxes)]
    marks = [
        item("m", f"p{n}", row.geometry, tipo="muestreo", nombre=row.numero)
        for n, row in enumerate(profiles.itertuples())
    ]
    plan = plan_muestreo(fuente_of(ambientes, marks, [lote]))
    assert len(plan.reales) == len(profiles) == 400
    counts = plan.ambientes.set_index("ambiente_id")["n_muestreos"]
    assert counts.sum() == 400
    assert counts[["a0", "a1"]].min() > 0
    assert proposed_for(plan) == {"a2": 3, "a3": 3}
    assert set(plan.reales["punto"]) == {" ".join(n.split()) for n in profiles["numero"]}
    assert "13/656 C" in set(plan.reales["punto"])


@pytest.mark.shared
def test_hostile_names_everywhere(shared_data: Path) -> None:
    words = json.loads((shared_data / "dirty" / "names" / "blns.json").read_text("utf-8"))
    words = [word for word in words if word.strip()][::8]
    campos = [{"id": str(n), "nombre": word or "x"} for n, word in enumerate(words)]
    lotes = [item("l", f"l{n}", LOTE, campo_id=str(n), nombre=word) for n, word in enumerate(words)]
    ambientes = [
        item("a", f"a{n}", WEST, lote_id=f"l{n}", nombre=word) for n, word in enumerate(words)
    ]
    records = {Recurso.CAMPOS: campos, Recurso.LOTES: lotes, Recurso.AMBIENTES: ambientes}
    given = {r: [Record(i, 1, n) for n, i in enumerate(rows)] for r, rows in records.items()}
    tables = build_tables(given, campania=Campania(25, 26), encodings={}, bbox=BoundingBox()).tables
    plan = plan_muestreo(night_of(tables), puntos_por_ambiente=1)
    assert len(plan.propuestos) == len(tables.ambientes) > 40
    codes = plan.propuestos["codigo"]
    assert codes.str.casefold().is_unique
    assert not codes.str.contains(r"[\x00-\x1f/\\:*?\"<>|]").any()
