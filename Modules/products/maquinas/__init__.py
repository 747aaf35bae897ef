"""Files for the terminals of machines and the programs beside them: ISOXML, Shapefile, KML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from Modules.products.entry import Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fuente

CARPETA: Final = "maquinas"


def build(fuente: Fuente, work: Path) -> Hecho:
    from Modules.products.maquinas.product import build_maquinas

    return Hecho({CARPETA: build_maquinas(fuente, work)})


PRODUCTO: Final = Producto(
    nombre="maquinas",
    carpetas=(CARPETA,),
    build=build,
    paquetes=("maquinas", "kmz"),  # the order of the KMZ and its names of crops
    pueden_faltar=frozenset({CARPETA}),
)
