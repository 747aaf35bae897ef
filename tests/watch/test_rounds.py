"""Rounds against a made-up server: what is ended, done again and told, and what they survive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from Modules.disk.run_lock import hold_for_life, is_held, life_lock
from Modules.health import facts
from Modules.health.known import Facts, Programa, Run, Servidor
from Modules.orchestration.dead_runs import ALIVE
from Modules.orchestration.deployments import (
    BACKUP,
    EMPRESAS,
    MAPAS_EMPRESAS,
    OTRA_VEZ,
    WORK_POOL,
    Deployment,
)
from Modules.orchestration.prefect_api import PrefectServer, ServerSilent
from Modules.settings import PROJECT_ROOT, Settings, read_settings
from Modules.watch import dead, rounds
from Modules.watch.notice import Notice
from Modules.words.errors import PublishError, TellingFailed

DUE = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
NOW = DUE + timedelta(minutes=20)


@dataclass(frozen=True)
class Server(PrefectServer):
    """A Prefect server that holds these runs, as its API writes them."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    posted: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The routes that the watch asks."""
        if path == "/flow_runs/filter":
            assert body is not None
            wanted = body["flow_runs"].get("state", {}).get("type", {})
            tags = body["flow_runs"].get("tags", {}).get("all_")
            return [
                run
                for run in self.runs
                if run["state"]["type"] in wanted.get("any_", [run["state"]["type"]])
                and run["state"]["type"] not in wanted.get("not_any_", [])
                and (tags is None or set(tags) <= set(run["tags"]))
            ]
        assert body is not None
        self.posted.append((path, body))
        if path.endswith("set_state"):
            (run,) = (one for one in self.runs if path == f"/flow_runs/{one['id']}/set_state")
            if run["state"]["type"] not in ALIVE:
                return {"status": "ABORT"}
            run["state"] = {**run["state"], **body["state"]}
            return {"status": "ACCEPT"}
        if body["idempotency_key"] not in {run.get("key") for run in self.runs}:
            self.runs.append(
                a_run("new", "SCHEDULED", tags=body["tags"], key=body["idempotency_key"])
            )
        return {}


def a_run(run_id: str, state: str, **more: Any) -> dict[str, Any]:
    """A run of the schedule's night."""
    run = {
        "id": run_id,
        "name": f"noche-{run_id}",
        "state": {"type": state, "timestamp": DUE.isoformat(), "message": ""},
        "work_pool_name": WORK_POOL,
        "expected_start_time": DUE.isoformat(),
        "auto_scheduled": "key" not in more,
        "parameters": {},
        "tags": [],
    }
    return run | more


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"lindero_state_dir": str(tmp_path), "lindero_outputs_dir": str(tmp_path)})


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead, "SECOND_LOOK_S", 0.0)


