"""Columns that come empty, declared areas, catalogues and mixed types: what refuses, what not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from Modules.night.survey import Survey, survey
from Modules.portal.profile import parse_profile
from Modules.words.domain import Recurso
from tests.night.answered import (
    Answered,
    Item,
    answered,
    changed,
    company,
    items,
    judged,
    refusals,
    warnings,
)

NEWER = "2025-12-24T10:00:00-03:00"
COLUMNS = {  # member → list, as the contract calls both; every column that a portal fills
    Recurso.CULTIVOS: ("nombre",),
    Recurso.ZONAS: ("nombre", "tipo", "lote_id", "updated_at", "geometry"),
    Recurso.CAMPOS: (
        *("nombre", "codigo", "zona_id", "empresa.nombre", "empresa.cuit", "renspa", "provincia"),
        *("partido", "tenencia", "superficie_ha", "activo", "updated_at"),
    ),
    Recurso.LOTES: ("nombre", "siembras", "superficie_ha", "updated_at"),
    Recurso.AMBIENTES: (
        *("nombre", "potencial", "orden", "color", "superficie_ha", "fuente", "version"),
        "updated_at",
    ),
    Recurso.MARCADORES: (
        *("nombre", "tipo", "subtipo", "ambiente_id", "estado", "fecha", "orden", "observacion"),
        *("muestra.codigo", "muestra.compuesta", "muestra.submuestras", "muestra.analisis"),
        *("muestra.profundidades_cm", "updated_at"),
    ),
}
SOWN = ("material", "superficie_ha", "fecha_siembra", "fecha_cosecha", "estado")


def called(member: str, other: str) -> Callable[[Item], Item]:
    """The item with a member under another name."""
    *above, last = member.split(".")

    def change(item: Item) -> Item:
        if above and not isinstance(item.get(above[0]), dict):
            return item
        inner = dict(item[above[0]] if above else item)
        if last in inner:
            inner[other] = inner.pop(last)
        return {**item, above[0]: inner} if above else inner

    return change


def sown(change: Callable[[Item], Item]) -> Callable[[Item], Item]:
    return lambda lote: {**lote, "siembras": [change(one) for one in lote["siembras"]]}


@pytest.fixture(scope="module")
def before() -> Answered:
    return company()


@pytest.mark.parametrize(
    ("recurso", "member"), [(one, name) for one, names in COLUMNS.items() for name in names]
)
def test_a_renamed_member_is_refused_with_the_line_that_mends_it(
    before: Answered, recurso: Recurso, member: str
) -> None:
    now = answered(changed(items(), recurso, called(member, "otro")))
    said = next(one for one in refusals(judged(now, before)) if f"«{member}»" in one)
    path = ".".join([*member.split(".")[:-1], "otro"])
    inner = {"geometry": "geometry", "siembras": "siembras"}.get(member, "fields")
    key = "path" if inner != "fields" else f'"{member}"' if "." in member else member
    assert f'en el perfil, bajo [resources.{recurso}.{inner}]: {key} = "{path}"' in said


@pytest.mark.parametrize("member", SOWN)
def test_a_renamed_member_of_the_siembras_is_refused_with_its_line(
    before: Answered, member: str
) -> None:
    now = answered(changed(items(), Recurso.LOTES, sown(called(member, "otro"))))
    (said,) = refusals(judged(now, before))
    assert f'[resources.lotes.siembras.fields]: {member} = "otro"' in said


@pytest.mark.parametrize("recurso", list(COLUMNS))
def test_the_line_pasted_into_the_profile_gives_the_night_back(
    before: Answered, recurso: Recurso
) -> None:
    """And a profile that was edited is no first night: it is compared all the same."""
    night = changed(items(), recurso, called("nombre", "name"))
    assert refusals(judged(answered(night), before, unseen=True)), "of an older manifest too"
    profile = parse_profile(f'[resources.{recurso}.fields]\nnombre = "name"\n', "p")
    assert judged(answered(night, profile=profile), before).accepted


@pytest.mark.parametrize("recurso", list(COLUMNS))
@pytest.mark.parametrize("other", ["name", "otro"])
def test_a_first_night_without_any_name_is_refused_with_the_line(
    recurso: Recurso, other: str
) -> None:
    now = answered(changed(items(), recurso, called("nombre", other)))
    (said,) = refusals(judged(now))
    assert f'bajo [resources.{recurso}.fields]: nombre = "{other}"' in said


def test_a_first_night_without_siembras_in_its_lotes_is_refused() -> None:
    now = answered(changed(items(), Recurso.LOTES, called("siembras", "sowings")))
    (said,) = refusals(judged(now))
    assert "«siembras» falta en 48 de 48 registros" in said
    nobody_sowed = answered(changed(items(), Recurso.LOTES, lambda lote: {**lote, "siembras": []}))
    assert judged(nobody_sowed).accepted


def test_a_name_that_is_no_text_any_more_is_a_name_that_is_gone(before: Answered) -> None:
    now = changed(items(), Recurso.LOTES, lambda lote: {**lote, "nombre": {"es": lote["nombre"]}})
    assert "«nombre» viene vacío en 48 de 48" in refusals(judged(answered(now), before))[0]


def test_a_renamed_key_says_the_line_before_all_that_follows_from_it(before: Answered) -> None:
    now = answered(changed(items(), Recurso.LOTES, called("campo_id", "farm")))
    first = refusals(judged(now, before))[0]
    assert "«campo_id» falta en 48 de 48 registros; en el perfil, bajo [resources.lotes" in first


def some(count: int, member: str, value: Any, **more: Any) -> Callable[[list[Item]], list[Item]]:
    """The first so many that have the member, without it."""

    def change(rows: list[Item]) -> list[Item]:
        having = [row["id"] for row in rows if row.get(member) not in (None, value)][:count]
        return [{**row, member: value, **more} if row["id"] in having else row for row in rows]

    return change


@pytest.mark.parametrize(
    ("recurso", "change", "accepted"),
    [
        (Recurso.LOTES, some(2, "nombre", ""), True),  # 4 % of 48
        (Recurso.LOTES, some(3, "nombre", ""), False),
        (Recurso.MARCADORES, some(4, "fecha", None), True),  # of 95
        (Recurso.MARCADORES, some(12, "fecha", None), False),
        (Recurso.MARCADORES, some(12, "fecha", None, updated_at=NEWER), True),  # somebody's work
        (Recurso.MARCADORES, some(99, "orden", None, updated_at=NEWER), True),  # all is sampled
        (Recurso.MARCADORES, some(160, "estado", None, updated_at=NEWER), False),
        (Recurso.CAMPOS, some(2, "renspa", None), True),  # two of seven: a decision
        (Recurso.CAMPOS, some(3, "renspa", None), False),
    ],
)
def test_a_part_of_a_column_may_be_cleared_by_people(
    before: Answered, recurso: Recurso, change: Callable[[list[Item]], list[Item]], accepted: bool
) -> None:
    night = items()
    verdict = judged(answered({**night, recurso: change(night[recurso])}), before)
    assert verdict.accepted == accepted, refusals(verdict)


def test_what_points_to_something_that_left_is_no_column_that_came_empty(before: Answered) -> None:
    """Ambientes drawn anew: the marks of the old ones say none."""
    night = items()
    old = {one["id"] for one in night[Recurso.AMBIENTES][:8]}
    new = [
        {**one, "id": f"n-{one['id']}"} if one["id"] in old else one
        for one in night[Recurso.AMBIENTES]
    ]
    loose = [
        {**one, "ambiente_id": None} if one["ambiente_id"] in old else one
        for one in night[Recurso.MARCADORES]
    ]
    assert len([one for one in loose if one not in night[Recurso.MARCADORES]]) > 3
    now = answered({**night, Recurso.AMBIENTES: new, Recurso.MARCADORES: loose})
    assert not [one for one in refusals(judged(now, before)) if "ambiente_id" in one]


def test_a_column_that_never_came_and_rows_that_are_others_are_judged_by_the_column() -> None:
    unnamed = changed(items(), Recurso.AMBIENTES, called("nombre", "x"))
    assert judged(answered(unnamed), answered(unnamed)).accepted, "accepted once, then for good"
    others = changed(items(), Recurso.MARCADORES, lambda one: {**one, "id": f"n{one['id']}"})
    dry = changed(others, Recurso.MARCADORES, called("estado", "state"))
    said = refusals(judged(answered(dry), company()))
    assert any("«estado» viene vacío en 160 de 160" in one for one in said)


def test_declared_areas_that_halve_are_refused_and_those_in_step_with_the_drawn_ones_are_not(
    before: Answered,
) -> None:
    def half(item: Item) -> Item:
        return {**item, "superficie_ha": float(item["superficie_ha"]) / 2}

    for recurso in (Recurso.CAMPOS, Recurso.LOTES, Recurso.AMBIENTES):
        (said,) = refusals(judged(answered(changed(items(), recurso, half)), before))
        assert said.startswith(f"{recurso}: superficie declarada: las mismas filas declaran")
        assert "−50,0 %" in said
    sowings = changed(items(), Recurso.LOTES, sown(half))
    assert "siembras: superficie declarada" in refusals(judged(answered(sowings), before))[0]
    night = items()
    one_campo = {
        **night,
        Recurso.CAMPOS: [half(night[Recurso.CAMPOS][0]), *night[Recurso.CAMPOS][1:]],
    }
    assert judged(answered(one_campo), before).accepted, "one campo is a decision"


def test_catalogues_of_another_company_are_refused_and_their_growth_is_not(
    before: Answered,
) -> None:
    night = items()
    for recurso in (Recurso.CAMPANIAS, Recurso.CULTIVOS):
        other = answered(changed(night, recurso, lambda one: {**one, "id": f"t2-{one['id']}"}))
        (said,) = refusals(judged(other, before))
        assert f"{recurso}: la misma lista" in said
        assert judged(other, before, unseen=True).accepted, "older manifests do not say"
        fewer = answered({**night, recurso: night[recurso][1:]})
        assert judged(before, fewer).accepted


def test_mixed_types_are_said_and_the_areas_that_may_be_text_are_not(before: Answered) -> None:
    assert not survey(before.fetched).mixed
    night = items()
    night[Recurso.LOTES][0]["nombre"] = 7
    night[Recurso.MARCADORES][0]["orden"] = "1"
    verdict = judged(answered(night), before)
    (said,) = [one for one in warnings(verdict) if one.startswith("tipos de los valores")]
    assert "lotes.nombre: 47 texto, 1 número" in said
    assert "marcadores.orden: " in said
    assert verdict.accepted


def test_a_zona_the_size_of_a_country_is_refused_by_name() -> None:
    night = items()
    ring = [[-72, -38], [-56, -38], [-56, -24], [-72, -24], [-72, -38]]
    province = [[-63, -38], [-58, -38], [-58, -34], [-63, -34], [-63, -38]]
    for at, shape in ((0, ring), (2, province), (-1, province)):
        night[Recurso.ZONAS][at]["geometry"] = {"type": "Polygon", "coordinates": [shape]}
    assert [night[Recurso.ZONAS][at]["tipo"] == "region" for at in (0, 2, -1)] == [
        True,
        True,
        False,
    ]
    refused = answered(night).built.tables.rechazados
    zonas = refused[refused["recurso"] == "zonas"]
    assert set(zonas["id"]) == {night[Recurso.ZONAS][at]["id"] for at in (0, -1)}
    assert set(zonas["motivo"]) == {"superficie_imposible"}


def test_what_the_next_night_needs_goes_through_the_manifest(before: Answered) -> None:
    seen = survey(before.fetched)
    back = Survey.from_dict(seen.to_dict())
    assert (back.catalogues, back.moments) == (seen.catalogues, seen.moments)
    assert Survey.from_dict(None) == Survey()


@pytest.mark.parametrize(
    "nothing",
    [{"nombre": "\u200b"}, {"nombre": "null"}, {"nombre": None, "updated_at": "2025-12-01"}],
    ids=["invisible", "null", "edited"],
)
def test_half_of_the_names_gone_in_whatever_manner_is_refused(nothing: Item) -> None:
    night = items()
    rows = [{**one, **nothing} if at % 2 else one for at, one in enumerate(night[Recurso.LOTES])]
    found = judged(answered({**night, Recurso.LOTES: rows}), company())
    assert any("«nombre» viene vacío en 24 de 48" in one for one in refusals(found))
