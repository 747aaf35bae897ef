"""The difference of two nights against a geopandas overlay of the two layers, in one run.

The peer is what a user does in a notebook or in QGIS: ``overlay(how="symmetric_difference")`` of
yesterday's and today's lotes. It gives pieces of ground without lotes, names or reasons, and takes
a lote and its neighbour for one where they overlap. Ours compares all seven tables (ambientes,
marcadores and siembras too) and says what happened to which. Both read nothing: the tables are in
memory. A peer of the same work, lote by lote, is printed as well: ``symmetric_difference`` of the
two columns aligned by id. Medians of wall time.

``python bench/diferencias.py [small|company|stress] [rounds]``. "stress" is 25,000 lotes and takes
minutes to make up.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import geopandas as gpd  # noqa: E402

from Modules.demo.world import build_world  # noqa: E402
from Modules.diff.change import Clase  # noqa: E402
from Modules.diff.differences import diferencias  # noqa: E402
from Modules.night.tables import Tables, build_tables  # noqa: E402
from Modules.words.domain import BoundingBox, Campania, Record, Recurso  # noqa: E402

REACH, AIM = 1.0, 3.0  # times faster than the overlay


def night(size: str, day: int) -> Tables:
    """One night of the made-up company."""
    world = build_world(size, day=day)
    records = {r: [Record(item, 1, i) for i, item in enumerate(world.items(r))] for r in Recurso}
    return build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox()).tables


def overlay(before: gpd.GeoDataFrame, now: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The ground that is in one layer only."""
    sides = [frame[["lote_id", "geometry"]] for frame in (before, now)]
    return gpd.overlay(*sides, how="symmetric_difference", keep_geom_type=True)


def by_id(before: gpd.GeoDataFrame, now: gpd.GeoDataFrame) -> gpd.GeoSeries:
    """The ground gained or lost of each lote that is in both."""
    was, is_now = (frame.set_index("lote_id").geometry for frame in (before, now))
    common = was.index.intersection(is_now.index)
    return was.loc[common].symmetric_difference(is_now.loc[common])


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main(size: str = "company", rounds: int = 3) -> None:
    """Print the ratios."""
    before, now = night(size, 0), night(size, 1)
    sides: dict[str, Callable[[], Any]] = {
        "lindero, all tables": lambda: diferencias(before, now),
        "overlay of the lotes": lambda: overlay(before.lotes, now.lotes),
        "lote by lote, no overlay": lambda: by_id(before.lotes, now.lotes),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, Any] = {}
    for _ in range(rounds):
        for name, work in sides.items():
            spent, found[name] = timed(work)
            seconds[name].append(spent)
    ours, *peers = (statistics.median(seconds[name]) for name in sides)
    totals = found["lindero, all tables"].resumen()
    rows = sum(len(frame) for frame in now.as_dict().values())
    print(f"  {size}: {len(now.lotes)} lotes, {rows} rows; {totals['cambios']} changes, "
          f"{totals['por_clase'][Clase.BORDE_MOVIDO]} borders, {rounds} rounds")  # fmt: skip
    for name, spent in zip(list(sides)[1:], peers, strict=True):
        print(f"  {name:26} {spent:7.2f} s / lindero {ours:6.2f} s = {spent / ours:5.2f} x")
    pieces = len(found["overlay of the lotes"])
    print(f"  the overlay leaves {pieces} pieces of ground to be told apart by hand")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak memory {peak:,.0f} MB, the peers' included")
    print(f"diff, {size}: {peers[0] / ours:.1f} x less time (reach {REACH:g}, aim {AIM:g})")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "company", *map(int, sys.argv[2:3]))
