"""Runs as Jobs: Prefect's real Kubernetes worker and observer, as our manifests start them."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.k8s_files import named, pods, rendered
from tests.orchestration.test_entornos import run
from tests.processes import ended, patience
from tests.scripts.conftest import _free_port, ask, environment_below, night_in, prefect_server
from tests.scripts.k8s_api import Cluster, serving
from tests.stack.canaries import files_below, leaks

NAMESPACE = "lindero-production"
AUTH = "admin:canario-de-la-api-7f3a"
HEADERS = {"Authorization": "Basic " + base64.b64encode(AUTH.encode()).decode()}


@pytest.mark.integration
@pytest.mark.slow  # what a Job is: tests/test_k8s.py
def test_runs_become_jobs_and_one_that_is_killed_or_deleted_ends_crashed(tmp_path: Path) -> None:
    night_in(tmp_path, 0)
    pod = pods("production")["prefect-worker-jobs"]
    told = named("production", "ConfigMap", "lindero")["data"]
    pool = told["LINDERO_K8S_POOL"]
    folder = tmp_path / "cluster"
    folder.mkdir()
    with prefect_server(tmp_path / "server", PREFECT_SERVER_API_AUTH_STRING=AUTH) as api:
        cluster = Cluster(
            folder,
            rendered("production"),
            {"lindero-api": {"auth-string": AUTH}},
            {"lindero-estado": tmp_path / "state", "lindero-salida": tmp_path},
            {told["PREFECT_API_URL"]: api},
        )
        common = {**environment_below(tmp_path), "PREFECT_API_URL": api, "LINDERO_K8S_POOL": pool}
        common |= {"POD_IMAGE": "registro.example/lindero:0.1.0", "POD_NAMESPACE": NAMESPACE}
        common |= {"PREFECT_SERVER_API_AUTH_STRING": AUTH, "LINDERO_ENTORNO": "production"}
        run(common, "-m", "Modules.cli.main", "deploy", "kmz-prueba", "h3-prueba", "hello-world")
        with serving(cluster) as kubeconfig:
            (at := folder / "worker").mkdir()
            quick = {"PREFECT_WORKER_QUERY_SECONDS": "1", "KUBECONFIG": str(kubeconfig)}
            quick["PREFECT_WORKER_WEBSERVER_PORT"] = str(_free_port())
            worker = cluster.run(pod, NAMESPACE, at, **quick)
            try:
                _story(api, cluster)
            finally:
                ended(worker)
    jobs = [("job", repr(one).encode()) for one in cluster.made]
    assert leaks({"auth": AUTH}, [*jobs, *_kept(folder), *files_below(tmp_path / "server")]) == []
    assert cluster.refused == []
    assert {("jobs", "create"), ("jobs", "watch"), ("pods", "watch")} <= set(cluster.asked)


def _story(api: str, cluster: Cluster) -> None:
    made = _asked_for(api, "Generar KMZ/generar-kmz-prueba")
    night = _asked_for(api, "Hello World/hello-world")
    state = _ended(api, made)
    assert (state["type"], state["name"]) == ("COMPLETED", "Completed"), state
    assert list((cluster.disks["lindero-salida"] / "test_outputs").rglob("*.kmz"))
    (job,) = cluster.made
    _is_ours(job, made)
    assert ask("GET", f"{api}/flow_runs/{night}", headers=HEADERS)["state"]["type"] == "SCHEDULED"

    killed = _asked_for(api, "Generar H3/generar-h3-prueba")
    cluster.kill(_running(api, cluster, killed))
    state = _ended(api, killed)
    assert (state["type"], state["message"]) == (
        "CRASHED",
        "No active or succeeded pods found for any job",
    )
    drained = _asked_for(api, "Generar H3/generar-h3-prueba")
    cluster.drain(_running(api, cluster, drained))
    state = _ended(api, drained)  # in another Job, for the night's products are made again whole
    assert state["type"] == "COMPLETED", state
    of_it = [one["metadata"]["labels"]["prefect.io/flow-run-id"] == drained for one in cluster.made]
    assert sum(of_it) == 2

    deleted = _asked_for(api, "Generar H3/generar-h3-prueba")
    cluster.delete(_running(api, cluster, deleted))
    state = _ended(api, deleted)
    assert (state["type"], state["message"]) == ("CRASHED", "Kubernetes job was deleted")


def _is_ours(job: Mapping[str, Any], run_id: str) -> None:
    """The Job as the cluster was asked for it: hardened, bounded, its one secret by reference."""
    assert job["metadata"]["labels"]["prefect.io/flow-run-id"] == run_id
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["args"] == ["prefect", "flow-run", "execute"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert (job["spec"]["ttlSecondsAfterFinished"], job["spec"]["backoffLimit"]) == (86_400, 0)
    (auth,) = (one for one in container["env"] if one["name"] == "PREFECT_API_AUTH_STRING")
    assert auth["valueFrom"] == {"secretKeyRef": {"name": "lindero-api", "key": "auth-string"}}


def _asked_for(api: str, name: str) -> str:
    held = ask("GET", f"{api}/deployments/name/{name.replace(' ', '%20')}", headers=HEADERS)
    body = {"state": {"type": "SCHEDULED"}}
    made = ask("POST", f"{api}/deployments/{held['id']}/create_flow_run", body, HEADERS)
    return str(made["id"])


def _state(api: str, run_id: str) -> dict[str, Any]:
    state: dict[str, Any] = ask("GET", f"{api}/flow_runs/{run_id}", headers=HEADERS)["state"]
    return state


def _ended(api: str, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + patience(120)
    while (state := _state(api, run_id))["type"] not in ("COMPLETED", "FAILED", "CRASHED"):
        assert time.monotonic() < deadline, state
        time.sleep(0.3)  # polling the server, bounded by the deadline above
    return state


def _running(api: str, cluster: Cluster, run_id: str) -> str:
    """The name of the Job of a run, once its flow is on."""
    deadline = time.monotonic() + patience(120)
    while _state(api, run_id)["type"] != "RUNNING":
        assert time.monotonic() < deadline, _state(api, run_id)
        time.sleep(0.1)  # polling the server, bounded by the deadline above
    (name,) = (
        name
        for (what, name), one in list(cluster.held.items())
        if what == "jobs" and one["metadata"]["labels"]["prefect.io/flow-run-id"] == run_id
    )
    return name


def _kept(folder: Path) -> list[tuple[str, bytes]]:
    """What a cluster keeps of its pods; not the Secrets, which it mounts."""
    return [one for one in files_below(folder) if "/secretos/" not in one[0]]
