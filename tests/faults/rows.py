"""Faults of single rows, and of whole nights whose pages add up although the data is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from Modules.demo.contract import Item, Row, World, make_rows
from Modules.words.domain import Recurso
from tests.faults.base import Exchange, Kind, Registry, Script, edited

ROWS = Registry()
BOW_TIE = [[[-62.0, -35.0], [-61.99, -35.01], [-61.99, -35.0], [-62.0, -35.01], [-62.0, -35.0]]]
SQUARE = [[[-62.0, -35.0], [-61.99, -35.0], [-61.99, -34.99], [-62.0, -34.99], [-62.0, -35.0]]]


def _row(description: str) -> Callable[[Callable[[Item], None]], None]:
    """A fault that edits the first item of a page (or the first few) in place."""

    def add(change: Callable[[Item], None]) -> None:
        def spoil(exchange: Exchange) -> Script:
            def change_some(document: Item) -> None:
                for item in document["items"][: exchange.rows]:
                    change(item)

            return edited(exchange, change_some)

        ROWS.put(Kind(change.__name__, "row", description, spoil))

    return add


def _set(name: str, description: str, **values: object) -> None:
    def change(item: Item) -> None:
        item.update(values)

    change.__name__ = name
    _row(description)(change)


def _geometry(name: str, description: str, kind: str, coordinates: object) -> None:
    _set(name, description, geometry={"type": kind, "coordinates": coordinates})


# -- rows -------------------------------------------------------------------------------------

_set("geometry_null", "geometry is null", geometry=None)
_set("geometry_text", "geometry is text that is no geometry", geometry="polígono")
_set("geometry_list", "geometry is a list", geometry=[1, 2])
_geometry("geometry_empty", "a polygon without points", "Polygon", [])
_geometry("geometry_bow_tie", "a polygon that crosses itself", "Polygon", BOW_TIE)
_geometry(
    "geometry_unclosed", "a ring whose last point is not its first", "Polygon", [SQUARE[0][:4]]
)
_geometry(
    "geometry_two_points", "a ring of two points", "Polygon", [[[-62.0, -35.0], [-61.9, -35.0]]]
)
_geometry("geometry_flat", "a ring that encloses nothing", "Polygon", [[[-62.0, -35.0]] * 4])
_geometry("geometry_point", "a point where a polygon belongs", "Point", [-62.0, -35.0])
_geometry(
    "geometry_line", "a line where a polygon belongs", "LineString", [[-62.0, -35.0], [-61.0, -35]]
)
_geometry("geometry_unknown", "a geometry type that does not exist", "Circle", [-62.0, -35.0])
_geometry(
    "geometry_out_of_range",
    "longitude 541, latitude 95",
    "Polygon",
    [[[541.0, 95.0], [541.1, 95.0], [541.1, 95.1], [541.0, 95.0]]],
)
_geometry(
    "geometry_elsewhere",
    "a polygon in Europe",
    "Polygon",
    [[[5.0, 52.0], [5.01, 52.0], [5.01, 52.01], [5.0, 52.0]]],
)
_geometry(
    "geometry_null_number", "a null among the coordinates", "Polygon", [[[-62.0, None], *SQUARE[0]]]
)
_geometry(
    "geometry_text_number", "coordinates as text", "Polygon", [[["-62.0", "-35.0"], *SQUARE[0]]]
)
_geometry(
    "geometry_nan",
    "NaN among the coordinates",
    "Polygon",
    [[[-62.0, float("nan")], *SQUARE[0][1:4], [-62.0, float("nan")]]],
)
_set(
    "geometry_collection",
    "a GeometryCollection of a polygon and a line",
    geometry={
        "type": "GeometryCollection",
        "geometries": [
            {"type": "Polygon", "coordinates": SQUARE},
            {"type": "LineString", "coordinates": [[-62.0, -35.0], [-61.9, -35.0]]},
        ],
    },
)


@_row("geometry is missing")
def geometry_missing(item: Item) -> None:
    item.pop("geometry", None)


@_row("longitude and latitude swapped")
def geometry_swapped(item: Item) -> None:
    each_point(item, lambda point: [point[1], point[0]])


@_row("a height beside each point; harmless")
def geometry_3d(item: Item) -> None:
    each_point(item, lambda point: [*point, 101.5])


@_row("every point twice; harmless")
def geometry_doubled(item: Item) -> None:
    geometry = item["geometry"]
    if geometry["type"] == "Polygon":
        geometry["coordinates"] = [
            [point for point in ring for _ in (0, 1)] for ring in geometry["coordinates"]
        ]


def each_point(item: Item, change: Callable[[list[float]], list[float]]) -> None:
    def walk(part: Any) -> Any:
        if part and isinstance(part[0], int | float):
            return change(part)
        return [walk(inner) for inner in part]

    if item.get("geometry"):
        item["geometry"]["coordinates"] = walk(item["geometry"]["coordinates"])


@_row("no id")
def id_missing(item: Item) -> None:
    del item["id"]


_set("id_null", "id is null", id=None)
_set("id_empty", "id is empty text", id="")
_set("id_list", "id is a list", id=["1"])


@_row("id is a number, as many portals have it")
def id_number(item: Item) -> None:
    digits = "".join(letter for letter in item["id"] if letter.isdigit())
    item["id"] = int(digits or 0)


_set("other_campania", "a row of another campaña", campania="19/20")
_set("deleted_row", "a row that says it is deleted", deleted_at="2025-11-01T00:00:00-03:00")
_set("orphan_row", "campo and lote that do not exist", campo_id="nadie", lote_id="nadie")
_set("area_word", "superficie_ha is a word", superficie_ha="mucha")
_set("area_comma", "superficie_ha with a decimal comma", superficie_ha="61,25")
_set("area_negative", "superficie_ha is negative", superficie_ha=-5)
_set("area_object", "superficie_ha is an object", superficie_ha={"valor": 5})
_set("name_number", "nombre is a number", nombre=7)
_set("name_null", "nombre is null", nombre=None)
_set(
    "name_naughty", "nombre with control characters and markup", nombre="a\x00\x1b<b>]]>$[x]\u202e"
)
_set("date_wrong", "updated_at is no time", updated_at="ayer")
_set("siembras_null", "siembras is null", siembras=None)
_set("siembras_object", "siembras is an object", siembras={"1": {}})
_set(
    "cultivo_unknown",
    "a crop that nobody knows",
    siembras=[{"id": "s-x", "orden": 1, "cultivo": {"nombre": "Quínoa"}}],
)
_set("unknown_field", "a field that the contract does not name; harmless", campo_nuevo={"a": 1})


@_row("the item is text")
def item_text(item: Item) -> None:
    item.clear()


ROWS.pop("item_text")


def _text_items(exchange: Exchange) -> Script:
    def change(document: Item) -> None:
        document["items"][: exchange.rows] = ["texto"] * exchange.rows

    return edited(exchange, change)


ROWS.put(Kind("item_text", "row", "an item that is text", _text_items))


# -- nights -----------------------------------------------------------------------------------


def _night(description: str) -> Callable[[Callable[[World, Recurso], World]], None]:
    """A fault of the whole night: the portal holds other data, and its pages agree with it."""

    def add(night: Callable[[World, Recurso], World]) -> None:
        ROWS.put(Kind(night.__name__, "night", description, night=night))

    return add


def with_rows(world: World, recurso: Recurso, rows: Iterable[Row]) -> World:
    kept = {**world.rows, recurso: tuple(rows)}
    return World(world.name, world.campania, world.snapshot_at, kept)


def mapped(world: World, recurso: Recurso, change: Callable[[Item], Item | None]) -> World:
    """The same world with each item of one list changed, or dropped where None comes back."""
    changed = (change(item) for item in world.items(recurso, include_deleted=True))
    rows = make_rows(item for item in changed if item is not None)
    return with_rows(world, recurso, rows)


@_night("every second row of the list is gone, the total agrees (default lotes)")
def night_half(world: World, recurso: Recurso) -> World:
    return with_rows(world, recurso, world.rows[recurso][::2])


@_night("the list is empty, and says so (default lotes)")
def night_empty(world: World, recurso: Recurso) -> World:
    return with_rows(world, recurso, ())


@_night("one campo and all that is in it are gone")
def night_campo_gone(world: World, _: Recurso) -> World:
    gone = world.items(Recurso.CAMPOS)[0]["id"]
    lotes = {item["id"] for item in world.items(Recurso.LOTES) if item["campo_id"] == gone}
    world = mapped(world, Recurso.CAMPOS, lambda item: None if item["id"] == gone else item)
    world = mapped(world, Recurso.LOTES, lambda item: None if item["id"] in lotes else item)
    for recurso in (Recurso.AMBIENTES, Recurso.MARCADORES, Recurso.ZONAS):
        world = mapped(world, recurso, lambda item: None if item.get("lote_id") in lotes else item)
    return world


@_night("the lotes of one campo are gone, the campo is still there")
def night_campo_without_lotes(world: World, _: Recurso) -> World:
    gone = world.items(Recurso.CAMPOS)[0]["id"]
    return mapped(world, Recurso.LOTES, lambda item: None if item["campo_id"] == gone else item)


@_night("every lote has another id, and its ambientes and marks follow")
def night_new_ids(world: World, _: Recurso) -> World:
    def renamed(name: str) -> Callable[[Item], Item]:
        return lambda item: {**item, name: item[name] and f"n{item[name]}"}

    world = mapped(world, Recurso.LOTES, renamed("id"))
    for recurso in (Recurso.AMBIENTES, Recurso.MARCADORES, Recurso.ZONAS):
        world = mapped(world, recurso, renamed("lote_id"))
    return world


@_night("every polygon shrinks to a half of its width (default lotes)")
def night_shrunk(world: World, recurso: Recurso) -> World:
    def halve(item: Item) -> Item:
        centre = _first_point(item)
        each_point(item, lambda point: [(point[0] + centre[0]) / 2, point[1]])
        return item

    return mapped(world, recurso, halve)


def _first_point(item: Item) -> list[float]:
    part: Any = (item.get("geometry") or {"coordinates": [0.0, 0.0]})["coordinates"]
    while isinstance(part[0], list):
        part = part[0]
    return [float(part[0]), float(part[1])]


@_night("one geometry in eight is null (default lotes)")
def night_without_geometry(world: World, recurso: Recurso) -> World:
    items = world.items(recurso, include_deleted=True)
    for item in items[::8]:
        item["geometry"] = None
    return with_rows(world, recurso, make_rows(items))


@_night("longitude and latitude are swapped in all rows (default lotes)")
def night_swapped(world: World, recurso: Recurso) -> World:
    def swap(item: Item) -> Item:
        each_point(item, lambda point: [point[1], point[0]])
        return item

    return mapped(world, recurso, swap)


@_night("the list is twice as long, under new ids (default lotes)")
def night_doubled(world: World, recurso: Recurso) -> World:
    items = world.items(recurso, include_deleted=True)
    copies = [{**item, "id": f"{item['id']}-bis"} for item in items]
    return with_rows(world, recurso, make_rows([*items, *copies]))


@_night("no lote has a siembra any more")
def night_without_siembras(world: World, _: Recurso) -> World:
    return mapped(world, Recurso.LOTES, lambda item: {**item, "siembras": []})


@_night("all rows are of another campaña, though this one was asked for (default lotes)")
def night_other_campania(world: World, recurso: Recurso) -> World:
    items = [{**item, "campania": "19/20"} for item in world.items(recurso)]
    rows = make_rows(items)
    return with_rows(
        world, recurso, (Row(r.id, r.body, r.updated, world.campania, r.deleted) for r in rows)
    )


@_night("each campo stands twice in the list, under two ids")
def night_campos_doubled(world: World, _: Recurso) -> World:
    return night_copy(world, Recurso.CAMPOS)


def night_copy(world: World, recurso: Recurso) -> World:
    """The same list with a copy of each row under another id."""
    items = world.items(recurso)
    return with_rows(
        world, recurso, make_rows([*items, *({**i, "id": f"{i['id']}-bis"} for i in items)])
    )
