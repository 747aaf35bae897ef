"""Jira Cloud, API v3: one method an operation, each one request or the pages of one list.

What an answer means, and when it is asked again, stands in ``calls``. Texts that people write are
documents of Atlassian (ADF) here; dates are ISO 8601. Search is eventually consistent: what was
written a moment ago may not be found yet, while ``get`` sees it at once.
"""

from __future__ import annotations

import base64
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

from Modules.integrations.access import JiraAccess
from Modules.integrations.calls import TRIES, error_of, exchange, persist
from Modules.portal.answers import Answer
from Modules.portal.asking import Ask, join
from Modules.portal.pace import Pace
from Modules.portal.transport import Limits, Transport
from Modules.words.errors import ApiContractChanged, OutcomeUnknown, PipelineError
from Modules.words.spanish import short
from Modules.words.strict_json import JsonRefused, parse_json

PROPERTY: Final = "lindero"  # of an issue: what it is for, as an entity property
MOST_AT_ONCE: Final = 45  # issues in a request; Jira takes 50
_PAGE: Final = 100
_MAX_DEPTH: Final = 64
_part: Final = partial(quote, safe="")  # of a path
_LIMITS = Limits(request_timeout_s=60.0, max_page_bytes=16 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class NewIssue:
    """An issue to be created: ``fields`` as API v3 takes them, ``lindero`` for the property."""

    fields: Mapping[str, Any]
    lindero: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Created:
    """What became of each issue of a request, by its place in it."""

    keys: Mapping[int, str]
    failed: Mapping[int, str] = field(default_factory=dict)  # and why


class Jira:
    """A site as one account sees it; opens nothing until the first request, for any thread."""

    def __init__(
        self,
        access: JiraAccess,
        *,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
        limits: Limits = _LIMITS,
    ) -> None:
        self._access, self._persist = access, partial(persist, tries=tries, sleep=sleep)
        self._transport = Transport(limits, Pace(1.0, math.inf))
        pair = f"{access.user}:{access.token.get_secret_value()}".encode()
        self._basic = base64.b64encode(pair).decode()  # RFC 7617

    def server_info(self) -> dict[str, Any]:
        """Of the site; Jira says it to anybody, whatever the credentials."""
        return _object(self._send("datos del sitio", "GET", "serverInfo"))

    def myself(self) -> dict[str, Any]:
        return _object(self._send("la cuenta", "GET", "myself"))

    def test_connection(self) -> dict[str, Any]:
        """``{"status": "ok", "server": …}``, or ``{"status": "error", "message": …}``."""
        try:
            server, _ = self.server_info(), self.myself()
        except PipelineError as err:
            return {"status": "error", "message": str(err)}
        return {"status": "ok", "server": server.get("serverTitle") or server.get("baseUrl")}

    def project(self, key: str) -> dict[str, Any]:
        """A project with its ``components``, and ``archived``; NotThere where none is seen."""
        return _object(self._send(f"proyecto {key}", "GET", f"project/{_part(key)}"))

    def projects(self) -> list[dict[str, Any]]:
        return list(self._pages("proyectos", "project/search", "values"))

    def issue_types(self, project: str) -> list[dict[str, Any]]:
        """The types that this account may create in the project."""
        path = f"issue/createmeta/{_part(project)}/issuetypes"
        return list(self._pages(f"tipos de {project}", path, "issueTypes"))

    def create_fields(self, project: str, type_id: str) -> list[dict[str, Any]]:
        """The fields on the screen that creates an issue of this type, with their schema."""
        path = f"issue/createmeta/{_part(project)}/issuetypes/{_part(type_id)}"
        return list(self._pages(f"campos del tipo {type_id}", path, "fields"))

    def assignable(self, project: str, account_id: str | None = None) -> list[dict[str, Any]]:
        """Who may be given an issue of the project: the first hundred, or this account."""
        query = {"project": project, "maxResults": _PAGE}
        if account_id is not None:
            query["accountId"] = account_id
        what, path = f"a quién se asigna en {project}", "user/assignable/search"
        return _rows(_parsed(self._send(what, "GET", path, query)), what)

    def get(self, key: str, fields: Sequence[str]) -> dict[str, Any]:
        """An issue with these fields and our property, as it is now."""
        query = {"fields": ",".join(fields), "properties": PROPERTY}
        what, path = f"tarea {key}", f"issue/{_part(key)}"
        return _issues([_object(self._send(what, "GET", path, query))], what)[0]

    def search(self, jql: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        """All issues that the query finds, with these fields and our property.

        ``issue["properties"].get(PROPERTY)`` is the property. What was written in the last seconds
        may be missing or old.

        Raises:
            ApiContractChanged: a token that came before, or an answer of another shape.
        """
        asked: dict[str, Any] = {"jql": jql, "fields": list(fields), "properties": [PROPERTY]}
        asked["maxResults"] = _PAGE
        what, found, seen = "búsqueda", list[dict[str, Any]](), set[str]()
        while True:
            page = _object(self._send(what, "POST", "search/jql", body=asked))
            found += _issues(page.get("issues"), what)
            token = page.get("nextPageToken")
            if page.get("isLast", token is None):
                return found
            if not isinstance(token, str) or token in seen:
                said = f"después de {len(found)} tareas da otra vez la misma página, o ninguna"
                raise ApiContractChanged(f"Jira, {what}: {said}")
            seen.add(token)
            asked["nextPageToken"] = token

    def create(
        self, issues: Sequence[NewIssue], before: Callable[[], None] = lambda: None
    ) -> Created:
        """Create these issues with one request; one that is refused does not stop the others.

        ``before`` is called each time that it is about to be sent.

        Raises:
            OutcomeUnknown: they may have been created, all or some: look before it is sent again.
            ValueError: there are more than ``MOST_AT_ONCE``.
        """
        if not 0 < len(issues) <= MOST_AT_ONCE:
            raise ValueError(f"from 1 to {MOST_AT_ONCE} issues in a request, not {len(issues)}")
        updates = [{"fields": dict(one.fields), **_property(one.lindero)} for one in issues]
        what, body = f"crear {len(issues)} tareas", {"issueUpdates": updates}
        answer = self._send(
            what, "POST", "issue/bulk", body=body, writes=True, also=400, before=before
        )
        try:
            page = _object(answer)
            keys = [str(one["key"]) for one in _rows(page.get("issues", []), what)]
            errors = {
                one["failedElementNumber"]: self._said(one.get("elementErrors"))
                for one in _rows(page.get("errors", []), what)
            }
            left = [at for at in range(len(issues)) if at not in errors]
            if answer.status == 400 and errors and not keys:  # none was created
                return Created({}, {**dict.fromkeys(left, "Jira no creó ninguna"), **errors})
            return Created(dict(zip(left, keys, strict=True)), errors)
        except (KeyError, TypeError, ValueError, ApiContractChanged) as err:
            if answer.status == 400:
                raise self._refused(answer) from err
            raise OutcomeUnknown(f"{answer.what}: las crea, y no se entiende cuáles") from err

    def update(
        self, key: str, fields: Mapping[str, Any], lindero: Mapping[str, Any] | None = None
    ) -> None:
        """Set these fields of an issue, and our property in the same request; mails nobody.

        Raises:
            OutcomeUnknown: it may have been done; doing it again does no harm.
        """
        body = {"fields": dict(fields), **({} if lindero is None else _property(lindero))}
        query = {"notifyUsers": "false"}
        self._send(f"cambiar {key}", "PUT", f"issue/{_part(key)}", query, body, writes=True)

    def _pages(self, what: str, path: str, name: str) -> Iterator[dict[str, Any]]:
        """The members ``name`` of all pages of a list that is asked for by ``startAt``."""
        start, total = 0, None
        while total is None or start < total:
            page = _object(self._send(what, "GET", path, {"startAt": start, "maxResults": 50}))
            rows, total = _rows(page.get(name), what), page.get("total")
            if not isinstance(total, int) or (not rows and start < total):
                raise ApiContractChanged(f"Jira, {what}: dice que son {total} y da {start}")
            yield from rows
            start += len(rows)

    def _send(
        self,
        what: str,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        writes: bool = False,
        also: int = 200,
        before: Callable[[], None] = lambda: None,
    ) -> Answer:
        """The answer to one request, 2xx or ``also``, after as many tries as may help."""
        url = join(self._access.url, f"rest/api/3/{path}")
        ask = Ask(f"Jira, {what}", method, f"{url}?{urlencode(query)}" if query else url)
        if body is not None:
            sent = json.dumps(body, ensure_ascii=False).encode()
            ask = replace(ask, body=sent, content_type="application/json")

        def once() -> Answer:
            before()
            login = {"Authorization": f"Basic {self._basic}"}
            answer = exchange(self._transport, ask, login, writes=writes)
            if 200 <= answer.status < 300 or answer.status == also:
                return answer
            raise self._refused(answer)

        return self._persist(once, writes=writes)

    def _refused(self, answer: Answer) -> PipelineError:
        try:
            said = self._said(parse_json(answer.body, _MAX_DEPTH))
        except JsonRefused:  # a page for people, or nothing
            said = ""
        return error_of(answer.what, answer.status, answer.headers, said, login=self._access.login)

    def _said(self, errors: Any) -> str:
        """Jira's own reasons: its messages, then what is wrong with each field."""
        told = errors if isinstance(errors, dict) else {}
        messages, fields = told.get("errorMessages"), told.get("errors")
        lines = [str(one) for one in messages] if isinstance(messages, list) else []
        if isinstance(fields, dict):
            lines += [f"{name}: {text}" for name, text in fields.items()]
        said = short(lines, 5)
        for secret in (self._basic, self._access.token.get_secret_value()):
            said = said.replace(secret, "***")  # some proxies echo what was sent
        return said


def quoted(text: str) -> str:
    """A text as JQL takes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _property(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": [{"key": PROPERTY, "value": dict(value)}]}


def _parsed(answer: Answer) -> Any:
    try:
        return parse_json(answer.body, _MAX_DEPTH)
    except JsonRefused as err:
        html = answer.body.lstrip()[:1] == b"<"
        todo = "; contesta una página para personas: revisar LINDERO_JIRA_URL" if html else ""
        raise ApiContractChanged(f"{answer.what}: {err}{todo}") from err


def _object(answer: Answer) -> dict[str, Any]:
    found = _parsed(answer)
    if not isinstance(found, dict):
        raise ApiContractChanged(f"{answer.what}: no contestó un objeto")
    return found


def _rows(found: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ApiContractChanged(f"Jira, {what}: no contestó una lista")
    return found


def _issues(found: Any, what: str) -> list[dict[str, Any]]:
    rows = _rows(found, what)
    for one in rows:
        if not isinstance(one.get("key"), str) or not isinstance(one.get("fields"), dict):
            raise ApiContractChanged(f"Jira, {what}: una tarea sin su clave o sus campos")
    return rows
