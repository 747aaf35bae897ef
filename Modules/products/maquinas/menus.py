"""Companies with their lotes and zones, and what the menus of a machine call them. Pure.

A name has 32 characters, and no two are equal where a person has to choose between them, also for
who knows neither case nor accents: those that would be carry their id. Names in ASCII are for old
terminals and for DBF, which many programs read in another encoding than its ``.cpg`` says; where
nothing is left of a name its number stands: "lote 12".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from Modules.formats.isoxml import MAX_TEXT, MAX_ZONES
from Modules.words.names import ascii_text, unique_names

_BETWEEN: Final = " - "
_LEAST: Final = 8  # characters of what stands in front


@dataclass(frozen=True, slots=True)
class Ambiente:
    """One treatment zone; ``codigo`` counts from 1 in its lote, ``fila`` as in the KMZ."""

    ambiente_id: str
    ambiente: str
    potencial: str | None
    codigo: int
    fila: int

    @property
    def tarea(self) -> int:
        """In which task of its lote it is, from 0."""
        return (self.codigo - 1) // MAX_ZONES

    @property
    def tzn(self) -> int:
        """Its code in that task."""
        return (self.codigo - 1) % MAX_ZONES + 1


@dataclass(frozen=True, slots=True)
class Lote:
    """One lote with its zones; ``fila`` as in the KMZ."""

    lote_id: str
    lote: str
    numero: int
    campo_id: str
    campo: str
    campo_numero: int
    fila: int
    ambientes: Sequence[Ambiente]

    @property
    def tareas(self) -> dict[int, list[Ambiente]]:
        """Its zones by task, from 0; most have one: it takes 254 codes."""
        found: dict[int, list[Ambiente]] = {}
        for one in sorted(self.ambientes, key=lambda one: one.codigo):
            found.setdefault(one.tarea, []).append(one)
        return found


@dataclass(frozen=True, slots=True)
class Empresa:
    """A company and its lotes, campo by campo."""

    nombre: str
    numero: int
    lotes: Sequence[Lote]


@dataclass(frozen=True, slots=True)
class Menu:
    """The names of one company by id; of a task by lote and number."""

    empresa: str
    campo: dict[str, str]
    lote: dict[str, str]
    zona: dict[str, str]
    tarea: dict[str, str]


def tarea_id(lote_id: str, number: int) -> str:
    """What a task is called among all: the first of a lote as the lote."""
    return f"{lote_id}/{number}" if number else lote_id


def menu(empresa: Empresa, shown: Callable[[str], str] = ascii_text) -> Menu:
    """The names of a company; ``shown``: what of a name can be written."""

    def text(name: str, otherwise: str) -> str:
        found = shown(name)
        return found if any(map(str.isalnum, found)) else otherwise

    campos = {one.campo_id: text(one.campo, f"campo {one.campo_numero}") for one in empresa.lotes}
    campos = unique_names(campos, MAX_TEXT)
    lotes: dict[str, str] = {}
    for _, own in groupby(empresa.lotes, key=lambda one: one.campo_id):
        texts = {one.lote_id: text(one.lote, f"lote {one.numero}") for one in own}
        lotes |= unique_names(texts, MAX_TEXT)
    zonas: dict[str, str] = {}
    tareas: dict[str, str] = {}
    for lote in empresa.lotes:
        zones = {
            one.ambiente_id: _joined(
                text(one.ambiente, f"zona {one.codigo}"), text(one.potencial or "", "")
            )
            for one in lote.ambientes
        }
        zonas |= unique_names(zones, MAX_TEXT)
        for number in lote.tareas:
            last = f"{lotes[lote.lote_id]} ({number + 1})" if number else lotes[lote.lote_id]
            tareas[tarea_id(lote.lote_id, number)] = _joined(campos[lote.campo_id], last)
    name = unique_names({"": text(empresa.nombre, f"empresa {empresa.numero}")}, MAX_TEXT)[""]
    return Menu(name, campos, lotes, zonas, unique_names(tareas, MAX_TEXT))


def _joined(first: str, last: str) -> str:
    """Both, cut in front, so that what tells them apart stays."""
    room = max(_LEAST, MAX_TEXT - len(_BETWEEN) - len(last))
    return f"{first[:room].rstrip()}{_BETWEEN}{last}" if last else first
