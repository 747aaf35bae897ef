"""What a check gives and what a verdict is: results as values, and the thresholds behind them.

Names and notes are Spanish, for the people who read the report; shares are fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any

MAX_NOTES = 20  # lines of one check in a report
_ROUNDING = 1e-9  # 15 of 150 is 10 %, whatever floating point makes of it


class Severity(IntEnum):
    """How bad one comparison is."""

    FINE = 0
    WARNS = 1
    REFUSES = 2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a night is refused; shares as fractions. Design section 6 gives the defaults."""

    rows_loss: float = 0.10
    area_loss: float = 0.10
    ids_replaced: float = 0.20
    unusable_geometry: float = 0.05
    growth: float = 0.50
    best_loss: float = 0.15
    warning: float = 0.02
    best_of_nights: int = 30
    first_night_unusable: float = 0.50  # more than half: the profile is wrong, not the data
    declared_area: float = 0.05  # declared and computed area differ by more: counted
    repaired_area: float = 0.01  # a repair that moves the area by more is named
    min_rows: int = 2  # of a table: fewer rows never refuse by percentage
    min_growth: int = 5  # rows of a table or campo
    small_table: int = 10  # rows; growth in area of a larger one refuses if one row is behind it
    campo_min_lotes: int = 3
    campo_min_lotes_best: int = 5  # in 30 nights a campo at work loses three or four now and then
    campo_min_rows: int = 10  # ambientes or marcadores of a campo
    campo_most: float = 0.50  # more than this of a campo's lotes: two are enough to refuse


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check; failed and blocking refuses the night, failed and not blocking warns."""

    name: str  # Spanish, as the notes
    passed: bool
    blocking: bool = True
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float | int | str] = field(default_factory=dict)

    @property
    def refuses(self) -> bool:
        """Whether it keeps the night from being accepted."""
        return self.blocking and not self.passed

    @property
    def warns(self) -> bool:
        """Whether it is worth a look, but no more."""
        return not self.blocking and not self.passed


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a night is accepted, and every check behind it."""

    accepted: bool
    checks: tuple[CheckResult, ...]
    first_night: bool

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it was refused: name and notes of each check that refuses (Spanish)."""
        return tuple(_line(check) for check in self.checks if check.refuses)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Name and notes of each check that warns (Spanish)."""
        return tuple(_line(check) for check in self.checks if check.warns)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "accepted": self.accepted,
            "first_night": self.first_night,
            "checks": [asdict(check) | {"notes": list(check.notes)} for check in self.checks],
        }


def _line(check: CheckResult) -> str:
    return f"{check.name}: {'; '.join(check.notes)}" if check.notes else check.name


def result(
    name: str,
    severity: Severity,
    notes: tuple[str, ...] | list[str] = (),
    figures: Mapping[str, float | int | str] | None = None,
) -> CheckResult:
    """A check out of its severity; notes beyond ``MAX_NOTES`` are counted, not written."""
    lines = tuple(notes)
    if len(lines) > MAX_NOTES:
        lines = (*lines[:MAX_NOTES], f"… y {len(lines) - MAX_NOTES} más")
    passed = severity is Severity.FINE
    return CheckResult(name, passed, severity is not Severity.WARNS, lines, dict(figures or {}))


def rate(share: float, limit: float, warning: float, *, enough: bool) -> Severity:
    """A share at or past its limit refuses if enough rows are behind it; past ``warning`` warns."""
    if enough and share >= limit - _ROUNDING:
        return Severity.REFUSES
    return Severity.WARNS if share > warning + _ROUNDING else Severity.FINE


def share_of(part: float, whole: float) -> float:
    """``part`` as a fraction of ``whole``, never negative; 0 where there is no whole."""
    return max(part, 0.0) / whole if whole > 0 else 0.0


def spanish(value: float, decimals: int = 0) -> str:
    """A number as it is written in Argentina: 2.500,3."""
    text = f"{value:,.{decimals}f}"
    return text.replace(",", " ").replace(".", ",").replace(" ", ".")


def percent(before: float, now: float) -> str:
    """A change as "−12,5 %" or "+3,0 %"."""
    if before <= 0:
        return "antes no había"
    change = round((now - before) / before * 100, 1)
    if change == 0:
        return "sin cambio"
    return f"{'−' if change < 0 else '+'}{spanish(abs(change), 1)} %"
