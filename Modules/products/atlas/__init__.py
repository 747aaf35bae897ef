"""The campos on paper: a page for each lote, a work order, a card for a chat."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from Modules.products.entry import Hechas, Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fuente


def build(
    fuente: Fuente,
    work: Path,
    *,
    lindero_muestreo_puntos: int,
    lindero_muestreo_margen_m: float,
    hechas: Hechas,
    **how: Any,
) -> Hecho:
    from Modules.products.atlas.product import build_atlas

    how |= {"puntos_por_ambiente": lindero_muestreo_puntos, "margen_m": lindero_muestreo_margen_m}
    return build_atlas(fuente, work, hechas=hechas, **how)


PRODUCTO: Final = Producto(
    nombre="atlas",
    carpetas=("atlas",),
    build=build,
    paquetes=("atlas", "kmz", "muestreos"),  # the groups of the KMZ, the points of the plan
    fotos=True,
    hechas=True,
    ajustes=("lindero_muestreo_puntos", "lindero_muestreo_margen_m"),
)
