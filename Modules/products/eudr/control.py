"""``eudr_control``: every rule for every lote, as a table. Pure.

First the rules of the preparation (is the lote declared, is all of it there, is its area the same),
for every lote of the campaña; then those of ``validar eudr`` for each feature of the file of all;
then those of each file as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from Modules.products.eudr.check import EudrReport, Hallazgo, Resultado
from Modules.products.eudr.declare import Declared
from Modules.products.eudr.rules import Alcance, Nivel, Regla

NO_CORRESPONDE: Final = "no corresponde"
HEADERS: Final[Mapping[str, str]] = {  # column to Spanish header, in order
    "archivo": "Archivo",
    "elemento": "Elemento",
    "empresa": "Empresa",
    "campo": "Campo",
    "lote": "Lote",
    "lote_id": "Id del lote",
    "cultivos": "Cultivos",
    "regla": "Regla",
    "nivel": "Nivel",
    "resultado": "Resultado",
    "detalle": "Detalle",
}
ALCANZADO: Final = Regla(
    "alcanzado", Nivel.AVISO, Alcance.ELEMENTO, "El lote tiene un cultivo alcanzado por la norma"
)
COMPLETO: Final = Regla(
    "completo", Nivel.ERROR, Alcance.ELEMENTO, "Con seis decimales no se pierde ninguna parte"
)
SUPERFICIE: Final = Regla(
    "superficie", Nivel.AVISO, Alcance.ELEMENTO, "Lo declarado mide lo mismo que el lote"
)
PREPARACION: Final = (ALCANZADO, COMPLETO, SUPERFICIE)
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
) -> pd.DataFrame:
    """One row a rule and lote, feature or file, with the columns of ``HEADERS``.

    Args:
        lotes: ``lote_id empresa campo lote cultivos`` of every lote of the campaña.
        declared: those that are in the files.
        whole: the files of all lotes, whose features are listed.
        others: the files of single empresas, listed as files only.
    """
    about = {row[0]: row for row in lotes.itertuples(index=False, name=None)}
    by_lote = {one.plot.lote_id: one for one in declared}
    rows: list[_Row] = []
    for lote_id, row in about.items():
        rows.extend(_preparation(row, by_lote.get(lote_id)))
    for checked in whole:
        rows.extend(_features(checked, about))
    for checked in (*whole, *others):
        rows.extend(_file(checked))
    frame = pd.DataFrame(rows, columns=list(HEADERS), dtype=object)
    return frame.astype({name: "string" for name in HEADERS if name != "elemento"}).astype(
        {"elemento": "Int64"}
    )


def _row(about: Sequence[object], one: Hallazgo, archivo: str | None = None) -> _Row:
    return _cells(about, one.regla, str(one.resultado), one.detalle, archivo, one.elemento)


def _cells(
    about: Sequence[object],
    regla: Regla,
    resultado: str,
    detalle: str,
    archivo: str | None = None,
    elemento: int = 0,
) -> _Row:
    lote_id, empresa, campo, lote, cultivos = about
    return (
        *(archivo, elemento or None, empresa, campo, lote, lote_id, cultivos),
        *(regla.codigo, str(regla.nivel), resultado, detalle),
    )


def _preparation(about: Sequence[object], declared: Declared | None) -> Iterator[_Row]:
    if declared is None:
        yield _cells(about, ALCANZADO, NO_CORRESPONDE, "no se declara")
        return
    count = len(declared.features)
    form = "un punto" if declared.as_point else f"{count} polígono{'' if count == 1 else 's'}"
    yield _cells(about, ALCANZADO, str(Resultado.CUMPLE), f"se declara con {form}")
    for regla, (result, detail) in ((COMPLETO, _complete(declared)), (SUPERFICIE, _area(declared))):
        yield _cells(about, regla, str(result), detail)


def _complete(declared: Declared) -> tuple[Resultado, str]:
    grid = declared.grid
    if not declared.features:
        return Resultado.NO_CUMPLE, "no queda superficie: el lote no está en el archivo"
    if grid.parts_lost:
        return Resultado.NO_CUMPLE, f"se pierden {grid.parts_lost} partes sin superficie"
    notes = (
        (grid.vertices_joined, f"vértices repetidos quitados: {grid.vertices_joined}"),
        (grid.holes_cut, f"agujeros cortados: {grid.holes_cut}"),
        (grid.repaired, "redondeado se cruzaba: se corrigió"),
    )
    return Resultado.CUMPLE, "; ".join(text for happened, text in notes if happened)


def _area(declared: Declared) -> tuple[Resultado, str]:
    before, after = declared.before_ha, declared.declared_ha
    same = abs(before - after) <= max(_TOLERANCE * before, _TOLERANCE_HA)
    text = f"lote {before:.4f} ha, declarado {after:.4f} ha"
    return (Resultado.CUMPLE if same else Resultado.NO_CUMPLE), text


def _features(checked: Checked, about: Mapping[str, Sequence[object]]) -> Iterator[_Row]:
    for one in checked.report.rows():
        if one.elemento:
            yield _row(about[checked.lote_ids[one.elemento - 1]], one, checked.name)


def _file(checked: Checked) -> Iterator[_Row]:
    nobody = [None] * 5
    for one in checked.report.rows():
        if one.elemento:
            return
        yield _row(nobody, one, checked.name)
