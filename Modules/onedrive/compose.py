"""The text of ``compose.onedrive.yml``: each OneDrive folder mounted on its product folder. Pure.

A link of Windows inside a bind mount leads nowhere in a Linux container, so there the target itself
is mounted. ``create_host_path: false``: a target that is not there stops the start, instead of an
empty folder taking its place without a word. Text is quoted for YAML, and ``$`` for compose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from Modules.onedrive.config import CONFIG_NAME, Enlace

COMPOSE_NAME: Final = "compose.onedrive.yml"
APP: Final = "/app"

_HEADER: Final = """\
# Lo escribió setup_symlinks.py; para cambiar un destino, vuelva a correrlo.
# docker compose -f docker-compose.yml -f compose.volumes.yml -f compose.onedrive.yml up -d
# Con estos montajes no hacen falta los enlaces de create_symlinks.ps1: si los hay, primero
# .\\create_symlinks.ps1 -Undo
services:
  prefect-worker:
    volumes:
"""


def compose(enlaces: Sequence[Enlace]) -> str:
    """The file that goes beside ``docker-compose.yml`` with ``-f``."""
    mounts = [_mount(f"./{CONFIG_NAME}", CONFIG_NAME, "        read_only: true\n")]
    for one in enlaces:  # and where a flow that begins in its own folder sees the outputs
        at = one.destino.as_posix()
        mounts += [_mount(at, str(one.enlace)), _mount(at, f"scripts/{one.enlace}")]
    return _HEADER + "".join(mounts)


def quoted(text: str) -> str:
    """Text in double quotes as YAML reads it, with ``$`` doubled for compose."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'


def _mount(source: str, target: str, options: str = "") -> str:
    return (
        f"      - type: bind\n        source: {quoted(source)}\n"
        f"        target: {quoted(f'{APP}/{target}')}\n{options}"
        "        bind:\n          create_host_path: false\n"
    )
