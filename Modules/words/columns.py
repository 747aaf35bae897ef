"""The tables' contract: the only place where column names are spelled.

Geometry is EPSG:4326, lon-lat, 2D, valid, rings closed, shells counter-clockwise. Ids are text.
``superficie_ha`` is computed on the WGS 84 ellipsoid; ``superficie_declarada_ha`` is what the
portal declares. Dtypes are pandas' names; "date" is ``datetime.date`` in an object column written
as Arrow date32; "timestamp" is ``datetime64[us, UTC]``. Descriptions are what users read: Spanish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CRS: Final = "EPSG:4326"  # of every geometry of ours: lon, lat
PERSONAL: Final = ("cuit", "renspa")  # named where they change, never shown
CALLADAS: Final = (*PERSONAL, "empresa", "observacion")  # nor these in what many people read


@dataclass(frozen=True, slots=True)
class Column:
    """One column: pandas dtype, unit, and its line in the users' documentation."""

    name: str
    dtype: str  # string, Int64, float64, boolean, date, timestamp, geometry
    description: str
    nullable: bool = True
    unit: str | None = None
    values: tuple[str, ...] = ()  # the closed list, where there is one; others stay as written


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a snapshot: its columns, key first, and which geometry types it may hold."""

    name: str
    columns: tuple[Column, ...]
    geometry_types: tuple[str, ...] = ()  # empty: no geometry column

    @property
    def key(self) -> str:
        return self.columns[0].name

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def pick(self, *names: str) -> tuple[Column, ...]:
        """Some of the columns, in the order asked for."""
        known = {column.name: column for column in self.columns}
        return tuple(known[name] for name in names)

    @property
    def spatial(self) -> bool:
        return bool(self.geometry_types)


def text(
    name: str, description: str, *, nullable: bool = True, values: tuple[str, ...] = ()
) -> Column:
    return Column(name, "string", description, nullable, values=values)


def hectares(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, "float64", description, nullable, unit="ha")


_CAMPANIA = text("campania", "Campaña, por ejemplo 25/26", nullable=False)
_UPDATED = Column("updated_at", "timestamp", "Última modificación en el portal (UTC)")
_COMPUTED_HA = hectares(
    "superficie_ha", "Superficie calculada sobre el elipsoide WGS 84", nullable=False
)
_DECLARED_HA = hectares("superficie_declarada_ha", "Superficie que declara el portal")
_GEOMETRY = Column("geometry", "geometry", "Geometría, EPSG:4326 (lon, lat)", nullable=False)

_POLYGONS = ("Polygon", "MultiPolygon")
_ANY = ("Point", "MultiPoint", "LineString", "MultiLineString", *_POLYGONS)

CAMPOS = Table("campos", (
    text("campo_id", "Identificador del campo", nullable=False),
    text("campo", "Nombre del campo", nullable=False),
    text("codigo", "Código corto"),
    text("zona_id", "Zona a la que pertenece"),
    text("empresa", "Empresa que lo explota"),
    text("cuit", "CUIT de la empresa (dato personal)"),
    text("renspa", "RENSPA (dato personal)"),
    text("provincia", "Provincia"),
    text("partido", "Partido o departamento"),
    text("tenencia", "propio, arrendado o aparceria", values=("propio", "arrendado", "aparceria")),
    _DECLARED_HA,
    Column("activo", "boolean", "Si el campo está activo"),
    _UPDATED,
))  # fmt: skip

LOTES = Table("lotes", (
    text("lote_id", "Identificador del lote", nullable=False),
    text("lote", "Nombre del lote", nullable=False),
    text("campo_id", "Campo al que pertenece", nullable=False),
    text("campo", "Nombre del campo", nullable=False),
    _CAMPANIA,
    _COMPUTED_HA,
    _DECLARED_HA,
    text("cultivos", "Cultivos de la campaña, en orden de siembra, separados por ' + '"),
    Column("n_siembras", "Int64", "Cantidad de siembras en la campaña", nullable=False),
    _UPDATED, _GEOMETRY,
), _POLYGONS)  # fmt: skip

SIEMBRAS = Table("siembras", (
    text("siembra_id", "Identificador de la siembra", nullable=False),
    text("lote_id", "Lote sembrado", nullable=False),
    text("campo_id", "Campo del lote", nullable=False),
    _CAMPANIA,
    Column("orden", "Int64", "Orden en la campaña: 1, 2 …", nullable=False),
    text("cultivo_codigo", "Código del cultivo; OTR si no se reconoce", nullable=False),
    text("cultivo", "Nombre del cultivo", nullable=False),
    text("material", "Variedad o híbrido"),
    hectares("superficie_declarada_ha", "Superficie sembrada que declara el portal"),
    Column("fecha_siembra", "date", "Fecha de siembra"),
    Column("fecha_cosecha", "date", "Fecha de cosecha"),
    text("estado", "planificado, sembrado, cosechado o perdido",
         values=("planificado", "sembrado", "cosechado", "perdido")),
))  # fmt: skip

AMBIENTES = Table("ambientes", (
    text("ambiente_id", "Identificador del ambiente", nullable=False),
    text("lote_id", "Lote al que pertenece", nullable=False),
    text("campo_id", "Campo del lote", nullable=False),
    _CAMPANIA,
    text("ambiente", "Nombre del ambiente (loma, bajo …)", nullable=False),
    text("potencial", "alto, medio o bajo", values=("alto", "medio", "bajo")),
    Column("orden", "Int64", "Orden en el lote"),
    text("color", "Color #RRGGBB que propone el portal"),
    _COMPUTED_HA,
    _DECLARED_HA,
    text("fuente", "De dónde salió la ambientación"),
    Column("version", "Int64", "Versión de la ambientación"),
    _UPDATED, _GEOMETRY,
), _POLYGONS)  # fmt: skip

MARCADORES = Table("marcadores", (
    text("marcador_id", "Identificador del marcador", nullable=False),
    text("lote_id", "Lote en el que está", nullable=False),
    text("ambiente_id", "Ambiente en el que está"),
    text("campo_id", "Campo del lote", nullable=False),
    _CAMPANIA,
    text("tipo", "muestreo, recorrida, maleza, plaga, enfermedad …", nullable=False,
         values=("muestreo", "recorrida", "maleza", "plaga", "enfermedad",
                 "infraestructura", "otro")),
    text("subtipo", "Detalle del tipo"),
    text("marcador", "Nombre del marcador", nullable=False),
    text("estado", "planificado, hecho o anulado", values=("planificado", "hecho", "anulado")),
    Column("fecha", "date", "Fecha"),
    Column("orden", "Int64", "Orden de visita"),
    text("observacion", "Observación"),
    text("muestra_codigo", "Código de la muestra"),
    Column("muestra_compuesta", "boolean", "Si la muestra es compuesta"),
    Column("muestra_submuestras", "Int64", "Cantidad de submuestras"),
    text("muestra_profundidades_cm", "Profundidades en cm, como 0-20; 20-40"),
    text("muestra_analisis", "Análisis pedidos, separados por '; '"),
    _UPDATED, _GEOMETRY,
), _ANY)  # fmt: skip

ZONAS = Table("zonas", (
    text("zona_id", "Identificador de la zona", nullable=False),
    text("zona", "Nombre de la zona", nullable=False),
    text("tipo", "region (agrupa campos), exclusion u otro (en un lote)", nullable=False,
         values=("region", "exclusion", "otro")),
    text("lote_id", "Lote en el que está dibujada"),
    _UPDATED,
    Column("geometry", "geometry", "Geometría, EPSG:4326 (lon, lat); puede faltar"),
), _ANY)  # fmt: skip

CULTIVOS = Table("cultivos", (
    text("cultivo_codigo", "Código del cultivo", nullable=False),
    text("cultivo", "Nombre del cultivo", nullable=False),
    text("especie", "Especie"),
    Column("orden", "Int64", "Orden en la campaña"),
    text("color", "Color #RRGGBB", nullable=False),
))  # fmt: skip

RECHAZADOS = Table("rechazados", (
    text("recurso", "Lista del portal de la que vino", nullable=False),
    text("id", "Identificador en el portal, si lo tiene"),
    text("nombre", "Nombre en el portal, si lo tiene"),
    text("motivo", "Por qué no se puede usar (lista cerrada)", nullable=False),
    text("detalle", "Qué se encontró", nullable=False),
    Column("pagina", "Int64", "Página cruda en la que está", nullable=False),
    Column("indice", "Int64", "Posición en la página, desde 0", nullable=False),
))  # fmt: skip

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (CAMPOS, LOTES, SIEMBRAS, AMBIENTES, MARCADORES, ZONAS, CULTIVOS, RECHAZADOS)
}
