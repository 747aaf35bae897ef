"""A Lindero with a folder, home, state, outputs and ports of its own, as on a machine."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from dotenv import dotenv_values

from tests.processes import patience

FLOW = "Backup Databaler Lotes"
NIGHTLY, TRIAL = "backup-lotes-daily-3am", "backup-lotes-prueba"
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Casa:
    """A checkout, the interpreter that runs it, and the port of its page."""

    project: Path
    python: Path
    port: int

    def lindero(self, *arguments: str, fine: bool = True) -> str:
        """Run the command line there; what it said. ``fine``: it must end with 0."""
        return self.module("Modules.cli.main", *arguments, fine=fine)

    def module(self, name: str, *arguments: str, fine: bool = True) -> str:
        """Run a module there; what it said."""
        ours = ("LINDERO_", "DATABALER_", "PREFECT_", "STACK_")
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
        home = self.project.parent / "home"
        home.mkdir(parents=True, exist_ok=True)
        told = {
            "HOME": str(home),
            "LINDERO_PORT": str(self.port),
            "PREFECT_API_URL": self.api,
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "5",
        }
        done = subprocess.run(
            [str(self.python), "-m", name, *arguments],
            cwd=self.project,
            env=inherited | told,
            capture_output=True,
            text=True,
            timeout=patience(300),
            check=False,
        )
        said = f"{done.stdout}{done.stderr}"
        assert not fine or done.returncode == 0, f"{name} {' '.join(arguments)}: {said}"
        return said

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def ask(self, path: str, question: Mapping[str, Any] | None = None) -> Any:
        """The API's answer to a question, or what it holds there."""
        secret = dotenv_values(self.project / ".env")["PREFECT_SERVER_API_AUTH_STRING"] or ""
        user, _, password = secret.partition(":")
        with requests.Session() as session:
            session.trust_env, session.auth = False, (user, password)
            if question is None:
                answer = session.get(f"{self.api}/{path}", timeout=30)
            else:
                answer = session.post(f"{self.api}/{path}", json=question, timeout=30)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()

    def night(self, *, day: int, test: bool = True) -> dict[str, Any]:
        """A night of the made-up world through its deployment; its last state.

        Releases before the trials had deployments of their own run both through the nightly one.
        """
        name = TRIAL if test and TRIAL in self.folders() else NIGHTLY
        deployment = self.ask(f"deployments/name/{FLOW}/{name}")
        question = {
            "parameters": {"campania": "25/26", "test": test},
            "state": {"type": "SCHEDULED"},
            "job_variables": {"env": {"LINDERO_DEMO_DAY": str(day)}},
        }
        run = self.ask(f"deployments/{deployment['id']}/create_flow_run", question)["id"]
        deadline = time.monotonic() + patience(180)
        while (state := self.ask(f"flow_runs/{run}")["state"])["type"] not in FINAL:
            assert time.monotonic() < deadline, state
            time.sleep(0.5)
        return dict(state)

    def runs(self) -> set[str]:
        """Ids of the runs that are over."""
        question = {"flow_runs": {"state": {"type": {"any_": list(FINAL)}}}, "limit": 200}
        return {run["id"] for run in self.ask("flow_runs/filter", question)}

    def folders(self) -> dict[str, str]:
        """In which folder the runs of each deployment begin."""
        return {
            one["name"]: json.dumps(one["pull_steps"])
            for one in self.ask("deployments/filter", {"limit": 200})
        }

    def snapshots(self, modo: str = "test") -> dict[str, dict[str, str]]:
        """What lies in the store: the sums of every snapshot, by its id."""
        store = self.project / "data" / "lindero" / modo / "snapshots"
        return {
            sums.parent.name: dict(
                reversed(line.split("  ", 1)) for line in sums.read_text().splitlines()
            )
            for sums in store.rglob("manifest.sha256")
        }
