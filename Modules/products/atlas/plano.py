"""A map on paper, true to its scale: a plane of a campo, a frame of it, and what is drawn there.

Metres are of a transverse Mercator on WGS 84 with its middle in the middle of the campo (scale 1
there, 8 parts in a million more at 25 km), x east and y north. Paper is millimetres from the left
top of the frame, y down; paths are SVG in hundredths of one. Pure.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import shapely
from pyproj import Proj

from Modules.geo.arrays import Array, Shapes
from Modules.words.spanish import number

Punto: TypeAlias = tuple[float, float]
Caja: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom

_STEPS: Final = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5)  # scales people know
_SMALLEST: Final = 100  # 1:100: a lote of a few square metres, with what is around it
_MM_PER_M: Final = 1_000
_UNITS: Final = 100  # of a path, in a millimetre
_FINE_MM: Final = 0.02  # what no printer shows
_MARGIN_MM: Final = 7.0
_BELOW_MM: Final = 12.0  # the scale bar
_LINES_MM: Final = 45.0  # between lines of longitude or latitude, at least
_BAR_MM: Final = 60.0  # a scale bar, at most


def plane(bounds: Sequence[float]) -> Proj:
    """The plane in whose middle these bounds (west, south, east, north; degrees) have theirs."""
    west, south, east, north = bounds
    return Proj(proj="tmerc", lon_0=(west + east) / 2, lat_0=(south + north) / 2, ellps="WGS84")


def projected(shapes: Shapes, to: Proj) -> Shapes:
    """Geometries, EPSG:4326 lon-lat, in metres of a plane."""
    return np.asarray(
        shapely.transform(shapes, lambda lonlat: np.column_stack(to(lonlat[:, 0], lonlat[:, 1])))
    )


@dataclass(frozen=True, slots=True)
class Marco:
    """A frame: its size on paper (mm), the scale (1:escala), where its left top is (m)."""

    ancho: float
    alto: float
    escala: int
    oeste: float
    norte: float

    @classmethod
    def around(cls, bounds: Sequence[float], ancho: float, alto: float) -> Marco:
        """The largest round scale at which these bounds (metres) fit in, above the scale bar."""
        west, south, east, north = bounds
        wide, high = ancho - 2 * _MARGIN_MM, alto - _MARGIN_MM - _BELOW_MM
        escala = _round_scale(max((east - west) / wide, (north - south) / high) * _MM_PER_M)
        left, up = ancho / 2 * escala / _MM_PER_M, (_MARGIN_MM + high / 2) * escala / _MM_PER_M
        return cls(ancho, alto, escala, (west + east) / 2 - left, (south + north) / 2 + up)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north, metres."""
        wide, high = (side * self.escala / _MM_PER_M for side in (self.ancho, self.alto))
        return self.oeste, self.norte - high, self.oeste + wide, self.norte

    def paper(self, metres: Array) -> Array:
        """Points of the plane (x, y) as millimetres of paper."""
        mm = _MM_PER_M / self.escala
        return (metres - (self.oeste, self.norte)) * (mm, -mm)

    def spots(self, points: Shapes) -> list[Punto]:
        """Points (metres) on paper, to a hundredth of a millimetre."""
        return [(x, y) for x, y in self.paper(shapely.get_coordinates(points)).round(2).tolist()]

    def covered(self) -> list[Caja]:
        """What scale bar and north arrow cover."""
        bar = (0.0, self.alto - 11, 74.0, self.alto)
        return [bar, (self.ancho - 12, 0.0, self.ancho, 16.0)]

    def paths(self, shapes: Shapes) -> list[str]:
        """What of each geometry is in the frame, as an SVG path; empty if none."""
        if not len(shapes):
            return []
        seen = shapely.clip_by_rect(shapes, *self.bounds)
        seen = shapely.simplify(seen, _FINE_MM * self.escala / _MM_PER_M, preserve_topology=False)
        parts, owner = shapely.get_parts(seen, return_index=True)
        areas = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
        rings, of = shapely.get_rings(parts[areas], return_index=True)
        lines = parts[~areas]
        texts = [""] * len(shapes)
        for owners, pieces, end in ((owner[areas][of], rings, "Z"), (owner[~areas], lines, "")):
            for own, text in zip(owners.tolist(), self._texts(pieces), strict=True):
                texts[own] += f"{text}{end}"
        return texts

    def _texts(self, lines: Shapes) -> Iterator[str]:
        at = np.rint(self.paper(shapely.get_coordinates(lines)) * _UNITS).astype(np.int64)
        ends = np.cumsum([0, *shapely.get_num_coordinates(lines)]).tolist()
        values = at.ravel().tolist()
        for a, b in pairwise(ends):
            yield "M" + "L".join(["%d %d"] * (b - a)) % tuple(values[2 * a : 2 * b])


def _round_scale(least: float) -> int:
    """The next scale above that people know."""
    power = 10.0 ** math.floor(math.log10(max(least, _SMALLEST)))
    return next(
        round(step * base)
        for base in (power, 10 * power)
        for step in _STEPS
        if step * base >= max(least, _SMALLEST) * (1 - 1e-9)
    )


