"""Do the ambientes of a lote add up to the lote? Areas in hectares, WGS 84 ellipsoid."""

from __future__ import annotations

from typing import Final

import pandas as pd

from Modules.night.tables import Tables
from Modules.words.spanish import in_lote, number

TOLERANCIA: Final = 0.005  # share of the lote: what redrawing a border by hand gives or takes


def ambientes_que_no_suman(tables: Tables, *, tolerancia: float = TOLERANCIA) -> pd.DataFrame:
    """Lotes with ambientes whose ``superficie_ha`` differ from the lote's by more than a share.

    Columns: ``campo lote lote_id n_ambientes lote_ha ambientes_ha diferencia_ha diferencia``
    (the last a signed share of the lote; negative: part of the lote is in no ambiente; positive:
    ambientes overlap or leave the lote). Rows by campo, lote, id. Lotes without ambientes are no
    matter of this.
    """
    by_lote = tables.ambientes.groupby("lote_id", sort=True)["superficie_ha"]
    sums = pd.DataFrame({"n_ambientes": by_lote.size(), "ambientes_ha": by_lote.sum()})
    lotes = pd.DataFrame(tables.lotes[["campo", "lote", "lote_id", "superficie_ha"]])
    table = lotes.rename(columns={"superficie_ha": "lote_ha"}).merge(
        sums, how="inner", left_on="lote_id", right_index=True
    )
    table["diferencia_ha"] = table["ambientes_ha"] - table["lote_ha"]
    table["diferencia"] = table["diferencia_ha"] / table["lote_ha"]
    wrong = ~(table["diferencia"].abs() <= tolerancia)  # a lote of no area is wrong too
    columns = ["campo", "lote", "lote_id", "n_ambientes", "lote_ha", "ambientes_ha"]
    return (
        table.loc[wrong, [*columns, "diferencia_ha", "diferencia"]]
        .sort_values(["campo", "lote", "lote_id"])
        .reset_index(drop=True)
    )


def notas_ambientes(tables: Tables, *, tolerancia: float = TOLERANCIA) -> tuple[str, ...]:
    """The same for people, in Spanish, a line a lote; empty where all add up."""
    wrong = ambientes_que_no_suman(tables, tolerancia=tolerancia)
    return tuple(
        f"{in_lote(row.campo, row.lote)} ({row.lote_id}): los ambientes suman "
        f"{number(row.ambientes_ha, 2)} ha y el lote {number(row.lote_ha, 2)} ha "
        f"({'−' if row.diferencia < 0 else '+'}{number(abs(row.diferencia) * 100, 1)} %)"
        for row in wrong.itertuples(index=False)
    )
