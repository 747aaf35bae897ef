"""Deployments on a real server: both ways give the same, and again changes nothing."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_HOME, temporary_settings

from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import deployments
from Modules.orchestration.deploy import DeployReport
from Modules.orchestration.deployments import BACKUP, DEPLOYMENTS, H3, HELLO_WORLD, named
from Modules.words.errors import SettingsError
from tests.scripts.conftest import ROOT, Command, ask, command_in, prefect_server, python_in

pytestmark = pytest.mark.integration

OF_THE_ROW = {"id", "created", "updated", "flow_id", "deployment_id", "last_polled", "status"}
OF_THE_ROW |= {"global_concurrency_limit_id", "concurrency_limit_id", "work_queue_id", "next_run"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this module's own: its tests count what it holds."""
    with prefect_server(tmp_path_factory.mktemp("deploy")) as address:
        yield address


@pytest.fixture
def lindero(api: str, tmp_path: Path) -> Command:
    """The command line with that server; for what the command line itself adds."""
    return command_in(tmp_path, PREFECT_API_URL=api)


@pytest.fixture
def here(api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process deploys to that server: a process of its own takes seconds each time."""
    monkeypatch.setenv("PREFECT_API_URL", api)
    with temporary_settings({PREFECT_HOME: tmp_path}):
        yield


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """The definition of each deployment once they all were there."""
    return {}


@pytest.fixture
def deployed(here: None, api: str, whole: dict[str, Any]) -> Mapping[str, Any]:
    """What the server holds when every deployment is there, as it was defined first."""
    if not whole or _defined(_held(api)) != whole:  # the test before left it otherwise
        prefect_deploy.deploy_all()
    held = _held(api)
    whole.update(_defined(held))
    return held


def _held(api: str) -> dict[str, Any]:
    return {row["name"]: row for row in ask("POST", f"{api}/deployments/filter", {})}


def _block_types(api: str) -> dict[str, str]:
    """Each type of block on the server, with when it was written last."""
    return {row["slug"]: row["updated"] for row in ask("POST", f"{api}/block_types/filter", {})}


def _scheduled(api: str, name: str) -> dict[str, str]:
    """Future runs of a deployment: id and time."""
    body = {
        "deployments": {"name": {"any_": [name]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    rows = ask("POST", f"{api}/flow_runs/filter", body)
    return {row["id"]: row["expected_start_time"] for row in rows}


def _wait_for_runs(api: str) -> None:
    deadline = time.monotonic() + 60
    names = [one.name for one in DEPLOYMENTS.values() if one.cron]
    while not all(len(_scheduled(api, name)) >= 3 for name in names):
        assert time.monotonic() < deadline, "the scheduler made no runs"
        time.sleep(0.5)  # polling the server's scheduler, bounded by the deadline above


def _definition(value: Any) -> Any:
    """What was asked for, without what the server gives each row."""
    if isinstance(value, dict):
        kept = {k: _definition(v) for k, v in value.items() if k not in OF_THE_ROW}
        if "active_slots" in kept:
            del kept["name"]  # of a limit: the deployment's id
        return kept
    return [_definition(item) for item in value] if isinstance(value, list) else value


def _defined(held: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _definition(row) for name, row in held.items()}


def _statuses(informe: DeployReport) -> dict[str, str]:
    return {one.deployment.full_name: one.estado for one in informe.cambios}


def _delete_all(api: str) -> None:
    for row in _held(api).values():
        ask("DELETE", f"{api}/deployments/{row['id']}")


def _prefect_deploy(api: str, folder: Path, *which: str) -> None:
    command = ("-m", "prefect", "--no-prompt", "deploy", *(which or ("--all",)))
    done = python_in(folder, *command, cwd=ROOT, PREFECT_API_URL=api)
    assert done.code == 0, done.out + done.err


def test_a_dry_run_on_a_new_server_says_what_is_new_and_writes_nothing(
    lindero: Command, api: str
) -> None:
    answer = lindero("deploy", "--all", "--dry-run", "--json")
    assert answer.code == 0, answer.err
    assert {row["estado"] for row in answer.json["despliegues"]} == {"nuevo"}
    assert set(answer.json["bloques"].values()) == {"nuevo"}
    assert _held(api) == {}
    assert not {*answer.json["bloques"]} & set(_block_types(api))
    assert ask("POST", f"{api}/work_pools/filter", {}) == []
    assert ask("POST", f"{api}/flows/filter", {}) == []


def test_deploying_again_changes_no_deployment_no_schedule_and_no_scheduled_run(
    lindero: Command, api: str, deployed: Mapping[str, Any]
) -> None:
    _wait_for_runs(api)
    runs, types = {name: _scheduled(api, name) for name in deployed}, _block_types(api)
    again = lindero("deploy", "--all", "--json")
    assert again.code == 0, again.err
    assert {row["estado"] for row in again.json["despliegues"]} == {"igual"}
    assert set(again.json["bloques"].values()) == {"igual"}
    assert _block_types(api) == types
    assert {*again.json["bloques"]} <= set(types)
    now = _held(api)
    for name, before in deployed.items():
        assert now[name]["updated"] == before["updated"]
        assert now[name]["schedules"] == before["schedules"]
        assert runs[name].items() <= _scheduled(api, name).items()


@pytest.mark.usefixtures("deployed")
def test_three_runs_are_scheduled_at_three_in_buenos_aires(api: str) -> None:
    _wait_for_runs(api)
    times = sorted(_scheduled(api, BACKUP.name).values())[:3]
    assert [moment[11:19] for moment in times] == ["06:00:00"] * 3
    half_past = sorted(_scheduled(api, H3.name).values())
    assert {moment[11:19] for moment in half_past} == {"06:30:00"}


def test_prefect_deploy_and_lindero_deploy_give_the_same_field_by_field(
    api: str, deployed: Mapping[str, Any], tmp_path: Path
) -> None:
    ours = _defined(deployed)
    assert set(ours) == {one.name for one in DEPLOYMENTS.values()}
    _delete_all(api)
    _prefect_deploy(api, tmp_path)
    theirs = _defined(_held(api))
    assert set(theirs) == set(ours)
    for name, row in ours.items():
        for fixed in ("readOnly", "enum"):  # Prefect's own command cannot fix a parameter
            for help_ in row["parameter_openapi_schema"]["properties"].values():
                help_.pop(fixed, None)
        assert {field: theirs[name][field] for field in row} == row
    again = prefect_deploy.deploy_all()
    for one in again.cambios:  # Lindero's fixes them again, and nothing else
        fields = ["parameter_openapi_schema"] if one.deployment.parameters else []
        assert [different.campo for different in one.diferencias] == fields
    some = [one.name for one in (BACKUP, H3, HELLO_WORLD)]
    _prefect_deploy(api, tmp_path, *(f"--name={name}" for name in some))  # over what is there, too
    now = _defined(_held(api))
    assert {name: now[name] for name in some} == {name: ours[name] for name in some}
    prefect_deploy.deploy_all()


@pytest.mark.usefixtures("deployed")
def test_the_certificates_are_not_read_anew_for_each_deployment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each client of Prefect reads all of them: 30 ms, in all a third of the time it took."""
    read, load = [], ssl.SSLContext.load_verify_locations
    monkeypatch.setattr(
        ssl.SSLContext,
        "load_verify_locations",
        lambda self, *given, **named: read.append(given) or load(self, *given, **named),
    )
    prefect_deploy.deploy_all()
    assert 0 < len(read) < len(DEPLOYMENTS) / 2


@pytest.mark.usefixtures("deployed")
def test_only_what_differs_is_written_and_a_dry_run_names_it(lindero: Command, api: str) -> None:
    before = _held(api)
    changed = before[BACKUP.name]
    ask("PATCH", f"{api}/deployments/{changed['id']}", {"tags": ["mine"]})
    said = lindero("deploy", "backup", "--dry-run")
    assert "cambia" in said.out
    assert "etiquetas" in said.out
    assert "bloque jira-credentials" in said.out
    assert "mine" in said.out
    (would,) = prefect_deploy.deploy_all([BACKUP], dry_run=True).cambios
    assert {one.campo for one in would.diferencias} == {"tags"}
    assert _held(api)[BACKUP.name]["tags"] == ["mine"], "a dry run writes nothing"

    statuses = _statuses(prefect_deploy.deploy_all())
    assert statuses.pop(BACKUP.full_name) == "cambia"
    assert set(statuses.values()) == {"igual"}
    after = _held(api)
    assert _definition(after[BACKUP.name]) == _definition(before[BACKUP.name])
    schedule = after[BACKUP.name]["schedules"][0]
    assert schedule["id"] == before[BACKUP.name]["schedules"][0]["id"]
    for name in set(before) - {BACKUP.name}:
        assert after[name]["updated"] == before[name]["updated"]


@pytest.mark.usefixtures("deployed")
def test_the_campania_that_a_person_set_in_the_page_survives_a_deployment_and_is_shown(
    lindero: Command, api: str
) -> None:
    """Of the deployment, and of its schedule; a start of the worker deploys the same way."""
    row = _held(api)[BACKUP.name]
    assert row["parameters"] == {"test": False}, "the flow reads LINDERO_CAMPANIA"
    where = f"{api}/deployments/{row['id']}"
    schedule = row["schedules"][0]
    ask("PATCH", where, {"parameters": {"campania": "26/27", "test": False}})
    ask("PATCH", f"{where}/schedules/{schedule['id']}", {"parameters": {"campania": "27/28"}})
    (same,) = prefect_deploy.deploy_all([BACKUP]).cambios
    assert (same.estado, same.a_mano) == ("igual", {"campania": "26/27"})
    ask("PATCH", where, {"description": "other"})
    said = lindero("deploy", "backup", LINDERO_CAMPANIA="25/26")
    assert "campania=26/27 puesto a mano" in said.out
    after = _held(api)[BACKUP.name]
    assert after["parameters"] == {"campania": "26/27", "test": False}
    assert after["schedules"][0]["parameters"] == {"campania": "27/28"}
    assert after["description"] == BACKUP.description
    ask("PATCH", where, {"parameters": {"test": False}})
    ask("PATCH", f"{where}/schedules/{schedule['id']}", {"parameters": {}})


@pytest.mark.usefixtures("deployed")
def test_schedules_that_are_not_in_the_registry_go(api: str) -> None:
    """One without a time zone, as an older deployment had it, and one where none belongs."""
    held = _held(api)
    for name in (BACKUP.name, "hello-world"):
        row = held[name]
        bare = [{"schedule": {"cron": "0 3 * * *"}, "active": True}]
        ask("POST", f"{api}/deployments/{row['id']}/schedules", bare)
    statuses = _statuses(prefect_deploy.deploy_all())
    assert statuses[BACKUP.full_name] == statuses["Hello World/hello-world"] == "cambia"
    after = _held(api)
    assert after["hello-world"]["schedules"] == []
    assert [one["schedule"]["timezone"] for one in after[BACKUP.name]["schedules"]] == [
        "America/Argentina/Buenos_Aires"
    ]
    assert set(_statuses(prefect_deploy.deploy_all()).values()) == {"igual"}


@pytest.mark.usefixtures("deployed")
def test_a_pause_of_the_operator_survives_a_deployment_and_is_shown(api: str) -> None:
    row = _held(api)[BACKUP.name]
    schedule = row["schedules"][0]["id"]
    where = f"{api}/deployments/{row['id']}/schedules/{schedule}"
    ask("PATCH", where, {"active": False})
    (same,) = prefect_deploy.deploy_all([BACKUP]).cambios
    assert (same.estado, same.en_pausa) == ("igual", True)
    ask("PATCH", f"{api}/deployments/{row['id']}", {"description": "other"})
    (changed,) = prefect_deploy.deploy_all([BACKUP]).cambios
    assert (changed.estado, changed.en_pausa) == ("cambia", True)
    after = _held(api)[BACKUP.name]
    assert after["description"] == BACKUP.description
    assert [(one["id"], one["active"]) for one in after["schedules"]] == [(schedule, False)]
    ask("PATCH", where, {"active": True})


@pytest.mark.usefixtures("deployed")
def test_what_a_container_deployed_is_not_moved_to_a_folder_of_this_machine(api: str) -> None:
    """Its worker has no such folder: every night would fail."""
    row = _held(api)["hello-world"]
    step = {"prefect.deployments.steps.set_working_directory": {"directory": "/app"}}
    ask("PATCH", f"{api}/deployments/{row['id']}", {"pull_steps": [step]})
    with pytest.raises(SettingsError, match="su worker es un contenedor"):
        prefect_deploy.deploy_all(named(["hello-world"]))
    assert _held(api)["hello-world"]["pull_steps"] == [step]
    ask("DELETE", f"{api}/deployments/{row['id']}")


@pytest.mark.usefixtures("deployed")
def test_a_deployment_of_the_users_is_told_and_left_alone(lindero: Command, api: str) -> None:
    flow = ask("POST", f"{api}/flows/", {"name": "Lluvias"})["id"]
    body = {"name": "mia", "flow_id": flow, "work_pool_name": "local-pool", "entrypoint": "x.py:x"}
    theirs = ask("POST", f"{api}/deployments/", body)
    answer = lindero("deploy", "hello-world")
    assert "Lluvias/mia: no está en el registro de Lindero; queda como está." in answer.out
    assert _held(api)["mia"]["updated"] == theirs["updated"]
    ask("DELETE", f"{api}/deployments/{theirs['id']}")


def test_a_script_deploys_its_flow_and_says_the_next_step(api: str, tmp_path: Path) -> None:
    done = python_in(tmp_path, str(ROOT / "scripts" / "generar_kmz.py"), PREFECT_API_URL=api)
    assert done.code == 0, done.err
    first, then = done.out.splitlines()
    assert first.startswith("Generar KMZ/generar-kmz-weekly: ")
    assert first.endswith("corre todos los días a las 03:45.")
    assert then == "Para correrlo ya: prefect deployment run 'Generar KMZ/generar-kmz-weekly'"


@pytest.mark.usefixtures("here")
def test_a_pool_of_another_type_is_refused_in_one_line(api: str) -> None:
    _delete_all(api)
    ask("DELETE", f"{api}/work_pools/local-pool")
    ask("POST", f"{api}/work_pools/", {"name": "local-pool", "type": "docker"})
    with pytest.raises(SettingsError, match="de tipo docker"):
        prefect_deploy.deploy_all(named(["hello-world"]))
    ask("DELETE", f"{api}/work_pools/local-pool")


@pytest.mark.parametrize(
    "arguments", [("deploy",), ("deploy", "bakcup"), ("deploy", "backup", "--all")]
)
def test_wrong_usage_lists_the_deployments(arguments: tuple[str, ...], tmp_path: Path) -> None:
    answer = command_in(tmp_path)(*arguments)
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert ", ".join(DEPLOYMENTS) in answer.err


def test_the_pool_of_a_cluster_is_kept_as_ours_and_the_room_of_a_job_as_a_person_set_it(
    here: None, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment that was on local-pool moves to it; KMZ and H3 then run as Jobs."""
    pool, jobs = f"{api}/work_pools/k8s-pool", replace(H3, work_pool="k8s-pool")
    prefect_deploy.deploy_all([H3])
    for module in (prefect_deploy, deployments):
        monkeypatch.setattr(module, "K8S_POOL", "k8s-pool")
    with pytest.raises(SettingsError, match="LINDERO_K8S_POOL: falta POD_IMAGE, POD_NAMESPACE"):
        prefect_deploy.deploy_all([jobs])
    monkeypatch.setenv("POD_IMAGE", "registro.example/lindero:0.1.0")
    monkeypatch.setenv("POD_NAMESPACE", "lindero-production")
    assert _statuses(prefect_deploy.deploy_all([jobs])) == {H3.full_name: "cambia"}
    made = ask("GET", pool)
    assert made["type"] == "kubernetes"
    variables = made["base_job_template"]["variables"]["properties"]
    assert variables["image"]["default"] == "registro.example/lindero:0.1.0"
    assert _held(api)[H3.name]["work_pool_name"] == "k8s-pool"

    deployment = f"{api}/deployments/{_held(api)[H3.name]['id']}"
    room = {"memory_limit": "8Gi", "env": {"PREFECT_LOGGING_HANDLERS_API_LEVEL": "CRITICAL"}}
    ask("PATCH", deployment, {"job_variables": room})
    ask("PATCH", pool, {"base_job_template": {}})
    assert _statuses(prefect_deploy.deploy_all([jobs])) == {H3.full_name: "igual"}
    assert _held(api)[H3.name]["job_variables"] == room
    assert ask("GET", pool)["base_job_template"] == made["base_job_template"]

    monkeypatch.setenv("POD_IMAGE", "registro.example/lindero:0.2.0")
    prefect_deploy.deploy_all([jobs])
    template = ask("GET", pool)["base_job_template"]["variables"]["properties"]
    assert template["image"]["default"] == "registro.example/lindero:0.2.0"
    ask("PATCH", deployment, {"description": "otra"})
    assert _statuses(prefect_deploy.deploy_all([jobs])) == {H3.full_name: "cambia"}
    assert _held(api)[H3.name]["job_variables"] == room
    _delete_all(api)
