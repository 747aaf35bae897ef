"""Generar H3: hexagons of lotes and ambientes out of the last accepted backup."""

from __future__ import annotations

from prefect import flow

from Modules.orchestration import flow_run
from Modules.orchestration.deployments import H3
from Modules.orchestration.stages import hacer


@flow(name=H3.flow, flow_run_name=flow_run.run_name, persist_result=False)
def generar_h3_flow(campania: str | None = None, test: bool = False) -> flow_run.Ended:
    """Arma los hexágonos H3 de lotes y ambientes con el último backup aceptado.

    Args:
        campania: Campaña (25/26), varias (25/26,26/27) o actual. Vacío: LINDERO_CAMPANIA.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive.
    """
    return flow_run.conclude(lambda: hacer("h3", campania, test=test, chunks=flow_run.chunk_runner))


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(H3)
