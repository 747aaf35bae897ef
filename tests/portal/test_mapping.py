"""Rows to records: only the contract's members, whatever else a row carries, and the row intact."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from Modules.demo.world import build_world
from Modules.portal.contract import CONTRACT
from Modules.portal.mapping import Mapper
from Modules.portal.profile import DEFAULT_PROFILE
from Modules.words.domain import Campania, Recurso
from Modules.words.errors import ApiContractChanged

SEASON = Campania(25, 26)
WORLD = build_world("small")
STRANGERS = st.dictionaries(
    st.text(min_size=1).map(lambda name: f"x_{name}"),
    st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers())),
    min_size=1,
)


def mapped(recurso: Recurso, rows: list[Any]) -> list[dict[str, Any]]:
    mapper = Mapper(DEFAULT_PROFILE, recurso, SEASON, str(SEASON))
    records = mapper.records(rows, 3, f"{recurso} página 3")
    assert [(record.page, record.index) for record in records] == [(3, n) for n in range(len(rows))]
    return [dict(record.values) for record in records]


@pytest.mark.parametrize("recurso", list(Recurso))
@settings(max_examples=20)
@given(strangers=STRANGERS, data=st.data())
def test_what_the_contract_does_not_name_never_reaches_a_record(
    recurso: Recurso, strangers: dict[str, Any], data: st.DataObject
) -> None:
    row = data.draw(st.sampled_from(WORLD.items(recurso)))
    more = copy.deepcopy({**strangers, **row})
    for nested in ("empresa", "muestra"):
        if isinstance(more.get(nested), dict):
            more[nested] |= strangers
    before = copy.deepcopy(more)
    plain, rich = mapped(recurso, [row, more])
    assert rich == plain
    assert more == before
    tops = {member.name.split(".")[0] for member in CONTRACT[recurso].members}
    assert set(plain) <= tops | {"geometry"}


@pytest.mark.parametrize("nested", [None, "texto", 7, [], {}, {"otro": 1}])
def test_an_object_that_holds_nothing_of_ours_is_left_out(nested: object) -> None:
    row = {"id": "m1", "lote_id": "8", "campania": "25/26", "muestra": nested}
    assert mapped(Recurso.MARCADORES, [row]) == [{"id": "m1", "lote_id": "8", "campania": "25/26"}]


def test_values_are_read_as_the_contract_allows_and_null_stays_null() -> None:
    row = {"id": 7, "lote_id": None, "campania": "25/26", "updated_at": "2025-11-19T17:20:05"}
    (found,) = mapped(Recurso.AMBIENTES, [{**row, "superficie_ha": "61.25", "orden": None}])
    assert found == {
        "id": "7",
        "lote_id": None,
        "campania": "25/26",
        "updated_at": "2025-11-19T17:20:05-03:00",
        "superficie_ha": 61.25,
        "orden": None,
    }


def test_a_row_that_is_no_object_is_refused() -> None:
    with pytest.raises(ApiContractChanged, match="campos página 3: la fila 1 no es un objeto"):
        mapped(Recurso.CAMPOS, [{"id": "1"}, ["1"]])
