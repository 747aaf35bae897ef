"""The client for applications against scripted answers: what it repeats, and what it raises."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from Modules.prompts import client as client_module
from Modules.prompts.client import (
    AlreadyDone,
    ExecutionFailed,
    Invalid,
    NotFound,
    NotYet,
    PromptsClient,
    PromptsError,
    RateLimited,
    Unauthorized,
    Unavailable,
)

TOKEN = "canario-token-1"
ROW = {
    **{"id": "e1", "flow": "resumen", "version": 3, "environment": "prod", "state": "completed"},
    **{"attempt": 1, "created_at": "2026-11-30T03:00:00Z", "started_at": None},
    **{"finished_at": "2026-11-30T03:01:00Z", "output": {"texto": "ñ"}, "error": None},
}
Said = tuple[int, Any, Mapping[str, str]]


def good(state: str = "completed", **more: Any) -> Said:
    return 200, {"status": "success", "data": {**ROW, "state": state, **more}, "meta": {}}, {}


def bad(status: int, code: str, **headers: str) -> Said:
    error = {"code": code, "message": "no", "details": [{"where": "input.n", "rule": "type"}]}
    return status, {"status": "error", "error": error, "meta": {"request_id": "r1"}}, headers


@contextmanager
def answering(*said: Said) -> Iterator[tuple[str, list[tuple[str, str, Mapping[str, str], bytes]]]]:
    """A server that gives these answers in turn, the last one for ever; what it was asked."""
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, self.path, dict(self.headers), body))
            status, content, headers = said[min(len(asked), len(said)) - 1]
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _do  # noqa: N815 - the names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the client waited for, in seconds."""
    found: list[float] = []
    monkeypatch.setattr(client_module.time, "sleep", found.append)
    return found


def test_a_submission_is_repeated_with_the_same_key_and_waits_as_told(pauses: list[float]) -> None:
    script = (bad(429, "RATE_LIMITED", Retry_After="7"), bad(503, "UNAVAILABLE"), good("pending"))
    with answering(*script) as (url, asked):
        client = PromptsClient(url, TOKEN)
        execution = client.submit("resumen", {"n": 1})

    assert (execution.id, execution.state, execution.version) == ("e1", "pending", 3)
    assert [(method, path) for method, path, *_ in asked] == [
        ("POST", "/api/v1/flows/resumen/executions")
    ] * 3
    assert len({headers["Idempotency-Key"] for *_, headers, _ in asked}) == 1
    assert {headers["Authorization"] for *_, headers, _ in asked} == {f"Bearer {TOKEN}"}
    assert json.loads(asked[0][3]) == {"input": {"n": 1}, "environment": "prod"}
    assert pauses == [7.0, 1.0]  # the first of ours comes at once


def test_two_submissions_without_a_key_are_two_and_with_one_it_is_sent() -> None:
    with answering(good()) as (url, asked):
        client = PromptsClient(url, TOKEN)
        client.submit("resumen", {})
        client.submit("resumen", {})
        client.submit("resumen", {}, key="lote-4711")

    keys = [headers["Idempotency-Key"] for *_, headers, _ in asked]
    assert len(set(keys)) == 3
    assert keys[2] == "lote-4711"


@pytest.mark.parametrize(
    ("answer", "error", "times"),
    [
        (bad(401, "UNAUTHORIZED"), Unauthorized, 1),
        (bad(404, "EXECUTION_NOT_FOUND"), NotFound, 1),
        (bad(409, "IDEMPOTENCY_CONFLICT"), AlreadyDone, 1),
        (bad(422, "INVALID_INPUT"), Invalid, 1),
        (bad(413, "BODY_TOO_LARGE"), Invalid, 1),
        (bad(429, "RATE_LIMITED", Retry_After="2"), RateLimited, 5),
        (bad(500, "INTERNAL"), Unavailable, 5),
        ((502, b"<html>a proxy's</html>", {}), Unavailable, 5),
        ((302, b"", {"Location": "http://127.0.0.1:9/"}), Invalid, 1),
    ],
)
def test_each_refusal_is_an_error_of_its_own(
    answer: Said, error: type[PromptsError], times: int
) -> None:
    with answering(answer) as (url, asked):
        client = PromptsClient(url, TOKEN)
        with pytest.raises(error) as caught:
            client.execution("e1")

    assert len(asked) == times
    assert type(caught.value) is error
    assert caught.value.status == answer[0]
    if isinstance(answer[1], dict):
        assert caught.value.code == answer[1]["error"]["code"]
        assert caught.value.details == ({"where": "input.n", "rule": "type"},)
        assert caught.value.request_id == "r1"
    assert TOKEN not in f"{caught.value!r} {vars(client)}"


