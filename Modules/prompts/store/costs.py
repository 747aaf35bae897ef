"""What executions cost: exact sums, with what nobody knows counted beside them, never as 0."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import PlainSerializer
from sqlalchemy import select

from Modules.prompts.store.database import Database
from Modules.prompts.store.executions import unpriced
from Modules.prompts.store.tables import calls, executions

By: TypeAlias = Literal["flow", "model", "env", "client", "day"]


def _plain(usd: Decimal) -> str:
    return f"{usd:f}"


# no "{:f}".format: from Python 3.13 on pydantic refuses the signature of a built-in method
_AS_TEXT: Final = PlainSerializer(_plain, return_type=str, when_used="unless-none")


@dataclass(slots=True)
class Costs:
    """US dollars as far as known, None where nothing is; ``unknown_costs`` counts answers whose
    cost nobody knows.

    ``failures`` are requests by cause, ``executions`` those that were accepted or asked a model,
    latencies seconds of one request: of the half, and of 95 in 100.
    """

    key: str
    calls: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Annotated[Decimal | None, _AS_TEXT] = Decimal(0)
    unknown_costs: int = 0
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    executions: int = 0


class Prices(Database):
    def costs(self, since: datetime, by: By) -> list[Costs]:
        """A row a flow, model, environment, client or day (UTC), in order, since a moment."""
        of, one = executions.c, calls.c
        key = {"flow": of.name, "env": of.env, "client": of.client, "model": one.model}.get(by)
        accepted = of.created_at if key is None else key
        asked = one.started_at if key is None else key
        told = (one.execution, one.outcome, one.prompt_tokens, one.completion_tokens)
        each = select(asked, *told, one.cost_usd, unpriced(), one.latency_s)
        each = each.join(executions, of.number == one.execution).where(one.started_at >= since)
        rows: dict[str, Costs] = {}
        known: dict[str, Decimal] = {}
        latencies: dict[str, list[float]] = {}
        seen: set[tuple[str, int]] = set()
        with self.reading() as connection:
            if by != "model":  # one that asked no model yet counts too
                every = select(accepted, of.number).where(of.created_at >= since)
                seen |= {(_key(value), number) for value, number in connection.execute(every)}
            for value, number, outcome, into, out, cost, unknown, latency_s in connection.execute(
                each
            ):
                name = _key(value)
                row = rows.setdefault(name, Costs(name))
                row.calls += 1
                if outcome != "ok":
                    row.failures[outcome] = row.failures.get(outcome, 0) + 1
                row.prompt_tokens += into or 0
                row.completion_tokens += out or 0
                if cost is not None:
                    known[name] = known.get(name, Decimal(0)) + cost
                row.unknown_costs += bool(unknown)
                latencies.setdefault(name, []).append(latency_s)
                seen.add((name, number))
        for name, many in Counter(name for name, _ in seen).items():
            rows.setdefault(name, Costs(name)).executions = many
        for name, found in latencies.items():
            row, found = rows[name], sorted(found)
            if name in known or row.unknown_costs:
                row.cost_usd = known.get(name)
            row.latency_p50_s, row.latency_p95_s = _rank(found, 0.50), _rank(found, 0.95)
        return [rows[name] for name in sorted(rows)]


def _key(value: Any) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d}" if isinstance(value, datetime) else str(value)


def _rank(values: Sequence[float], share: float) -> float:
    """The least of sorted values that so many of them do not pass (nearest rank)."""
    return values[math.ceil(share * len(values)) - 1]
