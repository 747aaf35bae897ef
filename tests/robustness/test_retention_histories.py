"""Generated histories through retention: no difference from the plain model, which bites."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.robustness import retention_histories
from tests.robustness.retention_histories import History, Score, main, model

pytestmark = pytest.mark.integration  # long rather than wide


def test_the_short_form_finds_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--short"]) == 0
    said = capsys.readouterr().out
    assert "figure: retention: 300 histories" in said
    assert "0 differences, 0 last good ones lost" in said


@pytest.mark.parametrize("field", ["daily", "weekly", "monthly", "quarantine_days"])
def test_a_rule_that_is_off_by_one_is_found(
    field: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The comparison itself is tried: with other rules than the model's there are differences."""

    def other(every, rules, now):  # type: ignore[no-untyped-def]
        return model(every, replace(rules, **{field: getattr(rules, field) + 1}), now)

    monkeypatch.setattr(retention_histories, "model", other)
    assert main(["--histories", "60"]) == 1
    assert " 0 differences" not in capsys.readouterr().out


def test_histories_hold_what_they_promise() -> None:
    """Refused, unverified, equal and contradicting nights are all there."""
    seen = set()
    for seed in range(40):
        history = History(random.Random(seed))
        for _ in range(40):
            history.night()
        for one in history.there:
            seen |= {("accepted", one.accepted), ("verified", one.verified)}
            seen.add(("equal", one.first_equal is not None))
        score = history.prune(Score())
        seen.add(("refused", score.refused > 0))
        seen.add(("removed", score.removed > 0))
    assert len(seen) == 10
