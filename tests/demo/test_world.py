"""The made-up company: exact sizes, sound shapes, the traps it must hold, same seed same bytes."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from Modules.demo.contract import World
from Modules.demo.plan import SIZES, Size, first_plan
from Modules.demo.world import DEFAULT_SEED, build_world, world_of
from Modules.words.domain import Recurso
from Modules.words.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
TINY = Size(campos=3, lotes=24, ambientes=72, marcadores=300)


@pytest.fixture(scope="module")
def small() -> World:
    return build_world()


def geometries(world: World, recurso: Recurso) -> list[shapely.Geometry]:
    return [shapely.from_geojson(json.dumps(i["geometry"])) for i in world.items(recurso)]


def counts(world: World) -> Size:
    lists = (Recurso.CAMPOS, Recurso.LOTES, Recurso.AMBIENTES, Recurso.MARCADORES)
    return Size(*(len(world.items(recurso)) for recurso in lists))


def digest(world: World) -> str:
    rows = [row.body for recurso in Recurso for row in world.rows[recurso]]
    return hashlib.sha256(b"\n".join([world.snapshot_at.encode(), *rows])).hexdigest()


def test_small_holds_what_is_promised(small: World) -> None:
    assert counts(small) == SIZES["small"] == Size(12, 150, 450, 2_400)


def test_mini_is_the_same_in_little() -> None:
    assert counts(build_world("mini")) == SIZES["mini"] == Size(3, 12, 36, 60)


def test_company_holds_what_is_promised() -> None:
    plan = first_plan(SIZES["company"], DEFAULT_SEED, "25/26")
    ambientes = sum(len(lote.ambientes) for lote in plan.lotes)
    marks = sum(lote.marcas for lote in plan.lotes)
    assert Size(len(plan.campos), len(plan.lotes), ambientes, marks) == SIZES["company"]
    assert SIZES["company"] == Size(150, 2_500, 7_500, 40_000)


def test_same_arguments_same_bytes_also_in_another_process() -> None:
    code = (
        "from Modules.demo.world import build_world; import hashlib\n"
        "from Modules.words.domain import Recurso\n"
        "w = build_world(day=2)\n"
        "rows = [row.body for r in Recurso for row in w.rows[r]]\n"
        "print(hashlib.sha256(b'\\n'.join([w.snapshot_at.encode(), *rows])).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == digest(build_world(day=2))


def test_another_seed_is_another_company(small: World) -> None:
    assert digest(build_world(seed=1)) != digest(small)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), day=st.integers(0, 6))
def test_any_world_can_be_used(seed: int, day: int) -> None:
    world = world_of("tiny", TINY, seed=seed, day=day, campania="25/26")
    lotes = geometries(world, Recurso.LOTES)
    broken = [shape for shape in lotes if not shape.is_valid]
    assert len(broken) <= 1  # the bow-tie, where a lote without ambientes could take it
    assert all(shapely.make_valid(shape).area > 0.9 * shape.area > 0 for shape in broken)
    assert all(shape.is_valid for shape in geometries(world, Recurso.AMBIENTES))
    assert all(shape.is_valid for shape in geometries(world, Recurso.MARCADORES))
    if day == 0:
        assert counts(world) == TINY


def test_ambientes_tile_their_lote_exactly(small: World) -> None:
    lotes = dict(
        zip(
            [i["id"] for i in small.items(Recurso.LOTES)],
            geometries(small, Recurso.LOTES),
            strict=True,
        )
    )
    by_lote: dict[str, list[shapely.Geometry]] = {}
    for item, shape in zip(
        small.items(Recurso.AMBIENTES), geometries(small, Recurso.AMBIENTES), strict=True
    ):
        by_lote.setdefault(item["lote_id"], []).append(shape)
    assert len(by_lote) > 100
    for lote_id, parts in by_lote.items():
        assert shapely.coverage_is_valid(parts)  # no gap, no overlap, shared vertices
        whole = shapely.coverage_union_all(parts)
        assert shapely.normalize(whole) == shapely.normalize(
            shapely.coverage_union_all([lotes[lote_id]])
        )


def test_lotes_of_different_campos_never_meet(small: World) -> None:
    by_campo: dict[str, list[shapely.Geometry]] = {}
    for item, shape in zip(
        small.items(Recurso.LOTES), geometries(small, Recurso.LOTES), strict=True
    ):
        by_campo.setdefault(item["campo_id"], []).append(shapely.envelope(shape))
    hulls = [shapely.convex_hull(shapely.union_all(shapes)) for shapes in by_campo.values()]
    assert len(hulls) == 12
    assert not any(a.intersects(b) for a, b in itertools.combinations(hulls, 2))


def test_shapes_are_those_of_the_ground(small: World) -> None:
    names = [item["nombre"] for item in small.items(Recurso.LOTES)]
    shapes = geometries(small, Recurso.LOTES)
    pivot = next(s for n, s in zip(names, shapes, strict=True) if n.startswith("Pívot"))
    corners = [s for n, s in zip(names, shapes, strict=True) if n.startswith("Esquinas")]
    strip = next(s for n, s in zip(names, shapes, strict=True) if n == "Franja vía")
    assert len(pivot.exterior.coords) >= 60
    assert all(shape.geom_type == "MultiPolygon" for shape in corners)
    assert shapely.minimum_rotated_rectangle(strip).length > 20 * strip.area / strip.length
    assert sum(bool(s.geom_type == "Polygon" and s.interiors) for s in shapes) >= 10
    assert sum(s.geom_type == "MultiPolygon" for s in shapes) >= 5
    assert sum(not s.is_valid for s in shapes) == 1  # the bow-tie
    inside = shapely.box(-67, -39, -57, -31)
    assert all(s.within(inside) for s in shapes if s.is_valid)


def test_neighbours_leave_slivers_between_them(small: World) -> None:
    shapes = [s for s in geometries(small, Recurso.LOTES) if s.is_valid]
    tree = shapely.STRtree(shapes)
    pairs = [(a, b) for a, b in tree.query(shapes, predicate="intersects").T.tolist() if a < b]
    overlaps = [shapely.intersection(shapes[a], shapes[b]).area for a, b in pairs]
    thin = [area for area in overlaps if 0 < area < 1e-6]  # square degrees: under about 1 ha
    assert len(thin) > 20
    assert max(overlaps) < 1e-5


def test_names_hold_the_traps(small: World) -> None:
    campos = [item["nombre"] for item in small.items(Recurso.CAMPOS)]
    lotes = [item["nombre"] for item in small.items(Recurso.LOTES)]
    text = "".join(campos + lotes)
    assert all(letter in text for letter in 'ñÑáéíó/:&"<>.º')
    assert Counter(campos)["San José"] == 2
    assert {"La Niña", "LA NIÑA"} <= set(campos)
    assert Counter(lotes)["2"] > 3  # the same name in different campos
    assert "AUX" in lotes


def test_crops_hold_the_traps(small: World) -> None:
    lotes = small.items(Recurso.LOTES)
    orders = [[s["cultivo"].get("codigo") for s in lote["siembras"]] for lote in lotes]
    names = {s["cultivo"]["nombre"] for lote in lotes for s in lote["siembras"]}
    assert ["TRI", "SOJ2"] in orders
    assert [] in orders
    assert names & {"SOJA 1º", "SOJA 2º", "soja de primera"}
    assert "Alpiste" in names
    assert all(
        [s["orden"] for s in lote["siembras"]] == [*range(1, len(lote["siembras"]) + 1)]
        for lote in lotes
    )


def test_areas_come_as_numbers_and_as_text(small: World) -> None:
    declared = [item["superficie_ha"] for item in small.items(Recurso.LOTES)]
    assert {type(value) for value in declared} == {float, str}
    for value, shape in zip(declared, geometries(small, Recurso.LOTES), strict=True):
        shrink = math.cos(math.radians(shape.centroid.y))
        drawn_ha = shape.area * 111_200**2 * shrink / 10_000  # a sphere will do here
        assert float(value) == pytest.approx(drawn_ha, rel=0.15)


def test_marks_lie_in_their_lote_and_ambiente(small: World) -> None:
    lotes = dict(
        zip(
            [i["id"] for i in small.items(Recurso.LOTES)],
            geometries(small, Recurso.LOTES),
            strict=True,
        )
    )
    ambientes = dict(
        zip(
            [i["id"] for i in small.items(Recurso.AMBIENTES)],
            geometries(small, Recurso.AMBIENTES),
            strict=True,
        )
    )
    kinds: Counter[str] = Counter()
    for item, shape in zip(
        small.items(Recurso.MARCADORES), geometries(small, Recurso.MARCADORES), strict=True
    ):
        kinds[shape.geom_type] += 1
        if item["tipo"] == "muestreo":
            home = ambientes.get(item["ambiente_id"], lotes[item["lote_id"]])
            assert home.distance(shape) < 1e-7  # the rounding
            assert item["muestra"]["profundidades_cm"][0] == [0, 20]
            assert item["muestra"]["analisis"]
        else:
            assert item["muestra"] is None
    assert set(kinds) == {"Point", "LineString", "Polygon"}
    assert len({i["ambiente_id"] for i in small.items(Recurso.MARCADORES)}) < len(ambientes)


def test_every_reference_leads_somewhere(small: World) -> None:
    ids = {recurso: {i["id"] for i in small.items(recurso)} for recurso in Recurso}
    assert all(i["campo_id"] in ids[Recurso.CAMPOS] for i in small.items(Recurso.LOTES))
    assert all(i["zona_id"] in ids[Recurso.ZONAS] for i in small.items(Recurso.CAMPOS))
    for recurso in (Recurso.AMBIENTES, Recurso.MARCADORES):
        assert all(i["lote_id"] in ids[Recurso.LOTES] for i in small.items(recurso))
    drawn = [i for i in small.items(Recurso.ZONAS) if i["tipo"] != "region"]
    assert drawn
    assert all(i["lote_id"] in ids[Recurso.LOTES] for i in drawn)
    assert any(i["geometry"] is None for i in small.items(Recurso.ZONAS))


def test_ids_are_unique_and_rows_are_sorted(small: World) -> None:
    for recurso in Recurso:
        ids = [row.id for row in small.rows[recurso]]
        assert ids == sorted(set(ids))
    siembras = [s["id"] for lote in small.items(Recurso.LOTES) for s in lote["siembras"]]
    assert len(siembras) == len(set(siembras))


def test_times_carry_an_offset_and_lie_before_the_snapshot(small: World) -> None:
    now = datetime.fromisoformat(small.snapshot_at)
    for recurso in (Recurso.ZONAS, Recurso.CAMPOS, Recurso.LOTES, Recurso.MARCADORES):
        for item in small.items(recurso):
            changed = datetime.fromisoformat(item["updated_at"])
            assert changed.utcoffset() is not None
            assert changed < now


def test_deleted_rows_are_hidden_until_asked_for(small: World) -> None:
    shown = small.items(Recurso.LOTES)
    everything = small.items(Recurso.LOTES, include_deleted=True)
    assert len(everything) > len(shown)
    assert all(item["deleted_at"] is None for item in shown)


def test_another_campania_is_another_year() -> None:
    world = build_world(campania="99/00")
    assert {item["codigo"] for item in world.items(Recurso.CAMPANIAS)} == {
        "97/98",
        "98/99",
        "99/00",
    }
    assert world.items(Recurso.LOTES)[0]["campania"] == "99/00"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"size": "huge"}, "mini, small, company, stress"),
        ({"day": -1}, "es anterior a la primera noche; los días se cuentan desde 0"),
        ({"campania": "2025"}, "25/26"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        build_world(**arguments)  # type: ignore[arg-type]
