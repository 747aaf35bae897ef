"""Two environments on one real Prefect server: a worker takes the runs of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.orchestration.test_entornos import run
from tests.scripts.conftest import ask, environment_below, prefect_server


@pytest.mark.integration
@pytest.mark.slow  # names and tags meet nowhere: tests/orchestration/test_entornos.py
def test_a_worker_of_staging_takes_no_run_of_production(tmp_path: Path) -> None:
    """Not through its pool; and one that was put on production's by hand ends it Cancelled."""
    with prefect_server(tmp_path / "server") as api:
        common = {**environment_below(tmp_path), "PREFECT_API_URL": api, "TZ": "UTC"}
        told = {one: {**common, "LINDERO_ENTORNO": one} for one in ("production", "staging")}
        runs = {}
        for one, suffix in (("production", ""), ("staging", "-staging")):
            run(told[one], "-m", "Modules.cli.main", "deploy", "hello-world")
            name = f"Hello World/hello-world{suffix}"
            held = ask("GET", f"{api}/deployments/name/{name.replace(' ', '%20')}")
            question = {"state": {"type": "SCHEDULED"}}
            made = ask("POST", f"{api}/deployments/{held['id']}/create_flow_run", question)
            runs[one] = f"{api}/flow_runs/{made['id']}"
        worker = ("-m", "prefect", "worker", "start", "--type", "process", "--run-once", "--pool")

        run(told["staging"], *worker, "local-pool-staging")
        states = {one: ask("GET", url)["state"] for one, url in runs.items()}
        assert states["staging"]["type"] == "COMPLETED", states["staging"]["message"]
        assert states["production"]["type"] == "SCHEDULED"

        run(told["staging"], *worker, "local-pool")
        state = ask("GET", runs["production"])["state"]
        assert state["type"] == "CANCELLED"
        assert state["message"].startswith(
            "No corrió: es de production, y este worker es de staging"
        )
