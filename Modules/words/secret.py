"""A word that must not be printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FILE: Final = "_FILE"  # of the variable that names a file with the secret
NONE: Final = "(ninguno)"  # in such a file: there is none, on purpose


@dataclass(frozen=True, slots=True)
class Secret:
    """Shows as stars wherever it is printed; only who asks for the value sees it."""

    _value: str = field(repr=False)
    file: Path | None = field(default=None, compare=False, repr=False)  # where it was read

    def get_secret_value(self) -> str:
        return self._value

    def __str__(self) -> str:
        return "**********" if self._value else ""

    def __repr__(self) -> str:
        return f"Secret('{self}')"
