"""Generar Productos: the nightly products out of the last accepted backup.

The backup flow makes them too; this one makes them alone, for a product that was mended.
"""

from __future__ import annotations

from prefect import flow

from Modules.orchestration import flow_run
from Modules.orchestration.deployments import PRODUCTOS
from Modules.orchestration.stages import hacer
from Modules.products.entry import CADA_NOCHE


@flow(name=PRODUCTOS.flow, flow_run_name=flow_run.run_name, persist_result=False)
def generar_productos_flow(campania: str | None = None, test: bool = False) -> flow_run.Ended:
    """Arma cultivos, muestreos, sustentabilidad, mapa, maquinas, atlas, proyecto e informe
    con el último backup aceptado.

    Args:
        campania: Campaña (25/26), varias (25/26,26/27) o actual. Vacío: LINDERO_CAMPANIA.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive.
    """
    return flow_run.conclude(lambda: hacer(CADA_NOCHE, campania, test=test, **flow_run.TASKS))


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(PRODUCTOS)
