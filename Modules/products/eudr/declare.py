"""The EU's GeoJSON for due-diligence statements, out of lotes. Pure.

After the Commission's "EUDR GeoJSON File Description" (v1.3 to v1.5) for Regulation (EU) 2023/1115:
one FeatureCollection in WGS 84, lon before lat, no ``crs`` member, no lines, no holes, properties
``ProducerName ProducerCountry ProductionPlace Area`` (ha) and no others, 25 MB a file. We write
Polygons (a Point for a small plot where that is asked for): a lote in several parts, or one with
holes, gives one feature a piece, each with the area of that piece and "parte 1 de 3" in its place.
Coordinates always have exactly six decimals, also where the last ones are zeros, which no JSON
writer does by itself.

Equal plots in equal order give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from Modules.geo.geometry import geodesic_area_ha
from Modules.products.eudr.grid import GRID, OnGrid, inner_point, to_degrees, to_grid
from Modules.words.text import clean_text

PROPERTIES: Final = ("ProducerName", "ProducerCountry", "ProductionPlace", "Area")
DECIMALS: Final = 6
AREA_DECIMALS: Final = 4  # of a hectare: one square metre
MAX_FILE_BYTES: Final = 25_000_000  # "25 MB": the smaller reading of it
MAX_POINT_HA: Final = 4.0  # above it the outline is mandatory (Article 2 (28))

_HEAD: Final = '{"type":"FeatureCollection","features":[\n'
_TAIL: Final = "\n]}\n"
_FRAME_BYTES: Final = len(_HEAD) + len(_TAIL)


@dataclass(frozen=True, slots=True)
class Plot:
    """A lote to declare; geometry is a valid Polygon or MultiPolygon, degrees EPSG:4326."""

    lote_id: str
    producer: str
    country: str  # ISO 3166-1 alpha-2
    place: str
    geometry: BaseGeometry = field(repr=False)
    por_nombre: tuple[str, ...] = ()  # crops that are covered by the words of their name alone
    duda: str = ""  # Spanish: why its country is not sure; "" if it is


@dataclass(frozen=True, slots=True)
class Declared:
    """What a plot became: its features as JSON text, and what was done to it.

    ``before_ha`` is the area as kept, ``declared_ha`` the sum of ``Area`` before rounding to four
    decimals; both on the WGS 84 ellipsoid. No features: it collapsed at six decimals.
    """

    plot: Plot = field(repr=False)
    features: tuple[str, ...] = field(repr=False)
    before_ha: float
    declared_ha: float
    grid: OnGrid = field(repr=False)
    as_point: bool = False


def declare(plots: Sequence[Plot], *, points: bool = False) -> list[Declared]:
    """The features of each plot; with ``points``, one inside those under ``MAX_POINT_HA``."""
    if not plots:
        return []
    geometries = [plot.geometry for plot in plots]
    before = geodesic_area_ha(geometries)
    grids = to_grid(geometries)
    pieces = [piece for grid in grids for piece in grid.pieces]
    areas = iter(geodesic_area_ha(to_degrees(pieces)).tolist() if pieces else [])
    declared = []
    for plot, grid, before_ha in zip(plots, grids, before.tolist(), strict=True):
        own = [next(areas) for _ in grid.pieces]
        point = points and bool(own) and before_ha < MAX_POINT_HA and sum(own) < MAX_POINT_HA
        features = _point(plot, grid, own) if point else _polygons(plot, grid, own)
        declared.append(Declared(plot, features, before_ha, sum(own), grid, point))
    return declared


def _polygons(plot: Plot, grid: OnGrid, areas_ha: Sequence[float]) -> tuple[str, ...]:
    kept = [
        (piece, area)
        for piece, area in zip(grid.pieces, areas_ha, strict=True)
        if _area_text(area) != _area_text(0.0)
    ]
    features = []
    for n, (piece, area) in enumerate(kept, start=1):
        part = f" (parte {n} de {len(kept)})" if len(kept) > 1 else ""
        rings = f'"Polygon","coordinates":[[{",".join(_positions(piece.exterior))}]]'
        features.append(_feature(replace(plot, place=f"{plot.place}{part}"), area, rings))
    return tuple(features)


def _point(plot: Plot, grid: OnGrid, areas_ha: Sequence[float]) -> tuple[str, ...]:
    if _area_text(sum(areas_ha)) == _area_text(0.0):
        return ()
    largest = max(grid.pieces, key=lambda piece: (piece.area, piece.wkb))
    position = _positions(inner_point(largest))[0]
    return (_feature(plot, sum(areas_ha), f'"Point","coordinates":{position}'),)


def _feature(plot: Plot, area_ha: float, geometry: str) -> str:
    names = (plot.producer, plot.country, plot.place)
    texts = [json.dumps(clean_text(text), ensure_ascii=False) for text in names]
    properties = ",".join(
        f'"{name}":{value}'
        for name, value in zip(PROPERTIES, [*texts, _area_text(area_ha)], strict=True)
    )
    return f'{{"type":"Feature","properties":{{{properties}}},"geometry":{{"type":{geometry}}}}}'


def _area_text(area_ha: float) -> str:
    return f"{area_ha:.{AREA_DECIMALS}f}"


def _positions(shape: BaseGeometry) -> list[str]:
    """Grid coordinates as GeoJSON positions, six decimals each."""
    degrees = shapely.get_coordinates(shape) / GRID
    texts = np.char.mod(f"%.{DECIMALS}f", degrees)
    return [f"[{lon},{lat}]" for lon, lat in texts.tolist()]


def collections(
    declared: Iterable[Declared], max_bytes: int = MAX_FILE_BYTES
) -> list[tuple[bytes, list[str]]]:
    """The plots as files of at most ``max_bytes``, each with the lote of each of its features.

    A lote is never spread over two files, unless it alone is too large for one. There is always a
    file, if only an empty one.
    """
    files: list[tuple[list[str], list[str]]] = [([], [])]
    size = _FRAME_BYTES
    for one in declared:
        sizes = [len(feature.encode("utf-8")) + 2 for feature in one.features]
        together = sum(sizes) + _FRAME_BYTES <= max_bytes
        groups = [one.features] if together else [(feature,) for feature in one.features]
        for features, more in zip(groups, [sum(sizes)] if together else sizes, strict=True):
            if files[-1][0] and size + more > max_bytes:
                files.append(([], []))
                size = _FRAME_BYTES
            files[-1][0].extend(features)
            files[-1][1].extend([one.plot.lote_id] * len(features))
            size += more
    separator = ",\n"
    return [
        (f"{_HEAD}{separator.join(features)}{_TAIL}".encode(), owners) for features, owners in files
    ]
