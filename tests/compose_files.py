"""Reading the compose files as an engine does: merged, and with the variables put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from Modules.words.secret import NONE

ROOT = Path(__file__).resolve().parent.parent
MAIN = ROOT / "docker-compose.yml"
DEMO = ROOT / "compose.demo.yml"
VOLUMES = ROOT / "compose.volumes.yml"
SHARED, VAULT, SSO, ENTORNO = (
    ROOT / "deploy" / f"compose.{of}.yml" for of in ("shared", "vault", "sso", "entorno")
)
OURS = ("prefect-server", "prefect-services", "prefect-worker")
STORES = ("postgres", "redis")
# $$ is a dollar of the shell in the container; ${NAME:-default} and ${NAME:?message} are compose's
VARIABLE = re.compile(r"(?<!\$)(?:\$\$)*\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


class Missing(Exception):
    """A variable without which nothing starts."""


def services(*files: Path) -> dict[str, dict[str, Any]]:
    """The services of the files as written, the second file's over the first's."""
    merged: dict[str, dict[str, Any]] = {}
    for file in files or (MAIN,):
        for name, service in yaml.safe_load(file.read_text(encoding="utf-8"))["services"].items():
            merged[name] = _over(merged.get(name, {}), service)
    return merged


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """``text`` as the container sees it.

    Raises:
        Missing: a required variable is empty or not there.
    """

    def value(match: re.Match[str]) -> str:
        found = variables.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise Missing(f"{match['name']}: {match['rest']}")
        return (found or match["rest"] or "").replace("$", "$$")

    return VARIABLE.sub(value, text).replace("$$", "$")


def environment(service: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """What the processes of a service find in their environment."""
    return {name: interpolated(value, variables) for name, value in service["environment"].items()}


def secrets_of(service: Mapping[str, Any]) -> set[str]:
    """The variables whose file a service is given."""
    return {name.upper() for name in service.get("secrets", ())}


def environment_with_files(
    service: Mapping[str, Any], secrets: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """What a service is told, its secrets in files of ``folder`` and not of ``/run/secrets``."""
    for name in secrets_of(service):
        (folder / name.lower()).write_text(secrets.get(name, NONE), encoding="utf-8", newline="")
    told = environment(service, {})
    return {name: value.replace("/run/secrets", str(folder)) for name, value in told.items()}


def script(service: Mapping[str, Any]) -> str:
    """The shell script of an entrypoint ``sh -euc …``."""
    shell, flags, text = service["entrypoint"]
    assert (shell, flags) == ("sh", "-euc")
    return interpolated(text, {})


def _over(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Mappings are merged, volumes by where they are mounted; anything else is replaced."""
    merged = dict(first)
    for key, value in second.items():
        if key == "volumes" and key in merged:
            taken = {_target(one) for one in value}
            merged[key] = [one for one in merged[key] if _target(one) not in taken] + value
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = {**merged[key], **value}
        else:
            merged[key] = value
    return merged


def _target(volume: str | Mapping[str, str]) -> str:
    return volume.split(":")[1] if isinstance(volume, str) else volume["target"]
