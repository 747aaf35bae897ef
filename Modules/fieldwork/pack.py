"""The maps of a month's plan, for each campo: a KMZ for the phone and the Modus documents.

Points, codes and names of samples are those of ``muestreos``; here are those of the planned lotes
alone, in the order of a walk through them. A lote without ambientes is sampled as a whole. They are
published below ``plan_muestreo/25-26/2026-11/<campo>/``: a run renews the campos that it has rows
of, and leaves those of other rows and months as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd

from Modules.disk.destinations import check_destination
from Modules.disk.publish import Published, publish_files
from Modules.disk.safe_files import write_new
from Modules.fieldwork.fechas import Mes
from Modules.fieldwork.join import Trabajo
from Modules.jobs.products import Encargo
from Modules.night.tables import Tables
from Modules.products.kmz.product import build_muestreos_kmz
from Modules.products.muestreos import CARPETA
from Modules.products.muestreos.modus import SUFFIX, modus_documents
from Modules.products.muestreos.plan import (
    MARGEN_M,
    PUNTOS_POR_AMBIENTE,
    PlanMuestreo,
    plan_muestreo,
)
from Modules.products.muestreos.product import muestras
from Modules.products.source import Fuente
from Modules.words.columns import CRS
from Modules.words.folders import PLAN_MUESTREO
from Modules.words.names import unique_names

_CAMPO_LENGTH: Final = 30
_ENTERO: Final = "Lote entero"


@dataclass(frozen=True, slots=True)
class Paquete:
    """What was published, and the map of each campo, by id, as a path below the outputs."""

    published: Published
    kmz: dict[str, str]


def publish_pack(encargo: Encargo, trabajos: Sequence[Trabajo], mes: Mes) -> Paquete:
    """Build and publish the maps of the campos of these rows.

    Raises:
        SettingsError: as ``plan_muestreo``.
        PublishError: the disk refused, or the folder is not what it should be.
    """
    folder, fuente = encargo.outputs / PLAN_MUESTREO, encargo.fuente
    check_destination(folder, must_be_link=encargo.link(PLAN_MUESTREO))
    with encargo.store.scratch() as work:
        kmz, built = build_pack(
            fuente,
            trabajos,
            mes,
            work,
            puntos_por_ambiente=encargo.settings.lindero_muestreo_puntos,
            margen_m=encargo.settings.lindero_muestreo_margen_m,
        )
        ours = {name.rpartition("/")[0] for name in built}
        done = publish_files(
            built,
            folder,
            snapshot_id=str(fuente.snapshot_id),
            now=encargo.now,
            scope=lambda name: name.rpartition("/")[0] in ours,
        )
    return Paquete(done, {campo_id: f"{PLAN_MUESTREO}/{name}" for campo_id, name in kmz.items()})


def build_pack(
    fuente: Fuente,
    trabajos: Sequence[Trabajo],
    mes: Mes,
    work: Path,
    *,
    puntos_por_ambiente: int = PUNTOS_POR_AMBIENTE,
    margen_m: float = MARGEN_M,
) -> tuple[dict[str, str], dict[str, Path]]:
    """Write the files below ``work``: the map of each campo by id, and every file by its name."""
    whole = replace(fuente, tables=_with_whole_lotes(fuente.tables, trabajos))
    plan = plan_muestreo(whole, puntos_por_ambiente=puntos_por_ambiente, margen_m=margen_m)
    campos = dict(zip(fuente.tables.campos["campo_id"], fuente.tables.campos["campo"], strict=True))
    names = unique_names(campos, _CAMPO_LENGTH)
    maps: dict[str, str] = {}
    built: dict[str, Path] = {}
    for campo_id in sorted({one.campo_id for one in trabajos}):
        own = [one for one in trabajos if one.campo_id == campo_id]
        name = names[campo_id]
        stem = f"{fuente.campania.slug}/{mes}/{name}/{PLAN_MUESTREO}_{mes} - {name}"
        title = f"Plan de muestreo · {campos[campo_id]} · {mes.texto}"
        part = fuente_of(whole, {one.lote_id for one in own})
        mine = _of_rows(plan, own)
        hecho = build_muestreos_kmz(part, mine.puntos, mine.ambientes, work, stem=stem, title=title)
        built |= hecho.carpetas[CARPETA]
        maps[campo_id] = min(hecho.carpetas[CARPETA])
        documents = modus_documents(muestras(mine, part), nombre=title, fecha=mes.desde)
        for kind, document in documents.items():
            path = f"{stem}{SUFFIX[kind]}.modus.json"
            built[path] = work / path
            write_new(built[path], document)
    return maps, built


def fuente_of(fuente: Fuente, lote_ids: Collection[str]) -> Fuente:
    """The same night with these lotes alone, their campos and what lies in them."""
    tables = fuente.tables
    lotes = tables.lotes[tables.lotes["lote_id"].isin(lote_ids)]
    campos = tables.campos[tables.campos["campo_id"].isin(lotes["campo_id"])]
    inside = {
        name: frame[frame["lote_id"].isin(lote_ids)].reset_index(drop=True)
        for name in ("siembras", "ambientes", "marcadores", "zonas")
        for frame in (getattr(tables, name),)
    }
    kept = {"campos": campos.reset_index(drop=True), "lotes": lotes.reset_index(drop=True)}
    return replace(fuente, tables=replace(tables, **kept, **inside))


def _with_whole_lotes(tables: Tables, trabajos: Sequence[Trabajo]) -> Tables:
    """Only ambientes of planned lotes; a planned lote without any is one."""
    planned = {one.lote_id for one in trabajos}
    ambientes = tables.ambientes[tables.ambientes["lote_id"].isin(planned)]
    lotes = tables.lotes[tables.lotes["lote_id"].isin(planned - set(ambientes["lote_id"]))]
    entire = lotes.assign(ambiente_id="lote/" + lotes["lote_id"], ambiente=_ENTERO)
    entire = entire.reindex(columns=ambientes.columns).astype(ambientes.dtypes)
    both = pd.concat([ambientes, entire], ignore_index=True) if len(entire) else ambientes
    return replace(tables, ambientes=gpd.GeoDataFrame(both, geometry="geometry", crs=CRS))


def _of_rows(plan: PlanMuestreo, trabajos: Sequence[Trabajo]) -> PlanMuestreo:
    """The plan of these lotes, in the order of its route; depth and day of a row where a point
    says none."""
    said: dict[str, list[Trabajo]] = {}
    for one in trabajos:
        said.setdefault(one.lote_id, []).append(one)
    puntos = plan.puntos[plan.puntos["lote_id"].isin(said)].reset_index(drop=True)
    depths = {
        lote_id: "; ".join(
            dict.fromkeys(one.fila.profundidad for one in rows if one.fila.profundidad)
        )
        for lote_id, rows in said.items()
    }
    days = {
        lote_id: min((one.fila.fecha for one in rows if one.fila.fecha), default=None)
        for lote_id, rows in said.items()
    }
    lote = puntos["lote_id"]
    texts = lote.map(depths).astype("string").replace("", pd.NA)
    puntos["profundidades_cm"] = puntos["profundidades_cm"].fillna(texts)
    puntos["fecha"] = puntos["fecha"].where(puntos["fecha"].notna(), lote.map(days).astype(object))
    puntos["orden"] = puntos["orden"].rank().astype("Int64")
    ambientes = plan.ambientes[plan.ambientes["lote_id"].isin(said)].reset_index(drop=True)
    return PlanMuestreo(puntos, ambientes)
