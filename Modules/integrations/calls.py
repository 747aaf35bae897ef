"""What an answer of a neighbour means, and when it is asked again.

```text
take         2xx
wait         429 and 503: as Retry-After says (RFC 9110 §10.2.3), else full jitter
again        408, other 5xx, no connection, no answer: a read only
look first   the same of a write that may have been done: OutcomeUnknown
refuse       401 ApiAuth, 403 its NotAllowed; other 4xx and 3xx ApiRejected; neither is asked again
```

A write is sent again only where it was surely not done (``NotDone``): 429, 503 with Retry-After, no
connection. Nothing of a body, a header or an address is quoted but the neighbour's own short words.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from Modules.portal import attempts
from Modules.portal.answers import Answer, NoConnection, NotThere, TryAgain, wait_asked
from Modules.portal.asking import Ask
from Modules.portal.transport import Limits, Transport
from Modules.words.errors import (
    ApiAuth,
    ApiContractChanged,
    ApiIncomplete,
    ApiRejected,
    ApiUnavailable,
    OutcomeUnknown,
    PipelineError,
)

T = TypeVar("T")

TRIES: Final = 4
FAILURES: Final = (ApiAuth, ApiContractChanged, ApiIncomplete, ApiRejected, ApiUnavailable)
# a longer Retry-After than a minute is for another time
_WAITS: Final = Limits(retry_after_cap_s=60.0, retry_after_most_s=60.0, backoff_cap_s=20.0)
_LONGEST_WORDS = 200


class NotAllowed(ApiAuth):
    """403: this one thing the account may not do; what else it asks may well be done."""


class NotDone(TryAgain):
    """It was surely not done: even a write may be sent again."""


def error_of(
    what: str, status: int, headers: Mapping[str, str], said: str = "", *, login: str
) -> PipelineError:
    """The error of an answer whose status is not 2xx.

    ``headers`` by names in lower case; ``said`` is the neighbour's own reason; ``login`` names
    what holds the credentials, as ``LINDERO_JIRA_TOKEN``.
    """
    words = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    text = f"{what}: HTTP {status}{f', {words[:_LONGEST_WORDS]}' if words else ''}"
    wait_s = wait_asked(headers)
    if status == 429 or (status == 503 and wait_s is not None):
        return NotDone(text, wait_s)
    if status == 408 or status >= 500:
        return TryAgain(text, wait_s)
    if status == 401:
        return ApiAuth(f"{text}; no acepta las credenciales: revisar {login}")
    if status == 403:
        return NotAllowed(f"{text}; la cuenta de {login} no tiene permiso para esto")
    if status < 400:
        return ApiRejected(f"{text}, una redirección; no se sigue, revisar la dirección")
    return (NotThere if status in (404, 410) else ApiRejected)(text)


def locked_out(err: BaseException) -> bool:
    """Whether a neighbour takes nothing of this account, so that asking on is of no use."""
    return isinstance(err, ApiAuth) and not isinstance(err, NotAllowed)


def persist(
    once: Callable[[], T],
    *,
    writes: bool,
    tries: int = TRIES,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """What ``once`` returns, which sends one request and raises ``TryAgain`` where it may help.

    Raises:
        OutcomeUnknown: a write was sent, and whether it was done nobody said.
        ApiUnavailable: every try failed, or a wait is asked that is too long for a call.
        PipelineError: whatever else ``once`` raises, at once.
    """

    def safely() -> T:
        try:
            return once()
        except (NotDone, NoConnection):
            raise
        except TryAgain as err:
            if writes:
                raise OutcomeUnknown(f"{err}; no se sabe si quedó hecho") from err
            raise

    return attempts.persist(safely, replace(_WAITS, tries=tries), sleep)


def exchange(transport: Transport, ask: Ask, secrets: Mapping[str, str], *, writes: bool) -> Answer:
    """The answer to one request, of any status.

    Raises:
        TryAgain: no answer, or half of one.
        OutcomeUnknown: a write was sent, and no try would bring its answer.
        ApiUnavailable, ApiContractChanged: the same of a read; also a certificate that is not good.
    """
    try:
        return transport.send(ask, secrets)
    except TryAgain:
        raise
    except (ApiUnavailable, ApiContractChanged) as err:
        if writes and err.__cause__ is None:  # with a cause: TLS failed, so it was not sent
            raise OutcomeUnknown(f"{err}; no se sabe si quedó hecho") from err
        raise
