"""Real small disks: nothing ends well that did not fit, and what was there before is intact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.robustness.disk_errors import no_mounts

ROOT = Path(__file__).resolve().parent.parent.parent


WHY_NOT = no_mounts()
pytestmark = [pytest.mark.integration, pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")]


PUBLISH = [120, 300, 400]
NIGHT = [8, 20, 60, 100, 132]
GPKG = [64, 200, 400]
ORDERS = [
    *(f"publish:{size}" for size in (*PUBLISH, 2_000)),
    *(f"night:{size}" for size in (*NIGHT, 5_000)),
    *(f"gpkg:{size}" for size in GPKG),
    "destination:64",
]


@pytest.fixture(scope="module")
def saw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every job of ``tests.small_disk`` saw, each on a tmpfs that only it sees."""
    root = tmp_path_factory.mktemp("disks")
    (root / "small").write_bytes(b"s" * 20_000)
    (root / "large").write_bytes(b"L" * 130_000)
    command = [sys.executable, "-W", "ignore", "-m", "tests.small_disk", str(root), *ORDERS]
    done = subprocess.run(
        ["unshare", "-m", *command],
        cwd=ROOT,
        env={**os.environ, "SOURCES": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(ORDERS, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("kilobytes", PUBLISH)
def test_what_does_not_fit_leaves_the_published_files_alone(
    saw: dict[str, Any], kilobytes: int
) -> None:
    found = saw[f"publish:{kilobytes}"]
    assert "no queda lugar en el disco (ENOSPC); liberar espacio" in found["how"]
    assert found["how"].startswith("PublishError: ")
    assert found["untouched"]
    assert found["sound"]
    assert found["again"] == 0


def test_the_same_on_a_disk_that_is_large_enough(saw: dict[str, Any]) -> None:
    assert saw["publish:2000"] == {"how": "done", "untouched": False, "sound": True, "again": 3}


@pytest.mark.parametrize("kilobytes", NIGHT)
def test_a_night_that_does_not_fit_is_not_kept(saw: dict[str, Any], kilobytes: int) -> None:
    found = saw[f"night:{kilobytes}"]
    assert found["how"].startswith("PublishError: ")
    assert "ENOSPC" in found["how"]
    assert (found["kept"], found["damaged"]) == (0, 0)


def test_a_night_that_fits_is_kept_whole(saw: dict[str, Any]) -> None:
    assert saw["night:5000"] == {"how": "done", "kept": 1, "damaged": 0, "problems": []}


@pytest.mark.parametrize("kilobytes", GPKG)
def test_a_geopackage_that_does_not_fit_is_an_error(saw: dict[str, Any], kilobytes: int) -> None:
    found = saw[f"gpkg:{kilobytes}"]
    assert found["how"].startswith("PublishError: ")
    assert "all.gpkg" in found["how"]


def test_a_mount_counts_as_a_link_and_read_only_is_seen(saw: dict[str, Any]) -> None:
    found = saw["destination:64"]
    assert found["mounted"] == "done"
    for job in ("read_only", "lock"):
        assert "EROFS" in found[job], job
        assert found[job].startswith("PublishError: ")
    assert found["publish"] == "done"  # nothing to write, nothing written
    assert found["content"] == {}
