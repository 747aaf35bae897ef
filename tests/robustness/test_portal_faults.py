"""The short form of ``portal_faults``: one fault in eight, over all levels."""

from __future__ import annotations

import pytest

from tests.faults.named import FAULTS
from tests.robustness.portal_faults import cases, run_cases

PART = 3  # of the short form, to keep the suite quick; make robustness runs all of it


@pytest.mark.integration
def test_no_fault_loses_a_row_in_silence_or_touches_what_was_there() -> None:
    chosen = cases(short=True)[::PART]
    assert {FAULTS[case.name].level for case in chosen} >= {"wire", "status", "page", "row"}
    found = run_cases(chosen)
    assert [f"{one.case}: {one.wrong}" for one in found if one.wrong] == []
    assert {one.end for one in found} >= {"accepted", "ApiUnavailable"}  # both roads were taken
