"""The caller that asks real models, by the protocol of OpenAI that all our providers speak.

```text
again     429 and its Retry-After, 408, 5xx, timeout, a connection refused or cut: ``retries`` times
repair    an answer that is no JSON, or not of its schema: once, with what is wrong with it
refuse    401 and 403 (auth), other 4xx and a redirect (rejected), finish_reason length (truncated)
```

One request is one ``CallRecord``, with its tokens, whatever its answer is good for. pydantic-ai
writes the requests and reads the answers; what an answer is, is judged by the bytes that came, for
tokens are paid for also where nothing can be read. A redirect is not followed: the key goes along.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Self, cast

import httpx2
from openai import APIError, AsyncOpenAI
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from Modules.integrations.access import PromptAccess
from Modules.portal.answers import wait_asked
from Modules.portal.asking import check_url
from Modules.prompts.calls.asking import Ask, CallRecord, ModelRef, Reply
from Modules.prompts.calls.prices import cost_of, tokens_of
from Modules.prompts.calls.reply import read
from Modules.prompts.calls.tools import answer_of
from Modules.words.errors import PromptFailed, SettingsError
from Modules.words.spanish import brief
from Modules.words.strict_json import without_lone_surrogates

MOST_BYTES: Final = 8 * 1024 * 1024  # of an answer; a long one has some 50 kB
LONGEST_WAIT_S: Final = 60.0  # a provider that asks for more is asked another time
_NO_KEY: Final = "sin-clave"  # the SDK wants one; a local provider takes any
_AT_ONCE: Final = 200
_ENCODED: Final = ("content-encoding", "content-length", "transfer-encoding")
_BACKOFF: Final = wait_random_exponential(multiplier=0.5, max=20)


@dataclass(slots=True)
class _Exchange:
    """What came of one request, as it stood on the wire."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)
    too_long: bool = False

    def usage(self) -> Mapping[str, Any]:
        return _object(self.document.get("usage"))

    def choice(self) -> Mapping[str, Any]:
        choices = self.document.get("choices")
        return _object(choices[0]) if isinstance(choices, list) and choices else {}

    def code(self) -> int | None:
        """The status, or the one that a provider wrote in an error under 200."""
        told = _object(self.document.get("error")).get("code")
        return told if self.status == 200 and isinstance(told, int) and told >= 400 else self.status


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


_NOW: ContextVar[_Exchange] = ContextVar("exchange")


