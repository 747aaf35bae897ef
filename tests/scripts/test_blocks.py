"""Blocks of credentials on a real Prefect server: registered, saved, edited, used by name."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from pydantic import SecretStr, ValidationError

from Modules.demo.google_office import DEMO_GOOGLE_CLIENT
from Modules.demo.world import build_world
from Modules.integrations import blocks
from Modules.integrations.access import GoogleAccess
from Modules.integrations.blocks import (
    BLOCKS,
    DatabalerCredentials,
    GoogleCredentials,
    JiraCredentials,
    PromptCredentials,
    settled,
)
from Modules.orchestration import flow_run
from Modules.orchestration.deployments import BACKUP, PLAN
from Modules.orchestration.empresas import Obrero
from Modules.settings import Settings, read_settings
from Modules.words.domain import normal_origin
from Modules.words.errors import SettingsError, StackError
from Modules.words.secret import Secret
from scripts.backup_lotes import backup_databaler_flow
from tests.faults.running import FaultyPortal, faulty_portal
from tests.fieldwork.conftest import CONFIG
from tests.integrations.conftest import (
    RunningGoogle,
    RunningJira,
    _google,  # noqa: F401 - fixtures of theirs
    _jira,  # noqa: F401
    google,  # noqa: F401
    jira,  # noqa: F401
)
from tests.processes import patience
from tests.scripts.conftest import DATABASE, ROOT, ask, environment_below, night_in, python_in
from tests.stack.canaries import Place, files_below, leaks

pytestmark = pytest.mark.integration

CANARIES = {
    "portal": "canario-portal ñ+7Qz/1",
    "wrong": "canario-equivocado-3kP9",
    "edited": "canario-editado-5tR2",
    "jira": "canario-jira-8hU4",
    "client": "canario-cliente-1wN7",
    "account": '{"type": "service_account", "private_key": "canario-cuenta-2vB6"}',
    "refresh": "canario-refresh-9dL1",
}
ENV = {"databaler_base_url": "https://env.example", "databaler_client_id": "env"}
HIDDEN = "********"
POLICY = ("retries", "retry_delay")
OPERATIONS = (  # of a plan that makes an issue, as the page names its tasks
    *("google.drive.search-files", "google.sheets.read-info", "google.sheets.read-data"),
    *("jira.project.get", "jira.issues.search", "jira.issue-bulk.create"),
    "google.sheets.write-data",
)
PLANS = """
import json, os
from Modules.orchestration.flow_run import run_here
from scripts.plan_muestreo_a_jira import plan_muestreo_a_jira_flow as flow
print(json.dumps([run_here(flow, one) for one in json.loads(os.environ["WANTED"])]))
"""


@pytest.fixture(scope="module")
def portal() -> Iterator[FaultyPortal]:
    with faulty_portal(
        build_world("mini"), client_id="campo", client_secret=CANARIES["portal"]
    ) as running:
        yield running


@pytest.fixture
def api(prefect_api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server, with our blocks on it and nothing saved in them; this process speaks to it."""
    for name, value in environment_below(tmp_path).items():
        if name.startswith("LINDERO_"):
            monkeypatch.setenv(name, value)
    with temporary_settings({PREFECT_API_URL: prefect_api, PREFECT_HOME: tmp_path}):
        blocks.register(dry_run=False)
        yield prefect_api
    for kind in BLOCKS:
        for row in ask("GET", f"{_slug(prefect_api, kind)}/block_documents"):
            ask("DELETE", f"{prefect_api}/block_documents/{row['id']}")


def _slug(api: str, kind: type[blocks.Credentials]) -> str:
    return f"{api}/block_types/slug/{kind.get_block_type_slug()}"


def _saved(api: str, kind: type[blocks.Credentials], name: str, **data: Any) -> str:
    """Save a block as the page does: by the type's newest schema; its id."""
    type_id = ask("GET", _slug(api, kind))["id"]
    wanted = {"block_schemas": {"block_type_id": {"any_": [type_id]}}}
    (schema,) = ask("POST", f"{api}/block_schemas/filter", wanted)
    facts = {"block_type_id": type_id, "block_schema_id": schema["id"], "name": name, "data": data}
    return str(ask("POST", f"{api}/block_documents/", facts)["id"])


