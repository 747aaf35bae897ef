"""The project's own layers: what ``lindero_25-26.gpkg`` holds. Pure.

Campos (the ground of their lotes), lotes with the crop sown last, siembras (a table), ambientes,
marcadores (each a point; of lines and areas also ``trazos``), zonas and what changed since the
night before. Nothing of the owner (empresa, CUIT, RENSPA) is here. EPSG:4326, lon-lat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from Modules.diff.changes import Changes, novedades
from Modules.night.checks_ground import land_ha
from Modules.night.tables import Tables
from Modules.products.cultivos.sown import Sembrado, crop_keys, sown, sown_crops
from Modules.products.muestreos.plan import with_names
from Modules.products.source import Fuente
from Modules.store.numeros import AMBIENTE, LOTE, MARCADOR, SIEMBRA
from Modules.words.columns import AMBIENTES, CRS, MARCADORES
from Modules.words.spanish import number

CAMPO, ZONA = "campo", "zona"
_OF_CAMPO: Final = ["campo_id", "campo", "codigo", "provincia", "partido", "tenencia"]
_OF_LOTE: Final = (
    *("lote_id", "campo_id", "campo", "lote", "cultivo", "cultivos", "n_siembras"),
    *("superficie_ha", "superficie_declarada_ha"),
)
_OF_SIEMBRA: Final = (
    *("siembra_id", "lote_id", "campo_id", "campo", "lote", "orden", "cultivo", "material"),
    *("estado", "fecha_siembra", "fecha_cosecha", "superficie_ha", "superficie_declarada_ha"),
)
_OF_CAMBIO: Final = ["lote_id", "campo_id", "nombre", "que", "detalle"]
_NOT_SHOWN: Final = ("updated_at", "color", "fuente", "version", "campania")
KINDS: Final = {"marcadores": "Point", "trazos": "MultiLineString"}


def own_layers(fuente: Fuente) -> dict[str, pd.DataFrame]:
    """The layers by name, each with its ``fid``; also the empty ones."""
    tables, numeros = fuente.tables, fuente.numeros
    rows, crops = sown(tables), sown_crops(tables)
    grounds = dict(_grounds(tables))
    marks = _marks(tables)
    layers = {
        "campos": _campos(tables, rows, crops, grounds),
        "lotes": _lotes(tables, rows, crops),
        "siembras": pd.DataFrame(rows[list(_OF_SIEMBRA)]),
        "ambientes": _named(tables.ambientes, tables, AMBIENTES.names),
        "marcadores": marks.set_geometry(shapely.point_on_surface(marks.geometry.to_numpy())),
        "trazos": _strokes(marks),
        "zonas": _zonas(tables),
    }
    kinds = (CAMPO, LOTE, SIEMBRA, AMBIENTE, MARCADOR, MARCADOR, ZONA)
    numbered = {
        name: frame.assign(fid=numeros.of(kind, frame[f"{kind}_id"]))
        for (name, frame), kind in zip(layers.items(), kinds, strict=True)
    }
    return {**numbered, "cambios": _cambios(fuente.changes, tables, grounds)}


def _grounds(tables: Tables) -> Iterator[tuple[str, shapely.Geometry]]:
    """The ground of each campo that has lotes."""
    shapes = tables.lotes.geometry.to_numpy()
    for campo_id, places in tables.lotes.groupby("campo_id", sort=True).indices.items():
        yield campo_id, shapely.union_all(shapes[places])


def _campos(
    tables: Tables,
    rows: pd.DataFrame,
    crops: Sequence[Sembrado],
    grounds: dict[str, shapely.Geometry],
) -> gpd.GeoDataFrame:
    """Each campo with its land, how many lotes it has, and a line for each crop's hectares."""
    campos = tables.campos[_OF_CAMPO].sort_values("campo_id", ignore_index=True)
    home = tables.lotes["campo_id"]
    land = pd.Series(land_ha(tables), index=home.index).groupby(home).sum()
    counts = home.value_counts()
    keys = crop_keys(rows)
    area = rows["superficie_ha"].groupby([rows["campo_id"], keys]).sum()
    lines: dict[str, list[str]] = {}
    for crop in crops:
        for campo_id, hectares in area[area.index.get_level_values(1) == crop.clave].items():
            line = f"{crop.nombre}: {number(hectares, 1)} ha"
            lines.setdefault(campo_id[0], []).append(line)
    ids = campos["campo_id"]
    frame = campos.assign(
        n_lotes=ids.map(counts).fillna(0).astype("Int64"),
        superficie_ha=ids.map(land).fillna(0.0),
        sembrado=pd.array(["\n".join(lines.get(key, ())) or None for key in ids], dtype="string"),
    )
    return _drawn(frame, [grounds.get(key) for key in ids])


