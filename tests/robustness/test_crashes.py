"""The short forms of the crash figures, and that what they rest on does find faults."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.robustness import disk_errors, every_syscall, hostile_bodies
from tests.robustness.crash_bench import Bench, bench, torn, unhealed
from tests.robustness.crash_process import ROOT
from tests.robustness.random_kills import kill_nights
from tests.robustness.syscalls import why_not

pytestmark = [pytest.mark.integration, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]
KILLS = 4


@pytest.fixture(scope="module")
def place() -> Iterator[Bench]:
    with bench() as one:
        yield one


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _only(folder: Path, pattern: str) -> Path:
    return sorted(folder.rglob(pattern))[0]


def _say_published(folder: Path) -> None:
    """A record that lies about a file it names."""
    record = folder / "outputs" / "Tablas" / ".lindero.json"
    said = json.loads(record.read_bytes())
    said["files"]["25-26/lotes.csv"]["sha256"] = "0" * 64
    record.write_text(json.dumps(said), encoding="utf-8")


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a bit of a snapshot": lambda folder: _flip(_only(folder / "state", "lotes.parquet")),
    "a bit of a copy": lambda folder: _flip(_only(folder / "outputs", "lotes.gpkg")),
    "a file of a copy": lambda folder: _only(folder / "outputs", "verdict.json").unlink(),
    "a record that lies": _say_published,
    "half a record": lambda folder: _flip(folder / "outputs" / "Tablas" / ".lindero.json"),
    "no record": lambda folder: (folder / "outputs" / "Tablas" / ".lindero.json").unlink(),
    "a whole snapshot": lambda folder: shutil.rmtree(
        _only(folder / "state", "manifest.json").parent
    ),
    "a stranger": lambda folder: (folder / "state/prod/snapshots/25-26/x").mkdir(),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_the_check_after_a_crash_finds(place: Bench, name: str, tmp_path: Path) -> None:
    folder = place.copy(tmp_path / "damaged")
    assert torn(folder, place.base) == []
    DAMAGE[name](folder)
    assert torn(folder, place.base)


def test_the_check_after_the_next_night_finds_a_night_that_was_not_made_up(place: Bench) -> None:
    assert unhealed(place.good, place.good) == []
    assert unhealed(place.base, place.good)


def test_a_temp_that_nobody_sweeps_is_found(place: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "good"
    shutil.copytree(place.good, folder)
    (folder / "outputs" / ".lindero-x.tmp").touch()
    assert any("left over" in what for what in unhealed(folder, place.good))


def test_a_kill_at_a_random_moment_tears_nothing_and_the_next_night_heals(place: Bench) -> None:
    died, wrong = kill_nights(place, KILLS, random.Random(3))
    assert wrong == []
    assert died.total() == KILLS


@pytest.mark.parametrize(
    ("figure", "said"),
    [(every_syscall.main, "0 torn files, mixed sets"), (hostile_bodies.main, "0 wrong")],
    ids=["every_syscall", "hostile_bodies"],
)
def test_the_figure(
    place: Bench,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    figure: Callable[[list[str]], int],
    said: str,
) -> None:
    for module in (every_syscall, hostile_bodies):
        monkeypatch.setattr(module, "bench", lambda: nullcontext(place))
    code = figure(["--short"])
    out = capfd.readouterr().out
    assert code == 0, out
    if out.startswith("skipped"):
        pytest.skip(out.strip())
    assert said in out


ON_DISKS = """
from contextlib import nullcontext
from tests.robustness import crash_bench, disk_errors, power_cut

loops = [] if power_cut.why_not() else [power_cut.INSIDE]
with crash_bench.bench() as place:
    disk_errors.bench = power_cut.bench = lambda: nullcontext(place)
    assert disk_errors.main(["--short", disk_errors.INSIDE]) == 0
    assert power_cut.main(["--short", *loops]) == 0
"""


def test_the_figures_with_disks_of_their_own() -> None:
    """Both in one process, whose file systems nobody else sees."""
    alone = [] if disk_errors.no_mounts() else ["unshare", "-m"]
    command = [*alone, sys.executable, "-W", "ignore", "-c", ON_DISKS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 nights that ended well" in done.stdout
    if skipped := [line for line in done.stdout.splitlines() if line.startswith("skipped")]:
        pytest.skip("; ".join(skipped))
    assert "0 torn files, mixed sets, nights reported done and lost" in done.stdout
