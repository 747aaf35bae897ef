"""Serving the demo portal: in a thread for tests, or in the foreground.

Always real bytes over loopback. A child (``child.py``) ends with the parent that started it, also
when the parent is killed: it watches its standard input, which the kernel closes.
"""

from __future__ import annotations

import _thread
import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO

import uvicorn

from Modules.demo.child import GRACE_S
from Modules.demo.contract import BASE_PATH, DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, World
from Modules.demo.server import Seen, create_app
from Modules.words.errors import SettingsError
from tests.faults.named import Fault
from tests.faults.wire import FaultyServer

LOOPBACK = "127.0.0.1"
KEEP_ALIVE_S = 75
WAKE_S = 0.1  # an interrupt is noticed between two naps


@dataclass
class RunningPortal:
    """A portal that listens in a thread of this process."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    requests: list[Seen] = field(repr=False)
    _server: FaultyServer = field(repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self.base_url.removesuffix(BASE_PATH)

    def serve(self, world: World) -> None:
        """Hold another world (another night) at the same address; faults stay."""
        self._server.serve(world)

    def inject(self, *faults: Fault) -> None:
        """These faults from now on, in place of those before; none ends all."""
        self._server.inject(faults)


@contextmanager
def running_portal(
    world: World,
    *,
    faults: Sequence[Fault] = (),
    client_id: str = DEMO_CLIENT_ID,
    client_secret: str = DEMO_CLIENT_SECRET,
    token_life_s: int = 3600,
) -> Iterator[RunningPortal]:
    """Serve a world on a free port of loopback, in a thread, until the block ends."""
    seen: list[Seen] = []
    app = create_app(
        world,
        client_id=client_id,
        client_secret=client_secret,
        token_life_s=token_life_s,
        seen=seen,
    )
    server = FaultyServer(app, app.state.portal, seen)
    server.inject(faults)
    listener = _listen(LOOPBACK, 0)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="demo-portal", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(listener), loop).result()
    base_url = f"http://{LOOPBACK}:{listener.getsockname()[1]}{BASE_PATH}"
    try:
        yield RunningPortal(base_url, client_id, client_secret, seen, server)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        listener.close()


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
    world: World,
    *,
    host: str = LOOPBACK,
    port: int = 0,
    faults: Sequence[Fault] = (),
    out: IO[str] | None = None,
) -> None:
    """Serve in the foreground until interrupted; first prints one JSON line with the address.

    Raises:
        SettingsError: the port cannot be had.
    """
    listener = _listen(host, port)
    app = create_app(world)
    facts = {
        "base_url": f"http://{host}:{listener.getsockname()[1]}{BASE_PATH}",
        "client_id": DEMO_CLIENT_ID,
        "client_secret": DEMO_CLIENT_SECRET,  # public: the demo has no other
        "name": world.name,
        "pid": os.getpid(),
    }
    line = json.dumps(facts, ensure_ascii=False) + "\n"
    stream = sys.stdout if out is None else out
    stream.write(line)
    stream.flush()
    if faults:
        asyncio.run(_serve_faults(FaultyServer(app, app.state.portal, []), faults, listener))
        return
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=[listener])


async def _serve_faults(
    server: FaultyServer, faults: Sequence[Fault], listener: socket.socket
) -> None:
    server.inject(faults)
    await server.start(listener)
    while True:
        await asyncio.sleep(WAKE_S)


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
