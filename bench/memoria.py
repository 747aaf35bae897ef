"""The most memory that a night takes, and what it writes, stage by stage, at ten times a company.

25,000 lotes, 75,000 ambientes and 400,000 marks out of the demo portal, which is a process of its
own; then the maps and the hexagons, in one process and without Prefect, by the stories that the
flows run. Megabytes: resident at most (the child processes too), and handed to the disk. Seconds
hang on what else the machine does.
``python bench/memoria.py [small|company|stress] [backup,kmz,h3]``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
AIM_MB, EVERY_S = 2_500, 0.05


def main(size: str, flows: list[str]) -> None:
    """Each flow in turn; what a stage leaves behind is in the peak of the next."""
    from Modules.demo.child import demo_process

    with demo_process(size=size) as demo, tempfile.TemporaryDirectory() as temp:
        os.environ |= {
            "DATABALER_BASE_URL": demo.base_url,
            "DATABALER_CLIENT_ID": demo.client_id,
            "DATABALER_CLIENT_SECRET": demo.client_secret,
            "LINDERO_PORTAL_REQUESTS_PER_SECOND": "10000",
            "LINDERO_TEST_OUTPUTS_DIR": f"{os.environ.get('BENCH_KEEP', temp)}/outputs",
            "LINDERO_STATE_DIR": f"{os.environ.get('BENCH_KEEP', temp)}/state",
        }
        from Modules.orchestration import stages

        with sampled(demo_pid(psutil.Process())) as (stage, peaks):
            stories = {
                "backup": lambda: stages.respaldar("25/26", test=True, stage=stage),
                "kmz": lambda: stages.hacer("kmz", "25/26", test=True, stage=stage),
                "h3": lambda: stage(
                    stages.StageInfo("Producto h3"), lambda: stages.hacer("h3", "25/26", test=True)
                ),
            }
            failed = [done.error for flow in flows if (done := stories[flow]()).error is not None]
    if failed:
        raise SystemExit(f"not a whole night, nothing to compare: {failed}")
    most = max(peaks.values())
    verdict = "reached" if most <= AIM_MB else "NOT REACHED"
    print(f"memory, {size}: {most:,} MB at most (aim: at most {AIM_MB:,} MB): {verdict}")


def demo_pid(me: psutil.Process) -> int:
    """The portal is a child of ours, and no part of the night."""
    (portal,) = me.children()
    return int(portal.pid)


@contextmanager
def sampled(portal: int) -> Iterator[tuple[Callable[..., Any], dict[str, int]]]:
    """Who runs stages, and the peak of each; a thread looks all the while."""
    me, done, now = psutil.Process(), threading.Event(), ["start"]
    peaks: dict[str, int] = defaultdict(int)

    def look() -> None:
        while not done.wait(EVERY_S):
            total = me.memory_info().rss
            for child in me.children(recursive=True):
                try:
                    total += 0 if child.pid == portal else child.memory_info().rss
                except psutil.Error:
                    continue  # it just ended
            peaks[now[0]] = max(peaks[now[0]], total >> 20)

    def stage(step: Any, work: Callable[..., Any], /, *args: Any, **more: Any) -> Any:
        begin, wrote, cpu = time.perf_counter(), me.io_counters().write_bytes, sum(os.times()[:4])
        now[0] = step.name
        try:
            return work(*args, **more)
        finally:
            took, busy = time.perf_counter() - begin, sum(os.times()[:4]) - cpu
            written = (me.io_counters().write_bytes - wrote) >> 20
            print(
                f"  {step.name:28} {peaks[step.name]:6,} MB at most, {written:6,} MB written, "
                f"{took:6.1f} s (CPU {busy:.1f} s)",
                flush=True,
            )

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield stage, peaks
    finally:
        done.set()
        watcher.join()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    given = dict(enumerate(sys.argv))
    main(given.get(1, "stress"), given.get(2, "backup,kmz,h3").split(","))
