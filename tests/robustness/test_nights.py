"""The short form of ``nights``: the verdict neither cries wolf nor sleeps.

On a third of its company, with as many lotes a campo; the whole of it is what the command is for.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from Modules.demo.plan import Size
from Modules.night.tables import Tables
from tests.robustness.nights import (
    History,
    bleeds,
    false_refusals,
    first_night,
    missed_drops,
    without,
)

pytestmark = pytest.mark.integration  # long rather than wide
THIRD = Size(campos=20, lotes=500, ambientes=833, marcadores=833)


@pytest.fixture(scope="module")
def company() -> Tables:
    return first_night(size=THIRD)


def test_a_week_of_a_company_at_work_are_accepted() -> None:
    assert false_refusals(8, size=THIRD) == []


def test_a_bleed_is_stopped_by_the_fourth_night() -> None:
    assert max(bleeds([7], before=2, size=THIRD)) <= 4


def test_no_drop_of_a_tenth_is_missed() -> None:
    assert missed_drops(6, size=THIRD) == []


def test_what_leaves_with_two_lotes_is_no_loss_of_its_own(company: Tables) -> None:
    ambientes = company.ambientes.groupby("lote_id").size()
    lotes = company.lotes.set_index("lote_id")["campo_id"]
    by_campo = lotes.groupby(lotes).size()
    campo = by_campo[by_campo.between(15, 30)].index[0]
    richest = ambientes[lotes[lotes == campo].index.intersection(ambientes.index)].nlargest(2)
    history = History(company)
    assert history.judge(without(company, list(richest.index))).accepted


def test_ambientes_that_leave_lotes_which_stay_are_refused(company: Tables) -> None:
    counts = company.ambientes.groupby("campo_id").size()
    campo = counts[counts >= 20].index[0]
    gone = company.ambientes[company.ambientes["campo_id"] == campo]["ambiente_id"].iloc[:12]
    left = company.ambientes[~company.ambientes["ambiente_id"].isin(gone)]
    verdict = History(company).judge(replace(company, ambientes=left))
    assert [check.what for check in verdict.checks if check.is_error] == ["ambientes por campo"]
