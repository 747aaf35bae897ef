"""An example to copy: a flow of one's own that reads the last accepted night and publishes a table.

    uv run python scripts/ejemplo_propio.py --test      by hand; without --test it deploys itself

Copy it under another name, change what is made, and deploy: it then shows in Prefect's page.
"""

from __future__ import annotations

import sys
from pathlib import Path

from prefect import flow

from Modules.decorators import logged_task, publicar, ultimas_tablas


@logged_task("Resumir por cultivo", retries=2)
def resumir(campania: str | None, test: bool) -> str:
    """Hectares of each crop, as a table for Excel; the name of the folder it went to."""
    tables = ultimas_tablas(campania, test=test)
    lotes = tables.lotes[["lote_id", "superficie_ha"]]
    sown = tables.siembras.merge(lotes, on="lote_id")
    por_cultivo = sown.groupby("cultivo", as_index=False)["superficie_ha"].sum().round(2)
    with publicar("ejemplo_propio", test=test) as folder:
        por_cultivo.to_csv(folder / "cultivos.csv", sep=";", decimal=",", index=False)
    return "ejemplo_propio"


@flow(name="Ejemplo Propio")
def ejemplo_propio_flow(campania: str | None = None, test: bool = True) -> str:
    """Publica las hectáreas por cultivo de la última noche aceptada.

    Args:
        campania: La campaña, como 25/26. Vacío: la de LINDERO_CAMPANIA.
        test: Si lee y escribe las pruebas (test_outputs) en vez de lo publicado (outputs).
    """
    return resumir(campania, test)


if __name__ == "__main__":
    if "--test" in sys.argv:
        ejemplo_propio_flow(test=True)
    else:
        flow.from_source(
            source=str(Path(__file__).resolve().parent.parent),
            entrypoint="scripts/ejemplo_propio.py:ejemplo_propio_flow",
        ).deploy(name="ejemplo-propio", work_pool_name="local-pool", ignore_warnings=True)
