"""Executions of prompts with Prefect around them: who starts a runner, and what its page shows.

Prefect starts, watches and restarts the runner; which execution is done, and that it is done once,
is a matter of our table alone. An execution is a task run named by its id, in the state of the same
meaning: running RUNNING, completed COMPLETED, failed FAILED, cancelled (or taken by another runner)
CANCELLED. One that is pending has no task run yet; of a runner that died the flow run is CRASHED.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from Modules.jobs.outcome import Outcome
from Modules.orchestration.deployments import ATENDER
from Modules.orchestration.prefect_api import ServerSilent, open_server
from Modules.orchestration.run_result import run_plain
from Modules.prompts.ready import needed
from Modules.settings import PROJECT_ROOT, Settings, load_settings
from Modules.words.errors import ApiUnavailable, PipelineError, SettingsError
from Modules.words.spanish import corrida, count

if TYPE_CHECKING:  # the optional group, and Prefect
    from Modules.prompts.serve.runner import Around, Work
    from Modules.prompts.store import Execution

logger = logging.getLogger(__name__)

ALIVE: Final = ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING")
LOOK_S: Final = 5.0  # between two looks at what waits
CALM_S: Final = 1.0  # at least, however many are accepted meanwhile
EVERY_S: Final = 10  # at most one run is asked for in this time, however many servers ask
IDLE_S: Final = 60.0  # a runner stays so long: the next execution begins at once


async def atender(**around: Around) -> Outcome:
    """Do what waits, with the models and tools of the settings.

    Raises:
        SettingsError: the group of packages is not there, or as ``open_store``.
        StoreUnavailable: the store does not answer, or did not for too long.
    """
    needed()
    from Modules.prompts.calls.model_caller import ModelCaller
    from Modules.prompts.calls.tools import NightTools
    from Modules.prompts.serve.runner import Runner
    from Modules.prompts.store import open_store

    settings = load_settings()
    store = await asyncio.to_thread(open_store, settings)
    name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
    told: Any = {"tools": NightTools(settings), "idle_s": IDLE_S, **around}
    async with ModelCaller() as caller:
        ended = await Runner(store, caller, name, **told).drain()
    done = count(sum(ended.values()), "ejecución", "ejecuciones")
    words = {"completed": "terminadas", "failed": "falladas", "gone": "canceladas, o de otro"}
    said = "; ".join(f"{words.get(state, state)}: {many}" for state, many in ended.items())
    corrida.info("Prompts: %s. %s", done, said)
    return Outcome(data=dict(ended), markdown=f"# Prompts: {done}\n\n{said}".rstrip())


async def as_task(execution: Execution, work: Work) -> str:
    """Run an execution as a Prefect task in the state that it comes to."""
    from prefect import Task
    from prefect.cache_policies import NO_CACHE
    from prefect.states import Cancelled, Completed, Failed

    ended = ""

    async def once() -> Any:
        nonlocal ended
        ended = await work()
        kind = {"completed": Completed, "failed": Failed}.get(ended, Cancelled)
        return kind(message=f"{execution.name} {execution.version}: {ended}")

    told: Any = {"name": execution.name, "task_run_name": execution.id, "persist_result": False}
    run: Any = Task(once, cache_policy=NO_CACHE, **told)
    await run(return_state=True)
    return ended


def dispatching(waiting: Callable[[], int], start: Callable[[], None]) -> Callable[[], None]:
    """See to it that somebody works while executions wait; what is returned has it look at once.

    ``start`` must be harmless where a runner is on its way or at work.
    """
    wake = Event()

    def go_on() -> None:
        said = ""
        while True:
            wake.clear()
            said = look(waiting, start, said)
            time.sleep(CALM_S)
            wake.wait(LOOK_S)

    Thread(target=go_on, name="dispatch", daemon=True).start()
    return wake.set


def look(waiting: Callable[[], int], start: Callable[[], None], said: str = "") -> str:
    """Ask for a runner if executions wait; what went wrong, logged where it was not ``said``."""
    try:
        if waiting():
            start()
    except PipelineError as err:
        if str(err) != said:
            logger.warning("nobody could be asked to do what waits: %s", err)
        return str(err)
    except Exception:
        logger.exception("a fault of ours while looking at what waits")
    return ""


def starter(settings: Settings) -> Callable[[], None]:
    """Who asks for a runner: of the Prefect server, or without one a process of this machine.

    Harmless where one is at work or on its way.
    """
    server = open_server(settings)
    if server is None:
        return _Here()

    def start() -> None:
        try:
            held = server.ask(f"/deployments/name/{quote(ATENDER.flow)}/{ATENDER.name}")
            if held is None:
                what = f"Prefect no tiene {ATENDER.full_name}: lindero deploy atender-prompts"
                raise SettingsError(what)
            alive = {"flow_runs": {"state": {"type": {"any_": [*ALIVE]}}}, "limit": 1}
            of_it = {"deployments": {"id": {"any_": [held["id"]]}}}
            if not server.ask("/flow_runs/filter", of_it | alive):
                key = f"{ATENDER.name}-{int(time.time()) // EVERY_S}"
                question = {"state": {"type": "SCHEDULED"}, "idempotency_key": key}
                server.ask(f"/deployments/{held['id']}/create_flow_run", question)
        except ServerSilent as err:
            raise ApiUnavailable(f"el servidor de Prefect {err}") from err

    return start


class _Here:
    """A runner beside us, one at a time."""

    _running: subprocess.Popen[bytes] | None = None

    def __call__(self) -> None:
        if self._running is None or self._running.poll() is not None:
            self._running = subprocess.Popen(  # noqa: S603 - it ends by itself
                (sys.executable, "-m", __name__), cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL
            )


if __name__ == "__main__":
    run_plain(lambda: asyncio.run(atender()))  # what goes wrong is on the standard error output
