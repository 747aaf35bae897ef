"""Tables of hexagons: by cell and lote, by cell and ambiente, by cell. Pure; slices of Arrow.

A cell's own figures: ``superficie_ha`` counts each lote's part once; ``ha_<cultivo>`` counts it for
each crop sown there, so with trigo and then soja 2da they add up to more. ``cultivo`` is the crop
with most area; of equal ones the later of the season, as in the maps. Rows are made some at a time,
because a campaign has millions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from Modules.formats.geofiles import contract_schema
from Modules.geo.arrays import Array, Flags, Index, sums
from Modules.geo.h3_cells import Cells, centres, hex_text
from Modules.geo.h3_cover import WHOLE, Cover
from Modules.night.tables import Tables
from Modules.products.cultivos.sown import Sembrado, crop_keys, sown_crops
from Modules.words.columns import AMBIENTES, LOTES, Column, Table, hectares, text
from Modules.words.cultivos import SIN_CULTIVO
from Modules.words.errors import DataError
from Modules.words.names import layer_names

BARE: Final = Sembrado("", "", SIN_CULTIVO.nombre, SIN_CULTIVO.color)
SLICE_ROWS: Final = 250_000

_H3: Final = (
    text("h3", "Celda H3, en hexadecimal", nullable=False),
    Column("resolucion", "Int64", "Resolución H3, de 0 a 15", nullable=False),
)
_PART: Final = (
    Column("fraccion", "float64", "Parte de la celda que cubre, de 0 a 1", nullable=False),
    hectares("superficie_ha", "Superficie de esa parte (WGS 84)", nullable=False),
)
H3_LOTES: Final = Table(
    "h3_lotes",
    (*_H3, *LOTES.pick("lote_id", "campo_id", "lote", "campo", "campania", "cultivos"), *_PART),
)
H3_AMBIENTES: Final = Table(
    "h3_ambientes",
    (
        *_H3,
        *AMBIENTES.pick("ambiente_id", "lote_id", "campo_id", "campania"),
        *AMBIENTES.pick("ambiente", "potencial"),
        Column("entera", "boolean", "Si la celda está toda en el ambiente", nullable=False),
        *_PART,
    ),
)
_CELDA: Final = (
    *_H3,
    Column("lon", "float64", "Longitud del centro de la celda", nullable=False),
    Column("lat", "float64", "Latitud del centro de la celda", nullable=False),
    *LOTES.pick("campania"),
    text("campo", "Campo con más superficie en la celda", nullable=False),
    text(
        "cultivo_codigo",
        "Código del cultivo con más superficie; vacío si no hay cultivo",
        nullable=False,
    ),
    text("cultivo", "Cultivo con más superficie en la celda", nullable=False),
    Column("n_lotes", "Int64", "Cantidad de lotes que toca", nullable=False),
    Column("fraccion", "float64", "Parte de la celda que cubren los lotes", nullable=False),
    hectares("superficie_ha", "Superficie de lotes en la celda", nullable=False),
)


@dataclass(frozen=True, slots=True)
class Tabla:
    """A table to be written: what it holds, how many rows, and how to make some of them."""

    contract: Table
    rows: int
    columns: Mapping[str, Callable[[slice], pa.Array]]

    @property
    def schema(self) -> pa.Schema:
        """Arrow types, in order."""
        return contract_schema(self.contract)

    def slices(self) -> Iterator[pa.Table]:
        """All rows, some at a time; one empty table if there are none."""
        for start in range(0, max(self.rows, 1), SLICE_ROWS):
            part = slice(start, min(start + SLICE_ROWS, self.rows))
            arrays = [self.columns[field.name](part).cast(field.type) for field in self.schema]
            yield pa.Table.from_arrays(arrays, schema=self.schema)


def by_lote(found: Cover, lotes: pd.DataFrame, resolution: int) -> Tabla:
    """A row for each lote and cell, in the order of ``lotes``."""
    return _tabla(H3_LOTES, found, lotes, resolution, {})


def by_ambiente(found: Cover, ambientes: pd.DataFrame, resolution: int) -> Tabla:
    """A row for each ambiente and cell, in the order of ``ambientes``."""
    whole = found.fraccion >= WHOLE
    return _tabla(
        H3_AMBIENTES, found, ambientes, resolution, {"entera": lambda rows: pa.array(whole[rows])}
    )


def _tabla(
    contract: Table,
    found: Cover,
    frame: pd.DataFrame,
    resolution: int,
    more: Mapping[str, Callable[[slice], pa.Array]],
) -> Tabla:
    columns = _cell_columns(found.cell, resolution)
    columns |= {
        "fraccion": lambda rows: pa.array(found.fraccion[rows]),
        "superficie_ha": lambda rows: pa.array(found.superficie_ha[rows]),
        **more,
    }
    for name in contract.names:
        if name not in columns:
            texts = [None if pd.isna(value) else str(value) for value in frame[name]]
            columns[name] = _taken(pa.array(texts, type=pa.string()), found.polygon)
    return Tabla(contract, len(found), columns)


def _cell_columns(cells: Cells, resolution: int) -> dict[str, Callable[[slice], pa.Array]]:
    return {
        "h3": lambda rows: hex_text(cells[rows]),
        "resolucion": lambda rows: pa.array(np.full(len(cells[rows]), resolution)),
    }


def _taken(values: pa.Array, at: Index) -> Callable[[slice], pa.Array]:
    return lambda rows: values.take(pa.array(at[rows]))


@dataclass(frozen=True, slots=True)
class Celdas:
    """Each cell once, in order, and the parts of lotes in it.

    ``cell`` to ``campo`` run side by side; ``dominante`` and ``campo`` are places in ``cultivos``
    and ``campos``. The parts of cell i are those from ``first[i]`` to ``first[i + 1]``.
    """

    resolution: int
    campania: str
    cultivos: tuple[Sembrado, ...]
    campos: tuple[str, ...]
    cell: Cells
    superficie_ha: Array
    fraccion: Array
    dominante: Index
    campo: Index
    first: Index
    parts: _LoteParts

    def __len__(self) -> int:
        return len(self.cell)

    def por_cultivo(self, i: int, rows: slice | None = None) -> Array:
        """Hectares with crop i in some of the cells, or in all."""
        return self.parts.with_crop(i, self.first, rows or slice(0, len(self)))

    @property
    def columnas(self) -> list[str]:
        """The column of each crop: "ha_soja_1ra"."""
        names = layer_names(
            {crop.clave: crop.nombre for crop in self.cultivos}, otherwise="cultivo"
        )
        return [f"ha_{names[crop.clave]}" for crop in self.cultivos]

    @property
    def tabla(self) -> Tabla:
        columns = _cell_columns(self.cell, self.resolution)
        names = pa.array([crop.nombre for crop in self.cultivos], type=pa.string())
        codes = pa.array([crop.codigo for crop in self.cultivos], type=pa.string())
        campania = pa.array([self.campania])
        columns |= {
            "lon": lambda rows: pa.array(centres(self.cell[rows])[0]),
            "lat": lambda rows: pa.array(centres(self.cell[rows])[1]),
            "campania": lambda rows: campania.take(pa.array(np.zeros(len(self.cell[rows]), int))),
            "campo": _taken(pa.array(self.campos, type=pa.string()), self.campo),
            "cultivo_codigo": _taken(codes, self.dominante),
            "cultivo": _taken(names, self.dominante),
            "n_lotes": lambda rows: pa.array(np.diff(self.first)[rows]),
            "fraccion": lambda rows: pa.array(self.fraccion[rows]),
            "superficie_ha": lambda rows: pa.array(self.superficie_ha[rows]),
        }
        columns |= {name: self._hectares(i) for i, name in enumerate(self.columnas)}
        extra = tuple(
            hectares(name, f"Superficie con {crop.nombre}", nullable=False)
            for name, crop in zip(self.columnas, self.cultivos, strict=True)
        )
        return Tabla(Table("h3_celdas", (*_CELDA, *extra)), len(self), columns)

    def _hectares(self, i: int) -> Callable[[slice], pa.Array]:
        return lambda rows: pa.array(self.por_cultivo(i, rows))


@dataclass(frozen=True, slots=True)
class _LoteParts:
    """Parts of lotes in cells, in order of cell and lote; ``sown``: crop × lote."""

    lote: Index
    superficie_ha: Array
    sown: Flags

    def with_crop(self, i: int, first: Index, rows: slice) -> Array:
        bounds = first[rows.start : rows.stop + 1]
        here = slice(bounds[0], bounds[-1])
        cell = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        area = self.superficie_ha[here] * self.sown[i][self.lote[here]]
        return sums(cell, area, len(bounds) - 1)


def by_cell(found: Cover, tables: Tables, lotes: pd.DataFrame, resolution: int) -> Celdas:
    """What lies in each cell; ``found.polygon`` are places in ``lotes``."""
    order = np.argsort(found.cell, kind="stable")
    cells, lote = found.cell[order], found.polygon[order]
    begins = np.flatnonzero(np.r_[True, cells[1:] != cells[:-1]][: len(cells)])
    first = np.r_[begins, len(cells)]
    crops, sown = _sown(tables, lotes)
    parts = _LoteParts(lote, found.superficie_ha[order], sown)
    group = np.repeat(np.arange(len(begins)), np.diff(first))
    campos, campo = _largest(parts, lotes, group, len(begins))
    return Celdas(
        resolution=resolution,
        campania=str(lotes["campania"].iloc[0]) if len(lotes) else "",
        cultivos=tuple(crops),
        campos=campos,
        cell=cells[begins],
        superficie_ha=sums(group, parts.superficie_ha, len(begins)),
        fraccion=sums(group, found.fraccion[order], len(begins)),
        dominante=_dominant(parts, first, _later_first(tables, crops)),
        campo=campo,
        first=first,
        parts=parts,
    )


def _dominant(parts: _LoteParts, first: Index, order: Sequence[int]) -> Index:
    """Of each cell the crop with most area; of equal ones the first in ``order``."""
    cells = len(first) - 1
    best, most = np.full(cells, order[0], dtype=np.intp), np.full(cells, -1.0)
    for start in range(0, cells, SLICE_ROWS):
        rows = slice(start, min(start + SLICE_ROWS, cells))
        for i in order:
            area = parts.with_crop(i, first, rows)
            more = area > most[rows]
            best[rows][more], most[rows][more] = i, area[more]
    return best


def _later_first(tables: Tables, crops: Sequence[Sembrado]) -> list[int]:
    """Places of the crops, those sown later in the season first, "Sin cultivo" last."""
    orders = tables.siembras["orden"].groupby(crop_keys(tables.siembras)).max().to_dict()
    return sorted(
        range(len(crops)), key=lambda i: (-int(orders.get(crops[i].clave, -1)), crops[i].clave)
    )


def _sown(tables: Tables, lotes: pd.DataFrame) -> tuple[list[Sembrado], Flags]:
    """Crops as tables and legends have them, "Sin cultivo" last; and which lote has which."""
    siembras = tables.siembras
    crops = sown_crops(tables)
    place = {lote_id: i for i, lote_id in enumerate(lotes["lote_id"])}
    row = {crop.clave: i for i, crop in enumerate(crops)}
    if not set(siembras["lote_id"]) <= set(place):
        raise DataError("una siembra no tiene lote; las tablas del backup no concuerdan")
    sown = np.zeros((len(crops) + 1, len(lotes)), dtype=bool)
    for key, lote_id in zip(crop_keys(siembras), siembras["lote_id"], strict=True):
        sown[row[key], place[lote_id]] = True
    sown[-1] = ~sown[:-1].any(axis=0)
    return [*crops, BARE], sown


def _largest(
    parts: _LoteParts, lotes: pd.DataFrame, group: Index, cells: int
) -> tuple[tuple[str, ...], Index]:
    """Names of the campos, and which has most area in each cell (of equal ones the first id)."""
    ids, of_lote = np.unique(
        lotes["campo_id"].to_numpy(dtype=object).astype(str), return_inverse=True
    )
    names = dict(zip(lotes["campo_id"].astype(str), lotes["campo"].astype(str), strict=True))
    pair, at = np.unique(group * max(len(ids), 1) + of_lote[parts.lote], return_inverse=True)
    area = sums(at, parts.superficie_ha, len(pair))
    of_cell, campo = np.divmod(pair, max(len(ids), 1))
    order = np.lexsort((campo, -area, of_cell))
    first = order[np.r_[True, of_cell[order][1:] != of_cell[order][:-1]][: len(order)]]
    largest = np.zeros(cells, dtype=np.intp)
    largest[of_cell[first]] = campo[first]
    return tuple(names[key] for key in ids), largest
