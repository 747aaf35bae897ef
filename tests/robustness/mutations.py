"""Mutations of guard, manifest, store, publisher and retention: how many no test notices.

    uv run --with mutmut==3.8.1 python -m tests.robustness.mutations [MODULE …]

mutmut changes one thing at a time (a comparison, a number, a text, an argument) and runs the tests
of the module; a mutant that they all let pass is alive. It works on a copy of the project, in
memory where there is any. Each one that lives is printed with its change; docs/mutaciones.md says
of each why. It is not one of the project's packages: without it the figure is skipped.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_ALIVE = 0.10
# mutmut's exit codes of a mutant that was noticed: a test failed, or the time was up
NOTICED = frozenset({1, 3, 24, 36, 37, 152, 255, -24})
TESTS: Mapping[str, tuple[str, ...]] = {
    "night/checks": ("night/test_checks",),
    "night/checks_campos": ("night/test_checks",),
    "night/verdict": ("night/test_checks",),
    "night/figures": ("night/test_checks",),
    "store/manifest": ("store/test_manifest",),
    "store/snapshots": ("store/test_snapshots",),
    "store/snapshot": ("store/test_snapshot",),
    "store/integrity": ("store/test_snapshot",),
    "disk/safe_files": ("disk/test_safe_files",),
    "disk/publish": ("disk/test_publish", "disk/test_publish_faults", "disk/test_publish_pending"),
    "disk/publish_record": ("disk/test_publish_record", "disk/test_publish"),
    "words/names": ("words/test_names", "words/test_publish_names"),
    "disk/destinations": (
        "disk/test_destinations",
        "disk/test_destinations_mounts",
        "disk/test_sentinels",
    ),
    "store/retention": ("store/test_retention",),
    "store/prune": ("store/test_prune",),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the mutants of a module."""

    module: str
    mutants: int
    alive: tuple[str, ...]  # mutmut's names

    @property
    def right(self) -> bool:
        """Whether less than a tenth lives."""
        return self.mutants > 0 and len(self.alive) < MOST_ALIVE * self.mutants


def judge(module: str, folder: Path) -> Judged:
    """Run the mutants of a module in a copy of the project.

    Raises:
        RuntimeError: the tests do not pass without a mutant, or mutmut failed.
    """
    for name in ("Modules", "scripts", "tests"):
        shutil.copytree(ROOT / name, folder / name)
    table = [
        "[tool.mutmut]",
        'source_paths = ["Modules"]',
        f'only_mutate = ["Modules/{module}.py"]',
        'also_copy = ["scripts", "Modules"]',
        f"pytest_add_cli_args = {json.dumps(_arguments(folder))}",
        f"pytest_add_cli_args_test_selection = {json.dumps(_tests(module))}",
        "use_git_change_detection = false",
        "track_dependencies = false",
        "timeout_multiplier = 6.0",
        "timeout_constant = 5.0",
    ]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text("\n".join([project, *table]), encoding="utf-8")
    said = _mutmut(folder, "run")
    try:
        codes = _codes(folder, module)
    except (OSError, KeyError, ValueError) as err:
        raise RuntimeError(f"mutmut failed:\n{said[-2000:]}") from err
    if None in codes.values() or not codes:
        raise RuntimeError(f"mutmut did not judge all of {module}:\n{said[-2000:]}")
    alive = tuple(name for name, code in codes.items() if code not in NOTICED)
    for name in alive:
        print(_mutmut(folder, "show", name))
    return Judged(module, len(codes), alive)


def _arguments(folder: Path) -> list[str]:
    plugins = ("no:cacheprovider", "no:xdist")
    return [
        *("-x", "-m", "not integration and not shared", f"--basetemp={folder / 'pytest'}"),
        *(part for plugin in plugins for part in ("-p", plugin)),
    ]


def _tests(module: str) -> list[str]:
    return [f"tests/{name}.py" for name in TESTS[module]]


def _mutmut(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def _codes(folder: Path, module: str) -> dict[str, int | None]:
    """Mutant → exit code of its tests; None for one that was not run."""
    path = folder / "mutants" / "Modules" / f"{module}.py.meta"
    found: dict[str, int | None] = json.loads(path.read_bytes())["exit_code_by_key"]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print the survivors and the figure; 0 if it was reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=list(TESTS), metavar="MODULE")
    asked = parser.parse_args(argv)
    if importlib.util.find_spec("mutmut") is None:
        print("skipped: mutations: mutmut is not installed; see the head of this script")
        return 0
    memory = Path("/dev/shm")
    judged = []
    for module in asked.modules:
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
            judged.append(judge(module, Path(name, "copy")))
    of = ", ".join(f"{one.module} {len(one.alive)} of {one.mutants}" for one in judged)
    missed = sum(not one.right for one in judged)
    print(f"figure: mutations alive: {of}; {missed} modules with a tenth or more")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
