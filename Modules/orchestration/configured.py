"""Whether a Prefect server is configured: Prefect's own places, read without loading Prefect.

The order does not matter here, only whether any of them names a server: ``PREFECT_API_URL`` in our
settings, then ``.env``, ``prefect.toml`` and ``pyproject.toml`` of the current folder, then the
active profile.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from Modules.settings import Settings

API_URL = "PREFECT_API_URL"
PROFILES_PATH = "PREFECT_PROFILES_PATH"


def server_configured(settings: Settings) -> bool:
    """Whether our settings, or Prefect's own, name a server to speak to."""
    if settings.prefect_api_url is not None:
        return True
    dotenv = dotenv_values(".env", interpolate=False)
    own, project = _toml(Path("prefect.toml")), _toml(Path("pyproject.toml"))
    tables = (own, _table(_table(project, "tool"), "prefect"))
    if dotenv.get(API_URL) or any(_table(table, "api").get("url") for table in tables):
        return True
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    named = os.environ.get(PROFILES_PATH) or dotenv.get(PROFILES_PATH)
    elsewhere = [path for table in tables if (path := table.get("profiles_path"))]
    profiles = _toml(Path(str(named or next(iter(elsewhere), home / "profiles.toml"))))
    active = os.environ.get("PREFECT_PROFILE") or profiles.get("active")
    return bool(_table(_table(profiles, "profiles"), str(active)).get(API_URL))


def _toml(path: Path) -> Mapping[str, Any]:
    """A TOML file; nothing where there is none, or none that Prefect could read either."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}
