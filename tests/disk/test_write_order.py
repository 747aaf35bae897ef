"""The order of system calls: no final name is opened for writing, nothing is renamed unflushed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CALLS = "openat,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here"),
]
Call = tuple[str, str]  # ("open" | "fsync" | "rename", path below the watched folder)


def _trace(tmp_path: Path, **order: object) -> list[Call]:
    """What a job of ``tests.kill_points`` does below the watched folder, in order."""
    log = tmp_path / "strace.log"
    strace = ["strace", "-f", "-qq", "-y", "-e", f"trace={CALLS}", "-o", str(log)]
    done = subprocess.run(
        [*strace, sys.executable, "-W", "ignore", "-m", "tests.kill_points"],
        cwd=ROOT,
        input=json.dumps(order) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in done.stderr.lower():
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:80]}")
    assert done.stdout.strip() == "done", done.stderr
    watch = str(order["watch"])
    calls = [_call(line, watch) for line in log.read_text("utf-8").splitlines()]
    return [call for call in calls if call is not None]


def _call(line: str, watch: str) -> Call | None:
    if " = -1 " in line:
        return None
    if opened := re.search(rf'openat\([^"]*"{watch}/?([^"]*)", ([A-Z_|]+)', line):
        return ("open", opened[1]) if re.search("O_WRONLY|O_RDWR", opened[2]) else None
    if flushed := re.search(rf"f(?:data)?sync\(\d+<{watch}/?([^>]*)>", line):
        return ("fsync", flushed[1])
    if renamed := re.search(rf'rename[^"]*"{watch}/?([^"]*)"[^"]*"{watch}/?([^"]*)"', line):
        return ("rename", f"{renamed[1]} -> {renamed[2]}")
    return None


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _check_renames(calls: list[Call], flushed_within: int) -> None:
    """Every file is flushed before its rename, and the folder of its new name after it."""
    for at, (kind, what) in enumerate(calls):
        if kind != "rename":
            continue
        source, _, target = what.partition(" -> ")
        assert ("fsync", source) in calls[:at], f"{source} was not flushed"
        later = calls[at : at + flushed_within]
        assert ("fsync", _parent(target)) in later, f"the folder of {target} was not flushed"


def test_publishing_opens_temps_only_and_writes_its_record_last(tmp_path: Path) -> None:
    out, source = tmp_path / "out", tmp_path / "source"
    out.mkdir()
    source.write_text("x" * 1000)
    built = {name: str(source) for name in ("a", "sub/b", "c")}
    calls = _trace(tmp_path, job="publish", watch=str(out), built=built)
    opened = [path for kind, path in calls if kind == "open"]
    assert opened
    assert all(re.fullmatch(r"(.*/)?\.lindero-\w+\.tmp", path) for path in opened), opened
    _check_renames(calls, flushed_within=len(calls))
    targets = [what.partition(" -> ")[2] for kind, what in calls if kind == "rename"]
    assert targets == [".lindero.json", "a", "c", "sub/b", ".lindero.json"]
    last = max(at for at, call in enumerate(calls) if call[0] == "rename")
    before = calls[:last]
    for target in ("a", "c", "sub/b"):
        at = next(i for i, (_, what) in enumerate(calls) if what.endswith(f"-> {target}"))
        assert ("fsync", _parent(target)) in before[at:], f"{target}: its folder came too late"
    assert ("fsync", "") in calls[last:]


def test_a_night_is_written_in_staging_flushed_and_then_renamed_whole(tmp_path: Path) -> None:
    root = tmp_path / "state"
    root.mkdir()
    calls = _trace(tmp_path, job="night", watch=str(root), rows=2, accepted=True)
    opened = [path for kind, path in calls if kind == "open"]
    inside = [path for path in opened if path.startswith("staging/2025-")]
    assert [path for path in opened if path not in inside] == [
        path for path in opened if re.fullmatch(r"\.lindero-\w+\.tmp", path)
    ]
    assert inside[-1].endswith("/manifest.sha256")
    assert inside[-2].endswith("/manifest.json")
    rename = next(i for i, (_, what) in enumerate(calls) if "-> snapshots/25-26/" in what)
    for path in inside:
        assert ("fsync", path) in calls[:rename], f"{path} was not flushed"
    folder = _parent(inside[-1])
    for path in (folder, f"{folder}/raw", f"{folder}/tables"):
        assert ("fsync", path) in calls[:rename], f"{path} was not flushed"
    assert ("fsync", "snapshots/25-26") in calls[rename:]
    sums = calls.index(("open", f"{folder}/manifest.sha256"))
    assert ("fsync", f"{folder}/manifest.json") in calls[:sums]
    listed = calls.index(("open", f"{folder}/manifest.json"))
    assert ("fsync", folder) in calls[listed:sums]
    assert ("fsync", folder) in calls[sums:rename]
    assert ("fsync", "snapshots") in calls[:rename]  # the new folder's own name
