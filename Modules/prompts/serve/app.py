"""The HTTP API: ``/api/v1/…`` over the store, and ``/metrics``, ``/docs``, ``/openapi.json``.

An answer to a submission means that the execution is in the store; who does it is asked for beside,
and never waited for. Another client's executions are not there: their ids are 404.
"""

from __future__ import annotations

import logging
import math
import socket
import time as clock
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from html import escape
from itertools import islice
from threading import Lock
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jsonschema.validators import validator_for
from pydantic import BeforeValidator, ValidationError
from starlette.exceptions import HTTPException

from Modules.prompts.serve.envelope import (
    PROBLEMS,
    Answer,
    ExecutionOut,
    FlowOut,
    Page,
    Refusal,
    Refused,
    State,
    Submission,
    refusals,
)
from Modules.prompts.store import ExecutionFinished, KeyConflict, PromptStore
from Modules.prompts.store.costs import By, Costs
from Modules.words.errors import PromptInvalid, SettingsError, StoreUnavailable
from Modules.words.exposition import CONTENT_TYPE, Family, exposed
from Modules.words.spanish import why
from Modules.words.strict_json import JsonRefused, parse_json

logger = logging.getLogger(__name__)

MAX_DETAILS: Final = 20
MAX_BODY: Final = 1_000_000  # bytes of an input: facts of a campaign are some 100 kB
_BODY: Final = {"application/json": {"schema": Submission.model_json_schema()}}
_ALWAYS: Final = refusals("UNAVAILABLE", "INTERNAL")
_ASKED: Final = refusals("UNAUTHORIZED", "RATE_LIMITED")
_OF_A_MODEL = (
    ("calls", "calls", "Pedidos a modelos en 24 horas."),
    ("prompt_tokens", "prompt_tokens", "Tokens de lo preguntado."),
    ("completion_tokens", "completion_tokens", "Tokens de lo contestado."),
    ("cost_usd", "cost_usd", "Costo que se conoce, en USD."),  # never 0 for an unknown one
    ("unknown_costs", "unknown_costs", "Pedidos cuyo costo no se conoce."),
    ("latency_p50_seconds", "latency_p50_s", "Latencia de la mitad de los pedidos."),
    ("latency_p95_seconds", "latency_p95_s", "Latencia de 95 de cada 100 pedidos."),
)
_bearer = HTTPBearer(
    auto_error=False, description="El token que da `lindero prompts clients create`"
)


class RateLimit:
    """A bucket a client, filled evenly; a burst of a quarter of a minute's share goes through."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = clock.monotonic) -> None:
        self._rate, self._size = per_minute / 60, max(1.0, per_minute / 4)
        self._clock, self._lock = clock, Lock()
        self._held: dict[str, tuple[float, float]] = {}  # tokens, and when

    def wait_s(self, who: str) -> int:
        """0 where the request may go on, else whole seconds until the next may."""
        with self._lock:
            now = self._clock()
            tokens, since = self._held.get(who, (self._size, now))
            tokens = min(self._size, tokens + (now - since) * self._rate)
            may = tokens >= 1
            self._held[who] = (tokens - may, now)
            return 0 if may else math.ceil((1 - tokens) / self._rate)


async def bounded_body(request: Request) -> bytes:
    """The body of a request, if it is JSON by its name and not too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY:
            body += chunk
        elif size > 8 * MAX_BODY:  # till then read on, so that who sends too much hears of it
            break
    if size > MAX_BODY:
        raise Refused("BODY_TOO_LARGE", [("", f"{MAX_BODY} bytes")])
    if kind != "application/json":
        raise Refused("UNSUPPORTED_MEDIA_TYPE")
    return bytes(body)


