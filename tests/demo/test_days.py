"""Night after night: small changes, every kind of them, and nothing else."""

from __future__ import annotations

import itertools
import json

import pytest
import shapely

from Modules.demo.contract import Item, World
from Modules.demo.world import build_world
from Modules.words.domain import Recurso

DAYS = range(1, 8)
MOVING = (Recurso.CAMPOS, Recurso.LOTES, Recurso.AMBIENTES, Recurso.MARCADORES)


@pytest.fixture(scope="module")
def nights() -> list[World]:
    return [build_world(day=day) for day in range(8)]


def by_id(world: World, recurso: Recurso) -> dict[str, Item]:
    return {item["id"]: item for item in world.items(recurso)}


def crops(lote: Item) -> list[str]:
    return [siembra["cultivo"]["nombre"] for siembra in lote["siembras"]]


def changed(nights: list[World], day: int, recurso: Recurso) -> list[tuple[Item, Item]]:
    before, now = (by_id(nights[at], recurso) for at in (day - 1, day))
    return [(before[i], now[i]) for i in before if i in now and before[i] != now[i]]


def test_less_than_two_in_a_hundred_come_or_go(nights: list[World]) -> None:
    for day in DAYS:
        for recurso in MOVING:
            before, now = (set(by_id(nights[at], recurso)) for at in (day - 1, day))
            assert len(now - before) + len(before - now) < 0.02 * len(before)


def test_total_area_moves_less_than_two_in_a_hundred(nights: list[World]) -> None:
    areas = [
        sum(
            shapely.from_geojson(json.dumps(item["geometry"])).area
            for item in world.items(Recurso.LOTES)
        )
        for world in nights
    ]
    for before, now in itertools.pairwise(areas):
        assert now == pytest.approx(before, rel=0.02)


def test_the_first_day_shows_each_kind_of_change(nights: list[World]) -> None:
    pairs = changed(nights, 1, Recurso.LOTES)
    assert any(before["nombre"] != now["nombre"] for before, now in pairs)
    assert any(crops(before) != crops(now) for before, now in pairs)
    assert any(before["geometry"] != now["geometry"] for before, now in pairs)
    assert set(by_id(nights[1], Recurso.LOTES)) - set(by_id(nights[0], Recurso.LOTES))
    assert set(by_id(nights[1], Recurso.MARCADORES)) - set(by_id(nights[0], Recurso.MARCADORES))


def test_every_day_something_is_resown_and_a_border_moves(nights: list[World]) -> None:
    for day in DAYS:
        pairs = changed(nights, day, Recurso.LOTES)
        assert any(crops(before) != crops(now) for before, now in pairs)
        assert any(before["geometry"] != now["geometry"] for before, now in pairs)


def test_what_one_lote_loses_its_neighbour_gains(nights: list[World]) -> None:
    gains = []
    for day in DAYS:
        for before, now in changed(nights, day, Recurso.LOTES):
            was, is_ = (shapely.from_geojson(json.dumps(i["geometry"])) for i in (before, now))
            gains.append(is_.area - was.area)
    assert min(gains) < 0 < max(gains)


def test_whatever_changed_says_when(nights: list[World]) -> None:
    for day in DAYS:
        for recurso in (Recurso.CAMPOS, Recurso.LOTES, Recurso.AMBIENTES):
            for before, now in changed(nights, day, recurso):
                assert nights[day - 1].snapshot_at <= now["updated_at"] < nights[day].snapshot_at
                assert before["updated_at"] < now["updated_at"]


def test_marks_do_not_move_when_the_border_does(nights: list[World]) -> None:
    for day in DAYS:
        assert changed(nights, day, Recurso.MARCADORES) == []


def test_a_mark_goes_on_the_third_day_and_can_be_asked_for(nights: list[World]) -> None:
    gone = set(by_id(nights[2], Recurso.MARCADORES)) - set(by_id(nights[3], Recurso.MARCADORES))
    assert len(gone) == 1
    rows = {row.id: row for row in nights[3].rows[Recurso.MARCADORES]}
    assert rows[gone.pop()].deleted


def test_ambientes_still_tile_the_lotes_that_changed(nights: list[World]) -> None:
    world = nights[7]
    lotes = by_id(world, Recurso.LOTES)
    parts: dict[str, list[shapely.Geometry]] = {}
    for item in world.items(Recurso.AMBIENTES):
        shape = shapely.from_geojson(json.dumps(item["geometry"]))
        parts.setdefault(item["lote_id"], []).append(shape)
    for lote_id, shapes in parts.items():
        whole = shapely.from_geojson(json.dumps(lotes[lote_id]["geometry"]))
        assert shapely.coverage_is_valid(shapes)
        assert sum(shape.area for shape in shapes) == pytest.approx(whole.area, rel=1e-12)


def test_snapshot_time_is_that_of_the_day(nights: list[World]) -> None:
    assert nights[0].snapshot_at == "2025-11-20T03:00:02-03:00"
    assert nights[7].snapshot_at == "2025-11-27T03:00:02-03:00"
