"""KMZ and hexagons as flows: killed at any moment, on a cluster, on a quiet night."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from Modules.disk.publish_record import MANIFEST
from tests.scripts.conftest import ROOT, Command, command_in, environment_below, night_in

pytestmark = pytest.mark.integration


def contents(folder: Path) -> dict[str, str]:
    """Hash of every published file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


@pytest.fixture(scope="module")
def after_a_backup(
    prefect_api: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Command, Path, dict[str, str]]:
    """The command line where one night of twelve campos was kept, its folder, its environment."""
    folder = night_in(tmp_path_factory.mktemp("mapas"), 0, size="small")
    fixed = {"PREFECT_API_URL": prefect_api, "LINDERO_H3_RESOLUTIONS": "8,9"}
    return command_in(folder, **fixed), folder, fixed


@pytest.mark.slow
def test_hexagons_on_a_real_cluster_of_two_workers_have_the_same_bytes(
    after_a_backup: tuple[Command, Path, dict[str, str]],
) -> None:
    command, folder, _ = after_a_backup
    made = {}
    for runner in ("serial", "processes", "dask"):
        out = folder / f"out-{runner}"
        answer = command(
            *("run", "h3", "--test"),
            LINDERO_TASK_RUNNER=runner,
            LINDERO_TASK_WORKERS="2",
            LINDERO_TEST_OUTPUTS_DIR=str(out),
        )
        assert answer.code == 0, answer.err
        made[runner] = contents(out / "H3")
    assert "25-26/h3_25-26_r09.parquet" in made["serial"]
    assert made["processes"] == made["serial"]
    assert made["dask"] == made["serial"]


IN_PIECES = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from prefect import flow
from Modules.jobs import products as productos
from Modules.orchestration.flow_run import chunk_runner
from Modules.products.kmz.product import build_mapas_kmz
from Modules.settings import load_settings
from Modules.words.domain import Modo

@flow
def maps() -> None:
    settings = load_settings()
    store, snapshot = productos.last_accepted(settings, "25/26", Modo.TEST)
    encargo = productos.order(settings, Modo.TEST, store, snapshot, datetime.now(UTC))
    with chunk_runner(settings) as run:
        build_mapas_kmz(encargo.fuente, Path(sys.argv[1]), run=run, campos=4)

if __name__ == "__main__":
    maps()
"""


@pytest.mark.slow
def test_maps_in_pieces_on_a_real_cluster_have_the_same_bytes(
    after_a_backup: tuple[Command, Path, dict[str, str]],
) -> None:
    _, folder, fixed = after_a_backup
    (folder / "in_pieces.py").write_text(IN_PIECES, encoding="utf-8")
    made = []
    for runner in ("serial", "dask"):
        out = folder / f"pieces-{runner}"
        environment = {**environment_below(folder), "PYTHONPATH": str(ROOT), **fixed}
        subprocess.run(
            [sys.executable, str(folder / "in_pieces.py"), str(out)],
            env={**environment, "LINDERO_TASK_RUNNER": runner},
            check=True,
        )
        made.append(contents(out))
    assert len(made[0]) > 400
    assert made[0] == made[1]


def test_a_dask_scheduler_that_is_not_there_is_named(prefect_api: str, tmp_path: Path) -> None:
    out = tmp_path / "out-nowhere"
    answer = command_in(night_in(tmp_path, 0))(
        *("run", "h3", "--test"),
        PREFECT_API_URL=prefect_api,
        LINDERO_TASK_RUNNER="tcp://127.0.0.1:9",
        LINDERO_TEST_OUTPUTS_DIR=str(out),
        DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="2s",
    )
    assert answer.code == 1
    assert "LINDERO_TASK_RUNNER" in answer.err
    assert contents(out) == {}


@pytest.mark.slow
def test_a_killed_kmz_run_leaves_whole_files_and_the_next_one_mends_the_set(
    after_a_backup: tuple[Command, Path, dict[str, str]],
) -> None:
    command, folder, fixed = after_a_backup
    whole = folder / "whole"
    good = command("run", "kmz", "--test", LINDERO_TEST_OUTPUTS_DIR=str(whole))
    assert good.code == 0, good.err
    expected = contents(whole)
    assert len(expected) > 400
    out = folder / "killed"
    for published in (1, 100, 250):
        _kill_when(folder, out, fixed, published)
        for name, digest in contents(out).items():
            if not name.endswith(".tmp"):
                assert expected[name] == digest, f"{name} is torn"
    mended = command("run", "kmz", "--test", LINDERO_TEST_OUTPUTS_DIR=str(out))
    assert mended.code == 0, mended.err
    assert contents(out) == expected
    assert all(zipfile.ZipFile(out / name).testzip() is None for name in expected)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    again = command("run", "kmz", "--test", LINDERO_TEST_OUTPUTS_DIR=str(out))
    assert again.code == 0
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert after == before


def _kill_when(folder: Path, out: Path, fixed: dict[str, str], published: int) -> None:
    """Run the KMZ flow and kill -9 it as soon as so many files have their final names."""
    environment = {**environment_below(folder), "PYTHONPATH": str(ROOT), **fixed}
    process = subprocess.Popen(
        [sys.executable, "-m", "Modules.cli.main", "run", "kmz", "--test"],
        env={**environment, "LINDERO_TEST_OUTPUTS_DIR": str(out)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        if _published(out) >= published:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait(60)


def _published(out: Path) -> int:
    """KMZ files with final names, counted while the run renames their folders."""
    return sum(name.endswith(".kmz") for _, _, names in os.walk(out) for name in names)
