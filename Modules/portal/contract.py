"""The contract's lists as data: which members an item has, of what kind, which are required.

It mirrors ``databaler-api.yaml``, the assumed contract. Names of nested members are dotted
("empresa.nombre"); the sowings of a lote have a list of their own. Kinds: ``id`` opaque text,
``text``, ``number`` (a decimal in text counts as one), ``integer``, ``boolean``, ``date``
(YYYY-MM-DD), ``datetime`` (RFC 3339 with offset), ``list``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from Modules.words.domain import Recurso

Kind = Literal["id", "text", "number", "integer", "boolean", "date", "datetime", "list"]


@dataclass(frozen=True, slots=True)
class Member:
    name: str  # dotted below the item
    kind: Kind
    required: bool = False
    nullable: bool = False
    values: tuple[str, ...] = ()  # the closed list, where there is one


@dataclass(frozen=True, slots=True)
class ItemShape:
    members: tuple[Member, ...]
    geometry: Literal["none", "nullable", "required"] = "none"


def _id(name: str, *, required: bool = False) -> Member:
    return Member(name, "id", required, nullable=not required)


def _text(name: str, *values: str, required: bool = False, nullable: bool = False) -> Member:
    return Member(name, "text", required, nullable, values)


_ID = _id("id", required=True)
_CAMPANIA = _text("campania", required=True)
_NOMBRE = _text("nombre", required=True)
_HA = Member("superficie_ha", "number")
_UPDATED = Member("updated_at", "datetime")
_DELETED = Member("deleted_at", "datetime", nullable=True)

SIEMBRA: tuple[Member, ...] = (
    _ID, Member("orden", "integer", required=True),
    _text("cultivo.codigo"), _text("cultivo.nombre"), _HA, _text("material", nullable=True),
    Member("fecha_siembra", "date", nullable=True), Member("fecha_cosecha", "date", nullable=True),
    _text("estado", "planificado", "sembrado", "cosechado", "perdido"),
)  # fmt: skip

CONTRACT: Mapping[Recurso, ItemShape] = {
    Recurso.CAMPANIAS: ItemShape((
        _ID, _text("codigo", required=True), Member("desde", "date", required=True),
        Member("hasta", "date", required=True), Member("activa", "boolean"),
    )),
    Recurso.CULTIVOS: ItemShape((
        _ID, _text("codigo", required=True), _NOMBRE, _text("especie"),
        Member("orden", "integer"), _text("color"),
    )),
    Recurso.ZONAS: ItemShape((
        _ID, _NOMBRE, _text("tipo", "region", "exclusion", "otro", required=True),
        _id("lote_id"), _UPDATED,
    ), "nullable"),
    Recurso.CAMPOS: ItemShape((
        _ID, _text("codigo"), _NOMBRE, _id("zona_id"),
        _text("empresa.nombre"), _text("empresa.cuit"), _text("renspa", nullable=True),
        _text("provincia"), _text("partido"), _text("tenencia", "propio", "arrendado", "aparceria"),
        _HA, Member("activo", "boolean"), Member("created_at", "datetime"), _UPDATED, _DELETED,
    ), "nullable"),
    Recurso.LOTES: ItemShape((
        _ID, _id("campo_id", required=True), _text("campo_nombre"), _NOMBRE, _CAMPANIA,
        _HA, Member("superficie_util_ha", "number", nullable=True),
        Member("siembras", "list", required=True), _UPDATED, _DELETED,
    ), "required"),
    Recurso.AMBIENTES: ItemShape((
        _ID, _id("lote_id", required=True), _CAMPANIA, _text("codigo"), _NOMBRE,
        _text("potencial", "alto", "medio", "bajo"), Member("orden", "integer"), _text("color"),
        _HA, _text("fuente"), Member("version", "integer"), _UPDATED,
    ), "required"),
    Recurso.MARCADORES: ItemShape((
        _ID, _id("lote_id", required=True), _id("ambiente_id"), _CAMPANIA,
        _text("tipo", "muestreo", "recorrida", "maleza", "plaga", "enfermedad",
              "infraestructura", "otro", required=True),
        _text("subtipo", nullable=True), _NOMBRE,
        _text("estado", "planificado", "hecho", "anulado"),
        Member("fecha", "date", nullable=True), Member("orden", "integer", nullable=True),
        _text("observacion", nullable=True),
        _text("muestra.codigo"), Member("muestra.compuesta", "boolean"),
        Member("muestra.submuestras", "integer"), Member("muestra.profundidades_cm", "list"),
        Member("muestra.analisis", "list"), Member("adjuntos", "list"), _UPDATED,
    ), "required"),
}  # fmt: skip


def readable(members: tuple[Member, ...]) -> tuple[Member, ...]:
    """The members that are read of an item: any row may say ``deleted_at``, agreed on or not."""
    return members if _DELETED in members else (*members, _DELETED)
