"""Secrets of the stack: made at random, and added to a ``.env``.

Lines that are there are never touched. A secret that the environment or the file has already is not
made again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from Modules.disk.safe_files import writing
from Modules.stack.plan import AUTH_STRING, SECRETS

_BYTES: Final = 24
_USER: Final = "admin"
_HEADER: Final = "# secretos de la plataforma, hechos al azar por `lindero stack init`"


def write_missing(env_file: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Add to ``env_file`` the secrets that neither it nor ``environment`` has.

    The file becomes readable by its owner only.

    Returns:
        The variables that were added.

    Raises:
        PublishError: the file cannot be read or written; it is as it was.
    """
    with writing(env_file):
        before = env_file.read_bytes() if env_file.exists() else b""
        here = dotenv_values(env_file, interpolate=False, encoding="utf-8-sig")
        missing = [name for name in SECRETS if not (environment.get(name) or here.get(name))]
        if missing:
            _append(env_file, len(before), _lines(before, missing))
    return tuple(missing)


def _lines(before: bytes, missing: list[str]) -> bytes:
    end = b"\r\n" if b"\r\n" in before else b"\n"
    lines = [_HEADER, *(f"{name}={_random(name)}" for name in missing)]
    glue = end if before and not before.endswith((b"\n", b"\r")) else b""
    return glue + b"".join(line.encode() + end for line in lines)


def _random(name: str) -> str:
    """No character of it needs quotes in a file, a shell or an address."""
    secret = secrets.token_urlsafe(_BYTES)
    return f"{_USER}:{secret}" if name == AUTH_STRING else secret


def _append(path: Path, size: int, data: bytes) -> None:
    """Append all or nothing, to a file that only its owner reads."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        path.chmod(0o600)
        try:
            with os.fdopen(os.dup(handle), "wb") as file:
                file.write(data)
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
