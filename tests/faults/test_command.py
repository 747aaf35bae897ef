"""``python -m tests.faults`` serves what it is told to, and says what there is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.faults.__main__ import main
from tests.faults.named import FAULTS
from tests.faults.neighbours import NEIGHBOURS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.integration
def test_faults_can_be_asked_for_on_the_command_line() -> None:
    command = [sys.executable, "-m", "tests.faults", "--port", "0"]
    with subprocess.Popen(
        [*command, "--fault", "status_503@token*1"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as served:
        try:
            assert served.stdout is not None
            facts = json.loads(served.stdout.readline())
            url = f"{facts['base_url']}/auth/token"
            form = {
                "grant_type": "client_credentials",
                "client_id": facts["client_id"],
                "client_secret": facts["client_secret"],
            }
            statuses = [requests.post(url, data=form, timeout=10).status_code for _ in range(2)]
        finally:
            served.kill()
    assert statuses == [503, 200]


@pytest.mark.parametrize(
    ("fault", "said"), [("nada", "no fault called"), ("status_503@nada", "no list called")]
)
def test_a_fault_that_is_none_is_refused_with_exit_code_2(
    fault: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--fault", fault, "--port", "0"]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_the_faults_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-faults"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == [*FAULTS, *NEIGHBOURS]
