"""The eight tables of a snapshot, out of the portal's records.

Per list of the portal, records in are rows plus ``rechazados``, always; siembras are counted as
nested in the lotes. Columns, dtypes and order are those of ``words.columns``; rows are sorted by
key, so the order in which records came never matters. Geometry is EPSG:4326, lon-lat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
from shapely.geometry.base import BaseGeometry

from Modules.geo.encodings import Unreadable
from Modules.geo.geometry import Mend, Repaired, decode, geodesic_area_ha, usable
from Modules.night import rows as rw
from Modules.night.screen import Bunch, Item, Ledger, Row, apart, screen
from Modules.words import columns as col
from Modules.words import text as clean
from Modules.words.columns import CRS, Column, Table
from Modules.words.domain import BoundingBox, Campania, GeometryEncoding, Motivo, Record, Recurso
from Modules.words.spanish import number
from Modules.words.thresholds import DEFAULTS, Thresholds

MAX_AREA_HA = 100_000.0  # of a lote, ambiente, mark or a zona in a lote: more than any
MAX_REGION_HA = 40_000_000.0  # of a zona that groups campos: Buenos Aires has 30.8 million
_LIST_ORDER = {name: at for at, name in enumerate((*Recurso, rw.SIEMBRAS))}


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one night, as ``Modules.words.columns`` describes them."""

    campos: pd.DataFrame
    lotes: gpd.GeoDataFrame
    siembras: pd.DataFrame
    ambientes: gpd.GeoDataFrame
    marcadores: gpd.GeoDataFrame
    zonas: gpd.GeoDataFrame
    cultivos: pd.DataFrame
    rechazados: pd.DataFrame

    def as_dict(self) -> dict[str, pd.DataFrame]:
        """Tables by name, in the order of ``columns.TABLES``."""
        return {name: getattr(self, name) for name in col.TABLES}


@dataclass(frozen=True, slots=True)
class Repair:
    """A geometry that had to be repaired to be used; areas in hectares."""

    recurso: str
    id: str
    area_before_ha: float
    area_after_ha: float
    motivo: str  # Spanish
    nombre: str = ""

    @property
    def moved_ha(self) -> float:
        return abs(self.area_after_ha - self.area_before_ha)


@dataclass(frozen=True, slots=True)
class Built:
    """The tables, and what a person may want to look at."""

    tables: Tables
    repairs: tuple[Repair, ...] = ()
    cultivos_desconocidos: tuple[str, ...] = ()
    # "lotes.superficie_ha": how many became empty; "marcadores.estado «x»": of no list of ours
    valores_ilegibles: Mapping[str, int] = field(default_factory=dict)
    valores_desconocidos: Mapping[str, int] = field(default_factory=dict)


def build_tables(
    fetched: Mapping[Recurso, Sequence[Record]],
    *,
    campania: Campania,
    encodings: Mapping[Recurso, GeometryEncoding],
    bbox: BoundingBox,
    mend: Mend | None = None,
    previous: Tables | None = None,
    limits: Thresholds = DEFAULTS,
) -> Built:
    """Tables of one campaña out of the records of each list.

    Args:
        encodings: how each list writes geometry; GeoJSON in EPSG:4326 where it is not named.
        bbox: where fields can be, degrees EPSG:4326; a geometry that leaves it is refused.
        mend: makes a geometry valid within a time limit; ``geometry.make_valid`` if not given.
        previous: the last accepted night, whose areas a repair is held against.
        limits: what a repair may do to an area.

    Raises:
        SettingsError: an encoding names a kind, CRS or axis order that does not exist.
    """
    return _Builder(fetched, campania, encodings, bbox, mend, previous, limits).build()


