"""Secrets out of a real OpenBao, and each way in which it says no."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import hcl2
import hvac
import pytest

from Modules import vault
from Modules.settings import PROJECT_ROOT, Settings, load_settings, secret_named, secret_names
from Modules.stack.secrets import write_files
from Modules.words.errors import ApiUnavailable, SettingsError
from Modules.words.secret import NONE
from tests.openbao import POLICY, Bao, openbao, program
from tests.processes import ended, patience
from tests.scripts.conftest import lindero_as

NO_FILE = Path("/none/.env")
SECRET = "canario p@ss/w:rd %ñ?#1 «{}» "
AGENT = PROJECT_ROOT / "deploy" / "vault" / "agent.hcl"
PLACE = "secret/data/lindero/production"


def value_of(name: str) -> str:
    return f"{SECRET}{name}"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with openbao(tmp_path_factory.mktemp("bao")) as started:
        for service, names in vault.SERVICES.items():
            started.put(f"lindero/production/{service}", {one: value_of(one) for one in names})
            started.put(f"lindero/staging/{service}", {one: f"staging-{one}" for one in names})
        yield started


@pytest.fixture
def told(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """This process is told to read from the Vault, by a role of production."""
    settings = bao.role("production")
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    vault.read_secrets.cache_clear()
    yield settings
    vault.read_secrets.cache_clear()


def said(*canaries: str) -> SettingsError | ApiUnavailable:
    """How the settings cannot be read; no value is in the text."""
    with pytest.raises((SettingsError, ApiUnavailable)) as caught:
        load_settings(NO_FILE)
    for word in (SECRET, "staging-", *canaries):
        assert word not in str(caught.value)
    return caught.value


def password(settings: Settings) -> str:
    held = settings.databaler_client_secret
    assert held is not None
    return held.get_secret_value()


def test_the_secrets_are_the_vaults_and_the_rest_is_the_environments(
    told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABALER_CLIENT_SECRET", "of the environment")
    monkeypatch.setenv("LINDERO_JIRA_TOKEN", "token of the environment")
    (tmp_path / ".env").write_text("DATABALER_CLIENT_SECRET=of the file\nLINDERO_PORT=4299\n")

    settings = load_settings(tmp_path / ".env")

    assert password(settings) == value_of("DATABALER_CLIENT_SECRET")
    assert settings.prefect_postgres_password is not None
    assert settings.prefect_postgres_password.get_secret_value().startswith(SECRET)
    assert (
        str(settings.lindero_jira_token) == "**********"
    )  # jira is not asked for: the next source
    assert settings.lindero_jira_token is not None
    assert settings.lindero_jira_token.get_secret_value() == "token of the environment"
    assert settings.lindero_port == 4299
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("order", "right"),
    [
        ("vault,env,dotenv", value_of("DATABALER_CLIENT_SECRET")),
        ("env,vault,dotenv", "of the environment"),
        ("dotenv,vault", "of the file"),
        ("dotenv,env", "of the file"),
        ("env", "of the environment"),
    ],
)
def test_the_first_source_that_has_a_secret_gives_it(
    told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, order: str, right: str
) -> None:
    monkeypatch.setenv("LINDERO_SECRETS", order)
    monkeypatch.setenv("DATABALER_CLIENT_SECRET", "of the environment")
    (tmp_path / "secret").write_text("of the file")
    (tmp_path / ".env").write_text(f"DATABALER_CLIENT_SECRET_FILE={tmp_path / 'secret'}\n")
    assert password(load_settings(tmp_path / ".env")) == right


def test_a_source_that_is_not_named_is_not_looked_at(
    told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINDERO_SECRETS", "vault")
    monkeypatch.setenv("LINDERO_WATCH_URL", "https://of-the-environment.example")
    assert load_settings(NO_FILE).lindero_watch_url is None
    monkeypatch.setenv("LINDERO_SECRETS", "vault,nube")
    assert str(said()).startswith("LINDERO_SECRETS: tienen que ser de vault, env, dotenv")


def test_a_key_of_a_model_has_the_name_that_the_user_gives_it(
    bao: Bao, told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {one: value_of(one) for one in vault.SERVICES["prompts"]}
    held |= {"OTRA_CLAVE": f"{SECRET}otra", "LINDERO_PORT": "1", "DE_ACA": f"{SECRET}alla"}
    bao.put("lindero/production/prompts", held)
    monkeypatch.setenv("LINDERO_VAULT_SERVICES", "prompts")
    monkeypatch.setenv("LINDERO_SECRETS", "env,vault")
    monkeypatch.setenv("DE_ACA", "de acá")
    found = [secret_named(name) for name in ("OTRA_CLAVE", "DE_ACA", "NINGUNA")]
    assert [one and one.get_secret_value() for one in found] == [f"{SECRET}otra", "de acá", None]
    assert load_settings(NO_FILE).lindero_port != 1  # a setting that is no secret is not theirs
    monkeypatch.setenv("LINDERO_SECRETS", "env")
    assert secret_named("OTRA_CLAVE") is None


def test_staging_reads_its_own_path(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in bao.role("staging").items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("LINDERO_ENTORNO", "staging")
    assert password(load_settings(NO_FILE)) == "staging-DATABALER_CLIENT_SECRET"
    monkeypatch.setenv("LINDERO_ENTORNO", "production")  # and with its role no other
    assert f"no deja leer {PLACE}/databaler" in str(said())


def test_a_sealed_vault_says_so_and_once_open_it_is_read(bao: Bao, told: Mapping[str, str]) -> None:
    bao.root.sys.seal()
    try:
        refused = said()
    finally:
        bao.root.sys.submit_unseal_key(bao.key)
    assert refused.exit_code == 2
    assert "está sellado" in str(refused)
    assert password(load_settings(NO_FILE)) == value_of("DATABALER_CLIENT_SECRET")


def test_each_refusal_has_a_line_of_its_own(
    bao: Bao, told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = set()

    def refused(words: str) -> None:
        error = said(told["LINDERO_VAULT_SECRET_ID"])
        assert error.exit_code == 2
        assert words in str(error)
        assert "\n" not in str(error)
        lines.add(str(error))

    with monkeypatch.context() as here:
        here.setenv("LINDERO_VAULT_ROLE_ID", "no such role")
        refused("Vault no acepta ese rol con ese secreto")
    with monkeypatch.context() as here:
        here.delenv("LINDERO_VAULT_ROLE_ID")
        here.delenv("LINDERO_VAULT_SECRET_ID")
        refused("falta LINDERO_VAULT_ROLE_ID, LINDERO_VAULT_SECRET_ID")
    with monkeypatch.context() as here:
        here.setenv("LINDERO_VAULT_SERVICES", "prefect,nube")
        refused("no hay un servicio 'nube'; hay: avisos, databaler")
    with monkeypatch.context() as here:
        here.setenv("LINDERO_VAULT_PROJECT", "otra-empresa")
        refused("no deja leer secret/data/otra-empresa/production/databaler")
    bao.put("lindero/production/redis", {"PREFECT_REDIS_PASSWORD": value_of("other")})
    try:
        refused(f"{PLACE}/redis está en Vault sin PREFECT_REDIS_MESSAGING_PASSWORD")
        kv = bao.root.secrets.kv.v2
        kv.delete_metadata_and_all_versions("lindero/production/redis", mount_point="secret")
        refused(f"en Vault no hay {PLACE}/redis")
    finally:
        name = "PREFECT_REDIS_MESSAGING_PASSWORD"
        bao.put("lindero/production/redis", {name: value_of(name)})
    bao.root.auth.approle.create_or_update_approle("lindero-production", token_policies=["default"])
    refused(f"la política del rol de Vault no deja leer {PLACE}/databaler")
    assert len(lines) == 7


def test_a_secret_id_that_is_over_is_refused(
    bao: Bao, told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bao.root.auth.approle.destroy_secret_id("lindero-production", told["LINDERO_VAULT_SECRET_ID"])
    assert "pudo vencer" in str(said())


def test_a_token_that_is_over_between_two_paths_is_had_again(
    bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token of two uses does not last for four paths."""
    for name, text in bao.role("production", token_num_uses=2).items():
        monkeypatch.setenv(name, text)
    vault.read_secrets.cache_clear()
    settings = load_settings(NO_FILE)
    bao.role("production", token_num_uses=0)
    assert settings.prefect_redis_messaging_password is not None
    right = value_of("PREFECT_REDIS_MESSAGING_PASSWORD")
    assert settings.prefect_redis_messaging_password.get_secret_value() == right


