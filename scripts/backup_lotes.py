"""Backup Databaler Lotes: fetch, judge, keep and publish one campaña.

Run as a script it deploys the flow; ``lindero run backup --test`` runs it here and now.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import flow_run as flow_cli
from Modules.orchestration.deployments import BACKUP
from Modules.orchestration.run_result import RunResult
from Modules.orchestration.stories import respaldar


@flow(name=BACKUP.flow, flow_run_name=flow_cli.run_name, persist_result=False)
def backup_databaler_flow(campania: str = "25/26", test: bool = False) -> RunResult | State[Any]:
    """Trae una campaña de Databaler, la revisa, guarda el backup y lo publica.

    Args:
        campania: Campaña a respaldar, con el formato 25/26.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive; desactivado
            escribe en outputs, lo que ve toda la empresa.
    """
    return flow_cli.conclude(lambda: respaldar(campania, test=test, stage=flow_cli.as_task))


if __name__ == "__main__":
    prefect_deploy.main(BACKUP)