@dataclass(slots=True)
class _Builder:
    """Builds table after table; what is refused gathers in the ledger."""

    fetched: Mapping[Recurso, Sequence[Record]]
    campania: Campania
    encodings: Mapping[Recurso, GeometryEncoding]
    bbox: BoundingBox
    mend: Mend | None
    previous: Tables | None
    limits: Thresholds
    ledger: Ledger = field(default_factory=Ledger)
    repairs: list[Repair] = field(default_factory=list)

    def build(self) -> Built:
        cultivos, catalogue = rw.cultivo_rows(self._items(Recurso.CULTIVOS), self.ledger)
        campos = [rw.campo_row(item) for item in self._items(Recurso.CAMPOS)]
        lotes = self._lotes({row[0] for row in campos})
        places = {item.at: (item.id, campo_id) for item, campo_id, _ in lotes}
        came = self.fetched.get(Recurso.LOTES, ())
        home = {item.id: campo_id for item, campo_id, _ in lotes}
        siembras, unknown = rw.siembra_rows(places, came, self.campania, catalogue, self.ledger)
        names = {row[0]: row[1] for row in campos}
        of_lotes = _geo_frame(col.LOTES, self._lote_rows(lotes, names, siembras))
        of_siembras = _frame(col.SIEMBRAS, siembras)
        del lotes, siembras  # their records, before those of the long lists
        tables = Tables(
            campos=_frame(col.CAMPOS, campos),
            lotes=of_lotes,
            siembras=of_siembras,
            ambientes=self._of_lotes(Recurso.AMBIENTES, home, self._ambientes),
            marcadores=self._of_lotes(Recurso.MARCADORES, home, self._marcadores),
            zonas=_geo_frame(col.ZONAS, self._zona_rows()),
            cultivos=_frame(col.CULTIVOS, cultivos),
            rechazados=_frame(col.RECHAZADOS, self.ledger.refused, by=_refusal_order),
        )
        repairs = sorted(self.repairs, key=lambda r: (_LIST_ORDER[r.recurso], r.id))
        illegible = dict(sorted(self.ledger.illegible.items()))
        return Built(tables, tuple(repairs), unknown, illegible, _unlisted(tables))

    def _items(
        self, recurso: Recurso, *, seasonal: bool = False, some: Sequence[Record] | None = None
    ) -> list[Item]:
        """Records that have an id and are not deleted, repeated or of another campaña."""
        season = self.campania if seasonal else None
        came = self.fetched.get(recurso, ()) if some is None else some
        return screen(recurso, came, season, self.ledger)

    def _shaped(
        self, recurso: Recurso, items: Sequence[Item], table: Table, *, bare: bool = False
    ) -> list[tuple[Item, BaseGeometry | None]]:
        """Items with their geometry; those without a usable one are refused, repairs noted.

        ``bare``: one without any geometry stays, with None.
        """
        encoding = self.encodings.get(recurso, GeometryEncoding())
        decoded = decode([item.values.get("geometry") for item in items], encoding)
        most = MAX_REGION_HA if recurso is Recurso.ZONAS else MAX_AREA_HA
        types, bbox, mend = table.geometry_types, self.bbox, self.mend
        results = usable(decoded, types=types, bbox=bbox, max_area_ha=most, mend=mend)
        kept: list[tuple[Item, BaseGeometry | None]] = []
        for item, result in zip(items, results, strict=True):
            if isinstance(result, Unreadable):
                if bare and result.motivo is Motivo.SIN_GEOMETRIA:
                    kept.append((item, None))
                    continue
                self.ledger.refuse(recurso, item, result.motivo, result.detalle)
                continue
            if result.changed:
                if other := self._another_field(table, item, result):
                    self.ledger.refuse(recurso, item, Motivo.GEOMETRIA_IRREPARABLE, other)
                    continue
                areas = result.area_before_ha, result.area_after_ha
                name = clean.text(item.values.get("nombre")) or ""
                self.repairs.append(Repair(recurso.value, item.id, *areas, result.motivo, name))
            kept.append((item, result.geometry))
        return kept

    def _another_field(self, table: Table, item: Item, result: Repaired) -> str:
        """Why a repair made another field than the one that was meant; "" if it did not.

        It is held against what the portal declares and against the last accepted night, where they
        say something; one of the two that agrees is enough. A ring that was left open says nothing
        of its area itself, and many declare a few per cent more or less than their border holds.
        """
        after, limits = result.area_after_ha, self.limits
        moved = abs(after - result.area_before_ha)
        declared = clean.area_ha(item.values.get("superficie_ha")) or 0.0
        share = limits.declared_area if result.closed else limits.repaired_area
        before = self._area_before(table, item.id)
        known = (
            ("el portal declara", declared, share),
            ("la última noche tenía", before, limits.repaired_area),
        )
        said = [(who, area, max(of * area, limits.repaired_ha)) for who, area, of in known if area]
        small = not result.closed and all(moved <= slack for _, _, slack in said)
        if not said or small or any(abs(after - area) <= slack for _, area, slack in said):
            return ""
        others = ", ".join(f"{who} {number(area, 2)} ha" for who, area, _ in said)
        return (
            f"{result.motivo}; al repararla queda otra superficie: {number(after, 2)} ha, {others}"
        )

    def _area_before(self, table: Table, own_id: str) -> float:
        """Hectares of a row in the last accepted night; 0 where there is none."""
        if self.previous is None:
            return 0.0
        rows = self.previous.as_dict()[table.name]
        shapes = rows.loc[rows[table.key] == own_id, "geometry"].dropna().tolist()
        return float(geodesic_area_ha(shapes).sum())

    def _with_parent(
        self, recurso: Recurso, items: Sequence[Item], key: str, parent: Recurso, known: Set[str]
    ) -> list[Item]:
        """Items whose campo or lote is in its table; the others are refused as orphans."""
        parents = Bunch.of(items, recurso.value, self.ledger).get(key, clean.identifier)
        kept = []
        for item, parent_id in zip(items, parents, strict=True):
            if parent_id in known:
                kept.append(item)
            else:
                why = self.ledger.orphan(parent, parent_id)
                self.ledger.refuse(recurso, item, Motivo.HUERFANO, why)
        return kept

    def _lotes(self, campos: set[str]) -> list[tuple[Item, str, BaseGeometry]]:
        """The lotes that can be used: item, campo_id, geometry."""
        items = self._items(Recurso.LOTES, seasonal=True)
        items = self._with_parent(Recurso.LOTES, items, "campo_id", Recurso.CAMPOS, campos)
        shaped = self._shaped(Recurso.LOTES, items, col.LOTES)
        return [(item, str(clean.identifier(item.values["campo_id"])), g) for item, g in shaped]

    def _lote_rows(
        self,
        lotes: list[tuple[Item, str, BaseGeometry]],
        campos: Mapping[str, str],
        siembras: list[Row],
    ) -> list[Row]:
        sown: dict[str, list[str]] = {}
        for row in sorted(siembras, key=lambda row: (row[4], row[0])):
            sown.setdefault(row[1], []).append(row[6])
        areas = geodesic_area_ha([geometry for *_, geometry in lotes]).tolist()
        rows = []
        for (item, campo_id, geometry), area_ha in zip(lotes, areas, strict=True):
            campo, cultivos = (campo_id, campos[campo_id]), sown.get(item.id, [])
            row = rw.lote_row(item, self.campania, campo, area_ha, cultivos)
            rows.append((*row, geometry))
        return rows

    def _of_lotes(
        self,
        recurso: Recurso,
        home: Mapping[str, str],
        made: Callable[[rw.Placed, Sequence[BaseGeometry]], gpd.GeoDataFrame],
    ) -> gpd.GeoDataFrame:
        """A table of what lies in a lote, made some records at a time."""
        came = self.fetched.get(recurso, ())
        frames = [made(*self._placed(recurso, home, some)) for some in apart(came)]
        if len(frames) == 1:
            return frames[0]
        return pd.concat(frames).sort_values(col.TABLES[recurso.value].key, ignore_index=True)

    def _placed(
        self, recurso: Recurso, home: Mapping[str, str], some: Sequence[Record]
    ) -> tuple[rw.Placed, list[BaseGeometry]]:
        """What lies in a lote, by id, and its geometry."""
        table = col.TABLES[recurso.value]
        items = self._items(recurso, seasonal=True, some=some)
        items = self._with_parent(recurso, items, "lote_id", Recurso.LOTES, home.keys())
        shaped = sorted(self._shaped(recurso, items, table), key=lambda pair: pair[0].id)
        values = Bunch.of([item for item, _ in shaped], recurso.value, self.ledger)
        lote_ids = [str(lote_id) for lote_id in values.get("lote_id", clean.identifier)]
        campo_ids = [home[lote_id] for lote_id in lote_ids]
        ids = [item.id for item, _ in shaped]
        return rw.Placed(ids, lote_ids, campo_ids, values), [shape for _, shape in shaped]

    def _ambientes(self, placed: rw.Placed, shapes: Sequence[BaseGeometry]) -> gpd.GeoDataFrame:
        areas_ha = geodesic_area_ha(shapes).tolist()
        columns = rw.ambiente_columns(placed, self.campania, areas_ha)
        return _geo_frame_of(col.AMBIENTES, columns, shapes)

    def _marcadores(self, placed: rw.Placed, shapes: Sequence[BaseGeometry]) -> gpd.GeoDataFrame:
        return _geo_frame_of(col.MARCADORES, rw.marcador_columns(placed, self.campania), shapes)

    def _zona_rows(self) -> list[Row]:
        shaped = self._shaped(Recurso.ZONAS, self._items(Recurso.ZONAS), col.ZONAS, bare=True)
        rows = []
        for item, geometry in shaped:
            row = rw.zona_row(item)
            drawn = geometry is not None and (row[3] is not None or row[2] == "exclusion")
            if drawn and geodesic_area_ha([geometry])[0] > MAX_AREA_HA:
                why = f"supera las {MAX_AREA_HA:.0f} ha y no es una región"
                self.ledger.refuse(Recurso.ZONAS, item, Motivo.SUPERFICIE_IMPOSIBLE, why)
            else:
                rows.append((*row, geometry))
        return rows


