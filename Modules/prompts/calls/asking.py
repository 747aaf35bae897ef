"""What a step asks of a model, what comes back, and what is kept of each request.

Costs are US dollars as ``Decimal``; None is unknown, which is never 0. Times are UTC, latencies
seconds. Nothing here holds a key: a ``ModelRef`` names the one that is meant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypeAlias

JSON: TypeAlias = Any  # None, bool, int, float, str, list or dict of these
CostSource: TypeAlias = Literal["provider", "prices"]


class Missing(Enum):
    """Nothing is kept: an output may well be null."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model where it is to be had; ``price`` is US dollars a million tokens in and out."""

    alias: str
    provider: str
    type: Literal["openrouter", "openai", "local"]
    base_url: str
    model: str
    key_name: str | None = None
    price: tuple[Decimal, Decimal] | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """Something of ours that a model may ask for; ``run`` takes its arguments as keywords."""

    name: str
    description: str
    schema: Mapping[str, JSON]
    run: Callable[..., JSON] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """One step, rendered. ``retries`` are beside the first request; the one repair is apart."""

    step: str
    task: str
    model: ModelRef
    system: str
    prompt: str
    schema: Mapping[str, JSON]
    params: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = 60
    retries: int = 2
    tools: tuple[Tool, ...] = ()
    tool_steps: int = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """An output that its schema allows, and the text that it was read of."""

    output: JSON
    raw: str


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One request that left, whatever became of it; ``outcome`` is ``ok`` or a cause."""

    step: str
    attempt: int  # from 1, counted through the step
    alias: str
    model: str
    provider: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: Decimal | None
    cost_source: CostSource | None
    latency_s: float
    outcome: str
    started_at: datetime

    @property
    def unpriced(self) -> bool:
        """A model answered, and what that costs nobody knows; a request that failed is none."""
        answered = self.outcome in ("ok", "schema", "truncated") or self.prompt_tokens is not None
        return answered and self.cost_usd is None


class Caller(Protocol):
    def __call__(
        self, ask: Ask, *, record: Callable[[CallRecord], None], allow: Callable[[], None]
    ) -> Awaitable[Reply]:
        """The reply; ``allow`` is asked before each request, ``record`` told after it.

        Both may touch a database: they are called in a thread, and waited for.

        Raises:
            PromptFailed: by cause; BudgetSpent is what ``allow`` raises.
            SettingsError: the model's key is missing.
        """
        ...
