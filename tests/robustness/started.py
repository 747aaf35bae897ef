"""``lindero run backup --test`` as a process of its own, which can be killed with all it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def start_backup(folder: Path) -> subprocess.Popen[bytes]:
    """Start a night that writes everything below ``folder``."""
    kept = ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT),
        "TZ": "America/Argentina/Buenos_Aires",
        "LINDERO_OUTPUTS_DIR": str(folder / "outputs-prod"),
        "LINDERO_TEST_OUTPUTS_DIR": str(folder / "outputs"),
        "LINDERO_STATE_DIR": str(folder / "state"),
        "LINDERO_SYMLINK_CONFIG": str(folder / "none.json"),
        "LINDERO_PORTAL_REQUESTS_PER_SECOND": "1000",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "Modules.cli.main", "run", "backup", "--test"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that what it started can be ended with it
    )
