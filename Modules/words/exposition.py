"""Figures as Prometheus reads them: text exposition format 0.0.4, gauges only. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]  # labels and value
Family = tuple[str, str, Sequence[Sample]]  # name, help, samples


def exposed(families: Iterable[Family], labels: Mapping[str, str] | None = None) -> str:
    """Every family with samples, its HELP and TYPE; ``labels`` go before a sample's own."""
    lines: list[str] = []
    for name, told, samples in families:
        if samples:
            lines += [f"# HELP {name} {told}", f"# TYPE {name} gauge"]
        for own, value in samples:
            pairs = {**(labels or {}), **own}.items()
            said = ",".join(f'{key}="{_escaped(text)}"' for key, text in pairs)
            lines.append(f"{name}{{{said}}} {value:.15g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
