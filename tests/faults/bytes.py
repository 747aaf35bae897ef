"""Faults of the wire, of the status and of signing in: bytes below and beside the page."""

from __future__ import annotations

import functools
import gzip
import struct
import zlib
from collections.abc import Callable

from Modules.demo.contract import dump, problem
from tests.faults.base import (
    HTML,
    JSON,
    PROBLEM,
    Drip,
    Exchange,
    Hang,
    Kind,
    Registry,
    Reset,
    Script,
    Send,
    message,
    reply,
)

WIRE = Registry()
BOMB_MIB = 96  # above the client's limit of 64 MiB a page, in about 100 kB
DRIP_S = 0.05
RETRY_AFTER_S = 1
LONG_RETRY_AFTER_S = 3600
FOREIGN = "http://otro-portal.invalid/base-portal/api/v1"


def _wire(description: str) -> Callable[[Callable[[Exchange], Script]], None]:
    def add(spoil: Callable[[Exchange], Script]) -> None:
        WIRE.put(Kind(spoil.__name__, "wire", description, spoil, lists_only=False))

    return add


def _auth(description: str) -> Callable[[Callable[[Exchange], Script]], None]:
    def add(spoil: Callable[[Exchange], Script]) -> None:
        WIRE.put(Kind(spoil.__name__, "auth", description, spoil, lists_only=False))

    return add


def _plain(exchange: Exchange, body: bytes | None = None) -> bytes:
    whole = exchange.body if body is None else body
    return message(200, whole, [("Content-Type", JSON)])


def _packed(data: bytes) -> Script:
    return reply(200, data, headers=[("Content-Encoding", "gzip")])


def _chunks(*parts: bytes, end: bool = True) -> bytes:
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return chunked + (b"0\r\n\r\n" if end else b"")


def _chunked_head() -> bytes:
    headers = [("Content-Type", JSON), ("Transfer-Encoding", "chunked")]
    return message(200, b"", headers, length=False)


