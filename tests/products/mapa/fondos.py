"""Backgrounds for the map, written by the library of those who made the format."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from PIL import Image
from pmtiles import writer
from pmtiles.tile import Compression, TileType, zxy_to_tileid

Zone = tuple[float, float, float, float]
HERE: Zone = (-66.0, -38.0, -65.9, -37.9)  # around the first lotes of tests.fuentes


def tile_of(lon: float, lat: float, z: int) -> tuple[int, int]:
    """Column and row of the tile that a place lies in."""
    side = 2**z
    y = math.asinh(math.tan(math.radians(lat))) / (2 * math.pi)
    return int((lon / 360 + 0.5) * side), int((0.5 - y) * side)


def plain(color: tuple[int, int, int], kind: str = "PNG", side: int = 256) -> bytes:
    """A tile of one colour."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), color).save(out, kind)
    return out.getvalue()


def places(zone: Zone, zooms: range) -> Iterator[tuple[int, int, int]]:
    """The tiles that meet a zone, in the order of the format."""
    west, south, east, north = zone
    for z in zooms:
        (left, top), (right, bottom) = tile_of(west, north, z), tile_of(east, south, z)
        cells = [(z, x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]
        yield from sorted(cells, key=lambda one: zxy_to_tileid(*one))


def archive(
    path: Path,
    draw: Callable[[int, int, int], bytes],
    zone: Zone = HERE,
    zooms: range = range(8, 14),
    *,
    credit: str | None = None,
    leaf_size: int = 0,
    **header: Any,
) -> Path:
    """Write a PMTiles archive of the tiles that ``draw`` gives for zoom, column and row.

    ``leaf_size``: entries of a leaf directory; 0: all are in the root, as far as they fit.
    """
    west, south, east, north = (round(edge * 1e7) for edge in zone)
    usual = writer.optimize_directories

    def directories(entries: list[Any], room: int) -> Any:
        if leaf_size:
            return writer.build_roots_leaves(entries, leaf_size)
        return usual(entries, room)

    with path.open("wb") as file, mock.patch.object(writer, "optimize_directories", directories):
        out = writer.Writer(file)
        for place in places(zone, zooms):
            out.write_tile(zxy_to_tileid(*place), draw(*place))
        out.finalize(
            {
                "tile_type": TileType.PNG,
                "tile_compression": Compression.NONE,
                "min_lon_e7": west,
                "min_lat_e7": south,
                "max_lon_e7": east,
                "max_lat_e7": north,
                **header,
            },
            {} if credit is None else {"attribution": credit},
        )
    return path
