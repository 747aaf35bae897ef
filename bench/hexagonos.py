"""Cells with exact fractions against what people use, and two processes against one, in one run.

The peer is h3-py and shapely as anybody would join them: ``h3shape_to_cells_experimental`` in mode
"overlap", then for each cell its boundary as a polygon, the intersection, the area of it on the
ellipsoid (pyproj) and the share. Both sides get the same lotes and run in this process, in turn;
the ratio is of the medians of wall time. Also printed: the touched cells that the peer misses and
by how much its parts are off the lote.

``python bench/hexagonos.py [lotes] [rounds]``
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import h3  # noqa: E402
import numpy as np  # noqa: E402
import shapely  # noqa: E402
from pyproj import Geod  # noqa: E402

from Modules.demo.world import build_world  # noqa: E402
from Modules.geo.geometry import geodesic_area_ha  # noqa: E402
from Modules.geo.h3_cover import Cover, chunks, cover, cover_chunk, merge  # noqa: E402
from Modules.night.tables import build_tables  # noqa: E402
from Modules.words.domain import BoundingBox, Campania, Record, Recurso  # noqa: E402

GEOD = Geod(ellps="WGS84")
TARGETS = {"r10": (6, 10), "r11": (10, 15), "2 processes r11": (1.5, 1.9)}


def lotes(amount: int) -> np.ndarray:
    """The first lotes of the made-up company."""
    world = build_world("company")
    records = {r: [Record(item, 1, i) for i, item in enumerate(world.items(r))] for r in Recurso}
    built = build_tables(records, campania=Campania(25, 26), encodings={}, bbox=BoundingBox())
    shapes = list(built.tables.lotes.geometry)
    found = np.empty(amount, dtype=object)
    found[:] = [shapes[i % len(shapes)] for i in range(amount)]
    return found


def peer(polygons: np.ndarray, resolution: int) -> list[dict[str, tuple[float, float]]]:
    """h3-py overlap, shapely for each cell; areas on the ellipsoid."""
    found = []
    for polygon in polygons:
        shape = h3.geo_to_h3shape(polygon)
        cells = {}
        for cell in h3.h3shape_to_cells_experimental(shape, resolution, contain="overlap"):
            hexagon = shapely.Polygon([(lon, lat) for lat, lon in h3.cell_to_boundary(cell)])
            part = polygon.intersection(hexagon)
            area = abs(GEOD.geometry_area_perimeter(part)[0]) / 1e4
            cells[cell] = (part.area / hexagon.area, area)
        found.append(cells)
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def report(name: str, slow: list[float], fast: list[float]) -> None:
    ratio = statistics.median(slow) / statistics.median(fast)
    reach, aim = TARGETS[name]
    print(
        f"{name:16} {statistics.median(slow):8.3f} s / {statistics.median(fast):7.3f} s = "
        f"{ratio:5.1f} x   (reach {reach}, aim {aim})"
    )


def compare(
    polygons: np.ndarray, ours: Cover, theirs: list[dict[str, tuple[float, float]]]
) -> None:
    """What the peer leaves out, and how far both are off the area of the lotes."""
    total = geodesic_area_ha(polygons)
    sums = np.bincount(ours.polygon, weights=ours.superficie_ha, minlength=len(polygons))
    peers = np.array([sum(area for _, area in cells.values()) for cells in theirs])
    missed = [
        share
        for i, cell, share in zip(
            ours.polygon.tolist(), ours.cell.tolist(), ours.fraccion.tolist(), strict=True
        )
        if h3.int_to_str(cell) not in theirs[i]
    ]
    print(
        f"{'':16} cells {len(ours)}; the peer misses {len(missed)} (up to "
        f"{max(missed, default=0):.1%} covered); off the lote: ours "
        f"{np.abs(sums / total - 1).max():.0e}, peer {np.abs(peers / total - 1).max():.0e}"
    )


def in_processes(pool: ProcessPoolExecutor, polygons: np.ndarray) -> Cover:
    """All lotes at resolution 11, the chunks in other processes."""
    return merge(list(pool.map(cover_chunk, chunks(polygons, 11, max_cells=40_000))))


def main(amount: int = 1000, rounds: int = 3) -> None:
    """Print the ratios."""
    polygons = lotes(amount)
    print(f"{amount} lotes, {rounds} rounds, medians")
    for resolution in (10, 11):
        slow, fast = [], []
        for _ in range(rounds):
            seconds, theirs = timed(lambda r=resolution: peer(polygons, r))
            slow.append(seconds)
            seconds, ours = timed(lambda r=resolution: cover(polygons, r))
            fast.append(seconds)
        report(f"r{resolution}", slow, fast)
        compare(polygons, ours, theirs)
    many = lotes(4 * amount)
    context = get_context("spawn")
    with ProcessPoolExecutor(1, context) as single, ProcessPoolExecutor(2, context) as pair:
        for pool in (single, pair):  # both workers have imported everything before the clock runs
            list(pool.map(cover_chunk, chunks(polygons, 11, max_cells=20_000)))
        one, two = [], []
        for _ in range(rounds):
            one.append(timed(lambda: in_processes(single, many))[0])
            two.append(timed(lambda: in_processes(pair, many))[0])
    report("2 processes r11", one, two)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process {peak:,.0f} MB")


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:3]))
