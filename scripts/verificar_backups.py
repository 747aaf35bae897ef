"""Verificar Backups: read the backups and their copies, rehearse a restore, then prune.

Run as a script it deploys the flow; ``lindero run verificar --test`` runs it here and now.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import flow_run as flow_cli
from Modules.orchestration.deployments import VERIFICAR
from Modules.orchestration.run_result import RunResult
from Modules.orchestration.stories import verificar


@flow(name=VERIFICAR.flow, flow_run_name=flow_cli.run_name, persist_result=False)
def verificar_backups_flow(test: bool = False) -> RunResult | State[Any]:
    """Lee los backups y sus copias, ensaya una restauración y, si todo está sano, quita lo viejo.

    Args:
        test: Si son los de las pruebas. Desactivado verifica los de producción.
    """
    return flow_cli.conclude(lambda: verificar(test=test, stage=flow_cli.as_task))


if __name__ == "__main__":
    prefect_deploy.main(VERIFICAR)
