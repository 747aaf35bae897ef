"""``make quick``: the tests that a change can have touched, nearest first, within a minute.

    python -m tests.quick [--base REV] [--seconds 30] [PYTEST ARGUMENT …]

Changed is what differs from ``--base`` (HEAD), untracked files too. A test file is as near as the
nearest changed module that it imports, counted in imports: 0 for the tests of the changed module's
own package, 1 for those that import it, 2 for those that import what imports it, and so on. Tests
that start processes stay for ``make test``. When the time is over the rest is skipped, and the
last lines say how many: a change in ``words`` touches everything.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUDGET = "LINDERO_TEST_SECONDS"
KINDS = (".py", ".ps1", ".json")


def changed_files(base: str) -> list[str]:
    """Paths below the root that differ from a revision, removed and untracked ones too."""
    asked = (["diff", "--name-only", base], ["ls-files", "--others", "--exclude-standard"])
    said = [
        subprocess.run(["git", *one], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for one in asked
    ]
    return sorted({path for text in said for path in text.splitlines() if path.endswith(KINDS)})


def module_name(path: str) -> str:
    """The dotted name of a file below the root."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(path: Path) -> set[str]:
    """Every name that a file imports, as module or as member of one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def distances(importers: Mapping[str, set[str]], changed: Sequence[str]) -> dict[str, int]:
    """Module → how many imports it is away from the nearest changed one."""
    far = dict.fromkeys(changed, 0)
    edge = list(far)
    while edge:
        reached = {by: far[name] + 1 for name in edge for by in importers.get(name, ())}
        edge = [name for name in reached if name not in far]
        far |= {name: reached[name] for name in edge}
    return far


@cache
def who_imports(tests: tuple[Path, ...]) -> Mapping[str, set[str]]:
    """Module → what imports it, among ours and these tests."""
    import grimp  # here: conftest needs no more than a name

    graph = grimp.build_graph("Modules", "scripts")
    importers = {name: graph.find_modules_that_directly_import(name) for name in graph.modules}
    for path in tests:
        by = module_name(path.relative_to(ROOT).as_posix())
        for name in imported(path):
            importers.setdefault(name, set()).add(by)
    return importers


def nearest_tests(changed: Sequence[str]) -> list[str]:
    """Test files that a change can have touched, nearest first."""
    tests = tuple(sorted((ROOT / "tests").rglob("*.py")))
    far = distances(who_imports(tests), [module_name(path) for path in changed])
    own = {Path(path).parent.relative_to("Modules") for path in changed if "Modules/" in path}
    found = {}
    for path in tests:
        relative = path.relative_to(ROOT / "tests")
        away = 0 if relative.parent in own else far.get(f"tests.{module_name(str(relative))}")
        if away is not None and path.name.startswith("test_"):
            found[f"tests/{relative.as_posix()}"] = away
    return sorted(found, key=lambda name: (found[name], name))


def main(argv: Sequence[str] | None = None) -> int:
    """Run them; the exit code of pytest, 0 if the change touches no test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", default="HEAD")
    parser.add_argument("--seconds", default="30")
    options, more = parser.parse_known_args(argv)
    tests = nearest_tests(changed_files(options.base))
    if not tests:
        print(f"nothing that a test imports differs from {options.base}")
        return 0
    print(f"{len(tests)} test files, from {tests[0]} to {tests[-1]}", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not integration and not slow"]
    done = subprocess.run(
        [*command, *(more or ["-n", "3", "--dist", "loadfile"]), *tests],
        cwd=ROOT,
        env={**os.environ, BUDGET: options.seconds, "HYPOTHESIS_PROFILE": "brief"},
        check=False,
    )
    return 0 if done.returncode == 5 else done.returncode  # 5: all of them start processes


if __name__ == "__main__":
    sys.exit(main())
