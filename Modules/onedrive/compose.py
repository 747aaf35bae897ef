"""The text of ``compose.onedrive.yml``: each OneDrive folder mounted on its product folder. Pure.

A link of Windows inside a bind mount leads nowhere in a Linux container, so there the target itself
is mounted. ``create_host_path: false``: a target that is not there stops the start, instead of an
empty folder taking its place without a word. Text is quoted for YAML, and ``$`` for compose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from Modules.onedrive.config import CONFIG_NAME, Enlace

COMPOSE_NAME: Final = "compose.onedrive.yml"
SERVICES: Final = ("prefect-worker",)  # those that write products
APP: Final = "/app"

_HEADER: Final = """\
# Lo escribió setup_symlinks.py; para cambiar un destino, vuelva a correrlo.
# docker compose -f docker-compose.yml -f compose.volumes.yml -f compose.onedrive.yml up -d
# Con estos montajes no hacen falta los enlaces de create_symlinks.ps1: si los hay, primero
# .\\create_symlinks.ps1 -Undo
services:
"""


def compose(enlaces: Sequence[Enlace]) -> str:
    """The file that goes beside ``docker-compose.yml`` with ``-f``."""
    return _HEADER + "\n".join(_lines(enlaces)) + "\n"


def quoted(text: str) -> str:
    """Text in double quotes as YAML reads it, with ``$`` doubled for compose."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'


def _lines(enlaces: Sequence[Enlace]) -> Iterator[str]:
    for service in SERVICES:
        yield f"  {service}:"
        yield "    volumes:"
        yield from _mount(f"./{CONFIG_NAME}", f"{APP}/{CONFIG_NAME}", read_only=True)
        for one in enlaces:
            yield from _mount(one.destino.as_posix(), f"{APP}/{one.enlace}")


def _mount(source: str, target: str, *, read_only: bool = False) -> Iterator[str]:
    yield "      - type: bind"
    yield f"        source: {quoted(source)}"
    yield f"        target: {quoted(target)}"
    if read_only:
        yield "        read_only: true"
    yield "        bind:"
    yield "          create_host_path: false"
