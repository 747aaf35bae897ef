"""Generar KMZ: maps for phones and Google Earth out of the last accepted backup."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from Modules.jobs import products as productos
from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import flow_run as flow_cli
from Modules.orchestration.deployments import KMZ


@flow(name=KMZ.flow, flow_run_name=flow_cli.run_name, persist_result=False)
def generar_kmz_flow(
    campania: str = "25/26", test: bool = False
) -> flow_cli.RunResult | State[Any]:
    """Arma los KMZ por campo, por lote y por cultivo con el último backup aceptado.

    Args:
        campania: Campaña, con el formato 25/26.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive.
    """
    return flow_cli.conclude(lambda: flow_cli.rebuild("KMZ", campania, _mapas, test=test))


def _mapas(encargo: productos.Encargo) -> tuple[productos.Resultado, ...]:
    return flow_cli.make_productos(encargo, productos.MAPAS)


if __name__ == "__main__":
    prefect_deploy.main(KMZ)
