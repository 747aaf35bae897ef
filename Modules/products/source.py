"""What every product is built from: one accepted night, as values.

``snapshot_id`` is that of the first of a row of equal nights: the same data carry the same id and
the same time, so a product that shows them does not change on a quiet night.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from Modules.diff.changes import Changes
from Modules.night.tables import Tables
from Modules.words.domain import Campania, SnapshotId


@dataclass(frozen=True, slots=True)
class Fuente:
    """One accepted night. ``changes`` are those against the night before it."""

    tables: Tables = field(repr=False)
    campania: Campania
    snapshot_id: SnapshotId
    changes: Changes = field(repr=False)
    zone: ZoneInfo

    @property
    def hora_local(self) -> datetime:
        """When the data were fetched, in the time of the people who read it."""
        return self.snapshot_id.utc.astimezone(self.zone)
