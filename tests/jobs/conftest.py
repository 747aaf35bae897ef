"""What the tests of jobs share: a job whose every folder is the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from Modules.jobs import backup
from Modules.settings import Settings
from Modules.words.domain import Modo
from tests.sample_tables import SEASON


@pytest.fixture
def job(tmp_path: Path) -> backup.Job:
    settings = Settings(
        lindero_state_dir=tmp_path / "state",
        lindero_test_outputs_dir=tmp_path / "outputs",
        lindero_symlink_config=tmp_path / "none.json",
    )
    return backup.prepare(settings, str(SEASON), modo=Modo.TEST)
