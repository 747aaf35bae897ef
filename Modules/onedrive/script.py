"""``create_symlinks.ps1`` of this package with the links put into it.

PowerShell 5.1 needs a byte order mark for accents; lines end in CRLF. A path is a literal in
single quotes: nothing in it means anything but a quote, which is doubled. PowerShell takes the
typographic ‘ ’ ‚ ‛ for single quotes too, so they are doubled as well. The same mapping gives the
same bytes: the script says no time and no machine.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Final

from Modules.disk.sentinels import SENTINEL_NAME, record_of, sentinel_text
from Modules.onedrive.config import Enlace

SCRIPT_NAME: Final = "create_symlinks.ps1"
TEMPLATE: Final = Path(__file__).with_name(SCRIPT_NAME)
PLACE: Final = "$RaicesDichas = @()\n$Enlaces = @()\n"
_QUOTES: Final = str.maketrans({quote: quote * 2 for quote in "'\u2018\u2019\u201a\u201b"})


def script(enlaces: Sequence[Enlace], roots: Sequence[PureWindowsPath]) -> bytes:
    """The script as it is written, of judged links: UTF-8 with a byte order mark, CRLF.

    ``roots`` are what OneDrive synchronises; the script adds what its own environment says.
    """
    before, after = TEMPLATE.read_text(encoding="utf-8-sig").split(PLACE)
    said = ", ".join(literal(str(root)) for root in roots)
    links = "".join(f"    {_link(one)}\n" for one in enlaces)
    text = f"{before}$RaicesDichas = @({said})\n$Enlaces = @(\n{links})\n{after}"
    return text.replace("\n", "\r\n").encode("utf-8-sig")


def literal(text: str) -> str:
    """Text as a PowerShell literal in single quotes.

    Raises:
        ValueError: a control character or a lone surrogate, which no path has.
    """
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise ValueError(f"{text!r} has a character that no path has")
    return f"'{text.translate(_QUOTES)}'"


def _link(one: Enlace) -> str:
    """One link as a hash table; ``Enlace`` and ``Nota`` are relative to the project."""
    link = PureWindowsPath(one.enlace)
    values = {
        "Carpeta": one.carpeta,
        "Enlace": str(link),
        "Destino": str(one.destino),
        "Centinela": str(one.destino / SENTINEL_NAME),
        "Nota": str(record_of(link)),
        "Texto": sentinel_text(one.carpeta).rstrip("\n"),
    }
    return f"@{{ {'; '.join(f'{name} = {literal(text)}' for name, text in values.items())} }}"
