"""What a job came to: figures for machines, a summary and a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from Modules.words.errors import PipelineError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to: figures for machines, a summary and a table for people."""

    data: Mapping[str, Any]
    markdown: str
    calidad: Sequence[Mapping[str, Any]] = ()
    error: PipelineError | None = None
