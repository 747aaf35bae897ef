"""Areas add up: land counts lotes, sown counts siembras."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from Modules.night.tables import Tables
from Modules.products.cultivos.sown import (
    CAMPOS_DBF,
    LOTES_SIN_CULTIVO,
    MAX_DESCONOCIDOS,
    OTROS,
    SIEMBRAS_EN_LOTES,
    by_campo,
    by_crop,
    by_lote,
    campo_labels,
    crop_keys,
    differences,
    progress,
    sown,
    sown_crops,
    without_crop,
)
from Modules.products.kmz.layers import Lotes
from Modules.products.source import Fuente
from Modules.products.sustentabilidad.establecimientos import lotes_table
from Modules.words.columns import Table
from Modules.words.domain import Recurso
from Modules.words.errors import DataError
from Modules.words.spanish import natural
from tests.fuentes import campo, fuente_of, lote
from tests.table_contract import check_table

EXACT = {"rel": 1e-12}


def with_crops(tables: Tables, crops: list[tuple[str, str]]) -> Tables:
    """The tables with these codes and names as the crops of their siembras, in turn."""
    chosen = [crops[at % len(crops)] for at in range(len(tables.siembras))]
    siembras = tables.siembras.assign(
        cultivo_codigo=pd.array([code for code, _ in chosen], dtype="string"),
        cultivo=pd.array([name for _, name in chosen], dtype="string"),
    )
    return replace(tables, siembras=siembras)


def test_the_tables_are_what_their_contract_says(demo_fuente: Fuente) -> None:
    pairs: list[tuple[pd.DataFrame, Table]] = [
        (sown(demo_fuente.tables), SIEMBRAS_EN_LOTES),
        (without_crop(demo_fuente.tables), LOTES_SIN_CULTIVO),
    ]
    for frame, table in pairs:
        assert len(frame)
        check_table(frame, table)


def test_a_siembra_has_the_area_and_shape_of_its_lote(demo_fuente: Fuente) -> None:
    rows, lotes = sown(demo_fuente.tables), demo_fuente.tables.lotes.set_index("lote_id")
    assert list(rows["siembra_id"]) == sorted(demo_fuente.tables.siembras["siembra_id"])
    for row in rows.itertuples():
        lote = lotes.loc[row.lote_id]
        assert row.superficie_ha == lote["superficie_ha"]
        assert row.geometry.equals_exact(lote["geometry"])
        assert (row.lote, row.campo, row.campo_id) == tuple(lote[["lote", "campo", "campo_id"]])


def test_land_counts_each_lote_once_and_sown_each_siembra(demo_fuente: Fuente) -> None:
    tables = demo_fuente.tables
    rows, crops = sown(tables), sown_crops(tables)
    campos, cultivos = by_campo(tables, rows, crops), by_crop(rows, crops)
    land = tables.lotes["superficie_ha"].sum()
    area = tables.lotes.set_index("lote_id")["superficie_ha"]
    of_siembras = tables.siembras["lote_id"].map(area).sum()
    assert (tables.lotes["n_siembras"] > 1).any()
    assert campos["tierra_ha"].sum() == pytest.approx(land, **EXACT)
    assert campos["sembrada_ha"].sum() == pytest.approx(of_siembras, **EXACT)
    assert cultivos["sembrada_ha"].sum() == pytest.approx(of_siembras, **EXACT)
    assert cultivos["siembras"].sum() == len(tables.siembras)
    assert cultivos["parte"].sum() == pytest.approx(1, **EXACT)
    by_columns = campos[[crop.columna for crop in crops]].sum()
    assert list(by_columns) == pytest.approx(list(cultivos["sembrada_ha"]), **EXACT)
    once = tables.lotes["lote_id"].isin(tables.siembras["lote_id"])
    assert campos["sin_cultivo_ha"].sum() == pytest.approx(
        land - tables.lotes.loc[once, "superficie_ha"].sum(), rel=1e-9
    )
    assert set(without_crop(tables)["lote_id"]) == set(tables.lotes.loc[~once, "lote_id"])


def test_each_campo_adds_up_on_its_own(demo_fuente: Fuente) -> None:
    tables = demo_fuente.tables
    crops = sown_crops(tables)
    campos = by_campo(tables, sown(tables), crops)
    assert list(campos["campo"]) == sorted(campos["campo"], key=natural)
    across = campos[[crop.columna for crop in crops]].sum(axis=1)
    assert list(across) == pytest.approx(list(campos["sembrada_ha"]), **EXACT)
    assert campos["lotes"].sum() == len(tables.lotes)
    assert len(campos) == tables.lotes["campo_id"].nunique()


def test_two_campos_of_one_name_are_two_rows(demo_fuente: Fuente) -> None:
    same = pd.array(["El Ombú"] * len(demo_fuente.tables.lotes), dtype="string")
    lotes = demo_fuente.tables.lotes.assign(campo=same)
    labels = campo_labels(lotes)
    assert labels == {key: f"El Ombú ({key})" for key in lotes["campo_id"].unique()}
    tables = replace(demo_fuente.tables, lotes=lotes)
    campos = by_campo(tables, sown(tables), sown_crops(tables))
    assert len(campos) == len(labels) > 1


def test_crops_go_by_code_and_unknown_ones_by_name(demo_fuente: Fuente) -> None:
    crops = [("OTR", "Quinoa"), ("TRI", "Trigo"), ("OTR", "Alpiste"), ("ZZZ", "Lupino")]
    tables = with_crops(demo_fuente.tables, crops)
    found = sown_crops(tables)
    assert [crop.nombre for crop in found] == ["Trigo", "Lupino", "Alpiste", "Quinoa"]
    assert [crop.color for crop in found] == ["#A1661A", "#9E9E9E", "#9E9E9E", "#9E9E9E"]
    assert set(crop_keys(tables.siembras)) == {crop.clave for crop in found}


def test_the_portals_colour_wins(demo_fuente: Fuente) -> None:
    painted = demo_fuente.tables.cultivos.assign(
        color=pd.array(["#010203"] * len(demo_fuente.tables.cultivos), dtype="string")
    )
    for crop in sown_crops(replace(demo_fuente.tables, cultivos=painted)):
        assert crop.color == ("#9E9E9E" if crop.codigo == "OTR" else "#010203")


def test_a_crop_that_the_portal_does_not_list_has_our_colour_in_every_product() -> None:
    crops = ["Trigo", "Soja 2da", "Yuyo raro"]
    tables = fuente_of(
        {Recurso.CAMPOS: [campo(1, "Norte")],
         Recurso.LOTES: [lote(1, "1", campo_at=1, cultivos=crops)]}
    ).tables  # fmt: skip
    assert tables.cultivos.empty
    painted = {"Trigo": "#A1661A", "Soja 2da": "#9CCC65", "Yuyo raro": "#9E9E9E"}
    assert {one.nombre: one.color for one in sown_crops(tables)} == painted  # QGIS, XLSX, H3
    assert {
        one.nombre: one.style.color for one in Lotes(tables).crops
    } == painted  # map, KMZ, paper


def test_lotes_go_as_people_count_them() -> None:
    names = ["10", "2", "Lote 1", "1A", "Ñ"]
    tables = fuente_of(
        {Recurso.CAMPOS: [campo(1, "Zárate"), campo(2, "Élida")],
         Recurso.LOTES: [lote(at, name, campo_at=at % 2 + 1) for at, name in enumerate(names)]}
    ).tables  # fmt: skip
    wanted = [
        ("Élida", "1A"),
        ("Élida", "2"),
        ("Zárate", "10"),
        ("Zárate", "Lote 1"),
        ("Zárate", "Ñ"),
    ]
    found = by_lote(tables)
    assert list(zip(found["campo"], found["lote"], strict=True)) == wanted
    found = lotes_table(tables)
    assert list(zip(found["campo"], found["lote"], strict=True)) == wanted


def test_a_crop_called_like_a_column_is_a_crop(demo_fuente: Fuente) -> None:
    names = ["campo", "lotes", "sembrada_ha", "tierra_ha"]
    tables = with_crops(demo_fuente.tables, [(name, name) for name in names])
    campos = by_campo(tables, sown(tables), sown_crops(tables))
    assert campos["lotes"].sum() == len(tables.lotes)
    assert campos["tierra_ha"].sum() == pytest.approx(tables.lotes["superficie_ha"].sum(), **EXACT)


def test_a_column_full_of_nonsense_is_one_crop(demo_fuente: Fuente) -> None:
    nonsense = [("OTR", f"Texto {at}") for at in range(MAX_DESCONOCIDOS + 1)]
    tables = with_crops(demo_fuente.tables, [*nonsense, ("TRI", "Trigo")])
    found = sown_crops(tables)
    assert [crop.nombre for crop in found] == ["Trigo", OTROS]
    assert by_crop(sown(tables), found)["siembras"].sum() == len(tables.siembras)


def test_differences_are_those_past_the_tolerance(demo_fuente: Fuente) -> None:
    lotes = demo_fuente.tables.lotes.copy()
    area = lotes["superficie_ha"]
    lotes["superficie_declarada_ha"] = area
    lotes.loc[0, "superficie_declarada_ha"] = area[0] * 1.2
    lotes.loc[1, "superficie_declarada_ha"] = area[1] * 0.9
    lotes.loc[2, "superficie_declarada_ha"] = area[2] * 1.049
    lotes.loc[3, "superficie_declarada_ha"] = float("nan")
    declared = lotes.set_index("lote_id")["superficie_declarada_ha"]
    siembras = demo_fuente.tables.siembras.copy()
    siembras["superficie_declarada_ha"] = siembras["lote_id"].map(declared)
    first = siembras.index[siembras["lote_id"] == lotes["lote_id"][5]][0]
    siembras.loc[first, "superficie_declarada_ha"] = area[5] * 0.5
    tables = replace(demo_fuente.tables, lotes=lotes, siembras=siembras)
    found = differences(tables, sown(tables))
    crop = siembras.loc[first, "cultivo"]
    expected = {"lote": [0.2, -0.1], f"siembra de {crop}": [-0.5]}
    for what, shares in expected.items():
        mine = found.loc[found["que"] == what, "diferencia"]
        assert sorted(mine) == pytest.approx(sorted(shares))
    assert len(found) == 3
    assert list(found["diferencia_ha"].abs()) == sorted(found["diferencia_ha"].abs(), reverse=True)


def test_tables_that_do_not_fit_together_are_refused(demo_fuente: Fuente) -> None:
    with pytest.raises(
        DataError, match="una siembra no tiene lote; las tablas del backup no concuerdan"
    ):
        sown(replace(demo_fuente.tables, lotes=demo_fuente.tables.lotes.iloc[5:]))


def test_every_column_has_a_name_for_dbf() -> None:
    names = [name for name in SIEMBRAS_EN_LOTES.names if name != "geometry"]
    assert list(CAMPOS_DBF) == names
    assert len(set(CAMPOS_DBF.values())) == len(names)
    assert all(name.isascii() and len(name) <= 10 for name in CAMPOS_DBF.values())


def test_a_row_a_lote_says_all_of_its_siembras_and_nothing_of_its_owner() -> None:
    item = lote(1, "7", campo_at=1, cultivos=["Trigo", "Soja 2da"])
    first, second = item["siembras"]
    first |= {"material": "Baguette", "fecha_siembra": "2025-06-12", "estado": "cosechado"}
    second |= {"fecha_siembra": "2025-12-05", "estado": "planificado"}
    one = lote(2, "8", campo_at=1, cultivos=["Maíz tardío"])
    one["siembras"][0] |= {"fecha_siembra": "2025-11-02", "estado": "sembrado"}
    campos = [campo(1, "La Paz", empresa="Ejemplo", cuit="30-1", renspa="01")]
    items = [item, one, lote(3, "9", campo_at=1)]
    tables = fuente_of({Recurso.CAMPOS: campos, Recurso.LOTES: items}).tables
    rows = by_lote(tables)
    assert list(rows) == [
        *("campo", "lote", "cultivos", "superficie_ha"),
        *("material", "fecha_siembra", "fecha_cosecha", "estado"),
    ]
    said = rows.drop(columns="superficie_ha").astype(object)
    assert said.where(said.notna(), None).to_numpy().tolist() == [
        ["La Paz", "7", "Trigo + Soja 2da", "Baguette + —", "12/06/2025 + 05/12/2025", None,
         "cosechado + planificado"],
        ["La Paz", "8", "Maíz tardío", None, date(2025, 11, 2), None, "sembrado"],
        ["La Paz", "9", "Sin cultivo", None, None, None, None],
    ]  # fmt: skip


def test_progress_counts_what_is_done_by_date_or_by_state() -> None:
    states = [
        {"fecha_siembra": "2025-11-01"},
        {"fecha_siembra": "2025-12-01"},  # planned
        {"estado": "Sembrado"},
        {"estado": "perdido"},
        {"estado": "cosechado"},
        {"fecha_siembra": "2025-10-01", "fecha_cosecha": "2025-11-20"},
        {},
    ]
    items = [lote(at, str(at), campo_at=1, cultivos=["Soja 1ra"]) for at in range(len(states))]
    for item, state in zip(items, states, strict=True):
        item["siembras"][0] |= state
    tables = fuente_of({Recurso.CAMPOS: [campo(1, "La Paz")], Recurso.LOTES: items}).tables
    (row,) = progress(sown(tables), sown_crops(tables), date(2025, 11, 20)).to_dict("records")
    ha = tables.lotes.set_index("lote_id")["superficie_ha"]
    assert row["siembras"] == 7
    assert row["ya_sembrada_ha"] == pytest.approx(ha[["L0", "L2", "L3", "L4", "L5"]].sum())
    assert row["cosechada_ha"] == pytest.approx(ha[["L4", "L5"]].sum())
    assert row["avance_siembra"] == pytest.approx(row["ya_sembrada_ha"] / ha.sum())
