"""Prefect's temporary server, which a flow called without a server brings: none outlives its run.

Prefect ends it at the end of the process that started it; a process that was killed cannot. So
what this process starts carries a mark with its id, and the next run ends what the dead left.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

import psutil

MARK: Final = "_LINDERO_SERVER_OF"  # in the environment: id and start of whoever started it
_APP: Final = "prefect.server.api.server:create_app"  # among the arguments of such a server
_GRACE_S: Final = 5


def mark() -> None:
    """From now on servers that this process starts say whose they are."""
    own = psutil.Process()
    os.environ[MARK] = f"{own.pid} {own.create_time()}"


def sweep() -> int:
    """End the temporary servers of runs that are no more; how many there were."""
    left = list[psutil.Process]()
    for process in psutil.process_iter(["cmdline"]):
        if _APP in (process.info["cmdline"] or ()):
            with suppress(psutil.Error, OSError):  # it ended meanwhile, or is another user's
                said = process.environ().get(MARK)
                if said is not None and not _lives(said):
                    left.append(process)
    for server in left:
        with suppress(psutil.NoSuchProcess):
            server.terminate()
    for server in psutil.wait_procs(left, _GRACE_S)[1]:
        with suppress(psutil.NoSuchProcess):
            server.kill()
    return len(left)


def _lives(said: str) -> bool:
    pid, _, start = said.partition(" ")
    try:
        return psutil.Process(int(pid)).create_time() == float(start)
    except (psutil.Error, ValueError):
        return False
