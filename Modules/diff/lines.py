"""What changed, as rows that people read: campo, lote, what, and in detail. Spanish."""

from __future__ import annotations

from Modules.diff.changes import Changes, Conteo
from Modules.words.spanish import number

SOLO_REESCRITO = (
    "Sin cambios que contar: el portal reescribió datos (por ejemplo los vértices de un borde), "
    "pero dicen lo mismo."
)


def cambios(changes: Changes) -> list[tuple[str, str, str, str]]:
    """Rows of campo, lote, what changed and in detail, by campo and lote."""
    rows = [(c.campo, "", c.que, c.detalle) for c in changes.campos]
    rows += [(c.campo, c.lote, c.que, c.detalle) for c in (*changes.lotes, *changes.siembras)]
    for what, counts in (("ambientes", changes.ambientes), ("marcadores", changes.marcadores)):
        rows += [(c.campo, c.lote, what, _conteo(c)) for c in counts]
    rows += [
        (c.campo, c.lote, c.que, f"{c.nombre}: {c.detalle}" if c.detalle else c.nombre)
        for c in changes.otros
    ]
    return sorted(rows)


def _conteo(conteo: Conteo) -> str:
    parts = (
        (conteo.agregados, "nuevo"),
        (conteo.quitados, "quitado"),
        (conteo.cambiados, "cambiado"),
    )
    return ", ".join(
        f"{number(count)} {what}{'' if count == 1 else 's'}" for count, what in parts if count
    )
