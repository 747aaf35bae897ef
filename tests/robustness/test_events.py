"""The short form of ``events``: no legitimate event is refused, no loss accepted."""

from __future__ import annotations

import pytest

from Modules.demo.plan import Size
from tests.robustness.events import LEGITIMATE, LOSSES, run, started
from tests.robustness.nights import History, bleeds

pytestmark = pytest.mark.integration  # long rather than wide
NINE_A_CAMPO = Size(campos=20, lotes=180, ambientes=366, marcadores=366)  # as SMALL_CAMPOS has


@pytest.fixture(scope="module")
def company() -> History:
    return started(1, Size(campos=8, lotes=96, ambientes=250, marcadores=400))


@pytest.mark.parametrize("name", LEGITIMATE)
def test_a_legitimate_event_is_never_refused(company: History, name: str) -> None:
    _, refused, said = run(company, LEGITIMATE[name], 1)
    assert refused == 0, said


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_refused(company: History, name: str) -> None:
    assert run(company, LOSSES[name], 1)[1] > 0


def test_a_bleed_is_stopped_in_the_second_night_where_campos_are_small() -> None:
    assert max(bleeds([3], before=2, size=NINE_A_CAMPO)) <= 2
