"""Serving the demo portal: in a thread for tests, or in the foreground.

Always real bytes over loopback. A child (``child.py``) ends with the parent that started it, also
when the parent is killed: it watches its standard input, which the kernel closes.
"""

from __future__ import annotations

import _thread
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import uvicorn

from Modules.demo.child import GRACE_S
from Modules.demo.contract import BASE_PATH, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, World
from Modules.demo.server import DemoPortal, create_app
from Modules.words.errors import SettingsError

LOOPBACK = "127.0.0.1"
KEEP_ALIVE_S = 75


class Server(Protocol):
    """What answers for a portal: uvicorn, or a proxy that spoils the answers."""

    def run(self, listener: socket.socket) -> None:
        """Serve on a socket that listens, until ``stop`` or an interrupt."""

    def stop(self) -> None:
        """End ``run``, from any thread."""


class Uvicorn:
    """Serves a portal as it is."""

    def __init__(self, portal: DemoPortal) -> None:
        config = uvicorn.Config(
            create_app(portal),
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)

    def run(self, listener: socket.socket) -> None:
        """Serve on a socket that listens."""
        self._server.run(sockets=[listener])

    def stop(self) -> None:
        """End ``run``."""
        self._server.should_exit = True


ServerOf = Callable[[DemoPortal], Server]


@dataclass
class RunningPortal:
    """A portal that listens in a thread of this process."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    portal: DemoPortal = field(repr=False)

    def serve(self, world: World) -> None:
        """Hold another world (another night) at the same address."""
        self.portal.serve(world)


@contextmanager
def running_portal(
    world: World,
    *,
    client_id: str = DEMO_CLIENT_ID,
    client_secret: str = DEMO_CLIENT_SECRET,
    token_life_s: int = 3600,
    server: ServerOf = Uvicorn,
) -> Iterator[RunningPortal]:
    """Serve a world on a free port of loopback, in a thread, until the block ends."""
    portal = DemoPortal(
        world, client_id=client_id, client_secret=client_secret, token_life_s=token_life_s
    )
    serving = server(portal)
    with _listen(LOOPBACK, 0) as listener:
        thread = threading.Thread(target=serving.run, args=[listener], name="demo-portal")
        thread.daemon = True
        thread.start()
        try:
            base_url = _base_url(LOOPBACK, listener)
            yield RunningPortal(base_url, client_id, client_secret, portal)
        finally:
            serving.stop()
            thread.join()


def _base_url(host: str, listener: socket.socket) -> str:
    return f"http://{host}:{listener.getsockname()[1]}{BASE_PATH}"


def _listen(host: str, port: int) -> socket.socket:
    # asyncio switches Nagle's delay off only where the protocol is named: 40 ms an answer
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as err:
        listener.close()
        raise SettingsError(
            f"cannot listen on {host}:{port}: {err.strerror}; try --port 0"
        ) from err
    listener.listen(128)
    return listener


def serve_forever(
    world: World, *, host: str = LOOPBACK, port: int = 0, server: ServerOf = Uvicorn
) -> None:
    """Serve in the foreground until interrupted; first prints one JSON line with the address.

    Raises:
        SettingsError: the port cannot be had.
    """
    listener = _listen(host, port)
    serving = server(DemoPortal(world))
    facts = {
        "base_url": _base_url(host, listener),
        "client_id": DEMO_CLIENT_ID,
        "client_secret": DEMO_CLIENT_SECRET,  # public: the demo has no other
        "name": world.name,
        "pid": os.getpid(),
    }
    sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    serving.run(listener)


def end_with_parent() -> None:
    """From now on, end this process when its standard input closes: whoever started it is gone.

    It is interrupted as by Ctrl-C, and ended by force if that takes long.
    """

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1024):
                pass
        threading.Timer(GRACE_S, os._exit, args=(0,)).start()
        _thread.interrupt_main()

    threading.Thread(target=watch, name="watch-stdin", daemon=True).start()
