"""Make ``Modules/products/eudr/paises.geojson`` out of Natural Earth's countries, 1:10m.

    python -m tests.products.eudr.make_outlines ne_10m_admin_0_countries.shp

Natural Earth is in the public domain (https://www.naturalearthdata.com/about/terms-of-use/). What
is made of it is ours: the countries where our users farm, common borders simplified together,
small islands and the fjords of Chile left out, written to about 100 m.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from Modules.products.eudr.paises import OUTLINES

CODES = {"ARG": "AR", "BOL": "BO", "BRA": "BR", "CHL": "CL", "PRY": "PY", "URY": "UY"}
TOLERANCE = 0.02  # degrees, about 2 km
SMALLEST = 0.02  # of a part, square degrees, about 200 km²
FJORDS = 0.1  # degrees; an inlet narrower than twice this is land
DECIMALS = 3
# Natural Earth has the island of Yacyretá (Paraguay) on the Argentine side of the river.
YACYRETA = shapely.box(-57.0, -27.62, -56.74, -27.44)


def outlines(shapefile: Path) -> dict[str, shapely.MultiPolygon]:
    """The countries by code."""
    table = gpd.read_file(shapefile).set_index("ADM0_A3").geometry
    shapes = shapely.coverage_simplify(np.array([table[name] for name in CODES]), TOLERANCE)
    found = dict(zip(CODES.values(), shapes, strict=True))
    found["CL"] = found["CL"].buffer(FJORDS).buffer(-FJORDS).simplify(TOLERANCE)
    found["PY"] = found["PY"].union(YACYRETA)
    parts = {code: shapely.get_parts(shape) for code, shape in found.items()}
    return {
        code: shapely.MultiPolygon([one for one in of if one.area >= SMALLEST])
        for code, of in parts.items()
    }


def main() -> None:
    features = [
        f'{{"type":"Feature","properties":{{"pais":"{code}"}},"geometry":'
        + json.dumps(json.loads(shapely.to_geojson(shape)), separators=(",", ":"))
        + "}"
        for code, shape in outlines(Path(sys.argv[1])).items()
        for shape in [shapely.set_precision(shape, 10**-DECIMALS)]
    ]
    text = '{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + "\n]}\n"
    OUTLINES.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
