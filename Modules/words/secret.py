"""A word that must not be printed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """Shows as stars wherever it is printed; only who asks for the value sees it."""

    _value: str = field(repr=False)

    def get_secret_value(self) -> str:
        """The word itself."""
        return self._value

    def __str__(self) -> str:
        return "**********" if self._value else ""

    def __repr__(self) -> str:
        return f"Secret('{self}')"
