"""The verdict of a night: every check as a finding, and how a share becomes a severity.

Names and notes are Spanish, for the people who read the report; shares are fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from Modules.words.finding import Figures, Finding, Report, Severity

MAX_NOTES = 20  # lines of one check in a report
_ROUNDING = 1e-9  # 15 of 150 is 10 %, whatever floating point makes of it


@dataclass(frozen=True, slots=True)
class Verdict:
    accepted: bool
    checks: tuple[Finding, ...]
    first_night: bool

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it was refused: name and notes of each check that refuses (Spanish)."""
        return tuple(check.line for check in Report(self.checks).errors)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Name and notes of each check that warns (Spanish)."""
        return tuple(check.line for check in Report(self.checks).warnings)

    def with_checks(self, *more: Finding) -> Verdict:
        """The verdict with other checks in front, any of which may refuse too."""
        accepted = self.accepted and not any(check.is_error for check in more)
        return replace(self, accepted=accepted, checks=(*more, *self.checks))

    def to_dict(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "first_night": self.first_night,
            "checks": [
                {
                    "name": check.what,
                    "passed": check.fine,
                    "blocking": check.severity is not Severity.WARNING,
                    "notes": list(check.notes),
                    "figures": dict(check.figures),
                }
                for check in self.checks
            ],
        }


def checked(
    name: str, severity: Severity, notes: Sequence[str] = (), figures: Figures | None = None
) -> Finding:
    """A check out of its severity; one that is fine has no notes, and ``MAX_NOTES`` are enough."""
    lines = tuple(notes) if severity else ()
    if len(lines) > MAX_NOTES:
        lines = (*lines[:MAX_NOTES], f"… y {len(lines) - MAX_NOTES} más")
    return Finding(name, severity, notes=lines, figures=dict(figures or {}))


def warned(name: str, notes: Sequence[str], figures: Figures | None = None) -> Finding:
    """A check that warns wherever it has something to say, and never refuses."""
    return checked(name, Severity.WARNING if notes else Severity.FINE, notes, figures)


def told(name: str, checks: Iterable[Finding]) -> list[Finding]:
    """Those of many alike that have something to say; one that is fine where none has."""
    return [check for check in checks if not check.fine] or [checked(name, Severity.FINE)]


def rate(share: float, limit: float, warning: float, *, enough: bool) -> Severity:
    """A share at or past its limit refuses if enough rows are behind it; past ``warning`` warns."""
    if enough and share >= limit - _ROUNDING:
        return Severity.ERROR
    return Severity.WARNING if share > warning + _ROUNDING else Severity.FINE


def share_of(part: float, whole: float) -> float:
    """``part`` as a fraction of ``whole``, never negative; 0 where there is no whole."""
    return max(part, 0.0) / whole if whole > 0 else 0.0
