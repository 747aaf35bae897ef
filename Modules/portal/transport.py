"""One exchange over the wire: no retries, no redirects, no cookies, bounded in time and size.

The adapter is driven without a ``requests.Session``: nothing of netrc, no redirect is prepared,
no cookie is kept. Proxies and the CA bundle of the environment are honoured as requests does,
except that loopback is never sent to a proxy. Compression is decoded here, so that its bound,
its end and its check sum are ours to judge.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError
from urllib3.response import BaseHTTPResponse

from Modules.portal.answers import Answer, NoConnection, TryAgain
from Modules.portal.asking import Ask, is_loopback
from Modules.portal.pace import Deadline, Stopped
from Modules.portal.watchdog import Watch, WatchedAdapter, watched
from Modules.words.errors import ApiContractChanged, ApiUnavailable, SettingsError

USER_AGENT = "lindero"
_CHUNK = 1 << 16
_CONNECT_S = 15.0
_REPR = re.compile(r"(<[^>]*>|\w+\(host=[^)]*\)): ")  # of a connection or pool: urllib3's texts
_GZIP_OR_ZLIB = 47  # zlib's wbits: a gzip or a zlib header, whichever is there


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
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0


class Transport:
    """Sends one request and reads its answer whole; any number of threads may use it."""

    def __init__(self, limits: Limits) -> None:
        """Opens nothing until the first request."""
        self._limits = limits
        self._adapter = WatchedAdapter(limits.concurrency)
        self._verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        self._watches: set[Watch] = set()
        self._lock = threading.Lock()
        self._aborted = False

    def send(self, ask: Ask, secret_headers: Mapping[str, str], deadline: Deadline) -> Answer:
        """The answer to one request, of any status.

        Args:
            secret_headers: credentials; they go into the request and nowhere else.

        Raises:
            TryAgain: reset, timeout, cut body, bad compression.
            NoConnection: a TryAgain; none could be made.
            ApiContractChanged: the body is larger than a page may be.
            ApiUnavailable: the certificate is not good; no try would mend that.
            Stopped: ``abort`` was called.
        """
        limit_s = self._limits.request_timeout_s
        seconds = max(0.001, min(limit_s, deadline.left()))
        watch = Watch()
        with self._registered(watch, ask.what):
            try:
                with watched(watch, seconds):
                    answer = self._exchange(ask, secret_headers, seconds)
                    ended = watch.ended
            except (requests.exceptions.RequestException, HTTPError, OSError) as err:
                self._explain_end(watch, ask.what, seconds)
                if _bad_certificate(err):
                    raise ApiUnavailable(f"{ask.what}: TLS failed: {_brief(err)}") from err
                if unconnected := _unconnected(err, ask.url):
                    raise NoConnection(f"{ask.what}: {unconnected}") from err
                raise TryAgain(f"{ask.what}: {_brief(err)}") from err
            if ended:
                self._explain_end(watch, ask.what, seconds)
        return answer

    def abort(self) -> None:
        """End every exchange under way, from any thread."""
        with self._lock:
            self._aborted = True
            watches = list(self._watches)
        for watch in watches:
            watch.end()

    def restart(self) -> None:
        """Take requests again after an ``abort``: a new fetch begins."""
        self._aborted = False

    def close(self) -> None:
        """Close the kept connections."""
        self._adapter.close()

    def _registered(self, watch: Watch, what: str) -> _Registered:
        with self._lock:
            if self._aborted:
                raise Stopped(f"{what}: given up")
            self._watches.add(watch)
        return _Registered(self._watches, self._lock, watch)

    def _explain_end(self, watch: Watch, what: str, seconds: float) -> None:
        if self._aborted:
            raise Stopped(f"{what}: given up")
        if watch.ended:
            raise TryAgain(f"{what}: the whole request took longer than {seconds:.3g} s")

    def _exchange(self, ask: Ask, secret_headers: Mapping[str, str], seconds: float) -> Answer:
        prepared = _prepare(ask, secret_headers)
        response = self._adapter.send(
            prepared,
            stream=True,
            timeout=(min(_CONNECT_S, seconds), seconds),
            verify=self._verify or True,
            proxies=_proxies(ask.url),
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
            case "gzip" | "x-gzip" | "deflate":
                parts = _inflate(chunks, limit, what)
            case _:
                raise ApiContractChanged(f"{what}: a Content-Encoding that was not asked for")
        body = bytearray()
        for part in parts:
            body += part
            if len(body) > limit:
                raise ApiContractChanged(f"{what}: larger than {limit} bytes")
        return bytes(body)


class _Registered:
    """Keeps a watch where ``abort`` finds it."""

    def __init__(self, watches: set[Watch], lock: threading.Lock, watch: Watch) -> None:
        self._watches, self._lock, self._watch = watches, lock, watch

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._watches.discard(self._watch)


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
        raise SettingsError(
            f"{ask.what}: the request cannot be written; check the profile"
        ) from None
    return prepared


def _proxies(url: str) -> dict[str, str]:
    if is_loopback(urlsplit(url).hostname or ""):
        return {}
    return dict(get_environ_proxies(url))


def _inflate(chunks: Iterator[bytes], limit: int, what: str) -> Iterator[bytes]:
    """Decoded parts of a gzip (RFC 1952; members may follow one another) or zlib body."""
    stream, begun = zlib.decompressobj(_GZIP_OR_ZLIB), False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if stream.eof:
                    stream, begun = zlib.decompressobj(_GZIP_OR_ZLIB), False
                begun = True
                yield stream.decompress(rest, min(limit + 1, _CHUNK * 16))
                rest = stream.unconsumed_tail or stream.unused_data
    except zlib.error as err:
        raise TryAgain(f"{what}: bad gzip") from err
    if begun and not stream.eof:
        yield stream.flush()  # at most one pending match: the input is used up
    if begun and not stream.eof:
        raise TryAgain(f"{what}: the gzip ends too early")


def _bad_certificate(err: BaseException) -> bool:
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(err))


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
    where = "the proxy" if any(isinstance(cause, ProxyError) for cause in causes) else _host(url)
    for cause in reversed(causes):
        match cause:
            case ConnectionRefusedError():
                return f"connection refused by {where}"
            case socket.gaierror():
                return f"no connection to {where}: its name is not known here"
            case TimeoutError():
                return f"no connection to {where}: it did not answer in time"
    reason = next((c.strerror for c in reversed(causes) if isinstance(c, OSError)), None)
    return f"no connection to {where}: {reason or 'it cannot be reached'}"


def _host(url: str) -> str:
    """Host and port of a URL, nothing else of it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _brief(err: BaseException) -> str:
    """What broke, in one line, without addresses: the innermost cause by name and text."""
    cause: BaseException = err
    while cause.args and isinstance(cause.args[0], BaseException):
        cause = cause.args[0]
    reason = getattr(cause, "reason", None)
    if isinstance(reason, BaseException):
        cause = reason
    name = type(cause).__name__
    text = _REPR.sub("", " ".join(str(cause).split()))
    return f"{name}: {text[:160]}" if text else name
