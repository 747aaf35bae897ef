"""The HTTP API on a real socket over a real store: answers, refusals, and its own document."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from Modules.prompts.client import AlreadyDone, NotFound, PromptsClient
from Modules.prompts.serve.app import MAX_BODY
from Modules.prompts.serve.envelope import PROBLEMS
from Modules.prompts.store import PromptStore
from Modules.words.errors import StoreUnavailable
from tests.prompts.conftest import sqlite_url
from tests.prompts.made_up import call
from tests.prompts.serving import api, bundle, deploy

GIVEN = {"texto": "hola", "veces": 2}
CANARY = "canario-de-la-entrada"


@dataclass(frozen=True)
class Place:
    """An API with two clients, and the store behind it."""

    url: str
    store: PromptStore
    one: str
    other: str

    def ask(self, method: str, path: str, *, token: str | None = "", **more: Any) -> Any:
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token or self.one}"
        return requests.request(
            method, f"{self.url}{path}", headers=headers, timeout=20, allow_redirects=False, **more
        )

    def submit(self, given: Any = None, **more: Any) -> Any:
        body = {"input": GIVEN if given is None else given}
        return self.ask("POST", "/api/v1/flows/cuenta/executions", json=body, **more)

    def new(self, **more: Any) -> str:
        answer = self.submit(**more)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["data"]["id"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("api")
    store = PromptStore(sqlite_url(made, folder))
    deploy(store, bundle(folder / "prompts"))
    tokens = [store.clients.create(name, now=datetime.now(UTC)) for name in ("uno", "otro")]
    with api(store) as url:
        yield Place(url, store, *tokens)


def refused(answer: Any, code: str) -> dict[str, Any]:
    """The error of an answer that must be this problem, in the envelope."""
    assert answer.status_code == PROBLEMS[code][0], answer.text  # type: ignore[index]
    assert answer.headers["Content-Type"] == "application/json"
    said = answer.json()
    assert set(said) == {"status", "error", "meta"}
    assert said["status"] == "error"
    assert said["error"]["code"] == code
    assert set(said["meta"]) == {"timestamp", "request_id"}
    assert answer.headers["X-Request-Id"] == said["meta"]["request_id"]
    return dict(said["error"])


def test_a_submission_is_accepted_with_its_place_and_can_be_read_there(place: Place) -> None:
    answer = place.submit()

    assert answer.status_code == 202
    said = answer.json()
    assert said["status"] == "success"
    assert said["data"]["state"] == "pending"
    assert said["data"]["version"] == 1
    assert answer.headers["Location"] == f"/api/v1/executions/{said['data']['id']}"
    assert datetime.fromisoformat(said["meta"]["timestamp"]).tzinfo is not None
    again = place.ask("GET", answer.headers["Location"])
    assert again.status_code == 200
    assert again.json()["data"] == said["data"]


def test_the_same_key_is_the_same_execution_and_another_input_a_conflict(place: Place) -> None:
    key = {"Idempotency-Key": "lote-4711"}
    first = place.new(headers=key)

    assert place.new(headers=key) == first
    refused(place.submit({"texto": "otro"}, headers=key), "IDEMPOTENCY_CONFLICT")
    assert place.new(headers=key, token=place.other) != first  # a key is of its client
    assert place.new() != place.new()


def test_another_clients_execution_is_not_there(place: Place) -> None:
    mine = place.new()

    for method, path in (("GET", ""), ("POST", "/cancel")):
        answer = place.ask(method, f"/api/v1/executions/{mine}{path}", token=place.other)
        refused(answer, "EXECUTION_NOT_FOUND")
    assert place.ask("GET", f"/api/v1/executions/{mine}").json()["data"]["state"] == "pending"
    listed = place.ask("GET", "/api/v1/executions?limit=100", token=place.other).json()["data"]
    assert mine not in [one["id"] for one in listed]


JSON = {"Content-Type": "application/json"}
SUBMIT = "/api/v1/flows/cuenta/executions"
REFUSALS = [
    ("no token", "GET", "/api/v1/flows", {"token": None}, "UNAUTHORIZED"),
    ("another token", "GET", "/api/v1/flows", {"token": "x"}, "UNAUTHORIZED"),
    ("metrics", "GET", "/metrics", {"token": None}, "UNAUTHORIZED"),
    ("no path", "GET", "/api/v1/nada", {}, "NOT_FOUND"),
    ("slash", "GET", "/api/v1/flows/", {}, "NOT_FOUND"),
    ("method", "DELETE", "/api/v1/executions", {}, "METHOD_NOT_ALLOWED"),
    ("no flow", "POST", "/api/v1/flows/nada/executions", {"json": {"input": {}}}, "FLOW_NOT_FOUND"),
    ("no name", "POST", "/api/v1/flows/%00/executions", {"json": {"input": {}}}, "FLOW_NOT_FOUND"),
    ("dev", "POST", SUBMIT, {"json": {"input": {}, "environment": "dev"}}, "FLOW_NOT_FOUND"),
    ("no id", "GET", f"/api/v1/executions/{uuid.uuid4()}", {}, "EXECUTION_NOT_FOUND"),
    ("odd id", "GET", "/api/v1/executions/%00", {}, "EXECUTION_NOT_FOUND"),
    ("not json", "POST", SUBMIT, {"data": "{", "headers": JSON}, "INVALID_JSON"),
    ("twins", "POST", SUBMIT, {"data": '{"a":1,"a":2}', "headers": JSON}, "INVALID_JSON"),
    ("nan", "POST", SUBMIT, {"data": '{"input":{"texto":NaN}}', "headers": JSON}, "INVALID_JSON"),
    ("half", "POST", SUBMIT, {"data": '{"input":"\\ud800"}', "headers": JSON}, "INVALID_JSON"),
    ("latin", "POST", SUBMIT, {"data": b"\xf1", "headers": JSON}, "INVALID_JSON"),
    ("empty", "POST", SUBMIT, {"headers": JSON}, "INVALID_JSON"),
    ("deep", "POST", SUBMIT, {"data": "[" * 100_000, "headers": JSON}, "INVALID_JSON"),
    ("list", "POST", SUBMIT, {"json": []}, "INVALID_REQUEST"),
    ("no input", "POST", SUBMIT, {"json": {}}, "INVALID_REQUEST"),
    ("more", "POST", SUBMIT, {"json": {"input": {}, "x": CANARY}}, "INVALID_REQUEST"),
    ("env", "POST", SUBMIT, {"json": {"input": {}, "environment": CANARY}}, "INVALID_REQUEST"),
    ("key", "POST", SUBMIT, {"json": {"input": GIVEN}, "headers": {"Idempotency-Key": "a b"}},
     "INVALID_REQUEST"),
    ("input", "POST", SUBMIT, {"json": {"input": {"texto": 3, "veces": CANARY}}}, "INVALID_INPUT"),
    ("form", "POST", SUBMIT, {"data": {"input": CANARY}}, "UNSUPPORTED_MEDIA_TYPE"),
    ("large", "POST", SUBMIT, {"data": b"x" * (MAX_BODY + 1), "headers": JSON}, "BODY_TOO_LARGE"),
    ("limit", "GET", "/api/v1/executions?limit=0", {}, "INVALID_REQUEST"),
    ("state", "GET", f"/api/v1/executions?state={CANARY}", {}, "INVALID_REQUEST"),
    ("cursor", "GET", "/api/v1/executions?cursor=nada", {}, "INVALID_REQUEST"),
    ("since", "GET", "/api/v1/costs?since=0", {}, "INVALID_REQUEST"),
    ("by", "GET", f"/api/v1/costs?by={CANARY}", {}, "INVALID_REQUEST"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "more", "code"), [one[1:] for one in REFUSALS],
                         ids=[one[0] for one in REFUSALS])  # fmt: skip
def test_each_refusal_has_its_code_and_quotes_nothing(
    place: Place, method: str, path: str, more: dict[str, Any], code: str
) -> None:
    answer = place.ask(method, path, **more)

    refused(answer, code)
    assert answer.json()["meta"]["timestamp"].endswith("Z")  # as in an answer that is good
    assert CANARY not in answer.text
    if code == "METHOD_NOT_ALLOWED":
        assert answer.headers["Allow"] == "GET"
    if code == "UNAUTHORIZED":
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_refused_input_says_where_and_which_rule(place: Place) -> None:
    error = refused(place.submit({"texto": 3, "veces": "dos", "más": 1}), "INVALID_INPUT")

    assert {(one["where"], one["rule"]) for one in error["details"]} == {
        ("input.texto", "type"),
        ("input.veces", "type"),
        ("input", "additionalProperties"),
    }


def test_a_body_in_pieces_is_bounded_too(place: Place) -> None:
    pieces = (b"x" * 100_000 for _ in range(30))
    answer = place.ask("POST", SUBMIT, data=pieces, headers=JSON)
    refused(answer, "BODY_TOO_LARGE")


def test_pages_hold_each_execution_once_the_newest_first(place: Place) -> None:
    with_client = place.store.clients.create("paginas", now=datetime.now(UTC))
    made = [place.new(token=with_client) for _ in range(5)]
    seen, cursor, more = [], "", True
    while more:
        path = f"/api/v1/executions?limit=2{cursor and f'&cursor={cursor}'}"
        said = place.ask("GET", path, token=with_client).json()
        seen += [one["id"] for one in said["data"]]
        cursor, more = said["pagination"]["cursor"], said["pagination"]["has_more"]
        assert said["pagination"]["limit"] == 2
    assert seen == made[::-1]
    assert cursor is None
    none = place.ask("GET", "/api/v1/executions?state=failed", token=with_client).json()
    assert none["data"] == []


def test_a_pending_execution_is_cancelled_once_and_a_finished_one_is_not(place: Place) -> None:
    mine = place.new()
    for _ in range(2):
        answer = place.ask("POST", f"/api/v1/executions/{mine}/cancel")
        assert answer.status_code == 200
        assert answer.json()["data"]["state"] == "cancelled"
    assert place.store.claim("w", now=datetime.now(UTC), most=1000, lease_s=60)
    done = place.new()
    (claimed,) = place.store.claim("w", now=datetime.now(UTC), most=1, lease_s=60)
    place.store.finish(
        done, "w", claimed.attempt, output={"uno": "1", "dos": "2"}, now=datetime.now(UTC)
    )
    refused(place.ask("POST", f"/api/v1/executions/{done}/cancel"), "EXECUTION_FINISHED")
    shown = place.ask("GET", f"/api/v1/executions/{done}").json()["data"]
    assert (shown["state"], shown["output"]) == ("completed", {"uno": "1", "dos": "2"})


def test_flows_tell_what_is_deployed_and_its_input(place: Place) -> None:
    (flow,) = place.ask("GET", "/api/v1/flows").json()["data"]
    assert (flow["name"], flow["version"], flow["environment"]) == ("cuenta", 1, "prod")
    assert flow["input"]["required"] == ["texto"]
    assert place.ask("GET", "/api/v1/flows?environment=dev").json()["data"] == []


def test_who_asks_too_much_waits_and_others_do_not(place: Place) -> None:
    with api(place.store, per_minute=8) as url:
        few = Place(url, place.store, place.one, place.other)
        answers = [few.ask("GET", "/api/v1/flows") for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 429]
        refused(answers[2], "RATE_LIMITED")
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 8
        assert few.ask("GET", "/api/v1/flows", token=place.other).status_code == 200
        without = [few.ask("GET", "/api/v1/flows", token="adivinado") for _ in range(3)]
        assert [one.status_code for one in without] == [401, 401, 429]
        assert few.ask("GET", "/api/v1/health", token=None).status_code == 200


def test_health_follows_the_database(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    up = place.ask("GET", "/api/v1/health", token=None)
    assert (up.status_code, up.json()["data"]) == (200, {"status": "up"})

    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("la base no contesta")

    for name in ("waiting", "current"):
        monkeypatch.setattr(place.store, name, away)
    refused(place.ask("GET", "/api/v1/health", token=None), "UNAVAILABLE")
    down = place.submit()
    refused(down, "UNAVAILABLE")
    assert down.headers["Retry-After"] == "5"


def test_a_fault_of_ours_is_an_answer_too_and_the_log_finds_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(place.store, "names", broken)
    with caplog.at_level(logging.DEBUG):
        answer = place.ask("GET", "/api/v1/flows")
    refused(answer, "INTERNAL")
    assert answer.json()["meta"]["request_id"] in caplog.text


def test_no_log_has_a_token_or_an_input(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        place.submit({"texto": CANARY})
        place.submit({"texto": CANARY, "más": 1})
        place.ask("GET", "/api/v1/flows", token="canario-token")
    assert not re.search(f"{place.one}|{CANARY}|canario-token", caplog.text)


def test_metrics_are_read_by_prometheus(place: Place) -> None:
    place.new()
    answer = place.ask("GET", "/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert any(re.fullmatch(r"lindero_prompts_waiting\{\} [1-9]\d*", one) for one in lines)
    pending = r'lindero_prompts_executions_24h\{flow="cuenta",state="pending"\} [1-9]\d*'
    assert any(re.fullmatch(pending, one) for one in lines)


def test_costs_and_metrics_tell_tokens_cost_and_failures_and_what_nobody_knows(
    place: Place,
) -> None:
    store, now = place.store, datetime.now(UTC)
    asked = store.execution(place.new())
    assert asked is not None
    none: dict[str, Any] = {"cost_usd": None, "cost_source": None}
    for told in (
        {"model": "caro", "cost_usd": Decimal("0.25"), "latency_s": 2.0},
        {"model": "caro", "cost_usd": Decimal("0.00000001"), "latency_s": 4.0},
        {"model": "caro", **none, "prompt_tokens": None, "outcome": "timeout", "latency_s": 60.0},
        {"model": "propio", **none},
    ):
        store.journal(asked).record(call(started_at=now, **told))

    rows = place.ask("GET", "/api/v1/costs?by=model").json()["data"]
    assert [(one["key"], one["cost_usd"], one["unknown_costs"]) for one in rows] == [
        ("caro", "0.25000001", 0),
        ("propio", None, 1),
    ]
    assert 'cost_usd_24h{model="propio"}' not in place.ask("GET", "/metrics").text
    assert (rows[0]["failures"], rows[0]["prompt_tokens"]) == ({"timeout": 1}, 20)
    assert {
        'cost_usd_24h{model="caro"} 0.25000001',
        'unknown_costs_24h{model="propio"} 1',
        'failures_24h{model="caro",cause="timeout"} 1',
        'calls_24h{model="caro"} 3',
        'completion_tokens_24h{model="propio"} 2',
        'latency_p50_seconds_24h{model="caro"} 4',
        'latency_p95_seconds_24h{model="caro"} 60',
    } <= {
        line.removeprefix("lindero_prompts_")
        for line in place.ask("GET", "/metrics").text.splitlines()
    }


def test_the_page_and_the_document_name_every_code_and_nothing_of_elsewhere(place: Place) -> None:
    document = place.ask("GET", "/openapi.json", token=None).json()
    page = place.ask("GET", "/docs", token=None).text
    told = json.dumps(document["paths"])
    of_every_path = {"NOT_FOUND", "METHOD_NOT_ALLOWED"}
    for code in set(PROBLEMS) - of_every_path:
        assert f"`{code}`" in told
        assert code in page
    assert "http" not in page.replace("HTTP", "")
    assert "HTTPValidationError" not in json.dumps(document)


def test_the_client_and_the_api_agree(place: Place) -> None:
    client = PromptsClient(place.url, place.one)
    sent = client.submit("cuenta", GIVEN, key="cliente-1")
    assert client.submit("cuenta", GIVEN, key="cliente-1").id == sent.id
    with pytest.raises(AlreadyDone):
        client.submit("cuenta", {"texto": "otro"}, key="cliente-1")
    with pytest.raises(NotFound):
        client.submit("nada", GIVEN)
    assert client.cancel(sent.id).state == "cancelled"
    assert client.wait(sent.id).ended


@pytest.mark.integration
@pytest.mark.parametrize(
    ("examples", "phases"),
    [("10", "fuzzing"), pytest.param("200", "coverage,fuzzing,stateful", marks=pytest.mark.slow)],
)
def test_every_answer_is_in_the_document(
    place: Place, tmp_path: Path, examples: str, phases: str
) -> None:
    """Schemathesis asks all that the document allows, and much that it does not."""
    document = place.ask("GET", "/openapi.json", token=None).json()
    submit = document["paths"]["/api/v1/flows/{name}/executions"]["post"]
    (flow,) = place.ask("GET", "/api/v1/flows").json()["data"]
    # what is there: the names and ids of this store, and the input of this flow
    _narrow(submit["parameters"], "name", ["cuenta"])
    schema = submit["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"] |= {"input": flow["input"], "environment": {"enum": ["prod"]}}
    ids = [place.new() for _ in range(5)]
    for path in ("/api/v1/executions/{execution_id}", "/api/v1/executions/{execution_id}/cancel"):
        for operation in document["paths"][path].values():
            _narrow(operation["parameters"], "execution_id", ids)
    narrowed = tmp_path / "openapi.json"
    narrowed.write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(narrowed), "--url", place.url),
            *("--header", f"Authorization: Bearer {place.one}", "--phases", phases),
            # a cursor is text in the document, and must be one that a page gave
            *("--exclude-checks", "positive_data_acceptance", "--seed", "15", "--no-color"),
            *("--max-examples", examples),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert re.search(r"Tested: +8", done.stdout)


def _narrow(parameters: list[dict[str, Any]], name: str, values: list[str]) -> None:
    (one,) = (one for one in parameters if one["name"] == name)
    one["schema"] = {"enum": values}
