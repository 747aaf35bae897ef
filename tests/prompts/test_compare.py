"""The verdict on two versions: published values, exact sizes by another road, seeded simulation."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from Modules.prompts.judging.compare import (
    ALPHA,
    Passes,
    Verdict,
    boschloo,
    compare,
    holm,
    mantel_haenszel,
    noticed,
)

RATES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1.0)
DRAWS = 6000


@pytest.mark.parametrize(
    ("passed", "runs", "interval"),
    [  # Newcombe, Stat. Med. 17 (1998) 857, table I, method 3
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_the_interval_of_a_rate_is_the_published_one_of_wilson(
    passed: int, runs: int, interval: tuple[float, float]
) -> None:
    assert Passes(passed, runs).interval == pytest.approx(interval, abs=5e-5)


def test_nothing_that_ran_says_nothing() -> None:
    assert (Passes(0, 0).interval, Passes(0, 0).rate) == ((0.0, 1.0), 0.0)


def _fisher(one: int, other: int, n: int) -> float:
    both = one + other
    return sum(comb(n, i) * comb(n, both - i) for i in range(one, min(n, both) + 1)) / comb(
        2 * n, both
    )


@pytest.mark.parametrize("table", [(7, 2, 8), (10, 3, 10), (10, 1, 10), (4, 4, 5), (6, 0, 6)])
def test_boschloo_is_what_adding_up_every_table_gives(table: tuple[int, int, int]) -> None:
    """The definition, table by table in whole numbers; never above Fisher's own p."""
    one, other, n = table
    least = _fisher(one, other, n)
    extreme = [
        (i, j) for i in range(n + 1) for j in range(n + 1) if _fisher(i, j, n) <= least * (1 + 1e-9)
    ]
    worst = max(
        sum(comb(n, i) * comb(n, j) * r ** (i + j) * (1 - r) ** (2 * n - i - j) for i, j in extreme)
        for r in np.linspace(0, 1, 1001)
    )
    assert boschloo(one, other, n) == pytest.approx(min(1, 2 * worst), rel=1e-3)
    assert boschloo(one, other, n) == boschloo(other, one, n) <= min(1, 2 * least) * (1 + 1e-9)


def test_the_total_of_one_case_is_fishers_exact_test_of_the_tea() -> None:
    assert mantel_haenszel([(3, 1, 4)]) == pytest.approx(2 * 17 / 70)  # Fisher 1935, one side 17/70
    two = mantel_haenszel([(4, 0, 4), (4, 0, 4)])
    assert two == pytest.approx(2 / comb(8, 4) ** 2)


def test_holm_raises_each_by_those_that_are_no_smaller_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize(("runs", "cases"), [(10, 1), (10, 10), (30, 5)])
def test_equal_versions_are_called_different_no_more_often_than_promised(
    runs: int, cases: int
) -> None:
    """Thousands of evaluations of equal versions, at every sort of rate: seeded."""
    rng, verdicts = np.random.default_rng(20261130), 0
    for draw in range(DRAWS):
        rates = rng.choice(RATES, cases) if draw % 2 else np.full(cases, rng.choice(RATES))
        a, b = rng.binomial(runs, rates), rng.binomial(runs, rates)
        found = compare(
            {
                str(n): (Passes(int(x), runs), Passes(int(y), runs))
                for n, (x, y) in enumerate(zip(a, b, strict=True))
            }
        )
        verdicts += any(
            one.verdict is not Verdict.EQUAL for one in (*found.cases.values(), found.total)
        )
    # 99.9 % of experiments with a rate of ALPHA stay at or below: mean 6, deviation 2.4
    assert verdicts <= DRAWS * ALPHA + 3.3 * (DRAWS * ALPHA) ** 0.5


def test_no_rate_makes_the_false_alarm_of_a_case_larger_than_promised() -> None:
    """Every table of ten against ten, weighed exactly: no draw, no luck."""
    n = np.arange(11)
    ways = np.array([comb(10, int(i)) for i in n])
    called = np.array([[boschloo(i, j, 10) <= ALPHA for j in n] for i in n])
    for rate in np.linspace(0, 1, 997):
        chance = ways * rate**n * (1 - rate) ** (10 - n)
        assert chance @ called @ chance <= ALPHA * 1.001
    chance = ways * 0.5**10
    assert chance @ called @ chance > ALPHA / 4  # and it is no test that is always silent


@pytest.mark.parametrize(
    ("runs", "cases", "most"),
    [(5, 1, None), (10, 1, 3), (10, 10, 1), (20, 10, 9), (30, 10, 18), (50, 10, 37)],
)
def test_what_is_seen_of_a_case_that_always_passed(runs: int, cases: int, most: int | None) -> None:
    """The table of docs/confiabilidad.md."""
    assert noticed(runs, cases) == most
    for passed in [] if most is None else (most, most + 1):
        pairs = {"peor": (Passes(passed, runs), Passes(runs, runs))}
        pairs |= {str(n): (Passes(1, runs), Passes(1, runs)) for n in range(cases - 1)}
        worse = compare(pairs).cases["peor"].verdict is Verdict.WORSE
        # Holm's step: the case is the first or, where the total is clearer, the second
        assert worse or passed > most


@pytest.mark.parametrize("gain", [0.77, 0.92])
def test_the_power_at_ten_repeats_is_what_the_docs_say(gain: float) -> None:
    cases = {0.77: 1, 0.92: 10}[gain]
    rng, seen = np.random.default_rng(7), 0
    for _ in range(1000):
        pairs = {"x": (Passes(int(rng.binomial(10, 1 - gain)), 10), Passes(10, 10))}
        pairs |= {str(n): (Passes(9, 10), Passes(9, 10)) for n in range(cases - 1)}
        seen += compare(pairs).cases["x"].verdict is Verdict.WORSE
    assert seen > 760  # four in five, less three deviations


def test_many_small_losses_are_seen_in_the_total_alone() -> None:
    found = compare({str(n): (Passes(5, 10), Passes(9, 10)) for n in range(10)})
    assert {one.verdict for one in found.cases.values()} == {Verdict.EQUAL}
    assert (found.total.verdict, found.total.gain) == (Verdict.WORSE, pytest.approx(-0.4))
    assert found.refused(0) == ("el total empeoró",)


def test_a_gain_that_is_asked_for_must_be_measured_and_no_chance() -> None:
    better = compare({str(n): (Passes(9, 10), Passes(3, 10)) for n in range(5)})
    assert better.total.verdict is Verdict.BETTER
    assert better.refused(0.5) == ()
    assert "no llega a 0,7" in better.refused(0.7)[0]
    lucky = compare({"a": (Passes(9, 10), Passes(7, 10))})
    assert lucky.refused(0) == ()
    assert "no se distingue del azar" in lucky.refused(0.1)[0]


def test_one_case_that_got_worse_refuses_a_better_total() -> None:
    pairs = {str(n): (Passes(20, 20), Passes(5, 20)) for n in range(4)}
    found = compare(pairs | {"roto": (Passes(0, 20), Passes(20, 20))})
    assert found.total.verdict is Verdict.BETTER
    assert found.refused(0.1) == ("el caso roto empeoró",)


def test_sides_that_did_not_run_equally_often_are_not_judged() -> None:
    with pytest.raises(ValueError, match="as many answers"):
        compare({"a": (Passes(1, 2), Passes(1, 3))})
    with pytest.raises(ValueError, match="each case"):
        compare({})
