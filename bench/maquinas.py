"""Machine files against isoxml (PyPI) and geopandas' ``to_file``, the same lotes, in one run.

The peers do what a user would: ISOXML 4 by isoxml's models and its shapely converter, zipped; the
two Shapefiles with ``to_file`` and ``zipfile``. Theirs have no version 3, no KML, no names that
stay distinct and no numbers that stay; ours makes all files of the product. The company: 2,500
lotes, 7,500 ambientes. Each side runs in a process of its own, from tables in memory to files
written; the ratio is of the medians of wall time.
``python bench/maquinas.py [--lotes 2500] [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.kmz import company, night  # noqa: E402
from Modules.night.tables import Tables  # noqa: E402
from Modules.products.maquinas.product import build_maquinas  # noqa: E402

REACH, AIM, MAX_S = 4.0, 8.0, 10.0  # times as fast; seconds at most


def ours(tables: Tables, folder: Path) -> None:
    """Lindero: all files of the company."""
    build_maquinas(night(tables), folder)


def peers(tables: Tables, folder: Path) -> None:
    """ISOXML 4 by isoxml, Shapefiles by geopandas."""
    import isoxml.models.base.v4 as iso
    from isoxml.converter.shapely_geom import ShapelyConverterV4
    from isoxml.util.isoxml_io import isoxml_to_zip

    convert, lotes, zones = ShapelyConverterV4(), tables.lotes, tables.ambientes

    def polygons(shape: object, kind: iso.PolygonType) -> list[iso.Polygon]:
        parts = getattr(shape, "geoms", [shape])
        return [convert.to_iso_polygon(part, kind) for part in parts]

    number = {key: f"PFD{at}" for at, key in enumerate(lotes["lote_id"], 1)}
    fields = [
        iso.Partfield(
            id=number[one.lote_id],
            designator=one.lote[:32],
            area=round(one.superficie_ha * 10_000),
            polygons=polygons(one.geometry, iso.PolygonType.PartfieldBoundary),
        )
        for one in lotes.itertuples()
    ]
    tasks = [
        iso.Task(
            id=f"TSK{at}",
            partfield_id_ref=number[key],
            status=iso.TaskStatus.Planned,
            treatment_zones=[
                iso.TreatmentZone(
                    code=code,
                    designator=one.ambiente[:32],
                    polygons=polygons(one.geometry, iso.PolygonType.TreatmentZone),
                )
                for code, one in enumerate(own.itertuples(), 1)
            ],
        )
        for at, (key, own) in enumerate(zones.groupby("lote_id"), 1)
    ]
    data = iso.Iso11783TaskData(
        management_software_manufacturer="x",
        management_software_version="1",
        data_transfer_origin=iso.Iso11783TaskDataDataTransferOrigin.FMIS,
        partfields=fields,
        tasks=tasks,
    )
    isoxml_to_zip(folder / "isoxml.zip", data)
    columns = {"lotes": ["campo", "lote"], "ambientes": ["lote_id", "ambiente", "potencial"]}
    for name, frame in (("lotes", lotes), ("ambientes", zones)):
        frame[[*columns[name], "superficie_ha", "geometry"]].to_file(folder / f"{name}.shp")
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in folder.glob(f"{name}.*"):
                if path.suffix != ".zip":
                    archive.write(path, path.name)


def one_side(side: str, lotes: int) -> None:
    """In a process of its own: print seconds."""
    tables = company(lotes)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        (ours if side == "lindero" else peers)(tables, Path(folder))
        print(json.dumps(time.perf_counter() - start))


def main() -> None:
    """Run both sides in turn; exit 1 if ours misses a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lotes", type=int, default=2_500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=("lindero", "peers"))
    options = parser.parse_args()
    if options.side:
        one_side(options.side, options.lotes)
        return
    seconds: dict[str, list[float]] = {"lindero": [], "peers": []}
    for _ in range(options.rounds):
        for side, times in seconds.items():
            command = [sys.executable, "-W", "ignore", __file__, "--side", side]
            command += ["--lotes", str(options.lotes)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            times.append(json.loads(done.stdout))
    ours_s, theirs_s = (statistics.median(times) for times in seconds.values())
    ratio = theirs_s / ours_s
    good = ratio >= REACH and ours_s <= MAX_S
    verdict = "NOT REACHED" if not good else "aim" if ratio >= AIM else "reached"
    print(
        f"maquinas, {options.lotes:,} lotes: lindero {ours_s:.2f} s (two ISOXML, Shapefiles, KML), "
        f"isoxml and geopandas {theirs_s:.2f} s (one ISOXML, Shapefiles): {ratio:.1f} times as "
        f"fast (reach {REACH:g}, aim {AIM:g}): {verdict}"
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()
