"""The morning's report against the same one by matplotlib and pandas, in one run.

The peer is what a user would write in a morning: geopandas' ``plot`` of the campos that changed and
a bar chart into a ``PdfPages``, the tables by ``to_html``; it says nothing of what to look at. The
company: 2,500 lotes, 7,500 ambientes, 40,000 marcadores; a night in which 40 borders moved. Each
side runs in a process of its own, from tables in memory to page and PDF written; the ratio is of
the medians of wall time. ``python bench/informe.py [--lotes 2500] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.kmz import company, night  # noqa: E402
from Modules.diff.changes import cambios, diff_tables  # noqa: E402
from Modules.products.cultivos.sown import progress, sown, sown_crops  # noqa: E402
from Modules.products.informe.drawing import MAX_MAPAS  # noqa: E402
from Modules.products.informe.product import build_informe  # noqa: E402
from Modules.products.source import Fuente  # noqa: E402

REACH, AIM, MAX_S = 1.0, 1.5, 2.0  # times as fast; seconds at most
MOVED = 40


def changed(lotes: int) -> Fuente:
    """A night of the company in which borders moved."""
    now = company(lotes)
    before = now.lotes.copy()
    some = before.index[:: max(1, len(before) // MOVED)]
    before.loc[some, "geometry"] = before.loc[some, "geometry"].buffer(-0.0003)
    changes = diff_tables(replace(now, lotes=before), now)
    return replace(night(now), changes=changes, antes=lambda: before)


def ours(fuente: Fuente, folder: Path) -> None:
    """Lindero: a page and a PDF."""
    build_informe(fuente, folder)


def plain(fuente: Fuente, folder: Path) -> None:
    """matplotlib and pandas."""
    import matplotlib as mpl

    mpl.use("pdf")
    import pandas as pd
    from matplotlib import pyplot as plt
    from matplotlib.backends.backend_pdf import PdfPages

    tables = fuente.tables
    frame = progress(sown(tables), sown_crops(tables), fuente.hora_local.date())
    rows = pd.DataFrame(cambios(fuente.changes), columns=["campo", "lote", "que", "detalle"])
    keys = {one.lote_id for one in fuente.changes.lotes}
    mine = tables.lotes[tables.lotes["lote_id"].isin(keys)]
    with PdfPages(folder / "plain.pdf") as pdf:
        axes = frame.plot.barh(x="cultivo", y=["ya_sembrada_ha", "cosechada_ha"])
        pdf.savefig(axes.figure)
        for campo_id in list(dict.fromkeys(mine["campo_id"]))[:MAX_MAPAS]:
            own = tables.lotes[tables.lotes["campo_id"] == campo_id]
            axes = own.plot(color="#ececec", edgecolor="#9e9e9e")
            mine[mine["campo_id"] == campo_id].plot(ax=axes, color="#ef6c00")
            pdf.savefig(axes.figure)
        plt.close("all")
    page = frame.to_html() + rows.head(50).to_html()
    (folder / "plain.html").write_text(page, encoding="utf-8")


def one_side(side: str, lotes: int) -> None:
    """In a process of its own: print seconds."""
    fuente = changed(lotes)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        (ours if side == "lindero" else plain)(fuente, Path(folder))
        print(json.dumps(time.perf_counter() - start))


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
    for _ in range(options.rounds):
        for side, times in seconds.items():
            command = [sys.executable, __file__, "--side", side, "--lotes", str(options.lotes)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            times.append(json.loads(done.stdout))
    ours_s, theirs_s = (statistics.median(times) for times in seconds.values())
    ratio = theirs_s / ours_s
    good = ratio >= REACH and ours_s <= MAX_S
    verdict = "NOT REACHED" if not good else "aim" if ratio >= AIM else "reached"
    print(
        f"informe, {options.lotes:,} lotes: lindero {ours_s:.2f} s (limit {MAX_S:g}), matplotlib "
        f"and pandas {theirs_s:.2f} s: {ratio:.1f} times as fast (reach {REACH:g}, aim {AIM:g}): "
        f"{verdict}"
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()
