"""The files of deploy/ over the stack: shared stores, a Vault, one login, two environments."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml
from jsonschema.validators import validator_for

from Modules.settings import secret_names, variable_names
from Modules.words.folders import PUERTA
from tests.compose_files import (
    ENTORNO,
    MAIN,
    OURS,
    ROOT,
    SHARED,
    SSO,
    STORES,
    VARIABLE,
    VAULT,
    interpolated,
    services,
)

DEPLOY = (SHARED, VAULT, SSO, ENTORNO)
OF_THE_PLATFORM = {"PLATFORM_NETWORK", "PLATFORM_OUTPOST", "PLATFORM_RESOLVER"}
LABEL = re.compile(r"traefik\.http\.(?P<kind>\w+)\.(?P<name>[^.]+)\.(?P<option>.+)")
TOLD = {
    "LINDERO_ENTORNO": "staging",
    "LINDERO_PORT": "4299",
    "LINDERO_SSO_HOST": "lindero-staging.empresa.example",
    "LINDERO_VAULT_ROLE_ID": "un-rol",
    "LINDERO_VAULT_URL": "https://vault.example:8200",
    "PREFECT_POSTGRES_HOST": "pg.example",
    "PREFECT_REDIS_MESSAGING_HOST": "redis.example",
}


def config(folder: Path, told: Mapping[str, str], *files: Path) -> dict[str, Any]:
    """What docker-compose makes of the files; its ``.env`` has a canary of each secret."""
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not on this machine")
    env_file = folder / "told.env"
    secrets = {name.upper(): f"canary-{name}:x" for name in secret_names()}
    lines = (f"{name}={text}\n" for name, text in {**secrets, **told}.items())
    env_file.write_text("".join(lines))
    chosen = [part for file in (MAIN, *files) for part in ("-f", str(file))]
    where = ("--project-directory", str(folder))
    read = subprocess.run(
        ["docker-compose", *where, *chosen, "--env-file", str(env_file), "config"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )
    assert read.returncode == 0, read.stderr
    assert "canary" not in read.stdout
    made: dict[str, Any] = yaml.safe_load(read.stdout)
    return made


@pytest.mark.parametrize("file", DEPLOY, ids=lambda file: file.name)
def test_the_files_follow_the_specification_and_name_settings_only(file: Path) -> None:
    package = find_spec("check_jsonschema")
    assert package is not None
    assert package.origin is not None
    bundled = Path(package.origin).parent / "builtin_schemas" / "vendor"
    schema = json.loads((bundled / "compose-spec.json").read_text(encoding="utf-8"))
    text = file.read_text(encoding="utf-8")
    errors = validator_for(schema)(schema).iter_errors(yaml.safe_load(text))
    assert [error.message for error in errors] == []
    names = {match["name"] for match in VARIABLE.finditer(text)}
    names |= set(re.findall(r"(?<!\$)\$\{(\w+)\}", text))
    assert names
    assert names - OF_THE_PLATFORM <= set(variable_names())
    assert not {name.lower() for name in names} & set(secret_names())


@pytest.mark.parametrize("files", [(SHARED,), (VAULT,), (SSO,), (ENTORNO,), DEPLOY])
def test_what_is_laid_over_takes_no_hardening_away(files: tuple[Path, ...]) -> None:
    for name, service in services(MAIN, *files).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == "${LINDERO_UID:-1000}:${LINDERO_GID:-1000}"
        assert service["init"] is True
        assert re.search(r":v?\d+\.\d+\.\d+$|:\d+\.\d+\.\d+-|:\d+\.\d+-\w+$", service["image"])
        assert {"healthcheck", "mem_limit", "pids_limit", "logging"} <= set(service)


def test_with_shared_stores_nothing_of_a_store_of_ours_is_left() -> None:
    merged, base = services(MAIN, SHARED), services()
    assert set(merged) == set(base)
    for name in STORES:
        assert merged[name]["image"] == base["prefect-server"]["image"]
        assert not [one for one in merged[name]["volumes"] if "./data" in str(one)]
        assert "ports" not in merged[name]
        *_, script = merged[name]["entrypoint"]
        assert script == f"python -m Modules.stack.entry prepare {name} && exec sleep infinity"
    for name in ("prefect-server", "prefect-services", "redis"):
        told = merged[name]["environment"]
        assert interpolated(told["PREFECT_REDIS_MESSAGING_DB"], {}) == "1"
        assert interpolated(told["PREFECT_POSTGRES_HOST"], TOLD) == "pg.example"
    assert merged["prefect-server"]["depends_on"] == base["prefect-server"]["depends_on"]
    assert merged["prefect-worker"] == base["prefect-worker"]


@pytest.mark.integration
def test_compose_reads_shared_stores_as_we_do(tmp_path: Path) -> None:
    made = config(tmp_path, TOLD, SHARED)["services"]
    for name in STORES:
        assert {"platform", "stores"} == set(made[name]["networks"])
        mounted = {str(one) for one in made[name]["volumes"] if isinstance(one, str)}
        assert mounted == {f"{tmp_path}/Modules:/app/Modules:ro"}
    networks = {name: set(made[name]["networks"]) for name in OURS}
    assert "platform" in networks["prefect-server"] & networks["prefect-services"]
    assert "platform" not in networks["prefect-worker"]


def test_with_a_vault_each_container_reads_the_files_that_the_agent_writes_for_it() -> None:
    text = (ROOT / "deploy" / "vault" / "agent.hcl").read_text(encoding="utf-8")
    written = {one["destination"].strip('"') for one in hcl2.loads(text)["template"]}
    merged = services(MAIN, VAULT)
    folders = {"prefect-worker": ("worker", "worker"), "prompts": ("prompts", "prompts")}
    for name in (*STORES, *OURS, "prompts"):
        of, volume = folders.get(name, ("plataforma", "platform"))
        mounted = [one for one in merged[name]["volumes"] if str(one).startswith("vault-")]
        assert mounted == [f"vault-{volume}:/vault:ro"]
        named = {key: v for key, v in merged[name]["environment"].items() if key.endswith("_FILE")}
        if name == "postgres":  # the other is for the one that stands there with shared stores
            del named["PREFECT_POSTGRES_PASSWORD_FILE"]
        assert set(named) == {
            key for key in services()[name]["environment"] if key.endswith("_FILE")
        }
        for path in named.values():
            assert path.replace("/vault/", f"/vault/{of}/") in written, name
    assert f"= {len(written)}'" in VAULT.read_text(encoding="utf-8")
    assert not [path for path in written if re.search("worker/.*(postgres|redis)", path)]
    assert not [path for path in written if re.search("(prompts|plataforma)/.*api_key", path)]


@pytest.mark.integration
def test_production_and_staging_share_no_name(tmp_path: Path) -> None:
    def names(entorno: str, port: str) -> dict[str, set[str]]:
        folder = tmp_path / entorno
        folder.mkdir()
        told = {**TOLD, "LINDERO_ENTORNO": entorno, "LINDERO_PORT": port}
        told |= {"LINDERO_PROMPTS_PORT": f"1{port}", "COMPOSE_PROFILES": "prompts"}
        made = config(folder, told, VAULT, ENTORNO)
        five = [made["services"][name] for name in (*STORES, *OURS, "prompts")]
        volumes = [one for service in five for one in service["volumes"]]
        own = ("stores", "prefect", "page", "outside")
        agent = made["services"]["vault-agent"]["environment"]
        assert agent["LINDERO_ENTORNO"] == entorno
        for name in (*OURS, "prompts"):
            assert made["services"][name]["environment"]["LINDERO_ENTORNO"] == entorno
        return {
            "container": {one["container_name"] for one in five},
            "machine": {one["hostname"] for one in five},
            "network": {made["networks"][one]["name"] for one in own},
            "folder": {one.split(":")[0] for one in volumes if one.startswith("/")},
            "port": {str(made["services"][one]["ports"]) for one in ("prefect-server", "prompts")},
            "alerts": {made["services"]["prefect-worker"]["environment"]["LINDERO_HOST"]},
        }

    production, staging = names("production", "4200"), names("staging", "4210")
    for kind, found in production.items():
        assert len(found) == len(staging[kind])
        assert not found & staging[kind], kind


def labels(folder: Path, entorno: str, host: str) -> dict[str, dict[str, dict[str, str]]]:
    """What Traefik is told by one environment: routers, middlewares and services, by name."""
    folder.mkdir()
    told = {**TOLD, "LINDERO_ENTORNO": entorno, "LINDERO_SSO_HOST": host}
    made = config(folder, {**told, "COMPOSE_PROFILES": "prompts"}, SSO, ENTORNO)["services"]
    found: dict[str, dict[str, dict[str, str]]] = {}
    for name, service in made.items():
        for key, text in service.get("labels", {}).items():
            if label := LABEL.fullmatch(key):
                option = found.setdefault(label["kind"], {}).setdefault(label["name"], {})
                assert option.setdefault(label["option"], text) == text, key
                option["of"] = name
            else:
                assert (key, text) in {
                    ("traefik.enable", "true"),
                    ("traefik.docker.network", "platform"),
                }
    return found


HOSTS = {"production": "lindero.empresa.example", "staging": "lindero-staging.empresa.example"}


@pytest.mark.integration
@pytest.mark.parametrize("entorno", HOSTS)
def test_what_traefik_is_told_refers_to_nothing_that_is_not_there(
    tmp_path: Path, entorno: str
) -> None:
    host = HOSTS[entorno]
    found = labels(tmp_path / entorno, entorno, host)
    routers, middlewares, services_ = (
        found[kind] for kind in ("routers", "middlewares", "services")
    )
    assert {name.removeprefix(f"lindero-{entorno}-") for name in routers} == {
        *("prefect", "vuelta", "paginas", "prompts")
    }
    used: set[str] = set()
    for router in routers.values():
        assert router["rule"].startswith(f"Host(`{host}`)")
        assert (router["entrypoints"], router["tls.certresolver"]) == ("websecure", "letsencrypt")
        named = {router["service"], *router["middlewares"].split(",")}
        assert all(one.endswith("@docker") for one in named)
        used |= {one.removesuffix("@docker") for one in named}
    assert used == set(middlewares) | set(services_)

    # each backend behind the door, and the way back alone before it: with the first word
    back = routers[f"lindero-{entorno}-vuelta"]
    assert back["rule"].endswith("&& PathPrefix(`/outpost.goauthentik.io/`)")
    for name, router in routers.items():
        guarded = f"lindero-{entorno}-sso@docker" in router["middlewares"].split(",")
        assert guarded is (router is not back), name
        assert router is back or int(router["priority"]) < int(back["priority"])
    everything = routers[f"lindero-{entorno}-prefect"]
    assert everything["rule"] == f"Host(`{host}`)"
    assert int(everything["priority"]) == min(int(one["priority"]) for one in routers.values())
    assert len({one["priority"] for one in routers.values()}) == len(routers)

    door = middlewares[f"lindero-{entorno}-sso"]
    assert door["forwardauth.address"] == (
        "http://authentik-server:9000/outpost.goauthentik.io/auth/traefik"
    )
    assert door["forwardauth.trustForwardHeader"] == "true"
    copied = door["forwardauth.authResponseHeaders"].split(",")
    assert copied == [
        f"X-authentik-{one}" for one in ("username", "groups", "email", "name", "uid")
    ]
    pattern = re.compile(door["forwardauth.authResponseHeadersRegex"])
    assert all(pattern.match(one) for one in (*copied, "X-Authentik-Jwt", "x-authentik-meta-app"))
    ports = {
        one["of"]: one["loadbalancer.server.port"]
        for one in services_.values()
        if "loadbalancer.server.port" in one
    }
    assert ports == {"prefect-server": "4200", "prompts": "4280", "paginas": "4281"}


@pytest.mark.integration
def test_the_doors_of_production_and_staging_share_no_name(tmp_path: Path) -> None:
    production, staging = (
        labels(tmp_path / entorno, entorno, host) for entorno, host in HOSTS.items()
    )
    for kind, found in production.items():
        assert len(found) == len(staging[kind])
        assert not set(found) & set(staging[kind])
        rules = [{one.get("rule") for one in of[kind].values()} for of in (production, staging)]
        assert not (rules[0] & rules[1]) - {None}


def test_the_two_doors_have_the_same_rules() -> None:
    """Caddy's and Traefik's: paths, headers that are copied, policy of the page, ports."""
    caddy = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    traefik = SSO.read_text(encoding="utf-8")
    rules = [
        shlex.split(line)
        for line in caddy.splitlines()
        if "reverse_proxy" in line or "@paginas path" in line
    ]
    paths = {word.rstrip("*") for rule in rules for word in rule if word.startswith("/")}
    assert paths == set(re.findall(r"Path(?:Prefix)?\(`([^`]+)`\)", traefik))
    others = {"/outpost.goauthentik.io/", "/api/v1/", "/quien"}
    assert paths == {*(f"/{carpeta}/" for carpeta in PUERTA), *others}
    (copied,) = re.findall(r"copy_headers (.+)", caddy)
    (listed,) = re.findall(r"authResponseHeaders=(.+?)\"", traefik)
    assert copied.lower().split() == listed.lower().split(",")
    (policy,) = re.findall(r'Content-Security-Policy "(.+)"', caddy)
    (same,) = re.findall(r"contentSecurityPolicy=(.+?)\"", traefik)
    docs = (ROOT / "docs" / "despliegue.md").read_text(encoding="utf-8")
    (told,) = re.findall(r'Content-Security-Policy "(.+)"', docs)
    for text, host in ((policy, "{http.request.hostport}"), (same, "${LINDERO_SSO_HOST}")):
        assert text.replace(host, "prefect.empresa.example") == told
    assert set(re.findall(r":(42\d\d)\}", caddy)) == set(re.findall(r"port=(\d+)", traefik))


def test_the_pages_have_the_folders_to_read_and_nothing_else() -> None:
    pages, base = services(MAIN, SSO)["paginas"], services()
    assert "secrets" not in pages
    assert "ports" not in pages
    assert pages["networks"] == ["platform"]
    assert set(pages["volumes"]) == {
        "./Modules:/app/Modules:ro",
        *(f"./outputs/{one}:/app/outputs/{one}:ro" for one in PUERTA),
    }
    assert set(pages["environment"]) == {"TZ", "LINDERO_OUTPUTS_DIR"}
    assert pages["image"] == base["prefect-server"]["image"]
    *_, asked = pages["healthcheck"]["test"]
    assert f"127.0.0.1:{pages['command'][pages['command'].index('--port') + 1]}/" in asked
    assert "Modules.stack.pages:make_app" in pages["command"]
    # nothing of ours is told a new port, so there is no way in past the door
    laid_over = yaml.safe_load(SSO.read_text(encoding="utf-8"))["services"]
    assert not [name for name, one in laid_over.items() if "ports" in one]
    for name in OURS:
        page = services(MAIN, SSO)[name]["environment"]["LINDERO_PAGE_URL"]
        assert interpolated(page, TOLD) == "https://lindero-staging.empresa.example"
