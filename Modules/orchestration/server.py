"""What the Prefect server needs before the worker starts: the pool, and a clean slate.

Every step may be repeated: what is as wanted is left alone. What earlier versions made there is
taken away: the automation that told people of a bad night, with its blocks, for ``Modules.watch``
does now; and the one that judged a run by its heartbeats, for a silent Redis made it end nights
that lived.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound

from Modules.disk.run_lock import is_held, life_lock
from Modules.orchestration.alerts import read_avisos
from Modules.orchestration.dead_runs import reconcile
from Modules.orchestration.deploy import ensure_pool, server
from Modules.orchestration.deployments import WORK_POOL
from Modules.orchestration.prefect_api import ServerSilent, open_server
from Modules.settings import Settings
from Modules.words.errors import ApiUnavailable

logger = logging.getLogger(__name__)

AUTOMATIONS: Final = ("lindero-aviso-de-noche-mala", "lindero-corridas-muertas")  # before the watch
BLOQUES: Final = {"lindero-aviso-webhook": "webhook", "lindero-aviso-correo": "slack-webhook"}


def prepare(settings: Settings, *, pool: str = WORK_POOL) -> tuple[str, ...]:
    """Make the server ready for the one worker of ``pool``; call it before that worker starts.

    Returns:
        What was done beside the pool, one line each; nothing if all was as wanted.

    Raises:
        SettingsError: no server, it refuses the auth string, or an alert setting is wrong.
        ApiUnavailable: it answers no more.
        PublishError: of a run's lock cannot be told whether it is held.
    """
    read_avisos(settings)

    def held(run_id: str) -> bool | None:
        return is_held(life_lock(settings.lindero_state_dir, run_id))

    with server(settings), get_client(sync_client=True) as client:
        ensure_pool(pool)
        done = _sweep(client)
        try:
            if (asked := open_server(settings)) is not None:
                names = reconcile(asked, pool, held)
                done += [f"run {name}: ended, its worker is gone" for name in names]
        except ServerSilent as err:
            raise ApiUnavailable(f"el servidor de Prefect {err}") from err
    for line in done:
        logger.info("%s", line)
    return tuple(done)


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
