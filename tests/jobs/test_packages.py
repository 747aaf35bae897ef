"""Code and packages of one release: what is compared before a run and before a process begins."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from Modules.jobs import code_version
from Modules.jobs.code_version import IMAGE, LOCKED, check_packages
from Modules.jobs.outcome import Outcome
from Modules.orchestration.run_result import run_plain
from Modules.settings import PROJECT_ROOT
from Modules.stack import entry
from Modules.words.errors import SettingsError


def test_what_is_installed_here_is_what_the_code_was_locked_with() -> None:
    check_packages()


def test_the_list_beside_the_code_is_that_of_the_lock() -> None:
    """All that ``uv sync`` brings a night: each package of it, and none of another version."""
    lock = tomllib.loads((PROJECT_ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    releases: dict[str, set[str]] = {}
    for one in lock:
        releases.setdefault(one["name"], set()).add(one["version"])
    listed = [re.split(r"==| ; ", line) for line in LOCKED.read_text().splitlines()]

    def needed(name: str, seen: set[str]) -> Iterator[str]:
        for one in lock:
            if one["name"] == name:
                for other in one.get("dependencies", ()):
                    if other["name"] not in seen:
                        seen.add(other["name"])
                        yield other["name"]
                        yield from needed(other["name"], seen)

    assert {name for name, *_ in listed} >= {"lindero", *needed("lindero", set())}
    assert all(release in releases[name] for name, release, *_ in listed)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pandas==0.1", "pandas "),
        ("not-there==1.0", "not-there none"),
        ("lindero==9.9.9", "lindero 0."),
        ("pandas==0.1 ; python_full_version < '3.12'", "pandas "),
    ],
)
def test_another_release_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, line: str, said: str
) -> None:
    locked = tmp_path / "paquetes.txt"
    locked.write_text(f"{line}\n", encoding="ascii")

    with pytest.raises(SettingsError, match=f"({said}.*1 en total.*uv sync --locked)"):
        check_packages(locked)
    with pytest.raises(SettingsError, match="make up, o docker compose up -d --build"):
        check_packages(locked, prefix=IMAGE)


def test_what_a_condition_keeps_out_and_what_is_beside_is_fine(tmp_path: Path) -> None:
    locked = tmp_path / "paquetes.txt"
    locked.write_text("not-there==1.0 ; sys_platform == 'x'\n", encoding="ascii")

    check_packages(locked)


def test_the_image_has_its_packages_where_the_check_looks_for_it() -> None:
    assert f"UV_PROJECT_ENVIRONMENT={IMAGE} " in (PROJECT_ROOT / "Dockerfile").read_text()


def test_neither_a_run_nor_a_process_of_the_stack_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after a ``git pull`` that wants more than is installed."""
    locked = tmp_path / "paquetes.txt"
    locked.write_text("not-there==1.0\n", encoding="ascii")
    monkeypatch.setattr(code_version.check_packages, "__defaults__", (locked, "/usr"))

    def story() -> Outcome:
        raise AssertionError("it began")

    error = run_plain(story)["error"]
    assert error is not None
    assert error["exit_code"] == 2
    assert "uv sync --locked" in error["mensaje"]
    for process in ("server", "services", "worker", "single"):
        with pytest.raises(SystemExit) as ended:
            entry.main([process])
        assert ended.value.code == 2
        assert "uv sync --locked" in capsys.readouterr().err
