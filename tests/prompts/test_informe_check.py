"""A text is printed only if every number, campo and lote of it is in the facts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from Modules.prompts.informe.check import Facts, problems
from Modules.words.spanish import number

FACTS = {
    "campania": "25/26",
    "datos_del": "20/11/2025 03:00",
    "superficie": {
        "total_ha": 1234.5,
        "campos": 3,
        "lotes": 12,
        "por_cultivo": [
            {"cultivo": "Soja 1ra", "lotes": 7, "superficie_ha": 617.3, "parte_pct": 50.0},
            {"cultivo": "Maíz tardío", "lotes": 5, "superficie_ha": 1500, "parte_pct": 33.3},
        ],
    },
    "cambios": {
        "total": 2,
        "lista": [{"campo": "El Ombú", "lote": "3", "que": "lote nuevo", "detalle": "98,2 ha"}],
    },
}
NAMES = {
    "El Ombú": frozenset({"3", "Lote 4B", "Bajo Grande"}),
    "La Güeya": frozenset({"12", "9999"}),
    "El 20": frozenset(),
}
HELD = Facts(FACTS, NAMES)

GOOD = (
    "La superficie es de 1.234,5 ha en 12 lotes.",
    "Son 1234,5 hectáreas y doce lotes.",
    "El maíz tardío ocupa 1,5 mil hectáreas, un 33,3 % del total.",
    "El maíz ocupa mil quinientas hectáreas, un tercio del total.",
    "La mitad está con soja 1ra: el 50 por ciento.",
    "El lote 3 de El Ombú es nuevo y tiene 98,2 ha.",
    "Del campo El Ombú, los lotes 3, 4B y Bajo Grande.",
    "El lote 12 de La Güeya sigue igual, como el lote 3 del Ombú.",
    "En la campaña 25/26, con datos del 20 de noviembre de 2025 a las 03:00.",
    "Los datos son del 20/11/2025.",
    "Hay una docena de lotes en el campo El 20.",
    "Hubo cambios en noviembre de 2025.",
    "Tres campos sin novedades.",
)
BAD = (
    "La superficie es de 1.234,6 ha.",
    "La superficie es de 12.345 ha.",
    "Hay trece lotes.",
    "Hay treinta y dos lotes.",
    "Hay 12 ha de soja.",  # twelve are lotes
    "Hay 9999 lotes.",  # the name of a lote is no number
    "Hay 20 lotes.",  # nor is that of a campo
    "El maíz ocupa 1,6 mil hectáreas.",
    "Ocupa 1500.000 ha.",
    "La cuarta parte está con soja.",
    "Cientos de lotes cambiaron.",
    "La superficie se duplicó.",
    "Los datos son del 21/11/2025.",
    "Los datos son del 20 de octubre.",
    "Hubo cambios en mayo.",
    "En la campaña 24/25.",
    "Hay ½ lote nuevo.",
    "Hay 1\u200b3 lotes.",
    "Hay １３ lotes.",
    "Son 1e3 lotes.",
    "Son 12.5.6 ha.",
    "El décimo lote cambió.",
    "San Juan sumó 3 lotes.",
    "El campo San Juan sumó 3 lotes.",
    "el campo san juan sumó 3 lotes.",
    "Hay novedades en Los Talas.",
    "El Talar creció.",
    "El lote 5 es nuevo.",
    "El lote 12 de El Ombú es nuevo.",  # of La Güeya
    "El Ombú, lote 12: es nuevo.",
    "Los lotes 3, 5 y 4B cambiaron.",
    "El lote B2 es nuevo.",
    "En «la esperanza» hay 3 lotes.",
    "Hay −12 lotes.",
)


@pytest.mark.parametrize("text", GOOD)
def test_what_the_facts_say_passes(text: str) -> None:
    assert problems(text, HELD) == ()


@pytest.mark.parametrize("text", BAD)
def test_what_the_facts_do_not_say_is_refused(text: str) -> None:
    assert problems(text, HELD)


def _listed(text: str) -> list[str]:
    return text.split()


_ONES = _listed(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce "
    "quince dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós "
    "veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve"
)
_TENS = _listed("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_HUNDREDS = _listed(
    "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos "
    "ochocientos novecientos"
)


def words(value: int) -> str:
    """A whole number below a million as Spanish says it."""
    if value < 30:
        return _ONES[value]
    if value < 100:
        rest = value % 10
        return _TENS[value // 10 - 3] + (f" y {_ONES[rest]}" if rest else "")
    if value < 1000:
        rest = value % 100
        if value == 100:
            return "cien"
        return _HUNDREDS[value // 100 - 1] + (f" {words(rest)}" if rest else "")
    rest, many = value % 1000, value // 1000
    said = "" if many == 1 else f"{words(many)} "
    return f"{said}mil" + (f" {words(rest)}" if rest else "")


FORMS = ("plain", "dots", "spaces", "mil", "words", "ha")


def written(tenths: int, form: str) -> str:
    """A number, given in tenths, in one of the ways in which Spanish writes it."""
    value = tenths / 10
    decimals = 1 if tenths % 10 else 0
    if form == "words" and not decimals and value < 1_000_000:
        return words(tenths // 10)
    if form == "plain":
        return f"{value:.{decimals}f}".replace(".", ",")
    if form == "spaces":
        return number(value, decimals).replace(".", "\u00a0")
    if form == "mil" and value >= 1000:
        exact = Decimal(tenths) / 10_000
        return f"{exact.normalize():f} mil".replace(".", ",")
    return number(value, decimals) + (" ha" if form == "ha" else "")


_TENTHS = st.one_of(st.integers(20, 99_999_990), st.integers(2, 99_999).map(lambda n: n * 10))


def _facts(numbers: list[int]) -> Facts:
    areas = [{"superficie_ha": tenths / 10} for tenths in numbers]
    return Facts({"campania": "25/26", "lista": areas}, {})


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(_TENTHS, st.sampled_from(FORMS)), min_size=1, max_size=5))
def test_numbers_of_the_facts_pass_in_any_form(each: list[tuple[int, str]]) -> None:
    text = "Hay " + ", luego ".join(written(tenths, form) for tenths, form in each) + "."
    assert problems(text, _facts([tenths for tenths, _ in each])) == (), text


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(_TENTHS, st.sampled_from(FORMS)), min_size=1, max_size=5, unique_by=lambda x: x[0]
    ),
    st.data(),
)
def test_one_number_altered_is_refused(each: list[tuple[int, str]], data: st.DataObject) -> None:
    known = [tenths for tenths, _ in each]
    at = data.draw(st.integers(0, len(each) - 1))
    altered = data.draw(_TENTHS.filter(lambda tenths: tenths not in known and tenths != 10))
    said = [*each]
    said[at] = (altered, each[at][1])
    text = "Hay " + ", luego ".join(written(tenths, form) for tenths, form in said) + "."
    assert problems(text, _facts(known)), text


_PIECES = (
    *("lote", "campo", "lotes", "campos", "de", "del", "y", ",", ".", "\n", " ", "-", "«", "»"),
    *("1.234,5", "12/11", "½", "Ⅻ", "3", "4B", "mil", "tres", "%", "ha", "25/26", "²", "٣", "１２"),
    *("San", "El", "Ombú", "primero", "enero", "\ufffc"),
)


@given(st.one_of(st.text(), st.lists(st.sampled_from(_PIECES)).map("".join)))
def test_no_text_breaks_the_check(text: str) -> None:
    assert all(isinstance(one, str) for one in problems(text, HELD))
