"""Tables to files and back: GeoParquet 1.1, GeoPackage, GeoJSON.

Equal tables give equal bytes: rows stay in the order given, nothing writes the time of day; the
time that a GeoPackage notes is that of its night.
Column types come from ``columns.TABLES``, not from the values, so that a table without rows, or a
column without values, has the same schema as a full one. Coordinates are lon, lat in EPSG:4326 in
full double precision. A GeoPackage is a new file, flushed; the others are bytes.

Formats: GeoParquet 1.1.0 (geoparquet.org, WKB, ``bbox`` covering), OGC GeoPackage 1.4 (GDAL),
RFC 7946. The CRS in GeoParquet is EPSG:4326 in PROJJSON; by its rule the order in WKB is lon, lat
whatever the CRS says.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from pyogrio.raw import write_arrow

from Modules.disk.edits import settle
from Modules.disk.safe_files import FileFact, fact_of, sync_file, writing
from Modules.formats.cells import cells
from Modules.formats.legends import ETIQUETAS
from Modules.words.columns import CRS, TABLES, Table
from Modules.words.domain import SnapshotId
from Modules.words.errors import DataError, PublishError

ZSTD_LEVEL: Final = 3
_NO_NIGHT: Final = "2000-01-01T00:00:00.000Z"  # "last change" of what is of no night

_ARROW: Final[Mapping[str, pa.DataType]] = {
    "string": pa.string(),
    "Int64": pa.int64(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "geometry": pa.binary(),
}
_PANDAS: Final[Mapping[pa.DataType, Any]] = {
    pa.string(): pd.StringDtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}
_DTYPE_OF_COLUMN: Final = {
    column.name: column.dtype for table in TABLES.values() for column in table.columns
}
_DATA_COLUMNS: Final = """
CREATE TABLE gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT,
  title TEXT, description TEXT, mime_type TEXT, constraint_name TEXT,
  CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
  CONSTRAINT gdc_tn UNIQUE (table_name, name))
"""
_NAME_COLUMN: Final = "INSERT INTO gpkg_data_columns VALUES (?, ?, ?, ?, '', NULL, NULL)"
_SCHEMA_EXTENSION: Final = """
INSERT INTO gpkg_extensions VALUES ('gpkg_data_columns', NULL, 'gpkg_schema',
  'http://www.geopackage.org/spec/#extension_schema', 'read-write')
"""
_CORNERS: Final = ("xmin", "ymin", "xmax", "ymax")
GDAL_ERRORS: Final = (DataSourceError, DataLayerError, FeatureError)
_gdal_options = threading.Lock()  # GDAL's options are one set for the whole process


@dataclass(frozen=True, slots=True)
class _Layer:
    """One GeoPackage layer: its rows, its geometry column and type (None: no geometry)."""

    arrow: pa.Table
    geometry: str | None
    geometry_type: str | None


def table_bytes(df: pd.DataFrame, table: Table) -> bytes:
    """One table of the contract as GeoParquet 1.1 (plain Parquet without geometry).

    Raises:
        DataError: the columns are not the contract's, or a value does not fit its column.
    """
    if tuple(df.columns) != table.names:
        raise DataError(
            f"la tabla {table.name} tiene las columnas {', '.join(map(str, df.columns))}; se "
            f"esperaban {', '.join(table.names)}"
        )
    geometry = "geometry" if table.spatial else None
    arrow = _to_arrow(df, contract_schema(table), geometry, name=table.name)
    if table.spatial:
        arrow = as_geoparquet(arrow, _geometries(df))
    return parquet_bytes(arrow)


def parquet_bytes(arrow: pa.Table) -> bytes:
    """A table with its metadata as a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(arrow, sink, compression="zstd", compression_level=ZSTD_LEVEL)
    return bytes(sink.getvalue())


