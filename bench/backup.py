"""The whole backup against a plain script, on the same portal, in one run.

The peer is what one would write in an afternoon: requests for the pages, geopandas for the layers.
It fetches the same pages and writes the same layers (GeoPackage and GeoJSON of the lotes, Parquet
of every table), checks nothing and keeps nothing. Each side runs in processes of its own, in turn;
the ratio is of the medians of wall time, beside it that of CPU time, which a busy machine moves
less. ``python bench/backup.py [small|company] [rounds]``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE_SIZE = 1000  # the profile asks for as many
AIM = 1.3


def ours(base_url: str, client_id: str, secret: str, folder: Path) -> None:
    """One night of Lindero: fetch, judge, keep, publish."""
    os.environ |= {
        "DATABALER_BASE_URL": base_url,
        "DATABALER_CLIENT_ID": client_id,
        "DATABALER_CLIENT_SECRET": secret,
        "LINDERO_TEST_OUTPUTS_DIR": str(folder / "outputs"),
        "LINDERO_STATE_DIR": str(folder / "state"),
        "LINDERO_PORTAL_REQUESTS_PER_SECOND": "10000",
    }
    from Modules.jobs import backup, portal_access
    from Modules.portal.collector import without_collector
    from Modules.settings import load_settings
    from Modules.words.domain import Modo

    settings = load_settings()
    job = backup.prepare(settings, "25/26", modo=Modo.TEST)
    with portal_access.open_portal(settings, Modo.TEST) as access, without_collector():
        fetched = backup.fetch(job, access)
        night = backup.judge_night(job, access, fetched)
        snapshot = backup.keep(job, night, datetime.now(UTC))
        backup.publish(job, snapshot, datetime.now(UTC))


def plain(base_url: str, client_id: str, secret: str, folder: Path) -> None:
    """The plain script: the same pages, the same layers."""
    import geopandas as gpd
    import requests
    from shapely.geometry import shape

    folder.mkdir(parents=True, exist_ok=True)
    session = requests.Session()
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    token = session.post(f"{base_url}/auth/token", data=form, timeout=60).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    for name in ("cultivos", "zonas", "campos", "lotes", "ambientes", "marcadores"):
        items, page = [], 1
        while True:
            query = {"campania": "25/26", "page": page, "size": PAGE_SIZE}
            answer = session.get(f"{base_url}/{name}", params=query, timeout=60).json()
            items += answer["items"]
            if answer["next"] is None:
                break
            page += 1
        if name == "lotes":
            siembras = [{"lote_id": x["id"], **s} for x in items for s in x.pop("siembras")]
            _flat(siembras).to_parquet(folder / "siembras.parquet")
        geometries = [shape(x["geometry"]) if x.get("geometry") else None for x in items]
        rows = _flat([{k: v for k, v in x.items() if k != "geometry"} for x in items])
        if name in ("cultivos", "campos"):
            rows.to_parquet(folder / f"{name}.parquet")
            continue
        layer = gpd.GeoDataFrame(rows, geometry=geometries, crs="EPSG:4326")
        layer.to_parquet(folder / f"{name}.parquet")
        if name == "lotes":
            layer.to_file(folder / "lotes.gpkg", driver="GPKG")
            layer.to_file(folder / "lotes.geojson", driver="GeoJSON")


def _flat(items: list[dict[str, Any]]) -> Any:
    """Items as a table, nested names joined; what mixes types becomes text."""
    import pandas as pd

    rows = pd.json_normalize(items, sep="_")
    for column in rows.columns[rows.dtypes == "object"]:
        rows[column] = rows[column].map(lambda v: None if v is None else str(v))
    return rows


def measure(side: str, portal: dict[str, str], folder: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MB of one side in a process of its own."""
    start = time.perf_counter()
    output = subprocess.run(
        [
            sys.executable,
            __file__,
            "--side",
            side,
            "--portal",
            json.dumps(portal),
            "--folder",
            str(folder),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    wall = time.perf_counter() - start
    cpu, peak = output.split()[-2:]
    return wall, float(cpu), float(peak)


def compare(size: str, rounds: int) -> None:
    """Run both sides in turn and print the ratio."""
    from Modules.demo.child import demo_process

    found: dict[str, list[tuple[float, float, float]]] = {"lindero": [], "plain": []}
    with demo_process(size=size) as demo, tempfile.TemporaryDirectory() as temp:
        portal = {"url": demo.base_url, "id": demo.client_id, "secret": demo.client_secret}
        for turn in range(rounds):
            for side in ("plain", "lindero") if turn % 2 else ("lindero", "plain"):
                wall, cpu, peak = measure(side, portal, Path(temp) / f"{side}-{turn}")
                found[side].append((wall, cpu, peak))
                print(
                    f"  {side:8} round {turn + 1}: {wall:6.2f} s, "
                    f"CPU {cpu:6.2f} s, peak {peak:5.0f} MB",
                    flush=True,
                )
    wall, cpu = (
        statistics.median(one[at] for one in found["lindero"])
        / statistics.median(one[at] for one in found["plain"])
        for at in (0, 1)
    )
    print(f"backup, {size}: {wall:.2f} x the time of a plain script (aim: at most {AIM})")
    print(f"CPU time: {cpu:.2f} x")
    lindero, plain = (max(one[2] for one in found[side]) for side in ("lindero", "plain"))
    print(f"peak memory: lindero {lindero:.0f} MB, plain {plain:.0f} MB")


def main() -> None:
    """Either side on its own, or the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", nargs="?", default="company")
    parser.add_argument("rounds", nargs="?", type=int, default=3)
    parser.add_argument("--side", choices=("lindero", "plain"))
    parser.add_argument("--portal", type=json.loads)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.side is None:
        compare(options.size, options.rounds)
        return
    side = ours if options.side == "lindero" else plain
    side(options.portal["url"], options.portal["id"], options.portal["secret"], options.folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
