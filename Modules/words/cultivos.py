"""Crops: the catalogue, and how the many spellings of a crop lead to its code.

Soja 1ra and soja 2da are never folded together: contracts and maps keep them apart. A plain
"Soja" or "Maíz" says neither which sowing nor which date, so it has a code of its own. A crop
that nobody knows keeps its name as written, under code OTR, and is drawn grey.

Codes and colours after ../shared/design.md section 1 and the domain notes, section 5.2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from Modules.words.text import clean_text

OTRO = "OTR"
GREY = "#9E9E9E"


@dataclass(frozen=True, slots=True)
class Cultivo:
    """A crop: code and name are its identity; colour is #RRGGBB."""

    codigo: str
    nombre: str
    especie: str | None
    orden: int | None  # 1 first sowing of the season, 2 after another crop
    color: str


_BASE = (
    Cultivo("SOJ", "Soja", "soja", None, "#558B2F"),
    Cultivo("SOJ1", "Soja 1ra", "soja", 1, "#2E7D32"),
    Cultivo("SOJ2", "Soja 2da", "soja", 2, "#9CCC65"),
    Cultivo("MAI", "Maíz", "maíz", None, "#FBC02D"),
    Cultivo("MAI1", "Maíz temprano", "maíz", 1, "#FDD835"),
    Cultivo("MAIT", "Maíz tardío", "maíz", 1, "#F57C00"),
    Cultivo("MAI2", "Maíz 2da", "maíz", 2, "#FFB74D"),
    Cultivo("TRI", "Trigo", "trigo", 1, "#A1661A"),
    Cultivo("CEB", "Cebada", "cebada", 1, "#C2185B"),
    Cultivo("GIR", "Girasol", "girasol", 1, "#FFFF33"),
    Cultivo("SOR", "Sorgo", "sorgo", 1, "#BF360C"),
    Cultivo("MAN", "Maní", "maní", 1, "#70A800"),
    Cultivo("CC", "Cultivo de cobertura", None, None, "#4DB6AC"),
    Cultivo("BAR", "Barbecho", None, None, "#BCAAA4"),
    Cultivo(OTRO, "Otro", None, None, GREY),
)
SIN_CULTIVO = Cultivo("", "Sin cultivo", None, None, "#E0E0E0")  # a lote without siembra
CATALOGUE: Mapping[str, Cultivo] = MappingProxyType({crop.codigo: crop for crop in _BASE})

_ALIASES: Mapping[str, tuple[str, ...]] = {  # spelled as ``fold`` leaves a name
    "SOJ": ("SOJA", "SOYA", "SOYBEAN", "SOYBEANS"),
    "SOJ1": ("SOJA 1", "SOJ 1", "SJ 1"),
    "SOJ2": ("SOJA 2", "SOJ 2", "SJ 2", "SOJA SEGUNDA SOBRE TRIGO", "SOJA 2 SOBRE TRIGO"),
    "MAI": ("MAIZ", "CORN", "MAIZE", "MILHO"),
    "MAI1": ("MAIZ 1", "MAIZ TEMPRANO", "MAIZ 1 TEMPRANO", "MAIZ TEMP", "MZ 1"),
    "MAIT": ("MAIZ TARDIO", "MAIZ TARD", "MAIZ 1 TARDIO", "MZ TARDIO"),
    "MAI2": ("MAIZ 2", "MZ 2"),
    "TRI": ("TRIGO", "TRIGO PAN", "WHEAT"),
    "CEB": ("CEBADA", "CEBADA CERVECERA", "CEBADA FORRAJERA", "BARLEY"),
    "GIR": ("GIRASOL", "GIRASOL 1", "GIRASOL 2", "SUNFLOWER"),
    "SOR": ("SORGO", "SORGO GRANIFERO", "SORGHUM"),
    "MAN": ("MANI", "PEANUT", "PEANUTS"),
    "CC": ("CULTIVO COBERTURA", "CULTIVO SERVICIO", "COBERTURA", "CULTIVO DE SERVICIOS", "CS"),
    "BAR": ("BARBECHO", "BARBECHO QUIMICO", "FALLOW"),
    OTRO: ("OTRO", "OTROS"),
}
_ORDINAL = re.compile(
    r"\b(?:(?P<one>1)|(?P<two>2))\s*[.°]*\s*(?:RA|ERA|ER|ERO|RO|DA|DO|NDA|NDO|A|O)?\b[.°]*"
)
_WORDS = {
    "PRIMERA": "1", "PRIMERO": "1", "PRIMER": "1", "I": "1",
    "SEGUNDA": "2", "SEGUNDO": "2", "SEG": "2", "II": "2",
}  # fmt: skip
_SKIPPED = frozenset(("DE", "DEL", "LA"))


def fold(name: str) -> str:
    """A name as the alias table spells it: capitals, no accents, ordinals as 1 or 2.

    "Soja de 2.ª", "SOJA 2º" and "soja segunda" all give "SOJA 2".
    """
    plain = unicodedata.normalize("NFKD", clean_text(name)).upper()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"(?<=[A-Z])(?=\d)|_", " ", plain)
    plain = _ORDINAL.sub(lambda match: " 1 " if match["one"] else " 2 ", plain)
    words = [word.strip(".") for word in re.split(r"[\s/\-]+", plain)]
    kept = (_WORDS.get(word, word) for word in words if word and word not in _SKIPPED)
    return clean_text(" ".join(kept))  # what is left may show nothing at all


_BY_NAME: Mapping[str, str] = MappingProxyType(
    {fold(alias): code for code, names in _ALIASES.items() for alias in names}
    | {fold(crop.nombre): crop.codigo for crop in _BASE}
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The crops in force: the base catalogue, over it what the portal says of its own.

    ``by_code`` leads from a code as the portal writes it, in capitals, and ``by_name`` from a
    folded name, to a crop.
    """

    by_code: Mapping[str, Cultivo]
    by_name: Mapping[str, Cultivo]

    def find(self, codigo: str | None, nombre: str | None) -> Cultivo | None:
        """The crop of a code or else of a name; None if neither is known."""
        found = self.by_code.get(codigo.upper()) if codigo else None
        if found is not None and found.codigo != OTRO:
            return found
        return self.by_name.get(fold(nombre)) if nombre else found


def canonical(codigo: str | None, nombre: str) -> str | None:
    """The base code of a portal's crop, by its code or else any known spelling of its name.

    None for a crop of the portal's own.
    """
    if codigo and codigo.upper() in CATALOGUE:
        return codigo.upper()
    name = clean_text(nombre)
    code = name.upper() if name.upper() in CATALOGUE else _BY_NAME.get(fold(name))
    return None if code == OTRO else code


def merge(portal: Iterable[tuple[str, Cultivo]] = ()) -> Catalogue:
    """The base catalogue with the portal's crops over it, each behind the portal's own code."""
    rows = list(portal)
    mine = {**CATALOGUE, **{crop.codigo: crop for _, crop in rows}}
    by_code = {code.upper(): crop for code, crop in mine.items()}
    by_code |= {code.upper(): mine[crop.codigo] for code, crop in rows}
    by_name = {name: mine[code] for name, code in _BY_NAME.items()}
    by_name |= {fold(crop.nombre): mine[crop.codigo] for _, crop in rows}
    return Catalogue(MappingProxyType(by_code), MappingProxyType(by_name))


def colour_of(codigo: str, portal: Mapping[str, str]) -> str:
    """The colour of a crop by its code: the portal's, else ours; grey of one that nobody knows."""
    if codigo == OTRO:
        return GREY
    known = CATALOGUE.get(codigo)
    return portal.get(codigo) or (known.color if known else GREY)