def _unlisted(tables: Tables) -> dict[str, int]:
    """Values that are in no closed list, and how often each comes."""
    found: dict[str, int] = {}
    for name, frame in tables.as_dict().items():
        for column in col.TABLES[name].columns:
            if column.values:
                counts = Counter(frame[column.name].dropna().tolist())
                others = sorted(counts.keys() - column.values)
                found |= {f"{name}.{column.name} «{one}»": counts[one] for one in others}
    return found


def _refusal_order(row: Row) -> tuple[object, ...]:
    recurso, found, name, motivo, detail, page, index = row
    return _LIST_ORDER[recurso], page, index, found or "", motivo, detail, name or ""


def _frame(
    table: Table, rows: Sequence[Row], by: Callable[[Row], Any] = itemgetter(0)
) -> pd.DataFrame:
    """A table without geometry, sorted."""
    columns = _columns(sorted(rows, key=by), len(table.columns))
    return pd.DataFrame(_all_typed(columns, table.columns), columns=list(table.names))


def _geo_frame(table: Table, rows: Sequence[Row]) -> gpd.GeoDataFrame:
    """A table whose last column is its geometry, sorted by key."""
    *columns, shapes = _columns(sorted(rows, key=itemgetter(0)), len(table.columns))
    return _geo_frame_of(table, columns, shapes)


