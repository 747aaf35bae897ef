"""A client of the prompts API for applications, which needs ``requests`` alone.

What can go wrong is a tree of its own, named by what the caller does next.

* PromptsError            base: the API's ``code``, status, details (places and rules), request_id
  - Unauthorized          the token is missing, wrong or revoked
  - NotFound              no such flow, or no such execution of this client
  - AlreadyDone           the key was used for another request; it has ended already
  - Invalid               the request or the input is not of its schema: ``details`` say where
  - Unavailable           no answer, or 5xx: worth another try later, with the same key
    - RateLimited         too many requests, also after ``Retry-After``
  - ExecutionFailed       it ended without an output: ``cause`` (cancelled too), ``step``, ``raw``
  - NotYet                it has not ended: wait (again)
"""

from __future__ import annotations

import json as text
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

AGAIN: Final = Retry(  # four times, at once and then after 1, 2, 4 s, or after what is asked
    4, backoff_factor=0.5, retry_after_max=30, allowed_methods=None,
    status_forcelist=(429, *range(500, 600)), raise_on_status=False,
)  # fmt: skip


class PromptsError(Exception):
    code, status, request_id = "", 0, ""
    details: tuple[Mapping[str, str], ...] = ()


class Unauthorized(PromptsError): ...


class NotFound(PromptsError): ...


class AlreadyDone(PromptsError): ...


class Invalid(PromptsError): ...


class Unavailable(PromptsError):
    """What was submitted may have been accepted: the same key finds it."""


class RateLimited(Unavailable): ...


class ExecutionFailed(PromptsError):
    cause, step, raw = "", None, None


class NotYet(PromptsError): ...


_BY_STATUS: Final[Mapping[int, type[PromptsError]]] = {
    **{401: Unauthorized, 404: NotFound, 409: AlreadyDone, 429: RateLimited},
    **dict.fromkeys(range(500, 600), Unavailable),
}


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution as the API tells it; times are RFC 3339 in UTC, ``state`` one of its five."""

    id: str
    flow: str
    version: int
    environment: str
    state: str
    created_at: str
    finished_at: str | None = None
    output: Any = None
    error: Mapping[str, Any] | None = None

    @property
    def ended(self) -> bool:
        return self.state not in ("pending", "running")

    def result(self) -> Any:
        """The output.

        Raises:
            ExecutionFailed, NotYet: there is none.
        """
        if not self.ended:
            raise NotYet(f"la ejecución {self.id} no terminó: {self.state}")
        if self.state != "completed":
            why = self.error or {"cause": self.state, "message": self.state}
            failed = ExecutionFailed(f"la ejecución {self.id} falló: {why['message']}")
            vars(failed).update(why)
            raise failed
        return self.output


class PromptsClient:
    """The API at an address such as ``http://127.0.0.1:4280``; ``timeout_s`` is of one request."""

    def __init__(
        self, url: str, token: str, *, environment: str = "prod", timeout_s: float = 10.0
    ) -> None:

        def with_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # whatever a .netrc says, and without the line end of a file
            request.headers["Authorization"] = f"Bearer {token.strip()}"
            return request

        self._base, self.environment = f"{url.rstrip('/')}/api/v1", environment
        self.timeout_s = timeout_s
        self._session = requests.Session()
        self._session.auth = with_token
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=AGAIN))

    def submit(self, flow: str, given: Mapping[str, Any], *, key: str | None = None) -> Execution:
        """Have a flow executed; with the same ``key`` the same execution, however often it is sent.

        Without one, a key is made for this call, so that its own repetitions do no harm.
        """
        body = {"input": dict(given), "environment": self.environment}
        return self._ask("POST", "flows", flow, "/executions", body, key or uuid4().hex)

    def execution(self, execution_id: str) -> Execution:
        """How it stands."""
        return self._ask("GET", "executions", execution_id)

    def cancel(self, execution_id: str) -> Execution:
        """End it, if it has not ended."""
        return self._ask("POST", "executions", execution_id, "/cancel")

    def wait(self, execution_id: str, *, patience_s: float = 600, every_s: float = 1) -> Execution:
        """Wait until it has ended.

        Raises:
            NotYet: it goes on after ``patience_s``.
        """
        until = time.monotonic() + patience_s
        while not (found := self.execution(execution_id)).ended:
            if (left := until - time.monotonic()) <= 0:
                raise NotYet(
                    f"la ejecución {execution_id} sigue {found.state} a los {patience_s:g} s"
                )
            time.sleep(min(every_s, left))
        return found

    def _ask(
        self, method: str, kind: str, name: str, rest: str = "", json: Any = None, key: str = ""
    ) -> Execution:
        path = f"{self._base}/{kind}/{quote(name, safe='')}{rest}"
        send = partial(self._session.request, timeout=self.timeout_s, allow_redirects=False)
        headers = {"Idempotency-Key": key} if key else {}
        if json is not None:
            try:
                text.dumps(json, allow_nan=False)
            except (TypeError, ValueError) as err:
                raise Invalid(f"lo que se manda no es JSON ({type(err).__name__})") from err
        try:
            answer = send(method, path, json=json, headers=headers)
            if answer.status_code not in (200, 202):
                raise _problem(answer)
            data = answer.json()["data"]
            return Execution(**{name: data[name] for name in Execution.__dataclass_fields__})
        except (requests.RequestException, KeyError, TypeError) as err:
            raise Unavailable(f"{path}: la API no contesta ({type(err).__name__})") from err


def _problem(answer: requests.Response) -> PromptsError:
    """What an answer says is wrong; what is not of our envelope is told by its status alone."""
    problem = _BY_STATUS.get(answer.status_code, Invalid)(f"HTTP {answer.status_code}")
    with suppress(ValueError, KeyError, TypeError):
        told = answer.json()
        error, problem.request_id = told["error"], str(told["meta"]["request_id"])
        problem.code, problem.details = str(error["code"]), tuple(error["details"])
        problem.args = (f"{problem.code}: {error['message']}",)
    problem.status = answer.status_code
    return problem
