"""The compose files: what is in them line by line, and what starts from them."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from jsonschema.validators import validator_for

from Modules.demo.contract import BASE_PATH, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from Modules.orchestration.deployments import DEPLOYMENTS
from Modules.settings import load_settings, secret_names, variable_names
from Modules.stack import entry as stack_entry
from tests.compose_files import (
    DEMO,
    MAIN,
    OURS,
    ROOT,
    STORES,
    VARIABLE,
    VOLUMES,
    environment,
    environment_with_files,
    interpolated,
    services,
)

SERVICES = services()
WITH_DEMO = services(MAIN, DEMO)
HARD = {
    "database": "p@ss/w:rd'\"#%&=ñ x",
    "redis": "r€dis: pass, *word*",
    "auth": "campo:c@ll it a/secret",
}
SECRETS = {
    "PREFECT_POSTGRES_PASSWORD": HARD["database"],
    "PREFECT_REDIS_MESSAGING_PASSWORD": HARD["redis"],
    "PREFECT_SERVER_API_AUTH_STRING": HARD["auth"],
}


def test_there_are_the_five_services_one_of_a_profile_and_the_demo_adds_two() -> None:
    assert set(SERVICES) == {*STORES, *OURS, "prompts"}
    profiles = {name: one["profiles"] for name, one in WITH_DEMO.items() if "profiles" in one}
    assert profiles == {"prompts": ["prompts"]}
    assert set(WITH_DEMO) - set(SERVICES) == {"demo-portal", "demo-night"}


@pytest.mark.parametrize("name", WITH_DEMO)
def test_every_container_is_hardened(name: str) -> None:
    service = WITH_DEMO[name]
    assert service["user"] == "${LINDERO_UID:-1000}:${LINDERO_GID:-1000}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 500
    assert re.fullmatch(r"\d+s", service["stop_grace_period"])
    assert service["logging"] == {
        "driver": "json-file",
        "options": {"max-size": "10m", "max-file": "5"},
    }
    assert any(re.fullmatch(r"/tmp:size=\d+[mg],mode=1777", one) for one in service["tmpfs"])
    assert not {"privileged", "cap_add", "devices", "env_file", "pid", "ipc"} & set(service)


@pytest.mark.parametrize("name", sorted(set(WITH_DEMO) - {"demo-night"}))
def test_every_container_that_stays_is_restarted_and_watched(name: str) -> None:
    service = WITH_DEMO[name]
    assert service["restart"] == "unless-stopped"
    assert set(service["healthcheck"]) == {"test", "interval", "timeout", "retries", "start_period"}


def test_services_have_time_to_take_back_what_an_outage_of_redis_took() -> None:
    check = SERVICES["prefect-services"]["healthcheck"]
    start, interval = (int(check[name].removesuffix("s")) for name in ("start_period", "interval"))

    assert start + check["retries"] * interval >= 330  # Docket's own 300 s, should ours not hold


def test_images_are_pinned_and_ours_is_this_version() -> None:
    version = re.search(
        r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M
    )
    assert version is not None
    for name in set(WITH_DEMO) - set(STORES):
        assert WITH_DEMO[name]["image"] == f"lindero:{version[1]}"
        assert WITH_DEMO[name]["pull_policy"] == "never"  # it is in no registry
    built = {name: one["build"] for name, one in WITH_DEMO.items() if "build" in one}
    assert built == {"prefect-server": {"context": "."}}  # once, not once a service
    for name in STORES:
        assert re.fullmatch(rf"{name}:\d+\.\d+(\.\d+)?-trixie", SERVICES[name]["image"])


def test_only_the_server_and_the_api_of_prompts_have_a_port_on_loopback() -> None:
    published = {
        name: service["ports"] for name, service in WITH_DEMO.items() if "ports" in service
    }
    assert published == {
        "prefect-server": ["127.0.0.1:${LINDERO_PORT:-4200}:4200"],
        "prompts": ["127.0.0.1:${LINDERO_PROMPTS_PORT:-4280}:4280"],
    }
    assert SERVICES["prompts"]["networks"] == ["prefect", "page", "outside"]
    assert not any("network_mode" in service for service in SERVICES.values())
    networks = yaml.safe_load(MAIN.read_text(encoding="utf-8"))["networks"]
    assert networks["stores"] == networks["prefect"] == {"internal": True}
    masquerade = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert networks["page"] == {"driver_opts": masquerade}  # published, with no way out
    assert all(SERVICES[name]["networks"] == ["stores"] for name in STORES)
    assert {name: SERVICES[name]["networks"] for name in OURS} == {
        "prefect-server": ["stores", "prefect", "page"],
        "prefect-services": ["stores", "prefect", "outside"],
        "prefect-worker": ["prefect", "outside"],
    }


def test_the_volumes_are_those_of_the_users() -> None:
    mounted = {name: set(service["volumes"]) for name, service in SERVICES.items()}
    code = {"./Modules:/app/Modules:ro"}
    assert mounted["postgres"] == {"./data/postgres:/var/lib/postgresql/data"}
    assert mounted["redis"] == {"./data/redis:/data"}
    state = "./data/lindero:/app/data/lindero"  # the watch beside services keeps its ledger there
    assert mounted["prefect-server"] == code
    assert mounted["prefect-services"] == code | {state}
    assert mounted["prefect-worker"] == code | {
        "./scripts:/app/scripts:ro",
        "./prompts:/app/prompts:ro",
        "./data/lindero:/app/data/lindero",
        "./outputs:/app/outputs",
        "./test_outputs:/app/test_outputs",
        "./outputs:/app/scripts/outputs",
        "./test_outputs:/app/scripts/test_outputs",
    }
    for name in ("outputs", "test_outputs"):  # a mount needs its folder below one that is read-only
        assert (ROOT / "scripts" / name / ".gitignore").is_file()
    assert mounted["prompts"] == code | {state}  # where the executions are, if in no PostgreSQL
    inside = SERVICES["postgres"]["environment"]["PGDATA"]
    assert inside.startswith("/var/lib/postgresql/data/")


@pytest.mark.parametrize("file", [MAIN, DEMO], ids=lambda file: file.name)
def test_every_variable_is_a_setting(file: Path) -> None:
    names = {match["name"] for match in VARIABLE.finditer(file.read_text(encoding="utf-8"))}
    assert names
    assert names <= set(variable_names())


@pytest.mark.parametrize("file", [MAIN, DEMO], ids=lambda file: file.name)
def test_no_secret_is_in_an_environment_and_no_address_of_a_store_is_written(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for match in VARIABLE.finditer(text):
        assert match["name"].lower() not in secret_names(), match[0]
        if re.search("URL|EMAIL|CLIENT", match["name"]):
            assert (match["kind"], match["rest"]) == ("-", ""), match[0]
    assert not re.search(r"(postgres\w*|redis)(\+\w+)?://|CONNECTION_URL|DOCKET", text, re.I)
    for service in yaml.safe_load(text)["services"].values():
        told = set(service.get("environment", ())) - {"DATABALER_CLIENT_SECRET"}  # the demo's
        assert not {name.lower() for name in told} & set(secret_names())
        assert "PREFECT_API_AUTH_STRING" not in told


def test_a_service_is_given_the_files_that_its_environment_names_and_no_other() -> None:
    files = yaml.safe_load(MAIN.read_text(encoding="utf-8"))["secrets"]
    ours = {*secret_names()} - {"lindero_vault_secret_id"}  # deploy/compose.vault.yml has it
    assert files == {name: {"file": f"./data/secretos/{name}"} for name in sorted(ours)}
    for name, service in SERVICES.items():
        named = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
        assert named == {f"/run/secrets/{one}" for one in service["secrets"]}, name
    of_the_stores = {"prefect_postgres_password", "prefect_redis_messaging_password"}
    api = {"prefect_server_api_auth_string"}
    held = {name: set(service["secrets"]) for name, service in SERVICES.items()}
    assert held["postgres"] == {"prefect_postgres_password"}
    assert held["redis"] == {"prefect_redis_messaging_password"}
    assert held["prefect-server"] == of_the_stores | api
    assert held["prefect-services"] == of_the_stores | api | SECRETS_OF_THE_WATCH
    assert held["prefect-worker"] == ours - of_the_stores
    assert held["prompts"] == {"lindero_prompts_database_url"} | api  # no key of a provider


def test_the_worker_is_told_no_secret_of_the_stores_and_the_others_none_of_the_portal() -> None:
    worker = SERVICES["prefect-worker"]
    assert not [name for name in worker["environment"] if re.search("POSTGRES|REDIS", name)]
    assert not re.search("postgres|redis", json.dumps(worker["secrets"]))
    for name in set(SERVICES) - {"prefect-worker"}:
        told = json.dumps(SERVICES[name])
        assert not re.search("DATABALER|LINDERO_WATCH", told, re.I)
        assert ("LINDERO_ALERT" in told) == (name == "prefect-services"), name


def test_the_worker_is_told_every_setting_of_a_run() -> None:
    of_the_containers = {"LINDERO_UID", "LINDERO_GID"}
    of_the_containers |= {"LINDERO_PROMPTS_PORT", "LINDERO_PROMPTS_RATE"}  # of the API
    of_the_containers |= {"LINDERO_EMPRESA"}  # of one command
    of_the_overlays = re.compile("LINDERO_(ENTORNO|K8S_POOL|SECRETS|SSO_HOST|VAULT_.*)")
    expected = {
        name
        for name in variable_names()
        if name.startswith(("LINDERO_", "DATABALER_", "OPENROUTER_"))
        and name not in of_the_containers
        and not of_the_overlays.fullmatch(name)
    }
    told = SERVICES["prefect-worker"]["environment"]
    in_files = {name for name in expected if name.lower() in secret_names()}
    assert {f"{name}_FILE" for name in in_files} <= set(told)
    expected -= in_files
    assert expected <= set(told)
    for name in expected:
        assert told[name].startswith((f"${{{name}:-", "/app/")), name


def test_prefects_own_commands_find_the_server_inside_every_container() -> None:
    """The secret of the API is in the profile that the entry leaves: tests/stack/test_entry.py."""
    urls = {name: SERVICES[name]["environment"]["PREFECT_API_URL"] for name in OURS}
    assert urls == {
        "prefect-server": "http://127.0.0.1:4200/api",
        "prefect-services": "http://prefect-server:4200/api",
        "prefect-worker": "http://prefect-server:4200/api",
    }
    page = environment(WITH_DEMO["demo-night"], {"LINDERO_PORT": "4300"})["PREFECT_UI_URL"]
    assert page == "http://127.0.0.1:4300"  # a link that a person of this machine can follow


def test_postgres_asks_for_the_password_everywhere_and_speaks_utf8() -> None:
    told = SERVICES["postgres"]["environment"]
    arguments = told["POSTGRES_INITDB_ARGS"].split()
    assert {"--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"} <= set(arguments)
    assert told["POSTGRES_HOST_AUTH_METHOD"] == "scram-sha-256"


def test_all_tell_the_time_of_buenos_aires() -> None:
    zones = {service["environment"]["TZ"] for service in WITH_DEMO.values()}
    assert zones == {"${TZ:-America/Argentina/Buenos_Aires}"}


OF_THE_WATCH = (
    *("LINDERO_ALERT_WEBHOOK_URL_FILE", "LINDERO_ALERT_EMAIL", "LINDERO_ALERT_SMTP_URL_FILE"),
    *("LINDERO_CAMPANIA", "LINDERO_COMPANY", "LINDERO_HOST", "LINDERO_PAGE_URL"),
    *("LINDERO_REDO_UNTIL", "LINDERO_EMPRESAS"),
)
SECRETS_OF_THE_WATCH = {"lindero_alert_webhook_url", "lindero_alert_smtp_url"}


def test_services_are_told_what_the_server_is_told_and_the_watch_beside_it() -> None:
    server = SERVICES["prefect-server"]["environment"]
    assert SERVICES["prefect-services"]["environment"] == {
        **server,
        "PREFECT_API_URL": "http://prefect-server:4200/api",
        "LINDERO_STATE_DIR": "/app/data/lindero",
        **{name: SERVICES["prefect-worker"]["environment"][name] for name in OF_THE_WATCH},
    }


def test_one_waits_for_the_health_of_another() -> None:
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in WITH_DEMO.items()
    }
    healthy = "service_healthy"
    assert waits == {
        "postgres": {},
        "redis": {},
        "prefect-server": {"postgres": healthy, "redis": healthy},
        "prefect-services": {"prefect-server": healthy},
        # a scheduler that is late after an outage of Redis must not keep the worker from starting
        "prefect-worker": {"prefect-server": healthy, "prefect-services": "service_started"},
        "prompts": {},  # what it accepts while Prefect is away is done later
        "demo-portal": {"prefect-worker": "service_started"},
        "demo-night": {"prefect-worker": healthy, "demo-portal": healthy},
    }


def test_our_processes_start_and_are_watched_through_the_entry() -> None:
    for name in OURS:
        process = name.removeprefix("prefect-")
        assert SERVICES[name]["command"] == ["python", "-m", "Modules.stack.entry", process]
    asked = {
        "services": ("Modules.watch", "healthy"),  # its companion too
        "worker": ("Modules.stack.entry", "healthy", "worker"),
    }
    for process, words in asked.items():
        command = ["CMD", "python", "-m", *words]
        assert SERVICES[f"prefect-{process}"]["healthcheck"]["test"] == command


def test_no_health_check_has_a_secret_in_its_command() -> None:
    for service in WITH_DEMO.values():
        command = json.dumps(service.get("healthcheck", {}).get("test"))
        assert not re.search(r"\$\{|-a ", command)
        in_files = re.sub(r'REDISCLI_AUTH=\\"\$\$\(cat \\"\$\$\w+_FILE\\"\)\\" ', "", command)
        assert not re.search("PASSWORD|AUTH", in_files)


@pytest.mark.parametrize("name", OURS)
def test_what_compose_hands_in_is_what_the_entry_reads(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = environment_with_files(SERVICES[name], SECRETS, tmp_path)
    for variable in variable_names():
        monkeypatch.delenv(variable, raising=False)
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings(tmp_path / "no.env")
    made = stack_entry.environment_of(name.removeprefix("prefect-"), settings).over(told)
    if name == "prefect-worker":
        assert made["PREFECT_API_URL"] == "http://prefect-server:4200/api"
        assert made["PREFECT_API_AUTH_STRING"] == HARD["auth"]
        assert str(settings.lindero_outputs_dir) == "/app/outputs"
        assert made["PREFECT_UI_URL"] == "http://127.0.0.1:4200"  # its links can be followed
        assert settings.databaler_client_secret is None  # its file says that there is none
        assert not set(made.values()) & {HARD["database"], HARD["redis"]}
        assert "PREFECT_SERVER_API_AUTH_STRING_FILE" not in made
    else:
        address = made["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
        assert address.startswith("postgresql+asyncpg://prefect:p%40ss%2Fw%3Ard")
        assert address.endswith("@postgres:5432/prefect")
        assert made["PREFECT_SERVER_DOCKET_URL"].endswith("@redis:6379/1")
        assert not [variable for variable in made if variable.endswith("_FILE")]
        assert made["PREFECT_SERVER_UI_API_URL"] == "http://127.0.0.1:4200/api"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PREFECT_POSTGRES_PASSWORD", "short"),
        ("PREFECT_REDIS_MESSAGING_PASSWORD", "changeme12345"),
        ("PREFECT_SERVER_API_AUTH_STRING", "admin:password1234"),
    ],
)
@pytest.mark.parametrize("process", ["server", "services"])
def test_the_entry_refuses_what_compose_lets_through(
    process: str, variable: str, value: str, tmp_path: Path
) -> None:
    service = SERVICES[f"prefect-{process}"]
    told = environment_with_files(service, {**SECRETS, variable: value}, tmp_path)
    refused = subprocess.run(
        [sys.executable, "-m", "Modules.stack.entry", process],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **told},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 2
    assert variable in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not [secret for secret in (*HARD.values(), value) if secret in refused.stderr]


def test_the_demo_has_its_own_portal_credentials_and_touches_nothing_of_the_company() -> None:
    worker = WITH_DEMO["prefect-worker"]
    portal = WITH_DEMO["demo-portal"]
    port = portal["command"][-1]
    assert portal["command"][:2] == ["lindero", "demo-portal"]
    assert portal["network_mode"] == "service:prefect-worker"  # its loopback is the worker's
    assert worker["environment"]["DATABALER_BASE_URL"] == f"http://127.0.0.1:{port}{BASE_PATH}"
    assert worker["environment"]["DATABALER_CLIENT_ID"] == DEMO_CLIENT_ID
    assert worker["environment"]["DATABALER_CLIENT_SECRET"] == DEMO_CLIENT_SECRET
    for name in ("DATABALER_CLIENT_SECRET_FILE", "DATABALER_SECOND_SECRET_FILE"):
        assert worker["environment"][name] == ""  # not the company's
    for one in (worker, WITH_DEMO["prompts"]):
        assert one["environment"]["LINDERO_PROMPTS_DATABASE_URL_FILE"] == ""
    for service in WITH_DEMO.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith(("./data/demo/", "./test_outputs/demo/")) or source in (
                *("./Modules", "./scripts", "./prompts"),
            )


def test_the_demo_runs_one_trial_through_the_deployment_of_trials() -> None:
    night = WITH_DEMO["demo-night"]
    assert night["restart"] == "no"
    assert DEPLOYMENTS["backup-prueba"].full_name in night["command"]
    assert night["command"][-3:] == ["--param", "test=true", "--watch"]


def test_the_demo_night_is_told_the_secret_of_the_api_and_keeps_its_command(tmp_path: Path) -> None:
    (tmp_path / "auth").write_text(HARD["auth"])
    shell, flags, text, name = WITH_DEMO["demo-night"]["entrypoint"]
    text = interpolated(text, {}).replace(
        "/run/secrets/prefect_server_api_auth_string", str(tmp_path / "auth")
    )
    show = [sys.executable, "-c", "import os, sys; print(os.environ[sys.argv[1]])"]
    said = subprocess.run(
        [shell, flags, text, name, *show, "PREFECT_API_AUTH_STRING"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (said.stdout, said.stderr) == (f"{HARD['auth']}\n", "")


def test_the_databases_can_be_in_volumes_and_nothing_else_changes() -> None:
    in_volumes = services(MAIN, VOLUMES)
    assert in_volumes["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]
    assert in_volumes["redis"]["volumes"] == ["redis:/data"]
    changed = {
        (name, key)
        for name, service in in_volumes.items()
        for key in service
        if service[key] != SERVICES[name].get(key)
    }
    assert changed == {("postgres", "volumes"), ("redis", "volumes"), ("redis", "user")}


@pytest.mark.parametrize("file", [MAIN, DEMO, VOLUMES], ids=lambda file: file.name)
def test_the_files_follow_the_compose_specification(file: Path) -> None:
    pytest.importorskip(
        "check_jsonschema", reason="the compose schema comes with the package check-jsonschema"
    )
    bundled = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((bundled / "compose-spec.json").read_text(encoding="utf-8"))
    validator = validator_for(schema)(schema)
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(document)] == []
    document["services"]["typo"] = {"image": "x", "cap_dorp": ["ALL"]}
    assert not validator.is_valid(document)


@pytest.mark.integration
@pytest.mark.parametrize("program", ["docker compose", "docker-compose"])
def test_compose_itself_accepts_the_files_and_shows_no_secret(program: str, tmp_path: Path) -> None:
    _need(program)
    env_file = tmp_path / "good.env"
    env_file.write_text("".join(f"{name.upper()}=canary-{name}:x\n" for name in secret_names()))
    for files in ((MAIN,), (MAIN, DEMO), (MAIN, VOLUMES)):
        read = _config(program, files, env_file)
        assert read.returncode == 0, read.stderr
        made = yaml.safe_load(read.stdout)
        written = services(*files)
        plain = {name for name, one in written.items() if "profiles" not in one}
        assert plain <= set(made["services"]) <= set(written)  # the older one shows all profiles
        assert "canary" not in read.stdout
        mounted = {Path(one["file"]) for one in made["secrets"].values()}
        ours = {*secret_names()} - {"lindero_vault_secret_id"}
        assert mounted == {ROOT / "data" / "secretos" / name for name in ours}


def _need(program: str) -> None:
    first, *rest = program.split()
    if shutil.which(first) is None:
        pytest.skip(f"{program} is not on this machine")
    if subprocess.run([first, *rest, "version"], capture_output=True).returncode:
        pytest.skip(f"{program} is not on this machine")


def _config(
    program: str, files: tuple[Path, ...], env_file: Path
) -> subprocess.CompletedProcess[str]:
    chosen = [part for file in files for part in ("-f", str(file))]
    environ: Mapping[str, str] = {"PATH": os.environ["PATH"], "HOME": str(env_file.parent)}
    return subprocess.run(
        [*program.split(), *chosen, "--env-file", str(env_file), "config"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
