"""Made-up neighbours behind a server that can lie, and our clients of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from Modules.demo.google_office import DEMO_GOOGLE_CLIENT, DEMO_GOOGLE_REFRESH_TOKEN
from Modules.demo.jira_site import (
    DEMO_JIRA_TOKEN,
    DEMO_JIRA_USER,
    JiraSite,
    Query,
    Reply,
    create_jira_app,
)
from Modules.integrations.access import GoogleAccess, JiraAccess
from Modules.integrations.google import Google
from Modules.integrations.jira import Jira
from Modules.portal.transport import Limits
from Modules.words.secret import Secret
from tests.faults.neighbours import FaultyNeighbour, running_neighbour
from tests.integrations.google_strict import StrictOffice, create_strict_app
from tests.integrations.jira_openapi import check


class NotedSite(JiraSite):
    """Remembers its answers too."""

    told: list[Any]

    def answer(self, method: str, path: str, query: Query, login: str, body: bytes) -> Reply:
        status, document = super().answer(method, path, query, login, body)
        self.told.append(document)
        return status, document

    def reset(self) -> None:
        """As if it were new."""
        self.told = []
        self.time_s = 1_000_000.0
        vars(self).update(vars(JiraSite(("Norte", "Sur"), now=lambda: self.time_s)))


@dataclass
class RunningJira:
    """A made-up site that listens, and who asks it; nobody really sleeps."""

    url: str
    site: NotedSite
    server: FaultyNeighbour = field(repr=False)
    slept: list[float] = field(default_factory=list)

    def client(self, token: str = DEMO_JIRA_TOKEN, timeout_s: float = 5.0) -> Jira:
        access = JiraAccess(self.url, DEMO_JIRA_USER, Secret(token))
        limits = Limits(request_timeout_s=timeout_s)
        return Jira(access, sleep=self.slept.append, limits=limits)


@pytest.fixture(scope="session")
def _jira() -> Iterator[RunningJira]:
    site = NotedSite()
    with running_neighbour(create_jira_app(site), site) as (url, server):
        yield RunningJira(url, site, server)


@pytest.fixture
def jira(_jira: RunningJira) -> Iterator[RunningJira]:
    """An empty site with two components; all that is asked of it is held against the OpenAPI."""
    _jira.server.strike()
    _jira.server.broken.clear()
    _jira.site.reset()
    _jira.slept.clear()
    yield _jira
    assert _jira.server.broken == []
    for asked, answer in zip(_jira.site.asked, _jira.site.told, strict=True):
        body = asked.body if asked.method != "GET" else None
        check(asked.method, asked.path, asked.query, body, asked.status, answer)


@dataclass
class RunningGoogle:
    """A made-up Google that listens, and who asks it; nobody really sleeps."""

    url: str
    office: StrictOffice
    server: FaultyNeighbour = field(repr=False)
    slept: list[float] = field(default_factory=list)

    def access(self, **more: Any) -> GoogleAccess:
        """``more`` in place of the demo's own refresh token."""
        client_id, client_secret = DEMO_GOOGLE_CLIENT
        own = {"client_id": client_id, "client_secret": Secret(client_secret)}
        given = more or {"refresh_token": Secret(DEMO_GOOGLE_REFRESH_TOKEN)}
        return GoogleAccess(endpoint=self.url, **{**own, **given})

    def client(self, timeout_s: float = 5.0, **more: Any) -> Google:
        limits = Limits(request_timeout_s=timeout_s)
        return Google(self.access(**more), sleep=self.slept.append, limits=limits)

    def statuses(self, path: str) -> list[int]:
        """Of the requests that the office was given, with this in their path."""
        return [one.status for one in self.office.asked if path in one.path]


@pytest.fixture(scope="session")
def _google() -> Iterator[RunningGoogle]:
    office = StrictOffice()
    with running_neighbour(create_strict_app(office), office) as (url, server):
        yield RunningGoogle(url, office, server)


@pytest.fixture
def google(_google: RunningGoogle) -> Iterator[RunningGoogle]:
    """An empty drive."""
    _google.server.strike()
    _google.server.broken.clear()
    vars(_google.office).update(vars(StrictOffice()))
    _google.slept.clear()
    yield _google
    assert _google.server.broken == []
