"""One change between two sets of tables, and all of them: the records that ``differences`` fills.

Texts that people read are Spanish. Hectares are those of the ellipsoid, geometry is EPSG:4326.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

from shapely.geometry.base import BaseGeometry

from Modules.diff.pairs import RowCounts


class Clase(StrEnum):
    """What can happen; in the order of a report."""

    CAMPO_NUEVO = "campo_nuevo"
    CAMPO_ELIMINADO = "campo_eliminado"
    CAMPO_OTRO_ID = "campo_otro_id"
    CAMPO_RENOMBRADO = "campo_renombrado"
    CAMPO_CAMBIADO = "campo_cambiado"
    LOTE_NUEVO = "lote_nuevo"
    LOTE_ELIMINADO = "lote_eliminado"
    LOTE_OTRO_ID = "lote_otro_id"
    LOTE_RENOMBRADO = "lote_renombrado"
    LOTE_OTRO_CAMPO = "lote_otro_campo"
    BORDE_MOVIDO = "borde_movido"
    LOTE_CAMBIADO = "lote_cambiado"
    CAMBIO_DE_CULTIVO = "cambio_de_cultivo"
    SIEMBRA_CAMBIADA = "siembra_cambiada"
    AMBIENTE_NUEVO = "ambiente_nuevo"
    AMBIENTE_ELIMINADO = "ambiente_eliminado"
    AMBIENTE_MOVIDO = "ambiente_movido"
    AMBIENTE_CAMBIADO = "ambiente_cambiado"
    MARCADOR_NUEVO = "marcador_nuevo"
    MARCADOR_ELIMINADO = "marcador_eliminado"
    MARCADOR_MOVIDO = "marcador_movido"
    MARCADOR_CAMBIADO = "marcador_cambiado"
    ZONA_NUEVA = "zona_nueva"
    ZONA_ELIMINADA = "zona_eliminada"
    ZONA_MOVIDA = "zona_movida"
    ZONA_CAMBIADA = "zona_cambiada"
    CULTIVO_NUEVO = "cultivo_nuevo"
    CULTIVO_ELIMINADO = "cultivo_eliminado"
    CULTIVO_CAMBIADO = "cultivo_cambiado"

    @classmethod
    def of(cls, noun: str, word: str) -> Clase:
        """What happened to a noun, by its word without the ending: "zona", "movid"."""
        return cls(f"{noun}_{word}{'a' if noun == 'zona' else 'o'}")

    @property
    def texto(self) -> str:
        """As people read it."""
        return _TEXTOS.get(self, self.value.replace("_", " "))


_TEXTOS: Final = {
    Clase.CAMPO_OTRO_ID: "campo con otro id",
    Clase.LOTE_OTRO_ID: "lote con otro id",
    Clase.LOTE_OTRO_CAMPO: "cambió de campo",
    Clase.LOTE_CAMBIADO: "datos del lote",
    Clase.CAMPO_CAMBIADO: "datos del campo",
    Clase.SIEMBRA_CAMBIADA: "siembra",
}


@dataclass(frozen=True, slots=True)
class Valor:
    """One column before and after, as people read them; personal data are not told."""

    columna: str
    antes: str
    ahora: str


@dataclass(frozen=True, slots=True)
class Cambio:
    """One change. Equality leaves the geometry out; the figures stand for it.

    ``tabla`` and ``id`` say what changed (``id`` as it is now; of what is gone, as it was);
    ``nombre`` is its name. ``lote_id`` and ``campo_id`` say where; "" where there is no such
    thing. ``campo`` and ``lote`` carry their id where another has the same name.
    """

    clase: Clase
    tabla: str
    id: str
    nombre: str
    campo_id: str = ""
    campo: str = ""
    lote_id: str = ""
    lote: str = ""
    detalle: str = ""
    valores: tuple[Valor, ...] = ()
    gana_ha: float = 0.0  # where a border moved
    pierde_ha: float = 0.0
    superficie_ha: float = 0.0  # of what is new or gone
    distancia_m: float = 0.0  # of a marcador that moved
    antes: BaseGeometry | None = field(default=None, repr=False, compare=False)
    ahora: BaseGeometry | None = field(default=None, repr=False, compare=False)
    gana: BaseGeometry | None = field(default=None, repr=False, compare=False)
    pierde: BaseGeometry | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, without geometry; hectares to 1 m², metres to 1 cm."""
        return {
            "clase": self.clase.value,
            **{name: getattr(self, name) for name in _TEXTS_OF_ROW.split()},
            "valores": [asdict(valor) for valor in self.valores],
            "gana_ha": round(self.gana_ha, 4),
            "pierde_ha": round(self.pierde_ha, 4),
            "superficie_ha": round(self.superficie_ha, 4),
            "distancia_m": round(self.distancia_m, 2),
        }


_TEXTS_OF_ROW: Final = "tabla id nombre campo_id campo lote_id lote detalle"


@dataclass(frozen=True, slots=True)
class Diferencias:
    """All that differs between two sets of tables.

    ``tablas`` counts rows by id, changed in any column; ``reescritas`` those of them that differ
    in nothing that counts. ``renumerados``: by table, the id before → the id now. ``lugares``: of
    each lote that there is or was, its campo, its name and its id, as people read them.
    """

    tolerancia_m: float
    cambios: tuple[Cambio, ...]
    tablas: Mapping[str, RowCounts]
    renumerados: Mapping[str, Mapping[str, str]]
    reescritas: Mapping[str, int]
    lugares: Mapping[str, tuple[str, str, str]] = field(default_factory=dict, repr=False)

    @property
    def empty(self) -> bool:
        """Whether nothing that counts differs."""
        return not self.cambios

    def resumen(self) -> dict[str, Any]:
        """How many changes of each kind, and the hectares behind them."""
        counts = Counter(cambio.clase for cambio in self.cambios)

        def total(clase: Clase, name: str) -> float:
            return round(math.fsum(getattr(c, name) for c in self.cambios if c.clase is clase), 4)

        return {
            "cambios": len(self.cambios),
            "por_clase": {clase.value: counts[clase] for clase in Clase},
            "lotes_nuevos_ha": total(Clase.LOTE_NUEVO, "superficie_ha"),
            "lotes_eliminados_ha": total(Clase.LOTE_ELIMINADO, "superficie_ha"),
            "bordes_ganan_ha": total(Clase.BORDE_MOVIDO, "gana_ha"),
            "bordes_pierden_ha": total(Clase.BORDE_MOVIDO, "pierde_ha"),
        }

    def to_dict(self) -> dict[str, Any]:
        return {
            "tolerancia_m": self.tolerancia_m,
            "iguales": self.empty,
            "resumen": self.resumen(),
            "tablas": {name: asdict(counts) for name, counts in self.tablas.items()},
            "reescritas": dict(self.reescritas),
            "renumerados": {name: dict(ids) for name, ids in self.renumerados.items()},
            "cambios": [cambio.to_dict() for cambio in self.cambios],
        }
