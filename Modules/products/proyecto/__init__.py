"""The QGIS project: every layer of the night styled, with forms, relations and a page a campo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from Modules.products.entry import Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fuente

CARPETA: Final = "proyecto"
QFIELD: Final = "qfield"
VECINAS: Final = ("cultivos", "muestreos", "sustentabilidad", "H3")  # whose layers it shows


def build(fuente: Fuente, work: Path, *, vecinas: Mapping[str, Sequence[str]]) -> Hecho:
    from Modules.products.proyecto.product import build_proyecto

    return build_proyecto(fuente, work, vecinas)


PRODUCTO: Final = Producto(
    nombre="proyecto",
    carpetas=(CARPETA, QFIELD),
    build=build,
    paquetes=("proyecto", "cultivos", "muestreos", "kmz"),
    vecinas=VECINAS,
)
