"""The Spanish texts: numbers as in Argentina, advice for every error, names that stay names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.diff.changes import Changes, Conteo, Novedad, cambios
from Modules.disk.publish import Published
from Modules.jobs.outcome import Resultado
from Modules.jobs.report import productos_markdown
from Modules.orchestration.failure import mensaje_de_falla
from Modules.words import errors
from Modules.words.errors import NightRefused, PipelineError, ProductError, PublishError
from Modules.words.spanish import markdown, number, short

FIVE = Published(tuple("abcde"), (), ())
KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, PipelineError)
]


@pytest.mark.parametrize(
    ("value", "decimals", "said"),
    [(0, 0, "0"), (1234567.891, 2, "1.234.567,89"), (-1500, 0, "-1.500"), (0.5, 1, "0,5")],
)
def test_numbers_are_written_as_in_argentina(value: float, decimals: int, said: str) -> None:
    assert number(value, decimals) == said


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_says_what_happened_what_is_intact_and_what_to_do(
    kind: type[PipelineError],
) -> None:
    message = mensaje_de_falla(kind("lotes, page 3"))
    assert message.endswith("Detalle: lotes, page 3")
    assert "Qué hacer:" in message
    assert "qued" in message or "Cada archivo publicado" in message


def test_each_kind_of_error_has_advice_of_its_own() -> None:
    named = [kind for kind in KINDS if kind not in (PipelineError, errors.DataError)]
    assert len({mensaje_de_falla(kind("x")) for kind in named}) == len(named)


def test_a_refused_night_brings_the_command_that_accepts_it() -> None:
    message = mensaje_de_falla(NightRefused("x", command="lindero backups accept ID --test"))
    assert "lindero backups accept ID --test" in message


def test_a_failed_destination_does_not_claim_that_nothing_was_published() -> None:
    assert "No se publicó nada" not in mensaje_de_falla(PublishError("x"))
    assert "No se publicó nada" not in mensaje_de_falla(ProductError("x"))


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", "[x](http://e.example)", "a|b", "**n**", "`c`", "# t"]
)
def test_a_hostile_name_is_no_markup(name: str) -> None:
    shown = markdown(name)
    assert "<" not in shown
    for mark in "[]*`|#":
        assert all(shown[i - 1] == "\\" for i, c in enumerate(shown) if c == mark)


@given(st.text())
def test_text_is_always_one_line_without_markup(name: str) -> None:
    shown = markdown(name)
    assert "\n" not in shown
    assert "<" not in shown
    assert ">" not in shown


def test_a_long_list_says_how_many_more_there_are() -> None:
    assert short(["a", "b"], 3) == "a; b"
    assert short(["a", "b", "c", "d"], 3) == "a; b; c; y 1 más"


def test_one_is_singular() -> None:
    conteo = Conteo("San José", "3", "l3", agregados=1, quitados=2, cambiados=0)
    found = cambios(Changes(first_night=False, tablas={}, marcadores=(conteo,)))
    assert found == [("San José", "3", "marcadores", "1 nuevo, 2 quitados")]


def test_zonas_and_the_catalogue_are_told_by_name() -> None:
    otros = (
        Novedad("zona nueva", "", nombre="Oeste"),
        Novedad("cultivo cambiado", "color #1 → #2", "San José", lote="3", nombre="Soja"),
    )
    assert cambios(Changes(first_night=False, tablas={}, otros=otros)) == [
        ("", "", "zona nueva", "Oeste"),
        ("San José", "3", "cultivo cambiado", "Soja: color #1 → #2"),
    ]


def test_a_file_that_somebody_holds_open_is_a_warning_of_the_summary() -> None:
    copy = "25-26/Norte (pendiente) 2025-11-20.kmz"
    page = productos_markdown([Resultado("KMZ", Path("/x/KMZ"), replace(FIVE, pending=(copy,)))])
    assert "**Aviso:** otro programa tenía abierto un archivo" in page
    assert f"KMZ/{copy}" in page


def test_a_product_that_failed_is_named_beside_those_that_did_not() -> None:
    page = productos_markdown(
        [
            Resultado("cultivos", Path("/x/cultivos"), replace(FIVE, left=("viejo.gpkg",))),
            Resultado("muestreos", Path("/x/muestreos"), error=PublishError("disk full")),
        ],
        ["los ambientes de 2 lotes no suman"],
    )
    assert "| cultivos | 5 | 0 | 0 |" in page
    assert "**FALLÓ**" in page
    assert "disk full" in page
    assert "viejo.gpkg" in page
    assert "no suman" in page
