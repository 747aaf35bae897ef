"""What a job came to, and each product folder of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from Modules.disk.publish import Published
from Modules.words.errors import PipelineError
from Modules.words.spanish import inesperada


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to: figures for machines, a summary and a table for people."""

    data: Mapping[str, Any] = field(default_factory=dict)
    markdown: str = ""
    calidad: Sequence[Mapping[str, Any]] = ()
    error: PipelineError | None = None
    aviso: str = ""  # Spanish: what people must be told of although the run did its job
    parcial: bool = False  # a part was done and another was not, with an error or a warning


@dataclass(frozen=True, slots=True)
class Resultado:
    carpeta: str
    folder: Path
    published: Published | None = None
    error: Exception | None = None
    avisos: tuple[str, ...] = ()

    @property
    def falla(self) -> str:
        if isinstance(self.error, PipelineError):
            return str(self.error)
        return inesperada(type(self.error).__name__)

    def to_dict(self) -> dict[str, Any]:
        """For machines: what was done, or what went wrong."""
        if self.published is None:
            return {"error": self.falla}
        return {
            "folder": str(self.folder),
            "written": len(self.published.written),
            "unchanged": len(self.published.unchanged),
            "removed": len(self.published.removed),
            "pending": list(self.published.pending),
            "edited": list(self.published.edited),
        }
