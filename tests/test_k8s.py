"""deploy/k8s: what a cluster is told; the real worker is in tests/scripts/test_k8s_jobs.py."""

from __future__ import annotations

import asyncio
import json
import re
from copy import deepcopy
from typing import Any

import kubernetes_validate
import pytest
import yaml

from Modules.orchestration.deploy import JOB, OF_THE_POD, _job_template
from Modules.settings import read_settings, secret_names, variable_names
from Modules.words.errors import SettingsError
from tests.compose_files import ROOT, services
from tests.k8s_files import (
    ENTORNOS,
    IMAGE,
    K8S,
    containers,
    job,
    known_variables,
    named,
    pods,
    rendered,
    template,
)

VERSIONS = ("1.33", "1.37")
OURS = {"prefect-server": "server", "prefect-services": "services", "prefect-worker": "worker"}
SECRETS = "/run/secrets/"
COMPOSE = services()


def one_job() -> dict[str, Any]:
    """A Job of ours, without two fields that Prefect demands and a cluster passes over."""
    made = asyncio.run(job())
    for field in ("parallelism", "completions"):
        assert made["spec"]["template"]["spec"].pop(field) == 1
    return made


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_one_of_kubernetes_to_the_letter(version: str) -> None:
    made = one_job()
    for one in (*rendered("production"), *rendered("staging"), made):
        kubernetes_validate.validate(one, version, strict=True)
    wrong = deepcopy(made)
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePullPolice"):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_every_pod_passes_as_restricted() -> None:
    """As the namespaces ask of it: Pod Security, restricted; and a root that cannot be written."""
    for entorno in ENTORNOS:
        labels = named(entorno, "Namespace", f"lindero-{entorno}")["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in (*pods("production").values(), one_job()["spec"]["template"]):
        spec, security = pod["spec"], pod["spec"]["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 1000)
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(container["resources"]) == {"limits", "requests"}
            assert {*container["resources"]["limits"]} == {"cpu", "memory"}
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}
            assert not any("hostPath" in volume for volume in spec["volumes"])


def test_one_pod_alone_has_a_token_and_none_the_links_of_services() -> None:
    """A link is PREFECT_SERVER_PORT=tcp://…, which Prefect takes for a setting of its own."""
    for name, pod in (*pods("production").items(), ("job", one_job()["spec"]["template"])):
        assert pod["spec"]["enableServiceLinks"] is False, name
        assert pod["spec"]["automountServiceAccountToken"] is (name == "prefect-worker-jobs"), name
    (rule, seen) = named("production", "Role", "prefect-worker-jobs")["rules"]
    assert (rule["resources"], "secrets" in seen["resources"]) == (["jobs"], False)
    assert set(seen["verbs"]) == {"get", "list", "watch"}


@pytest.mark.parametrize("entorno", ENTORNOS)
def test_no_secret_is_in_a_manifest(entorno: str) -> None:
    assert not [one for one in rendered(entorno) if one["kind"] == "Secret"]
    of_prefect = {"PREFECT_API_AUTH_STRING"}
    secret = {name.upper() for name in secret_names()} | of_prefect
    told: dict[str, str] = {}
    for config in ("lindero", "lindero-bases"):
        told |= named(entorno, "ConfigMap", config)["data"]
    assert set(told) <= set(variable_names()) - secret
    read_settings({name.lower(): text for name, text in told.items() if text})  # none refused
    for pod in (*pods(entorno).values(), one_job()["spec"]["template"]):
        for container in containers(pod):
            for one in container["env"]:
                if one["name"] in secret:
                    assert set(one) == {"name", "valueFrom"}
                    assert one["valueFrom"]["secretKeyRef"]["name"] == "lindero-api"
    text = "".join(path.read_text() for path in K8S.rglob("*.yaml")) + JOB.read_text()
    assert not re.search(r"^\s*(stringData|data):\s*\{?\s*\w*(password|secret)", text, re.M | re.I)


def mounted(pod: dict[str, Any]) -> set[str]:
    """The Secrets whose files a pod has; with how the one key is called that all have."""
    (volume,) = (one for one in pod["spec"]["volumes"] if one["name"] == "secretos")
    whole, (api,) = volume["projected"]["sources"][:-1], volume["projected"]["sources"][-1:]
    assert api["secret"]["name"] == "lindero-api"
    assert api["secret"]["items"] == [
        {"key": "auth-string", "path": "prefect_server_api_auth_string"}
    ]
    return {one["secret"]["name"] for one in whole}


def written() -> dict[str, set[str]]:
    """The Secrets as docs/plataforma.md has them made: their keys by name."""
    text = (ROOT / "docs" / "plataforma.md").read_text(encoding="utf-8")
    made = re.findall(r"secret generic (\S+)((?:\s*\\?\s*--from-file=\S+)+)", text)
    found = {}
    for name, files in made:
        paths = re.findall(r"--from-file=(\S+)", files)
        assert all(path.split("=")[-1].startswith("data/secretos/") for path in paths)
        found[name] = {path.split("=")[0].removeprefix("data/secretos/") for path in paths}
    return found


def test_the_same_secrets_as_with_compose_in_files_that_the_guide_has_made() -> None:
    made = written()
    assert made["lindero-api"] == {"auth-string"}
    for name in OURS:
        pod = pods("production")[name]
        (secret,) = mounted(pod)
        of_compose = {key for key in COMPOSE[name]["environment"] if key.endswith("_FILE")}
        for container in containers(pod):
            files = {
                one["name"]: one["value"]
                for one in container["env"]
                if one["name"].endswith("_FILE")
            }
            assert set(files) == of_compose
            for variable, path in files.items():
                key = variable.removesuffix("_FILE").lower()
                assert path == SECRETS + key
                assert key == "prefect_server_api_auth_string" or key in made[secret]
    assert made["lindero-worker"].isdisjoint({"prefect_postgres_password"})


def test_the_probes_are_the_health_checks_of_compose() -> None:
    for name in OURS:
        (container,) = pods("production")[name]["spec"]["containers"]
        health = COMPOSE[name]["healthcheck"]["test"][1:]
        assert container["readinessProbe"]["exec"]["command"] == health
        assert container["readinessProbe"]["timeoutSeconds"] == 20
        # a restart mends no store that is away, and would kill the night in the worker
        restarts = {probe: container.get(f"{probe}Probe") for probe in ("startup", "liveness")}
        if name == "prefect-server":
            assert {one["httpGet"]["path"] for one in restarts.values()} == {"/api/health"}
        else:
            assert restarts == {"startup": None, "liveness": None}
        assert container["command"] == COMPOSE[name]["command"]
    # not ready, as while Redis is away, is no reason to leave a living night without its server
    assert named("production", "Service", "prefect-server")["spec"]["publishNotReadyAddresses"]


def test_the_worker_of_the_nights_is_one_and_never_two() -> None:
    for entorno in ENTORNOS:
        for name in (*OURS, "prefect-worker-jobs"):
            spec = named(entorno, "Deployment", name)["spec"]
            assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_production_and_staging_share_no_namespace_pool_or_store() -> None:
    production, staging = (
        {
            **{
                "namespace": {one["metadata"].get("namespace") for one in rendered(entorno)}
                - {None}
            },
            **named(entorno, "ConfigMap", "lindero")["data"],
            **named(entorno, "ConfigMap", "lindero-bases")["data"],
        }
        for entorno in ENTORNOS
    )
    assert (production["namespace"], staging["namespace"]) == (
        {"lindero-production"},
        {"lindero-staging"},
    )
    assert {name for name in production if production[name] != staging[name]} == {
        "namespace",
        "LINDERO_ENTORNO",
        "LINDERO_HOST",
        "LINDERO_K8S_POOL",
        "PREFECT_POSTGRES_DB",
        "PREFECT_REDIS_MESSAGING_DB",
    }
    assert "0" not in (
        production["PREFECT_REDIS_MESSAGING_DB"],
        staging["PREFECT_REDIS_MESSAGING_DB"],
    )


def test_a_job_is_of_the_image_of_the_worker_and_names_only_what_is_there() -> None:
    there = {(one["kind"], one["metadata"]["name"]) for one in rendered("production")}
    (worker,) = pods("production")["prefect-worker"]["spec"]["containers"]
    told = {one["name"]: one for one in worker["env"]}
    assert told["POD_IMAGE"]["value"] == worker["image"] == IMAGE
    assert told["POD_NAMESPACE"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    made = one_job()
    assert made["metadata"]["namespace"] == "lindero-production"
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    assert ("ServiceAccount", pod["serviceAccountName"]) in there
    for source in container["envFrom"]:
        assert ("ConfigMap", source["configMapRef"]["name"]) in there
    for volume in pod["volumes"]:
        if "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            assert ("PersistentVolumeClaim", claim) in there
        assert volume.get("secret", {}).get("secretName") in (None, "lindero-api")
    folders = {one["mountPath"] for one in container["volumeMounts"]}
    config = named("production", "ConfigMap", "lindero")["data"]
    ours = ("LINDERO_STATE_DIR", "LINDERO_OUTPUTS_DIR", "LINDERO_TEST_OUTPUTS_DIR")
    assert {config[name] for name in ours} <= folders


def test_a_deployment_may_change_the_room_of_its_job_and_not_what_hardens_it() -> None:
    variables = template("lindero-staging")["variables"]["properties"]
    assert set(variables) <= known_variables()
    made = asyncio.run(job(memory_limit="8Gi", finished_job_ttl=60))
    spec = made["spec"]
    assert spec["ttlSecondsAfterFinished"] == 60
    (container,) = spec["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == "8Gi"
    assert spec["backoffLimit"] == 0  # a run that died is told, not tried again in silence
    # its end is a SIGTERM, as of a node that is emptied: Prefect would make the run again for ever
    assert "activeDeadlineSeconds" not in spec


@pytest.mark.parametrize("missing", OF_THE_POD)
def test_who_deploys_from_outside_is_told_from_where(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OF_THE_POD:
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv(missing)
    with pytest.raises(SettingsError, match=f"LINDERO_K8S_POOL: falta {missing}, .*kubectl exec"):
        _job_template()


def test_only_ours_reach_the_server_and_a_job_reaches_nothing_else() -> None:
    labels = {
        name: pod["metadata"]["labels"]["lindero"] for name, pod in pods("production").items()
    }
    assert labels == OURS | {"prefect-worker-jobs": "worker-jobs"}
    assert one_job()["spec"]["template"]["metadata"]["labels"]["lindero"] == "job"
    everyone = {"matchExpressions": [{"key": "lindero", "operator": "Exists"}]}
    shut, job_, server = (
        named("production", "NetworkPolicy", name)["spec"]
        for name in ("lindero", "lindero-job", "prefect-server")
    )
    assert (shut["podSelector"], "ingress" in shut) == (everyone, False)
    (rule,) = server["ingress"]
    assert rule == {"from": [{"podSelector": everyone}], "ports": [{"port": 4200}]}
    assert job_["egress"][0]["to"] == [{"podSelector": {"matchLabels": {"lindero": "server"}}}]
    assert [one["port"] for one in job_["egress"][1]["ports"]] == [53, 53]


def test_the_values_for_the_upstream_chart_name_what_ours_do() -> None:
    values = yaml.safe_load((K8S / "values-prefect.yaml").read_text())["worker"]
    assert values["config"]["workPool"] == "k8s-pool"
    assert values["selfHostedServerApiConfig"]["basicAuth"] == {
        "enabled": True,
        "existingSecret": "lindero-api",
    }
    server = values["selfHostedServerApiConfig"]["apiUrl"]
    assert server == named("production", "ConfigMap", "lindero")["data"]["PREFECT_API_URL"]
    (ours,) = pods("production")["prefect-worker-jobs"]["spec"]["containers"]
    told = {one["name"]: one.get("value") for one in ours["env"]}
    of_a_job = "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET"
    assert (told[f"{of_a_job}_NAME"], told[f"{of_a_job}_KEY"]) == ("lindero-api", "auth-string")
    lock = (ROOT / "uv.lock").read_text()
    version = re.search(r'name = "prefect"\nversion = "([\d.]+)"', lock)
    assert version is not None
    assert values["image"]["prefectTag"] == f"{version[1]}-python3.13-kubernetes"


def test_the_job_template_says_in_spanish_what_may_be_changed() -> None:
    properties = json.loads(JOB.read_text(encoding="utf-8"))["variables"]["properties"]
    assert all(one["title"] for one in properties.values())
