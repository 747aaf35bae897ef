"""Backup de Empresas: the backup of every company of the list, shared out among a few runs.

Run as a script it deploys both flows; ``lindero run backup-empresas --test`` runs it here and now.
"""

from __future__ import annotations

from prefect import flow

from Modules.orchestration import empresas, flow_run
from Modules.orchestration.deployments import EMPRESAS, TANDA


@flow(name=EMPRESAS.flow, flow_run_name=flow_run.run_name, persist_result=False)
def backup_empresas_flow(test: bool = False) -> flow_run.Ended:
    """Hace el backup de cada empresa de LINDERO_EMPRESAS, repartidas en tandas.

    Args:
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive; desactivado
            escribe en la carpeta de cada empresa.
    """
    noche = flow_run.noche()
    launch = flow_run.launcher(TANDA, noche=noche, test=test)
    return flow_run.conclude(lambda: empresas.todas(test=test, noche=noche, launch=launch))


@flow(name=TANDA.flow, persist_result=False)
def tanda_empresas_flow(noche: str, cual: int, de: int, test: bool = False) -> flow_run.Ended:
    """Hace una parte de las empresas de una noche.

    Args:
        noche: Qué noche; de una que ya se hizo, sólo lo que falta.
        cual: Qué parte, desde 0.
        de: De cuántas.
        test: Si es una prueba.
    """
    return flow_run.conclude(lambda: empresas.tanda(test=test, noche=noche, cual=cual, de=de))


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(EMPRESAS)
    deploy.main(TANDA)
