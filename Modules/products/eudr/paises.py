"""In which country a piece of land lies: by outlines, and with the doubt said near a border. Pure.

The outlines (``paises.geojson``, degrees EPSG:4326) are our own simplification of Natural Earth
5.1.1, 1:10m, public domain: the countries where our users farm. They lie up to 6 km beside the true
border, in the Andes 15 km, so what is nearer than that to another country is a doubt, which a
person resolves. How far was measured against another source: docs/decisions/0009-country.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import shapely
from shapely.geometry.base import BaseGeometry

OUTLINES: Final = Path(__file__).with_name("paises.geojson")
BAND: Final = 0.06  # degrees: 6.7 km to north and south, 5.6 km to east and west at 33° S
BAND_OF: Final[Mapping[str, float]] = {"CL": 0.16}  # beside it: watersheds and ice


@lru_cache(maxsize=1)
def outlines() -> Mapping[str, BaseGeometry]:
    """The countries by ISO 3166-1 alpha-2 code, prepared for questions."""
    features = json.loads(OUTLINES.read_text(encoding="utf-8"))["features"]
    found = {
        str(one["properties"]["pais"]): shapely.from_geojson(json.dumps(one["geometry"]))
        for one in features
    }
    shapely.prepare(list(found.values()))
    return found


def countries_of(shape: BaseGeometry) -> tuple[str, ...]:
    """The countries that a shape (degrees, lon before lat) may be in.

    One: it is there. Several: it lies across or beside a border, that on whose land most of it
    lies first. None: it is in no country that we know.
    """
    wide = max(BAND_OF.values())
    near = [code for code, land in outlines().items() if shapely.dwithin(land, shape, wide)]
    band = max(BAND_OF.get(code, BAND) for code in near) if near else BAND
    near = [code for code in near if shapely.dwithin(outlines()[code], shape, band)]
    if len(near) < 2:
        return tuple(near)
    point = shape.representative_point() if not shape.is_empty else shape
    return tuple(sorted(near, key=lambda code: (shapely.distance(outlines()[code], point), code)))