def scale_bar(escala: int) -> tuple[float, list[str]]:
    """How long it is on paper (mm), and what stands at its begin, middle and end."""
    metres = _round_below(_BAR_MM * escala / _MM_PER_M)
    unit, size = ("km", metres / 1_000) if metres >= 2_000 else ("m", metres)
    texts = [f"{size * part:.4f}".rstrip("0").rstrip(".").replace(".", ",") for part in (0.5, 1)]
    return metres * _MM_PER_M / escala, ["0", texts[0], f"{texts[1]} {unit}"]


def _round_below(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (5, 2, 1) if step * power <= value)


def graticule(marco: Marco, to: Proj) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
    """Where round longitudes cross the frame (mm from the left) and latitudes (mm from its top)."""
    west, south, east, north = marco.bounds
    middle = (west + east) / 2, (south + north) / 2
    (lon0, lon1), _ = to([west, east], [middle[1]] * 2, inverse=True)
    _, (lat0, lat1) = to([middle[0]] * 2, [south, north], inverse=True)
    step = 2 * _round_below((lat1 - lat0) * _LINES_MM / marco.alto)
    lons, lats = _multiples(lon0, lon1, step), _multiples(lat0, lat1, step)
    x, _ = to(lons, np.full(len(lons), (lat0 + lat1) / 2))
    _, y = to(np.full(len(lats), (lon0 + lon1) / 2), lats)
    across = marco.paper(np.column_stack([x, np.zeros(len(lons))]))[:, 0]
    down = marco.paper(np.column_stack([np.zeros(len(lats)), y]))[:, 1]
    return _named(across, lons, step), _named(down, lats, step)


def _multiples(low: float, high: float, step: float) -> Array:
    first, last = math.ceil(low / step), math.floor(high / step)
    return np.arange(first, last + 1, dtype=np.float64) * step


def _named(places: Array, degrees: Array, step: float) -> list[tuple[float, str]]:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [
        (round(at, 2), f"{number(one, decimals).replace('-', '−')}°")
        for at, one in zip(places.tolist(), degrees.tolist(), strict=True)
    ]


def spread(
    spots: Sequence[Punto], widths: Sequence[float], high: float, marco: Marco, taken: list[Caja]
) -> list[Punto | None]:
    """Where labels of these widths (mm) go, their middles; None for one without room.

    Each is at its spot or as near to it as is free, first come first. ``taken`` are boxes that are
    not free, left, top, right, bottom; those of the labels are added.
    """
    found: list[Punto | None] = []
    for (x, y), wide in zip(spots, widths, strict=True):
        for dx, dy in _around(wide, high):
            box = (x + dx - wide / 2, y + dy - high / 2, x + dx + wide / 2, y + dy + high / 2)
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= marco.ancho and box[3] <= marco.alto
            if inside and not any(_meet(box, one) for one in taken):
                taken.append(box)
                found.append((round(x + dx, 2), round(y + dy, 2)))
                break
        else:
            found.append(None)
    return found


def _around(wide: float, high: float) -> Iterator[Punto]:
    yield 0.0, 0.0
    for ring in (1.0, 2.0):
        for at in range(8):
            angle = at * math.pi / 4
            yield math.cos(angle) * wide * ring, math.sin(angle) * high * 1.15 * ring


def _meet(one: Caja, other: Caja) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def svg(wide: float, high: float, body: str) -> str:
    """A drawing of this size (mm), in hundredths of a millimetre."""
    box = f"0 0 {wide * _UNITS:.0f} {high * _UNITS:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" '
        f'fill-rule="evenodd" stroke-linejoin="round">{body}</svg>'
    )


def photo(jpeg: bytes) -> str:
    """A photo as a drawing, cut to four by three."""
    data = base64.b64encode(jpeg).decode("ascii")
    return svg(
        *(40.0, 30.0),
        '<image width="4000" height="3000" preserveAspectRatio="xMidYMid slice" '
        f'href="data:image/jpeg;base64,{data}"/>',
    )


def rect(
    left: float, top: float, wide: float, high: float, corner: float, fill: str, line: str = ""
) -> str:
    """A rectangle (mm), its corners rounded by ``corner``."""
    x, y, w, h, r = (round(one * _UNITS) for one in (left, top, wide, high, corner))
    stroke = f' stroke="{line}" stroke-width="14"' if line else ""
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{r}" fill="{fill}"{stroke}/>'


def tick(left: float, top: float) -> str:
    """A tick in a box of 2.4 mm."""
    way = f"M{left * _UNITS + 45:.0f} {top * _UNITS + 125:.0f}l55 60l95 -135"
    return f'<path d="{way}" fill="none" stroke="#1b2a33" stroke-width="28"/>'


def dot(spot: Punto, radius: float, fill: str) -> str:
    """A round mark (mm) with a white edge."""
    x, y = spot
    return rect(x - radius, y - radius, 2 * radius, 2 * radius, radius, fill, "#ffffff")


def pin(spot: Punto, place: Punto | None, size: Punto, fill: str, line: str) -> str:
    """What stands behind a number: there where it has room, led to its spot where that is off."""
    if place is None:
        return dot(spot, 0.65, line)
    (x, y), (left, top), (wide, high) = spot, place, size
    edge = "#ffffff" if fill == line else line
    label = rect(left - wide / 2, top - high / 2, wide, high, high / 2, fill, edge)
    if place == spot:
        return label
    way = "M{:.0f} {:.0f}L{:.0f} {:.0f}".format(*(one * _UNITS for one in (x, y, left, top)))
    return f'<path d="{way}" stroke="#1b2a33" stroke-width="14"/>{dot(spot, 0.65, line)}{label}'
