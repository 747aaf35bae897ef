"""What a backup says of itself is proved before it is shown."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from Modules.backups.describe import as_markdown, describe
from Modules.store.snapshots import Snapshot, SnapshotStore
from Modules.words.errors import SnapshotDamaged
from tests.sample_tables import NOW, SEASON, tables

ZONE = ZoneInfo("America/Argentina/Buenos_Aires")
CHECKS = [
    {"name": "lotes: cantidad", "passed": False, "blocking": False, "notes": ["10 → 9"]},
    {"name": "lotes: superficie", "passed": True, "blocking": True, "notes": []},
]


@pytest.fixture
def night(tmp_path: Path) -> Snapshot:
    store = SnapshotStore(tmp_path)
    draft = store.draft(SEASON, NOW)
    draft.write_tables(tables(3))
    facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}}
    verdict = {"accepted": True, "first_night": True, "checks": CHECKS}
    return store.keep(draft, verdict=verdict, accepted=True, facts=facts)


def test_a_page_names_what_did_not_pass(night: Snapshot) -> None:
    page = as_markdown(describe(night, ZONE))
    assert "| lotes: cantidad | aviso | 10 → 9 |" in page
    assert "| 1 de 2 controles | bien |  |" in page


@pytest.mark.parametrize("text", ['{"accepted": true, "checks": [{"name": "x"}]}', "[]", "{", ""])
def test_a_verdict_that_somebody_edited_is_not_shown(night: Snapshot, text: str) -> None:
    (night.path / "verdict.json").write_text(text)
    with pytest.raises(SnapshotDamaged, match="verdict"):
        describe(night, ZONE)


def test_names_of_the_portal_are_text_and_no_markdown(night: Snapshot) -> None:
    facts = describe(night, ZONE)
    hostile = CHECKS[0] | {"notes": ["campo [x](http://e) `y` | <b>"]}
    page = as_markdown({**facts, "verdict": {**facts["verdict"], "checks": [hostile]}})
    assert r"campo \[x\](http://e) \`y\` \| &lt;b&gt; |" in page
