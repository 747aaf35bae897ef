"""Before the platform starts: what it lacks, and whether it is another one than the last time."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from Modules.settings import Settings, secret_names, variable_names
from Modules.stack import checks, local
from Modules.stack import plan as stack_plan
from Modules.stack.shared import prepare
from Modules.words.errors import PipelineError, SettingsError
from Modules.words.secret import FILE
from Modules.words.spanish import why

_CODE: Final = ("Modules", "scripts", "prompts", "deploy")  # folders, whole
_FILES: Final = (
    *("Dockerfile", ".dockerignore", "pyproject.toml", "uv.lock", "prefect.yaml"),
    *("docker-compose.yml", "compose.*.yml"),
)
_LEFT: Final = {".pyc", ".gitignore"}
_ASKED: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")  # a variable that a compose file takes


def faults(settings: Settings) -> Iterator[str]:
    """All that keeps the platform from starting here, in Spanish; what is well is not told.

    A database of others that is not there is made, once.
    """
    try:
        stack_plan.check_secrets({name: settings.secret_text(name) for name in stack_plan.SECRETS})
    except SettingsError as err:
        yield str(err)
    for store in local.stores_of_others(settings):
        try:
            prepare(store, settings)
        except PipelineError as err:
            yield str(err)
    for name in ("lindero_state_dir", "lindero_outputs_dir", "lindero_test_outputs_dir"):
        if fault := _unwritable(getattr(settings, name)):
            yield f"{name.upper()}: {fault}"
    staging, host = settings.lindero_entorno == "staging", settings.lindero_sso_host
    if host and staging != ("staging" in host):
        yield f"LINDERO_SSO_HOST: {host} es la puerta del otro entorno; cada uno lleva la suya"
    port = settings.lindero_port
    if local.free_port(port) != port and not checks.server(f"http://127.0.0.1:{port}/api").ok:
        yield (
            f"LINDERO_PORT: otro programa usa el puerto {port} de esta máquina; cerrarlo, o elegir "
            "otro, por ejemplo LINDERO_PORT=4210"
        )


def fingerprint(root: Path, environment: Mapping[str, str]) -> str:
    """SHA-256 of every file and variable that changes what runs; no secret, nor where one lies."""
    paths = [path for folder in _CODE for path in (root / folder).rglob("*")]
    paths += [path for pattern in _FILES for path in root.glob(pattern)]
    digest, taken = hashlib.sha256(), set(variable_names())
    for path in sorted(paths):
        if path.is_file() and path.suffix not in _LEFT and path.name not in _LEFT:
            content = path.read_bytes()
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(content).digest())
            if path.suffix == ".yml":
                taken |= {*_ASKED.findall(content.decode())}
    held = dotenv_values(root / ".env", interpolate=False, encoding="utf-8-sig")
    said = {**held, **environment}
    hidden = {name.upper() + end for name in secret_names() for end in ("", FILE)}
    for name in sorted(taken - hidden):
        digest.update(f"{name}={said.get(name) or ''}\0".encode())
    return digest.hexdigest()


def _unwritable(folder: Path) -> str | None:
    """Why nothing can be written in a folder, or where it will be made."""
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as err:
        return f"en {there} no se puede escribir ({why(err)})"
