"""fiboa's own validator, every row of a file, with no network: run by ``.venv-fiboa``'s Python.

    python tests/fiboa_offline.py SCHEMAS_FOLDER

Standard input names a file a line; for each it prints {"rows", "errors", "warnings"} as JSON.

fiboa's and the crop extension's schemas come from the folder. Three more would be downloaded: the
Vecorel core schema and the one of GeoParquet's metadata, stated below after their specifications
(Vecorel 0.1.0, GeoParquet 1.1.0), and PROJJSON's, which pyproj brings. Whatever touches
the network is an error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def _no_network(event: str, _args: tuple[object, ...]) -> None:
    if event.startswith("socket.") and event != "socket.__new__":
        raise OSError(f"the validator must not use the network ({event})")


sys.addaudithook(_no_network)

import fiboa_cli  # noqa: E402, F401
import pyarrow.parquet as pq  # noqa: E402
import pyproj.datadir  # noqa: E402
import referencing  # noqa: E402
from fiboa_cli.registry import Registry  # noqa: E402
from fiboa_cli.validate import ValidateData  # noqa: E402
from vecorel_cli.validate_schema import ValidateSchema  # noqa: E402
from vecorel_cli.vecorel import util  # noqa: E402
from vecorel_cli.vecorel.version import sdl_uri  # noqa: E402

VECOREL = "https://vecorel.org/specification/v0.1.0/schema.yaml"
FIBOA = "https://fiboa.org/specification/v0.3.0/schema.yaml"
CROP = "https://fiboa.org/crop-extension/v0.2.0/schema.yaml"
GEOPARQUET = "https://geoparquet.org/releases/v1.1.0/schema.json"
PROJJSON = "https://proj.org/schemas/v0.7/projjson.schema.json"

_NAME: dict[str, Any] = {"type": "string", "minLength": 1}
CORE: dict[str, Any] = {
    "$schema": sdl_uri,
    "required": ["schemas", "id", "collection", "geometry"],
    "collection": {"schemas": True, "id": False, "geometry": False, "bbox": False},
    "properties": {
        "schemas": {"type": "array", "items": {"type": "string"}},
        "id": _NAME,
        "collection": _NAME,
        "geometry": {"type": "geometry"},
        "bbox": {"type": "bounding-box"},
    },
}
_KINDS = "^(GeometryCollection|(Multi)?(Point|LineString|Polygon))( Z)?$"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_COLUMN: dict[str, Any] = {
    "type": "object",
    "required": ["encoding", "geometry_types"],
    "properties": {
        "encoding": {"const": "WKB"},
        "geometry_types": {"type": "array", "uniqueItems": True, "items": {"pattern": _KINDS}},
        "crs": {"anyOf": [{"$ref": PROJJSON}, {"type": "null"}]},
        "edges": {"enum": ["planar", "spherical"]},
        "orientation": {"const": "counterclockwise"},
        "bbox": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
        "covering": {
            "type": "object",
            "required": ["bbox"],
            "properties": {
                "bbox": {
                    "type": "object",
                    "required": list(_CORNERS),
                    "properties": {
                        corner: {"type": "array", "prefixItems": [{}, {"const": corner}]}
                        for corner in _CORNERS
                    },
                }
            },
        },
    },
}
GEO: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["version", "primary_column", "columns"],
    "properties": {
        "version": {"const": "1.1.0"},
        "primary_column": _NAME,
        "columns": {"type": "object", "minProperties": 1, "additionalProperties": _COLUMN},
    },
}


def _projjson(uri: str) -> referencing.Resource[Any]:
    if uri != PROJJSON:
        raise LookupError(f"{uri} is not one of the schemas we have")
    path = Path(pyproj.datadir.get_data_dir()) / "projjson.schema.json"
    return referencing.Resource.from_contents(json.loads(path.read_text(encoding="utf-8")))


def main(file: Path, schemas: Path) -> dict[str, Any]:
    local = {
        FIBOA: schemas / "fiboa_core_schema.yaml",
        CROP: schemas / "crop_extension_schema.yaml",
    }
    result = ValidateData().validate(file, num=None, schema_map=local)
    return {
        "rows": pq.read_metadata(file).num_rows,
        "errors": [str(error) for error in result.errors],
        "warnings": [str(warning) for warning in result.warnings],
    }


if __name__ == "__main__":
    util.file_cache.update({VECOREL: CORE, GEOPARQUET: GEO})
    ValidateSchema.retrieve_remote_schema = staticmethod(_projjson)  # type: ignore[method-assign]
    assert Registry.required_extensions, "fiboa's registry is not in force"
    for line in sys.stdin:
        print(json.dumps(main(Path(line.rstrip("\n")), Path(sys.argv[1]))), flush=True)
