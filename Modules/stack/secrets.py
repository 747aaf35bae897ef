"""Secrets of the stack: made at random, and added to a ``.env``; each in a file for the containers.

Lines that are there are never touched. A secret that the environment or the file has already is not
made again.
"""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from Modules.disk.safe_files import writing
from Modules.settings import Settings, secret_names
from Modules.stack.plan import AUTH_STRING, CLIENT_AUTH, SECRETS
from Modules.words.secret import FILE, NONE

_BYTES: Final = 24
_USER: Final = "admin"
_PLAIN: Final = set(string.ascii_letters + string.digits + "-_:.")
_HEADER: Final = "# secretos de la plataforma, hechos al azar por `lindero stack init`"


def write_missing(env_file: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Add to ``env_file`` the secrets that neither it nor ``environment`` has.

    The secret of the API stands there twice: for the server, and for ``prefect`` typed in this
    folder; one that only ``environment`` has is not copied. The file becomes readable by its owner
    only.

    Returns:
        The variables that were added.

    Raises:
        PublishError: the file cannot be read or written; it is as it was.
    """
    with writing(env_file):
        before = env_file.read_bytes() if env_file.exists() else b""
        here = dotenv_values(env_file, interpolate=False, encoding="utf-8-sig")
        missing = {
            name: _random(name)
            for name in SECRETS
            if not any(told.get(one) for told in (environment, here) for one in (name, name + FILE))
        }
        api = missing.get(AUTH_STRING) or here.get(AUTH_STRING)
        if api and not (environment.get(CLIENT_AUTH) or here.get(CLIENT_AUTH)):
            missing[CLIENT_AUTH] = api
        if missing:
            _append(env_file, len(before), _lines(before, missing))
    return tuple(missing)


def write_files(folder: Path, settings: Settings) -> tuple[str, ...]:
    """Keep each secret in a file that only the user of the containers reads, and is given there.

    Returns the names of those that changed, which are written over in place: a container that runs
    sees the new words. Raises PublishError where one cannot be read or written.
    """
    changed = []
    with writing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in secret_names():
            text, path = settings.secret_text(name), folder / name
            text = NONE if text is None else text
            path.touch(mode=0o600)
            if path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8", newline="")
                changed.append(name)
            path.chmod(0o600)
            if hasattr(os, "geteuid") and os.geteuid() == 0:
                os.chown(path, settings.lindero_uid, settings.lindero_gid)
    return tuple(changed)


def _lines(before: bytes, missing: Mapping[str, str]) -> bytes:
    end = b"\r\n" if b"\r\n" in before else b"\n"
    lines = [_HEADER, *(f"{name}={_quoted(value)}" for name, value in missing.items())]
    glue = end if before and not before.endswith((b"\n", b"\r")) else b""
    return glue + b"".join(line.encode() + end for line in lines)


def _random(name: str) -> str:
    """No character of it needs quotes in a file, a shell or an address."""
    secret = secrets.token_urlsafe(_BYTES)
    return f"{_USER}:{secret}" if name == AUTH_STRING else secret


def _quoted(value: str) -> str:
    """As a ``.env`` wants it: a secret chosen by a person may hold a blank, a ``#`` or a quote."""
    if set(value) <= _PLAIN:
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


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
