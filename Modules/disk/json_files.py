"""Our own JSON files: written one way, read with a named error; and journals.

A journal holds one JSON object a line. It is only ever appended to, each line flushed to the disk.
A torn last line is of a process that was killed while it wrote: what it was about to do did not
happen. It counts as not written, and the next line begins on a new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from Modules.disk.safe_files import sync_folder, writing
from Modules.words.errors import DataError, PublishError
from Modules.words.spanish import why


def to_json(value: Mapping[str, Any]) -> bytes:
    """JSON for people and machines: sorted keys, two blanks, UTF-8, no NaN.

    Raises:
        DataError: a value is not JSON-able, or is NaN or infinite.
    """
    try:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return (text + "\n").encode("utf-8")
    except (TypeError, ValueError) as err:
        raise DataError(f"no se puede escribir como JSON: {err}") from err


def from_json(data: bytes, *, source: str) -> dict[str, Any]:
    """An object out of UTF-8 JSON; DataError, which names ``source``, where it is none."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as err:
        raise DataError(f"{source}: no se puede leer como JSON ({type(err).__name__})") from err
    if not isinstance(value, dict):
        raise DataError(f"{source}: se espera un objeto JSON")
    return value


def append_line(journal: Path, entry: Mapping[str, Any]) -> None:
    """Add one line, flushed; after a torn line on a new one.

    Raises:
        PublishError: the disk refused; the earlier lines are as they were.
    """
    line = json.dumps(entry, ensure_ascii=False, sort_keys=True).encode("utf-8") + b"\n"
    with writing(journal), journal.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(journal.parent)


def read_lines(journal: Path) -> Iterator[dict[str, Any]]:
    """Readable lines, oldest first; none without a journal, PublishError where it is unreadable."""
    try:
        lines = journal.read_bytes().splitlines()
    except FileNotFoundError:
        return
    except OSError as err:
        raise PublishError(f"{journal.name} no se puede leer: {why(err)}") from err
    for line in lines:
        with suppress(ValueError, RecursionError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                yield entry
