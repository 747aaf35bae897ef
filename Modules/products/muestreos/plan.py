"""The sampling plan of one night: the marks people set, and points proposed where there are none.

Real and proposed points share a table so that a crew walks one way round, and are told apart by
``origen`` ("real", "propuesto"), by ``estado`` and by their id; files keep them in layers of their
own. Geometry is a point, EPSG:4326, lon-lat; metres are true on the ground (``geo.sampling``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from Modules.formats.cells import cells
from Modules.geo.routes import visiting_order
from Modules.geo.sampling import propose_points
from Modules.night.checks_ground import far_marks, inside_lotes
from Modules.night.tables import Tables
from Modules.products.source import Fuente
from Modules.store.clasificadas import Clasificada
from Modules.store.numeros import MUESTRA, Numeros
from Modules.store.tareas import Tarea
from Modules.words.columns import CRS, Column, Table, hectares, text
from Modules.words.names import names_with_ids, unique_names

PUNTOS_POR_AMBIENTE: Final = 3
MARGEN_M: Final = 20.0  # headlands and roads: about one pass of a sprayer

TIPO: Final = "muestreo"
REAL: Final = "real"
PROPUESTO: Final = "propuesto"
HECHO: Final = "hecho"
ANULADO: Final = "anulado"

_MAX_CODE: Final = 60
_FORMA: Final = {
    "Point": "punto",
    "MultiPoint": "puntos",
    "LineString": "línea",
    "MultiLineString": "líneas",
    "Polygon": "polígono",
    "MultiPolygon": "polígonos",
}

PUNTOS = Table(
    "puntos",
    (
        text("punto_id", "Identificador: el del marcador, o propuesto/ambiente/n", nullable=False),
        text("origen", "real (marcador del portal) o propuesto (calculado)", nullable=False),
        Column("orden", "Int64", "Orden de visita en el campo, desde 1; vacío si no se visita"),
        Column("numero", "Int64", "Número de la muestra en el campo: no cambia", nullable=False),
        text("muestra_id", "Identificador de la muestra: no hay dos iguales", nullable=False),
        text("codigo", "Código de la muestra; el de un punto propuesto es único"),
        text("punto", "Nombre del marcador o del punto propuesto", nullable=False),
        text("campo", "Nombre del campo", nullable=False),
        text("lote", "Nombre del lote", nullable=False),
        text("ambiente", "Ambiente en el que está"),
        text("potencial", "Potencial del ambiente: alto, medio o bajo"),
        text("campania", "Campaña", nullable=False),
        text("cultivos", "Cultivos del lote en la campaña"),
        text("subtipo", "Qué se muestrea: suelo, agua …"),
        text("profundidades_cm", "Profundidades en cm, como 0-20; 20-40"),
        text("analisis", "Análisis pedidos, separados por '; '"),
        Column("submuestras", "Int64", "Cantidad de submuestras"),
        Column("compuesta", "boolean", "Si la muestra es compuesta"),
        text("estado", "planificado, hecho o anulado; propuesto si es calculado"),
        text("tarea", "Tarea de Jira: la de su marcador, o las de su lote, separadas por '; '"),
        text("estado_tarea", "En qué está cada tarea, en el mismo orden"),
        Column("fecha", "date", "Fecha del marcador"),
        text("observacion", "Observación del marcador"),
        Column("lon", "float64", "Longitud, WGS 84", nullable=False, unit="°"),
        Column("lat", "float64", "Latitud, WGS 84", nullable=False, unit="°"),
        text("forma", "Cómo está dibujado el marcador; el punto es interior", nullable=False),
        Column("distancia_borde_m", "float64", "Distancia al borde del ambiente", unit="m"),
        text("metodo", "Cómo se calculó un punto propuesto"),
        Column("orden_portal", "Int64", "Orden que tiene el marcador en el portal"),
        text("ambiente_id", "Identificador del ambiente"),
        text("lote_id", "Identificador del lote", nullable=False),
        text("campo_id", "Identificador del campo", nullable=False),
        Column("geometry", "geometry", "Punto, EPSG:4326 (lon, lat)", nullable=False),
    ),
    ("Point",),
)

AMBIENTES_PLAN = Table(
    "ambientes",
    (
        text("ambiente_id", "Identificador del ambiente", nullable=False),
        *PUNTOS.pick("campo", "lote"),
        text("ambiente", "Nombre del ambiente", nullable=False),
        text("potencial", "alto, medio o bajo"),
        hectares("superficie_ha", "Superficie calculada", nullable=False),
        Column("n_muestreos", "Int64", "Marcadores de muestreo, sin los anulados", nullable=False),
        Column("n_propuestos", "Int64", "Puntos propuestos", nullable=False),
        Column("orden", "Int64", "Orden en el lote"),
        *PUNTOS.pick("campania", "lote_id", "campo_id"),
        Column("geometry", "geometry", "Geometría, EPSG:4326 (lon, lat)", nullable=False),
    ),
    ("Polygon", "MultiPolygon"),
)


# headers of columns that are there once words of marks were read (store.clasificadas)
LEIDAS: Final = {name: name.capitalize() for name in ("hallazgo", "severidad", "urgencia")}
MOST_READ: Final = 20  # of a lote


@dataclass(frozen=True, slots=True)
class PlanMuestreo:
    """``puntos`` has the columns of ``PUNTOS``, ``ambientes`` those of ``AMBIENTES_PLAN``."""

    puntos: gpd.GeoDataFrame
    ambientes: gpd.GeoDataFrame

    @property
    def reales(self) -> gpd.GeoDataFrame:
        """The marks of the portal."""
        return self.puntos[self.puntos["origen"] == REAL].reset_index(drop=True)

    @property
    def propuestos(self) -> gpd.GeoDataFrame:
        """The points nobody has agreed to yet."""
        return self.puntos[self.puntos["origen"] == PROPUESTO].reset_index(drop=True)


def plan_muestreo(
    fuente: Fuente, *, puntos_por_ambiente: int = PUNTOS_POR_AMBIENTE, margen_m: float = MARGEN_M
) -> PlanMuestreo:
    """The marks of type muestreo, and proposed points for ambientes that have none.

    An ambiente has marks if one that is not annulled names it or lies in it. A mark far outside its
    lote (``far_marks``) is none of an ambiente and on no route, and nothing is proposed outside the
    lote of an ambiente. Samples that are done are on no route either: a crew goes to what is open.
    Rows come campo by campo (by name), in visiting order, those that are not visited last. The
    order of the tables' rows does not matter. ``margen_m`` is the least distance
    of a proposed point from the ambiente's edge, metres.

    Raises:
        SettingsError: less than one point for an ambiente, or no such margin.
    """
    tables, asked = fuente.tables, (puntos_por_ambiente, margen_m)
    if isinstance(made := fuente.planes.get(asked), PlanMuestreo):
        return made  # two products of a night show the same plan
    ambientes = tables.ambientes.sort_values("ambiente_id", ignore_index=True)
    reales, counts, far = _real_points(tables, ambientes)
    without = ambientes[counts == 0]
    without = without.set_geometry(inside_lotes(tables, without))
    without = without[~without.geometry.is_empty]
    propuestos = _proposed_points(tables, without, puntos_por_ambiente, margen_m)
    both = pd.concat([reales, propuestos], ignore_index=True) if len(propuestos) else reales
    n_propuestos = propuestos["ambiente_id"].value_counts()
    named = with_names(ambientes.assign(n_muestreos=counts), tables)
    named["n_propuestos"] = named["ambiente_id"].map(n_propuestos).fillna(0)
    made = PlanMuestreo(
        _in_order(_frame(with_names(both, tables), PUNTOS), far, fuente.numeros),
        _frame(named, AMBIENTES_PLAN).sort_values(
            ["campo", "campo_id", "lote", "lote_id", "orden", "ambiente_id"], ignore_index=True
        ),
    )
    fuente.planes[asked] = made
    return made


def with_tareas(plan: PlanMuestreo, tareas: Sequence[Tarea]) -> PlanMuestreo:
    """The plan with the issues of each point, in the order of ``tareas``.

    A mark that has an issue of its own shows that one; every other point those of its lote: of the
    plan, and of marks that are no points here, as a weed.
    """
    points, known = plan.puntos, set(plan.puntos["punto_id"])
    of: dict[tuple[str, str], list[Tarea]] = {}
    for one in tareas:
        own = one.marcador_id in known
        key = ("marcador", one.marcador_id) if own else ("lote", one.lote_id)
        of.setdefault(key, []).append(one)
    ids = zip(points["punto_id"], points["lote_id"], strict=True)
    shown = [of.get(("marcador", punto)) or of.get(("lote", lote), []) for punto, lote in ids]
    return _beside(plan, shown, tarea="tarea", estado_tarea="estado")


def with_leidas(
    plan: PlanMuestreo, marks: gpd.GeoDataFrame, leidas: Mapping[str, Clasificada]
) -> PlanMuestreo:
    """The plan with what marks in the lote of each point were read as, the gravest first."""
    if not leidas:
        return plan
    of: dict[str, set[Clasificada]] = {}
    for key, lote in zip(marks["marcador_id"], marks["lote_id"], strict=True):
        if key in leidas:
            of.setdefault(lote, set()).add(leidas[key])
    told = {lote: sorted(found, key=attrgetter("orden"))[:MOST_READ] for lote, found in of.items()}
    shown = [told.get(lote, []) for lote in plan.puntos["lote_id"]]
    return _beside(plan, shown, **{name: name for name in LEIDAS})


def _beside(plan: PlanMuestreo, shown: Sequence[Sequence[Any]], **names: str) -> PlanMuestreo:
    """The plan with columns of what is shown of each point: by name, what of it they say."""
    told = ((name, [map(attrgetter(one), each) for each in shown]) for name, one in names.items())
    columns = {
        name: pd.array(["; ".join(each) or None for each in texts], dtype="string")
        for name, texts in told
    }
    return replace(plan, puntos=plan.puntos.assign(**columns))


def _real_points(
    tables: Tables, ambientes: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, NDArray[np.int64], Set[str]]:
    """The marks as points with their ambiente, how many valid ones each has, and the far ones."""
    marks = tables.marcadores.sort_values("marcador_id", ignore_index=True)
    marks = marks[marks["tipo"].str.strip().str.casefold() == TIPO].reset_index(drop=True)
    shapes = marks.geometry.to_numpy()
    spots = shapely.point_on_surface(shapes)
    far = far_marks(tables, marks)
    where, counts = _ambiente_of(marks, spots, ambientes, far)
    known = [*cells(ambientes["ambiente_id"]), None]  # -1 is the last
    table = marks.rename(
        columns={
            "marcador_id": "punto_id",
            "marcador": "punto",
            "orden": "orden_portal",
            "muestra_codigo": "codigo",
            "muestra_profundidades_cm": "profundidades_cm",
            "muestra_analisis": "analisis",
            "muestra_submuestras": "submuestras",
            "muestra_compuesta": "compuesta",
        }
    )
    table = table.assign(
        origen=REAL,
        ambiente_id=pd.array([known[row] for row in where], dtype="string"),
        forma=[_FORMA.get(shape.geom_type, shape.geom_type) for shape in shapes],
    )
    return table.set_geometry(spots, crs=CRS), counts, set(marks["marcador_id"][far])


def _ambiente_of(
    marks: gpd.GeoDataFrame,
    spots: NDArray[np.object_],
    ambientes: gpd.GeoDataFrame,
    far: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row of the ambiente of each mark (-1: none), and how many valid marks each ambiente has.

    The ambiente a mark names is its own; else one it lies in, of its lote if there is such a one,
    then by id. One that lies where another is named counts for both.
    """
    row_of = {key: row for row, key in enumerate(cells(ambientes["ambiente_id"]))}
    named = np.array([row_of.get(key, -1) for key in cells(marks["ambiente_id"])], dtype=np.int64)
    mark, row = shapely.STRtree(ambientes.geometry.to_numpy()).query(spots, predicate="intersects")
    lotes = ambientes["lote_id"].to_numpy(dtype=object)
    elsewhere = marks["lote_id"].to_numpy(dtype=object)[mark] != lotes[row]
    first = np.lexsort((row, elsewhere, mark))[::-1]  # the best comes last, and stays
    lies = np.full(len(marks), -1, dtype=np.int64)
    lies[mark[first]] = row[first]
    valid = (marks["estado"] != ANULADO).fillna(value=True).to_numpy(dtype=bool) & ~far
    pairs = {(i, r) for i, r in zip(mark.tolist(), row.tolist(), strict=True)}
    pairs |= {(i, r) for i, r in enumerate(named.tolist()) if r >= 0}
    rows = [r for i, r in pairs if valid[i]]
    counts = np.bincount(np.array(rows, dtype=np.int64), minlength=len(ambientes))
    return np.where(named >= 0, named, lies), counts.astype(np.int64)


