"""Areas on the WGS 84 ellipsoid of polygons whose edges are straight in longitude and latitude.

That is how RFC 7946 reads an edge, and how maps draw it. Degrees in, square metres out, everything
on whole arrays. The area between an edge and a reference parallel is an integral over longitude of
``g``, the area of the ellipsoid per unit of longitude and latitude (Snyder, Map Projections: A
Working Manual, 1987, eq. 3-12 is its integral):

    g(lat) = a² (1 − e²) cos(lat) / (1 − e² sin²(lat))²

``g`` is a short cosine series (odd multiples; five terms give 1e-13), so its Taylor series at the
reference latitude is at hand to any order, and along a straight edge it integrates exactly.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import shapely

from Modules.geo.arrays import Array, Shapes, areas_by_rings, sums

A_M: Final = 6_378_137.0  # WGS 84
E2: Final = (2 - 1 / 298.257223563) / 298.257223563
_MULTIPLES: Final = (1, 3, 5, 7, 9)
_PRECISION: Final = 1e-17  # of the first term left out


def area_density(lat_rad: Array) -> Array:
    """``g``: square metres per radian of longitude and radian of latitude."""
    sine = np.sin(lat_rad)
    density: Array = A_M**2 * (1 - E2) * np.cos(lat_rad) / (1 - E2 * sine * sine) ** 2
    return density


_ROUND: Final[Array] = np.arange(0.5, 128, dtype=np.float64) * (2 * np.pi / 128)
_COEFFICIENTS: Final = tuple(  # of the cosine series
    float(2 * np.mean(area_density(_ROUND) * np.cos(k * _ROUND))) for k in _MULTIPLES
)


def taylor(lat_deg: Array, reach_deg: float) -> Array:
    """Taylor coefficients of the integral of ``g`` from ``lat_deg``, shape (order, n).

    Row m multiplies (latitude − ``lat_deg``) to the power m + 1, in degrees. ``reach_deg`` is the
    largest such difference that will be asked for; it decides the order.
    """
    orders = 2
    while (math.radians(reach_deg) ** orders) / math.factorial(orders) > _PRECISION:
        orders += 1
    lat = np.radians(lat_deg)
    waves = [
        (c, k, np.cos(k * lat), np.sin(k * lat))
        for c, k in zip(_COEFFICIENTS, _MULTIPLES, strict=True)
    ]
    rows = np.zeros((orders, len(lat)))
    for m in range(orders):
        sign, odd = (1, -1, -1, 1)[m % 4], m % 2
        for c, k, cosine, sine in waves:
            rows[m] += sign * c * float(k) ** m * (sine if odd else cosine)
        rows[m] *= math.radians(1.0) ** (m + 2) / math.factorial(m + 1)
    return rows


def strips(coefficients: Array, dx: Array, y1: Array, y2: Array) -> Array:
    """Signed area between straight edges and their reference parallels, in m².

    ``dx`` is the difference of longitude, ``y1`` and ``y2`` the latitudes of both ends less the
    reference, all in degrees. Added up round a ring it is positive counter-clockwise.
    """
    power, total = y2, y1 + y2
    result = coefficients[0] * (total / 2)
    for m in range(1, len(coefficients)):
        power = power * y2
        total = total * y1 + power  # all products of m + 1 ordinates, weighted alike
        result += coefficients[m] * (total / (m + 2))
    signed: Array = -dx * result
    return signed


def straight_areas_m2(geometries: Shapes) -> Array:
    """Area of each polygon or multipolygon; 0 for anything else. Direction does not matter."""
    return areas_by_rings(geometries, _ring_areas_m2)


def _ring_areas_m2(rings: Shapes) -> Array:
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    starts = np.flatnonzero(np.r_[True, ring[1:] != ring[:-1]])
    base = xy[starts, 1][np.searchsorted(ring[starts], ring)]
    y = xy[:, 1] - base
    edge = np.flatnonzero(ring[1:] == ring[:-1])
    coefficients = taylor(xy[starts, 1], float(np.abs(y).max(initial=0.0)))
    where = np.searchsorted(ring[starts], ring[edge])
    dx = xy[edge + 1, 0] - xy[edge, 0]
    area = strips(coefficients[:, where], dx, y[edge], y[edge + 1])
    return sums(ring[edge], area, len(rings))


def bulges_m2(x1: Array, y1: Array, x2: Array, y2: Array) -> Array:
    """What a geodesic between two points encloses more than the straight edge, to its left, in m².

    To first order: geodesic curvature of the straight edge times the cube of its length, by 12.
    """
    lat = np.radians((y1 + y2) / 2)
    dx, dy = np.radians(x2 - x1), np.radians(y2 - y1)
    density = area_density(lat)
    cosine = np.cos(lat)
    turn = np.sin(lat) * dx * (2 * dy * dy + cosine * cosine * dx * dx)
    bulge: Array = -density / np.maximum(cosine, 1e-9) * turn / 12
    return bulge


def lengths_m(x1: Array, y1: Array, x2: Array, y2: Array) -> Array:
    """Lengths of short edges, within 1 % (a sphere and the mean latitude)."""
    cosine = np.cos(np.radians((y1 + y2) / 2))
    return np.hypot((x2 - x1) * cosine, y2 - y1) * (math.pi / 180 * A_M)
