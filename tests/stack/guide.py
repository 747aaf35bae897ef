"""The steps of ``docs/guia_rapida.md``, run as they stand in a copy of the project.

The blocks marked ``bash`` are steps; those marked ``docker`` need Docker. In the copy ``uv`` is a
few lines of shell: it knows ``uv sync`` and ``uv run lindero`` and uses this interpreter, so that
nothing is installed again.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from Modules.settings import PROJECT_ROOT
from tests.processes import patience

PAGE = PROJECT_ROOT / "docs" / "guia_rapida.md"
COPIED = ("Modules", "scripts", "Makefile", "pyproject.toml", "uv.lock", "prefect.yaml")
UV = """#!/bin/sh
case "$1" in
  sync) mkdir -p "$UV_PROJECT_ENVIRONMENT"; exit ;;
  run) shift ;;
  *) echo "uv $1 is not in the guide's tests" >&2; exit 64 ;;
esac
while [ "${1#--}" != "$1" ]; do shift; done
[ "$1" = lindero ] || { echo "uv run $1 is not in the guide's tests" >&2; exit 64; }
shift
exec "PYTHON" -m Modules.cli.main "$@"
"""
STEP_S = 240


@dataclass(frozen=True, slots=True)
class Guide:
    """A copy of the project with nothing in it yet, and what its shell is told."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, line: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """One line of the guide in a shell of its own."""
        told = {name: text for name, text in self.environment.items() if name not in without}
        return subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=self.folder / "lindero",
            env={**told, "PATH": f"{self.folder / 'bin'}:{told['PATH']}"},
            capture_output=True,
            text=True,
            timeout=patience(STEP_S),
            check=False,
        )


def steps() -> list[str]:
    """The lines of the guide that a shell runs, in their order."""
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def copy_project(folder: Path, environment: Mapping[str, str]) -> Guide:
    """A checkout as a newcomer has it: no environment, no ``.env``, no outputs."""
    copy = folder / "lindero"
    copy.mkdir(parents=True)
    for name in COPIED:
        source = PROJECT_ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    program = folder / "bin" / "uv"
    program.parent.mkdir()
    program.write_text(UV.replace("PYTHON", sys.executable), encoding="utf-8")
    program.chmod(0o755)
    return Guide(folder, environment)
