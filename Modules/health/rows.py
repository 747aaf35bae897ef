"""A check and what it found, as ``lindero doctor`` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Estado = Literal["bien", "aviso", "mal"]


@dataclass(frozen=True, slots=True)
class Fila:
    """One check and what it found, in Spanish."""

    que: str
    estado: Estado
    detalle: str
    que_hacer: str = ""


def exit_code(rows: Sequence[Fila]) -> int:
    """0 if nothing is bad; warnings are no reason."""
    return 1 if any(row.estado == "mal" for row in rows) else 0
