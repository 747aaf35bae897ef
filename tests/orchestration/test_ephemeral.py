"""A temporary Prefect server whose run was killed is ended by the next run; others are not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from Modules.orchestration import ephemeral

SLEEP = "import sys, time; print(flush=True); time.sleep(60)"


@pytest.fixture
def started() -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Processes that look like such servers: of a dead run, of this one, of nobody; and another."""
    own = psutil.Process()
    marks = {
        "dead": f"{own.pid} {own.create_time() - 1}",  # the id was given out again
        "mine": f"{own.pid} {own.create_time()}",
        "other": f"{own.pid} 1.0",
    }
    found = {}
    for name in ("dead", "mine", "nobody", "other"):
        environment = {**os.environ, ephemeral.MARK: marks.get(name, "")}
        if name == "nobody":
            del environment[ephemeral.MARK]
        what = "something.else" if name == "other" else "prefect.server.api.server:create_app"
        command = [sys.executable, "-c", SLEEP, "--factory", what]
        found[name] = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    for process in found.values():
        assert process.stdout is not None
        process.stdout.readline()
    yield found
    for process in found.values():
        process.kill()
        process.communicate()


def test_only_the_server_of_a_run_that_is_no_more_is_ended(
    started: dict[str, subprocess.Popen[bytes]],
) -> None:
    assert ephemeral.sweep() == 1
    started["dead"].wait(10)
    assert [started[name].poll() for name in ("mine", "nobody", "other")] == [None] * 3
    assert ephemeral.sweep() == 0


def test_what_this_process_starts_says_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ephemeral.MARK, "")
    ephemeral.mark()
    pid, start = os.environ[ephemeral.MARK].split()
    assert (int(pid), float(start)) == (os.getpid(), psutil.Process().create_time())
