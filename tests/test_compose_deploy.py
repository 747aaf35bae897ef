"""The files of deploy/ over the stack: shared stores, secrets of a Vault, two environments."""

from __future__ import annotations

import json
import re
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
from tests.compose_files import (
    ENTORNO,
    MAIN,
    OURS,
    ROOT,
    SHARED,
    STORES,
    VARIABLE,
    VAULT,
    interpolated,
    services,
)

DEPLOY = (SHARED, VAULT, ENTORNO)
TOLD = {
    "LINDERO_ENTORNO": "staging",
    "LINDERO_PORT": "4299",
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
    assert names - {"PLATFORM_NETWORK"} <= set(variable_names())
    assert not {name.lower() for name in names} & set(secret_names())


@pytest.mark.parametrize("files", [(SHARED,), (VAULT,), (ENTORNO,), DEPLOY])
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
