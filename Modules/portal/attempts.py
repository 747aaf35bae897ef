"""The one retry loop: round get, bounded read, decode, parse and page check together.

The transport never retries. What may be tried again says so by its type (``answers.TryAgain``);
waits are as the portal asks, else full jitter; a wait that no try would outlast ends it. A refused
token is renewed; where tokens last for a few requests, one is had for this request alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from Modules.portal.answers import Answer, CutJson, Judge, TokenExpired, TryAgain, wait_asked
from Modules.portal.asking import Ask
from Modules.portal.auth import Authenticator
from Modules.portal.pace import Pace
from Modules.portal.sections import Answers
from Modules.portal.transport import Limits, Transport
from Modules.words.errors import ApiAuth, ApiUnavailable
from Modules.words.spanish import corrida, number

log = logging.getLogger(__name__)

T = TypeVar("T")
Read: TypeAlias = Callable[[Answer, object], T]  # what is made of an answer and its document
_TRIES_FOR_CUT_JSON = 2


class Attempts:
    """Asks until there is a good page, or a reason to stop; shared by all threads of a fetch."""

    def __init__(
        self, limits: Limits, transport: Transport, auth: Authenticator, pace: Pace, rules: Answers
    ) -> None:
        self._limits, self._transport, self._auth = limits, transport, auth
        self._pace, self._rules = pace, rules
        self._let_through = False  # whether a token was ever good
        self._judge = Judge(rules, limits.max_depth, auth.redact)

    def page(self, ask: Ask, read: Read[T]) -> T:
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
            for last in (False, True):
                try:
                    return self._with(headers, ask, read)
                except TokenExpired:
                    if not self._auth.renewable or (renewed and not self._let_through):
                        raise
                    if last:
                        break
                    renewed = True
                    log.info("%s: the token was refused; renewing it", ask.what)
                    headers = self._auth.renew(headers, self._log_in)
            return self._auth.alone(self._log_in, lambda own: self._with(own, ask, read))

        try:
            return self._persist(ask.what, once)
        except TokenExpired as err:
            again = "; revisar DATABALER_CLIENT_SECRET"
            if renewed:
                again = (
                    ", también con un token nuevo: el ingreso está bien, así que ver [auth] en el "
                    "perfil"
                )
            raise ApiAuth(f"{err}{again}") from err

    def file(self, ask: Ask, *, ours: bool) -> Answer:
        """The answer to a request of a file, of any status that no other try would change.

        Credentials go along only where it is ``ours``, at the portal's own origin.

        Raises:
            ApiUnavailable, ApiAuth, ApiContractChanged: as ``page``.
        """

        def once() -> Answer:
            headers = self._auth.enter(self._log_in) if ours else {}
            self._pace.wait_turn(ask.what)
            answer = self._transport.send(ask, headers)
            if answer.status in (408, 429) or answer.status >= 500:
                raise TryAgain(f"{ask.what}: HTTP {answer.status}", wait_asked(answer.headers))
            return answer

        return self._persist(ask.what, once)

    def _with(self, headers: Mapping[str, str], ask: Ask, read: Read[T]) -> T:
        def read_too(answer: Answer, document: object) -> T:
            self._let_through = True
            return read(answer, document)

        return self._try(ask, headers, self._judge, read_too)

    def _log_in(self, ask: Ask, headers: Mapping[str, str]) -> object:
        rules = Answers(ok_statuses=(200, 201), message=self._rules.message)
        judge = replace(self._judge, rules=rules)
        once = partial(self._try, ask, headers, judge, lambda _, document: document)
        return self._persist(ask.what, once)

    def _try(self, ask: Ask, headers: Mapping[str, str], judge: Judge, read: Read[T]) -> T:
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
            raise TryAgain(f"{ask.what}: la respuesta llegó cortada") from err
        return read(answer, document)

    def _persist(self, what: str, once: Callable[[], T]) -> T:
        return persist(
            once, self._limits, lambda seconds: self._pace.sleep(seconds, what), self._pace.hold
        )


def persist(
    once: Callable[[], T],
    limits: Limits,
    sleep: Callable[[float], None],
    hold: Callable[[float], None] = lambda _: None,
) -> T:
    """What ``once`` returns, which sends one request; after as many tries as ``limits`` allow.

    ``hold`` is told how long nothing may be sent, where the other side asked for it.

    Raises:
        ApiUnavailable: every try failed, or a wait is asked that no try would outlast.
        PipelineError: whatever else ``once`` raises, at once.
    """
    jitter = wait_random_exponential(multiplier=limits.backoff_base_s, max=limits.backoff_cap_s)

    def is_last(state: RetryCallState) -> bool:
        err = _error(state)
        tries = _TRIES_FOR_CUT_JSON if isinstance(err, CutJson) else limits.tries
        return state.attempt_number >= tries or (_asked(err) or 0.0) > limits.retry_after_most_s

    def wait_s(state: RetryCallState) -> float:
        if (asked := _asked(_error(state))) is None:
            return float(jitter(state))
        hold(wait := min(asked, limits.retry_after_cap_s))
        return wait

    retrying = Retrying(
        stop=is_last,
        wait=wait_s,
        sleep=sleep,
        retry=retry_if_exception(lambda err: isinstance(err, TryAgain | CutJson)),
        before_sleep=_tell,
        reraise=True,
    )
    try:
        return retrying(once)
    except TryAgain as err:
        said = f"sin éxito después de {retrying.statistics.get('attempt_number', 1)} intentos"
        if (asked := _asked(err) or 0.0) > limits.retry_after_most_s:
            said = f"pide esperar {number(asked)} s, más que cualquier intento de esta corrida"
        raise ApiUnavailable(f"{err}; {said}") from err


def _tell(state: RetryCallState) -> None:
    wait_s = state.next_action.sleep if state.next_action else 0.0
    said = "%s; se pide otra vez en %s s (intento %d)"
    corrida.warning(said, _error(state), number(wait_s, 1), state.attempt_number + 1)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _asked(err: BaseException | None) -> float | None:
    """Seconds that the other side asked to wait, if it did."""
    return err.wait_s if isinstance(err, TryAgain) else None
