"""The product ``H3/25-26/``: what is sown where, by hexagons.

For each resolution, as ``.parquet`` and ``.csv.gz``:

* ``h3_25-26_r09``            a row for each cell: dominant crop, hectares by crop, lotes
* ``h3_25-26_r09_lotes``      a row for each cell and lote, with ``fraccion`` and ``superficie_ha``
* ``h3_25-26_r09_ambientes``  the same for ambientes; ``entera``: the cell lies wholly inside

and of resolution 9 (or the nearest coarser one made) ``h3_25-26_r09.gpkg``, styled for QGIS, and
``h3_25-26_r09.kmz``. In the GeoPackage, ``grilla_muestreo_r10`` has the centres of the cells of
resolution 10 (the next finer one made) that lie wholly inside an ambiente.

The work is done in chunks of many lotes. Who runs them is given: see ``products.runner``.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyarrow import csv

from Modules.disk.safe_files import writing
from Modules.formats.geofiles import ZSTD_LEVEL, write_gpkg
from Modules.formats.kml_document import MAX_BYTES, MAX_PLACEMARKS
from Modules.formats.kmz import kmz_bytes, write_below
from Modules.formats.qgis import Category, add_styles, fill_style
from Modules.formats.sheets import guarded
from Modules.geo.h3_cells import centres, hex_text, map_polygons
from Modules.geo.h3_cover import Chunk, Cover, chunks, cover_chunk, merge, whole_cells
from Modules.products.entry import Hecho
from Modules.products.h3 import CARPETA
from Modules.products.h3.kml import documents
from Modules.products.h3.tables import Celdas, Tabla, by_ambiente, by_cell, by_lote
from Modules.products.runner import Runner, serial
from Modules.products.source import Fuente
from Modules.words.columns import CRS
from Modules.words.domain import SnapshotId

RESOLUTIONS: Final = (9, 10, 11)
MAP_RESOLUTION: Final = 9
GZIP_LEVEL: Final = 6
_NO_MAP: Final = f"sin hexágonos de resolución {MAP_RESOLUTION} o menor no hay mapa (gpkg, kmz)"


def build_hexagonos(
    fuente: Fuente,
    work: Path,
    *,
    resolutions: Sequence[int] = RESOLUTIONS,
    run: Runner = serial,
    max_placemarks: int = MAX_PLACEMARKS,
    max_bytes: int = MAX_BYTES,
) -> Hecho:
    """Write the files of the product below ``work``; ``run`` runs the chunks.

    Above ``max_placemarks``, or ``max_bytes`` unpacked, the KMZ is split by campo.

    Raises:
        DataError: a resolution does not exist, or there would be too many cells (20 million in all
            for the lotes or the ambientes of one resolution; 2 million for one of them).
        PublishError: the disk refused.
    """
    wanted = sorted(set(resolutions))
    lotes = fuente.tables.lotes.sort_values("lote_id", ignore_index=True)
    ambientes = fuente.tables.ambientes.sort_values("ambiente_id", ignore_index=True)
    jobs = [
        (r, _chunks(lotes, "lote_id", r), _chunks(ambientes, "ambiente_id", r)) for r in wanted
    ]  # all of them first: what is too large is refused before anything is made
    slug = fuente.campania.slug
    writer = _Writer(work, f"{slug}/h3_{slug}")
    with writing(work / slug):
        (work / slug).mkdir()
    map_at = max((r for r in wanted if r <= MAP_RESOLUTION), default=None)
    grid_at = next((r for r in wanted if map_at is not None and r > map_at), map_at)
    every = [chunk for _, *both in jobs for some in both for chunk in some]
    results = iter(run(cover_chunk, every))  # one run: processes are started once
    mapped, grid = None, None
    for resolution, of_lotes, of_ambientes in jobs:
        base = f"_r{resolution:02d}"
        found = merge(list(islice(results, len(of_lotes))))
        writer.table(by_lote(found, lotes, resolution), f"{base}_lotes")
        celdas = by_cell(found, fuente.tables, lotes, resolution)
        del found  # millions of rows
        writer.table(celdas.tabla, base)
        mapped = celdas if resolution == map_at else mapped
        del celdas
        found = merge(list(islice(results, len(of_ambientes))))
        writer.table(by_ambiente(found, ambientes, resolution), f"{base}_ambientes")
        if resolution == grid_at:
            grid = sampling_grid(found, ambientes, resolution)
        del found
    avisos: tuple[str, ...] = (_NO_MAP,)
    if mapped is not None and grid is not None and grid_at is not None:
        writer.gpkg(mapped, grid, f"grilla_muestreo_r{grid_at:02d}", fuente.snapshot_id)
        avisos = writer.kmz(fuente, mapped, max_placemarks, max_bytes)
    return Hecho({CARPETA: writer.built}, avisos)


def sampling_grid(found: Cover, ambientes: pd.DataFrame, resolution: int) -> gpd.GeoDataFrame:
    """Centres of the cells that lie wholly inside an ambiente, to sample it by.

    ``found.polygon`` are places in ``ambientes``. Columns: ``h3 resolucion ambiente_id lote_id
    campo_id ambiente potencial geometry``, EPSG:4326.
    """
    inside = whole_cells(found)
    names = ["ambiente_id", "lote_id", "campo_id", "ambiente", "potencial"]
    rows = pd.DataFrame(ambientes[names].iloc[inside.polygon]).reset_index(drop=True)
    rows.insert(0, "h3", pd.array(hex_text(inside.cell).to_pylist(), dtype="string"))
    rows.insert(1, "resolucion", pd.array(np.full(len(rows), resolution), dtype="Int64"))
    points = shapely.points(*centres(inside.cell))
    return gpd.GeoDataFrame(rows, geometry=points, crs=CRS)


def _chunks(frame: pd.DataFrame, key: str, resolution: int) -> list[Chunk]:
    return chunks(frame["geometry"].to_numpy(), resolution, frame[key].tolist())


@dataclass(slots=True)
class _Writer:
    """Writes files below ``work``; ``stem`` is the beginning of their names."""

    work: Path
    stem: str
    built: dict[str, Path] = field(default_factory=dict)

    def _path(self, ending: str) -> Path:
        name = f"{self.stem}{ending}"
        self.built[name] = self.work / name
        return self.built[name]

    def table(self, tabla: Tabla, ending: str) -> None:
        """As Parquet and as compressed CSV (UTF-8 with BOM, comma), some rows at a time."""
        parquet, text = self._path(f"{ending}.parquet"), self._path(f"{ending}.csv.gz")
        with writing(parquet), parquet.open("xb") as file:
            options = {"compression": "zstd", "compression_level": ZSTD_LEVEL}
            with pq.ParquetWriter(file, tabla.schema, **options) as writer:
                for rows in tabla.slices():
                    writer.write_table(rows)
        with (
            writing(text),
            text.open("xb") as file,
            gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0) as packed,  # no name, no time
        ):
            packed.write("\ufeff".encode())
            for i, rows in enumerate(tabla.slices()):
                csv.write_csv(_guarded(rows), packed, csv.WriteOptions(include_header=i == 0))

    def gpkg(
        self, celdas: Celdas, grid: gpd.GeoDataFrame, grid_layer: str, night: SnapshotId
    ) -> None:
        """The hexagons as polygons, styled by dominant crop; and the grid to sample by."""
        layer = f"hexagonos_r{celdas.resolution:02d}"
        frame = pa.concat_tables(celdas.tabla.slices()).to_pandas()
        cells = gpd.GeoDataFrame(frame, geometry=map_polygons(celdas.cell), crs=CRS)
        path = self._path(f"_r{celdas.resolution:02d}.gpkg")
        layers = {  # a cell's own index as its number: the same every night, below 2^63
            name: one.assign(fid=[int(cell, 16) for cell in one["h3"]])
            for name, one in ((layer, cells), (grid_layer, grid))
        }
        write_gpkg(layers, path, night)
        legend = [Category(crop.nombre, crop.nombre, crop.color) for crop in celdas.cultivos]
        styles = {layer: fill_style("cultivo", legend)}
        texts = {layer: f"Hexágonos {celdas.campania}: cultivo con más superficie"}
        add_styles(path, styles, texts)

    def kmz(
        self, fuente: Fuente, celdas: Celdas, max_placemarks: int, max_bytes: int
    ) -> tuple[str, ...]:
        """The hexagons for Google Earth, in parts if they are too many; a warning if so."""
        parts = documents(fuente, celdas, max_placemarks=max_placemarks, max_bytes=max_bytes)
        base = f"_r{celdas.resolution:02d}"
        for i, document in enumerate(parts, 1):
            ending = base if len(parts) == 1 else f"{base} - parte {i}"
            packed = kmz_bytes(document.render(), document.icons)
            self.built |= write_below(self.work, [(f"{self.stem}{ending}.kmz", packed)])
        if len(parts) == 1:
            return ()
        name = Path(f"{self.stem}{base}.kmz").name
        return (f"{name} es demasiado grande para un teléfono: está en {len(parts)} partes",)


def _guarded(rows: pa.Table) -> pa.Table:
    """Text that a spreadsheet would compute, made harmless; each different text once."""
    for i, column in enumerate(rows.schema):
        if pa.types.is_string(column.type) and column.name != "h3":
            coded = rows.column(i).combine_chunks().dictionary_encode()
            safe = pa.array([guarded(text) for text in coded.dictionary.to_pylist()], pa.string())
            rows = rows.set_column(i, column, safe.take(coded.indices))
    return rows
