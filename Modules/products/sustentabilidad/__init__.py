"""The files of the sustainability team: EUDR, fiboa, establecimientos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from Modules.products.entry import Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fuente

CARPETA: Final = "sustentabilidad"


def build(fuente: Fuente, work: Path, *, lindero_eudr_puntos: bool) -> Hecho:
    """The files of ``sustentabilidad/``."""
    from Modules.products.sustentabilidad.product import build_sustentabilidad

    return Hecho({CARPETA: build_sustentabilidad(fuente, work, puntos=lindero_eudr_puntos)})


PRODUCTO: Final = Producto(
    nombre="sustentabilidad",
    carpetas=(CARPETA,),
    build=build,
    paquetes=("sustentabilidad", "eudr"),
    pagina="productos.md",
    ajustes=("lindero_eudr_puntos",),
)
