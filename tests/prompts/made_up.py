"""A bundle and a call record without files or a model."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from Modules.prompts.calls.asking import CallRecord
from Modules.prompts.files.bundle import Bundle

_MADE = itertools.count()
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def bundle(prompt: str = "Contar", name: str = "contar") -> Bundle:
    """Another prompt is another content."""
    task = {"version": 1, "name": name, "model": "chico", "system": "", "prompt": prompt}
    step = {"id": "unico", "task": name, "with": "$input"}
    provider = {"type": "local", "base_url": "http://127.0.0.1:9/v1"}
    models = {"chico": {"provider": "aqui", "model": "m"}}
    flow = {"version": 1, "name": name, "input": {}, "steps": [step], "output": "$steps.unico"}
    return Bundle.of_content(
        {
            "kind": "task",
            "flow": flow,
            "tasks": {name: {**task, "input": {}, "output": {}}},
            "models": {"version": 1, "providers": {"aqui": provider}, "models": models},
        }
    )


def call(**told: Any) -> CallRecord:
    """One that cost a tenth of a cent, where nothing else is told; no two begin at one moment."""
    plain: dict[str, Any] = {
        **{"step": "unico", "attempt": 1, "alias": "chico", "model": "m", "provider": "aqui"},
        **{"prompt_tokens": 10, "completion_tokens": 2, "cost_usd": Decimal("0.001")},
        **{"cost_source": "prices", "latency_s": 0.5, "outcome": "ok", "started_at": NOW},
    }
    made = CallRecord(**{**plain, **told})
    return replace(made, started_at=made.started_at + timedelta(microseconds=next(_MADE)))