def table_from_bytes(data: bytes, table: Table, *, source: str) -> pd.DataFrame:
    """What ``table_bytes`` made, a GeoDataFrame if the table has geometry.

    ``source`` names the bytes in errors.

    Raises:
        DataError: not a Parquet file, or not the contract's columns and types.
    """
    try:
        # pq.read_table's scanner lets go of Python's buffer in a thread of Arrow after the call has
        # returned, and an interpreter that ends just then ends by abort (exit 134)
        arrow = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
        expected, schema = contract_schema(table), arrow.schema
        names = [name for name in schema.names if not (name == "bbox" and table.spatial)]
        if names != expected.names:
            lying = ", ".join(names)
            raise DataError(f"{source} tiene las columnas {lying}, no las de {table.name}")
        for field in expected:
            if (lies := schema.field(field.name).type) != field.type:
                raise DataError(f"{source}, columna {field.name}: {lies}, no {field.type}")
        arrow = arrow.select(expected.names)
        df = arrow.to_pandas(types_mapper=_PANDAS.get, ignore_metadata=True, use_threads=False)
        if not table.spatial:
            return df
        shapes = shapely.from_wkb(df["geometry"].to_numpy(dtype=object))
    except (pa.ArrowException, shapely.GEOSException, OSError, ValueError) as err:
        raise DataError(f"{source} no es un Parquet que se pueda leer: {_first_line(err)}") from err
    return gpd.GeoDataFrame(df.drop(columns="geometry"), geometry=shapes, crs=CRS)


def write_gpkg(
    layers: Mapping[str, pd.DataFrame],
    path: Path,
    night: SnapshotId | None = None,
    *,
    empty: Mapping[str, str] = MappingProxyType({}),
) -> FileFact:
    """Write a GeoPackage with one layer for each name, in that order.

    A column ``fid`` holds the numbers of the features; without one they count from 1. ``night`` is
    the one that the data are of (the first of equal ones): "last change" is its time,
    and the metadata name it. Columns of ``ETIQUETAS`` carry what people call them, with the unit,
    by the Schema extension: aliases, in QGIS. ``empty`` is the geometry type of a layer that may
    have no geometry tonight. A frame without geometry becomes an attribute table.
    The file is one piece (no ``-wal`` or ``-journal`` beside it), was opened again, checked by
    SQLite, and its rows were counted.

    Raises:
        DataError: a layer has no CRS, another than EPSG:4326, or a value that does not fit.
        PublishError: the file exists, or the disk refused.
    """
    if path.exists():
        raise PublishError(
            f"{path} está en el lugar; un GeoPackage se escribe sólo con un nombre nuevo"
        )
    tables = {name: _layer(df, name, empty.get(name)) for name, df in layers.items()}
    when = f"{night.utc:%Y-%m-%dT%H:%M:%S.000Z}" if night else _NO_NIGHT
    about = {"snapshot": str(night), "noche": when} if night else None
    try:
        with _gdal(OGR_CURRENT_DATE=when, OGR_SQLITE_JOURNAL="DELETE"):
            for name, layer in tables.items():
                place = {"geometry_name": layer.geometry, "crs": CRS} if layer.geometry else {}
                write_arrow(
                    layer.arrow.replace_schema_metadata(None),
                    str(path),
                    layer=name,
                    driver="GPKG",
                    geometry_type=layer.geometry_type,
                    append=path.exists(),
                    layer_metadata=about,
                    **place,
                )
        _name_columns(path, tables)
    except (*GDAL_ERRORS, RuntimeError, OSError, sqlite3.Error) as err:
        raise PublishError(f"no se pudo escribir {path}: {_first_line(err)}") from err
    _check_gpkg(path, tables)
    with writing(path):
        settle(path)
    sync_file(path)
    return fact_of(path.read_bytes())


def geojson_bytes(gdf: gpd.GeoDataFrame) -> bytes:
    """A FeatureCollection as RFC 7946 asks: lon, lat, shells counter-clockwise, no ``crs``.

    One feature a line. Coordinates are printed so that they read back to the same double.

    Raises:
        DataError: no CRS, or another than EPSG:4326.
    """
    _check_crs(gdf, "GeoJSON")
    shapes = shapely.to_geojson(shapely.orient_polygons(_geometries(gdf)))
    values = gdf.drop(columns=gdf.geometry.name)
    columns = {
        str(name): [_json_value(value) for value in cells(values[name])] for name in values.columns
    }
    lines = []
    for at, shape in enumerate(shapes):
        row = {name: column[at] for name, column in columns.items()}
        said = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        lines.append(f'{{"type":"Feature","properties":{said},"geometry":{shape or "null"}}}')
    body = ",\n".join(lines)
    text = f'{{"type":"FeatureCollection","features":[\n{body}\n]}}\n'
    return text.encode("utf-8")