def test_a_run_keeps_what_it_read_and_the_next_process_reads_what_was_rotated(
    bao: Bao, told: Mapping[str, str]
) -> None:
    first = value_of("DATABALER_CLIENT_SECRET")
    assert password(load_settings(NO_FILE)) == first
    bao.put("lindero/production/databaler", {"DATABALER_CLIENT_SECRET": "rotated canario"})
    try:
        assert password(load_settings(NO_FILE)) == first
        vault.read_secrets.cache_clear()  # as a new process
        assert password(load_settings(NO_FILE)) == "rotated canario"
    finally:
        names = vault.SERVICES["databaler"]
        bao.put("lindero/production/databaler", {one: value_of(one) for one in names})


def test_a_vault_that_is_gone_ends_what_begins_and_not_what_runs(
    told: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with openbao(tmp_path) as other:
        other.put("lindero/production/prefect", {"PREFECT_SERVER_API_AUTH_STRING": value_of("a")})
        for name, text in other.role("production").items():
            monkeypatch.setenv(name, text)
        monkeypatch.setenv("LINDERO_VAULT_SERVICES", "prefect")
        begun = load_settings(NO_FILE)
    assert load_settings(NO_FILE) == begun
    vault.read_secrets.cache_clear()
    gone = said()
    assert isinstance(gone, ApiUnavailable)
    assert re.search(r"no contesta \(ConnectionError\).*lo nuevo espera", str(gone))
    environment = {**os.environ, "HOME": str(tmp_path)}
    code, out, err = lindero_as(environment, PROJECT_ROOT, "backups", "list")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "no contesta" in err


def test_another_server_is_no_vault(
    told: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    served = subprocess.Popen(
        [sys.executable, "-u", "-c", WEB], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        assert served.stdout is not None
        port = int(served.stdout.readline())
        monkeypatch.setenv("LINDERO_VAULT_URL", f"http://127.0.0.1:{port}")
        refused = said()
    finally:
        ended(served)
    assert str(refused).startswith("LINDERO_VAULT_URL: lo que contesta en http://127.0.0.1:")


def test_every_secret_but_the_one_that_opens_the_vault_has_a_place_in_it() -> None:
    named = [name.lower() for names in vault.SERVICES.values() for name in names]
    assert sorted([*named, "lindero_vault_secret_id"]) == sorted(secret_names())


def test_the_policy_grants_what_is_read_and_nothing_else(bao: Bao) -> None:
    read = hcl2.loads(POLICY.read_text(encoding="utf-8"))["path"]
    granted = {
        path.strip('"'): [one.strip('"') for one in rule["capabilities"]]
        for block in read
        for path, rule in block.items()
    }
    wanted = {f"{PLACE}/{service}" for service in vault.SERVICES}
    assert granted == {path: ["read"] for path in wanted}

    role = bao.role("production")
    client = hvac.Client(url=bao.url, session=bao.root.session)
    client.auth.approle.login(role["LINDERO_VAULT_ROLE_ID"], role["LINDERO_VAULT_SECRET_ID"])
    others = ["lindero/staging/databaler", "lindero/production", "lindero/production/nube", "x"]
    asked = [*wanted, *(f"secret/data/{one}" for one in others)]
    asked += [path.replace("/data/", "/metadata/") for path in wanted]
    found = {path: client.sys.get_capabilities([path])["capabilities"] for path in asked}
    assert found == {path: ["read"] if path in wanted else ["deny"] for path in asked}


def agent_of(
    bao: Bao, folder: Path, settings: Mapping[str, str], environment: str = "production"
) -> subprocess.Popen[bytes]:
    """The real agent with our file, its absolute paths below ``folder``."""
    text = AGENT.read_text(encoding="utf-8")
    for path in ("/vault/", "/tmp/role_id", "/run/secrets/"):
        assert path in text
        text = text.replace(path, f"{folder}{path}")
    assert "num_retries = 5" in text
    text = text.replace("num_retries = 5", "num_retries = 1")
    for name in ("tmp", "run/secrets", "vault/plataforma", "vault/worker", "vault/prompts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "agent.hcl").write_text(text, encoding="utf-8")
    (folder / "tmp/role_id").write_text(settings["LINDERO_VAULT_ROLE_ID"])
    secret_id = settings["LINDERO_VAULT_SECRET_ID"]
    (folder / "run/secrets/lindero_vault_secret_id").write_text(secret_id)
    told = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    told |= {"VAULT_ADDR": bao.url, "LINDERO_VAULT_PROJECT": "lindero"}
    with (folder / "agent.log").open("wb") as log:
        return subprocess.Popen(
            [program(), "agent", f"-config={folder / 'agent.hcl'}"],
            env={**told, "LINDERO_ENTORNO": environment},
            stdout=log,
            stderr=log,
        )


def test_the_agent_writes_the_same_secrets_into_the_files_of_the_containers(
    bao: Bao, tmp_path: Path
) -> None:
    bao.put("lindero/production/google", {"LINDERO_GOOGLE_CLIENT_SECRET": ""})
    agent = agent_of(bao, tmp_path, bao.role("production"))
    names = {name: [*map(str.lower, all_)] for name, all_ in vault.SERVICES.items()}
    common = [*names["prefect"], *names["avisos"][:2]]
    wanted = {
        "plataforma": {*common, *names["postgres"], *names["redis"]},
        "worker": {
            *common,
            *names["avisos"],
            *names["databaler"],
            *names["google"],
            *names["jira"],
            *names["prompts"],
        },
        "prompts": {*names["prefect"], "lindero_prompts_database_url"},  # no key of a provider
    }
    files = {tmp_path / "vault" / of / name for of, all_ in wanted.items() for name in all_}
    try:
        deadline = time.monotonic() + patience(20)
        while not all(file.is_file() for file in files):
            assert agent.poll() is None, (tmp_path / "agent.log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "agent.log").read_text()
            time.sleep(0.05)
        line = Path(f"/proc/{agent.pid}/cmdline").read_bytes()
        line += Path(f"/proc/{agent.pid}/environ").read_bytes()
    finally:
        ended(agent)
        bao.put(
            "lindero/production/google", {one: value_of(one) for one in vault.SERVICES["google"]}
        )
    assert {file for file in (tmp_path / "vault").rglob("*") if file.is_file()} == files
    for file in files:
        none = "google" in file.name
        assert file.read_text(encoding="utf-8") == (NONE if none else value_of(file.name.upper()))
        assert file.stat().st_mode & 0o777 == 0o600
    log = (tmp_path / "agent.log").read_text()
    for place in (log, line.decode(), (tmp_path / "agent.hcl").read_text()):
        assert "canario" not in place


def test_an_agent_that_lacks_a_path_ends_and_names_it(bao: Bao, tmp_path: Path) -> None:
    agent = agent_of(bao, tmp_path, bao.role("production"), "staging")
    try:
        assert agent.wait(patience(60)) != 0
    finally:
        ended(agent)
    assert "secret/data/lindero/staging/" in (tmp_path / "agent.log").read_text()


def test_with_a_vault_no_secret_is_written_for_the_containers(
    told: Mapping[str, str], tmp_path: Path
) -> None:
    write_files(tmp_path / "secretos", load_settings(NO_FILE, vault=False))
    texts = {file.name: file.read_text() for file in (tmp_path / "secretos").iterdir()}
    own = {"lindero_vault_secret_id": told["LINDERO_VAULT_SECRET_ID"]}
    assert texts == dict.fromkeys(secret_names(), NONE) | own


def test_who_has_no_vault_does_not_load_its_client() -> None:
    code = "import sys, Modules.settings as s; s.load_settings(); print('hvac' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


WEB = """
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'<html>otra cosa</html>')
server = http.server.HTTPServer(('127.0.0.1', 0), Page)
print(server.server_port)
server.serve_forever()
"""
