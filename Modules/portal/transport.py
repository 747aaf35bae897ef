"""One exchange over the wire: no retries, no redirects, no cookies, bounded in time and size.

The adapter is driven without a ``requests.Session``: nothing of netrc, no redirect is prepared,
no cookie is kept. Proxies and the CA bundle of the environment are honoured as requests does,
except that loopback is never sent to a proxy. Compression is decoded here, so that its bound,
its end and its check sum are ours to judge.

The time is that of the whole exchange. Timeouts of a socket are per read and start anew with each
byte: neither headers nor a body that drip ever meet them. Here a timer shuts the socket down from
outside, and the read that is under way ends at once. The handle it holds is a duplicate taken
right after connecting, so that it works through the TLS handshake, and after http.client has let
go of the socket.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import ssl
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InvalidChunkLength,
    NewConnectionError,
    ProtocolError,
    ProxyError,
)
from urllib3.exceptions import TimeoutError as TimeoutOfAnswer
from urllib3.response import BaseHTTPResponse

from Modules.portal.answers import Answer, NoConnection, TryAgain
from Modules.portal.asking import Ask, is_loopback, origin_of
from Modules.portal.pace import Pace, Stopped
from Modules.words.errors import ApiContractChanged, ApiUnavailable, SettingsError
from Modules.words.spanish import why

USER_AGENT = "lindero"
_CHUNK = 1 << 16
_CONNECT_S = 15.0
_REPR = re.compile(r"(<[^>]*>|\w+\(host=[^)]*\)): ")  # of a connection or pool: urllib3's texts
_GZIP_OR_ZLIB, _RAW = 47, -15  # zlib's wbits: a gzip or a zlib header as it comes, or none
_SILENT = 0.8  # of a request's time without a byte: the portal hangs, and another try may do
_current = threading.local()  # its ``watch``: of the exchange that this thread is in


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, how fast, how long. Seconds, bytes; ``backoff_*`` bound the full jitter."""

    concurrency: int = 4
    requests_per_second: float = 5.0
    request_timeout_s: float = 120.0
    fetch_timeout_s: float = 1800.0
    max_page_bytes: int = 64 * 1024 * 1024  # after decompression
    max_depth: int = 64
    tries: int = 4
    retry_after_cap_s: float = 120.0
    retry_after_most_s: float = 300.0  # a longer wait than this is a refusal
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0


