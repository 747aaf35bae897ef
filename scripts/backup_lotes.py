"""Backup Databaler Lotes: fetch, judge, keep and publish one campaña.

Run as a script it deploys the flow; ``lindero run backup --test`` runs it here and now.
"""

from __future__ import annotations

from prefect import flow

from Modules.orchestration import flow_run
from Modules.orchestration.deployments import BACKUP
from Modules.orchestration.stages import respaldar


@flow(name=BACKUP.flow, flow_run_name=flow_run.run_name, persist_result=False)
def backup_databaler_flow(
    campania: str | None = None, test: bool = False, credentials_block_name: str = ""
) -> flow_run.Ended:
    """Trae una campaña de Databaler, la revisa, guarda el backup y lo publica.

    Args:
        campania: Campaña a respaldar (25/26), varias (25/26,26/27) o actual, la que el portal tiene
            activa. Vacío: LINDERO_CAMPANIA.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive; desactivado
            escribe en outputs, lo que ve toda la empresa.
        credentials_block_name: Bloque databaler-credentials (página Blocks) con el que se entra al
            portal, y prompt-credentials del mismo nombre. Vacío: lo que dice el .env.
    """
    block = credentials_block_name
    return flow_run.conclude(
        lambda: respaldar(campania, test=test, credentials_block_name=block, **flow_run.TASKS)
    )


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(BACKUP)
