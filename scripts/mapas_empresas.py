"""Mapas de Empresas: KMZ and hexagons of every company of the list, shared out among a few runs.

Run as a script it deploys both flows; ``lindero run mapas-empresas --test`` runs it here and now.
"""

from __future__ import annotations

from prefect import flow

from Modules.orchestration import empresas, flow_run
from Modules.orchestration.deployments import MAPAS_EMPRESAS, TANDA_MAPAS


@flow(name=MAPAS_EMPRESAS.flow, flow_run_name=flow_run.run_name, persist_result=False)
def mapas_empresas_flow(test: bool = False) -> flow_run.Ended:
    """Arma los KMZ y los hexágonos H3 de cada empresa de LINDERO_EMPRESAS, repartidas en tandas.

    Args:
        test: Si es una prueba. Activado usa los backups de prueba y escribe en test_outputs;
            desactivado escribe en la carpeta de cada empresa.
    """
    noche = flow_run.noche()
    launch = flow_run.launcher(TANDA_MAPAS, noche=noche, test=test)
    maps = empresas.MAPAS
    return flow_run.conclude(
        lambda: empresas.todas(test=test, noche=noche, launch=launch, trabajo=maps)
    )


@flow(name=TANDA_MAPAS.flow, persist_result=False)
def tanda_mapas_flow(noche: str, cual: int, de: int, test: bool = False) -> flow_run.Ended:
    """Hace los mapas de una parte de las empresas.

    Args:
        noche: De qué día son; de uno que ya se hizo, sólo lo que falta.
        cual: Qué parte, desde 0.
        de: De cuántas.
        test: Si es una prueba.
    """
    return flow_run.conclude(
        lambda: empresas.tanda(test=test, noche=noche, cual=cual, de=de, trabajo=empresas.MAPAS)
    )


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(MAPAS_EMPRESAS)
    deploy.main(TANDA_MAPAS)
