"""Geolocation files on disk: read whole, checked, never trusted."""

from __future__ import annotations

from pathlib import Path

from Modules.products.eudr.check import MAX_READ_BYTES, EudrReport, check_eudr
from Modules.words.errors import SettingsError


def check_eudr_file(path: Path) -> EudrReport:
    """Check a GeoJSON file for a due-diligence statement, rule by rule and feature by feature.

    What is wrong inside the file is in the report; a file beyond ``MAX_READ_BYTES`` is judged by
    its size alone.

    Raises:
        SettingsError: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_READ_BYTES + 1)
        size = path.stat().st_size
    except (OSError, ValueError) as err:
        cause = getattr(err, "strerror", None) or "no file has such a name"
        raise SettingsError(f"{str(path)!r} cannot be read: {cause}") from err
    if len(data) > MAX_READ_BYTES:
        return check_eudr(b"", path.name, size=max(size, len(data)))
    return check_eudr(data, path.name)