def _client(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    """Know who asks, or refuse; who has no token has one share of the rate with all others."""
    at = request.app.state
    found = None if given is None else at.store.by_token(given.credentials)
    if wait_s := at.limit.wait_s("" if found is None else found.name):
        raise Refused("RATE_LIMITED", headers={"Retry-After": str(wait_s)})
    if found is None:
        raise Refused("UNAUTHORIZED", headers={"WWW-Authenticate": "Bearer"})
    request.state.who, request.state.store = found.name, at.store


_open = APIRouter(responses=_ALWAYS)
_api = APIRouter(
    prefix="/api/v1",
    dependencies=[Depends(_client)],
    responses=refusals("INVALID_REQUEST") | _ASKED | _ALWAYS,
)


def make_app(
    store: PromptStore, *, per_minute: int, accepted: Callable[[], None] = lambda: None
) -> FastAPI:
    """The application; ``accepted`` is called after an execution was, and must not block."""
    app = FastAPI(title="Lindero prompts", version="1", docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False
    app.state.store, app.state.limit, app.state.accepted = store, RateLimit(per_minute), accepted
    app.include_router(_open)
    app.include_router(_api)
    app.middleware("http")(_named)
    app.add_exception_handler(Refused, _refusal)
    app.add_exception_handler(StoreUnavailable, _away)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_http)
    return app


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; on a free port for 0.

    Raises:
        SettingsError: the address is no address of this machine, or is taken.
    """
    try:
        return socket.create_server((host, port), family=socket.getaddrinfo(host, port)[0][0])
    except OSError as err:
        raise SettingsError(
            f"no se puede escuchar en {host}:{port} ({why(err)}): decir otro con --host o --port"
        ) from err


def serve(app: FastAPI, line: socket.socket) -> None:
    """Answer there until the process is told to end."""
    told = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False)
    told.timeout_graceful_shutdown = 20
    uvicorn.Server(told).run([line])


@_open.get("/api/v1/health", response_model=Answer[dict[Literal["status"], Literal["up"]]])
def health(request: Request) -> Any:
    """Whether executions can be accepted: 503 while the database does not answer."""
    request.app.state.store.waiting(datetime.now(UTC))
    return _answer(request, {"status": "up"})


@_api.post(
    "/flows/{name}/executions",
    status_code=202,
    response_model=Answer[ExecutionOut],
    responses={202: {"headers": {"Location": {"schema": {"type": "string"}}}}}
    | refusals("FLOW_NOT_FOUND", "IDEMPOTENCY_CONFLICT", "BODY_TOO_LARGE", "INVALID_JSON")
    | refusals("UNSUPPORTED_MEDIA_TYPE", "INVALID_REQUEST", "INVALID_INPUT"),
    openapi_extra={"requestBody": {"required": True, "content": _BODY}},
)
def submit(
    request: Request,
    response: Response,
    name: str,
    body: Annotated[bytes, Depends(bounded_body)],
    idempotency_key: Annotated[str | None, Header(pattern=r"^[!-~]{1,200}$")] = None,
) -> Any:
    """Accept an execution by the version that the environment runs now; it keeps that one."""
    try:
        asked = Submission.model_validate(parse_json(body))
    except JsonRefused as err:
        raise Refused("INVALID_JSON", [("body", err.reason.name)]) from err
    except ValidationError as err:
        errors = [one | {"loc": ("body", *one["loc"])} for one in err.errors()]
        raise RequestValidationError(errors) from err
    store, env, given = request.state.store, asked.environment, asked.input
    if (stored := store.current(name, env)) is None:
        raise Refused("FLOW_NOT_FOUND")
    schema = stored.bundle.flow.input
    found = islice(validator_for(schema)(schema).iter_errors(given), MAX_DETAILS)
    if wrong := [(".".join(["input", *map(str, e.absolute_path)]), e.validator) for e in found]:
        raise Refused("INVALID_INPUT", wrong)
    told = {"client": request.state.who, "key": idempotency_key, "now": datetime.now(UTC)}
    try:
        execution, created = store.accept(name, env, given, **told)
    except KeyConflict as err:
        raise Refused("IDEMPOTENCY_CONFLICT") from err
    if created:
        request.app.state.accepted()
    response.headers["Location"] = f"/api/v1/executions/{execution.id}"
    return _answer(request, execution)


@_api.get(
    "/executions/{execution_id}",
    response_model=Answer[ExecutionOut],
    responses=refusals("EXECUTION_NOT_FOUND"),
)
def read(request: Request, execution_id: str) -> Any:
    """One execution: its state, and its output once it is completed."""
    if (found := request.state.store.execution(execution_id, request.state.who)) is None:
        raise Refused("EXECUTION_NOT_FOUND")
    return _answer(request, found)


@_api.get("/executions", response_model=Page[ExecutionOut])
def listed(
    request: Request,
    cursor: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_=-]{1,200}$")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    state: State | None = None,
) -> Any:
    """The client's executions, newest first."""
    store, told = request.state.store, {"cursor": cursor, "limit": limit, "state": state}
    try:
        rows, after = store.executions(request.state.who, **told)
    except ValueError as err:
        raise Refused("INVALID_REQUEST", [("query.cursor", "cursor")]) from err
    pages = {"cursor": after, "has_more": after is not None, "limit": limit}
    return {**_answer(request, rows), "pagination": pages}


@_api.post(
    "/executions/{execution_id}/cancel",
    response_model=Answer[ExecutionOut],
    responses=refusals("EXECUTION_NOT_FOUND", "EXECUTION_FINISHED"),
)
def cancel(request: Request, execution_id: str) -> Any:
    """End an execution that has not ended; again is no error."""
    store, who = request.state.store, request.state.who
    try:
        return _answer(request, store.cancel(execution_id, who, datetime.now(UTC)))
    except ExecutionFinished as err:
        raise Refused("EXECUTION_FINISHED") from err
    except PromptInvalid as err:
        raise Refused("EXECUTION_NOT_FOUND") from err


@_api.get("/flows", response_model=Answer[list[FlowOut]])
def flows(request: Request, environment: Literal["dev", "prod"] = "prod") -> Any:
    """What is deployed in an environment."""
    store, told = request.state.store, []
    for name in store.names(environment):
        if (stored := store.current(name, environment)) is not None:
            one = {"name": name, "version": stored.version, "environment": environment}
            flow = stored.bundle.flow
            told.append({**one, "description": flow.description, "input": flow.input})
    return _answer(request, told)


@_api.get("/costs", response_model=Answer[list[Costs]])
def costs(
    request: Request,
    since: Annotated[date, BeforeValidator(date.fromisoformat)] | None = None,
    by: By = "flow",
) -> Any:
    """Tokens, cost, failures and latency since a day (UTC; 30 days ago where none is told)."""
    day = since or datetime.now(UTC) - timedelta(days=30)
    begun = datetime.combine(day, time.min, UTC)
    return _answer(request, request.state.store.costs(begun, by))


@_open.get(
    "/metrics",
    response_class=Response,
    responses={**_ASKED, 200: {"content": {"text/plain": {}}}},
    dependencies=[Depends(_client)],
)
def metrics(request: Request) -> Response:
    """Figures for Prometheus: executions by state, and calls, tokens and cost by model."""
    now, store = datetime.now(UTC), request.state.store
    begun = now - timedelta(hours=24)
    rows, of = store.costs(begun, by="model"), store.states(begun)
    states = [({"flow": name, "state": how}, float(of[name, how])) for name, how in sorted(of)]
    failures = [
        ({"model": row.key, "cause": cause}, float(many))
        for row in rows
        for cause, many in sorted(row.failures.items())
    ]
    found: list[Family] = [
        ("waiting", "Ejecuciones que esperan a quien las haga.", [({}, store.waiting(now))]),
        ("executions_24h", "Ejecuciones aceptadas en 24 horas.", states),
        ("failures_24h", "Pedidos que fallaron, por causa.", failures),
    ]
    for name, what, said in _OF_A_MODEL:
        values = [(row.key, getattr(row, what)) for row in rows]
        samples = [({"model": key}, float(value)) for key, value in values if value is not None]
        found.append((f"{name}_24h", said, samples))
    told = exposed((f"lindero_prompts_{name}", said, samples) for name, said, samples in found)
    return Response(told, media_type=CONTENT_TYPE)


@_open.get("/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    """The document for people: no script, nothing from elsewhere."""
    said = ["<!doctype html><meta charset=utf-8><title>Lindero prompts</title><h1>Lindero prompts"]
    said.append("</h1><p><a href=/openapi.json>/openapi.json</a>")
    for path, methods in request.app.openapi()["paths"].items():
        for method, one in methods.items():
            said.append(f"<h2>{method.upper()} {escape(path)}</h2><p>{escape(one['description'])}")
            for status, answer in sorted(one["responses"].items()):
                said.append(f"<br>{status}: {escape(answer['description'])}")
    return HTMLResponse("\n".join(said))


async def _named(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    request.state.request_id = uuid4().hex
    try:
        response = await go_on(request)
    except Exception:
        logger.exception("request %s: a fault of ours", request.state.request_id)
        response = _refusal(request, Refused("INTERNAL"))
    response.headers["X-Request-Id"] = request.state.request_id
    return response


def _answer(request: Request, data: Any) -> dict[str, Any]:
    meta = {"timestamp": datetime.now(UTC), "request_id": request.state.request_id}
    return {"status": "success", "data": data, "meta": meta}


def _refusal(request: Request, refused: Any) -> Response:
    status, message = PROBLEMS[refused.code]
    details = [{"where": where, "rule": rule} for where, rule in refused.details]
    error = {"code": refused.code, "message": message, "details": details}
    told = {"status": "error", "error": error, "meta": _answer(request, None)["meta"]}
    answer = Refusal.model_validate(told).model_dump(mode="json")
    return JSONResponse(answer, status, headers=dict(refused.headers))


def _away(request: Request, err: Any) -> Response:
    logger.warning("the store does not answer: %s", err)
    return _refusal(request, Refused("UNAVAILABLE", headers={"Retry-After": "5"}))


def _invalid(request: Request, err: Any) -> Response:
    places = [(".".join(map(str, one["loc"])), one["type"]) for one in err.errors()]
    return _refusal(request, Refused("INVALID_REQUEST", places[:MAX_DETAILS]))


def _of_http(request: Request, err: Any) -> Response:
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(err.status_code, "INVALID_REQUEST")
    return _refusal(request, Refused(code, headers=err.headers or {}))
