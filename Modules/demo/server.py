"""The demo portal on FastAPI: token, lists, pages, filters, tags and problems of the contract.

``DemoPortal`` answers in plain bytes; ``create_app`` puts HTTP round it. Nothing here is secret:
the client id and secret of the demo are public constants.
"""

from __future__ import annotations

import gzip
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from Modules.demo.contract import (
    BASE_PATH,
    DEFAULT_SIZE,
    DEMO_CLIENT_ID,
    DEMO_CLIENT_SECRET,
    HAS_CAMPANIA,
    MAX_SIZE,
    Item,
    PageQuery,
    Row,
    World,
    dump,
    etag,
    page_bytes,
    problem,
    select,
)
from Modules.demo.fotos import AMOUNT, foto
from Modules.words.domain import Recurso

FILTERS: Mapping[Recurso, tuple[str, ...]] = {
    Recurso.ZONAS: ("tipo",),
    Recurso.CAMPOS: ("zona_id", "activo"),
    Recurso.LOTES: ("campo_id", "cultivo"),
    Recurso.AMBIENTES: ("campo_id", "lote_id"),
    Recurso.MARCADORES: ("lote_id", "tipo", "estado"),
}
TAKES_CAMPANIA = (Recurso.CAMPOS, *HAS_CAMPANIA)
GZIP_FROM_BYTES = 500
MAX_TOKEN_REQUEST_BYTES = 16_384


class ProblemError(Exception):
    """An answer that is a problem; see ``contract.problem`` for what it says."""

    def __init__(
        self, status: int, title: str, headers: Mapping[str, str] | None = None, **more: str
    ) -> None:
        super().__init__(title)
        self.item = problem(status, title, **more)
        self.headers = headers


def _invalid(title: str, code: str, field_name: str, detail: str) -> ProblemError:
    return ProblemError(422, title, code=code, detail=detail, field_name=field_name)


class Common(BaseModel):
    page: int = Field(1, ge=1)
    size: int = Field(DEFAULT_SIZE, ge=1, le=MAX_SIZE)
    updated_since: datetime | None = None
    include_deleted: bool = False
    campania: str | None = None


@dataclass(frozen=True, slots=True)
class ReadyPage:
    body: bytes = field(repr=False)
    packed: bytes = field(repr=False)
    etag: str


class DemoPortal:
    def __init__(self, world: World) -> None:
        self.client = (DEMO_CLIENT_ID, DEMO_CLIENT_SECRET)
        self.token_life_s = 3600
        self.tokens: dict[str, float] = {}  # and until when each is good
        self.serve(world)

    def serve(self, world: World) -> None:
        """Hold another world from now on; tokens stay good."""
        self.world = world
        self._campanias = {item["codigo"] for item in world.items(Recurso.CAMPANIAS)}
        self._selected: dict[PageQuery, list[Row]] = {}  # whole, whatever the page
        self._pages: dict[PageQuery, ReadyPage] = {}

    def new_token(self, client_id: str, client_secret: str) -> Item | None:
        """A token, or None where the credentials are wrong."""
        given = f"{client_id}\n{client_secret}".encode()
        if not secrets.compare_digest(given, "\n".join(self.client).encode()):
            return None
        token = secrets.token_urlsafe(32)
        self.tokens[token] = time.monotonic() + self.token_life_s
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.token_life_s}

    def query(
        self, recurso: Recurso, common: Common, asked: tuple[tuple[str, str], ...]
    ) -> PageQuery:
        """What a request asks of a list; ProblemError 422 for an unknown campaña, a bare time."""
        if common.updated_since is not None and common.updated_since.tzinfo is None:
            detail = "updated_since lleva huso horario, por ejemplo 2025-11-20T03:00:00-03:00"
            raise _invalid("Parámetros inválidos", "parametros_invalidos", "updated_since", detail)
        campania = common.campania if recurso in TAKES_CAMPANIA else None
        if campania is None and recurso is Recurso.LOTES:
            detail = "lotes necesita el parámetro campania, por ejemplo 25/26"
            raise _invalid("Falta la campaña", "campania_requerida", "campania", detail)
        if campania is not None and campania not in self._campanias:
            detail = f"No existe la campaña {campania}"
            raise _invalid("Campaña desconocida", "campania_desconocida", "campania", detail)
        own = dict(asked)
        filters = [self._filter(recurso, x, own[x]) for x in FILTERS.get(recurso, ()) if x in own]
        plain = common.model_dump() | {"campania": campania}
        return PageQuery(recurso, **plain, filters=tuple(filters), asked=asked)

    def _filter(self, recurso: Recurso, name: str, text: str) -> tuple[str, frozenset[str]]:
        if recurso is Recurso.AMBIENTES and name == "campo_id":  # an ambiente knows only its lote
            lotes = self.world.items(Recurso.LOTES, include_deleted=True)
            return "lote_id", frozenset(lote["id"] for lote in lotes if lote["campo_id"] == text)
        return name, frozenset([text])

    def page(self, query: PageQuery) -> ReadyPage:
        """One page; made once, kept for the next time."""
        ready = self._pages.get(query)
        if ready is None:
            whole = replace(query, page=1, size=1, asked=())
            if whole not in self._selected:
                self._selected[whole] = select(self.world.rows[query.recurso], query)
            body = page_bytes(self._selected[whole], query, self.world.snapshot_at)
            packed = gzip.compress(body, compresslevel=4, mtime=0)
            ready = self._pages[query] = ReadyPage(body, packed, etag(body))
        return ready


