"""Geometries made valid within a time limit: in this process if small, else in a child.

A star of 3,000 points takes ``make_valid`` ten seconds, one of 30,000 the night, and nothing can
interrupt GEOS from within. So what is invalid and has many vertices is repaired by a child process
that is ended when its time is over.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from Modules.geo.geometry import make_valid

SMALL = 300  # vertices: the worst star of so many takes a tenth of a second
LIMIT_S = 15.0  # of one geometry, the start of the child included
BUDGET_S = 120.0  # of all of a night
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class BoundedRepair:
    """``make_valid`` that gives up: a ``geometry.Mend`` for one night."""

    limit_s: float = LIMIT_S
    budget_s: float = BUDGET_S  # what is left of it
    small: int = SMALL

    def __call__(self, geometry: BaseGeometry) -> BaseGeometry | None:
        """The geometry made valid (lon-lat as it came), or None if the time was over."""
        if shapely.get_num_coordinates(geometry) <= self.small:
            return make_valid(geometry)
        if self.budget_s <= 0:
            return None
        begin = time.monotonic()
        try:
            return _in_child(geometry, min(self.limit_s, self.budget_s))
        finally:
            self.budget_s -= time.monotonic() - begin


def _in_child(geometry: BaseGeometry, limit_s: float) -> BaseGeometry | None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "Modules.night.repair"],
            input=shapely.to_wkb(geometry),
            capture_output=True,
            timeout=limit_s,
            check=False,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
    except subprocess.TimeoutExpired:
        return None
    return shapely.from_wkb(done.stdout) if done.returncode == 0 else None


def main() -> None:
    """The child: WKB in, WKB of the valid geometry out."""
    geometry = make_valid(shapely.from_wkb(sys.stdin.buffer.read()))
    sys.stdout.buffer.write(shapely.to_wkb(geometry))


if __name__ == "__main__":
    main()
