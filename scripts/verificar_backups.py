"""Verificar Backups: read the backups and their copies, rehearse a restore, then prune.

Run as a script it deploys the flow; ``lindero run verificar --test`` runs it here and now.
"""

from __future__ import annotations

from prefect import flow

from Modules.orchestration import flow_run
from Modules.orchestration.deployments import VERIFICAR
from Modules.orchestration.stages import verificar


@flow(name=VERIFICAR.flow, flow_run_name=flow_run.run_name, persist_result=False)
def verificar_backups_flow(test: bool = False) -> flow_run.Ended:
    """Lee los backups y sus copias, ensaya una restauración y, si todo está sano, quita lo viejo.

    Args:
        test: Si son los de las pruebas. Desactivado verifica los de producción.
    """
    return flow_run.conclude(lambda: verificar(test=test, stage=flow_run.as_task))


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(VERIFICAR)
