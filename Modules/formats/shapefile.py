"""A Shapefile in one ZIP: for terminals, drones and programs that take nothing newer.

Members lie at the root of the ZIP: ``.shp .shx .dbf .prj``, ``.cpg`` that says UTF-8, and
``diccionario.csv``, which leads from the field names (ten characters at most, as DBF has it) to the
full ones. Text is cut at the 254 bytes that DBF holds. Equal tables give equal bytes: the times in
the ZIP and in the DBF are fixed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyogrio.raw import write_arrow

from Modules.disk.safe_files import FileFact, write_new
from Modules.formats.geofiles import GDAL_ERRORS
from Modules.formats.kmz import zip_bytes
from Modules.formats.sheets import csv_bytes
from Modules.words.columns import CRS, Table
from Modules.words.errors import DataError, PublishError

MAX_FIELD: Final = 10  # characters of a DBF field name
MAX_TEXT_BYTES: Final = 254
DICTIONARY: Final = "diccionario.csv"
_MEMBERS: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_DBF_DATE: Final = "2000-01-01"
_HEADERS: Final = {
    "campo": "Campo en el DBF",
    "nombre": "Nombre completo",
    "descripcion": "Descripción",
    "unidad": "Unidad",
}


def write_shp_zip(
    geoparquet: Path, table: Table, fields: Mapping[str, str], path: Path, *, layer: str
) -> FileFact:
    """Write the rows of a polygon table as a zipped Shapefile.

    Args:
        geoparquet: a file of what ``geofiles.table_bytes`` gave.
        table: its contract; descriptions go into the dictionary.
        fields: field name of each column without geometry; distinct, ``MAX_FIELD`` at most, ASCII.
        path: the ZIP, a new file.
        layer: name of the members.

    Raises:
        DataError: field names that DBF does not take.
        PublishError: the file exists, or the disk refused.
    """
    columns = [column for column in table.columns if column.dtype != "geometry"]
    if list(fields) != [column.name for column in columns]:
        wanted = ", ".join(column.name for column in columns)
        raise DataError(f"nombres de campos para {', '.join(fields)}; las columnas son {wanted}")
    names = list(fields.values())
    bad = [name for name in names if not name.isascii() or not 0 < len(name) <= MAX_FIELD]
    if bad or len({name.casefold() for name in names}) != len(names):
        raise DataError(f"un DBF no acepta estos nombres de campos: {', '.join(bad or names)}")
    with pq.ParquetFile(geoparquet) as file:
        arrow = file.read(columns=[*fields, "geometry"], use_threads=False)
    parts = shp_parts(arrow.rename_columns([*fields.values(), "geometry"]), path.parent, layer)
    described = [(fields[c.name], c.name, c.description, c.unit or "") for c in columns]
    parts[DICTIONARY] = csv_bytes(pd.DataFrame(described, columns=list(_HEADERS)), _HEADERS)
    return write_new(path, zip_bytes(parts))


def shp_parts(arrow: pa.Table, work: Path, layer: str) -> dict[str, bytes]:
    """The files of a Shapefile by name, of columns named as DBF takes them and WKB ``geometry``.

    Raises:
        PublishError: the disk refused, in ``work``.
    """
    for at, column in enumerate(arrow.schema):
        if column.type == pa.string():  # cut to what a field of a DBF holds
            short = pa.array([_cut(value) for value in arrow.column(at).to_pylist()], pa.string())
            arrow = arrow.set_column(at, column, short)
    with tempfile.TemporaryDirectory(dir=work, prefix="shp-") as folder:
        shp = Path(folder) / f"{layer}.shp"
        try:
            write_arrow(
                arrow.replace_schema_metadata(None),
                str(shp),
                driver="ESRI Shapefile",
                geometry_type="Polygon",
                geometry_name="geometry",
                crs=CRS,
                encoding="UTF-8",
                DBF_DATE_LAST_UPDATE=_DBF_DATE,
            )
        except (*GDAL_ERRORS, RuntimeError, OSError) as err:
            raise PublishError(f"no se pudo escribir {shp.name}: {err}") from err
        return {f"{layer}{end}": shp.with_suffix(end).read_bytes() for end in _MEMBERS}


def _cut(text: str | None) -> str | None:
    if text is None or len(text) * 4 <= MAX_TEXT_BYTES:
        return text
    # at a whole character
    return text.encode("utf-8")[:MAX_TEXT_BYTES].decode("utf-8", errors="ignore")
