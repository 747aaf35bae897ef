"""Spellings of crops lead to their code; what is unknown stays as written."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from Modules.words.cultivos import CATALOGUE, GREY, OTRO, Cultivo, canonical, fold, merge


@pytest.mark.parametrize(
    ("code", "spellings"),
    [
        ("SOJ1", ["Soja 1ra", "SOJA 1º", "soja 1ª", "Soja 1.ª", "soja de primera", "SOJ1"]),
        ("SOJ2", ["Soja 2da", "soja de 2da", "SOJA 2º", "Soja 2ra"]),
        ("SOJ2", ["soja II", "soja segunda", "Soja2da", " soja  2 da "]),
        ("MAI1", ["Maíz temprano", "MAIZ TEMPRANO", "Maíz 1ra", "maíz de primera"]),
        ("MAIT", ["Maíz tardío", "maiz tardio", "Mai\u0301z tardi\u0301o"]),
        ("MAI2", ["Maíz 2da", "maiz 2do", "Maíz de 2da"]),
        ("TRI", ["Trigo", "TRIGO", "trigo pan"]),
        ("CEB", ["Cebada", "cebada cervecera", "Cebada forrajera"]),
        ("GIR", ["Girasol", "Girasol 1ro", "girasol 2do"]),
        ("SOR", ["Sorgo", "sorgo granífero"]),
        ("MAN", ["Maní", "mani"]),
        ("CC", ["CC", "cc", "Cultivo de cobertura", "Cultivo de servicio", "CS"]),
        ("BAR", ["Barbecho"]),
        ("SOJ", ["Soja", "SOYBEAN"]),
        ("MAI", ["Maíz", "Corn"]),
    ],
)  # fmt: skip
def test_known_spellings(code, spellings):
    for text in spellings:
        assert canonical(None, text) == code, text


@pytest.mark.parametrize(
    "text", ["Caña de azúcar", "Soja 21", "Soja 1ra o 2da", "Trigo candeal", ""]
)
def test_an_unknown_crop_has_no_code(text):
    assert canonical(None, text) is None


def test_first_and_second_sowing_are_never_folded_together():
    codes = {canonical(None, text) for text in ("Soja", "Soja 1ra", "Soja 2da")}
    assert len(codes) == 3


def test_each_code_and_each_name_leads_to_its_own_crop():
    for code, crop in CATALOGUE.items():
        assert canonical(None, code) == (None if code == OTRO else code)
        assert canonical(None, crop.nombre.upper()) == (None if code == OTRO else code)


@example("/\ue000")
@example("_¼")  # an ordinal after "_" was seen by the second folding alone
@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_folding_never_raises_and_folding_again_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
    canonical(None, text)


def test_the_portal_wins_for_name_and_colour_and_its_own_crops_are_known():
    own = [
        ("17", Cultivo("SOJ2", "Soja de segunda", "soja", 2, "#123456")),
        ("AVE", Cultivo("AVE", "Avena", "avena", 1, "#ABCDEF")),
    ]
    crops = merge(own)
    for found in (crops.find("17", None), crops.find("soj2", None), crops.find(None, "SOJA 2DA")):
        assert found == own[0][1]
    assert crops.find("ave", None) == crops.find(None, "avena") == own[1][1]
    assert crops.find("ZZZ", "Chía") is None


def test_a_code_of_others_does_not_hide_a_known_name():
    found = merge().find(OTRO, "Girasol")
    assert found is not None
    assert found.codigo == "GIR"
    assert canonical("99", "soja de 2da") == "SOJ2"
    assert canonical("99", "Chía") is None
    assert CATALOGUE[OTRO].color == GREY
