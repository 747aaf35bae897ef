"""What a run of field work leaves to be looked at: a JSON file a step, all in one folder a run.

``<outputs>/corridas/<flow>/2026-11-03T120000Z/paso1_planillas.json``: ``metadata`` and ``data``.
They hold what sheet and issues hold, and no secret: no request, header or address of a login.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from Modules.disk.json_files import to_json
from Modules.disk.safe_files import make_folder, write_new

CARPETA: Final = "corridas"
_Z: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Traces:
    """The folder of one run of a flow."""

    folder: Path
    workflow: str

    @classmethod
    def begin(cls, outputs: Path, workflow: str, start: datetime) -> Self:
        """A new folder, by the moment in UTC; nothing is made before the first step.

        ``outputs`` is that of the mode: ``test_outputs`` in a trial.
        """
        stem = outputs / CARPETA / workflow / f"{start.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"
        names = (stem if at == 1 else stem.with_name(f"{stem.name}-{at}") for at in count(1))
        return cls(next(one for one in names if not one.exists()), workflow)

    def step(
        self, name: str, source: str, data: Sequence[Mapping[str, Any]], now: datetime
    ) -> None:
        """Write the file of a step.

        Raises:
            PublishError: the disk refused.
        """
        metadata = {
            **{"workflow": self.workflow, "executed_at": f"{now.astimezone(UTC):{_Z}}"},
            **{"source": source, "record_count": len(data), "format": "json"},
        }
        make_folder(self.folder)
        page = {"metadata": metadata, "data": [dict(row) for row in data]}
        write_new(self.folder / f"{name}.json", to_json(page))
