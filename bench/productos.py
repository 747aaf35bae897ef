"""The three groups of products against plain geopandas and pandas, at company size, in one run.

The peer writes files with the same contents: each layer with ``to_file`` or ``to_parquet``, each
table with ``to_csv`` or ``to_excel``, the sampling plan with a loop and ``json.dump``, its map with
GDAL's KML driver, unstyled (styled maps have a peer of their own in ``kmz.py``). It is given
the layers and tables ready-made (read back from our files) and only writes them. What it is spared
is in our time: the proposed points and the visiting order, which only we compute (they reach the
peer as a layer like the others), the six-decimal EUDR geometry, its check rule by rule, the sums
of the sheets, styles, the guards against formulas. Neither side's time has imports or reading of
its input in it. Each group and side runs in a process of its own, in turn; ratios are of the
medians of wall time. ``python bench/productos.py [small|company] [rounds]``.
"""

from __future__ import annotations

import argparse
import json
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
AIM, MAX_PEAK_MB = 1.5, 1536
GROUPS = ("cultivos", "muestreos", "sustentabilidad")
SIDES = ("lindero", "plain")
NIGHT, PLAN, MADE = "night.pickle", "plan.pickle", "made"  # in the folder of inputs


# --- ours ---------------------------------------------------------------------------------------


def ours(group: str, inputs: Path, out: Path) -> Callable[[], object]:
    """Build one group from the night's tables."""
    from Modules.products.cultivos.product import build_cultivos
    from Modules.products.muestreos.product import build_muestreos
    from Modules.products.sustentabilidad.product import build_sustentabilidad

    builders = (build_cultivos, build_muestreos, build_sustentabilidad)
    build = dict(zip(GROUPS, builders, strict=True))[group]
    fuente = pickle.loads((inputs / NIGHT).read_bytes())
    return lambda: build(fuente, out)


def prepare(size: str, inputs: Path) -> None:
    """The night of a made-up company, and the files whose contents the peer writes."""
    from Modules.demo.world import build_world
    from Modules.diff.changes import diff_tables
    from Modules.night.tables import build_tables
    from Modules.products.muestreos.plan import plan_muestreo
    from Modules.products.source import Fuente
    from Modules.words.domain import BoundingBox, Campania, Record, Recurso, SnapshotId

    world, season = build_world(size), Campania(25, 26)
    records = {r: [Record(item, 1, i) for i, item in enumerate(world.items(r))] for r in Recurso}
    built = build_tables(records, campania=season, encodings={}, bbox=BoundingBox())
    fuente = Fuente(
        built.tables,
        season,
        SnapshotId(1, datetime(2025, 11, 20, 6, tzinfo=UTC)),
        diff_tables(None, built.tables),
        ZoneInfo("America/Argentina/Cordoba"),
    )
    (inputs / NIGHT).write_bytes(pickle.dumps(fuente))
    plan = plan_muestreo(fuente)
    (inputs / PLAN).write_bytes(pickle.dumps({"puntos": plan.puntos, "ambientes": plan.ambientes}))
    for group in GROUPS:
        folder = inputs / MADE / group
        folder.mkdir(parents=True)
        ours(group, inputs, folder)()


# --- the peer -----------------------------------------------------------------------------------


def plain(group: str, inputs: Path, out: Path) -> Callable[[], object]:
    """Write files with the contents of one group, read beforehand."""
    files = sorted(path for path in (inputs / MADE / group).rglob("*") if path.is_file())
    writers = [_writer(path, inputs, out) for path in files if path.suffix != ".kmz"]
    if len(writers) < len(files):
        writers.append(_map(inputs, out / "muestreos.kmz"))
    return lambda: [write() for write in writers]


def _writer(path: Path, inputs: Path, out: Path) -> Callable[[], object]:
    """Reads one of our files; gives back what writes its contents the plain way."""
    import geopandas as gpd
    import pandas as pd

    target = out / path.name
    if path.name.endswith("_shp.zip"):
        return _shapefile(gpd.read_file(path), target)
    if path.name.endswith(".modus.json"):
        points = pickle.loads((inputs / PLAN).read_bytes())["puntos"]
        return lambda: target.write_text(json.dumps(_modus(points)), encoding="utf-8")
    match path.suffix:
        case ".gpkg":
            return _geopackage(path, target)
        case ".geojson":
            layer = gpd.read_file(path)
            digits = {"COORDINATE_PRECISION": 6} if path.name.startswith("eudr") else {}
            return lambda: layer.to_file(target, driver="GeoJSON", **digits)
        case ".parquet":
            rows = gpd.read_parquet(path)
            return lambda: rows.to_parquet(target, compression="zstd", write_covering_bbox=True)
        case ".csv":
            table = pd.read_csv(path, encoding="utf-8-sig")
            return lambda: table.to_csv(target, index=False, encoding="utf-8-sig")
        case ".xlsx":
            return _workbook(pd.read_excel(path, sheet_name=None), target)
    raise ValueError(f"no plain way to write {path.name}")


