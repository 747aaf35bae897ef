"""Columns of a table as few bytes for a page: whole numbers by their differences, packed. Pure.

A packed night is base64 of two lengths (uint32, little-endian: of what follows unpacked, and of the
JSON text in it) and one LZ4 block (lz4.org, "LZ4 Block format"), in which are that text (UTF-8) and
then the whole numbers of all its sections. Of each section the differences of neighbours are kept
(int32, wrapping), zigzag-coded, and of those first every lowest byte, then every second, third and
highest one. ``enteros`` of the JSON says how long each section is; elsewhere a number names one.
Coordinates are whole steps of 1e-7 degrees: 1.1 cm, so at most 0.8 cm off.

LZ4 is a seventh larger than zlib, and twenty lines of ``pagina/night.js`` read it in any browser;
DecompressionStream, for zlib, is not in Safari before 16.4 nor in Firefox before 113.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import ArrayLike, NDArray

from Modules.formats.cells import cells

STEPS: Final = 10_000_000  # of a degree
_LZ4: Final = pa.Codec("lz4_raw", compression_level=9)


class Paquete:
    """Sections of whole numbers, as they are added, and the JSON that names them."""

    def __init__(self) -> None:
        self._sections: list[NDArray[np.int32]] = []

    def enteros(self, values: ArrayLike) -> int:
        """Add a section; its number."""
        self._sections.append(np.asarray(values, dtype=np.int64).astype(np.int32).ravel())
        return len(self._sections) - 1

    def textos(self, column: pd.Series, shown: Callable[[Any], str] = str) -> dict[str, Any]:
        """A column as its distinct texts and, row by row, which one it is; -1 for none."""
        codes, values = pd.factorize(cells(column))
        return {"t": [shown(value) for value in values], "c": self.enteros(codes)}

    def formas(self, shapes: Sequence[Any] | NDArray[np.object_]) -> dict[str, int]:
        """Geometries: rings of each, positions of each ring, and these as steps.

        A point is a ring of one position, a line an open one. The first geometry begins at zero.
        """
        owner, rings = _rings(np.asarray(shapes, dtype=object))
        steps = np.rint(shapely.get_coordinates(rings) * STEPS)
        return {
            "anillos": self.enteros(np.bincount(owner, minlength=len(shapes))),
            "vertices": self.enteros(shapely.get_num_coordinates(rings)),
            "lon": self.enteros(steps[:, 0]),
            "lat": self.enteros(steps[:, 1]),
        }

    def cerrado(self, document: Mapping[str, Any]) -> str:
        """The packed night, with ``enteros`` added to the document."""
        lengths = [len(section) for section in self._sections]
        whole = {**document, "enteros": lengths}
        text = json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        said = text.encode("utf-8", "replace")  # half a surrogate is no text
        numbers = np.concatenate([np.empty(0, np.int32), *map(_zigzag, self._sections)])
        planes = numbers.astype("<i4").view(np.uint8).reshape(-1, 4).T.tobytes()
        head = struct.pack("<II", len(said) + len(planes), len(said))
        block = _LZ4.compress(said + planes, asbytes=True)
        return base64.b64encode(head + block).decode("ascii")


def _zigzag(section: NDArray[np.int32]) -> NDArray[np.int32]:
    """Differences of neighbours, small ones of either sign as small numbers."""
    steps = np.diff(section, prepend=np.int32(0)).astype(np.int32)
    return (steps << np.int32(1)) ^ (steps >> np.int32(31))


def _rings(shapes: NDArray[np.object_]) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """Every ring, line and point, in the order of the geometries, and whose it is."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    plain = np.flatnonzero(shapely.get_type_id(parts) != shapely.GeometryType.POLYGON)
    owners = np.concatenate([owner[part], owner[plain]])
    order = np.argsort(owners, kind="stable")
    return owners[order], np.concatenate([rings, parts[plain]])[order]
