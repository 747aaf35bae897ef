"""The short form of ``stable_ids``: a week in which lotes come, go and change renumbers nothing."""

from __future__ import annotations

import pytest

from tests.robustness.stable_ids import year

pytestmark = pytest.mark.integration  # long rather than wide


def test_a_week_moves_no_id_and_its_changesets_are_exact() -> None:
    assert year(4) == (0, 0, 0)
