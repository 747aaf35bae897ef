"""The hexagons: cells, shares and maps of the lotes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from Modules.products.entry import Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fuente

CARPETA: Final = "H3"


def build(
    fuente: Fuente, work: Path, *, lindero_h3_resolutions: Sequence[int], **how: Any
) -> Hecho:
    from Modules.products.h3.product import build_hexagonos

    return build_hexagonos(fuente, work, resolutions=lindero_h3_resolutions, **how)


PRODUCTO: Final = Producto(
    nombre="H3",
    carpetas=(CARPETA,),
    build=build,
    paquetes=("h3", "cultivos"),
    pagina="mapas.md",
    comando="h3",
    texto="los hexágonos H3",
    ajustes=("lindero_h3_resolutions",),
    tramos=True,
)