def _proposed_points(
    tables: Tables, ambientes: gpd.GeoDataFrame, cantidad: int, margen_m: float
) -> gpd.GeoDataFrame:
    codes, rows = _codes(tables), list[dict[str, Any]]()
    for ambiente in ambientes.itertuples(index=False):
        found = propose_points(ambiente.geometry, cantidad=cantidad, margen_m=margen_m)
        for n, spot in enumerate(found, start=1):
            code = f"{codes[ambiente.ambiente_id]}-P{n}"
            row = {
                "punto_id": f"{PROPUESTO}/{ambiente.ambiente_id}/{n}",
                "origen": PROPUESTO,
                "estado": PROPUESTO,
                "codigo": code,
                "punto": code,
                "forma": "punto",
                "campania": ambiente.campania,
                "lon": spot.lon,
                "lat": spot.lat,
                "distancia_borde_m": spot.distancia_borde_m,
                "metodo": spot.metodo,
                "ambiente_id": ambiente.ambiente_id,
                "lote_id": ambiente.lote_id,
                "campo_id": ambiente.campo_id,
            }
            rows.append(row)
    spots = shapely.points([(row["lon"], row["lat"]) for row in rows] or np.empty((0, 2)))
    columns = rows[0].keys() if rows else ["ambiente_id"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=list(columns)), geometry=spots, crs=CRS)


