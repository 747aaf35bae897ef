"""Verificar Backups: read the backups and their copies, rehearse a restore, then prune.

Run as a script it deploys the flow; ``lindero run verificar --test`` runs it here and now.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.utilities.annotations import quote

from Modules.disk.run_lock import run_lock
from Modules.jobs import weekly as verificacion
from Modules.jobs.outcome import Outcome
from Modules.jobs.weekly import Encargo, Informe, Lectura, Poda, Simulacro
from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import flow_run as flow_cli
from Modules.orchestration.deployments import VERIFICAR
from Modules.settings import load_settings
from Modules.words.domain import Modo


@task(name="Leer los backups", **flow_cli.IN_MEMORY)
def leer(encargo: Encargo) -> Lectura:
    """Every hash of the newest, this week's part of the older ones, and the published folders."""
    return verificacion.read(encargo)


@task(name="Simulacro de restauración", **flow_cli.IN_MEMORY)
def ensayar(encargo: Encargo) -> tuple[Simulacro, ...]:
    """The newest, restored into a scratch folder and verified there."""
    return verificacion.rehearse(encargo)


@task(name="Quitar lo viejo", **flow_cli.IN_MEMORY)
def podar(encargo: Encargo) -> Poda:
    """What the retention settings say; only after everything else was sound."""
    return verificacion.do_prune(encargo)


@flow(name=VERIFICAR.flow, flow_run_name=flow_cli.run_name, persist_result=False)
def verificar_backups_flow(test: bool = False) -> flow_cli.RunResult | State[Any]:
    """Lee los backups y sus copias, ensaya una restauración y, si todo está sano, quita lo viejo.

    Args:
        test: Si son los de las pruebas. Desactivado verifica los de producción.
    """
    return flow_cli.conclude(lambda: _verificar(Modo.TEST if test else Modo.PROD))


def _verificar(modo: Modo) -> Outcome:
    settings = load_settings()
    encargo = verificacion.prepare(settings, modo, datetime.now(UTC))
    with run_lock(settings.lindero_state_dir, modo):
        informe = Informe(lectura=leer(quote(encargo)), simulacros=ensayar(quote(encargo)))
        informe = verificacion.with_poda(informe, lambda: podar(quote(encargo)))
    return verificacion.outcome(encargo, informe)


if __name__ == "__main__":
    prefect_deploy.main(VERIFICAR)
