"""The operators' verbs: what they run, where, and when they leave the platform alone."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from Modules.settings import load_settings, read_settings
from Modules.stack.plan import SECRETS
from Modules.stack.preflight import faults, fingerprint
from tests.openbao import openbao

ROOT = Path(__file__).resolve().parent.parent
STRONG = "una palabra bien larga"
VERBS = {
    *("prefect.setup", "prefect.status", "prefect.sync", "prefect.pre-compose"),
    *("prefect.composing", "prefect.post-compose", "postgres.status", "redis.status"),
    *("vault.status", "vault.setup-approle", "check-env"),
    *("authentik.shared.create-proxy-app", "authentik.shared.check-route"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the verbs beside programs that only write down how they were called.

    ``ill/NAME`` has a call fail: a line of it that begins so.
    """
    (tmp_path / "bin").mkdir()
    (tmp_path / "ill").mkdir()
    shutil.copy(ROOT / "tasks.py", tmp_path)
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    script = (
        f'#!/bin/sh\necho "${{0##*/}} $*" >> {tmp_path}/calls\n'
        f'for one in {tmp_path}/ill/*; do [ -e "$one" ] || continue\n'
        'case "${0##*/} $*" in *"$(cat "$one")"*) exit 3;; esac; done\n'
    )
    for name in ("bin/make", "bin/ssh", "lindero"):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(stat.S_IRWXU)
    return tmp_path


def ill(folder: Path, call: str) -> None:
    (folder / "ill" / str(len(list((folder / "ill").iterdir())))).write_text(call)


