"""Runs that died: which they are, their end in Prefect, and the night that is done again.

The kernel decides, not a clock: a run holds a lock for as long as its process lives
(``disk.run_lock``), so lost heartbeats, a silent Redis or a slow server make no living run a dead
one. Only a run that never held a lock, a flow of the users' own or one that never came so far, is
judged by what processes there are, where those of the worker can be seen, and after ten minutes.
"""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import Final

import psutil

from Modules.disk.run_lock import is_held, life_lock
from Modules.health.known import Facts, Run
from Modules.orchestration.dead_runs import ALIVE, MURIO, Live, end, live_runs
from Modules.orchestration.deployments import BACKUP, OTRA_VEZ, WORK_POOL, Deployment
from Modules.orchestration.lateness import first_after
from Modules.orchestration.prefect_api import PrefectServer
from Modules.settings import Settings

logger = logging.getLogger("lindero.watch")

START_MOST: Final = timedelta(minutes=10)
SECOND_LOOK_S: Final = 2.0  # a lock file is there an instant before it is locked
FORGET_AFTER: Final = timedelta(days=2)


def is_dead(run: Live, held: bool | None, alive: bool | None, now: datetime) -> bool:
    """Whether nothing of a run lives any more.

    Args:
        held: its lock; None where it never had one.
        alive: whether there is a process of it; None where the worker's cannot be seen.
    """
    if held is not None:
        return not held
    return run.pool == WORK_POOL and alive is False and now - run.desde > START_MOST


def to_redo(facts: Facts, until: time, what: Deployment = BACKUP) -> Run | None:
    """The night that died and is to be done again now, once; None if none is.

    None also while another is under way or waits, with Prefect or by hand, or the backup is paused,
    and where a later one was good, lies published, or was made here.
    """
    runs = [one for one in facts.corridas if one.flujo == what.flow]
    programa, ours = facts.programa(what), what is BACKUP  # its lock, and what lies published
    crashed = [one for one in runs if one.estado == "CRASHED" and one.del_horario]
    paused = programa is None or programa.en_pausa or programa.otra_vez
    on = any(one.estado in ALIVE or one.vive for one in runs)
    on |= ours and facts.turno is not None
    if not crashed or paused or on:
        return None
    last = max(crashed, key=lambda one: one.esperada)
    kept = facts.publicada if ours else None
    answered = (kept is not None and kept.cuando > last.cuando) or any(
        one.esperada >= last.esperada and (one.estado == "COMPLETED" or one.otra_vez)
        for one in runs
        if one is not last
    )
    return (
        None if answered or facts.ahora >= first_after(last.esperada, until, facts.zone) else last
    )


def bury(server: PrefectServer, settings: Settings, now: datetime) -> tuple[str, ...]:
    """End in Prefect the runs that died; the names of those it took.

    Raises:
        ServerSilent: the server does not say which run.
        PublishError: of a lock cannot be told whether it is held.
    """
    alive = live_runs(server)
    _forget(settings, {run.id for run in alive}, now)
    dead = [run for run in alive if _looks_dead(server, settings, run, now)]
    if not dead:
        return ()
    clock.sleep(SECOND_LOOK_S)
    still = {run.id for run in live_runs(server)}
    dead = [run for run in dead if run.id in still and _looks_dead(server, settings, run, now)]
    ended = tuple(run.nombre for run in dead if end(server, run, MURIO))
    if ended:
        logger.warning("died, and are ended now: %s", ", ".join(ended))
    return ended


def redo(server: PrefectServer, run: Run) -> None:
    """Do a night that died once more.

    Prefect makes one run of all who ask with the same key, so it is made once whoever asks.

    Raises:
        ServerSilent: the server does not answer.
    """
    server.ask(
        f"/deployments/{run.despliegue}/create_flow_run",
        {
            "state": {"type": "SCHEDULED", "message": f"Otra vez, porque murió {run.nombre}"},
            "name": f"{run.nombre}-{OTRA_VEZ}",
            "parameters": dict(run.parametros),
            "tags": [OTRA_VEZ],
            "idempotency_key": f"{OTRA_VEZ}-{run.id}",
        },
    )


def _forget(settings: Settings, alive: Collection[str], now: datetime) -> None:
    """Take away the lock files that killed runs left, when Prefect has long known their end."""
    for path in life_lock(settings.lindero_state_dir, "x").parent.glob("*.lock"):
        with suppress(OSError):
            old = now.timestamp() - path.stat().st_mtime > FORGET_AFTER.total_seconds()
            if old and path.stem not in alive and is_held(path) is False:
                path.unlink()


def _looks_dead(server: PrefectServer, settings: Settings, run: Live, now: datetime) -> bool:
    held = is_held(life_lock(settings.lindero_state_dir, run.id))
    waits = held is None and now - run.desde > START_MOST
    return is_dead(run, held, has_process(run.id, server.url) if waits else None, now)


def has_process(run_id: str, api_url: str) -> bool | None:
    """Whether a process of a run is here; None where no worker of that server can be seen."""
    worker = False
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            told = process.environ()
            if told.get("PREFECT__FLOW_RUN_ID") == run_id:
                return True
            if told.get("PREFECT_API_URL") == api_url:
                worker = worker or " worker start " in " ".join(process.cmdline())
    return False if worker else None
