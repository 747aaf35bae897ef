"""A finding: one thing that was looked at, how bad it is, where, and what to do about it.

The verdict of a night, ``verify``, ``doctor``, ``status``, ``api check`` and the control of EUDR
all say what they found in these words, and one policy makes an exit code of it: an error ends with
1, a warning is said and ends with 0. Texts are Spanish, for people; ``code`` is for machines and
never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias


class Severity(IntEnum):
    """How bad it is; the order is that of gravity."""

    FINE = 0  # looked at, and well
    WARNING = 1  # worth a look, no more
    ERROR = 2  # refuses the night, fails the command


Figures: TypeAlias = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Finding:
    what: str  # what it is, or what is wrong
    severity: Severity = Severity.ERROR
    where: str = ""  # the place: a backup, a folder, a section of a profile
    item: str = ""  # the thing in that place: a file, a record, a feature
    todo: str = ""  # what to do about it
    code: str = ""
    notes: tuple[str, ...] = ()  # in detail, a line each
    figures: Figures = field(default_factory=dict)

    @property
    def fine(self) -> bool:
        return self.severity is Severity.FINE

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    @property
    def is_warning(self) -> bool:
        return self.severity is Severity.WARNING

    @property
    def line(self) -> str:
        """What, and the notes, in one line."""
        return f"{self.what}: {'; '.join(self.notes)}" if self.notes else self.what


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one look found, in the order in which it is told."""

    findings: tuple[Finding, ...] = ()

    @classmethod
    def worst_first(cls, findings: Iterable[Finding]) -> Report:
        """A report of these findings, errors before warnings, else in their order."""
        return cls(tuple(sorted(findings, key=lambda one: -one.severity)))

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.is_error)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.is_warning)

    @property
    def passed(self) -> bool:
        return not self.errors

    @property
    def exit_code(self) -> int:
        """Of a command that ends with this report: 1 if there is an error; warnings are none."""
        return 0 if self.passed else 1
