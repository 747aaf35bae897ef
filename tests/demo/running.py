"""The demo portal in a thread of this process, as it is or behind a server that spoils answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from Modules.demo.contract import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, World
from Modules.demo.running import base_url_of, listen, uvicorn_of
from Modules.demo.server import DemoPortal, create_app


class Server(Protocol):
    """What answers for a portal: uvicorn, or a proxy that spoils the answers."""

    def run(self, listener: socket.socket) -> None:
        """Serve on a socket that listens, until ``stop`` or an interrupt."""

    def stop(self) -> None:
        """End ``run``, from any thread."""


class Uvicorn:
    """Serves a portal as it is."""

    def __init__(self, portal: DemoPortal) -> None:
        self._server = uvicorn_of(create_app(portal))

    def run(self, listener: socket.socket) -> None:
        self._server.run(sockets=[listener])

    def stop(self) -> None:
        self._server.should_exit = True


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
    server: Callable[[DemoPortal], Server] = Uvicorn,
) -> Iterator[RunningPortal]:
    """Serve a world on a free port of loopback, in a thread, until the block ends."""
    portal = DemoPortal(world)
    portal.client, portal.token_life_s = (client_id, client_secret), token_life_s
    serving = server(portal)
    with listen(0) as listener:
        thread = threading.Thread(target=serving.run, args=[listener], name="demo-portal")
        thread.daemon = True
        thread.start()
        try:
            yield RunningPortal(base_url_of(listener), client_id, client_secret, portal)
        finally:
            serving.stop()
            thread.join()
