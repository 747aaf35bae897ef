"""Runs that Prefect calls alive, and their end there where nothing of them lives.

A run ends Crashed, or Cancelled where that was asked, and only out of the states of ``ALIVE``, as
Prefect's own rules have it: a state that is final is never written over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from Modules.orchestration.prefect_api import PrefectServer, read_moment

logger = logging.getLogger(__name__)

ALIVE: Final = ("RUNNING", "PENDING", "CANCELLING")
MURIO: Final = "El proceso de la corrida murió. Lo publicado está entero."
WORKER_REINICIADO: Final = "El worker se reinició durante la corrida, y nada de ella vivía."
PAGE: Final = 200
POLL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Live:
    id: str
    nombre: str
    estado: str
    desde: datetime  # in this state
    pool: str | None = None


def live_runs(server: PrefectServer, pool: str | None = None) -> tuple[Live, ...]:
    """The runs that Prefect calls alive, of all pools or of one.

    Raises:
        ServerSilent: it does not answer.
    """
    question = {"flow_runs": {"state": {"type": {"any_": [*ALIVE]}}}, "limit": PAGE}
    if pool is not None:
        question["work_pools"] = {"name": {"any_": [pool]}}
    return tuple(
        Live(
            id=str(run["id"]),
            nombre=str(run["name"]),
            estado=str(run["state"]["type"]),
            desde=read_moment(run["state"]["timestamp"]),
            pool=run.get("work_pool_name"),
        )
        for run in server.ask("/flow_runs/filter", question)
    )


def end(server: PrefectServer, run: Live, why: str) -> bool:
    """End a run that died; whether Prefect took it, for it may have come to an end of its own.

    Raises:
        ServerSilent: the server does not answer.
    """
    kind = "CANCELLED" if run.estado == "CANCELLING" else "CRASHED"
    state = {"type": kind, "message": why}
    said = server.ask(f"/flow_runs/{run.id}/set_state", {"state": state, "force": False})
    return bool(said["status"] == "ACCEPT")


def reconcile(
    server: PrefectServer,
    pool: str,
    held: Callable[[str], bool | None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[str, ...]:
    """End the runs that a worker left behind when it died, but those whose process lives on.

    ``held`` says of a run, by its id, whether its process holds its lock: then it goes on and ends
    by itself. One whose lock is free is dead. Of one that never had a lock (None) only its worker
    knew, and it is ended only while a single worker serves the pool. A worker that stopped a moment
    ago looks alive for a while, so where a heartbeat is fresh this waits until the next one is
    overdue (twice the worker's interval). If one comes, another worker is at work: such runs are
    left to it.

    Returns:
        The names of those that were ended.

    Raises:
        ServerSilent: the server does not answer.
    """
    runs = live_runs(server, pool)
    dead = [run for run in runs if held(run.id) is False]
    left = [run for run in runs if held(run.id) is None]
    if left and (other := _living_worker(server, pool, sleep)) is not None:
        logger.warning(
            "worker %s serves %s too; %d unfinished runs are left to it", other, pool, len(left)
        )
    else:
        dead += [run for run in left if held(run.id) is None]
    return tuple(run.nombre for run in dead if end(server, run, WORKER_REINICIADO))


def _living_worker(server: PrefectServer, pool: str, sleep: Callable[[float], None]) -> str | None:
    """Name of a worker that sends a heartbeat while we watch; None when all are overdue."""
    first: dict[str, Any] | None = None
    while True:
        workers = server.ask(f"/work_pools/{pool}/workers/filter", {})
        beats = {str(one["name"]): one["last_heartbeat_time"] for one in workers}
        first = beats if first is None else first
        if other := next((name for name, at in beats.items() if at != first.get(name)), None):
            return other
        now = datetime.now(UTC)
        if not any(  # a worker spreads its heartbeats by a third
            one["last_heartbeat_time"]
            and now - read_moment(one["last_heartbeat_time"])
            < timedelta(seconds=2 * (one["heartbeat_interval_seconds"] or 30))
            for one in workers
        ):
            return None
        sleep(POLL_S)
