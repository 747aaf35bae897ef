"""The five processes as the tests use them: started by the command line, asked through the API."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from dotenv import dotenv_values

from Modules.orchestration.deployments import BACKUP
from Modules.settings import PROJECT_ROOT, Settings, read_settings
from Modules.stack import local as stack
from Modules.stack.local import Stack
from Modules.stack.processes import FOLDER_VARIABLE, Running, tail
from tests.processes import patience
from tests.scripts.conftest import lindero_as
from tests.scripts.mailbox import Webhook, webhook

SECRETS = {  # any characters; the API's must be ASCII
    "PREFECT_POSTGRES_PASSWORD": "p@ss/w:rd %ñ?#1",
    "PREFECT_REDIS_MESSAGING_PASSWORD": "r@d/i:s %ñ?#22",
    "PREFECT_SERVER_API_AUTH_STRING": "campo:a@u/t:h %n?#3",
}
PORTAL_SECRET = "canario/portal %ñ+7Qz"
HOOK_SECRET = "canario-webhook-8fT2xZ"
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
COMMAND_S = 240


@dataclass(frozen=True, slots=True)
class Plataforma:
    """A stack of its own: folder, environment, and who asks its API."""

    folder: Path
    environment: Mapping[str, str]
    settings: Settings
    session: requests.Session
    hook: Webhook  # what the alerts post to

    def lindero(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against this stack; what starts processes starts cold."""
        if arguments[:2] != ("stack", "up"):
            code, out, err = lindero_as(self.environment, PROJECT_ROOT, *arguments)
            return subprocess.CompletedProcess(arguments, code, out, err)
        return subprocess.run(
            [sys.executable, "-m", "Modules.cli.main", *arguments],
            env=dict(self.environment),
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=patience(COMMAND_S),
            check=False,
        )

    @property
    def connected(self) -> Plataforma:
        """The same with the command line told where the server is, as the docs say to."""
        api = {"PREFECT_API_URL": str(self.stack.settings.prefect_api_url)}
        return replace(self, environment={**self.environment, **api})

    def up(self) -> str:
        """Start what does not run, as a person would; what the command said."""
        done = self.lindero("stack", "up")
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.log_tails()}"
        return done.stdout

    @property
    def stack(self) -> Stack:
        """Handles on the processes: ``process(name)``, ``stop(name)``, ``health(name)``."""
        found = stack.find(self.settings)
        assert found is not None, "the stack was not started"
        return found

    def process(self, name: str) -> Running:
        """One of the five as it is remembered."""
        running = self.stack.process(name)
        assert running is not None, f"{name} was never started"
        return running

    def kill(self, name: str) -> None:
        """End one of the five at once, as a lack of memory would, if it still runs."""
        process = self.process(name).process()
        if process is not None:
            process.kill()
            psutil.wait_procs([process], timeout=10)

    @property
    def origin(self) -> str:
        """Where the page answers; the API is below ``/api``."""
        return str(self.stack.settings.prefect_api_url).removesuffix("/api")

    def post(self, path: str, question: Mapping[str, Any] | None = None) -> Any:
        """Ask the API with the auth string."""
        answer = self.session.post(
            f"{self.stack.settings.prefect_api_url}/{path}", json=question or {}, timeout=30
        )
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def get(self, path: str) -> Any:
        """Read from the API with the auth string."""
        answer = self.session.get(f"{self.stack.settings.prefect_api_url}/{path}", timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def start_run(
        self, deployment: str, *, env: Mapping[str, str] | None = None, **parameters: Any
    ) -> str:
        """Ask for a run of ``flow/deployment`` now, with ``env`` in its process; its id."""
        found = self.get(f"deployments/name/{deployment}")
        question = {
            "parameters": parameters,
            "state": {"type": "SCHEDULED"},
            "job_variables": {"env": dict(env or {})},
        }
        return str(self.post(f"deployments/{found['id']}/create_flow_run", question)["id"])

    def state(self, run_id: str) -> dict[str, Any]:
        """The state of a run: type, name, message."""
        state = self.get(f"flow_runs/{run_id}")["state"]
        assert isinstance(state, dict)
        return state

    def await_state(self, run_id: str, *types: str, patience_s: float = 120) -> dict[str, Any]:
        """Wait until a run is in one of these states (by default: in a final one)."""
        wanted = types or FINAL
        self.await_that(
            lambda: self.state(run_id)["type"] in wanted, f"run is {wanted}", patience_s
        )
        return self.state(run_id)

    def await_that(self, found: Callable[[], bool], what: str, patience_s: float = 60) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + patience(patience_s)
        while not found():
            assert time.monotonic() < deadline, f"not within {patience_s} s: {what}"
            time.sleep(0.3)

    def fetches(self, run_id: str) -> bool:
        """Whether a run has begun to ask the portal."""
        question = {
            "flow_runs": {"id": {"any_": [run_id]}},
            "task_runs": {"state": {"type": {"any_": ["RUNNING"]}}},
        }
        tasks = self.post("task_runs/filter", question)
        return any(task["name"].startswith("Traer del portal") for task in tasks)

    def logs_of(self, run_id: str) -> list[dict[str, Any]]:
        """The log lines of a run that the API has, the oldest first."""
        question = {
            "logs": {"flow_run_id": {"any_": [run_id]}},
            "sort": "TIMESTAMP_ASC",
            "limit": 200,
        }
        return list(self.post("logs/filter", question))

    @contextmanager
    def log_of(self, name: str) -> Iterator[Callable[[], str]]:
        """What a process has written to its log since the block began."""
        log = stack.log_of(self.settings, name)
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            begun = file.tell()

            def said() -> str:
                file.seek(begun)
                return file.read().decode(errors="replace")

            yield said

    def alerts(self, words: str) -> int:
        """How many alerts that hold these words were posted."""
        return sum(words in body["text"] for body in self.hook.bodies)

    def strays(self) -> list[str]:
        """Command lines of what still carries the folder of this stack."""
        wanted, found = str(stack.stack_folder(self.settings)), []
        for process in psutil.process_iter():
            try:
                if process.environ().get(FOLDER_VARIABLE) == wanted:
                    found.append(" ".join(process.cmdline())[:200])
            except psutil.Error:
                continue
        return found

    def log_tails(self) -> str:
        """The end of each process's log, for a failure's message."""
        return "\n".join(
            f"== {name}\n" + "\n".join(tail(stack.log_of(self.settings, name), 15))
            for name in stack.FULL
        )


@contextmanager
def scheduled_night(
    plataforma: Plataforma, env: Mapping[str, str], campania: str = "25/26"
) -> Iterator[Callable[[], list[str]]]:
    """A night of the backup that the schedule itself makes, due in seconds, with ``env``.

    What is yielded says which runs that were due since then have begun, or wait for a worker.
    """
    api = str(plataforma.stack.settings.prefect_api_url)
    held = plataforma.get(f"deployments/name/{BACKUP.full_name}")
    begun = datetime.now(UTC)
    due = begun + timedelta(seconds=8)

    def runs() -> list[str]:
        wanted = {
            "deployments": {"id": {"any_": [held["id"]]}},
            "flow_runs": {
                "expected_start_time": {
                    "after_": begun.isoformat(),
                    "before_": (begun + timedelta(hours=1)).isoformat(),
                }
            },
        }
        return [str(run["id"]) for run in plataforma.post("flow_runs/filter", wanted)]

    path = f"{api}/deployments/{held['id']}"
    schedule = {"interval": 86_400, "anchor_date": due.isoformat(), "timezone": "UTC"}
    row = {"schedule": schedule, "active": True, "parameters": {"campania": campania}}
    plataforma.session.patch(path, json={"job_variables": {"env": dict(env)}}, timeout=30)
    (made,) = plataforma.session.post(f"{path}/schedules", json=[row], timeout=30).json()
    try:
        plataforma.await_that(lambda: bool(runs()), "the night is scheduled", 60)
        yield runs
    finally:
        plataforma.session.delete(f"{path}/schedules/{made['id']}", timeout=30)
        plataforma.session.patch(path, json={"job_variables": held["job_variables"]}, timeout=30)


@contextmanager
def new_plataforma(more: Mapping[str, str] | None = None) -> Iterator[Plataforma]:
    """A stack that is not started yet, with ``more`` settings; in the end stopped and removed."""
    _refuse_a_real_portal()
    _need_the_servers()
    # not below pytest's own folder: only root may enter that, and PostgreSQL is not root
    folder = Path(tempfile.mkdtemp(prefix="lindero-stack-"))
    folder.chmod(0o755)
    with ExitStack() as open_:
        hook = open_.enter_context(webhook(f"/aviso/{HOOK_SECRET}"))
        session = open_.enter_context(requests.Session())
        told = {
            **SECRETS,
            "DATABALER_CLIENT_ID": "campo",
            "DATABALER_CLIENT_SECRET": PORTAL_SECRET,
            "LINDERO_ALERT_WEBHOOK_URL": hook.url,
            "LINDERO_OUTPUTS_DIR": str(folder / "outputs"),
            "LINDERO_PORT": str(_free_port()),
            "LINDERO_STATE_DIR": str(folder / "state"),
            "LINDERO_TEST_OUTPUTS_DIR": str(folder / "test_outputs"),
            **(more or {}),
        }
        plataforma = _plataforma(folder, told, session, hook)
        try:
            yield plataforma
        finally:
            plataforma.lindero("stack", "down")
            shutil.rmtree(folder, ignore_errors=True)


def _plataforma(
    folder: Path, told: Mapping[str, str], session: requests.Session, hook: Webhook
) -> Plataforma:
    ours = ("LINDERO_", "DATABALER_", "PREFECT_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    tuned = {
        "TZ": "America/Argentina/Buenos_Aires",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "5",  # one that was killed is missed soon
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    values = {name.lower(): value for name, value in told.items()}
    settings = read_settings(values)
    session.trust_env = False
    user, _, password = told["PREFECT_SERVER_API_AUTH_STRING"].partition(":")
    session.auth = (user, password)
    return Plataforma(folder, {**inherited, **tuned, **told}, settings, session, hook)


def _refuse_a_real_portal() -> None:
    if dotenv_values(PROJECT_ROOT / ".env").get("DATABALER_BASE_URL"):
        pytest.skip("the .env of this checkout names a portal; the stack's runs would ask it")


def _need_the_servers() -> None:
    if sys.platform == "win32":
        pytest.skip("there are no embedded PostgreSQL and Redis on Windows")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
