"""The KMZ for phones: by campo, by lote, by cultivo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from Modules.products.entry import Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fuente

POR_CAMPO: Final = "KMZ POR CAMPO"
POR_LOTE: Final = "KMZ POR LOTE"
POR_CULTIVO_CAMPO: Final = "KMZ POR CULTIVO CAMPO"
POR_CULTIVO_LOTE: Final = "KMZ POR CULTIVO LOTE"


def build(fuente: Fuente, work: Path, **how: Any) -> Hecho:
    from Modules.products.kmz.product import build_mapas_kmz

    return build_mapas_kmz(fuente, work, **how)


PRODUCTO: Final = Producto(
    nombre="KMZ",
    carpetas=(POR_CAMPO, POR_LOTE, POR_CULTIVO_CAMPO, POR_CULTIVO_LOTE),
    build=build,
    paquetes=("kmz",),
    pagina="mapas.md",
    comando="kmz",
    fotos=True,
    texto="los KMZ por campo, por lote y por cultivo",
    tramos=True,
    pueden_faltar=frozenset({POR_CULTIVO_CAMPO, POR_CULTIVO_LOTE}),
)
