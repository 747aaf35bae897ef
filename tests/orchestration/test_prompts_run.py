"""Who starts a runner of prompts, and what Prefect's page shows of an execution."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from Modules.orchestration import prompts_run
from Modules.orchestration.prefect_api import PrefectServer, ServerSilent
from Modules.orchestration.prompts_run import dispatching, look
from Modules.settings import read_settings
from Modules.words.errors import ApiUnavailable, SettingsError

API = read_settings({"prefect_api_url": "http://127.0.0.1:9/api"})


class Server:
    """What a Prefect server is asked, in turn, and what it answers by the beginning of a path."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answers = answers
        monkeypatch.setattr(PrefectServer, "ask", self.ask)

    def ask(self, path: str, body: Any = None) -> Any:
        self.asked.append((path, body))
        answer = self.answers[path.split("/")[1] if "create" not in path else "create"]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_run_is_asked_for_once_in_ten_seconds_however_many_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(monkeypatch, deployments={"id": "d1"}, flow_runs=[], create={})
    monkeypatch.setattr(prompts_run.time, "time", lambda: 1_000_004.0)

    prompts_run.starter(API)()

    held, alive, made = server.asked
    assert held[0] == "/deployments/name/Atender%20Prompts/atender-prompts"
    assert alive[1]["deployments"] == {"id": {"any_": ["d1"]}}
    assert alive[1]["flow_runs"]["state"]["type"]["any_"] == [*prompts_run.ALIVE]
    assert made == (
        "/deployments/d1/create_flow_run",
        {"state": {"type": "SCHEDULED"}, "idempotency_key": "atender-prompts-100000"},
    )


def test_none_is_asked_for_while_one_is_at_work_or_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(monkeypatch, deployments={"id": "d1"}, flow_runs=[{"id": "r1"}])
    prompts_run.starter(API)()
    assert len(server.asked) == 2


def test_a_server_that_is_silent_or_has_no_such_deployment_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Server(monkeypatch, deployments=ServerSilent("no responde"))
    with pytest.raises(ApiUnavailable, match="el servidor de Prefect no responde"):
        prompts_run.starter(API)()
    Server(monkeypatch, deployments=None)
    with pytest.raises(SettingsError, match="lindero deploy atender-prompts"):
        prompts_run.starter(API)()


def test_without_a_server_one_process_runs_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    alive = SimpleNamespace(poll=lambda: None)

    def start(command: Any, **_: Any) -> Any:
        started.append(command)
        return alive

    monkeypatch.setattr(subprocess, "Popen", start)
    ask = prompts_run.starter(read_settings({}))
    ask()
    ask()
    assert [command[1:] for command in started] == [("-m", "Modules.orchestration.prompts_run")]
    alive.poll = lambda: 1
    ask()
    assert len(started) == 2


@pytest.mark.parametrize(
    ("ended", "kind"), [("completed", "COMPLETED"), ("failed", "FAILED"), ("gone", "CANCELLED")]
)
def test_an_execution_is_a_task_of_its_id_in_the_state_of_the_same_meaning(
    ended: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import prefect

    made: list[tuple[dict[str, Any], Any]] = []

    class Task:
        """Prefect's, without its server: what it is made with, and the state that it ends in."""

        def __init__(self, work: Any, **told: Any) -> None:
            self.work, self.told = work, told

        async def __call__(self, *, return_state: bool) -> Any:
            assert return_state
            made.append((self.told, await self.work()))

    async def work() -> str:
        return ended

    monkeypatch.setattr(prefect, "Task", Task)
    execution: Any = SimpleNamespace(id="e1", name="cuenta", version=3)
    assert asyncio.run(prompts_run.as_task(execution, work)) == ended
    ((told, state),) = made
    assert (told["name"], told["task_run_name"]) == ("cuenta", "e1")
    assert state.type.value == kind


def test_a_runner_is_asked_for_only_while_something_waits() -> None:
    waits, asked = [2, 1, 0], []
    for _ in range(3):
        look(lambda: waits.pop(0), lambda: asked.append(1))

    assert len(asked) == 2


def test_a_server_that_is_away_is_asked_again_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away() -> None:
        raise ApiUnavailable("el servidor no responde")

    with caplog.at_level(logging.WARNING):
        said = ""
        for _ in range(3):
            said = look(lambda: 1, away, said)

    assert [record.getMessage() for record in caplog.records] == [
        "nobody could be asked to do what waits: el servidor no responde"
    ]


def test_what_is_accepted_is_looked_at_at_once() -> None:
    looked = threading.Semaphore(0)

    def waiting() -> int:
        looked.release()
        return 0

    wake = dispatching(waiting, lambda: None)
    assert looked.acquire(timeout=5)
    wake()
    assert looked.acquire(timeout=4)  # sooner than the next look would come
