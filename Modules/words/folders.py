"""The folders below the outputs that products are published to: one list, standard library only.

Whatever builds a product takes its folder's name from here; so does whatever has to know all of
them without building any (links, mounts), on a Python without packages.
"""

from __future__ import annotations

from typing import Final

BACKUP: Final = "Backup_Databaler"
CULTIVOS: Final = "cultivos"
MUESTREOS: Final = "muestreos"
SUSTENTABILIDAD: Final = "sustentabilidad"
KMZ_POR_CAMPO: Final = "KMZ POR CAMPO"
KMZ_POR_LOTE: Final = "KMZ POR LOTE"
KMZ_POR_CULTIVO_CAMPO: Final = "KMZ POR CULTIVO CAMPO"
KMZ_POR_CULTIVO_LOTE: Final = "KMZ POR CULTIVO LOTE"
H3: Final = "H3"


def product_folders() -> tuple[str, ...]:
    """Every folder of a product, in the order in which people are asked about them."""
    return (
        BACKUP,
        CULTIVOS,
        MUESTREOS,
        SUSTENTABILIDAD,
        KMZ_POR_CAMPO,
        KMZ_POR_LOTE,
        KMZ_POR_CULTIVO_CAMPO,
        KMZ_POR_CULTIVO_LOTE,
        H3,
    )