class Transport:
    """Sends one request and reads its answer whole; any number of threads may use it."""

    def __init__(self, limits: Limits, pace: Pace) -> None:
        """Opens nothing until the first request; ``pace`` says how long, and when to give up."""
        self._limits, self._pace = limits, pace
        self._adapter = _WatchedAdapter(4, pool_maxsize=limits.concurrency, max_retries=0)
        self._verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        self._watches: set[_Watch] = set()
        self._lock = threading.Lock()

    def send(self, ask: Ask, secret_headers: Mapping[str, str]) -> Answer:
        """The answer to one request, of any status; credentials go into it and nowhere else.

        Raises:
            TryAgain: reset, timeout, cut body, bad compression.
            NoConnection: a TryAgain; none could be made.
            ApiContractChanged: the body is larger than a page may be.
            ApiUnavailable: the certificate is not good, or the answer came too slowly to end in
                the whole request's time; no try would mend that.
            Stopped: ``abort`` was called.
        """
        seconds = max(0.001, min(self._limits.request_timeout_s, self._pace.left()))
        with self._watched(ask.what, seconds) as watch:
            try:
                answer = self._exchange(ask, secret_headers, seconds)
            except (requests.exceptions.RequestException, HTTPError, OSError) as err:
                self._explain_end(watch, ask.what, seconds)
                if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(err)):
                    raise ApiUnavailable(f"{ask.what}: falló el TLS: {_brief(err)}") from err
                if unconnected := _unconnected(err, ask.url):
                    raise NoConnection(f"{ask.what}: {unconnected}") from err
                raise TryAgain(f"{ask.what}: {_brief(err)}") from err
            self._explain_end(watch, ask.what, seconds)
        return answer

    def abort(self) -> None:
        """Give the fetch up, from any thread: end what is under way and let nothing start."""
        with self._lock:
            self._pace.stop()
            for watch in self._watches:
                watch.end()

    def close(self) -> None:
        self._adapter.close()

    @contextlib.contextmanager
    def _watched(self, what: str, seconds: float) -> Iterator[_Watch]:
        """An exchange of this thread; after ``seconds``, or at ``abort``, its sockets are shut."""
        watch = _Watch()
        with self._lock:
            if self._pace.stopped.is_set():
                raise Stopped(f"{what}: se abandonó")
            self._watches.add(watch)
        timer = threading.Timer(seconds, watch.end)
        timer.daemon = True
        _current.watch = watch
        timer.start()
        try:
            yield watch
        finally:
            timer.cancel()
            timer.join()
            _current.watch = None
            with self._lock:
                self._watches.discard(watch)
            watch.close()

    def _explain_end(self, watch: _Watch, what: str, seconds: float) -> None:
        if watch.ended:
            if self._pace.stopped.is_set():
                raise Stopped(f"{what}: se abandonó")
            slow = (
                f"el pedido entero llevó más de {seconds:.3g} s, porque la respuesta llega de a "
                "gotas"
            )
            raise ApiUnavailable(f"{what}: {slow}; no se prueba otra vez")

    def _exchange(self, ask: Ask, secret_headers: Mapping[str, str], seconds: float) -> Answer:
        prepared = _prepare(ask, secret_headers)
        here = is_loopback(urlsplit(ask.url).hostname or "")
        response = self._adapter.send(
            prepared,
            stream=True,
            timeout=(min(_CONNECT_S, seconds), _SILENT * seconds),
            verify=self._verify or True,
            proxies={} if here else get_environ_proxies(ask.url),
        )
        raw: BaseHTTPResponse = response.raw
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = self._body(raw, headers.get("content-encoding", ""), ask.what)
        except BaseException:
            raw.close()
            raise
        raw.release_conn()
        framed = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "")
        return Answer(ask.what, response.status_code, headers, body, framed)

    def _body(self, raw: BaseHTTPResponse, encoding: str, what: str) -> bytes:
        chunks = raw.stream(_CHUNK, decode_content=False)
        limit = self._limits.max_page_bytes
        match encoding.strip().lower():
            case "" | "identity":
                parts = chunks
            case "gzip" | "x-gzip" | "deflate" as name:
                parts = _inflate(chunks, limit, what, raw_too=name == "deflate")
            case _:
                raise ApiContractChanged(f"{what}: un Content-Encoding que no se pidió")
        body = bytearray()
        for part in parts:
            body += part
            if len(body) > limit:
                raise ApiContractChanged(f"{what}: más de {limit} bytes")
        return bytes(body)


class _Watch:
    """Holds the sockets of one exchange, and can end it from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []
        self.ended = False

    def add(self, handle: socket.socket) -> None:
        """Watch a socket; ends it at once if the watch has ended already."""
        with self._lock:
            self._handles.append(handle)
        if self.ended:
            self.end()

    def end(self) -> None:
        with self._lock:
            self.ended = True
            for handle in self._handles:
                with contextlib.suppress(OSError):  # not connected any more: what we wanted
                    handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()


class _Connection(HTTPConnection):
    """Keeps a plain duplicate of its socket for the watch of whoever uses it."""

    handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        self._drop_handle()
        self.handle = made.dup()
        self._show()
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._show()
        super().request(*args, **kwargs)

    def close(self) -> None:
        self._drop_handle()
        super().close()

    def _show(self) -> None:
        watch: _Watch | None = getattr(_current, "watch", None)
        if watch is not None and self.handle is not None:
            watch.add(self.handle.dup())

    def _drop_handle(self) -> None:
        if self.handle is not None:
            self.handle.close()
            self.handle = None


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}


class _WatchedAdapter(HTTPAdapter):
    """requests' adapter over connections that can be watched."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _prepare(ask: Ask, secret_headers: Mapping[str, str]) -> requests.PreparedRequest:
    headers = {
        "User-Agent": USER_AGENT,
        "Accept": "application/json, application/geo+json;q=0.9, application/problem+json;q=0.9",
        "Accept-Encoding": "gzip",
        **dict(ask.headers),
    }
    if ask.content_type:
        headers["Content-Type"] = ask.content_type
    request = requests.Request(ask.method, ask.url, headers={**headers, **secret_headers})
    try:
        prepared = request.prepare()
        prepared.prepare_body(ask.body, None)
    except (requests.exceptions.RequestException, ValueError):
        # The text of this error may quote a header, so it is neither kept nor chained.
        bad = f"{ask.what}: no se puede escribir el pedido; revisar el perfil"
        raise SettingsError(bad) from None
    return prepared


