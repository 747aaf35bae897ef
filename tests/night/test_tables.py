"""Tables: every record ends as a row or a refusal, in the contract's shape, whatever came."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from Modules.geo.geometry import geodesic_area_ha
from Modules.night import screen
from Modules.night.tables import Built, Tables, build_tables
from Modules.words.columns import LOTES, MARCADORES, TABLES
from Modules.words.domain import (
    BoundingBox,
    Campania,
    GeometryEncoding,
    Motivo,
    Record,
    Records,
    Recurso,
)
from Modules.words.errors import DataError
from tests.table_contract import check_table

SEASON = Campania(25, 26)
WORLD = BoundingBox(-180, -90, 180, 90)
UPDATED = "2025-11-19T17:20:05-03:00"
LATE = "9999-12-31T23:59:59-12:00"


def square(lon: float = -63.1, lat: float = -35.5, size: float = 0.01) -> dict[str, Any]:
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


def campo(id_: Any = "114", **more: Any) -> dict[str, Any]:
    return {"id": id_, "nombre": "La Paz - Ñandú", "updated_at": UPDATED, **more}


def lote(id_: Any = "8841", **more: Any) -> dict[str, Any]:
    siembras = [siembra("s1", "TRI", 1), siembra("s2", "SOJ2", 2)]
    base = {"id": id_, "campo_id": "114", "nombre": "7 A/B", "campania": "25/26"}
    return {**base, "superficie_ha": "61.25", "siembras": siembras, "geometry": square(), **more}


def siembra(id_: Any, codigo: str, orden: int, **more: Any) -> dict[str, Any]:
    return {"id": id_, "orden": orden, "cultivo": {"codigo": codigo, "nombre": "?"}, **more}


def ambiente(id_: Any = "a-55", **more: Any) -> dict[str, Any]:
    base = {"id": id_, "lote_id": "8841", "campania": "25/26", "nombre": "Loma"}
    return {**base, "potencial": "alto", "color": "#1b9e77", "geometry": square(), **more}


def marcador(id_: Any = "m-9001", **more: Any) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [-63.095, -35.495]}
    base = {"id": id_, "lote_id": "8841", "campania": "25/26", "tipo": "muestreo"}
    return {**base, "nombre": "LPZ-7A-A-01", "geometry": point, **more}


def fetched(**lists: list[dict[str, Any]]) -> dict[Recurso, list[Record]]:
    whole = {"campos": [campo()], "lotes": [lote()], **lists}
    return {
        Recurso(name): [Record(item, 1 + at // 200, at % 200) for at, item in enumerate(items)]
        for name, items in whole.items()
    }


def build(records: dict[Recurso, list[Record]], **more: Any) -> Built:
    given_ = {"campania": SEASON, "encodings": {}, "bbox": BoundingBox(), **more}
    return build_tables(records, **given_)


def refusals(built: Built, recurso: str) -> list[tuple[Any, str]]:
    rows = built.tables.rechazados
    rows = rows[rows["recurso"] == recurso]
    return list(zip(rows["id"], rows["motivo"], strict=True))


def assert_books_balance(records: dict[Recurso, list[Record]], tables: Tables) -> None:
    """Records in are rows plus refusals, for each list and for the nested siembras."""
    refused = Counter(tables.rechazados["recurso"])
    for recurso, items in records.items():
        if recurso is not Recurso.CAMPANIAS:
            rows = len(tables.as_dict()[recurso.value])
            assert rows + refused[recurso.value] == len(items), recurso
    nested = 0
    for record in records.get(Recurso.LOTES, []):
        value = record.values.get("siembras")
        nested += 0 if value is None else len(value) if isinstance(value, list | tuple) else 1
    assert len(tables.siembras) + refused["siembras"] == nested


def assert_contract(tables: Tables) -> None:
    assert list(tables.as_dict()) == list(TABLES)
    for name, frame in tables.as_dict().items():
        check_table(frame, TABLES[name])
        assert list(frame.index) == list(range(len(frame)))
        if name != "rechazados":
            assert list(frame[TABLES[name].key]) == sorted(frame[TABLES[name].key])
        if TABLES[name].spatial:
            shapes = frame.geometry.dropna()
            assert shapes.is_valid.all()
            assert not shapes.is_empty.any()
            assert not shapes.has_z.any()


def assert_same(one: Tables, other: Tables) -> None:
    for name, frame in one.as_dict().items():
        pd.testing.assert_frame_equal(frame, other.as_dict()[name])


# --- the contract's own example ------------------------------------------------------------


def test_the_example_of_the_contract_comes_out_column_by_column():
    muestra = {
        "codigo": "LPZ-7A-A",
        "compuesta": True,
        "submuestras": 20,
        "profundidades_cm": [[0, 20], [20, 40]],
        "analisis": ["P Bray", "pH"],
    }
    records = fetched(
        campos=[campo(empresa={"nombre": "Ejemplo S.A.", "cuit": "30-00000000-0"}, activo=True)],
        lotes=[lote(updated_at=UPDATED)],
        ambientes=[ambiente(version=3, superficie_ha=22.4)],
        marcadores=[marcador(fecha="2025-08-03", ambiente_id="a-55", muestra=muestra)],
        zonas=[{"id": "3", "nombre": "Oeste", "tipo": "region", "geometry": None}],
        cultivos=[{"id": "7", "codigo": "SOJ2", "nombre": "Soja 2da", "color": "#9ccc65"}],
    )
    tables = build(records).tables
    assert_contract(tables)
    assert_books_balance(records, tables)
    assert tables.rechazados.empty
    row = tables.lotes.iloc[0]
    assert (row["campo"], row["cultivos"], row["n_siembras"]) == (
        "La Paz - Ñandú",
        "Trigo + Soja 2da",
        2,
    )
    assert row["superficie_declarada_ha"] == 61.25
    assert row["updated_at"] == pd.Timestamp("2025-11-19T20:20:05Z")
    assert tables.campos.iloc[0]["cuit"] == "30-00000000-0"
    assert tables.ambientes.iloc[0]["color"] == "#1B9E77"
    mark = tables.marcadores.iloc[0]
    assert mark["fecha"] == date(2025, 8, 3)
    assert mark["muestra_profundidades_cm"] == "0-20; 20-40"
    assert mark["muestra_analisis"] == "P Bray; pH"
    assert tables.zonas.iloc[0]["geometry"] is None
    assert list(tables.cultivos.iloc[0]) == ["SOJ2", "Soja 2da", "soja", 2, "#9CCC65"]


def test_no_records_give_empty_tables_of_the_contract():
    assert_contract(build({}).tables)


# --- reasons ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lists", "recurso", "expected"),
    [
        ({"lotes": [lote(None)]}, "lotes", Motivo.SIN_ID),
        ({"lotes": [lote("  ")]}, "lotes", Motivo.SIN_ID),
        ({"lotes": [lote({"a": 1})]}, "lotes", Motivo.TIPO_INVALIDO),
        ({"lotes": [lote("x" * 10_000)]}, "lotes", Motivo.TIPO_INVALIDO),
        ({"lotes": [lote(deleted_at=UPDATED)]}, "lotes", Motivo.BORRADO),
        ({"lotes": [lote(campania="24/25")]}, "lotes", Motivo.OTRA_CAMPANIA),
        ({"lotes": [lote(campania=[1])]}, "lotes", Motivo.OTRA_CAMPANIA),
        ({"lotes": [lote(campo_id="999")]}, "lotes", Motivo.HUERFANO),
        ({"lotes": [lote(campo_id=None)]}, "lotes", Motivo.HUERFANO),
        ({"campos": [campo(deleted_at=UPDATED)]}, "lotes", Motivo.HUERFANO),
        ({"lotes": [lote(geometry=None)]}, "lotes", Motivo.SIN_GEOMETRIA),
        ({"lotes": [lote(geometry=square(2, 48))]}, "lotes", Motivo.FUERA_DEL_AREA),
        (
            {"lotes": [lote(geometry={"type": "Point", "coordinates": [-63, -35]})]},
            "lotes",
            Motivo.TIPO_DE_GEOMETRIA,
        ),
        ({"ambientes": [ambiente(lote_id="1")]}, "ambientes", Motivo.HUERFANO),
        ({"marcadores": [marcador(lote_id=None)]}, "marcadores", Motivo.HUERFANO),
        (
            {"lotes": [lote(geometry=None)], "marcadores": [marcador()]},
            "marcadores",
            Motivo.HUERFANO,
        ),
        ({"lotes": [lote(geometry=None)]}, "siembras", Motivo.HUERFANO),
        ({"lotes": [lote(siembras="trigo")]}, "siembras", Motivo.TIPO_INVALIDO),
        ({"lotes": [lote(siembras=[7])]}, "siembras", Motivo.TIPO_INVALIDO),
        ({"lotes": [lote(siembras=[siembra(None, "TRI", 1)])]}, "siembras", Motivo.SIN_ID),
        (
            {"lotes": [lote(siembras=[{"id": "s", "cultivo": {}}])]},
            "siembras",
            Motivo.TIPO_INVALIDO,
        ),
        (
            {"lotes": [lote(siembras=[siembra("s", "TRI", 1), siembra("s", "SOJ2", 2)])]},
            "siembras",
            Motivo.ID_REPETIDO,
        ),
        (
            {"zonas": [{"id": "z", "geometry": {"type": "Point"}}]},
            "zonas",
            Motivo.GEOMETRIA_ILEGIBLE,
        ),
        (
            {"cultivos": [{"id": "1", "nombre": "Soja 1ra"}, {"id": "2", "nombre": "SOJA 1º"}]},
            "cultivos",
            Motivo.ID_REPETIDO,
        ),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(lists, recurso, expected):
    records = fetched(**lists)
    built = build(records)
    assert expected.value in {reason for _, reason in refusals(built, recurso)}
    assert_books_balance(records, built.tables)
    assert_contract(built.tables)


def test_an_orphan_says_what_became_of_its_parent():
    built = build(
        fetched(lotes=[lote(geometry=None)], marcadores=[marcador(), marcador("m2", lote_id="77")])
    )
    marks = built.tables.rechazados.query("recurso == 'marcadores'")
    assert list(marks["detalle"]) == [
        "el lote 8841 fue rechazado (sin_geometria)",
        "el lote 77 no está en la lista",
    ]
    assert list(zip(marks["pagina"], marks["indice"], strict=True)) == [(1, 0), (1, 1)]


def test_of_twins_the_newest_stays():
    old = lote(nombre="viejo", updated_at="2025-01-01T00:00:00Z")
    new = lote(nombre="nuevo", updated_at="2025-01-01T00:00:00-03:00")
    for lotes in ([old, new], [new, old]):
        built = build(fetched(lotes=lotes))
        assert list(built.tables.lotes["lote"]) == ["nuevo"]
        assert refusals(built, "lotes") == [("8841", "id_repetido")]


def test_siembra_ids_of_the_lote_only_do_not_collide_between_lotes():
    records = fetched(lotes=[lote("1"), lote("2"), lote("3", siembras=[siembra("z", "GIR", 1)])])
    built = build(records)
    assert list(built.tables.siembras["siembra_id"]) == ["1/s1", "1/s2", "2/s1", "2/s2", "z"]
    assert built.tables.rechazados.empty


def test_an_unknown_crop_is_kept_as_written_and_reported():
    sown = [{"id": "s", "orden": 1, "cultivo": {"codigo": "CHI", "nombre": "Chía negra"}}]
    built = build(fetched(lotes=[lote(siembras=sown)]))
    assert built.cultivos_desconocidos == ("Chía negra",)
    assert list(built.tables.siembras.iloc[0][["cultivo_codigo", "cultivo"]]) == [
        "OTR",
        "Chía negra",
    ]


def test_the_portals_catalogue_names_the_siembras():
    catalogue = [
        {"id": "9", "codigo": "17", "nombre": "Soja de 2da", "color": "#010203"},
        {"id": "8", "codigo": "AVE", "nombre": "Avena"},
    ]
    sown = [siembra("a", "AVE", 1), siembra("b", "17", 2)]
    built = build(fetched(cultivos=catalogue, lotes=[lote(siembras=sown)]))
    assert built.cultivos_desconocidos == ()
    assert list(built.tables.siembras["cultivo_codigo"]) == ["AVE", "SOJ2"]
    assert list(built.tables.siembras["cultivo"]) == ["Avena", "Soja de 2da"]
    assert list(built.tables.cultivos["color"]) == ["#9E9E9E", "#010203"]


def test_an_illegible_value_becomes_empty_and_is_counted_but_costs_no_row():
    bad = lote(superficie_ha="mucho", updated_at="ayer", nombre=["x"])
    built = build(fetched(lotes=[bad]))
    row = built.tables.lotes.iloc[0]
    assert (row["lote"], np.isnan(row["superficie_declarada_ha"])) == ("8841", True)
    assert built.valores_ilegibles == {
        "lotes.nombre": 1,
        "lotes.superficie_ha": 1,
        "lotes.updated_at": 1,
    }


def test_illegible_values_of_many_marks_are_counted_one_by_one():
    muestras = [{"submuestras": "veinte"}, {"submuestras": "veinte"}, {"submuestras": 20}, "no"]
    marks = [
        marcador(f"m-{n}", muestra=muestra, fecha=fecha)
        for n, (muestra, fecha) in enumerate(
            zip(muestras, ["ayer", " ", "2025-09-01", "ayer"], strict=True)
        )
    ]
    built = build(fetched(marcadores=marks))
    assert built.valores_ilegibles == {
        "marcadores.fecha": 2,
        "marcadores.muestra": 1,
        "marcadores.muestra.submuestras": 2,
    }
    assert built.tables.marcadores["muestra_submuestras"].tolist() == [pd.NA, pd.NA, 20, pd.NA]


def test_values_that_python_holds_for_equal_are_read_each_by_its_type():
    depths = [[[0, 20]], [[False, 20]], [[0.0, 20]], [["0", "20"]], "0-20", [[0, 20]]]
    flags = [True, 1, 1.0, "true", 0, False]
    for step in (1, -1):  # whichever comes first
        muestras = [
            {"profundidades_cm": depth, "compuesta": flag, "analisis": [flag]}
            for depth, flag in list(zip(depths, flags, strict=True))[::step]
        ]
        marks = [marcador(f"m-{n}", muestra=muestra) for n, muestra in enumerate(muestras)]
        rows = build(fetched(marcadores=marks)).tables.marcadores[::step]
        found = rows["muestra_profundidades_cm"].fillna("-").tolist()
        assert found == ["0-20", "-", "0-20", "0-20", "0-20", "0-20"]
        assert rows["muestra_compuesta"].fillna(value=False).tolist() == [True] + 5 * [False]
        assert rows["muestra_analisis"].fillna("-").tolist() == ["-", "1", "1", "true", "0", "-"]


def test_names_come_out_clean():
    built = build(fetched(campos=[campo(nombre="  N\u0303andu\u0301\x00\n\ud83d ")]))
    assert built.tables.campos.iloc[0]["campo"] == "Ñandú"
    assert built.tables.lotes.iloc[0]["campo"] == "Ñandú"


def test_a_repair_is_reported_with_its_areas():
    bow_tie = {
        "type": "Polygon",
        "coordinates": [[[-63, -35], [-62.9, -34.9], [-62.9, -35], [-63, -34.9], [-63, -35]]],
    }
    built = build(fetched(lotes=[lote(geometry=bow_tie, superficie_ha=None)]))
    (repair,) = built.repairs
    assert (repair.recurso, repair.id) == ("lotes", "8841")
    assert repair.area_before_ha < 10 < repair.area_after_ha
    assert repair.area_after_ha == built.tables.lotes.iloc[0]["superficie_ha"]
    assert "cruza" in repair.motivo


WHOLE_HA = float(geodesic_area_ha([shapely.geometry.shape(square())])[0])


def crossed() -> dict[str, Any]:
    """The square with two corners changed: each loop cancels the other, and half is left."""
    (ring,) = square()["coordinates"]
    return {"type": "Polygon", "coordinates": [[ring[0], ring[2], ring[1], ring[3], ring[0]]]}


def is_open(share: float) -> dict[str, Any]:
    """The square cut down to a share of its width, and not closed."""
    (ring,) = square(size=0.01)["coordinates"]
    lon = ring[0][0]
    cut = [[lon + (x - lon) * share, y] for x, y in ring[:-1]]
    return {"type": "Polygon", "coordinates": [cut]}


@pytest.mark.parametrize(
    ("geometry", "declared", "before", "kept"),
    [
        (crossed(), None, None, True),  # nobody knows better; named in the summary
        (crossed(), WHOLE_HA, None, False),
        (crossed(), None, square(), False),
        (crossed(), WHOLE_HA, square(), False),
        (crossed(), 0.08, square(size=0.0003), False),
        (crossed(), WHOLE_HA / 2 * 1.005, square(), True),  # a bow-tie was meant
        (is_open(1), WHOLE_HA, square(), True),
        (is_open(1), WHOLE_HA * 1.04, None, True),  # a border by hand is seldom nearer
        (is_open(1), WHOLE_HA * 2, square(), True),
        (is_open(0.5), WHOLE_HA, None, False),
        (is_open(0.5), None, square(), False),
        (is_open(0.98), None, square(), False),
        (is_open(1), 0.08, None, False),
        (is_open(0.5), WHOLE_HA / 2, square(), True),  # cut in two, and declared so
        (is_open(0.5), None, None, True),
    ],
)
def test_a_repair_that_makes_another_field_is_no_repair(geometry, declared, before, kept):
    previous = None if before is None else build(fetched(lotes=[lote(geometry=before)])).tables
    lotes = [lote("1"), lote(geometry=geometry, superficie_ha=declared)]
    built = build(fetched(lotes=lotes, ambientes=[ambiente()]), previous=previous)
    assert list(built.tables.lotes["lote_id"]) == (["1", "8841"] if kept else ["1"])
    assert len(built.repairs) == kept
    if kept:
        assert built.repairs[0].nombre == "7 A/B"
        return
    assert refusals(built, "lotes") == [("8841", "geometria_irreparable")]
    assert "al repararla queda otra superficie" in built.tables.rechazados["detalle"][0]
    assert refusals(built, "ambientes") == [("a-55", "huerfano")], "not left with a lote unsaid"


def test_a_small_repair_stays_one_whatever_the_portal_declares():
    (ring,) = square()["coordinates"]
    lon, lat = ring[0]
    spike = [*ring[:1], [lon + 0.005, lat], [lon + 0.005, lat - 1e-5], [lon + 0.00501, lat + 1e-5]]
    built = build(fetched(lotes=[lote(geometry={"type": "Polygon", "coordinates": [
        [*spike, [lon + 0.004, lat], *ring[1:]]
    ]})]))  # fmt: skip
    (repair,) = built.repairs
    assert repair.moved_ha < 0.1
    assert abs(repair.area_after_ha - 61.25) > 1, "what is declared is another matter"


def test_each_list_has_its_own_encoding():
    wkt = shapely.geometry.shape(square()).wkt
    built = build(
        fetched(
            lotes=[lote(geometry=wkt)], marcadores=[marcador(geometry={"lat": -35.5, "lon": -63})]
        ),
        encodings={
            Recurso.LOTES: GeometryEncoding("wkt"),
            Recurso.MARCADORES: GeometryEncoding("lat_lon"),
        },
    )
    assert built.tables.rechazados.empty
    assert built.tables.marcadores.geometry.iloc[0].wkt == "POINT (-63 -35.5)"


# --- whatever comes -----------------------------------------------------------------------

IDS = st.sampled_from(["1", "2", "114", "8841", 8841, 7.0, None, "", "a\x00", "ñ", "\ud800", True])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
    | st.sampled_from(["25/26", "24/25", UPDATED, "TRI", "x" * 5000, 10**400, LATE]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "nombre", "codigo", "cultivo", "type"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
BOW_TIE = {"type": "Polygon", "coordinates": [[[-63, -35], [-62, -34], [-62, -35], [-63, -34]]]}
SHAPES = st.sampled_from(
    [None, square(), square(2, 48), BOW_TIE, marcador()["geometry"], {}, "x", {"type": "Polygon"}]
)
SIEMBRA = st.one_of(VALUES, st.builds(siembra, IDS, st.sampled_from(["TRI", "ZZZ"]), VALUES))
PARENTS = {
    "campo_id": IDS,
    "lote_id": IDS,
    "geometry": SHAPES,
    "siembras": VALUES | st.lists(SIEMBRA, max_size=4),
}
NAMES = sorted({name for table in TABLES.values() for name in table.names} - set(PARENTS))
OTHERS = dict.fromkeys(
    (*NAMES, "nombre", "deleted_at", "empresa", "muestra", "superficie_ha"), VALUES
)


def items(make: Any) -> st.SearchStrategy[list[dict[str, Any]]]:
    hostile = st.fixed_dictionaries({}, optional={"id": IDS, **PARENTS, **OTHERS})
    likely = st.builds(
        lambda id_, more: make(id_, **more), IDS, st.fixed_dictionaries({}, optional=PARENTS)
    )
    return st.lists(st.one_of(hostile, likely, st.just(make())), max_size=5)


def zona(id_: Any = "z", **more: Any) -> dict[str, Any]:
    return {"id": id_, "nombre": "Oeste", **more}


def cultivo(id_: Any = "7", **more: Any) -> dict[str, Any]:
    return {"id": id_, "codigo": "SOJ2", "nombre": "Soja 2da", **more}


LISTS = st.fixed_dictionaries(
    {
        "campos": items(campo),
        "lotes": items(lote),
        "ambientes": items(ambiente),
        "marcadores": items(marcador),
        "zonas": items(zona),
        "cultivos": items(cultivo),
    }
)


# a tenth of a second each; by the hundred thousand in tests/robustness/generated_inputs.py
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LISTS, st.randoms(use_true_random=False))
def test_books_balance_and_order_never_matters_whatever_comes(lists, rng: random.Random):
    records = fetched(**lists)
    built = build(records)
    assert_books_balance(records, built.tables)
    assert_contract(built.tables)
    shuffled = {recurso: rng.sample(list_, len(list_)) for recurso, list_ in records.items()}
    again = build(shuffled)
    assert_same(built.tables, again.tables)
    assert (built.repairs, built.cultivos_desconocidos) == (
        again.repairs,
        again.cultivos_desconocidos,
    )


def test_a_record_that_is_no_object_is_refused():
    records = {Recurso.CAMPOS: [Record(values, 1, at) for at, values in enumerate([None, [], "x"])]}
    built = build(records)
    assert refusals(built, "campos") == [(pd.NA, "tipo_invalido")] * 3


# --- the contract, both ways ----------------------------------------------------------------


def test_check_table_names_what_is_wrong():
    tables = build(fetched(marcadores=[marcador()])).tables
    lotes = tables.lotes
    twice = gpd.GeoDataFrame(pd.concat([lotes, lotes], ignore_index=True))
    for frame, said in [
        (lotes.drop(columns="lote"), r"missing columns \['lote'\]"),
        (lotes.assign(sorpresa=1), r"unexpected columns \['sorpresa'\]"),
        (lotes[[*reversed(lotes.columns)]], "out of order"),
        (lotes.assign(n_siembras=2.0), "n_siembras is float64, not Int64"),
        (lotes.assign(superficie_ha=np.nan), "superficie_ha has empty values"),
        (lotes.assign(updated_at=pd.Timestamp("2025-01-01")), "updated_at is"),
        (twice, "key '8841' is repeated"),
        (lotes.set_crs("EPSG:3857", allow_override=True), "CRS is EPSG:3857"),
        (lotes.set_geometry(gpd.points_from_xy([-63], [-35], crs="EPSG:4326")), "Point"),
    ]:
        with pytest.raises(DataError, match=said):
            check_table(frame, LOTES)
    with pytest.raises(DataError, match="fecha is object, not date"):
        check_table(
            tables.marcadores.assign(fecha=pd.Series(["2025-01-01"], dtype=object)), MARCADORES
        )


# --- real fields ----------------------------------------------------------------------------


def lotes_of(frame: gpd.GeoDataFrame) -> dict[Recurso, list[Record]]:
    shapes = [
        None if shape is None else json.loads(json.dumps(shape.__geo_interface__))
        for shape in frame.geometry
    ]
    return fetched(
        lotes=[lote(f"{at:05d}", geometry=shape, siembras=[]) for at, shape in enumerate(shapes)]
    )


@pytest.mark.shared
def test_brazilian_fields_keep_their_area(shared_data: Path):
    frame = gpd.read_parquet(shared_data / "fields/br_lem_fields.parquet")
    built = build(lotes_of(frame), bbox=WORLD)
    assert len(built.tables.lotes) == len(frame) == 1854
    assert built.repairs == ()
    expected = geodesic_area_ha(frame.geometry.values)
    assert built.tables.lotes["superficie_ha"].sum() == pytest.approx(expected.sum(), rel=1e-9)
    assert built.tables.lotes["superficie_ha"].to_numpy() == pytest.approx(expected, rel=1e-9)
    for before, after in zip(frame.geometry, built.tables.lotes.geometry, strict=True):
        assert shapely.equals_exact(shapely.normalize(before), shapely.normalize(after))


@pytest.mark.shared
def test_gps_walks_from_segou_are_repaired_or_refused_by_name(shared_data: Path):
    frame = gpd.read_file(shared_data / "fields/ml_segou_fields.geojson")
    records = lotes_of(frame)
    built = build(records, bbox=WORLD)
    assert_books_balance(records, built.tables)
    invalid = {f"{at:05d}" for at in np.flatnonzero(~frame.geometry.is_valid)}
    assert len(invalid) == 14
    refused = {id_ for id_, _ in refusals(built, "lotes")}
    assert {repair.id for repair in built.repairs} | refused == invalid
    kept = built.tables.lotes.set_index("lote_id")
    for at in np.flatnonzero(frame.geometry.is_valid):
        expected = geodesic_area_ha([frame.geometry.iloc[at]])[0]
        assert kept.loc[f"{at:05d}", "superficie_ha"] == pytest.approx(expected, rel=1e-9)
    for repair in built.repairs:
        assert kept.loc[repair.id, "superficie_ha"] == repair.area_after_ha


@pytest.mark.parametrize(
    ("odd", "times"),
    [
        ([], 6),
        ([marcador("m-20", updated_at=LATE), marcador(" m-3 ")], 1),  # two that came already
        ([marcador(7), marcador("m-98")], 1),
        ([marcador(None), marcador("m-99", deleted_at=UPDATED)], 1),
        ([marcador("m-99", deleted_at=UPDATED), marcador("m-96", campania="24/25")], 6),
        ([marcador("m-97", orden="x", geometry=None), marcador("m-00", lote_id="nobody")], 6),
    ],
)
def test_records_looked_at_some_at_a_time_come_to_the_same_tables(
    monkeypatch: pytest.MonkeyPatch, odd: list[dict[str, Any]], times: int
) -> None:
    marks = [marcador(f"m-{at}", orden=at, subtipo=f"s{at % 3}") for at in range(40, 0, -1)]
    records = fetched(ambientes=[ambiente("a-2"), ambiente("a-1")], marcadores=[*marks, *odd])
    whole = build(records)
    assert_books_balance(records, whole.tables)
    monkeypatch.setattr(screen, "TOGETHER", 7)
    packed = {recurso: Records(came) for recurso, came in records.items()}
    parts = build(packed)
    assert_same(whole.tables, parts.tables)
    assert_contract(parts.tables)
    assert parts.valores_ilegibles == whole.valores_ilegibles
    assert len([*screen.apart(packed[Recurso.MARCADORES])]) == times
