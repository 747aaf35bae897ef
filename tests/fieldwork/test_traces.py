"""The files of runs: the newest stay, and what is not ours is left alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from Modules.fieldwork.traces import KEPT, Traces

BEGUN = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize("before", [0, 1, KEPT - 1, KEPT, KEPT + 5])
def test_the_newest_runs_stay(tmp_path: Path, before: int) -> None:
    folder = tmp_path / "corridas" / "plan"
    runs = [f"{BEGUN + timedelta(days=n):%Y-%m-%dT%H%M%SZ}" for n in range(before)]
    for name in (*runs, "de Ana"):
        (folder / name).mkdir(parents=True)
        (folder / name / "paso1.json").write_text("{}")
    now = BEGUN + timedelta(days=before)
    new = Traces.begin(tmp_path, "plan", now)
    new.step("paso1", "Jira", [{"día": now.date()}], now)
    kept = [*runs, new.folder.name][-KEPT:]
    assert sorted(one.name for one in folder.iterdir()) == sorted([*kept, "de Ana"])
    assert json.loads((new.folder / "paso1.json").read_text())["data"] == [{"día": f"{now:%F}"}]


def test_two_runs_of_one_second_have_a_folder_each(tmp_path: Path) -> None:
    folders = []
    for _ in range(3):
        run = Traces.begin(tmp_path, "plan", BEGUN)
        run.step("paso1", "Jira", [], BEGUN)
        folders.append(run.folder.name)
    assert folders == ["2026-11-03T120000Z", "2026-11-03T120000Z-2", "2026-11-03T120000Z-3"]
