"""A disk that fails or fills up: ENOSPC and EIO at every n-th call, and disks of six sizes.

    python -m tests.robustness.disk_errors [--short] [--most N]

``strace`` makes one call of a night fail, below the state and the outputs: each write, flush,
rename and folder in turn, with ENOSPC and with EIO. Then whole nights on real file systems in
memory: some too small from the start, some that another program fills while the night is under
way. Such a night ends with exit code 5 and a named error, never 0, with every earlier file as it
was; with the disk well again, the next one heals.

SQLite makes some failures good by itself, for instance of the flush of a folder whose journal it
removed. Such a night may end with 0 if every file holds what it holds after a good night; these
are counted apart.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.robustness.crash_bench import Bench, bench, not_there, torn
from tests.robustness.crash_process import ROOT, End
from tests.robustness.syscalls import GROUPS, calls_below, spread, traced, why_not

ERRORS = ("ENOSPC", "EIO")
FAILING = [name for group in ("write", "sync", "rename", "mkdir") for name in GROUPS[group]]
EXIT_PUBLISH = "5"
SHORT = 1  # failures a name of call in the short form, with each error in turn


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system in memory: its size, and what another program leaves of it, in kilobytes."""

    size_kb: int
    leave_kb: int | None = None


DISKS = (
    Disk(2_000),  # too small from the start: refused before the first request
    Disk(40_000),
    Disk(80_000, leave_kb=4),
    Disk(80_000, leave_kb=60),
    Disk(80_000, leave_kb=200),
    Disk(80_000, leave_kb=400),
)
INSIDE = "--inside-its-own-mounts"


def fail_at(place: Bench, name: str, number: int, error: str) -> tuple[str, list[str]]:
    """Let this call fail, below the folder; what came of it, and what was wrong."""
    folder = place.copy(place.root / "failing")
    trace = place.root / "fail.trace"
    inject = f"inject={name}:error={error}:when={number}"
    end = traced(place, folder, trace, f"trace={name}", inject)
    struck = str(folder) in end.trace
    wrong = [] if not struck or _made_good(place, folder, end) else _badly_ended(end)
    wrong += torn(folder, place.base)
    wrong += place.next(folder)
    shutil.rmtree(folder)
    how = "" if not struck else "made good" if end.done else "failed"
    return how, [f"{name} {number} {error} in {end.stage}: {what}" for what in wrong]


def _made_good(place: Bench, folder: Path, end: End) -> bool:
    """Whether a night that ended with 0 left all that a good one leaves."""
    return end.done and not not_there(folder, place.good) and _maps(folder) == _maps(place.good)


def _maps(folder: Path) -> list[dict[str, list[object]]]:
    """The newest GeoPackages, table by table; SQLite may order their pages in another way."""
    newest = sorted((folder / "outputs" / "Backup_Databaler").glob("*/*"))[-1]
    return [_tables(path) for path in sorted(newest.glob("*.gpkg"))]


def _tables(path: Path) -> dict[str, list[object]]:
    with closing(sqlite3.connect(path)) as db:
        schema = db.execute("SELECT name, type, sql FROM sqlite_master ORDER BY name").fetchall()
        tables = [name for name, kind, _ in schema if kind == "table"]
        rows = {name: db.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
        return {**rows, "": schema}


def _badly_ended(end: End) -> list[str]:
    if end.how != EXIT_PUBLISH:
        return [f"ended {end.how} in spite of it: {end.said.strip()[-300:]}"]
    last = (end.said.strip().splitlines() or [""])[-1]  # before it: what the log says
    if "Traceback" in end.said or not last.startswith("PublishError: "):
        return [f"said {end.said.strip()[-300:]}"]
    return []


def fill(place: Bench, disk: Disk) -> list[str]:
    """A whole night on a disk of its own; what was wrong."""
    folder = place.root / f"disk-{disk.size_kb}-{disk.leave_kb}"
    folder.mkdir()
    size = f"size={disk.size_kb}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(folder)], check=True)
    try:
        place.copy(folder)
        order = {} if disk.leave_kb is None else {"leave_kb": disk.leave_kb}
        end = place.second(folder, **order)
        wrong = _badly_ended(end) + torn(folder, place.base)
        (folder / "filler").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=200m", str(folder)], check=True)
        wrong += place.next(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    return [f"{disk} in {end.stage}: {what}" for what in wrong]


def no_mounts() -> str:
    """Why there can be no private file systems here; empty if there can."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return "no unshare command here"
    probe = subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if probe.returncode == 0 else f"no private mounts here: {probe.stderr.strip()}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was wrong and the figure; 1 if anything was."""
    given = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--most", type=int, help="failures a name of call; without it: all")
    parser.add_argument(INSIDE, action="store_true", dest="inside", help=argparse.SUPPRESS)
    asked = parser.parse_args(given)
    mounts = no_mounts()
    if not asked.inside and not mounts:
        again = [sys.executable, "-W", "ignore", "-m", "tests.robustness.disk_errors", INSIDE]
        return subprocess.run(["unshare", "-m", *again, *given], cwd=ROOT, check=False).returncode
    with bench() as place:
        struck, wrong = _injected(place, asked.most or (SHORT if asked.short else None))
        disks = (DISKS[0], DISKS[3]) if asked.short else DISKS
        if mounts:
            print(f"skipped: disks of {len(disks)} sizes: {mounts}")
            disks = ()
        for disk in disks:
            wrong += fill(place, disk)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    made_good = struck.pop("made good", 0)
    of = ", ".join(f"{name} {count}" for name, count in sorted(struck.items()))
    print(
        f"figure: disk_errors {struck.total()} failed calls ({of}) and {len(disks)} disks too "
        f"small; {made_good} failures that SQLite made good itself; {len(wrong)} nights that "
        "ended well in spite of it, without a named error, with an earlier file touched, or that "
        "did not heal"
    )
    return 1 if wrong or not (struck.total() or disks) else 0


def _injected(place: Bench, most: int | None) -> tuple[Counter[str], list[str]]:
    struck: Counter[str] = Counter()
    if reason := why_not():
        print(f"skipped: failing calls: {reason}")
        return struck, []
    wrong = []
    there = {name: which for name, which in calls_below(place).items() if name in FAILING}
    for at, (name, numbers) in enumerate(sorted(spread(there, most).items())):
        for number in numbers:
            for error in ERRORS if most != SHORT else [ERRORS[at % len(ERRORS)]]:
                one, found = fail_at(place, name, number, error)
                struck[f"{name} {error}"] += bool(one)
                struck["made good"] += one == "made good"
                wrong += found if one else [*found, f"{name} {number} {error}: not reached"]
    return struck, wrong


if __name__ == "__main__":
    sys.exit(main())
