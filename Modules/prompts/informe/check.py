"""Whether a text says only what the facts say: every number, every campo and lote it names. Pure.

Numbers are read as people write them in Spanish: 1.234,5; 1,5 mil; doce; la mitad; 12,5 %; 20 de
noviembre; tercero. A number that carries a unit must be a fact of that unit. What counts without a
number ("cientos", "el doble") is no fact. A name is what follows "campo" or "lote", what stands in
quotes, and any word with a capital that neither begins a sentence as usual words do nor is in the
facts; a name in small letters with no such word before it is not seen. What is in doubt is refused:
the table of the section then stands in its place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

from Modules.products.informe.facts import NOMBRES
from Modules.words.spanish import MESES


def _listed(words: str) -> list[str]:
    return words.split()


_UNITS: Final = {
    word: number
    for number, words in enumerate(
        _listed(
            "cero uno/un/una dos tres cuatro cinco seis siete ocho nueve diez once doce trece "
            "catorce quince dieciseis diecisiete dieciocho diecinueve veinte "
            "veintiuno/veintiun/veintiuna veintidos veintitres veinticuatro veinticinco "
            "veintiseis veintisiete veintiocho veintinueve"
        )
    )
    for word in words.split("/")
}
_TENS: Final = {
    word: 10 * (at + 3)
    for at, word in enumerate(_listed("treinta cuarenta cincuenta sesenta setenta ochenta noventa"))
}
_HUNDREDS: Final = {
    f"{stem}{end}": 100 * (at + 2)
    for at, stem in enumerate(
        _listed("doscient trescient cuatrocient quinient seiscient setecient ochocient novecient")
    )
    for end in ("os", "as")
} | {"cien": 100, "ciento": 100}
_SCALES: Final = {"mil": 1_000, "millon": 1_000_000, "millones": 1_000_000}
_ORDINALS: Final = {
    f"{stem}{end}": at + 2
    for at, stem in enumerate(_listed("segund tercer cuart quint sext septim octav noven decim"))
    for end in ("o", "a", "os", "as")
} | {"tercer": 3, "ninguno": 0, "ninguna": 0, "ningun": 0, "docena": 12, "decena": 10, "par": 2}
_PARTS: Final = {"mitad": (1, 2), "tercio": (1, 3), "tercios": (2, 3), "tercera parte": (1, 3),
                 "cuarta parte": (1, 4), "tres cuartos": (3, 4), "quinta parte": (1, 5),
                 "decima parte": (1, 10)}  # fmt: skip
_VAGUE: Final = re.compile(
    r"\b(?:(?:dece|doce|cente)nas|cient[oa]s|miles|centenar\w*|millares|doble|triple|cuadruple|"
    r"(?:du|tri|cuadru)plic\w+|media(?= hectarea)|y medi[oa]|medio(?= lote| campo))\b"
)
_NOUNS: Final = frozenset(
    _listed("lote campo hectarea marcador ambiente cultivo aviso cambio control siembra")
)
_STARTS: Final = frozenset(  # words that begin a sentence and are nobody's name
    _listed(
        "a al ademas ahora algunos algunas ambos ante antes asi aun aunque bajo buena cada "
        "casi como con contra cuando cuatro de del desde despues durante e el ella ellas "
        "ellos en entre es esa esas ese eso esos esta estas este esto estos estan esta fue "
        "fueron ha habia han hasta hay hubo la las le les lo los mas menos mientras mucho "
        "muchos ni ningun ninguna ninguno no nunca o otra otras otro otros para pero poca "
        "poco por porque pues que quedan quedaron quien se segun ser si siguen sigue sin "
        "sobre solo son su sus tambien tampoco tanto todas todo todos total tras un una unas "
        "uno unos varias varios y ya aparece aparecen aparecio aparecieron aumento aumentaron "
        "bajo bajaron cambio cambiaron crecio crecieron subio subieron cuenta suma suman sumo "
        "ocupa ocupan mayor mayoria mejor peor resto respecto primero primera finalmente "
        "actualmente superficie campo campos lote lotes ambiente ambientes marcador "
        "marcadores control controles aviso avisos cambios hectareas campania campana noche "
        "datos resumen temporada cultivo cultivos siembra siembras conviene falta faltan "
        "revisar"
    )
)
_TRADE: Final = frozenset(_listed("lote lotes campo campos campana lindero databaler"))
_NAMELY: Final = frozenset(_listed("san santa santo don dona el la los las"))  # after "campo"
_WORD: Final = re.compile(r"[^\W_]+")
_NUMBER: Final = re.compile(
    r"(?<![^\W_])[-−]?\d{1,3}(?:[.\u00a0\u202f ]\d{3})+(?:,\d+)?(?![^\W_]|[.,:/]\d)"  # 1.234,5
    r"|(?<![^\W_])[-−]?\d+(?:,\d+|\.\d{1,2})?(?![^\W_]|[.,:/]\d)"
)
_DATE: Final = re.compile(
    r"(?<!\d)(?:(?P<iso>\d{4}-\d\d-\d\d)|(?P<d>\d{1,2})/(?P<m>\d{1,2})(?:/(?P<y>\d{4}))?"
    rf"|(?P<day>\d{{1,2}}|primero) de (?P<month>{'|'.join(MESES)})"
    r"(?: (?:de|del) (?P<year>\d{4}))?"
    rf"|(?P<alone>{'|'.join(MESES)})(?: (?:de|del) (?P<anio>\d{{4}}))?)(?![^\W_]|/\d)"
)
_CAMPANIA: Final = re.compile(r"(?<!\d)(?:20)?(\d\d)[/-](?:20)?(\d\d)(?![\d/-])")
_DAYS: Final = re.compile(r"\b\d\d/\d\d(?:/\d{4})?\b|\b\d\d:\d\d\b")  # as facts write them
_TIME: Final = re.compile(r"(?<!\d)([01]?\d|2[0-3]):([0-5]\d)(?!\d)")
_UNIT: Final = re.compile(r"\s*(?:(%|por ciento)|(ha|hectareas?)\b)")
_MASK: Final = "\ufffc"  # in place of what was recognised: neither word nor number
_END: Final = re.compile(r"[.!?:;…\n]\s*|[-*•«\"“¿¡(]\s*")


@dataclass(frozen=True)
class Facts:
    """What a text is held to: the JSON of ``facts_of`` and the names of ``names_of``."""

    facts: Mapping[str, Any]
    names: Mapping[str, frozenset[str]]

    @cached_property
    def _values(self) -> tuple[tuple[str, Any], ...]:
        return tuple(_walk("", self.facts))

    @cached_property
    def numbers(self) -> frozenset[tuple[str, Decimal]]:
        """Every number with its unit; those that stand in a text have none."""
        found: set[tuple[str, Decimal]] = set()
        for key, value in self._values:
            if isinstance(value, int | float) and not isinstance(value, bool):
                unit = next((unit for unit in ("pct", "ha") if key.endswith(f"_{unit}")), "n")
                found.add((unit, Decimal(repr(value))))
            elif isinstance(value, str) and key not in NOMBRES:
                said = _numbers(_DAYS.sub(_MASK, _fold(value)))
                found |= {(unit, number) for _, unit, number in said if number is not None}
        return frozenset(found)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """Folded texts of ours that a report may repeat, with capitals and all."""
        return tuple(
            " ".join(_words(text))
            for key, text in self._values
            if isinstance(text, str) and key not in ("campo", "lote")
        )

    @cached_property
    def dates(self) -> frozenset[tuple[int, int, int]]:
        every = (text for _, text in self._values if isinstance(text, str))
        return frozenset(
            (int(y), int(m), int(d))
            for text in every
            for d, m, y in re.findall(r"\b(\d\d)/(\d\d)/(\d{4})\b", text)
        )

    @cached_property
    def campos(self) -> dict[tuple[str, ...], set[str]]:
        """Campos by the words of their names, each with its lotes by theirs."""
        found: dict[tuple[str, ...], set[str]] = {}
        for campo, lotes in self.names.items():
            spelled = {" ".join(form) for lote in lotes for form in _lote_forms(lote)}
            found.setdefault(tuple(_words(campo)), set()).update(spelled)
        found.pop((), None)
        return found

    @cached_property
    def lotes(self) -> frozenset[tuple[str, ...]]:
        return frozenset(
            form for lotes in self.names.values() for lote in lotes for form in _lote_forms(lote)
        )

    @cached_property
    def terms(self) -> frozenset[tuple[str, ...]]:
        """Crops, kinds of marks, and what is said of changes: the vocabulary of the facts."""
        kinds = ("cultivo", "tipo", "que", "estado")
        found = {tuple(_words(str(value))) for key, value in self._values if key in kinds}
        return frozenset(found - {()})


def problems(text: str, facts: Facts) -> tuple[str, ...]:
    """What a text says that the facts do not (Spanish); nothing where it may be printed."""
    text = plain(text)
    folded = _fold(text)
    found: list[str] = []
    folded = _mask_lotes(text, folded, facts, found)
    for known in (facts.campos, facts.lotes, facts.terms):
        folded = _mask_known(folded, known)
    found += _strange_names(text, folded, facts)
    folded = _mask_dates(folded, facts, found)
    for match in _VAGUE.finditer(folded):
        found.append(f"«{text[match.start() : match.end()].strip()}» no es un número de los hechos")
    for said, unit, number in _numbers(folded):
        if number is None or not any(
            number == known and (not unit or not of or unit == of) for of, known in facts.numbers
        ):
            found.append(f"«{said}» no está en los hechos")
    return tuple(dict.fromkeys(found))


def plain(text: str) -> str:
    """A text as it is checked and printed: NFC, nothing invisible, blanks as they are seen."""
    kept = (c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf")
    lines = ("".join(" " if c.isspace() and c != "\n" else c for c in kept)).split("\n")
    return "\n".join(" ".join(line.split(" ")) for line in lines)


def _walk(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _walk(name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(key, inner)
    else:
        yield key, value


def _fold(text: str) -> str:
    """Small letters without accents, as long as the text is."""
    return "".join(unicodedata.normalize("NFD", one)[0].lower()[0] for one in text)


def _words(text: str) -> list[str]:
    return _WORD.findall(_fold(plain(text)))


def _lote_forms(lote: str) -> Iterator[tuple[str, ...]]:
    """The words of a lote's name, and without the word "lote" that it may begin with."""
    words = tuple(_words(lote))
    if words:
        yield words
    if len(words) > 1 and words[0] == "lote":
        yield words[1:]


