"""The geometry of a feature against the rules of ``validar eudr``. Pure.

Shapes are looked at twice: as written, and at six decimals, to which the EU's system cuts them;
what holds as written but not at six decimals is broken too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from Modules.geo.geometry import geodesic_area_ha
from Modules.products.eudr.declare import DECIMALS
from Modules.products.eudr.document import Positions, WrittenGeometry
from Modules.products.eudr.grid import GRID
from Modules.products.eudr.paises import countries_of, outlines
from Modules.products.eudr.rules import OVERLAP_TOLERANCE, OVERLAP_TOLERANCE_HA
from Modules.words.spanish import number

_MAX_PAIRS: Final = 2_000_000  # pairs of features looked at for overlaps
_MAX_NAMED: Final = 5  # others named in one finding
_PART_TOLERANCE_HA: Final = 0.0001  # one square metre
_SHAPE: Final = frozenset({"autocruce", "area_no_nula", "orientacion"})
_WHOLE: Final = frozenset({"partes_separadas", "area_coherente", "sin_superposicion"})
_PLACED: Final = frozenset({"orden_lon_lat", "dentro_del_pais", "area_coherente"})
_WRITTEN: Final = frozenset({"precision", "seis_decimales", "dos_dimensiones", "sin_agujeros"})
_RINGS: Final = frozenset({"cuatro_posiciones", "anillo_cerrado", "vertices_repetidos"})
_READ: Final = frozenset({"tipo_geometria", "coordenadas", "rango"})
GEOMETRY_RULES: Final = _READ | _WRITTEN | _RINGS | _SHAPE | _WHOLE | _PLACED
_REASONS: Final = {"Self-intersection": "se cruza", "Ring Self-intersection": "se toca a sí mismo"}


@dataclass(slots=True)
class Faults:
    """What is wrong with one feature: rule to detail; and what could not be looked at.

    ``polygons`` (valid, degrees; shells only, as the EU's system reads them) and ``whole`` (with
    their holes) are there where the geometry is sound enough to be measured, and then ``area_ha``.
    """

    broken: dict[str, str] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    polygons: list[shapely.Polygon] = field(default_factory=list, repr=False)
    whole: list[shapely.Polygon] = field(default_factory=list, repr=False)
    area_ha: float | None = None


def check_shape(geometry: WrittenGeometry, country: object, faults: Faults) -> None:
    """Every rule of one geometry; overlaps with others come later (``check_together``)."""
    every = [ring for polygon in geometry.polygons for ring in polygon]
    runs = every if geometry.points is None else [geometry.points]
    _check_writing(runs, faults)
    _check_place(np.concatenate([run.xy for run in runs]), country, faults)
    if geometry.points is not None:
        return
    sound = _check_rings([ring.xy for ring in every], faults)
    _check_direction(geometry, faults)
    if holes := len(every) - len(geometry.polygons):
        faults.broken["sin_agujeros"] = f"tiene {holes}; hay que partir el polígono"
    if not sound:
        faults.skipped |= _WHOLE
        return
    shells = [shapely.Polygon(polygon[0].xy) for polygon in geometry.polygons]
    _check_parts(shells, faults)
    if "rango" in faults.broken:
        faults.skipped |= {"sin_superposicion"}
        return
    faults.polygons = shells
    for polygon in geometry.polygons:
        faults.whole.append(shapely.Polygon(polygon[0].xy, [hole.xy for hole in polygon[1:]]))


def _check_writing(runs: Sequence[Positions], faults: Faults) -> None:
    fewest = min(run.fewest_decimals for run in runs)
    most = max(run.most_decimals for run in runs)
    if most < DECIMALS:
        faults.broken["precision"] = f"ninguna coordenada tiene más de {most} decimales"
    if fewest != DECIMALS or most != DECIMALS:
        faults.broken["seis_decimales"] = f"hay coordenadas de {fewest} a {most} decimales"
    if any(run.tall for run in runs):
        faults.broken["dos_dimensiones"] = "hay posiciones con altura"


def _check_place(xy: NDArray[np.float64], country: object, faults: Faults) -> None:
    (west, south), (east, north) = xy.min(axis=0), xy.max(axis=0)
    if west < -180 or east > 180 or south < -90 or north > 90:
        reach = f"longitud de {west:g} a {east:g}, latitud de {south:g} a {north:g}"
        faults.broken["rango"] = reach
        faults.skipped |= _PLACED
        if max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180:
            faults.skipped -= {"orden_lon_lat"}
            faults.broken["orden_lon_lat"] = "la latitud está antes que la longitud"
        return
    if not isinstance(country, str) or country not in outlines():
        return  # of others the order of the axes cannot be told from the numbers alone
    near = countries_of(shapely.multipoints(xy))
    if near == (country,):
        return
    if country in near:  # across or beside a border: an outline does not settle that
        faults.skipped |= {"dentro_del_pais"}
        return
    if country in countries_of(shapely.multipoints(xy[:, ::-1])):
        faults.broken["orden_lon_lat"] = f"dadas vuelta, las coordenadas caen en {country}"
    elsewhere = f": cae en {near[0]}" if near else ""
    faults.broken["dentro_del_pais"] = f"{west:.6f}, {south:.6f} no cae en {country}{elsewhere}"


def _check_rings(rings: Sequence[NDArray[np.float64]], faults: Faults) -> bool:
    """The rules of rings; whether all are sound enough to make polygons of."""
    short = [len(xy) for xy in rings if len(xy) < 4]
    opened = [xy for xy in rings if (xy[0] != xy[-1]).any()]
    slims = [_slim(xy) for xy in rings]
    repeated = sum(map(len, rings)) - sum(map(len, slims))
    if short:
        faults.broken["cuatro_posiciones"] = f"un anillo tiene {short[0]}"
    if opened:
        first, last = (f"{opened[0][at][0]:.6f}, {opened[0][at][1]:.6f}" for at in (0, -1))
        faults.broken["anillo_cerrado"] = f"termina en {last}, empezó en {first}"
    if repeated:
        faults.broken["vertices_repetidos"] = f"{repeated} repetidos"
    if short or opened:
        faults.skipped |= _SHAPE
        return False
    crossings = [reason for reason in map(_why_not_simple, rings, slims) if reason]
    if crossings:
        faults.broken["autocruce"] = crossings[0]
    if any(len(slim) < 4 or shapely.Polygon(slim).area == 0 for slim in slims):
        faults.broken["area_no_nula"] = f"con {DECIMALS} decimales un anillo no encierra nada"
    return not crossings and "area_no_nula" not in faults.broken


def _check_direction(geometry: WrittenGeometry, faults: Faults) -> None:
    if _SHAPE & (faults.broken.keys() | faults.skipped):
        faults.skipped |= {"orientacion"}
        return
    shells = [polygon[0].xy for polygon in geometry.polygons]
    if not all(shapely.is_ccw(shapely.linearrings(xy)) for xy in shells):
        faults.broken["orientacion"] = "el anillo exterior va en el sentido de las agujas del reloj"


def _slim(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ring at six decimals without repeated vertices."""
    grid = np.asarray(np.rint(xy * GRID))
    return grid[np.r_[True, (grid[1:] != grid[:-1]).any(axis=1)]]


