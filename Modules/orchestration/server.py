"""What the Prefect server needs before the worker starts: the pool, and a clean slate.

Every step may be repeated: what is as wanted is left alone. What earlier versions made there is
taken away: the automation that told people of a bad night, with its blocks, for ``Modules.watch``
does now; and the one that judged a run by its heartbeats, for a silent Redis made it end nights
that lived.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, State, StateType, Worker
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from Modules.disk.run_lock import is_held, life_lock
from Modules.orchestration.alerts import read_avisos
from Modules.orchestration.deploy import ensure_pool, server
from Modules.orchestration.deployments import WORK_POOL
from Modules.settings import Settings

logger = logging.getLogger(__name__)

AUTOMATIONS: Final = ("lindero-aviso-de-noche-mala", "lindero-corridas-muertas")  # before the watch
BLOQUES: Final = {"lindero-aviso-webhook": "webhook", "lindero-aviso-correo": "slack-webhook"}
WORKER_REINICIADO: Final = "El worker se reinició durante la corrida, y nada de ella vivía."
ORPHANED: Final = ("RUNNING", "PENDING", "CANCELLING")
PAGE: Final = 200
POLL_S: Final = 1.0


def prepare(settings: Settings, *, pool: str = WORK_POOL) -> tuple[str, ...]:
    """Make the server ready for the one worker of ``pool``; call it before that worker starts.

    Returns:
        What was done beside the pool, one line each; nothing if all was as wanted.

    Raises:
        SettingsError: no server, it refuses the auth string, or an alert setting is wrong.
        PublishError: of a run's lock cannot be told whether it is held.
    """
    read_avisos(settings)
    state_dir = settings.lindero_state_dir
    with server(settings), get_client(sync_client=True) as client:
        ensure_pool(pool)
        done = [
            *_sweep(client),
            *reconcile(client, pool, lambda run_id: is_held(life_lock(state_dir, run_id))),
        ]
    for line in done:
        logger.info("%s", line)
    return tuple(done)


def reconcile(
    client: SyncPrefectClient,
    pool: str,
    held: Callable[[str], bool | None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[str, ...]:
    """End the runs that a worker left behind when it died, but those whose process lives on.

    A run in Running or Pending becomes Crashed; one in Cancelling becomes Cancelled, as was asked.
    ``held`` says of a run, by its id, whether its process holds its lock: then it goes on and ends
    by itself. One whose lock is free is dead. Of one that never had a lock (None) only its worker
    knew, and it is ended only while a single worker serves the pool. A worker that stopped a moment
    ago looks alive for a while, so where a heartbeat is fresh this waits until the next one is
    overdue (twice the worker's interval). If one comes, another worker is at work: such runs are
    left to it.
    """
    done = [_end(client, run) for run in _orphans(client, pool) if held(str(run.id)) is False]
    left = [run for run in _orphans(client, pool) if held(str(run.id)) is None]
    if not left:
        return tuple(filter(None, done))
    if (other := _living_worker(client, pool, sleep)) is not None:
        logger.warning(
            "worker %s serves %s too; %d unfinished runs are left to it", other, pool, len(left)
        )
        return tuple(filter(None, done))
    seen: set[UUID] = set()
    while left := [run for run in left if run.id not in seen and held(str(run.id)) is None]:
        done += [_end(client, run) for run in left]
        seen |= {run.id for run in left}
        left = _orphans(client, pool)
    return tuple(filter(None, done))


def _orphans(client: SyncPrefectClient, pool: str) -> list[FlowRun]:
    return client.read_flow_runs(
        limit=PAGE,
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": [*ORPHANED]}}}),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
    )


def _end(client: SyncPrefectClient, run: FlowRun) -> str:
    """What became of a run; empty where it came to an end of its own meanwhile."""
    cancelling = run.state is not None and run.state.type is StateType.CANCELLING
    make = Cancelled if cancelling else Crashed
    state: State[None] = make(message=WORKER_REINICIADO)
    if client.set_flow_run_state(run.id, state).status is not SetStateStatus.ACCEPT:
        return ""
    return f"run {run.name}: {state.name}, its worker is gone"


def _living_worker(
    client: SyncPrefectClient, pool: str, sleep: Callable[[float], None]
) -> str | None:
    """Name of a worker that sends a heartbeat while we watch; None when all are overdue."""
    watched = client.read_workers_for_work_pool(pool)
    first = {worker.id: worker.last_heartbeat_time for worker in watched}
    while True:
        workers = client.read_workers_for_work_pool(pool)
        for worker in workers:
            if worker.last_heartbeat_time != first.get(worker.id):
                return worker.name
        if not any(_fresh(worker, datetime.now(UTC)) for worker in workers):
            return None
        sleep(POLL_S)


def _fresh(worker: Worker, now: datetime) -> bool:
    """Whether the next heartbeat is not overdue yet; a worker spreads them by a third."""
    seen, interval_s = worker.last_heartbeat_time, worker.heartbeat_interval_seconds or 30
    return seen is not None and now - seen < timedelta(seconds=2 * interval_s)


def _sweep(client: SyncPrefectClient) -> list[str]:
    """Take away what earlier versions made; names of others stay."""
    done = []
    for name in AUTOMATIONS:
        left = client.read_automations_by_name(name)
        for one in left:
            client.delete_automation(one.id)
        done += [f"automation {name}: removed"] * bool(left)
    for name, slug in BLOQUES.items():
        with suppress(ObjectNotFound):
            held = client.read_block_document_by_name(name, slug, include_secrets=False)
            client.delete_block_document(held.id)
            done.append(f"block {name}: removed")
    return done
