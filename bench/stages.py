"""Where a night's time goes: seconds of each stage and product, and their share of the whole.

Wall seconds, and those of processor (children too), which a busy machine moves less.

One night of a made-up company, then its maps and hexagons, then the night after it, in which some
lotes changed; in one process and without Prefect, by the stories that the flows run.
``python bench/stages.py [small|company]``.
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
MUESTREOS, ATLAS, AIM_S = "Producto muestreos", "Producto atlas", 6
MORNING = [f"Producto {name}" for name in ("mapa", "maquinas", "atlas", "proyecto", "informe")]
AIM_TIMES = 2.0  # the night with what people open in the morning, of the night without it


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

        seconds: dict[str, tuple[float, float]] = {}

        def timed(
            step: stages.StageInfo, work: Callable[..., Any], /, *args: Any, **more: Any
        ) -> Any:
            start = now()
            try:
                return work(*args, **more)
            finally:
                seconds[step.name] = since(start)

        start = now()
        outcomes = [stages.respaldar("25/26", test=True, stage=timed)]
        night = since(start)
        outcomes += [
            stages.hacer("kmz", "25/26", test=True, stage=timed),
            timed(stages.StageInfo("Producto h3"), lambda: stages.hacer("h3", "25/26", test=True)),
        ]
        whole = since(start)
        first, seconds = seconds, {}
        os.environ["LINDERO_DEMO_DAY"] = "1"
        start = now()
        outcomes.append(stages.respaldar("25/26", test=True, stage=timed))
        second, after = seconds, since(start)
    seconds = first
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if failed:
        raise SystemExit(f"not a whole night, nothing to compare: {failed}")
    spent = zip(*seconds.values(), strict=True)
    rest = tuple(all_ - sum(each) for all_, each in zip(whole, spent, strict=True))
    named = {"the rest: locks, retention, the demo portal": rest, "whole": whole}
    for name, (wall, cpu) in (seconds | named).items():
        print(f"  {name:44} {wall:6.2f} s {wall / whole[0]:6.1%}   CPU {cpu:6.2f} s")
    morning = tuple(map(sum, zip(*(seconds[one] for one in MORNING), strict=True)))
    for what, spent_in in (("flow of the night", night), ("whole night, KMZ and H3 too", whole)):
        wall, cpu = (all_ / (all_ - more) for all_, more in zip(spent_in, morning, strict=True))
        print(
            f"{what}, with the {len(MORNING)} products of the morning, {size}: {wall:.2f} times "
            f"what it takes without (processor: {cpu:.2f}; aim: at most {AIM_TIMES:.0f})"
        )
    print(
        f"the night after, {size}: {after[0]:.1f} s, of which atlas {second[ATLAS][0]:.1f} s; the "
        f"first {night[0]:.1f} s, of which atlas {first[ATLAS][0]:.1f} s"
    )
    print(f"{MUESTREOS}, {size}: {seconds[MUESTREOS][0]:.1f} s of {whole[0]:.1f} s (aim {AIM_S} s)")


def now() -> tuple[float, float]:
    """Seconds of the clock and of processor so far, children that ended with them."""
    spent = os.times()
    return time.perf_counter(), sum(spent[:4])


def since(start: tuple[float, float]) -> tuple[float, float]:
    """Seconds of both since then."""
    wall, cpu = now()
    return wall - start[0], cpu - start[1]


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(sys.argv[1] if len(sys.argv) > 1 else "company")
