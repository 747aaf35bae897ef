"""Generar H3: hexagons of lotes and ambientes out of the last accepted backup."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import flow_run as flow_cli
from Modules.orchestration.deployments import H3
from Modules.orchestration.run_result import RunResult
from Modules.orchestration.stories import hacer_h3


@flow(name=H3.flow, flow_run_name=flow_cli.run_name, persist_result=False)
def generar_h3_flow(campania: str = "25/26", test: bool = False) -> RunResult | State[Any]:
    """Arma los hexágonos H3 de lotes y ambientes con el último backup aceptado.

    Args:
        campania: Campaña, con el formato 25/26.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive.
    """
    return flow_cli.conclude(lambda: hacer_h3(campania, test=test, chunks=flow_cli.chunk_runner))


if __name__ == "__main__":
    prefect_deploy.main(H3)
