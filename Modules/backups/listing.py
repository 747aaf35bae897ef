"""Which backups there are, one row each. Reads manifests only: no table is opened."""

from __future__ import annotations

from typing import Any

from Modules.settings import Settings
from Modules.store.snapshot import Snapshot
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Campania, Modo, SnapshotId


def list_snapshots(settings: Settings, campania: str, *, modo: Modo) -> list[dict[str, Any]]:
    """One row a snapshot, oldest first: id, state, lotes, ha and what it is equal to.

    Of one whose manifest is damaged only the id and the state are known.
    """
    store = SnapshotStore(settings.store_dir(modo))
    season = Campania.parse(campania)
    rows = [_row(one) for one in (*store.accepted(season, None), *store.quarantined(season, None))]
    unknown = dict.fromkeys(("lotes", "ha", "igual a"))
    rows += [{"id": p.name, "estado": "dañado", **unknown} for p, _ in store.damaged(season)]
    return sorted(rows, key=lambda row: SnapshotId.parse(row["id"]))


def _row(snapshot: Snapshot) -> dict[str, Any]:
    figures = snapshot.manifest["tables"]["lotes"]
    return {
        "id": str(snapshot.id),
        "estado": "aceptado" if snapshot.accepted else "cuarentena",
        "lotes": figures["rows"],
        "ha": round(figures["superficie_ha"], 1),
        "igual a": None if snapshot.equal_to is None else str(snapshot.equal_to),
    }
