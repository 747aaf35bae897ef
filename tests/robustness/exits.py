"""Does a command that read Parquet out of memory end with the code it promised?

    python -m tests.robustness.exits [--short]

A warm process forks one child a command, six at a time on whatever else the machine does. Each
child reads as the product does (tables of a backup, a Shapefile's source, a raw page) and ends as a
command ends: the interpreter is taken down while threads of Arrow may still be there. The figure is
the exit codes. With ``pyarrow.parquet.read_table`` on a buffer, 3 of 600 ended by abort (134).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from Modules.formats.geofiles import table_bytes, table_from_bytes
from Modules.formats.shapefile import write_shp_zip
from Modules.words.columns import TABLES
from tests.sample_tables import frame

FULL, SHORT = 2000, 20
AT_ONCE = 6
PROMISED = 2
LOTES = TABLES["lotes"]
FIELDS = {c.name: f"c{at}" for at, c in enumerate(LOTES.columns) if c.name != "geometry"}


def read_table(folder: Path) -> None:
    """A table of a backup, proved and read from memory."""
    table_from_bytes((folder / "lotes.parquet").read_bytes(), LOTES, source="lotes")


def write_shapefile(folder: Path) -> None:
    """The Shapefile of a table, in a folder of the child's own."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        write_shp_zip(folder / "lotes.parquet", LOTES, FIELDS, Path(own) / "l.zip", layer="l")


KINDS: Mapping[str, Callable[[Path], None]] = {"tables": read_table, "shapefile": write_shapefile}


def ends(kind: Callable[[Path], None], folder: Path, times: int) -> Counter[int]:
    """Exit codes of ``times`` children that do ``kind`` and end with ``PROMISED``."""
    codes: Counter[int] = Counter()
    alive = 0
    for _ in range(times):
        if alive == AT_ONCE:
            codes[os.waitstatus_to_exitcode(os.wait()[1])] += 1
            alive -= 1
        if os.fork() == 0:
            kind(folder)
            sys.exit(PROMISED)  # not os._exit: the end of the interpreter is what is looked at
        alive += 1
    for _ in range(alive):
        codes[os.waitstatus_to_exitcode(os.wait()[1])] += 1
    return codes


def main(argv: list[str]) -> int:
    """Print the figure; 1 if any child ended otherwise than it promised."""
    times = SHORT if "--short" in argv else FULL
    folder = Path(tempfile.mkdtemp())  # no "with": a child's exit would remove it
    (folder / "lotes.parquet").write_bytes(table_bytes(frame(LOTES, 200), LOTES))
    found = {kind: ends(does, folder, times) for kind, does in KINDS.items()}
    shutil.rmtree(folder)
    wrong = sum(codes.total() - codes[PROMISED] for codes in found.values())
    said = ", ".join(f"{kind} {dict(codes)}" for kind, codes in found.items())
    print(f"figure: exits {times} of each kind, codes: {said}; {wrong} wrong", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
