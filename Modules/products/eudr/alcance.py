"""Which product of the EUDR a crop is of, by the words of its name. Pure.

The seven commodities of Annex I to Regulation (EU) 2023/1115, as people write them in Spanish,
Portuguese, English and Latin. A crop that the catalogue knows is what the catalogue says; this is
for the others: a name holds a word of a commodity, or it does not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

SOJA: Final = "soja"
_WORDS: Final[Mapping[str, str]] = {  # without accents, in small letters; a space is a word's edge
    SOJA: "soja|soya|soybean| soy | soys |glycine| soia",
    "palma aceitera": " palma| palms? |palmera|dende|elaeis",
    "café": " cafe| cafes |cafeto|cafezal|cafetal|coffee|coffea",
    "cacao": "cacao|cacau|cocoa|theobroma",
    "caucho": "caucho| hule |rubber|seringu|borracha|hevea",
    "madera": "madera|madeira|forestal|forestacion|forestad|silvicul|timber| wood|eucali|eucaly"
    "| pinos? | pinus | pines? | pinheiro| alamos? |populus| sauces? | salix | teca |tectona",
    "ganado": "ganad| vacas? |vacun|bovin|novill|terner|cattle| beef | gado | boi | pastoreo"
    "|feedlot|feed lot|invernada| tambos? | rodeos? | bos taurus",
}
_PATTERNS: Final = {name: re.compile(words) for name, words in _WORDS.items()}


def commodity(*names: str | None) -> str | None:
    """The commodity that one of these names tells of; None if none does."""
    for text in filter(None, names):
        plain = unicodedata.normalize("NFKD", text).casefold()
        plain = "".join(one for one in plain if unicodedata.category(one) not in ("Mn", "Cf"))
        words = f" {' '.join(re.findall(r'[a-z]+', plain))} "
        for name, pattern in _PATTERNS.items():
            if pattern.search(words):
                return name
    return None