def _lotes(tables: Tables, rows: pd.DataFrame, crops: Sequence[Sembrado]) -> gpd.GeoDataFrame:
    """Each lote with the name of the crop sown last, which gives it its colour."""
    last = rows[rows["ultima"].astype(bool)]
    names = crop_keys(last).map({crop.clave: crop.nombre for crop in crops})
    lotes = tables.lotes.sort_values("lote_id", ignore_index=True)
    of_lote = dict(zip(last["lote_id"], names, strict=True))
    cultivo = lotes["lote_id"].map(of_lote).astype("string")
    return lotes.assign(cultivo=cultivo)[[*_OF_LOTE, "geometry"]]


def _named(frame: gpd.GeoDataFrame, tables: Tables, names: Sequence[str]) -> gpd.GeoDataFrame:
    """Rows by id, names of campo and lote in front of what people read."""
    key, *others = (name for name in names if name not in _NOT_SHOWN)
    ordered = with_names(frame.sort_values(key, ignore_index=True), tables)
    ids = [name for name in others if name.endswith("_id")]
    rest = [name for name in others if name not in ids]
    return ordered[[key, *ids, "campo", "lote", *rest]]


def _marks(tables: Tables) -> gpd.GeoDataFrame:
    named = _named(tables.marcadores, tables, MARCADORES.names)
    return named.assign(tipo=named["tipo"].str.strip().str.casefold())


def _strokes(marks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Marks that are lines or areas, as lines."""
    drawn = marks[shapely.get_dimensions(marks.geometry.to_numpy()) > 0].reset_index(drop=True)
    shapes = drawn.geometry.to_numpy()
    areas = shapely.get_dimensions(shapes) == 2
    shapes = np.where(areas, shapely.boundary(shapes), shapes)
    several = [shapely.MultiLineString(shapely.get_parts(one).tolist()) for one in shapes]
    columns = ["marcador_id", "lote_id", "campo_id", "campo", "lote", "tipo", "marcador"]
    return _drawn(pd.DataFrame(drawn[columns]), several)


def _zonas(tables: Tables) -> gpd.GeoDataFrame:
    """The zonas that are drawn as areas."""
    areas = shapely.get_dimensions(tables.zonas.geometry.to_numpy()) == 2
    zonas = tables.zonas[areas].sort_values("zona_id", ignore_index=True)
    return zonas[["zona_id", "lote_id", "zona", "tipo", "geometry"]]


def _cambios(
    changes: Changes, tables: Tables, grounds: dict[str, shapely.Geometry]
) -> gpd.GeoDataFrame:
    """What changed, on the lote or campo as it is now; without geometry what is gone."""
    rows = list(novedades(changes))
    shape_of = dict(zip(tables.lotes["lote_id"], tables.lotes.geometry, strict=True))
    frame = pd.DataFrame(rows, columns=_OF_CAMBIO).astype("string")
    return _drawn(frame, [shape_of.get(row[0], grounds.get(row[1])) for row in rows])


def _drawn(frame: pd.DataFrame, shapes: Sequence[object]) -> gpd.GeoDataFrame:
    array: NDArray[np.object_] = np.array([None, *shapes], dtype=object)[1:]
    return gpd.GeoDataFrame(frame, geometry=array, crs=CRS)
