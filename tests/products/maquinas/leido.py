"""Machine files read back by people who did not write them: PyPI's and npm's isoxml, GDAL.

npm's is in ``.tools/npm`` where ``make .tools/npm/ready`` put it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import isoxml.models.base.v3 as iso3
import isoxml.models.base.v4 as iso4
import numpy as np
import shapely
from isoxml.converter.shapely_geom import ShapelyConverterV4
from isoxml.util.isoxml_io import isoxml_from_text
from lxml import etree

ROOT = Path(__file__).resolve().parents[3]
NPM = ROOT / ".tools/npm/node_modules/isoxml"
NAME = "TASKDATA/TASKDATA.XML"


class Leido(NamedTuple):
    """Geometry of fields by ``PFD1``, of zones by ``TSK1/1``; names by the same."""

    lotes: dict[str, Any]
    zonas: dict[str, Any]
    nombres: dict[str, str]


def xml(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [NAME]
        return archive.read(NAME)


def parsed(path: Path) -> Any:
    return etree.fromstring(xml(path))


def by_pypi(path: Path) -> Leido:
    data = isoxml_from_text(xml(path).decode("utf-8"))
    lotes = {one.id: _shape(one.polygons) for one in data.partfields}
    zones = [(f"{task.id}/{one.code}", one) for task in data.tasks for one in task.treatment_zones]
    nombres = {one.id: one.designator for one in data.partfields}
    nombres |= {key: one.designator for key, one in zones}
    return Leido(lotes, {key: _shape(one.polygons) for key, one in zones}, nombres)


def _shape(polygons: Sequence[iso3.Polygon | iso4.Polygon]) -> Any:
    if isinstance(polygons[0], iso4.Polygon):
        return ShapelyConverterV4().to_shapely_multi_polygon(polygons)
    (one,) = polygons  # version 3: its converter takes one shell only, so the rings by its models
    found: list[tuple[Any, list[Any]]] = []
    for line in one.line_strings:
        ring = [(float(point.east), float(point.north)) for point in line.points]
        if line.type is iso3.LineStringType.PolygonExterior:
            found.append((ring, []))
        else:
            found[-1][1].append(ring)
    return shapely.MultiPolygon(found)


def npm_missing() -> str:
    """Why npm's reader cannot be asked; nothing if it can."""
    there = shutil.which("node") is not None and NPM.is_dir()
    return "" if there else "npm's isoxml is not there: make .tools/npm/ready"


def by_npm(paths: Sequence[Path]) -> list[Leido]:
    script = Path(__file__).with_name("leer.cjs")
    command = ["node", str(script), str(NPM), *map(str, paths)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    found = []
    for line in done.stdout.splitlines():
        said = json.loads(line)
        assert said["avisos"] == []
        lotes = {key: shapely.geometry.shape(shape) for key, _, _, shape in said["lotes"]}
        zonas = {key: shapely.geometry.shape(shape) for key, _, _, shape in said["zonas"]}
        names = {one[0]: one[1] for one in (*said["lotes"], *said["zonas"])}
        found.append(Leido(lotes, zonas, names))
    return found


def lost(ours: Any, theirs: Any, decimals: int = 9) -> str:
    """What of a geometry is not in the other: "parts", "holes", "axes"; nothing if all is.

    ``decimals``: those that the file has.
    """
    rounded = [shapely.transform(one, lambda xy: np.round(xy, decimals)) for one in (ours, theirs)]
    mine, other = (shapely.get_parts(one) for one in rounded)
    if len(mine) != len(other):
        return "parts"
    mine, other = (_in_order(parts) for parts in (mine, other))
    if (shapely.get_num_interior_rings(mine) != shapely.get_num_interior_rings(other)).any():
        return "holes"
    same = shapely.equals_exact(shapely.normalize(mine), shapely.normalize(other), 1e-12)
    return "" if same.all() else "axes"


def _in_order(parts: Any) -> Any:
    """Parts by a corner; a reader may give them in another order."""
    corners = shapely.bounds(parts)
    return parts[sorted(range(len(parts)), key=lambda at: tuple(corners[at]))]
