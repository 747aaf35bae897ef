"""Two versions on the same cases: which passes more often, beyond what chance does.

Each side answered a case n times, and some of these passed. A case is judged by Boschloo's exact
test, all cases together by the exact test of Mantel and Haenszel, and of the M + 1 verdicts of an
evaluation no more than one in ``1 / ALPHA`` evaluations of equal versions holds a wrong one
(Holm's correction, valid however the cases hang together). It is exact: nothing is said of how
many repeats are "enough" for a normal curve, and few repeats only make it silent, never wrong.

* Wilson, J. Am. Stat. Assoc. 22 (1927) 209: the interval of a rate; taken after Brown, Cai and
  DasGupta, Stat. Sci. 16 (2001) 101. It is for the reader; no verdict is made of it.
* Boschloo, Stat. Neerlandica 24 (1970) 1: Fisher's p as the statistic, and its probability under
  the worst common rate. Never weaker than Fisher's own test, which n = 10 leaves nearly blind.
* Mantel and Haenszel, J. Natl. Cancer Inst. 22 (1959) 719, in the exact form of Gart (Biometrika
  57 (1970) 471): given how many passed in each case, the sum is a sum of hypergeometric counts.
* Holm, Scand. J. Stat. 6 (1979) 65.

The rates are of these cases and no others: nothing is said of a case that is not in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import comb, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from Modules.words.spanish import brief, number

ALPHA: Final = 0.001  # then 50 evaluations of equal versions are all silent with 95 % at the least
CONFIDENCE: Final = 0.95  # of the intervals that are shown
_RATES: Final = 513  # common rates that are tried; the function is smooth, of degree 2n
_TIE: Final = 1 + 1e-9  # two tables as extreme as each other, computed in another order


class Verdict(StrEnum):
    WORSE = "worse"
    EQUAL = "equal"  # not: the same; no more than chance does
    BETTER = "better"


@dataclass(frozen=True, slots=True)
class Passes:
    """How many of ``runs`` answers passed."""

    passed: int
    runs: int

    @property
    def rate(self) -> float:
        return self.passed / self.runs if self.runs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of the rate; all of 0 to 1 where nothing ran."""
        if not self.runs:
            return 0.0, 1.0
        z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
        share = z * z / self.runs
        middle = (self.rate + share / 2) / (1 + share)
        half = sqrt(share * (self.rate * (1 - self.rate) + share / 4)) / (1 + share)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Compared:
    candidate: Passes
    against: Passes
    p: float  # of a difference as large between equal versions, corrected for the verdicts beside

    @property
    def gain(self) -> float:
        return self.candidate.rate - self.against.rate

    @property
    def verdict(self) -> Verdict:
        if self.p > ALPHA or not self.gain:
            return Verdict.EQUAL
        return Verdict.BETTER if self.gain > 0 else Verdict.WORSE


@dataclass(frozen=True, slots=True)
class Comparison:
    cases: Mapping[str, Compared]
    total: Compared  # its passes are sums; its gain is that of the mean case where all ran as often

    def refused(self, min_gain: float) -> tuple[str, ...]:
        """Why the candidate is not to be taken: Spanish, a line each; none if it is good.

        A ``min_gain`` above 0 asks for a gain that is measured and no chance; 0 for no loss.
        """
        lines = [
            f"el caso {n} empeoró" for n, c in self.cases.items() if c.verdict is Verdict.WORSE
        ]
        if self.total.verdict is Verdict.WORSE:
            lines.append("el total empeoró")
        if min_gain > 0 and self.total.gain < min_gain:
            gain = number(self.total.gain, 3)
            lines.append(f"la ganancia total, {gain}, no llega a {brief(min_gain)}")
        elif min_gain > 0 and self.total.verdict is not Verdict.BETTER:
            lines.append("la ganancia total no se distingue del azar: hace falta repetir más")
        return tuple(lines)


