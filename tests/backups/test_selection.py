"""One campo or lote, by id or name; twins are never guessed at."""

from __future__ import annotations

import pytest

from Modules.backups.selection import choose, only
from Modules.night.tables import Tables
from Modules.products.source import Fuente
from Modules.words.domain import Recurso
from Modules.words.errors import SettingsError
from tests.fuentes import campo, lote, tables_of


@pytest.fixture(scope="module")
def tables() -> Tables:
    return tables_of(
        {
            Recurso.CAMPOS: [campo(1, "La Güeya"), campo(2, "San José"), campo(3, "SAN JOSE")],
            Recurso.LOTES: [
                lote(1, "7", campo_at=1, cultivos=["Soja 1ra"]),
                lote(2, "7", campo_at=2),
                lote(3, "Ñandú 1/2", campo_at=2, cultivos=["Trigo", "Soja 2da"]),
                lote(4, "L1", campo_at=2),
            ],
        }
    )


def test_nothing_asked_is_nothing_chosen(tables: Tables) -> None:
    assert choose(tables, campo=None, lote=None) is None


@pytest.mark.parametrize("text", ["La Güeya", "la gueya", "  LA   GÜEYA ", "C1", "id=C1"])
def test_a_campo_is_found_as_people_type_it(tables: Tables, text: str) -> None:
    chosen = choose(tables, campo=text, lote=None)
    assert chosen is not None
    assert (chosen.campo_id, chosen.nombre) == ("C1", "La Güeya")


def test_twins_are_listed_and_refused(tables: Tables) -> None:
    with pytest.raises(SettingsError, match=r"a 'san jose' corresponden 2 campos; .*id=C2 .*id=C3"):
        choose(tables, campo="san jose", lote=None)
    with pytest.raises(
        SettingsError, match=r"a '7' corresponden 2 lotes.*campo La Güeya.*campo San José"
    ):
        choose(tables, campo=None, lote="7")


def test_the_campo_tells_twin_lotes_apart(tables: Tables) -> None:
    chosen = choose(tables, campo="id=C2", lote="7")
    assert chosen is not None
    assert (chosen.lote_id, chosen.nombre) == ("L2", "San José - 7")


def test_a_text_that_is_the_id_of_one_and_the_name_of_another_is_refused(tables: Tables) -> None:
    with pytest.raises(SettingsError, match=r"id=L1.*id=L4"):
        choose(tables, campo=None, lote="L1")
    chosen = choose(tables, campo=None, lote="id=L1")
    assert chosen is not None
    assert chosen.lote_id == "L1"


def test_what_is_not_there_is_refused_with_a_hint(tables: Tables) -> None:
    with pytest.raises(SettingsError, match=r"no hay un campo 'La Gueia'; ¿quiso decir La Güeya\?"):
        choose(tables, campo="La Gueia", lote=None)
    with pytest.raises(SettingsError, match="no hay un lote con el id 'zz'"):
        choose(tables, campo=None, lote="id=zz")
    with pytest.raises(SettingsError, match="no hay un lote 'Ñandú 1/2'"):
        choose(tables, campo="La Güeya", lote="Ñandú 1/2")


def test_a_campo_brings_what_belongs_to_it_and_nothing_else(tables: Tables) -> None:
    chosen = choose(tables, campo="id=C2", lote=None)
    assert chosen is not None
    part = only(tables, chosen)
    assert part.campos["campo_id"].tolist() == ["C2"]
    assert part.lotes["lote_id"].tolist() == ["L2", "L3", "L4"]
    assert set(part.siembras["lote_id"]) == {"L3"}
    assert part.lotes.crs == tables.lotes.crs


def test_campos_are_parts_of_the_whole(demo_fuente: Fuente) -> None:
    tables = demo_fuente.tables
    parts = []
    for campo_id in tables.campos["campo_id"]:
        chosen = choose(tables, campo=f"id={campo_id}", lote=None)
        assert chosen is not None
        parts.append(only(tables, chosen))
    for name in ("campos", "lotes", "siembras", "ambientes", "marcadores"):
        assert sum(len(part.as_dict()[name]) for part in parts) == len(tables.as_dict()[name])


def test_a_lote_brings_its_campo_siembras_ambientes_and_marcadores(demo_fuente: Fuente) -> None:
    tables = demo_fuente.tables
    lote_id = str(tables.ambientes["lote_id"].iloc[0])
    chosen = choose(tables, campo=None, lote=f"id={lote_id}")
    assert chosen is not None
    part = only(tables, chosen)
    assert part.lotes["lote_id"].tolist() == [lote_id]
    assert len(part.campos) == 1
    for name in ("siembras", "ambientes", "marcadores"):
        whole = tables.as_dict()[name]
        assert len(part.as_dict()[name]) == int((whole["lote_id"] == lote_id).sum())
    assert set(part.cultivos["cultivo_codigo"]) == set(part.siembras["cultivo_codigo"])
    region = part.campos["zona_id"].iloc[0]
    assert region in set(part.zonas["zona_id"])
