"""The tables' contract: the only place where column names are spelled.

Geometry is EPSG:4326, lon-lat, 2D, valid, rings closed, shells counter-clockwise. Ids are text.
``superficie_ha`` is computed on the WGS 84 ellipsoid; ``superficie_declarada_ha`` is what the
portal declares. Dtypes are pandas' names; "date" is ``datetime.date`` in an object column written
as Arrow date32; "timestamp" is ``datetime64[us, UTC]``. Descriptions are what users read: Spanish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column: pandas dtype, unit, and its line in the users' documentation."""

    name: str
    dtype: str  # string, Int64, float64, boolean, date, timestamp, geometry
    description: str
    nullable: bool = True
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a snapshot: its columns, key first, and which geometry types it may hold."""

    name: str
    columns: tuple[Column, ...]
    geometry_types: tuple[str, ...] = ()  # empty: no geometry column

    @property
    def key(self) -> str:
        """Name of the key column."""
        return self.columns[0].name

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def spatial(self) -> bool:
        """Whether the table has a geometry column."""
        return bool(self.geometry_types)


def _text(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, "string", description, nullable)


def _ha(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, "float64", description, nullable, unit="ha")


_CAMPANIA = _text("campania", "Campaña, por ejemplo 25/26", nullable=False)
_UPDATED = Column("updated_at", "timestamp", "Última modificación en el portal (UTC)")
_COMPUTED_HA = _ha(
    "superficie_ha", "Superficie calculada sobre el elipsoide WGS 84", nullable=False
)
_DECLARED_HA = _ha("superficie_declarada_ha", "Superficie que declara el portal")
_GEOMETRY = Column("geometry", "geometry", "Geometría, EPSG:4326 (lon, lat)", nullable=False)

_POLYGONS = ("Polygon", "MultiPolygon")
_ANY = ("Point", "MultiPoint", "LineString", "MultiLineString", *_POLYGONS)

CAMPOS = Table(
    "campos",
    (
        _text("campo_id", "Identificador del campo", nullable=False),
        _text("campo", "Nombre del campo", nullable=False),
        _text("codigo", "Código corto"),
        _text("zona_id", "Zona a la que pertenece"),
        _text("empresa", "Empresa que lo explota"),
        _text("cuit", "CUIT de la empresa (dato personal)"),
        _text("renspa", "RENSPA (dato personal)"),
        _text("provincia", "Provincia"),
        _text("partido", "Partido o departamento"),
        _text("tenencia", "propio, arrendado o aparceria"),
        _DECLARED_HA,
        Column("activo", "boolean", "Si el campo está activo"),
        _UPDATED,
    ),
)

LOTES = Table(
    "lotes",
    (
        _text("lote_id", "Identificador del lote", nullable=False),
        _text("lote", "Nombre del lote", nullable=False),
        _text("campo_id", "Campo al que pertenece", nullable=False),
        _text("campo", "Nombre del campo", nullable=False),
        _CAMPANIA,
        _COMPUTED_HA,
        _DECLARED_HA,
        _text("cultivos", "Cultivos de la campaña, en orden de siembra, separados por ' + '"),
        Column("n_siembras", "Int64", "Cantidad de siembras en la campaña", nullable=False),
        _UPDATED,
        _GEOMETRY,
    ),
    _POLYGONS,
)

SIEMBRAS = Table(
    "siembras",
    (
        _text("siembra_id", "Identificador de la siembra", nullable=False),
        _text("lote_id", "Lote sembrado", nullable=False),
        _text("campo_id", "Campo del lote", nullable=False),
        _CAMPANIA,
        Column("orden", "Int64", "Orden en la campaña: 1, 2 …", nullable=False),
        _text("cultivo_codigo", "Código del cultivo; OTR si no se reconoce", nullable=False),
        _text("cultivo", "Nombre del cultivo", nullable=False),
        _text("material", "Variedad o híbrido"),
        _ha("superficie_declarada_ha", "Superficie sembrada que declara el portal"),
        Column("fecha_siembra", "date", "Fecha de siembra"),
        Column("fecha_cosecha", "date", "Fecha de cosecha"),
        _text("estado", "planificado, sembrado, cosechado o perdido"),
    ),
)

AMBIENTES = Table(
    "ambientes",
    (
        _text("ambiente_id", "Identificador del ambiente", nullable=False),
        _text("lote_id", "Lote al que pertenece", nullable=False),
        _text("campo_id", "Campo del lote", nullable=False),
        _CAMPANIA,
        _text("ambiente", "Nombre del ambiente (loma, bajo …)", nullable=False),
        _text("potencial", "alto, medio o bajo"),
        Column("orden", "Int64", "Orden en el lote"),
        _text("color", "Color #RRGGBB que propone el portal"),
        _COMPUTED_HA,
        _DECLARED_HA,
        _text("fuente", "De dónde salió la ambientación"),
        Column("version", "Int64", "Versión de la ambientación"),
        _UPDATED,
        _GEOMETRY,
    ),
    _POLYGONS,
)

MARCADORES = Table(
    "marcadores",
    (
        _text("marcador_id", "Identificador del marcador", nullable=False),
        _text("lote_id", "Lote en el que está", nullable=False),
        _text("ambiente_id", "Ambiente en el que está"),
        _text("campo_id", "Campo del lote", nullable=False),
        _CAMPANIA,
        _text("tipo", "muestreo, recorrida, maleza, plaga, enfermedad …", nullable=False),
        _text("subtipo", "Detalle del tipo"),
        _text("marcador", "Nombre del marcador", nullable=False),
        _text("estado", "planificado, hecho o anulado"),
        Column("fecha", "date", "Fecha"),
        Column("orden", "Int64", "Orden de visita"),
        _text("observacion", "Observación"),
        _text("muestra_codigo", "Código de la muestra"),
        Column("muestra_compuesta", "boolean", "Si la muestra es compuesta"),
        Column("muestra_submuestras", "Int64", "Cantidad de submuestras"),
        _text("muestra_profundidades_cm", "Profundidades en cm, como 0-20; 20-40"),
        _text("muestra_analisis", "Análisis pedidos, separados por '; '"),
        _UPDATED,
        _GEOMETRY,
    ),
    _ANY,
)

ZONAS = Table(
    "zonas",
    (
        _text("zona_id", "Identificador de la zona", nullable=False),
        _text("zona", "Nombre de la zona", nullable=False),
        _text("tipo", "region (agrupa campos), exclusion u otro (en un lote)", nullable=False),
        _text("lote_id", "Lote en el que está dibujada"),
        _UPDATED,
        Column("geometry", "geometry", "Geometría, EPSG:4326 (lon, lat); puede faltar"),
    ),
    _ANY,
)

CULTIVOS = Table(
    "cultivos",
    (
        _text("cultivo_codigo", "Código del cultivo", nullable=False),
        _text("cultivo", "Nombre del cultivo", nullable=False),
        _text("especie", "Especie"),
        Column("orden", "Int64", "Orden en la campaña"),
        _text("color", "Color #RRGGBB", nullable=False),
    ),
)

RECHAZADOS = Table(
    "rechazados",
    (
        _text("recurso", "Lista del portal de la que vino", nullable=False),
        _text("id", "Identificador en el portal, si lo tiene"),
        _text("nombre", "Nombre en el portal, si lo tiene"),
        _text("motivo", "Por qué no se puede usar (lista cerrada)", nullable=False),
        _text("detalle", "Qué se encontró", nullable=False),
        Column("pagina", "Int64", "Página cruda en la que está", nullable=False),
        Column("indice", "Int64", "Posición en la página, desde 0", nullable=False),
    ),
)

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (CAMPOS, LOTES, SIEMBRAS, AMBIENTES, MARCADORES, ZONAS, CULTIVOS, RECHAZADOS)
}
