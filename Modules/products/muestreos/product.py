"""``muestreos/``: where samples are taken, for field crews and the laboratory.

``muestreos_25-26.gpkg`` (layers muestreos, puntos_propuestos, ambientes, with QGIS styles),
``.csv`` and ``.xlsx`` in visiting order, and the plan as Modus slim JSON, a file for each kind of
sample (soil always). Built from one accepted night; the same night gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd

from Modules.disk.safe_files import write_new
from Modules.formats.cells import cells
from Modules.formats.geofiles import write_gpkg
from Modules.formats.legends import ESTADOS, POTENCIALES, named
from Modules.formats.qgis import Category, Label, Style, add_styles, fill_style, marker_style
from Modules.formats.sheets import Sheet, csv_bytes, xlsx_bytes
from Modules.portal.collector import give_back, without_collector
from Modules.products.kmz.product import build_muestreos_kmz
from Modules.products.muestreos import CARPETA
from Modules.products.muestreos.modus import SUFFIX, Muestra, modus_documents
from Modules.products.muestreos.plan import (
    ANULADO,
    HECHO,
    LEIDAS,
    MARGEN_M,
    PROPUESTO,
    PUNTOS,
    PUNTOS_POR_AMBIENTE,
    PlanMuestreo,
    plan_muestreo,
    with_leidas,
    with_tareas,
)
from Modules.products.runner import Runner, serial
from Modules.products.source import Fuente
from Modules.store.clasificadas import Clasificada
from Modules.store.numeros import AMBIENTE, MARCADOR, Numeros
from Modules.store.tareas import Tarea
from Modules.words.spanish import corrida

CAPA_MUESTREOS: Final = "muestreos"
CAPA_PROPUESTOS: Final = "puntos_propuestos"
CAPA_AMBIENTES: Final = "ambientes"

DESCRIPTIONS: Final = {
    CAPA_AMBIENTES: "Ambientes por potencial",
    CAPA_MUESTREOS: "Muestreos",
    CAPA_PROPUESTOS: "Puntos propuestos",
}
CSV_HEADERS: Final = named(  # in the order of the file
    "orden numero muestra_id codigo punto origen campo lote ambiente potencial campania cultivos "
    "subtipo profundidades_cm analisis submuestras compuesta estado tarea estado_tarea fecha "
    "observacion lon lat distancia_borde_m punto_id ambiente_id lote_id campo_id",
    orden="Orden de visita",
    subtipo="Tipo de muestra",
    lon="Longitud",
    lat="Latitud",
)
_XLSX_FORMATS: Final = {"lon": "0.000000", "lat": "0.000000", "distancia_borde_m": "0.0"}
_ESTADOS: Final = ("planificado", HECHO, ANULADO)  # of marks that people set
_SHAPES: Final = {ANULADO: "cross", PROPUESTO: "diamond"}
_LOTE_AND_AMBIENTE: Final = '"lote" || \'\\n\' || "ambiente"'
_ONLY_PROPOSED: Final = ("metodo", "distancia_borde_m")
_ONLY_REAL: Final = ("forma", "orden_portal", "observacion", "fecha", "compuesta")
COLUMNS: Final = {  # of the layers of points
    CAPA_MUESTREOS: [name for name in PUNTOS.names if name not in _ONLY_PROPOSED],
    CAPA_PROPUESTOS: [name for name in PUNTOS.names if name not in _ONLY_REAL],
}


@without_collector()  # rows, lines and cells are a million objects without a cycle
def build_muestreos(
    fuente: Fuente,
    work: Path,
    *,
    puntos_por_ambiente: int = PUNTOS_POR_AMBIENTE,
    margen_m: float = MARGEN_M,
    tareas: Sequence[Tarea] = (),
    clasificadas: Mapping[str, Clasificada] | None = None,
    run: Runner = serial,
) -> dict[str, Path]:
    """Write the files of ``muestreos/`` below ``work``; names as published, to paths.

    ``run`` runs what is made in pieces: the maps by campo.

    Raises:
        SettingsError: as ``plan_muestreo``.
        PublishError: the disk refused.
    """
    plan = plan_muestreo(fuente, puntos_por_ambiente=puntos_por_ambiente, margen_m=margen_m)
    plan = with_leidas(with_tareas(plan, tareas), fuente.tables.marcadores, clasificadas or {})
    headers = {**CSV_HEADERS, **(LEIDAS if clasificadas else {})}
    stem = f"muestreos_{fuente.campania.slug}"
    built = {f"{stem}.{end}": work / f"{stem}.{end}" for end in ("gpkg", "csv", "xlsx")}
    write_gpkg(gpkg_layers(plan, fuente.numeros), built[f"{stem}.gpkg"], fuente.snapshot_id)
    add_styles(built[f"{stem}.gpkg"], styles(), DESCRIPTIONS)
    rows = pd.DataFrame(plan.puntos[list(headers)])
    write_new(built[f"{stem}.csv"], csv_bytes(rows, headers))
    sheet = Sheet("Muestreos", rows, headers, _XLSX_FORMATS, freeze_columns=2)
    day = _plan_date(fuente)
    write_new(built[f"{stem}.xlsx"], xlsx_bytes([sheet], datetime.combine(day, time())))
    give_back()
    samples, title = muestras(plan, fuente), f"Muestreos {fuente.campania}"
    documents = modus_documents(samples, nombre=title, fecha=day)
    for kind, document in documents.items():
        name = f"{stem}{SUFFIX[kind]}.modus.json"
        built[name] = work / name
        write_new(built[name], document)
    del rows, sheet, documents, document  # half a gigabyte of a large company
    give_back()
    mapas = build_muestreos_kmz(fuente, plan.puntos, plan.ambientes, work / "kmz", run=run)
    for aviso in mapas.avisos:
        corrida.warning(aviso)
    return {**built, **mapas.carpetas[CARPETA]}


def gpkg_layers(plan: PlanMuestreo, numeros: Numeros) -> dict[str, gpd.GeoDataFrame]:
    """The layers of the GeoPackage by name, in its order, with their columns and numbers there."""
    layers = {
        CAPA_MUESTREOS: (plan.reales.drop(columns=[*_ONLY_PROPOSED]), MARCADOR, "punto_id"),
        CAPA_PROPUESTOS: (plan.propuestos.drop(columns=[*_ONLY_REAL]), PROPUESTO, "punto_id"),
        CAPA_AMBIENTES: (plan.ambientes, AMBIENTE, "ambiente_id"),
    }
    return {
        name: layer.assign(fid=numeros.of(kind, layer[key]))
        for name, (layer, kind, key) in layers.items()
    }


def styles() -> dict[str, Style]:
    # as in the KMZ and on paper; a code is many points', and too long where they are close
    numero = Label('"numero"', "numero", visible_below=25_000, priority=8)
    potenciales = [Category(key, *POTENCIALES[key]) for key in ("alto", "medio", "bajo")]
    return {
        CAPA_MUESTREOS: marker_style("estado", _estados(*_ESTADOS), label=numero),
        CAPA_PROPUESTOS: marker_style("estado", _estados(PROPUESTO), label=numero),
        CAPA_AMBIENTES: fill_style(
            "potencial",
            potenciales,
            label=Label(_LOTE_AND_AMBIENTE, "ambiente", visible_below=40_000, always=False),
            opacity=0.4,
        ),
    }


def _estados(*names: str) -> list[Category]:
    return [Category(name, *ESTADOS[name], _SHAPES.get(name, "circle")) for name in names]


def muestras(plan: PlanMuestreo, fuente: Fuente) -> Iterator[Muestra]:
    """What is to be sampled or was; annulled marks are no part of a plan."""
    campos = fuente.tables.campos
    empresas = dict(zip(campos["campo_id"], cells(campos["empresa"]), strict=True))
    kept = plan.puntos[(plan.puntos["estado"] != ANULADO).fillna(value=True)]
    kept = kept.assign(empresa=kept["campo_id"].map(empresas))
    columns = (cells(kept[one.name]).tolist() for one in fields(Muestra))
    return (Muestra(*row) for row in zip(*columns, strict=True))


def _plan_date(fuente: Fuente) -> date:
    """The day the newest mark or ambiente was changed, local; the night's own if none says so.

    So a night in which neither changed leaves the plan as it is.
    """
    tables = fuente.tables
    times = pd.concat([tables.marcadores["updated_at"], tables.ambientes["updated_at"]]).dropna()
    newest = times.max().to_pydatetime() if len(times) else fuente.hora_local
    day: date = newest.astimezone(fuente.zone).date()
    return day