class _Transport(httpx2.AsyncHTTPTransport):
    """Reads whole answers of a bounded size, and leaves what they are to the request's exchange."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        now, body = _NOW.get(), bytearray()
        decoded = httpx2.Response(
            response.status_code, headers=response.headers, stream=response.stream
        )
        try:
            async for chunk in decoded.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    now.too_long, body = True, bytearray()
                    break
        finally:
            await response.aclose()
        now.status, now.headers = response.status_code, dict(response.headers)  # it came whole
        body = bytearray(without_lone_surrogates(bytes(body))[0])  # none can be sent back
        with suppress(ValueError, RecursionError):
            now.document = _object(json.loads(body, parse_float=Decimal))
            rest = {**_object(json.loads(body))}
            if rest.pop("usage", None) is not None:  # ours to count: the SDK wants all of its keys
                body = bytearray(json.dumps(rest).encode())
        plain = [(k, v) for k, v in response.headers.multi_items() if k.lower() not in _ENCODED]
        return httpx2.Response(now.status, headers=plain, content=bytes(body), request=request)


class _Again(Exception):
    """Another request may do; ``failed`` is what to say if there is none."""

    def __init__(self, failed: PromptFailed, wait_s: float | None) -> None:
        super().__init__(failed.cause)
        self.failed, self.wait_s = failed, wait_s


def key_of(model: ModelRef, access: PromptAccess | None = None) -> str:
    """The key that the provider of a model takes; empty where it takes none. Nobody keeps it.

    Raises:
        SettingsError: the variable that it is named by is not there, or its file is not read; or
            no key may be sent to that address.
    """
    if model.key_name is None:
        return ""
    found = (access or PromptAccess()).key(model.key_name, model.base_url)
    if found is None or not (text := found.get_secret_value().strip()):
        raise SettingsError(
            f"falta {model.key_name}, la clave de {model.provider}; va en el entorno o en .env, en "
            f"el archivo que nombra {model.key_name}_FILE, o en el bloque prompt-credentials"
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError(f"{model.key_name} no es una clave: tiene blancos o signos raros")
    check_url(model.base_url, f"base_url de {model.provider}", "https://openrouter.ai/api/v1")
    return text


class ModelCaller:
    """Asks models; one of it serves all steps of a process, side by side, and is closed at its end.

    ``key`` finds the key of a model when it is first asked; ``sleep`` waits between two requests.
    """

    def __init__(
        self, key: Callable[[ModelRef], str] = key_of, sleep: Callable[[float], Any] = asyncio.sleep
    ) -> None:
        self._key, self._sleep = key, sleep
        limits = httpx2.Limits(max_connections=_AT_ONCE, max_keepalive_connections=20)
        self._http = httpx2.AsyncClient(
            transport=_Transport(limits=limits), follow_redirects=False, trust_env=False
        )
        self._models: dict[tuple[ModelRef, str], OpenAIChatModel] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def __call__(
        self, ask: Ask, *, record: Callable[[CallRecord], None], allow: Callable[[], None]
    ) -> Reply:
        ref, key = ask.model, self._key(ask.model)
        if (ref, key) not in self._models:
            client = AsyncOpenAI(
                api_key=key or _NO_KEY, base_url=ref.base_url, max_retries=0, http_client=self._http
            )
            profile = OpenAIModelProfile(supports_json_schema_output=True)
            self._models[ref, key] = OpenAIChatModel(
                ref.model, provider=OpenAIProvider(openai_client=client), profile=profile
            )
        model = self._models[ref, key]
        return await _Conversation(ask, model, key, record, allow, self._sleep).reply()


@dataclass(slots=True)
class _Conversation:
    """The requests of one step, in their order."""

    ask: Ask
    model: OpenAIChatModel
    key: str = field(repr=False)
    record: Callable[[CallRecord], None]
    allow: Callable[[], None]
    sleep: Callable[[float], Any]
    sent: int = 0

    async def reply(self) -> Reply:
        ask, repairing, steps = self.ask, False, 0
        parts = [SystemPromptPart(ask.system)] if ask.system else []
        said: list[ModelMessage] = [ModelRequest([*parts, UserPromptPart(ask.prompt)])]
        while True:
            response, found = await self._answered(said)
            said.append(response)
            if calls := response.tool_calls:
                steps += len(calls)
                if steps > ask.tool_steps:
                    raise self._failed(
                        "tool_steps",
                        f"pidió herramientas más de {ask.tool_steps} veces (tool_steps)",
                    )
                returns = [
                    ToolReturnPart(
                        one.tool_name,
                        await asyncio.to_thread(answer_of, ask.tools, one.tool_name, one.args),
                        one.tool_call_id,
                    )
                    for one in calls
                ]
                said.append(ModelRequest(returns))
                continue
            if found.outcome == "ok":
                return Reply(found.output, found.raw)
            if repairing:
                raise found.failure(ask.step)
            repairing = True
            said.append(ModelRequest([UserPromptPart(
                f"La respuesta no sirve: {found.said}. Escribirla otra vez, entera: sólo el JSON "
                "que pide el esquema."
            )]))  # fmt: skip

    async def _answered(self, said: list[ModelMessage]) -> tuple[ModelResponse, Any]:
        retrying = AsyncRetrying(
            stop=self._is_last,
            wait=_wait_s,
            sleep=self.sleep,
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        try:
            return await retrying(self._once, said)
        except _Again as err:
            raise err.failed from None

    def _is_last(self, state: RetryCallState) -> bool:
        asked = _asked(state) or 0.0
        return state.attempt_number > self.ask.retries or asked > LONGEST_WAIT_S

    async def _once(self, said: list[ModelMessage]) -> tuple[ModelResponse, Any]:
        await asyncio.to_thread(self.allow)
        now, started_at, start = _Exchange(), datetime.now(UTC), time.monotonic()
        token, outcome, self.sent = _NOW.set(now), "cancelled", self.sent + 1
        response, found, settings, wanted = None, None, self._settings(), self._wanted()
        try:
            async with asyncio.timeout(self.ask.timeout_s):
                response = await model_request(
                    self.model, said, model_settings=settings, model_request_parameters=wanted
                )  # fmt: skip
            outcome = self._outcome(now)
            if outcome == "ok" and not response.tool_calls:
                found = read(self.ask, self._without_key(response.text or ""))
                outcome = found.outcome
        except TimeoutError:
            outcome = "timeout"
        except (APIError, AgentRunError, httpx2.HTTPError):
            outcome = self._outcome(now)
            outcome = "not_json" if outcome == "ok" else outcome
        except (AttributeError, LookupError, TypeError, ValueError):
            if now.status is None:  # no answer came, so it is not of an answer
                raise
            outcome = "not_json"  # of a shape that the SDK stumbles over
        finally:
            _NOW.reset(token)
            one = self._recorded(now, outcome, started_at, time.monotonic() - start)
            await asyncio.shield(asyncio.to_thread(self.record, one))
        if response is not None and outcome in ("ok", "schema", "not_json"):
            return response, found
        raise self._wrong(outcome, now)

    def _outcome(self, now: _Exchange) -> str:
        code = now.code()
        if code is None:
            return "unavailable"
        if code == 429:
            return "rate_limited"
        if code == 408 or code >= 500:
            return "unavailable"
        if code in (401, 403):
            return "auth"
        if code != 200:
            return "rejected"
        if not now.choice():
            return "not_json"
        return "truncated" if now.choice().get("finish_reason") == "length" else "ok"

    def _wrong(self, outcome: str, now: _Exchange) -> Exception:
        ask, status = self.ask, now.code()
        name = ask.model.key_name or "la clave"
        said = {
            "rate_limited": "el proveedor pide esperar (HTTP 429)",
            "timeout": f"no contestó en {brief(ask.timeout_s)} s",
            "unavailable": f"no contesta (HTTP {status})" if status else "no hay conexión",
            "auth": f"no acepta la clave (HTTP {status}): revisar {name}",
            "rejected": f"no acepta el pedido (HTTP {status}): revisar models.yaml",
            "truncated": "la respuesta se cortó por larga (finish_reason length): subir max_tokens",
            "not_json": f"la respuesta pasa de {MOST_BYTES} bytes" if now.too_long
            else "lo que contesta no es una respuesta de modelo",
        }[outcome]  # fmt: skip
        failed = self._failed(
            outcome, said, str(_object(now.choice().get("message")).get("content") or "")
        )
        if outcome in ("rate_limited", "timeout", "unavailable"):
            return _Again(failed, wait_asked(now.headers))
        return failed

    def _failed(self, cause: str, said: str, raw: str = "") -> PromptFailed:
        one = self.ask.model
        return PromptFailed(
            f"{self.ask.step}: {one.provider}, {one.model}: {said}",
            cause,
            self.ask.step,
            self._without_key(raw),
        )

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "**********") if self.key else text

    def _recorded(
        self, now: _Exchange, outcome: str, started_at: datetime, latency_s: float
    ) -> CallRecord:
        one, usage = self.ask.model, now.usage()
        cost, source = cost_of(one, usage, started_at)
        return CallRecord(
            self.ask.step, self.sent, one.alias, one.model, one.provider,
            tokens_of(usage, "prompt_tokens"), tokens_of(usage, "completion_tokens"),
            cost, source, latency_s, outcome, started_at,
        )  # fmt: skip

    def _settings(self) -> OpenAIChatModelSettings:
        """Of pydantic-ai; OpenRouter tells the cost only where it is asked to."""
        told = {"usage": {"include": True}} if self.ask.model.type == "openrouter" else {}
        found = OpenAIChatModelSettings(timeout=self.ask.timeout_s, extra_body=told)
        found.update(cast(OpenAIChatModelSettings, dict(self.ask.params)))
        return found

    def _wanted(self) -> ModelRequestParameters:
        shape = OutputObjectDefinition(dict(self.ask.schema), name=self.ask.task.replace("-", "_"))
        return ModelRequestParameters(
            function_tools=[
                ToolDefinition(
                    name=one.name,
                    parameters_json_schema=dict(one.schema),
                    description=one.description,
                )
                for one in self.ask.tools
            ],
            output_mode="native",
            output_object=shape,
            allow_text_output=True,
        )


def _asked(state: RetryCallState) -> float | None:
    err = state.outcome.exception() if state.outcome is not None else None
    return err.wait_s if isinstance(err, _Again) else None


def _wait_s(state: RetryCallState) -> float:
    asked = _asked(state)
    return float(_BACKOFF(state)) if asked is None else asked
