"""The rules of ``validar eudr``: a closed list, each with its level and its text. Pure.

Sources: the Commission's "EUDR GeoJSON File Description" as quoted by those who read v1.2 to v1.5
(its list of usual errors: crossing lines, overlapping sides, doughnuts, open polygons, equal
neighbours after rounding, misspelt properties), RFC 7946, ISO 3166-1. What makes the EU's system
refuse a file, or read something else than was meant, is an ``error``; the rest is an ``aviso``.
The Commission's own examples keep all the errors' rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from Modules.products.eudr.declare import DECIMALS, MAX_FILE_BYTES, MAX_POINT_HA, PROPERTIES
from Modules.words.finding import Severity


@dataclass(frozen=True, slots=True)
class Requisito:
    """One rule; ``texto`` says in Spanish what holds when it is kept."""

    codigo: str
    gravedad: Severity  # of breaking it
    alcance: str  # "archivo": the file as a whole, "elemento": each of its features
    texto: str

    @property
    def nivel(self) -> str:
        """How bad it is to break it, as people read it."""
        return "error" if self.gravedad is Severity.ERROR else "aviso"

    def to_dict(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("codigo", "nivel", "alcance", "texto")}


_ARCHIVO_ERRORES = {
    "tamano": f"El archivo pesa {MAX_FILE_BYTES // 1_000_000} MB o menos",
    "json": "El archivo es JSON en UTF-8, bien formado",
    "coleccion": "Es un FeatureCollection con su lista de elementos",
    "crs": "Si declara un sistema de coordenadas, es WGS 84",
}
_ARCHIVO_AVISOS = {
    "sin_crs": "No tiene el miembro crs, que el formato ya no usa",
    "sin_bom": "No empieza con una marca de orden de bytes",
    "con_elementos": "Tiene por lo menos un elemento",
}
_ELEMENTO_ERRORES = {
    "elemento": "Es un Feature con propiedades y geometría",
    "tipo_geometria": "Es Point, MultiPoint, Polygon o MultiPolygon; no líneas",
    "coordenadas": "Las coordenadas son listas de números, anidadas como pide el tipo",
    "rango": "Longitud entre -180 y 180, latitud entre -90 y 90",
    "orden_lon_lat": "La longitud va antes que la latitud",
    "precision": f"Alguna coordenada tiene {DECIMALS} decimales: no está redondeado a menos",
    "cuatro_posiciones": "Cada anillo tiene cuatro posiciones o más",
    "anillo_cerrado": "Cada anillo termina donde empieza",
    "vertices_repetidos": f"Con {DECIMALS} decimales, ningún vértice repite al anterior",
    "autocruce": "Ningún anillo se cruza, se toca o se pisa a sí mismo",
    "area_no_nula": f"Con {DECIMALS} decimales, cada polígono encierra superficie",
    "sin_agujeros": "Los polígonos no tienen agujeros",
    "partes_separadas": "Las partes de un MultiPolygon no se superponen",
    "nombres_exactos": f"Las propiedades se llaman exactamente {', '.join(PROPERTIES)}",
    "textos": "ProducerName, ProducerCountry y ProductionPlace son textos",
    "pais_iso2": "ProducerCountry es un código ISO 3166-1 de dos letras mayúsculas",
    "area_numerica": "Area es un número mayor que cero",
    "punto_hasta_4_ha": f"Un punto es de {MAX_POINT_HA:.0f} ha o menos",
}
_ELEMENTO_AVISOS = {
    "seis_decimales": f"Cada coordenada está escrita con {DECIMALS} decimales justos",
    "dos_dimensiones": "Las posiciones no llevan altura",
    "orientacion": "Los anillos van en sentido contrario a las agujas del reloj (RFC 7946)",
    "dentro_del_pais": "Las coordenadas caen en el país declarado",
    "propiedades_completas": "Están las cuatro propiedades recomendadas",
    "propiedades_de_mas": "No hay otras propiedades",
    "textos_no_vacios": "Los textos no están vacíos",
    "area_coherente": "Area se parece a la superficie de la geometría",
    "sin_superposicion": "No se superpone con otro elemento",
}

REGLAS: Final[tuple[Requisito, ...]] = tuple(
    Requisito(codigo, gravedad, alcance, texto)
    for gravedad, alcance, texts in (
        (Severity.ERROR, "archivo", _ARCHIVO_ERRORES),
        (Severity.WARNING, "archivo", _ARCHIVO_AVISOS),
        (Severity.ERROR, "elemento", _ELEMENTO_ERRORES),
        (Severity.WARNING, "elemento", _ELEMENTO_AVISOS),
    )
    for codigo, texto in texts.items()
)
REGLA: Final[Mapping[str, Requisito]] = MappingProxyType({one.codigo: one for one in REGLAS})

AREA_TOLERANCE: Final = 0.01  # the Commission's examples lie 0.6 % off: areas on a sphere
AREA_TOLERANCE_HA: Final = 0.01  # two decimals of a small plot
OVERLAP_TOLERANCE_HA: Final = 0.01  # neighbours drawn by hand share a strip of decimetres:
OVERLAP_TOLERANCE: Final = 0.001  # both must be passed; this one is of the smaller neighbour

_ISO2: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR "
    "BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ "
    "EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW "
    "GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY "
    "KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV "
    "MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY "
    "QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG "
    "TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM "
    "ZW"
)
ISO2: Final = frozenset(_ISO2.split())
