"""Answers that are older than the last accepted night's, and what only looks so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from Modules.words.domain import Recurso
from tests.night.answered import (
    Answered,
    Item,
    answered,
    changed,
    company,
    dated,
    items,
    judged,
    refusals,
    warnings,
)

NIGHT = datetime(2025, 11, 26, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WITH_TIMES = (Recurso.ZONAS, Recurso.CAMPOS, Recurso.LOTES, Recurso.AMBIENTES, Recurso.MARCADORES)


@pytest.mark.parametrize("kind", ["snapshot_at", "Date", "Last_Modified"])
def test_a_moment_that_goes_back_is_refused_with_how_far_for_each_list(kind: str) -> None:
    def all_dated(at: datetime) -> Answered:
        night = company()
        for recurso in Recurso:
            night = dated(night, recurso, **{kind: at})
        return night

    for back, accepted in ((3 * DAY, False), (timedelta(minutes=10), True), (-DAY, True)):
        verdict = judged(all_dated(NIGHT - back), all_dated(NIGHT))
        assert verdict.accepted == accepted, (back, refusals(verdict))
        if not accepted:
            whys = refusals(verdict)
            begun = {f"{one}: no es más viejo que la última noche" for one in Recurso}
            assert {": ".join(why.split(": ")[:2]) for why in whys} == begun
            assert len(whys) == len(begun)
            told = "es de 23/11/2025 06:00 UTC, 3 días antes que 26/11/2025 06:00 UTC"
            assert all(told in why for why in whys)


def test_a_portal_that_says_no_moment_is_no_older_one() -> None:
    silent, said = company(), dated(company(), Recurso.LOTES, snapshot_at=NIGHT)
    assert judged(silent, silent).accepted
    assert judged(said, silent).accepted
    stopped = judged(silent, said)
    assert stopped.accepted
    assert any("ya no trae snapshot_at" in one for one in warnings(stopped))
    assert judged(said, said, unseen=True).accepted, "a manifest of an older version"


@pytest.mark.parametrize("recurso", WITH_TIMES)
def test_rows_that_go_back_are_refused_list_by_list(recurso: Recurso) -> None:
    def older(item: Item) -> Item:
        at = datetime.fromisoformat(item["updated_at"]) - 2 * DAY
        return {**item, "updated_at": at.isoformat()}

    (why,) = refusals(judged(answered(changed(items(), recurso, older)), company()))
    assert why.startswith(f"{recurso}: no es más viejo que la última noche: ")
    assert "2 días antes" in why


def test_yesterdays_company_is_refused_and_tomorrows_is_not() -> None:
    older, newer = company(2), company(5)
    assert judged(newer, older).accepted
    assert any("updated_at retrocede" in one for one in refusals(judged(older, newer)))


def test_the_newest_rows_may_be_taken_out() -> None:
    """The newest updated_at then goes back, and with it a Last-Modified that is made of it."""
    night = items(5)
    marks = sorted(night[Recurso.MARCADORES], key=lambda one: one["updated_at"])
    left = {**night, Recurso.MARCADORES: marks[:-2]}
    newest = [datetime.fromisoformat(one["updated_at"]) for one in (marks[-1], marks[-3])]
    assert newest[0] - newest[1] > timedelta(minutes=15)
    before = dated(company(5), Recurso.MARCADORES, Last_Modified=newest[0])
    fewer = answered(left)
    verdict = judged(dated(fewer, Recurso.MARCADORES, Last_Modified=newest[1]), before)
    assert verdict.accepted
    assert not [one for one in warnings(verdict) if "más viejo" in one]
    stale = dated(fewer, Recurso.MARCADORES, Last_Modified=newest[1] - DAY)
    assert not judged(stale, before).accepted
    back = [*marks[:-2], {**marks[0], "id": "m-back"}]
    returned = judged(answered({**night, Recurso.MARCADORES: back}), company(5))
    assert any("y hay 1 que anoche no estaban" in one for one in warnings(returned))


@pytest.mark.parametrize(("gone", "estado", "told"), [
    (5, "planificado", "refused"), (4, "planificado", "warned"), (5, "hecho", "fine"),
])  # fmt: skip
def test_a_list_without_its_five_newest_rows_is_an_older_list(
    gone: int, estado: str, told: str
) -> None:
    night = items(5)
    marks = sorted(night[Recurso.MARCADORES], key=lambda one: one["updated_at"])
    start = datetime.fromisoformat(marks[-1]["updated_at"])
    fresh = [
        {**marks[at], "id": f"m-new-{at}", "estado": estado, "lote_id": marks[at]["lote_id"],
         "updated_at": (start + at * DAY).isoformat()}
        for at in range(1, gone + 1)
    ]  # fmt: skip
    before = answered({**night, Recurso.MARCADORES: [*marks, *fresh]})
    verdict = judged(answered({**night, Recurso.MARCADORES: marks}), before)
    said = {
        "refused": [one for one in refusals(verdict) if "más viejo" in one],
        "warned": [one for one in warnings(verdict) if "más viejo" in one],
    }
    assert {name for name, lines in said.items() if lines} == {told} - {"fine"}
    assert all(f"faltan {gone} filas más nuevas" in one for lines in said.values() for one in lines)


def test_one_row_that_goes_back_is_a_warning() -> None:
    night = items()
    mark = night[Recurso.MARCADORES][0]
    mark["updated_at"] = (datetime.fromisoformat(mark["updated_at"]) - DAY).isoformat()
    verdict = judged(answered(night), company())
    assert verdict.accepted
    assert any("updated_at retrocede en 1 filas" in one for one in warnings(verdict))


def test_a_list_of_yesterday_beside_others_of_today_warns() -> None:
    def night(at: datetime, marks_at: datetime) -> Answered:
        found = company()
        for recurso in Recurso:
            moment = marks_at if recurso is Recurso.MARCADORES else at
            found = dated(found, recurso, snapshot_at=moment)
        return found

    stale = judged(night(NIGHT + DAY, NIGHT), night(NIGHT, NIGHT))
    assert stale.accepted
    (said,) = [one for one in warnings(stale) if one.startswith("listas de la misma noche")]
    assert "marcadores: snapshot_at es de 26/11/2025 06:00 UTC" in said
    for good in (
        judged(night(NIGHT + DAY, NIGHT + DAY), night(NIGHT, NIGHT)),
        judged(night(NIGHT + DAY, NIGHT), night(NIGHT, NIGHT - DAY)),  # each has its own
    ):
        assert not [one for one in warnings(good) if "misma noche" in one]


@pytest.mark.parametrize(("ahead", "severity"), [(0, "fine"), (1, "warned"), (48, "refused")])
def test_rows_of_days_that_have_not_come_would_make_every_night_after_them_older(
    ahead: int, severity: str
) -> None:
    night = items()
    for lote in night[Recurso.LOTES][:ahead]:
        lote["updated_at"] = "2031-01-01T00:00:00-03:00"
    now = judged(dated(answered(night), Recurso.LOTES, Date=NIGHT))  # a first night too
    said = [refusals(now), warnings(now)]
    found = [any("cambios de días que ya pasaron" in one for one in some) for some in said]
    assert found == [severity == "refused", severity == "warned"]
