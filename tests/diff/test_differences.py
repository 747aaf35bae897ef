"""What differs between two sets of tables: each edit and nothing else, forwards and backwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from Modules.demo.world import build_world
from Modules.diff.change import Cambio, Clase, Diferencias
from Modules.diff.differences import diferencias
from Modules.geo.geometry import geodesic_area_ha
from Modules.night.tables import Tables, build_tables
from Modules.products.source import Fuente
from Modules.words.columns import TABLES
from Modules.words.domain import BoundingBox, Campania, Record, Recurso
from tests.fuentes import fuente_of_file
from tests.sample_tables import tables as sample_tables
from tests.table_contract import check_table

MIRROR = {"nuevo": "eliminado", "nueva": "eliminada", "eliminado": "nuevo", "eliminada": "nueva"}


def world(day: int = 0) -> Tables:
    made = build_world("small", day=day)
    records = {r: [Record(item, 1, i) for i, item in enumerate(made.items(r))] for r in Recurso}
    return build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox()).tables


def texts(values: Any) -> pd.Series:
    return pd.Series(pd.array(list(values), dtype="string"))


def with_lotes(tables: Tables, lotes: gpd.GeoDataFrame) -> Tables:
    """Other lotes; what hangs from one that is gone goes as well."""
    known = set(lotes["lote_id"])
    hanging = {
        name: getattr(tables, name)[getattr(tables, name)["lote_id"].isin(known)]
        for name in ("siembras", "ambientes", "marcadores")
    }
    return replace(tables, lotes=lotes, **hanging)


def reshaped(lotes: gpd.GeoDataFrame, at: int, shape: shapely.Geometry) -> gpd.GeoDataFrame:
    shapes = lotes.geometry.to_numpy().copy()
    shapes[at] = shape
    area = lotes["superficie_ha"].to_numpy().copy()
    area[at] = geodesic_area_ha([shape])[0]
    return lotes.assign(superficie_ha=area).set_geometry(shapes, crs=lotes.crs)


def set_cell(frame: pd.DataFrame, at: int, column: str, value: Any) -> pd.DataFrame:
    out = frame.copy()
    out.loc[out.index[at], column] = value
    return out


def rekeyed(tables: Tables, old: str, new: str) -> Tables:
    """One lote under another id, in every table."""
    named = {}
    for name in ("lotes", "siembras", "ambientes", "marcadores", "zonas"):
        frame = getattr(tables, name)
        ids = frame["lote_id"].replace(old, new).astype("string")
        named[name] = frame.assign(lote_id=ids)
    return replace(tables, **named)


def shuffled(tables: Tables, seed: int) -> Tables:
    return Tables(
        **{
            name: frame.sample(frac=1, random_state=seed, ignore_index=True)
            for name, frame in tables.as_dict().items()
        }
    )


def of(found: Diferencias, *clases: Clase) -> list[Cambio]:
    return [cambio for cambio in found.cambios if cambio.clase in clases]


def told(found: Diferencias) -> list[tuple[str, str]]:
    return [(cambio.clase.value, cambio.id) for cambio in found.cambios]


def mirrored(cambio: Cambio) -> tuple[Any, ...]:
    noun, _, word = cambio.clase.value.rpartition("_")
    clase = f"{noun}_{MIRROR.get(word, word)}"
    return (clase, round(cambio.pierde_ha, 9), round(cambio.gana_ha, 9), cambio.superficie_ha)


def plain(cambio: Cambio) -> tuple[Any, ...]:
    gained, lost = round(cambio.gana_ha, 9), round(cambio.pierde_ha, 9)
    return (cambio.clase.value, gained, lost, cambio.superficie_ha)


# --- one edit, one change -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base(demo_fuente: Fuente) -> Tables:
    return demo_fuente.tables


def removed(t: Tables, at: int) -> tuple[Tables, set[str]]:
    out = with_lotes(t, t.lotes.drop(index=at))
    return out, {"lote_eliminado", "ambiente_eliminado", "marcador_eliminado", "zona_cambiada"}


def renamed(t: Tables, at: int) -> tuple[Tables, set[str]]:
    return replace(t, lotes=set_cell(t.lotes, at, "lote", "Otro nombre")), {"lote_renombrado"}


def other_campo(t: Tables, at: int) -> tuple[Tables, set[str]]:
    lote = t.lotes.iloc[at]
    other = t.campos[t.campos["campo_id"] != lote["campo_id"]].iloc[at % (len(t.campos) - 1)]
    lotes = set_cell(t.lotes, at, "campo_id", other["campo_id"])
    lotes = set_cell(lotes, at, "campo", other["campo"])
    out = replace(t, lotes=lotes)
    for name in ("siembras", "ambientes", "marcadores"):
        frame = getattr(t, name).copy()
        frame.loc[frame["lote_id"] == lote["lote_id"], "campo_id"] = other["campo_id"]
        out = replace(out, **{name: frame})
    return out, {"lote_otro_campo"}


def other_id(t: Tables, at: int) -> tuple[Tables, set[str]]:
    return rekeyed(t, t.lotes["lote_id"].iloc[at], "nuevo-id"), {"lote_otro_id"}


def pushed(t: Tables, at: int) -> tuple[Tables, set[str]]:
    lotes = reshaped(t.lotes, at, t.lotes.geometry.iloc[at].buffer(0.0002))
    return replace(t, lotes=lotes), {"borde_movido"}


def rewritten(t: Tables, at: int) -> tuple[Tables, set[str]]:
    shape = shapely.segmentize(shapely.reverse(t.lotes.geometry.iloc[at]), 0.0003)
    return replace(t, lotes=reshaped(t.lotes, at, shape)), set()


def declared(t: Tables, at: int) -> tuple[Tables, set[str]]:
    return replace(t, lotes=set_cell(t.lotes, at, "superficie_declarada_ha", 1.5)), {
        "lote_cambiado"
    }


def touched(t: Tables, at: int) -> tuple[Tables, set[str]]:
    stamp = pd.Timestamp("2026-01-01", tz="UTC")
    return replace(t, lotes=set_cell(t.lotes, at, "updated_at", stamp)), set()


def resown(t: Tables, at: int) -> tuple[Tables, set[str]]:
    siembras = set_cell(t.siembras, at % len(t.siembras), "cultivo", "Quinoa")
    return replace(t, siembras=siembras), {"cambio_de_cultivo"}


def sown_later(t: Tables, at: int) -> tuple[Tables, set[str]]:
    day = pd.Timestamp("2026-01-05").date()
    siembras = set_cell(t.siembras, at % len(t.siembras), "fecha_siembra", day)
    return replace(t, siembras=siembras), {"siembra_cambiada"}


def siembra_id(t: Tables, at: int) -> tuple[Tables, set[str]]:
    return replace(
        t, siembras=set_cell(t.siembras, at % len(t.siembras), "siembra_id", "zz")
    ), set()


def mark_gone(t: Tables, at: int) -> tuple[Tables, set[str]]:
    row = at % len(t.marcadores)
    return replace(t, marcadores=t.marcadores.drop(index=row)), {"marcador_eliminado"}


def mark_moved(t: Tables, at: int) -> tuple[Tables, set[str]]:
    row = at % len(t.marcadores)
    shapes = t.marcadores.geometry.to_numpy().copy()
    shapes[row] = shapely.transform(shapes[row], lambda xy: xy + 0.0001)
    return replace(t, marcadores=t.marcadores.set_geometry(shapes)), {"marcador_movido"}


def mark_noted(t: Tables, at: int) -> tuple[Tables, set[str]]:
    marks = set_cell(t.marcadores, at % len(t.marcadores), "observacion", "hay roya")
    return replace(t, marcadores=marks), {"marcador_cambiado"}


def mark_bare(t: Tables, at: int) -> tuple[Tables, set[str]]:
    shapes = t.marcadores.geometry.to_numpy().copy()
    shapes[at % len(shapes)] = None
    return replace(t, marcadores=t.marcadores.set_geometry(shapes)), {"marcador_movido"}


def zone_gone(t: Tables, at: int) -> tuple[Tables, set[str]]:
    row = at % len(t.ambientes)
    return replace(t, ambientes=t.ambientes.drop(index=row)), {"ambiente_eliminado"}


def potential(t: Tables, at: int) -> tuple[Tables, set[str]]:
    ambientes = set_cell(t.ambientes, at % len(t.ambientes), "potencial", "otro")
    return replace(t, ambientes=ambientes), {"ambiente_cambiado"}


def campo_renamed(t: Tables, at: int) -> tuple[Tables, set[str]]:
    row = at % len(t.campos)
    campo_id = t.campos["campo_id"].iloc[row]
    lotes = t.lotes.copy()
    lotes.loc[lotes["campo_id"] == campo_id, "campo"] = "La Nueva"
    out = replace(t, campos=set_cell(t.campos, row, "campo", "La Nueva"), lotes=lotes)
    return out, {"campo_renombrado"}


def campo_id(t: Tables, at: int) -> tuple[Tables, set[str]]:
    """The campo with most lotes under another id."""
    old = t.lotes["campo_id"].value_counts().index[0]
    out = {}
    for name in ("campos", "lotes", "siembras", "ambientes", "marcadores"):
        frame = getattr(t, name).copy()
        frame.loc[frame["campo_id"] == old, "campo_id"] = "otro-campo"
        out[name] = frame
    return replace(t, **out), {"campo_otro_id"}


def zona_renamed(t: Tables, at: int) -> tuple[Tables, set[str]]:
    return replace(t, zonas=set_cell(t.zonas, at % len(t.zonas), "zona", "Otra")), {"zona_cambiada"}


def zona_gone(t: Tables, at: int) -> tuple[Tables, set[str]]:
    return replace(t, zonas=t.zonas.drop(index=at % len(t.zonas))), {"zona_eliminada"}


def crop_colour(t: Tables, at: int) -> tuple[Tables, set[str]]:
    row = at % len(t.cultivos)
    return replace(t, cultivos=set_cell(t.cultivos, row, "color", "#010203")), {"cultivo_cambiado"}


EDITS: Mapping[str, Callable[[Tables, int], tuple[Tables, set[str]]]] = {
    edit.__name__: edit
    for edit in (
        removed, renamed, other_campo, other_id, pushed, rewritten, declared, touched, resown,
        sown_later, siembra_id, mark_gone, mark_moved, mark_noted, mark_bare, zone_gone, potential,
        campo_renamed, campo_id, zona_renamed, zona_gone, crop_colour,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_one_edit_is_one_kind_of_change_both_ways(base: Tables, name: str) -> None:
    after, expected = EDITS[name](base, 7)
    found, back = diferencias(base, after), diferencias(after, base)
    kinds = {cambio.clase.value for cambio in found.cambios}
    assert kinds <= expected
    assert bool(kinds) is bool(expected)
    assert sorted(map(mirrored, back.cambios)) == sorted(map(plain, found.cambios))
    assert sum(counts.agregadas + counts.quitadas + counts.cambiadas
               for counts in found.tablas.values()) > 0  # fmt: skip
    json.dumps(found.to_dict(), allow_nan=False)


@settings(max_examples=25, deadline=None)
@example(edits=[("other_id", 0), ("pushed", 0)], seed=0)
@given(
    edits=st.lists(st.tuples(st.sampled_from(sorted(EDITS)), st.integers(0, 99)), max_size=5),
    seed=st.integers(0, 9),
)
def test_any_edits_mirror_and_the_order_of_rows_does_not_matter(
    base: Tables, edits: list[tuple[str, int]], seed: int
) -> None:
    after, allowed = base, set()
    used = set()
    for name, at in edits:
        if name not in used:
            after, kinds = EDITS[name](after.__class__(**{
                key: frame.reset_index(drop=True) for key, frame in after.as_dict().items()
            }), at)  # fmt: skip
            allowed |= kinds
        used.add(name)
    if {"other_id", "pushed"} <= used:  # another id on other ground is another lote
        allowed |= {"lote_eliminado", "lote_nuevo", "ambiente_cambiado", "marcador_cambiado"}
    found = diferencias(base, after)
    assert {cambio.clase.value for cambio in found.cambios} <= allowed | {
        "borde_movido", "ambiente_nuevo", "marcador_nuevo", "ambiente_movido"
    }  # fmt: skip
    back = diferencias(after, base)
    assert sorted(map(mirrored, back.cambios)) == sorted(map(plain, found.cambios))
    again = diferencias(shuffled(base, seed), shuffled(after, seed + 1))
    assert again.to_dict() == found.to_dict()


def test_a_night_differs_from_itself_in_nothing(base: Tables) -> None:
    found = diferencias(base, shuffled(base, 3))
    assert found.empty
    assert found.to_dict()["iguales"] is True
    assert set(found.reescritas.values()) == {0}


# --- what each change says ------------------------------------------------------------------------


def test_a_lote_under_another_id_keeps_what_hangs_from_it(base: Tables) -> None:
    old = base.lotes["lote_id"].iloc[3]
    found = diferencias(base, rekeyed(base, old, "A9"))
    assert told(found) == [("lote_otro_id", "A9")]
    assert found.cambios[0].detalle == f"antes {old}"
    assert found.renumerados == {"lotes": {old: "A9"}}


def test_a_lote_under_another_id_is_known_by_ground_that_was_written_anew(base: Tables) -> None:
    shape = shapely.transform(
        shapely.segmentize(base.lotes.geometry.iloc[3], 0.0005),
        lambda xy: xy + 3e-6 * np.sin(1e6 * xy[:, ::-1]),
    )
    assert shape.is_valid
    after = rekeyed(
        replace(base, lotes=reshaped(base.lotes, 3, shape)), base.lotes["lote_id"].iloc[3], "A9"
    )
    assert told(diferencias(base, after)) == [("lote_otro_id", "A9")]


def test_every_lote_under_another_id_at_once(base: Tables) -> None:
    after = base
    for lote_id in base.lotes["lote_id"]:
        after = rekeyed(after, lote_id, f"n-{lote_id}")
    found = diferencias(base, after)
    assert {cambio.clase for cambio in found.cambios} == {Clase.LOTE_OTRO_ID}
    assert len(found.cambios) == len(base.lotes)


def test_a_new_id_on_other_ground_is_a_lote_gone_and_a_new_one(base: Tables) -> None:
    far = shapely.transform(base.lotes.geometry.iloc[3], lambda xy: xy + 0.5)
    after = rekeyed(
        replace(base, lotes=reshaped(base.lotes, 3, far)), base.lotes["lote_id"].iloc[3], "A9"
    )
    kinds = {cambio.clase for cambio in diferencias(base, after).cambios}
    assert {Clase.LOTE_NUEVO, Clase.LOTE_ELIMINADO} <= kinds
    assert Clase.LOTE_OTRO_ID not in kinds


def test_twins_on_one_ground_are_paired_by_name(base: Tables) -> None:
    twin = base.lotes.iloc[[3, 3]].assign(lote_id=texts(["t1", "t2"]).set_axis([3, 3]))
    lotes = pd.concat([base.lotes, twin.assign(lote=["uno", "dos"])], ignore_index=True)
    before = replace(base, lotes=gpd.GeoDataFrame(lotes, crs=base.lotes.crs))
    after = rekeyed(rekeyed(before, "t1", "z"), "t2", "a")
    assert diferencias(before, after).renumerados == {"lotes": {"t1": "z", "t2": "a"}}


def test_twin_campos_and_twin_lotes_carry_their_id(base: Tables) -> None:
    names = base.lotes["campo_id"].value_counts().index[:2].tolist()
    campos = base.campos.copy()
    campos.loc[campos["campo_id"].isin(names), "campo"] = "San Mellizo"
    before = replace(base, campos=campos)
    lotes = base.lotes.copy()
    for campo_id in names:
        first = lotes.index[lotes["campo_id"] == campo_id][0]
        lotes.loc[first, "lote"] = "Nuevo nombre"
    found = diferencias(before, replace(before, lotes=lotes))
    assert sorted(c.campo for c in found.cambios) == sorted(f"San Mellizo ({k})" for k in names)


def test_personal_data_are_named_and_never_told(base: Tables) -> None:
    after = replace(base, campos=set_cell(base.campos, 0, "cuit", "20-11111111-2"))
    (change,) = diferencias(base, after).cambios
    assert change.detalle == "CUIT cambiado"
    assert "20-11111111-2" not in json.dumps(diferencias(base, after).to_dict())


@pytest.mark.parametrize(
    ("column", "was", "now", "told"),
    [
        ("superficie_declarada_ha", 987.0, 1234.5, "superficie declarada 987,00 ha → 1.234,50 ha"),
        ("superficie_declarada_ha", None, 1234.5, "superficie declarada (vacío) → 1.234,50 ha"),
        ("fecha_siembra", None, date(2025, 11, 9), "fecha de siembra (vacío) → 09/11/2025"),
    ],
)
def test_a_siembra_says_what_changed_in_it_with_units_and_dates_as_people_write_them(
    base: Tables, column: str, was: Any, now: Any, told: str
) -> None:
    before, after = (
        replace(base, siembras=set_cell(base.siembras, 4, column, one)) for one in (was, now)
    )
    (change,) = diferencias(before, after).cambios
    assert change.clase is Clase.SIEMBRA_CAMBIADA
    assert change.detalle == f"{base.siembras['cultivo'].iloc[4]}: {told}"
    assert change.ahora is not None  # the ground of its lote


def test_a_mark_says_how_far_it_moved(base: Tables) -> None:
    after, _ = mark_moved(base, 2)
    (change,) = diferencias(base, after).cambios
    assert change.distancia_m == pytest.approx(14.4, abs=0.3)
    assert change.detalle == f"se movió {change.distancia_m:.1f} m".replace(".", ",")


def test_a_lote_with_a_hole_and_one_of_several_parts(base: Tables) -> None:
    before, after = base.lotes, base.lotes
    whole = shapely.box(-60, -36, -59.99, -35.99)
    hole = shapely.Point(-59.995, -35.995).buffer(0.001)
    parts = [shapely.box(-60 + i, -36, -59.99 + i, -35.99) for i in (0, 1, 2)]
    before = reshaped(reshaped(before, 0, whole), 1, shapely.MultiPolygon(parts))
    after = reshaped(
        reshaped(before, 0, whole.difference(hole)), 1, shapely.MultiPolygon(parts[::-1])
    )
    found = diferencias(replace(base, lotes=before), replace(base, lotes=after))
    (change,) = found.cambios
    assert change.id == base.lotes["lote_id"].iloc[0]
    assert change.pierde_ha == pytest.approx(geodesic_area_ha([hole])[0], rel=1e-6)
    assert change.gana_ha == 0
    assert found.reescritas["lotes"] == 1


@pytest.mark.parametrize("rows", [(0, 0), (0, 7), (7, 0)])
def test_empty_tables(rows: tuple[int, int]) -> None:
    before, now = (sample_tables(count) for count in rows)
    found = diferencias(before, now)
    kinds = {cambio.clase.value.rpartition("_")[2] for cambio in found.cambios}
    assert kinds == (
        {"nuevo", "nueva"} if rows[1] else {"eliminado", "eliminada"} if rows[0] else set()
    )


def test_tables_that_hang_together_in_nothing_are_compared_all_the_same() -> None:
    before, now = sample_tables(9, seed=1), sample_tables(9, seed=2)
    json.dumps(diferencias(before, now).to_dict(), allow_nan=False)
    assert diferencias(before, sample_tables(9, seed=1)).empty


@pytest.mark.slow
def test_thousands_of_lotes_on_one_ground_under_other_ids_take_no_quadratic_time(
    base: Tables,
) -> None:
    amount = 20_000
    rows = base.lotes.iloc[[0] * amount].reset_index(drop=True)
    near = shapely.transform(rows.geometry.to_numpy(), lambda xy: xy + 1e-7)
    before = replace(base, lotes=rows.assign(lote_id=texts(f"a{i:05}" for i in range(amount))))
    for shapes in (rows.geometry.to_numpy(), near):  # another id; and another border as well
        lotes = rows.assign(lote_id=texts(f"b{i:05}" for i in range(amount))).set_geometry(shapes)
        found = diferencias(before, replace(base, lotes=lotes.set_crs(4326)))
        assert found.renumerados["lotes"]


# --- whole worlds ---------------------------------------------------------------------------------


def test_a_day_of_the_demo_portal_is_told_as_it_was_made() -> None:
    before, now = world(), world(1)
    found = diferencias(before, now)
    made = {(c.clase, c.id) for c in of(found, Clase.LOTE_NUEVO, Clase.LOTE_RENOMBRADO)}
    ids = set(now.lotes["lote_id"]) - set(before.lotes["lote_id"])
    assert {key for clase, key in made if clase is Clase.LOTE_NUEVO} == ids
    renamed_ids = [key for clase, key in made if clase is Clase.LOTE_RENOMBRADO]
    assert len(renamed_ids) == 1
    areas = [frame.set_index("lote_id")["superficie_ha"] for frame in (before.lotes, now.lotes)]
    for border in of(found, Clase.BORDE_MOVIDO):
        change = areas[1][border.id] - areas[0][border.id]
        assert border.gana_ha - border.pierde_ha == pytest.approx(change, abs=2e-3)
    assert of(found, Clase.BORDE_MOVIDO)
    assert not of(found, Clase.LOTE_ELIMINADO, Clase.LOTE_OTRO_ID, Clase.CAMPO_ELIMINADO)


@pytest.mark.shared
def test_real_fields_and_a_copy_that_is_perturbed(shared_data: Path) -> None:
    before = fuente_of_file(shared_data / "fields/br_lem_fields.parquet", cultivo="Jan_2020").tables
    lotes, amount = before.lotes, len(before.lotes)
    noisy = shapely.transform(
        lotes.geometry.to_numpy(), lambda xy: xy + 4e-6 * np.sin(1e6 * xy[:, ::-1])
    )
    noisy = np.where(shapely.is_valid(noisy), noisy, lotes.geometry.to_numpy())  # 0.6 m at most
    pushed_out, new_ids = range(5, amount, 100), range(50, amount, 100)
    for at in pushed_out:
        noisy[at] = lotes.geometry.iloc[at].buffer(0.0001)
    ids = lotes["lote_id"].tolist()
    after_lotes = lotes.set_geometry(noisy, crs=lotes.crs)
    after = replace(before, lotes=after_lotes)
    for at in new_ids:
        after = rekeyed(after, ids[at], f"x{ids[at]}")
    check_table(after.lotes, TABLES["lotes"])
    found = diferencias(before, after)
    assert {c.id for c in of(found, Clase.BORDE_MOVIDO)} == {ids[at] for at in pushed_out}
    assert found.renumerados["lotes"] == {ids[at]: f"x{ids[at]}" for at in new_ids}
    assert {c.clase for c in found.cambios} == {Clase.BORDE_MOVIDO, Clase.LOTE_OTRO_ID}
    assert found.reescritas["lotes"] > amount * 0.9
