"""The page of the map against the same layers as GeoJSON inside a Leaflet page, in one run.

The peer is what a user would write in an hour (and what folium writes): each layer with geopandas'
``to_json``, what the cards show as properties, Leaflet inlined; it has no search, legend or sums.
The company: 2,500 lotes, 7,500 ambientes, 40,000 marcadores. Each side runs in a process of its
own, from tables in memory to a file written; the ratios are of the medians of wall time, and of
bytes. ``python bench/mapa.py [--lotes 2500] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.kmz import AMBIENTE, LOTE, MARCADOR, company, night  # noqa: E402
from Modules.night.tables import Tables  # noqa: E402
from Modules.products.mapa.product import build_mapa  # noqa: E402

REACH, AIM, MAX_S, MAX_BYTES = 4.0, 6.0, 5.0, 5_000_000  # times as small; seconds and bytes at most


def ours(tables: Tables, folder: Path) -> int:
    """Lindero: one page."""
    return sum(
        path.stat().st_size for path in build_mapa(night(tables), folder).carpetas["mapa"].values()
    )


def plain(tables: Tables, folder: Path) -> int:
    """GeoJSON in a page."""
    layers = (
        (tables.lotes, {**LOTE, "cultivos": "Cultivo"}),
        (tables.ambientes, {"ambiente": "Ambiente", **AMBIENTE}),
        (tables.marcadores, {"marcador": "Marcador", **MARCADOR}),
    )
    scripts = [(files("js_lib_leaflet") / "static/js_lib_leaflet/leaflet.js").read_text("utf-8")]
    for frame, columns in layers:
        shown = frame[[*columns, "geometry"]].astype(dict.fromkeys(columns, "string"))
        scripts.append(f"L.geoJSON({shown.to_json(drop_id=True)}).addTo(map)")
    page = folder / "plain.html"
    page.write_text("".join(f"<script>{script}</script>" for script in scripts), encoding="utf-8")
    return page.stat().st_size


def one_side(side: str, lotes: int) -> None:
    """In a process of its own: print seconds and bytes."""
    tables = company(lotes)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        size = (ours if side == "lindero" else plain)(tables, Path(folder))
        print(json.dumps({"seconds": time.perf_counter() - start, "bytes": size}))


def main() -> None:
    """Run both sides in turn; exit 1 if ours misses a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lotes", type=int, default=2_500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=("lindero", "plain"))
    options = parser.parse_args()
    if options.side:
        one_side(options.side, options.lotes)
        return
    seconds: dict[str, list[float]] = {"lindero": [], "plain": []}
    sizes: dict[str, int] = {}
    for _ in range(options.rounds):
        for side, times in seconds.items():
            command = [sys.executable, __file__, "--side", side, "--lotes", str(options.lotes)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            result = json.loads(done.stdout)
            times.append(result["seconds"])
            sizes[side] = result["bytes"]
    ours_s, theirs_s = (statistics.median(times) for times in seconds.values())
    smaller = sizes["plain"] / sizes["lindero"]
    good = smaller >= REACH and ours_s <= MAX_S and sizes["lindero"] <= MAX_BYTES
    verdict = "NOT REACHED" if not good else "aim" if smaller >= AIM else "reached"
    print(
        f"mapa, {options.lotes:,} lotes: lindero {ours_s:.2f} s and {sizes['lindero']:,} bytes, "
        f"GeoJSON in a page {theirs_s:.2f} s and {sizes['plain']:,}: {theirs_s / ours_s:.1f} times "
        f"as fast, {smaller:.1f} times as small (reach {REACH:g}, aim {AIM:g}): {verdict}"
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()
