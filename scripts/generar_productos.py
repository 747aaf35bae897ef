"""Generar Productos: cultivos, muestreos and sustentabilidad out of the last accepted backup.

The backup flow makes them too; this one makes them alone, for a product that was mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.utilities.annotations import quote

from Modules import flow_cli, productos
from Modules.deployments import PRODUCTOS
from Modules.domain import Modo
from Modules.productos import Encargo, Producto, Resultado
from Modules.reporte import Outcome
from Modules.run_lock import run_lock
from Modules.settings import load_settings

IN_MEMORY = {"cache_policy": NO_CACHE, "persist_result": False}


def producir_todos(encargo: Encargo, lista: Sequence[Producto]) -> tuple[Resultado, ...]:
    """Build and publish every product, each as a task; a failure is part of its result."""

    def producir(producto: Producto) -> tuple[Resultado, ...]:
        named = task(productos.make, name=f"Producto {producto.nombre}", **IN_MEMORY)
        return named(quote(producto), quote(encargo))

    return tuple(chain.from_iterable(producir(producto) for producto in lista))


@flow(name=PRODUCTOS.flow, flow_run_name=flow_cli.run_name, persist_result=False)
def generar_productos_flow(
    campania: str = "25/26", test: bool = False
) -> flow_cli.RunResult | State[Any]:
    """Arma cultivos, muestreos y sustentabilidad con el último backup aceptado.

    Args:
        campania: Campaña, con el formato 25/26.
        test: Si es una prueba. Activado escribe en test_outputs y no toca OneDrive.
    """
    return flow_cli.conclude(lambda: _productos(campania, Modo.TEST if test else Modo.PROD))


def _productos(campania: str, modo: Modo) -> Outcome:
    settings = load_settings()
    with run_lock(settings.lindero_state_dir, modo):
        store, snapshot = productos.last_accepted(settings, campania, modo)
        encargo = productos.order(settings, modo, store, snapshot, datetime.now(UTC))
        outcome = Outcome(
            data={"campania": campania, "modo": modo.value, "snapshot": str(snapshot.id)},
            markdown=f"# Productos {campania}\n\nDel snapshot `{snapshot.id}`.",
        )
        return productos.with_productos(
            outcome, encargo, producir_todos(encargo, productos.PRODUCTOS)
        )


if __name__ == "__main__":
    flow_cli.main(PRODUCTOS)
