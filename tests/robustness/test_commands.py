"""The long checks that no test runs: each module of theirs can still be imported."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = sorted(one.stem for one in HERE.glob("*.py") if not one.stem.startswith("test_"))


@pytest.mark.parametrize("name", MODULES)
def test_a_long_check_can_be_started(name: str) -> None:
    import_module(f"tests.robustness.{name}")
