"""The five processes, once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack.plataforma import Plataforma, new_plataforma


@pytest.fixture(scope="session")
def plataforma() -> Iterator[Plataforma]:
    """The real five processes, started by ``lindero stack up``."""
    with new_plataforma({"LINDERO_DEMO_SIZE": "mini"}) as started:
        started.up()
        yield started
