"""The manifest of a snapshot as text: ``manifest.json`` and ``manifest.sha256``.

``manifest.sha256`` has the format of GNU ``sha256sum``: 64 hexadecimal digits, two blanks, the
path below the folder with ``/``, a line feed; sorted by path. It covers every file of the snapshot
but itself, ``manifest.json`` included, so ``sha256sum -c manifest.sha256`` proves the folder.
``manifest.json`` holds the same hashes and sizes again; where the two disagree, that is found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import eq
from typing import Final

from Modules.words.errors import DataError

JSON_NAME: Final = "manifest.json"
SUMS_NAME: Final = "manifest.sha256"
VERDICT_NAME: Final = "verdict.json"
FORMAT: Final = "lindero-snapshot/1"

_LINE: Final = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)")


def disagreement(listed: str | None, found: str) -> str | None:
    """What is wrong between the hash that the sums list for ``manifest.json`` and its own.

    Names the damaged one of the two. Another file gives a hash that has nothing in common with the
    listed one; where most digits agree, it was the list that was damaged.
    """
    if listed == found:
        return None
    if listed is None:
        return f"{SUMS_NAME}: no lista {JSON_NAME}"
    alike = sum(map(eq, listed, found))
    if 2 * alike > len(found):
        return f"{SUMS_NAME}: el SHA-256 de {JSON_NAME} está dañado ahí"
    return f"{JSON_NAME}: no coincide con {SUMS_NAME}"


def to_sums(hashes: Mapping[str, str]) -> bytes:
    """``manifest.sha256`` out of path → SHA-256.

    Raises:
        DataError: a path that ``sha256sum`` would have to quote, or that leaves the folder.
    """
    lines = [f"{sha256}  {path}" for path, sha256 in sorted(hashes.items())]
    for line in lines:
        if _LINE.fullmatch(line) is None or "/../" in f"/{line[66:]}/":
            raise DataError(f"{SUMS_NAME}: no se puede listar la ruta {line[66:]!r}")
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def from_sums(data: bytes) -> dict[str, str]:
    """Path → SHA-256 out of ``manifest.sha256``.

    Raises:
        DataError: another format, a path twice, unsorted, or one that leaves the folder.
    """
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as err:
        raise DataError(f"{SUMS_NAME}: no es texto ASCII") from err
    matches = [_LINE.fullmatch(line) for line in text.split("\n")[:-1]]
    hashes = {match[2]: match[1] for match in matches if match is not None}
    if not matches or len(hashes) != len(matches) or to_sums(hashes) != data:
        raise DataError(f"{SUMS_NAME}: no está como se escribió")
    return hashes