def create_app(portal: DemoPortal) -> FastAPI:
    app = FastAPI(
        title="Databaler base portal API (demo)",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{BASE_PATH}/openapi.json",
    )
    app.state.portal = portal
    app.add_api_route(f"{BASE_PATH}/auth/token", _token, methods=["POST"])
    for recurso in Recurso:
        app.add_api_route(
            f"{BASE_PATH}/{recurso}", _lister(recurso), methods=["GET"], name=f"list_{recurso}"
        )
    app.add_api_route(f"{BASE_PATH}/adjuntos/foto-{{number}}.jpg", _foto, methods=["GET"])
    for kind in (ProblemError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _on_error)
    app.add_middleware(_RequestIds)
    return app


async def _token(request: Request) -> Response:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_TOKEN_REQUEST_BYTES:
            raise ProblemError(413, "Pedido demasiado grande", code="muy_grande")
    if "application/x-www-form-urlencoded" not in request.headers.get("content-type", ""):
        raise ProblemError(415, "Se espera un formulario", code="formato")
    form = {name: texts[0] for name, texts in parse_qs(body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "client_credentials":
        raise ProblemError(
            400, "grant_type no soportado", code="grant_type", field_name="grant_type"
        )
    portal: DemoPortal = request.app.state.portal
    token = portal.new_token(form.get("client_id", ""), form.get("client_secret", ""))
    if token is None:
        bearer = {"WWW-Authenticate": "Bearer"}
        raise ProblemError(401, "Credenciales inválidas", bearer, code="credenciales_invalidas")
    return Response(dump(token), 200, {"Cache-Control": "no-store"}, "application/json")


def _signed_in(request: Request) -> None:
    portal: DemoPortal = request.app.state.portal
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or portal.tokens.get(token, 0.0) <= time.monotonic():
        said = {"code": "token_invalido", "detail": "token ausente o vencido"}
        asked = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise ProblemError(401, "Sin autorización", asked, **said)


def _lister(recurso: Recurso) -> Callable[..., Awaitable[Response]]:
    async def answer(
        request: Request,
        _: Annotated[None, Depends(_signed_in)],
        common: Annotated[Common, Query()],
    ) -> Response:
        portal: DemoPortal = request.app.state.portal
        asked = tuple(request.query_params.multi_items())
        page = portal.page(portal.query(recurso, common, asked))
        headers = {"ETag": page.etag, "Vary": "Accept-Encoding"}
        headers["Cache-Control"] = "private, no-cache"
        known = request.headers.get("if-none-match", "").split(",")
        given = {tag.strip().removeprefix("W/") for tag in known}  # weak, RFC 9110 section 8.8.3.2
        if given & {"*", page.etag.removeprefix("W/")}:
            return Response(status_code=304, headers=headers)
        body = page.body
        if len(body) >= GZIP_FROM_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
            body = page.packed
            headers["Content-Encoding"] = "gzip"
        return Response(body, media_type="application/json", headers=headers)

    return answer


def _foto(number: int, _: Annotated[None, Depends(_signed_in)]) -> Response:
    if not 1 <= number <= AMOUNT:
        raise ProblemError(404, "No existe", code="http_404")
    return Response(foto(number), media_type="image/jpeg")


async def _on_error(request: Request, error: Exception) -> Response:
    headers: Mapping[str, str] | None = None
    match error:
        case ProblemError():
            item, headers = error.item, error.headers
        case HTTPException():
            titles = {404: "No existe", 405: "Método no permitido"}
            title = titles.get(error.status_code, "Pedido rechazado")
            item = problem(error.status_code, title, code=f"http_{error.status_code}")
            headers = error.headers
        case RequestValidationError():
            item = problem(422, "Parámetros inválidos", code="parametros_invalidos")
            item["errors"] = [
                {"field": str(found["loc"][-1]), "message": str(found["msg"])}
                for found in error.errors()
            ]
        case _:
            raise error
    whole = {**item, "request_id": request.scope.get("lindero_request_id", "")}
    return Response(dump(whole), item["status"], headers, "application/problem+json")


class _RequestIds:
    """Numbers every answer (X-Request-Id)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"demo-{next(self._numbers):06d}"
        scope["lindero_request_id"] = request_id

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                named = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", []), named]
            await send(message)

        await self._app(scope, receive, numbered)
