"""What tests start is gone after them, whatever it does about it; and a busy machine gets time."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from tests.processes import ended, patience

DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(child.pid, flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(os.name != "posix", reason="there are no process groups elsewhere")
def test_a_deaf_process_is_killed_with_what_it_started() -> None:
    command = [sys.executable, "-c", DEAF]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    assert ended(process, grace_s=0.1) == -9
    psutil.wait_procs([child], timeout=patience(10))
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_what_ends_when_asked_is_not_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    assert ended(process) == (-15 if os.name == "posix" else 1)
    assert ended(process) == process.returncode


def test_limits_grow_with_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for load, seconds in ((0.5, 10), (2.0, 10), (17.0, 85)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        assert patience(10) == seconds
