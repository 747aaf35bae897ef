"""Rows find their lote, or are named; nothing near is taken for it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.fieldwork.fechas import Mes
from Modules.fieldwork.join import Trabajo, join
from Modules.fieldwork.rows import Cell, Planilla, read_planilla
from Modules.words.domain import Campania, Recurso
from Modules.words.finding import Finding
from tests.fuentes import campo, fuente_of, lote

MES = Mes(2026, 11)
SEASON = Campania(26, 27)
HEADER: list[Cell] = ["Campo", "Lote", "Fecha", "Profundidad", "Responsable", "Observación", "Tipo"]
CAMPOS = [campo(1, "La Paz"), campo(2, "El Ombú"), campo(3, "San José"), campo(4, "San José")]
LOTES = [
    lote(1, "7", campo_at=1, cultivos=["Soja"]), lote(2, "8", campo_at=1),
    lote(3, "Loma Alta", campo_at=1), lote(4, "07", campo_at=2), lote(5, "7", campo_at=2),
    lote(6, "10A", campo_at=2), lote(7, "1", campo_at=3), lote(8, "1", campo_at=4),
    lote(9, "Bajo", campo_at=1), lote(10, "Bajo", campo_at=1),
]  # fmt: skip
TABLES = fuente_of({Recurso.CAMPOS: CAMPOS, Recurso.LOTES: LOTES}).tables


def sheet(*rows: Sequence[Cell], header: Sequence[Cell] = HEADER, of: str = "La Paz") -> Planilla:
    archivo = f"Plan de muestreo - {of} - Noviembre 2026"
    return read_planilla([header, *rows], archivo=archivo, hoja="Plan")


def joined(*planillas: Planilla) -> tuple[tuple[Trabajo, ...], tuple[Finding, ...]]:
    return join(planillas, TABLES, SEASON, MES)


@pytest.mark.parametrize(
    ("place", "plot", "right"),
    [("La Paz", 7, "L1"), ("la paz", "7", "L1"), ("LA PAZ ", 7.0, "L1"), ("La Paz", "07", "L1"),
     ("La\u00a0Paz", "7.0", "L1"), ("La Paz", "7,00", "L1"), ("La Paz", "Lote 7", "L1"),
     ("La Paz", "lote N° 8", "L2"), ("La Paz", "LOMA  ALTA\u200b", "L3"),
     ("El Ombu", "07", "L4"), ("El Ombú", "7", "L5"), ("El Ombú", 7, "L5"),
     ("El Ombú", "10a", "L6"), ("San José (C4)", 1, "L8"),
     ("La Paz", "Bajo (L10)", "L10")],
)  # fmt: skip
def test_a_lote_is_found_as_people_write_it(place: str, plot: Cell, right: str) -> None:
    (one,), findings = joined(sheet([place, plot, "5/11/2026", "0-20"]))
    assert one.lote_id == right
    assert one.clave == f"plan/26/27/2026-11/{right}/0-20"
    assert findings == ()


def test_a_row_carries_what_the_night_knows_of_its_lote() -> None:
    (one,), _ = joined(sheet(["La Paz", 7, "5/11/2026"]))
    assert (one.campo_id, one.campo, one.lote, one.cultivos) == ("C1", "La Paz", "7", "Soja")
    assert 90 < one.superficie_ha < 110
    assert one.donde == "Plan de muestreo - La Paz - Noviembre 2026, hoja Plan"


@pytest.mark.parametrize(
    ("place", "plot", "column", "what", "near"),
    [("La Paz", 77, "Lote (B2)", "no hay ningún lote 77 en La Paz", "lo más parecido: 7"),
     ("La Paz", "Loma Atla", "Lote (B2)", "no hay ningún lote Loma Atla", "parecido: Loma Alta"),
     ("La Paz", "10A", "Lote (B2)", "no hay ningún lote 10A", "lo más parecido"),
     ("La Pas", 7, "Campo (A2)", "no hay ningún campo La Pas", "lo más parecido: La Paz"),
     ("Xyz", 7, "Campo (A2)", "no hay ningún campo Xyz", "El Ombú; La Paz; San José (C3); y 1 más"),
     ("San José", 1, "Campo (A2)", "no hay ningún campo San José", "San José (C3)"),
     ("El Ombú", "007", "Lote (B2)", "hay más de un lote 007", "son: 07 (L4); 7 (L5)"),
     ("La Paz", "Bajo", "Lote (B2)", "no hay ningún lote Bajo", "Bajo (L9); Bajo (L10)")],
)  # fmt: skip
def test_what_is_no_lote_is_named_with_what_comes_near(
    place: str, plot: Cell, column: str, what: str, near: str
) -> None:
    found, (one,) = joined(sheet([place, plot, "5/11/2026"], ["La Paz", 8, "5/11/2026"]))
    assert [trabajo.lote_id for trabajo in found] == ["L2"]
    assert one.is_error
    assert one.item == f"fila 2, columna {column}"
    assert what in one.what
    assert near in one.what
    assert one.todo


def test_without_a_campo_the_sheet_must_say_whose_it_is() -> None:
    (one,), _ = joined(sheet([7, "5/11/2026"], header=["Lote", "Fecha"]))
    assert one.lote_id == "L1"
    found, (named,) = joined(sheet([7, "5/11/2026"], header=["Lote", "Fecha"], of="Empresa SA"))
    assert found == ()
    assert (named.what, named.item) == ("no dice el campo", "fila 2")


def test_an_empty_cell_under_campo_is_not_the_campo_of_the_sheet() -> None:
    rows = [["El Ombú", "10A", "5/11/2026"], ["", 7, "5/11/2026"]]
    (one,), (named,) = joined(sheet(*rows))
    assert one.lote_id == "L6"
    assert (named.what, named.item) == ("no dice el campo", "fila 3, columna Campo (A3)")


def test_an_id_decides_and_may_not_be_contradicted() -> None:
    header = ["lote_id", "Campo", "Lote", "Fecha"]
    rows: list[list[Cell]] = [
        ["L9", "", "", "5/11/2026"], ["L1", "La Paz", "lote 07", "5/11/2026"],
        ["L1", "El Ombú", 7, "5/11/2026"], ["L1", "La Paz", 8, "5/11/2026"],
        ["L99", "La Paz", 7, "5/11/2026"],
    ]  # fmt: skip
    found, findings = joined(sheet(*rows, header=header))
    assert [trabajo.lote_id for trabajo in found] == ["L9", "L1"]
    assert [one.item for one in findings] == [
        f"fila {n}, columna lote_id (A{n})" for n in (4, 5, 6)
    ]
    assert "L1 es el lote 7 de La Paz, y la fila dice El Ombú 7" in findings[0].what
    assert "cerca están: L9" in findings[2].what


def test_two_rows_for_the_same_are_both_named_also_across_sheets() -> None:
    one = sheet(["La Paz", 7, "5/11/2026", "0-20"], ["La Paz", 7, "6/11/2026", "20-40"])
    two = sheet(["La Paz", "Lote 7", "9/11/2026", "0 a 20 cm"], of="La Paz norte")
    found, findings = joined(one, two)
    assert [trabajo.clave for trabajo in found] == ["plan/26/27/2026-11/L1/20-40"]
    assert [finding.item for finding in findings] == ["fila 2, columna Lote (B2)"] * 2
    assert (
        "fila 2 de Plan de muestreo - La Paz norte - Noviembre 2026, hoja Plan" in findings[0].what
    )
    assert all(finding.is_error for finding in findings)


def test_a_day_of_another_month_is_a_warning_and_the_row_stays() -> None:
    found, (one,) = joined(sheet(["La Paz", 7, "1/12/2026"]))
    assert found[0].fila.fecha == date(2026, 12, 1)
    assert one.is_warning
    assert one.what.startswith("01/12/2026 no es de Noviembre 2026")
    assert one.item == "fila 2, columna Fecha (C2)"


def test_without_a_depth_the_kind_tells_two_rows_apart() -> None:
    rows = [["La Paz", 7, "5/11/2026", "", "", "", kind] for kind in ("Suelo", "Nematodos", "")]
    assert [one.clave.rpartition("/")[2] for one in joined(sheet(*rows))[0]] == [
        "suelo", "nematodos", "-"
    ]  # fmt: skip


PLAIN: list[list[Cell]] = [
    ["La Paz", 7, "5/11/2026", "0-20", "Ana", "x", "suelo"],
    ["La Paz", 8, "6/11/2026", "0-20", "Ana", "", "suelo"],
    ["El Ombú", "10A", "7/11/2026", "20-40", "Luis", "y", "suelo"],
]
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


@given(
    st.randoms(use_true_random=False),
    st.lists(words.filter(lambda said: not said.startswith("#")), min_size=3, max_size=3),
    st.dates(date(2026, 11, 1), date(2026, 11, 30)),
)
def test_the_key_survives_edits_and_any_order(
    rng: random.Random, texts: list[str], when: date
) -> None:
    edited = [[*row[:2], f"{when:%d/%m/%Y}", row[3], text, text, row[6]]
              for row, text in zip(PLAIN, texts, strict=True)]  # fmt: skip
    rng.shuffle(edited)
    order = list(range(len(HEADER)))
    rng.shuffle(order)
    moved = sheet(
        *([row[at] for at in order] for row in edited), header=[HEADER[at] for at in order]
    )
    found, findings = joined(moved)
    assert findings == ()
    assert {one.clave for one in found} == {one.clave for one in joined(sheet(*PLAIN))[0]}


@given(st.lists(st.tuples(st.sampled_from(["La Paz", "La Pas", "El Ombú", "San José", ""]),
                          st.sampled_from(["7", "07", "007", "8", "10A", "Bajo", "?", "lote"]),
                          st.sampled_from(["0-20", "20-40", ""]))))  # fmt: skip
def test_every_row_is_a_job_or_is_named(rows: list[tuple[str, str, str]]) -> None:
    planilla = sheet(*([place, plot, "5/11/2026", depth] for place, plot, depth in rows))
    found, findings = joined(planilla)
    named = [int(one.item.split(",")[0].removeprefix("fila ")) for one in findings]
    assert sorted([one.fila.numero for one in found] + named) == [*range(2, len(rows) + 2)]
    assert len({one.clave for one in found}) == len(found)
