"""How a run ends where the fault is ours: in Spanish for people, in full in the log."""

from __future__ import annotations

import asyncio
import logging

import pytest

from Modules.orchestration import flow_run
from Modules.settings import Settings


@pytest.mark.parametrize("waits", [False, True])
def test_a_fault_of_ours_is_told_by_its_class_and_logged_in_full(
    waits: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(flow_run, "begin", Settings)
    for name in ("_live", "_demora", "_of_another_place", "sweep"):
        monkeypatch.setattr(flow_run, name, lambda *_: None)
    fault = KeyError("in English")

    def job() -> flow_run.Outcome:
        raise fault

    async def story() -> flow_run.Outcome:
        return job()

    with caplog.at_level(logging.ERROR):
        ended = asyncio.run(flow_run.conclude_async(story)) if waits else flow_run.conclude(job)
    assert isinstance(ended, flow_run.State)
    assert ended.is_failed()
    thrown = ended.data
    assert isinstance(thrown, flow_run.FlowFailed), "who calls the flow as a function is thrown it"
    assert thrown.__cause__ is fault
    result, error = thrown.result, thrown.result["error"] or {}
    assert (result["status"], error["kind"], error["exit_code"]) == ("error", "KeyError", 70)
    assert result["end_time"] >= result["start_time"]
    assert str(ended.message).startswith("La corrida se cortó por una falla inesperada (KeyError)")
    assert "lindero stack logs worker" in str(ended.message)
    assert "in English" not in str(ended.message)
    told = [one.getMessage() for one in caplog.records if one.name == flow_run.corrida.name]
    assert told == [ended.message]
    assert "KeyError: 'in English'" in caplog.text
