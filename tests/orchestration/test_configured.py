"""Whether a Prefect server is configured: the same answer as Prefect's own, without Prefect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.scripts.conftest import python_in

URL = "http://127.0.0.1:4200/api"
PROFILES = f"""
active = "casa"
[profiles.casa]
PREFECT_LOGGING_LEVEL = "INFO"
[profiles.campo]
PREFECT_API_URL = "{URL}"
"""
CASES: Mapping[str, tuple[dict[str, str], dict[str, str], bool]] = {
    "nothing": ({}, {}, False),
    "environment": ({}, {"PREFECT_API_URL": URL}, True),
    ".env here": ({"work/.env": f"PREFECT_API_URL={URL}"}, {}, True),
    "prefect.toml": ({"work/prefect.toml": f'[api]\nurl = "{URL}"'}, {}, True),
    "pyproject": ({"work/pyproject.toml": f'[tool.prefect.api]\nurl = "{URL}"'}, {}, True),
    "pyproject of others": ({"work/pyproject.toml": "[project]\nname = 'x'"}, {}, False),
    "active profile": (
        {"home/.prefect/profiles.toml": PROFILES.replace("casa", "campo", 1)},
        {},
        True,
    ),
    "another profile": ({"home/.prefect/profiles.toml": PROFILES}, {}, False),
    "profile by name": (
        {"home/.prefect/profiles.toml": PROFILES},
        {"PREFECT_PROFILE": "campo"},
        True,
    ),
    "profile of nobody": (
        {"home/.prefect/profiles.toml": PROFILES},
        {"PREFECT_PROFILE": "nadie"},
        False,
    ),
    "profiles in another home": (
        {"elsewhere/profiles.toml": PROFILES},
        {"PREFECT_HOME": "BASE/elsewhere", "PREFECT_PROFILE": "campo"},
        True,
    ),
    "profiles in another file": (
        {"mine.toml": PROFILES},
        {"PREFECT_PROFILES_PATH": "BASE/mine.toml", "PREFECT_PROFILE": "campo"},
        True,
    ),
}
# What Prefect cannot read names no server: Prefect itself would end with a traceback.
UNREADABLE: Mapping[str, tuple[dict[str, str], dict[str, str]]] = {
    "empty variable": ({}, {"PREFECT_API_URL": ""}),
    "profiles that are no TOML": ({"home/.prefect/profiles.toml": "active = ["}, {}),
}
OURS = """
import sys
assert not any(name.split(".")[0] == "prefect" for name in sys.modules)
from Modules.orchestration.configured import server_configured
from Modules.settings import load_settings
ours = server_configured(load_settings())
assert not any(name.split(".")[0] == "prefect" for name in sys.modules)
print(ours)
"""
PREFECTS = """
from prefect.settings import PREFECT_API_URL
print(PREFECT_API_URL.value() is not None)
"""


def said_by(
    code: str, folder: Path, files: Mapping[str, str], environment: Mapping[str, str]
) -> list[str]:
    """What a process says that finds these files and variables."""
    (folder / "work").mkdir()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    more = {key: text.replace("BASE", str(folder)) for key, text in environment.items()}
    done = python_in(folder, "-c", code, cwd=folder / "work", prefect=False, **more)
    assert done.code == 0, done.err
    return done.out.split()


@pytest.mark.integration
@pytest.mark.parametrize("name", list(CASES))
def test_it_is_as_prefect_itself_would_say(name: str, tmp_path: Path) -> None:
    files, environment, expected = CASES[name]
    said = said_by(OURS + PREFECTS, tmp_path, files, environment)
    assert said == [str(expected), str(expected)]


@pytest.mark.parametrize("name", list(UNREADABLE))
def test_what_prefect_cannot_read_names_no_server(name: str, tmp_path: Path) -> None:
    files, environment = UNREADABLE[name]
    assert said_by(OURS, tmp_path, files, environment) == ["False"]
