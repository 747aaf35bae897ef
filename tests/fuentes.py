"""Nights to build products from: out of items of the contract, or out of a file of real fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import shapely

from Modules.demo.external import world_from_file
from Modules.diff.changes import diff_tables
from Modules.night.tables import Tables, build_tables
from Modules.products.source import Fuente
from Modules.words.domain import BoundingBox, Campania, Record, Recurso, SnapshotId

_WORLD = BoundingBox(-180, -90, 180, 90)
_STAMP = "2025-11-19T12:00:00-03:00"


def fuente_of(items: Mapping[Recurso, Sequence[Mapping[str, Any]]]) -> Fuente:
    """A first night with these items, as products are given it."""
    return night_of(tables_of(items))


def night_of(tables: Tables) -> Fuente:
    """A first night of these tables, as products are given it."""
    return Fuente(
        tables=tables,
        campania=Campania(25, 26),
        snapshot_id=SnapshotId(1, datetime(2025, 11, 20, 6, 0, 2, tzinfo=UTC)),
        changes=diff_tables(None, tables),
        zone=ZoneInfo("America/Argentina/Buenos_Aires"),
    )


def tables_of(items: Mapping[Recurso, Sequence[Mapping[str, Any]]]) -> Tables:
    """The tables of these items, none of which may be rejected."""
    records = {
        recurso: [Record(item, 1, at) for at, item in enumerate(items.get(recurso, ()))]
        for recurso in Recurso
    }
    built = build_tables(records, campania=Campania(25, 26), encodings={}, bbox=_WORLD)
    assert len(built.tables.rechazados) == 0, built.tables.rechazados
    return built.tables


def of_campos(tables: Tables, *campo_ids: str) -> Tables:
    """What these tables hold of a few campos; the catalogues stay whole."""
    lotes = tables.lotes["lote_id"][tables.lotes["campo_id"].isin(campo_ids)]
    some = {"campos": tables.campos[tables.campos["campo_id"].isin(campo_ids)]} | {
        name: frame[frame["lote_id"].isin(lotes)]
        for name, frame in tables.as_dict().items()
        if "lote_id" in frame
    }
    return replace(tables, **{name: frame.reset_index(drop=True) for name, frame in some.items()})


def fuente_of_file(path: Path, **columns: str) -> Fuente:
    """A first night with the polygons of a file; see ``world_from_file``."""
    world = world_from_file(path, **columns)
    return fuente_of({recurso: world.items(recurso) for recurso in Recurso})


def campo(
    at: int,
    nombre: str,
    *,
    empresa: str | None = None,
    cuit: str | None = None,
    renspa: str | None = None,
) -> dict[str, Any]:
    """A campo under the contract's names; its id is ``C<at>``."""
    owner = {"nombre": empresa, "cuit": cuit}
    base = {"id": f"C{at}", "nombre": nombre, "updated_at": _STAMP, "renspa": renspa}
    return {**base, "empresa": owner} if empresa or cuit else base


def lote(
    at: int, nombre: str, *, campo_at: int, cultivos: Sequence[str] = (), shape: Any = None
) -> dict[str, Any]:
    """A lote under the contract's names: a square of about 100 ha unless a shape is given."""
    lon, lat = -66 + at % 100 * 0.05, -38 + at // 100 * 0.05
    shape = shapely.box(lon, lat, lon + 0.01, lat + 0.01) if shape is None else shape
    siembras = [
        {"id": f"S{at}-{i}", "orden": i, "cultivo": crop} for i, crop in enumerate(cultivos, 1)
    ]
    return {
        "id": f"L{at}",
        "campo_id": f"C{campo_at}",
        "nombre": nombre,
        "campania": "25/26",
        "updated_at": _STAMP,
        "siembras": siembras,
        "geometry": shapely.geometry.mapping(shape),
    }
