"""What the tests of several products share."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.qgis_asked import PYTHON


@pytest.fixture(scope="session")
def qgis() -> Path:
    try:
        known = subprocess.run(
            [PYTHON, "-c", "import qgis.core"], capture_output=True, timeout=60, check=False
        )
    except OSError:
        pytest.skip(f"no {PYTHON}: QGIS cannot be asked")
    if known.returncode:
        pytest.skip("python3-qgis is not installed")
    return PYTHON
