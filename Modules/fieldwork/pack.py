"""The maps of a month's plan, for each campo: a KMZ for the phone and the Modus documents.

Points, codes and names of samples are those of ``muestreos``; here are those of the planned lotes
alone, in the order of a walk through them. A lote without ambientes is sampled as a whole. They are
published below ``plan_muestreo/25-26/2026-11/<campo>/``: a run renews the campos that it has rows
of, and leaves those of other rows and months as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd

from Modules.disk.destinations import check_destination
from Modules.disk.publish import Published, publish_files
from Modules.disk.run_lock import run_lock
from Modules.disk.safe_files import write_new
from Modules.fieldwork.fechas import Mes
from Modules.fieldwork.join import Trabajo
from Modules.geo.routes import visiting_order
from Modules.jobs.products import Encargo
from Modules.night.tables import Tables
from Modules.products.kmz.product import build_muestreos_kmz
from Modules.products.muestreos import CARPETA
from Modules.products.muestreos.modus import SUFFIX, modus_documents
from Modules.products.muestreos.plan import PlanMuestreo, plan_muestreo
from Modules.products.muestreos.product import muestras
from Modules.products.source import Fuente, fuente_of
from Modules.store.numeros import MUESTRA, Numeros, read_numeros, write_numeros
from Modules.words.columns import CRS
from Modules.words.folders import PLAN_MUESTREO
from Modules.words.names import unique_names


def publish_pack(
    encargo: Encargo, trabajos: Sequence[Trabajo], mes: Mes
) -> tuple[Published, dict[str, str]]:
    """Publish the maps of the campos of these rows; that of each by its id, below the outputs.

    Raises:
        RunLocked: a night is on, which publishes too.
        SettingsError: as ``plan_muestreo``.
        PublishError: the disk refused, or the folder is not what it should be.
    """
    folder, settings = encargo.outputs / PLAN_MUESTREO, encargo.settings
    points = (settings.lindero_muestreo_puntos, settings.lindero_muestreo_margen_m)
    kept = encargo.store.root / f"numeros_plan_{encargo.fuente.campania.slug}_{mes}.json"
    with run_lock(settings.lindero_state_dir, encargo.modo), encargo.store.scratch() as work:
        check_destination(folder, must_be_link=encargo.link(PLAN_MUESTREO))
        fuente = replace(encargo.fuente, numeros=read_numeros(kept))
        kmz, built = build_pack(fuente, trabajos, mes, work, *points)
        write_numeros(kept, fuente.numeros)
        ours = {name.rpartition("/")[0] for name in built}
        done = publish_files(
            built,
            folder,
            snapshot_id=str(encargo.fuente.snapshot_id),
            now=encargo.now,
            scope=lambda name: name.rpartition("/")[0] in ours,
        )
    return done, {campo_id: f"{PLAN_MUESTREO}/{name}" for campo_id, name in kmz.items()}


def build_pack(
    fuente: Fuente, trabajos: Sequence[Trabajo], mes: Mes, work: Path, puntos: int, margen_m: float
) -> tuple[dict[str, str], dict[str, Path]]:
    """Write the files below ``work``: the map of each campo by id, and every file by its name.

    ``puntos`` are proposed for an ambiente without marks, ``margen_m`` metres from its edge.
    """
    tables = _with_whole_lotes(fuente.tables, trabajos)
    # a plan's samples count for themselves: those of the whole campo are not kept
    whole = replace(fuente, tables=tables, numeros=Numeros())
    plan = plan_muestreo(whole, puntos_por_ambiente=puntos, margen_m=margen_m)
    campos = dict(zip(fuente.tables.campos["campo_id"], fuente.tables.campos["campo"], strict=True))
    names = unique_names(campos, 30)  # in a path twice
    maps: dict[str, str] = {}
    built: dict[str, Path] = {}
    for campo_id in sorted({one.campo_id for one in trabajos}):
        own = [one for one in trabajos if one.campo_id == campo_id]
        name = names[campo_id]
        stem = f"{fuente.campania.slug}/{mes}/{name}/{PLAN_MUESTREO}_{mes} - {name}"
        title = f"Plan de muestreo · {campos[campo_id]} · {mes.texto}"
        part = fuente_of(whole, {one.lote_id for one in own})
        mine = _of_rows(plan, own, fuente.numeros)
        hecho = build_muestreos_kmz(part, mine.puntos, mine.ambientes, work, stem=stem, title=title)
        built |= hecho.carpetas[CARPETA]
        maps[campo_id] = min(hecho.carpetas[CARPETA])
        documents = modus_documents(muestras(mine, part), nombre=title, fecha=mes.desde)
        for kind, document in documents.items():
            path = f"{stem}{SUFFIX[kind]}.modus.json"
            built[path] = work / path
            write_new(built[path], document)
    return maps, built


def _with_whole_lotes(tables: Tables, trabajos: Sequence[Trabajo]) -> Tables:
    """Only ambientes of planned lotes; a planned lote without any is one."""
    planned = {one.lote_id for one in trabajos}
    ambientes = tables.ambientes[tables.ambientes["lote_id"].isin(planned)]
    lotes = tables.lotes[tables.lotes["lote_id"].isin(planned - set(ambientes["lote_id"]))]
    entire = lotes.assign(ambiente_id="lote/" + lotes["lote_id"], ambiente="Lote entero")
    entire = entire.reindex(columns=ambientes.columns).astype(ambientes.dtypes)
    both = pd.concat([ambientes, entire], ignore_index=True) if len(entire) else ambientes
    return replace(tables, ambientes=gpd.GeoDataFrame(both, geometry="geometry", crs=CRS))


def _of_rows(plan: PlanMuestreo, trabajos: Sequence[Trabajo], numeros: Numeros) -> PlanMuestreo:
    """The plan of these lotes of one campo, walked and numbered for themselves; depth and day of a
    row where a point says none."""
    said = [(one.lote_id, one.fila.profundidad or None, one.fila.fecha) for one in trabajos]
    rows = pd.DataFrame(said, columns=["lote_id", "profundidades_cm", "fecha"]).groupby("lote_id")
    depths = rows["profundidades_cm"].agg(lambda some: "; ".join(some.dropna().unique()) or None)
    days = rows["fecha"].agg(lambda some: min(some.dropna(), default=None))
    puntos, ambientes = (
        frame[frame["lote_id"].isin(depths.index)].reset_index(drop=True)
        for frame in (plan.puntos, plan.ambientes)
    )
    for name, known in (("profundidades_cm", depths), ("fecha", days)):
        own = puntos[name]
        puntos[name] = own.where(own.notna(), puntos["lote_id"].map(known)).astype(own.dtype)
    visited = puntos[puntos["orden"].notna()].sort_values("punto_id")
    ranks = [None if pd.isna(rank) else int(rank) for rank in visited["orden_portal"]]
    spots, lotes = visited[["lon", "lat"]].to_numpy(), visited["lote_id"].astype(str).tolist()
    puntos.loc[visited.index, "orden"] = visiting_order(spots, lotes, ranks)
    puntos = puntos.sort_values(["orden", "punto_id"], ignore_index=True)
    puntos["numero"] = numeros.of(f"{MUESTRA}{trabajos[0].campo_id}", puntos["punto_id"])
    return PlanMuestreo(puntos, ambientes)
