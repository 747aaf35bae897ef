"""Questions to the QGIS that Debian has: ``qgis_reading.py``, in a process of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

PYTHON = Path("/usr/bin/python3")  # Debian's, which python3-qgis is for
READER = Path(__file__).parent / "qgis_reading.py"


def ask(qgis: Path, question: dict[str, Any], work: Path) -> dict[str, Any]:
    screen = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(work), "XDG_RUNTIME_DIR": str(work)}
    done = subprocess.run(
        [qgis, READER], input=json.dumps(question), capture_output=True, text=True, timeout=120,
        check=False, env={**screen, "LANG": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
