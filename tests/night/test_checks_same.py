"""Whole nights that are wrong row by row are refused; nights at work never are."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from Modules.demo.contract import World
from Modules.demo.world import world_of
from Modules.words.domain import Recurso
from tests.faults.content import CONTENT
from tests.faults.named import Fault, apply_nights
from tests.night.answered import SIZE, Answered, answered, company, judged, refusals, warnings
from tests.night.test_checks import (
    Farm,
    changed,
    farm,
    place_of,
    refusing,
    square,
    verdict,
    warning,
)

EARLIER, LATER = "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"
DAYS = 6  # nights of the made-up company, one after another


@cache
def world(day: int) -> World:
    return world_of("answered", SIZE, seed=7, day=day, campania="25/26")


def spoilt(name: str, day: int = 1) -> Answered:
    night = apply_nights(world(day), (Fault(name),))
    return answered({recurso: night.items(recurso) for recurso in Recurso})


@pytest.mark.parametrize("name", sorted(CONTENT))
def test_a_whole_night_that_says_what_is_not_so_is_refused(name: str) -> None:
    said = refusals(judged(spoilt(name), company()))
    assert said, name


def test_whose_campos_they_are_is_told_to_nobody() -> None:
    owners = {one["empresa"]["nombre"] for one in world(1).items(Recurso.CAMPOS) if one["empresa"]}
    (said,) = refusals(judged(spoilt("night_empresas_moved"), company()))
    assert len(owners) > 1
    assert "«empresa.nombre» es otro en 7 de 8 filas" in said
    assert not [one for one in owners if one in said]


def test_days_are_told_as_people_write_them() -> None:
    said = " ".join(refusals(judged(spoilt("night_day_before"), company())))
    assert re.search(r"«fecha_siembra» es otro .*: «\d\d/\d\d/\d{4}» → «\d\d/\d\d/\d{4}»", said)
    assert not re.search(r"\d{4}-\d\d-\d\d", said)


def farm_of(count: int, **more: Any) -> Farm:
    return changed(farm(count), "lotes", lambda _: {"updated_at": EARLIER, **more})


@pytest.mark.parametrize(
    ("of", "others", "edited", "bad"),
    [
        (25, 5, EARLIER, True),
        (25, 4, EARLIER, False),
        (25, 25, LATER, False),
        (4, 3, EARLIER, True),
    ],
)
def test_five_names_that_nobody_edited_are_enough_and_edited_ones_warn(
    of: int, others: int, edited: str, bad: bool
) -> None:
    before = farm_of(of)
    chosen = {lote["id"] for lote in before["lotes"][:others]}
    other = {"nombre": "otro", "updated_at": edited}
    now = changed(before, "lotes", lambda lote: other if lote["id"] in chosen else {})
    found = verdict(now, before)
    assert ("lotes: dicen lo mismo que anoche" in refusing(found)) is bad
    assert ("lotes: dicen lo mismo que anoche" in warning(found)) is not bad


def test_where_nothing_is_dated_other_names_only_warn() -> None:
    now = changed(farm(20), "lotes", lambda lote: {"nombre": f"x{lote['nombre']}"})
    found = verdict(now, farm(20))
    assert found.accepted
    assert "lotes: dicen lo mismo que anoche" in warning(found)


def test_names_in_capitals_only_warn() -> None:
    before = farm_of(20, nombre="Lote ñandú")
    found = verdict(changed(before, "lotes", lambda _: {"nombre": "LOTE ÑANDÚ"}), before)
    assert found.accepted
    assert "lotes: dicen lo mismo que anoche" in warning(found)


@pytest.mark.parametrize(("estado", "bad"), [("sembrado", True), ("planificado", False)])
def test_a_crop_may_change_as_long_as_it_is_a_plan(estado: str, bad: bool) -> None:
    def sown(codigo: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        crop = {"orden": 1, "cultivo": {"codigo": codigo}, "estado": estado}
        return lambda lote: {"siembras": [{"id": f"s{lote['id']}", **crop}]}

    before = changed(farm_of(20), "lotes", sown("SOJ1"))
    found = verdict(changed(before, "lotes", sown("TRI")), before)
    assert ("siembras: dicen lo mismo que anoche" in refusing(found)) is bad


@pytest.mark.parametrize(("metres", "bad"), [(20, False), (300, True)])
def test_lotes_may_be_measured_again_and_may_not_lie_elsewhere(metres: int, bad: bool) -> None:
    def off(lote: dict[str, Any]) -> dict[str, Any]:
        lon, lat = place_of(lote["id"])
        return {"geometry": square(lon + metres / 91_000, lat)}

    found = verdict(changed(farm_of(20), "lotes", off), farm_of(20))
    assert ("lotes: en el mismo lugar que anoche" in refusing(found)) is bad


def test_three_lotes_of_a_campo_may_not_change_places() -> None:
    """In a large company they are few."""
    before = changed(farm(12, *[20] * 8), "lotes", lambda _: {"updated_at": EARLIER})
    shapes = {lote["id"]: lote["geometry"] for lote in before["lotes"]}
    turn = {"c0-l00": "c0-l01", "c0-l01": "c0-l02", "c0-l02": "c0-l00"}
    now = changed(
        before, "lotes", lambda lote: {"geometry": shapes[turn.get(lote["id"], lote["id"])]}
    )
    (said,) = [one for one in verdict(now, before).reasons if "mismo lugar" in one]
    assert "campo Campo 0: 3 de 12 lotes están en otro lugar" in said


def test_a_first_night_with_spoilt_names_warns() -> None:
    before = changed(farm(3), "campos", lambda _: {"nombre": "La Ã‘andÃº"})
    assert "nombres bien escritos" in warning(verdict(before))
    fine = changed(farm(3), "campos", lambda _: {"nombre": "SÃO JOÃO & Cía; Nº 3"})
    assert "nombres bien escritos" not in warning(verdict(fine))


def test_nights_at_work_say_the_same() -> None:
    for day in range(1, DAYS):
        verdict = judged(company(day), company(day - 1))
        assert refusals(verdict) == []
        told = "\n".join(warnings(verdict))
        assert "anoche" not in told
        assert "nombres" not in told
