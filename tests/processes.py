"""Processes that tests start: how long to wait for one, and how each of them ends."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

GRACE_S = 30


def patience(seconds: float) -> float:
    """A limit of so many seconds on an idle machine; as much more as this one has to do now."""
    if not hasattr(os, "getloadavg"):
        return seconds
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def ended(
    process: subprocess.Popen[str] | subprocess.Popen[bytes], grace_s: float = GRACE_S
) -> int:
    """The exit code of a process that was asked to end, or killed when it did not.

    What is left of its group goes with it, where it was started in a session of its own.
    """
    group = os.name == "posix" and process.poll() is None and os.getpgid(process.pid) == process.pid
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience(grace_s))
    if group:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()
    return process.wait()
