"""Generar KMZ: maps for phones and Google Earth out of the last accepted backup."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import flow_run as flow_cli
from Modules.orchestration.deployments import KMZ
from Modules.orchestration.run_result import RunResult
from Modules.orchestration.stories import hacer_kmz


@flow(name=KMZ.flow, flow_run_name=flow_cli.run_name, persist_result=False)
def generar_kmz_flow(campania: str = "25/26", test: bool = False) -> RunResult | State[Any]:
    """Arma los KMZ por campo, por lote y por cultivo con el último backup aceptado.

    Args:
        campania: Campaña, con el formato 25/26.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive.
    """
    return flow_cli.conclude(lambda: hacer_kmz(campania, test=test, stage=flow_cli.as_task))


if __name__ == "__main__":
    prefect_deploy.main(KMZ)