def _rows(home: Path) -> Iterator[Place]:
    """Every row of the server's database."""
    with closing(sqlite3.connect(f"file:{home / DATABASE}?mode=ro", uri=True)) as database:
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            rows = database.execute(f'select * from "{table}"').fetchall()
            yield f"table {table}", "\n".join(map(repr, rows)).encode()
            yield f"table {table}, as text", "\n".join(str(v) for r in rows for v in r).encode()


def test_a_new_server_is_given_the_types_and_an_equal_one_is_not_touched(api: str) -> None:
    slugs = [kind.get_block_type_slug() for kind in BLOCKS]
    ours = ("databaler", "google", "jira", "prompt")
    assert slugs == [f"{one}-credentials" for one in ours]
    before = [ask("GET", _slug(api, kind)) for kind in BLOCKS]
    assert blocks.register(dry_run=False) == dict.fromkeys(slugs, "igual")
    assert [ask("GET", _slug(api, kind)) for kind in BLOCKS] == before
    for row in before:
        assert row["logo_url"].startswith("https://")
        assert "Lindero" in row["description"]
        assert 'credentials_block_name = "BLOCK_NAME"\n```' in row["code_example"]

    where = f"{api}/block_types/{before[2]['id']}"
    ask("PATCH", where, {"description": "other"})
    assert blocks.register(dry_run=True)["jira-credentials"] == "cambia"
    assert ask("GET", where)["description"] == "other", "a dry run writes nothing"
    assert blocks.register(dry_run=False)["jira-credentials"] == "cambia"
    assert ask("GET", where)["description"] == before[2]["description"]

    ask("DELETE", where)
    assert blocks.register(dry_run=True)["jira-credentials"] == "nuevo"
    assert blocks.register(dry_run=False)["jira-credentials"] == "nuevo"
    assert set(blocks.register(dry_run=False).values()) == {"igual"}


@pytest.mark.parametrize("kind", BLOCKS, ids=lambda kind: kind.get_block_type_slug())
def test_every_field_has_a_title_and_help_and_no_secret_is_another_type(
    kind: type[blocks.Credentials],
) -> None:
    schema = kind.model_json_schema()
    for name, field in schema["properties"].items():
        assert field["title"] != name.replace("_", " ").title(), "Pydantic's own, in English"
        assert field["description"]
        assert (field["type"], field["default"]) == ("string", "")
        assert (field.get("format") == "password") == (name in schema["secret_fields"])
    secrets = {name for name, field in kind.model_fields.items() if field.annotation is SecretStr}
    assert set(schema["secret_fields"]) == secrets != set()


def test_a_block_that_was_edited_in_the_page_keeps_the_secret_that_was_not_typed_again(
    api: str,
) -> None:
    secret = CANARIES["jira"]
    id_ = _saved(api, JiraCredentials, "uno", url="https://a.example", user="u", token=secret)
    shown = ask("GET", f"{api}/block_documents/{id_}")["data"]
    assert shown["token"] == HIDDEN

    edited = {"data": {**shown, "user": "otro@empresa.example"}, "merge_existing_data": False}
    ask("PATCH", f"{api}/block_documents/{id_}", edited)
    (found,) = settled(Settings(), "uno", JiraCredentials)
    assert (found.user, found.token) == ("otro@empresa.example", Secret(secret))

    changed = {"data": {**edited["data"], "token": CANARIES["edited"], "user": None}}
    ask("PATCH", f"{api}/block_documents/{id_}", {**changed, "merge_existing_data": False})
    there = read_settings({"lindero_jira_user": "env@empresa.example"})
    (found,) = settled(there, "uno", JiraCredentials)
    assert (found.user, found.token) == ("env@empresa.example", Secret(CANARIES["edited"]))


