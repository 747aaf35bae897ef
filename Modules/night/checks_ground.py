"""Rows held against each other on the ground: lotes, what lies in them, and what lies far away.

All of these warn and none refuses: a person has to look, and the night is as good as the last one.
"""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import shapely

from Modules.geo.arrays import Array, Flags, Shapes
from Modules.geo.geometry import geodesic_area_ha, polygons_of
from Modules.geo.ground import homes_of, land_once_ha, metres_outside, overlaps, share_inside
from Modules.night.figures import Nights, places
from Modules.night.tables import Tables
from Modules.night.verdict import warned
from Modules.words.finding import Finding
from Modules.words.spanish import number
from Modules.words.thresholds import DEFAULTS, Thresholds


def check_ground(nights: Nights) -> list[Finding]:
    """Lotes that share ground, marks far from their lote, ambientes that leave theirs."""
    names = places(nights.tables)
    return [_overlaps(nights, names), _marks(nights, names), _ambientes(nights, names)]


def land_ha(tables: Tables, limits: Thresholds = DEFAULTS) -> Array:
    """Hectares of each lote without the ground that a lote before it (by id) covers already."""
    lotes = tables.lotes
    areas = lotes["superficie_ha"].to_numpy()
    return land_once_ha(lotes.geometry.to_numpy(), areas, limits.overlap)


def far_marks(tables: Tables, marks: gpd.GeoDataFrame) -> Flags:
    """Which of the marks lie farther outside their lote than a crew would look for them."""
    return _outside(tables, marks) > DEFAULTS.mark_distance_m


def inside_lotes(tables: Tables, ambientes: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """Each ambiente; of one that leaves its lote, the part inside, which may be empty."""
    homes, shapes = _homes(tables, ambientes), ambientes.geometry.to_numpy().copy()
    leaves = share_inside(shapes, homes) < DEFAULTS.ambiente_inside
    inside = shapely.intersection(shapes[leaves], homes[leaves])
    shapes[leaves] = [polygons_of(one) for one in inside]
    return gpd.GeoSeries(shapes, index=ambientes.index, crs=ambientes.crs)


def _homes(tables: Tables, rows: gpd.GeoDataFrame) -> Shapes:
    lotes = tables.lotes
    return homes_of(rows["lote_id"].tolist(), lotes["lote_id"].tolist(), lotes.geometry.to_numpy())


def _outside(tables: Tables, marks: gpd.GeoDataFrame) -> Array:
    return metres_outside(marks.geometry.to_numpy(), _homes(tables, marks))


def _overlaps(nights: Nights, names: Mapping[str, str]) -> Finding:
    lotes, limits = nights.tables.lotes, nights.limits
    first, second, common = overlaps(lotes.geometry.to_numpy(), limits.overlap)
    shared, areas = geodesic_area_ha(common), lotes["superficie_ha"].to_numpy()
    shares = shared / np.minimum(areas[first], areas[second])
    ids = lotes["lote_id"].to_numpy(dtype=object)
    pairs = zip(ids[first], ids[second], shared.tolist(), shares.tolist(), strict=True)
    notes = [
        f"{names[one]} y {names[other]}: comparten {number(ha, 1)} ha, "
        f"el {number(100 * share, 0)} % del menor"
        for one, other, ha, share in sorted(pairs, key=lambda pair: -pair[2])
    ]
    total = float(areas.sum())
    land = float(land_ha(nights.tables, limits).sum()) if notes else total
    if notes:
        sums = f"los lotes suman {number(total, 1)} ha y la tierra es {number(land, 1)} ha"
        notes.insert(0, sums)
    figures = {"pares": len(shared), "lotes_ha": total, "tierra_ha": land}
    return warned("lotes que no se superponen", notes, figures)


def _marks(nights: Nights, names: Mapping[str, str]) -> Finding:
    marks, limits = nights.tables.marcadores, nights.limits
    metres = _outside(nights.tables, marks)
    far = np.flatnonzero(metres > limits.mark_distance_m)
    notes = [
        f"{names[row.lote_id]}: {row.marcador} ({row.marcador_id}) a {_distance(metres[at])} de él"
        for at in far[np.argsort(-metres[far], kind="stable")].tolist()
        for row in [marks.iloc[at]]
    ]
    figures = {"lejos": len(far), "mas_lejos_m": float(metres.max(initial=0.0))}
    return warned("marcadores en su lote", notes, figures)


def _distance(metres: float) -> str:
    return f"{number(metres, 0)} m" if metres < 10_000 else f"{number(metres / 1000, 0)} km"


def _ambientes(nights: Nights, names: Mapping[str, str]) -> Finding:
    rows = nights.tables.ambientes
    shares = share_inside(rows.geometry.to_numpy(), _homes(nights.tables, rows))
    out = np.flatnonzero(shares < nights.limits.ambiente_inside)
    notes = [
        f"{names[row.lote_id]}: {row.ambiente} ({row.ambiente_id}) está adentro en un "
        f"{number(100 * shares[at], 0)} %"
        for at in out[np.argsort(shares[out], kind="stable")].tolist()
        for row in [rows.iloc[at]]
    ]
    return warned("ambientes dentro de su lote", notes, {"afuera": len(out)})
