"""A made-up site of Jira Cloud: one project, stateful; it refuses what the real one refuses.

``JiraSite.answer`` answers in plain values, ``create_jira_app`` puts HTTP round it: the routes of
API v3 that ``integrations.jira`` asks, with the shapes of Atlassian's OpenAPI. ``asked`` is the log
of what came in, without headers. The account and the token of the demo are public constants.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from fastapi import FastAPI, Request, Response

from Modules.words.text import day

DEMO_JIRA_USER: Final = "demo@lindero.example"
DEMO_JIRA_TOKEN: Final = "token-publico-del-jira-de-demostracion"  # noqa: S105 - public
PROJECT: Final = "CAMPO"
MOST_AT_ONCE: Final = 50
MOST_A_PAGE: Final = 100
STATUSES: Final = (("Por hacer", "new"), ("En curso", "indeterminate"), ("Listo", "done"))
TYPES: Final = {"10001": "Tarea", "10002": "Muestreo", "10003": "Recorrida"}
USERS: Final = {"5b10-cuadrilla-1": "Cuadrilla 1", "5b10-cuadrilla-2": "Cuadrilla 2"}  # assignable
DEPTHS: Final = ("0-20", "20-40", "40-60")
PRIORITIES: Final = ("Highest", "High", "Medium", "Low", "Lowest")
_CUSTOM: Final = "com.atlassian.jira.plugin.system.customfieldtypes"
FIELDS: Final = {  # on the screen that creates an issue: what people call it, and its schema
    "summary": ("Resumen", {"type": "string"}),
    "issuetype": ("Tipo", {"type": "issuetype"}),
    "project": ("Proyecto", {"type": "project"}),
    "description": ("Descripción", {"type": "string"}),
    "labels": ("Etiquetas", {"type": "array", "items": "string"}),
    "components": ("Componentes", {"type": "array", "items": "component"}),
    "assignee": ("Responsable", {"type": "user"}),
    "priority": ("Prioridad", {"type": "priority"}),
    "duedate": ("Vencimiento", {"type": "date"}),
    "customfield_10015": ("Fecha de inicio", {"type": "date", "custom": f"{_CUSTOM}:datepicker"}),
    "customfield_10101": ("Lote", {"type": "string", "custom": f"{_CUSTOM}:textfield"}),
    "customfield_10102": ("Superficie", {"type": "number", "custom": f"{_CUSTOM}:float"}),
    "customfield_10103": ("Profundidad", {"type": "option", "custom": f"{_CUSTOM}:select"}),
    "customfield_10104": ("Observación", {"type": "string", "custom": f"{_CUSTOM}:textarea"}),
}
_REQUIRED: Final = ("summary", "issuetype", "project")
_DOCUMENTS: Final = ("description", "customfield_10104")
_NO_DOCUMENT: Final = "Operation value must be an Atlassian Document"
Query: TypeAlias = Mapping[str, str]
Reply: TypeAlias = tuple[int, Any]
Image: TypeAlias = Mapping[str, Any]


class Asked(NamedTuple):
    """One request that came in, and how it was answered."""

    method: str
    path: str  # below /rest/api/3/, else whole
    query: Mapping[str, str]
    body: Any
    status: int

    @property
    def writes(self) -> bool:
        return self.method != "GET" and self.path != "search/jql"


@dataclass
class Issue:
    id: str
    key: str
    fields: dict[str, Any]
    properties: dict[str, Any] = field(default_factory=dict)
    seen: list[tuple[float, Image]] = field(default_factory=list)  # by search, since when

    def shown(self, image: Image, fields: Iterable[str], properties: Iterable[str]) -> Image:
        """What an answer tells of it: these fields and properties of how it was."""
        told = {one: image["fields"][one] for one in fields if one in image["fields"]}
        ours = {one: image["properties"][one] for one in properties if one in image["properties"]}
        return {"id": self.id, "key": self.key, "fields": told, "properties": ours}


class RefusedError(Exception):
    def __init__(self, status: int, *messages: str, **fields: str) -> None:
        super().__init__(*messages)
        self.status, self.errors = status, {"errorMessages": list(messages), "errors": fields}


class JiraSite:
    def __init__(
        self, components: Iterable[str] = (), lag_s: float = 0, now: Callable[[], float] = time.time
    ) -> None:
        """``lag_s``: after how many seconds of ``now`` a search sees what was written."""
        self.account = (DEMO_JIRA_USER, DEMO_JIRA_TOKEN)
        self.components, self.lag_s, self.now = tuple(components), lag_s, now
        self.archived = False
        self.issues: dict[str, Issue] = {}
        self.asked: list[Asked] = []

    def move(self, key: str, status: int = -1) -> None:
        """A person moves an issue to one of ``STATUSES``; the last one closes it."""
        name, category = STATUSES[status]
        moved = {"status": {"name": name, "statusCategory": {"key": category}}}
        self._change(self.issues[key], moved, ())

    def answer(self, method: str, path: str, query: Query, login: str, body: bytes) -> Reply:
        """A status and a document; ``login`` is the Authorization header."""
        given, below = json.loads(body) if body else {}, path.removeprefix("/rest/api/3/")
        try:
            words = map(unquote, below.split("/"))
            status, document = self._route([method, *words], query, login, given)
        except RefusedError as refused:
            status, document = refused.status, refused.errors
        self.asked.append(Asked(method, below, query, given, status))
        return status, document

    def _route(self, words: list[str], query: Query, login: str, body: Any) -> Reply:
        pair = base64.b64encode(":".join(self.account).encode()).decode()
        issues = {} if self.archived else self.issues
        match words:
            case [_, "search"] | [_, "", "rest", "api", _, "search"]:
                raise RefusedError(410, "The requested API has been removed: use search/jql.")
            case ["GET", "serverInfo"]:
                return 200, {"serverTitle": "Jira de demostración", "deploymentType": "Cloud"}
            case _ if login != f"Basic {pair}":
                raise RefusedError(401, "Client must be authenticated to access this resource.")
            case ["GET", "myself"]:
                return 200, {"accountId": "5b10-lindero", "displayName": "Lindero", "active": True}
            case ["GET", "project", "search"]:
                there = [] if self.archived else [{"key": PROJECT, "name": "Trabajo de campo"}]
                return 200, _page(there, "values", query)
            case ["GET", "project", key] if key == PROJECT:
                parts = [{"id": f"2{at}", "name": one} for at, one in enumerate(self.components)]
                return 200, {"key": key, "archived": self.archived, "components": parts}
            case ["GET", "issue", "createmeta", key, "issuetypes"] if self._open(key):
                types = [{"id": at, "name": name, "subtask": False} for at, name in TYPES.items()]
                return 200, _page(types, "issueTypes", query)
            case ["GET", "issue", "createmeta", key, "issuetypes", at] if self._open(key):
                told = [
                    {"fieldId": one, "key": one, "name": name, "schema": schema,
                     "required": one in _REQUIRED, "operations": ["set"]}
                    for one, (name, schema) in FIELDS.items() if at in TYPES
                ]  # fmt: skip
                return 200, _page(told, "fields", query)
            case ["GET", "user", "assignable", "search"] if self._open(query["project"]):
                only = {query.get("accountId", at) for at in USERS} & USERS.keys()
                return 200, [{"accountId": at, "displayName": USERS[at]} for at in sorted(only)]
            case ["POST", "issue", "bulk"]:
                return self._create_all(body["issueUpdates"])
            case ["POST", "search", "jql"]:
                return 200, self._search(body, body.get("nextPageToken") or "")
            case ["GET", "issue", key] if key in issues:
                asked = (query.get(of, "").split(",") for of in ("fields", "properties"))
                return 200, issues[key].shown(vars(issues[key]), *asked)
            case ["PUT", "issue", key] if key in issues:
                if wrong := self._wrong_ones(body.get("fields", {})):
                    raise RefusedError(400, **wrong)
                self._change(issues[key], body.get("fields", {}), body.get("properties", []))
                return 204, None
        raise RefusedError(404, "It does not exist, or you do not have permission to see it.")

    def _open(self, key: str) -> bool:
        return key == PROJECT and not self.archived

    def _change(self, issue: Issue, fields: dict[str, Any], properties: Iterable[Image]) -> None:
        issue.fields = issue.fields | fields
        issue.properties = issue.properties | {one["key"]: one["value"] for one in properties}
        image = {"fields": issue.fields, "properties": issue.properties}
        issue.seen.append((self.now(), image))

    def _create_all(self, updates: list[Any]) -> Reply:
        if not 0 < len(updates) <= MOST_AT_ONCE:
            raise RefusedError(400, f"From 1 to {MOST_AT_ONCE} issues are created at once.")
        issues, errors = [], []
        for at, update in enumerate(updates):
            if wrong := self._wrong_ones({**dict.fromkeys(_REQUIRED), **update["fields"]}):
                refused = RefusedError(400, **wrong).errors
                errors.append({"status": 400, "failedElementNumber": at, "elementErrors": refused})
                continue
            number = len(self.issues) + 1
            issue = Issue(str(10000 + number), f"{PROJECT}-{number}", update["fields"])
            self.issues[issue.key] = issue
            self._change(issue, {}, update.get("properties", []))
            self.move(issue.key, 0)
            issues.append({"id": issue.id, "key": issue.key, "self": f"/rest/api/3/{issue.id}"})
        return 201 if issues else 400, {"issues": issues, "errors": errors}

    def _wrong_ones(self, fields: Image) -> dict[str, str]:
        return {one: said for one, value in fields.items() if (said := self._wrong(one, value))}

    def _wrong(self, name: str, value: Any) -> str:
        if name not in FIELDS:
            return f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
        if value is None:
            return f"{name} is required." if name in _REQUIRED else ""
        kind = "document" if name in _DOCUMENTS else FIELDS[name][1]["type"].replace("array", name)
        known, parts = value if isinstance(value, dict) else {}, value if kind == name else []
        right = {
            "string": _is_line(value),
            "document": known.get("type") == "doc" and known.keys() >= {"version", "content"},
            "number": type(value) in (int, float),
            "date": (when := day(value)) is not None and when.isoformat() == value,
            "project": self._open(known.get("key", "")),
            "issuetype": known.get("id") in TYPES or known.get("name") in TYPES.values(),
            "user": known.get("accountId") in USERS,
            "labels": all(_is_line(one) and " " not in one for one in parts),
            "components": all(one in [{"name": name} for name in self.components] for one in parts),
            "option": known.get("value") in DEPTHS,
            "priority": known.get("name") in PRIORITIES,
        }[kind]
        return "" if right else _NO_DOCUMENT if kind == "document" else f"{name} is not valid."

    def _search(self, body: Image, token: str) -> Image:
        tests, before, found = _jql(body["jql"]), self.now() - self.lag_s, []
        for issue in () if self.archived else self.issues.values():
            images = [image for since, image in issue.seen if since <= before]
            labels = images[-1]["fields"].get("labels") or () if images else ()
            facts = {f"project {PROJECT}", f"key {issue.key}", *(f"labels {one}" for one in labels)}
            if images and all(facts & test for test in tests):
                asked = (body.get(of, ()) for of in ("fields", "properties"))
                found.append(issue.shown(images[-1], *asked))
        start = int(token.removeprefix("after-") or 0)
        end = start + min(body.get("maxResults", 50), MOST_A_PAGE)
        more = {"nextPageToken": f"after-{end}"} if end < len(found) else {}
        return {"issues": found[start:end], "isLast": not more, **more}


def create_jira_app(site: JiraSite) -> FastAPI:
    app = FastAPI(title="Jira Cloud (demo)", docs_url=None, redoc_url=None, openapi_url=None)

    async def answer(request: Request) -> Response:
        login, query = request.headers.get("authorization", ""), dict(request.query_params)
        path, body = request.url.path, await request.body()
        status, document = site.answer(request.method, path, query, login, body)
        text = b"" if document is None else json.dumps(document, ensure_ascii=False).encode()
        return Response(text, status, media_type="application/json")

    app.add_route("/{path:path}", answer, methods=["GET", "POST", "PUT", "DELETE"])
    return app


def _page(rows: list[Any], name: str, query: Query) -> Image:
    start = int(query.get("startAt", 0))
    told = {"startAt": start, "maxResults": 10, "total": len(rows)}  # fewer than asked for
    return {**told, name: rows[start : start + 10]}


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(".{1,255}", value) is not None


def _jql(text: str) -> list[set[str]]:
    """The conditions of a query, each as the facts of which one will do; refuses one without."""
    tests = []
    for condition in re.split(r"\s+AND\s+", text.partition(" ORDER BY ")[0].strip()):
        match = re.fullmatch(r"(project|labels|key)\s*(?:=|in)\s*(.+)", condition)
        if match is None:
            raise RefusedError(400, f"Unbounded JQL, or a field that does not exist: {condition}")
        values = re.findall(r'[^\s,()"]+', match[2])
        tests.append({f"{match[1]} {one}" for one in values})
    return tests
