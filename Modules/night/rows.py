"""Rows of the tables out of the portal's records: what is used, what is refused and why.

Every record ends as exactly one row or one refusal; ``screen`` says which cannot be used at
all. Rows are tuples in the order of the columns; long tables are read column by column, for most
of their texts come again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, TypeAlias

from Modules.night.screen import Bunch, Item, Ledger, Row
from Modules.words import text as clean
from Modules.words.columns import AMBIENTES, CAMPOS, MARCADORES, ZONAS, Table
from Modules.words.columns import SIEMBRAS as SIEMBRAS_TABLE
from Modules.words.cultivos import CATALOGUE, GREY, OTRO, Catalogue, Cultivo, canonical, merge
from Modules.words.domain import Campania, Motivo, Record, Recurso
from Modules.words.names import look

Columna: TypeAlias = Sequence[Any]

SIEMBRAS = "siembras"  # not a list of the portal: nested in its lotes


def campo_row(item: Item) -> Row:
    empresa = item.values.get("empresa")
    owner = item.nested("empresa") if not isinstance(empresa, str) else None
    return (
        item.id,
        item.text("nombre") or item.id,
        item.text("codigo"),
        item.get("zona_id", clean.identifier),
        owner.text("nombre") if owner is not None else clean.text(empresa),
        owner.text("cuit") if owner is not None else None,
        item.text("renspa"),
        item.text("provincia"),
        item.text("partido"),
        item.get("tenencia", _listed(CAMPOS, "tenencia")),
        item.get("superficie_ha", clean.area_ha),
        item.get("activo", clean.boolean),
        item.get("updated_at", clean.timestamp),
    )


def cultivo_rows(items: Iterable[Item], ledger: Ledger) -> tuple[list[Row], Catalogue]:
    """Rows of ``cultivos``, and the catalogue with the portal's names and colours on top.

    Two spellings of one crop give one row; both lead to it.
    """
    made: dict[str, Cultivo] = {}
    portal: list[tuple[str, Cultivo]] = []
    for item in sorted(items, key=lambda item: item.id):
        name = item.text("nombre")
        own = item.text("codigo") or item.id
        crop = _portal_crop(item, own, name or own)
        first = made.get(crop.codigo)
        if first is None:
            made[crop.codigo] = crop
        else:
            text = f"es el mismo cultivo que {first.nombre} ({first.codigo})"
            ledger.refuse(Recurso.CULTIVOS, item, Motivo.ID_REPETIDO, text)
        portal.append((own, first or crop))
    rows = [(c.codigo, c.nombre, c.especie, c.orden, c.color) for c in made.values()]
    return rows, merge(portal)


def _portal_crop(item: Item, own: str, name: str) -> Cultivo:
    code = canonical(own, name)
    base = Cultivo(own, name, None, None, GREY) if code is None else CATALOGUE[code]
    return Cultivo(
        base.codigo,
        name,
        item.text("especie") or base.especie,
        item.get("orden", clean.integer) or base.orden,
        item.get("color", clean.colour) or base.color,
    )


def siembra_rows(
    lotes: Mapping[int, tuple[str, str]],
    records: Sequence[Record],
    campania: Campania,
    catalogue: Catalogue,
    ledger: Ledger,
) -> tuple[list[Row], tuple[str, ...]]:
    """Rows of ``siembras``, and the names of crops that nobody knows, as written.

    ``lotes``: of each record (by its place) that became one: lote_id, campo_id. A siembra id that
    several lotes share is no id of the whole portal: each is written ``lote_id/id`` then.
    """
    found: list[tuple[Row, Record, Any]] = []
    for at, record in enumerate(records):
        nested = record.values.get("siembras") if isinstance(record.values, Mapping) else None
        if nested is not None and not isinstance(nested, list | tuple):
            nested = ("no es una lista",)  # counts as one bad siembra
        for place, value in enumerate(nested or (), start=1):
            lote = lotes.get(at)
            if lote is None:
                values = record.values if isinstance(record.values, Mapping) else {}
                why = ledger.orphan(Recurso.LOTES, clean.identifier(values.get("id")))
                ledger.refuse(SIEMBRAS, record, Motivo.HUERFANO, why, siembra=value)
                continue
            if problem := _siembra_problem(value):
                ledger.refuse(SIEMBRAS, record, *problem, siembra=value)
                continue
            own_id = str(clean.identifier(value["id"]))
            item = Item(own_id, record, value, SIEMBRAS, ledger.illegible)
            row = _siembra_row(item, place, lote, campania, catalogue)
            found.append((row, record, value))
    unknown = {row[6] for row, _, _ in found if row[5] == OTRO}
    return _distinct_siembras(found, ledger), tuple(sorted(unknown))


def _siembra_problem(value: Any) -> tuple[Motivo, str] | None:
    """Why a nested value is no siembra that can be used."""
    if not isinstance(value, Mapping):
        return Motivo.TIPO_INVALIDO, "no es un objeto"
    if clean.identifier(value.get("id")) is None:
        absent = clean.is_absent(value.get("id"))
        return Motivo.SIN_ID if absent else Motivo.TIPO_INVALIDO, "no tiene un id usable"
    if clean.deleted(value.get("deleted_at")):
        return Motivo.BORRADO, "borrada en el portal"
    if _named_crop(value) == (None, None):
        return Motivo.TIPO_INVALIDO, "no dice el cultivo"
    return None


def _siembra_row(
    item: Item, place: int, lote: tuple[str, str], campania: Campania, catalogue: Catalogue
) -> Row:
    orden = item.get("orden", clean.integer)
    return (
        item.id,
        *lote,
        str(campania),
        place if orden is None else orden,
        *_crop(item.values, catalogue),
        item.text("material"),
        item.get("superficie_ha", clean.area_ha),
        item.get("fecha_siembra", _day_of(campania)),
        item.get("fecha_cosecha", _day_of(campania)),
        item.get("estado", _listed(SIEMBRAS_TABLE, "estado")),
    )


def _named_crop(siembra: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Code and name of the crop as the portal says them: in an object, or the name alone."""
    value = siembra.get("cultivo")
    if isinstance(value, Mapping):
        return clean.text(value.get("codigo")), clean.text(value.get("nombre"))
    return None, clean.text(value)