def _geo_frame_of(
    table: Table, columns: Sequence[Sequence[Any]], shapes: Sequence[BaseGeometry | None]
) -> gpd.GeoDataFrame:
    """A table out of its columns, sorted by key already, and their geometry."""
    geometry = np.empty(len(shapes), dtype=object)
    geometry[:] = shapes
    frame = pd.DataFrame(_all_typed(columns, table.columns[:-1]))
    return gpd.GeoDataFrame(frame, geometry=geometry, crs=CRS)


def _columns(rows: Sequence[Row], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _all_typed(values: Sequence[Sequence[Any]], columns: Sequence[Column]) -> dict[str, Any]:
    pairs = zip(columns, values, strict=True)
    return {column.name: _typed(found, column.dtype) for column, found in pairs}


def _typed(values: Sequence[Any], dtype: str) -> Any:
    """A column of the dtype that ``Modules.words.columns`` names."""
    if dtype == "timestamp":
        instants = pa.array(values, type=pa.timestamp("us", tz="UTC"))
        return pd.DatetimeIndex(instants.to_numpy(zero_copy_only=False)).tz_localize("UTC").array
    if dtype == "date":
        dates = np.empty(len(values), dtype=object)
        dates[:] = values
        return dates
    if dtype == "float64":
        return np.array(values, dtype=np.float64)
    return pd.array(list(values), dtype=dtype)