def _longest(words: list[re.Match[str]], at: int, known: Iterable[tuple[str, ...]]) -> int:
    """How many words from ``at`` on are the longest of the names; 0 for none."""
    most = 0
    for name in known:
        if len(name) > most and tuple(one[0] for one in words[at : at + len(name)]) == name:
            most = len(name)
    return most


def _by_first(known: Iterable[tuple[str, ...]]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for name in known:
        found.setdefault(name[0], []).append(name)
    return found


def _whole(folded: str, start: int, end: int) -> bool:
    """Whether a span is no part of a longer number."""
    after, before = folded[end : end + 2], folded[max(0, start - 2) : start]
    cut_after = folded[end - 1].isdigit() and re.match(r"[.,:/]\d", after)
    return not cut_after and not (folded[start].isdigit() and re.search(r"\d[.,:/]$", before))


def _masked(folded: str, start: int, end: int) -> str:
    return folded[:start] + _MASK * (end - start) + folded[end:]


def _mask_known(folded: str, known: Iterable[tuple[str, ...]]) -> str:
    """Names and terms that begin with a letter, wherever they stand; "del Ombú" is El Ombú."""
    by_first = _by_first(name for name in known if not name[0][0].isdigit())
    short = _by_first(name[1:] for name in known if name[0] == "el" and len(name) > 1)
    words, at = [*_WORD.finditer(folded)], 0
    while at < len(words):
        size = _longest(words, at, by_first.get(words[at][0], ()))
        if not size and at and words[at - 1][0] in ("del", "al"):
            size = _longest(words, at, short.get(words[at][0], ()))
        start, end = words[at].start(), words[at + max(size, 1) - 1].end()
        if size and _whole(folded, start, end):
            folded = _masked(folded, start, end)
        at += max(size, 1)
    return folded


def _mask_lotes(text: str, folded: str, facts: Facts, found: list[str]) -> str:
    """What follows "lote", "lotes" or "campo": known names are masked, others told."""
    campos, lotes = _by_first(facts.campos), _by_first(facts.lotes)
    words = [*_WORD.finditer(folded)]
    gaps = [folded[one.end() : two.start()] for one, two in pairwise(words)] + [""]
    for at, word in enumerate(words):
        kind = word[0]
        if kind not in ("lote", "lotes", "campo", "campos") or ":" in gaps[at]:
            continue
        known = lotes if kind.startswith("lote") else campos
        here, said = at + 1, list[str]()
        while here < len(words) and "\n" not in gaps[here - 1] and "." not in gaps[here - 1]:
            size = _longest(words, here, known.get(words[here][0], ()))
            start = words[here].start()
            end = words[here + max(size, 1) - 1].end()
            if size and _whole(folded, start, end):
                folded = _masked(folded, start, end)
                said.append(" ".join(one[0] for one in words[here : here + size]))
            elif _looks_like_name(text[start:end], words[here][0], kind):
                size = 1
                while gaps[here + size - 1] == " " and text[words[here + size].start()].isupper():
                    size += 1
                end = words[here + size - 1].end()
                found.append(f"no hay un {kind.rstrip('s')} «{text[start:end]}»")
                folded = _masked(folded, start, end)
            else:
                break
            here += size
            more = here < len(words) and kind.endswith("s")
            if more and words[here][0] in ("y", "e", "o"):
                here += 1
            elif not (more and gaps[here - 1].strip() == ","):
                break
        if said and kind.startswith("lote"):
            found += _misplaced(folded, facts, campos, (words, at, here), said)
    return folded


def _looks_like_name(written: str, folded: str, kind: str) -> bool:
    digit, capital = any(c.isdigit() for c in written), written[0].isupper()
    letter = len(written) == 1 and folded not in "aeoyu"
    return digit or capital or letter or (folded in _NAMELY and kind == "campo")


def _misplaced(
    folded: str,
    facts: Facts,
    campos: Mapping[str, list[tuple[str, ...]]],
    where: tuple[list[re.Match[str]], int, int],
    said: list[str],
) -> Iterator[str]:
    """Lotes that the campo named right before or after them does not have."""
    words, at, here = where
    names: list[tuple[str, ...]] = []
    if here < len(words) and words[here][0] in ("de", "del", "en"):
        nxt = here + 1 + (here + 1 < len(words) and words[here + 1][0] == "campo")
        if nxt < len(words):
            every = (*campos.get(words[nxt][0], ()),)
            if words[here][0] == "del":
                every += tuple(n[1:] for n in facts.campos if n[0] == "el" and len(n) > 1)
            size = _longest(words, nxt, every)
            name = tuple(one[0] for one in words[nxt : nxt + size])
            names = [one for one in (name, ("el", *name)) if size and one in facts.campos]
    for size in range(min(at, 8), 0, -1):
        name = tuple(one[0] for one in words[at - size : at])
        between = folded[words[at - 1].end() : words[at].start()].strip()
        if not names and name in facts.campos and between in (",", "", "("):
            names = [name]
    if names:
        there = set().union(*(facts.campos[name] for name in names))
        for lote in said:
            if lote not in there:
                yield f"el campo «{' '.join(names[0])}» no tiene un lote «{lote}»"


def _strange_names(text: str, folded: str, facts: Facts) -> Iterator[str]:
    """Words with a capital, and what stands in quotes, that are neither known nor usual."""
    for quoted in re.finditer(r"[«“\"]([^»”\"\n]+)[»”\"]", text):
        inner = folded[quoted.start(1) : quoted.end(1)]
        said = " ".join(_WORD.findall(inner))
        if said and not any(f" {said} " in f" {known} " for known in facts.texts):
            yield f"«{quoted[1]}» no está en los hechos"
    run: list[tuple[int, int]] = []
    for word in (*_WORD.finditer(folded), None):
        named = word if word is not None and text[word.start()].isupper() else None
        if run and (named is None or text[run[-1][1] : named.start()] != " "):
            yield from _strange(text, folded, run, facts)
            run = []
        if named is not None:
            run.append(named.span())


def _strange(text: str, folded: str, run: list[tuple[int, int]], facts: Facts) -> Iterator[str]:
    before = text[: run[0][0]]
    begins = not before.strip() or any(
        match.end() == len(before) for match in _END.finditer(before)
    )
    words = [folded[start:end] for start, end in run]
    if begins and words[0] in _STARTS | {*_UNITS, *_TENS, *_HUNDREDS, *_SCALES, *MESES}:
        run, words = run[1:], words[1:]
    while words and words[0] in _TRADE:
        run, words = run[1:], words[1:]
    said = " ".join(words)
    if said and not any(f" {said} " in f" {known} " for known in facts.texts):
        yield f"no hay un campo ni un lote «{text[run[0][0] : run[-1][1]]}»"


def _mask_dates(folded: str, facts: Facts, found: list[str]) -> str:
    """Dates, months, times and campañas: those of the facts are masked, others told."""
    every = " ".join(str(value) for _, value in facts._values)
    season = _CAMPANIA.search(str(facts.facts["campania"]))
    for match in [*_CAMPANIA.finditer(folded)]:
        if season and match.groups() == season.groups():
            folded = _masked(folded, *match.span())
    for match in [*_TIME.finditer(folded)]:
        if re.search(rf"\b{int(match[1]):02d}:{match[2]}\b", every):
            folded = _masked(folded, *match.span())
    for match in [*_DATE.finditer(folded)]:
        if any(_same_day(match, date) for date in facts.dates):
            folded = _masked(folded, *match.span())
        else:
            found.append(f"la fecha «{match[0]}» no está en los hechos")
    years = {str(year) for year, _, _ in facts.dates}
    for match in [*re.finditer(r"(?<![\d.,/])(?:19|20)\d\d(?![\d.,/]|\s*(?:ha|%|hect))", folded)]:
        if match[0] in years:
            folded = _masked(folded, *match.span())
    return folded


def _same_day(match: re.Match[str], date: tuple[int, int, int]) -> bool:
    if match["iso"]:
        return match["iso"] == "{:04d}-{:02d}-{:02d}".format(*date)
    month = match["month"] or match["alone"]
    said = (
        match["y"] or match["year"] or match["anio"],
        MESES.index(month) + 1 if month else match["m"],
        1 if match["day"] == "primero" else match["d"] or match["day"],
    )
    return all(one is None or int(one) == known for one, known in zip(said, date, strict=True))


def _numbers(folded: str) -> Iterator[tuple[str, str, Decimal | None]]:
    """Every number as it is written, its unit ("pct", "ha", "" for none) and what it is.

    None: it is none that Spanish has, or one that nothing can be held to.
    """
    done = 0
    for match in re.finditer(r"[-−]?\d[\d.,\u00a0\u202f]*(?: \d{3}(?!\d))*(?:,\d+)?", folded):
        said = match[0].rstrip(".,\u00a0\u202f")
        start, end = match.start(), match.start() + len(said)
        if start and said[0] in "-−" and not folded[start - 1].isspace():
            said, start = said[1:], start + 1  # a hyphen, not a sign
        yield from _worded(folded[done:start])
        value, done = _value(said), end
        scale = re.match(r"\s*(mil|millon(?:es)?)\b(?: de\b)?", folded[end:])
        if scale and value is not None:
            value, done = value * _SCALES[scale[1]], end + scale.end()
        ordinal = re.match(r"\.?[ºª°]|(?:ra|ro|da|do|ta|to|va|vo|ma|mo|na|no|er)\b", folded[done:])
        done += ordinal.end() if ordinal else 0
        unit = _UNIT.match(folded, done)
        glued = re.match(r"[^\W_]", folded[done:]) and not unit
        if glued or (start and re.match(r"[^\W_]", folded[start - 1])):
            value = None
        done = unit.end() if unit and unit[1] else done
        yield folded[start:done], _said_unit(unit), value
    yield from _worded(folded[done:])


def _said_unit(match: re.Match[str] | None) -> str:
    return "" if match is None else "pct" if match[1] else "ha"


def _value(said: str) -> Decimal | None:
    """1.234,5 or 1 234,5 or 12,5, and 12.5 where it cannot be thousands."""
    if not _NUMBER.fullmatch(said):
        return None
    grouped = re.fullmatch(r"[-−]?\d{1,3}(?:[.\u00a0\u202f ]\d{3})+(?:,\d+)?", said)
    text = re.sub(r"[.\u00a0\u202f ]", "", said) if grouped else said
    return Decimal(text.replace(",", ".").replace("−", "-"))


def _worded(folded: str) -> Iterator[tuple[str, str, Decimal | None]]:
    """Numbers in words, parts ("la mitad") and signs that are numbers (½, Ⅻ)."""
    for sign in folded:
        if sign != "²" and not sign.isdigit() and unicodedata.numeric(sign, None) is not None:
            yield sign, "", None
    for part, (over, under) in _PARTS.items():
        for _ in re.finditer(rf"\b{part}\b", folded):
            share = (Decimal(100 * over) / under).quantize(Decimal("0.1"), ROUND_HALF_UP)
            yield part, "pct", share
        folded = re.sub(rf"\b{part}\b", _MASK, folded)
    words = [*_WORD.finditer(folded)]
    at = 0
    while at < len(words):
        value, size = _in_words([one[0] for one in words[at : at + 12]])
        of_percent = words[at][0] == "ciento" and at and words[at - 1][0] == "por"
        if not size or of_percent:
            at += 1
            continue
        last = words[at + size - 1]
        nxt = words[at + size][0] if at + size < len(words) else ""
        article = size == 1 and words[at][0] in ("un", "una", "uno")
        if not article or nxt in _NOUNS:
            unit = _said_unit(_UNIT.match(folded, last.end()))
            yield folded[words[at].start() : last.end()], unit, Decimal(value)
        at += size


def _in_words(words: list[str]) -> tuple[int, int]:
    """The number that the first words say, and how many they are; 0 words for none."""
    if words[0] in _ORDINALS:
        return _ORDINALS[words[0]], 1
    total, here, size, least = 0, 0, 0, 1_000
    for word in words:
        if word in _SCALES and (here or word == "mil") and not (size and here == 0 and total):
            total, here, least = total + max(here, 1) * _SCALES[word], 0, 1_000
        elif word in _HUNDREDS and least > 100:
            here, least = here + _HUNDREDS[word], 100
        elif word in _TENS and least > 30:
            here, least = here + _TENS[word], 10
        elif word in _UNITS and (least > 30 or least == 9):
            here, least = here + _UNITS[word], 0
        elif (
            word == "y"
            and least == 10
            and words[size + 1 : size + 2]
            and (0 < _UNITS.get(words[size + 1], 0) < 10)
        ):
            least = 9
        else:
            break
        size += 1
    return total + here, size
