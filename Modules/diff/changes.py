"""What changed between two nights, lote by lote: ``diff.differences`` condensed for a morning.

This is what ``verdict.json`` keeps and what the summaries list: a line for each campo and lote,
ambientes and marcadores counted by lote. Deterministic; what people read is Spanish. Names carry
their id where another campo (or another lote of the campo) has the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from Modules.diff.change import Cambio, Clase, Diferencias
from Modules.diff.differences import diferencias
from Modules.diff.pairs import COMPARED, RowCounts
from Modules.geo.borders import TOLERANCIA_M
from Modules.night.tables import Tables
from Modules.words.spanish import number

_COUNTED: Final = ("campo", "lote", "lote_id", "agregados", "quitados", "cambiados")
_OF_LOTE: Final = ("campo", "lote", "lote_id", "que", "detalle", "gana_ha", "pierde_ha")
_KEYS: Final = {  # of a row of each list of ``Changes``, in their order in JSON and for sorting
    "campos": ("campo", "campo_id", "que", "detalle"),
    "lotes": _OF_LOTE,
    "siembras": _OF_LOTE,
    "ambientes": _COUNTED,
    "marcadores": _COUNTED,
    "otros": ("nombre", "id", "que", "detalle", "campo", "lote"),
}

SOLO_REESCRITO = (
    "Sin cambios que contar: el portal reescribió datos (por ejemplo los vértices de un borde), "
    "pero dicen lo mismo."
)


@dataclass(frozen=True, slots=True)
class Novedad:
    """One thing that happened to a campo, a lote, a zona or a cultivo of the catalogue.

    ``que`` and ``detalle`` are Spanish. Of the rest a list has what its ``_KEYS`` say: where it
    was, and the name and id of a zona or cultivo.
    """

    que: str
    detalle: str
    campo: str = ""
    campo_id: str = ""
    lote: str = ""
    lote_id: str = ""
    nombre: str = ""
    id: str = ""
    gana_ha: float = 0.0  # only where a border moved
    pierde_ha: float = 0.0


@dataclass(frozen=True, slots=True)
class Conteo:
    """How many ambientes or marcadores of a lote were added, removed or changed."""

    campo: str
    lote: str
    lote_id: str
    agregados: int
    quitados: int
    cambiados: int


@dataclass(frozen=True, slots=True)
class Changes:
    """All differences; the lists by lote are empty on the first night."""

    first_night: bool
    tablas: Mapping[str, RowCounts]
    campos: tuple[Novedad, ...] = ()
    lotes: tuple[Novedad, ...] = ()
    siembras: tuple[Novedad, ...] = ()
    ambientes: tuple[Conteo, ...] = ()
    marcadores: tuple[Conteo, ...] = ()
    otros: tuple[Novedad, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether no row of any table differs."""
        return not any(any(asdict(counts).values()) for counts in self.tablas.values())

    def to_dict(self) -> dict[str, Any]:
        return {
            "first_night": self.first_night,
            "empty": self.empty,
            "tablas": {name: asdict(counts) for name, counts in self.tablas.items()},
            **{
                name: [{key: getattr(row, key) for key in keys} for row in getattr(self, name)]
                for name, keys in _KEYS.items()
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Changes:
        """Read back what ``to_dict`` gave, or gave before it knew ``otros``.

        Raises:
            KeyError, TypeError: it is something else.
        """
        rows = {"otros": (), **data}
        lists: dict[str, Any] = {
            name: tuple((Conteo if keys is _COUNTED else Novedad)(**row) for row in rows[name])
            for name, keys in _KEYS.items()
        }
        tablas = {name: RowCounts(**counts) for name, counts in data["tablas"].items()}
        return cls(first_night=data["first_night"], tablas=tablas, **lists)


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
    told: dict[str, list[Any]] = {name: [] for name in _KEYS}
    for one in found.cambios:
        name = "otros" if one.tabla in ("zonas", "cultivos") else one.tabla
        if _KEYS[name] is not _COUNTED:
            place = {key: getattr(one, key) for key in _KEYS[name] if key != "que"}
            told[name].append(Novedad(one.clase.texto, **place))
    for name in ("ambientes", "marcadores"):
        told[name].extend(_by_lote(found, name))
    lists = {
        name: tuple(sorted(rows, key=lambda row: [getattr(row, key) for key in _KEYS[name]]))
        for name, rows in told.items()
    }
    return Changes(first_night=False, tablas=found.tablas, **lists)


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


def novedades(changes: Changes) -> Iterator[tuple[str, str, str, str, str]]:
    """Ids of lote and campo, what people call it, what happened, in detail."""
    for one in changes.campos:
        yield "", one.campo_id, one.campo, one.que, one.detalle
    for one in (*changes.lotes, *changes.siembras):
        yield one.lote_id, "", f"{one.campo} · {one.lote}", one.que, one.detalle
    for name, counts in (("ambientes", changes.ambientes), ("marcadores", changes.marcadores)):
        for some in counts:
            yield some.lote_id, "", f"{some.campo} · {some.lote}", name, conteo_text(some)
    for one in changes.otros:
        yield "", "", one.nombre, one.que, one.detalle


def cambios(changes: Changes) -> list[tuple[str, str, str, str]]:
    """Rows of campo, lote, what changed and in detail, by campo and lote."""
    rows = [(c.campo, "", c.que, c.detalle) for c in changes.campos]
    rows += [(c.campo, c.lote, c.que, c.detalle) for c in (*changes.lotes, *changes.siembras)]
    for what, counts in (("ambientes", changes.ambientes), ("marcadores", changes.marcadores)):
        rows += [(c.campo, c.lote, what, conteo_text(c)) for c in counts]
    rows += [
        (c.campo, c.lote, c.que, f"{c.nombre}: {c.detalle}" if c.detalle else c.nombre)
        for c in changes.otros
    ]
    return sorted(rows)


def conteo_text(conteo: Conteo) -> str:
    """ "2 nuevos, 1 cambiado"."""
    parts = (
        (conteo.agregados, "nuevo"),
        (conteo.quitados, "quitado"),
        (conteo.cambiados, "cambiado"),
    )
    return ", ".join(
        f"{number(count)} {what}{'' if count == 1 else 's'}" for count, what in parts if count
    )
