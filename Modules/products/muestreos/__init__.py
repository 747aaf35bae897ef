"""The sampling plans: points, route, Modus and control of ambientes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from Modules.products.entry import Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fuente
    from Modules.store.clasificadas import Clasificada
    from Modules.store.tareas import Tarea

CARPETA: Final = "muestreos"


def build(
    fuente: Fuente,
    work: Path,
    *,
    lindero_muestreo_puntos: int,
    lindero_muestreo_margen_m: float,
    tareas: Sequence[Tarea],
    clasificadas: Mapping[str, Clasificada],
    **how: Any,
) -> Hecho:
    from Modules.products.muestreos.product import build_muestreos

    how |= {"puntos_por_ambiente": lindero_muestreo_puntos, "margen_m": lindero_muestreo_margen_m}
    built = build_muestreos(fuente, work, tareas=tareas, clasificadas=clasificadas, **how)
    return Hecho({CARPETA: built})


PRODUCTO: Final = Producto(
    nombre="muestreos",
    carpetas=(CARPETA,),
    build=build,
    paquetes=("muestreos", "kmz"),
    ajustes=("lindero_muestreo_puntos", "lindero_muestreo_margen_m"),
    tramos=True,
    tareas=True,
)
