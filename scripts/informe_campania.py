"""Informe de Campaña: the report of a season out of the last accepted backup."""

from __future__ import annotations

from prefect import flow

from Modules.orchestration import flow_run
from Modules.orchestration.deployments import INFORME
from Modules.orchestration.stages import informar


@flow(name=INFORME.flow, flow_run_name=flow_run.run_name, persist_result=False)
def informe_campania_flow(
    campania: str | None = None, test: bool = False, credentials_block_name: str = ""
) -> flow_run.Ended:
    """Escribe el informe de la campaña con el último backup aceptado.

    Args:
        campania: Campaña (25/26), varias (25/26,26/27) o actual. Vacío: LINDERO_CAMPANIA.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive.
        credentials_block_name: Bloque prompt-credentials (página Blocks) con las claves de los
            modelos. Vacío: lo que dice el .env.
    """
    block = credentials_block_name
    return flow_run.conclude(
        lambda: informar(campania, test=test, stage=flow_run.as_task, credentials_block_name=block)
    )


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(INFORME)
