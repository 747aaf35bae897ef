"""``lindero run productos`` as people type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.conftest import Command, night_in
from tests.scripts.test_backup_lotes import contents

pytestmark = pytest.mark.integration

CARPETAS = {"cultivos", "muestreos", "sustentabilidad", "mapa", "maquinas", "informe"}
CARPETAS |= {"atlas", "proyecto", "qfield"}


def test_without_a_backup_it_says_so_in_one_line_and_writes_nothing(
    lindero: Command, tmp_path: Path
) -> None:
    answer = lindero("run", "productos", "--test")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "todavía no hay un backup aceptado" in answer.err
    assert answer.out == ""
    assert not (tmp_path / "test_outputs").exists()
    assert not (tmp_path / "outputs").exists()


def test_after_a_backup_it_rewrites_nothing(lindero: Command, tmp_path: Path) -> None:
    night_in(tmp_path, 0)
    before = contents(tmp_path / "test_outputs")
    assert {Path(name).parts[0] for name in before} >= CARPETAS

    answer = lindero("run", "productos", "--test", "--json")
    assert answer.code == 0, answer.err
    made = answer.json["data"]["productos"]
    assert set(made) >= CARPETAS
    assert {(one["written"], one["removed"]) for one in made.values()} == {(0, 0)}
    assert contents(tmp_path / "test_outputs") == before