# --- Arrow ---------------------------------------------------------------------------------------


def contract_schema(table: Table) -> pa.Schema:
    """Arrow types of a table of the contract."""
    return pa.schema([pa.field(c.name, _ARROW[c.dtype], c.nullable) for c in table.columns])


def _to_arrow(df: pd.DataFrame, schema: pa.Schema, geometry: str | None, *, name: str) -> pa.Table:
    """The frame under a given schema, geometry as WKB, missing values as null."""
    plain = pd.DataFrame(df, copy=False)
    if geometry is not None:
        plain = plain.assign(**{geometry: shapely.to_wkb(_geometries(df))})
    for field in schema:
        if not field.nullable and plain[field.name].isna().any():
            raise DataError(f"tabla {name}, columna {field.name}: falta un valor")
    try:
        return pa.Table.from_pandas(plain, schema=schema, preserve_index=False, safe=True)
    except (pa.ArrowException, ValueError, TypeError) as err:
        raise DataError(f"tabla {name}: {_first_line(err)}") from err


def as_geoparquet(
    arrow: pa.Table, shapes: np.ndarray, *, bbox_may_lack: bool | None = None
) -> pa.Table:
    """Add the ``bbox`` covering column and the ``geo`` metadata of GeoParquet 1.1.0.

    ``bbox`` is nullable as the geometry is, by the standard, unless ``bbox_may_lack`` says so.
    """
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    void = np.isnan(bounds).any(axis=1)
    corners = [pa.array(bounds[:, i], type=pa.float64()) for i in range(4)]
    may_lack = arrow.schema.field("geometry").nullable if bbox_may_lack is None else bbox_may_lack
    mask = pa.array(void) if may_lack else None
    bbox = pa.StructArray.from_arrays(corners, names=list(_CORNERS), mask=mask)
    arrow = arrow.append_column(pa.field("bbox", bbox.type, may_lack), bbox)
    column: dict[str, Any] = {
        "encoding": "WKB",
        "crs": gpd.GeoSeries([], crs=CRS).crs.to_json_dict(),
        "orientation": "counterclockwise",
        "geometry_types": _kinds(shapes),
        "covering": {"bbox": {corner: ["bbox", corner] for corner in _CORNERS}},
    }
    if len(known := bounds[~void]):
        column["bbox"] = [*known[:, :2].min(axis=0).tolist(), *known[:, 2:].max(axis=0).tolist()]
    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {"geometry": column},
        "creator": {"library": "lindero"},
    }
    said = {b"geo": json.dumps(geo, sort_keys=True).encode()}
    return arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **said})


def _geometries(df: pd.DataFrame) -> np.ndarray:
    if not isinstance(df, gpd.GeoDataFrame):
        raise DataError("una tabla con geometría llegó sin ella; hace falta un GeoDataFrame")
    return np.asarray(df.geometry.to_numpy(), dtype=object)


def _kinds(shapes: np.ndarray) -> list[str]:
    """Names of the geometry types in a column, sorted; missing geometry has none."""
    return sorted(gpd.GeoSeries(shapes).geom_type.dropna().unique())


def _first_line(err: BaseException) -> str:
    return next(iter(str(err).splitlines()), type(err).__name__)


# --- GeoPackage ----------------------------------------------------------------------------------


def _layer(df: pd.DataFrame, name: str, empty: str | None = None) -> _Layer:
    """A frame as GDAL takes it. Polygons become multipolygons: one type, the same every night."""
    if not isinstance(df, gpd.GeoDataFrame):
        return _Layer(_to_arrow(df, _schema_of(df, None), None, name=name), None, None)
    _check_crs(df, f"layer {name}")
    shapes = _geometries(df)
    kinds = _kinds(shapes)
    if kinds and set(kinds) <= {"Polygon", "MultiPolygon"}:
        several, one = shapes.copy(), shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
        several[one] = shapely.multipolygons(shapes[one], indices=np.arange(one.sum()))
        df = df.set_geometry(several, crs=df.crs)
        kinds = ["MultiPolygon"]
    column = str(df.geometry.name)
    arrow = _to_arrow(df, _schema_of(df, column), column, name=name)
    return _Layer(
        arrow, column, kinds[0] if len(kinds) == 1 else (not kinds and empty) or "Unknown"
    )