def _half(data: bytes) -> bytes:
    return data[: max(1, len(data) // 2)]


# -- wire -------------------------------------------------------------------------------------


@_wire("TCP reset before the first byte of the answer")
def reset_before_answer(_: Exchange) -> Script:
    return (Reset(),)


@_wire("connection closed in good order before the first byte")
def close_before_answer(_: Exchange) -> Script:
    return ()


@_wire("TCP reset in the middle of the body")
def reset_mid_body(exchange: Exchange) -> Script:
    whole = _plain(exchange)
    return (Send(whole[: len(whole) - len(exchange.body) // 2 - 1]), Reset())


@_wire("connection closed in the middle of the headers")
def cut_headers(exchange: Exchange) -> Script:
    return (Send(_plain(exchange)[:40]),)


@_wire("fewer bytes than Content-Length says, then closed")
def short_body(exchange: Exchange) -> Script:
    whole = _plain(exchange)
    return (Send(whole[: len(whole) - len(exchange.body) // 2 - 1]),)


@_wire("chunked body that ends inside a chunk")
def cut_chunk(exchange: Exchange) -> Script:
    return (Send(_chunked_head() + _chunks(exchange.body)[: len(exchange.body) // 2 + 1]),)


@_wire("chunked body without the last, empty chunk")
def unended_chunks(exchange: Exchange) -> Script:
    return (Send(_chunked_head() + _chunks(exchange.body, end=False)),)


@_wire("chunk whose size is no number")
def bad_chunk_size(exchange: Exchange) -> Script:
    return (Send(_chunked_head() + b"zz\r\n" + exchange.body + b"\r\n0\r\n\r\n"),)


@_wire("two different Content-Length headers")
def two_lengths(exchange: Exchange) -> Script:
    headers = [("Content-Type", JSON), ("Content-Length", str(len(exchange.body) // 2 + 1))]
    return (Send(message(200, exchange.body, headers)),)


@_wire("Content-Encoding gzip, but the body is not")
def bad_gzip(exchange: Exchange) -> Script:
    return _packed(exchange.body)


@_wire("gzip stream cut in half, with the right Content-Length for the half")
def cut_gzip(exchange: Exchange) -> Script:
    return _packed(_half(gzip.compress(exchange.body, mtime=0)))


@_wire("gzip stream with a wrong check sum")
def gzip_bad_crc(exchange: Exchange) -> Script:
    packed = bytearray(gzip.compress(exchange.body, mtime=0))
    packed[-8] ^= 0xFF
    return _packed(bytes(packed))


@_wire(f"about 100 kB of gzip that unpack to {BOMB_MIB} MiB")
def gzip_bomb(exchange: Exchange) -> Script:
    return _packed(_bomb(exchange.bomb_mib or BOMB_MIB))


@functools.lru_cache(maxsize=1)
def _bomb(mebibytes: int) -> bytes:
    """One gzip stream of blanks: a mebibyte packed once, and the same bytes again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    blanks = b" " * (1 << 20)
    one = packer.compress(blanks) + packer.flush(zlib.Z_FULL_FLUSH)
    check = 0
    for _ in range(mebibytes):
        check = zlib.crc32(blanks, check)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # RFC 1952: deflate, no name, no time
    tail = packer.flush() + struct.pack("<II", check, (mebibytes << 20) % (1 << 32))
    return head + one * mebibytes + tail


@_wire("gzip bytes without a Content-Encoding header")
def undeclared_gzip(exchange: Exchange) -> Script:
    return reply(200, gzip.compress(exchange.body, mtime=0))


@_wire("Content-Encoding that nobody asked for and nobody knows")
def unknown_encoding(exchange: Exchange) -> Script:
    return reply(200, exchange.body, headers=[("Content-Encoding", "x-demo")])


@_wire("body one byte at a time, for as long as the client waits")
def drip(exchange: Exchange) -> Script:
    head = message(200, b"", [("Content-Type", JSON)], length=False)
    return (Send(head), Drip(exchange.body, DRIP_S))


@_wire("header lines one byte at a time, without end")
def drip_headers(_: Exchange) -> Script:
    return (Send(b"HTTP/1.1 200 OK\r\n"), Drip(b"X-Espera: todavia\r\n", DRIP_S, forever=True))


@_wire("chunks of blanks without end, as fast as they are taken")
def endless_body(_: Exchange) -> Script:
    return (Send(_chunked_head()), Drip(_chunks(b" " * 65_536, end=False), 0.0, forever=True))


@_wire("more header lines than anybody takes")
def many_headers(exchange: Exchange) -> Script:
    many = [(f"X-Demo-{number}", "x" * 50) for number in range(2_000)]
    return reply(200, exchange.body, headers=many)


@_wire("200 with Content-Length 0")
def empty_body(_: Exchange) -> Script:
    return reply(200, b"")


@_wire("bytes that are not HTTP")
def not_http(_: Exchange) -> Script:
    return (Send(b"\x15\x03\x01\x00\x02\x02\x46 esto no es HTTP\r\n\r\n"),)


@_wire("no answer at all; the connection stays open")
def hang(_: Exchange) -> Script:
    return (Hang(),)


@_wire("half of the body, then nothing; the connection stays open")
def hang_mid_body(exchange: Exchange) -> Script:
    whole = _plain(exchange)
    return (Send(whole[: len(whole) - len(exchange.body) // 2 - 1]), Hang())


# -- status -----------------------------------------------------------------------------------


def _problem(status: int, headers: tuple[tuple[str, str], ...] = ()) -> Callable[..., Script]:
    def spoil(_: Exchange) -> Script:
        item = problem(status, "Falla pedida", code=f"demo_{status}", detail="pedida a la demo")
        return reply(status, dump(item), PROBLEM, headers)

    return spoil


def _status(name: str, description: str, spoil: Callable[[Exchange], Script]) -> None:
    WIRE.put(Kind(name, "status", description, spoil, lists_only=False))


for _code in (400, 403, 404, 408, 409, 418, 422, 500, 502, 503, 504):
    _status(f"status_{_code}", f"problem with status {_code}", _problem(_code))
for _code in (429, 503):
    _status(
        f"retry_after_seconds_{_code}",
        f"{_code} with Retry-After: {RETRY_AFTER_S} (seconds)",
        _problem(_code, (("Retry-After", str(RETRY_AFTER_S)),)),
    )
    _status(
        f"retry_after_date_{_code}",
        f"{_code} with Retry-After as an HTTP date that has passed",
        _problem(_code, (("Retry-After", "Wed, 19 Nov 2025 06:00:00 GMT"),)),
    )
_status(
    "retry_after_hour",
    f"429 with Retry-After: {LONG_RETRY_AFTER_S}, longer than anybody waits",
    _problem(429, (("Retry-After", str(LONG_RETRY_AFTER_S)),)),
)
_status(
    "retry_after_word", "429 with Retry-After: luego", _problem(429, (("Retry-After", "luego"),))
)
_status("status_429", "429 without Retry-After", _problem(429))


@functools.partial(_status, "status_500_html", "500 with a page of HTML")
def _html_500(_: Exchange) -> Script:
    return reply(500, b"<html><body><h1>Server Error</h1></body></html>", HTML)


@functools.partial(_status, "status_204", "204 without a body")
def _no_content(_: Exchange) -> Script:
    return (Send(message(204, length=False)),)


@functools.partial(_status, "status_206", "206 round a page that is whole")
def _partial(exchange: Exchange) -> Script:
    return reply(206, exchange.body)


@functools.partial(_status, "status_304", "304 though nobody asked whether it changed")
def _not_modified(_: Exchange) -> Script:
    return (Send(message(304, length=False)),)


def _redirect(status: int, where: Callable[[Exchange], str]) -> Callable[[Exchange], Script]:
    return lambda exchange: reply(status, headers=[("Location", where(exchange))])


_status("redirect_301", "301 to another path of the portal", _redirect(301, lambda _: "/otra"))
_status("redirect_302", "302 to another host", _redirect(302, lambda _: f"{FOREIGN}/lotes"))
_status("redirect_307", "307 to another host", _redirect(307, lambda _: f"{FOREIGN}/lotes"))
_status("redirect_308_loop", "308 to itself", _redirect(308, lambda exchange: exchange.path))


# -- signing in -------------------------------------------------------------------------------

WIRE.put(
    Kind(
        "token_dies",
        "auth",
        "all tokens die before this request; a new one is good",
        kills_tokens=True,
        lists_only=False,
    )
)


def _unauthorised(_: Exchange) -> Script:
    item = problem(401, "Sin autorización", code="token_invalido")
    return reply(401, dump(item), PROBLEM, [("WWW-Authenticate", "Bearer")])


@_auth("401, whatever the token")
def always_401(exchange: Exchange) -> Script:
    return _unauthorised(exchange)


@_auth("token endpoint: the secret is refused with a 401 problem (aim it at token)")
def wrong_secret(_: Exchange) -> Script:
    item = problem(401, "Credenciales inválidas", code="credenciales_invalidas")
    return reply(401, dump(item), PROBLEM)


@_auth("token endpoint: a page of HTML under 200 (aim it at token)")
def token_html(_: Exchange) -> Script:
    return reply(200, b"<html><body>Iniciar sesi\xc3\xb3n</body></html>", HTML)


@_auth("token endpoint: no expires_in (aim it at token)")
def token_without_life(exchange: Exchange) -> Script:
    document = exchange.document()
    document.pop("expires_in", None)
    return reply(200, dump(document))


@_auth("token endpoint: expires_in is 0 (aim it at token)")
def token_without_time(exchange: Exchange) -> Script:
    return reply(200, dump({**exchange.document(), "expires_in": 0}))


@_auth("token endpoint: expires_in as text (aim it at token)")
def token_life_text(exchange: Exchange) -> Script:
    return reply(200, dump({**exchange.document(), "expires_in": "3600"}))


@_auth("token endpoint: an empty access_token (aim it at token)")
def token_empty(exchange: Exchange) -> Script:
    return reply(200, dump({**exchange.document(), "access_token": ""}))


@_auth("token endpoint: no access_token (aim it at token)")
def token_missing(_: Exchange) -> Script:
    return reply(200, dump({"token_type": "Bearer", "expires_in": 3600}))


@_auth("token endpoint: a token with a line break in it (aim it at token)")
def token_with_break(exchange: Exchange) -> Script:
    return reply(200, dump({**exchange.document(), "access_token": "abc\r\nX-Otra: 1"}))


@_auth("token endpoint: token_type mac (aim it at token)")
def token_other_type(exchange: Exchange) -> Script:
    return reply(200, dump({**exchange.document(), "token_type": "mac"}))
