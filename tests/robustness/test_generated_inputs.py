"""The short form of ``generated_inputs``: some batches all the way to KMZ."""

from __future__ import annotations

import pytest

from tests.robustness.generated_inputs import run

pytestmark = pytest.mark.integration  # long rather than wide


def test_no_record_costs_the_night_and_every_one_is_accounted_for() -> None:
    total = run(range(30, 38))
    assert total["undocumented"] == 0
    assert total["inputs"] > 1_000
    assert total["kmz"] > 100
    assert total["rejected"] > 100