def invoke(folder: Path, verb: str, **more: str) -> tuple[int, str]:
    told = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(folder)}
    command = [sys.executable, "-m", "invoke", "--search-root", str(folder), verb]
    done = subprocess.run(
        command, cwd=folder, env=told | more, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_every_verb_that_is_asked_for_is_there(folder: Path) -> None:
    code, said = invoke(folder, "--list")
    assert code == 0
    assert {line.split()[0] for line in said.splitlines() if line.startswith("  ")} >= VERBS


def test_setup_leaves_a_healthy_platform_alone(folder: Path) -> None:
    code, said = invoke(folder, "prefect.setup")
    assert (code, calls(folder)) == (0, ["make --silent health"])
    assert "ya está sana" in said


def test_sync_acts_only_where_something_changed(folder: Path) -> None:
    assert invoke(folder, "prefect.sync")[0] == 0
    assert calls(folder) == ["lindero stack changed", "make --silent health"]
    ill(folder, "changed")
    code, said = invoke(folder, "prefect.sync", SHARED="1", VAULT="1")
    assert calls(folder)[2:] == [
        "lindero stack changed",
        "make --silent init SHARED=1 VAULT=1",
        "lindero stack check",
        "make --silent up SHARED=1 VAULT=1",
        "make --silent health SHARED=1 VAULT=1",
        "make --silent deploy SHARED=1 VAULT=1",
        "lindero stack changed --keep",
    ]
    assert (code, "no se pudo recordar" in said) == (3, True)  # it was told to fail on both


@pytest.mark.parametrize(
    ("fails", "says"),
    [
        ("stack check", "falta lo que dicen los renglones de arriba"),
        (" up", "no se levantaron los contenedores"),
        (" init", "no se pudieron escribir los secretos"),
    ],
)
def test_setup_ends_at_the_first_step_that_fails(folder: Path, fails: str, says: str) -> None:
    ill(folder, "health")
    ill(folder, fails)
    code, said = invoke(folder, "prefect.setup")
    assert (code, says in said) == (3, True)
    assert fails in calls(folder)[-1]
    assert "Traceback" not in said


@pytest.mark.parametrize("service", ["postgres", "redis", "prefect"])
def test_a_status_ends_as_the_health_is(folder: Path, service: str) -> None:
    assert invoke(folder, f"{service}.status")[0] == 0
    ill(folder, "health")
    assert invoke(folder, f"{service}.status")[0] == 1
    asked = "" if service == "prefect" else f" S={service}"
    assert calls(folder) == [f"make --silent health{asked}"] * 2


def test_over_ssh_the_same_is_run_in_the_folder_of_that_machine(folder: Path) -> None:
    where = "ana@maquina.example:/srv/mapas de noche"
    assert invoke(folder, "check-env", LINDERO_SSH=where)[0] == 0
    assert calls(folder) == [
        "ssh -o BatchMode=yes -- ana@maquina.example cd '/srv/mapas de noche' && "
        "./lindero stack check"
    ]
    for wrong in ("maquina", "a@b:folder", "-oProxyCommand=x:/srv"):
        code, said = invoke(folder, "check-env", LINDERO_SSH=wrong)
        assert (code, "usuario@maquina:/carpeta" in said) == (2, True)
    assert len(calls(folder)) == 1


def test_setup_approle_opens_exactly_what_is_read_and_shows_no_secret(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openbao(tmp_path) as bao:
        bao.root.sys.disable_auth_method("approle")
        told = {"LINDERO_VAULT_URL": bao.url, "NO_PROXY": "127.0.0.1"}
        code, said = invoke(folder, "vault.status", **told)
        assert (code, said) == (0, "Vault: abierto\n")
        assert invoke(folder, "vault.setup-approle", **told)[0] == 2
        assert invoke(folder, "vault.setup-approle", **told, VAULT_TOKEN="otro")[0] == 2
        for _ in range(2):
            code, said = invoke(folder, "vault.setup-approle", **told, VAULT_TOKEN=bao.root.token)
            assert code == 0, said
        secret = folder / "data" / "vault_secret_id"
        assert secret.stat().st_mode & 0o777 == 0o600
        assert secret.read_text() not in said
        assert bao.root.token not in said
        ours = dict(line.split("=", 1) for line in said.splitlines())
        bao.put("lindero/production/databaler", {"DATABALER_CLIENT_SECRET": "canario"})
        ours |= {"LINDERO_SECRETS": "vault", "LINDERO_VAULT_SERVICES": "databaler"}
        ours["LINDERO_VAULT_SECRET_ID_FILE"] = str(secret)
        for name, text in (told | ours).items():
            monkeypatch.setenv(name, text)
        read = load_settings(folder / "no.env").databaler_client_secret
        assert read is not None
        assert read.get_secret_value() == "canario"
        bao.root.sys.seal()
        assert invoke(folder, "vault.status", **told)[1] == "Vault: sellado\n"
    assert invoke(folder, "vault.status", **told)[0] == 4


@pytest.fixture
def house(tmp_path: Path) -> Path:
    files = {
        "Modules/a.py": "x = 1\n",
        "scripts/b.py": "y = 2\n",
        "deploy/vault/agent.hcl": "a = 1\n",
        "docker-compose.yml": "services: {a: {image: '${OTHER_IMAGE:-x}'}}\n",
        "uv.lock": "version = 1\n",
        ".env": "LINDERO_PORT=4200\nDATABALER_CLIENT_SECRET=uno\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["Modules/a.py", "scripts/b.py", "deploy/vault/agent.hcl", "docker-compose.yml"]
)
def test_the_fingerprint_sees_every_file(house: Path, name: str) -> None:
    before = fingerprint(house, {})
    (house / name).write_text((house / name).read_text() + "# more\n")
    assert fingerprint(house, {}) != before


def test_the_fingerprint_sees_every_variable_and_no_secret(house: Path) -> None:
    def at(environment: Mapping[str, str]) -> str:
        return fingerprint(house, environment)

    before = at({})
    assert at({"LINDERO_PORT": "4200"}) == before
    assert at({"LINDERO_PORT": "4300"}) != before
    assert at({"OTHER_IMAGE": "y"}) != before  # only the compose file knows it
    assert at({"OF_SOMEBODY_ELSE": "y"}) == before
    for name in (*SECRETS, "DATABALER_CLIENT_SECRET", "LINDERO_JIRA_TOKEN_FILE"):
        assert at({name: "another"}) == before
    (house / "Modules" / "a.pyc").write_text("compiled")
    assert at({}) == before


def test_what_a_machine_lacks_is_all_told_at_once(tmp_path: Path) -> None:
    folders = {
        f"lindero_{name}_dir": str(tmp_path / name) for name in ("state", "outputs", "test_outputs")
    }
    held = {name.lower(): f"x:{STRONG}" for name in SECRETS}
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = str(other.getsockname()[1])
        blocked = {**folders, "lindero_outputs_dir": "/proc/nada/outputs"}
        lacking = held | {"prefect_postgres_password": "corta"}
        found = list(faults(read_settings({**lacking, **blocked, "lindero_port": port})))
    assert [one.split(":")[0] for one in found] == [
        *("PREFECT_POSTGRES_PASSWORD", "LINDERO_OUTPUTS_DIR", "LINDERO_PORT")
    ]
    assert "corta" not in " ".join(found).replace("necesita", "")
    assert list(faults(read_settings({**held, **folders, "lindero_port": port}))) == []
    host = "lindero.empresa.example"
    for entorno, named, well in (
        *(("", host, True), ("production", host, True), ("staging", host, False)),
        *(("staging", f"staging.{host}", True), ("production", f"staging.{host}", False)),
    ):
        told = {"lindero_entorno": entorno, "lindero_sso_host": named, "lindero_port": port}
        found = list(faults(read_settings({**held, **folders, **told})))
        assert [one.split(":")[0] for one in found] == ([] if well else ["LINDERO_SSO_HOST"])
