"""What every product is built from: one accepted night, as values.

``snapshot_id`` is that of the first of a row of equal nights: the same data carry the same id and
the same time, so a product that shows them does not change on a quiet night.

Campos that look alike, and lotes that do in one campo, carry their id in their name, "7 (l-81)", so
that no sheet, label, file or table shows two things as one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import geopandas as gpd
import pandas as pd

from Modules.diff.changes import Changes
from Modules.night.tables import Tables
from Modules.store.fotos import Foto
from Modules.store.numeros import Numeros
from Modules.words.domain import Campania, SnapshotId
from Modules.words.names import names_with_ids

Fotos: TypeAlias = Mapping[str, Sequence[Foto]]  # of marks, by their ids


@dataclass(frozen=True, slots=True)
class Propio:
    """A file that people put into a product's folder for it; other bytes are another one.

    It may be anything, and may be gone or half written when it is read.
    """

    path: Path = field(repr=False)
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Fuente:
    """One accepted night. ``changes`` are those against the night before it.

    ``controles``: its checks, as ``verdict.json`` holds them. ``antes``: the lotes of that night
    before, where it is still kept whole.
    ``numeros``: those of features and samples; who publishes keeps what was given meanwhile.
    ``planes``: sampling plans made of it already, by what they were asked with.
    """

    tables: Tables = field(repr=False)
    campania: Campania
    snapshot_id: SnapshotId
    changes: Changes = field(repr=False)
    zone: ZoneInfo
    numeros: Numeros = field(default_factory=Numeros, repr=False, compare=False)
    controles: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    antes: Callable[[], gpd.GeoDataFrame | None] = field(
        default=lambda: None, repr=False, compare=False
    )
    planes: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", _told_apart(self.tables))

    @property
    def hora_local(self) -> datetime:
        """When the data were fetched, in the time of the people who read it."""
        return self.snapshot_id.utc.astimezone(self.zone)


def propio_of(path: Path) -> Propio:
    """A file as it lies there; of one that cannot be looked at, reading it says why."""
    try:
        status = path.stat()
    except OSError:
        return Propio(path, -1, 0)
    return Propio(path, status.st_size, status.st_mtime_ns)


def fuente_of(fuente: Fuente, lote_ids: Collection[str]) -> Fuente:
    """The same night with these lotes alone, their campos and what lies in them.

    It has no numbers, and no night before.
    """
    tables = fuente.tables
    lotes = tables.lotes[tables.lotes["lote_id"].isin(lote_ids)]
    campos = tables.campos[tables.campos["campo_id"].isin(lotes["campo_id"])]
    inside = {
        name: frame[frame["lote_id"].isin(lote_ids)].reset_index(drop=True)
        for name in ("siembras", "ambientes", "marcadores", "zonas")
        for frame in (getattr(tables, name),)
    }
    kept = {"campos": campos.reset_index(drop=True), "lotes": lotes.reset_index(drop=True)}
    tables = replace(tables, **kept, **inside)
    return replace(fuente, tables=tables, numeros=Numeros(), antes=type(None))


def _told_apart(tables: Tables) -> Tables:
    """The tables with the names of campos and lotes as people read them."""
    campos, lotes = tables.campos, tables.lotes
    campo = names_with_ids(dict(zip(campos["campo_id"], campos["campo"], strict=True)))
    home = dict(zip(lotes["lote_id"], lotes["campo_id"], strict=True))
    lote = names_with_ids(dict(zip(lotes["lote_id"], lotes["lote"], strict=True)), within=home)

    def shown(frame: pd.DataFrame, column: str, names: Mapping[str, str]) -> pd.DataFrame:
        keys, texts = frame[f"{column}_id"], frame[column]
        twins = {key: name for key, name in names.items() if name.endswith(f" ({key})")}
        changed = keys.isin(twins)
        if not changed.any():
            return frame
        return frame.assign(**{column: texts.mask(changed, keys.map(twins).astype("string"))})

    return replace(
        tables,
        campos=shown(campos, "campo", campo),
        lotes=shown(shown(lotes, "campo", campo), "lote", lote),
    )
