"""Companies with their lotes and zones, and what the menus of a machine call them. Pure.

A name has 32 characters, and no two are equal where a person has to choose between them, also for
who knows neither case nor accents: those that would be carry their id. Names in ASCII are for old
terminals and for DBF, which many programs read in another encoding than its ``.cpg`` says; where
nothing is left of a name its number stands: "lote 12".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from Modules.formats.isoxml import MAX_TEXT
from Modules.words.names import ascii_text, unique_names


@dataclass(frozen=True, slots=True)
class Ambiente:
    """One treatment zone; ``codigo`` counts from 1 in its lote, ``fila`` as in the KMZ."""

    ambiente_id: str
    ambiente: str
    potencial: str | None
    codigo: int
    fila: int


@dataclass(frozen=True, slots=True)
class Lote:
    """One lote with its zones by task, most in one, called as it; ``fila`` as in the KMZ."""

    lote_id: str
    lote: str
    numero: int
    campo_id: str
    campo: str
    campo_numero: int
    m2: int
    fila: int
    tareas: Mapping[str, Sequence[Ambiente]]

    @property
    def ambientes(self) -> Iterator[Ambiente]:
        return chain.from_iterable(self.tareas.values())


@dataclass(frozen=True, slots=True)
class Empresa:
    """A company and its lotes, campo by campo."""

    nombre: str
    numero: int
    lotes: Sequence[Lote]


@dataclass(frozen=True, slots=True)
class Menu:
    """The names of one company, of what it has by id."""

    empresa: str
    campo: dict[str, str]
    lote: dict[str, str]
    zona: dict[str, str]
    tarea: dict[str, str]


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
        tareas |= dict.fromkeys(lote.tareas, _joined(campos[lote.campo_id], lotes[lote.lote_id]))
    name = unique_names({"": text(empresa.nombre, f"empresa {empresa.numero}")}, MAX_TEXT)[""]
    return Menu(name, campos, lotes, zonas, unique_names(tareas, MAX_TEXT))


def _joined(first: str, last: str) -> str:
    """Both, cut in front, so that what tells them apart stays."""
    room = max(8, MAX_TEXT - len(f" - {last}"))
    return f"{first[:room].rstrip()} - {last}" if last else first