def _crop(siembra: Mapping[str, Any], catalogue: Catalogue) -> tuple[str, str]:
    """Code and name of the crop; an unknown one keeps its name, under OTR."""
    code, name = _named_crop(siembra)
    found = catalogue.find(code, name) or (catalogue.find(name, None) if code is None else None)
    if found is not None and found.codigo != OTRO:
        return found.codigo, found.nombre
    return OTRO, name or code or OTRO


def _distinct_siembras(found: list[tuple[Row, Record, Any]], ledger: Ledger) -> list[Row]:
    lotes_of: dict[str, set[str]] = {}
    for row, _, _ in found:
        lotes_of.setdefault(row[0], set()).add(row[1])
    kept: dict[str, Row] = {}
    for row, record, value in sorted(found, key=lambda one: (one[1].page, one[1].index, one[0][4])):
        key = row[0] if len(lotes_of[row[0]]) == 1 else f"{row[1]}/{row[0]}"
        if key in kept:
            text = f"el id {row[0]} está repetido en el lote"
            ledger.refuse(SIEMBRAS, record, Motivo.ID_REPETIDO, text, siembra=value)
        else:
            kept[key] = (key, *row[1:])
    return list(kept.values())


def lote_row(
    item: Item, campania: Campania, campo: tuple[str, str], area_ha: float, cultivos: Sequence[str]
) -> Row:
    """A row of ``lotes`` without its geometry. ``campo``: id and name; ``cultivos``: as sown."""
    return (
        item.id,
        item.text("nombre") or item.id,
        *campo,
        str(campania),
        area_ha,
        item.get("superficie_ha", clean.area_ha),
        " + ".join(cultivos) or None,
        len(cultivos),
        item.get("updated_at", clean.timestamp),
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """Many items of one list, each in a lote: ids, lote and campo ids, values."""

    ids: Sequence[str]
    lote_ids: Sequence[str]
    campo_ids: Sequence[str]
    values: Bunch


def ambiente_columns(placed: Placed, campania: Campania, areas_ha: Columna) -> list[Columna]:
    """The columns of ``ambientes`` but the geometry."""
    values = placed.values
    unnamed = [{} if clean.text(row.get("nombre")) else row for row in values.rows]
    asked = Bunch(unnamed, values.recurso, values.illegible)  # nobody asks for other codes
    names = zip(values.text("nombre"), asked.text("codigo"), placed.ids, strict=True)
    return [
        placed.ids,
        placed.lote_ids,
        placed.campo_ids,
        [str(campania)] * len(placed.ids),
        [name or code or own_id for name, code, own_id in names],
        values.get("potencial", _listed(AMBIENTES, "potencial")),
        values.get("orden", clean.integer),
        values.get("color", clean.colour),
        areas_ha,
        values.get("superficie_ha", clean.area_ha),
        values.text("fuente"),
        values.get("version", clean.integer),
        values.get("updated_at", clean.timestamp),
    ]


def marcador_columns(placed: Placed, campania: Campania) -> list[Columna]:
    """The columns of ``marcadores`` but the geometry."""
    values = placed.values
    muestras = values.nested("muestra")
    names = zip(values.text("nombre"), placed.ids, strict=True)
    return [
        placed.ids,
        placed.lote_ids,
        values.get("ambiente_id", clean.identifier),
        placed.campo_ids,
        [str(campania)] * len(placed.ids),
        [tipo or "otro" for tipo in values.get("tipo", _listed(MARCADORES, "tipo"))],
        values.text("subtipo"),
        [name or own_id for name, own_id in names],
        values.get("estado", _listed(MARCADORES, "estado")),
        values.get("fecha", _day_of(campania)),
        values.get("orden", clean.integer),
        values.get("observacion", lambda value: clean.text(value, clean.MAX_TEXT)),
        muestras.text("codigo"),
        muestras.get("compuesta", clean.boolean),
        muestras.get("submuestras", clean.integer),
        muestras.get("profundidades_cm", _once(_depths)),
        muestras.get("analisis", _once(_analyses)),
        values.get("updated_at", clean.timestamp),
    ]


@cache
def _listed(table: Table, column: str) -> Callable[[object], str | None]:
    """A reader of a closed list: "Anulada" and "ANULADO" are anulado; what it lacks stays."""
    known = {look(value): value for value in table.pick(column)[0].values}

    def read(value: object) -> str | None:
        found = clean.text(value)
        if found is None or found in known:
            return found
        key = look(found)
        masculine = f"{key[:-1]}o" if key.endswith("a") else key
        return known.get(key) or known.get(masculine) or found

    return read


@cache
def _day_of(campania: Campania) -> Callable[[object], date | None]:
    """A reader of days that can belong to a campaña: one sown or sampled years later cannot."""

    def read(value: object) -> date | None:
        found = clean.day(value)
        return None if found is None or found.year > 2001 + campania.hasta else found

    return read


def _once(read: Callable[[object], str | None]) -> Callable[[object], str | None]:
    """A reader of lists that reads one that is written alike only once."""
    known: dict[str, str | None] = {}

    def remembering(value: object) -> str | None:
        key = repr(value)  # tells 1, 1.0, True and "1" apart, as equality does not
        if key not in known:
            known[key] = read(value)
        return known[key]

    return remembering


def _depths(value: object) -> str | None:
    """ "0-20; 20-40" out of [[0, 20], [20, 40]], cm; text stays as it is."""
    if not isinstance(value, list | tuple):
        return clean.text(value)
    spans = []
    for span in value:
        if not isinstance(span, list | tuple) or len(span) != 2:
            return None
        ends = [clean.text(end) for end in span]
        if None in ends:
            return None
        spans.append(f"{ends[0]}-{ends[1]}")
    return clean.text("; ".join(spans), clean.MAX_TEXT)


def _analyses(value: object) -> str | None:
    if not isinstance(value, list | tuple):
        return clean.text(value)
    names = [clean.text(name) for name in value]
    return clean.text("; ".join(name for name in names if name), clean.MAX_TEXT)


def zona_row(item: Item) -> Row:
    """A row of ``zonas`` without its geometry."""
    return (
        item.id,
        item.text("nombre") or item.id,
        item.get("tipo", _listed(ZONAS, "tipo")) or "otro",
        item.get("lote_id", clean.identifier),
        item.get("updated_at", clean.timestamp),
    )
