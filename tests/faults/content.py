"""Whole nights whose rows are all there, each under its id, and say what is not so.

A portal that joins its tables badly, loses a minus sign or forgets who did what still sends lists
that add up. ``updated_at`` stays as it was: nobody edited anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import shapely
from shapely.geometry import mapping, shape

from Modules.demo.contract import Item, World, make_rows
from Modules.words.domain import Recurso
from tests.faults.base import Kind, Registry
from tests.faults.rows import each_point, mapped, with_rows

CONTENT = Registry()
SOJA = {"codigo": "SOJ1", "nombre": "Soja 1ra"}
KM_DEG = 0.011  # of longitude at 35 degrees south
DRAWN = (Recurso.LOTES, Recurso.AMBIENTES, Recurso.MARCADORES)


def _night(description: str) -> Callable[[Callable[[World, Recurso], World]], None]:
    def add(night: Callable[[World, Recurso], World]) -> None:
        CONTENT.put(Kind(night.__name__, "night", description, night=night))

    return add


def _set(name: str, description: str, recurso: Recurso, **values: object) -> None:
    """Every row of a list says the same."""

    def night(world: World, _: Recurso) -> World:
        return mapped(world, recurso, lambda item: {**item, **values})

    CONTENT.put(Kind(name, "night", description, night=night))


def _moved_on(name: str, description: str, recurso: Recurso, *keys: str, by: int = 3) -> None:
    """Every row has what a later one had; the last have that of the first."""

    def night(world: World, _: Recurso) -> World:
        items = world.items(recurso)
        taken = [{key: item.get(key) for key in keys} for item in items]
        moved = [*taken[by:], *taken[:by]]
        return _listed(world, recurso, [a | b for a, b in zip(items, moved, strict=True)])

    CONTENT.put(Kind(name, "night", description, night=night))


def _sown(name: str, description: str, change: Callable[[Item], Item]) -> None:
    def night(world: World, _: Recurso) -> World:
        def resown(item: Item) -> Item:
            return {**item, "siembras": [{**one, **change(one)} for one in item["siembras"]]}

        return mapped(world, Recurso.LOTES, resown)

    CONTENT.put(Kind(name, "night", description, night=night))


def _listed(world: World, recurso: Recurso, items: Sequence[Mapping[str, Any]]) -> World:
    gone = [row for row in world.rows[recurso] if row.deleted]
    return with_rows(world, recurso, [*make_rows(items), *gone])


# --- who is whose --------------------------------------------------------------------------------

_moved_on("night_campo_of_another", "each lote in the campo of another", Recurso.LOTES, "campo_id",
          by=11)  # fmt: skip
_moved_on("night_lote_of_another", "each ambiente in the lote of another", Recurso.AMBIENTES,
          "lote_id")  # fmt: skip
_moved_on("night_mark_of_another", "each mark in the lote of another", Recurso.MARCADORES,
          "lote_id", by=7)  # fmt: skip
_moved_on("night_lote_names_moved", "each lote with the name of another", Recurso.LOTES, "nombre")
_moved_on("night_campo_names_moved", "each campo with the name of another", Recurso.CAMPOS,
          "nombre", by=1)  # fmt: skip
_moved_on("night_empresas_moved", "each campo with the empresa of another", Recurso.CAMPOS,
          "empresa", by=1)  # fmt: skip


@_night("all lotes in one campo; the other campos are still in their list")
def night_one_campo(world: World, _: Recurso) -> World:
    campo_id = world.items(Recurso.CAMPOS)[0]["id"]
    return mapped(world, Recurso.LOTES, lambda item: {**item, "campo_id": campo_id})


@_night("marks in ambientes that are in no list")
def night_ambientes_unknown(world: World, _: Recurso) -> World:
    def lost(item: Item) -> Item:
        return {**item, "ambiente_id": item["ambiente_id"] and f"x{item['ambiente_id']}"}

    return mapped(world, Recurso.MARCADORES, lost)


# --- ground --------------------------------------------------------------------------------------

_moved_on("night_borders_moved", "each lote with the border of another", Recurso.LOTES, "geometry")
_moved_on("night_ambientes_moved", "each ambiente with the border of another", Recurso.AMBIENTES,
          "geometry")  # fmt: skip
_moved_on("night_marks_moved", "each mark at the place of another", Recurso.MARCADORES, "geometry",
          by=7)  # fmt: skip


def _reshaped(world: World, recurso: Recurso, change: Callable[[Any], Any]) -> World:
    def drawn(item: Item) -> Item:
        return {**item, "geometry": _plain(change(shape(item["geometry"])))}

    return mapped(world, recurso, drawn)


def _plain(geometry: Any) -> Item:
    found: Item = mapping(geometry)
    return found


@_night("everything that is drawn lies a kilometre east")
def night_km_off(world: World, _: Recurso) -> World:
    for recurso in DRAWN:
        world = _pointwise(world, recurso, lambda point: [point[0] + KM_DEG, point[1]])
    return world


@_night("the latitude is measured from 70 degrees south: everything is mirrored")
def night_mirrored(world: World, _: Recurso) -> World:
    return _pointwise(world, Recurso.LOTES, lambda point: [point[0], -70 - point[1]])


@_night("coordinates are cut to three decimals, some hundred metres")
def night_three_decimals(world: World, _: Recurso) -> World:
    for recurso in (Recurso.LOTES, Recurso.MARCADORES):
        world = _pointwise(world, recurso, lambda point: [round(one, 3) for one in point])
    return world


def _pointwise(
    world: World, recurso: Recurso, change: Callable[[list[float]], list[float]]
) -> World:
    def walk(item: Item) -> Item:
        each_point(item, change)
        return item

    return mapped(world, recurso, walk)


@_night("lotes without their lagoons: every hole is filled")
def night_holes_filled(world: World, _: Recurso) -> World:
    def filled(geometry: Any) -> Any:
        parts = [shapely.Polygon(part.exterior) for part in getattr(geometry, "geoms", [geometry])]
        return parts[0] if geometry.geom_type == "Polygon" else shapely.MultiPolygon(parts)

    return _reshaped(world, Recurso.LOTES, filled)


@_night("lotes drawn with a handful of points")
def night_coarse(world: World, _: Recurso) -> World:
    return _reshaped(world, Recurso.LOTES, lambda geometry: geometry.simplify(0.003))


@_night("every mark in the middle of its lote")
def night_marks_in_the_middle(world: World, _: Recurso) -> World:
    middle = {
        item["id"]: _plain(shape(item["geometry"]).representative_point())
        for item in world.items(Recurso.LOTES)
    }

    def gathered(item: Item) -> Item:
        return {**item, "geometry": middle.get(item["lote_id"], item["geometry"])}

    return mapped(world, Recurso.MARCADORES, gathered)


# --- what was done, when, with what --------------------------------------------------------------

_set("night_marks_undone", "no mark was ever done", Recurso.MARCADORES, estado="planificado")
_set("night_marks_annulled", "all marks are annulled", Recurso.MARCADORES, estado="anulado")
_set("night_one_kind_of_mark", "all marks are samples", Recurso.MARCADORES, tipo="muestreo")
_set("night_one_potencial", "all ambientes are middling", Recurso.AMBIENTES, potencial="medio")
_sown("night_one_crop", "everything is soja", lambda _: {"cultivo": SOJA})
_sown("night_unsown", "no siembra is sown yet", lambda _: {"estado": "planificado"})
_sown("night_all_lost", "every siembra is lost", lambda _: {"estado": "perdido"})
_sown("night_own_crops", "crops under names that nobody knows",
      lambda one: {"cultivo": {"nombre": f"K-{one['cultivo'].get('codigo', 'x')}"}})  # fmt: skip


def _later(text: str | None, days: int) -> str | None:
    return text and (date.fromisoformat(text) + timedelta(days=days)).isoformat()


def _day_for_month(text: str | None) -> str | None:
    year, month, day = (text or "0-0-99").split("-")
    return f"{year}-{day}-{month}" if int(day) <= 12 else text


for _name, _description, _change in (
    ("night_day_before", "all days are the day before", lambda text: _later(text, -1)),
    ("night_year_on", "all days are a year on", lambda text: _later(text, 365)),
    ("night_day_for_month", "day and month changed places where they can", _day_for_month),
):

    def _dated(world: World, _: Recurso, change: Callable[[Any], Any] = _change) -> World:
        def marked(item: Item) -> Item:
            return {**item, "fecha": change(item["fecha"])}

        def sown(item: Item) -> Item:
            days = [
                {**one, "fecha_siembra": change(one["fecha_siembra"])} for one in item["siembras"]
            ]
            return {**item, "siembras": days}

        return mapped(mapped(world, Recurso.MARCADORES, marked), Recurso.LOTES, sown)

    CONTENT.put(Kind(_name, "night", _description, night=_dated))


# --- names ---------------------------------------------------------------------------------------


def _written(name: str, description: str, change: Callable[[str], str]) -> None:
    def night(world: World, _: Recurso) -> World:
        for recurso in (Recurso.CAMPOS, Recurso.LOTES, Recurso.MARCADORES):
            world = mapped(world, recurso, lambda item: {**item, "nombre": change(item["nombre"])})
        return world

    CONTENT.put(Kind(name, "night", description, night=night))


_written("night_mojibake", "names are UTF-8 read as windows-1252",
         lambda name: name.encode().decode("windows-1252", "replace"))  # fmt: skip
_written("night_letters_lost", "letters that are not ASCII came to nothing",
         lambda name: "".join(one if one.isascii() else "\ufffd" for one in name))  # fmt: skip
_written("night_question_marks", "letters that are not ASCII are question marks",
         lambda name: name.encode("ascii", "replace").decode())  # fmt: skip
_written("night_escaped", "letters that are not ASCII are escaped as in HTML",
         lambda name: name.encode("ascii", "xmlcharrefreplace").decode())  # fmt: skip
_written("night_names_cut", "names have four characters", lambda name: name[:4])
