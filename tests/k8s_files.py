"""The manifests of deploy/k8s as a cluster gets them, and the Job that Prefect makes of a run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.objects import FlowRun
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration, KubernetesWorkerVariables

from Modules.orchestration.deploy import _job_template
from tests.compose_files import ROOT

K8S = ROOT / "deploy" / "k8s"
ENTORNOS = ("production", "staging")
IMAGE = "registro.example/lindero:0.1.0"


@cache
def rendered(entorno: str) -> tuple[dict[str, Any], ...]:
    """The objects that ``kubectl apply -k`` would send."""
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("kubectl is not on this machine: Debian's kubernetes-client has it")
    said = subprocess.run(
        [kubectl, "kustomize", str(K8S / "overlays" / entorno)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert not said.stderr, said.stderr  # a word of kustomize that is on its way out
    return tuple(yaml.safe_load_all(said.stdout))


def named(entorno: str, kind: str, name: str) -> dict[str, Any]:
    (found,) = (
        one for one in rendered(entorno) if (one["kind"], one["metadata"]["name"]) == (kind, name)
    )
    return found


def pods(entorno: str) -> dict[str, dict[str, Any]]:
    """The pod of each Deployment, by its name."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in rendered(entorno)
        if one["kind"] == "Deployment"
    }


def containers(pod: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def template(namespace: str, image: str = IMAGE) -> dict[str, Any]:
    """Our base job template, as deploying from a container in that namespace makes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POD_NAMESPACE", namespace)
        patch.setenv("POD_IMAGE", image)
        return _job_template()


async def job(namespace: str = "lindero-production", **variables: Any) -> dict[str, Any]:
    """What Prefect's own code makes of our template for one run."""
    nobody = SimpleNamespace()  # no block and no variable is in it, so no server is asked
    made = await KubernetesWorkerJobConfiguration.from_template_and_values(
        template(namespace), variables, client=nobody
    )
    run = FlowRun.model_validate({"id": uuid4(), "flow_id": uuid4(), "name": "25-26-prod"})
    made.prepare_for_flow_run(run)
    return made.job_manifest


def known_variables() -> set[str]:
    return {*KubernetesWorkerVariables.model_fields}
