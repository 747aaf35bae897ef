"""Six companies through the real stack with two workers; the thousand are asked for alone."""

from __future__ import annotations

import sys

import pytest

from tests.robustness.companies import main


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(2400)
@pytest.mark.skipif(sys.platform == "win32", reason="there is no embedded PostgreSQL on Windows")
def test_of_six_companies_all_are_proved_though_a_worker_dies(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["--companies", "6", "--sick", "3", "--busy"])
    said = capsys.readouterr().out
    assert code == 0, said
    assert "6 of 6 proved with two workers, one killed; wrong: none" in said
