"""The files of the sustainability team: EUDR, fiboa, establecimientos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from Modules.products.entry import Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fuente

CARPETA: Final = "sustentabilidad"


def build(
    fuente: Fuente,
    work: Path,
    *,
    lindero_eudr_puntos: bool,
    lindero_eudr_paises: Sequence[tuple[str, str]],
) -> Hecho:
    from Modules.products.sustentabilidad.product import build_sustentabilidad

    files, avisos = build_sustentabilidad(
        fuente, work, paises=dict(lindero_eudr_paises), puntos=lindero_eudr_puntos
    )
    return Hecho({CARPETA: files}, avisos)


PRODUCTO: Final = Producto(
    nombre="sustentabilidad",
    carpetas=(CARPETA,),
    build=build,
    paquetes=("sustentabilidad", "cultivos", "eudr", "eudr/paises.geojson"),  # cultivos: its order
    ajustes=("lindero_eudr_puntos", "lindero_eudr_paises"),
)
