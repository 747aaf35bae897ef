"""The outside watch hears of each good real night, and of no other."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from Modules.demo.world import build_world
from Modules.jobs.outcome import Outcome
from Modules.orchestration import alerts
from Modules.orchestration.deployments import BACKUP
from Modules.orchestration.run_result import RunResult
from Modules.orchestration.stages import run_here
from tests.faults.named import parse_fault
from tests.faults.running import FaultyPortal, faulty_portal
from tests.scripts.mailbox import Webhook, webhook

CANARY = "canario-7f3a9c"


@pytest.fixture(scope="module")
def portal() -> Iterator[FaultyPortal]:
    with faulty_portal(build_world("mini")) as running:
        yield running


@pytest.fixture
def outside() -> Iterator[Webhook]:
    with webhook(f"/{CANARY}") as hook:
        yield hook


@pytest.fixture
def night(
    portal: FaultyPortal, outside: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A machine with that portal and that watch; it makes no product, so that it is quick."""
    told = {
        "DATABALER_BASE_URL": portal.base_url,
        "DATABALER_CLIENT_ID": portal.client_id,
        "DATABALER_CLIENT_SECRET": portal.client_secret,
        "LINDERO_OUTPUTS_DIR": str(tmp_path / "outputs"),
        "LINDERO_TEST_OUTPUTS_DIR": str(tmp_path / "test_outputs"),
        "LINDERO_STATE_DIR": str(tmp_path / "state"),
        "LINDERO_SYMLINK_CONFIG": str(tmp_path / "symlink_config.json"),
        "LINDERO_WATCH_URL": outside.url,
        "LINDERO_PORTAL_REQUESTS_PER_SECOND": "1000",
    }
    for name, text in told.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr("Modules.orchestration.stages.make_all", lambda *_: ())
    monkeypatch.setattr(alerts, "PAUSE_S", 0.01)
    portal.inject()
    return tmp_path


def run(*, test: bool = False) -> RunResult:
    return run_here(BACKUP, {"campania": "25/26", "test": test})


def test_it_is_asked_once_after_a_good_night_and_not_after_a_trial_a_refused_or_a_failed_one(
    night: Path, portal: FaultyPortal, outside: Webhook
) -> None:
    assert run(test=True)["status"] == "ok"
    assert outside.gets == []
    good = run()
    assert (good["status"], "vigilancia" in good["summary"]) == ("ok", False)
    assert outside.gets == [f"/{CANARY}"]
    for fault, kind in (("night_half", "NightRefused"), ("wrong_secret@token", "ApiAuth")):
        portal.inject(parse_fault(fault))
        result = run()
        assert result["error"] is not None
        assert result["error"]["kind"] == kind
    assert outside.gets == [f"/{CANARY}"]
    assert outside.bodies == []


@pytest.mark.parametrize("what", ["500", "no address", "nobody", "slow"])
def test_one_that_does_not_hear_is_a_warning_and_never_a_failed_night(
    what: str,
    night: Path,
    outside: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = {
        "500": "contesta 500",
        "no address": "no es una dirección http(s)",
        "nobody": "nadie contesta ahí",
        "slow": "no contesta en 0 segundos",
    }[what]
    done = Outcome({"accepted": True}, "# Backup 25/26")
    monkeypatch.setattr("Modules.orchestration.stages._night", lambda *_: done)
    urls = {"no address": f"hc.example/{CANARY}", "nobody": f"http://127.0.0.1:9/{CANARY}"}
    monkeypatch.setenv("LINDERO_WATCH_URL", urls.get(what, outside.url))
    outside.status = 500
    if what == "slow":
        monkeypatch.setattr(alerts, "call", lambda _url: time.sleep(2))
        monkeypatch.setattr(alerts.reach, "__defaults__", (0.2,))
    with caplog.at_level(logging.DEBUG):
        result = run()
    assert (result["status"], result["error"]) == ("ok", None)
    told = "# Backup 25/26\n\n**Aviso:** la vigilancia de afuera no se enteró de esta noche: "
    assert result["summary"].startswith(told)
    assert said in result["summary"]
    assert said in caplog.text
    assert CANARY not in f"{result}{caplog.text}"
