"""The map in one page: lotes, ambientes, marcadores and changes, in any browser without network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from Modules.products.entry import Hecho, Producto

if TYPE_CHECKING:
    from Modules.products.source import Fotos, Fuente, Propio


def build(
    fuente: Fuente, work: Path, *, fotos: Fotos | None = None, propio: Propio | None = None
) -> Hecho:
    from Modules.products.mapa.product import build_mapa

    return build_mapa(fuente, work, fotos or {}, propio)


PRODUCTO: Final = Producto(
    nombre="mapa",
    carpetas=("mapa",),
    build=build,
    paquetes=("mapa", "kmz"),  # the order and the groups of the KMZ
    fotos=True,
    propio=("fondo.pmtiles", "fondo.mbtiles"),  # the second one is told how to be the first
)
