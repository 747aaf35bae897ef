"""A deadline on one whole exchange, also when the portal sends a byte now and then.

Timeouts of a socket are per read and start anew with each byte: neither headers nor a body that
drip ever meet them. Here a timer shuts the socket down from outside, and the read that is under
way ends at once. The handle it holds is a duplicate taken right after connecting, so that it
works through the TLS handshake, and after http.client has let go of the socket.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

_current = threading.local()


class Watch:
    """Holds the sockets of one exchange, and can end it from any thread."""

    def __init__(self) -> None:
        """A watch with nothing to watch yet."""
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []
        self.ended = False

    def add(self, handle: socket.socket) -> None:
        """Watch a socket; ends it at once if the watch has ended already."""
        with self._lock:
            self._handles.append(handle)
            if self.ended:
                _shut(handle)

    def end(self) -> None:
        """Shut every socket of this exchange down."""
        with self._lock:
            self.ended = True
            for handle in self._handles:
                _shut(handle)

    def close(self) -> None:
        """Let go of the handles; the exchange is over."""
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()


def _shut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more: what we wanted
        handle.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def watched(watch: Watch, seconds: float) -> Iterator[None]:
    """Run an exchange in this thread; after ``seconds`` its sockets are shut down."""
    timer = threading.Timer(max(0.0, seconds), watch.end)
    timer.daemon = True
    _current.watch = watch
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        _current.watch = None
        watch.close()


class _Handled:
    """What both kinds of connection add: a plain duplicate of their socket for the watch."""

    handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        self._drop_handle()
        self.handle = made.dup()
        self._show()
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._show()
        super().request(*args, **kwargs)  # type: ignore[misc]

    def close(self) -> None:
        self._drop_handle()
        super().close()  # type: ignore[misc]

    def _show(self) -> None:
        watch: Watch | None = getattr(_current, "watch", None)
        if watch is not None and self.handle is not None:
            watch.add(self.handle.dup())

    def _drop_handle(self) -> None:
        if self.handle is not None:
            self.handle.close()
            self.handle = None


class _PlainConnection(_Handled, HTTPConnection):
    pass


class _TlsConnection(_Handled, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _PlainPool, "https": _TlsPool}


class WatchedAdapter(HTTPAdapter):
    """requests' adapter with no retries of its own, over connections that can be watched."""

    def __init__(self, connections: int) -> None:
        """``connections`` stay open at most, each for one request at a time."""
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager, with our connections."""
        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """The manager for a proxy, with our connections."""
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
