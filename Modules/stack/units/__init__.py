"""What starts the platform with the machine: a user's service of systemd, a task of Windows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from Modules.disk.safe_files import make_folder, write_beside
from Modules.settings import PROJECT_ROOT

TEMPLATES: Final = ("lindero.service", "lindero-tarea.xml", "lindero-tarea.ps1")


def write_units(folder: Path) -> tuple[Path, ...]:
    """Write the files into ``folder``, for this project and this Python.

    Raises:
        PublishError: the disk refused.
    """
    make_folder(folder)
    written = tuple(folder / name for name in TEMPLATES)
    for path in written:
        text = (Path(__file__).parent / path.name).read_text(encoding="utf-8")
        for word, value in (("{root}", str(PROJECT_ROOT)), ("{python}", sys.executable)):
            quoted = escape(value) if path.suffix == ".xml" else value.replace("%", "%%")
            text = text.replace(word, quoted)
        # Windows reads a task, and PowerShell 5 a script with accents, by their first bytes
        coding = {".xml": "utf-16", ".ps1": "utf-8-sig"}.get(path.suffix, "utf-8")
        write_beside(path, text.encode(coding))
    return written