def test_a_fault_of_the_caller_is_told_as_such_and_a_token_of_a_file_is_no_text_of_an_error() -> (
    None
):
    with answering(good()) as (url, asked):
        prompts = PromptsClient(url, f"{TOKEN}\n")
        for given in ({"n": float("nan")}, {"n": object()}):
            with pytest.raises(Invalid, match="no es JSON"):
                prompts.submit("resumen", given)
        assert asked == []
        prompts.submit("resumen", {})
        assert asked[0][2]["Authorization"] == f"Bearer {TOKEN}"


def test_a_server_that_is_not_there_is_tried_five_times(pauses: list[float]) -> None:
    with answering(good()) as (url, _):
        pass
    with pytest.raises(Unavailable, match="la API no contesta"):
        PromptsClient(url, TOKEN).execution("e1")
    assert pauses == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("body", [b"<html>a portal of the hotel</html>", {"data": {}}, []])
def test_what_is_no_answer_of_the_api_is_no_result(body: Any) -> None:
    with (
        answering((200, body, {})) as (url, _),
        pytest.raises(Unavailable, match="la API no contesta"),
    ):
        PromptsClient(url, TOKEN).execution("e1")


def test_the_token_is_ours_whatever_a_netrc_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login otro password otra\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with answering(good()) as (url, asked):
        PromptsClient(url, TOKEN).execution("e1")
    assert asked[0][2]["Authorization"] == f"Bearer {TOKEN}"


def test_an_id_cannot_lead_elsewhere() -> None:
    with answering(good()) as (url, asked):
        PromptsClient(url, TOKEN).execution("../costs?x=1")
    assert asked[0][1] == "/api/v1/executions/..%2Fcosts%3Fx%3D1"


FAILED = {"cause": "schema", "step": "unico", "message": "no cumple", "raw": "hola"}


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (good("failed", output=None, error=FAILED), ("schema", "unico", "hola")),
        (good("cancelled", output=None), ("cancelled", None, None)),
    ],
)
def test_the_result_waits_and_says_how_it_ended(last: Said, why: tuple[str | None, ...]) -> None:
    with answering(good("pending"), good("running"), last) as (url, asked):
        ended = PromptsClient(url, TOKEN).wait("e1")
    with pytest.raises(ExecutionFailed) as caught:
        ended.result()
    assert len(asked) == 3
    assert (caught.value.cause, caught.value.step, caught.value.raw) == why


def test_the_result_is_the_output() -> None:
    with answering(good("running"), good()) as (url, _):
        assert PromptsClient(url, TOKEN).wait("e1").result() == {"texto": "ñ"}


def test_who_waits_too_long_is_told_and_may_wait_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = iter(range(100))
    clock: Callable[[], float] = lambda: next(hours)  # noqa: E731
    monkeypatch.setattr(client_module.time, "monotonic", clock)
    with (
        answering(good("running")) as (url, _),
        pytest.raises(NotYet, match="sigue running a los 3 s"),
    ):
        PromptsClient(url, TOKEN).wait("e1", patience_s=3)


def test_a_result_that_is_not_there_yet_is_no_output() -> None:
    with answering(good("running")) as (url, _), pytest.raises(NotYet):
        PromptsClient(url, TOKEN).execution("e1").result()


def test_the_client_needs_requests_alone() -> None:
    said = (
        "import sys; import Modules.prompts.client; print([one for one in ('fastapi', 'sqlalchemy',"
        " 'pydantic', 'pydantic_ai', 'yaml', 'jinja2', 'prefect') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
