"""The plan as Modus slim: by the schema's rules, ids that hold, nothing made up."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.products.muestreos.modus import CONTENT_TYPE, Muestra, depths, modus_documents

TEXT = {"type": "string"}
PLACE = {"type": "object", "properties": {"id": TEXT, "name": TEXT}, "additionalProperties": False}
# The part of https://formats.openag.io/modus/slim/v1/0.schema.json that a plan uses, shut against
# keys that it does not define; written down here from its published rules.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_type", "id", "date", "type", "samples"],
    "additionalProperties": False,
    "properties": {
        "_type": {"const": "application/vnd.modus.slim.v1.0+json"},
        "id": TEXT,
        "date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
        "name": TEXT,
        "type": {"enum": ["soil", "plant-tissue", "nematode", "water", "residue"]},
        "samples": {
            "additionalProperties": {
                "type": "object",
                "required": ["id", "source", "geolocation"],
                "additionalProperties": False,
                "properties": {
                    "id": TEXT,
                    "source": {
                        "type": "object",
                        "required": ["sampleid"],
                        "additionalProperties": False,
                        "properties": {
                            "sampleid": TEXT,
                            "date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
                            "grower": PLACE,
                            "farm": PLACE,
                            "field": PLACE,
                            "subfield": PLACE,
                        },
                    },
                    "depth": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "name": TEXT,
                            "top": {"type": "number"},
                            "bottom": {"type": "number"},
                            "units": {"const": "cm"},
                        },
                    },
                    "geolocation": {
                        "type": "object",
                        "required": ["lat", "lon"],
                        "additionalProperties": False,
                        "properties": {
                            "lat": {"type": "number", "minimum": -90, "maximum": 90},
                            "lon": {"type": "number", "minimum": -180, "maximum": 180},
                        },
                    },
                    "lindero": {"type": "object"},  # our own
                },
            }
        },
    },
}
DAY = date(2025, 11, 19)


def muestra(punto_id: str = "m-1", **values: Any) -> Muestra:
    base: dict[str, Any] = {
        "origen": "real",
        "muestra_id": "LPZ-7A-A-01",
        "codigo": "LPZ-7A-A",
        "punto": "LPZ-7A-A-01",
        "lon": -63.095,
        "lat": -35.505,
        "campo_id": "114",
        "campo": "La Paz - Ñandú",
        "lote_id": "8841",
        "lote": "7 A/B",
    }
    return Muestra(punto_id=punto_id, **base | values)


def documents(*muestras: Muestra) -> dict[str, Any]:
    made = modus_documents(muestras, nombre="Muestreos 25/26", fecha=DAY)
    read = {kind: json.loads(body) for kind, body in made.items()}
    for kind, document in read.items():
        jsonschema.validate(document, SCHEMA)
        assert document["type"] == kind
        assert all(key == sample["id"] for key, sample in document["samples"].items())
    return read


texts = st.text(max_size=12)
muestras = st.builds(
    muestra,
    punto_id=st.text(min_size=1, max_size=6),
    origen=st.sampled_from(["real", "propuesto"]),
    codigo=st.none() | texts,
    punto=texts,
    lon=st.floats(-76, -34),
    lat=st.floats(-56, 6),
    campo=texts,
    lote=texts,
    empresa=st.none() | texts,
    ambiente_id=st.none() | texts,
    subtipo=st.none() | st.sampled_from(["suelo", "Agua de pozo", "foliar", "Nematodos", "x"]),
    profundidades_cm=st.none() | st.sampled_from(["0-20", "0-20; 20-40; 40-60", "hasta tosca", ""]),
    analisis=st.none() | texts,
    submuestras=st.none() | st.integers(0, 40),
    fecha=st.none() | st.dates(),
)


@given(st.lists(muestras, max_size=8, unique_by=lambda m: m.punto_id))
def test_every_plan_keeps_the_schema_and_loses_no_sample(plan: list[Muestra]) -> None:
    read = documents(*plan)
    samples = sum(len(document["samples"]) for document in read.values())
    assert samples == sum(max(1, len(depths(m.profundidades_cm))) for m in plan)
    assert "soil" in read


def test_a_sample_for_each_depth_with_its_place_and_what_modus_has_no_word_for() -> None:
    one = muestra(
        empresa="Empresa Ejemplo S.A.",
        ambiente_id="a-55",
        ambiente="Loma",
        profundidades_cm="0-20; 20-40",
        analisis="P Bray; pH",
        submuestras=20,
        compuesta=True,
        estado="hecho",
        fecha=date(2025, 8, 3),
        orden=4,
    )
    samples = documents(one)["soil"]["samples"]
    assert [s["depth"] for s in samples.values()] == [
        {"name": "0-20 cm", "top": 0, "bottom": 20, "units": "cm"},
        {"name": "20-40 cm", "top": 20, "bottom": 40, "units": "cm"},
    ]
    assert [s["source"].pop("sampleid") for s in samples.values()] == [
        "LPZ-7A-A-01 0-20 cm",  # a bag each
        "LPZ-7A-A-01 20-40 cm",
    ]
    for sample in samples.values():
        assert sample["source"] == {
            "date": "2025-08-03",
            "grower": {"name": "Empresa Ejemplo S.A."},
            "farm": {"id": "114", "name": "La Paz - Ñandú"},
            "field": {"id": "8841", "name": "7 A/B"},
            "subfield": {"id": "a-55", "name": "Loma"},
        }
        assert sample["geolocation"] == {"lat": -35.505, "lon": -63.095}
        assert sample["lindero"] == {
            "origen": "real",
            "orden": 4,
            "punto": "LPZ-7A-A-01",
            "codigo": "LPZ-7A-A",
            "compuesta": True,
            "estado": "hecho",
            "submuestras": 20,
            "analisis": ["P Bray", "pH"],
        }


def test_a_proposed_point_says_so_and_claims_no_depth() -> None:
    (sample,) = documents(muestra(origen="propuesto", estado="propuesto"))["soil"][
        "samples"
    ].values()
    assert sample["lindero"]["origen"] == "propuesto"
    assert "depth" not in sample
    assert "subfield" not in sample["source"]


def test_water_and_leaves_do_not_mix_with_soil() -> None:
    read = documents(
        muestra("s", subtipo="suelo"),
        muestra("w", subtipo="Agua de pozo"),
        muestra("l", subtipo="FOLIAR"),
        muestra("?", subtipo=None),
    )
    assert {kind: list(d["samples"]) for kind, d in read.items()} == {
        "soil": ["s#1", "?#1"],
        "plant-tissue": ["l#1"],
        "water": ["w#1"],
    }


def test_the_id_is_that_of_the_content() -> None:
    first = documents(muestra())["soil"]
    assert first == documents(muestra())["soil"]
    assert first["_type"] == CONTENT_TYPE
    others = [documents(muestra(lon=-63.0)), documents(muestra(submuestras=3)), documents()]
    ids = {first["id"], *(other["soil"]["id"] for other in others)}
    assert len(ids) == 4


def test_ids_that_look_like_one_another_stay_apart() -> None:
    read = documents(muestra("a", profundidades_cm="0-20; 20-40"), muestra("a#1"), muestra("a#2"))
    assert list(read["soil"]["samples"]) == ["a#1", "a#2", "a#1#1", "a#2#1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, []),
        ("", []),
        (" ; ", []),
        ("0-20", [{"name": "0-20 cm", "top": 0, "bottom": 20, "units": "cm"}]),
        (" 2.5 - 7.5 ", [{"name": "2.5-7.5 cm", "top": 2.5, "bottom": 7.5, "units": "cm"}]),
        ("20-0", [{"name": "20-0"}]),
        ("hasta la tosca", [{"name": "hasta la tosca"}]),
    ],
)
def test_depths(text: str | None, expected: list[dict[str, Any]]) -> None:
    assert depths(text) == expected
