"""What a night asks of the kernel, read from ``strace``: where to strike, and what was struck."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from tests.robustness.crash_bench import Bench
from tests.robustness.crash_process import End

GROUPS = {
    "open": ("openat", "open", "creat"),
    "write": ("write", "pwrite64", "writev"),
    "size": ("ftruncate", "fallocate"),
    "sync": ("fsync", "fdatasync"),
    "rename": ("rename", "renameat", "renameat2"),
    "mkdir": ("mkdir", "mkdirat"),
    "remove": ("unlink", "unlinkat", "rmdir"),
    "link": ("link", "linkat", "symlink", "symlinkat"),
}
_CALL = re.compile(r"(?P<tid>\d+) +(?P<name>\w+)\((?P<rest>.*)")
_TO_WRITE = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")


def why_not() -> str:
    """Why no child can be traced here; empty if one can."""
    if sys.platform != "linux":
        return "strace is for Linux"
    if shutil.which("strace") is None:
        return "no strace here"
    probe = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=none", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if probe.returncode == 0 else f"strace may not trace here: {probe.stderr.strip()}"


def calls_below(place: Bench) -> dict[str, list[int]]:
    """By name of call: which ones, counted from 1, a second night does below its folder.

    Opening to read and calls that are refused anyway change nothing, so they are left out.
    ``when=N`` of strace counts each call of each thread alone; all of these are done by one
    thread, and that is checked.
    """
    folder = place.copy(place.root / "traced")
    names = ",".join(f"?{name}" for group in GROUPS.values() for name in group)
    trace = place.root / "all.trace"
    end = traced(place, folder, trace, f"trace={names}")
    if not end.done:
        raise RuntimeError(f"a traced night ended {end.how}: {end.said}")
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[str, list[int]] = defaultdict(list)
    threads = set()
    for line in trace.read_text("utf-8", errors="replace").splitlines():
        call = _CALL.match(line)
        if call is None or "resumed>" in line:
            continue
        counts[call["tid"], call["name"]] += 1
        reads = call["name"] == "openat" and not _TO_WRITE.search(call["rest"])
        if str(folder) in call["rest"] and not reads and " = -1 " not in call["rest"]:
            found[call["name"]].append(counts[call["tid"], call["name"]])
            threads.add(call["tid"])
    if len(threads) != 1:
        raise RuntimeError(f"{len(threads)} threads write below the folder; count them apart")
    shutil.rmtree(folder)
    return dict(found)


def traced(place: Bench, folder: Path, trace: Path, *expressions: str) -> End:
    """A second night under strace."""
    options = [part for one in expressions for part in ("-e", one)]
    return place.second(folder, strace=options, trace=str(trace))


def spread(calls: dict[str, list[int]], most: int | None) -> dict[str, list[int]]:
    """At most so many of each name, evenly spread over the night; all of them for None."""
    if most is None:
        return calls
    return {name: which[:: max(1, -(-len(which) // most))] for name, which in calls.items()}
