"""Branch coverage of guard, manifest, store, publisher and retention by their own tests.

    python -m tests.robustness.branch_coverage

Only tests that run in this process count: what a killed or started process ran is not seen, and a
line that only such a process reaches is not proved by a statement about it. Every line and every
branch of these modules is to be reached; each that is not is named.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = {
    "guard": ("night/checks", "night/checks_campos", "night/verdict", "night/figures"),
    "manifest": ("store/manifest",),
    "store": ("store/snapshots", "store/snapshot", "store/integrity", "disk/safe_files"),
    "publisher": ("disk/publish", "disk/publish_record", "words/names", "disk/destinations"),
    "retention": ("store/retention", "store/prune"),
}
TESTS = (
    "night/test_checks",
    "store/test_manifest",
    "store/test_snapshots",
    "store/test_snapshot",
    "disk/test_safe_files",
    "disk/test_write_order",
    "disk/test_small_disk",
    "disk/test_publish",
    "disk/test_publish_faults",
    "disk/test_publish_record",
    "disk/test_publish_pending",
    "words/test_names",
    "words/test_publish_names",
    "disk/test_destinations",
    "disk/test_destinations_mounts",
    "disk/test_sentinels",
    "store/test_retention",
    "store/test_prune",
)
DEADLINE_S = 1800


def measure(folder: Path) -> Mapping[str, Any]:
    """Run the tests under coverage; its report by file.

    Raises:
        RuntimeError: a test failed, or coverage did; with the end of what was said.
    """
    data, report = folder / "coverage", folder / "coverage.json"
    files = ",".join(f"Modules/{name}.py" for names in MODULES.values() for name in names)
    tests = [f"tests/{name}.py" for name in TESTS]
    _run(
        *("run", "--branch", f"--include={files}", f"--data-file={data}"),
        *("-m", "pytest", "-q", "-m", "not integration and not shared", *tests),
    )
    _run("json", f"--data-file={data}", "-q", "-o", str(report))
    found: Mapping[str, Any] = json.loads(report.read_bytes())["files"]
    return found


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", "coverage", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[2:4])} failed:\n{(done.stdout + done.stderr)[-3000:]}"
        )


def missing(report: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Each line and branch of these modules that no test reached."""
    for name in names:
        path = f"Modules/{name}.py"
        if path not in report:
            yield f"{path}: never imported"
            continue
        yield from (f"{path}:{line}" for line in report[path]["missing_lines"])
        for begin, end in report[path]["missing_branches"]:
            yield f"{path}:{begin} never goes on to {'the end' if end < 0 else end}"


def share(report: Mapping[str, Any], names: Sequence[str]) -> tuple[int, int]:
    """Branches reached, and branches that there are."""
    found = [report[f"Modules/{name}.py"]["summary"] for name in names]
    return sum(one["covered_branches"] for one in found), sum(one["num_branches"] for one in found)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figure; 0 if it was reached."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="lindero-coverage-") as folder:
        report = measure(Path(folder))
    holes = [hole for names in MODULES.values() for hole in missing(report, names)]
    for hole in holes:
        print(f"not reached: {hole}")
    parts = []
    for part, names in MODULES.items():
        there = [name for name in names if f"Modules/{name}.py" in report]
        reached, branches = share(report, there)
        parts.append(f"{part} {reached} of {branches}")
    print(f"figure: branch coverage: {', '.join(parts)} branches; {len(holes)} not reached")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
