"""The weekly verification and the prune, through the command line as a person meets them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from Modules.disk.publish import publish_files
from Modules.disk.run_lock import run_lock
from Modules.store.snapshots import Snapshot, SnapshotStore
from Modules.words.domain import Modo
from tests.sample_tables import SEASON, tables
from tests.scripts.conftest import ROOT, Command, command_in

FACTS = {"portal": {"origin": "demo:small", "profile": "contract@0"}, "parent": None}
FEW = {
    "LINDERO_RETENTION_DAILY": "2",
    "LINDERO_RETENTION_WEEKLY": "0",
    "LINDERO_RETENTION_MONTHLY": "0",
}
NIGHTS = 12

pytestmark = pytest.mark.integration


def nights(folder: Path) -> list[Snapshot]:
    """Twelve nights up to yesterday, published, in the store of the trials."""
    store = SnapshotStore(folder / "state" / "test")
    made = []
    for day in range(NIGHTS):
        draft = store.draft(SEASON, datetime.now(UTC) - timedelta(days=NIGHTS - day))
        draft.write_tables(tables(2, seed=day))
        snapshot = store.keep(draft, verdict={}, accepted=True, facts=FACTS)
        copy = folder / "test_outputs" / "Backup_Databaler" / SEASON.slug / str(snapshot.id)
        publish_files(snapshot.files, copy, snapshot_id=str(snapshot.id), now=datetime.now(UTC))
        made.append(snapshot)
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nights")
    nights(folder)
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def lindero(here: Path) -> Command:
    return command_in(here, **FEW)


def ids(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "state/test/snapshots/25-26").iterdir())


def test_the_dry_run_prints_what_the_real_run_does(lindero: Command, here: Path) -> None:
    before = ids(here)
    dry = lindero("backups", "prune", "--test", "--dry-run")
    assert dry.code == 0, dry.err
    assert ids(here) == before
    as_json = lindero("backups", "prune", "--test", "--dry-run", "--json").json
    real = lindero("backups", "prune", "--test")
    assert real.code == 0, real.err
    assert dry.out == real.out + "Fue un ensayo: no se quitó nada.\n"
    assert f"{before[0]}  25/26  no le toca ningún lugar" in real.out
    assert "Sale 1 de 12 backups" in real.out
    assert "Otros 9 esperan" in real.out
    assert ids(here) == before[1:]
    assert [line["id"] for line in as_json["salen"]] == before[:1]
    assert len(as_json["quedan"]) == 2
    copies = here / "test_outputs/Backup_Databaler/25-26"
    assert sorted(path.name for path in copies.iterdir()) == before[1:]


def test_a_prune_waits_for_nobody(lindero: Command, here: Path) -> None:
    with run_lock(here / "state", Modo.TEST):
        answer = lindero("backups", "prune", "--test")
        assert answer.code == 3
        assert "Otra corrida" in answer.err
        assert lindero("backups", "prune", "--test", "--dry-run").code == 0
    assert len(ids(here)) == NIGHTS


def test_an_empty_store_has_nothing_to_prune(tmp_path: Path) -> None:
    answer = command_in(tmp_path)("backups", "prune", "--test", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["salen"] == []


def test_the_week_reads_rehearses_and_prunes(here: Path, prefect_api: str) -> None:
    before = ids(here)
    lindero = command_in(here, PREFECT_API_URL=prefect_api, **FEW)
    answer = lindero("run", "verificar", "--test", "--json")
    assert answer.code == 0, answer.err
    result = answer.json
    assert result["status"] == "ok"
    assert result["data"]["sano"]
    assert before[-1] in result["data"]["leidos"]
    assert result["data"]["simulacros"] == before[-1:]
    assert [line["id"] for line in result["data"]["poda"]["salen"]] == before[:1]
    assert "todo sano" in result["summary"]
    assert ids(here) == before[1:]


def test_a_damaged_file_fails_the_week_by_name_and_nothing_is_pruned(
    here: Path, prefect_api: str
) -> None:
    lindero = command_in(here, PREFECT_API_URL=prefect_api, **FEW)
    before = ids(here)
    page = here / "state/test/snapshots/25-26" / before[-1] / "tables" / "lotes.parquet"
    page.write_bytes(page.read_bytes()[:-1] + b"!")
    answer = lindero("run", "verificar", "--test")
    assert answer.code == 1
    assert "tables/lotes.parquet" in answer.err
    assert "Qué hacer" in answer.err
    assert ids(here) == before


def test_a_store_without_backups_fails_the_week(tmp_path: Path, prefect_api: str) -> None:
    lindero = command_in(tmp_path, PREFECT_API_URL=prefect_api)
    answer = lindero("run", "verificar", "--test")
    assert answer.code == 1
    assert "primero: lindero run backup" in answer.err


def test_the_second_command_is_turned_away_before_prefect_is_loaded(here: Path) -> None:
    """Whoever comes second should not wait for what he will not use."""
    watch = (
        "import sys\n"
        "from Modules.cli.main import main\n"
        "try:\n    main(['run', 'backup', '--test'])\n"
        "finally:\n"
        "    import json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))\n"
    )
    from tests.scripts.conftest import environment_below

    with run_lock(here / "state", Modo.TEST):
        done = subprocess.run(
            [sys.executable, "-c", watch],
            env={**environment_below(here), "PYTHONPATH": str(ROOT)},
            cwd=here,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3, done.stderr
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"prefect", "geopandas", "pandas", "pyarrow", "rich"}
