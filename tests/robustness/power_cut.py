"""Power cuts: ext4 on a loop file, shut down by ioctl at random moments of a night.

    python -m tests.robustness.power_cut [--short] [--cuts N] [--control N] [--seed N]

``EXT4_IOC_SHUTDOWN`` stops the file system dead: what was not written to the device is gone. In
turn it flushes everything first (0), its journal only (1), or nothing at all (2). Mounted without
``auto_da_alloc``, which would flush files on a rename where we forgot to. Then the file system is
checked and mounted again: no torn file, no mixed set, no night that said it was done and is not
there, and the next night heals.

``--control`` repeats so many cuts with ``fsync`` switched off: the figure is worth something only
if those are found out.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.robustness.crash_bench import Bench, bench, not_there, torn
from tests.robustness.crash_process import ROOT, STAGES

CUTS, SHORT_CUTS = 200, 4
CONTROL, SHORT_CONTROL = 12, 0
IMAGE_MB = 96
FLAGS = (2, 1, 0)
NO_LOOP = "no ext4 on a loop file here"
INSIDE = "--inside-its-own-mounts"
OPTIONS = "loop,noauto_da_alloc"


def why_not() -> str:
    """Why no power can be cut here; empty if it can."""
    if sys.platform != "linux":
        return "ext4 is for Linux"
    if missing := [name for name in ("unshare", "mkfs.ext4", "e2fsck") if not shutil.which(name)]:
        return f"no {missing[0]} here"
    probe = _sh(
        "d=$(mktemp -d) && truncate -s 8M $d/i && mkfs.ext4 -q -F $d/i && mkdir $d/m && "
        'unshare -m sh -c "mount -o loop $d/i $d/m && umount $d/m"; r=$?; rm -r $d; exit $r'
    )
    return "" if probe.returncode == 0 else f"{NO_LOOP}: {probe.stderr.strip()[:120]}"


def _sh(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The file system of an image, until the block ends."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", OPTIONS, str(image), str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def good_image(place: Bench) -> Path:
    """A file system that holds the good first night."""
    image = place.root / "good.img"
    with image.open("wb") as file:
        file.truncate(IMAGE_MB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
    with mounted(image, place.root / "disk") as folder:
        place.copy(folder)
    return image


def cut(
    place: Bench, good: Path, stage: str, after_s: float, flag: int, *, without_fsync: bool = False
) -> tuple[str, list[str]]:
    """One cut; the stage the night had reached, and what was wrong."""
    image = place.root / "cut.img"
    subprocess.run(["cp", "--sparse=always", str(good), str(image)], check=True)
    disk = place.root / "disk"
    with mounted(image, disk) as folder:
        end = place.second(folder, cut=[stage, after_s], flag=flag, without_fsync=without_fsync)
    checked = _sh(f"e2fsck -fp {image}")
    wrong = [f"e2fsck: {checked.stdout.strip()[:200]}"] if checked.returncode > 1 else []
    with mounted(image, disk) as folder:
        wrong += torn(folder, place.base)
        if end.done:
            wrong += [f"reported done and lost: {what}" for what in not_there(folder, place.good)]
        wrong += place.next(folder)
    image.unlink()
    return "done" if end.done else end.stage, wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was wrong and the figure; 1 if anything was."""
    given = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--cuts", type=int)
    parser.add_argument("--control", type=int)
    parser.add_argument("--seed", type=int, default=20251120)
    parser.add_argument(INSIDE, action="store_true", dest="inside", help=argparse.SUPPRESS)
    asked = parser.parse_args(given)
    if not asked.inside:
        if reason := why_not():
            print(f"skipped: power_cut: {reason}")
            return 0
        again = [sys.executable, "-W", "ignore", "-m", "tests.robustness.power_cut", INSIDE]
        return subprocess.run(["unshare", "-m", *again, *given], cwd=ROOT, check=False).returncode
    cuts = asked.cuts or (SHORT_CUTS if asked.short else CUTS)
    control = (
        asked.control if asked.control is not None else SHORT_CONTROL if asked.short else CONTROL
    )
    rng = random.Random(asked.seed)
    with bench() as place:
        good = good_image(place)
        reached, wrong = _cut_many(place, good, cuts, rng)
        _, unflushed = _cut_many(place, good, control, rng, without_fsync=True)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    where = ", ".join(f"{stage} {count}" for stage, count in sorted(reached.items()))
    print(
        f"figure: power_cut {reached.total()} cuts ({where}), {len(wrong)} torn files, mixed sets, "
        f"nights reported done and lost or not healed; {len(unflushed)} in {control} cuts with "
        f"fsync switched off (seed {asked.seed})"
    )
    return 1 if wrong or (control and not unflushed) else 0


def _cut_many(
    place: Bench, good: Path, count: int, rng: random.Random, *, without_fsync: bool = False
) -> tuple[Counter[str], list[str]]:
    stages = [*STAGES[3:6], "done"]
    took = place.second(place.copy(place.root / "measured")).times if count else {}
    shutil.rmtree(place.root / "measured", ignore_errors=True)
    reached: Counter[str] = Counter()
    wrong = []
    for number in range(count):
        stage, flag = stages[number % len(stages)], FLAGS[number % len(FLAGS)]
        after_s = rng.uniform(0, 1.5 * took[stage]) if stage in took else 0.0
        where, found = cut(place, good, stage, after_s, flag, without_fsync=without_fsync)
        reached[where] += 1
        wrong += [f"cut {number} at {stage} + {after_s:.3f} s, flag {flag}: {w}" for w in found]
    return reached, wrong


if __name__ == "__main__":
    sys.exit(main())
