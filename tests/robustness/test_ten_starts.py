"""Ten starts at once; the two seconds are asked for where nothing else runs."""

from __future__ import annotations

import os

import pytest

from tests.robustness.ten_starts import main

BUSY_S = "60"  # other tests run beside this one


@pytest.mark.integration
@pytest.mark.skipif(os.name == "nt", reason="process groups are ended the POSIX way")
def test_one_of_ten_runs_and_nine_end_with_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--short", "--limit", BUSY_S])
    said = capsys.readouterr().out
    assert code == 0, said
    assert "figure: ten starts: 2 rounds, 0 wrong" in said
