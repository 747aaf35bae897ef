"""QGIS styles inside a GeoPackage: the ``layer_styles`` table that QGIS looks for.

Columns as QGIS itself makes them; the table is registered as an "attributes" table, so that other
readers list it as one without geometry. QGIS takes the row with ``useAsDefault`` when somebody
opens the layer. Equal styles give equal bytes: the times written are fixed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from Modules.disk.safe_files import sync_file
from Modules.formats.geofiles import FIXED_DATE
from Modules.formats.qgis import Style
from Modules.words.errors import PublishError

TABLE: Final = "layer_styles"
OWNER: Final = "lindero"
MAX_STYLE_NAME: Final = 30

_CREATE: Final = """
CREATE TABLE "layer_styles" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  "f_table_catalog" TEXT(256),
  "f_table_schema" TEXT(256),
  "f_table_name" TEXT(256),
  "f_geometry_column" TEXT(256),
  "styleName" TEXT(30),
  "styleQML" TEXT,
  "styleSLD" TEXT,
  "useAsDefault" BOOLEAN,
  "description" TEXT,
  "owner" TEXT(30),
  "ui" TEXT(30),
  "update_time" DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)
"""
_REGISTER: Final = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id)
VALUES ('layer_styles', 'attributes', 'layer_styles', 'Estilos de QGIS', ?, 0)
"""
_INSERT: Final = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column,
  styleName, styleQML, styleSLD, useAsDefault, description, owner, ui, update_time)
SELECT '', '', table_name, column_name, ?, ?, ?, 1, ?, ?, NULL, ?
FROM gpkg_geometry_columns WHERE table_name = ?
"""
_COUNT: Final = "INSERT OR REPLACE INTO gpkg_ogr_contents (table_name, feature_count) VALUES (?, ?)"
_DESCRIBE: Final = "UPDATE gpkg_contents SET description = ? WHERE table_name = ?"


def add_styles(
    path: Path, styles: Mapping[str, Style], descriptions: Mapping[str, str] | None = None
) -> None:
    """Give layers of a finished GeoPackage their default style.

    Args:
        path: a GeoPackage that nobody has open, without a ``layer_styles`` table.
        styles: layer to style; layers are spatial.
        descriptions: layer to what it holds, for readers that show it; also the style's name.

    Raises:
        PublishError: the file is not such a GeoPackage, a layer is not in it, or the disk refused.
    """
    texts = descriptions or {}
    try:
        address = f"{path.resolve().as_uri()}?mode=rw"  # never makes a file
        with closing(sqlite3.connect(address, uri=True)) as db, db:
            db.execute("PRAGMA journal_mode=DELETE")
            db.execute(_CREATE)
            db.execute(_REGISTER, (FIXED_DATE,))
            for layer, style in styles.items():
                _add_style(db, path, layer, style, texts.get(layer, layer))
            for layer, text in texts.items():
                db.execute(_DESCRIBE, (text, layer))
            db.execute(_COUNT, (TABLE, len(styles)))
    except sqlite3.Error as err:
        raise PublishError(f"the styles could not be written into {path}: {err}") from err
    sync_file(path)


def _add_style(
    db: sqlite3.Connection, path: Path, layer: str, style: Style, description: str
) -> None:
    name = description[:MAX_STYLE_NAME]
    values = (name, style.qml, style.sld, description, OWNER, FIXED_DATE, layer)
    if db.execute(_INSERT, values).rowcount != 1:
        raise PublishError(f"{path} has no layer {layer!r} to style")