def _schema_of(df: pd.DataFrame, geometry: str | None) -> pa.Schema:
    """Arrow types of any frame; a column of a contract name has the contract's type."""
    fields = []
    for name in map(str, df.columns):
        if name == geometry:
            kind = pa.binary()
        elif name in _DTYPE_OF_COLUMN:
            kind = _ARROW[_DTYPE_OF_COLUMN[name]]
        else:
            kind = pa.Array.from_pandas(df[name]).type
            kind = pa.string() if pa.types.is_null(kind) else kind
        fields.append(pa.field(name, kind))
    return pa.schema(fields)


def _name_columns(path: Path, layers: Mapping[str, _Layer]) -> None:
    """What people call the columns, as the Schema extension (OGC 12-128r19, F.9) keeps it."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute(_DATA_COLUMNS)
        db.execute(_SCHEMA_EXTENSION)
        for layer, one in layers.items():
            named = {c: ETIQUETAS[c] for c in one.arrow.column_names if c in ETIQUETAS}
            rows = [(layer, column, label, label) for column, label in named.items()]
            db.executemany(_NAME_COLUMN, rows)


def _check_gpkg(path: Path, layers: Mapping[str, _Layer]) -> None:
    """Open the finished file once more: whole, and every layer with all that belongs to it.

    On a disk that fails, GDAL leaves out what it writes last (index, extent, counts) and does not
    say so.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
            lacking = [what for name, one in layers.items() for what in _lacking(db, name, one)]
    except sqlite3.Error as err:
        raise PublishError(f"{path} se escribió y no se puede volver a leer: {err}") from err
    if state != "ok" or lacking:
        what = f" ({', '.join(lacking[:3])})" if lacking else ""
        raise PublishError(f"{path} se escribió y no está entero{what}; ¿está lleno el disco?")


def _lacking(db: sqlite3.Connection, name: str, layer: _Layer) -> Iterator[str]:
    """What a layer should have and has not: rows, their count, triggers, index, extent."""

    def one(query: str, *values: str) -> Any:
        found = db.execute(query, values).fetchone()
        return None if found is None else found[0]

    rows = layer.arrow.num_rows
    if one(f'SELECT count(*) FROM "{_quoted(name)}"') != rows:  # noqa: S608
        yield f"filas de {name}"
    if one("SELECT feature_count FROM gpkg_ogr_contents WHERE table_name = ?", name) != rows:
        yield f"cantidad de filas de {name}"
    due = [f"trigger_{event}_feature_count_{name}" for event in ("insert", "delete")]
    if layer.geometry is not None:
        column = one("SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", name)
        due.append(f"rtree_{name}_{column}")
    for thing in due:
        if one("SELECT name FROM sqlite_master WHERE name = ?", thing) is None:
            yield thing
            return
    if layer.geometry is None:
        return
    if one("SELECT extension_name FROM gpkg_extensions WHERE table_name = ?", name) is None:
        yield f"índice de {name}"
    indexed = one(f'SELECT count(*) FROM "{_quoted(due[-1])}"')  # noqa: S608
    if indexed and one("SELECT min_x FROM gpkg_contents WHERE table_name = ?", name) is None:
        yield f"extensión de {name}"


def _quoted(name: str) -> str:
    return name.replace('"', '""')


@contextmanager
def _gdal(**options: str) -> Iterator[None]:
    """GDAL options for the block; put back after it."""
    with _gdal_options:
        before = {name: pyogrio.get_gdal_config_option(name) for name in options}
        pyogrio.set_gdal_config_options(options)
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options(before)


# --- GeoJSON -------------------------------------------------------------------------------------


def _check_crs(gdf: gpd.GeoDataFrame, what: str) -> None:
    if gdf.crs is None or gdf.crs.to_epsg() != 4326:
        raise DataError(f"{what}: el CRS es {gdf.crs}, no EPSG:4326; no se adivina")


def _json_value(value: Any) -> Any:
    """A cell as JSON has it: missing is null, dates are ISO 8601 text, UTC ends in Z."""
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    return value.item() if isinstance(value, np.generic) else value
