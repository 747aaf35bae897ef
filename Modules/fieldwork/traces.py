"""What a run of field work leaves to be looked at: a JSON file a step, in one folder a run.

``<outputs>/corridas/<flow>/2026-11-03T120000Z/paso1_planillas.json``: ``metadata`` and ``data``.
They hold what sheet and issues hold, nothing of a request. The last ``KEPT`` runs of a flow stay.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from pydantic import TypeAdapter

from Modules.disk.safe_files import entries, make_folder, remove_tree, write_new
from Modules.words.errors import PublishError

CARPETA: Final = "corridas"
KEPT: Final = 30
_PAGE: Final = TypeAdapter[Any](Any)
_RUN: Final = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z(-\d+)?")


@dataclass(frozen=True, slots=True)
class Traces:
    folder: Path
    workflow: str

    @classmethod
    def begin(cls, outputs: Path, workflow: str, start: datetime) -> Self:
        """Into a new folder, by the moment in UTC; ``outputs`` is that of the mode."""
        runs = outputs / CARPETA / workflow
        ours = [one for one in entries(runs) if _RUN.fullmatch(one.name)]
        for old in ours[: 1 - KEPT]:  # with the new one
            with suppress(PublishError):  # what stays in the way of no run goes with the next one
                remove_tree(old)
        stem = runs / f"{start.astimezone(UTC):%Y-%m-%dT%H%M%SZ}"
        names = (stem if at == 1 else stem.with_name(f"{stem.name}-{at}") for at in count(1))
        return cls(next(one for one in names if not one.exists()), workflow)

    def step(self, name: str, source: str, data: Sequence[Any], now: datetime) -> None:
        """Write the file of a step, of records or plain values; days as ISO 8601.

        Raises:
            PublishError: the disk refused.
        """
        metadata = {
            **{"workflow": self.workflow, "source": source, "record_count": len(data)},
            **{"executed_at": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "format": "json"},
        }
        page = {"metadata": metadata, "data": data}
        make_folder(self.folder)
        write_new(self.folder / f"{name}.json", _PAGE.dump_json(page, indent=2) + b"\n")
