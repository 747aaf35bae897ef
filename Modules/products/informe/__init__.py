"""The report of the morning: what changed, how far the crops are, and what to look at today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from Modules.products.entry import Hecho, Producto
from Modules.words.folders import BACKUP, QUE_ABRIR

if TYPE_CHECKING:
    from Modules.products.source import Fuente

CARPETA: Final = "informe"


def build(fuente: Fuente, work: Path, *, vecinas: Mapping[str, Sequence[str]]) -> Hecho:
    from Modules.products.informe.product import build_informe

    return build_informe(fuente, work, vecinas)


PRODUCTO: Final = Producto(
    nombre="informe",
    carpetas=(CARPETA,),
    build=build,
    paquetes=("informe", "cultivos", "muestreos", "kmz"),
    vecinas=tuple(one for one in QUE_ABRIR if one != BACKUP),
)