def test_a_block_that_is_not_there_is_one_line_that_names_those_there_are(api: str) -> None:
    _saved(api, DatabalerCredentials, "chacra")
    _saved(api, DatabalerCredentials, "campo")
    _saved(api, JiraCredentials, "otro")
    with pytest.raises(SettingsError) as caught:
        settled(Settings(), "capmo", DatabalerCredentials)
    said = str(caught.value)
    assert said.startswith(
        "bloque capmo: no está entre los que hay: databaler-credentials/campo, "
        "databaler-credentials/chacra; se hace en la página de Prefect"
    )
    with pytest.raises(SettingsError, match="hay: jira-credentials/otro;"):
        settled(Settings(), "capmo", GoogleCredentials, JiraCredentials)


def test_a_server_without_the_types_says_that_there_is_none(api: str) -> None:
    ask("DELETE", f"{api}/block_types/{ask('GET', _slug(api, DatabalerCredentials))['id']}")
    try:
        with pytest.raises(SettingsError, match=r"hay: ninguno; .*lindero deploy"):
            settled(Settings(), "campo", DatabalerCredentials)
    finally:
        blocks.register(dry_run=False)


def test_without_a_server_or_with_a_silent_one_it_is_said_whose_block_was_wanted() -> None:
    with pytest.raises(SettingsError, match=r"bloque campo: .*PREFECT_API_URL no nombra ninguno"):
        settled(Settings(), "campo", DatabalerCredentials)
    silent = temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"})
    with silent, pytest.raises(StackError, match="bloque campo: el servidor de Prefect no lo"):
        settled(Settings(), "campo", DatabalerCredentials)


def test_one_name_serves_google_and_jira_and_one_that_has_no_block_is_the_environments(
    api: str,
) -> None:
    there = read_settings({"lindero_google_refresh_token": "env", "lindero_jira_url": "https://e"})
    _saved(api, JiraCredentials, "sur", url="https://a.example", user="u", token="t")
    ways = settled(there, "sur", GoogleCredentials, JiraCredentials)
    assert ways[0] == GoogleAccess.of(there)
    assert (ways[1].url, ways[1].user) == ("https://a.example", "u")
    assert ways[1].login == "jira-credentials"


def test_an_empty_field_is_the_environments_and_another_address_stands_alone() -> None:
    there = read_settings({**ENV, "databaler_client_secret": "of the environment"})
    same = DatabalerCredentials(base_url=" https://env.example/ ", client_id="block")
    found = same.access(there)
    assert (found.databaler_base_url, found.databaler_client_id) == ("https://env.example", "block")
    assert found.databaler_client_secret == Secret("of the environment")
    assert found.databaler_profile == there.databaler_profile
    assert DatabalerCredentials().access(there) == there

    elsewhere = DatabalerCredentials(base_url="https://block.example").access(there)
    assert elsewhere.databaler_base_url == "https://block.example"
    assert (elsewhere.databaler_client_id, elsewhere.databaler_client_secret) == (None, None)
    pasted = DatabalerCredentials(client_id=" u\n", client_secret=" s e\r\n").access(Settings())
    assert (pasted.databaler_client_id, pasted.databaler_client_secret) == ("u", Secret(" s e"))
    bare = replace(there, databaler_base_url=None)  # it belongs to nobody else
    assert DatabalerCredentials(base_url="https://block.example").access(bare) == replace(
        there, databaler_base_url="https://block.example"
    )


