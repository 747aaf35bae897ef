"""Functions in processes of their own, which begin together, and may be killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any


def begun(work: Callable[[], Any]) -> tuple[int, int]:
    """A child that does the work, and says what it came to as JSON: its pid, and where to read."""
    out, into = os.pipe()
    if (pid := os.fork()) == 0:
        code = 1
        try:
            os.write(into, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(into)
    return pid, out


def at_once(many: int, work: Callable[[int], Any]) -> list[Any]:
    """What ``work(0)``, ``work(1)``… come to, each in a process, all at one moment."""
    start = time.monotonic() + 0.1

    def waiting(number: int) -> Callable[[], Any]:
        def wait_and_work() -> Any:
            time.sleep(max(0.0, start - time.monotonic()))
            return work(number)

        return wait_and_work

    children = [begun(waiting(number)) for number in range(many)]
    answers = []
    for pid, out in children:
        with os.fdopen(out, "rb") as pipe:
            said = pipe.read()
        assert os.waitpid(pid, 0)[1] == 0
        answers.append(json.loads(said))
    return answers


def killed_after(seconds: float, work: Callable[[], Any]) -> None:
    """Begin it in a process, and kill that one."""
    pid, out = begun(work)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(out)