def _codes(tables: Tables) -> dict[str, str]:
    """campo-lote-ambiente for every ambiente, fit for a label, with the id where two are alike.

    Of all ambientes, so that a code stays when a neighbour gets its first mark.
    """
    campos = tables.campos
    short = dict(zip(campos["campo_id"], campos["codigo"].fillna(campos["campo"]), strict=True))
    lote = dict(zip(tables.lotes["lote_id"], tables.lotes["lote"], strict=True))
    names = ("ambiente_id", "campo_id", "lote_id", "ambiente")
    texts = {
        key: f"{short[campo_id]}-{lote[lote_id]}-{ambiente}"
        for key, campo_id, lote_id, ambiente in zip(
            *(cells(tables.ambientes[name]) for name in names), strict=True
        )
    }
    return unique_names(texts, _MAX_CODE)


def with_names(frame: gpd.GeoDataFrame, tables: Tables) -> gpd.GeoDataFrame:
    """Names of campo, lote and ambiente, looked up by id, in place of what the frame has."""
    lotes = tables.lotes.set_index("lote_id")
    ambientes = tables.ambientes.set_index("ambiente_id")
    return frame.assign(
        campo=frame["lote_id"].map(lotes["campo"]),
        lote=frame["lote_id"].map(lotes["lote"]),
        cultivos=frame["lote_id"].map(lotes["cultivos"]),
        ambiente=frame["ambiente_id"].map(ambientes["ambiente"]),
        potencial=frame["ambiente_id"].map(ambientes["potencial"]),
    )