def test_keys_of_models_go_by_name_and_to_the_address_of_their_block_alone(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", "env")
    monkeypatch.setenv("LLM_KEY", "env too")
    where, key = "https://llm.example/v1", CANARIES["client"]
    _saved(api, PromptCredentials, "sur", keys=f"LLM_KEY='{key}'\r\n")
    portal, access = settled(Settings(), "sur", DatabalerCredentials, PromptCredentials)
    assert portal == Settings()
    assert access.key("LLM_KEY", where) == Secret(key)
    assert access.key("OTHER_KEY", where) == Secret("env"), "of the environment"
    assert key not in repr(access)

    _saved(api, PromptCredentials, "oeste", base_url=f" {where}/", keys=f"LLM_KEY={key}")
    (alone,) = settled(Settings(), "oeste", PromptCredentials)
    assert alone.key("LLM_KEY", where) == Secret(key)
    assert alone.key("OTHER_KEY", where) is None, "what is of the environment was not meant for it"
    assert alone.key("LLM_KEY", "https://b.example") == Secret("env too")

    told = PromptCredentials(keys=key).test_connection()
    assert (told["status"], key in str(told)) == ("error", False)
    assert PromptCredentials(keys=f"A=1\nB={key}").test_connection()["keys"] == "A, B"


def test_a_way_into_google_that_is_in_the_block_wins_over_each_of_the_environment() -> None:
    texts = {
        "lindero_google_service_account": "/env/account.json",
        "lindero_google_token": "/env/token.json",
        "lindero_google_client_id": "id",
        "lindero_google_client_secret": "secret",
    }
    there = read_settings(texts)
    assert GoogleCredentials().access(there) == GoogleAccess.of(there)
    found = GoogleCredentials(refresh_token=CANARIES["refresh"]).access(there)
    assert found == GoogleAccess(
        refresh_token=Secret(CANARIES["refresh"]), client_id="id", client_secret=Secret("secret")
    )
    account = GoogleCredentials(service_account=CANARIES["account"]).access(there)
    assert (account.service_account, account.token) == (Secret(CANARIES["account"]), None)


def test_what_cannot_be_used_is_refused_by_name_and_no_secret_is_said() -> None:
    with pytest.raises(SettingsError, match="DATABALER_BASE_URL: no es una dirección"):
        DatabalerCredentials(base_url="x", client_secret=CANARIES["portal"]).access(Settings())
    with pytest.raises(SettingsError, match="falta LINDERO_JIRA_TOKEN"):
        JiraCredentials(url="https://a.example", user="u").access(Settings())
    with pytest.raises(ValidationError) as caught:
        JiraCredentials(token=[CANARIES["jira"]])
    assert CANARIES["jira"] not in str(caught.value)
    made = JiraCredentials(token=CANARIES["jira"])
    shown = f"{made!r} {made} {made.model_dump()} {made.model_dump_json()} {vars(made)}"
    assert CANARIES["jira"] not in shown


def test_nothing_is_opened_on_import_or_construction(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = "import socket; socket.socket.connect = None; import Modules.integrations.blocks"
    done = python_in(tmp_path, "-c", code, PYTHONPATH=str(ROOT))
    assert done.code == 0, done.err
    monkeypatch.setattr(socket.socket, "connect", None)
    url, account = "https://a.example", CANARIES["account"]
    JiraCredentials(url=url, user="u", token="t").get_client()
    GoogleCredentials(service_account=account).get_client()
    DatabalerCredentials(base_url=url, client_id="u", client_secret="s").get_client().close()


def test_the_portals_connection_is_tried_and_either_way_an_answer_comes(
    portal: FaultyPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"base_url": portal.base_url, "client_id": "campo"}
    good = DatabalerCredentials(**given, client_secret=CANARIES["portal"]).test_connection()
    assert good == {"status": "ok", "server": normal_origin(portal.base_url)}
    bad = DatabalerCredentials(**given, client_secret=CANARIES["wrong"]).test_connection()
    missing = DatabalerCredentials().test_connection()
    for answer in (bad, missing):
        assert answer["status"] == "error"
        assert answer["message"]
    assert CANARIES["wrong"] not in str(bad)
    monkeypatch.setenv("DATABALER_BASE_URL", portal.base_url)
    monkeypatch.setenv("DATABALER_CLIENT_ID", "campo")
    monkeypatch.setenv("DATABALER_CLIENT_SECRET", CANARIES["portal"])
    assert DatabalerCredentials().test_connection()["status"] == "ok", "the environment's"


@pytest.fixture
def look(
    prefect_home: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Callable[[object], list[str]]:
    """Whatever a run left: which secrets are in it, and where."""

    def leaked(results: object) -> list[str]:
        out, err = capfd.readouterr()
        places: list[Place] = [
            *_rows(prefect_home),
            *files_below(prefect_home),
            *files_below(tmp_path),
            ("results", json.dumps(results, default=repr).encode()),
            ("log", caplog.text.encode()),
            ("console", f"{out}{err}".encode()),
        ]
        names = {name for name, _ in places}
        assert {"table block_document", "table log", "table artifact", "server.log"} <= names
        return leaks(CANARIES, places)

    return leaked


def _parameters(api: str, flow: str) -> list[dict[str, Any]]:
    runs = ask("POST", f"{api}/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}})
    return [run["parameters"] for run in runs]


def _said(api: str) -> str:
    """The log lines that the server has."""
    return "\n".join(row["message"] for row in ask("POST", f"{api}/logs/filter", {"limit": 200}))


def test_a_night_by_a_named_block_asks_its_portal_and_leaves_no_secret_anywhere(
    api: str,
    portal: FaultyPortal,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[object], list[str]],
) -> None:
    """A good one, one that is refused, one without its block; ``.env`` has another portal."""
    monkeypatch.setenv("DATABALER_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABALER_CLIENT_SECRET", "of-another-portal")
    given = {"base_url": portal.base_url, "client_id": "campo"}
    for name in ("portal", "wrong"):
        _saved(api, DatabalerCredentials, name, **given, client_secret=CANARIES[name])
    names, wanted = ("portal", "wrong", "gone"), {"campania": "25/26", "test": True}

    nights = {
        name: flow_run.run_here(backup_databaler_flow, {**wanted, "credentials_block_name": name})
        for name in names
    }

    assert nights["portal"]["error"] is None
    assert nights["portal"]["data"]["recursos"]["lotes"]["accepted"] == 12
    assert nights["wrong"]["error"]["kind"] == "ApiAuth"
    assert "bloque gone: no está entre los que hay" in nights["gone"]["error"]["detail"]
    told = _parameters(api, BACKUP.flow)
    assert all({**wanted, "credentials_block_name": name} in told for name in names)
    assert "Campaña 25/26, de" in _said(api)
    where = f"{_slug(api, DatabalerCredentials)}/block_documents?include_secrets="
    kept = json.dumps(ask("GET", f"{where}true")).encode()
    assert leaks(CANARIES, [("API", kept)]) == ["portal in API", "wrong in API"], "looked for right"
    assert look([nights, ask("GET", f"{where}false")]) == []


def test_a_company_of_the_list_gets_in_by_the_block_that_its_entry_names(
    api: str,
    portal: FaultyPortal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[object], list[str]],
) -> None:
    """In the process that does nights; one is refused, one has no such block."""
    names = ("portal", "wrong", "gone")
    entries = (
        f"[[empresas]]\nnombre = 'La {name}'\nportal = '{portal.base_url}'\nbloque = '{name}'\n"
        for name in names
    )
    (tmp_path / "empresas.toml").write_text("\n".join(entries), encoding="utf-8")
    monkeypatch.setenv("LINDERO_EMPRESAS", str(tmp_path / "empresas.toml"))
    monkeypatch.setenv("LINDERO_CAMPANIA", "25/26")
    monkeypatch.setenv("DATABALER_CLIENT_ID", "of-another-portal")
    monkeypatch.setenv("DATABALER_CLIENT_SECRET", "of-another-portal")
    monkeypatch.setenv("PREFECT_API_URL", api)
    for name in names[:2]:
        _saved(api, DatabalerCredentials, name, client_id="campo", client_secret=CANARIES[name])
    process = Obrero()
    try:
        limit_s = patience(120)
        nights = {name: process.ask([f"La {name}", True, "noche"], limit_s) or {} for name in names}
    finally:
        process.end()

    errors = {name: night["error"] for name, night in nights.items()}
    assert errors["portal"] is None
    assert nights["portal"]["data"]["recursos"]["lotes"]["accepted"] == 12
    assert errors["wrong"]["kind"] == "ApiAuth"
    assert "bloque gone: no está entre los que hay" in errors["gone"]["detail"]
    assert (tmp_path / "test_outputs" / "la_portal" / "Backup_Databaler").is_dir()
    assert look(nights) == []


def test_a_plan_by_a_named_block_goes_to_its_jira_and_leaves_no_secret_anywhere(
    api: str,
    jira: RunningJira,  # noqa: F811
    google: RunningGoogle,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[object], list[str]],
) -> None:
    night_in(tmp_path, 0)
    (tmp_path / "integrations.toml").write_text(CONFIG.format(asienta_s=0, por_pedido=45))
    google.office.refresh_tokens = {CANARIES["refresh"], "of the environment"}
    jira.site.account = ("campo@empresa.example", CANARIES["jira"])
    environment = {
        "LINDERO_INTEGRATIONS": str(tmp_path / "integrations.toml"),
        **{"LINDERO_JIRA_URL": jira.url, "LINDERO_JIRA_USER": "o", "LINDERO_JIRA_TOKEN": "other"},
        **{
            "LINDERO_GOOGLE_ENDPOINT": google.url,
            "LINDERO_GOOGLE_CLIENT_ID": DEMO_GOOGLE_CLIENT[0],
        },
        "LINDERO_GOOGLE_CLIENT_SECRET": DEMO_GOOGLE_CLIENT[1],
        "LINDERO_GOOGLE_REFRESH_TOKEN": "of the environment",
    }
    _saved(api, GoogleCredentials, "good", refresh_token=CANARIES["refresh"])
    own = {"service_account": CANARIES["account"], "client_secret": CANARIES["client"]}
    _saved(api, GoogleCredentials, "refused", **own)
    for name, token in (("good", CANARIES["jira"]), ("refused", CANARIES["wrong"])):
        _saved(api, JiraCredentials, name, user="campo@empresa.example", token=token)
    _saved(api, JiraCredentials, "half", user="campo@empresa.example", token=CANARIES["wrong"])
    rows = [["Campo", "Lote", "Fecha", "Tarea"], ["El Ombú", "2A", "03/11/2026", ""]]
    book = google.office.spreadsheet("Plan de muestreo - El Ombú - Noviembre 2026", {"Plan": rows})
    names = ("good", "refused", "half", "gone")

    wanted = {"mes": "2026-11", "campania": "25/26", "solo_validar": False, "test": True}
    told = json.dumps([{**wanted, "credentials_block_name": name} for name in names])
    done = python_in(
        tmp_path, "-c", PLANS, WANTED=told, PREFECT_API_URL=api, PYTHONPATH=str(ROOT), **environment
    )
    plans = dict(zip(names, json.loads(done.out.splitlines()[-1]), strict=True))

    assert plans["good"]["error"] is None
    assert google.office.books[book]["Plan"][1][3] == "CAMPO-1"
    assert {name: plans[name]["error"]["kind"] for name in names[1:]} == {
        **{"refused": "SettingsError", "half": "TareasFailed", "gone": "SettingsError"}
    }
    assert "revisar jira-credentials" in plans["half"]["error"]["detail"]
    assert "jira-credentials/good" in plans["gone"]["error"]["detail"]
    given = [one["credentials_block_name"] for one in _parameters(api, PLAN.flow)]
    assert {*given} == {*names}
    tasks = ask("POST", f"{api}/task_runs/filter", {"flows": {"name": {"any_": [PLAN.flow]}}})
    told = {(one["name"].rpartition("-")[0], one["state_type"], one["run_count"]) for one in tasks}
    refusing = ("google.drive.search-files", "jira.project.get")  # are asked once
    assert told == {(name, "COMPLETED", 1) for name in OPERATIONS} | {
        (name, "FAILED", 1) for name in refusing
    }
    policies = [(one["empirical_policy"][name] for name in POLICY) for one in tasks]
    assert {tuple(one) for one in policies} == {(2, 30)}
    assert look([done.out, done.err]) == []
