"""``eudr_control``: every rule for every lote, as a table. Pure.

First the rules of the preparation (is the lote declared, is all of it there, is its area the same),
for every lote of the campaña; then those of ``validar eudr`` for each feature of the file of all;
then those of each file as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from types import MappingProxyType
from typing import Final

import pandas as pd

from Modules.formats.legends import named
from Modules.products.eudr.check import CUMPLE, NO_CUMPLE, EudrReport
from Modules.products.eudr.declare import Declared
from Modules.products.eudr.rules import REGLA, Requisito
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import number

NO_CORRESPONDE: Final = "no corresponde"
_OWN: Final = ("archivo", "elemento", "empresa", "regla", "nivel", "resultado", "detalle")
HEADERS: Final = named(  # column to Spanish header, in order
    "archivo elemento empresa campo lote lote_id cultivos regla nivel resultado detalle",
    **{name: name.capitalize() for name in _OWN},
)
_ALCANZADO: Final = Requisito(
    "alcanzado", Severity.WARNING, "elemento", "El lote tiene un cultivo alcanzado por la norma"
)
_OTRO: Final = Requisito(
    "otro_producto",
    Severity.ERROR,
    "elemento",
    "Ningún cultivo es de otro producto alcanzado, que este archivo no declara",
)
_PAIS: Final = Requisito("pais", Severity.ERROR, "elemento", "Se sabe en qué país está el lote")
_COMPLETO: Final = Requisito(
    "completo", Severity.ERROR, "elemento", "Con seis decimales no se pierde ninguna parte"
)
_SUPERFICIE: Final = Requisito(
    "superficie", Severity.WARNING, "elemento", "Lo declarado mide lo mismo que el lote"
)
PREPARACION: Final = (_ALCANZADO, _OTRO, _PAIS, _COMPLETO, _SUPERFICIE)
_TOLERANCE: Final = 0.001  # of the area: six decimals move an outline by 5 cm at most
_TOLERANCE_HA: Final = 0.001
_Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """A file, what ``check_eudr`` says of it, and the lote of each of its features."""

    name: str
    report: EudrReport = field(repr=False)
    lote_ids: Sequence[str] = field(repr=False)


def control_table(
    lotes: pd.DataFrame,
    declared: Sequence[Declared],
    whole: Sequence[Checked],
    others: Sequence[Checked],
    otros: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """One row a rule and lote, feature or file, with the columns of ``HEADERS``.

    ``lotes`` has ``lote_id empresa campo lote cultivos`` of the campaña; ``whole`` are the files of
    all lotes, whose features are listed, ``others`` those of single empresas, listed as files only.
    ``otros``: by lote_id, which of its crops are of commodities that no file declares.
    """
    about = {row[0]: row for row in lotes.itertuples(index=False, name=None)}
    by_lote = {one.plot.lote_id: one for one in declared}
    rows: list[_Row] = []
    for lote_id, row in about.items():
        rows.extend(_preparation(row, by_lote.get(lote_id), otros.get(lote_id, "")))
    for file in whole:
        rows.extend(
            _found(about[file.lote_ids[int(one.item) - 1]], one, file.name)
            for one in file.report.rows()
            if one.item
        )
    for file in (*whole, *others):
        own = takewhile(lambda one: not one.item, file.report.rows())
        rows.extend(_found([None] * 5, one, file.name) for one in own)
    frame = pd.DataFrame(rows, columns=list(HEADERS), dtype=object)
    return frame.astype({**dict.fromkeys(HEADERS, "string"), "elemento": "Int64"})


def _cells(about: Sequence[object], regla: Requisito, resultado: str, detalle: str) -> _Row:
    """A row of the preparation: of no file."""
    lote_id, *place, cultivos = about
    said = (regla.codigo, regla.nivel, resultado, detalle)
    return (None, None, *place, lote_id, cultivos, *said)


def _found(about: Sequence[object], one: Finding, archivo: str) -> _Row:
    """A row of a file that was checked."""
    _, _, *place = _cells(about, REGLA[one.code], one.what, "".join(one.notes))
    return (archivo, int(one.item) if one.item else None, *place)


def _preparation(about: Sequence[object], declared: Declared | None, otro: str) -> Iterator[_Row]:
    if otro or declared is not None:
        yield _cells(about, _OTRO, NO_CUMPLE if otro else CUMPLE, otro)
    if declared is None:
        if not otro:
            yield _cells(about, _ALCANZADO, NO_CORRESPONDE, "no se declara")
        return
    count = len(declared.features)
    form = "un punto" if declared.as_point else f"{count} polígono{'' if count == 1 else 's'}"
    named = "".join(f"; «{name}» se declara por su nombre" for name in declared.plot.por_nombre)
    yield _cells(about, _ALCANZADO, CUMPLE, f"se declara con {form}{named}")
    country, duda = declared.plot.country, declared.plot.duda
    yield _cells(about, _PAIS, NO_CUMPLE if duda else CUMPLE, duda or country)
    yield _cells(about, _COMPLETO, *_complete(declared))
    before, after = declared.before_ha, declared.declared_ha
    same = abs(before - after) <= max(_TOLERANCE * before, _TOLERANCE_HA)
    text = f"lote {number(before, 4)} ha, declarado {number(after, 4)} ha"
    yield _cells(about, _SUPERFICIE, CUMPLE if same else NO_CUMPLE, text)


def _complete(declared: Declared) -> tuple[str, str]:
    grid = declared.grid
    if not declared.features:
        return NO_CUMPLE, "no queda superficie: el lote no está en el archivo"
    if grid.parts_lost:
        return NO_CUMPLE, f"se pierden {grid.parts_lost} partes sin superficie"
    notes = (
        (grid.vertices_joined, f"vértices repetidos quitados: {grid.vertices_joined}"),
        (grid.holes_cut, f"agujeros cortados: {grid.holes_cut}"),
        (grid.repaired, "redondeado se cruzaba: se corrigió"),
    )
    return CUMPLE, "; ".join(text for happened, text in notes if happened)
