"""What the Prefect server needs before the worker starts: pool, automations, alerts, a clean slate.

Every step may be repeated: what is as wanted is left alone. Two automations are ours, by name:

* ``lindero-corridas-muertas`` makes a run Crashed whose process stopped sending heartbeats. It
  fires falsely on healthy short runs, which is harmless because Prefect never changes a final
  state; for that reason nothing else may hang on it, least of all a message.
* ``lindero-aviso-de-noche-mala`` tells people of a Failed, Crashed or Cancelled run of the pool,
  and of one that ended with a warning, through a webhook, an e-mail or both. Without the settings
  it is removed, its blocks too.

The e-mail goes through a block of the type "Slack Webhook": of the types that a Prefect server
brings it is the one that hands any address to Apprise, mail servers included, and keeps it secret.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, State, StateType, Worker
from prefect.events.actions import ActionTypes, CallWebhook, ChangeFlowRunState, SendNotification
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed
from prefect.types import SecretDict
from pydantic import SecretStr

from Modules.orchestration.alerts import (
    ASUNTO,
    AVISO,
    BAD_EVENTS,
    BLOQUE_CORREO,
    BLOQUE_WEBHOOK,
    CUERPO_WEBHOOK,
    TEXTO,
    ZOMBIE_AFTER_S,
    ZOMBIES,
    Avisos,
    read_avisos,
)
from Modules.orchestration.deploy import ensure_pool, server
from Modules.orchestration.deployments import WORK_POOL
from Modules.settings import Settings
from Modules.words.secret import Secret

logger = logging.getLogger(__name__)

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
    avisos = _avisos(settings)
    with server(settings), get_client(sync_client=True) as client:
        ensure_pool(pool)
        done = [
            *_ensure_automation(client, _zombies()),
            *_ensure_alerts(client, avisos, pool),
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


def _avisos(settings: Settings) -> Avisos:
    def revealed(secret: Secret | None) -> str | None:
        return None if secret is None else secret.get_secret_value()

    return read_avisos(
        revealed(settings.lindero_alert_webhook_url),
        settings.lindero_alert_email,
        revealed(settings.lindero_alert_smtp_url),
    )


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


def _alert(actions: Sequence[ActionTypes], pool: str) -> AutomationCore:
    return AutomationCore(
        name=AVISO,
        description="Avisa de una corrida que falló, se cortó, se canceló o terminó con un aviso.",
        trigger=EventTrigger(
            expect=set(BAD_EVENTS),
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            match_related=ResourceSpecification(
                {"prefect.resource.role": ["work-pool"], "prefect.resource.name": [pool]}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=list(actions),
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


def _ensure_alerts(client: SyncPrefectClient, avisos: Avisos, pool: str) -> list[str]:
    """Blocks first, then the automation that uses them; the other way round when they go."""
    done: list[str] = []
    actions: list[ActionTypes] = []
    if avisos.webhook_url is not None:
        headers = SecretDict({"Content-Type": "application/json"})
        webhook = Webhook(url=SecretStr(avisos.webhook_url), headers=headers)
        block_id, said = _ensure_block(client, webhook, BLOQUE_WEBHOOK)
        actions.append(CallWebhook(block_document_id=block_id, payload=CUERPO_WEBHOOK))
        done += said
    if avisos.mail_url is not None:
        mail = SlackWebhook(url=SecretStr(avisos.mail_url), notify_type="failure")
        block_id, said = _ensure_block(client, mail, BLOQUE_CORREO)
        actions.append(SendNotification(block_document_id=block_id, subject=ASUNTO, body=TEXTO))
        done += said
    if actions:
        done += _ensure_automation(client, _alert(actions, pool))
    else:
        left = client.read_automations_by_name(AVISO)
        for one in left:
            client.delete_automation(one.id)
        done += [f"automation {AVISO}: removed"] if left else []
    if avisos.webhook_url is None:
        done += _remove_block(client, Webhook, BLOQUE_WEBHOOK)
    if avisos.mail_url is None:
        done += _remove_block(client, SlackWebhook, BLOQUE_CORREO)
    return done


def _ensure_block(
    client: SyncPrefectClient, wanted: Block, name: str
) -> tuple[UUID, tuple[str, ...]]:
    """Save a block under a name of ours, unless one with the same content is there."""
    slug = wanted.get_block_type_slug()
    with suppress(ObjectNotFound):
        held = client.read_block_document_by_name(name, slug, include_secrets=True)
        if type(wanted).model_validate(held.data).model_dump() == wanted.model_dump():
            return held.id, ()
    block_id: UUID = wanted.save(name, overwrite=True, _sync=True)  # type: ignore[call-arg, assignment]
    return block_id, (f"block {name}: saved",)


def _remove_block(client: SyncPrefectClient, kind: type[Block], name: str) -> tuple[str, ...]:
    slug = kind.get_block_type_slug()
    try:
        document = client.read_block_document_by_name(name, slug, include_secrets=False)
        client.delete_block_document(document.id)
    except ObjectNotFound:
        return ()
    return (f"block {name}: removed",)
