"""The text of ``create_symlinks.ps1``: the mapping and the rules of ``rules``. Pure.

PowerShell 5.1 needs a byte order mark for accents; lines end in CRLF. A path is a literal in
single quotes: nothing in it means anything but a quote, which is doubled. PowerShell takes the
typographic ‘ ’ ‚ ‛ for single quotes too, so they are doubled as well. The same mapping gives the
same bytes: the script says no time and no machine.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PureWindowsPath
from typing import Final

from Modules.disk.sentinels import RECORDS_NAME, SENTINEL_NAME, sentinel_text
from Modules.onedrive.config import Enlace
from Modules.onedrive.rules import (
    DICHO,
    FINALES,
    REGLAS_DESTINO,
    REGLAS_ENLACE,
    REGLAS_LUGAR,
    Regla,
)
from Modules.onedrive.script_body import BODY, HELP, PARAMETERS

SCRIPT_NAME: Final = "create_symlinks.ps1"
_QUOTES: Final = str.maketrans({quote: quote * 2 for quote in "'\u2018\u2019\u201a\u201b"})


def script(enlaces: Sequence[Enlace], roots: Sequence[PureWindowsPath]) -> bytes:
    """The script as it is written: UTF-8 with a byte order mark, CRLF.

    Args:
        enlaces: the links, judged already.
        roots: what OneDrive synchronises; the script adds what its own environment says.
    """
    text = "\n".join((HELP, PARAMETERS, *_data(enlaces, roots), BODY.strip(), ""))
    return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode("utf-8")


def literal(text: str) -> str:
    """Text as a PowerShell literal in single quotes.

    Raises:
        ValueError: a control character or a lone surrogate, which no path has.
    """
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise ValueError(f"{text!r} has a character that no path has")
    return f"'{text.translate(_QUOTES)}'"


def _data(enlaces: Sequence[Enlace], roots: Sequence[PureWindowsPath]) -> Iterator[str]:
    yield "# --- qué enlaces, y qué se hace en cada caso: lo escribe setup_symlinks.py"
    yield ""
    yield f"$NombreCentinela = {literal(SENTINEL_NAME)}"
    yield f"$NombreNotas = {literal(RECORDS_NAME)}"
    yield f"$RaicesDichas = {_array([str(root) for root in roots])}"
    yield "$Enlaces = @("
    for one in enlaces:
        yield f"    {_link(one)}"
    yield ")"
    for name, rules in (
        ("ReglasLugar", REGLAS_LUGAR),
        ("ReglasDestino", REGLAS_DESTINO),
        ("ReglasEnlace", REGLAS_ENLACE),
    ):
        yield f"${name} = @{{"
        yield from (f"    {literal(state)} = {_rule(rule)}" for state, rule in rules.items())
        yield "}"
    yield f"$Finales = {_array(FINALES)}"
    yield "$Dicho = @{"
    yield from (f"    {literal(step)} = {literal(said)}" for step, said in DICHO.items())
    yield "}"
    yield ""


def _link(one: Enlace) -> str:
    return _object(
        {
            "Carpeta": literal(one.carpeta),
            "Enlace": literal(str(PureWindowsPath(one.enlace))),
            "Destino": literal(str(one.destino)),
            "Centinela": literal(sentinel_text(one.carpeta).rstrip("\n")),
        }
    )


def _rule(rule: Regla) -> str:
    return _object(
        {
            "Necesita": literal(rule.necesita),
            "Acciones": _array(rule.acciones),
            "Aviso": literal(rule.aviso),
        }
    )


def _object(values: Mapping[str, str]) -> str:
    inner = "; ".join(f"{name} = {value}" for name, value in values.items())
    return f"@{{ {inner} }}"


def _array(values: Sequence[str]) -> str:
    return f"@({', '.join(literal(value) for value in values)})"
