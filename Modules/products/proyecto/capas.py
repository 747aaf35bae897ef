"""The project's own layers: what ``lindero_25-26.gpkg`` holds. Pure.

Campos (the ground of their lotes), lotes with the crop sown last, siembras (a table), ambientes,
marcadores (each a point; of lines and areas also ``trazos``) and what changed since the
night before. Nothing of the owner (empresa, CUIT, RENSPA) is here. EPSG:4326, lon-lat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from Modules.diff.changes import novedades
from Modules.night.tables import Tables
from Modules.products.cultivos.sown import Sembrado, by_campo, crop_keys, sown, sown_crops
from Modules.products.muestreos.plan import with_names
from Modules.products.source import Fuente
from Modules.store.numeros import AMBIENTE, LOTE, MARCADOR, SIEMBRA
from Modules.words.columns import AMBIENTES, CRS, MARCADORES
from Modules.words.spanish import number

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
KINDS: Final = {  # of geometry, also of a layer that has none tonight
    **dict.fromkeys(("campos", "lotes", "ambientes", "cambios"), "MultiPolygon"),
    **{"marcadores": "Point", "trazos": "MultiLineString"},
}


def own_layers(fuente: Fuente) -> dict[str, pd.DataFrame]:
    """The layers by name, each with its ``fid``; also the empty ones."""
    lotes = fuente.tables.lotes.sort_values("lote_id", ignore_index=True)
    tables, numeros = replace(fuente.tables, lotes=lotes), fuente.numeros
    rows, crops = sown(tables), sown_crops(tables)
    shapes, homes = lotes.geometry.to_numpy(), lotes.groupby("campo_id", sort=True).indices
    grounds = {key: shapely.union_all(shapes[places]) for key, places in homes.items()}
    marks = _named(tables.marcadores, tables, MARCADORES.names)
    marks["tipo"] = marks["tipo"].str.strip().str.casefold()
    layers = {
        "campos": _campos(tables, rows, crops, grounds),
        "lotes": _lotes(tables, rows, crops),
        "siembras": pd.DataFrame(rows[list(_OF_SIEMBRA)]),
        "ambientes": _named(tables.ambientes, tables, AMBIENTES.names),
        "marcadores": marks.set_geometry(shapely.point_on_surface(marks.geometry.to_numpy())),
        "trazos": _strokes(marks),
    }
    kinds = ("campo", LOTE, SIEMBRA, AMBIENTE, MARCADOR, MARCADOR)
    numbered = {
        name: frame.assign(fid=numeros.of(kind, frame[f"{kind}_id"].to_numpy(object)))
        for (name, frame), kind in zip(layers.items(), kinds, strict=True)
    }
    # on the lote or campo as it is now; without geometry what is gone
    changed = list(novedades(fuente.changes))
    shape_of = dict(zip(lotes["lote_id"], shapes, strict=True))
    frame = pd.DataFrame(changed, columns=_OF_CAMBIO).astype("string")
    places = [shape_of.get(row[0], grounds.get(row[1])) for row in changed]
    return {**numbered, "cambios": _drawn(frame, places)}


def _campos(
    tables: Tables,
    rows: pd.DataFrame,
    crops: Sequence[Sembrado],
    grounds: dict[str, shapely.Geometry],
) -> gpd.GeoDataFrame:
    """Each campo with its land, how many lotes it has, and a line for each crop's hectares."""
    campos = tables.campos[_OF_CAMPO].sort_values("campo_id", ignore_index=True)
    sums = by_campo(tables, rows, crops).set_index("campo").reindex(campos["campo"])
    told = [
        "\n".join(f"{crop.nombre}: {number(row[crop.columna], 1)} ha" for crop in crops
                  if row[crop.columna] > 0) or None
        for row in sums.to_dict("records")
    ]  # fmt: skip
    frame = campos.assign(
        n_lotes=sums["lotes"].fillna(0).astype("Int64").array,
        superficie_ha=sums["tierra_ha"].fillna(0.0).to_numpy(),
        sembrado=pd.array(told, dtype="string"),
    )
    return _drawn(frame, [grounds.get(key) for key in campos["campo_id"]])


def _lotes(tables: Tables, rows: pd.DataFrame, crops: Sequence[Sembrado]) -> gpd.GeoDataFrame:
    """Each lote with the name of the crop sown last, which gives it its colour."""
    last = rows[rows["ultima"].astype(bool)]
    names = crop_keys(last).map({crop.clave: crop.nombre for crop in crops})
    of_lote = dict(zip(last["lote_id"], names, strict=True))
    cultivo = tables.lotes["lote_id"].map(of_lote).astype("string")
    return tables.lotes.assign(cultivo=cultivo)[[*_OF_LOTE, "geometry"]]


def _named(frame: gpd.GeoDataFrame, tables: Tables, names: Sequence[str]) -> gpd.GeoDataFrame:
    """Rows by id, names of campo and lote in front of what people read."""
    key, *others = (name for name in names if name not in _NOT_SHOWN)
    ordered = with_names(frame.sort_values(key, ignore_index=True), tables)
    ids = [name for name in others if name.endswith("_id")]
    rest = [name for name in others if name not in ids]
    return ordered[[key, *ids, "campo", "lote", *rest]]


def _strokes(marks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Marks that are lines or areas, as lines."""
    drawn = marks[shapely.get_dimensions(marks.geometry.to_numpy()) > 0].reset_index(drop=True)
    shapes = drawn.geometry.to_numpy()
    areas = shapely.get_dimensions(shapes) == 2
    shapes = np.where(areas, shapely.boundary(shapes), shapes)
    several = [shapely.MultiLineString(shapely.get_parts(one).tolist()) for one in shapes]
    columns = ["marcador_id", "lote_id", "campo_id", "campo", "lote", "tipo", "marcador"]
    return _drawn(pd.DataFrame(drawn[columns]), several)


def _drawn(frame: pd.DataFrame, shapes: Sequence[object]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(shapes, index=frame.index, crs=CRS))