def _sample_ids(points: gpd.GeoDataFrame) -> pd.Series:
    """What tells a sample from all others: its code, else its mark's name, else that and the id.

    Of all points, annulled ones too, so that what is written on a bag stays (docs/decisions/0010).
    """
    codes = points["codigo"].fillna(points["punto"])
    texts = codes.where(~codes.duplicated(keep=False), points["punto"])
    ids = names_with_ids(dict(zip(cells(points["punto_id"]), cells(texts), strict=True)))
    return points["punto_id"].map(ids).astype("string")


def _in_order(points: gpd.GeoDataFrame, far: Set[str], numeros: Numeros) -> gpd.GeoDataFrame:
    """With coordinates, a visiting order and numbers; sorted by campo, order, id."""
    points = points.sort_values("punto_id", ignore_index=True)
    lonlat = shapely.get_coordinates(points.geometry.to_numpy())
    points["lon"], points["lat"] = np.round(lonlat, 7).T
    orders = pd.Series(pd.NA, index=points.index, dtype="Int64")
    visit = ~points["estado"].isin((HECHO, ANULADO)) & ~points["punto_id"].isin(far)
    to_visit = pd.DataFrame(points.loc[visit, ["campo_id", "lote_id", "orden_portal"]])
    for _, one in to_visit.groupby("campo_id", sort=True):
        ranks = [None if pd.isna(rank) else int(rank) for rank in one["orden_portal"]]
        lotes = one["lote_id"].astype(str).tolist()
        orders[one.index] = visiting_order(lonlat[one.index], lotes, ranks)
    points["orden"] = orders
    points["muestra_id"] = _sample_ids(points)
    points = points.sort_values(
        ["campo", "campo_id", "orden", "punto_id"], na_position="last", ignore_index=True
    )
    by_campo = points.groupby("campo_id", sort=False)["punto_id"]  # they lie together
    given = [numeros.of(f"{MUESTRA}{campo_id}", ids) for campo_id, ids in by_campo]
    return points.assign(numero=np.concatenate(given) if given else 0)


def _frame(frame: gpd.GeoDataFrame, table: Table) -> gpd.GeoDataFrame:
    """The columns of a table, in its order and types; missing ones are empty."""
    *columns, _ = table.columns
    typed = {}
    for column in columns:
        dtype = "object" if column.dtype == "date" else column.dtype
        missing = np.nan if dtype == "float64" else None
        known = frame[column.name] if column.name in frame.columns else [missing] * len(frame)
        typed[column.name] = pd.Series(known, index=frame.index, dtype=dtype)
    return gpd.GeoDataFrame(pd.DataFrame(typed), geometry=frame.geometry.to_numpy(), crs=CRS)
