"""Generar H3: hexagons of lotes and ambientes out of the last accepted backup."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from Modules.jobs import products as productos
from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import flow_run as flow_cli
from Modules.orchestration.deployments import H3
from Modules.settings import load_settings


@flow(name=H3.flow, flow_run_name=flow_cli.run_name, persist_result=False)
def generar_h3_flow(campania: str = "25/26", test: bool = False) -> flow_cli.RunResult | State[Any]:
    """Arma los hexágonos H3 de lotes y ambientes con el último backup aceptado.

    Args:
        campania: Campaña, con el formato 25/26.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive.
    """
    return flow_cli.conclude(
        lambda: flow_cli.rebuild("Hexágonos H3", campania, _hexagonos, test=test)
    )


def _hexagonos(encargo: productos.Encargo) -> tuple[productos.Resultado, ...]:
    """Here rather than as a task, for its chunks may be tasks of a cluster."""
    with flow_cli.chunk_runner(load_settings()) as run:
        return flow_cli.make_here(encargo, productos.hexagonos(run))


if __name__ == "__main__":
    prefect_deploy.main(H3)