def _geopackage(path: Path, target: Path) -> Callable[[], object]:
    import geopandas as gpd
    import pyogrio

    names = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    layers = {name: gpd.read_file(path, layer=name) for name in names}
    return lambda: [
        rows.to_file(target, layer=name, driver="GPKG", engine="pyogrio")
        for name, rows in layers.items()
    ]


def _shapefile(rows: Any, target: Path) -> Callable[[], object]:
    def write() -> None:
        folder = target.with_suffix("")
        folder.mkdir()
        rows.to_file(folder / f"{folder.name}.shp", encoding="utf-8")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
            for part in sorted(folder.iterdir()):
                package.write(part, part.name)

    return write


def _map(inputs: Path, target: Path) -> Callable[[], object]:
    """The map of the plan in one piece, however many files ours is cut into."""
    plan = pickle.loads((inputs / PLAN).read_bytes())

    def write() -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
            for name, rows in plan.items():
                part = target.with_name(f"{name}.kml")
                rows.to_file(part, driver="KML")
                package.write(part, part.name)

    return write


def _workbook(sheets: dict[str, Any], target: Path) -> Callable[[], object]:
    import pandas as pd

    def write() -> None:
        with pd.ExcelWriter(target) as book:
            for name, rows in sheets.items():
                rows.to_excel(book, sheet_name=name, index=False)

    return write


def _modus(points: Any) -> dict[str, Any]:
    """The samples of the plan, one for each depth of each point."""
    samples = {}
    for row in points.fillna({"profundidades_cm": "", "analisis": ""}).itertuples():
        for number, depth in enumerate(row.profundidades_cm.split("; "), start=1):
            top, _, bottom = depth.partition("-")
            samples[f"{row.punto_id}#{number}"] = {
                "id": f"{row.punto_id}#{number}",
                "source": {
                    "sampleid": str(row.codigo),
                    "farm": {"id": row.campo_id, "name": row.campo},
                    "field": {"id": row.lote_id, "name": row.lote},
                    "subfield": {"id": str(row.ambiente_id), "name": str(row.ambiente)},
                },
                "depth": {"name": depth, "top": top, "bottom": bottom, "units": "cm"},
                "geolocation": {"lat": row.lat, "lon": row.lon},
                "lindero": {
                    "origen": row.origen,
                    "orden": str(row.orden),
                    "punto": row.punto,
                    "estado": row.estado,
                    "submuestras": str(row.submuestras),
                    "analisis": row.analisis.split("; "),
                },
            }
    return {"date": "2025-11-20", "type": "soil", "samples": samples}


# --- side by side -------------------------------------------------------------------------------


def measure(side: str, group: str, inputs: Path, out: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MB of one side in a process of its own."""
    output = _call("--side", side, "--group", group, "--inputs", str(inputs), "--out", str(out))
    wall, cpu, peak = (float(word) for word in output.split()[-3:])
    return wall, cpu, peak


def _call(*arguments: str) -> str:
    """This script in a child. The parent stays small: a child's peak begins with its parent's."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def run_side(side: str, group: str, inputs: Path, out: Path) -> None:
    """One side of one group, timed from the inside."""
    warnings.simplefilter("ignore", RuntimeWarning)  # of what a shapefile cannot hold
    out.mkdir(parents=True)
    work = (ours if side == "lindero" else plain)(group, inputs, out)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def compare(size: str, rounds: int) -> None:
    """Run both sides of each group in turn and print the ratios."""
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as temp:
        inputs = Path(temp) / "inputs"
        inputs.mkdir()
        _call("--prepare", size, "--inputs", str(inputs))
        for turn in range(rounds):
            for group in GROUPS:
                for side in SIDES if turn % 2 else SIDES[::-1]:
                    out = Path(temp) / f"{group}-{side}-{turn}"
                    one = measure(side, group, inputs, out)
                    found.setdefault((group, side), []).append(one)
    medians = {
        key: [statistics.median(v) for v in zip(*runs, strict=True)][:2]
        for key, runs in found.items()
    }
    for group in GROUPS:
        _tell(group, [medians[group, side] for side in SIDES])
    _tell("all", [[sum(medians[g, s][i] for g in GROUPS) for i in (0, 1)] for s in SIDES])
    print(f"aim: all at most {AIM} x, peak memory at most {MAX_PEAK_MB} MB ({size})")
    lindero, peer = (max(one[2] for g in GROUPS for one in found[g, side]) for side in SIDES)
    print(f"peak memory: lindero {lindero:.0f} MB, plain {peer:.0f} MB")


def _tell(name: str, sides: list[list[float]]) -> None:
    (wall, cpu), (plain_wall, plain_cpu) = sides
    print(
        f"{name:16} {wall:6.2f} s / {plain_wall:6.2f} s = {wall / plain_wall:5.2f} x   "
        f"(CPU {cpu:.2f} s / {plain_cpu:.2f} s = {cpu / plain_cpu:.2f} x)",
        flush=True,
    )


def main() -> None:
    """One side of one group on its own, or the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", nargs="?", default="company")
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--prepare")
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--group", choices=GROUPS)
    parser.add_argument("--inputs", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.prepare is not None:
        prepare(options.prepare, options.inputs)
    elif options.side is None:
        compare(options.size, options.rounds)
    else:
        run_side(options.side, options.group, options.inputs, options.out)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
