"""The portal client against a server that misbehaves: what is tried again, refused, or complete."""

from __future__ import annotations

import gzip
import itertools
import json
import logging
import socket
import threading
import traceback
import zlib
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from Modules.demo.plan import Size
from Modules.demo.world import world_of
from Modules.portal.client import PortalClient
from Modules.words.domain import Campania, Portal, Recurso
from Modules.words.errors import (
    ApiAuth,
    ApiContractChanged,
    ApiIncomplete,
    ApiRejected,
    ApiUnavailable,
    CampaniaUnknown,
    PipelineError,
    SettingsError,
)
from Modules.words.spanish import corrida
from tests.faults.named import parse_fault
from tests.faults.running import faulty_portal
from tests.portal.dialect_server import (
    CLIENT_SECRET,
    SEASON,
    TOKEN,
    WORLD,
    Dialect,
    Reply,
    Request,
    answering,
    config_of,
    contract_page,
    contract_route,
    fetch,
    gzip_reply,
    ids,
    json_reply,
    lote,
)

LOTES = WORLD["lotes"]
ALL = [row["id"] for row in LOTES]
SMALL_PAGES = '[paging]\nkind = "page"\nsize = 3\n'
GOOD = json.dumps(contract_page(Request("GET", "/", {}, {}, b"", "/"), LOTES)).encode()


def _spoiling(reply: Reply, times: float, path: str = "/api/lotes") -> Callable[[Request], Any]:
    """The contract, but the first ``times`` requests to the path get this reply."""
    calls = itertools.count()

    def change(request: Request) -> Reply | None:
        return reply if request.path == path and next(calls) < times else None

    return contract_route(change=change)


def _asked(portal: Dialect, path: str = "/api/lotes") -> int:
    return portal.paths().count(path)


# --- whose log lines they are ----------------------------------------------------------------

RUN: ContextVar[str] = ContextVar("run", default="nobody's")
TOLD: list[tuple[str, str]] = []


class _Whose(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        TOLD.append((RUN.get(), record.getMessage()))


@pytest.mark.parametrize("whole", [False, True], ids=["one list", "all side by side"])
def test_what_threads_log_belongs_to_the_run_that_asked(whole: bool) -> None:
    size = Size(campos=2, lotes=10, ambientes=10, marcadores=10)
    world = world_of("logged", size, seed=3, day=0, campania="25/26")
    handler = _Whose(logging.WARNING)
    TOLD.clear()
    before = RUN.set("run 7")
    corrida.addHandler(handler)
    try:
        with faulty_portal(world, faults=[parse_fault("status_503@lotes*1")]) as portal:
            quick = config_of(portal.base_url, retry_after_cap_s=0.001)
            secret = SecretStr(portal.client_secret)
            config = replace(quick, client_id=portal.client_id, client_secret=secret)
            with PortalClient(config) as client:
                if whole:
                    client.fetch_all(SEASON)
                else:
                    client.fetch(Recurso.LOTES, SEASON)
    finally:
        corrida.removeHandler(handler)
        RUN.reset(before)
    ((whose, line),) = TOLD
    assert "HTTP 503; se pide otra vez en 0,0 s (intento 2)" in line
    assert whose == "run 7"


# --- no connection ---------------------------------------------------------------------------


def test_a_refused_connection_is_told_by_host_and_port_alone() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ApiUnavailable) as caught:
            fetch(f"http://127.0.0.1:{port}/api/secret-path", '[auth]\nkind = "none"\n')
    told = f"127.0.0.1:{port} rechazó la conexión; sin éxito después de 4 intentos"
    assert str(caught.value).endswith(f": {told}")
    assert "secret-path" not in str(caught.value)


def test_a_name_that_nobody_has_is_told_without_our_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(ApiUnavailable) as caught:
        fetch("https://no-such-host.invalid/api", tries=1)
    assert "no hay conexión con no-such-host.invalid:443: " in str(caught.value)
    assert "Connection" not in str(caught.value)