def _why_not_simple(xy: NDArray[np.float64], slim: NDArray[np.float64]) -> str:
    """How a closed ring meets itself, as written or at six decimals; "" if it does not."""
    if written := _reason(shapely.Polygon(xy), 1.0):
        return written
    rounded = _reason(shapely.Polygon(slim), GRID) if len(slim) >= 4 else ""
    return f"{rounded}, al redondear a {DECIMALS} decimales" if rounded else ""


def _reason(polygon: shapely.Polygon, scale: float) -> str:
    if polygon.is_valid:
        return ""
    said, _, place = shapely.is_valid_reason(polygon).partition("[")
    numbers = [f"{float(number) / scale:.6f}" for number in place.rstrip("]").split()[:2]]
    where = f" en {', '.join(numbers)}" if len(numbers) == 2 else ""
    return f"{_REASONS.get(said.strip(), 'no es un anillo simple')}{where}"


def _check_parts(shells: Sequence[shapely.Polygon], faults: Faults) -> None:
    for i, j in _meeting(shells):
        if j is None:
            faults.skipped |= {"partes_separadas"}
        elif i < j and _common_ha(shells[i], shells[j]) > _PART_TOLERANCE_HA:
            faults.broken["partes_separadas"] = f"se superponen las partes {i + 1} y {j + 1}"
            return


def _common_ha(one: Any, other: Any) -> float:
    return float(geodesic_area_ha([shapely.intersection(one, other)])[0])


def _meeting(polygons: Sequence[shapely.Polygon]) -> Iterator[tuple[int, int | None]]:
    """Pairs of polygons that meet, both ways round; (i, None) for each one not looked at.

    A file can hold the same polygon thirty thousand times: after ``_MAX_PAIRS`` it stops looking.
    """
    tree = shapely.STRtree(polygons)
    pairs = 0
    for i, polygon in enumerate(polygons):
        if pairs > _MAX_PAIRS:
            yield i, None
            continue
        near = tree.query(polygon, predicate="intersects")
        pairs += len(near)
        yield from ((i, j) for j in near.tolist() if j != i)


def check_together(features: Sequence[Faults]) -> None:
    """Measure the features that are sound enough; find those that lie on one another too much."""
    wholes = iter(geodesic_area_ha([one for faults in features for one in faults.whole]).tolist())
    for faults in features:
        if faults.whole:
            faults.area_ha = sum(next(wholes) for _ in faults.whole)
    polygons = [polygon for faults in features for polygon in faults.polygons]
    owners = [i for i, faults in enumerate(features) for _ in faults.polygons]
    areas = geodesic_area_ha(polygons).tolist()
    others: dict[int, list[tuple[int, float]]] = {}
    for i, j in _meeting(polygons):
        if j is None:
            features[owners[i]].skipped |= {"sin_superposicion"}
            continue
        named = others.setdefault(owners[i], [])
        if owners[j] == owners[i] or len(named) > _MAX_NAMED:
            continue
        if not shapely.touches(polygons[i], polygons[j]):
            common = _common_ha(polygons[i], polygons[j])
            if common > max(OVERLAP_TOLERANCE_HA, OVERLAP_TOLERANCE * min(areas[i], areas[j])):
                named.append((owners[j], common))
    for owner, found in others.items():
        texts = [
            f"{number(common, 2)} ha con el elemento {other + 1}" for other, common in sorted(found)
        ]
        more = " y otros" if len(found) > _MAX_NAMED else ""
        if texts:
            features[owner].broken["sin_superposicion"] = ", ".join(texts[:_MAX_NAMED]) + more
