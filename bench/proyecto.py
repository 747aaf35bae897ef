"""The QGIS project of a company against its layers by geopandas' ``to_file``, in one run.

The peer is what a user would do instead: the same layers into a GeoPackage, twice (one for the
phone), with no styles, forms or project. 2,500 lotes, 7,500 ambientes, 40,000 marcadores, from
tables in memory to files written, each side in turn in this process; the ratio is of the medians
of wall time. ``python bench/proyecto.py [--lotes 2500] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import geopandas as gpd  # noqa: E402

from bench.kmz import company, night  # noqa: E402
from Modules.products.proyecto import VECINAS  # noqa: E402
from Modules.products.proyecto.capas import own_layers  # noqa: E402
from Modules.products.proyecto.product import build_proyecto  # noqa: E402
from Modules.products.source import Fuente  # noqa: E402

REACH, MAX_S = 1.0, 1.0  # times as fast; seconds at most


def ours(fuente: Fuente, folder: Path) -> None:
    """Lindero: both projects and their layers."""
    build_proyecto(fuente, folder / "ours", dict.fromkeys(VECINAS, ()))


def plain(_fuente: Fuente, folder: Path) -> None:
    """The layers alone, ready-made."""
    for copy in ("a.gpkg", "b.gpkg"):
        for name, frame in LAYERS.items():
            if isinstance(frame, gpd.GeoDataFrame):
                frame.to_file(folder / copy, layer=name)


LAYERS: dict[str, object] = {}


def main() -> None:
    """Run both sides in turn; exit 1 if ours misses a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lotes", type=int, default=2_500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    fuente = night(company(options.lotes))
    LAYERS.update(own_layers(fuente))
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(options.rounds):
        for side, times in seconds.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                (ours if side == "ours" else plain)(fuente, Path(folder))
                times.append(time.perf_counter() - start)
    mine, theirs = (statistics.median(times) for times in seconds.values())
    verdict = "reached" if theirs / mine >= REACH and mine <= MAX_S else "NOT REACHED"
    print(
        f"proyecto, {options.lotes:,} lotes: lindero {mine:.2f} s (at most {MAX_S:g}), geopandas "
        f"{theirs:.2f} s: {theirs / mine:.1f} times as fast (reach {REACH:g}): {verdict}"
    )
    sys.exit(verdict != "reached")


if __name__ == "__main__":
    main()