def _inflate(chunks: Iterator[bytes], limit: int, what: str, *, raw_too: bool) -> Iterator[bytes]:
    """Decoded parts of a gzip (RFC 1952) or zlib body; with ``raw_too`` also of a bare deflate.

    Members may follow one another; zeros after the last one are padding, as gzip takes them.
    """
    stream, begun, first = zlib.decompressobj(_GZIP_OR_ZLIB), False, b""
    try:
        for chunk in chunks:
            rest = chunk
            if not begun:
                rest = first = first + chunk
                if len(first) < 2:
                    continue  # a header has two bytes
                if raw_too and (first[0] & 15 != 8 or int.from_bytes(first[:2], "big") % 31):
                    stream = zlib.decompressobj(_RAW)
            begun = True
            while rest:
                if stream.eof:
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
                yield stream.decompress(rest, min(limit + 1, _CHUNK * 16))
                rest = stream.unconsumed_tail or stream.unused_data
    except zlib.error as err:
        raise TryAgain(f"{what}: el gzip está mal") from err
    if begun and not stream.eof:
        yield stream.flush()  # at most one pending match: the input is used up
    if first and not stream.eof:
        raise TryAgain(f"{what}: el gzip termina antes de tiempo")


def _causes(err: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = err
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _unconnected(err: BaseException, url: str) -> str | None:
    """Why there was no connection, and to which host and port; None where there was one."""
    causes = list(_causes(err))
    if not any(isinstance(cause, NewConnectionError | ConnectTimeoutError) for cause in causes):
        return None
    where = "el proxy" if any(isinstance(cause, ProxyError) for cause in causes) else _host(url)
    for cause in reversed(causes):
        match cause:
            case ConnectionRefusedError():
                return f"{where} rechazó la conexión"
            case socket.gaierror():
                return f"no hay conexión con {where}: acá no se conoce ese nombre"
            case TimeoutError():
                return f"no hay conexión con {where}: no contestó a tiempo"
    reason = next((why(c) for c in reversed(causes) if isinstance(c, OSError) and c.strerror), None)
    return f"no hay conexión con {where}: {reason or 'no se llega'}"


def _host(url: str) -> str:
    _, host, port = origin_of(urlsplit(url))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_IN_WORDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (ssl.SSLCertVerificationError, "su certificado no se puede comprobar"),
    (ssl.SSLError, "no se pudo hacer la conexión segura"),
    ((TimeoutError, TimeoutOfAnswer), "no contestó a tiempo"),
    (InvalidChunkLength, "lo que contestó no es HTTP"),
    (http.client.IncompleteRead, "la respuesta se cortó antes del final"),
    (ConnectionError, "cortó la conexión"),
    (http.client.HTTPException, "lo que contestó no es HTTP"),
    (ProtocolError, "la respuesta se cortó antes del final"),
)


def _brief(err: BaseException) -> str:
    """What broke, in one line, without addresses: the innermost cause in words, and its name."""
    cause: BaseException = err
    while inner := [one for one in cause.args if isinstance(one, BaseException)]:
        cause = inner[-1]
    reason = getattr(cause, "reason", None)
    if isinstance(reason, BaseException):
        cause = reason
    name = type(cause).__name__
    for kinds, said in _IN_WORDS:
        if isinstance(cause, kinds):
            return f"{said} ({name})"
    text = _REPR.sub("", " ".join(str(cause).split()))
    return f"{name}: {text[:160]}" if text else name
