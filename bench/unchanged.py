"""The maps of an unchanged snapshot against their first run: nothing is to be built or written.

``python bench/unchanged.py [small|company]``. One process, the work of the flow without Prefect's
own start: read the snapshot, decide, build, publish.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REACH, AIM = 5, 20


def main(size: str) -> None:
    """One night kept, then the maps twice."""
    with tempfile.TemporaryDirectory() as temp:
        os.environ |= {
            "LINDERO_DEMO_SIZE": size,
            "LINDERO_PORTAL_REQUESTS_PER_SECOND": "10000",
            "LINDERO_TEST_OUTPUTS_DIR": f"{temp}/outputs",
            "LINDERO_STATE_DIR": f"{temp}/state",
        }
        from Modules.jobs import backup, portal_access
        from Modules.jobs import products as productos
        from Modules.products.registry import made_by
        from Modules.settings import load_settings
        from Modules.words.domain import Modo

        settings = load_settings()
        job = backup.prepare(settings, "25/26", modo=Modo.TEST)
        with portal_access.open_portal(settings, Modo.TEST) as access:
            night = backup.judge_night(job, access, backup.fetch(job, access))
        snapshot = backup.keep(job, night, datetime.now(UTC))
        seconds, written = [], []
        for _ in range(2):
            start = time.perf_counter()
            encargo = productos.order(settings, Modo.TEST, job.store, snapshot, datetime.now(UTC))
            made = [one for each in made_by("kmz") for one in productos.make(each, encargo)]
            seconds.append(time.perf_counter() - start)
            written.append(sum(len(one.published.written) for one in made if one.published))
    first, again = seconds
    print(f"  first run {first:.2f} s, {written[0]} files; again {again:.2f} s, {written[1]} files")
    print(f"KMZ, unchanged, {size}: {first / again:.1f} x less time (reach {REACH}, aim {AIM})")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(sys.argv[1] if len(sys.argv) > 1 else "company")