def held_by_another(path: Path) -> subprocess.Popen[bytes]:
    """A process that holds a run's lock until it is killed."""
    code = (
        "import sys; from pathlib import Path; from Modules.disk.run_lock import hold_for_life; "
        "hold_for_life(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(path)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=PROJECT_ROOT)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def test_a_run_lives_as_long_as_its_process_and_not_longer(settings: Settings) -> None:
    killed = life_lock(settings.lindero_state_dir, "killed")
    ended = life_lock(settings.lindero_state_dir, "ended")
    assert is_held(killed) is None
    first, second = held_by_another(killed), held_by_another(ended)
    server = Server("http://x", runs=[a_run("killed", "RUNNING"), a_run("ended", "RUNNING")])
    late = NOW + timedelta(days=3)  # no clock makes a living run a dead one

    assert is_held(killed) is True
    assert dead.bury(server, settings, late) == ()
    first.kill()
    for process in (first, second):
        process.communicate(b"")
    assert is_held(killed) is False
    assert is_held(ended) is None, "an orderly end takes its file along"
    assert dead.bury(server, settings, NOW) == ("noche-killed",)
    (path, body), *others = server.posted
    assert (path, body["state"]["type"], body["force"]) == (
        "/flow_runs/killed/set_state",
        "CRASHED",
        False,
    )
    assert others == []
    assert dead.bury(server, settings, NOW) == ()


def test_a_run_that_ended_between_two_looks_is_left_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = life_lock(settings.lindero_state_dir, "a")
    path.parent.mkdir(parents=True)
    path.touch()
    server = Server("http://x", runs=[a_run("a", "RUNNING")])

    def ends(_seconds: float) -> None:
        server.runs[0]["state"]["type"] = "COMPLETED"

    monkeypatch.setattr(dead.clock, "sleep", ends)
    assert dead.bury(server, settings, NOW) == ()
    assert server.posted == []
    server.runs[0]["state"]["type"] = "CANCELLING"
    monkeypatch.setattr(dead.clock, "sleep", lambda _seconds: None)
    assert dead.bury(server, settings, NOW) == ("noche-a",)
    assert server.posted[0][1]["state"]["type"] == "CANCELLED"


def test_locks_that_killed_runs_left_are_forgotten_after_two_days(settings: Settings) -> None:
    old = NOW - timedelta(days=2, minutes=1)
    paths = {
        name: life_lock(settings.lindero_state_dir, name)
        for name in ("left", "young", "held", "still")
    }
    paths["left"].parent.mkdir(parents=True)
    for name, path in paths.items():
        path.touch()
        when = (NOW if name == "young" else old).timestamp()
        os.utime(path, (when, when))
    held = held_by_another(paths["held"])
    os.utime(paths["held"], (old.timestamp(), old.timestamp()))
    server = Server("http://x", runs=[a_run("still", "RUNNING")])
    assert dead.bury(server, settings, NOW) == ("noche-still",), "judged before it is forgotten"
    assert sorted(name for name, path in paths.items() if path.exists()) == [
        "held",
        "still",
        "young",
    ]
    held.communicate(b"")


def test_a_run_that_never_had_a_lock_is_judged_by_its_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server("http://x", runs=[a_run("a", "RUNNING"), a_run("b", "PENDING")])
    seen: dict[str, bool | None] = {"a": True, "b": False}
    monkeypatch.setattr(dead, "has_process", lambda run_id, _url: seen[run_id])
    assert dead.bury(server, settings, DUE + timedelta(minutes=9)) == ()
    assert dead.bury(server, settings, NOW) == ("noche-b",)
    seen["a"] = None  # no worker is to be seen here: a container of its own
    assert dead.bury(server, settings, NOW) == ()


@pytest.fixture
def watch(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(settings, monkeypatch)


class Watched:
    """A watch whose facts, channel and clock are the test's."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = settings
        self.told: list[Notice] = []
        self.known: Callable[[], Facts] = self.good
        self.broken = False
        self.skipped: list[tuple[str, ...]] = []
        self.now = NOW
        monkeypatch.setattr(facts, "gather", lambda *_: self.known())
        monkeypatch.setattr(rounds, "tell", self._tell)
        self.watch = rounds.Watch(settings)

    def _tell(self, _settings: Settings, notice: Notice, *, skip: Collection[str]) -> None:
        if self.broken:
            self.skipped.append(tuple(skip))
            failed = TellingFailed("no")
            failed.told = ("correo",)
            raise failed
        self.told.append(notice)

    def good(self) -> Facts:
        return Facts(self.now, self.settings.zone, servidor=Servidor("http://x"))

    def crashed(self) -> Facts:
        run = Run(BACKUP.flow, "noche", "CRASHED", DUE, DUE, NOW, "murió", id="77")
        return Facts(self.now, self.settings.zone, servidor=Servidor("http://x", corridas=(run,)))

    def play(self, rounds_: int = 1) -> list[str]:
        """What was told in these rounds."""
        before = len(self.told)
        for _ in range(rounds_):
            self.watch.round(self.now)
            self.now += timedelta(seconds=30)
        return [one.what for one in self.told[before:]]


def test_a_night_that_died_is_told_once_and_its_end_once_through_restarts(watch: Watched) -> None:
    watch.known = watch.crashed
    (what,) = watch.play(5)
    assert what.startswith(f"{BACKUP.flow}: la corrida noche se cortó")
    (notice,) = watch.told
    assert notice.url == "http://127.0.0.1:4200/runs/flow-run/77"
    assert notice.todo
    assert "están enteros" in " ".join(notice.lines)
    watch.watch = rounds.Watch(watch.settings)  # it was killed
    assert watch.play(5) == []
    watch.known = watch.good
    assert [one[:12] for one in watch.play(9)] == ["Ya está bien"]
    assert watch.told[-1].over


@pytest.mark.parametrize("what", [BACKUP, EMPRESAS, MAPAS_EMPRESAS], ids=lambda one: one.name)
def test_a_night_that_died_is_done_again_once_and_that_is_said(
    watch: Watched, what: Deployment
) -> None:
    programa = Programa(what.full_name, "", desplegado=True, proxima=NOW + timedelta(hours=9))

    def known() -> Facts:
        (run,) = watch.crashed().corridas
        died = replace(run, flujo=what.flow, del_horario=True, despliegue="d")
        died = replace(died, parametros={"campania": "25/26"})
        return replace(watch.crashed(), servidor=Servidor("http://x", None, (died,), (programa,)))

    watch.watch.server = server = Server("http://x")
    watch.known = known
    watch.play(3)
    assert [one["id"] for one in server.runs] == ["new"], "of all who ask Prefect makes one"
    path, body = server.posted[0]
    assert path == "/deployments/d/create_flow_run"
    assert (body["idempotency_key"], body["tags"]) == (f"{OTRA_VEZ}-77", [OTRA_VEZ])
    assert body["parameters"] == {"campania": "25/26"}
    assert len(server.posted) == 1, "it is not asked for again while it waits for the worker"
    assert "se está haciendo otra vez" in watch.told[0].todo


def test_that_a_night_is_done_again_is_not_said_before_the_server_took_it(
    watch: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    programa = Programa(BACKUP.full_name, "", desplegado=True, proxima=NOW + timedelta(hours=9))
    (run,) = watch.crashed().corridas
    died = replace(run, del_horario=True, despliegue="d")
    watch.known = lambda: replace(
        watch.crashed(), servidor=Servidor("http://x", None, (died,), (programa,))
    )
    watch.watch.server = server = Server("http://x")

    def refused(*_: object) -> None:
        raise ServerSilent("contesta 500")

    with monkeypatch.context() as broken:
        broken.setattr(dead, "redo", refused)
        watch.play(1)
    assert "otra vez" not in watch.told[0].todo
    watch.play(1)
    assert len(server.posted) == 1, "it is asked for again"


def test_what_cannot_be_told_is_told_later(watch: Watched) -> None:
    watch.known, watch.broken = watch.crashed, True
    assert watch.play(3) == []
    watch.broken = False
    assert len(watch.play(6)) == 1
    assert watch.skipped == [(), ("correo",)], "only by the way that failed"
    watch.known = watch.good
    watch.play(6)
    alarm, end = watch.told
    assert alarm.when == NOW, "so that a mail of each try has the same name"
    assert end.since == alarm.when, "and the end of it hangs below the mail that came"


def test_a_round_survives_anything_and_a_full_disk_tells_nobody_twice(
    watch: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_room(*_: object) -> None:
        raise PublishError("told.json: no queda lugar en el disco")

    def fault() -> Facts:
        raise ZeroDivisionError

    def unreadable() -> Facts:
        raise PublishError("data/lindero no se puede leer")

    monkeypatch.setattr(rounds, "write_beside", no_room)
    watch.known = watch.crashed
    assert len(watch.play(9)) == 1
    watch.known = fault
    assert watch.play(3) == []
    assert "ZeroDivisionError" in caplog.text
    watch.known = unreadable
    assert watch.play(9) == ["data/lindero no se puede leer"]

    def bury(*_: object) -> None:
        raise ServerSilent("no responde: ¿está levantado?")

    monkeypatch.setattr(dead, "bury", bury)
    watch.watch.server = PrefectServer("http://x")
    watch.known = watch.crashed
    assert watch.play(5) == ["Ya está bien. Era: data/lindero no se puede leer"]
    assert "bury: ServerSilent" in caplog.text


def test_a_full_disk_beside_an_earlier_ledger_tells_once_and_the_sign_of_life_stays(
    watch: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written must not be read again as if another had watched."""

    def no_room(*_: object) -> None:
        raise PublishError("told.json: no queda lugar en el disco")

    ledger = watch.watch.folder / rounds.LEDGER_NAME
    ledger.parent.mkdir(parents=True, exist_ok=True)
    ledger.write_text("{}")
    os.utime(ledger, (1, 1))
    monkeypatch.setattr(rounds, "write_beside", no_room)
    watch.watch = rounds.Watch(watch.settings)
    watch.known = watch.crashed
    assert len(watch.play(9)) == 1
    assert ledger.read_text() == "{}"
    assert time.time() - ledger.stat().st_mtime < 60, "or another would take it for hung"


def test_what_another_has_told_meanwhile_is_not_told_again(watch: Watched) -> None:
    watch.known = watch.crashed
    other = rounds.Watch(watch.settings)
    assert len(watch.play(3)) == 1
    watch.watch = other
    assert watch.play(3) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {"code": "x"}}', "\\xff"])
def test_a_ledger_that_cannot_be_read_is_begun_anew(watch: Watched, text: str) -> None:
    (watch.watch.folder).mkdir(parents=True, exist_ok=True)
    (watch.watch.folder / rounds.LEDGER_NAME).write_text(text)
    watch.watch = rounds.Watch(watch.settings)
    watch.known = watch.crashed
    assert len(watch.play(3)) == 1
    assert json.loads((watch.watch.folder / rounds.LEDGER_NAME).read_text())


def test_a_run_holds_its_own_lock_once(settings: Settings) -> None:
    path = life_lock(settings.lindero_state_dir, "mine")
    hold_for_life(path)
    assert is_held(path) is True
