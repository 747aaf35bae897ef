"""The long checks that no test runs: each that docs/confiabilidad.md names can be started."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from Modules.settings import PROJECT_ROOT

NAMED = sorted(
    set(
        re.findall(
            r"python -m (tests\.robustness\.\w+)",
            (PROJECT_ROOT / "docs" / "confiabilidad.md").read_text(encoding="utf-8"),
        )
    )
)


def test_the_page_names_long_checks() -> None:
    assert "tests.robustness.watched_week" in NAMED


@pytest.mark.parametrize("module", NAMED)
def test_a_long_check_can_be_started(module: str) -> None:
    assert callable(import_module(module).main)
