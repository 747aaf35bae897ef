"""What the Prefect server needs before the worker starts: pool, automation, a clean slate.

Every step may be repeated: what is as wanted is left alone. One automation is ours, by name:
``lindero-corridas-muertas`` makes a run Crashed whose process stopped sending heartbeats. It
fires falsely on healthy short runs, which is harmless because Prefect never changes a final
state; for that reason nothing else may hang on it, least of all a message. The one that told
people of a bad night before ``Modules.watch`` did is taken away, with its blocks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, State, StateType, Worker
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from Modules.orchestration.alerts import ZOMBIE_AFTER_S, ZOMBIES, read_avisos
from Modules.orchestration.deploy import ensure_pool, server
from Modules.orchestration.deployments import WORK_POOL
from Modules.settings import Settings

logger = logging.getLogger(__name__)

AVISO: Final = "lindero-aviso-de-noche-mala"  # of versions before the watch, with its blocks
BLOQUES: Final = {"lindero-aviso-webhook": "webhook", "lindero-aviso-correo": "slack-webhook"}
SIN_LATIDOS: Final = "El proceso de la corrida murió sin avisar (no heartbeat)"
WORKER_REINICIADO: Final = (
    "El worker se reinició durante la corrida (worker restarted during this run)"
)
ORPHANED: Final = ("RUNNING", "PENDING", "CANCELLING")
PAGE: Final = 200
POLL_S: Final = 1.0


def prepare(settings: Settings, *, pool: str = WORK_POOL) -> tuple[str, ...]:
    """Make the server ready for the one worker of ``pool``; call it before that worker starts.

    Returns:
        What was done beside the pool, one line each; nothing if all was as wanted.

    Raises:
        SettingsError: no server, it refuses the auth string, or an alert setting is wrong.
    """
    read_avisos(settings)
    with server(settings), get_client(sync_client=True) as client:
        ensure_pool(pool)
        done = [
            *_ensure_automation(client, _zombies()),
            *_sweep_alerts(client),
            *reconcile(client, pool),
        ]
    for line in done:
        logger.info("%s", line)
    return tuple(done)


def reconcile(
    client: SyncPrefectClient, pool: str, *, sleep: Callable[[float], None] = time.sleep
) -> tuple[str, ...]:
    """End the runs that a worker left behind when it died: nobody else ever would.

    A run in Running or Pending becomes Crashed; one in Cancelling becomes Cancelled, as was asked.
    That is right only while a single worker serves the pool. A worker that stopped a moment ago
    looks alive for a while, so where a heartbeat is fresh this waits until the next one is overdue
    (twice the worker's interval). If one comes, another worker is at work: nothing is touched.
    """
    left = _orphans(client, pool)
    if not left:
        return ()
    if (other := _living_worker(client, pool, sleep)) is not None:
        logger.warning(
            "worker %s serves %s too; %d unfinished runs are left to it", other, pool, len(left)
        )
        return ()
    done = []
    while left:
        done += [_end(client, run) for run in left]
        seen, left = {run.id for run in left}, _orphans(client, pool)
        left = [run for run in left if run.id not in seen]
    return tuple(done)


def _orphans(client: SyncPrefectClient, pool: str) -> list[FlowRun]:
    return client.read_flow_runs(
        limit=PAGE,
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": [*ORPHANED]}}}),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
    )


def _end(client: SyncPrefectClient, run: FlowRun) -> str:
    cancelling = run.state is not None and run.state.type is StateType.CANCELLING
    make = Cancelled if cancelling else Crashed
    state: State[None] = make(message=WORKER_REINICIADO)
    client.set_flow_run_state(run.id, state, force=True)
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


def _zombies() -> AutomationCore:
    return AutomationCore(
        name=ZOMBIES,
        description="Da por cortada una corrida que dejó de dar señales. No colgar avisos de acá: "
        "también se dispara, sin efecto, con corridas que terminaron bien.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=ZOMBIE_AFTER_S),
        ),
        actions=[
            ChangeFlowRunState(state=StateType.CRASHED, name=None, message=SIN_LATIDOS, force=False)
        ],
    )


def _ensure_automation(client: SyncPrefectClient, wanted: AutomationCore) -> tuple[str, ...]:
    """Make an automation be there once and as wanted; one that a person switched off stays off."""
    found = client.read_automations_by_name(wanted.name)
    for twin in found[1:]:
        client.delete_automation(twin.id)
    if not found:
        client.create_automation(wanted)
        return (f"automation {wanted.name}: created",)
    if _content(found[0]) == _content(wanted):
        return ()
    changed = wanted.model_copy(update={"enabled": found[0].enabled})
    client.update_automation(found[0].id, changed)
    return (f"automation {wanted.name}: updated",)


def _content(automation: AutomationCore) -> dict[str, object]:
    core = AutomationCore.model_validate(automation.model_dump(exclude={"id"}))
    return core.model_dump(exclude={"enabled"})


def _sweep_alerts(client: SyncPrefectClient) -> list[str]:
    """Take away what told people of a bad night before ``Modules.watch`` did: it would do twice."""
    left = client.read_automations_by_name(AVISO)
    for one in left:
        client.delete_automation(one.id)
    done = [f"automation {AVISO}: removed"] * bool(left)
    for name, slug in BLOQUES.items():
        with suppress(ObjectNotFound):
            held = client.read_block_document_by_name(name, slug, include_secrets=False)
            client.delete_block_document(held.id)
            done.append(f"block {name}: removed")
    return done
