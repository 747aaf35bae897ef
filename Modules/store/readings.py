"""Which backups were read in full and found sound, and when: ``verificados.json`` in the store.

Reading a whole store takes minutes, so a prune rests on readings of the last month. A note holds
for exactly one manifest; files are looked at again by name and size. A lost or unreadable list
only means that everything is read again.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from Modules.disk.json_files import from_json, to_json
from Modules.disk.safe_files import write_beside
from Modules.store.snapshot import Snapshot
from Modules.words.errors import DataError

LIST_NAME: Final = "verificados.json"
FRESH: Final = timedelta(days=31)


class Lecturas:
    """The readings of one store; ``save`` writes them back."""

    def __init__(self, root: Path):
        self._path = root / LIST_NAME
        self._read: dict[str, Any] = {}
        with suppress(OSError, DataError):
            self._read = from_json(self._path.read_bytes(), source=LIST_NAME)

    def fresh(self, snapshot: Snapshot, now: datetime) -> bool:
        """Whether it was read in the last 31 days, sound, and is there file by file as it was."""
        try:
            note = self._read[str(snapshot.id)]
            age = now - datetime.fromisoformat(note["utc"])
            same = note["manifest_sha256"] == snapshot.manifest_sha256
            return (same and timedelta() <= age <= FRESH) and all(
                (snapshot.path / path).stat().st_size == fact.size
                for path, fact in snapshot.facts.items()
            )
        except (KeyError, TypeError, ValueError, OSError):
            return False

    def note(self, snapshot: Snapshot, now: datetime, *, sound: bool) -> None:
        """Remember a full reading; an unsound one is forgotten, so that it is read again."""
        self._read.pop(str(snapshot.id), None)
        if sound:
            utc = now.astimezone(UTC).isoformat(timespec="seconds")
            self._read[str(snapshot.id)] = {"manifest_sha256": snapshot.manifest_sha256, "utc": utc}

    def save(self, there: set[str]) -> None:
        """Write the list, of the ids that are ``there`` only.

        Raises:
            PublishError: the disk refused; the earlier list is intact.
        """
        data = to_json({name: note for name, note in self._read.items() if name in there})
        with suppress(OSError):
            if self._path.read_bytes() == data:
                return
        write_beside(self._path, data)