# --- tried again ----------------------------------------------------------------------------

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNK = b"%x\r\n%s\r\n" % (len(GOOD), GOOD)
_BAD_CRC = gzip.compress(GOOD)[:-8] + b"\0\0\0\0" + gzip.compress(GOOD)[-4:]
AGAIN: dict[str, Reply] = {
    "500": Reply(500, b"<html>oops</html>"),
    "501": Reply(501),
    "502": Reply(502),
    "504": Reply(504),
    "408": Reply(408),
    "429": json_reply({"title": "despacio"}, 429),
    "429, wait in seconds": Reply(429, headers={"Retry-After": "0"}),
    "503, wait in seconds": Reply(503, headers={"Retry-After": "0"}),
    "503, wait until a date": Reply(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "429, a wait that is longer than we take": Reply(429, headers={"Retry-After": "300"}),
    "503, an old-fashioned date": Reply(
        503, headers={"Retry-After": "Wednesday, 21-Oct-15 07:28:00 GMT"}
    ),
    "503, nonsense for a wait": Reply(503, headers={"Retry-After": "-5 minutes"}),
    "reset": Reply(reset=True),
    "closed without an answer": Reply(raw=b""),
    "not HTTP": Reply(raw=b"hello\r\n\r\n"),
    "cut headers": Reply(raw=b"HTTP/1.1 200 OK\r\nContent-"),
    "cut body": Reply(raw=_HEAD + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD[:-20]),
    "cut chunk": Reply(raw=_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNK[:-40]),
    "no last chunk": Reply(raw=_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + _CHUNK),
    "bad chunk size": Reply(raw=_HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "cut body of no declared length": Reply(raw=_HEAD + b"\r\n" + GOOD[:-20]),
    "bad gzip": Reply(200, b"not gzip at all", {"Content-Encoding": "gzip"}),
    "cut gzip of the right length": Reply(
        200, gzip.compress(GOOD)[:-20], {"Content-Encoding": "gzip"}
    ),
    "gzip with a wrong check sum": Reply(200, _BAD_CRC, {"Content-Encoding": "gzip"}),
    "empty body": Reply(200, b"", {"Content-Type": "application/json"}),
    "blank body": Reply(200, b" \r\n", {"Content-Type": "application/json"}),
}


_CALLED = {  # by people; the library's name stands beside it
    "reset": "cortó la conexión (ConnectionResetError)",
    "closed without an answer": "cortó la conexión (RemoteDisconnected)",
    "not HTTP": "lo que contestó no es HTTP (BadStatusLine)",
    "cut body": "la respuesta se cortó antes del final (IncompleteRead)",
    "cut chunk": "la respuesta se cortó antes del final (IncompleteRead)",
    "no last chunk": "la respuesta se cortó antes del final (ProtocolError)",
    "bad chunk size": "lo que contestó no es HTTP (InvalidChunkLength)",
}


@pytest.mark.parametrize("name", AGAIN)
def test_once_broken_then_good_is_good(name: str) -> None:
    with answering(_spoiling(AGAIN[name], 3)) as portal:
        found = fetch(portal.url, retry_after_cap_s=0.01)
    assert ids(found) == ALL
    assert _asked(portal) == 4
    assert found.walks == 1


@pytest.mark.parametrize("name", AGAIN)
def test_always_broken_is_given_up_after_four_tries(name: str) -> None:
    with (
        answering(_spoiling(AGAIN[name], 99)) as portal,
        pytest.raises(
            ApiUnavailable, match=r"lotes página 1.*sin éxito después de 4 intentos"
        ) as caught,
    ):
        fetch(portal.url, retry_after_cap_s=0.01)
    assert _asked(portal) == 4
    assert caught.value.exit_code == 4
    assert _CALLED.get(name, "") in str(caught.value)


def test_a_wait_that_the_fetch_has_no_time_for_ends_it_now() -> None:
    reply = Reply(503, headers={"Retry-After": "100"})
    with (
        answering(_spoiling(reply, 99)) as portal,
        pytest.raises(ApiUnavailable, match=r"lotes página 1: .*después de los 30 s que hay"),
    ):
        fetch(portal.url, fetch_timeout_s=30)
    assert _asked(portal) == 1


@pytest.mark.parametrize("where", ["/api/lotes", "/api/auth/token"])
def test_a_wait_that_no_try_would_outlast_is_a_refusal_at_once(where: str) -> None:
    reply = Reply(429, headers={"Retry-After": "301"})
    with (
        answering(_spoiling(reply, 99, where)) as portal,
        pytest.raises(ApiUnavailable, match="HTTP 429; pide esperar 301 s") as caught,
    ):
        fetch(portal.url)
    assert _asked(portal, where) == 1
    assert caught.value.exit_code == 4


def test_cut_json_of_the_right_length_is_tried_once_more() -> None:
    reply = Reply(200, GOOD[:-20], {"Content-Type": "application/json"})
    with answering(_spoiling(reply, 1)) as portal:
        assert ids(fetch(portal.url)) == ALL
    with (
        answering(_spoiling(reply, 99)) as portal,
        pytest.raises(ApiContractChanged, match="lotes página 1: el JSON se corta antes"),
    ):
        fetch(portal.url)
    assert _asked(portal) == 2


def test_nobody_listens() -> None:
    with answering(contract_route()) as portal:
        url = portal.url
    with pytest.raises(ApiUnavailable, match=r"token: .*rechaz.*4 intentos"):
        fetch(url)


def test_a_portal_that_does_not_answer_in_time() -> None:
    asleep = threading.Event()

    def change(request: Request) -> Reply | None:
        if request.path == "/api/lotes":
            asleep.wait(20)
        return None

    with answering(contract_route(change=change)) as portal:
        with pytest.raises(
            ApiUnavailable, match=r"lotes página 1: no contestó a tiempo .*2 intentos"
        ):
            fetch(portal.url, request_timeout_s=0.2, tries=2)
        asleep.set()
    assert _asked(portal) == 2


_DRIPS = {
    "the status line": b"HTTP/1.1 200 OK" + b" " * 10_000,
    "the headers": _HEAD + b"X-A: " + b"a" * 10_000,
    "the body": _HEAD + b"Content-Length: 99999\r\n\r\n[" + b" " * 10_000,
    "a body of no declared length": _HEAD + b"\r\n[" + b" " * 10_000,
    "chunks": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 2_000,
}


@pytest.mark.parametrize("name", _DRIPS)
def test_a_drip_does_not_outlast_the_whole_request(name: str) -> None:
    # Each byte comes well within any timeout per read; the drip itself would last for minutes.
    drip = Reply(raw=_DRIPS[name], drip_s=0.03)
    with (
        answering(_spoiling(drip, 99)) as portal,
        pytest.raises(ApiUnavailable, match=r"el pedido entero llevó más de 0\.4 s, .*gotas"),
    ):
        fetch(portal.url, request_timeout_s=0.4)
    assert _asked(portal) == 1  # within one deadline, not one a try


# --- refused at once ------------------------------------------------------------------------


def _page(**changes: Any) -> Reply:
    return json_reply(json.loads(GOOD) | changes)


def _body(body: bytes, kind: str = "application/json") -> Reply:
    return Reply(200, body, {"Content-Type": kind})


REFUSED: dict[str, tuple[Reply, type[PipelineError], str]] = {
    **{
        f"{status} redirect": (
            Reply(status, headers={"Location": "/api/elsewhere"}),
            ApiRejected,
            f"HTTP {status}, una redirección",
        )
        for status in (301, 302, 303, 307, 308)
    },
    "304": (Reply(304), ApiRejected, "HTTP 304"),
    "400": (json_reply({"detail": "mal pedido"}, 400), ApiRejected, "HTTP 400.*: mal pedido"),
    "403": (Reply(403), ApiRejected, "HTTP 403, estas credenciales no"),
    "404": (Reply(404, b"<html>"), ApiRejected, "HTTP 404, no existe esa ruta"),
    "409": (Reply(409), ApiRejected, "HTTP 409"),
    "422": (json_reply({"title": "No"}, 422), ApiRejected, "HTTP 422, rechazado: No"),
    "201": (json_reply({}, 201), ApiContractChanged, "HTTP 201 donde se esperaba"),
    "204": (Reply(204), ApiContractChanged, "HTTP 204 donde se esperaba"),
    "HTML": (_body(b"<!doctype html>", "text/html"), ApiContractChanged, "HTML con 200"),
    "HTML said to be JSON": (_body(b"\n<html>"), ApiContractChanged, "HTML con 200"),
    "JSON said to be HTML": (_body(GOOD, "text/html"), ApiContractChanged, "HTML con 200"),
    "an error object": (
        json_reply({"title": "x", "status": 500}),
        ApiContractChanged,
        "un objeto de error con un estado bueno; no hay",
    ),
    "bad UTF-8": (_body(GOOD.replace(b"Lote", b"L\xffte")), ApiContractChanged, "no es UTF-8"),
    "NaN": (_body(GOOD.replace(b"58.9", b"NaN")), ApiContractChanged, "NaN"),
    "infinite": (_body(GOOD.replace(b"58.9", b"1e999")), ApiContractChanged, "demasiado grande"),
    "twin keys": (
        _body(GOOD.replace(b'"campo_id"', b'"id"')),
        ApiContractChanged,
        "'id' está dos veces",
    ),
    "not JSON": (_body(b"hola", "text/plain"), ApiContractChanged, "no es JSON"),
    "too deep": (_page(items=json.loads("[" * 80 + "]" * 80)), ApiContractChanged, "niveles"),
    "too large": (_body(GOOD + b" " * 200_000), ApiContractChanged, "más de 100000 bytes"),
    "too large when decoded": (
        gzip_reply(b"[" + b" " * 50_000_000 + b"]"),
        ApiContractChanged,
        "más de 100000 bytes",
    ),
    "unasked compression": (
        Reply(200, b"x", {"Content-Encoding": "br"}),
        ApiContractChanged,
        "Content-Encoding",
    ),
    "a list, not an envelope": (json_reply([1]), ApiContractChanged, "no hay una lista en 'items'"),
    "rows are no list": (_page(items={}), ApiContractChanged, "no hay una lista en 'items'"),
    "a row is no object": (_page(items=[7]), ApiContractChanged, "la fila 0 no es un objeto"),
    "no total": (_page(total_items=None), ApiContractChanged, "no hay un número en 'total_items'"),
    "a negative total": (_page(total_items=-1), ApiContractChanged, "no hay un número en"),
    "a total that is true": (_page(total_items=True), ApiContractChanged, "no hay un número en"),
    "next is an object": (_page(next={}), ApiContractChanged, "no hay un texto en 'next'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_once_by_name(name: str) -> None:
    reply, kind, message = REFUSED[name]
    with (
        answering(_spoiling(reply, 99)) as portal,
        pytest.raises(kind, match=f"lotes página 1.*{message}") as caught,
    ):
        fetch(portal.url, max_page_bytes=100_000)
    assert type(caught.value).__mro__.index(kind) <= 2
    assert _asked(portal) == 1
    assert "/api/elsewhere" not in portal.paths()
    assert "\n" not in str(caught.value)


def test_gzip_is_read_also_in_several_members() -> None:
    body = gzip.compress(GOOD[:100]) + gzip.compress(GOOD[100:])
    reply = Reply(200, body, {"Content-Encoding": "gzip"})
    with answering(_spoiling(reply, 99)) as portal:
        found = fetch(portal.url)
    assert found.pages[0].body == GOOD
    assert portal.requests[-1].headers["accept-encoding"] == "gzip"


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


_PACKED: dict[str, tuple[str, bytes]] = {
    "gzip, zeros behind": ("gzip", gzip.compress(GOOD) + b"\0" * 16),
    "gzip, zeros behind to the end of a block": ("gzip", gzip.compress(GOOD) + b"\0" * 200_000),
    "gzip, zeros between members": (
        "gzip",
        gzip.compress(GOOD[:100]) + b"\0" * 7 + gzip.compress(GOOD[100:]) + b"\0",
    ),
    "deflate as a zlib body": ("deflate", zlib.compress(GOOD)),
    "deflate without a header": ("deflate", _raw_deflate(GOOD)),
    "deflate without a header, zeros behind": ("deflate", _raw_deflate(GOOD) + b"\0" * 16),
}


@pytest.mark.parametrize("name", _PACKED)
def test_what_other_clients_unpack_is_read(name: str) -> None:
    encoding, body = _PACKED[name]
    reply = Reply(200, body, {"Content-Encoding": encoding})
    with answering(_spoiling(reply, 99)) as portal:
        assert fetch(portal.url).pages[0].body == GOOD
    assert _asked(portal) == 1


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(GOOD) + b"\0\0more"),
        ("deflate", _raw_deflate(GOOD)[:-9]),
        ("deflate", b"\x78"),
    ],
    ids=["more than padding", "a cut deflate", "half a header"],
)
def test_what_is_not_whole_when_unpacked_is_not_taken(encoding: str, body: bytes) -> None:
    reply = Reply(200, body, {"Content-Encoding": encoding})
    with (
        answering(_spoiling(reply, 99)) as portal,
        pytest.raises(ApiUnavailable, match=r"gzip.*sin éxito después de 4 intentos"),
    ):
        fetch(portal.url)


# --- complete or refused --------------------------------------------------------------------


def _number(request: Request) -> int:
    return int(request.query.get("page", "1"))


def _change_page(number: int, change: Callable[[dict[str, Any]], Any]) -> Any:
    def spoil(request: Request) -> Reply | None:
        if request.path != "/api/lotes" or _number(request) != number:
            return None
        page = contract_page(request, LOTES)
        change(page)
        return json_reply(page)

    return spoil


def _put(**members: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda page: page.update(members)


BROKEN: dict[str, tuple[Any, str]] = {
    "page 2 again instead of 3": (
        _change_page(3, _put(items=LOTES[3:6])),
        "lotes página 3: el id 'l0004' ya vino en lotes página 2",
    ),
    "page 2 word for word instead of 3": (
        _change_page(3, lambda p: p.update(contract_page(_request(2), LOTES))),
        "lotes página 3: es la misma página que lotes página 2",
    ),
    "one row again on the next page": (
        _change_page(3, _put(items=[LOTES[5], *LOTES[7:9]])),
        "lotes página 3: el id 'l0006' ya vino en lotes página 2",
    ),
    "a row is missing": (_change_page(2, _put(items=LOTES[3:5])), "10 ids distintos, pero .* 11"),
    "a twin on one page": (
        _change_page(2, _put(items=[LOTES[3], LOTES[3], LOTES[5]])),
        "lotes: hay 10 ids distintos, pero el portal declara 11",
    ),
    "a gap: an empty page": (_change_page(2, _put(items=[])), "3 páginas con filas, pero .* 4"),
    "another number than asked": (
        _change_page(3, _put(page=2)),
        "lotes página 3: se pidió la página 3, y la respuesta dice que es la 2",
    ),
    "the total moves": (
        _change_page(3, _put(total_items=12)),
        "el total declarado cambia de una página a otra",
    ),
    "the pages move": (
        _change_page(4, _put(total_pages=5)),
        "el total declarado cambia de una página a otra",
    ),
    "it ends too early": (_change_page(2, _put(next=None)), "página 2: dice que es la última"),
    "it does not end": (
        _change_page(4, _put(next="/api/lotes?campania=25%2F26&page=5&size=3")),
        "lotes página 4: su enlace next sigue",
    ),
    "next skips a page": (
        _change_page(1, _put(next="/api/lotes?campania=25%2F26&page=3&size=3")),
        "lotes página 1: su enlace next no lleva a la página siguiente",
    ),
    "next changes the campaña": (
        _change_page(1, _put(next="/api/lotes?campania=24%2F25&page=2&size=3")),
        "lotes página 1: su enlace next no lleva",
    ),
    "next is another path": (
        _change_page(1, _put(next="/api/campos?campania=25%2F26&page=2&size=3")),
        "lotes página 1: su enlace next lleva a otra parte",
    ),
    "next is another host": (
        _change_page(1, _put(next="http://elsewhere.example/api/lotes?page=2")),
        r'lotes página 1: el enlace next sale .*keep = "origin" en \[paging\]',
    ),
    "next has a size that is not that of the page": (
        _change_page(1, _put(next="/api/lotes?campania=25%2F26&page=2&size=2")),
        "lotes página 1: su enlace next no lleva a la página siguiente",
    ),
    "next is no address": (
        _change_page(1, _put(next="http://[::1")),
        "lotes página 1: su enlace next está mal formado",
    ),
}


def _request(page: int) -> Request:
    query = {"campania": "25/26", "page": str(page), "size": "3"}
    target = f"/api/lotes?campania=25%2F26&page={page}&size=3"
    return Request("GET", "/api/lotes", query, {}, b"", target)


@pytest.mark.parametrize("name", BROKEN)
def test_a_walk_that_does_not_add_up_twice_is_refused(name: str) -> None:
    change, message = BROKEN[name]
    kind = ApiContractChanged if name == "next is another host" else ApiIncomplete
    with (
        answering(contract_route(change=change)) as portal,
        pytest.raises(kind, match=f"{message}.*dos veces seguidas"),
    ):
        fetch(portal.url, SMALL_PAGES)
    assert _asked(portal) == 8


@pytest.mark.parametrize("name", BROKEN)
def test_a_walk_that_adds_up_the_second_time_is_taken(name: str) -> None:
    change, _ = BROKEN[name]
    spoilt = threading.Event()

    def once(request: Request) -> Reply | None:
        if spoilt.is_set():
            return None
        reply: Reply | None = change(request)
        if reply is not None:
            spoilt.set()
        return reply

    with answering(contract_route(change=once)) as portal:
        found = fetch(portal.url, SMALL_PAGES)
    assert ids(found) == ALL
    assert found.walks == 2
    assert [page.number for page in found.pages] == [1, 2, 3, 4]


def test_a_next_link_that_loops_is_not_followed_for_ever() -> None:
    rows = itertools.count()

    def route(request: Request) -> Reply:
        start = next(rows)
        return json_reply({"items": [lote(start)], "next": "/api/lotes?campania=25%2F26&at=1"})

    profile = '[auth]\nkind="none"\n[paging]\nkind="next_link"\n[envelope]\nrows="items"\n'
    with (
        answering(route) as portal,
        pytest.raises(ApiIncomplete, match="lotes página 2: lleva otra vez a una página ya leída"),
    ):
        fetch(portal.url, profile)
    assert len(portal.requests) == 4


def test_rows_without_an_id_count_and_are_left_to_the_tables() -> None:
    rows = [*LOTES[:2], {"nombre": "sin id"}, {"id": None, "nombre": "sin id"}]
    with answering(contract_route({**WORLD, "lotes": rows})) as portal:
        found = fetch(portal.url)
    assert [record.values.get("id") for record in found.records] == [*ALL[:2], None, None]


def test_an_empty_list_is_an_empty_list() -> None:
    with answering(contract_route({**WORLD, "lotes": []})) as portal:
        found = fetch(portal.url)
    assert (found.records, found.declared_total, len(found.pages)) == ((), 0, 1)


# --- the whole fetch ------------------------------------------------------------------------


def _many(count: int) -> dict[str, Any]:
    return {**WORLD, "lotes": [lote(number) for number in range(count)]}


def test_everything_in_order_with_its_pages_and_their_ids() -> None:
    told: list[tuple[Recurso, int, int | None]] = []
    with (
        answering(contract_route()) as portal,
        PortalClient(config_of(portal.url, SMALL_PAGES)) as client,
    ):
        fetched = client.fetch_all(SEASON, lambda *args: told.append(args))
        assert client.portal.origin == portal.url.removesuffix("/api")
        assert isinstance(client.portal, Portal)
    assert list(fetched) == list(Recurso)
    for recurso, found in fetched.items():
        assert ids(found) == [row["id"] for row in WORLD[recurso]]
        assert found.declared_total == len(WORLD[recurso])
    lotes = fetched[Recurso.LOTES]
    assert [page.path for page in lotes.pages] == [_request(n).target for n in (1, 2, 3, 4)]
    assert {page.request_id for page in lotes.pages} == {"req-lotes"}
    assert [(r.page, r.index) for r in lotes.records][:4] == [(1, 0), (1, 1), (1, 2), (2, 0)]
    assert [args[1:] for args in told if args[0] == Recurso.LOTES] == [(n, 4) for n in (1, 2, 3, 4)]


def test_a_list_is_as_old_as_its_oldest_page_and_changed_with_its_newest() -> None:
    """Out of a cache comes one page, not the list."""

    def dated(request: Request) -> Reply | None:
        if request.path != "/api/lotes" or "authorization" not in request.headers:
            return None
        page = contract_page(request, LOTES)
        day = f"{10 + page['page'] % 3:02d}"  # pages 1, 2, 3, 4: days 11, 12, 10, 11
        page["snapshot_at"] = f"2025-11-12T03:{day}:00-03:00"  # of one night, minutes apart
        dates = {"Date": f"Mon, {day} Nov 2025 06:00:05 GMT"}
        return json_reply(page, **dates, Last_Modified=f"Mon, {day} Nov 2025 05:00:00 GMT")

    with answering(contract_route(change=dated)) as portal:
        found = fetch(portal.url, SMALL_PAGES).moments
        assert found["snapshot_at"] == datetime(2025, 11, 12, 6, 10, tzinfo=UTC)
        assert found["Last-Modified"] == datetime(2025, 11, 12, 5, tzinfo=UTC)
        elsewhere = f"{SMALL_PAGES}[envelope]\nrows = 'items'\nsnapshot_at = 'page'\n"
        assert "snapshot_at" not in fetch(portal.url, elsewhere).moments, (
            "what is no instant is none"
        )


def test_one_page_of_the_night_before_is_asked_again_and_then_refused() -> None:
    def stale(request: Request) -> Reply | None:
        if request.path != "/api/lotes" or "authorization" not in request.headers:
            return None
        page = contract_page(request, LOTES)
        page["snapshot_at"] = f"2025-11-{11 if page['page'] == 2 else 12}T03:00:00-03:00"
        return json_reply(page)

    with (
        answering(contract_route(change=stale)) as portal,
        pytest.raises(ApiIncomplete, match="lotes página 2 es de 11/11/2025 06:00 UTC") as refused,
    ):
        fetch(portal.url, SMALL_PAGES)
    assert "dos veces seguidas" in str(refused.value)


def test_the_order_of_results_does_not_depend_on_the_order_of_answers() -> None:
    held = {str(number): threading.Event() for number in (2, 3, 4)}

    def change(request: Request) -> None:
        # Page 4 answers first, then 3, then 2.
        page = request.query.get("page", "1")
        if request.path == "/api/lotes" and page in held:
            if page != "4":
                held[str(int(page) + 1)].wait(20)
            held[page].set()

    with answering(contract_route(change=change)) as portal:
        assert ids(fetch(portal.url, SMALL_PAGES)) == ALL
        assert ids(fetch(portal.url, SMALL_PAGES, concurrency=1)) == ALL


def test_four_requests_at_a_time_and_no_more() -> None:
    lock, four = threading.Lock(), threading.Barrier(4)
    now, most = 0, 0

    def change(request: Request) -> None:
        nonlocal now, most
        if request.path == "/api/auth/token" or request.path == "/api/campanias":
            return
        with lock:
            now += 1
            most = max(most, now)
        if request.path == "/api/lotes" and 2 <= _number(request) <= 5:
            four.wait(20)  # ends only when four are here at once
        with lock:
            now -= 1

    with (
        answering(contract_route(_many(30), change)) as portal,
        PortalClient(config_of(portal.url, SMALL_PAGES)) as client,
    ):
        assert len(client.fetch_all(SEASON)[Recurso.LOTES].records) == 30
    assert most == 4


def test_an_unknown_campania_is_told_before_anything_else_is_asked() -> None:
    with (
        answering(contract_route()) as portal,
        PortalClient(config_of(portal.url)) as client,
        pytest.raises(CampaniaUnknown, match=r"no conoce la campaña 98/99; tiene 24/25, 25/26"),
    ):
        client.fetch_all(Campania(98, 99))
    assert portal.paths() == ["/api/auth/token", "/api/campanias"]


def test_one_list_that_fails_stops_the_others_and_names_itself() -> None:
    with (
        answering(_spoiling(Reply(403), 99, "/api/ambientes")) as portal,
        PortalClient(config_of(portal.url)) as client,
    ):
        for _ in range(2):  # the client can be used again after a failure
            with pytest.raises(ApiRejected, match="ambientes página 1: HTTP 403"):
                client.fetch_all(SEASON)


def test_a_failure_ends_the_requests_under_way() -> None:
    both, asleep = threading.Barrier(2), threading.Event()

    def change(request: Request) -> Reply | None:
        if request.path == "/api/marcadores":
            both.wait(20)
            asleep.wait(60)  # would outlast this test's patience, were it waited for
        if request.path == "/api/ambientes":
            both.wait(20)
            return Reply(403)
        return None

    with answering(contract_route(change=change)) as portal:
        try:
            with (
                PortalClient(config_of(portal.url)) as client,
                pytest.raises(ApiRejected, match="ambientes página 1: HTTP 403"),
            ):
                client.fetch_all(SEASON)
            assert not asleep.is_set()
        finally:
            asleep.set()


@pytest.mark.parametrize("limit", ["concurrency", "requests_per_second", "tries"])
def test_limits_that_cannot_be(limit: str) -> None:
    with pytest.raises(SettingsError, match=limit):
        PortalClient(config_of("http://127.0.0.1:9", **{limit: 0}))


def test_plain_http_beyond_loopback_is_refused() -> None:
    with pytest.raises(SettingsError, match="DATABALER_BASE_URL tiene que ser https"):
        PortalClient(config_of("http://portal.example/api"))


# --- secrets --------------------------------------------------------------------------------


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    caplog.set_level(logging.DEBUG)
    return lambda: caplog.text


def _all_of(err: BaseException) -> str:
    return "".join(traceback.format_exception(err))


@pytest.mark.parametrize("status", [400, 401, 403, 422, 500, 503])
def test_a_portal_that_echoes_secrets_does_not_make_us_show_them(
    status: int, everything_logged: Callable[[], str]
) -> None:
    echo = f"token {TOKEN} of {CLIENT_SECRET}"

    def change(request: Request) -> Reply | None:
        if request.path != "/api/lotes":
            return None
        return json_reply({"detail": echo, "title": echo}, status, X_Request_Id=TOKEN)

    with answering(contract_route(change=change)) as portal, pytest.raises(PipelineError) as caught:
        fetch(portal.url)
    for text in (_all_of(caught.value), everything_logged()):
        assert TOKEN not in text
        assert CLIENT_SECRET not in text
    for request in portal.requests:
        assert TOKEN not in request.target
        assert CLIENT_SECRET not in request.target


def test_a_login_that_is_refused_does_not_show_the_secret(
    everything_logged: Callable[[], str],
) -> None:
    reply = json_reply({"error_description": f"bad secret {CLIENT_SECRET}"}, 400)
    with (
        answering(_spoiling(reply, 99, "/api/auth/token")) as portal,
        pytest.raises(ApiAuth, match="DATABALER_CLIENT_ID") as caught,
    ):
        fetch(portal.url)
    assert CLIENT_SECRET not in _all_of(caught.value) + everything_logged()
    assert portal.paths() == ["/api/auth/token"]


def test_settings_and_errors_do_not_show_the_secret_when_printed() -> None:
    config = config_of("http://127.0.0.1:9")
    assert CLIENT_SECRET not in repr(config) + str(config)


@pytest.mark.parametrize("how", ["redirect", "next", "next on a numbered page"])
def test_nothing_is_ever_sent_to_another_host(how: str) -> None:
    with answering(lambda _: json_reply({"items": []})) as stranger:
        away = f"{stranger.url}/lotes?campania=25%2F26&page=2&size=3"

        def change(request: Request) -> Reply | None:
            if request.path != "/api/lotes":
                return None
            if how == "redirect":
                return Reply(307, headers={"Location": away})
            return json_reply(contract_page(request, LOTES) | {"next": away})

        profile = SMALL_PAGES
        if how == "next":
            profile = '[paging]\nkind = "next_link"\nsize_param = ""\n'
        with answering(contract_route(change=change)) as portal, pytest.raises(PipelineError):
            fetch(portal.url, profile)
        assert stranger.requests == []


def test_netrc_proxies_and_cookies_of_the_host_play_no_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    def route(request: Request) -> Reply:
        page = contract_page(request, LOTES)
        return json_reply(page, Set_Cookie="track=me")

    with answering(route) as portal:
        assert ids(fetch(portal.url, '[auth]\nkind = "none"\n' + SMALL_PAGES)) == ALL
    assert all("authorization" not in request.headers for request in portal.requests)
    assert all("cookie" not in request.headers for request in portal.requests)
