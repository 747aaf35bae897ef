"""One policy for every report of findings."""

from __future__ import annotations

import pytest

from Modules.words.finding import Finding, Report, Severity

FINE, WARNING, ERROR = (Finding(one.name, one) for one in Severity)


@pytest.mark.parametrize(
    ("findings", "code"),
    [((), 0), ((FINE,), 0), ((FINE, WARNING), 0), ((ERROR,), 1), ((WARNING, ERROR, FINE), 1)],
)
def test_only_an_error_ends_with_one(findings: tuple[Finding, ...], code: int) -> None:
    report = Report(findings)
    assert (report.exit_code, report.passed) == (code, not code)


def test_a_report_tells_the_worst_first_and_keeps_the_order_of_equals() -> None:
    first, second = Finding("a", Severity.WARNING), Finding("b", Severity.WARNING)
    report = Report.worst_first([FINE, first, ERROR, second])
    assert report.findings == (ERROR, first, second, FINE)
    assert (report.errors, report.warnings) == ((ERROR,), (first, second))
    assert [one.fine for one in report.findings] == [False, False, False, True]


def test_a_finding_is_one_line_with_its_notes_or_without() -> None:
    assert Finding("lotes", notes=("faltan 2", "sobra 1")).line == "lotes: faltan 2; sobra 1"
    assert Finding("lotes").line == "lotes"
