"""Runs as Jobs: Prefect's real Kubernetes worker and observer, as our manifests start them."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from Modules.disk.run_lock import is_held, only_one
from Modules.orchestration.deployments import OF_EMPRESAS
from Modules.orchestration.empresas import MAPAS, last
from Modules.words.domain import Modo
from Modules.words.errors import RunLocked
from tests.k8s_files import named, pods, rendered
from tests.orchestration.test_entornos import run
from tests.processes import ended, patience
from tests.scripts.conftest import (
    _free_port,
    ask,
    companies_in,
    environment_below,
    night_in,
    prefect_server,
)
from tests.scripts.k8s_api import Cluster, serving
from tests.stack.canaries import files_below, leaks

NAMESPACE = "lindero-production"
AUTH = "admin:canario-de-la-api-7f3a"
HEADERS = {"Authorization": "Basic " + base64.b64encode(AUTH.encode()).decode()}


@pytest.mark.integration
@pytest.mark.slow  # what a Job is: tests/test_k8s.py
def test_runs_become_jobs_and_one_that_is_killed_or_deleted_ends_crashed(tmp_path: Path) -> None:
    night_in(tmp_path, 0, size="small")  # its maps take long enough to be killed amid them
    with _cluster(tmp_path, "kmz-prueba", "h3-prueba", "hello-world") as (api, cluster):
        _story(api, cluster)
    kept = [*_kept(tmp_path / "cluster"), *files_below(tmp_path / "server")]
    jobs = [("job", repr(one).encode()) for one in cluster.made]
    assert leaks({"auth": AUTH}, [*jobs, *kept]) == []
    assert cluster.refused == []
    assert {("jobs", "create"), ("jobs", "watch"), ("pods", "watch")} <= set(cluster.asked)


@contextmanager
def _cluster(folder: Path, *deploy: str, **config: str) -> Iterator[tuple[str, Cluster]]:
    """A Prefect server with these deployments, and our worker of Jobs on a cluster told this."""
    pod = pods("production")["prefect-worker-jobs"]
    told = {**named("production", "ConfigMap", "lindero")["data"], **config}
    (place := folder / "cluster").mkdir()
    with prefect_server(folder / "server", PREFECT_SERVER_API_AUTH_STRING=AUTH) as api:
        cluster = Cluster(
            place,
            rendered("production"),
            {"lindero-api": {"auth-string": AUTH}},
            {"lindero-estado": folder / "state", "lindero-salida": folder},
            {told["PREFECT_API_URL"]: api},
        )
        cluster.configs["lindero"] = told
        common = {**environment_below(folder), **config, "PREFECT_API_URL": api}
        common |= {"POD_IMAGE": "registro.example/lindero:0.1.0", "POD_NAMESPACE": NAMESPACE}
        common |= {"PREFECT_SERVER_API_AUTH_STRING": AUTH, "LINDERO_ENTORNO": "production"}
        common["LINDERO_K8S_POOL"] = told["LINDERO_K8S_POOL"]
        run(common, "-m", "Modules.cli.main", "deploy", *deploy)
        with serving(cluster) as kubeconfig:
            (at := place / "worker").mkdir()
            quick = {"PREFECT_WORKER_QUERY_SECONDS": "1", "KUBECONFIG": str(kubeconfig)}
            quick["PREFECT_WORKER_WEBSERVER_PORT"] = str(_free_port())
            worker = cluster.run(pod, NAMESPACE, at, **quick)
            try:
                yield api, cluster
            finally:
                ended(worker)


@pytest.mark.integration
@pytest.mark.slow
def test_the_maps_of_companies_are_shared_out_among_jobs_and_one_killed_costs_none(
    tmp_path: Path,
) -> None:
    """Three companies, two Jobs that know the API's secret alone; all turns are held until both
    are on, and the first is stopped until the second is at a company: that one it does, then.
    """
    names = ("Sur", "Norte", "Este")
    companies_in(tmp_path, *names, size="small")
    states = {name: tmp_path / "state" / "empresas" / name.lower() for name in names}
    turns = {name: state / "turno.lock" for name, state in states.items()}
    many = {"LINDERO_EMPRESAS": "/app/data/lindero/empresas.toml", "LINDERO_EMPRESAS_TANDAS": "2"}
    secret = {"NORTE_SECRETO_FILE": "/run/secrets/norte_secreto"}  # a file of the worker's pod
    quick = {"LINDERO_H3_RESOLUTIONS": "8,9", "LINDERO_TASK_RUNNER": "serial"}
    first, share = OF_EMPRESAS["mapas-empresas-prueba"], OF_EMPRESAS["tanda-mapas"]
    with _cluster(tmp_path, "mapas-empresas-prueba", "tanda-mapas", **many, **secret, **quick) as (
        api,
        cluster,
    ):
        with ExitStack() as held:
            for path in turns.values():
                held.enter_context(only_one(path, lambda: RunLocked("no")))
            run_id = _asked_for(api, first.full_name)
            waiting = _running(api, cluster, run_id)
            (part,) = _started(api, share.full_name)
            killed = _running(api, cluster, part)
            assert len(cluster.made) == 2
            of_first = _processes(cluster, waiting)
            for process in of_first:
                process.suspend()
        left = _at_work(turns)
        cluster.kill(killed)
        assert last(states[left], Modo.TEST, MAPAS) is None
        for process in of_first:
            process.resume()
        state = _ended(api, run_id)
        assert (state["type"], state["name"]) == ("COMPLETED", "Completed"), state
        assert _ended(api, part)["type"] == "CRASHED"
    results = {name: last(state, Modo.TEST, MAPAS) for name, state in states.items()}
    assert {name: one.codigo for name, one in results.items() if one is not None} == dict.fromkeys(
        names, 0
    )
    for name in names:
        out = tmp_path / "test_outputs" / name.lower()
        assert list(out.rglob("*.kmz")), name
        assert list(out.rglob("h3_25-26_r09.gpkg")), name
    assert cluster.refused == []
    for job, of in zip(cluster.made, (run_id, part), strict=True):
        _is_ours(job, of)


def _started(api: str, name: str) -> list[str]:
    """The runs of a deployment, once there is one."""
    held = ask("GET", f"{api}/deployments/name/{name.replace(' ', '%20')}", headers=HEADERS)
    body = {"deployments": {"id": {"any_": [held["id"]]}}}
    deadline = time.monotonic() + patience(60)
    while not (runs := ask("POST", f"{api}/flow_runs/filter", body, HEADERS)):
        assert time.monotonic() < deadline
        time.sleep(0.2)  # polling the server, bounded by the deadline above
    return [str(one["id"]) for one in runs]


def _processes(cluster: Cluster, job: str) -> list[psutil.Process]:
    first = psutil.Process(cluster.processes[job].pid)
    return [first, *first.children(recursive=True)]


def _at_work(turns: Mapping[str, Path]) -> str:
    """The company that somebody is at."""
    deadline = time.monotonic() + patience(60)
    while not (held := [name for name, path in turns.items() if is_held(path)]):
        assert time.monotonic() < deadline
        time.sleep(0.02)  # polling the kernel, bounded by the deadline above
    (name,) = held
    return name


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
