"""The product ``cultivos/``: what is sown where, for QGIS, other programs and managers.

* ``cultivos_25-26.gpkg``: layer ``cultivos_25-26`` with every siembra on its lote, one layer for
  each crop, ``sin_cultivo`` with the lotes that have none; QGIS styles inside
* ``cultivos_25-26.geojson``, ``.parquet``, ``_shp.zip``: every siembra on its lote
* ``resumen_25-26.xlsx``: hectares by campo and crop, changes, differences

A lote with two siembras is there twice, once for each; its area is that of the lote each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import geopandas as gpd

from Modules.disk.safe_files import write_new
from Modules.formats.geofiles import geojson_bytes, table_bytes, write_gpkg
from Modules.formats.qgis import Category, Label, Style, add_styles, fill_style, quoted
from Modules.formats.shapefile import write_shp_zip
from Modules.formats.sheets import xlsx_bytes
from Modules.products.cultivos.sown import (
    CAMPOS_DBF,
    SIEMBRAS_EN_LOTES,
    Sembrado,
    crop_keys,
    sown,
    sown_crops,
    without_crop,
)
from Modules.products.cultivos.workbook import summary_sheets
from Modules.products.source import Fuente
from Modules.store.numeros import LOTE, SIEMBRA
from Modules.words.cultivos import SIN_CULTIVO
from Modules.words.names import layer_names

CAPA_SIN_CULTIVO: Final = "sin_cultivo"
_HECTARES: Final = f"format_number({quoted('superficie_ha')}, 1, 'es_AR') || ' ha'"
LOTE_AND_HA: Final = f"{quoted('lote')} || '\\n' || {_HECTARES}"


def build_cultivos(fuente: Fuente, work: Path) -> dict[str, Path]:
    """Write the files of the product into ``work``, an existing folder without them.

    Returns:
        Path of each file by its name below ``cultivos/``.

    Raises:
        DataError: the tables do not fit together.
        PublishError: a file is in the way, or the disk refused.
    """
    base, season = f"cultivos_{fuente.campania.slug}", fuente.campania.slug
    endings = (".gpkg", ".geojson", ".parquet", "_shp.zip")
    gpkg, geojson, parquet, shp = (work / f"{base}{ending}" for ending in endings)
    summary = work / f"resumen_{season}.xlsx"
    rows, crops = sown(fuente.tables), sown_crops(fuente.tables)
    _write_gpkg(fuente, rows, crops, gpkg, base)
    write_new(geojson, geojson_bytes(rows))
    write_new(parquet, table_bytes(rows, SIEMBRAS_EN_LOTES))
    write_shp_zip(parquet, SIEMBRAS_EN_LOTES, CAMPOS_DBF, shp, layer=base)
    write_new(summary, xlsx_bytes(summary_sheets(fuente, rows, crops), fuente.hora_local))
    return {path.name: path for path in (gpkg, geojson, parquet, shp, summary)}


def _write_gpkg(
    fuente: Fuente, rows: gpd.GeoDataFrame, crops: Sequence[Sembrado], path: Path, base: str
) -> None:
    # "soja_1ra", with the code where two look alike
    called = {crop.clave: crop.nombre for crop in crops}
    names = layer_names(called, taken=(base, CAPA_SIN_CULTIVO), otherwise="cultivo")
    keys, season, each = crop_keys(rows), fuente.campania, Label(LOTE_AND_HA, "lote")
    layers = {base: rows.assign(fid=fuente.numeros.of(SIEMBRA, rows["siembra_id"]))}
    texts = {base: f"Siembras {season}", CAPA_SIN_CULTIVO: f"Lotes sin cultivo {season}"}
    styles = {base: whole_style(crops)}
    for crop in crops:
        name = names[crop.clave]
        layers[name] = layers[base][keys == crop.clave].reset_index(drop=True)
        texts[name] = f"{crop.nombre} {season}"
        styles[name] = fill_style("cultivo", legend_of([crop]), label=each)
    bare = without_crop(fuente.tables)
    layers[CAPA_SIN_CULTIVO] = bare.assign(fid=fuente.numeros.of(LOTE, bare["lote_id"]))
    rest = Category("", SIN_CULTIVO.nombre, SIN_CULTIVO.color)
    styles[CAPA_SIN_CULTIVO] = fill_style("campania", [], label=each, rest=rest)
    write_gpkg(layers, path, fuente.snapshot_id)
    add_styles(path, styles, texts)


def whole_style(crops: Sequence[Sembrado]) -> Style:
    """The style of all siembras: earlier ones are stripes over the last one."""
    once = Label(f"if({quoted('ultima')}, {LOTE_AND_HA}, NULL)", "lote")
    return fill_style("cultivo", legend_of(crops), label=once, hatch_unless="ultima")


def legend_of(crops: Sequence[Sembrado]) -> list[Category]:
    return [Category(crop.nombre, crop.nombre, crop.color) for crop in crops]
