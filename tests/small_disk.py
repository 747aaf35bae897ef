"""What happens on a disk that is too small or read-only: a real one, a tmpfs of our own.

``python -m tests.small_disk FOLDER JOB:KILOBYTES …`` is started inside a private mount namespace by
``tests/disk/test_small_disk.py``. Each job gets a new tmpfs of that size that nobody else sees,
and prints what it saw as one line of JSON; the test judges.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from Modules.disk.destinations import check_destination
from Modules.disk.problems import in_full
from Modules.disk.publish import publish_files, published
from Modules.disk.run_lock import run_lock
from Modules.formats.geofiles import write_gpkg
from Modules.store.integrity import verify_folder
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.errors import PipelineError
from tests.sample_tables import NOW, SEASON, fetched, tables


def _attempt(action: Any) -> str:
    """The name and text of the error, or "done"."""
    try:
        action()
    except PipelineError as err:
        return f"{type(err).__name__}: {err}"
    return "done"


def _content(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def publish(folder: Path) -> dict[str, Any]:
    """Publish 60 kB, then try to replace it by 400 kB."""
    out = folder / "out"
    sources = Path(os.environ["SOURCES"])
    small = dict.fromkeys(("a", "b/c", "goes"), sources / "small")
    large = dict.fromkeys(("a", "b/c", "new/d"), sources / "large")
    publish_files(small, out, snapshot_id="old", now=datetime.now(UTC))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    how = _attempt(lambda: publish_files(large, out, snapshot_id="new", now=datetime.now(UTC)))
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    healed = publish_files(small, out, snapshot_id="old", now=datetime.now(UTC))
    return {
        "how": how,
        "untouched": before == after,
        "sound": set(published(out)) == set(small),
        "again": len(healed.written),
    }


def night(folder: Path) -> dict[str, Any]:
    """Try to keep a night, from the sweep to the rename."""
    store = SnapshotStore(folder / "state")

    def keep() -> None:
        with run_lock(folder / "state", Modo.TEST):
            draft = store.draft(SEASON, NOW)
            draft.write_pages(fetched())
            draft.write_tables(tables(4))
            facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}}
            store.keep(draft, verdict={}, accepted=True, facts=facts)

    how = _attempt(keep)
    kept = store.accepted()
    return {
        "how": how,
        "kept": len(kept),
        "damaged": len(store.damaged()),
        "problems": [
            in_full(problem) for snapshot in kept for problem in verify_folder(snapshot.path)
        ],
    }


def gpkg(folder: Path) -> dict[str, Any]:
    """Try to write a GeoPackage that does not fit."""
    return {"how": _attempt(lambda: write_gpkg(tables(200).as_dict(), folder / "all.gpkg"))}


def destination(folder: Path) -> dict[str, Any]:
    """Look at a mount, then at the same one read-only."""
    target = folder / "elsewhere"
    first = _attempt(lambda: check_destination(folder, need_bytes=1, must_be_link=target))
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    return {
        "mounted": first,
        "read_only": _attempt(lambda: check_destination(folder / "sub" / "out")),
        "publish": _attempt(
            lambda: publish_files({}, folder / "sub", snapshot_id="x", now=datetime.now(UTC))
        ),
        "lock": _attempt(lambda: run_lock(folder / "state", Modo.TEST).__enter__()),
        "content": _content(folder),
    }


JOBS = {"publish": publish, "night": night, "gpkg": gpkg, "destination": destination}


def main() -> None:
    for order in sys.argv[2:]:
        job, kilobytes = order.split(":")
        folder = Path(sys.argv[1]) / order.replace(":", "-")
        folder.mkdir()
        size = f"size={kilobytes}k"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(folder)], check=True)
        print(json.dumps(JOBS[job](folder)), flush=True)


if __name__ == "__main__":
    main()
