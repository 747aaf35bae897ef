"""What changed between two nights, lote by lote: ``diff.differences`` condensed for a morning.

This is what ``verdict.json`` keeps and what the summaries list: a line for each campo and lote,
ambientes and marcadores counted by lote. Deterministic; what people read is Spanish. Names carry
their id where another campo (or another lote of the campo) has the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from Modules.diff.differences import Cambio, Clase, Diferencias, diferencias
from Modules.diff.pairs import COMPARED, RowCounts
from Modules.geo.borders import TOLERANCIA_M
from Modules.night.tables import Tables

__all__ = [
    "CampoChange",
    "Changes",
    "Conteo",
    "LoteChange",
    "OtroChange",
    "RowCounts",
    "changes_of",
    "diff_tables",
]

_OF_SIEMBRAS: Final = (Clase.CAMBIO_DE_CULTIVO, Clase.SIEMBRA_CAMBIADA)
_OF_LOTES: Final = (
    Clase.LOTE_NUEVO,
    Clase.LOTE_ELIMINADO,
    Clase.LOTE_OTRO_ID,
    Clase.LOTE_RENOMBRADO,
    Clase.LOTE_OTRO_CAMPO,
    Clase.BORDE_MOVIDO,
    Clase.LOTE_CAMBIADO,
)


@dataclass(frozen=True, slots=True, order=True)
class LoteChange:
    """One thing that happened to one lote; ``que`` and ``detalle`` are Spanish."""

    campo: str
    lote: str
    lote_id: str
    que: str
    detalle: str
    gana_ha: float = 0.0  # only where a border moved
    pierde_ha: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class CampoChange:
    """One thing that happened to a campo itself."""

    campo: str
    campo_id: str
    que: str
    detalle: str


@dataclass(frozen=True, slots=True, order=True)
class Conteo:
    """How many ambientes or marcadores of a lote were added, removed or changed."""

    campo: str
    lote: str
    lote_id: str
    agregados: int
    quitados: int
    cambiados: int


@dataclass(frozen=True, slots=True, order=True)
class OtroChange:
    """One thing that happened to a zona or to a cultivo of the catalogue."""

    nombre: str
    id: str
    que: str
    detalle: str
    campo: str = ""  # of a zona that is drawn in a lote
    lote: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """All differences; the lists by lote are empty on the first night."""

    first_night: bool
    tablas: Mapping[str, RowCounts]
    campos: tuple[CampoChange, ...] = ()
    lotes: tuple[LoteChange, ...] = ()
    siembras: tuple[LoteChange, ...] = ()
    ambientes: tuple[Conteo, ...] = ()
    marcadores: tuple[Conteo, ...] = ()
    otros: tuple[OtroChange, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no row of any table differs."""
        return not any(
            counts.agregadas or counts.quitadas or counts.cambiadas
            for counts in self.tablas.values()
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "first_night": self.first_night,
            "empty": self.empty,
            "tablas": {name: asdict(counts) for name, counts in self.tablas.items()},
            **{name: [asdict(one) for one in getattr(self, name)] for name in _KINDS},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Changes:
        """Read back what ``to_dict`` gave, or gave before it knew ``otros``.

        Raises:
            KeyError, TypeError: it is something else.
        """
        rows = {"otros": (), **data}
        lists = {name: tuple(kind(**row) for row in rows[name]) for name, kind in _KINDS.items()}
        tablas = {name: RowCounts(**counts) for name, counts in data["tablas"].items()}
        return cls(first_night=data["first_night"], tablas=tablas, **lists)


_KINDS: Final[Mapping[str, type]] = {
    "campos": CampoChange,
    "lotes": LoteChange,
    "siembras": LoteChange,
    "ambientes": Conteo,
    "marcadores": Conteo,
    "otros": OtroChange,
}


def diff_tables(
    before: Tables | None, now: Tables, *, tolerancia_m: float = TOLERANCIA_M
) -> Changes:
    """What changed since the last accepted night; ``before`` is None on the first."""
    if before is None:
        after = now.as_dict()
        counts = {name: RowCounts(len(after[name]), 0, 0) for name in COMPARED}
        return Changes(first_night=True, tablas=counts)
    return changes_of(diferencias(before, now, tolerancia_m=tolerancia_m))


def changes_of(found: Diferencias) -> Changes:
    """Differences as the lists of a morning."""
    return Changes(
        first_night=False,
        tablas=found.tablas,
        campos=tuple(sorted(_campos(found))),
        lotes=tuple(sorted(_lotes(found.of(*_OF_LOTES)))),
        siembras=tuple(sorted(_lotes(found.of(*_OF_SIEMBRAS)))),
        ambientes=tuple(sorted(_by_lote(found, "ambientes"))),
        marcadores=tuple(sorted(_by_lote(found, "marcadores"))),
        otros=tuple(sorted(_otros(found))),
    )


def _campos(found: Diferencias) -> Iterator[CampoChange]:
    for one in found.cambios:
        if one.tabla == "campos":
            yield CampoChange(one.campo, one.id, one.clase.texto, one.detalle)


def _lotes(cambios: Iterable[Cambio]) -> Iterator[LoteChange]:
    for one in cambios:
        place = (one.campo, one.lote, one.lote_id)
        yield LoteChange(*place, one.clase.texto, one.detalle, one.gana_ha, one.pierde_ha)


def _by_lote(found: Diferencias, table: str) -> Iterator[Conteo]:
    """Rows of each lote added, removed, changed; a row that moves to another lote is both."""
    counts: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for one in found.cambios:
        if one.tabla == table:
            for lote_id, what in _counted(one):
                counts.setdefault(lote_id, (set(), set(), set()))[what].add(one.id)
    for lote_id, (added, removed, changed) in counts.items():
        changed -= added
        if added or removed or changed:
            place = found.lugares.get(lote_id, ("", "", lote_id))
            yield Conteo(*place, len(added), len(removed), len(changed))


def _counted(one: Cambio) -> Iterator[tuple[str, int]]:
    """The lotes in which a change counts: 0 added, 1 removed, 2 changed."""
    moves = [valor for valor in one.valores if valor.columna == "lote_id"]
    if one.clase in (Clase.AMBIENTE_NUEVO, Clase.MARCADOR_NUEVO):
        yield one.lote_id, 0
    elif one.clase in (Clase.AMBIENTE_ELIMINADO, Clase.MARCADOR_ELIMINADO):
        yield one.lote_id, 1
    elif moves:
        yield one.lote_id, 0
        yield moves[0].antes, 1
    else:
        yield one.lote_id, 2


def _otros(found: Diferencias) -> Iterator[OtroChange]:
    for one in found.cambios:
        if one.tabla in ("zonas", "cultivos"):
            rest = (one.clase.texto, one.detalle, one.campo, one.lote)
            yield OtroChange(one.nombre, one.id, *rest)
