"""Small worlds after public reports of the field (``../shared/data/cases``), without a portal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from Modules.jobs.portal_access import Access
from Modules.portal.client import PortalConfig
from Modules.words.domain import Fetched, Portal, Record, Recurso

URL = "https://portal.example/v1"
ACCESS = Access(PortalConfig(URL), Portal("https://portal.example", "contract@0"))


def fetched_of(world: Path) -> Mapping[Recurso, Fetched]:
    """The lists of a world as the client would bring them."""
    lists = json.loads(world.read_text(encoding="utf-8"))
    found = {}
    for recurso in Recurso:
        items = enumerate(lists.get(recurso.value, []))
        records = tuple(Record(item, 1, index) for index, item in items)
        found[recurso] = Fetched(recurso, (), records, len(records))
    return found
