"""What an answer means: a page, nothing, try again, renew the token, or refused by name.

```text
take      200 (or what the profile names) with JSON of the known shape
wait      429, 503: as Retry-After says, in seconds or as a date
again     408, other 5xx, an empty body; cut JSON of the right length once
renew     401, or what the profile calls an expired token
refuse    3xx, 4xx, 204, HTML, an error object under 200, and all that strict_json refuses
```

Errors quote the portal's own message only shortened, on one line and with secrets blotted out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from Modules.portal.coercion import MISSING, dig, split_path
from Modules.portal.sections import Answers, BodyRule
from Modules.words.errors import ApiAuth, ApiContractChanged, ApiRejected, ApiUnavailable
from Modules.words.strict_json import JsonRefused, Reason, parse_json, without_lone_surrogates

NOTHING: Final = object()  # the document of an answer that the profile counts as empty

_LONGEST_MESSAGE = 200


class TryAgain(ApiUnavailable):
    """Another try may do; ``wait_s`` is what the portal asked for, None where it asked nothing."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class NoConnection(TryAgain):
    """The connection itself failed; no list of this portal can be had."""


class CutJson(ApiContractChanged):
    """The JSON ends before its value does, though the length of the body looked right."""


class TokenExpired(ApiAuth):
    """401, or the body's way to say it: renewed once, then final."""


class NotThere(ApiRejected):
    """A redirect, 404, 405 or 410: the address is another; nothing was said of who asks."""


class Conflict(ApiRejected):
    """409: beyond the first page of a cursor it means that the cursor has died."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer off the wire, decoded from compression, whole."""

    what: str
    status: int
    headers: Mapping[str, str] = field(repr=False)  # names in lower case
    body: bytes = field(repr=False)
    framed: bool = True  # its length was declared, so a cut would have shown

    def request_id(self, header: str) -> str | None:
        """The portal's id of this request, if it is fit to be quoted."""
        found = self.headers.get(header.lower(), "")
        return found if re.fullmatch(r"[\x21-\x7e]{1,128}", found) else None


_HINTS = {
    403: "estas credenciales no tienen permiso",
    404: "no existe esa ruta; revisar DATABALER_BASE_URL y el perfil",
}
_KINDS = {404: NotThere, 405: NotThere, 409: Conflict, 410: NotThere}


@dataclass(frozen=True, slots=True)
class Judge:
    """What answers mean under the rules of a profile; ``redact`` blots secrets out of a text."""

    rules: Answers
    max_depth: int
    redact: Callable[[str], str]

    def document(self, answer: Answer) -> Any:
        """The JSON document of a good answer, or ``NOTHING``.

        Raises:
            TryAgain, TokenExpired, Conflict, ApiRejected, ApiContractChanged: by the table above.
        """
        if answer.status in self.rules.empty_statuses:
            return NOTHING
        request_id = answer.request_id(self.rules.request_id_header)
        who = f"{answer.what} (pedido {request_id})" if request_id else answer.what
        self._judge_status(answer, who)
        self._refuse_html(answer, who)
        if not answer.body.strip():
            raise TryAgain(f"{who}: respuesta vacía con {answer.status}")
        try:
            clean, _ = without_lone_surrogates(answer.body)
            document = parse_json(self._in_utf8(clean), self.max_depth)
        except JsonRefused as err:
            kind, hint = CutJson if err.reason is Reason.CUT else ApiContractChanged, ""
            if err.reason is Reason.UTF8 and self.rules.charset == "utf-8":
                hint = (
                    "; si usa otro juego de caracteres, escribirlo en [answers]: charset = "
                    '"windows-1252"'
                )
            raise kind(f"{who}: {err}{hint}") from err
        return self._judge_body(answer, document, who)

    def _in_utf8(self, body: bytes) -> bytes:
        """The body, out of the profile's charset only where it is not UTF-8 as it is."""
        if self.rules.charset == "utf-8":
            return body
        for charset in dict.fromkeys(("utf-8", self.rules.charset)):
            with suppress(UnicodeError):
                return body.decode(charset).encode()
        return body

    def _judge_status(self, answer: Answer, who: str) -> None:
        status = answer.status
        if status in self.rules.ok_statuses:
            return
        if status == 401:
            raise TokenExpired(f"{who}: HTTP 401, el portal rechaza las credenciales")
        if status in (429, 503):
            raise TryAgain(f"{who}: HTTP {status}", wait_asked(answer.headers))
        if status == 408 or status >= 500:
            raise TryAgain(f"{who}: HTTP {status}")
        if 300 <= status < 400:
            raise NotThere(
                f"{who}: HTTP {status}, una redirección; no se sigue, revisar la dirección"
            )
        if status >= 400:
            kind = _KINDS.get(status, ApiRejected)
            hint = _HINTS.get(status, "rechazado")
            raise kind(f"{who}: HTTP {status}, {hint}{self._said(answer)}")
        raise ApiContractChanged(f"{who}: HTTP {status} donde se esperaba una página")

    @staticmethod
    def _refuse_html(answer: Answer, who: str) -> None:
        """Raise ApiContractChanged for a page meant for people."""
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        start = answer.body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if kind in ("text/html", "application/xhtml+xml") or start == b"<":
            raise ApiContractChanged(
                f"{who}: HTML con {answer.status}; contesta una página de ingreso o un proxy"
            )

    def _judge_body(self, answer: Answer, document: Any, who: str) -> Any:
        rules = self.rules
        if rules.expired is not None and holds(rules.expired, document):
            raise TokenExpired(f"{who}: el portal dice que el token no es válido")
        if rules.empty is not None and holds(rules.empty, document):
            return NOTHING
        failed = rules.success is not None and not holds(rules.success, document)
        if failed or (rules.error is not None and holds(rules.error, document)):
            said = message_in(document, rules, self.redact)
            raise ApiRejected(f"{who}: un objeto de error con {answer.status}{said}")
        return document

    def _said(self, answer: Answer) -> str:
        try:
            return message_in(parse_json(answer.body, self.max_depth), self.rules, self.redact)
        except JsonRefused:
            return ""


def holds(rule: BodyRule, document: Any) -> bool:
    """Whether the body's member is one of the rule's values (without values: is set at all)."""
    value = dig(document, split_path(rule.path))
    if value is MISSING:
        return False
    if not rule.values:
        return value not in (None, "", False, [], {})
    return any(type(value) is type(good) and value == good for good in rule.values)


def wait_asked(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks for (RFC 9110 §10.2.3), or None.

    A date counts from the answer's own ``Date``, so a portal whose clock is wrong is understood.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text, re.ASCII):
        return float(text)
    until = http_date(text)
    if until is None:
        return None
    now = http_date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """The instant of an HTTP date (RFC 9110 §5.6.7), or None."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def message_in(document: Any, rules: Answers, redact: Callable[[str], str]) -> str:
    """The portal's own message as ": …" (shortened, secrets blotted out), or nothing."""
    for path in rules.message:
        found = dig(document, split_path(path))
        if isinstance(found, str) and found.strip():
            text = " ".join(redact(found).split())
            text = "".join(char for char in text if char.isprintable())
            return f": {text[:_LONGEST_MESSAGE]}"
    return ""
