"""The crop layers and the summary by campo and cultivo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from Modules.products.entry import Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fuente

CARPETA: Final = "cultivos"


def build(fuente: Fuente, work: Path) -> Hecho:
    from Modules.products.cultivos.product import build_cultivos

    return Hecho({CARPETA: build_cultivos(fuente, work)})


PRODUCTO: Final = Producto(
    nombre="cultivos", carpetas=(CARPETA,), build=build, paquetes=("cultivos",)
)
