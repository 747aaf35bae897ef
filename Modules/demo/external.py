"""A world out of a file: any polygons that GeoPandas can read, served as lotes.

Geometry goes out with every digit: only reprojected from the file's own CRS to EPSG:4326, and
without heights. What is invalid, empty or no polygon is served as it is: to repair or refuse it is
the client's work. Points of a second file become muestreo marks of the lote they lie in, or else
of the nearest.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry.base import BaseGeometry

from Modules.demo.contract import Item, Row, World, campania_items, day_time, make_row, make_rows
from Modules.demo.world import catalogue
from Modules.geo.geometry import geodesic_area_ha
from Modules.words.columns import CRS
from Modules.words.domain import Recurso
from Modules.words.errors import SettingsError

FIRST_CAMPO, FIRST_LOTE, FIRST_MARK = 1_000, 100_000, 1_000_000
NO_CROP = {"", "nan", "none", "null", "<na>"}
POLYGONAL = {"Polygon", "MultiPolygon", "3D Polygon", "3D MultiPolygon", "Unknown"}
NAME_COLUMNS = ("nombre", "name", "perfil_numero", "label", "codigo", "id")


def world_from_file(
    path: Path,
    *,
    lote: str | None = None,
    campo: str | None = None,
    cultivo: str | None = None,
    markers: Path | None = None,
    campania: str = "25/26",
    day: int = 0,
) -> World:
    """Serve the polygons of a file.

    Args:
        path: GeoParquet, or anything pyogrio opens (the first layer with polygons is taken).
        lote: column with the name of the lote; without it they are numbered.
        campo: column with the name of the campo; without it one campo is named after the file.
        cultivo: column with the crop, or several by commas, in order of sowing (a crop that goes
            on from one to the next is one siembra); without it no lote has a siembra.
        markers: a file of points.
        campania: the season that all is served under.
        day: only moves ``snapshot_at``; the file is the file.

    Raises:
        SettingsError: the file cannot be read, has no CRS or no polygons, or lacks a column.
    """
    frame = _read(path)
    now = day_time(campania, day)
    updated = (day_time(campania, 0) - timedelta(days=30)).isoformat()
    one_campo = path.name.split(".")[0].replace("_", " ") if campo is None else "Sin campo"
    campos = [name or one_campo for name in _column(frame, path, campo)]
    campo_ids = {name: str(FIRST_CAMPO + at) for at, name in enumerate(dict.fromkeys(campos))}
    width = max(3, len(str(len(frame))))
    names = _column(frame, path, lote)
    columns = [None] if cultivo is None else [name.strip() for name in cultivo.split(",")]
    all_crops = zip(*(_column(frame, path, name) for name in columns), strict=True)
    shapes = _degrees(frame)
    lote_ids = [str(FIRST_LOTE + index) for index in range(len(frame))]
    lotes = []
    each = zip(lote_ids, shapes, names, campos, all_crops, strict=True)
    for number, (lote_id, shape, nombre, of_campo, crops) in enumerate(each, start=1):
        item: Item = {
            "id": lote_id,
            "campo_id": campo_ids[of_campo],
            "campo_nombre": of_campo,
            "nombre": nombre or f"Lote {number:0{width}d}",
            "campania": campania,
            "siembras": [  # a run of the same crop counts once
                {"id": f"s-{lote_id}-{orden}", "orden": orden, "cultivo": {"nombre": crop}}
                for orden, (crop, _) in enumerate(groupby(filter(None, crops)), start=1)
            ],
            "updated_at": updated,
        }
        if _is_somewhere(shape):  # to two decimals, as a portal declares it
            item["superficie_ha"] = round(float(geodesic_area_ha([shape])[0]), 2)
        lotes.append(make_row(item, geojson(shape)))
    rows: dict[Recurso, tuple[Row, ...]] = dict.fromkeys(Recurso, ())
    rows[Recurso.CAMPANIAS] = make_rows(campania_items(campania))
    rows[Recurso.CULTIVOS] = make_rows(catalogue())
    rows[Recurso.CAMPOS] = make_rows(
        {"id": own_id, "nombre": name, "activo": True, "updated_at": updated}
        for name, own_id in campo_ids.items()
    )
    rows[Recurso.LOTES] = tuple(lotes)
    if markers is not None:
        rows[Recurso.MARCADORES] = _mark_rows(markers, shapes, lote_ids, campania, updated)
    return World(f"file:{path.name}", campania, now.isoformat(), rows)


def _read(path: Path) -> gpd.GeoDataFrame:
    if not path.exists():
        raise SettingsError(f"{path}: no existe ese archivo")
    try:
        with warnings.catch_warnings():  # GDAL grumbles about M values and odd field names
            warnings.simplefilter("ignore")
            if path.suffix.lower() in (".parquet", ".geoparquet"):
                frame = gpd.read_parquet(path)
            else:
                frame = gpd.read_file(path, layer=_layer(path))
    except (ValueError, OSError, DataSourceError, DataLayerError) as err:
        said = (str(err).splitlines() or ["?"])[0]
        raise SettingsError(f"{path}: GeoPandas no lo puede leer: {said}") from err
    if frame.crs is None:
        raise SettingsError(f"{path}: el archivo no dice su CRS; no se adivina")
    if frame.empty:
        raise SettingsError(f"{path}: el archivo no tiene entidades")
    return frame


def _layer(path: Path) -> str:
    """The first layer with features, those with polygons before others."""
    layers = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
    spatial = [name for name, kind in layers if kind is not None]
    polygonal = [name for name, kind in layers if kind in POLYGONAL]
    for name in [*polygonal, *spatial]:
        if pyogrio.read_info(path, layer=name, force_feature_count=True)["features"]:
            return name
    raise SettingsError(f"{path}: ninguna capa tiene entidades")


def _degrees(frame: gpd.GeoDataFrame) -> NDArray[Any]:
    """Geometry in EPSG:4326, lon-lat, flat; every digit kept."""
    flat: NDArray[Any] = shapely.force_2d(frame.geometry.to_crs(CRS).to_numpy())
    return flat


def _column(frame: gpd.GeoDataFrame, path: Path, name: str | None) -> list[str | None]:
    """A column as text; None where it is empty, and all along where no column is named."""
    if name is None:
        return [None] * len(frame)
    if name not in frame.columns or name == frame.geometry.name:
        there = ", ".join(str(column) for column in frame.columns if column != frame.geometry.name)
        raise SettingsError(f"{path}: no hay una columna {name!r}; hay: {there}")
    texts = [str(value).strip() for value in frame[name].to_numpy(dtype=object, na_value=None)]
    return [None if text.lower() in NO_CROP else text for text in texts]


def geojson(shape: BaseGeometry | None) -> str:
    """GeoJSON text with every digit; null for no geometry and for what JSON has no number for."""
    if shape is None or not np.isfinite(shapely.get_coordinates(shape)).all():
        return "null"
    text: str = shapely.to_geojson(shape)
    return text


def _is_somewhere(shape: BaseGeometry | None) -> bool:
    return shape is not None and bool(np.isfinite(shape.bounds).all())  # of an empty one: NaN


def _mark_rows(
    path: Path, lotes: NDArray[Any], lote_ids: Sequence[str], campania: str, updated: str
) -> tuple[Row, ...]:
    frame = _read(path)
    points = _degrees(frame)
    names = _column(frame, path, next((n for n in NAME_COLUMNS if n in frame.columns), None))
    rows = []
    for index, home in enumerate(nearest_lotes(points, lotes)):
        number = f"{index + 1:05d}"
        item: Item = {
            "id": f"m-{FIRST_MARK + index}",
            "lote_id": lote_ids[home],
            "ambiente_id": None,
            "campania": campania,
            "tipo": "muestreo",
            "subtipo": "suelo",
            "nombre": names[index] or f"Muestra {number}",
            "estado": "hecho",
            "fecha": None,
            "orden": index + 1,
            "observacion": None,
            "muestra": {
                "codigo": f"M-{number}",
                "compuesta": False,
                "submuestras": 1,
                "profundidades_cm": [[0, 20]],
                "analisis": [],
            },
            "adjuntos": [],
            "updated_at": updated,
        }
        rows.append(make_row(item, geojson(points[index])))
    return tuple(rows)


def nearest_lotes(points: NDArray[Any], lotes: NDArray[Any]) -> list[int]:
    """For each point the index of the lote that holds it, or else of the nearest one.

    All in degrees EPSG:4326; distances are compared with the longitude shrunk by the cosine of
    the mean latitude. Of several lotes that hold a point the first in the file wins.
    """
    usable = [index for index, lote in enumerate(lotes) if _is_somewhere(lote)]
    shrink = np.array([np.cos(np.radians(np.nanmean(shapely.get_coordinates(points)[:, 1]))), 1.0])
    flat = shapely.transform(lotes[usable], lambda at: at * shrink)
    places = shapely.transform(points, lambda at: at * shrink)
    tree = shapely.STRtree(flat)
    homes = [usable[0]] * len(points)
    nearest = tree.query_nearest(places).tolist()  # all that hold it: their distance is 0
    for point, lote in sorted(zip(*nearest, strict=True), reverse=True):
        homes[point] = usable[lote]
    return homes
