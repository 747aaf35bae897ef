"""What is sown where, in hectares: the tables behind the product ``cultivos/``. Pure.

Two areas that must not be mixed up: *superficie de tierra* counts each lote once, and ground that
two lotes share once (with the first by id); *superficie sembrada* counts each siembra, so a lote
with trigo and then soja 2da counts twice. Both take the area of the lote as computed on the
ellipsoid. Rows are told apart by id, never by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import geopandas as gpd
import pandas as pd

from Modules.night.checks_ground import land_ha
from Modules.night.tables import Tables
from Modules.words.columns import LOTES, SIEMBRAS, Column, Table
from Modules.words.cultivos import CATALOGUE, OTRO, SIN_CULTIVO, colour_of
from Modules.words.errors import DataError
from Modules.words.names import names_with_ids
from Modules.words.spanish import day, natural

MAX_DESCONOCIDOS: Final = 60
OTROS: Final = "Otros cultivos"
_LAST: Final = "\U0010ffff"  # where there is no name
TOLERANCIA: Final = 0.05  # of the computed area: a border drawn by hand is seldom nearer

_SOWN_HA: Final = replace(
    *LOTES.pick("superficie_ha"),
    description="Superficie del lote, calculada sobre el elipsoide WGS 84: la de esta siembra",
)

SIEMBRAS_EN_LOTES: Final = Table(
    "siembras_en_lotes",
    (
        *SIEMBRAS.pick("siembra_id", "lote_id"),
        *LOTES.pick("lote", "campo_id", "campo", "campania"),
        *SIEMBRAS.pick("orden"),
        *LOTES.pick("n_siembras"),
        Column("ultima", "boolean", "Si es la última siembra del lote: la que le da su color"),
        *SIEMBRAS.pick("cultivo_codigo", "cultivo", "material"),
        _SOWN_HA,
        *SIEMBRAS.pick("superficie_declarada_ha", "fecha_siembra", "fecha_cosecha", "estado"),
        *LOTES.pick("geometry"),
    ),
    LOTES.geometry_types,
)
LOTES_SIN_CULTIVO: Final = Table(
    "lotes_sin_cultivo",
    (
        *LOTES.pick("lote_id", "lote", "campo_id", "campo", "campania"),
        *LOTES.pick("superficie_ha", "superficie_declarada_ha", "geometry"),
    ),
    LOTES.geometry_types,
)
CAMPOS_DBF: Final[Mapping[str, str]] = {  # DBF takes ten characters
    **{name: name for name in SIEMBRAS_EN_LOTES.names if name != "geometry"},
    "cultivo_codigo": "cult_cod",
    "superficie_ha": "sup_ha",
    "superficie_declarada_ha": "sup_dec_ha",
    "fecha_siembra": "f_siembra",
    "fecha_cosecha": "f_cosecha",
}


@dataclass(frozen=True, slots=True)
class Sembrado:
    """A crop that is sown somewhere: ``clave`` tells it from all others, ``color`` is #RRGGBB."""

    clave: str
    codigo: str
    nombre: str
    color: str

    @property
    def columna(self) -> str:
        """The column of its hectares in ``by_campo``."""
        return f"cultivo {self.clave}"


def crop_keys(siembras: pd.DataFrame) -> pd.Series:
    """What tells crops apart: the code, and for crops that nobody knows the name as well.

    More than ``MAX_DESCONOCIDOS`` unknown names are no crops but a column that went wrong; all of
    them are one crop then, so that nobody gets a thousand layers.
    """
    codes, names = siembras["cultivo_codigo"], siembras["cultivo"]
    unknown = codes == OTRO
    if names[unknown].nunique() > MAX_DESCONOCIDOS:
        return codes.astype("string")
    return codes.where(~unknown, OTRO + ":" + names).astype("string")


def sown_crops(tables: Tables) -> list[Sembrado]:
    """The crops of the siembras, in the order of the catalogue; unknown ones last, by name."""
    portal = dict(zip(tables.cultivos["cultivo_codigo"], tables.cultivos["color"], strict=True))
    ranks = {code: at for at, code in enumerate(CATALOGUE)}
    distinct = tables.siembras.assign(clave=crop_keys(tables.siembras)).drop_duplicates("clave")
    rows = zip(distinct["clave"], distinct["cultivo_codigo"], distinct["cultivo"], strict=True)
    found = [
        Sembrado(key, code, OTROS if key == OTRO else name, colour_of(code, portal))
        for key, code, name in rows
    ]
    last = len(ranks)
    return sorted(found, key=lambda c: (c.codigo == OTRO, ranks.get(c.codigo, last), c.clave))


