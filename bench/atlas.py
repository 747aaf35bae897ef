"""The atlas against matplotlib's PdfPages drawing the same maps and lists, in one run.

The peer is what a user would write in an hour: a figure of A4 a page, in metres of a UTM zone, with
the neighbours, the ambientes, the outline, the points with their numbers, and a table of them; it
has no round scale, no labels of neighbours, no corners, no work order, no card. It draws the pages
of some campos, ours all of them; the ratio is of wall time a page of a lote, each side in a process
of its own, from tables in memory to files. ``python bench/atlas.py [company|small] [--pages 60]``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from Modules.demo.world import build_world  # noqa: E402
from Modules.products.atlas.product import build_atlas  # noqa: E402
from Modules.products.source import Fuente  # noqa: E402
from Modules.words.domain import Recurso  # noqa: E402
from tests.fuentes import night_of, tables_of  # noqa: E402

REACH, AIM, MAX_S = 10.0, 20.0, 20.0  # times as fast; seconds for a company


def ours(fuente: Fuente, folder: Path, pages: int) -> int:
    """Lindero: every campo, its PDF and its card."""
    del pages
    build_atlas(fuente, folder)
    return len(fuente.tables.lotes)


def plain(fuente: Fuente, folder: Path, pages: int) -> int:
    """PdfPages: a page for each of the first lotes."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt
    from matplotlib.backends.backend_pdf import PdfPages

    tables = fuente.tables
    crs = tables.lotes.estimate_utm_crs()
    lotes, zones = tables.lotes.to_crs(crs), tables.ambientes.to_crs(crs)
    marks = tables.marcadores.to_crs(crs)
    with PdfPages(folder / "plain.pdf") as book:
        for number in range(pages):
            lote = lotes.iloc[[number]]
            key = lote["lote_id"].iloc[0]
            figure, (ax, below) = plt.subplots(2, 1, figsize=(8.27, 11.69), height_ratios=(3, 2))
            west, south, east, north = lote.total_bounds
            pad = 0.1 * max(east - west, north - south)
            lotes.cx[west - pad : east + pad, south - pad : north + pad].plot(
                ax=ax, color="#eef2ee", edgecolor="#9fb0a6"
            )
            own = zones[zones["lote_id"] == key]
            if len(own):
                own.plot(ax=ax, column="potencial", alpha=0.55)
            lote.plot(ax=ax, facecolor="none", edgecolor="black", linewidth=2)
            points = marks[marks["lote_id"] == key]
            spots = points.geometry.representative_point()
            ax.scatter(spots.x, spots.y, s=60)
            for at, spot in enumerate(spots, start=1):
                ax.annotate(str(at), (spot.x, spot.y), ha="center", va="center", fontsize=6)
            ax.set_xlim(west - pad, east + pad)
            ax.set_ylim(south - pad, north + pad)
            ax.set_aspect("equal")
            ax.set_title(f"{lote['campo'].iloc[0]}, {lote['lote'].iloc[0]}")
            below.axis("off")
            if len(points):
                shown = points[["marcador", "tipo", "estado"]].fillna("").astype(str)
                below.table(cellText=shown.to_numpy(), colLabels=list(shown), loc="upper center")
            book.savefig(figure)
            plt.close(figure)
    return pages


def main() -> None:
    """Run both sides; exit 1 if ours misses a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", nargs="?", choices=("small", "company"), default="company")
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--side", choices=("lindero", "plain"))
    options = parser.parse_args()
    if options.side:
        world = build_world(options.size)
        fuente = night_of(tables_of({recurso: world.items(recurso) for recurso in Recurso}))
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            side = ours if options.side == "lindero" else plain
            pages = side(fuente, Path(folder), options.pages)
            print(json.dumps({"seconds": time.perf_counter() - start, "pages": pages}))
        return
    made = {}
    for side in ("lindero", "plain"):
        command = [sys.executable, __file__, options.size, "--side", side]
        done = subprocess.run([*command, "--pages", str(options.pages)], check=True,
                              capture_output=True, text=True)  # fmt: skip
        made[side] = json.loads(done.stdout)
    seconds = made["lindero"]["seconds"]
    each, theirs = (one["seconds"] / one["pages"] for one in made.values())
    good = theirs / each >= REACH and seconds <= MAX_S
    verdict = "NOT REACHED" if not good else "aim" if theirs / each >= AIM else "reached"
    print(
        f"atlas, {made['lindero']['pages']:,} pages of lotes: lindero {seconds:.1f} s (at most "
        f"{MAX_S:g}), {each * 1000:.1f} ms a page; PdfPages {theirs * 1000:.0f} ms a page: "
        f"{theirs / each:.0f} times as fast (reach {REACH:g}, aim {AIM:g}): {verdict}"
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()
