"""Faults of a neighbour (Jira, Google), by name: its made-up site behind a server that can lie.

``NEIGHBOURS`` is the table. A fault may hand the request to the site before the answer is spoiled
(the write was done), or never; it may change the request, or the site itself. ``Strike`` aims one
at some requests and a number of times.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from starlette.types import ASGIApp

from Modules.demo.running import listen
from tests.faults.base import HTML, Drip, Hang, Reset, Script, Send, message, reply
from tests.faults.wire import FaultyServer, _Answer, _bytes, _play, _Request

RETRY_AFTER_S = 7
_DRIP = Drip(b"X-Espera: todavia\r\n", 0.02, forever=True)


@dataclass(frozen=True, slots=True)
class NeighbourKind:
    """A named fault: what it does to the request, to the site, to the answer."""

    name: str
    description: str
    answer: Callable[[_Answer], Script] | None = None
    done: bool = False  # whether the site is given the request first
    ask: Callable[[Any], Any] | None = None  # of the document of the request
    query: Callable[[str], str] | None = None  # of the address
    site: Callable[[Any], object] | None = None


@dataclass(slots=True)
class Strike:
    """A fault aimed at requests whose "METHOD /path" matches, after ``skip`` of them."""

    name: str
    at: str = ".*"
    times: int | None = 1  # None: without end
    skip: int = 0

    def hits(self, request: _Request) -> bool:
        """Whether it strikes this request; counts."""
        if self.times == 0 or not re.search(self.at, f"{request.method} {request.path}"):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times = None if self.times is None else self.times - 1
        return True


NEIGHBOURS: dict[str, NeighbourKind] = {}


def _put(name: str, description: str, **more: Any) -> None:
    NEIGHBOURS[name] = NeighbourKind(name, description, **more)


def _says(status: int, *headers: tuple[str, str]) -> Callable[[_Answer], Script]:
    body = json.dumps({"errorMessages": [f"pedido a la demo: {status}"], "errors": {}}).encode()
    return lambda _: reply(status, body, headers=headers)


def _edited(change: Callable[[Any], Any]) -> Callable[[_Answer], Script]:
    return lambda good: reply(good.status, json.dumps(change(json.loads(good.body))).encode())


def _half(good: _Answer) -> Script:
    whole = message(good.status if good.status != 204 else 200, good.body or b"{}  ")
    return (Send(whole[:-2]),)


# fmt: off
_put("neighbour_429_wait", f"429 with Retry-After: {RETRY_AFTER_S}, nothing done",
     answer=_says(429, ("Retry-After", str(RETRY_AFTER_S))))
_put("neighbour_429", "429 without Retry-After, nothing done", answer=_says(429))
_put("neighbour_429_hour", "429 with Retry-After: 3600", answer=_says(429, ("Retry-After", "3600")))
_put("neighbour_503_wait", f"503 with Retry-After: {RETRY_AFTER_S}, nothing done",
     answer=_says(503, ("Retry-After", str(RETRY_AFTER_S))))
_put("neighbour_503", "503 without Retry-After, nothing done", answer=_says(503))
_put("neighbour_500", "500, nothing done", answer=_says(500))
_put("neighbour_502_done", "502 after the request was done", answer=_says(502), done=True)
_put("neighbour_cut", "connection reset, nothing done", answer=lambda _: (Reset(),))
_put("neighbour_cut_done", "connection reset after the request was done",
     answer=lambda _: (Reset(),), done=True)
_put("neighbour_half_done", "half of the answer, after the request was done",
     answer=_half, done=True)
_put("neighbour_hang_done", "no answer at all, after the request was done",
     answer=lambda _: (Hang(),), done=True)
_put("neighbour_drip_done", "the answer one byte at a time, after the request was done",
     answer=lambda _: (Send(b"HTTP/1.1 201 Created\r\n"), _DRIP), done=True)
_put("neighbour_html_done", "a page for people under 200, after the request was done", done=True,
     answer=lambda _: reply(200, b"<html><body>Ingresar</body></html>", HTML))
_put("neighbour_302", "302 to a page where one logs in",
     answer=lambda _: reply(302, headers=[("Location", "https://id.example/login")]))
_put("neighbour_403", "403: the account may not", answer=_says(403))
_put("jira_expired", "the token is not good any more: 401 from now on",
     site=lambda site: setattr(site, "account", ("nobody", "token that was renewed")))
_put("jira_closed_project", "the project is archived from now on",
     site=lambda site: setattr(site, "archived", True))
_put("jira_index_lag", "a search sees what was written after 30 s, from now on",
     site=lambda site: setattr(site, "lag_s", 30.0))
_put("jira_partial_bulk", "the first issue of a bulk is refused, the others are created", done=True,
     ask=lambda body: {"issueUpdates": [
         {**one, "fields": {**one["fields"], **({} if at else {"customfield_99999": "x"})}}
         for at, one in enumerate(body["issueUpdates"])
     ]})
_put("jira_keys_missing", "a bulk tells fewer keys than it created", done=True,
     answer=_edited(lambda body: {**body, "issues": body["issues"][1:]}))
_put("jira_token_repeats", "every page of a search gives the same token", done=True,
     answer=_edited(lambda body: {**body, "isLast": False, "nextPageToken": "after-0"}))
_put("neighbour_204", "204 without a body, nothing done", answer=lambda _: reply(204))
_put("neighbour_hang_done", "no answer, after the request was done",
     answer=lambda _: (Hang(),), done=True)
_put("google_expired", "the tokens that there are end now: 401; a new one is good",
     site=lambda office: office.tokens.clear())
_put("google_403_rate", "403 that says userRateLimitExceeded, nothing done",
     answer=lambda _: reply(403, json.dumps({"error": {"code": 403, "message": "Slow down",
         "errors": [{"reason": "userRateLimitExceeded"}]}}).encode()))
_put("google_400_grid", "400: the sheet is not so wide, nothing done",
     answer=lambda _: reply(400, json.dumps({"error": {"code": 400,
         "message": "Range ('Plan'!G1) exceeds grid limits."}}).encode()))
_put("google_token_repeats", "every page of a search gives the same token", done=True,
     answer=_edited(lambda body: {**body, "nextPageToken": "the same"}),
     query=lambda query: re.sub("pageToken=[^&]*", "", query))
_put("google_sheet_renamed", "every sheet is called otherwise from now on",
     site=lambda office: _change(office, lambda sheets: {f"{x} (2)": sheets[x] for x in sheets}))
_put("google_column_moved", "the first column of every sheet is the last one from now on",
     site=lambda office: _change(office, lambda sheets: {
         title: [[*row[1:], *row[:1]] for row in rows] for title, rows in sheets.items()
     }))
_put("google_row_added", "every sheet has an empty row before its second one from now on",
     site=lambda office: _change(office, lambda sheets: {
         title: [*rows[:1], [], *rows[1:]] for title, rows in sheets.items()
     }))
_put("google_twin_files", "there are two spreadsheets of each name from now on",
     site=lambda office: [office.spreadsheet(office.files[one]["name"], office.books[one],
         *office.files[one].get("parents", ())) for one in list(office.books)])
# fmt: on


def _change(office: Any, change: Callable[[Any], Any]) -> None:
    office.books.update({one: change(sheets) for one, sheets in office.books.items()})


class FaultyNeighbour(FaultyServer):
    """Serves the app of a made-up site; ``strike`` may be called from another thread."""

    def __init__(self, app: ASGIApp, site: object) -> None:
        self._app, self._site = app, site
        self.asked = []
        self._strikes: list[Strike] = []
        self.broken: list[Exception] = []  # of the site or of a fault: no test means these
        self._tasks = set()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()

    def strike(self, *strikes: Strike) -> None:
        """These faults from now on, in place of those before; none ends all."""
        assert all(one.name in NEIGHBOURS for one in strikes)
        self._strikes = list(strikes)

    async def _serve_one(self, request: _Request, writer: asyncio.StreamWriter) -> bool:
        try:
            return await self._spoil_one(request, writer)
        except ConnectionError:
            raise
        except Exception as err:
            self.broken.append(err)
            raise

    async def _spoil_one(self, request: _Request, writer: asyncio.StreamWriter) -> bool:
        struck = next((one for one in self._strikes if one.hits(request)), None)
        kind = NEIGHBOURS[struck.name] if struck else NeighbourKind("", "")
        if kind.site is not None:
            kind.site(self._site)
        if kind.ask is not None:
            document = kind.ask(json.loads(request.body))
            request = replace(request, body=json.dumps(document).encode())
        if kind.query is not None:
            request = replace(request, target=f"{request.path}?{kind.query(request.query)}")
        answer = await self._good(request) if kind.done or kind.answer is None else _Answer()
        if kind.answer is None:
            writer.write(_bytes(request, answer))
            await writer.drain()
            return True
        await _play(kind.answer(answer), writer)
        return False


@contextmanager
def running_neighbour(app: ASGIApp, site: object) -> Iterator[tuple[str, FaultyNeighbour]]:
    """Its address and its server, on a free port of loopback, in a thread, until the block ends."""
    server = FaultyNeighbour(app, site)
    with listen(0) as listener:
        thread = threading.Thread(target=server.run, args=[listener], name="neighbour", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", server
        finally:
            server.stop()
            thread.join()