def sown(tables: Tables) -> gpd.GeoDataFrame:
    """One row for each siembra on the whole of its lote, by siembra_id: ``SIEMBRAS_EN_LOTES``.

    Raises:
        DataError: a siembra without its lote.
    """
    lotes = tables.lotes[["lote_id", "lote", "campo", "superficie_ha", "n_siembras", "geometry"]]
    joined = tables.siembras.merge(lotes, on="lote_id", how="inner", validate="many_to_one")
    if len(joined) != len(tables.siembras):
        raise DataError("una siembra no tiene lote; las tablas del backup no concuerdan")
    joined = joined.sort_values(["lote_id", "orden", "siembra_id"])  # as in the KMZ
    joined["ultima"] = (~joined["lote_id"].duplicated(keep="last")).astype("boolean")
    ordered = joined.sort_values("siembra_id", ignore_index=True)[list(SIEMBRAS_EN_LOTES.names)]
    return gpd.GeoDataFrame(ordered, geometry="geometry", crs=tables.lotes.crs)


def without_crop(tables: Tables) -> gpd.GeoDataFrame:
    """The lotes that have no siembra: ``LOTES_SIN_CULTIVO``."""
    bare = ~tables.lotes["lote_id"].isin(tables.siembras["lote_id"])
    return tables.lotes.loc[bare, list(LOTES_SIN_CULTIVO.names)].reset_index(drop=True)


def campo_labels(lotes: pd.DataFrame) -> dict[str, str]:
    """The name of each campo that has lotes; with its id where another has the same name."""
    return names_with_ids(dict(zip(lotes["campo_id"], lotes["campo"], strict=True)))


def by_campo(tables: Tables, rows: pd.DataFrame, crops: Iterable[Sembrado]) -> pd.DataFrame:
    """A row for each campo that has lotes, by name.

    ``rows`` are ``sown``. Columns: ``campo``, ``Sembrado.columna`` of each crop, ``sembrada_ha``,
    ``tierra_ha``, ``sin_cultivo_ha``, ``lotes``. A crop that a campo has not is missing, not zero.
    """
    labels = campo_labels(tables.lotes)
    keys = sorted(labels, key=lambda key: (natural(labels[key]), key))
    area, campo = rows["superficie_ha"], rows["campo_id"]
    crop_of = crop_keys(rows)
    columns: dict[str, pd.Series] = {"campo": pd.Series(labels, dtype="string")}
    columns |= {
        crop.columna: area[crop_of == crop.clave].groupby(campo).sum().reindex(keys)
        for crop in crops
    }
    columns["sembrada_ha"] = area.groupby(campo).sum().reindex(keys, fill_value=0.0)
    lotes, bare = tables.lotes, without_crop(tables)
    land = pd.Series(land_ha(tables), index=lotes.index)
    columns["tierra_ha"] = land.groupby(lotes["campo_id"]).sum()
    is_bare = lotes["lote_id"].isin(bare["lote_id"])
    sums = land[is_bare].groupby(lotes["campo_id"]).sum()
    columns["sin_cultivo_ha"] = sums.reindex(keys, fill_value=0.0)
    columns["lotes"] = lotes.groupby("campo_id").size()
    return pd.DataFrame(columns, index=pd.Index(keys, dtype="string")).reset_index(drop=True)


def by_crop(rows: pd.DataFrame, crops: Sequence[Sembrado]) -> pd.DataFrame:
    """A row for each crop, in their order; ``rows`` are ``sown``.

    Columns: ``cultivo codigo siembras lotes sembrada_ha parte`` (its share of all sown area).
    """
    grouped = pd.DataFrame(rows).assign(clave=crop_keys(rows)).groupby("clave")
    area = grouped["superficie_ha"].sum()
    figures = {"siembras": grouped.size(), "lotes": grouped["lote_id"].nunique()}
    figures |= {"sembrada_ha": area, "parte": area / area.sum()}
    frame = pd.DataFrame(figures).loc[[crop.clave for crop in crops]].reset_index(drop=True)
    frame.insert(0, "cultivo", [crop.nombre for crop in crops])
    frame.insert(1, "codigo", [crop.codigo for crop in crops])
    return frame


def by_lote(tables: Tables) -> pd.DataFrame:
    """A row for each lote, by campo and name; nothing in it says whose it is.

    Columns: ``campo lote cultivos superficie_ha material fecha_siembra fecha_cosecha estado``. Of
    several siembras what they say is joined by " + ", in their order.
    """
    siembras = tables.siembras.sort_values(["lote_id", "orden", "siembra_id"])
    names = ("material", "fecha_siembra", "fecha_cosecha", "estado")
    said = {name: siembras.groupby("lote_id")[name].agg(_joined) for name in names}
    frame = pd.DataFrame(tables.lotes[["lote_id", "lote", "campo_id", "cultivos", "superficie_ha"]])
    frame["cultivos"] = frame["cultivos"].fillna(SIN_CULTIVO.nombre)
    frame["campo"] = frame["campo_id"].map(campo_labels(tables.lotes)).astype("string")
    for name, values in said.items():
        frame[name] = frame["lote_id"].map(values)
    return by_place(frame)[["campo", "lote", "cultivos", "superficie_ha", *names]]


