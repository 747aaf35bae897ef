"""What an output has to be, held against it: Spanish, a line for each thing that is not so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from Modules.prompts.calls.asking import JSON, MISSING
from Modules.prompts.calls.reply import refused
from Modules.prompts.files.models import Case, Check

_SHOWN: Final = 80


def checks_of(case: Case, every: Iterable[Check] = ()) -> list[Check]:
    """All checks of a case; ``expect`` is short for ``equals``."""
    expected = [
        Check.model_validate({"at": key, "equals": value}) for key, value in case.expect.items()
    ]
    return [*expected, *case.checks, *every]


def wrong_with(output: JSON, checks: Iterable[Check]) -> str:
    """What of an output is not as its checks say; empty if it is."""
    return "; ".join(line for one in checks for line in _wrong(output, one))


def _wrong(output: JSON, check: Check) -> Iterator[str]:
    found = output
    for part in check.at.split(".") if check.at else ():
        found = found.get(part, MISSING) if isinstance(found, Mapping) else MISSING
    if found is MISSING:
        yield f"falta {check.at}"
    elif not _holds(found, check):
        wanted = getattr(check, check.way)
        shown = dict(wanted) if check.way == "number_within" else wanted
        yield f"{check.at or 'la salida'} es {_short(found)}, {_SAID[check.way]} {_short(shown)}"


_SAID: Final[Mapping[str, str]] = {
    "equals": "se esperaba",
    "one_of": "se esperaba uno de",
    "contains": "tenía que contener",
    "not_contains": "no tenía que contener",
    "matches": "tenía que cumplir",
    "number_within": "se esperaba un número en",
    "max_words": "las palabras tenían que ser a lo sumo",
    "schema_": "tenía que ser de la forma",
}


def _holds(found: JSON, check: Check) -> bool:
    """Equality is that of JSON Schema: 1 is 1.0 and is not true."""
    match check.way:
        case "equals":
            return not refused(found, {"const": check.equals})
        case "one_of":
            return not refused(found, {"enum": list(check.one_of)})
        case "contains":
            return isinstance(found, str | list) and check.contains in found
        case "not_contains":
            return isinstance(found, str | list) and check.not_contains not in found
        case "matches":
            return isinstance(found, str) and check.finds(found)
        case "max_words":
            return isinstance(found, str) and len(found.split()) <= check.max_words
        case "number_within" if (span := check.number_within) is not None:
            limits = {"type": "number", "minimum": span.min, "maximum": span.max}
            return not refused(found, limits)
    return not refused(found, check.schema_)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
