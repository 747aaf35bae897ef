"""An evaluation told: a table in Spanish for people, plain JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final

from Modules.prompts.judging.compare import Compared, Passes, Verdict
from Modules.prompts.judging.evaluate import Evaluation, Side
from Modules.words.spanish import number

_VERDICTS: Final = {
    Verdict.WORSE: "peor", Verdict.EQUAL: "igual", Verdict.BETTER: "mejor"
}  # fmt: skip


def rows_of(found: Evaluation) -> Iterator[tuple[str, ...]]:
    """A row for each case, and the total."""
    lines = [(n, one, found.sides[n]) for n, one in found.comparison.cases.items()]
    for name, one, sides in [*lines, ("total", found.comparison.total, found.total)]:
        yield (
            name,
            _rate(one.candidate),
            _rate(one.against),
            " / ".join(_usd(side.cost_usd) for side in sides),
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


def _usd(cost: Decimal | None) -> str:
    return "desconocido" if cost is None else number(float(cost), 6)
