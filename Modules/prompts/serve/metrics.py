"""Figures of the executions for Prometheus: what waits now, and the last 24 hours.

A cost that nobody knows is counted apart and is never 0 USD.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from Modules.prompts.store import PromptStore
from Modules.words.exposition import Family, exposed

_OF_A_MODEL = (
    ("calls", "calls", "Pedidos a modelos en 24 horas."),
    ("prompt_tokens", "prompt_tokens", "Tokens de lo preguntado."),
    ("completion_tokens", "completion_tokens", "Tokens de lo contestado."),
    ("cost_usd", "cost_usd", "Costo que se conoce, en USD."),
    ("unknown_costs", "unknown_costs", "Pedidos cuyo costo no se conoce."),
    ("latency_p50_seconds", "latency_p50_s", "Latencia de la mitad de los pedidos."),
    ("latency_p95_seconds", "latency_p95_s", "Latencia de 95 de cada 100 pedidos."),
)


def metrics_text(store: PromptStore, now: datetime) -> str:
    """Every figure."""
    begun = now - timedelta(hours=24)
    rows, of = store.costs(begun, by="model"), store.states(begun)
    states = [({"flow": name, "state": how}, float(of[name, how])) for name, how in sorted(of)]
    failures = [
        ({"model": row.key, "cause": cause}, float(many))
        for row in rows
        for cause, many in sorted(row.failures.items())
    ]
    found: list[Family] = [
        ("waiting", "Ejecuciones que esperan a quien las haga.", [({}, store.waiting(now))]),
        ("executions_24h", "Ejecuciones aceptadas en 24 horas.", states),
        ("failures_24h", "Pedidos que fallaron, por causa.", failures),
    ]
    for name, what, said in _OF_A_MODEL:
        values = [(row.key, getattr(row, what)) for row in rows]
        samples = [({"model": key}, float(value)) for key, value in values if value is not None]
        found.append((f"{name}_24h", said, samples))
    return exposed((f"lindero_prompts_{name}", said, samples) for name, said, samples in found)
