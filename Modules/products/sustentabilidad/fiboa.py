"""The lotes as fiboa 0.3: field boundaries in a form that other programs already read.

fiboa 0.3.0 (fiboa/specification) extends Vecorel 0.1.0: a GeoParquet 1.1 file whose ``id``,
``collection`` and ``geometry`` are never null, and whose file metadata has a key ``collection``
with the schemas in force. One row a lote, sorted by id; ``metrics:area`` in square metres on the
WGS 84 ellipsoid (float32, as the schema asks), instants in milliseconds UTC, EPSG:4326 lon-lat.
The lote's and campo's names and the campaña are columns of our own, which the format allows.

The crop extension 0.2.0 wants one crop code a row, out of a list that can be looked up. A lote has
none, one or two crops in a season, so the list is ours and holds what occurs: ``SIN`` for no
siembra, ``TRI+SOJ2`` for wheat and then soya. It is a CSV beside the file, with the columns
``original_code original_name translated_name`` that the extension describes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from Modules.disk.safe_files import FileFact, write_new
from Modules.formats.geofiles import as_geoparquet, parquet_bytes
from Modules.formats.sheets import csv_bytes
from Modules.geo.arrays import M2_PER_HA
from Modules.geo.geometry import geodesic_area_ha
from Modules.night.tables import Tables
from Modules.words.cultivos import SIN_CULTIVO
from Modules.words.domain import Campania

SCHEMAS: Final = (
    "https://vecorel.org/specification/v0.1.0/schema.yaml",
    "https://fiboa.org/specification/v0.3.0/schema.yaml",
    "https://fiboa.org/crop-extension/v0.2.0/schema.yaml",
)
NO_CROP: Final = ("SIN", SIN_CULTIVO.nombre)  # code, name
COLUMNS: Final[Mapping[str, str]] = {  # name to Spanish description
    "id": "Identificador del lote",
    "collection": "Colección: lindero y la campaña",
    "metrics:area": "Superficie en m² sobre el elipsoide WGS 84; vacía si es cero",
    "determination:datetime": "Última modificación en el portal (UTC)",
    "crop:code": "Códigos de los cultivos, en orden de siembra, unidos por +",
    "crop:name": "Nombres de los cultivos, en orden de siembra",
    "lote": "Nombre del lote",
    "campo_id": "Campo al que pertenece",
    "campo": "Nombre del campo",
    "campania": "Campaña, por ejemplo 25/26",
    "geometry": "Polígono, EPSG:4326 (lon, lat)",
    "bbox": "Rectángulo del polígono",
}
CODE_LIST_COLUMNS: Final = ("original_code", "original_name", "translated_name")

_ENGLISH: Final = {
    "soja": "Soybean", "maíz": "Maize", "trigo": "Wheat", "cebada": "Barley", "sorgo": "Sorghum",
    "girasol": "Sunflower", "maní": "Peanut", "cobertura": "Cover crop", "barbecho": "Fallow",
}  # fmt: skip
_OWN: Final = ("lote", "campo_id", "campo", "campania")
_FIELDS: Final = (
    pa.field("id", pa.string(), nullable=False),
    pa.field("collection", pa.string(), nullable=False),
    pa.field("metrics:area", pa.float32()),
    pa.field("determination:datetime", pa.timestamp("ms", tz="UTC")),
    pa.field("crop:code", pa.string(), nullable=False),
    pa.field("crop:name", pa.string()),
    *(pa.field(name, pa.string()) for name in _OWN),
    pa.field("geometry", pa.binary(), nullable=False),
)


def collection_id(campania: Campania) -> str:
    """The name of the collection: "lindero-25-26"."""
    return f"lindero-{campania.slug}"


def write_fiboa(tables: Tables, campania: Campania, path: Path, *, code_list: str) -> FileFact:
    """Write the lotes as fiboa 0.3; ``code_list``: where the crop codes are, seen from the file.

    Raises:
        PublishError: the file exists, or the disk refused.
    """
    lotes = tables.lotes.sort_values("lote_id", ignore_index=True)
    area_m2 = (geodesic_area_ha(lotes.geometry.to_numpy()) * M2_PER_HA).astype(np.float32)
    crops = lotes[["lote_id"]].merge(_crops(tables), on="lote_id", how="left")
    values = {
        "id": lotes["lote_id"],
        "collection": [collection_id(campania)] * len(lotes),
        "metrics:area": pa.array(area_m2, mask=area_m2 <= 0),
        "determination:datetime": lotes["updated_at"].dt.floor("ms").astype("datetime64[ms, UTC]"),
        "crop:code": crops["crop:code"].fillna(NO_CROP[0]),
        "crop:name": crops["crop:name"].fillna(NO_CROP[1]),
        **{name: lotes[name] for name in _OWN},
        "geometry": shapely.to_wkb(lotes.geometry.to_numpy()),
    }
    arrays = [pa.array(values[field.name], field.type) for field in _FIELDS]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(_FIELDS))
    table = as_geoparquet(table, lotes.geometry.to_numpy(), bbox_may_lack=True)  # fiboa's rule
    collection = {
        "collection": collection_id(campania),
        "schemas": {collection_id(campania): list(SCHEMAS)},
        "crop:code_list": code_list,
    }
    geo = json.loads(table.schema.metadata[b"geo"])
    for member in geo["columns"]["geometry"]["crs"]["datum_ensemble"]["members"]:
        member.pop("id", None)  # an older PROJ does not read a CRS that has it
    metadata = {"collection": json.dumps(collection, sort_keys=True)}
    metadata["geo"] = json.dumps(geo, sort_keys=True)
    return write_new(path, parquet_bytes(table.replace_schema_metadata(metadata)))


def write_code_list(tables: Tables, path: Path) -> FileFact:
    """Write the crop codes that occur, as the crop extension describes such a list.

    Raises:
        PublishError: the file exists, or the disk refused.
    """
    columns = ["crop:code", "crop:name"]
    codes = pd.concat([_crops(tables)[columns], pd.DataFrame([NO_CROP], columns=columns)])
    codes = codes.sort_values(columns)
    names = {  # in Spanish and in English
        crop.cultivo_codigo: (crop.cultivo, _ENGLISH.get(crop.especie, ""))
        for crop in tables.cultivos.itertuples()
    }
    names |= {"OTR": ("Otro cultivo", "Other crop"), NO_CROP[0]: (NO_CROP[1], "No crop")}
    rows = [
        (code, _join(code, names, 0) or name, _join(code, names, 1))
        for code, name in codes.drop_duplicates("crop:code").itertuples(index=False)
    ]
    frame = pd.DataFrame(sorted(rows), columns=list(CODE_LIST_COLUMNS), dtype="string")
    return write_new(path, csv_bytes(frame))


def _crops(tables: Tables) -> pd.DataFrame:
    """For each lote with siembras their codes and names, joined in the order of sowing."""
    siembras = tables.siembras.sort_values(["lote_id", "orden", "siembra_id"])
    grouped = siembras.groupby("lote_id", sort=True)
    codes = grouped["cultivo_codigo"].agg("+".join)
    names = grouped["cultivo"].agg(" + ".join)
    frame = pd.DataFrame({"crop:code": codes, "crop:name": names}).reset_index()
    return frame.astype("string")


def _join(code: str, names: Mapping[str, tuple[str, str]], which: int) -> str:
    """The name of a code that may be a sum of codes; "" if a part has none."""
    parts = [names.get(part, ("", ""))[which] for part in code.split("+")]
    return " + ".join(parts) if all(parts) else ""
