"""``establecimientos``: who farms what where, for the buyer's or the State's platform. Pure.

The only product with CUIT and RENSPA, which are personal data: empresa, CUIT, RENSPA, campo, lote,
cultivo, hectares and centroid. Two tables: a row a lote (land, each lote once), and a row a siembra
(sown, a lote with two siembras twice). Centroids are lon, lat in degrees EPSG:4326, six decimals.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import shapely

from Modules.formats.legends import named
from Modules.night.tables import Tables
from Modules.products.cultivos.sown import by_place

HEADERS: Final = named(  # column to Spanish header, in order
    "empresa cuit renspa provincia partido campo lote campania orden cultivo superficie_ha "
    "centroide_lon centroide_lat campo_id lote_id",
    empresa="Empresa",
    cuit="CUIT",
    renspa="RENSPA",
    provincia="Provincia",
    partido="Partido",
    orden="Orden de siembra",
    centroide_lon="Centroide: longitud",
    centroide_lat="Centroide: latitud",
)
_OF_CAMPO: Final = ["campo_id", "empresa", "cuit", "renspa", "provincia", "partido"]


def lotes_table(tables: Tables) -> pd.DataFrame:
    """One row a lote; ``cultivo`` has all of its crops, in order, joined by " + "."""
    frame = _lotes(tables).rename(columns={"cultivos": "cultivo"})
    names = [name for name in HEADERS if name != "orden"]
    return by_place(frame, ["empresa"])[names]


def siembras_table(tables: Tables) -> pd.DataFrame:
    """One row a siembra; ``superficie_ha`` is that of its lote."""
    sown = tables.siembras[["lote_id", "orden", "cultivo"]]
    frame = _lotes(tables).merge(sown, on="lote_id", validate="one_to_many")
    return by_place(frame.sort_values(["orden", "cultivo"]), ["empresa"])[list(HEADERS)]


def _lotes(tables: Tables) -> pd.DataFrame:
    """The lotes with what is known of their campo, and their centroid."""
    lotes = tables.lotes
    centres = shapely.get_coordinates(shapely.centroid(lotes.geometry.to_numpy()))
    centres = np.round(centres, 6) + 0.0
    frame = pd.DataFrame(lotes.drop(columns="geometry")).assign(
        centroide_lon=centres[:, 0], centroide_lat=centres[:, 1]
    )
    campos = tables.campos[_OF_CAMPO]
    return frame.merge(campos, on="campo_id", how="left", validate="many_to_one")