def compare(cases: Mapping[str, tuple[Passes, Passes]]) -> Comparison:
    """Judge each case (candidate, against) and all of them together.

    Raises:
        ValueError: there is no case, or the two sides of one did not run equally often.
    """
    if not cases or any(one.runs != other.runs for one, other in cases.values()):
        raise ValueError("each case needs as many answers of one side as of the other")
    raw = [boschloo(one.passed, other.passed, one.runs) for one, other in cases.values()]
    if len(cases) > 1:  # of one case the total says the same
        raw.append(mantel_haenszel([(a.passed, b.passed, a.runs) for a, b in cases.values()]))
    judged = holm(raw)
    sides = [*cases.values()]
    whole = tuple(
        Passes(sum(pair[at].passed for pair in sides), sum(pair[at].runs for pair in sides))
        for at in (0, 1)
    )
    return Comparison(
        {n: Compared(*cases[n], p) for n, p in zip(cases, judged, strict=False)},
        Compared(whole[0], whole[1], judged[-1]),
    )


def boschloo(one: int, other: int, runs: int) -> float:
    """Two-sided p of ``one`` and ``other`` passes of ``runs`` each, under one common rate."""
    return min(1.0, 2 * float(_boschloo(runs)[max(one, other), min(one, other)]))


def noticed(runs: int, cases: int) -> int | None:
    """Of a case that always passed: how many passes of ``runs`` are called worse, at the most.

    The first of the verdicts of ``cases`` and their total is meant, the hardest one to reach.
    """
    level = ALPHA / (cases + 1 if cases > 1 else 1)
    return max((n for n in range(runs) if boschloo(runs, n, runs) <= level), default=None)


@cache
def _boschloo(runs: int) -> NDArray[np.float64]:
    """One-sided p of every table of ``runs`` and ``runs``: rows are the side that passed more."""
    counts = np.arange(runs + 1)
    ways = np.array([float(comb(runs, int(n))) for n in counts])
    fisher = np.array([[_hypergeometric(a + b, runs)[a:].sum() for b in counts] for a in counts])
    rates = np.linspace(0, 1, _RATES)[:, None]
    chance = ways * rates**counts * (1 - rates) ** (runs - counts)  # rate x passes
    order = np.argsort(fisher, axis=None)
    sums = np.zeros(_RATES)
    found = np.empty(fisher.size)
    flat, start = fisher.ravel()[order], 0
    while start < flat.size:  # tables as extreme as each other come in together
        end = int(np.searchsorted(flat, flat[start] * _TIE, side="right"))
        a, b = np.divmod(order[start:end], runs + 1)
        sums = sums + (chance[:, a] * chance[:, b]).sum(axis=1)
        found[order[start:end]] = sums.max()
        start = end
    table: NDArray[np.float64] = np.minimum(found, 1).reshape(fisher.shape)
    return table


@cache
def _hypergeometric(passed: int, runs: int) -> NDArray[np.float64]:
    """The chance that of ``passed`` passes in two times ``runs`` answers 0, 1, … are one side's."""
    ways = [comb(runs, n) * comb(runs, passed - n) if n <= passed else 0 for n in range(runs + 1)]
    whole = comb(2 * runs, passed)
    return np.array([way / whole for way in ways])


def mantel_haenszel(cases: Sequence[tuple[int, int, int]]) -> float:
    """Two-sided p of the sum of all cases (one, other, runs), whatever the rate of each is."""
    chance = np.ones(1)
    for one, other, runs in cases:
        chance = np.convolve(chance, _hypergeometric(one + other, runs))
    passed = sum(one for one, _, _ in cases)
    return float(min(1.0, 2 * min(chance[: passed + 1].sum(), chance[passed:].sum())))


def holm(p: Sequence[float]) -> list[float]:
    """These p, each raised so that all of them can be held against one level."""
    order = sorted(range(len(p)), key=p.__getitem__)
    raised, worst = [0.0] * len(p), 0.0
    for rank, at in enumerate(order):
        worst = max(worst, min(1.0, p[at] * (len(p) - rank)))
        raised[at] = worst
    return raised
