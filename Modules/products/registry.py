"""Every product, in the order in which they are made and people are asked about their folders.

To add one: a package with its ``PRODUCTO`` (see ``entry``), and its line here. Publishing, verify,
the deployments, ``lindero run``, links and the tests of the docs read this list.
"""

from __future__ import annotations

from typing import Final

from Modules.products import (
    atlas,
    cultivos,
    h3,
    informe,
    kmz,
    mapa,
    maquinas,
    muestreos,
    proyecto,
    sustentabilidad,
)
from Modules.products.entry import Producto
from Modules.words.folders import BACKUP, INFORME_CAMPANIA, PLAN_MUESTREO

PRODUCTOS: Final = (
    cultivos.PRODUCTO,
    muestreos.PRODUCTO,
    sustentabilidad.PRODUCTO,
    mapa.PRODUCTO,
    maquinas.PRODUCTO,
    atlas.PRODUCTO,
    proyecto.PRODUCTO,
    kmz.PRODUCTO,
    h3.PRODUCTO,
    informe.PRODUCTO,  # last: it links to the files of all others
)


def product_folders() -> tuple[str, ...]:
    """Every folder below the outputs that is published to, that of the backups first."""
    made = (carpeta for one in PRODUCTOS for carpeta in one.carpetas)
    return (BACKUP, *made, PLAN_MUESTREO, INFORME_CAMPANIA)


def of_folder(carpeta: str) -> Producto | None:
    """The product that fills a folder; None for one that is no product's."""
    return next((one for one in PRODUCTOS if carpeta in one.carpetas), None)


def made_by(comando: str) -> tuple[Producto, ...]:
    """The products that ``lindero run <comando>`` makes, in order."""
    return tuple(one for one in PRODUCTOS if one.comando == comando)


def lista(comando: str) -> str:
    """What a command makes, for people: "cultivos, muestreos y sustentabilidad"."""
    *others, last = (one.texto or one.nombre for one in made_by(comando))
    joint = "e" if last.startswith("i") else "y"
    return f"{', '.join(others)} {joint} {last}" if others else last
