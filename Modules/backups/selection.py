"""One campo or one lote out of the tables, by id or by name. Pure.

A name is compared as people type it: case, accents and blanks do not matter. A text that fits two
campos or two lotes is refused and both are listed: ``id=…`` says which one is meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from Modules.night.tables import Tables
from Modules.words.errors import SettingsError
from Modules.words.names import look

BY_ID = "id="


@dataclass(frozen=True, slots=True)
class Seleccion:
    """What was chosen; ``lote_id`` is None for a whole campo."""

    campo_id: str
    campo: str
    lote_id: str | None = None
    lote: str | None = None

    @property
    def nombre(self) -> str:
        """What people call it: "La Güeya" or "La Güeya - 7"."""
        return self.campo if self.lote is None else f"{self.campo} - {self.lote}"


def choose(tables: Tables, *, campo: str | None, lote: str | None) -> Seleccion | None:
    """The campo or lote that two texts mean; None if both are None.

    Raises:
        SettingsError: nothing fits, or more than one does; lists them.
    """
    if campo is None and lote is None:
        return None
    campos = {str(row.campo_id): str(row.campo) for row in tables.campos.itertuples()}
    campo_id = None if campo is None else _one("campo", campo, campos, campos)
    if lote is None:
        return Seleccion(str(campo_id), campos[str(campo_id)])
    lotes = tables.lotes
    if campo_id is not None:
        lotes = lotes[lotes["campo_id"] == campo_id]
    names = {str(row.lote_id): str(row.lote) for row in lotes.itertuples()}
    told = {str(row.lote_id): f"{row.lote}, campo {row.campo}" for row in lotes.itertuples()}
    lote_id = _one("lote", lote, names, told)
    row = lotes[lotes["lote_id"] == lote_id].iloc[0]
    return Seleccion(str(row["campo_id"]), str(row["campo"]), lote_id, str(row["lote"]))


def only(tables: Tables, chosen: Seleccion) -> Tables:
    """The tables with nothing but the chosen campo or lote and what belongs to it.

    ``rechazados`` is of the whole night and is left empty.
    """
    frames = dict(tables.as_dict())
    frames["campos"] = _where(frames["campos"], "campo_id", [chosen.campo_id])
    for name in ("lotes", "siembras", "ambientes", "marcadores"):
        key, value = (
            ("campo_id", chosen.campo_id) if chosen.lote_id is None else ("lote_id", chosen.lote_id)
        )
        frames[name] = _where(frames[name], key, [value])
    zonas = frames["zonas"]
    mine = zonas["lote_id"].isin(frames["lotes"]["lote_id"].tolist())
    region = zonas["zona_id"].isin(frames["campos"]["zona_id"].dropna().tolist())
    frames["zonas"] = zonas[mine.fillna(value=False) | region].reset_index(drop=True)
    sown = frames["siembras"]["cultivo_codigo"].tolist()
    frames["cultivos"] = _where(frames["cultivos"], "cultivo_codigo", sown)
    frames["rechazados"] = frames["rechazados"].iloc[:0]
    return Tables(**frames)


def _where(df: pd.DataFrame, column: str, values: Sequence[str]) -> pd.DataFrame:
    return df[df[column].isin(values).fillna(value=False)].reset_index(drop=True)


def _one(what: str, text: str, names: Mapping[str, str], told: Mapping[str, str]) -> str:
    """The only id that a text means."""
    if text.startswith(BY_ID):
        if text.removeprefix(BY_ID) in names:
            return text.removeprefix(BY_ID)
        raise SettingsError(f"no hay un {what} con el id {text.removeprefix(BY_ID)!r}")
    key = look(text)
    fitting = [one for one, name in names.items() if one == text or look(name) == key]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        listed = "; ".join(f"{BY_ID}{one} ({told[one]})" for one in sorted(fitting)[:20])
        raise SettingsError(
            f"a {text!r} corresponden {len(fitting)} {what}s; escribir uno: {listed}"
        )
    keys = {look(name): name for name in names.values()}
    near = [keys[one] for one in difflib.get_close_matches(key, list(keys), n=3, cutoff=0.6)]
    hint = f"; ¿quiso decir {', '.join(near)}?" if near else ""
    raise SettingsError(f"no hay un {what} {text!r}{hint}")
