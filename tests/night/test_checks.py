"""The verdict: what refuses a night, what only warns, and what small numbers change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from Modules.night.checks import judge
from Modules.night.checks_campos import check_campos, check_in_campos
from Modules.night.figures import (
    NOTHING,
    CampoFigures,
    Nights,
    Resumen,
    best_of,
    of_the_last_days,
    resumen,
    rows_behind,
)
from Modules.night.ground import moves_of
from Modules.night.tables import Built, Repair, Tables, build_tables
from Modules.night.verdict import Verdict, checked, rate, share_of
from Modules.words.domain import BoundingBox, Campania, Record, Recurso, SnapshotId
from Modules.words.finding import Severity
from Modules.words.spanish import number, percent
from Modules.words.thresholds import DEFAULTS, Thresholds

Farm = dict[str, list[dict[str, Any]]]


def square(lon: float, lat: float, size: float = 0.01) -> dict[str, Any]:
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


def place_of(lote_id: str) -> tuple[float, float]:
    """Where the farm has a lote, whatever it is called now: c3-l07 is the eighth of the fourth."""
    campo, at = lote_id.lstrip("xza")[1:].split("-l")
    return -63 + 0.02 * int(at), -35 + 0.02 * int(campo)


def far(item: dict[str, Any]) -> dict[str, Any]:
    """Another id, on ground that nobody had."""
    lon, lat = place_of(item["id"])
    return {"id": "x" + item["id"], "geometry": square(lon - 4, lat)}


def farm(*sizes: int, marks: int = 0) -> Farm:
    """One campo per size with that many lotes of the same shape, each sown once."""
    found: Farm = {"campos": [], "lotes": [], "ambientes": [], "marcadores": []}
    for c, size in enumerate(sizes):
        found["campos"].append({"id": f"c{c}", "nombre": f"Campo {c}"})
        for at in range(size):
            lote_id = f"c{c}-l{at:02d}"
            place = place_of(lote_id)
            sown = [{"id": f"{lote_id}-s", "orden": 1, "cultivo": {"codigo": "SOJ1"}}]
            lote = {"id": lote_id, "campo_id": f"c{c}", "nombre": str(at), "siembras": sown}
            found["lotes"].append({**lote, "geometry": square(*place)})
            item = {"lote_id": lote_id, "nombre": "x"}
            found["ambientes"].append({**item, "id": f"{lote_id}-a", "geometry": square(*place)})
            point = {"type": "Point", "coordinates": list(place)}
            for m in range(marks):
                found["marcadores"].append({**item, "id": f"{lote_id}-m{m:02d}", "geometry": point})
    return found


def build(night: Farm) -> Built:
    return _built(json.dumps(night))


@cache
def _built(night: str) -> Built:
    """The tables of a night, made once: most nights here are those of another test too."""
    records = {
        Recurso(name): [Record(item, 1, at) for at, item in enumerate(items)]
        for name, items in json.loads(night).items()
    }
    return build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox())


def verdict(
    now: Farm,
    before: Farm | None = None,
    history: Iterable[Farm] = (),
    thresholds: Thresholds = DEFAULTS,
) -> Verdict:
    built = build(now)
    was = None if before is None else build(before)
    nights = [resumen(build(night).tables) for night in history]
    if was is not None:
        nights.append(resumen(was.tables))
    figures = resumen(built.tables, repairs=built.repairs)
    if was is None:
        return judge(Nights(built.tables, figures, limits=thresholds), built)
    both = was.tables, resumen(was.tables), best_of(nights), thresholds
    return judge(Nights(built.tables, figures, *both, moves_of(was.tables, built.tables)), built)


def nights(now: Tables, before: Tables | None, was: Resumen, best: Resumen | None = None) -> Nights:
    moves = moves_of(now if before is None else before, now)
    return Nights(now, resumen(now), before, was, best, DEFAULTS, moves)


def without(night: Farm, name: str, *ids: str) -> Farm:
    return {**night, name: [item for item in night[name] if item["id"] not in ids]}


def changed(night: Farm, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Farm:
    return {**night, name: [{**item, **change(item)} for item in night[name]]}


def refusing(found: Verdict) -> set[str]:
    return {check.what for check in found.checks if check.is_error}


def warning(found: Verdict) -> set[str]:
    return {check.what for check in found.checks if check.is_warning}


# --- an ordinary night, the first night, emptiness -------------------------------------------


def test_an_equal_night_is_accepted_without_a_word():
    night = farm(12, 5, 1, marks=2)
    found = verdict(night, night)
    assert found.accepted
    assert not found.first_night
    assert found.warnings == found.reasons == ()


def test_the_first_night_is_accepted_with_a_warning():
    found = verdict(farm(3))
    assert found.accepted
    assert found.first_night
    assert warning(found) == {"primera noche de la campaña"}


@pytest.mark.parametrize("table", ["campos", "lotes"])
def test_an_empty_list_of_campos_or_lotes_is_never_accepted(table):
    night = {**farm(3), table: []}
    assert f"{table}: no está vacía" in refusing(verdict(night))
    assert f"{table}: no está vacía" in refusing(verdict(night, farm(3)))
    assert not verdict({}).accepted


@pytest.mark.parametrize("table", ["ambientes", "marcadores"])
def test_other_lists_may_be_empty_but_not_where_there_was_data(table):
    night = {**farm(3, marks=1), table: []}
    assert verdict(night).accepted
    assert verdict(night, night).accepted
    assert refusing(verdict(night, farm(3, marks=1))) >= {f"{table}: no está vacía"}


def test_one_mark_that_was_all_there_was_counts_as_empty_too():
    one = {**farm(3), "marcadores": farm(1, marks=1)["marcadores"]}
    assert refusing(verdict(farm(3), one)) == {"marcadores: no está vacía"}


def test_siembras_that_all_vanish_are_refused():
    bare = changed(farm(12), "lotes", lambda item: {"siembras": []})
    assert "siembras: no está vacía" in refusing(verdict(bare, farm(12)))


def test_a_list_that_came_but_cannot_be_used_at_all_is_refused_also_the_first_night():
    orphans = changed(farm(3), "ambientes", lambda item: {"lote_id": "otro"})
    assert refusing(verdict(orphans)) == {"ambientes: no está vacía"}
    deleted = changed(farm(3), "ambientes", lambda item: {"deleted_at": "2025-01-01T00:00:00Z"})
    assert verdict(deleted).accepted


def test_a_campo_that_vanishes_is_refused_however_small():
    before = farm(40, 40, 1)
    found = verdict(without(without(before, "campos", "c2"), "lotes", "c2-l00"), before)
    assert "ningún campo desaparece" in refusing(found)
    assert "falta el campo Campo 2 (c2): tenía 1 lotes" in " ".join(found.reasons)


def test_a_campo_that_keeps_none_of_its_lotes_is_refused_however_small():
    before = farm(40, 40, 1)
    assert refusing(verdict(without(before, "lotes", "c2-l00"), before)) == {"lotes por campo"}


# --- thresholds, at the edge ----------------------------------------------------------------


def spread(night: Farm, count: int) -> list[str]:
    """The ids of ``count`` lotes, taken in turn from every campo."""
    return sorted((lote["id"] for lote in night["lotes"]), key=lambda id_: id_[-2:])[:count]


@pytest.mark.parametrize(("lost", "bad"), [(14, False), (15, True), (3, False)])
def test_rows_refuse_from_ten_per_cent_on(lost, bad):
    before = farm(*[15] * 10)
    found = verdict(without(before, "lotes", *spread(before, lost)), before)
    assert ("lotes: cantidad" in refusing(found)) is bad
    assert found.accepted is not bad
    assert ("lotes: cantidad" in warning(found)) is (not bad and lost > 3)


@pytest.mark.parametrize(("size", "name"), [(0.0094, "lotes: superficie"), (0.0096, None)])
def test_area_refuses_from_ten_per_cent_on(size, name):
    before = farm(12)
    small = changed(before, "lotes", lambda i: {"geometry": square(-63, -35, size)})
    found = verdict(small, before)
    assert ("lotes: superficie" in refusing(found)) is bool(name)
    assert ("lotes por campo" in refusing(found)) is bool(name)
    assert bool(name) or "lotes: superficie" in warning(found)


@pytest.mark.parametrize(("count", "bad"), [(29, False), (30, True)])
def test_replaced_ids_refuse_from_twenty_per_cent_on(count, bad):
    before = farm(*[15] * 10)
    others = set(spread(before, count))
    again = changed(before, "lotes", lambda i: far(i) if i["id"] in others else {})
    for table in ("ambientes", "marcadores"):
        again = changed(
            again,
            table,
            lambda i: {"lote_id": f"x{i['lote_id']}"} if i["lote_id"] in others else {},
        )
    found = verdict(again, before)
    assert ("lotes: identificadores" in refusing(found)) is bad
    assert "lotes: cantidad" not in refusing(found) | warning(found)
    assert "siembras: identificadores" not in refusing(found)


GROWTH = {"lotes: cantidad", "lotes: superficie", "lotes por campo"}


@pytest.mark.parametrize("now", [14, 15, 40])
def test_growth_that_loses_nothing_only_warns(now):
    found = verdict(farm(now, now), farm(10, 10))
    assert found.accepted
    assert warning(found) >= GROWTH


@pytest.mark.parametrize(("now", "bad"), [(14, False), (16, True)])
def test_growth_that_loses_some_refuses_from_half_on(now, bad):
    grown = without(farm(now, now), "lotes", *lotes_of("c0", 0, 1))
    found = verdict(grown, farm(10, 10))
    assert {"lotes: cantidad", "lotes: superficie"} <= (refusing if bad else warning)(found)
    assert "y faltan 2 de las que había" in note_of(found, "lotes: cantidad")


@pytest.mark.parametrize(("twice", "bad"), [(9, False), (11, True)])
def test_growth_on_ground_that_is_there_already_refuses_from_half_on(twice, bad):
    night = farm(10, 10)
    again = [{**lote, "id": "x" + lote["id"], "siembras": []} for lote in night["lotes"][:twice]]
    found = verdict({**night, "lotes": night["lotes"] + again}, night)
    assert {"lotes: cantidad", "lotes: superficie"} <= (refusing if bad else warning)(found)
    said = f"y {twice} de las nuevas están dos veces"
    assert said in note_of(found, "lotes: cantidad")


@pytest.mark.parametrize(("bad_lotes", "bad"), [(7, False), (8, True)])
def test_unusable_geometry_refuses_from_five_per_cent_of_what_was_received(bad_lotes, bad):
    before = farm(*[15] * 10)
    ids = spread(before, bad_lotes)
    now = changed(before, "lotes", lambda i: {"geometry": None} if i["id"] in ids else {})
    found = verdict(now, before)
    check = next(check for check in found.checks if check.what == "lotes: geometría utilizable")
    assert check.is_error is bad
    assert check.figures["recibidos"] == 150
    assert "sin_geometria" in check.notes[0]


def test_a_share_without_geometry_that_was_accepted_before_only_warns():
    some = {f"c0-l{at:02d}" for at in range(4)}
    night = changed(farm(20), "lotes", lambda i: {"geometry": None} if i["id"] in some else {})
    assert verdict(night).accepted
    found = verdict(night, night)
    assert found.accepted
    assert "lotes: geometría utilizable" in warning(found)
    more = {*some, "c0-l04", "c0-l05"}
    worse = changed(farm(20), "lotes", lambda i: {"geometry": None} if i["id"] in more else {})
    assert "lotes: geometría utilizable" in refusing(verdict(worse, night))


def test_the_first_night_with_most_geometry_unusable_is_refused():
    def swapped(item: dict[str, Any]) -> dict[str, Any]:
        return {"geometry": square(-35, -63)} if item["id"] >= "c0-l04" else {}

    assert refusing(verdict(changed(farm(10), "lotes", swapped))) == {"lotes: geometría utilizable"}


def test_a_slow_leak_is_refused_against_the_best_of_thirty():
    nights = [farm(*[size] * 10) for size in (20, 19, 18)]
    found = verdict(farm(*[17] * 10), nights[-1], nights[:-1])
    assert "lotes: contra la mejor de 30 noches" in refusing(found)
    assert "lotes: cantidad" in warning(found)


def test_thresholds_are_settings():
    before = farm(*[15] * 10)
    now = without(before, "lotes", *spread(before, 15))
    loose = Thresholds(rows_drop=0.2, area_drop=0.2, best_drop=0.3)
    assert verdict(now, before, thresholds=loose).accepted
    tight = Thresholds(rows_drop=0.01)
    assert not verdict(
        without(before, "lotes", *spread(before, 3)), before, thresholds=tight
    ).accepted


# --- small numbers --------------------------------------------------------------------------


def test_one_lote_of_a_small_campo_may_go_with_a_warning():
    before = farm(40, 3)
    found = verdict(without(before, "lotes", "c1-l00"), before)
    assert found.accepted
    assert "lotes por campo" in warning(found)
    assert "campo Campo 1: 3 → 2 lotes (−33,3 %)" in " ".join(found.warnings)


def test_most_of_a_small_campo_may_not():
    before = farm(40, 3)
    assert refusing(verdict(without(before, "lotes", "c1-l00", "c1-l01"), before)) == {
        "lotes por campo"
    }


def test_half_of_a_campo_is_refused_though_the_total_hardly_moves():
    before = farm(*[12] * 20)
    gone = [f"c7-l{at:02d}" for at in range(6)]
    found = verdict(without(before, "lotes", *gone), before)
    assert refusing(found) == {"lotes por campo"}


def test_the_whole_of_a_campo_shrinking_is_refused_but_one_redrawn_lote_is_not():
    before = farm(*[12] * 20)

    def shrink(*ids: str) -> Farm:
        return changed(
            before,
            "lotes",
            lambda i: {"geometry": square(-63, -35, 0.003)} if i["id"] in ids else {},
        )

    assert refusing(verdict(shrink("c3-l00", "c3-l01", "c3-l02"), before)) == {"lotes por campo"}
    found = verdict(shrink("c3-l00", "c3-l01"), before)
    assert found.accepted
    assert "lotes por campo" in warning(found)


def test_a_campo_whose_lotes_were_made_anew_is_refused():
    before = farm(*[12] * 20)
    now = changed(
        before, "lotes", lambda i: far(i) if i["id"] in ("c3-l00", "c3-l01", "c3-l02") else {}
    )
    assert refusing(verdict(now, before)) == {"lotes por campo"}


def test_a_few_marks_of_a_campo_may_go_and_a_batch_may_not():
    before = farm(*[10] * 30, marks=3)
    few = [f"c4-l{at:02d}-m00" for at in range(9)]
    assert verdict(without(before, "marcadores", *few), before).accepted
    batch = [f"c4-l{at:02d}-m00" for at in range(10)]
    assert refusing(verdict(without(before, "marcadores", *batch), before)) == {
        "marcadores por campo"
    }


def test_a_campo_sown_anew_is_no_reason_to_refuse():
    before = farm(*[12] * 20)

    def resow(item: dict[str, Any]) -> dict[str, Any]:
        if not item["id"].startswith("c3-"):
            return {}
        crops = ("TRI", "SOJ2") if item["id"].endswith("1") else ("MAI1",)
        return {
            "siembras": [
                {"id": f"{item['id']}-{crop}", "orden": 1, "cultivo": {"codigo": crop}}
                for crop in crops
            ]
        }

    found = verdict(changed(before, "lotes", resow), before)
    assert found.accepted
    assert "siembras: identificadores" in warning(found)


def test_one_huge_polygon_is_refused_by_the_area_of_its_table():
    before = farm(12)
    huge = changed(
        before,
        "lotes",
        lambda i: {"geometry": square(-63, -35, 0.2)} if i["id"] == "c0-l00" else {},
    )
    assert "lotes: superficie" in refusing(verdict(huge, before))


def test_a_few_new_lotes_on_a_tiny_farm_only_warn():
    found = verdict(farm(4), farm(2))
    assert found.accepted
    assert {"lotes: cantidad", "lotes: superficie"} <= warning(found)


def test_a_new_campo_and_the_first_marks_only_warn():
    found = verdict(farm(12, 12, 12, 12, marks=2), farm(12, 12, 12))
    assert found.accepted
    assert "marcadores: cantidad" in warning(found)


# --- ids that came and went -------------------------------------------------------------------


def halves(item: dict[str, Any]) -> list[dict[str, Any]]:
    """A lote as two, side by side, under other ids."""
    lon, lat = place_of(item["id"])
    found = []
    for at in (0, 1):
        west = lon + 0.005 * at
        ring = [[west, lat], [west + 0.005, lat], [west + 0.005, lat + 0.01], [west, lat + 0.01]]
        shape = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
        sown = [{**one, "id": f"{one['id']}{at}"} for one in item["siembras"]]
        found.append({**item, "id": f"{item['id']}{at}", "geometry": shape, "siembras": sown})
    return found


def split(night: Farm, *lotes: str, come: int = 2) -> Farm:
    """These lotes in two; their ambientes stay where they are, in the first part."""
    items = [[item] if item["id"] not in lotes else halves(item)[:come] for item in night["lotes"]]
    home = {one: f"{one}0" for one in lotes}
    rest = {
        name: [{**one, "lote_id": home.get(one["lote_id"], one["lote_id"])} for one in night[name]]
        for name in ("ambientes", "marcadores")
    }
    return {**night, **rest, "lotes": [one for group in items for one in group]}


def test_lotes_that_are_split_are_a_change_and_the_same_the_other_way():
    before = farm(12, 9, marks=1)
    now = split(before, *lotes_of("c1", *range(9)), *lotes_of("c0", 0, 1, 2))
    found = verdict(now, before)
    assert found.accepted, found.reasons
    said = "12 de 21 tienen otro identificador en el mismo lugar"
    assert said in note_of(found, "lotes: identificadores")
    back = verdict(before, now, [before])
    assert back.accepted, back.reasons
    assert "33 → 21 (−36,4 %), 12 sin pérdida" in note_of(back, "lotes: cantidad")


def test_half_of_the_ground_of_lotes_that_are_split_may_not_be_missing():
    before = farm(12, 9)
    assert refusing(verdict(split(before, *lotes_of("c1", 0, 1, 2), come=1), before)) == {
        "lotes: cantidad",
        "lotes por campo",
    }


def test_what_is_lost_beside_lotes_that_are_split_is_not_made_up_by_their_parts():
    before = farm(30)
    now = without(split(before, *lotes_of("c0", 0, 1, 2)), "lotes", *lotes_of("c0", 20, 21, 22))
    found = verdict(now, before)
    text = "faltan 3 de 30 y nada ocupa su lugar; con las nuevas son 30"
    assert note_of(found, "lotes: cantidad") == text
    assert "lotes: cantidad" in refusing(found)
    assert "sin cambio" not in " ".join(found.reasons)


def test_new_lotes_without_the_crops_of_those_they_are_made_of_lose_siembras():
    before = farm(20)
    ids = lotes_of("c0", *range(4))
    now = split(before, *ids)
    bare = changed(now, "lotes", lambda i: {"siembras": []} if i["id"][:-1] in ids else {})
    assert verdict(now, before).accepted
    assert "siembras: cantidad" in refusing(verdict(bare, before))


def test_ambientes_drawn_anew_and_marks_made_again_on_their_spots_are_a_change():
    before = farm(12, 12, marks=2)
    anew = changed(before, "ambientes", lambda i: {"id": f"z{i['id']}"})
    for item in anew["ambientes"][:20:2]:
        lon, lat = place_of(item["lote_id"])
        item["geometry"] = square(lon, lat, 0.0095)  # 90 % of what was drawn
    again = changed(anew, "marcadores", lambda i: {"id": f"y{i['id']}"})
    found = verdict(again, before)
    assert found.accepted, found.reasons
    assert {"ambientes: identificadores", "marcadores: identificadores"} <= warning(found)
    away = changed(again, "marcadores", lambda i: {"geometry": {**POINT}})
    assert "marcadores: identificadores" in refusing(verdict(away, before))


POINT = {"type": "Point", "coordinates": [-60.5, -33.5]}


@pytest.mark.parametrize("estado", ["hecho", "anulado", "Hecho", "planificado", None])
def test_marks_that_were_done_may_go_and_others_may_not(estado):
    planned = farm(12, 12, 12, marks=4)
    half = {"c0", "c1"}
    before = changed(
        planned, "marcadores", lambda i: {"estado": estado} if i["id"][:2] in half else {}
    )
    now = {**before, "marcadores": [m for m in before["marcadores"] if m["id"][:2] not in half]}
    found = verdict(now, before)
    done = estado not in ("planificado", None)
    assert found.accepted is done, found.reasons
    if done:
        assert "144 → 48 (−66,7 %), 96 sin pérdida" in note_of(found, "marcadores: cantidad")


@pytest.mark.parametrize(("every", "good"), [(8, False), (16, True)])
def test_marks_that_go_by_chance_are_held_against_those_that_are_to_be_done(every, good):
    """A third is done: an eighth of all by chance is a twelfth of all that was not done."""
    number = {m["id"]: i for i, m in enumerate(farm(12, 12, 12, marks=4)["marcadores"])}
    before = changed(
        farm(12, 12, 12, marks=4),
        "marcadores",
        lambda i: {"estado": "hecho"} if number[i["id"]] % 3 == 0 else {},
    )
    left = [m for m in before["marcadores"] if number[m["id"]] % every]
    found = verdict({**before, "marcadores": left}, before)
    assert found.accepted is good, found.reasons
    if not good:
        assert "marcadores: cantidad" in " ".join(found.reasons)


def test_what_was_no_loss_is_not_asked_for_the_nights_after():
    """Sampling that is done in three nights: none is held against the best of thirty."""
    tables = build(farm(12, 12, 12, marks=4)).tables
    figures = [resumen(tables)]
    for campo in ("c0", "c1", "c2"):
        marks = tables.marcadores
        gone = marks["campo_id"] == campo
        done = replace(tables, marcadores=marks.assign(estado=marks["estado"].mask(gone, "hecho")))
        left = replace(done, marcadores=done.marcadores[~gone | (marks["lote_id"] == "c2-l00")])
        moves = moves_of(done, left)
        now = resumen(left, moves=moves)
        assert judge(
            Nights(left, now, done, figures[-1], best_of(figures), moves=moves)
        ).accepted, campo
        figures.append(now)
        tables = left
    best = best_of(figures)
    assert best is not None
    assert (best.filas["marcadores"], best.por_campo["c2"].filas["marcadores"]) == (4, 4)


def test_a_split_that_later_loses_lotes_is_measured_with_its_parts():
    before = farm(20)
    two = build(split(before, *lotes_of("c0", *range(10)))).tables
    first = build(before).tables
    figures = [resumen(first), resumen(two, moves=moves_of(first, two))]
    best = best_of(figures)
    assert best is not None
    assert best.filas["lotes"] == 30
    assert best.por_campo["c0"].filas["lotes"] == 30


def test_lotes_that_go_to_another_campo_are_lost_by_none():
    before = farm(12, 12)
    moved = lotes_of("c0", *range(6))
    now = changed(before, "lotes", lambda i: {"campo_id": "c1"} if i["id"] in moved else {})
    found = verdict(now, before, [before])
    assert found.accepted, found.reasons


def test_a_campo_under_another_id_is_a_change_and_told():
    before = farm(12, 12)

    def other(item: dict[str, Any]) -> dict[str, Any]:
        return {"campo_id": "c9"} if item.get("campo_id") == "c1" else {}

    now = changed(before, "lotes", other)
    now = changed(now, "campos", lambda i: {"id": "c9"} if i["id"] == "c1" else {})
    found = verdict(now, before)
    assert found.accepted, found.reasons
    assert note_of(found, "ningún campo desaparece") == (
        "el campo Campo 1 (c1) ya no está, y sus lotes sí, en otro campo"
    )


@pytest.mark.parametrize(("lost", "bad"), [(7, True), (3, False)])
def test_a_second_loss_past_the_warning_is_refused(lost, bad):
    """4 % a night, spread so that no campo loses three: the second night is refused."""
    best = farm(*[9] * 20)
    order = spread(best, 60)
    before = without(best, "lotes", *order[:7])
    now = without(before, "lotes", *order[7 : 7 + lost])
    found = verdict(now, before, [best])
    assert found.accepted is not bad
    name = "lotes: contra la mejor de 30 noches"
    assert (name in refusing(found)) is bad
    told = "pierde otra vez: llegó a tener 180, quedaban 173 y hoy faltan 7 más"
    assert (told in note_of(found, name)) is bad
    assert verdict(before, before, [best]).accepted, "nothing more is gone"


# --- how many rows are enough -----------------------------------------------------------------


def note_of(found: Verdict, name: str) -> str:
    return "; ".join(next(check for check in found.checks if check.what == name).notes)


def resized(night: Farm, size: float, *ids: str) -> Farm:
    """These lotes drawn as squares of another size."""
    return changed(
        night,
        "lotes",
        lambda i: {"geometry": square(*place_of(i["id"]), size)} if i["id"] in ids else {},
    )


def lotes_of(campo: str, *which: int) -> list[str]:
    return [f"{campo}-l{at:02d}" for at in which]


@pytest.mark.parametrize(("size", "lost", "bad"), [(9, 1, False), (10, 2, True)])
def test_two_rows_lost_are_enough_in_a_whole_table_and_one_is_not(size, lost, bad):
    before = farm(size)
    found = verdict(without(before, "lotes", *spread(before, lost)), before)
    about = {"lotes: cantidad", "lotes: superficie", "lotes: contra la mejor de 30 noches"}
    assert about <= (refusing(found) if bad else warning(found))


@pytest.mark.parametrize(("size", "others", "bad"), [(5, 1, False), (10, 2, True)])
def test_two_other_ids_are_enough_in_a_whole_table_and_one_is_not(size, others, bad):
    ids = lotes_of("c0", *range(others))
    now = changed(farm(size), "lotes", lambda i: far(i) if i["id"] in ids else {})
    assert "lotes: identificadores" in (refusing if bad else warning)(verdict(now, farm(size)))


@pytest.mark.parametrize(("before", "now", "bad"), [(8, 14, False), (10, 17, True)])
def test_five_rows_more_are_enough_and_four_are_not(before, now, bad):
    two = lotes_of("c1", 0, 1)
    found = verdict(without(farm(60, now), "lotes", *two), farm(60, before))
    assert ("y faltan 2" in note_of(found, "lotes por campo")) is bad
    found = verdict(without(farm(now), "lotes", *lotes_of("c0", 0, 1)), farm(before))
    assert "lotes: cantidad" in (refusing if bad else warning)(found)


@pytest.mark.parametrize(("size", "bad"), [(9, False), (10, True)])
def test_one_polygon_out_of_proportion_refuses_a_table_of_ten_rows_or_more(size, bad):
    huge = resized(farm(size), 0.2, "c0-l00")
    assert ("lotes: superficie" in refusing(verdict(huge, farm(size)))) is bad
    was_huge = verdict(farm(size), farm(size), [huge])
    assert ("lotes: contra la mejor de 30 noches" in refusing(was_huge)) is bad
    assert "ha (−" in note_of(was_huge, "lotes: contra la mejor de 30 noches")


@pytest.mark.parametrize(("lost", "bad"), [(1, False), (2, True)])
def test_area_of_a_small_table_refuses_against_the_best_with_two_rows_gone(lost, bad):
    best = resized(farm(9), 0.02, *lotes_of("c0", 0, 1))
    before = without(best, "lotes", *lotes_of("c0", *range(lost)))
    found = verdict(before, before, [best], Thresholds(best_drop=0.23))
    assert ("lotes: contra la mejor de 30 noches" in refusing(found)) is bad


def test_the_first_row_of_a_table_warns():
    one = {**farm(3), "marcadores": farm(1, marks=1)["marcadores"]}
    found = verdict(one, farm(3))
    assert found.accepted
    assert note_of(found, "marcadores: cantidad") == "0 → 1 (antes no había)"


@pytest.mark.parametrize(
    ("size", "lost", "bad"),
    [(20, 2, False), (20, 3, True), (4, 2, False), (3, 2, True), (2, 1, False), (1, 1, True)],
)
def test_three_lotes_of_a_campo_are_enough_and_two_if_they_are_most_of_it(size, lost, bad):
    before = farm(60, size)
    gone = lotes_of("c1", *range(lost))
    for now in (
        without(before, "lotes", *gone),
        changed(before, "lotes", lambda i: {"geometry": None} if i["id"] in gone else {}),
    ):
        found = verdict(now, before)
        assert refusing(found) == ({"lotes por campo"} if bad else set())
        assert bad or "lotes por campo" in warning(found)


@pytest.mark.parametrize(
    ("best", "before", "now", "bad"),
    [
        (25, 22, 21, False),
        (30, 26, 25, True),
        (8, 5, 4, False),
        (7, 4, 3, True),
        (3, 2, 1, True),
        (2, 1, 1, False),
    ],
)
def test_five_lotes_of_a_campo_since_its_best_are_enough_and_fewer_if_most(best, before, now, bad):
    found = verdict(farm(60, now), farm(60, before), [farm(60, best)])
    assert refusing(found) == ({"lotes por campo"} if bad else set())
    assert f"llegó a tener {best}" in note_of(found, "lotes por campo")


def test_what_a_campo_once_had_is_told_only_where_it_says_more_than_last_night():
    one_less = verdict(farm(60, 9), farm(60, 10), [farm(60, 10)])
    assert "llegó a tener" not in note_of(one_less, "lotes por campo")
    for best, told in ((51, False), (52, True)):  # 2,0 % and 3,8 % more than now
        note = note_of(verdict(farm(60, 50), farm(60, 48), [farm(60, best)]), "lotes por campo")
        assert ("llegó a tener" in note) is told


def test_a_campo_whose_lotes_shrink_a_little_each_night_is_refused_against_its_best():
    best = farm(60, 12)
    before = resized(best, 0.0077, *lotes_of("c1", *range(4)))
    now = resized(before, 0.0073, *lotes_of("c1", *range(3)))
    assert refusing(verdict(before, before, [best])) == set(), "nothing moved tonight"
    assert refusing(verdict(now, before, [best])) == {"lotes por campo"}


def test_a_campo_that_lost_its_large_lotes_one_by_one_is_refused_by_area():
    best = resized(farm(150, 40), 0.02, *lotes_of("c1", *range(5)))
    before = resized(without(best, "lotes", *lotes_of("c1", *range(4))), 0.01, "c1-l04")
    found = verdict(without(before, "lotes", "c1-l04"), before, [best])
    assert refusing(found) == {"lotes por campo"}
    assert refusing(verdict(before, before, [best])) == set()


@pytest.mark.parametrize(("size", "bad"), [(4, False), (3, True)])
def test_two_lotes_redrawn_or_made_anew_refuse_only_if_they_are_most_of_a_campo(size, bad):
    before, two = farm(60, size), lotes_of("c1", 0, 1)
    anew = changed(before, "lotes", lambda i: far(i) if i["id"] in two else {})
    for now in (resized(before, 0.005, *two), anew):
        found = verdict(now, before)
        assert refusing(found) - {"ambientes por campo"} == ({"lotes por campo"} if bad else set())
        assert bad or "lotes por campo" in warning(found)


@pytest.mark.parametrize(("lost", "bad"), [(9, False), (10, True)])
def test_ten_of_many_marks_of_a_campo_are_enough_and_nine_are_not(lost, bad):
    before = farm(60, 40, marks=2)
    found = verdict(
        without(before, "marcadores", *(f"c1-l{n:02d}-m00" for n in range(lost))), before
    )
    assert "marcadores por campo" in (refusing if bad else warning)(found)


@pytest.mark.parametrize(("more", "bad"), [(4, False), (5, True)])
def test_five_small_lotes_more_are_enough_in_a_campo_if_their_ground_was_there(more, bad):
    new = lotes_of("c1", *range(8, 8 + more))
    now = farm(60, 8 + more)
    assert "lotes por campo" in warning(verdict(resized(now, 0.0001, *new), farm(60, 8)))
    small = {"geometry": square(-62.999, -34.999, 0.0001)}  # inside the first lote of all
    twice = changed(now, "lotes", lambda i: small if i["id"] in new else {})
    assert "lotes por campo" in (refusing if bad else warning)(verdict(twice, farm(60, 8)))


def test_all_siembras_of_a_campo_may_go_with_a_warning():
    before = farm(150, 12)
    bare = changed(before, "lotes", lambda i: {"siembras": []} if i["campo_id"] == "c1" else {})
    found = verdict(bare, before)
    assert found.accepted
    assert "siembras por campo" in warning(found)


def test_a_campo_that_the_best_nights_did_not_have_is_compared_with_the_last_one_only():
    now, before = build(farm(12)).tables, build(farm(12, marks=1)).tables
    best = replace(resumen(before), por_campo={})
    night = nights(now, before, resumen(before), best)
    for left in (best, None):
        (note,) = check_in_campos(replace(night, best=left), "marcadores").notes
        assert note == "campo Campo 0: 12 → 0 marcadores (−100,0 %)"
    assert check_in_campos(night, "lotes").fine


@pytest.mark.parametrize(("lotes", "size", "bad"), [(2, 0.0001, False), (3, 0.005, True)])
def test_three_lotes_that_shrank_are_enough_in_a_campo(lotes, size, bad):
    before = farm(60, 20)
    found = verdict(resized(before, size, *lotes_of("c1", *range(lotes))), before)
    assert refusing(found) == ({"lotes por campo"} if bad else set())
    assert bad or "lotes por campo" in warning(found)


@pytest.mark.parametrize(("lotes", "bad"), [(2, False), (3, True)])
def test_three_lotes_without_geometry_are_enough_in_a_large_campo(lotes, bad):
    before, gone = farm(60, 40), lotes_of("c1", *range(lotes))
    now = changed(before, "lotes", lambda i: {"geometry": None} if i["id"] in gone else {})
    found = verdict(now, before)
    assert refusing(found) == ({"lotes por campo"} if bad else set())
    assert f"{lotes} de 40 quedaron sin geometría" in note_of(found, "lotes por campo")


@pytest.mark.parametrize(("grown", "bad"), [(4, False), (5, True)])
def test_five_lotes_that_grew_are_enough_in_a_campo(grown, bad):
    before = farm(60, 8)
    found = verdict(resized(before, 0.015, *lotes_of("c1", *range(grown))), before)
    assert "lotes por campo" in (refusing if bad else warning)(found)


def test_marks_of_a_campo_may_double_and_only_warn():
    before, more = farm(60, 10, marks=1), farm(60, 10, marks=3)["marcadores"]
    marks = before["marcadores"] + [mark for mark in more if mark["id"] >= "c1-l00-m01"]
    marks = list({mark["id"]: mark for mark in marks}.values())
    found = verdict({**before, "marcadores": marks}, before)
    assert found.accepted
    assert "marcadores por campo" in warning(found)


def test_new_lotes_of_a_campo_do_not_make_its_marks_too_few():
    before, now = farm(60, 10, marks=1), farm(60, 12, marks=1)
    now = {**now, "marcadores": before["marcadores"]}
    found = verdict(now, before)
    assert "marcadores por campo" not in refusing(found) | warning(found)


def test_campos_are_told_in_the_order_of_their_ids_whatever_their_lotes_are_called():
    def renamed(item: dict[str, Any]) -> dict[str, Any]:
        return {"id": ("z" if item["campo_id"] == "c0" else "a") + item["id"]}

    before = changed(farm(9, 9), "lotes", renamed)
    now = without(before, "lotes", "zc0-l00", "ac1-l00")
    first, second = next(
        check.notes for check in verdict(now, before).checks if check.what == "lotes por campo"
    )
    assert first.startswith("campo Campo 0: ")
    assert second.startswith("campo Campo 1: ")


def test_a_campo_is_told_by_its_id_where_its_figures_were_lost():
    now, before = build(farm(9)).tables, build(farm(10)).tables
    for was in (NOTHING, replace(resumen(before), por_campo={})):
        night = nights(now, before, was)
        (note,) = check_in_campos(night, "lotes").notes
        assert note.startswith("campo c0: 10 → 9 lotes (−10,0 %); ")


def test_lotes_refused_for_another_reason_are_not_told_as_without_geometry():
    gone = lotes_of("c0", 0, 1, 2)
    orphans = changed(farm(12), "lotes", lambda i: {"campo_id": "x"} if i["id"] in gone else {})
    found = verdict(orphans, farm(12))
    assert "lotes por campo" in refusing(found)
    assert "sin geometría" not in " ".join(found.reasons)


def test_two_rows_that_cannot_be_used_are_enough_unless_it_was_so_before():
    def orphaned(size: int) -> Farm:
        return changed(farm(size), "ambientes", lambda item: {"lote_id": "otro"})

    empty = "ambientes: no está vacía"
    assert verdict(orphaned(1)).accepted
    assert refusing(verdict(orphaned(2))) == {empty}
    none_before = {**farm(2), "ambientes": []}
    assert refusing(verdict(orphaned(2), none_before)) == {empty}
    assert note_of(verdict(orphaned(2)), empty) == (
        "no quedó ninguna fila; llegaron 2 y ninguna se puede usar"
    )
    for bad in (1, 2):
        as_bad = {**orphaned(2), "ambientes": orphaned(2)["ambientes"][:bad]}
        assert verdict(orphaned(2), as_bad).accepted, bad


def test_an_empty_table_says_what_the_last_night_had():
    found = verdict({**farm(3), "ambientes": []}, farm(3))
    assert note_of(found, "ambientes: no está vacía") == (
        "no quedó ninguna fila; la última noche aceptada tenía 3"
    )
    assert note_of(verdict({**farm(3), "lotes": []}), "lotes: no está vacía") == (
        "no quedó ninguna fila"
    )


def spoiled(size: int, bad: int) -> Farm:
    ids = lotes_of("c0", *range(bad))
    return changed(farm(size), "lotes", lambda i: {"geometry": None} if i["id"] in ids else {})


def test_two_rows_without_geometry_are_enough_unless_as_many_were_accepted_before():
    name = "lotes: geometría utilizable"
    assert name in warning(verdict(spoiled(20, 1), farm(20)))
    assert name in refusing(verdict(spoiled(40, 2), farm(40)))
    assert name in warning(verdict(spoiled(40, 2), spoiled(40, 2))), "5 % then, 5 % now"
    assert name in refusing(verdict(spoiled(100, 7), spoiled(100, 4))), "4 % was no such night"


def test_reasons_of_refused_rows_are_counted_each():
    def spoil(item: dict[str, Any]) -> dict[str, Any]:
        at = int(item["id"][-2:])
        far = {"geometry": square(100, 50)} if at == 3 else {}
        return {"geometry": None} if at < 3 else far

    found = verdict(changed(farm(20), "lotes", spoil))
    reasons = "(fuera_del_area: 1, sin_geometria: 3)"
    name = "lotes: geometría utilizable"
    assert note_of(found, name) == f"4 de 20 sin geometría utilizable {reasons}"
    assert f"lotes: 4 {reasons}" in note_of(found, "filas rechazadas")


def test_a_repair_that_moves_the_area_by_more_than_one_per_cent_is_counted():
    tables = build(farm(1)).tables
    areas = [(100, 99), (100, 98.9), (2, 2), (2, 1.9), (99, 100), (1.9, 2), (100, 99.5)]
    repairs = [Repair("lotes", str(at), *pair, "x") for at, pair in enumerate(areas)]
    found = judge(Nights(tables, resumen(tables)), Built(tables, tuple(repairs)))
    check = next(check for check in found.checks if check.what == "geometrías reparadas")
    assert (check.figures["reparadas"], check.figures["con_otra_superficie"]) == (7, 3)
    (row,) = tables.lotes.itertuples()
    repair = Repair("lotes", row.lote_id, 2, 1.9, "x", row.lote)
    found = judge(Nights(tables, resumen(tables)), Built(tables, (repair,)))
    told = f"{row.campo} / {row.lote} ({row.lote_id}): x; 2,00 → 1,90 ha"
    assert note_of(found, "geometrías reparadas") == told, "people know campos, not ids"


def test_a_lote_is_told_whose_declared_area_is_off_by_more_than_five_per_cent():
    plain = build(farm(4)).tables.lotes["superficie_ha"].tolist()
    shares = {0: 1.0, 1: 1.04, 2: 1.06}

    def declare(item: dict[str, Any]) -> dict[str, Any]:
        at = int(item["id"][-2:])
        return {"superficie_ha": plain[at] * shares[at]} if at in shares else {}

    declared = changed(farm(4), "lotes", declare)
    told = note_of(verdict(declared), "superficie declarada y medida")
    assert told.startswith("Campo 0 / 2: declara ")
    exact = note_of(
        verdict(declared, thresholds=Thresholds(declared_area=0)), "superficie declarada y medida"
    )
    assert [part.split(":")[0] for part in exact.split("; ")] == ["Campo 0 / 1", "Campo 0 / 2"]


def test_figures_kept_by_an_earlier_version_may_lack_a_table():
    now = build(farm(12)).tables
    figures = resumen(now)
    was = replace(figures, recibidos={}, geometria_inutil={"lotes": 12}, filas={}, superficie_ha={})
    name = "lotes: geometría utilizable"
    for before in (was, replace(was, recibidos={"lotes": 12}, geometria_inutil={})):
        found = judge(nights(now, now, before, was))
        (check,) = (one for one in found.checks if one.what == name)
        assert check.figures["fraccion_antes"] == 0
        figures_of = {one.what: one.figures for one in found.checks}
        assert figures_of["lotes: cantidad"]["antes"] == 0
        assert figures_of["lotes: superficie"]["antes_ha"] == 0
        (best,) = (one for one in found.checks if one.what.startswith("lotes: contra la mejor"))
        assert (best.figures["mejor"], best.figures["mejor_ha"]) == (0, 0)


def test_a_night_before_without_its_figures_is_nothing_to_compare_with():
    tables = build(farm(2)).tables
    figures = resumen(tables)
    assert judge(nights(tables, tables, NOTHING)).first_night
    assert judge(Nights(tables, figures, None, figures)).first_night
    assert not judge(nights(tables, tables, figures)).first_night


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1000)),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1000)),
)
def test_rows_are_behind_a_change_if_they_came_went_or_moved_by_over_one_per_cent(before, now):
    lost = [key for key, area in before.items() if now.get(key, 0) < 0.99 * area]
    gained = [key for key, area in now.items() if before.get(key, 0) < 0.99 * area]
    assert rows_behind(before, now) == (len(lost), len(gained))


def test_one_per_cent_is_no_change():
    was, is_now = {"a": 100.0}, {"a": 99.0}
    assert rows_behind(was, is_now) == rows_behind(is_now, was) == (0, 0)


def test_a_row_of_less_than_a_hectare_counts_when_it_goes_or_comes():
    both, one = {"a": 0.5, "b": 3.0}, {"b": 3.0}
    assert rows_behind(both, one) == (1, 0)
    assert rows_behind(one, both) == (0, 1)


# --- what is only told ------------------------------------------------------------------------


def test_observations_are_told_and_never_refuse():
    bow_tie = {
        "type": "Polygon",
        "coordinates": [[[-63, -35], [-62.99, -34.99], [-62.99, -35], [-63, -34.99]]],
    }
    night = farm(12)
    night["lotes"][0] |= {"geometry": bow_tie}
    night["lotes"][1] |= {"superficie_ha": 500}
    night["lotes"][2] |= {
        "superficie_ha": "?",
        "siembras": [{"id": "z", "cultivo": {"nombre": "Chía"}}],
    }
    night["lotes"].append({"id": None})
    found = verdict(night)
    assert found.accepted
    assert warning(found) == {
        "primera noche de la campaña", "geometrías reparadas", "superficie declarada y medida",
        "cultivos reconocidos", "valores legibles", "filas rechazadas",
        "ambientes dentro de su lote",
    }  # fmt: skip
    told = " ".join(found.warnings)
    for said in ("«Chía»", "declara 500,0 ha", "se cruza", "sin_id: 1", "lotes.superficie_ha"):
        assert said in told


def test_long_lists_of_notes_are_counted():
    before = farm(*[1] * 30)
    found = verdict({**before, "campos": before["campos"][:1]}, before)
    check = next(check for check in found.checks if check.what == "ningún campo desaparece")
    assert check.figures == {"faltan": 29}
    assert check.notes[-1] == "… y 9 más"


def test_the_verdict_is_plain_json_and_the_same_each_time():
    before, now = farm(12, 3, marks=2), farm(10, 4, marks=1)
    texts = {json.dumps(verdict(now, before).to_dict(), ensure_ascii=False) for _ in range(2)}
    assert len(texts) == 1
    assert json.loads(texts.pop())["accepted"] is False


# a fifth of a second each; by the hundred in tests/robustness/nights.py
@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
)
def test_accepted_is_exactly_no_check_that_refuses(now, before):
    found = verdict(farm(*now), farm(*before))
    assert found.accepted is (not found.reasons)
    lost = len(before) > len(now) or any(b and not n for b, n in zip(before, now, strict=False))
    assert not (lost and found.accepted)
    assert sum(now) or not found.accepted


# --- the figures kept beside a snapshot -------------------------------------------------------


def test_resumen_survives_json():
    figures = resumen(build(farm(3, 0, 2, marks=1)).tables)
    assert Resumen.from_dict(json.loads(json.dumps(figures.to_dict()))) == figures
    assert figures.filas["lotes"] == sum(c.filas["lotes"] for c in figures.por_campo.values()) == 5
    areas = [campo.superficie_ha["lotes"] for campo in figures.por_campo.values()]
    assert sum(areas) == pytest.approx(figures.superficie_ha["lotes"], rel=1e-12)


def test_best_of_takes_each_figures_largest_of_the_last_nights_only():
    nights = [resumen(build(farm(*sizes)).tables) for sizes in ((9, 9), (1, 5), (4, 2))]
    best = best_of(nights, nights=2)
    assert best is not None
    assert best.filas["lotes"] == 6
    assert [campo.filas["lotes"] for campo in best.por_campo.values()] == [4, 5]
    assert best_of([]) is None


@pytest.mark.parametrize(("later", "lotes"), [(29, 9), (30, 5)])
def test_the_best_is_that_of_thirty_nights(later, lotes):
    nine, five = (resumen(build(farm(size)).tables) for size in (9, 5))
    best = best_of([nine, *[five] * later])
    assert best is not None
    assert best.filas["lotes"] == lotes


def test_the_best_of_one_night_is_that_night():
    built = build(_bad_night()[0])
    night = resumen(built.tables, repairs=built.repairs)
    assert night.rechazados
    assert night.reparadas
    assert best_of([night]) == best_of([night], accepted_by_hand=[True]) == night


def test_a_night_accepted_by_hand_starts_the_count_anew():
    nights = [resumen(build(farm(size)).tables) for size in (20, 10, 11)]
    best = best_of(nights, accepted_by_hand=[False, True, False])
    assert best is not None
    assert best.filas["lotes"] == 11
    first = best_of(nights, accepted_by_hand=[True, False, False])
    assert first is not None
    assert first.filas["lotes"] == 20


def test_nights_that_retention_left_from_last_season_do_not_count() -> None:
    newest = datetime(2026, 3, 31, 6, tzinfo=UTC)
    ages = [400, 90, 31, 30, 29, 7, 1, 0]
    ids = [SnapshotId(at + 1, newest - timedelta(days=age)) for at, age in enumerate(ages)]
    assert of_the_last_days(ids) == [age < 30 for age in ages]
    assert of_the_last_days([]) == []


def test_without_a_best_night_only_the_last_one_counts() -> None:
    now, before = (build(farm(size)).tables for size in (18, 20))
    judged = judge(nights(now, before, resumen(before)))
    assert not judged.accepted
    assert not any("contra la mejor" in check.what for check in judged.checks)


def test_a_first_night_has_nothing_before_it() -> None:
    now = build(farm(2)).tables
    night = nights(now, None, NOTHING)
    assert night.frame_before("lotes").empty
    assert list(night.frame_before("lotes").columns) == list(night.frame("lotes").columns)
    assert check_campos(night).fine


def test_a_campo_that_vanished_is_named_though_its_figures_were_lost() -> None:
    now, before = build(farm(2)).tables, build(farm(2, 3)).tables
    with_figures = nights(now, before, resumen(before))
    assert check_campos(with_figures).notes == (
        "falta el campo Campo 1 (c1): tenía 3 lotes, "
        f"{resumen(before).por_campo['c1'].superficie_ha['lotes']:.1f} ha".replace(".", ","),
    )
    for left in ({}, {"c1": CampoFigures("Campo 1", {}, {})}):
        was = replace(resumen(before), por_campo=left)
        (note,) = check_campos(nights(now, before, was)).notes
        assert note == "falta el campo Campo 1 (c1): no tenía lotes"
    was = replace(resumen(before), por_campo={"c1": CampoFigures("Campo 1", {"lotes": 3}, {})})
    (note,) = check_campos(nights(now, before, was)).notes
    assert note == "falta el campo Campo 1 (c1): tenía 3 lotes, 0,0 ha"


# --- the words and the arithmetic of a check ------------------------------------------------------


def test_a_check_refuses_warns_or_passes_and_a_check_without_notes_is_told_by_its_name() -> None:
    fine, warns, refuses = (
        checked(severity.name, severity)
        for severity in (Severity.FINE, Severity.WARNING, Severity.ERROR)
    )
    assert [(one.is_error, one.is_warning) for one in (fine, warns, refuses)] == [
        (False, False),
        (False, True),
        (True, False),
    ]
    judged = Verdict(accepted=False, checks=(fine, warns, refuses), first_night=True)
    assert list(judged.reasons) == ["ERROR"]
    assert list(judged.warnings) == ["WARNING"]
    assert judged.to_dict()["first_night"] is True


def test_twenty_notes_are_written_and_more_are_counted() -> None:
    lines = [str(at) for at in range(22)]
    assert checked("x", Severity.WARNING, lines[:20]).notes == tuple(lines[:20])
    assert checked("x", Severity.WARNING, lines[:21]).notes == (*lines[:20], "… y 1 más")
    assert checked("x", Severity.WARNING, lines).notes == (*lines[:20], "… y 2 más")


@pytest.mark.parametrize(
    ("share", "enough", "severity"),
    [
        (0.02, True, Severity.FINE),
        (0.02 + 1e-10, True, Severity.FINE),
        (0.021, True, Severity.WARNING),
        (0.0999, True, Severity.WARNING),
        (0.1 - 1e-10, True, Severity.ERROR),
        (0.1, True, Severity.ERROR),
        (0.5, True, Severity.ERROR),
        (0.5, False, Severity.WARNING),
        (0.02, False, Severity.FINE),
    ],
)
def test_a_share_is_rated_at_its_limits(share: float, enough: bool, severity: Severity) -> None:
    assert rate(share, 0.1, 0.02, enough=enough) is severity


def test_shares_and_changes_have_no_whole_to_be_of_before_the_first_row() -> None:
    assert [share_of(1, 4), share_of(-1, 4), share_of(3, 0), share_of(3, -1)] == [0.25, 0, 0, 0]
    assert share_of(0.5, 0.5) == 1
    assert [percent(0, 3), percent(-1, 3), percent(3, 3)] == [
        "antes no había",
        "antes no había",
        "sin cambio",
    ]
    assert [percent(8, 7), percent(200, 206), percent(10_000, 10_003), percent(1, 21)] == [
        "−12,5 %",
        "+3,0 %",
        "sin cambio",
        "+2.000,0 %",
    ]
    assert percent(0.5, 0.25) == "−50,0 %"
    assert [percent(1000, 1005), percent(1000, 995)] == ["+0,5 %", "−0,5 %"]
    assert [number(2500.26, 1), number(1_234_567), number(0.5, 2)] == [
        "2.500,3",
        "1.234.567",
        "0,50",
    ]


# --- word for word ------------------------------------------------------------------------------

GOLDEN = Path(__file__).with_name("veredictos.json")


def _bad_night() -> tuple[Farm, Farm]:
    """Everything at once: lost, redrawn, made anew, without geometry, repaired, unknown."""
    before = farm(12, 3, 4, 30, marks=1)
    lost = [f"c0-l{at:02d}" for at in range(2)] + [f"c1-l{at:02d}" for at in range(3)]
    now = without(without(before, "lotes", *lost), "campos", "c1")
    now = without(now, "ambientes", *(f"c3-l{at:02d}-a" for at in range(12)))
    now = without(now, "marcadores", *(f"c3-l{at:02d}-m00" for at in range(11)))

    def spoil(item: dict[str, Any]) -> dict[str, Any]:
        campo, at = item["id"].split("-l")
        if campo == "c0" and at in ("02", "03"):
            return {"geometry": square(-63, -35, 0.004)}
        if campo == "c2" and at != "00":
            return {"id": f"x{item['id']}"}
        if campo == "c3" and at < "04":
            return {"geometry": None}
        if item["id"] == "c3-l10":
            ring = [[-63, -35], [-62.99, -34.99], [-62.99, -35], [-63, -34.98], [-63, -35]]
            return {"geometry": {"type": "Polygon", "coordinates": [ring]}}
        if item["id"] == "c3-l11":
            return {"superficie_ha": 500}
        return {"superficie_ha": "?"} if item["id"] == "c3-l12" else {}

    now = changed(now, "lotes", spoil)
    sown = [{"id": "s", "orden": 1, "cultivo": {"nombre": "Chía"}}]
    return changed(
        now, "lotes", lambda i: {"siembras": sown} if i["id"] == "c3-l13" else {}
    ), before


def _worded() -> dict[str, Any]:
    bad, before = _bad_night()
    first = changed(farm(20), "lotes", lambda i: {"geometry": None} if i["id"] < "c0-l11" else {})
    grown = without(farm(15, 15, 5), "lotes", *(f"c2-l{at:02d}" for at in range(5)))
    hardly = without(farm(40, 3, marks=1), "lotes", "c1-l00")
    found = {
        "mala": verdict(bad, before, [farm(12, 3, 8, 34, marks=2)]),
        "primera": verdict(first),
        "crecida": verdict(grown, farm(10, 10, 5)),
        "pequeña": verdict(hardly, farm(40, 3), [farm(41, 3)]),
        "igual": verdict(before, before),
    }
    worded: dict[str, Any] = {name: [*one.reasons, *one.warnings] for name, one in found.items()}
    worded |= {f"{name}, entera": one.to_dict() for name, one in found.items()}
    built = build(bad)
    worded["resumen"] = resumen(built.tables, repairs=built.repairs).to_dict()
    return worded


def _rounded(value: Any) -> Any:
    """Six significant digits: another version of GEOS may differ in the last ones."""
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def test_verdicts_read_word_for_word_as_they_were_agreed():
    """To agree on other words: write what this gives into the file, and read it."""
    found = _rounded(_worded())
    expected = json.loads(GOLDEN.read_text("utf-8"))
    for name, one in found.items():
        assert one == expected[name], name
    assert list(found) == list(expected)
    assert "sin cambio" not in json.dumps(found, ensure_ascii=False)


# --- what left with its lote, and what a campo declares -------------------------------------------


def test_what_left_with_its_lote_is_told_by_the_lotes_but_not_what_came_and_found_none():
    before = farm(9, marks=2)
    one = lotes_of("c0", 3)
    sold = without(before, "lotes", *one)
    away = [item for item in sold["marcadores"] if item["lote_id"] not in one]
    found = verdict({**sold, "marcadores": away}, before)
    assert found.accepted, found.reasons
    assert "lotes: cantidad" in warning(found)
    ids = lotes_of("c0", *range(4))
    parted = split(before, *ids)
    bare = {
        **parted,
        **{
            name: [item for item in before[name] if item["lote_id"] not in ids]
            for name in ("ambientes", "marcadores")
        },
    }
    again = verdict(bare, before)
    assert again.accepted, again.reasons
    lost = {**bare, "ambientes": before["ambientes"]}  # of lotes that are not in the list
    assert "ambientes: cantidad" in refusing(verdict(lost, before))


@pytest.mark.parametrize(("share", "accepted"), [(1.0, True), (0.5, False)])
def test_a_campo_that_is_given_lotes_declares_more_and_half_of_it_is_still_refused(share, accepted):
    def declared(rows: int, part: float) -> Any:
        return changed(farm(rows), "campos", lambda _: {"superficie_ha": 50.0 * rows * part})

    found = verdict(declared(12, share), declared(6 if share == 1.0 else 12, 1.0))
    assert found.accepted is accepted, found.reasons


EARLIER, LATER = ({"updated_at": f"2026-0{month}-01T00:00:00Z"} for month in (4, 5))


def test_marks_that_are_all_done_have_no_order_of_visit_any_more():
    marks = farm(9, marks=2)
    before = changed(
        marks, "marcadores", lambda _: {**EARLIER, "orden": 1, "estado": "planificado"}
    )
    now = changed(marks, "marcadores", lambda _: {"orden": None, "estado": "hecho", **LATER})
    assert verdict(now, before).accepted
