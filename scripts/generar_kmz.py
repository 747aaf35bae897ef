"""Generar KMZ: maps for phones and Google Earth out of the last accepted backup."""

from __future__ import annotations

from prefect import flow

from Modules.orchestration import flow_run
from Modules.orchestration.deployments import KMZ
from Modules.orchestration.stages import hacer


@flow(name=KMZ.flow, flow_run_name=flow_run.run_name, persist_result=False)
def generar_kmz_flow(campania: str | None = None, test: bool = False) -> flow_run.Ended:
    """Arma los KMZ por campo, por lote y por cultivo con el último backup aceptado.

    Args:
        campania: Campaña (25/26), varias (25/26,26/27) o actual. Vacío: LINDERO_CAMPANIA.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive.
    """
    return flow_run.conclude(lambda: hacer("kmz", campania, test=test, **flow_run.TASKS))


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(KMZ)
