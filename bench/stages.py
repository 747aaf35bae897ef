"""Where a night's time goes: seconds of each stage and product, and their share of the whole.

One night of a made-up company, then its maps and hexagons, in one process and without Prefect, by
the stories that the flows run. ``python bench/stages.py [small|company]``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MUESTREOS, AIM_S = "Producto muestreos", 6


def main(size: str) -> None:
    """Every flow that makes files, stage by stage."""
    with tempfile.TemporaryDirectory() as temp:
        os.environ |= {
            "LINDERO_DEMO_SIZE": size,
            "LINDERO_PORTAL_REQUESTS_PER_SECOND": "10000",
            "LINDERO_TEST_OUTPUTS_DIR": f"{temp}/outputs",
            "LINDERO_STATE_DIR": f"{temp}/state",
        }
        from Modules.orchestration import stages

        seconds: dict[str, float] = {}

        def timed(step: stages.StageInfo, work: Callable[..., Any], /, *args: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*args)
            finally:
                seconds[step.name] = time.perf_counter() - start

        start = time.perf_counter()
        outcomes = [
            stages.respaldar("25/26", test=True, stage=timed),
            stages.hacer_kmz("25/26", test=True, stage=timed),
            timed(stages.StageInfo("Producto h3"), lambda: stages.hacer_h3("25/26", test=True)),
        ]
        whole = time.perf_counter() - start
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if failed:
        raise SystemExit(f"not a whole night, nothing to compare: {failed}")
    rest = {"the rest: locks, retention, the demo portal": whole - sum(seconds.values())}
    for name, taken in (seconds | rest | {"whole": whole}).items():
        print(f"  {name:44} {taken:6.2f} s  {taken / whole:6.1%}")
    print(f"{MUESTREOS}, {size}: {seconds[MUESTREOS]:.1f} s of {whole:.1f} s (aim {AIM_S} s)")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(sys.argv[1] if len(sys.argv) > 1 else "company")
