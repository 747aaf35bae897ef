"""Backup Databaler Lotes: fetch, judge, keep and publish one campaña.

Run as a script it deploys the flow; ``lindero run backup --test`` runs it here and now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.utilities.annotations import quote

from Modules.disk.publish import Published
from Modules.disk.run_lock import run_lock
from Modules.jobs import backup, portal_access
from Modules.jobs import products as productos
from Modules.jobs import weekly as verificacion
from Modules.jobs.outcome import Outcome
from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import flow_run as flow_cli
from Modules.orchestration.deployments import BACKUP
from Modules.portal.collector import without_collector
from Modules.settings import check_portal, load_settings
from Modules.store.snapshot import Snapshot
from Modules.words.domain import Fetched, Modo, Recurso


@task(
    name="Traer del portal",
    retries=2,
    retry_delay_seconds=300,
    retry_condition_fn=flow_cli.worth_another_try,
    **flow_cli.IN_MEMORY,
)
def traer(job: backup.Job, access: portal_access.Access) -> Mapping[Recurso, Fetched]:
    """Every page of every list; repeated by Prefect only when the portal was out of reach."""
    return backup.fetch(job, access, on_page=flow_cli.log_page)


@task(name="Revisar la noche", **flow_cli.IN_MEMORY)
def revisar(
    job: backup.Job, access: portal_access.Access, fetched: Mapping[Recurso, Fetched]
) -> backup.Night:
    """Tables, checks and verdict."""
    return backup.judge_night(job, access, fetched)


@task(name="Guardar el snapshot", **flow_cli.IN_MEMORY)
def guardar(job: backup.Job, night: backup.Night) -> Snapshot:
    """Accepted or in quarantine, but kept."""
    return backup.keep(job, night, datetime.now(UTC))


@task(
    name="Publicar",
    retries=2,
    retry_delay_seconds=60,
    retry_condition_fn=flow_cli.worth_another_try,
    **flow_cli.IN_MEMORY,
)
def publicar(job: backup.Job, snapshot: Snapshot) -> Published:
    """Only what changed; repeated by Prefect when a destination could not be written."""
    return backup.publish(job, job.store.first_equal(snapshot), datetime.now(UTC))


@flow(name=BACKUP.flow, flow_run_name=flow_cli.run_name, persist_result=False)
def backup_databaler_flow(
    campania: str = "25/26", test: bool = False
) -> flow_cli.RunResult | State[Any]:
    """Trae una campaña de Databaler, la revisa, guarda el backup y lo publica.

    Args:
        campania: Campaña a respaldar, con el formato 25/26.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive; desactivado
            escribe en outputs, lo que ve toda la empresa.
    """
    return flow_cli.conclude(lambda: _backup(campania, test=test))


def _backup(campania: str, *, test: bool) -> Outcome:
    modo = Modo.TEST if test else Modo.PROD
    settings = load_settings()
    check_portal(settings, modo)
    job = backup.prepare(settings, campania, modo=modo)
    with (
        run_lock(settings.lindero_state_dir, modo),
        portal_access.open_portal(settings, modo) as access,
        without_collector(),
    ):
        fetched = traer(quote(job), quote(access))
        night = revisar(quote(job), quote(access), quote(fetched))
        snapshot = guardar(quote(job), quote(night))
        backup_outcome = publicar_backup(job, night, snapshot)
        if not snapshot.accepted:
            return backup_outcome
        encargo = productos.order(settings, modo, job.store, snapshot, datetime.now(UTC))
        made = flow_cli.make_productos(encargo, productos.PRODUCTOS)
        outcome = productos.with_productos(backup_outcome, encargo, made)
        retencion = verificacion.after_night(settings, modo, datetime.now(UTC))
        return replace(outcome, markdown=f"{outcome.markdown}\n\n{retencion}".rstrip())


def publicar_backup(job: backup.Job, night: backup.Night, snapshot: Snapshot) -> Outcome:
    """Publish the backup itself, if it was accepted, and say what came of the night."""
    published = publicar(quote(job), quote(snapshot)) if snapshot.accepted else None
    return backup.outcome(job, night, snapshot, published)


if __name__ == "__main__":
    prefect_deploy.main(BACKUP)
