"""What Jira Cloud's public OpenAPI (platform REST v3) says of the few paths we use, as facts.

Written by us from Atlassian's swagger-v3 (developer.atlassian.com/cloud/jira/platform/rest/v3): the
names of query parameters, the members of bodies and answers and their types. A shape is a type, a
list of one shape, or members by name; ``Closed`` members are all there may be, ``...`` is anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Shape = Any


@dataclass(frozen=True)
class Fact:
    """A path of the API: what may be asked, and what is answered by status."""

    answers: Mapping[int, Shape]
    query: tuple[str, ...] = ()
    body: Shape = None


@dataclass(frozen=True)
class Closed:
    """An object with no other members than these; ``needs`` are never missing."""

    members: Mapping[str, Shape]
    needs: tuple[str, ...] = field(default=())


_ERRORS = Closed({"errorMessages": [str], "errors": {}, "status": int})
_PROPERTY = Closed({"key": str, "value": ...})
_UPDATE = {"fields": {}, "update": {}, "properties": [_PROPERTY], "transition": {}}
_CREATED = Closed(
    {
        "issues": [Closed({"id": str, "key": str, "self": str, "transition": {}, "watchers": {}})],
        "errors": [Closed({"status": int, "elementErrors": _ERRORS, "failedElementNumber": int})],
    }
)
_ISSUE = {"id": str, "key": str, "self": str, "fields": {}, "properties": {}}
_COMPONENT = {"id": str, "name": str, "description": str, "project": str}
_TYPE = {"id": str, "name": str, "subtask": bool, "fields": {}, "hierarchyLevel": int}
_SCHEMA = Closed(
    {"type": str, "items": str, "system": str, "custom": str, "customId": int, "configuration": {}},
    needs=("type",),
)
_FIELD = Closed(
    {
        "fieldId": str, "key": str, "name": str, "required": bool, "schema": _SCHEMA,
        "operations": [str], "allowedValues": [...], "hasDefaultValue": bool, "defaultValue": ...,
        "autoCompleteUrl": str, "configuration": {},
    },
    needs=("fieldId", "key", "name", "operations", "required", "schema"),
)  # fmt: skip
_PAGED = {"startAt": int, "maxResults": int, "total": int}
_USER = {"accountId": str, "accountType": str, "active": bool, "displayName": str, "self": str}
_REFUSED = dict.fromkeys((400, 401, 403, 404, 409, 422), _ERRORS)

FACTS: Mapping[str, Fact] = {
    "GET serverInfo": Fact(
        {200: {"baseUrl": str, "serverTitle": str, "deploymentType": str, "version": str}}
    ),
    "GET myself": Fact({200: _USER}, ("expand",)),
    "GET project/{}": Fact(
        {200: {"key": str, "id": str, "name": str, "archived": bool, "components": [_COMPONENT]}},
        ("expand", "properties"),
    ),
    "GET project/search": Fact(
        {200: {**_PAGED, "isLast": bool, "values": [{"key": str, "name": str, "archived": bool}]}},
        ("startAt", "maxResults", "orderBy", "keys", "query", "status", "expand"),
    ),
    "GET issue/createmeta/{}/issuetypes": Fact(
        {200: {**_PAGED, "issueTypes": [_TYPE]}}, ("startAt", "maxResults")
    ),
    "GET issue/createmeta/{}/issuetypes/{}": Fact(
        {200: {**_PAGED, "fields": [_FIELD]}}, ("startAt", "maxResults")
    ),
    "GET user/assignable/search": Fact(
        {200: [_USER]},
        ("query", "accountId", "project", "issueKey", "issueId", "startAt", "maxResults"),
    ),
    "POST issue/bulk": Fact(
        {201: _CREATED, 400: _CREATED}, body=Closed({"issueUpdates": [_UPDATE]})
    ),
    "GET issue/{}": Fact(
        {200: _ISSUE}, ("fields", "fieldsByKeys", "expand", "properties", "updateHistory")
    ),
    "PUT issue/{}": Fact(
        {200: ..., 204: None},
        ("notifyUsers", "overrideScreenSecurity", "overrideEditableFlag", "returnIssue", "expand"),
        _UPDATE,
    ),
    "POST search/jql": Fact(
        {200: Closed({"issues": [_ISSUE], "isLast": bool, "nextPageToken": str})},
        body=Closed(
            {
                "jql": str, "fields": [str], "properties": [str], "maxResults": int,
                "nextPageToken": str, "expand": str, "fieldsByKeys": bool, "reconcileIssues": [int],
            }
        ),
    ),
}  # fmt: skip


def fact_of(method: str, path: str) -> Fact:
    """The fact of a request; the path that says most wins."""
    found = [
        (name.count("{}"), fact)
        for name, fact in FACTS.items()
        if re.fullmatch(name.replace("{}", "[^/]+"), f"{method} {path}")
    ]
    assert found, f"no such path in the OpenAPI: {method} {path}"
    return min(found, key=lambda one: one[0])[1]


def check(
    method: str, path: str, query: Mapping[str, str], body: Any, status: int, answer: Any
) -> None:
    """Hold one exchange against the facts."""
    fact = fact_of(method, path)
    assert set(query) <= set(fact.query), (path, query)
    if method != "GET":
        _fits(body, fact.body, f"{path}: body")
    if status == 400 and path == "issue/bulk" and not answer.get("issues", True):
        _fits(answer, _CREATED, path)
    elif status >= 400:
        _fits(answer, _ERRORS, f"{path}: refusal")
    else:
        _fits(answer, fact.answers[status], f"{path}: answer")


def _fits(value: Any, shape: Shape, where: str) -> None:
    if shape is ...:
        return
    if isinstance(shape, Closed):
        assert set(value) <= set(shape.members), (where, sorted(set(value) - set(shape.members)))
        assert set(shape.needs) <= set(value), where
        _fits(value, shape.members, where)
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        for one in value:
            _fits(one, shape[0], where)
    elif isinstance(shape, Mapping):
        assert isinstance(value, dict), where
        for name in shape.keys() & value.keys():
            _fits(value[name], shape[name], f"{where}.{name}")
    elif shape is None:
        assert value is None, where
    else:
        assert type(value) is shape, (where, value)