def by_place(frame: pd.DataFrame, first: Sequence[str] = ()) -> pd.DataFrame:
    """Rows by campo and lote as people read names, "2" before "10"; before that by ``first``.

    Those of one lote stay in their order.
    """
    names = [*first, "campo", "lote"]
    keys = ([natural(one) for one in frame[name].fillna(_LAST)] for name in names)
    order = sorted(zip(*keys, frame["lote_id"], range(len(frame)), strict=True))
    return frame.iloc[[row[-1] for row in order]].reset_index(drop=True)


def _joined(values: pd.Series) -> Any:
    """What a column says of the siembras of a lote; one alone keeps its type."""
    if len(values) == 1:
        return None if pd.isna(values.iloc[0]) else values.iloc[0]
    texts = ["—" if pd.isna(one) else one if isinstance(one, str) else day(one) for one in values]
    return None if set(texts) == {"—"} else " + ".join(texts)


def progress(rows: pd.DataFrame, crops: Iterable[Sembrado], until: date) -> pd.DataFrame:
    """How far sowing and harvest are, a row for each crop; ``rows`` are ``sown``.

    What has a date of ``until`` or before is done, and what its state says is done. Columns:
    ``cultivo siembras sembrada_ha ya_sembrada_ha avance_siembra cosechada_ha avance_cosecha``.
    """
    harvested = _done(rows, "fecha_cosecha", until, ("cosechado",))
    done = harvested | _done(rows, "fecha_siembra", until, ("sembrado", "cosechado", "perdido"))
    keys, area = crop_keys(rows), rows["superficie_ha"]
    values = []
    for crop in crops:
        own = keys == crop.clave
        whole = float(area[own].sum())
        parts = [float(area[own & part].sum()) for part in (done, harvested)]
        shares = [part / whole if whole else None for part in parts]
        both = [figure for pair in zip(parts, shares, strict=True) for figure in pair]
        values.append((crop.nombre, int(own.sum()), whole, *both))
    names = ["cultivo", "siembras", "sembrada_ha", "ya_sembrada_ha", "avance_siembra"]
    return pd.DataFrame(values, columns=[*names, "cosechada_ha", "avance_cosecha"])


def _done(rows: pd.DataFrame, dated: str, until: date, states: Sequence[str]) -> pd.Series:
    by_date = [not pd.isna(one) and one <= until for one in rows[dated]]
    said = rows["estado"].str.casefold().isin(states).fillna(value=False)
    return pd.Series(by_date, index=rows.index, dtype=bool) | said.astype(bool)


def differences(tables: Tables, rows: pd.DataFrame) -> pd.DataFrame:
    """Lotes and siembras that declare another area than their border holds, widest first.

    A siembra counts where it declares something else than its lote does, which has a row already.
    Columns: ``campo lote que superficie_ha superficie_declarada_ha diferencia_ha diferencia``
    (declared minus computed, and that as a share of the computed).
    """
    area = ["campo_id", "lote", "lote_id", "superficie_ha", "superficie_declarada_ha"]
    lotes = pd.DataFrame(tables.lotes[area]).assign(que="lote")
    siembras = pd.DataFrame(rows[[*area, "cultivo"]])
    siembras["que"] = "siembra de " + siembras["cultivo"]
    of_lote = siembras["lote_id"].map(lotes.set_index("lote_id")["superficie_declarada_ha"])
    siembras = siembras[siembras["superficie_declarada_ha"] != of_lote].drop(columns="cultivo")
    both = pd.concat([lotes, siembras], ignore_index=True)
    declared, computed = both["superficie_declarada_ha"], both["superficie_ha"]
    both["diferencia_ha"] = declared - computed
    both["diferencia"] = (both["diferencia_ha"] / computed).where(computed > 0)
    both["width"] = both["diferencia_ha"].abs()
    wide = both[both["width"] > TOLERANCIA * computed]
    wide = wide.sort_values(["width", "lote_id", "que"], ascending=[False, True, True])
    wide["campo"] = wide["campo_id"].map(campo_labels(tables.lotes)).astype("string")
    names = ["campo", "lote", "que", "superficie_ha", "superficie_declarada_ha"]
    return wide[[*names, "diferencia_ha", "diferencia"]].reset_index(drop=True)
