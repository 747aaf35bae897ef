"""The envelope of every answer, and the codes of what can be wrong.

``{"status": "success", "data": …, "meta": {"timestamp", "request_id"}}``; lists have ``pagination``
beside; a problem is ``{"status": "error", "error": {"code", "message", "details"}, "meta": …}``.
Codes never change; messages are Spanish, for people. Of what was sent only places are told (a
key's path and the rule that it breaks), never a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from Modules.prompts.store.executions import Failure

T = TypeVar("T")
State = Literal["pending", "running", "completed", "failed", "cancelled"]
PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "UNAUTHORIZED": (401, "Falta el token, o no vale: Authorization: Bearer …"),
    "NOT_FOUND": (404, "No hay nada en esa dirección."),
    "FLOW_NOT_FOUND": (404, "No hay un flujo desplegado con ese nombre en ese entorno."),
    "EXECUTION_NOT_FOUND": (404, "No hay una ejecución con ese id."),
    "METHOD_NOT_ALLOWED": (405, "Esa dirección no acepta ese método."),
    "IDEMPOTENCY_CONFLICT": (409, "Esa Idempotency-Key ya se usó con otro pedido."),
    "EXECUTION_FINISHED": (409, "La ejecución ya había terminado."),
    "BODY_TOO_LARGE": (413, "El cuerpo pasa del límite."),
    "UNSUPPORTED_MEDIA_TYPE": (415, "El cuerpo tiene que ser application/json."),
    "INVALID_JSON": (400, "El cuerpo no es JSON estricto en UTF-8."),
    "INVALID_REQUEST": (422, "El pedido no tiene la forma que dice /openapi.json."),
    "INVALID_INPUT": (422, "La entrada no cumple el esquema del flujo."),
    "RATE_LIMITED": (429, "Demasiados pedidos; esperar lo que dice Retry-After."),
    "UNAVAILABLE": (503, "La base de ejecuciones no contesta; volver a pedir más tarde."),
    "INTERNAL": (500, "Falla de Lindero; el registro dice más, por su request_id."),
}


class Meta(BaseModel):
    timestamp: datetime
    request_id: str


class Problem(BaseModel):
    code: Annotated[str, Field(json_schema_extra={"enum": [*PROBLEMS]})]
    message: str
    details: list[dict[Literal["where", "rule"], str]]


class Refusal(BaseModel):
    status: Literal["error"]
    error: Problem
    meta: Meta


class Answer(BaseModel, Generic[T]):
    status: Literal["success"]
    data: T
    meta: Meta


class Pagination(BaseModel):
    cursor: str | None
    has_more: bool
    limit: int


class Page(Answer[list[T]], Generic[T]):
    pagination: Pagination


class Submission(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    input: dict[str, Any] = Field(description="Según el esquema del flujo")
    environment: Literal["dev", "prod"] = "prod"


class ExecutionOut(BaseModel):
    """An ``Execution`` of the store, in the words of the API."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    flow: str = Field(validation_alias="name")
    version: int
    environment: str = Field(validation_alias="env")
    state: State
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    output: Any
    error: Failure | None = Field(validation_alias="failure")


class FlowOut(BaseModel):
    name: str
    version: int
    environment: str
    description: str
    input: dict[str, Any]


@dataclass
class Refused(Exception):
    """An answer that is a problem; ``details`` are places and rules."""

    code: str
    details: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def refusals(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The problems of a route as OpenAPI tells them, by status."""
    told: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status, message = PROBLEMS[code]
        before = f"{told[status]['description']} · " if status in told else ""
        told[status] = {"model": Refusal, "description": f"{before}`{code}`: {message}"}
    if 429 in told:
        told[429]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return told
