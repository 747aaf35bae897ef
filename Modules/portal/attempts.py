"""The one retry loop: round get, bounded read, decode, parse and page check together.

The transport never retries. What may be tried again says so by its type (``answers.TryAgain``);
waits are as the portal asks, else full jitter. A refused token is renewed once per page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from Modules.portal.answers import Answer, CutJson, Judge, TokenExpired, TryAgain
from Modules.portal.asking import Ask
from Modules.portal.auth import Authenticator
from Modules.portal.pace import Pace
from Modules.portal.sections import Answers
from Modules.portal.transport import Limits, Transport
from Modules.words.errors import ApiAuth, ApiUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
_TRIES_FOR_CUT_JSON = 2


class Attempts:
    """Asks until there is a good page, or a reason to stop; shared by all threads of a fetch."""

    def __init__(
        self, limits: Limits, transport: Transport, auth: Authenticator, pace: Pace, rules: Answers
    ) -> None:
        self._limits, self._transport, self._auth = limits, transport, auth
        self._pace, self._rules = pace, rules
        self._judge = Judge(rules, limits.max_depth, auth.redact)
        self._jitter = wait_random_exponential(
            multiplier=limits.backoff_base_s, max=limits.backoff_cap_s
        )

    def page(self, ask: Ask, read: Callable[[Answer, object], T]) -> T:
        """What ``read`` makes of the answer and its JSON document.

        Raises:
            ApiUnavailable: every try failed, or time ran out.
            ApiAuth: refused again with a new token.
            ApiRejected, ApiContractChanged: refused at once, by name.
        """
        renewed = False

        def once() -> T:
            nonlocal renewed
            headers = self._auth.enter(self._log_in)
            try:
                return self._try(ask, headers, self._judge, read)
            except TokenExpired:
                if renewed or not self._auth.renewable:
                    raise
            renewed = True
            log.info("%s: the token was refused; renewing it once", ask.what)
            headers = self._auth.renew(headers, self._log_in)
            return self._try(ask, headers, self._judge, read)

        try:
            return self._persist(ask.what, once)
        except TokenExpired as err:
            again = ", also with a new token" if renewed else ""
            raise ApiAuth(f"{err}{again}; check DATABALER_CLIENT_SECRET") from err

    def _log_in(self, ask: Ask, headers: Mapping[str, str]) -> object:
        rules = Answers(ok_statuses=(200, 201), message=self._rules.message)
        judge = replace(self._judge, rules=rules)
        once = partial(self._try, ask, headers, judge, lambda _, document: document)
        return self._persist(ask.what, once)

    def _try(
        self,
        ask: Ask,
        headers: Mapping[str, str],
        judge: Judge,
        read: Callable[[Answer, object], T],
    ) -> T:
        self._pace.wait_turn(ask.what)
        answer = self._transport.send(ask, headers)
        name = self._rules.request_id_header.lower()
        if name in answer.headers:  # some portals echo a token there
            shown = self._auth.redact(answer.headers[name])
            answer = replace(answer, headers={**answer.headers, name: shown})
        try:
            document = judge.document(answer)
        except CutJson as err:
            if answer.framed:
                raise
            raise TryAgain(f"{ask.what}: a cut body") from err
        return read(answer, document)

    def _persist(self, what: str, once: Callable[[], T]) -> T:
        retrying = Retrying(
            stop=self._is_last,
            wait=self._wait_s,
            sleep=lambda seconds: self._pace.sleep(seconds, what),
            retry=retry_if_exception(lambda err: isinstance(err, TryAgain | CutJson)),
            before_sleep=self._tell,
            reraise=True,
        )
        try:
            return retrying(once)
        except TryAgain as err:
            tries = retrying.statistics.get("attempt_number", 1)
            raise ApiUnavailable(f"{err}; gave up after {tries} tries") from err

    def _is_last(self, state: RetryCallState) -> bool:
        cut = isinstance(_error(state), CutJson)
        return state.attempt_number >= (_TRIES_FOR_CUT_JSON if cut else self._limits.tries)

    def _wait_s(self, state: RetryCallState) -> float:
        err = _error(state)
        asked = err.wait_s if isinstance(err, TryAgain) else None
        if asked is None:
            return float(self._jitter(state))
        wait_s = min(asked, self._limits.retry_after_cap_s)
        self._pace.hold(wait_s)
        return wait_s

    def _tell(self, state: RetryCallState) -> None:
        wait_s = state.next_action.sleep if state.next_action else 0.0
        log.warning("%s; try %d follows in %.1f s", _error(state), state.attempt_number + 1, wait_s)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
