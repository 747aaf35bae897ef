"""A candidate against another version: the same cases, the same number of times, taking turns.

Who goes first changes from one turn to the next, so what a provider does at one hour it does to
both. A pair of which a side got no answer (429, 5xx, after every retry) counts for neither side.
It is told as a table in Spanish for people, as plain JSON for machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from statistics import median
from typing import Any, Final

from Modules.prompts.calls.asking import Caller, Tool
from Modules.prompts.calls.engine import Journal
from Modules.prompts.files.bundle import Bundle
from Modules.prompts.files.models import Eval
from Modules.prompts.judging.cases import Ran, Trial, answered
from Modules.prompts.judging.compare import Compared, Comparison, Passes, Verdict, compare
from Modules.words.errors import PromptFailed
from Modules.words.spanish import number

_NO_ANSWER = frozenset({"rate_limited", "unavailable"})  # says nothing of the prompt
_VERDICTS: Final = {
    Verdict.WORSE: "peor", Verdict.EQUAL: "igual", Verdict.BETTER: "mejor"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """What a version did with a case, or with all: US dollars or None, seconds (the median)."""

    cost_usd: Decimal | None
    latency_s: float
    wrong: str  # of the first answer that did not pass


@dataclass(frozen=True, slots=True)
class Evaluation:
    comparison: Comparison
    sides: Mapping[str, tuple[Side, Side]]  # case → candidate, against
    total: tuple[Side, Side]
    dropped: int  # pairs that count for nobody


async def evaluate(
    candidate: Bundle,
    against: Bundle,
    evals: Sequence[Eval],
    caller_for: Callable[[Trial], Caller],
    *,
    env: str,
    repeat: int,
    tools: Sequence[Tool] = (),
    at_once: int = 1,
    books: tuple[Journal | None, Journal | None] = (None, None),
) -> Evaluation:
    """Run both versions ``repeat`` times on every case, and compare them.

    ``books`` keep what the candidate and the other ask, and say what the month has spent.

    Raises:
        PipelineError: as ``answered``; no verdict is made of half an evaluation.
        PromptFailed: of one case more than half of the pairs got no answer.
    """
    several = len(evals) > 1
    named = {
        f"{one.name}: {case.name}" if several else case.name: (case, one.checks)
        for one in evals
        for case in one.cases
    }
    turns = [
        (name, side)
        for turn in range(repeat)
        for at, name in enumerate(named)
        for side in ((0, 1) if (turn + at) % 2 == 0 else (1, 0))
    ]
    bundles = (candidate, against)
    trials = [
        Trial(named[name][0], bundles[side], named[name][1], books[side]) for name, side in turns
    ]
    ran = await answered(trials, caller_for, env=env, tools=tools, at_once=at_once, stop=True)
    of: dict[str, tuple[list[Ran], list[Ran]]] = {name: ([], []) for name in named}
    for (name, side), one in zip(turns, ran, strict=True):
        of[name][side].append(one)
    passes = {name: _passes(name, pair) for name, pair in of.items()}
    whole = tuple([one for pair in of.values() for one in pair[side]] for side in (0, 1))
    return Evaluation(
        compare(passes),
        {name: (_side(one), _side(other)) for name, (one, other) in of.items()},
        (_side(whole[0]), _side(whole[1])),
        repeat * len(named) - sum(one.runs for one, _ in passes.values()),
    )


def _passes(name: str, pair: tuple[list[Ran], list[Ran]]) -> tuple[Passes, Passes]:
    kept = [
        (one, other)
        for one, other in zip(*pair, strict=True)
        if not {one.cause, other.cause} & _NO_ANSWER
    ]
    if 2 * len(kept) < len(pair[0]):
        told = f"el caso {name} quedó sin respuesta en {len(pair[0]) - len(kept)} de {len(pair[0])}"
        raise PromptFailed(f"{told} vueltas: no se compara nada. Probar más tarde", "unavailable")
    return (
        Passes(sum(not one.wrong for one, _ in kept), len(kept)),
        Passes(sum(not other.wrong for _, other in kept), len(kept)),
    )


def _side(ran: Sequence[Ran]) -> Side:
    calls = [call for one in ran for call in one.calls]
    known = not any(call.unpriced for call in calls)
    cost = sum((call.cost_usd for call in calls if call.cost_usd is not None), Decimal(0))
    wrong = next((one.wrong for one in ran if one.wrong), "")
    return Side(cost if known else None, median(one.latency_s for one in ran), wrong)


def rows_of(found: Evaluation) -> Iterator[tuple[str, ...]]:
    """A row for each case, and the total."""
    lines = [(n, one, found.sides[n]) for n, one in found.comparison.cases.items()]
    for name, one, sides in [*lines, ("total", found.comparison.total, found.total)]:
        yield (
            name,
            _rate(one.candidate),
            _rate(one.against),
            " / ".join(
                "desconocido" if s.cost_usd is None else number(s.cost_usd, 6) for s in sides
            ),
            " / ".join(number(side.latency_s, 2) for side in sides),
            number(one.p, 4),
            _VERDICTS[one.verdict]
            + (f": {sides[0].wrong}" if one.verdict is Verdict.WORSE else ""),
        )


def facts_of(found: Evaluation) -> dict[str, Any]:
    cases = found.comparison.cases
    return {
        "cases": [{"case": n, **_facts(one, found.sides[n])} for n, one in cases.items()],
        "total": _facts(found.comparison.total, found.total),
        "dropped": found.dropped,
    }


def _facts(one: Compared, sides: tuple[Side, Side]) -> dict[str, Any]:
    told = [
        {
            **asdict(of), "rate": of.rate, "interval": of.interval, **asdict(side),
            "cost_usd": None if side.cost_usd is None else str(side.cost_usd),
        }
        for of, side in zip((one.candidate, one.against), sides, strict=True)
    ]  # fmt: skip
    sums = {"gain": one.gain, "p": one.p, "verdict": one.verdict}
    return {"candidate": told[0], "against": told[1], **sums}


def _rate(passes: Passes) -> str:
    low, high = passes.interval
    return f"{passes.passed}/{passes.runs} ({number(100 * low, 0)}–{number(100 * high, 0)} %)"
