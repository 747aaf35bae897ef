"""Who watches: one at a time, the worker's companion before that of services."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from Modules.health import platform
from Modules.settings import read_settings
from Modules.stack import entry
from Modules.stack.checks import WELL, Health, ill
from Modules.watch import rounds
from Modules.watch.__main__ import HANGS, Companion, healthy

NOW = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _empty_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds.Watch, "round", lambda *_: None)


def test_one_watches_and_the_worker_comes_first(tmp_path: Path) -> None:
    settings = read_settings({"lindero_state_dir": str(tmp_path)})
    services, other, worker = (
        Companion(settings, one) for one in ("services", "by-hand", "worker")
    )

    def step(*who: Companion) -> list[bool]:
        return [one.step(NOW) for one in who]

    assert step(services, other) == [True, False]
    assert step(services, other) == [True, False], "a turn is kept"
    assert step(worker) == [False], "until the other sees it"
    assert step(services, worker, other) == [False, True, False]
    worker.rank.release()  # as the kernel does when it dies
    worker.turn.release()
    assert step(other, services, worker) == [True, False, False]


def test_it_waits_for_a_state_folder(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    companion = Companion(read_settings({"lindero_state_dir": str(tmp_path / "state")}), "services")
    with pytest.raises(rounds.PipelineError):
        companion.step(NOW)
    (tmp_path / "state").unlink()
    assert companion.step(NOW)


def test_services_watches_while_the_one_whose_turn_it_is_hangs(tmp_path: Path) -> None:
    settings = read_settings({"lindero_state_dir": str(tmp_path)})
    services, worker = Companion(settings, "services"), Companion(settings, "worker")
    ledger = tmp_path / "watch" / platform.LEDGER_NAME

    def written(now: datetime) -> None:
        ledger.write_bytes(b"{}")
        os.utime(ledger, (now.timestamp(), now.timestamp()))

    assert worker.step(NOW)
    written(NOW)
    assert not services.step(NOW + HANGS)
    assert services.watch is None, "the other's round is not old yet"
    late = NOW + HANGS + timedelta(seconds=1)
    assert not services.step(late), "the turn is the other's all the same"
    assert services.watch is not None
    written(late)
    services.watch.known = late  # its round, as ``Watch`` keeps it
    assert not services.step(late + timedelta(seconds=30))
    assert services.watch is not None, "it goes on"
    written(late + timedelta(seconds=40))  # the other goes on too
    assert not services.step(late + timedelta(seconds=60))
    assert services.watch is None


@pytest.mark.parametrize(
    ("age_s", "schedules", "said"),
    [
        (89, WELL, WELL.text),
        (91, WELL, "El vigía de services no mira desde"),
        (None, WELL, WELL.text),  # the first round is to come
        (91, ill("el planificador lleva 99 s sin pasar"), "lleva 99 s sin pasar"),
        (10, ill("el planificador lleva 99 s sin pasar"), "lleva 99 s sin pasar"),
    ],
)
def test_services_is_well_while_it_schedules_and_its_companion_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: int | None, schedules: Health, said: str
) -> None:
    settings = read_settings({"lindero_state_dir": str(tmp_path)})
    monkeypatch.setattr(entry, "check", lambda *_, **__: schedules)
    if age_s is not None:
        platform.note(settings, platform.Platform(NOW - timedelta(seconds=age_s)))
    found = healthy(settings, NOW)
    assert said in found.text
    assert found.ok is (said == WELL.text)
