"""What a command loads before it answers: people wait for every library it does not need."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from Modules.disk.publish import publish_files
from Modules.store.snapshots import SnapshotStore
from tests.sample_tables import SEASON, tables
from tests.scripts.conftest import ROOT, environment_below

HEAVY = (
    "hvac",
    "prefect",
    "pandas",
    "geopandas",
    "pyarrow",
    "requests",
    "redis",
    "asyncpg",
    "asyncio",
)
COMMANDS = (
    ("--help",),
    ("run", "backup", "--help"),
    ("backups", "list", "--test"),
    ("status", "--test"),
    ("doctor", "--test"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a backup that lies published, and one in quarantine."""
    folder = tmp_path_factory.mktemp("start")
    store = SnapshotStore(folder / "state" / "test")
    for accepted in (True, False):
        draft = store.draft(SEASON, datetime.now(UTC))
        draft.write_tables(tables(2))
        facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}, "parent": None}
        kept = store.keep(draft, verdict={}, accepted=accepted, facts=facts)
        if accepted:
            copy = folder / "test_outputs" / "Backup_Databaler" / SEASON.slug / str(kept.id)
            publish_files(kept.files, copy, snapshot_id=str(kept.id), now=datetime.now(UTC))
    return folder


def loaded_by(folder: Path, *command: str, **more: str) -> tuple[set[str], str]:
    """The heavy libraries in memory once a command has answered, and the answer."""
    code = (
        "import sys\nfrom Modules.cli.main import app\n"
        f"app({list(command)!r}, exit_on_error=False)\n"
        f"sys.stderr.write(' '.join(one for one in {HEAVY!r} if one in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment_below(folder), "PYTHONPATH": str(ROOT), **more},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return set(done.stderr.split()), done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_that_only_answers_loads_nothing_heavy(
    command: tuple[str, ...], world: Path
) -> None:
    heavy, said = loaded_by(world, *command)
    assert heavy == set()
    assert said


def test_a_list_shows_the_backups_without_opening_a_table(world: Path) -> None:
    _, said = loaded_by(world, "backups", "list", "--test")
    assert "aceptado" in said
    assert "cuarentena" in said


def test_status_asks_a_server_and_stores_without_their_clients(world: Path) -> None:
    """Nobody answers on these ports; what asks them is loaded all the same."""
    named = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_REDIS_MESSAGING_PORT": "9"}
    named |= {"PREFECT_REDIS_MESSAGING_HOST": "localhost", "PREFECT_POSTGRES_PORT": "9"}
    heavy, said = loaded_by(world, "status", **named, PREFECT_REDIS_MESSAGING_PASSWORD="x" * 12)
    assert heavy == set()
    assert "Redis: no responde (nadie contesta ahí)" in said


def test_a_run_under_prefect_asks_the_portal_before_it_loads_a_table() -> None:
    tables = {"pandas", "geopandas", "pyarrow"}
    code = f"import sys, scripts.backup_lotes; print(*{tables!r} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
